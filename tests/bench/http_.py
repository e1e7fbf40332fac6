# SPDX-License-Identifier: Apache-2.0
"""What a read costs, beside nginx serving the same bytes from a file.

Two reads: one record of a set by its key (`point`: always the same; `points`: of 10,000, at
random), and an aggregate of 100 rows merged over 4 partitions (`group`; `group_anew`: no two
requests alike, so
that no answer can be used again). Each with nothing coming in, and while records come in at 70 % of
the rate that this machine sustains (producer, broker and weir together). wrk asks over kept
connections; CPU is the server process's own, user and system, less what ingestion alone costs.
Before, between and after, every row is compared with a recount of what was produced.
"""

import collections
import decimal
import json
import pathlib
import random
import re
import shutil
import subprocess
import tempfile
import threading
import time

import _bench

TOPIC = "http-bench"
PIPELINE = """
pipeline: bench
source:
  kafka: {brokers: "${KAFKA_BROKERS}", topics: [http-bench], membership: dynamic}
  format: json
  fields: {merchant: string, account: string, amount: decimal(2), at: timestamp(ms)}
  event_time: at
sink:
  aggregates:
    merchants:
      by: [merchant]
      measures:
        payments: count(*)
        volume: sum(amount)
        smallest: min(amount)
        largest: max(amount)
  sets:
    accounts: {key: account, bins: [merchant, amount, at]}
"""
POINT = "/v1/pipelines/bench/sets/accounts/a77"
GROUP = "/v1/pipelines/bench/aggregates/merchants"

# No two requests alike within a run.
SCRIPTS = {
    "points": """local n = 1
request = function()
  n = (n * 48271) % 2147483647
  return wrk.format("GET", "/v1/pipelines/bench/sets/accounts/a" .. n % 10000)
end""",
    "group_anew": """local n = 0
request = function()
  n = n + 1
  return wrk.format("GET", "/v1/pipelines/bench/aggregates/merchants?limit=" .. 100 + n % 99000)
end""",
}
READS = (
    ("point", POINT, "nginx_point", 1.5),
    ("points", None, "nginx_point", 1.5),
    ("group", GROUP, "nginx_group", 1.5),
    ("group_anew", None, "nginx_group", None),
)

NGINX = """
worker_processes 1; daemon off; pid {work}/nginx.pid; error_log {work}/nginx.err;
events {{ worker_connections 1024; }}
http {{ access_log off; keepalive_requests 1000000000; sendfile on; tcp_nopush on;
  open_file_cache max=100; types {{ application/json json; }}
  server {{ listen 127.0.0.1:{port}; root {work}/www; }} }}
"""


def write_data(path, records):
    """NDJSON with what one pass of it adds: merchant -> (count, sum, min, max)."""
    rng = random.Random(7)
    groups = collections.defaultdict(list)
    with open(path, "w", encoding="utf-8") as file:
        for i in range(records):
            merchant, cents = f"m{rng.randrange(100):03d}", rng.randrange(10_000)
            amount = f"{cents // 100}.{cents % 100:02d}"
            file.write(
                f'{{"merchant":"{merchant}","account":"a{i % 10_000}","amount":{amount},'
                f'"at":{1_767_225_600_000 + i}}}\n'
            )
            groups[merchant].append(decimal.Decimal(amount))
    return {name: (len(all_), sum(all_), min(all_), max(all_)) for name, all_ in groups.items()}


