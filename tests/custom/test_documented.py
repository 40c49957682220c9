"""The connector file that stands for the whole vocabulary, as it was written down first: every key of it works."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from hashlib import sha256
from urllib.parse import parse_qs, urlsplit

import pytest

from customer_sync.custom.patience import PATIENCE_S, Patient
from customer_sync.custom.reading import read
from customer_sync.errors import TryLater, Unavailable
from customer_sync.kit.outbound import Reply
from customer_sync.kit.reach import Callback, Invitation, Want, Withdrawal, Written
from customer_sync.model import Channel, Kind
from tests.custom.bench import LEAST, NOW, Vault, Wire, connector, form_of, pages, webhook, with_customers

WHOLE = """
version: 1
name: acme-crm
display_name: Acme CRM
base_url: ${config.base_url:-https://api.acme.example}
auth:
  type: oauth2
  grant: authorization_code
  authorization_url: https://acme.example/oauth/authorize
  token_url: https://acme.example/oauth/token
  scopes: [customers.read]
  client_id: ${secret.client_id}
  client_secret: ${secret.client_secret}
  client_auth: basic
  refresh: {rotates: true, skew_seconds: 60}
http:
  headers: {Accept: application/json}
  timeout_seconds: 30
  retry: {max_attempts: 6, on_status: [408, 423, 429, 500, 502, 503, 504], backoff: exponential, max_wait_seconds: 300}
  rate_limit:
    requests: 100
    per_seconds: 10
    remaining_header: X-RateLimit-Remaining
    reset_header: X-RateLimit-Reset
    reset_format: delta_seconds
  errors:
    - {when: {status: 401}, action: refresh_token_then_retry}
    - {when: {status: 404}, action: skip}
    - {when: {status: 400, body: "code == 'RESULTSET_TOO_LARGE'"}, action: split_window}
resources:
  customers:
    target: contact
    endpoint: /api/customers
    method: GET
    params: {limit: 100, include: tags}
    records: data
    primary_key: id
    pagination: {type: cursor, next: meta.next_cursor, send_as: cursor}
    incremental:
      cursor: updated_at
      format: rfc3339
      since_param: updated_since
      until_param: updated_until
      lookback: 10m
      max_window: 31d
      order: asc
    delete_when: "deleted == `true`"
    mapping:
      external_id: id
      email: contact.email
      name: contact.full_name
      attributes.CITY: ["address.city", "billing.city"]
      attributes.PLAN: {path: plan.code, transform: [trim, upper]}
      consent.email: {path: marketing.opt_in, type: boolean}
    transform: [drop_if_missing: email]
webhooks:
  verify:
    type: hmac
    algorithm: sha256
    encoding: hex
    secret: ${secret.webhook_secret}
    header: X-Acme-Signature
    prefix: "sha256="
    message: "{timestamp}.{body}"
    timestamp_header: X-Acme-Timestamp
    tolerance_seconds: 300
  events:
    customer_created:
      path: /webhooks/customer
      match: "type == 'customer.created'"
      items: "@"
      event_id: id
      occurred_at: created_at
      resource: customers
      record: data.object
      fetch: always
writeback:
  unsubscribe:
    method: PATCH
    endpoint: /api/customers/{external_id}
    json: {marketing_opt_in: false}
    ok_status: [200, 204]
    skip_status: [404]
"""
KEYS = {"client_id": "app", "client_secret": "s3cret"}
INVITATION = Invitation("0123456789abcdef" * 2, "https://tajo.example/connect/shop/callback", "https://tajo.example/")
ANN = {
    "id": 7,
    "contact": {"email": "ann@example.com", "full_name": "Ann van Dijk"},
    "billing": {"city": "Utrecht"},
    "plan": {"code": " gold "},
    "marketing": {"opt_in": True},
    "updated_at": "2026-11-20T10:00:00Z",
}


class Acme:
    """The platform of the file: one customer."""

    def __init__(self):
        self.row, self.tokens = json.loads(json.dumps(ANN)), 0

    def __call__(self, asked):
        if asked.path == "/oauth/token":
            self.tokens += 1
            return {"access_token": f"t{self.tokens}", "refresh_token": f"r{self.tokens}", "expires_in": 3600}
        if asked.headers.get("Authorization") != f"Bearer t{self.tokens}":
            return 401, {"error": "token"}, {}
        if asked.path == "/api/customers":
            return {"data": [self.row], "meta": {"next_cursor": None}}
        if asked.path != "/api/customers/7":
            return 404, {"error": "none"}, {}
        if asked.method == "PATCH":
            self.row["marketing"]["opt_in"] = asked.json["marketing_opt_in"]
        return {"data": self.row}


@pytest.fixture
def vault():
    kept = Vault()
    made = connector(WHOLE, **KEYS)
    made.accept(
        Callback({"state": INVITATION.state, "code": "c"}, b"", NOW.timestamp()), INVITATION, Wire(Acme()).access(kept)
    )
    return kept


def test_the_file_is_read_and_what_it_leaves_open_is_said():
    found = read(WHOLE, "acme-crm.yaml")

    assert found.faults == ()
    assert [(one.path, one.found) for one in found.warnings] == [
        ("resources.customers.by_id", "one record is taken to be at /api/customers/{id}")
    ]


def test_its_owner_agrees_with_basic_and_its_list_is_read(vault):
    crm = Acme()
    crm.tokens = 1
    wire = Wire(crm)

    page = connector(WHOLE, **KEYS).pull(Want("customers", None, NOW - timedelta(days=40)), wire.access(vault))

    asked = wire.asked[0]
    assert (asked.query["include"], asked.query["updated_since"]) == ("tags", "2026-10-12T11:50:00Z")
    assert asked.query["updated_until"] == "2026-11-12T11:50:00Z"
    assert page.cursor["start"] == "2026-11-12T11:50:00+00:00"
    (event,) = page.events
    assert event.record == {
        "id": "7",
        "email": "ann@example.com",
        "firstName": "Ann",
        "lastName": "van Dijk",
        "CITY": "Utrecht",
        "PLAN": "GOLD",
    }
    assert [str(one.state) for one in event.consents] == ["granted"]


def test_its_webhook_is_signed_and_the_record_is_read_again(vault):
    made, crm = connector(WHOLE, secrets=("w",), **KEYS), Acme()
    crm.tokens = 1
    told = {"id": "e1", "type": "customer.created", "created_at": "2026-11-21T11:00:00Z", "data": {"object": {"id": 7}}}
    request = made.sign(webhook(told, "customer"), "w")

    made.verify(request, ["w"])
    (hint,) = made.parse(request)
    (event,) = made.fetch("customers", [hint.record_id], Wire(crm).access(vault))

    assert request.headers["x-acme-signature"].startswith("sha256=")
    assert event.record["email"] == "ann@example.com"


def test_its_opt_out_is_written_and_read_back(vault):
    crm = Acme()
    crm.tokens = 1
    told = Withdrawal("7", Channel.EMAIL, "ann@example.com", NOW)

    assert connector(WHOLE, **KEYS).write_consent(told, Wire(crm).access(vault)) is Written.WRITTEN
    assert crm.row["marketing"]["opt_in"] is False


def test_its_token_is_renewed_a_minute_before_its_end(vault):
    kept = vault.load()

    assert kept["expires_at_s"] - kept["renew_at_s"] == 60
    assert (kept["access_token"], kept["refresh_token"]) == ("t1", "r1")


def test_a_record_that_is_deleted_there_and_one_without_an_address(vault):
    crm = Acme()
    crm.tokens = 1
    crm.row["deleted"] = True
    (gone,) = pages_of(crm, vault)
    crm.row |= {"deleted": False, "contact": {}}

    assert gone.kind is Kind.CUSTOMER_DELETED
    assert pages_of(crm, vault) == []


def pages_of(crm, vault):
    return connector(WHOLE, **KEYS).pull(Want("customers"), Wire(crm).access(vault)).events[-1:]


# how long, and how often


def test_how_long_an_answer_may_be_silent_is_the_files():
    assert connector(WHOLE).silence_s == 30
    assert connector(LEAST).silence_s is None


class Moody:
    """Answers with statuses in turn."""

    def __init__(self, *statuses, headers=None):
        self.statuses, self.headers, self.calls = list(statuses), headers or {}, 0

    def send(self, method, url, *, headers, body=None, is_file=False):
        self.calls += 1
        return Reply(self.statuses.pop(0), self.headers, b"[]")


def patient(http, **more):
    retry = form_of({**LEAST, "http": {"retry": {"on_status": [502, 429], "max_attempts": 6, **more}}}).http.retry
    waits = []
    return Patient(http, retry, waits.append, jitter=lambda longest_s: longest_s), waits


def test_a_question_is_asked_again_as_often_as_the_file_says():
    http = Moody(502, 502, 200)
    asker, waits = patient(http)

    assert asker.send("GET", "https://x", headers={}).status == 200
    assert (http.calls, waits) == (3, [1, 2])


@pytest.mark.parametrize(
    ("more", "waited"),
    [
        ({"max_attempts": 3}, [1, 2]),
        ({"backoff": "constant"}, [1, 1, 1, 1, 1]),
        ({"max_wait_seconds": 1.5}, [1, 1.5, 1.5, 1.5, 1.5]),
        ({}, [1, 2, 4]),
    ],
)
def test_the_waits_are_the_files_and_no_worker_waits_longer_than_it_may(more, waited):
    http = Moody(*[502] * 9)
    asker, waits = patient(http, **more)

    assert asker.send("GET", "https://x", headers={}).status == 502
    assert waits == waited
    assert sum(waits) <= PATIENCE_S


@pytest.mark.parametrize(("status", "headers"), [(429, {}), (404, {}), (502, {"retry-after": "60"})])
def test_a_limit_another_status_and_a_wait_that_is_asked_for_are_left_to_the_engine(status, headers):
    http = Moody(status, 200, headers=headers)

    assert patient(http)[0].send("GET", "https://x", headers={}).status == status
    assert http.calls == 1


def test_a_list_is_asked_for_again_and_a_write_never():
    document = {
        **with_customers(pagination={"type": "none"}, mapping={"email": "email", "consent.email": "agrees"}),
        "http": {"retry": {"on_status": [502], "max_attempts": 3, "max_wait_seconds": 0.001}},
        "writeback": {"unsubscribe": {"endpoint": "/customers/{external_id}"}},
    }
    wire = Wire(
        lambda asked: (
            {"id": "7", "email": "a@example.com", "agrees": True}
            if asked.path.endswith("/7") and asked.method == "GET"
            else (502, {}, {})
        )
    )

    with pytest.raises(Unavailable):
        pages(connector(document), wire)
    assert len(wire.asked) == 3
    with pytest.raises((Unavailable, TryLater)):
        connector(document).write_consent(Withdrawal("7", Channel.EMAIL, "a@example.com", NOW), wire.access())
    assert [one.method for one in wire.asked[3:]] == ["GET", "PATCH"]


# words of the vocabulary that have two forms


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"cents_to_decimal": {"currency": "EUR"}}, {"cents_to_decimal": "EUR"}),
        ({"join": {"sep": "+"}}, {"join": "+"}),
        ({"split": {"sep": ";"}}, {"split": ";"}),
        ({"default": {"v": 3}}, {"default": 3}),
    ],
)
def test_a_transform_with_a_named_word_is_the_same(one, other):
    def said(transform, value):
        mapping = {"email": "email", "attributes.X": {"path": "x", "transform": transform}}
        made = connector(with_customers(pagination={"type": "none"}, mapping=mapping))
        row = {"id": 1, "email": "a@example.com", **({} if value is None else {"x": value})}
        (page,) = pages(made, Wire(lambda _: [row]))
        return page.events[0].record

    for value in (None, 1234, ["a", "b"], "a;b"):
        assert said(one, value) == said(other, value)


def test_the_secrets_of_webhooks_may_be_called_a_list():
    verify = {"type": "hmac", "header": "X-Sig", "secrets": ["${secret.new}", "${secret.old}"]}
    made = connector({**LEAST, "webhooks": {"verify": verify, "events": {"customer_created": "/x"}}})

    assert made.secret_keys == ("new", "old")


def test_the_proof_of_a_public_app_goes_along_with_the_code():
    document = WHOLE.replace("client_auth: basic", "client_auth: body\n  pkce: true")
    made, wire = connector(document, **KEYS), Wire(Acme())
    page = parse_qs(urlsplit(made.invite(INVITATION)).query)
    made.accept(Callback({"state": INVITATION.state, "code": "c"}, b"", NOW.timestamp()), INVITATION, wire.access())
    verifier = parse_qs(wire.asked[0].body.decode())["code_verifier"][0]

    assert page["code_challenge_method"] == ["S256"]
    assert page["code_challenge"] == [challenge_of(verifier)]
    assert len(verifier) >= 43


def challenge_of(verifier):
    return base64.urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")
