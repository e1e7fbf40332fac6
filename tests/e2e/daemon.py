# SPDX-License-Identifier: Apache-2.0
"""`weir run` as a process under test: started, asked over HTTP, waited for, stopped."""

import decimal
import http.client
import json
import os
import pathlib
import re
import signal
import subprocess
import textwrap
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BINARY = pathlib.Path(os.environ.get("WEIR_BIN", ROOT / "build/debug/pipelines/weir")).resolve()

DEADLINE_SECONDS = 30
POLL_SECONDS = 0.01
LISTENING = re.compile(r'event"?[=:]\s*"?listening.*?url"?[=:]\s*"?(http://[^\s"]+)')
# What a sanitizer says when it has found something.
SANITIZER = re.compile(r"ERROR: AddressSanitizer|ERROR: LeakSanitizer|WARNING: ThreadSanitizer|"
                       r"runtime error:")


def command(*arguments, env=None, stdin=None, timeout=60):
    """Runs one command of weir to its end: (exit status, standard output, standard error)."""
    done = subprocess.run([str(BINARY), *map(str, arguments)], capture_output=True, text=True,
                          input=stdin, timeout=timeout, env={**os.environ, **(env or {})})
    assert not SANITIZER.search(done.stderr), done.stderr
    return done.returncode, done.stdout, done.stderr