class Topic:
    """Produces passes of a file and knows what they add up to."""

    def __init__(self, brokers, data, records, groups):
        self.brokers, self.data, self.records, self.groups = brokers, data, records, groups
        self.passes = 0
        self._stop = threading.Event()

    def produce(self, rate=None):
        argv = [
            _bench.WEIR,
            "produce",
            self.data,
            "--brokers",
            self.brokers,
            "--topic",
            TOPIC,
            "--key",
            "account",
        ]
        subprocess.run(
            [*argv, *(["--rate", str(rate)] if rate else [])], check=True, stdout=subprocess.DEVNULL
        )
        self.passes += 1

    def begin(self, rate):
        self._stop.clear()
        self._thread = threading.Thread(target=self._loop, args=(rate,))
        self._thread.start()

    def _loop(self, rate):
        while not self._stop.is_set():
            self.produce(rate)

    def end(self):
        self._stop.set()
        self._thread.join()

    def check(self, daemon):
        """Every row of the aggregate, once all is applied."""
        wait_applied(daemon, self.passes * self.records)
        answer = json.loads(daemon.get(GROUP), parse_float=decimal.Decimal)
        covered = sum(answer["covers"][TOPIC].values())
        got = {
            row["merchant"]: (row["payments"], row["volume"], row["smallest"], row["largest"])
            for row in answer["rows"]
        }
        expected = {
            name: (count * self.passes, total * self.passes, low, high)
            for name, (count, total, low, high) in self.groups.items()
        }
        if covered != self.passes * self.records or got != expected:
            wrong = [name for name in expected if got.get(name) != expected[name]]
            raise _bench.Wrong(
                f"{len(wrong)} of {len(expected)} groups differ after {covered} records"
            )
        row = json.loads(daemon.get(POINT), parse_float=decimal.Decimal)["row"]
        if row["account"] != "a77":
            raise _bench.Wrong(f"another record: {row}")


def wait_applied(daemon, records, timeout_s=300):
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        status = daemon.json("/v1/pipelines/bench")
        if status["records"]["applied"] >= records:
            return
        time.sleep(0.02)
    raise _bench.Wrong(f"not all applied: {status['records']} of {records}")


