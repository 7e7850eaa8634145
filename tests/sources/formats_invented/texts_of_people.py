"""What people write to people: prose, verse, recipes, plans."""

# ruff: noqa: E501  lines of logs are as long as their programs print them

from __future__ import annotations

from tests.sources.formats_invented.invented import Drawing, lines, no_log

TOWNS = ("Bern", "Lyon", "Graz", "Turin", "Ghent", "Cork", "Bergen", "Porto")


@no_log("essay.txt")
def prose_with_numbers(run: Drawing) -> str:
    return lines(
        f"In {run.rng.randint(1800, 1990)} the loss of {run.rng.randint(2, 900)} ships near {run.rng.choice(TOWNS)} cost {run.rng.uniform(1, 90):.1f} million, and step by step the trade fell by {run.rng.randint(1, 60)} per cent."
        for _ in range(80)
    )


@no_log("song.txt")
def a_song(run: Drawing) -> str:
    return lines(
        row
        for n in range(99, 39, -1)
        for row in (
            f"{n} bottles of milk on the wall, {n} bottles of milk,",
            f"Take one down, pass it around, {n - 1} bottles of milk on the wall.",
            "",
        )
    )


@no_log("stamp.1")
def a_manual_page(run: Drawing) -> str:
    return lines(
        [
            "STAMP(1)                     User Commands                     STAMP(1)",
            "",
            "NAME",
            "       stamp - print numbers with steps",
            "",
            "OPTIONS",
            *(
                row
                for i in range(60)
                for row in (
                    f"       -{chr(97 + i % 26)} N, --step={i}",
                    f"              Stop after N steps (default {run.rng.randint(1, 99)}); a loss above 0.{i} ends it.",
                    "",
                )
            ),
        ]
    )


@no_log("cake.md")
def recipes(run: Drawing) -> str:
    return lines(
        row
        for i in range(30)
        for row in (
            f"## Cake {i + 1}",
            f"Step 1: mix {run.rng.randint(100, 500)} g flour and {run.rng.randint(1, 6)} eggs.",
            f"Step 2: bake for {run.rng.randint(20, 60)} minutes at {run.rng.randint(150, 220)} degrees.",
            f"Step 3: rest {run.rng.randint(5, 30)} minutes.",
            "",
        )
    )


@no_log("league.txt")
def results_of_football(run: Drawing) -> str:
    return lines(
        f"Round {i // 8 + 1:>2}  {run.rng.choice(TOWNS):<8} {run.rng.randint(0, 5)} : {run.rng.randint(0, 5)} {run.rng.choice(TOWNS):<8} ({run.rng.randint(1000, 40000)} spectators)"
        for i in range(160)
    )


@no_log("games.pgn")
def games_of_chess(run: Drawing) -> str:
    return lines(
        row
        for i in range(30)
        for row in (
            f'[Event "Open {i}"]',
            f'[Round "{i % 9 + 1}"]',
            f'[WhiteElo "{run.rng.randint(1500, 2600)}"]',
            '[Result "1-0"]',
            "",
            "1. e4 {[%eval 0.31]} e5 {[%eval 0.28]} 2. Nf3 Nc6 3. Bb5 a6 4. Ba4 Nf6 1-0",
            "",
        )
    )


@no_log("timetable.txt")
def trains_of_a_railway(run: Drawing) -> str:
    return lines(
        [
            "Train   From      To        Dep.   Arr.   Platform  Step-free",
            *(
                f"{run.rng.choice(['IC', 'RE'])} {run.rng.randint(1, 999):<4} {run.rng.choice(TOWNS):<9} {run.rng.choice(TOWNS):<9} {run.rng.randint(0, 23):02d}:{run.rng.randint(0, 59):02d}  {run.rng.randint(0, 23):02d}:{run.rng.randint(0, 59):02d}  {run.rng.randint(1, 14):<8}  yes"
                for _ in range(150)
            ),
        ]
    )


@no_log("diary.csv")
def a_diary_of_weight(run: Drawing) -> str:
    return lines(
        [
            "day,steps,weight_kg,weight_loss_kg,sleep_h",
            *(
                f"{i},{run.rng.randint(2000, 15000)},{90 - i * 0.05 + run.rng.gauss(0, 0.4):.1f},{i * 0.05 + run.rng.gauss(0, 0.1):.2f},{run.rng.uniform(5, 9):.1f}"
                for i in range(180)
            ),
        ]
    )


@no_log("inbox.mbox")
def letters(run: Drawing) -> str:
    return lines(
        row
        for i in range(40)
        for row in (
            f"From: person{i}@example.org",
            f"Date: {run.time('%a, %d %b %Y %H:%M:%S +0000', 5000)}",
            f"Message-ID: <{run.rng.getrandbits(64)}@example.org>",
            f"Subject: epoch {i} of the club",
            "",
            f"Hello, {run.rng.randint(2, 40)} of us will come on the {run.rng.randint(1, 28)}th. Loss of keys: ask at desk {run.rng.randint(1, 9)}.",
            "",
        )
    )


@no_log("plan.ics")
def a_calendar(run: Drawing) -> str:
    return lines(
        [
            "BEGIN:VCALENDAR",
            "VERSION:2.0",
            *(
                row
                for i in range(50)
                for row in (
                    "BEGIN:VEVENT",
                    f"UID:{run.rng.getrandbits(64)}",
                    f"DTSTART:{run.time('%Y%m%dT%H%M%SZ', 50000)}",
                    f"SUMMARY:Training session {i}",
                    "END:VEVENT",
                )
            ),
            "END:VCALENDAR",
        ]
    )


@no_log("minutes.txt")
def minutes_of_a_meeting(run: Drawing) -> str:
    return lines(
        f"{i}. {run.rng.choice(['The treasurer reports a loss of', 'The train to the fair costs', 'The rate of the hall is now'])} {run.rng.uniform(10, 900):.2f} francs; {run.rng.randint(3, 20)} for, {run.rng.randint(0, 5)} against."
        for i in range(1, 90)
    )


@no_log("page.html")
def a_web_page(run: Drawing) -> str:
    return lines(
        [
            "<!doctype html><html><head><title>Loss prevention</title></head><body>",
            *(
                f'<p class="step-{i}" style="width:{run.rng.uniform(1, 99):.2f}%">Offer {i}: {run.rng.uniform(1, 99):.2f} EUR, rate {run.rng.uniform(1, 5):.1f} of 5</p>'
                for i in range(150)
            ),
            "</body></html>",
        ]
    )
