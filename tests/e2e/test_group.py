# SPDX-License-Identifier: Apache-2.0
"""Two daemons in one group: they share the partitions; one goes, the other takes over.

State is in memory only, so a partition that changes hands is read again from its beginning and the
sum over what each reports is exact once everything is covered again (I1, I4, I7).
"""

from daemon import wait_until

PIPELINE = """
    pipeline: shared
    source:
      kafka:
        brokers: ${KAFKA_BROKERS}
        topics: ["${TOPIC}"]
        group: ${GROUP}
        membership: dynamic
        properties: {session.timeout.ms: "6000", heartbeat.interval.ms: "500"}
      format: json
      fields: {n: int}
    sink:
      aggregates:
        sums: {measures: {records: count(*), total: sum(n)}}
    """

RECORDS = 4_000


def owned(daemon):
    return {entry["partition"] for entry in daemon.status()["partitions"]
            if entry["owner"] == "self"}


def sums(*daemons):
    rows = [row for daemon in daemons for row in daemon.aggregate("sums").rows]
    return sum(row["records"] for row in rows), sum(row["total"] or 0 for row in rows)


def pair(weir, work):
    daemons = [weir(PIPELINE, work, env={"GROUP": f"group-{work.name}"}) for _ in range(2)]
    for daemon in daemons:
        daemon.start()
    wait_until(lambda: [len(owned(daemon)) for daemon in daemons] == [2, 2],
               lambda: f"two partitions each: {[owned(daemon) for daemon in daemons]}")
    return daemons


def wait_covered_together(work, daemons):
    def done():
        have = {}
        for daemon in daemons:
            have.update({entry["partition"]: entry["next_offset"]
                         for entry in daemon.status()["partitions"] if entry["owner"] == "self"})
        return have == work.ends

    wait_until(done, lambda: f"{work.ends}: {[daemon.covered() for daemon in daemons]}")


def test_two_share_the_partitions_and_the_sum_is_exact(topic, weir):
    work = topic(partitions=4)
    work.produce({"n": number} for number in range(RECORDS))
    daemons = pair(weir, work)
    wait_covered_together(work, daemons)
    assert owned(daemons[0]) | owned(daemons[1]) == {0, 1, 2, 3}
    assert owned(daemons[0]) & owned(daemons[1]) == set()
    assert sums(*daemons) == (RECORDS, sum(range(RECORDS)))


def test_one_is_stopped_and_the_other_takes_over(topic, weir):
    work = topic(partitions=4)
    work.produce({"n": number} for number in range(RECORDS))
    leaver, stayer = pair(weir, work)
    wait_covered_together(work, [leaver, stayer])
    leaver.terminate()
    work.produce({"n": number} for number in range(RECORDS, RECORDS + 400))
    stayer.wait_covered(work).wait_ready()
    assert owned(stayer) == {0, 1, 2, 3}
    assert sums(stayer) == (RECORDS + 400, sum(range(RECORDS + 400)))


def test_one_is_killed_and_the_other_takes_over(topic, weir):
    work = topic(partitions=4)
    work.produce({"n": number} for number in range(RECORDS))
    killed, stayer = pair(weir, work)
    killed.kill9()
    work.produce({"n": number} for number in range(RECORDS, RECORDS + 400))
    stayer.wait_covered(work, seconds=60).wait_ready()
    assert sums(stayer) == (RECORDS + 400, sum(range(RECORDS + 400)))


def test_a_killed_static_member_comes_back_to_its_partitions(topic, weir):
    """Static membership, the default: the restart does not wait for the old session to end."""
    work = topic(partitions=2)
    work.produce({"n": number} for number in range(RECORDS))
    pipeline = PIPELINE.replace("membership: dynamic", "membership: static")
    daemon = weir(pipeline, work, env={"GROUP": f"group-{work.name}"})
    daemon.start().wait_covered(work)
    daemon.kill9()
    daemon.start().wait_covered(work, seconds=5)
    assert sums(daemon) == (RECORDS, sum(range(RECORDS)))
