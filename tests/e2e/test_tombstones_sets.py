# SPDX-License-Identifier: Apache-2.0
"""Sets: the last version of each key; null values, versions, deletions; keys over partitions."""

import json

from cluster import Record

SOURCE = """
    pipeline: people
    source:
      kafka:
        brokers: ${KAFKA_BROKERS}
        topics: ["${TOPIC}"]
        group: ${GROUP}
      format: json
      fields:
        id: string
        city: string?
        visits: int?
        gone: bool?
    sink:
    """
BY_RECORD_KEY = SOURCE + """
      sets:
        people: {key: _key, bins: [city, visits]}
    """
BY_FIELD = SOURCE + """
      sets:
        people: {key: id, bins: [city, visits]}
    """
BY_VERSION = SOURCE + """
      sets:
        people: {key: id, bins: [city, visits], version: visits}
    """
DELETE_WHEN = SOURCE + """
      sets:
        people: {key: id, bins: [city], delete_when: "coalesce(gone, false)"}
    """


def person(name, partition=None, timestamp_ms=None, **bins):
    return Record(json.dumps({"id": name, **bins}), key=name, partition=partition,
                  timestamp_ms=timestamp_ms)


def tombstone(name, **options):
    return Record(None, key=name, **options)


def test_the_last_version_of_a_key_is_kept(topic, weir):
    work = topic()
    work.produce([person("ann", city="Ulm", visits=1), person("bob", city="Bonn", visits=1),
                  person("ann", city="Köln", visits=2)])
    daemon = weir(BY_FIELD, work).start().wait_covered(work)
    assert daemon.record("people", "ann").body["row"] == {"id": "ann", "city": "Köln", "visits": 2}
    assert daemon.record("people", "bob").body["row"] == {"id": "bob", "city": "Bonn", "visits": 1}
    assert daemon.record("people", "cid").status == 404
    assert daemon.record("people", "ann").body["covers"] == {work.name: {"0": 3}}


def test_a_null_value_deletes_from_a_set_of_the_record_key(topic, weir):
    work = topic()
    work.produce([person("ann", city="Ulm"), person("bob", city="Bonn"), tombstone("ann"),
                  tombstone("nobody")])
    daemon = weir(BY_RECORD_KEY, work).start().wait_covered(work)
    assert daemon.record("people", "ann").status == 404
    assert daemon.record("people", "bob").status == 200
    records = daemon.status()["records"]
    assert (records["applied"], records["skipped"], records["rejected"]) == (4, 0, 0)
    # A later version brings the key back.
    work.produce([person("ann", city="Jena")])
    daemon.wait_covered(work)
    assert daemon.record("people", "ann").body["row"]["city"] == "Jena"


def test_a_null_value_is_skipped_where_no_set_has_the_record_key(topic, weir):
    work = topic()
    work.produce([person("ann", city="Ulm"), tombstone("ann"), person("bob", city="Bonn")])
    daemon = weir(BY_FIELD, work).start().wait_covered(work)
    assert daemon.record("people", "ann").status == 200
    records = daemon.status()["records"]
    assert (records["consumed"], records["applied"], records["skipped"]) == (3, 2, 1)


def test_a_late_update_does_not_overwrite_a_greater_version(topic, weir):
    work = topic()
    work.produce([person("ann", city="new", visits=5), person("ann", city="old", visits=3)])
    daemon = weir(BY_VERSION, work).start().wait_covered(work)
    assert daemon.record("people", "ann").body["row"]["city"] == "new"
    work.produce([person("ann", city="newer", visits=6)])
    daemon.wait_covered(work)
    assert daemon.record("people", "ann").body["row"]["city"] == "newer"


def test_delete_when_removes_a_key(topic, weir):
    work = topic()
    work.produce([person("ann", city="Ulm"), person("bob", city="Bonn"),
                  person("ann", gone=True)])
    daemon = weir(DELETE_WHEN, work).start().wait_covered(work)
    assert daemon.record("people", "ann").status == 404
    assert [row["id"] for row in daemon.records("people").rows] == ["bob"]


def test_a_key_that_is_spread_over_partitions_has_one_version(topic, weir):
    """The greatest version wins, wherever it lies; without one the latest timestamp does."""
    work = topic(partitions=2)
    work.produce([person("ann", 0, city="first", visits=9), person("ann", 1, city="second",
                                                                   visits=4)])
    daemon = weir(BY_VERSION, work).start().wait_covered(work)
    assert daemon.record("people", "ann").body["row"]["city"] == "first"
    assert len(daemon.records("people").rows) == 1

    later, earlier = 1_700_000_001_000, 1_700_000_000_000
    work = topic(partitions=2)
    work.produce([person("ann", 1, timestamp_ms=later, city="later"),
                  person("ann", 0, timestamp_ms=earlier, city="earlier")])
    daemon = weir(BY_FIELD, work).start().wait_covered(work)
    assert daemon.record("people", "ann").body["row"]["city"] == "later"
    assert [row["city"] for row in daemon.records("people").rows] == ["later"]


def test_keys_may_hold_anything(topic, weir):
    names = ["a/b", "ümläut", "50%", "a b", "a?b=c&d", "#", "日本", "x" * 3000]
    work = topic()
    work.produce(person(name, city=name[:10]) for name in names)
    daemon = weir(BY_FIELD, work).start().wait_covered(work)
    for name in names:
        answer = daemon.record("people", name)
        assert answer.status == 200, name
        assert answer.body["row"]["id"] == name
