# SPDX-License-Identifier: Apache-2.0
"""Offsets that are not where one expects them: retention, growth, deletion, `start:`."""

import time

from cluster import Record
from daemon import wait_until

PIPELINE = """
    pipeline: offsets
    source:
      kafka:
        brokers: ${KAFKA_BROKERS}
        topics: ["${TOPIC}"]
        group: ${GROUP}
        start: ${START:-earliest}
        on_gap: ${ON_GAP:-stop}
      format: json
      fields: {n: int}
    sink:
      aggregates:
        sums: {measures: {records: count(*), total: sum(n)}}
    """


def numbers(first, last):
    return [{"n": number} for number in range(first, last)]


def test_a_topic_whose_beginning_is_gone_is_read_from_where_it_begins(topic, weir):
    work = topic()
    work.produce(numbers(0, 100))
    work.delete_records(0, before=60)
    daemon = weir(PIPELINE, work).start().wait_covered(work)
    assert daemon.aggregate("sums").rows == [{"records": 40, "total": sum(range(60, 100))}]


def gap(topic, weir, **env):
    """A daemon that was paused while retention passed it by: at offset 50, the log begins at 80."""
    work = topic(partitions=2)
    work.produce(numbers(0, 50), partition=0)
    daemon = weir(PIPELINE, work, env=env).start().wait_covered(work)
    assert daemon.request("/v1/pipelines/offsets/pause", "POST").status == 200
    daemon.wait_state(work, 0, "paused")
    work.produce(numbers(50, 100), partition=0)
    work.delete_records(0, before=80)
    assert daemon.request("/v1/pipelines/offsets/resume", "POST").status == 200
    return work, daemon


def test_records_that_are_gone_are_a_named_stop(topic, weir):
    work, daemon = gap(topic, weir)
    entry = daemon.wait_state(work, 0, "gap")
    assert entry["next_offset"] <= 80
    assert "on_gap" in entry["reason"]
    assert daemon.status()["state"] == "degraded"
    assert daemon.get("/readyz").status == 503
    assert daemon.get("/healthz").status == 200
    assert daemon.metric("weir_kafka_offset_gaps_total") == 1
    # The other partition goes on, and reads are answered.
    work.produce(numbers(0, 10), partition=1)
    daemon.wait_covered(work, {1: 10})
    assert daemon.aggregate("sums").status == 200


def test_a_declared_policy_goes_on_behind_the_gap_and_counts_it(topic, weir):
    work, daemon = gap(topic, weir, ON_GAP="earliest")
    daemon.wait_covered(work)
    row, = daemon.aggregate("sums").rows
    skipped = daemon.metric("weir_kafka_offset_gap_records_total")
    # What the client had fetched before it was paused may have been applied still.
    assert row["records"] + skipped == 100
    assert daemon.metric("weir_kafka_offset_gaps_total") == 1


def test_a_topic_that_grows_is_read_from_the_beginning_of_its_new_partitions(topic, weir):
    work = topic()
    work.produce(numbers(0, 10))
    daemon = weir(PIPELINE, work, env={"START": "latest"}).start_ready()
    work.grow(3)
    for number in (1, 2):
        work.produce(numbers(0, 10), partition=number)
    # The growth is seen when the client next asks for metadata, within 30 s.
    daemon.wait_covered(work, {1: 10, 2: 10}, seconds=60)
    assert daemon.aggregate("sums").rows == [{"records": 20, "total": 90}]


def test_a_deleted_topic_is_named_and_the_process_stays(topic, weir):
    work = topic()
    work.produce(numbers(0, 10))
    daemon = weir(PIPELINE, work).start_ready().wait_covered(work)
    work.delete()
    wait_until(lambda: work.name in str(daemon.get("/readyz").body),
               lambda: f"a reason: {daemon.get('/readyz').body}\n{daemon.log()}", 60)
    assert daemon.get("/readyz").status == 503
    assert daemon.get("/healthz").status == 200
    assert daemon.aggregate("sums").status == 200
    daemon.terminate()


def test_start_latest_begins_at_the_end(topic, weir):
    work = topic(partitions=2)
    work.produce(numbers(0, 100))
    daemon = weir(PIPELINE, work, env={"START": "latest"}).start_ready()
    work.produce(numbers(0, 10))
    daemon.wait_covered(work)
    assert daemon.aggregate("sums").rows == [{"records": 10, "total": 45}]


def test_start_at_a_time_begins_there(topic, weir):
    work = topic()
    moment = (int(time.time()) - 3600) * 1000
    work.produce(Record({"n": number}, timestamp_ms=moment + number * 1000)
                 for number in range(100))
    start = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment / 1000 + 40))
    daemon = weir(PIPELINE, work, env={"START": start}).start().wait_covered(work)
    assert daemon.aggregate("sums").rows == [{"records": 60, "total": sum(range(40, 100))}]
