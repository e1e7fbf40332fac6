# SPDX-License-Identifier: Apache-2.0
"""What can be wrong from outside: files, brokers, ports, disks, records.

Each must be answered with a message that says what is wrong and what to do, and no other record may
be lost by it (I1, I7, I8).
"""

import base64
import json
import os
import socket
import subprocess

import pytest

from cluster import Cluster, Record
from daemon import command, wait_until

NUMBERS = """
    pipeline: numbers
    source:
      kafka:
        brokers: ${KAFKA_BROKERS}
        topics: ["${TOPIC}"]
        group: ${GROUP}
      format: json
      fields:
        n: int
        name: string?
        ratio: float?
    sink:
      aggregates:
        sums: {measures: {records: count(*), total: sum(n)}}
    """


def good(first, count):
    return [json.dumps({"n": number}) for number in range(first, first + count)]


def letters(daemon):
    """The local dead letters: what was rejected, with its original bytes."""
    found = [json.loads(line) for path in sorted(daemon.data.rglob("*.ndjson"))
             for line in path.read_text().splitlines()]
    for letter in found:
        for part in ("key", "value"):
            if letter[part] is not None:
                letter[part] = (base64.b64decode(letter[part]) if letter["encoding"] == "base64"
                                else letter[part].encode())
    return found


# ---- records


DEEP = "[" * 100_000 + "]" * 100_000

BAD_RECORDS = {
    "not JSON": b"this is not JSON",
    "cut off": b'{"n": 1, "name": "abc',
    "an array": b"[1, 2, 3]",
    "empty": b"",
    "blanks": b"   ",
    "not UTF-8": b'{"n": 1, "name": "\xff\xfe\xfa"}',
    "100,000 deep": DEEP.encode(),
    "100,000 deep in a field nobody asked for": f'{{"other": {DEEP}, "n": 1}}'.encode(),
    "an integer beyond 64 bits": b'{"n": 9223372036854775808}',
    "a float beyond all": b'{"n": 1, "ratio": 1e400}',
    "a fraction for an integer": b'{"n": 1.5}',
    "text for an integer": b'{"n": "1"}',
    "null where none may be": b'{"n": null}',
    "a missing field": b'{"name": "n"}',
    "NUL in the middle": b'{"n": \x00 1}',
    "two documents": b'{"n": 1} {"n": 2}',
}


@pytest.mark.parametrize("what", BAD_RECORDS)
def test_a_bad_record_is_rejected_alone(topic, weir, what):
    work = topic()
    work.produce([*good(0, 10), Record(BAD_RECORDS[what], key="key-7"), *good(10, 10)])
    daemon = weir(NUMBERS, work).start().wait_covered(work)
    row, = daemon.aggregate("sums").rows
    assert row == {"records": 20, "total": sum(range(20))}
    records = daemon.status()["records"]
    assert records["rejected"] == 1
    assert records["applied"] == 20
    # Nothing is lost: the record is kept with its place, its reason and its bytes.
    letter, = letters(daemon)
    assert (letter["topic"], letter["partition"], letter["offset"]) == (work.name, 0, 10)
    assert letter["error"]
    assert (letter["key"], letter["value"]) == (b"key-7", BAD_RECORDS[what])
    assert daemon.metric("weir_records_rejected_total", reason=letter["reason"]) == 1


def test_a_record_of_20_mb_is_rejected_alone(topic, weir):
    work = topic(max_message_bytes=32 << 20)
    large = json.dumps({"n": 1, "name": "x" * (20 << 20)})
    work.produce([*good(0, 10), large, *good(10, 10)], message_max_bytes=32 << 20)
    daemon = weir(NUMBERS, work).start().wait_covered(work)
    assert daemon.aggregate("sums").rows == [{"records": 20, "total": sum(range(20))}]
    assert daemon.metric("weir_records_rejected_total", reason="too_large") == 1


def test_many_bad_records_of_all_kinds_lose_no_good_one(topic, weir):
    work = topic(partitions=3)
    bad = [Record(value) for value in BAD_RECORDS.values()] * 20
    mixed = [record for number, entry in enumerate(bad) for record in (entry, *good(number, 1))]
    work.produce(mixed)
    daemon = weir(NUMBERS, work).start().wait_covered(work)
    assert daemon.aggregate("sums").rows == [{"records": len(bad), "total": sum(range(len(bad)))}]
    assert daemon.status()["records"]["rejected"] == len(bad)
    assert len(letters(daemon)) == len(bad)


def test_on_error_skip_counts_and_keeps_nothing(topic, weir):
    work = topic()
    work.produce([*good(0, 5), "nonsense", *good(5, 5)])
    daemon = weir(NUMBERS.replace("    sink:", "      on_error: skip\n    sink:"), work)
    daemon.start().wait_covered(work)
    assert daemon.aggregate("sums").rows == [{"records": 10, "total": 45}]
    assert daemon.status()["records"]["rejected"] == 1
    assert letters(daemon) == []


