"""Tables of numbers that nobody trained anything for."""

# ruff: noqa: E501  lines of logs are as long as their programs print them

from __future__ import annotations

from tests.sources.formats_invented.invented import Drawing, lines, no_log


@no_log("prices.csv")
def prices_of_a_share(run: Drawing) -> str:
    price, rows = 100.0, ["Date,Open,High,Low,Close,Volume"]
    for _ in range(250):
        opened, price = price, price * (1 + run.rng.gauss(0, 0.01))
        rows.append(
            f"{run.time('%Y-%m-%d', 86400)},{opened:.2f},{max(opened, price) * 1.01:.2f},{min(opened, price) * 0.99:.2f},{price:.2f},{run.rng.randint(10**5, 10**7)}"
        )
    return lines(rows)


@no_log("quarters.csv")
def profit_and_loss(run: Drawing) -> str:
    return lines(
        [
            "Quarter;Revenue (kEUR);Costs (kEUR);Profit/Loss (kEUR)",
            *(
                f"Q{i % 4 + 1}/{2000 + i // 4};{run.rng.randint(800, 1200)};{run.rng.randint(700, 1200)};{run.rng.randint(-200, 300)}"
                for i in range(96)
            ),
        ]
    )


@no_log("claims.csv")
def claims_of_an_insurance(run: Drawing) -> str:
    return lines(
        [
            "claim_id,policy,loss_date,loss_amount,paid",
            *(
                f"C{i:05d},P{run.rng.randint(1, 9999)},{run.time('%Y-%m-%d', 90000)},{run.rng.lognormvariate(8, 1):.2f},{run.rng.lognormvariate(7, 1):.2f}"
                for i in range(200)
            ),
        ]
    )


@no_log("bench.txt")
def times_of_a_benchmark(run: Drawing) -> str:
    return lines(
        [
            "| kernel | size | ms | GB/s | speedup |",
            "|---|---|---|---|---|",
            *(
                f"| matmul_{i} | {2 ** (i % 12 + 4)} | {run.rng.uniform(0.1, 90):.3f} | {run.rng.uniform(100, 3000):.1f} | {run.rng.uniform(0.9, 4):.2f}x |"
                for i in range(70)
            ),
        ]
    )


@no_log("weather.csv")
def weather_of_a_year(run: Drawing) -> str:
    return lines(
        [
            "station,date,tmin,tmax,rain_mm,wind_kmh",
            *(
                f"067750,{run.time('%Y%m%d', 86400)},{run.rng.gauss(4, 3):.1f},{run.rng.gauss(14, 3):.1f},{max(0, run.rng.gauss(1, 4)):.1f},{run.rng.uniform(0, 60):.0f}"
                for _ in range(365)
            ),
        ]
    )


@no_log("election.txt")
def votes_of_districts(run: Drawing) -> str:
    return lines(
        [
            "District   Voters   Turnout   Red      Blue     Green",
            *(
                f"{i:>8}   {run.rng.randint(1000, 90000):>6}   {run.rng.uniform(40, 90):>6.1f}%  {run.rng.uniform(20, 50):>5.1f}%  {run.rng.uniform(20, 50):>5.1f}%  {run.rng.uniform(1, 20):>5.1f}%"
                for i in range(1, 150)
            ),
        ]
    )


@no_log("grades.tsv")
def grades_of_pupils(run: Drawing) -> str:
    return lines(
        [
            "pupil\ttest 1\ttest 2\tdev. from mean\tgrade",
            *(
                f"pupil {i}\t{run.rng.randint(10, 60)}\t{run.rng.randint(10, 60)}\t{run.rng.gauss(0, 9):.1f}\t{run.rng.uniform(1, 6):.1f}"
                for i in range(120)
            ),
        ]
    )


@no_log("track.gpx")
def a_walk(run: Drawing) -> str:
    return lines(
        [
            "<gpx><trk><trkseg>",
            *(
                f'<trkpt lat="{46.9 + i * 1e-4:.6f}" lon="{7.4 + run.rng.gauss(0, 1e-3):.6f}"><ele>{run.rng.gauss(540, 9):.1f}</ele><time>{run.time("%Y-%m-%dT%H:%M:%SZ")}</time></trkpt>'
                for i in range(200)
            ),
            "</trkseg></trk></gpx>",
        ]
    )


@no_log("genes.vcf")
def variants_of_genes(run: Drawing) -> str:
    return lines(
        [
            "##fileformat=VCFv4.2",
            "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO",
            *(
                f"chr{i // 20 + 1}\t{run.rng.randint(10**5, 10**8)}\trs{run.rng.randint(10**5, 10**7)}\tA\tG\t{run.rng.uniform(10, 99):.2f}\tPASS\tDP={run.rng.randint(5, 90)};AF={run.rng.random():.3f}"
                for i in range(200)
            ),
        ]
    )


@no_log("bank.csv")
def a_bank_account(run: Drawing) -> str:
    balance, rows = 3000.0, ["Buchung;Zweck;Betrag;Saldo"]
    for _ in range(150):
        amount = run.rng.gauss(0, 90)
        balance += amount
        rows.append(
            f"{run.time('%d.%m.%Y', 90000)};{run.rng.choice(['Miete', 'Lohn', 'Zug'])}"
            + f";{amount:.2f};{balance:.2f}".replace(".", ",")
        )
    return lines(rows)


@no_log("disk.txt")
def files_of_a_folder(run: Drawing) -> str:
    return lines(
        [
            "total 48112",
            *(
                f"-rw-r--r-- 1 ada users {run.rng.randint(100, 10**8):>10} {run.time('%b %d %H:%M', 9000)} checkpoint_epoch_{i}_loss_{run.rng.random():.3f}.pt"
                for i in range(100)
            ),
        ]
    )


@no_log("pods.txt")
def pods_of_a_cluster(run: Drawing) -> str:
    return lines(
        [
            "NAMESPACE   NAME                      READY   STATUS    RESTARTS   AGE",
            *(
                f"ml          train-{run.rng.getrandbits(32):08x}-{i:<8}   1/1     Running   {run.rng.randint(0, 9)}          {run.rng.randint(1, 90)}d"
                for i in range(100)
            ),
        ]
    )
