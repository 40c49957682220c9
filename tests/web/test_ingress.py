"""The ingress: only what is signed is kept, all that is kept is answered, and no body stops the line."""

from __future__ import annotations

import base64
import io
import json
import logging
import threading
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import Client

from customer_sync.config import BrevoSettings, Settings
from customer_sync.kit.connector import Answer, SourceSettings
from customer_sync.model import EventState, Inbound
from customer_sync.operate.figures import findings, read_figures
from customer_sync.store import inbox, keys
from customer_sync.store.spool import Spool
from customer_sync.web import create_app
from customer_sync.web.ingress import MAX_BODY_BYTES, Ingress
from tests.contract.cases import CASES
from tests.web import door as door_module
from tests.web.door import ADDRESS, CUSTOMER, OLD_SECRET, SECRET, SETTINGS, TOKEN, UPDATE, Door

PING = b"webhook_id=17"


@pytest.fixture
def door(client, redis_url, tmp_path):
    made = Door(redis_url, tmp_path / "home")
    yield made
    made.close()


# who is let in ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-shopify-hmac-sha256": ""},
        {"x-shopify-hmac-sha256": "bm9uZQ=="},
        {"x-shopify-hmac-sha256": "\xff\xfe"},
        {"x-wc-webhook-signature": "bm9uZQ=="},
    ],
)
def test_what_is_not_signed_is_refused_and_not_kept(door, headers):
    answer = door.post("lumen", json.dumps(CUSTOMER).encode(), {**UPDATE, **headers})

    assert answer.status_code == 401
    assert door.kept == 0


def test_a_webhook_at_another_platforms_address_is_named_and_only_the_operator_hears_where_it_belongs(door, caplog):
    for _ in range(2):
        answer = door.post("lumen", b"{}", {"x-wc-webhook-topic": "customer.created"})

        assert answer.status_code == 401
        assert "looks like WooCommerce's webhook, sent to the wrong address" in answer.text
        assert "tulip" not in answer.text
    (told,) = [record for record in caplog.records if record.getMessage() == "webhook at the wrong address"]
    assert told.levelname == "WARNING"
    assert "/webhooks/tulip" in str(vars(told))


def test_a_request_with_a_wrong_signature_of_its_own_platform_is_not_taken_for_anothers(door):
    answer = door.post("lumen", b"{}", {"x-shopify-hmac-sha256": "x", "x-wc-webhook-topic": "customer.created"})

    assert answer.status_code == 401
    assert "looks like" not in answer.text


def test_a_kept_request_that_is_another_platforms_is_parked_with_its_address(door, monkeypatch):
    monkeypatch.setattr(type(door.connector("lumen")), "marks", ())
    by_body = classmethod(lambda _, inbound: inbound.body.startswith(b"<soap"))
    monkeypatch.setattr(type(door.connector("tulip")), "recognises", by_body)

    door.shopify(b"<soap>")
    (one,) = door.read().parked.list()

    assert "looks like WooCommerce's webhook" in one.reason
    assert "/webhooks/tulip" in one.remedy


def test_a_secret_that_was_taken_out_of_the_config_opens_nothing(door):
    assert door.shopify(secret="lumen-secret-long-gone").status_code == 401
    assert door.kept == 0


def test_a_signature_of_another_body_opens_nothing(door):
    headers = door.signed("lumen", b'{"id": 1}', UPDATE)

    assert door.post("lumen", b'{"id": 2}', headers).status_code == 401
    assert door.kept == 0


@pytest.mark.parametrize("secret", [SECRET, OLD_SECRET])
def test_every_live_secret_opens_while_secrets_rotate(door, secret):
    assert door.shopify(secret=secret).status_code == 202
    assert door.kept == 1


@pytest.mark.parametrize("source", [SourceSettings("lumen", "shopify"), SourceSettings("lumen", "shopify", (" ",))])
def test_a_source_without_a_secret_takes_nothing(redis_url, client, tmp_path, monkeypatch, source):
    monkeypatch.setattr("tests.web.door.SETTINGS", Settings(sources={"lumen": source}))
    door = Door(redis_url, tmp_path / "home")

    assert door.post("lumen", b"{}", {"x-shopify-hmac-sha256": "bm9uZQ=="}).status_code == 401
    assert door.brevo({"event": "unsubscribe"}, token="").status_code == 429
    assert door.kept == 0
    door.close()


