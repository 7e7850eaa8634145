// The cursor that reads every panel at one step, and the switch between light and dark. Nothing is fetched,
// nothing is stored, and without this script the page shows the same charts and the newest values.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const live = document.getElementById("spoken");
  const place = document.getElementById("place");
  const svg = "http://www.w3.org/2000/svg";

  // Places on x are written as differences, or as [first, step, count] where they are all the same.
  const unpacked = (packed) => {
    if (packed.by !== undefined) return Array.from({ length: packed.n }, (_, i) => packed.from + i * packed.by);
    let sum = 0;
    return packed.d.map((difference) => (sum += difference));
  };
  const xs = data.xs.map(unpacked);
  const stops = xs.reduce((longest, x) => (x.length > longest.length ? x : longest), []);

  const panels = data.panels.map((panel) => {
    const section = document.getElementById(panel.id);
    const lines = panel.lines.map((line, index) => ({ ...line, x: xs[line.x], out: section.querySelectorAll("output")[index] }));
    for (const line of lines) line.name = line.out.dataset.name;
    for (const line of lines) line.newest = line.out.textContent;
    return { ...panel, lines, chart: section.querySelector("svg"), title: section.querySelector("h3").textContent };
  });

  const nearest = (x, wanted) => {
    let low = 0;
    let high = x.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (x[middle] < wanted) low = middle + 1;
      else high = middle;
    }
    return low > 0 && wanted - x[low - 1] <= x[low] - wanted ? low - 1 : low;
  };

  const number = (value) => {
    if (value === null || value === undefined) return "NaN";
    const size = Math.abs(value);
    if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(2);
    return Number(value.toPrecision(4)).toLocaleString("en", { maximumFractionDigits: 8 });
  };
  const step = (x) => x.toLocaleString("en", { maximumFractionDigits: 2 });

  const across = (panel, x) => panel.x[0] + ((x - panel.x[2]) / (panel.x[3] - panel.x[2])) * (panel.x[1] - panel.x[0]);
  const up = (panel, value) => {
    const [top, bottom, low, high, log] = panel.y;
    const held = Math.min(high, Math.max(low, value));
    const share = log ? Math.log(held / low) / Math.log(high / low) : (held - low) / (high - low);
    return bottom - share * (bottom - top);
  };
  const element = (name, attributes) => {
    const made = document.createElementNS(svg, name);
    for (const key in attributes) made.setAttribute(key, attributes[key]);
    return made;
  };

  let at = null; // index into stops, or null while there is no cursor
  let pending = 0;

  const readLine = (panel, line, x, marks) => {
    if (!line.x.length) return "";
    const index = nearest(line.x, x);
    const value = line.v[index];
    const away = Math.abs(line.x[index] - x) > (panel.x[3] - panel.x[2]) / 200;
    let text = number(value);
    if (line.lo && line.hi[index] !== null && line.hi[index] > line.lo[index]) {
      line.out.title = number(line.lo[index]) + " to " + number(line.hi[index]) + " around this step";
    }
    if (away) text += " @" + step(line.x[index]);
    line.out.textContent = text;
    if (value !== null) {
      marks.append(element("circle", { class: "c" + line.c, r: 3.4, cx: across(panel, line.x[index]), cy: up(panel, value) }));
    }
    return line.name + " " + text;
  };

  const draw = () => {
    pending = 0;
    const spoken = [];
    for (const panel of panels) {
      const marks = panel.chart.querySelector(".cursor");
      if (!marks) continue;
      marks.replaceChildren();
      if (at === null) {
        for (const line of panel.lines) line.out.textContent = line.newest;
        continue;
      }
      const left = across(panel, stops[at]);
      marks.append(element("path", { d: "M" + left + " " + panel.y[0] + "V" + panel.y[1] }));
      const words = panel.lines.map((line) => readLine(panel, line, stops[at], marks)).filter(Boolean);
      if (words.length) spoken.push(panel.title + ": " + words.join(", "));
    }
    place.textContent = at === null ? "newest values" : data.unit + " " + step(stops[at]);
    document.documentElement.dataset.cursor = at === null ? "" : String(stops[at]);
    clearTimeout(draw.later);
    draw.later = setTimeout(() => (live.textContent = at === null ? "" : data.unit + " " + step(stops[at]) + ". " + spoken.join(". ")), 200);
  };
  const move = (index) => {
    if (!stops.length) return;
    at = index === null ? null : Math.max(0, Math.min(stops.length - 1, index));
    if (!pending) pending = requestAnimationFrame(draw);
  };

  for (const panel of panels) {
    const read = (event) => {
      const box = panel.chart.getBoundingClientRect();
      const view = panel.chart.viewBox.baseVal.width;
      const inside = ((event.clientX - box.left) / box.width) * view;
      const x = panel.x[2] + ((inside - panel.x[0]) / (panel.x[1] - panel.x[0])) * (panel.x[3] - panel.x[2]);
      move(nearest(stops, x));
    };
    panel.chart.addEventListener("pointermove", read);
    panel.chart.addEventListener("pointerdown", read);
  }

  // Violations: the first step of each tinted range, in order, over all panels.
  const jump = (direction) => {
    const here = at === null ? (direction > 0 ? -Infinity : Infinity) : stops[at];
    const places = data.violations.map((x) => nearest(stops, x)).filter((index) => (stops[index] - here) * direction > 0);
    if (places.length) move(direction > 0 ? Math.min(...places) : Math.max(...places));
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea")) return;
    const stride = event.shiftKey ? 10 : 1;
    const onChart = at !== null || event.target.closest(".chart");
    if (event.key === "ArrowRight") move(at === null ? 0 : at + stride);
    else if (event.key === "ArrowLeft") move(at === null ? stops.length - 1 : at - stride);
    else if (event.key === "Home" && onChart) move(0);
    else if (event.key === "End" && onChart) move(stops.length - 1);
    else if (event.key === "n") jump(1);
    else if (event.key === "N") jump(-1);
    else if (event.key === "Escape") move(null);
    else return;
    event.preventDefault();
  });

  const themes = ["auto", "light", "dark"];
  const toggle = document.getElementById("theme");
  toggle.hidden = false;
  toggle.addEventListener("click", () => {
    const next = themes[(themes.indexOf(document.documentElement.dataset.theme || "auto") + 1) % 3];
    document.documentElement.dataset.theme = next;
    toggle.textContent = "theme: " + next;
  });
  for (const button of document.querySelectorAll(".grow")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      const wide = button.closest(".panel").classList.toggle("wide");
      button.setAttribute("aria-pressed", String(wide));
    });
  }
})();
