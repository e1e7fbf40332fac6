#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""walls.py [ROOT]: who may include whom, checked on every #include line.

The folders are floors of one building: a change to one must not be felt where it has no business.
Permissions are written here and nowhere else; docs/architecture.md says what they are good for.
Prints `file:line: what` for each include that is not permitted; exit status 1 if there is any.
"""

import pathlib
import re
import sys

# What a folder may include, besides itself and the C and C++ libraries.
MAY_INCLUDE = {
    "include": set(),
    "base": {"include"},
    "ingest": {"include", "base"},
    "transforms": {"include", "base"},
    "sink": {"include", "base"},
    "pipelines": {"include", "base", "ingest", "transforms", "sink"},
    "tests": {"include", "base", "ingest", "transforms", "sink", "pipelines"},
}

# Libraries that are known to one folder only, so that each could be replaced there. Tests may use
# what they like.
LIBRARIES = {
    "librdkafka/": "ingest",
    "simdjson": "ingest",
    "yaml.h": "pipelines",
    "microhttpd.h": "sink",
    "sqlite3.h": "sink",
}

# `weir --version` names all of them.
KNOWS_LIBRARIES = {"pipelines/version.c"}

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')
SUFFIXES = {".c", ".h", ".cpp"}


def source_files(root):
    for folder in MAY_INCLUDE:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in SUFFIXES:
                yield folder, path


def included_folder(root, path, quoted, angled):
    """(the folder of ours that is included or None for a library's header, a complaint or None)"""
    if angled is not None:
        return ("include", None) if angled.startswith("weir/") else (None, None)
    if path.parent == root / "include" / "weir" and (path.parent / quoted).is_file():
        return "include", None  # the plugin interface is installed as one directory
    folder = quoted.split("/")[0]
    if ".." in quoted.split("/") or folder not in MAY_INCLUDE:
        return None, f'"{quoted}" is not written from the root ("folder/file.h")'
    if folder == "include":
        return None, f'"{quoted}" is the plugin interface: <weir/...>'
    if not (root / quoted).is_file():
        return None, f'"{quoted}" does not exist'
    return folder, None


def complaint(root, folder, path, quoted, angled):
    target, wrong = included_folder(root, path, quoted, angled)
    if wrong:
        return wrong
    if target is not None and target != folder and target not in MAY_INCLUDE[folder]:
        return f"{folder}/ may not include {target}/ ({quoted or angled})"
    if angled and folder != "tests" and str(path.relative_to(root)) not in KNOWS_LIBRARIES:
        for library, owner in LIBRARIES.items():
            if angled.startswith(library) and folder != owner:
                return f"<{angled}> is known to {owner}/ only"
    return None


def violations(root):
    for folder, path in source_files(root):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            wrong = match and complaint(root, folder, path, *match.groups())
            if wrong:
                yield f"{path.relative_to(root)}:{number}: {wrong}"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else __file__).resolve()
    if len(sys.argv) < 2:
        root = root.parent.parent.parent
    found = list(violations(root))
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