@pytest.mark.parametrize("source", ["nope", "Lumen", "lumen2", "%2e%2e", "shopify", "é"])
def test_an_unknown_source_is_404_and_names_none_that_there_is(door, source):
    answer = door.post(source, b"{}")

    assert answer.status_code == 404
    assert "lumen" not in answer.text
    assert "tulip" not in answer.text
    assert door.kept == 0
    assert not door.counted()


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_another_verb_is_405(door, method):
    assert door.http.open("/webhooks/lumen", method=method).status_code == 405
    assert door.kept == 0


def test_a_platform_that_greets_with_get_gets_its_challenge_back_and_no_other_get_is_a_webhook(door, monkeypatch):
    kind = type(door.connector("lumen"))
    monkeypatch.setattr(kind, "greets_get", True)

    def greet(_self, one):
        return Answer(200, one.query.partition("=")[2].encode()) if one.method == "GET" and one.query else None

    monkeypatch.setattr(kind, "greet", greet)

    assert door.http.get("/webhooks/lumen?challenge=abc").data == b"abc"
    assert door.http.get("/webhooks/lumen").status_code == 405
    assert door.kept == 0


@pytest.mark.parametrize(
    ("public_url", "called"),
    [
        (None, "http://inside:8000/webhooks/lumen/a?b=c%20d"),
        ("https://sync.example.com/base/", "https://sync.example.com/base/webhooks/lumen/a?b=c%20d"),
    ],
)
def test_a_signed_address_is_the_public_one_whatever_a_proxy_made_of_it(door, monkeypatch, public_url, called):
    seen = []
    monkeypatch.setattr(type(door.connector("lumen")), "signs_url", True)
    monkeypatch.setattr(type(door.connector("lumen")), "verify", lambda _self, one, _secrets: seen.append(one.url))
    monkeypatch.setattr(type(door.services), "settings", replace(SETTINGS, public_url=public_url))
    http = Client(Ingress(door.services, lambda *_: ()))

    http.post("/webhooks/lumen/a?b=c%20d", data=b"{}", headers={"Host": "inside:8000", **UPDATE})

    assert seen == [called]


def test_the_whole_application_has_the_ingress_too(client, redis_url, tmp_path, monkeypatch):
    monkeypatch.setenv("TAJO_HOME", str(tmp_path))
    app = create_app(Settings(sources={"lumen": SourceSettings("lumen", "shopify", (SECRET,))}))
    http = app.test_client()

    answers = [http.post("/webhooks/nope"), http.get("/webhooks/lumen"), http.post("/webhooks/lumen", data=b"{}")]

    assert [answer.status_code for answer in answers] == [404, 405, 401]
    app.extensions["tajo"].intake.stop()


# size ---------------------------------------------------------------------------------------------------------------


def _padded(size: int) -> bytes:
    head, tail = b'{"id": 1, "note": "', b'"}'
    return head + b"x" * (size - len(head) - len(tail)) + tail


def _chunked(door, body: bytes):
    stream = io.BytesIO(body)
    headers = door.signed("lumen", body, UPDATE)
    environ = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""}
    return door.http.post("/webhooks/lumen", input_stream=stream, headers=headers, environ_overrides=environ)


def test_the_largest_body_is_kept(door):
    door.intake._inbox._pool.connection_kwargs["socket_timeout"] = 10.0  # what a busy machine takes late is no refusal
    assert door.shopify(_padded(MAX_BODY_BYTES)).status_code == 202
    assert _chunked(door, _padded(MAX_BODY_BYTES)).status_code == 202
    assert door.kept == 2


def test_a_larger_body_is_413_and_not_kept(door):
    assert door.shopify(_padded(MAX_BODY_BYTES + 1)).status_code == 413
    assert _chunked(door, _padded(MAX_BODY_BYTES + 1)).status_code == 413
    assert door.kept == 0
    assert door.counted() == {("lumen", "too_large"): 2}


def test_a_body_that_is_too_large_is_read_to_its_end_so_that_the_sender_sees_the_answer(door):
    body = _padded(MAX_BODY_BYTES + 100_000)
    stream = io.BytesIO(body)

    door.http.post("/webhooks/lumen", input_stream=stream, content_length=len(body))

    assert stream.tell() == len(body)


