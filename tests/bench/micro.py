# SPDX-License-Identifier: Apache-2.0
"""Costs per record beside hand-written floors: each micro_* program of tests/bench measures its own
floor alternately in one run, checks that both agree, and prints its figures."""

import subprocess

import _bench

PROGRAMS = ("micro_json", "micro_store", "micro_expr")


def run(bench):
    _bench.build(*(f"tests/bench/{program}" for program in PROGRAMS))
    for program in PROGRAMS:
        path = _bench.BUILD / "tests" / "bench" / program
        process = subprocess.Popen([path], stdout=subprocess.PIPE, text=True)
        for line in process.stdout:
            if line.startswith("bench "):
                bench.passed_on(line.strip())
            else:
                print(line, end="", flush=True)
        if process.wait():
            raise _bench.Wrong(f"{program} ended with status {process.returncode}")


if __name__ == "__main__":
    _bench.Bench("micro", __doc__).main(run)
