# SPDX-License-Identifier: Apache-2.0
"""The HTTP interface: routes, parameters, formats, errors."""

import csv
import io
import json
import threading
import urllib.parse

import pytest

from daemon import Weir

PIPELINE = """
    pipeline: sales
    source:
      kafka:
        brokers: ${KAFKA_BROKERS}
        topics: ["${TOPIC}"]
        group: ${GROUP}
      format: json
      fields:
        id: int
        region: string?
        shop: string
        price: decimal(2)
        pieces: int
        at: timestamp(rfc3339)
      event_time: at
    sink:
      aggregates:
        shops:
          by: [region, shop]
          measures: {orders: count(*), revenue: sum(price), pieces: sum(pieces)}
        minutes:
          by: [shop]
          window: {size: 1m, keep: 24h}
          measures: {orders: count(*), revenue: sum(price)}
      sets:
        orders: {key: [shop, id], bins: [region, price, at]}
    """

BIG = 2**63 - 1
SALES = [
    # region, shop, price, pieces, time
    ("eu", "a", "1.10", 1, "10:00:00"),
    ("eu", "b", "2.20", BIG, "10:00:30"),
    ("us", "a", "3.30", BIG, "10:01:10"),
    ("us", "c", "4.40", BIG, "10:04:59.120"),
    (None, "c", "-5.55", 3, "10:05:00"),
    ("eu", "a", "90071992547409.93", 1, "10:59:59"),
]


def sale(number):
    region, shop, price, pieces, time = SALES[number]
    return (f'{{"id": {number}, "region": {json.dumps(region)}, "shop": "{shop}", '
            f'"price": {price}, "pieces": {pieces}, "at": "2026-03-01T{time}Z"}}')


@pytest.fixture(scope="module")
def sales(broker, tmp_path_factory):
    """One daemon for all tests that only read: (daemon, topic)."""
    work = broker.topic(partitions=2)
    work.produce(sale(number) for number in range(len(SALES)))
    daemon = Weir(tmp_path_factory.mktemp("sales"), PIPELINE,
                  env={"KAFKA_BROKERS": broker.bootstrap, "TOPIC": work.name,
                       "GROUP": "sales"})
    daemon.start_ready().wait_covered(work)
    yield daemon, work
    daemon.terminate()


@pytest.fixture
def daemon(sales):
    return sales[0]


def decimals(rows, column):
    return [str(row[column]) for row in rows]


# ---- what there is


def test_pipelines_are_listed(daemon):
    entry, = daemon.get("/v1/pipelines").body["pipelines"]
    assert entry["name"] == "sales"
    assert entry["state"] == "running"
    assert entry["lag_records"] == 0


def test_a_pipeline_says_what_it_has(daemon, sales):
    status = daemon.status()
    assert status["name"] == "sales"
    assert sorted(status["aggregates"]) == ["minutes", "shops"]
    assert status["sets"] == ["orders"]
    assert [entry["state"] for entry in status["partitions"]] == ["running", "running"]
    assert {entry["topic"] for entry in status["partitions"]} == {sales[1].name}
    assert all(entry["reason"] is None for entry in status["partitions"])


def test_health_and_readiness(daemon):
    assert daemon.get("/healthz").status == 200
    answer = daemon.get("/readyz")
    assert (answer.status, answer.body) == (200, {"ready": True, "reasons": []})


def test_metrics_are_prometheus_text(daemon):
    answer = daemon.get("/metrics")
    assert answer.status == 200
    assert answer.headers.get_content_type() == "text/plain"
    lines = answer.body.splitlines()
    names = {line.split()[2] for line in lines if line.startswith("# TYPE ")}
    assert {"weir_build_info", "weir_kafka_consumer_lag_records", "weir_http_requests_total",
            "process_resident_memory_bytes"} <= names
    samples = [line for line in lines if line and not line.startswith("#")]
    assert all(float(line.rsplit(" ", 1)[1]) is not None for line in samples)


# ---- aggregates