# what is kept -------------------------------------------------------------------------------------------------------


def test_only_the_headers_that_the_connector_needs_are_kept(door):
    door.shopify(**{"cookie": "session=4711", "authorization": "Bearer of-a-proxy", "x-forwarded-for": "192.0.2.7"})
    door.brevo({"event": "unsubscribe", "email": ADDRESS, "ts_event": 1})

    stored = b"".join(fields[b"r"] for _, fields in door.client.xrange(keys.INBOX))
    assert b"customers/update" in stored
    for secret in (b"4711", b"of-a-proxy", b"192.0.2.7", b"hmac", b"uthorization", TOKEN.encode()):
        assert secret not in stored


def test_a_path_behind_the_source_is_kept(door):
    body = json.dumps(CUSTOMER).encode()
    door.http.post("/webhooks/lumen/eu/north?x=1", data=body, headers=door.signed("lumen", body, UPDATE))

    ((_, fields),) = door.client.xrange(keys.INBOX)
    inbound = inbox.decode(fields[b"r"])
    assert (inbound.path, inbound.query) == ("eu/north", "x=1")


def test_the_first_request_of_many_wakes_a_worker_and_the_others_need_not(door):
    for _ in range(5):
        door.shopify()

    assert door.woken == ["inbox"]


DEEP = b'{"a":' * 500 + b"1" + b"}" * 500
BODIES = {
    "broken": (b'{"id": 1, "email": ', "$"),
    "empty": (b"", "$"),
    "only spaces": (b"  \n", "$"),
    "a list": (b"[1, 2]", "$"),
    "a number": (b"17", "$"),
    "NUL bytes": (b'{"id": 1, "email": "\0\0"}', "email"),
    "an escaped NUL": (b'{"id": 1, "email": "a\\u0000b@example.com"}', "email"),
    "500 deep": (DEEP, "id"),
    "100,000 deep": (b"[" * 100_000 + b"]" * 100_000, "$"),
    "not UTF-8": ('{"id": 1, "email": "am\xe9lie@example.com"}'.encode("latin-1"), "email"),
    "UTF-16": ('{"id": 1}'.encode("utf-16"), "$"),
    "half a character": (b'{"id": 1, "email": "ann\\ud83d@example.com"}', "email"),
    "half a character as bytes": (b'{"id": 1, "email": "ann\xed\xa0\xbd@example.com"}', "email"),
    "a number that is none": (b'{"id": NaN}', "id"),
    "a number of 5,000 digits": (b'{"id": ' + b"9" * 5_000 + b"}", "id"),
    "no id": (b'{"email": "amelie.durand@example.com"}', "id"),
    "an id that was a float": (b'{"id": 1e30, "email": "amelie.durand@example.com"}', "id"),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_body_that_cannot_be_read_is_parked_with_the_path_and_the_others_go_on(door, name):
    body, path = BODIES[name]
    answers = [door.shopify(), door.shopify(body), door.shopify({**CUSTOMER, "id": 2, "email": "b@example.com"})]
    assert [answer.status_code for answer in answers] == [202, 202, 202]

    store = door.read()

    (one,) = store.parked.list()
    assert path in one.reason
    assert one.remedy
    assert store.lanes.depth("contacts")[0] == 2
    assert door.client.xlen(keys.INBOX) == 0


@pytest.mark.parametrize(
    "odd",
    [
        b'"first_name": "\\ud83d"',
        b'"first_name": "\xed\xa0\xbd"',
        b'"first_name": "Am\xe9lie"',
        b'"note": "\0"',
        b'"note": "\\u0000"',
        b'"x": NaN',
        b'"x": ' + b"9" * 5_000,
        b'"x": ' + b"[" * 500 + b"]" * 500,
        b'"\\ud83d": "x"',
        b'"\\ud83d": "\\u0000"',
    ],
    ids=lambda odd: odd[:30].decode(errors="replace"),
)
def test_what_no_text_can_hold_costs_a_customer_nothing_but_itself(door, odd):
    door.shopify(b'{"id": 2, "email": "b@example.com", ' + odd + b"}")

    store = door.read()

    assert store.parked.count() == 0
    assert store.lanes.depth("contacts")[0] == 1


def test_a_withdrawal_beside_an_address_that_can_be_none_is_heard_and_the_rest_is_parked(door):
    left = {"state": "unsubscribed", "opt_in_level": None, "consent_updated_at": "2026-11-01T10:00:00Z"}
    body = {"customer_id": 7, "email_address": "lea@example", "email_marketing_consent": left}
    topic = {"x-shopify-topic": "customers_email_marketing_consent/update"}
    door.shopify(body, **topic)
    store = door.read()
    (one,) = store.parked.list()

    door.shopify({**body, "email_address": "lea@example.com"}, **topic)
    door.read()

    states = sorted((row.kind, row.state) for row in store.ledger.events() if row.kind)
    assert one.reason.startswith("email_address: ")
    assert states == [("consent_changed", EventState.PENDING)] * 2


TEXTS = ["", "\0", "💙" * 50, "1e400", "-0", ADDRESS, "a@b", "9" * 400, "2026-11-01T10:00:00Z", "0001-01-01T00:00:00Z"]
KEYS = st.sampled_from(TEXTS)
LEAVES = st.none() | st.booleans() | KEYS | st.just("\ud83d") | st.text(max_size=8)
LEAVES |= st.sampled_from([0, -1, 2**63, 10**400, 1.5, 1e308, 1e-320])
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=6
)
SOURCES = {"shopify": "lumen", "woocommerce": "tulip"}
FULL = [case for case in CASES if case.platform in SOURCES and case.events() and isinstance(case.request["body"], dict)]


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_signed_body_stops_the_line(door, data):
    case = data.draw(st.sampled_from(FULL))
    path = data.draw(st.sampled_from(list(_paths(case.request["body"]))))
    body = _set(case.request["body"], path, data.draw(VALUES))
    raw = json.dumps(body).encode()
    source = SOURCES[case.platform]
    headers = {name.lower(): value for name, value in case.request["headers"].items()}

    assert door.post(source, raw, door.signed(source, raw, headers)).status_code == 202
    door.read()

    assert door.client.xlen(keys.INBOX) == 0


