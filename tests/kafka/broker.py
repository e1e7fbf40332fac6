#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A real Kafka broker for the end-to-end tests, the benches and the tour of the README.

One node in KRaft mode. Everything it owns is in one directory:

    jars/ is shared (build/kafka/jars)      DIR/server.properties   what the broker was started with
    DIR/data      topics, kept until --wipe DIR/broker.pid          the running broker
    DIR/certs     of --secure               DIR/broker.log          warnings and errors

`start` does nothing when the broker of that directory runs already; `stop` likewise when there is
none. Ready means: the port takes a connection and a metadata request is answered.
"""

import argparse
import base64
import contextlib
import fcntl
import hashlib
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import string
import struct
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
JARS = ROOT / "build" / "kafka" / "jars"

READY_SECONDS_MAX = 60
STOP_SECONDS_MAX = 30
POLL_SECONDS = 0.02

SCRAM_USER = "SCRAM-SHA-256=[name=alice,password=alice-secret]"

# What the JVM is told, by purpose. Tests start and stop often and do little between: no second
# compiler, the simplest collector. Benches are measured against a broker as people run it.
JVM_FLAGS = {
    "test": ["-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"],
    "bench": ["-Xms1g", "-Xmx1g", "-XX:+UseG1GC"],
}


class BrokerError(Exception):
    """Something a person can act on; printed without a traceback."""


def fail_unless_installed(program, package):
    if shutil.which(program) is None:
        raise BrokerError(f"{program} is not installed; `./dev setup kafka` installs {package}")


# ---- jars ---------------------------------------------------------------------------------------


def jars_resolve():
    """Copies the jars that pom.xml pins to build/kafka/jars, once for each state of pom.xml."""
    pom = HERE / "pom.xml"
    wanted = hashlib.sha256(pom.read_bytes()).hexdigest()
    stamp = JARS / "pom.sha256"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    fail_unless_installed("mvn", "maven")
    print("kafka: fetching the broker's jars (54 MB, once)", file=sys.stderr)
    shutil.rmtree(JARS, ignore_errors=True)
    JARS.mkdir(parents=True)
    command = ["mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies",
               "-DincludeScope=runtime", f"-DoutputDirectory={JARS}"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise BrokerError("Maven could not resolve the jars of tests/kafka/pom.xml:\n" +
                          done.stdout.strip()[-2000:])
    stamp.write_text(wanted)


def java_command(purpose, archive, *arguments):
    """The JVM with the jars. The archive's users must agree on the order of the class path."""
    jars = sorted(str(jar) for jar in JARS.glob("*.jar"))
    return ["java", *JVM_FLAGS[purpose], *archive, "-Xlog:cds=off", "-Xlog:cds+dynamic=off",
            f"-Dlog4j2.configurationFile={HERE / 'log4j2.properties'}",
            "-cp", ":".join(jars), *arguments]


def archive_path():
    """Where the classes of this JVM and these jars are archived (halves the time to ready)."""
    version = subprocess.run(["java", "-version"], capture_output=True, check=False).stderr
    return JARS / f"classes-{hashlib.sha256(version).hexdigest()[:12]}.jsa"


def archive_flags(purpose, archive, state):
    """Use the archive; where there is none, let this broker write one when it ends."""
    if purpose != "test":
        return []
    if archive.exists():
        return [f"-XX:SharedArchiveFile={archive}"]
    return [f"-XX:ArchiveClassesAtExit={state / archive.name}"]


# ---- configuration ------------------------------------------------------------------------------


def listeners(port, secure):
    """(listeners, advertised.listeners). TLS names are `localhost`, as the certificate says."""
    plain = f"PLAINTEXT://127.0.0.1:{port}"
    controller = f"CONTROLLER://127.0.0.1:{port + 1}"
    tls = []
    if secure:
        tls = [f"SASL_SSL://localhost:{port + 2}", f"SSL://localhost:{port + 3}"]
    bound = [name.replace("localhost", "127.0.0.1") for name in tls]
    return ",".join([plain, *bound, controller]), ",".join([plain, *tls])


