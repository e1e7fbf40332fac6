#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Plants one violation of each kind in a small tree; walls.py must name it, and nothing else."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

WALLS = pathlib.Path(__file__).with_name("walls.py")

CLEAN = {
    "include/weir/batch.h": "#include <stdint.h>\n",
    "include/weir/stage.h": '#include "batch.h"\n',
    "base/text.h": "#include <weir/batch.h>\n",
    "ingest/kafka.h": '#include "base/text.h"\n',
    "ingest/kafka.c": '#include "ingest/kafka.h"\n#include <librdkafka/rdkafka.h>\n',
    "sink/query.h": '#include "base/text.h"\n',
    "transforms/expr.h": "#include <weir/batch.h>\n",
    "pipelines/run.c": '#include "ingest/kafka.h"\n  #  include "sink/query.h"\n',
    "pipelines/version.c": "#include <microhttpd.h>\n",
    "tests/unit/ingest/test_kafka.c": '#include "ingest/kafka.h"\n#include <sqlite3.h>\n',
}

PLANTED = {
    "a sink that knows the source": ("sink/query.c", '#include "ingest/kafka.h"',
                                     "sink/ may not include ingest/"),
    "a stage that knows the sink": ("transforms/expr.c", '#include "sink/query.h"',
                                    "transforms/ may not include sink/"),
    "a floor that knows the rest": ("base/text.c", '#include "pipelines/plan.h"', "does not exist"),
    "base that knows the sink": ("base/text.c", '#include "sink/query.h"',
                                 "base/ may not include sink/"),
    "a plugin header that is not alone": ("include/weir/stage.h", '#include "base/text.h"',
                                          "include/ may not include base/"),
    "a library outside its folder": ("pipelines/run.h", "#include <librdkafka/rdkafka.h>",
                                     "is known to ingest/ only"),
    "a way round the root": ("sink/query.c", '#include "../ingest/kafka.h"',
                             "is not written from the root"),
    "code that needs a test": ("sink/query.c", '#include "tests/unit/help.h"', "does not exist"),
}


class Walls(unittest.TestCase):
    def check(self, files):
        with tempfile.TemporaryDirectory() as root:
            for name, text in files.items():
                path = pathlib.Path(root) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            done = subprocess.run([sys.executable, WALLS, root], capture_output=True, text=True,
                                  check=False)
        return done.returncode, done.stdout.splitlines()

    def test_permitted_includes_pass(self):
        self.assertEqual(self.check(CLEAN), (0, []))

    def test_each_planted_violation_is_named(self):
        for what, (name, line, message) in PLANTED.items():
            with self.subTest(what):
                status, lines = self.check({**CLEAN, name: "/* first line */\n" + line + "\n"})
                self.assertEqual(status, 1)
                self.assertEqual(len(lines), 1, lines)
                self.assertTrue(lines[0].startswith(f"{name}:2: "), lines)
                self.assertIn(message, lines[0])


if __name__ == "__main__":
    unittest.main()