def test_an_address_that_is_a_key_is_in_no_line(door, caplog):
    door.shopify({"id": 1.5, ADDRESS: "\0"})

    store = door.read()

    assert ADDRESS not in str([record.__dict__ for record in caplog.records])
    assert ADDRESS not in store.parked.list()[0].reason


def test_a_fault_of_a_connector_parks_its_request_alone(door, monkeypatch):
    _read_with(door, monkeypatch, ZeroDivisionError("x"))

    (one,) = door.services.store().parked.list()
    assert "ZeroDivisionError" in one.reason


def test_a_fault_of_a_connector_writes_no_address_into_the_log(door, monkeypatch, caplog):
    _read_with(door, monkeypatch, KeyError(ADDRESS))

    assert ADDRESS not in caplog.text


def _read_with(door, monkeypatch, error: Exception) -> None:
    """Read one request whose connector fails like this."""

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(type(door.connector("lumen")), "parse", fail)
    door.shopify()
    door.read()


def _paths(node: object, at: tuple = ()):
    yield at
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        yield from _paths(child, (*at, key))


def _set(node, path, value):
    if not path:
        return value
    copy = dict(node) if isinstance(node, dict) else list(node)
    copy[path[0]] = _set(node[path[0]], path[1:], value)
    return copy


def test_a_topic_that_is_not_ours_is_ignored_and_counted(door):
    assert door.shopify(**{"x-shopify-topic": "themes/publish"}).status_code == 202

    store = door.read()

    assert store.parked.count() == 0
    assert door.client.hget(keys.METRICS, "tajo_events_total|source=lumen|state=ignored") == b"1"


def test_a_request_that_comes_twice_counts_once(door):
    headers = door.signed("lumen", json.dumps(CUSTOMER).encode(), {**UPDATE, "x-shopify-webhook-id": "same"})
    for _ in range(2):
        assert door.post("lumen", json.dumps(CUSTOMER).encode(), headers).status_code == 202

    states = Counter(row.state for row in door.read().ledger.events())

    assert states == {EventState.PENDING: 1, EventState.REPEATED: 1}


def test_the_ping_of_a_new_woocommerce_webhook_is_200_and_nothing_is_kept(door):
    answer = door.post("tulip", PING)

    assert answer.status_code == 200
    assert door.kept == 0
    assert door.counted() == {("tulip", "greeted"): 1}


