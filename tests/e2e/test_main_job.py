# SPDX-License-Identifier: Apache-2.0
"""The main job: a topic of payments, filtered and typed, as live aggregates and a set over HTTP.

Everything is counted again here in Python from the records that were produced. Invariants I1
(count), I3 (what an answer covers never goes back), I8 (the records add up).
"""

import collections
import datetime
import decimal
import random
import time

import pytest

PAYMENTS = """
    pipeline: payments
    source:
      kafka:
        brokers: ${KAFKA_BROKERS}
        topics: ["${TOPIC}"]
        group: ${GROUP}
      format: json
      fields:
        id: int
        account: string
        merchant: string
        amount: decimal(2)
        status: string
        at: timestamp(ms)
      event_time: at
    transforms:
      - filter: status <> 'test' and amount > 0
      - set: {fee: "amount * 0.01"}
    sink:
      aggregates:
        merchants:
          by: [merchant]
          measures:
            payments: count(*)
            total: sum(amount)
            smallest: min(amount)
            largest: max(amount)
            mean: avg(amount)
            earliest: first(id)
            latest: last(id)
        minutes:
          by: [merchant, status]
          window: {size: 1m, keep: 24h}
          measures:
            payments: count(*)
            total: sum(amount)
        everything:
          measures:
            payments: count(*)
            total: sum(amount)
      sets:
        payments: {key: id, bins: [account, merchant, amount]}
    """