def test_numbers_are_exact(daemon):
    rows = daemon.aggregate("shops", by="region", order="region").rows
    assert [row["region"] for row in rows] == [None, "eu", "us"]
    assert decimals(rows, "revenue") == ["-5.55", "90071992547413.23", "7.70"]
    # Beyond 64 bits.
    assert [row["pieces"] for row in rows] == [3, BIG + 2, 2 * BIG]


def test_by_merges_groups(daemon):
    rows = daemon.aggregate("shops", by="shop", order="shop").rows
    assert [(row["shop"], row["orders"]) for row in rows] == [("a", 3), ("b", 1), ("c", 2)]
    assert [row["orders"] for row in daemon.aggregate("shops", by="").rows] == [len(SALES)]
    rows = daemon.aggregate("shops", by="shop,region").rows
    assert len(rows) == 5
    assert daemon.aggregate("shops", by="pieces").status == 400


def test_where_may_name_columns_and_measures(daemon):
    def shops(where):
        return sorted(row["shop"] for row in daemon.aggregate("shops", by="shop", where=where).rows)

    assert shops("shop in ('a', 'b')") == ["a", "b"]
    assert shops("orders > 1") == ["a", "c"]
    assert shops("revenue < 0 or shop like 'B'") == ["b", "c"]
    # Not one of the grouped columns, but of the aggregate: applied before merging.
    rows = daemon.aggregate("shops", by="shop", where="region = 'eu'", order="shop").rows
    assert [(row["shop"], row["orders"]) for row in rows] == [("a", 2), ("b", 1)]


def test_order_and_limit(daemon):
    rows = daemon.aggregate("shops", by="shop", order="-revenue").rows
    assert [row["shop"] for row in rows] == ["a", "b", "c"]
    rows = daemon.aggregate("shops", by="shop", order="-orders,-shop", limit=2).rows
    assert [row["shop"] for row in rows] == ["a", "c"]


def test_pages_neither_repeat_nor_skip(daemon):
    seen, cursor = [], {}
    while True:
        answer = daemon.aggregate("shops", limit=2, **cursor)
        seen += [(row["region"], row["shop"]) for row in answer.rows]
        if answer.body["next_cursor"] is None:
            break
        cursor = {"cursor": answer.body["next_cursor"]}
    assert len(seen) == 5
    assert len(set(seen)) == 5


def test_windows_have_start_end_and_finality(daemon):
    rows = daemon.aggregate("minutes", order="window_start,shop").rows
    assert [(row["window_start"], row["window_end"], row["shop"]) for row in rows][:3] == [
        ("2026-03-01T10:00:00Z", "2026-03-01T10:01:00Z", "a"),
        ("2026-03-01T10:00:00Z", "2026-03-01T10:01:00Z", "b"),
        ("2026-03-01T10:01:00Z", "2026-03-01T10:02:00Z", "a")]
    assert all(isinstance(row["final"], bool) for row in rows)


def test_windows_may_be_widened(daemon):
    rows = daemon.aggregate("minutes", by="", window="5m", order="window_start").rows
    assert [(row["window_start"][11:16], row["orders"]) for row in rows] == [
        ("10:00", 4), ("10:05", 1), ("10:55", 1)]
    row, = daemon.aggregate("minutes", by="", window="all").rows
    assert (row["window_start"], row["window_end"]) == ("2026-03-01T10:00:00Z",
                                                        "2026-03-01T11:00:00Z")
    assert row["orders"] == len(SALES)


def test_from_to_and_last_choose_windows(daemon):
    def starts(**parameters):
        rows = daemon.aggregate("minutes", by="", order="window_start", **parameters).rows
        return [row["window_start"][11:16] for row in rows]

    assert starts(from_="2026-03-01T10:01:00Z", to="2026-03-01T10:05:00Z") == ["10:01", "10:04"]
    assert starts(from_="2026-03-01T10:05:00Z") == ["10:05", "10:59"]
    assert starts(to="2026-03-01T10:01:00Z") == ["10:00"]
    assert starts(last="30m") == ["10:59"]