@pytest.mark.parametrize("body", [b"webhook_id=17&x=1", b"webhook_id=", b"webhook_id=17\n", b" webhook_id=17"])
def test_what_only_looks_like_the_ping_is_refused(door, body):
    assert door.post("tulip", body).status_code == 401
    assert door.kept == 0


def test_an_error_that_the_shop_signs_in_the_place_of_a_record_becomes_an_alert(door):
    refusal = {"code": "woocommerce_rest_cannot_view", "message": "Sorry", "data": {"status": 401}}
    body = json.dumps(refusal).encode()
    headers = {"x-wc-webhook-topic": "customer.updated", "x-wc-webhook-id": "17", "x-wc-webhook-delivery-id": "d1"}
    assert door.post("tulip", body, door.signed("tulip", body, headers)).status_code == 202

    store = door.read()

    (alert,) = store.ledger.alerts()
    assert "woocommerce_rest_cannot_view" in alert["alert"]
    assert alert["remedy"]
    assert store.parked.count() == 0


ASKED = {"shop_id": 1, "orders_requested": [], "customer": {"id": 7, "email": ADDRESS}, "data_request": {"id": 9}}


def test_a_request_for_a_customers_data_waits_for_a_person_with_its_remedy_once(door):
    for _ in range(2):
        headers = {"x-shopify-webhook-id": "w1", "x-shopify-topic": "customers/data_request"}
        raw = json.dumps(ASKED).encode()
        assert door.post("lumen", raw, door.signed("lumen", raw, headers)).status_code == 202

    store = door.read()

    [one] = store.parked.list()
    assert one.reason == "A customer asks the shop for all that is known of them."
    assert "Answer within 30 days" in one.remedy
    assert {row.state for row in store.ledger.events()} == {EventState.PARKED}
    alert = store.ledger.alerts()[0]
    assert (alert["alert"], alert["remedy"]) == (f"lumen: {one.reason}", one.remedy)
    assert ADDRESS not in str(store.ledger.alerts())


def test_an_app_that_was_uninstalled_is_told_until_good_webhooks_come_again(door):
    door.shopify({"id": 1}, **{"x-shopify-topic": "app/uninstalled"})
    store = door.read()

    def told() -> list[str]:
        figures = read_figures(store, SETTINGS, door.services.home)
        return [one.remedy for one in findings(figures) if one.code == "source_complains"]

    [remedy] = told()
    assert remedy.startswith("Install the app again")
    [row] = store.ledger.events()
    assert "The app was uninstalled" in row.note

    store.client.hset(keys.DOORS, "lumen|complaint_ms", store.now_ms() - 3_600_000)
    door.shopify()
    door.intake.tend()

    assert told() == []


# counting -----------------------------------------------------------------------------------------------------------


def test_the_counters_are_exact_after_many_requests_from_many_threads(door):
    body = json.dumps(CUSTOMER).encode()
    headers = door.signed("lumen", body, UPDATE)
    answers: Counter[int] = Counter()

    def send(number: int) -> None:
        http = door.app.test_client()
        mine: Counter[int] = Counter()
        for turn in range(50):
            right = (number + turn) % 5 != 0
            mine[http.post("/webhooks/lumen", data=body, headers=headers if right else {}).status_code] += 1
        answers.update(mine)

    threads = [threading.Thread(target=send, args=(number,), daemon=True) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert answers == {202: 320, 401: 80}
    assert door.counted() == {("lumen", "accepted"): 320, ("lumen", "refused"): 80}
    assert door.kept == 320


def test_one_that_fails_in_an_unforeseen_way_does_not_hang_those_who_share_its_round_trip(door, monkeypatch):
    inside, go_on = threading.Event(), threading.Event()
    real = door.intake._to_inbox

    def fail_when_many(raws, sources=()):
        if len(raws) == 1:
            inside.set()
            go_on.wait(5)
            return real(raws, sources)
        raise RuntimeError("unforeseen")

    monkeypatch.setattr(door.intake, "_to_inbox", fail_when_many)
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(door.shopify().status_code), daemon=True) for _ in range(4)
    ]
    threads[0].start()
    assert inside.wait(5)
    for thread in threads[1:]:
        thread.start()
    while len(door.intake._open.raws) < 3:
        threading.Event().wait(0.005)
    go_on.set()
    for thread in threads:
        thread.join(5)

    assert sorted(statuses) == [202, 429, 429, 429]


