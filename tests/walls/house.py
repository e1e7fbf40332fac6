#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""house.py [ROOT]: small rules of the house that no compiler knows.

Prints `file:line: what` for each breach; exit status 1 if there is any.
"""

import pathlib
import re
import sys

FOLDERS = ("include", "base", "ingest", "transforms", "sink", "pipelines", "tests", "docker")
SUFFIXES = {".c", ".h", ".cpp", ".py", ".sh"}
LINES_MAX = 800
# The words are put together here so that this file does not break its own rules.
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
# A test waits for a counter or an offset; these may pause between two looks at one, or keep a pace.
WAITS = re.compile(r"\b(usleep|nanosleep|sleep)\s?\(")
MAY_WAIT = ("tests/e2e/daemon.py", "tests/kafka/broker.py", "tests/bench/")
MACHINE = re.compile(r"/(work|root|home)/[a-z]")


def breaches(name, text):
    lines = text.splitlines()
    if "SPDX-License-Identifier: Apache-2.0" not in "\n".join(lines[:2]):
        yield 1, "the licence line is missing"
    if len(lines) > LINES_MAX:
        yield LINES_MAX, f"{len(lines)} lines; more than {LINES_MAX} is two files"
    for number, line in enumerate(lines, 1):
        if UNFINISHED.search(line):
            yield number, "a mark of unfinished work"
        if WAITS.search(line) and name.startswith("tests/") and \
                not name.startswith(MAY_WAIT):
            yield number, "a test that waits for a time; wait for a counter or an offset"
        if MACHINE.search(line):
            yield number, "a path of one machine"


def main():
    default = pathlib.Path(__file__).resolve().parent.parent.parent
    root = pathlib.Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else default
    found = 0
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            name = str(path.relative_to(root))
            if path.suffix in SUFFIXES and name != "tests/walls/house.py":
                for line, what in breaches(name, path.read_text()):
                    print(f"{name}:{line}: {what}")
                    found += 1
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
