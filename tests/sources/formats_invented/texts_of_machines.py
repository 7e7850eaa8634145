"""What computers, networks and devices write that is no training log."""

# ruff: noqa: E501  lines of logs are as long as their programs print them

from __future__ import annotations

from tests.sources.formats_invented.invented import Drawing, lines, no_log


@no_log("access.log")
def web_access(run: Drawing) -> str:
    return lines(
        f'10.0.{run.rng.randint(0, 9)}.{run.rng.randint(1, 254)} - - [{run.time("%d/%b/%Y:%H:%M:%S +0000")}] "GET /train/{i % 17}?epoch=3 HTTP/1.1" '
        f'{run.rng.choice([200, 200, 304, 404, 500])} {run.rng.randint(100, 90000)} "-" "curl/8.5" {run.rng.uniform(0.01, 2):.3f}'
        for i in range(300)
    )


@no_log("ping.txt")
def ping(run: Drawing) -> str:
    rows = [
        f"64 bytes from 93.184.216.34: icmp_seq={i} ttl=56 time={run.rng.uniform(11, 14):.1f} ms"
        for i in range(1, 201)
    ]
    return lines(
        [
            "PING example.org (93.184.216.34) 56(84) bytes of data.",
            *rows,
            "",
            "--- example.org ping statistics ---",
            "200 packets transmitted, 200 received, 0% packet loss, time 199288ms",
            "rtt min/avg/max/mdev = 11.002/12.511/13.998/0.812 ms",
        ]
    )


@no_log("top.out")
def top_of_processes(run: Drawing) -> str:
    rows = []
    for _ in range(20):
        rows += [
            f"top - {run.time('%H:%M:%S')} up 41 days,  3:12,  2 users,  load average: 1.{run.rng.randint(10, 99)}, 1.20, 0.98",
            "MiB Mem :  64231.1 total,   2101.7 free",
            "    PID USER      PR  NI    VIRT    RES  %CPU  %MEM     TIME+ COMMAND",
        ]
        rows += [
            f"{run.rng.randint(100, 99999):>7} root      20   0  {run.rng.randint(10**5, 10**7):>7}  {run.rng.randint(10**3, 10**6):>6}  {run.rng.uniform(0, 99):>4.1f}   0.3   3:12.44 python train.py"
            for _ in range(6)
        ]
    return lines(rows)


@no_log("messages")
def kernel_messages(run: Drawing) -> str:
    return lines(
        f"[{i * 0.731 + 3:12.6f}] usb 1-{i % 7}: new high-speed USB device number {i} using xhci_hcd"
        for i in range(150)
    )


@no_log("journal.txt")
def journal_of_services(run: Drawing) -> str:
    return lines(
        f"{run.time('%b %d %H:%M:%S')} host {run.rng.choice(['sshd', 'cron', 'dhclient'])}[{run.rng.randint(300, 40000)}]: "
        f"{run.rng.choice(['Connection closed by 10.0.0.7 port 4411', 'session opened for user root', 'lease renewed for 3600 s', 'DHCPREQUEST lost, step 2 of 4'])}"
        for _ in range(200)
    )


@no_log("gpu.csv")
def use_of_a_gpu(run: Drawing) -> str:
    return lines(
        [
            "timestamp, utilization.gpu [%], memory.used [MiB], temperature.gpu, power.draw [W]",
            *(
                f"{run.time('%Y/%m/%d %H:%M:%S.000')}, {run.rng.randint(80, 100)} %, {run.rng.randint(30000, 31000)} MiB, {run.rng.randint(60, 71)}, {run.rng.uniform(280, 350):.2f} W"
                for _ in range(250)
            ),
        ]
    )


@no_log("vmstat.txt")
def memory_and_blocks(run: Drawing) -> str:
    return lines(
        [
            "procs -----------memory---------- ---swap-- -----io---- -system-- ------cpu-----",
            " r  b   swpd   free   buff  cache   si   so    bi    bo   in   cs us sy id wa st",
            *(
                f" {run.rng.randint(0, 9)}  0      0 {run.rng.randint(10**5, 10**6)}  41232 913212    0    0    {run.rng.randint(0, 99)}   {run.rng.randint(0, 99)}  {run.rng.randint(100, 999)} {run.rng.randint(100, 999)} 11  2 87  0  0"
                for _ in range(120)
            ),
        ]
    )


@no_log("iperf.txt")
def throughput_and_lost_packets(run: Drawing) -> str:
    return lines(
        [
            "[ ID] Interval           Transfer     Bitrate         Jitter    Lost/Total Datagrams",
            *(
                f"[  5]   {i}.00-{i + 1}.00   sec  {run.rng.uniform(110, 119):.0f} MBytes   {run.rng.uniform(920, 990):.0f} Mbits/sec  0.0{run.rng.randint(10, 99)} ms  {run.rng.randint(0, 40)}/84000 ({run.rng.uniform(0, 0.1):.2f}%)"
                for i in range(120)
            ),
        ]
    )


@no_log("climate.csv")
def sensors_of_a_room(run: Drawing) -> str:
    return lines(
        [
            "time,sensor,temperature_c,humidity_pct,co2_ppm",
            *(
                f"{run.time('%Y-%m-%dT%H:%M:%S')},room{i % 3},{run.rng.gauss(21, 0.4):.2f},{run.rng.gauss(41, 2):.1f},{run.rng.randint(400, 1100)}"
                for i in range(300)
            ),
        ]
    )


@no_log("rsync.log")
def copying_of_files(run: Drawing) -> str:
    return "sending incremental file list\n" + "".join(
        f"checkpoints/epoch_{i}.pt\n\r     {run.rng.randint(10**5, 10**7):>10,}  37%   40.11MB/s    0:00:02\r     {run.rng.randint(10**7, 10**8):>10,} 100%   41.{i % 10}2MB/s    0:00:04 (xfr#{i}, to-chk={90 - i}/91)\n"
        for i in range(90)
    )


@no_log("encode.txt")
def encoding_of_a_film(run: Drawing) -> str:
    return (
        "Stream mapping:\n  Stream #0:0 -> #0:0 (h264 (native) -> hevc (libx265))\n"
        + "".join(
            f"frame={i * 41:5d} fps={run.rng.uniform(80, 84):.0f} q={run.rng.uniform(24, 31):.1f} size={i * 256:8d}kB time=00:{i // 37:02d}:{i % 37:02d}.44 bitrate={run.rng.uniform(1200, 1600):.1f}kbits/s speed=3.4x    \r"
            for i in range(1, 300)
        )
        + "\n"
    )


@no_log("calls.strace")
def calls_of_a_process(run: Drawing) -> str:
    return lines(
        f'{run.rng.randint(4000, 4009)} {run.time("%H:%M:%S.412211")} read({i % 9}, "\\177ELF\\2\\1"..., {run.rng.randint(512, 4096)}) = {run.rng.randint(1, 512)} <0.000{run.rng.randint(100, 999)}>'
        for i in range(200)
    )