MINUTE_MS = 60_000
START_MS = (int(time.time()) // 60 - 60) * MINUTE_MS  # an hour ago, on a full minute


def payments(seed, count):
    """Payments of about ten minutes, in no order, a tenth of them not to be counted."""
    source = random.Random(seed)
    for number in range(count):
        yield {
            "id": number,
            "account": f"acc-{source.randrange(500)}",
            "merchant": source.choice(["Möbel & Söhne", "coffee", 'the "x"', "books", "tea"]),
            "amount": decimal.Decimal(source.randrange(-500, 99_999)).scaleb(-2),
            "status": source.choice(["ok", "ok", "ok", "declined", "test"]),
            "at": START_MS + source.randrange(10 * MINUTE_MS),
        }


def as_json(payment):
    """The amount as a JSON number with its two places, which no float has seen."""
    text = {key: f'"{value}"' for key, value in payment.items() if isinstance(value, str)}
    text["merchant"] = text["merchant"].replace('the "x"', 'the \\"x\\"')
    parts = [f'"{key}": {text.get(key, value)}' for key, value in payment.items()]
    return "{" + ", ".join(parts) + "}"


def counted(records):
    return [r for r in records if r["status"] != "test" and r["amount"] > 0]


def minute(ms):
    moment = datetime.datetime.fromtimestamp(ms // MINUTE_MS * 60, datetime.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture
def produced(topic):
    """A topic of four partitions and what is in it."""
    records = list(payments(seed=7, count=20_000))
    work = topic(partitions=4)
    offsets = work.produce(as_json(record) for record in records)
    assert len(offsets) == len(records)
    return work, records


def test_aggregates_equal_a_recount(produced, weir):
    work, records = produced
    daemon = weir(PAYMENTS, work).start().wait_covered(work)

    groups = collections.defaultdict(list)
    for record in counted(records):
        groups[record["merchant"]].append(record)
    rows = {row["merchant"]: row for row in daemon.aggregate("merchants").rows}
    assert rows.keys() == groups.keys()
    for merchant, members in groups.items():
        row, amounts = rows[merchant], [record["amount"] for record in members]
        assert row["payments"] == len(members)
        assert row["total"] == sum(amounts)
        assert row["smallest"] == min(amounts)
        assert row["largest"] == max(amounts)
        assert float(row["mean"]) == pytest.approx(float(sum(amounts) / len(amounts)))
        times = [record["at"] for record in members]
        assert row["earliest"] in [r["id"] for r in members if r["at"] == min(times)]
        assert row["latest"] in [r["id"] for r in members if r["at"] == max(times)]


def test_windows_equal_a_recount(produced, weir):
    work, records = produced
    daemon = weir(PAYMENTS, work).start().wait_covered(work)

    expected = collections.defaultdict(lambda: [0, decimal.Decimal(0)])
    for record in counted(records):
        cell = expected[record["merchant"], record["status"], minute(record["at"])]
        cell[0] += 1
        cell[1] += record["amount"]
    rows = daemon.aggregate("minutes", limit=100_000).rows
    found = {(row["merchant"], row["status"], row["window_start"]): [row["payments"], row["total"]]
             for row in rows}
    assert len(found) == len(rows)
    assert found == expected
    # Windows may be merged: five panes at a time, all of them, fewer groups.
    wide = daemon.aggregate("minutes", window="5m", by="merchant").rows
    assert sum(row["payments"] for row in wide) == len(counted(records))
    every = daemon.aggregate("minutes", window="all", by="").rows
    assert [row["payments"] for row in every] == [len(counted(records))]
    assert [row["total"] for row in every] == [sum(r["amount"] for r in counted(records))]


def test_an_answer_covers_exactly_what_was_produced(produced, weir):
    work, records = produced
    daemon = weir(PAYMENTS, work).start_ready().wait_covered(work)

    answer = daemon.aggregate("everything").body
    assert answer["covers"] == {work.name: {str(n): end for n, end in work.ends.items()}}
    assert answer["complete"] is True
    assert answer["missing"] == [] and answer["stale"] == []
    assert [row["payments"] for row in answer["rows"]] == [len(counted(records))]

    # Records that come while it runs move both; covers never goes back (I3).
    more = list(payments(seed=8, count=2_000))
    before = answer["covers"][work.name]
    work.produce(as_json({**record, "id": record["id"] + 20_000}) for record in more)
    while before != {str(n): end for n, end in work.ends.items()}:
        after = daemon.aggregate("everything").body["covers"][work.name]
        assert all(after[number] >= before[number] for number in before)
        before = after
    rows = daemon.aggregate("everything").rows
    assert [row["payments"] for row in rows] == [len(counted(records + more))]


def test_records_add_up_in_status_and_metrics(produced, weir):
    work, records = produced
    daemon = weir(PAYMENTS, work).start().wait_covered(work)

    status = daemon.status()
    total = status["records"]
    assert total["consumed"] == len(records)
    assert total["applied"] == len(counted(records))
    assert total["filtered"] == len(records) - len(counted(records))
    assert total["rejected"] == total["skipped"] == total["pending"] == 0
    for entry in status["partitions"]:
        own = entry["records"]
        assert own["consumed"] == sum(value for key, value in own.items() if key != "consumed")
        assert own["consumed"] == work.ends[entry["partition"]]
        assert entry["end_offset"] == entry["next_offset"] == work.ends[entry["partition"]]
        assert entry["lag_records"] == 0
        assert entry["owner"] == "self"
    consumed = [daemon.metric("weir_kafka_records_consumed_total", partition=str(number))
                for number in range(work.partitions)]
    assert sum(consumed) == len(records)
    assert sum(daemon.metric("weir_records_applied_total", partition=str(number))
               for number in range(work.partitions)) == len(counted(records))


def test_the_set_holds_each_payment_once(produced, weir):
    work, records = produced
    daemon = weir(PAYMENTS, work).start().wait_covered(work)
    kept = {record["id"]: record for record in counted(records)}
    for number in (min(kept), max(kept), *random.Random(1).sample(sorted(kept), 20)):
        answer = daemon.record("payments", number)
        assert answer.status == 200
        assert answer.body["row"] == {key: kept[number][key]
                                      for key in ("id", "account", "merchant", "amount")}
    left_out = next(record["id"] for record in records if record["id"] not in kept)
    assert daemon.record("payments", left_out).status == 404

    # All of it, page by page: nothing twice, nothing missing.
    seen, cursor = [], None
    while True:
        page = daemon.records("payments", limit=1_500, **({"cursor": cursor} if cursor else {}))
        seen += [row["id"] for row in page.rows]
        cursor = page.body["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == len(kept)
    assert set(seen) == set(kept)


def test_several_workers_give_the_same_answer(produced, weir):
    work, records = produced
    one = weir(PAYMENTS.replace("pipeline: payments", "pipeline: one"), work,
               arguments=["--workers", 1]).start()
    three = weir(PAYMENTS.replace("pipeline: payments", "pipeline: three"), work,
                 arguments=["--workers", 3]).start()
    answers = []
    for daemon in (one, three):
        daemon.wait_covered(work)
        rows = daemon.aggregate("merchants", order="merchant").rows
        answers.append([{key: row[key] for key in row if key not in ("earliest", "latest")}
                        for row in rows])
    assert answers[0] == answers[1]


def test_the_first_page_is_for_people(produced, weir):
    work, _ = produced
    daemon = weir(PAYMENTS, work).start_ready()
    page = daemon.get("/")
    assert page.status == 200
    assert page.headers.get_content_type() == "text/html"