# ---- what an answer covers


def test_answers_say_what_they_cover(daemon, sales):
    body = daemon.aggregate("shops").body
    assert body["covers"] == {sales[1].name: {str(n): end for n, end in sales[1].ends.items()}}
    assert (body["complete"], body["missing"], body["stale"]) == (True, [], [])
    assert body["newest_event_time"] == "2026-03-01T10:59:59Z"
    assert body["next_cursor"] is None


def test_after_waits_for_a_record(topic, weir):
    work = topic()
    work.produce([sale(0)])
    daemon = weir(PIPELINE, work).start_ready()
    answers = []

    def ask():
        answers.append(daemon.aggregate("shops", by="", after=f"{work.name}:0:1", timeout="20s"))

    question = threading.Thread(target=ask)
    question.start()
    work.produce([sale(1)])
    question.join()
    assert [row["orders"] for row in answers[0].rows] == [2]
    assert answers[0].body["covers"] == {work.name: {"0": 2}}


def test_after_what_does_not_come_is_a_timeout(daemon, sales):
    name = sales[1].name
    answer = daemon.aggregate("shops", after=f"{name}:0:1000000", timeout="50ms")
    assert answer.status == 504
    assert daemon.aggregate("shops", after=f"{name}:0:0", timeout="50ms").status == 200
    both = [f"{name}:0:0", f"{name}:1:1000000"]
    assert daemon.aggregate("shops", after=both, timeout="50ms").status == 504
    for wrong in (name, f"{name}:0", f"{name}:zero:1", f"{name}:0:-1"):
        assert daemon.aggregate("shops", after=wrong).status == 400, wrong


# ---- sets


def test_a_record_by_its_key(daemon):
    body = daemon.record("orders", "c", 3).body
    assert body["row"] == {"shop": "c", "id": 3, "region": "us", "price": body["row"]["price"],
                           "at": "2026-03-01T10:04:59.120Z"}
    assert str(body["row"]["price"]) == "4.40"
    assert body["complete"] is True
    assert "covers" in body
    assert daemon.record("orders", "c", 0).status == 404
    assert daemon.record("orders", "c").status in (400, 404)
    assert daemon.record("orders", "c", "three").status == 400


def test_a_set_may_be_searched(daemon):
    rows = daemon.records("orders", where="price > 2 and region = 'us'", order="-id").rows
    assert [row["id"] for row in rows] == [3, 2]
    assert len(daemon.records("orders").rows) == len(SALES)


# ---- formats


def test_csv(daemon):
    path = "/v1/pipelines/sales/aggregates/shops?by=region&order=region"
    for answer in (daemon.get(path + "&format=csv"), daemon.get(path, Accept="text/csv")):
        assert answer.headers.get_content_type() == "text/csv"
        rows = list(csv.DictReader(io.StringIO(answer.body)))
        assert [row["region"] for row in rows] == ["", "eu", "us"]
        assert [row["revenue"] for row in rows] == ["-5.55", "90071992547413.23", "7.70"]


def test_ndjson(daemon):
    path = "/v1/pipelines/sales/aggregates/shops?by=region&order=region"
    for answer in (daemon.get(path + "&format=ndjson"),
                   daemon.get(path, Accept="application/x-ndjson")):
        assert "ndjson" in answer.headers.get_content_type()
        rows = [json.loads(line) for line in answer.body.splitlines()]
        assert [row["region"] for row in rows] == [None, "eu", "us"]


def test_what_we_cannot_write_is_refused(daemon):
    path = "/v1/pipelines/sales/aggregates/shops"
    assert daemon.get(path, Accept="image/png").status == 406
    assert daemon.get(path + "?format=xml").status == 400
    assert daemon.get(path, Accept="image/png, */*;q=0.1").status == 200


# ---- errors


def problem(answer, status):
    assert answer.status == status, answer
    assert answer.headers.get_content_type() == "application/problem+json"
    assert answer.body["status"] == status
    assert {"type", "title", "detail"} <= answer.body.keys()
    return answer.body["detail"]


