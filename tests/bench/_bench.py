# SPDX-License-Identifier: Apache-2.0
"""What the benches share: figures with goals, medians, processes measured, the table in the docs.

A bench measures weir and its floor alternately in one run, checks the result, and prints for each
figure `bench NAME FIGURE VALUE UNIT goal GOAL ok|short`. A wrong result ends it with status 1; a
figure that falls short does so with --strict only.
"""

import argparse
import datetime
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "release"
WEIR = pathlib.Path(os.environ.get("WEIR_BIN", BUILD / "pipelines" / "weir"))
PERFORMANCE = ROOT / "docs" / "performance.md"
TICKS = os.sysconf("SC_CLK_TCK")


class Wrong(Exception):
    """A result differs from its recount."""


class Bench:
    def __init__(self, name, description):
        parser = argparse.ArgumentParser(description=description)
        parser.add_argument("--rounds", type=int, default=5, help="alternating rounds (default 5)")
        parser.add_argument(
            "--strict", action="store_true", help="a short figure ends with status 1"
        )
        parser.add_argument(
            "--no-table", action="store_true", help="leave docs/performance.md as it is"
        )
        self.name, self.parser = name, parser
        self.short = 0
        self.rows = []

    def arguments(self):
        self.args = self.parser.parse_args()
        return self.args

    def figure(self, figure, values, unit, goal=None, digits=2):
        """values: one a round, or one number. The median counts; goal is an upper bound."""
        values = list(values) if isinstance(values, (list, tuple)) else [values]
        value = statistics.median(values)
        verdict = "ok"
        if goal is not None and value > goal:
            verdict = "short"
            self.short += 1
        text = f"{value:.{digits}f}"
        goal_text = "-" if goal is None else f"{goal:g}"
        print(f"bench {self.name} {figure} {text} {unit} goal {goal_text} {verdict}", flush=True)
        spread = f"{min(values):.{digits}f} .. {max(values):.{digits}f}" if len(values) > 1 else ""
        self.rows.append((figure, text, spread, unit, goal_text, verdict))
        return value

    def passed_on(self, line):
        """A figure line of a measuring program, repeated and kept."""
        match = re.match(r"bench (\S+) (\S+) (\S+) (\S+) goal (\S+) (ok|short)", line)
        if match:
            print(line, flush=True)
            self.rows.append((match[2], match[3], "", match[4], match[5], match[6]))
            self.short += match[6] == "short"

    def finish(self):
        if not self.args.no_table:
            write_table(self.name, " ".join(["./dev bench", self.name, *sys.argv[1:]]), self.rows)
        if self.short and self.args.strict:
            sys.exit(1)

    def main(self, run):
        self.arguments()
        try:
            run(self)
        except Wrong as wrong:
            print(f"bench {self.name}: wrong result: {wrong}", file=sys.stderr)
            sys.exit(1)
        self.finish()


def machine():
    """One line: processor, cores, memory, system, libraries."""
    info = pathlib.Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*: (.*)", info)
    memory = re.search(r"MemTotal:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text())
    release = re.search(r'PRETTY_NAME="(.*)"', pathlib.Path("/etc/os-release").read_text())
    versions = subprocess.run(
        [WEIR, "--version"], capture_output=True, text=True, check=True
    ).stdout
    parts = [
        f"{os.cpu_count()} x {model[1].strip() if model else 'unknown'}",
        f"{int(memory[1]) // 1048576} GiB",
        release[1] if release else "Linux",
        *versions.strip().splitlines(),
    ]
    return "; ".join(parts)


def write_table(name, command, rows):
    """Replaces the bench's section of docs/performance.md."""
    begin, end = f"<!-- bench {name} -->", f"<!-- end {name} -->"
    lines = [
        begin,
        f"### {name}",
        "",
        f"`{command}`, {datetime.date.today()}. {machine()}",
        "",
        "| figure | median | range | unit | goal | |",
        "|---|---:|---|---|---:|---|",
    ]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    section = "\n".join([*lines, end])
    text = PERFORMANCE.read_text() if PERFORMANCE.exists() else "# Performance\n"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.S)
    text = (
        pattern.sub(lambda _: section, text)
        if pattern.search(text)
        else f"{text.rstrip()}\n\n{section}\n"
    )
    PERFORMANCE.write_text(text)


