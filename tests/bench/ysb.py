# SPDX-License-Identifier: Apache-2.0
"""The Yahoo streaming benchmark, catching up on a filled topic.

(a) a raw librdkafka consumer that touches one byte of each message, (b) one hand-written C++ file
(consumer, simdjson, ad table, window counts), (c) weir with pipelines/ysb.yaml. All with mimalloc.
"""

import csv
import datetime
import io
import json
import pathlib
import shutil
import subprocess
import tempfile
import time

import _bench

TOPIC = "ad-events"


def counts(text):
    """window start in ms, campaign -> count, of a CSV `window_ms,campaign,count`."""
    return {
        (int(row[0]), row[1]): int(row[2])
        for row in csv.reader(io.StringIO(text))
        if row[0].isdigit()
    }


def difference(name, got, expected):
    if got != expected:
        wrong = [key for key in expected.keys() | got.keys() if got.get(key) != expected.get(key)]
        raise _bench.Wrong(
            f"{name}: {len(wrong)} of {len(expected)} windows differ, one is {wrong[0]}: "
            f"{got.get(wrong[0])} for {expected.get(wrong[0])}"
        )


def weir_pages(daemon):
    """All rows, a page at a time."""
    cursor = ""
    while True:
        page = daemon.json(f"/v1/pipelines/ysb/aggregates/views?limit=100000{cursor}")
        yield page["rows"]
        if not page["next_cursor"]:
            return
        cursor = f"&cursor={page['next_cursor']}"


def read_weir(daemon):
    result = {}
    for rows in weir_pages(daemon):
        for row in rows:
            start = datetime.datetime.fromisoformat(row["window_start"].replace("Z", "+00:00"))
            result[(int(start.timestamp() * 1000), row["campaign"])] = row["views"]
    return result


def run(bench):
    args = bench.args
    _bench.build("tests/bench/ysb_generate", "tests/bench/ysb_floor")
    programs = _bench.BUILD / "tests" / "bench"
    work = pathlib.Path(tempfile.mkdtemp(prefix="weir-ysb-"))
    brokers, state = _bench.broker()
    try:
        subprocess.run(
            [
                programs / "ysb_generate",
                "--brokers",
                brokers,
                "--topic",
                TOPIC,
                "--events",
                str(args.events),
                "--partitions",
                str(args.partitions),
                "--ads-file",
                work / "ads.csv",
                "--expect-file",
                work / "expect.csv",
            ],
            check=True,
        )
        expected = counts((work / "expect.csv").read_text())
        measure(bench, programs, work, brokers, expected)
    finally:
        _bench.stop_broker(state)
        shutil.rmtree(work, ignore_errors=True)


def measure(bench, programs, work, brokers, expected):
    args = bench.args
    cpu = {"raw": [], "hand": [], "weir": []}
    rate = {"raw": [], "hand": [], "weir": []}
    memory = {"raw": [], "hand": [], "weir": []}
    for number in range(args.rounds):
        for kind, mode in (("raw", "count"), ("hand", "ysb")):
            result = work / f"{kind}.csv"
            argv = [
                programs / "ysb_floor",
                "--mode",
                mode,
                "--brokers",
                brokers,
                "--topic",
                TOPIC,
                "--events",
                str(args.events),
                "--partitions",
                str(args.partitions),
                "--ads-file",
                work / "ads.csv",
                "--result-file",
                result,
            ]
            out, _, _ = _bench.measured(argv)
            report = json.loads(out.strip().splitlines()[-1])
            cpu[kind].append(report["cpu_us_per_event"])
            rate[kind].append(report["events"] / report["wall_seconds"])
            memory[kind].append(report["max_rss_mb"])
            if kind == "hand":
                difference("hand-written", counts(result.read_text()), expected)
        weir_round(args, work, brokers, number, expected, cpu, rate, memory)
        print(
            f"round {number + 1}: "
            + ", ".join(
                f"{kind} {cpu[kind][-1]:.3f} us {rate[kind][-1] / 1e6:.2f} M/s "
                f"{memory[kind][-1]:.0f} MB"
                for kind in cpu
            ),
            flush=True,
        )

    for kind, used in cpu.items():
        bench.figure(f"{kind}_cpu", used, "us/event", digits=3)
        bench.figure(f"{kind}_rate", [r / 1e6 for r in rate[kind]], "M/s")
        bench.figure(
            f"{kind}_memory", memory[kind], "MB", 100 if kind == "weir" else None, digits=0
        )
    bench.figure(
        "weir/hand", [c / b for c, b in zip(cpu["weir"], cpu["hand"], strict=False)], "x", 1.5
    )
    bench.figure("weir/raw", [c / a for c, a in zip(cpu["weir"], cpu["raw"], strict=False)], "x", 2)


def weir_round(args, work, brokers, number, expected, cpu, rate, memory):
    pipeline = _bench.with_kafka(_bench.ROOT / "pipelines" / "ysb.yaml", f"ysb-{number}", work)
    environment = {"KAFKA_BROKERS": brokers, "YSB_ADS": str(work / "ads.csv")}
    daemon = _bench.Daemon(pipeline, work / f"data-{number}", env=environment)
    try:
        seconds = wait_all(daemon, args.events)
        cpu["weir"].append(daemon.cpu_seconds() / args.events * 1e6)
        rate["weir"].append(args.events / seconds)
        memory["weir"].append(daemon.memory_mb())
        difference("weir", read_weir(daemon), expected)
    finally:
        daemon.stop()


def wait_all(daemon, events, timeout_s=600):
    """Until `events` records are consumed; seconds since the start."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        status = daemon.json("/v1/pipelines/ysb")
        if status["records"]["consumed"] >= events and not status["records"]["pending"]:
            return time.monotonic() - daemon.began
        time.sleep(0.02)
    raise _bench.Wrong(f"weir has not read all: {status}")


if __name__ == "__main__":
    bench = _bench.Bench("ysb", __doc__)
    bench.parser.add_argument("--events", type=int, default=5_000_000)
    bench.parser.add_argument("--partitions", type=int, default=4)
    bench.main(run)