def wait_until(condition, what, seconds=DEADLINE_SECONDS):
    """Polls until condition() is true and returns what it returned. `what` may be a function."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(POLL_SECONDS)


class Answer(tuple):
    """(status, body, headers): body is parsed JSON (fractions as Decimal), or text."""

    def __new__(cls, status, body, headers):
        return super().__new__(cls, (status, body, headers))

    status = property(lambda self: self[0])
    body = property(lambda self: self[1])
    headers = property(lambda self: self[2])

    @property
    def rows(self):
        assert self.status == 200, self
        return self.body["rows"]


class Weir:
    """One daemon. Its pipeline file, data and log are in a directory of the test."""

    def __init__(self, directory, pipeline, arguments=(), env=None, data=None,
                 http="127.0.0.1:0"):
        self.directory = directory
        self.data = data or directory / "data"
        self.log_path = directory / "weir.log"
        self.http = http
        self.arguments = list(arguments)
        self.env = {**os.environ, **(env or {})}
        if isinstance(pipeline, pathlib.Path):
            self.file = pipeline
        else:
            self.file = directory / "pipeline.yaml"
            self.file.write_text(textwrap.dedent(pipeline))
        name = re.search(r"^pipeline: *(\S+)", self.file.read_text(), re.MULTILINE)
        self.pipeline = name.group(1) if name else None
        self.process = None
        self.host = self.port = None

    # ---- life

    def spawn(self):
        """Starts the process and waits for nothing."""
        with open(self.log_path, "ab") as log:
            self.log_start = log.tell()
            self.process = subprocess.Popen(
                [str(BINARY), "run", str(self.file), "--http", self.http,
                 "--data", str(self.data), *map(str, self.arguments)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.env)
        return self

    def start(self):
        """Starts the process and waits until it listens."""
        self.spawn()
        address = wait_until(self.listening, lambda: "listening, the log says:\n" + self.log())
        url = urllib.parse.urlsplit(address)
        self.host, self.port = url.hostname, url.port
        return self

    def start_ready(self):
        self.start()
        return self.wait_ready()

    def listening(self):
        found = LISTENING.search(self.log())
        if not found and self.process.poll() is not None:
            raise AssertionError(f"weir ended with {self.process.returncode}:\n{self.log()}")
        return found and found.group(1)

    def log(self):
        """What this start of the process has logged so far."""
        with open(self.log_path, "rb") as log:
            log.seek(self.log_start)
            return log.read().decode(errors="replace")

    def running(self):
        return self.process is not None and self.process.poll() is None

    def wait_exit(self, seconds=DEADLINE_SECONDS):
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"did not end within {seconds} s:\n{self.log()}") from None
        assert not SANITIZER.search(self.log()), self.log()
        return status

    def terminate(self):
        """A clean end: SIGTERM, exit status 0."""
        self.process.send_signal(signal.SIGTERM)
        status = self.wait_exit()
        assert status == 0, f"exit status {status}:\n{self.log()}"

    def kill9(self):
        self.process.kill()
        self.process.wait()

    # ---- questions

    def request(self, path, method="GET", headers=None, body=None):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=DEADLINE_SECONDS)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        kind = response.headers.get_content_type()
        text = content.decode()
        if text and kind in ("application/json", "application/problem+json"):
            text = json.loads(text, parse_float=decimal.Decimal)
        return Answer(response.status, text, response.headers)

    def get(self, path, **headers):
        return self.request(path, headers={name.replace("_", "-"): value
                                           for name, value in headers.items()})

    def aggregate(self, name, **parameters):
        """GET .../aggregates/NAME. Parameters `from_` and `to` etc. as in the URL."""
        return self.get(self.path(f"aggregates/{name}", parameters))

    def records(self, name, **parameters):
        return self.get(self.path(f"sets/{name}", parameters))

    def record(self, name, *key):
        parts = "/".join(urllib.parse.quote(str(part), safe="") for part in key)
        return self.get(self.path(f"sets/{name}/{parts}", {}))

    def path(self, rest, parameters):
        pairs = []
        for parameter, value in parameters.items():
            values = value if isinstance(value, list) else [value]
            pairs += [(parameter.rstrip("_"), entry) for entry in values]
        query = "?" + urllib.parse.urlencode(pairs) if pairs else ""
        return f"/v1/pipelines/{self.pipeline}/{rest}{query}"

    def status(self):
        answer = self.get(f"/v1/pipelines/{self.pipeline}")
        assert answer.status == 200, answer
        return answer.body

    def partition(self, topic, number=0):
        for entry in self.status()["partitions"]:
            if (entry["topic"], entry["partition"]) == (topic, number):
                return entry
        return None

    def metric(self, name, **labels):
        """The value of a sample, or None. Given labels must be there; others may be."""
        for line in self.get("/metrics").body.splitlines():
            match = re.match(r"([a-zA-Z_:]+)(?:\{(.*)\})? (\S+)", line)
            if match and match.group(1) == name:
                found = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match.group(2) or ""))
                if all(found.get(label) == value for label, value in labels.items()):
                    return float(match.group(3))
        return None

    # ---- waiting, always for a counter

    def wait_ready(self, seconds=DEADLINE_SECONDS):
        wait_until(lambda: self.get("/readyz").status == 200,
                   lambda: f"ready: {self.get('/readyz').body}\n{self.log()}", seconds)
        return self

    def covered(self):
        return {(entry["topic"], entry["partition"]): entry["next_offset"]
                for entry in self.status()["partitions"]}

    def wait_covered(self, topic, ends=None, seconds=DEADLINE_SECONDS):
        """Until every record of the topic (or below `ends`: partition -> offset) is decided on."""
        ends = topic.ends if ends is None else ends

        def done():
            have = self.covered()
            return all(have.get((topic.name, number), -1) >= end for number, end in ends.items())

        wait_until(done, lambda: f"covered {ends}, but {self.covered()}\n{self.log()}", seconds)
        return self

    def wait_state(self, topic, number, state, seconds=DEADLINE_SECONDS):
        """Until the partition is in the state; returns its status."""
        def entry():
            found = self.partition(topic.name, number)
            return found if found and found["state"] == state else None

        return wait_until(entry, lambda: f"{state}: {self.partition(topic.name, number)}\n"
                          f"{self.log()}", seconds)

    def wait_log(self, pattern, seconds=DEADLINE_SECONDS):
        return wait_until(lambda: re.search(pattern, self.log()),
                          lambda: f"a log line {pattern!r}:\n{self.log()}", seconds)
