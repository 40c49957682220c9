"""What a connector file writes: an opt-out; and how a source is connected in a browser."""

from __future__ import annotations

import json
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from customer_sync.errors import ConfigError, Parkable, PayloadError, Refused, TryLater
from customer_sync.kit.connector import Connector
from customer_sync.kit.reach import Callback, Invitation, Want, Withdrawal, Written
from customer_sync.model import Channel
from tests.custom.bench import LEAST, NOW, Vault, Wire, connector, pages, with_customers

ANN = {"id": "7", "email": "ann@example.com", "agrees": True, "agreed_at": None}
WRITES = {
    **with_customers(
        by_id={"endpoint": "/customers/{id}"},
        mapping={"email": "email", "consent.email": {"path": "agrees", "at": "agreed_at"}},
    ),
    "writeback": {
        "unsubscribe": {
            "endpoint": "/customers/{external_id}/consent",
            "json": {"agrees": False, "who": "{email}", "note": "of {external_id}"},
        }
    },
}


class Crm:
    """A platform with one customer."""

    def __init__(self, row=None, answer=None, *, keeps=True):
        self.row, self.reply, self.keeps = {**ANN, **(row or {})}, answer, keeps

    def __call__(self, asked):
        if asked.method == "GET" and asked.path == "/customers":
            return [self.row]
        if asked.method == "GET":
            return self.row if asked.path == f"/customers/{self.row['id']}" else (404, {}, {})
        if self.reply is not None:
            return self.reply
        if self.keeps:
            self.row["agrees"] = False
        return {}


def withdraw(crm, record_id="7", document=WRITES, address="Ann@Example.com"):
    wire = Wire(crm)
    told = Withdrawal(record_id, Channel.EMAIL, address, NOW)
    return connector(document).write_consent(told, wire.access()), wire


def test_an_opt_out_is_looked_at_written_and_read_back():
    found, wire = withdraw(Crm())

    assert found is Written.WRITTEN
    assert [(one.method, one.path) for one in wire.asked] == [
        ("GET", "/customers/7"),
        ("PATCH", "/customers/7/consent"),
        ("GET", "/customers/7"),
    ]
    assert wire.asked[1].json == {"agrees": False, "who": "Ann@Example.com", "note": "of 7"}


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ({"agrees": False}, Written.UNCHANGED),
        ({"email": "new@example.com"}, Written.GONE),
        ({"email": None}, Written.GONE),
        ({"id": "8"}, Written.GONE),
        ({"agreed_at": (NOW + timedelta(seconds=1)).isoformat()}, Written.NEWER),
        ({"agreed_at": (NOW - timedelta(seconds=1)).isoformat()}, Written.WRITTEN),
        ({"agrees": None}, Written.WRITTEN),
    ],
)
def test_what_the_record_says_decides(row, found):
    told, wire = withdraw(Crm(row))

    assert told is found
    assert any(one.method == "PATCH" for one in wire.asked) is (found is Written.WRITTEN)


def test_a_platform_that_keeps_the_old_state_is_told_to_an_operator():
    with pytest.raises(Parkable, match="still shows the consent"):
        withdraw(Crm(keeps=False))


def test_an_id_leads_nowhere_else():
    _, wire = withdraw(Crm({"id": "8"}), record_id="../8?x=1")

    assert [one.path for one in wire.asked] == ["/customers/..%2F8%3Fx%3D1", "/customers", "/customers/8"]


@pytest.mark.parametrize("record_id", ["..", "."])
def test_an_id_of_dots_is_never_asked_for(record_id):
    made, wire = connector(WRITES), Wire(Crm())
    with pytest.raises(Parkable, match="id of dots"):
        made.write_consent(Withdrawal(record_id, Channel.EMAIL, "ann@example.com", NOW), wire.access())
    (fault,) = made.fetch("customers", [record_id], wire.access())

    assert isinstance(fault, PayloadError)
    assert wire.asked == []


def test_an_opt_out_of_nobody_by_a_wrong_by_id_is_told():
    crm = Crm()

    with pytest.raises(ConfigError, match="does not find by id"):
        withdraw(lambda asked: (404, {}, {}) if asked.path != "/customers" else crm(asked))


@pytest.mark.parametrize(
    ("answer", "error"),
    [((400, {"a": 1}, {}), Parkable), ((403, {"a": 1}, {}), ConfigError), ((429, {}, {}), TryLater)],
)
def test_a_refusal_says_what_to_do(answer, error):
    with pytest.raises(error) as found:
        withdraw(Crm(answer=answer))
    assert error is TryLater or found.value.remedy