def test_a_fault_of_ours_is_answered_with_429_so_that_the_sender_comes_again(door, monkeypatch, caplog):
    def fail(*_):
        raise KeyError(ADDRESS)

    monkeypatch.setattr(door.connector("lumen"), "verify", fail)
    answer = door.post("lumen", b"{}")

    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert ADDRESS not in caplog.text
    assert door.counted() == {("lumen", "busy"): 1}


# Brevo's own webhooks -----------------------------------------------------------------------------------------------

LEFT = {"event": "unsubscribe", "email": ADDRESS, "ts_event": 1_793_530_800, "camp_id": 3, "id": 9}


def _basic(password: str, user: str = "tajo") -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": f"Bearer {TOKEN}"},
        {"authorization": f"bearer  {TOKEN} "},
        {"authorization": _basic(TOKEN)},
        {"authorization": _basic(TOKEN) + " "},
        {"authorization": _basic(TOKEN, user="")},
        {"x-tajo-token": TOKEN},
    ],
)
def test_brevo_may_bring_its_token_as_bearer_as_password_or_as_header(door, headers):
    answer = door.post("brevo", json.dumps(LEFT).encode(), headers)

    assert answer.status_code == 200
    assert door.kept == 1


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer"},
        {"authorization": "Bearer wrong"},
        {"authorization": f"Bearer {TOKEN}x"},
        {"authorization": _basic("wrong", user=TOKEN)},
        {"authorization": "Basic ====="},
        {"authorization": "Basic \xe9\xff"},
        {"authorization": f"Token {TOKEN}"},
        {"x-tajo-token": ""},
        {"x-tajo-token": "\xe9"},
    ],
)
def test_a_wrong_token_is_429_because_brevo_drops_for_good_what_is_answered_with_401(door, headers):
    answer = door.post("brevo", json.dumps(LEFT).encode(), headers)

    assert answer.status_code == 429
    assert door.kept == 0


def test_a_token_with_letters_beyond_ascii_works_in_each_place(redis_url, client, tmp_path, monkeypatch):

    monkeypatch.setattr(
        door_module, "SETTINGS", replace(door_module.SETTINGS, brevo=BrevoSettings("k", webhook_secrets=("clé-ß",)))
    )
    door = Door(redis_url, tmp_path / "home")
    sent = "clé-ß".encode().decode("latin-1")  # a header as WSGI hands it over

    for headers in ({"authorization": f"Bearer {sent}"}, {"x-tajo-token": sent}, {"authorization": _basic("clé-ß")}):
        assert door.post("brevo", b"[]", headers).status_code == 200
    door.close()


BREVO_BODIES = {
    "oversize": _padded(MAX_BODY_BYTES + 1),
    "largest": _padded(MAX_BODY_BYTES),
    "500 at once": json.dumps([{**LEFT, "email": f"p{n}@example.com"} for n in range(500)]).encode(),
    **{name: body for name, (body, _) in BODIES.items()},
}


@pytest.mark.parametrize("name", BREVO_BODIES)
def test_brevo_gets_nothing_but_2xx_or_429_whatever_it_sends(door, name):
    for token in (TOKEN, "wrong"):
        assert door.brevo(BREVO_BODIES[name], token=token).status_code in {200, 429}
    door.read()

    assert door.client.xlen(keys.INBOX) == 0


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(body=st.dictionaries(st.sampled_from([*LEFT, "ts", "list_id"]), VALUES) | st.lists(VALUES, max_size=4))
def test_no_body_of_brevo_stops_the_line(door, body):
    word = {"event": "unsubscribe"} if isinstance(body, dict) and "event" not in body else {}
    raw = json.dumps({**word, **body} if isinstance(body, dict) else body).encode()

    assert door.brevo(raw).status_code == 200
    door.read()

    assert door.client.xlen(keys.INBOX) == 0


def _withdrawn(store) -> list[str]:
    return sorted(
        row.kind for row in store.ledger.events(1_000) if row.source == "brevo" and row.kind == "consent_changed"
    )


def test_one_object_and_an_array_of_500_are_all_read(door):
    door.brevo(LEFT)
    door.brevo([{**LEFT, "email": f"p{n}@example.com"} for n in range(500)])

    store = door.read()

    assert len(_withdrawn(store)) == 501
    assert store.parked.count() == 0


