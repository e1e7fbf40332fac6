# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the end-to-end tests: a real broker for the session, topics, daemons."""

import itertools
import os

import pytest

from cluster import Cluster
from daemon import BINARY, Weir

GROUP_NUMBERS = itertools.count(1)


def pytest_report_header():
    return f"weir: {BINARY}"


@pytest.fixture(scope="session")
def broker(tmp_path_factory):
    """A broker in a directory and on ports of its own: it disturbs no developer's."""
    cluster = Cluster(tmp_path_factory.mktemp("kafka"))
    cluster.start()
    yield cluster
    cluster.stop()


@pytest.fixture(scope="session")
def secure_broker(tmp_path_factory):
    """The same with TLS, SASL and client certificates."""
    cluster = Cluster(tmp_path_factory.mktemp("secure-kafka"), secure=True)
    cluster.start()
    yield cluster
    cluster.stop()


@pytest.fixture
def topic(broker):
    """topic(partitions=1, **config): a fresh topic."""
    return broker.topic


@pytest.fixture
def weir(tmp_path, request):
    """weir(pipeline, topic=None, **options): a daemon that is not yet started, with KAFKA_BROKERS,
    TOPIC and a GROUP of its own in its environment (a group that another test used waits for its
    static members). Those that run at the end of the test must end cleanly."""
    numbers = itertools.count(1)
    daemons = []

    def make(pipeline, topic=None, env=None, **options):
        directory = tmp_path / f"weir-{next(numbers)}"
        directory.mkdir()
        values = {"GROUP": f"group-{os.getpid()}-{next(GROUP_NUMBERS)}", **(env or {})}
        if topic is not None:
            values = {"KAFKA_BROKERS": topic.cluster.bootstrap, "TOPIC": topic.name, **values}
        daemon = Weir(directory, pipeline, env=values, **options)
        daemons.append(daemon)
        return daemon

    yield make
    running = [daemon for daemon in daemons if daemon.running()]
    try:
        for daemon in running:
            daemon.terminate()
    finally:
        for daemon in running:
            if daemon.running():
                daemon.kill9()