def build(*targets):
    """Programs of tests/bench, in the release build."""
    subprocess.run(["ninja", "-C", BUILD, *targets], check=True, stdout=subprocess.DEVNULL)


def broker():
    """A real broker with the full JIT, for as long as needed: (host:port, state directory)."""
    port = "19192"
    state = ROOT / "build" / "kafka-bench"
    if state.exists():  # topics of an earlier run
        stop_broker(state)
        shutil.rmtree(state)
    subprocess.run(
        [ROOT / "dev", "kafka", "start", "--bench", "--port", port, "--dir", state],
        check=True,
        stdout=sys.stderr,
    )
    return f"127.0.0.1:{port}", state


def stop_broker(state):
    subprocess.run([ROOT / "dev", "kafka", "stop", "--dir", state], check=False, stdout=sys.stderr)


def measured(argv, **options):
    """Runs a program to its end: (standard output, CPU seconds, peak memory in MB)."""
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, **options)
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise Wrong(f"{argv[0]} ended with status {process.returncode}")
    return out, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


class Daemon:
    """`weir run` of one pipeline file, on a free port, until stop()."""

    def __init__(self, pipeline, data, *options, env=None):
        self.began = time.monotonic()
        self.log = open(pathlib.Path(data).with_suffix(".log"), "w+b")  # noqa: SIM115
        self.process = subprocess.Popen(
            [WEIR, "run", pipeline, "--http", "127.0.0.1:0", "--data", data, *options],
            stderr=self.log,
            env={**os.environ, **(env or {})},
            preexec_fn=_die_with_parent,  # noqa: PLW1509: no thread has been started
        )
        self.url = self._url()

    def _url(self):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            text = pathlib.Path(self.log.name).read_text()
            match = re.search(r"url=(http://\S+)", text)
            if match:
                return match[1].strip('"')
            if self.process.poll() is not None:
                raise Wrong(f"weir ended: {text}")
            time.sleep(0.002)
        raise Wrong("weir does not listen")

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=60) as answer:
            return answer.read()

    def json(self, path):
        return json.loads(self.get(path))

    def covered(self, pipeline, offsets, poll_s=0.01, timeout_s=600):
        """Waits until every partition has applied up to its offset; seconds since the start."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            status = self.json(f"/v1/pipelines/{pipeline}")
            now = {p["partition"]: p["next_offset"] for p in status["partitions"]}
            if all(now.get(p, -1) >= offset for p, offset in offsets.items()):
                return time.monotonic() - self.began
            time.sleep(poll_s)
        raise Wrong(f"not covered after {timeout_s} s: {status}")

    def cpu_seconds(self):
        fields = (
            pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(") ", 1)[1].split()
        )
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory_mb(self, field="VmHWM"):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"{field}:\s+(\d+)", status)[1]) / 1024

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(30)
        self.log.close()
        return code


def _die_with_parent():
    import ctypes

    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def with_kafka(pipeline_file, group, directory):
    """A copy of a pipeline file with a group of its own and dynamic membership: a run that
    follows at once does not wait for the last one's session."""
    text = pathlib.Path(pipeline_file).read_text()
    text = re.sub(
        r"\n( +)topics:", rf"\n\1group: {group}\n\1membership: dynamic\n\1topics:", text, count=1
    )
    text = re.sub(r"\n +group: (?!" + re.escape(group) + r"\n).*", "", text)
    copy = pathlib.Path(directory) / f"{group}.yaml"
    copy.write_text(text)
    return copy
