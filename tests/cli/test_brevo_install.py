"""`tajo brevo install`: Brevo's webhook is made once, put right, and heard."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from customer_sync.brevo.client import Brevo
from customer_sync.brevo.hooks import EVENTS, ensure_webhook
from customer_sync.kit.outbound import Reply
from customer_sync.store.counters import Tally

ADDRESS = "https://sync.example.com/webhooks/brevo"
TOKEN = "a-token-that-nobody-guesses"


@pytest.fixture
def ready(tajo, sandbox):
    """`tajo`, where all is set that it needs."""
    tajo.env |= {
        "BREVO_API_KEY": "k",
        "BREVO_WEBHOOK_SECRET": TOKEN,
        "TAJO_PUBLIC_URL": "https://sync.example.com/",
    }
    return tajo


@pytest.fixture
def install(ready):
    """Call it."""
    return lambda: ready.json("brevo", "install")


def hooks(sandbox):
    return sandbox.call("GET", "/v3/webhooks?type=marketing")["webhooks"]


def register(sandbox, **more):
    body = {"type": "marketing", "url": ADDRESS, "events": [*EVENTS], "auth": {"type": "bearer", "token": TOKEN}}
    sandbox.call("POST", "/v3/webhooks", body | more)


def test_it_is_made_with_the_token_and_with_all_that_is_needed(install, sandbox):
    told = install()

    (hook,) = hooks(sandbox)
    assert hook["url"] == told["address"] == ADDRESS
    assert hook["events"] == told["created"] == [*EVENTS]
    assert hook["auth"] == {"type": "bearer", "token": TOKEN}


def test_asking_again_changes_nothing(install, sandbox):
    install()
    before = hooks(sandbox)

    assert install() == {"address": ADDRESS, "kept": [*EVENTS], "created": [], "repaired": {}}
    assert hooks(sandbox) == before


@pytest.mark.parametrize(
    "other",
    [
        {"url": "https://other.example.com/webhooks/brevo"},
        {"url": f"{ADDRESS}/orders"},
        {"channel": "sms"},
        {"type": "transactional", "events": ["spam"]},
    ],
)
def test_a_webhook_that_is_not_ours_is_left_alone_and_does_not_count(install, sandbox, other):
    register(sandbox, **other)
    before = hooks(sandbox)

    assert install()["created"] == [*EVENTS]
    assert [one for one in hooks(sandbox) if one in before] == before


@pytest.mark.parametrize(
    ("wrong", "repaired"),
    [
        ({"events": ["unsubscribed", "opened"]}, ["spam", "hardBounce", "contactDeleted"]),
        ({"auth": {"type": "bearer", "token": "the-old-one"}}, [*EVENTS]),
        ({"auth": {}, "url": ADDRESS.replace("//", "//tajo:the-old-one@")}, [*EVENTS]),
        ({"auth": {}, "headers": [{"key": "X-Tajo-Token", "value": "the-old-one"}]}, [*EVENTS]),
    ],
)
def test_what_is_wrong_with_it_is_put_right(install, sandbox, wrong, repaired):
    register(sandbox, **wrong)

    assert sorted(install()["repaired"]) == sorted(repaired)
    (hook,) = hooks(sandbox)
    assert set(hook["events"]) == {*EVENTS, *wrong.get("events", ())}
    assert (hook["url"], hook["auth"]["token"]) == (ADDRESS, TOKEN)


@pytest.mark.parametrize(
    "fine",
    [
        {"url": ADDRESS.replace("//", f"//tajo:{TOKEN}@"), "auth": {}},
        {"headers": [{"key": "x-tajo-token", "value": TOKEN}], "auth": {}},
        {"url": f"https://SYNC.example.com:443{ADDRESS[24:]}/"},
    ],
)
def test_a_webhook_made_by_hand_that_works_is_kept_as_it_is(install, sandbox, fine):
    register(sandbox, **fine)
    before = hooks(sandbox)

    assert install()["kept"] == [*EVENTS]
    assert hooks(sandbox) == before


def test_where_brevo_does_not_show_what_it_carries_the_token_is_written_again(install, sandbox):
    register(sandbox, auth={})

    assert install()["kept"] == [*EVENTS]
    assert hooks(sandbox)[0]["auth"]["token"] == TOKEN


@pytest.mark.parametrize(
    ("missing", "code", "words"),
    [
        ({"TAJO_PUBLIC_URL": None}, 2, "Set TAJO_PUBLIC_URL"),
        ({"BREVO_WEBHOOK_SECRET": None}, 2, "Set BREVO_WEBHOOK_SECRET"),
        ({"BREVO_API_KEY": None, "BREVO_API_URL": None}, 4, "Set BREVO_API_KEY"),
    ],
)
def test_what_is_missing_is_told_and_nothing_is_made(ready, sandbox, missing, code, words):
    assert words in ready("brevo", "install", code=code, **missing).stderr
    assert hooks(sandbox) == []


def test_a_key_without_the_permission_is_told_with_what_to_give(ready, sandbox):
    sandbox.fault("restricted_key", path="/webhooks")

    assert "read and write access to webhooks" in ready("brevo", "install", code=3).stderr


@pytest.mark.parametrize(
    ("hook", "verdict", "words"),
    [
        (None, "warn", "none leads to https://sync.example.com/webhooks/brevo"),
        ({}, "ok", "tells of all that is needed"),
        ({"events": ["spam", "hardBounce", "contactDeleted"]}, "warn", "does not tell of unsubscribed"),
        ({"auth": {"type": "bearer", "token": "another"}}, "warn", "carries another token"),
        ({"auth": {}}, "warn", "does not show whether it carries a token"),
    ],
)
def test_the_doctor_looks_at_it(ready, sandbox, hook, verdict, words):
    if hook is not None:
        register(sandbox, **hook)

    (found,) = [one for one in ready.json("doctor") if one["name"] == "webhook of brevo"]
    assert found["verdict"] == verdict
    assert words in found["cause"]


def test_the_doctor_believes_a_token_that_it_is_not_shown_once_brevo_was_heard(ready, sandbox, store):
    register(sandbox, auth={})
    store.doors.write(["brevo"], {})

    (found,) = [one for one in ready.json("doctor") if one["name"] == "webhook of brevo"]
    assert found["verdict"] == "ok"


def test_while_the_token_rotates_the_older_one_is_no_fault_and_installing_writes_the_newest(ready, install, sandbox):
    register(sandbox)
    ready.env["BREVO_WEBHOOK_SECRET"] = f"a-newer-token-of-twenty,{TOKEN}"

    (found,) = [one for one in ready.json("doctor") if one["name"] == "webhook of brevo"]
    assert found["verdict"] == "ok"
    assert sorted(install()["repaired"]) == sorted(EVENTS)
    assert hooks(sandbox)[0]["auth"]["token"] == "a-newer-token-of-twenty"


@pytest.mark.parametrize("status", [400, 404])
def test_an_account_that_has_none_may_say_so_by_an_error(store, status):
    answers = [Reply(status, {}, b'{"code": "document_not_found"}'), Reply(201, {}, b'{"id": 1}')]
    http = SimpleNamespace(send=lambda *_, **__: answers.pop(0))

    found = ensure_webhook(Brevo("http://brevo/v3", "k", http, store.limits, Tally()), ADDRESS, TOKEN)

    assert found.created == EVENTS