def test_one_bad_element_among_good_ones_is_parked_alone(door):
    good = [{**LEFT, "email": f"p{n}@example.com"} for n in range(3)]
    door.brevo([good[0], {**LEFT, "email": 17}, good[1], "rubbish", good[2]])

    store = door.read()

    assert len(_withdrawn(store)) == 3
    assert sorted(one.reason.split(":")[0] for one in store.parked.list()) == ["$[1].email", "$[3]"]


def test_one_bad_address_among_several_of_one_event_is_parked_alone(door):
    door.brevo({**LEFT, "email": ["p1@example.com", None, "p2@example.com"]})

    store = door.read()

    assert len(_withdrawn(store)) == 2
    assert [one.reason.split(":")[0] for one in store.parked.list()] == ["$.email[1]"]


# what nobody must see -----------------------------------------------------------------------------------------------


def test_no_secret_and_no_address_is_in_any_line_or_answer(door, caplog):
    caplog.set_level(logging.DEBUG)
    answers = [
        door.shopify(),
        door.shopify(secret="wrong-secret-77aa"),
        door.shopify({"email": ADDRESS}),
        door.shopify({**CUSTOMER, "id": ADDRESS, "updated_at": ADDRESS}),
        door.shopify(f'{{"id": 1, "email": "{ADDRESS}'.encode()),
        door.post("tulip", PING),
        door.brevo(LEFT),
        door.brevo(LEFT, token="wrong-token-31cc"),
        door.brevo({"event": "unsubscribe", "email": [ADDRESS, 1]}),
        door.post("nope", ADDRESS.encode()),
    ]
    door.read()
    door.intake.tend()

    lines = "\n".join(f"{record.getMessage()} {record.__dict__} {record.exc_text}" for record in caplog.records)
    told = lines + "".join(answer.text + str(answer.headers) for answer in answers)
    assert "inbox read" in lines
    for word in (ADDRESS, "amelie", SECRET, OLD_SECRET, TOKEN, "wrong-secret-77aa", "wrong-token-31cc"):
        assert word not in told


def test_a_spool_that_an_earlier_process_left_is_drained_by_the_next(redis_url, client, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    Spool(home / "spool.sqlite").append([inbox.encode(Inbound("lumen", {}, b"{}", datetime.now(UTC)))])
    door = Door(redis_url, home)

    door.intake.tend()

    assert door.client.xlen(keys.INBOX) == 1
    assert door.spool.depth() == 0
    door.close()


def test_it_is_remembered_what_came_of_each_sources_webhooks(door):
    door.shopify()
    door.shopify(secret="another")
    door.post("lumen", b"{}", UPDATE)
    door.post("tulip", b"{}", {"x-wc-webhook-signature": "x"})
    door.brevo({}, token="another")
    door.intake.tend()

    found = door.services.store().doors.read()

    assert found["lumen"].accepted_ms is not None
    assert (found["lumen"].in_a_row, found["lumen"].cause) == (2, "unsigned")
    assert (found["tulip"].accepted_ms, found["tulip"].why) == (None, "The signature does not fit the secret.")
    assert (found["brevo"].in_a_row, found["brevo"].cause) == (1, "wrong")

    door.shopify()
    door.intake.tend()

    assert door.services.store().doors.read()["lumen"].in_a_row == 0


@pytest.mark.parametrize(
    ("source", "headers", "cause", "words"),
    [
        ("lumen", {}, "unsigned", "The signature is missing."),
        ("lumen", {"x-shopify-hmac-sha256": "eA=="}, "wrong", "The signature does not fit the secret."),
        ("brevo", {}, "unsigned", "The token is missing"),
        ("brevo", {"authorization": "Bearer x"}, "wrong", "The token is wrong"),
        ("lumen", {"x-wc-webhook-topic": "customer.created"}, "other address", "looks like WooCommerce's webhook"),
    ],
)
def test_who_is_refused_hears_why_and_so_does_the_operator(door, source, headers, cause, words):
    told = door.post(source, b"{}", headers).text
    door.intake.tend()

    kept = door.services.store().doors.read()[source]

    assert words in told
    assert (kept.cause, kept.why) == (cause, told.rstrip("\n"))
