# SPDX-License-Identifier: Apache-2.0
"""From sending a record to its being in an answer, at a steady rate; and what an idle daemon costs.

The sender is an open loop: latency counts from the instant at which a record was due, not from when
it was sent. A record is visible when a read with `after=` its offset answers 200 with an aggregate
that holds it. The floor is the time to the producer's own acknowledgement.
"""

import json
import pathlib
import shutil
import tempfile
import threading
import time
import urllib.request

import _bench

PIPELINE = """
pipeline: latency
source:
  kafka: {brokers: "${KAFKA_BROKERS}", topics: [latency], membership: dynamic}
  format: json
  fields: {n: int, at: timestamp(us)}
  event_time: at
sink:
  aggregates:
    total: {measures: {records: count(*), newest: max(n)}}
"""


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


class Sender:
    """Sends record i at start + i / rate; remembers due times and acknowledged offsets."""

    def __init__(self, brokers, rate, seconds):
        from confluent_kafka import Producer

        self.producer = Producer({"bootstrap.servers": brokers, "linger.ms": 0, "acks": "all"})
        self.rate, self.count = rate, rate * seconds
        self.due = [0.0] * self.count
        self.acked = [0.0] * self.count
        self.offset = [-1] * self.count
        self.newest = -1

    def run(self):
        start = time.monotonic()
        for i in range(self.count):
            self.due[i] = start + i / self.rate
            while (wait := self.due[i] - time.monotonic()) > 0:
                self.producer.poll(min(wait, 0.0005))
            value = json.dumps({"n": i, "at": int(time.time() * 1e6)})
            self.producer.produce("latency", value, partition=0, on_delivery=self._delivered(i))
        self.producer.flush()

    def _delivered(self, i):
        def delivered(error, message):
            if error:
                raise RuntimeError(error)
            self.acked[i], self.offset[i] = time.monotonic(), message.offset()
            self.newest = i

        return delivered


def watch(daemon, sender, visible, stop):
    """Samples: of the newest acknowledged record, how long until an answer covers it."""
    while not stop.is_set():
        newest = sender.newest
        if newest < 0 or newest in visible:
            time.sleep(0.0005)
            continue
        after = f"latency:0:{sender.offset[newest]}"
        url = f"{daemon.url}/v1/pipelines/latency/aggregates/total?after={after}"
        with urllib.request.urlopen(url) as answer:
            rows = json.loads(answer.read())["rows"]
        if rows[0]["newest"] < newest:
            raise _bench.Wrong(f"covered offset without its record: {rows} for {newest}")
        visible[newest] = time.monotonic()


def metric_quantile(text, name, share):
    """Upper bound of the bucket that holds the quantile of a Prometheus histogram, in seconds."""
    buckets = []
    for line in text.splitlines():
        if line.startswith(name + "_bucket"):
            bound = line.split('le="')[1].split('"')[0]
            buckets.append(
                (float("inf") if bound == "+Inf" else float(bound), float(line.rsplit(" ", 1)[1]))
            )
    total = buckets[-1][1]
    return next(bound for bound, count in buckets if count >= total * share)


def run(bench):
    work = pathlib.Path(tempfile.mkdtemp(prefix="weir-latency-"))
    pipeline = work / "latency.yaml"
    pipeline.write_text(PIPELINE)
    brokers, state = _bench.broker()
    try:
        from confluent_kafka.admin import AdminClient, NewTopic

        admin = AdminClient({"bootstrap.servers": brokers})
        for future in admin.create_topics([NewTopic("latency", 1, 1)]).values():
            try:
                future.result()
            except Exception as error:  # noqa: BLE001: it may be there from an earlier run
                if "exists" not in str(error):
                    raise
        daemon = _bench.Daemon(pipeline, work / "data", env={"KAFKA_BROKERS": brokers})
        bench.figure("listening_after_exec", (time.monotonic() - daemon.began) * 1000, "ms", 50, 1)
        while daemon.json("/v1/pipelines/latency")["state"] != "running":
            time.sleep(0.01)
        bench.figure("idle_memory", daemon.memory_mb("VmRSS"), "MB", 30, 1)
        measure(bench, daemon, brokers)
        daemon.stop()
    finally:
        _bench.stop_broker(state)
        shutil.rmtree(work, ignore_errors=True)


def measure(bench, daemon, brokers):
    args = bench.args
    acked, seen = [], []
    for _ in range(args.rounds):
        sender, visible, stop = Sender(brokers, args.rate, args.seconds), {}, threading.Event()
        before = daemon.json("/v1/pipelines/latency")["records"]["applied"]
        watcher = threading.Thread(target=watch, args=(daemon, sender, visible, stop))
        watcher.start()
        sender.run()
        stop.set()
        watcher.join()
        daemon.covered("latency", {0: max(sender.offset) + 1})
        after = daemon.json("/v1/pipelines/latency")["records"]["applied"]
        if after - before != sender.count:
            raise _bench.Wrong(f"{after - before} records applied of {sender.count}")
        acked.append([(sender.acked[i] - sender.due[i]) * 1000 for i in range(sender.count)])
        seen.append([(at - sender.due[i]) * 1000 for i, at in visible.items()])
    for name, samples, goal in (("acknowledged", acked, None), ("visible", seen, 10)):
        bench.figure(f"{name}_p50", [percentile(s, 0.5) for s in samples], "ms")
        bench.figure(f"{name}_p99", [percentile(s, 0.99) for s in samples], "ms", goal)
    own = metric_quantile(daemon.get("/metrics").decode(), "weir_event_to_visible_seconds", 0.99)
    bench.figure("event_to_visible_p99_bucket", own * 1000, "ms", 10)


if __name__ == "__main__":
    bench = _bench.Bench("latency", __doc__)
    bench.parser.add_argument("--rate", type=int, default=1000, help="records a second")
    bench.parser.add_argument("--seconds", type=int, default=10, help="a round")
    bench.main(run)