def test_on_error_stop_stops_that_partition_only(topic, weir):
    work = topic(partitions=2)
    work.produce([*good(0, 5), "nonsense", *good(5, 5)], partition=0)
    work.produce(good(0, 10), partition=1)
    daemon = weir(NUMBERS.replace("    sink:", "      on_error: stop\n    sink:"), work)
    daemon.start().wait_covered(work, {1: 10})
    entry = daemon.wait_state(work, 0, "failed")
    assert entry["next_offset"] == 5
    assert "offset 5" in entry["reason"]
    assert daemon.get("/healthz").status == 200
    assert daemon.get("/readyz").status == 503
    assert daemon.status()["state"] == "degraded"
    assert daemon.aggregate("sums").rows == [{"records": 15, "total": 10 + 45}]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_stops_rejects_until_there_is_room(topic, weir, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], check=True)
    try:
        work = topic()
        daemon = weir(NUMBERS, work, data=disk / "data").start_ready()
        filler = os.open(disk / "filler", os.O_CREAT | os.O_WRONLY)
        with pytest.raises(OSError, match="No space left"):
            while True:
                os.write(filler, b"x" * 4096)
        os.close(filler)
        work.produce([*good(0, 5), "nonsense " * 1_000, *good(5, 5)])

        def reason():
            text = daemon.partition(work.name)["reason"] or ""
            return text if "space" in text.lower() else None

        wait_until(reason, lambda: f"a reason: {daemon.partition(work.name)}\n{daemon.log()}")
        assert daemon.get("/healthz").status == 200
        (disk / "filler").unlink()
        daemon.wait_covered(work)
        assert daemon.aggregate("sums").rows == [{"records": 10, "total": 45}]
        assert len(letters(daemon)) == 1
        daemon.terminate()
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


# ---- brokers, topics, ports


def test_an_unreachable_broker_is_named_and_tried_again(tmp_path, weir):
    late = Cluster(tmp_path / "kafka")
    late.start()  # and ended again: from here on the address is nobody's
    late.stop()
    daemon = weir(NUMBERS, env={"KAFKA_BROKERS": late.bootstrap, "TOPIC": "late"}).start()
    wait_until(lambda: late.bootstrap in str(daemon.get("/readyz").body),
               lambda: f"a reason: {daemon.get('/readyz').body}\n{daemon.log()}")
    assert daemon.get("/readyz").status == 503
    assert daemon.get("/healthz").status == 200
    late.start()
    try:
        work = late.topic(name="late")
        work.produce(good(0, 10))
        daemon.wait_covered(work, seconds=60).wait_ready()
        assert daemon.aggregate("sums").rows == [{"records": 10, "total": 45}]
    finally:
        daemon.terminate()
        late.stop()


def test_a_missing_topic_is_named_and_waited_for(broker, weir):
    env = {"KAFKA_BROKERS": broker.bootstrap, "TOPIC": "not-yet-there"}
    daemon = weir(NUMBERS, env=env).start()
    wait_until(lambda: "not-yet-there" in str(daemon.get("/readyz").body),
               lambda: f"a reason: {daemon.get('/readyz').body}\n{daemon.log()}")
    assert daemon.get("/readyz").status == 503
    assert daemon.get("/healthz").status == 200
    work = broker.topic(name="not-yet-there")
    work.produce(good(0, 10))
    daemon.wait_covered(work, seconds=60).wait_ready()
    assert daemon.aggregate("sums").rows == [{"records": 10, "total": 45}]


def test_an_occupied_port_is_named(topic, weir):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        daemon = weir(NUMBERS, topic(), http=f"127.0.0.1:{port}").spawn()
        assert daemon.wait_exit() == 3
    assert str(port) in daemon.log()
    assert "--http" in daemon.log()


def test_a_data_directory_that_cannot_be_made_is_named(topic, weir, tmp_path):
    (tmp_path / "file").write_text("not a directory")
    daemon = weir(NUMBERS, topic(), data=tmp_path / "file" / "data").spawn()
    assert daemon.wait_exit() > 0
    assert str(tmp_path / "file" / "data") in daemon.log()


def test_another_address_than_loopback_is_refused(topic, weir):
    daemon = weir(NUMBERS, topic(), http="0.0.0.0:0").spawn()
    assert daemon.wait_exit() == 2
    assert "--insecure" in daemon.log()


# ---- pipeline files


SOURCE = """\
pipeline: p
source:
  kafka: {brokers: "127.0.0.1:9", topics: [t]}
  format: json
  fields: {n: int, name: string}
"""
SINK = "sink:\n  aggregates:\n    a: {by: [name], measures: {c: count(*)}}\n"

