# SPDX-License-Identifier: Apache-2.0
"""The example pipeline as it stands and a million payments by `weir produce`, counted again."""

import collections
import random
import time

import pytest

from cluster import ROOT, Topic
from daemon import command

RECORDS = 1_000_000
SIGN = {"settled": 1, "pending": None, "declined": None, "refunded": -1}
STATUSES = ["settled"] * 6 + ["pending", "declined", "refunded", "test"]
MERCHANTS = ["bakery", "books", "cinema", "coffee", "fuel"]
ACCOUNTS = [f"a-{number:03}" for number in range(300)]


def payments(seed):
    """(account, merchant, cents, status, minute) and the line that says so."""
    draw = random.Random(seed)
    begin = int(time.time()) // 60 - 30
    for number in range(RECORDS):
        account, merchant = draw.choice(ACCOUNTS), draw.choice(MERCHANTS)
        cents, status = draw.randrange(1, 50_000), draw.choice(STATUSES)
        minute = begin + number * 20 // RECORDS
        stamp = time.strftime("%Y-%m-%dT%H:%M", time.gmtime(minute * 60))
        yield (account, merchant, cents, status, minute), (
            f'{{"payment_id": "p-{number}", "account": "{account}", "merchant": "{merchant}", '
            f'"amount": {cents // 100}.{cents % 100:02}, "status": "{status}", '
            f'"created_at": "{stamp}:{number % 60:02}.{number % 1000:03}Z"}}\n')


def cents(amount):
    return None if amount is None else int(amount * 100)


def total(old, more):
    """SQL's sum: null over nothing."""
    return old if more is None else more + (old or 0)


@pytest.fixture
def payments_topic(broker):
    broker.topic(partitions=4, name="payments")
    work = Topic(broker, "payments", 4)
    yield work
    work.delete()


def test_a_million_payments_equal_a_recount(payments_topic, weir, tmp_path):
    merchants = collections.defaultdict(lambda: [0, None])
    minutes = collections.defaultdict(lambda: [0, None])
    balances = collections.defaultdict(lambda: [0, 0])
    data = tmp_path / "payments.ndjson"
    with open(data, "w") as file:
        for (account, merchant, amount, status, minute), line in payments(seed=11):
            file.write(line)
            if status == "test":
                continue
            booked = SIGN[status] and SIGN[status] * amount
            for cell in merchants[merchant], minutes[merchant, status, minute]:
                cell[0] += 1
                cell[1] = total(cell[1], booked)
            if booked is not None:
                balances[account][0] += 1
                balances[account][1] += booked

    file = ROOT / "pipelines" / "payments.yaml"
    work = payments_topic
    env = {"KAFKA_BROKERS": work.cluster.bootstrap}
    daemon = weir(file, work).start_ready()
    status, output, errors = command("produce", data, "--pipeline", file, "--key", "account",
                                     "--format", "csv", env=env, timeout=300)
    assert status == 0, errors
    assert output.splitlines()[1].split(",")[:2] == ["payments", str(RECORDS)]

    # `covers` equals the produced offsets: what the broker says the ends are.
    work.ends = work.cluster.ends(work)
    assert sum(work.ends.values()) == RECORDS
    daemon.wait_covered(work, seconds=300)
    answer = daemon.aggregate("merchants").body
    assert answer["covers"] == {"payments": {str(n): end for n, end in work.ends.items()}}

    assert {row["merchant"]: [row["payments"], cents(row["total"])]
            for row in answer["rows"]} == merchants
    rows = daemon.aggregate("minutes", limit=100_000).rows
    stamps = {minute: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(minute * 60))
              for _, _, minute in minutes}
    assert {(row["merchant"], row["status"], row["window_start"]):
            [row["payments"], cents(row["total"])] for row in rows} == {
                (merchant, status, stamps[minute]): cell
                for (merchant, status, minute), cell in minutes.items()}
    assert {row["account"]: [row["payments"], cents(row["balance"])]
            for row in daemon.aggregate("balances").rows} == balances
    assert len(daemon.records("accounts").rows) == len(ACCOUNTS)
