#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Plants one violation of each kind in a small tree; the script must name it, and nothing else."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).parent
LICENCE = "/* SPDX-License-Identifier: Apache-2.0 */\n"

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


BREACHES = {
    "no licence": ("base/text.c", "int x;\n", 1, "licence"),
    "too long": ("base/text.c", LICENCE + "int x;\n" * 800, 800, "801 lines"),
    "unfinished": ("base/text.c", LICENCE + "/* TO" "DO */\n", 2, "unfinished"),
    "a wait": ("tests/unit/test_x.c", LICENCE + "  usle" "ep(1500);\n", 2, "waits for a time"),
    "a path": ("tests/x.py", "# SPDX-License-Identifier: Apache-2.0\np = '/ho" "me/x'\n", 2,
               "one machine"),
}


class Planted(unittest.TestCase):
    def check(self, script, files):
        with tempfile.TemporaryDirectory() as root:
            for name, text in files.items():
                path = pathlib.Path(root) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            done = subprocess.run([sys.executable, HERE / script, root], capture_output=True,
                                  text=True, check=False)
        return done.returncode, done.stdout.splitlines()

    def test_permitted_includes_pass(self):
        self.assertEqual(self.check("walls.py", CLEAN), (0, []))

    def test_each_planted_violation_is_named(self):
        for what, (name, line, message) in PLANTED.items():
            with self.subTest(what):
                status, lines = self.check("walls.py", {**CLEAN, name: LICENCE + line + "\n"})
                self.assertEqual(status, 1)
                self.assertEqual(len(lines), 1, lines)
                self.assertTrue(lines[0].startswith(f"{name}:2: "), lines)
                self.assertIn(message, lines[0])

    def test_each_breach_of_a_house_rule_is_named(self):
        self.assertEqual(self.check("house.py", {"base/text.c": LICENCE}), (0, []))
        for what, (name, text, line, message) in BREACHES.items():
            with self.subTest(what):
                status, lines = self.check("house.py", {name: text})
                self.assertEqual(status, 1)
                self.assertEqual(len(lines), 1, lines)
                self.assertTrue(lines[0].startswith(f"{name}:{line}: "), lines)
                self.assertIn(message, lines[0])


if __name__ == "__main__":
    unittest.main()
