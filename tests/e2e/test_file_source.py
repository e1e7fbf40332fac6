# SPDX-License-Identifier: Apache-2.0
"""A file as a topic: its base name, partition 0, bytes as offsets; NDJSON and CSV."""

import json

from daemon import wait_until

NDJSON = """
    pipeline: readings
    source:
      file: {path: "${DATA_FILE}", follow: ${FOLLOW:-false}}
      format: json
      fields: {sensor: string, value: float}
    sink:
      aggregates:
        sensors: {by: [sensor], measures: {readings: count(*), highest: max(value)}}
    """
CSV = """
    pipeline: readings
    source:
      file: {path: "${DATA_FILE}"}
      format: {csv: {header: true}}
      fields: {sensor: string, value: "decimal(1)?", note: "string?"}
      on_error: skip
    sink:
      aggregates:
        sensors: {by: [sensor], measures: {readings: count(*), total: sum(value), last: last(note)}}
    """


def finished(daemon):
    wait_until(lambda: daemon.status()["state"] == "finished",
               lambda: f"finished: {daemon.status()}\n{daemon.log()}")


def lines(first, last):
    return "".join(json.dumps({"sensor": f"s{number % 3}", "value": number}) + "\n"
                   for number in range(first, last))


def test_ndjson_is_read_to_its_end_and_the_daemon_stays(weir, tmp_path):
    data = tmp_path / "readings.ndjson"
    data.write_text(lines(0, 1000) + "\n" + lines(1000, 1001).rstrip("\n"))
    daemon = weir(NDJSON, env={"DATA_FILE": str(data)}).start()
    finished(daemon)
    rows = daemon.aggregate("sensors", order="sensor").rows
    assert [(row["sensor"], row["readings"], row["highest"]) for row in rows] == [
        ("s0", 334, 999), ("s1", 334, 1000), ("s2", 333, 998)]
    assert daemon.aggregate("sensors").body["covers"] == {
        "readings.ndjson": {"0": data.stat().st_size}}
    assert daemon.get("/readyz").status == 200


def test_a_file_that_grows_is_followed(weir, tmp_path):
    data = tmp_path / "readings.ndjson"
    data.write_text(lines(0, 10))
    daemon = weir(NDJSON, env={"DATA_FILE": str(data), "FOLLOW": "true"}).start()
    with open(data, "a") as more:
        more.write(lines(10, 20))
    size = data.stat().st_size
    last = f"readings.ndjson:0:{size - 1}"
    answer = daemon.aggregate("sensors", by="", after=last, timeout="20s")
    assert [row["readings"] for row in answer.rows] == [20]
    assert daemon.status()["state"] == "running"


def test_csv_with_quotes_newlines_and_bad_rows(weir, tmp_path):
    data = tmp_path / "readings.csv"
    data.write_text('note,sensor,value,other\r\n'
                    '"a, b",s0,1.5,x\r\n'
                    '"two\nlines, ""quoted""",s1,-2.0,x\r\n'
                    ',s1,,x\r\n'
                    'bad,s0,12.x,x\r\n'
                    'last,s0,10.0,x')
    daemon = weir(CSV, env={"DATA_FILE": str(data)}).start()
    finished(daemon)
    rows = daemon.aggregate("sensors", order="sensor").rows
    assert [(row["sensor"], row["readings"], str(row["total"])) for row in rows] == [
        ("s0", 2, "11.5"), ("s1", 2, "-2.0")]
    assert rows[0]["last"] == "last"
    records = daemon.status()["records"]
    assert (records["consumed"], records["applied"], records["rejected"]) == (5, 4, 1)


def test_until_end_ends(weir, tmp_path):
    data = tmp_path / "readings.ndjson"
    data.write_text(lines(0, 10))
    daemon = weir(NDJSON, env={"DATA_FILE": str(data)}, arguments=["--until-end"]).spawn()
    assert daemon.wait_exit() == 0


def test_a_file_that_is_not_there_is_named(weir, tmp_path):
    daemon = weir(NDJSON, env={"DATA_FILE": str(tmp_path / "none.ndjson")}).spawn()
    assert daemon.wait_exit() > 0
    assert "none.ndjson" in daemon.log()