@pytest.mark.parametrize("path", [
    "/v1/nothing", "/nothing", "/v1/pipelines/slaes", "/v1/pipelines/sales/aggregates/shosp",
    "/v1/pipelines/sales/sets/nothing", "/v1/pipelines/sales/sets/orders/x/9"])
def test_what_there_is_not_is_404(daemon, path):
    problem(daemon.get(path), 404)


def test_a_misspelt_name_has_a_suggestion(daemon):
    assert "shops" in problem(daemon.get("/v1/pipelines/sales/aggregates/shosp"), 404)
    assert "order" in problem(daemon.aggregate("shops", odrer="shop"), 400)


@pytest.mark.parametrize("query", [
    "limit=100001", "limit=x", "limit=-1", "order=nothing", "where=nothing%20%3D%201",
    "where=shop", "where=shop%20%3D", "cursor=nonsense", "window=1m", "from=yesterday", "last=x",
    "by=shop,shop2", "format=", "limit=1&limit=2", "timeout=x"])
def test_wrong_parameters_are_400(daemon, query):
    problem(daemon.get(f"/v1/pipelines/sales/aggregates/shops?{query}"), 400)


@pytest.mark.parametrize("query", ["window=90s", "window=0s", "window=-1m", "from=2026-03-01",
                                   "last=-1h"])
def test_wrong_windows_are_400(daemon, query):
    problem(daemon.get(f"/v1/pipelines/sales/aggregates/minutes?{query}"), 400)


def test_an_error_in_an_expression_says_where(daemon):
    where = "orders > 1 and nothign = 2"
    answer = daemon.aggregate("shops", where=where)
    assert "nothign" in problem(answer, 400)
    assert answer.body["position"] in (where.index("nothign"), where.index("nothign") + 1)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_a_method_that_a_route_has_not_is_405(daemon, method):
    answer = daemon.request("/v1/pipelines/sales/aggregates/shops", method, body="x")
    problem(answer, 405)
    assert "GET" in answer.headers["Allow"]


def test_head_is_get_without_a_body(daemon):
    path = "/v1/pipelines/sales/aggregates/shops"
    answer = daemon.request(path, "HEAD")
    assert (answer.status, answer.body) == (200, "")
    assert answer.headers["Content-Length"] == daemon.get(path).headers["Content-Length"]


def test_a_request_id_is_echoed(daemon):
    assert daemon.get("/healthz", X_Request_Id="abc-1").headers["X-Request-Id"] == "abc-1"


def test_a_body_that_is_too_large_is_413(daemon):
    answer = daemon.request("/v1/pipelines/sales/pause", "POST", body="x" * (2 << 20))
    assert answer.status == 413
    assert daemon.status()["state"] == "running"


# ---- pause and resume


def test_pause_stands_still_and_resume_goes_on(topic, weir):
    work = topic()
    work.produce([sale(0)])
    daemon = weir(PIPELINE, work).start_ready().wait_covered(work)
    assert daemon.request("/v1/pipelines/sales/pause", "POST").status == 200
    daemon.wait_state(work, 0, "paused")
    assert daemon.status()["state"] == "paused"
    work.produce([sale(1)])
    answer = daemon.aggregate("shops", by="", after=f"{work.name}:0:1", timeout="300ms")
    assert answer.status == 504
    assert daemon.request("/v1/pipelines/sales/resume", "POST").status == 200
    answer = daemon.aggregate("shops", by="", after=f"{work.name}:0:1", timeout="20s")
    assert [row["orders"] for row in answer.rows] == [2]


def test_expressions_arrive_whole(daemon):
    """Plus signs, percent signs and quotes of an expression survive the URL."""
    where = urllib.parse.quote("shop like '%a%' and orders + 1 > 2")
    answer = daemon.get(f"/v1/pipelines/sales/aggregates/shops?by=shop&where={where}")
    assert [row["shop"] for row in answer.rows] == ["a"]
