# SPDX-License-Identifier: Apache-2.0
"""What the README and docs/ say is so: links lead somewhere, the tour works as written."""

import json
import os
import re
import subprocess

import pytest

from cluster import ROOT
from daemon import BINARY, Weir, command

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    broken = [link for link in LINK.findall(page.read_text())
              if not (page.parent / link).exists()]
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pipelines_are_right(page, tmp_path):
    """Each YAML block that is a whole pipeline passes `weir check`."""
    for number, (kind, text) in enumerate(BLOCK.findall(page.read_text())):
        if kind == "yaml" and text.startswith("pipeline:"):
            path = tmp_path / f"{number}.yaml"
            path.write_text(text)
            status, _, errors = command("check", path, env={"KAFKA_BROKERS": "127.0.0.1:9092"})
            assert status == 0, f"{page.name}:\n{errors}"


def test_the_tour_of_the_readme_works(broker, tmp_path):
    """Its commands, one block after another, against this session's broker and a free port."""
    tour = (ROOT / "README.md").read_text().split("## Five minutes")[1].split("\n## ")[0]
    blocks = BLOCK.findall(tour)
    (tmp_path / "visits.yaml").write_text(next(text for kind, text in blocks if kind == "yaml"))
    env = {**os.environ, "KAFKA_BROKERS": broker.bootstrap,
           "PATH": f"{BINARY.parent}:{os.environ['PATH']}"}

    def shell(text):
        done = subprocess.run(["bash", "-euc", text], cwd=tmp_path, env=env, capture_output=True,
                              text=True, timeout=60)
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    _, check, work = [text for kind, text in blocks if kind == ""]
    assert "visits" in shell(check)
    before, after = work.split("weir run visits.yaml &\n")
    shell(before)
    daemon = Weir(tmp_path, tmp_path / "visits.yaml", env=env).start()
    try:
        daemon.wait_ready()
        for path in re.findall(r"curl 'http://127\.0\.0\.1:8080([^']*)'", after):
            assert daemon.get(path).status == 200, path
        rows = daemon.aggregate("pages", by="page", window="all", order="page").rows
        assert [(row["page"], row["visits"]) for row in rows] == [("/", 2), ("/cart", 1)]
        assert daemon.record("users", "ann").body["row"]["page"] == "/cart"
        records = daemon.status()["records"]
        assert (records["applied"], records["filtered"], records["rejected"]) == (3, 1, 1)
    finally:
        daemon.terminate()


def test_the_table_of_metrics_is_that_of_the_program():
    """Between its marks docs/operations.md has what `weir metrics` prints."""
    status, out, _ = command("metrics", "--format", "json")
    assert status == 0
    table = ["| metric | kind | labels | |", "|---|---|---|---|"]
    for row in json.loads(out):
        labels = row["labels"].replace(",", ", ")
        table.append(f"| `{row['metric']}` | {row['kind']} | {labels} | {row['help']} |")
    page = (ROOT / "docs" / "operations.md").read_text()
    between = page.split("<!-- metrics -->\n")[1].split("\n<!-- end metrics -->")[0]
    assert between == "\n".join(table)