def configuration_write(state, port, secure):
    bound, advertised = listeners(port, secure)
    values = {"dir": state, "controller_port": port + 1, "listeners": bound,
              "advertised_listeners": advertised}
    files = [HERE / "server.properties"] + ([HERE / "secure.properties"] if secure else [])
    text = "".join(string.Template(file.read_text()).substitute(values) for file in files)
    path = state / "server.properties"
    path.write_text(text)
    return path


def certificates_make(certs):
    """ca.pem, server.pem (key and chain in one), client.key and client.crt (CN=client)."""
    if (certs / "server.pem").exists():
        return
    fail_unless_installed("openssl", "openssl")
    certs.mkdir(parents=True, exist_ok=True)

    def openssl(*arguments):
        done = subprocess.run(["openssl", *arguments], cwd=certs, capture_output=True, text=True,
                              check=False)
        if done.returncode != 0:
            raise BrokerError(f"openssl {arguments[0]}: {done.stderr.strip()}")

    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650",
            "-subj", "/CN=weir tests", "-keyout", "ca.key", "-out", "ca.pem")
    (certs / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    for name, subject in (("server", "localhost"), ("client", "client")):
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={subject}",
                "-keyout", f"{name}.key", "-out", f"{name}.csr")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                "-CAcreateserial", "-days", "3650", "-extfile", "names", "-out", f"{name}.crt")
    # Java reads PKCS#8 only; key, certificate and authority stand in one file.
    openssl("pkcs8", "-topk8", "-nocrypt", "-in", "server.key", "-out", "server.p8")
    parts = [(certs / part).read_text() for part in ("server.p8", "server.crt", "ca.pem")]
    (certs / "server.pem").write_text("".join(parts))


def storage_format(state, configuration, purpose, archive, secure):
    if (state / "data" / "meta.properties").exists():
        return
    # The first byte is fixed: an id that begins with `-` would be taken for an option.
    cluster = base64.urlsafe_b64encode(b"w" + os.urandom(15)).decode().rstrip("=")
    flags = [f"-XX:SharedArchiveFile={archive}"] if purpose == "test" and archive.exists() else []
    command = java_command(purpose, flags, "kafka.tools.StorageTool", "format",
                           "-t", cluster, "-c", str(configuration))
    if secure:
        command += ["--add-scram", SCRAM_USER]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          check=False)
    if done.returncode != 0:
        raise BrokerError(f"cannot format {state / 'data'}:\n" +
                          (done.stderr or done.stdout).strip()[-2000:])


# ---- the process --------------------------------------------------------------------------------


def broker_pid(state):
    """The broker of this directory, or None. A pid that another process has now is not ours."""
    try:
        pid = int((state / "broker.pid").read_text())
        command = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return None
    return pid if os.fsencode(state / "server.properties") in command else None


def broker_port(state):
    match = re.search(r"^listeners=PLAINTEXT://127\.0\.0\.1:(\d+)",
                      (state / "server.properties").read_text(), re.MULTILINE)
    return int(match.group(1))


def receive(connection, length):
    data = b""
    while len(data) < length:
        part = connection.recv(length - len(data))
        if not part:
            raise ConnectionError("closed")
        data += part
    return data


def metadata_answered(port):
    """One Metadata request (version 1, all topics): true once the node names itself a broker."""
    request = struct.pack(">hhih4si", 3, 1, 1, 4, b"weir", -1)
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            length, = struct.unpack(">i", receive(connection, 4))
            answer = receive(connection, length)
    except OSError:
        return False
    _, brokers = struct.unpack_from(">ii", answer)
    return brokers > 0


