# SPDX-License-Identifier: Apache-2.0
"""A real broker and what tests do with it: topics, records, transactions, deletion of records."""

import contextlib
import itertools
import json
import os
import pathlib
import re
import socket
import struct
import subprocess
import sys

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BROKER = ROOT / "tests" / "kafka" / "broker.py"
FLUSH_SECONDS_MAX = 60
ADMIN_SECONDS_MAX = 30

TOPIC_NUMBERS = itertools.count(1)


class Topic:
    """A topic of its own for one test, and the offsets that were produced to it."""

    def __init__(self, cluster, name, partitions):
        self.cluster = cluster
        self.name = name
        self.partitions = partitions
        self.ends = dict.fromkeys(range(partitions), 0)

    def produce(self, records, partition=None, **settings):
        """Records are values (str, bytes, None or what JSON can say) or Record. They are spread
        over the partitions in turn, or go to one. Returns (partition, offset) of each."""
        offsets = []

        def delivered(error, message):
            assert error is None, error
            offsets.append((message.partition(), message.offset()))
            end = message.offset() + 1
            self.ends[message.partition()] = max(end, self.ends.get(message.partition(), 0))

        producer = self.cluster.producer(**settings)
        for number, entry in enumerate(records):
            fields = entry if isinstance(entry, Record) else Record(entry)
            where = fields.partition
            if where is None:
                where = number % self.partitions if partition is None else partition
            producer.poll(0)
            while True:
                try:
                    producer.produce(self.name, on_delivery=delivered, partition=where,
                                     **fields.message())
                    break
                except BufferError:
                    producer.poll(0.1)
        assert producer.flush(FLUSH_SECONDS_MAX) == 0, "the broker did not take all records"
        return offsets

    def grow(self, partitions):
        future = self.cluster.admin.create_partitions([NewPartitions(self.name, partitions)])
        future[self.name].result(ADMIN_SECONDS_MAX)
        self.ends.update(dict.fromkeys(range(self.partitions, partitions), 0))
        self.partitions = partitions

    def delete(self):
        self.cluster.admin.delete_topics([self.name])[self.name].result(ADMIN_SECONDS_MAX)

    def delete_records(self, partition, before):
        """The log of the partition begins at `before` from now on."""
        self.cluster.delete_records(self.name, partition, before)


class Record:
    """A value with what else a Kafka message may carry."""

    def __init__(self, value, key=None, partition=None, timestamp_ms=None, headers=None):
        if value is not None and not isinstance(value, (str, bytes)):
            value = json.dumps(value, ensure_ascii=False)
        self.value = value
        self.key = key
        self.partition = partition
        self.timestamp_ms = timestamp_ms
        self.headers = headers

    def message(self):
        parts = {"value": self.value, "key": self.key, "headers": self.headers}
        if self.timestamp_ms is not None:
            parts["timestamp"] = self.timestamp_ms
        return parts


class Cluster:
    """One broker, started for the session in a directory and on ports of its own."""

    def __init__(self, directory, secure=False):
        self.directory = directory
        self.secure = secure
        self.port = None
        self.plain_admin = None

    def run(self, *arguments):
        command = [sys.executable, str(BROKER), *arguments, "--dir", str(self.directory)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=180)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
        return done.stdout

    def start(self):
        port = str(self.port or 0)
        answer = self.run("start", "--port", port, *(["--secure"] if self.secure else []))
        self.port = int(re.search(r"127\.0\.0\.1:(\d+)", answer).group(1))

    def stop(self):
        self.run("stop")

    @property
    def bootstrap(self):
        return f"127.0.0.1:{self.port}"

    @property
    def sasl_ssl(self):
        return f"localhost:{self.port + 2}"

    @property
    def ssl(self):
        return f"localhost:{self.port + 3}"

    @property
    def certs(self):
        return self.directory / "certs"

    @property
    def admin(self):
        if self.plain_admin is None:
            self.plain_admin = AdminClient({"bootstrap.servers": self.bootstrap})
        return self.plain_admin

    def producer(self, **settings):
        return Producer({"bootstrap.servers": self.bootstrap, "linger.ms": 5,
                         "queue.buffering.max.messages": 1000000,
                         **{name.replace("_", "."): value for name, value in settings.items()}})

    def topic(self, partitions=1, name=None, **config):
        name = name or f"topic-{os.getpid()}-{next(TOPIC_NUMBERS)}"
        topic = NewTopic(name, partitions, 1, config={key.replace("_", "."): str(value)
                                                     for key, value in config.items()})
        self.admin.create_topics([topic])[name].result(ADMIN_SECONDS_MAX)
        return Topic(self, name, partitions)

    def ends(self, topic):
        """Partition -> the offset after its last record, as the broker says."""
        asker = Consumer({"bootstrap.servers": self.bootstrap, "group.id": "nobody"})
        try:
            return {number: asker.get_watermark_offsets(TopicPartition(topic.name, number),
                                                        ADMIN_SECONDS_MAX)[1]
                    for number in range(topic.partitions)}
        finally:
            asker.close()

    def delete_records(self, topic, partition, before):
        """DeleteRecords, version 0, by hand: the client library of Debian does not know it."""
        name = topic.encode()
        body = (struct.pack(">ih", 1, len(name)) + name +
                struct.pack(">iiqi", 1, partition, before, ADMIN_SECONDS_MAX * 1000))
        request = struct.pack(">hhih4s", 21, 0, 1, 4, b"test") + body
        with contextlib.closing(socket.create_connection(("127.0.0.1", self.port), 10)) as wire:
            wire.sendall(struct.pack(">i", len(request)) + request)
            stream = wire.makefile("rb")
            length, = struct.unpack(">i", stream.read(4))
            answer = stream.read(length)
        # correlation id, throttle time, topics, name, partitions, partition, low watermark, error
        low, error = struct.unpack_from(">qh", answer, len(answer) - 10)
        assert error == 0, f"DeleteRecords failed with Kafka error {error}"
        assert low == before