def wrk(url, seconds, connections, script=None):
    """(requests, p99 in ms)"""
    out = subprocess.run(
        [
            "wrk",
            "-t1",
            f"-c{connections}",
            f"-d{seconds}s",
            "--latency",
            *(["-s", script] if script else []),
            url,
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    if "Non-2xx" in out or "Socket errors" in out:
        raise _bench.Wrong(f"{url}: {out}")
    requests = int(re.search(r"(\d+) requests in", out)[1])
    value, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", out).groups()
    return requests, float(value) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _bench.TICKS


def cost(pid, url, args, script=None, idle_share=0.0):
    """(CPU microseconds a request, p99 in ms); idle_share: CPU that the process uses anyway."""
    before, began = cpu_seconds(pid), time.monotonic()
    requests, p99 = wrk(url, args.seconds, args.connections, script)
    used = cpu_seconds(pid) - before - idle_share * (time.monotonic() - began)
    return used / requests * 1e6, p99


def share_of(pid, seconds):
    """CPU seconds a second, without requests."""
    before, began = cpu_seconds(pid), time.monotonic()
    time.sleep(seconds)
    return (cpu_seconds(pid) - before) / (time.monotonic() - began)


class Nginx:
    def __init__(self, work, daemon):
        www = work / "www"
        www.mkdir()
        (www / "point.json").write_bytes(daemon.get(POINT))
        (www / "group.json").write_bytes(daemon.get(GROUP))
        self.port = _bench.free_port()
        (work / "nginx.conf").write_text(NGINX.format(work=work, port=self.port))
        self.master = subprocess.Popen(
            ["nginx", "-c", work / "nginx.conf"], stderr=subprocess.DEVNULL
        )
        self.pid = self._worker()

    def _worker(self):
        children = pathlib.Path(f"/proc/{self.master.pid}/task/{self.master.pid}/children")
        for _ in range(500):
            if self.master.poll() is None and (text := children.read_text().split()):
                return int(text[0])
            time.sleep(0.01)
        raise _bench.Wrong("nginx does not start")

    def url(self, name):
        return f"http://127.0.0.1:{self.port}/{name}.json"

    def stop(self):
        self.master.terminate()
        self.master.wait(10)


class Figures:
    def __init__(self):
        self.values = collections.defaultdict(list)

    def add(self, name, pair):
        self.values[f"{name}_cpu"].append(pair[0])
        self.values[f"{name}_p99"].append(pair[1])

    def report(self, bench, name, floor, goal=None):
        bench.figure(f"{name}_cpu", self.values[f"{name}_cpu"], "us/request", digits=1)
        bench.figure(f"{name}_p99", self.values[f"{name}_p99"], "ms")
        if floor:
            ratios = [
                ours / theirs
                for ours, theirs in zip(
                    self.values[f"{name}_cpu"], self.values[f"{floor}_cpu"], strict=True
                )
            ]
            bench.figure(f"{name}/nginx", ratios, "x", goal)


def ask_all(daemon, args, work, figures, suffix="", share=0.0):
    for name, path, _, _ in READS:
        script = work / f"{name}.lua" if name in SCRIPTS else None
        figures.add(
            name + suffix, cost(daemon.process.pid, daemon.url + (path or "/"), args, script, share)
        )


def rounds(bench, daemon, nginx, topic, work):
    args, figures = bench.args, Figures()
    for name, script in SCRIPTS.items():
        (work / f"{name}.lua").write_text(script)
    for number in range(args.rounds):
        for name in ("point", "group"):
            figures.add(f"nginx_{name}", cost(nginx.pid, nginx.url(name), args))
        ask_all(daemon, args, work, figures)
        print(
            f"round {number + 1}, at rest: "
            + ", ".join(f"{name} {values[-1]:.1f}" for name, values in figures.values.items()),
            flush=True,
        )
    topic.check(daemon)

    began = time.monotonic()
    for _ in range(args.sustain_passes):
        topic.produce()
    topic.check(daemon)
    sustained = args.sustain_passes * topic.records / (time.monotonic() - began)
    rate = int(0.7 * sustained)
    print(f"sustained {sustained:.0f} records/s; ingesting {rate}/s", flush=True)
    topic.begin(rate)
    try:
        for number in range(args.rounds):
            share = share_of(daemon.process.pid, args.seconds)
            ask_all(daemon, args, work, figures, "_ingesting", share)
            print(
                f"round {number + 1}, ingesting ({share * 100:.0f} % CPU): "
                + ", ".join(
                    f"{name} {values[-1]:.1f}"
                    for name, values in figures.values.items()
                    if "ingesting" in name
                ),
                flush=True,
            )
    finally:
        topic.end()
    topic.check(daemon)

    bench.figure("sustained", sustained / 1e6, "M/s")
    for name in ("nginx_point", "nginx_group"):
        figures.report(bench, name, None)
    for name, _, floor, goal in READS:
        figures.report(bench, name, floor, goal)
        figures.report(bench, f"{name}_ingesting", floor, goal)


def run(bench):
    args = bench.args
    for program in ("wrk", "nginx"):
        if not shutil.which(program):
            raise _bench.Wrong(f"{program} is not installed: apt-get install {program}")
    work = pathlib.Path(tempfile.mkdtemp(prefix="weir-http-"))
    work.chmod(0o755)  # nginx's worker is another user
    brokers, state = _bench.broker()
    nginx = None
    try:
        groups = write_data(work / "payments.ndjson", args.records)
        topic = Topic(brokers, work / "payments.ndjson", args.records, groups)
        make_topic(brokers)
        topic.produce()
        (work / "bench.yaml").write_text(PIPELINE)
        daemon = _bench.Daemon(work / "bench.yaml", work / "data", env={"KAFKA_BROKERS": brokers})
        try:
            topic.check(daemon)
            nginx = Nginx(work, daemon)
            rounds(bench, daemon, nginx, topic, work)
        finally:
            if nginx:
                nginx.stop()
            daemon.stop()
    finally:
        _bench.stop_broker(state)
        shutil.rmtree(work, ignore_errors=True)


def make_topic(brokers):
    """Four partitions, empty."""
    from confluent_kafka.admin import AdminClient, NewTopic

    admin = AdminClient({"bootstrap.servers": brokers})

    def partitions():
        topics = admin.list_topics(timeout=30).topics
        return len(topics[TOPIC].partitions) if TOPIC in topics else 0

    if partitions():
        admin.delete_topics([TOPIC])[TOPIC].result(30)
        while partitions():
            time.sleep(0.1)
    admin.create_topics([NewTopic(TOPIC, 4, 1)])[TOPIC].result(30)
    while partitions() != 4:
        time.sleep(0.1)


if __name__ == "__main__":
    bench = _bench.Bench("http", __doc__)
    bench.parser.add_argument(
        "--records", type=int, default=200_000, help="in one pass of the file"
    )
    bench.parser.add_argument("--sustain-passes", type=int, default=5)
    bench.parser.add_argument("--seconds", type=int, default=2, help="of each run of wrk")
    bench.parser.add_argument("--connections", type=int, default=32)
    bench.main(run)
