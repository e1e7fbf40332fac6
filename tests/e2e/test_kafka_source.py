# SPDX-License-Identifier: Apache-2.0
"""The Kafka source by itself against a real broker: tests/unit/ingest/kafka_check.c."""

import pathlib
import subprocess

from daemon import BINARY

CHECK = pathlib.Path(BINARY).parent.parent / "tests" / "unit" / "ingest" / "kafka_check"
SECONDS_MAX = 300


def test_source_against_a_real_broker(broker):
    """Churn, gaps, transactions, deletion, holds, commits: each is a test in the program."""
    done = subprocess.run([CHECK, broker.bootstrap], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=SECONDS_MAX, check=False)
    assert done.returncode == 0, done.stdout[-8000:]
