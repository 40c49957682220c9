"""Acme CRM and its stand-in: what the contract suite does not ask."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from connectors.acme_crm.connector import CONNECTOR
from connectors.acme_crm.fake.settings import CLIENT_ID, CLIENT_SECRET
from connectors.acme_crm.tests.contract import TRIAL, token
from customer_sync.custom import connector_of
from customer_sync.errors import ConfigError, Parkable, Refused
from customer_sync.kit.connector import SourceSettings
from customer_sync.kit.outbound import HttpClient
from customer_sync.kit.reach import Access, Callback, Invitation, Want, Withdrawal, Written
from customer_sync.model import Channel, ConsentState, Event, Inbound, Kind
from tests.contract.trial import MemoryVault
from tests.fakes.receiver import receiving
from tests.programs import need
from tests.stores.servers import store_server

OPTIONS = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SECRET = "acme-hook-secret"


@pytest.fixture(scope="module")
def running():
    with store_server("acme_crm", "--customers", "24") as shop:
        yield shop


@pytest.fixture
def shop(running):
    running.delete("/fake/faults")
    running.post("/fake/reset")
    running.post("/fake/settings", {"max_results": 0, "ignores_opt_out": False})
    return running


@pytest.fixture
def access():
    http = HttpClient()
    yield Access(http, MemoryVault())
    http.close()


def source(shop, of=CONNECTOR, **options):
    return of(SourceSettings("trial", "acme_crm", (SECRET,), {**OPTIONS, **options}, shop.address))


def pulled(made, access, since=None, resource="customers"):
    found, cursor = [], None
    while True:
        page = made.pull(Want(resource, cursor, since), access)
        found += page.events
        cursor = page.cursor
        if cursor is None:
            return found


def withdraw(shop, access, record_id, at=None):
    told = Withdrawal(record_id, Channel.EMAIL, TRIAL.address(shop, record_id), at or datetime.now(UTC))
    return source(shop).write_consent(told, access)


def test_a_window_with_too_many_changes_is_cut_until_it_fits(shop, access):
    since = datetime.now(UTC) - timedelta(days=40)
    shop.post("/fake/settings", {"max_results": 3})

    found = [one for one in pulled(source(shop), access, since) if isinstance(one, Event)]

    assert {one.record_id for one in found} == TRIAL.everybody(shop)
    assert any(call["status"] == 400 for call in shop.get("/fake/calls")["calls"])


def test_who_was_deleted_is_told_by_the_list_of_changes(shop, access):
    gone = min(TRIAL.everybody(shop))
    since = datetime.now(UTC) - timedelta(minutes=1)
    TRIAL.delete(shop, gone)

    found = pulled(source(shop), access, since)

    assert [one.kind for one in found if one.record_id == gone][-1] is Kind.CUSTOMER_DELETED


def test_deals_are_orders_with_the_money_of_their_currency(shop, access):
    found = {one.record["currency"]: one.record for one in pulled(source(shop), access, resource="orders")}

    assert {code: one["amount"] for code, one in found.items()} == {"EUR": 123.0, "JPY": 12300.0, "KWD": 12.3}
    assert {one["state"] for one in found.values()} == {"paid"}


def test_an_opt_out_is_kept_by_acme_and_read_back(shop, access):
    (agreed, never, withdrawn) = ("101", "103", "102")

    assert withdraw(shop, access, agreed) is Written.WRITTEN
    assert TRIAL.may_mail(shop, agreed) is False
    assert withdraw(shop, access, agreed) is Written.UNCHANGED
    assert withdraw(shop, access, never) is Written.WRITTEN
    assert withdraw(shop, access, withdrawn) is Written.UNCHANGED


def test_who_agreed_later_or_has_another_address_is_left_alone(shop, access):
    told = Withdrawal("101", Channel.EMAIL, TRIAL.address(shop, "101"), datetime.now(UTC))
    TRIAL.rename(shop, "101", "other@example.com")
    assert source(shop).write_consent(told, access) is Written.GONE

    TRIAL.subscribe(shop, "104")
    assert withdraw(shop, access, "104", datetime.now(UTC) - timedelta(hours=1)) is Written.NEWER
    assert TRIAL.may_mail(shop, "104") is True


def test_an_opt_out_that_acme_does_not_keep_is_told(shop, access):
    shop.post("/fake/settings", {"ignores_opt_out": True})

    with pytest.raises(Parkable, match="still shows the consent"):
        withdraw(shop, access, "101")


def test_a_webhook_of_the_stand_in_is_genuine_and_a_replay_is_not(shop, access):
    made = source(shop)
    shop.post("/fake/webhooks", {"is_paused": True})
    with receiving() as receiver:
        made.ensure_webhooks(receiver.url, access)
        TRIAL.subscribe(shop, "103")
        shop.post("/fake/deliver")
        shop.post("/fake/webhooks", {"old_s": 400})
        TRIAL.subscribe(shop, "104")
        shop.post("/fake/deliver")
        good, old = (Inbound("trial", one.headers, one.body, datetime.now(UTC)) for one in receiver.got)

    made.verify(good, (SECRET,))
    (event,) = made.parse(good)
    assert (event.kind, event.record_id) == (Kind.RECORD_CHANGED, "103")
    assert made.fetch("customers", ["103"], access)[0].consents[0].state is ConsentState.GRANTED
    with pytest.raises(Refused):
        made.verify(old, (SECRET,))


#: Computed with openssl 3.0: printf '%s.%s' "$stamp" "$body" | openssl dgst -sha256 -hmac "$secret"
VECTORS = [
    (
        b'{"type":"customer.created"}',
        "first-secret",
        "9fdb1a1c76be2bd79bb44866b0597bd913a1ec70d348e4636ec4c967040ff333",
    ),
    ('{"name":"Zoë"}'.encode(), "second secret", "a7c16761645a83959fdf0c9a89eb8782438102302c5cef0b1bd22c61e463cf05"),
]


@pytest.mark.parametrize(("body", "secret", "digest"), VECTORS)
def test_known_signatures_are_taken(body, secret, digest):
    stamp = str(int(NOW.timestamp()))
    made = CONNECTOR(SourceSettings("trial", "acme_crm", (secret,), {}))
    signed = made.sign(Inbound("trial", {}, body, NOW), secret)

    assert signed.headers["x-acme-signature"].removeprefix("sha256=") == digest
    assert signed.headers["x-acme-timestamp"] == stamp
    made.verify(signed, (secret,))
    with pytest.raises(Refused):
        made.verify(replace(signed, body=body + b" "), (secret,))


def test_the_owner_agrees_on_acmes_page_and_the_token_opens_the_api(shop, access):
    form = CONNECTOR.form
    auth = form.auth.model_copy(
        update={
            "grant": "authorization_code",
            "authorization_url": type(form.auth)
            .model_validate({"type": "oauth2", "token_url": "/x", "authorization_url": "/oauth/authorize"})
            .authorization_url,
        }
    )
    made = source(shop, connector_of(form.model_copy(update={"auth": auth})))
    invitation = Invitation("f" * 32, "http://127.0.0.1:9/connect/trial/callback", "http://127.0.0.1:9/")
    page = shop.http.request("GET", made.invite(invitation), redirect=False)
    back = urlsplit(page.headers["Location"])
    query = {name: values[0] for name, values in parse_qs(back.query).items()}

    with pytest.raises(ConfigError, match="not connected"):
        made.pull(Want("customers"), access)
    assert made.accept(Callback(query, b"", 0.0), invitation, access) == "trial is connected to Acme CRM (example)."
    assert len(pulled(made, access)) == 24
    assert json.loads(access.vault.text)["refresh_token"].startswith("again_")


def test_a_token_that_ends_is_renewed_before(shop, access):
    made = source(shop)
    pulled(made, access)
    later = replace(access, now_s=lambda: datetime.now(UTC).timestamp() + 3_000)
    pulled(made, later)

    assert shop.get("/fake/state")["tokens"]["client_credentials"] == 2
    assert token(shop)["Authorization"].startswith("Bearer acme_")


def test_curl_reads_what_the_connector_reads(shop):
    command = [
        need("curl"),
        "-sS",
        "-H",
        f"Authorization: {token(shop)['Authorization']}",
        f"{shop.address}/api/customers/101",
    ]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert json.loads(told)["data"]["id"] == 101
