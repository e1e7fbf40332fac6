# SPDX-License-Identifier: Apache-2.0
"""Kafka over TLS and SASL by properties; refused properties; secrets that stay secret."""

import pytest

from daemon import command, wait_until

PIPELINE = """
    pipeline: guarded
    source:
      kafka:
        brokers: ${KAFKA_BROKERS}
        topics: ["${TOPIC}"]
        group: ${GROUP}
        properties:
          security.protocol: %s
          ssl.ca.location: ${CERTS}/ca.pem
%s
      format: json
      fields: {n: int}
    sink:
      aggregates:
        sums: {measures: {records: count(*), total: sum(n)}}
    """
PLAIN = PIPELINE % ("SASL_SSL", """\
          sasl.mechanism: PLAIN
          sasl.username: bob
          sasl.password: ${PASSWORD}""")
CERTIFICATE = PIPELINE % ("SSL", """\
          ssl.certificate.location: ${CERTS}/client.crt
          ssl.key.location: ${CERTS}/client.key""")
NO_CERTIFICATE = PIPELINE % ("SSL", "")


@pytest.fixture
def work(secure_broker):
    work = secure_broker.topic()
    work.produce({"n": number} for number in range(10))
    return work


@pytest.fixture
def guarded(weir, secure_broker, work):
    def make(pipeline, brokers, **env):
        return weir(pipeline, work, env={"KAFKA_BROKERS": brokers,
                                         "CERTS": str(secure_broker.certs), **env})
    return make


def wait_not_ready(daemon, *words):
    """Not ready, with a reason that names the cause, and alive all the same."""
    def reason():
        answer = daemon.get("/readyz")
        text = str(answer.body).lower()
        return answer.status == 503 and any(word in text for word in words)

    wait_until(reason, lambda: f"{words}: {daemon.get('/readyz').body}\n{daemon.log()}")
    assert daemon.get("/healthz").status == 200


def test_a_password_over_tls(guarded, secure_broker, work):
    daemon = guarded(PLAIN, secure_broker.sasl_ssl, PASSWORD="bob-secret").start()
    daemon.wait_covered(work)
    assert daemon.aggregate("sums").rows == [{"records": 10, "total": 45}]


def test_a_password_from_a_file(guarded, secure_broker, work, tmp_path):
    (tmp_path / "password").write_text("bob-secret\n")
    pipeline = PLAIN.replace("${PASSWORD}", "${file:%s}" % (tmp_path / "password"))
    guarded(pipeline, secure_broker.sasl_ssl).start().wait_covered(work)


def test_a_client_certificate(guarded, secure_broker, work):
    daemon = guarded(CERTIFICATE, secure_broker.ssl).start().wait_covered(work)
    assert daemon.aggregate("sums").rows == [{"records": 10, "total": 45}]


def test_a_refused_login_is_named(guarded, secure_broker):
    daemon = guarded(PLAIN, secure_broker.sasl_ssl, PASSWORD="wrong-secret").start()
    wait_not_ready(daemon, "username or password", "authentication")
    assert "wrong-secret" not in daemon.log()


def test_a_missing_client_certificate_is_named(guarded, secure_broker):
    daemon = guarded(NO_CERTIFICATE, secure_broker.ssl).start()
    wait_not_ready(daemon, "ssl", "certificate")


def test_an_unknown_authority_is_named(guarded, secure_broker, tmp_path):
    pipeline = PLAIN.replace("          ssl.ca.location: ${CERTS}/ca.pem\n", "")
    daemon = guarded(pipeline, secure_broker.sasl_ssl, PASSWORD="bob-secret").start()
    wait_not_ready(daemon, "certificate", "ssl")


def test_secrets_are_not_printed(guarded, secure_broker, work):
    daemon = guarded(PLAIN, secure_broker.sasl_ssl, PASSWORD="bob-secret").start()
    daemon.wait_covered(work)
    assert "bob-secret" not in daemon.log()
    assert "bob-secret" not in str(daemon.status())
    status, output, errors = command("explain", daemon.file, env=daemon.env)
    assert status == 0
    assert "bob-secret" not in output + errors


@pytest.mark.parametrize(("name", "value"), [
    ("plugin.library.paths", "/tmp/x.so"),
    ("ssl.engine.location", "/tmp/engine.so"),
    ("sasl.kerberos.kinit.cmd", "touch /tmp/x"),
    ("auto.offset.reset", "earliest"),
    ("enable.auto.commit", "true"),
    ("enable.auto.offset.store", "true"),
    ("group.id", "other"),
    ("no.such.property", "1"),
])
def test_a_property_that_may_not_be_set_is_refused(tmp_path, name, value):
    path = tmp_path / "p.yaml"
    path.write_text(f"""\
pipeline: p
source:
  kafka:
    brokers: 127.0.0.1:9
    topics: [t]
    properties:
      {name}: {value}
  format: json
  fields: {{n: int}}
sink:
  aggregates:
    a: {{measures: {{c: count(*)}}}}
""")
    status, _, errors = command("check", path)
    assert status == 2, errors
    assert f"{path}:7:" in errors
    assert name in errors
