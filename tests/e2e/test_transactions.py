# SPDX-License-Identifier: Apache-2.0
"""Transactions: only what was committed counts; markers and aborted records leave no lag behind."""

import json

from daemon import wait_until

PIPELINE = """
    pipeline: transactions
    source:
      kafka:
        brokers: ${KAFKA_BROKERS}
        topics: ["${TOPIC}"]
        group: ${GROUP}
      format: json
      fields: {n: int}
    sink:
      aggregates:
        sums: {measures: {records: count(*), total: sum(n)}}
    """


class Transactions:
    def __init__(self, work):
        self.work = work
        self.producer = work.cluster.producer(transactional_id=f"tx-{work.name}")
        self.producer.init_transactions(30)

    def send(self, numbers):
        self.producer.begin_transaction()
        for number in numbers:
            self.producer.produce(self.work.name, json.dumps({"n": number}), partition=0)
        self.producer.flush(30)

    def commit(self, numbers):
        self.send(numbers)
        self.producer.commit_transaction(30)

    def abort(self, numbers):
        self.send(numbers)
        self.producer.abort_transaction(30)


def at_end(daemon, work, end):
    entry = daemon.partition(work.name)
    return entry and entry["lag_records"] == 0 and entry["next_offset"] == end


def test_aborted_records_do_not_count_and_lag_reaches_zero(topic, weir):
    work = topic()
    log = Transactions(work)
    log.commit([1, 2, 3])          # 0-2, marker 3
    log.abort([100, 200, 300])     # 4-6, marker 7
    log.commit([4])                # 8, marker 9
    log.abort([1000])              # 10, marker 11: the log ends with what nobody sees
    daemon = weir(PIPELINE, work).start()
    wait_until(lambda: at_end(daemon, work, 12),
               lambda: f"the end: {daemon.partition(work.name)}\n{daemon.log()}")
    answer = daemon.aggregate("sums").body
    assert answer["rows"] == [{"records": 4, "total": 10}]
    assert answer["covers"] == {work.name: {"0": 12}}
    assert daemon.status()["records"]["consumed"] == 4
    daemon.wait_ready()


def test_an_open_transaction_is_neither_counted_nor_lag(topic, weir):
    work = topic()
    log = Transactions(work)
    log.commit([1, 2])             # 0-1, marker 2
    log.send([10, 20])             # 3-4, open
    work.produce([{"n": 5}])       # 5, behind the open transaction
    daemon = weir(PIPELINE, work).start().wait_ready()
    wait_until(lambda: at_end(daemon, work, 3),
               lambda: f"the last stable offset: {daemon.partition(work.name)}\n{daemon.log()}")
    assert daemon.aggregate("sums").rows == [{"records": 2, "total": 3}]
    log.producer.commit_transaction(30)
    wait_until(lambda: at_end(daemon, work, 7),
               lambda: f"the end: {daemon.partition(work.name)}\n{daemon.log()}")
    assert daemon.aggregate("sums").rows == [{"records": 5, "total": 38}]