# what -> (the file, the place of the error, words of the message)
BAD_FILES = {
    "not YAML": ("pipeline: p\nsource: {\n", "3:1", []),
    "an unknown key": (SOURCE.replace("format:", "fromat:") + SINK, "4:3", ["fromat", "format"]),
    "an unknown key at the top": (SOURCE + "transform: []\n" + SINK, "6:1",
                                  ["transform", "transforms"]),
    "a key twice": (SOURCE + SINK + "pipeline: q\n", "9:1", ["pipeline"]),
    "no name": ("source: {}\n", "1:1", ["pipeline"]),
    "an unknown type": (SOURCE.replace("n: int", "n: itn") + SINK, "5:15", ["itn", "int"]),
    "an unknown field in an expression": (
        SOURCE + "transforms:\n  - filter: nmae = 'x'\n" + SINK, "7:13", ["nmae", "name"]),
    "a filter that is no truth": (
        SOURCE + "transforms:\n  - filter: n + 1\n" + SINK, "7:13", ["bool"]),
    "text compared with a number": (
        SOURCE + "transforms:\n  - filter: name > 1\n" + SINK, "7:13", ["string", "int"]),
    "an unknown function": (
        SOURCE + "transforms:\n  - filter: lenght(name) > 1\n" + SINK, "7:13",
        ["lenght", "length"]),
    "an unknown stage": (
        SOURCE + "transforms:\n  - fliter: n > 1\n" + SINK, "7:5", ["fliter", "filter"]),
    "an unknown group column": (SOURCE + SINK.replace("[name]", "[nmae]"), "8:14",
                                ["nmae", "name"]),
    "an unknown measure": (SOURCE + SINK.replace("count(*)", "cuont(*)"), "8:35",
                           ["cuont", "count"]),
    "a sum of text": (SOURCE + SINK.replace("count(*)", "sum(name)"), "8:35", ["string"]),
    "a duration that is none": (
        SOURCE + SINK.replace("by: [name],", "by: [name], window: {size: 1 fortnight},"), "8:36",
        ["1 fortnight"]),
    "a format that is none": (SOURCE.replace("json", "jsno") + SINK, "4:11", ["jsno", "json"]),
    "an expression torn by a comma": (
        SOURCE + "transforms:\n  - set: {x: coalesce(n, 1)}\n" + SINK, "7:14", ["quote"]),
    "a variable that is not set": (
        SOURCE.replace("127.0.0.1:9", "${WEIR_TEST_NOT_SET}") + SINK, "3:20",
        ["WEIR_TEST_NOT_SET"]),
    "a property that loads code": (
        SOURCE.replace("topics: [t]", "topics: [t], properties: {plugin.library.paths: x}") + SINK,
        "3:61", ["plugin.library.paths"]),
    "a lookup in a file that is not there": (
        SOURCE + "transforms:\n  - lookup: {from: {file: nowhere.csv, format: csv, key: k}, "
        "key: name, as: x}\n" + SINK, "7:27", ["nowhere.csv"]),
}


@pytest.mark.parametrize("what", BAD_FILES)
def test_a_mistake_in_a_file_is_placed_and_explained(tmp_path, what):
    text, place, words = BAD_FILES[what]
    path = tmp_path / "p.yaml"
    path.write_text(text)
    status, output, errors = command("check", path)
    assert status == 2, errors
    first = errors.splitlines()[0]
    assert first.startswith(f"{path}:{place}: error: "), errors
    for word in words:
        assert word in first, errors
    # `weir run` refuses it in the same words.
    status, _, again = command("run", path, "--http", "127.0.0.1:0", "--data", tmp_path / "data")
    assert status == 2
    assert first in again


def test_all_mistakes_of_a_file_are_told_at_once(tmp_path):
    path = tmp_path / "p.yaml"
    path.write_text(SOURCE.replace("n: int", "n: itn").replace("format", "fromat") +
                    "transforms:\n  - filter: nmae = 'x'\n  - fliter: true\n" + SINK)
    status, _, errors = command("check", path)
    assert status == 2
    lines = [line.removeprefix(f"{path}:").split(":")[0] for line in errors.splitlines()
             if ": error: " in line]
    assert {"4", "5", "7", "8"} <= set(lines), errors


def test_a_file_that_is_not_there_is_named(tmp_path):
    status, _, errors = command("run", tmp_path / "none.yaml")
    assert status == 2
    assert str(tmp_path / "none.yaml") in errors


@pytest.mark.parametrize("arguments", [["--htp", "x"], [], ["--http"], ["--workers", "many"]])
def test_a_wrong_command_line_is_answered_with_status_2(tmp_path, arguments):
    path = tmp_path / "p.yaml"
    path.write_text(SOURCE + SINK)
    files = [path] if arguments else []
    status, _, errors = command("run", *files, *arguments)
    assert status == 2
    assert "weir run" in errors


def test_an_unknown_command_has_a_suggestion():
    status, _, errors = command("chekc")
    assert status == 2
    assert "check" in errors