def port_taken(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def ports_choose(first, count):
    """The first of `count` free ports in a row: the ones asked for, or any when first is 0."""
    if first:
        for port in range(first, first + count):
            if port_taken(port):
                raise BrokerError(f"port {port} is taken by another process; choose others with "
                                  f"--port (the broker uses {first} to {first + count - 1})")
        return first
    while True:
        # Below the range that the kernel gives to outgoing connections.
        first = random.randrange(20000, 32000)
        if not any(port_taken(port) for port in range(first, first + count)):
            return first


def log_tail(state):
    log = state / "broker.log"
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return "\n".join(["  " + line for line in lines[-12:]])


def wait_ready(state, process, port):
    deadline = time.monotonic() + READY_SECONDS_MAX
    while not metadata_answered(port):
        if process.poll() is not None:
            raise BrokerError(f"the broker ended at once, {state / 'broker.log'} says:\n" +
                              log_tail(state))
        if time.monotonic() > deadline:
            process.kill()
            raise BrokerError(f"the broker was not ready after {READY_SECONDS_MAX} s, "
                              f"{state / 'broker.log'} says:\n" + log_tail(state))
        time.sleep(POLL_SECONDS)


@contextlib.contextmanager
def locked(state):
    """Two commands on one directory take turns."""
    state.mkdir(parents=True, exist_ok=True)
    with open(state / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


# ---- commands -----------------------------------------------------------------------------------


def describe(state):
    port = broker_port(state)
    text = f"127.0.0.1:{port}"
    if (state / "certs").exists():
        text += f" (SASL over TLS on localhost:{port + 2}, client certificates on :{port + 3})"
    return text


def start(options):
    state = options.dir
    if broker_pid(state):
        print(f"kafka: already running at {describe(state)}, in {state}")
        return
    fail_unless_installed("java", "a Java runtime")
    jars_resolve()
    port = ports_choose(options.port, 4 if options.secure else 2)
    if options.secure:
        certificates_make(state / "certs")
    configuration = configuration_write(state, port, options.secure)
    purpose = "bench" if options.bench else "test"
    archive = archive_path()
    storage_format(state, configuration, purpose, archive, options.secure)
    command = java_command(purpose, archive_flags(purpose, archive, state), "kafka.Kafka",
                           str(configuration))
    with open(state / "broker.log", "wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                   cwd=state, start_new_session=True)
    (state / "broker.pid").write_text(str(process.pid))
    wait_ready(state, process, port)
    print(f"kafka: running at {describe(state)}, in {state}")


def stop(options):
    state = options.dir
    pid = broker_pid(state)
    if pid is None:
        print(f"kafka: not running in {state}")
    else:
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS_MAX
        while broker_pid(state):
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
                deadline += STOP_SECONDS_MAX
            time.sleep(POLL_SECONDS)
        (state / "broker.pid").unlink()
        for written in state.glob("classes-*.jsa"):
            os.replace(written, JARS / written.name)
        print(f"kafka: stopped in {state}")
    if options.wipe:
        for kept in ("data", "certs"):
            shutil.rmtree(state / kept, ignore_errors=True)


def status(options):
    if broker_pid(options.dir) is None:
        print(f"kafka: not running in {options.dir}")
        return 1
    answering = "" if metadata_answered(broker_port(options.dir)) else ", but does not answer"
    print(f"kafka: running at {describe(options.dir)}, in {options.dir}{answering}")
    return 1 if answering else 0


def arguments():
    parser = argparse.ArgumentParser(prog="./dev kafka", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True, metavar="start|stop|status")
    for name, run, summary in (("start", start, "start the broker and wait until it answers"),
                               ("stop", stop, "stop it; topics are kept"),
                               ("status", status, "say whether it runs; exit status 1 if not")):
        command = commands.add_parser(name, help=summary, description=summary)
        command.set_defaults(run=run)
        command.add_argument("--dir", type=pathlib.Path, help="its state (default: build/kafka/"
                             "plain, or build/kafka/secure with --secure)")
        command.add_argument("--secure", action="store_true",
                             help="the broker with TLS and SASL listeners, on ports of its own")
        if name == "start":
            command.add_argument("--port", type=int,
                                 help="first of its ports (default: 19092, or 19110 with "
                                 "--secure); 0: any that are free")
            command.add_argument("--bench", action="store_true",
                                 help="all of the JIT and a larger heap, for measuring")
        if name == "stop":
            command.add_argument("--wipe", action="store_true", help="remove topics as well")
    options = parser.parse_args()
    default = ROOT / "build" / "kafka" / ("secure" if options.secure else "plain")
    options.dir = (options.dir or default).resolve()
    if options.command == "start" and options.port is None:
        options.port = 19110 if options.secure else 19092
    return options


def main():
    options = arguments()
    try:
        with locked(options.dir):
            return options.run(options)
    except BrokerError as error:
        print(f"kafka: {error}", file=sys.stderr)
        return 3


if __name__ == "__main__":
    sys.exit(main())