def test_a_record_that_went_between_the_look_and_the_write_is_gone():
    assert withdraw(Crm(answer=(404, {}, {})))[0] is Written.GONE


def test_a_record_that_cannot_be_read_is_tried_again():
    with pytest.raises(TryLater):
        withdraw(Crm({"email": ["x"]}))


def test_a_file_without_writeback_takes_no_consent_back():
    one = connector(LEAST)

    assert one.writes == ()
    assert type(one).write_consent is Connector.write_consent


# in a browser

OAUTH = {
    **LEAST,
    "auth": {
        "type": "oauth2",
        "authorization_url": "https://login.lamps.example/authorize?audience=api",
        "token_url": "https://login.lamps.example/token",
        "scopes": ["read", "write"],
        "token_response": {"base_url": "api_url"},
    },
}
INVITATION = Invitation("0123456789abcdef" * 2, "https://tajo.example/connect/shop/callback", "https://tajo.example/")
KEYS = {"client_id": "id", "client_secret": "secret"}


def platform(asked):
    if asked.path != "/token":
        return [ANN] if asked.headers["Authorization"] == f"Bearer {platform.token}" else (401, {}, {})
    form = parse_qs(asked.body.decode())
    platform.token = f"of-{form['grant_type'][0]}"
    more = {"refresh_token": "again", "api_url": "https://eu.lamps.example"}
    return {"access_token": platform.token, "expires_in": 3600, **more}


def accept(query, wire, vault):
    return connector(OAUTH, **KEYS).accept(Callback(query, b"", NOW.timestamp()), INVITATION, wire.access(vault))


def test_the_owner_agrees_in_a_browser_and_the_token_is_kept():
    page = urlsplit(connector(OAUTH, **KEYS).invite(INVITATION))
    wire, vault = Wire(platform), Vault()
    told = accept({"state": INVITATION.state, "code": "c0de"}, wire, vault)
    asked = parse_qs(wire.asked[0].body.decode())

    assert (page.hostname, page.path) == ("login.lamps.example", "/authorize")
    assert parse_qs(page.query) == {
        "audience": ["api"],
        "response_type": ["code"],
        "client_id": ["id"],
        "redirect_uri": [INVITATION.callback_url],
        "state": [INVITATION.state],
        "scope": ["read write"],
    }
    assert told == "shop is connected to lamps."
    assert (asked["code"], asked["redirect_uri"]) == (["c0de"], [INVITATION.callback_url])
    assert json.loads(vault.text)["refresh_token"] == "again"
    assert not connector(OAUTH, **KEYS).can_pull()


@pytest.mark.parametrize("query", [{}, {"state": "x" * 32, "code": "c"}, {"state": INVITATION.state}, {"code": "c"}])
def test_an_answer_of_another_attempt_or_without_a_code_is_refused(query):
    wire = Wire(platform)

    with pytest.raises(Refused):
        accept(query, wire, Vault())
    assert not wire.asked


def test_a_missing_key_is_told_before_anybody_opens_a_page():
    with pytest.raises(ConfigError, match="client_secret is not set"):
        connector(OAUTH, client_id="id").invite(INVITATION)
    with pytest.raises(ConfigError, match="not connected in a browser"):
        connector(LEAST).invite(INVITATION)


def test_a_refused_token_is_renewed_once_and_the_api_is_where_the_token_says():
    wire, vault = Wire(platform), Vault()
    accept({"state": INVITATION.state, "code": "c"}, wire, vault)
    platform.token = "another"
    page = connector({**OAUTH, "base_url": "https://lamps.example"}, **KEYS).pull

    assert len(page(Want("customers"), wire.access(vault)).events) == 1
    assert platform.token == "of-refresh_token"
    assert wire.asked[-1].url == "https://eu.lamps.example/customers"


def test_client_credentials_are_asked_for_without_an_owner():
    auth = {name: value for name, value in OAUTH["auth"].items() if name != "authorization_url"}
    document = {**OAUTH, "auth": {**auth, "client_auth": "basic"}}
    wire = Wire(platform)

    assert len(pages(connector(document, **KEYS), wire)) == 1
    assert wire.asked[0].headers["Authorization"].startswith("Basic ")
    assert connector(document, **KEYS).can_pull()
