"""Connecting in a browser: a ticket begins it, a state ends it, each works once and for one source."""

from __future__ import annotations

import json
import logging
from urllib.parse import parse_qs, urlsplit

import pytest
import redis

from customer_sync.base.clock import system_clock
from customer_sync.errors import ConfigError, PayloadError, Refused, TryLater, Unavailable
from customer_sync.kit.connector import SourceSettings
from customer_sync.store import keys
from customer_sync.store.attempts import OPEN_S, Attempts
from customer_sync.store.vault import RedisVault, SecretKey
from customer_sync.web.connect import COOKIE
from tests.shops import Lumen, open_shops

BASE = "https://sync.example"
KEY = "a-key-of-many-characters"
CODE = "code-5f2e91"
NOT_VALID = "This address is not valid, or not any more."
SHOP = "lumen.example"


@pytest.fixture
def shops(monkeypatch):
    return open_shops(monkeypatch)


@pytest.fixture
def app(make_app, shops):
    """The web process with a source of each platform, and an API key that the owner's browser has not."""
    options = {"shop_url": SHOP}
    sources = {
        "lumen": SourceSettings("lumen", "lumen", ("s",), options),
        "second": SourceSettings("second", "lumen", ("s",), options),
        "tulip": SourceSettings("tulip", "tulip", ("s",), options),
        "empty": SourceSettings("empty", "lumen", ("s",)),
    }
    return make_app(sources=sources, secret_key=KEY, api_key="an-api-key", public_url=BASE)


@pytest.fixture
def attempts(client):
    return Attempts(client)


class Browser:
    """A browser: it keeps cookies and follows nothing by itself."""

    def __init__(self, app) -> None:
        self.http = app.test_client()

    def get(self, path: str, **query: str):
        return self.http.get(path, base_url=BASE, query_string=query)

    def start(self, ticket: str, source: str = "lumen"):
        return self.get(f"/connect/{source}/start", ticket=ticket)

    def answer(self, state: str, source: str = "lumen", code: str = CODE):
        return self.get(f"/connect/{source}/callback", state=state, code=code)

    def post(self, source: str, body: object):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.http.post(f"/connect/{source}/callback", base_url=BASE, data=raw)


@pytest.fixture
def browser(app):
    return Browser(app)


@pytest.fixture
def stranger(app):
    """Another browser, or the server of a shop."""
    return Browser(app)


@pytest.fixture
def stored(client, tmp_path):
    """Return a function that tells what a source's vault holds."""
    return lambda source="lumen": RedisVault(client, source, SecretKey(KEY, tmp_path)).load()


def logged(caplog) -> str:
    """Every log line with its facts."""
    return "".join(f"{record.getMessage()} {getattr(record, 'facts', '')}\n" for record in caplog.records)


# The way through


def test_the_owner_is_sent_to_the_platform_and_back(browser, attempts, stored):
    attempt, ticket = attempts.open("lumen", BASE)

    sent = browser.start(ticket)
    place = urlsplit(sent.location)
    asked = parse_qs(place.query)
    told = browser.answer(asked["state"][0])

    assert (sent.status_code, place.netloc, place.path) == (302, SHOP, "/authorize")
    assert asked["redirect_uri"] == [f"{BASE}/connect/lumen/callback"]
    assert told.status_code == 200
    assert f"The shop {SHOP} is connected." in told.text
    assert stored() == {"token": CODE, "shop_url": SHOP}
    assert attempts.outcome(attempt)[:2] == ("connected", f"The shop {SHOP} is connected.")


def test_the_cookie_is_signed_and_for_this_sources_pages_alone(browser, attempts):
    attempt, ticket = attempts.open("lumen", BASE)

    cookie = browser.start(ticket).headers["Set-Cookie"]

    assert cookie.startswith(f"{COOKIE}={attempt.state}.")
    for word in ("HttpOnly", "SameSite=Lax", "Secure", "Path=/connect/lumen", "Max-Age=600"):
        assert word in cookie


def test_the_cookie_is_below_the_path_of_a_public_address_that_has_one(browser, attempts):
    _, ticket = attempts.open("lumen", "http://127.0.0.1:8000/sync")

    cookie = browser.start(ticket).headers["Set-Cookie"]

    assert "Path=/sync/connect/lumen" in cookie
    assert "Secure" not in cookie


def test_a_shop_that_posts_the_keys_itself_gets_exactly_200_and_the_owner_reads_it_on_the_return_page(
    browser, stranger, attempts, stored
):
    attempt, ticket = attempts.open("tulip", BASE)
    browser.start(ticket, "tulip")

    posted = stranger.post("tulip", {"key": "ck_1", "user_id": attempt.state})
    back = browser.get("/connect/tulip/done", success="1", user_id=attempt.state)

    assert posted.status_code == 200
    assert stored("tulip")["token"] == "ck_1"
    assert back.status_code == 200
    assert "is connected." in back.text


def test_an_address_of_the_shop_that_was_given_for_this_attempt_is_used(browser, attempts, stored):
    attempt, ticket = attempts.open("empty", BASE, "other.example")

    assert urlsplit(browser.start(ticket, "empty").location).netloc == "other.example"
    browser.answer(attempt.state, "empty")

    assert stored("empty")["shop_url"] == "other.example"


def test_who_comes_back_to_the_first_page_in_the_same_browser_is_sent_on_again(browser, attempts):
    _, ticket = attempts.open("lumen", BASE)
    browser.start(ticket)

    assert browser.start(ticket).status_code == 302


def test_a_connection_declined_at_the_platform_is_told_to_who_waits(browser, attempts):
    attempt, ticket = attempts.open("tulip", BASE)
    browser.start(ticket, "tulip")

    told = browser.get("/connect/tulip/done", success="0", user_id=attempt.state)

    assert told.status_code == 403
    assert "declined" in told.text
    assert attempts.outcome(attempt).verdict == "refused"


def test_the_return_page_tells_a_stranger_nothing(browser, stranger, attempts):
    attempt, ticket = attempts.open("tulip", BASE)
    browser.start(ticket, "tulip")
    browser.post("tulip", {"key": "ck_1", "user_id": attempt.state})

    told = stranger.get("/connect/tulip/done", success="1", user_id=attempt.state)

    assert "connected." not in told.text
    assert "The terminal tells" in told.text


# What must not work


def refused(answer):
    return answer.status_code == 403 and NOT_VALID in answer.text


@pytest.mark.parametrize("ticket", ["", "x", "a" * 32, "../../salt", "*" * 32])
def test_a_made_up_ticket_begins_nothing(browser, attempts, ticket):
    attempts.open("lumen", BASE)

    assert refused(browser.start(ticket))


def test_the_ticket_of_another_source_begins_nothing(browser, attempts):
    _, ticket = attempts.open("lumen", BASE)

    assert refused(browser.start(ticket, "second"))
    assert refused(browser.start(ticket, "no-such-source"))
    assert browser.start(ticket).status_code == 302


def test_the_state_is_no_ticket(browser, attempts):
    attempt, _ = attempts.open("lumen", BASE)

    assert refused(browser.start(attempt.state))


def test_a_ticket_that_a_browser_has_used_is_worth_nothing_to_another(browser, stranger, attempts):
    _, ticket = attempts.open("lumen", BASE)
    browser.start(ticket)

    assert refused(stranger.start(ticket))


def test_a_ticket_is_worth_nothing_after_its_time(browser, attempts, client):
    attempt, ticket = attempts.open("lumen", BASE)
    assert 590 < client.ttl(keys.attempt(attempt.state)) <= 600
    assert 590 < client.ttl(keys.ticket(ticket)) <= 600
    client.delete(keys.attempt(attempt.state))

    assert refused(browser.start(ticket))


def test_a_preview_of_the_link_uses_nothing_up(browser, stranger, attempts):
    _, ticket = attempts.open("lumen", BASE)

    assert stranger.http.head("/connect/lumen/start", base_url=BASE, query_string={"ticket": ticket}).status_code == 405
    assert browser.start(ticket).status_code == 302


def test_an_answer_in_another_browser_is_refused_and_changes_nothing(browser, stranger, attempts, stored):
    attempt, ticket = attempts.open("lumen", BASE)
    browser.start(ticket)

    assert refused(stranger.answer(attempt.state))
    assert stored() == {}
    assert browser.answer(attempt.state).status_code == 200


def test_of_a_platform_that_returns_no_state_the_browser_that_began_is_enough(browser, stranger, attempts, monkeypatch):
    monkeypatch.setattr(Lumen, "returns_state", False)
    monkeypatch.setattr(Lumen, "accept", lambda _self, callback, _invitation, _access: callback.query["code"])
    attempt, ticket = attempts.open("lumen", BASE)
    browser.start(ticket)
    bare = {"code": CODE}

    assert refused(stranger.get("/connect/lumen/callback", **bare))
    assert refused(browser.get("/connect/second/callback", **bare))
    assert refused(browser.answer("f" * 32))
    assert browser.get("/connect/lumen/callback", **bare).status_code == 200
    assert attempts.outcome(attempt).verdict == "connected"
    assert refused(browser.get("/connect/lumen/callback", **bare))


def test_of_other_platforms_an_answer_without_a_state_is_refused(browser, attempts):
    attempt, ticket = attempts.open("lumen", BASE)
    browser.start(ticket)

    assert refused(browser.get("/connect/lumen/callback", code=CODE))
    assert browser.answer(attempt.state).status_code == 200


def test_an_answer_counts_once(browser, attempts, stored):
    attempt, ticket = attempts.open("lumen", BASE)
    browser.start(ticket)
    browser.answer(attempt.state)

    assert refused(browser.answer(attempt.state, code="another"))
    assert stored()["token"] == CODE
    assert attempts.outcome(attempt).verdict == "connected"


def test_an_answer_that_was_refused_cannot_be_tried_again(browser, attempts, stored):
    attempt, ticket = attempts.open("lumen", BASE)
    browser.start(ticket)

    wrong = browser.get("/connect/lumen/callback", state=attempt.state)

    assert wrong.status_code == 403
    assert "This is not Lumen" in wrong.text
    assert refused(browser.answer(attempt.state))
    assert stored() == {}


@pytest.mark.parametrize("state", ["", "0" * 32, "*"])
def test_an_answer_with_another_state_than_the_browsers_is_refused(browser, attempts, state):
    _, ticket = attempts.open("lumen", BASE)
    browser.start(ticket)

    assert refused(browser.answer(state))


def test_an_answer_at_another_source_is_refused(browser, attempts, client, stored):
    attempt, ticket = attempts.open("lumen", BASE)
    value = browser.start(ticket).headers["Set-Cookie"].partition("=")[2].partition(";")[0]
    browser.http.set_cookie(COOKIE, value, domain="sync.example", path="/", secure=True)

    assert refused(browser.answer(attempt.state, "second"))
    assert refused(browser.answer(attempt.state, "tulip"))
    assert stored("second") == {}


@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_cookie_that_was_changed_is_worth_nothing(browser, attempts, part):
    attempt, ticket = attempts.open("lumen", BASE)
    parts = browser.start(ticket).headers["Set-Cookie"].partition("=")[2].partition(";")[0].split(".")
    parts[part] = ("1" if parts[part][0] != "1" else "2") + parts[part][1:]
    browser.http.set_cookie(COOKIE, ".".join(parts), domain="sync.example", path="/connect/lumen", secure=True)

    assert refused(browser.answer(attempt.state))


@pytest.mark.parametrize("value", ["", ".", "..", "a.b.c", "a" * 3000])
def test_a_cookie_that_is_none_of_ours_is_worth_nothing(browser, attempts, value):
    attempt, _ = attempts.open("lumen", BASE)
    browser.http.set_cookie(COOKIE, value, domain="sync.example", path="/connect/lumen")

    assert refused(browser.answer(attempt.state))


def test_a_cookie_is_worth_nothing_after_its_time(browser, app, attempts):
    attempt, ticket = attempts.open("lumen", BASE)
    browser.start(ticket)
    app.extensions["tajo"].clock = lambda: system_clock() + (OPEN_S + 1) * 1000

    assert refused(browser.answer(attempt.state))


def test_an_attempt_that_was_ended_takes_no_answer(browser, attempts, stored):
    attempt, ticket = attempts.open("lumen", BASE)
    browser.start(ticket)
    attempts.close(attempt)

    assert refused(browser.answer(attempt.state))
    assert stored() == {}


@pytest.mark.parametrize(
    "body", [b"", b"x", b"{}", {"user_id": "0" * 32, "key": "k"}, b"\xff" * 100, b" ".join([b"0" * 32] * 50)]
)
def test_a_post_without_the_state_of_an_open_attempt_is_refused_and_uses_nothing_up(browser, stranger, attempts, body):
    attempt, ticket = attempts.open("tulip", BASE)
    browser.start(ticket, "tulip")

    assert refused(stranger.post("tulip", body))
    assert stranger.post("tulip", {"key": "k", "user_id": attempt.state}).status_code == 200


def test_a_post_before_a_browser_began_is_refused(stranger, attempts, stored):
    attempt, _ = attempts.open("tulip", BASE)

    assert refused(stranger.post("tulip", {"key": "k", "user_id": attempt.state}))
    assert stored("tulip") == {}


def test_a_post_counts_once_and_at_its_source(browser, stranger, attempts, stored):
    attempt, ticket = attempts.open("tulip", BASE)
    browser.start(ticket, "tulip")
    body = {"key": "k", "user_id": attempt.state}

    assert refused(stranger.post("lumen", body))
    assert stranger.post("tulip", body).status_code == 200
    assert refused(stranger.post("tulip", {**body, "key": "other"}))
    assert stored("tulip")["token"] == "k"


def test_a_post_cannot_stand_for_the_answer_of_a_browser(browser, stranger, attempts, stored):
    attempt, ticket = attempts.open("lumen", BASE)
    browser.start(ticket)

    answer = stranger.http.post(
        "/connect/lumen/callback",
        base_url=BASE,
        query_string={"state": attempt.state, "code": "the-attackers"},
        data=attempt.state,
    )

    assert answer.status_code == 403
    assert stored() == {}


def test_the_body_of_a_browsers_answer_is_not_handed_on(browser, attempts, stored):
    attempt, ticket = attempts.open("tulip", BASE)
    browser.start(ticket, "tulip")

    answer = browser.http.get(
        "/connect/tulip/callback",
        base_url=BASE,
        query_string={"state": attempt.state},
        data=json.dumps({"key": "k", "user_id": attempt.state}),
    )

    assert answer.status_code == 403
    assert stored("tulip") == {}


def test_a_body_that_is_too_large_is_not_read(stranger):
    assert stranger.post("tulip", b"x" * 70_000).status_code == 413


@pytest.mark.parametrize("name", ["next", "return_url", "redirect_uri", "url", "shop", "callback_url"])
def test_no_address_of_the_request_is_ever_redirected_to(browser, attempts, name):
    _, ticket = attempts.open("lumen", BASE)

    sent = browser.get("/connect/lumen/start", ticket=ticket, **{name: "https://attacker.example"})

    assert urlsplit(sent.location).netloc == SHOP
    assert "attacker" not in sent.location


def test_the_host_header_changes_no_address(browser, attempts):
    _, ticket = attempts.open("lumen", BASE)

    sent = browser.http.get(
        "/connect/lumen/start", base_url="https://attacker.example", query_string={"ticket": ticket}
    )

    assert "attacker" not in sent.location


@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", "//attacker.example", "/local", "https://me:pw@x", "https://", "https://a\r\nX: y"],
)
def test_a_platforms_address_that_is_no_page_is_not_opened(browser, attempts, shops, monkeypatch, address):
    monkeypatch.setattr(shops, "invite", lambda *_: address)
    attempt, ticket = attempts.open("lumen", BASE)

    told = browser.start(ticket)

    assert told.status_code == 409
    assert "Location" not in told.headers
    assert attempts.outcome(attempt).verdict == "config"


# What goes wrong


@pytest.mark.parametrize(
    ("trouble", "told"),
    [
        ((Refused, "Too old."), (403, "refused", "Too old.")),
        ((ConfigError, "The secret is wrong.", "Set api_secret."), (409, "config", "Set api_secret.")),
        ((TryLater, "Another is at it."), (503, "later", "Wait a minute.")),
        ((Unavailable, "lumen.example did not answer"), (503, "no answer", "cannot be reached")),
        ((PayloadError, "$", "shpat_5f2e"), (500, "failed", "could not be used")),
        ((KeyError, "shpat_5f2e"), (500, "failed", "A fault in this program.")),
    ],
)
def test_what_goes_wrong_is_told_on_the_page_and_to_who_waits(browser, attempts, caplog, trouble, told):
    status, verdict, words = told
    Lumen.trouble = trouble
    attempt, ticket = attempts.open("lumen", BASE)
    browser.start(ticket)

    page = browser.answer(attempt.state)

    assert (page.status_code, attempts.outcome(attempt).verdict) == (status, verdict)
    assert words in page.text
    assert "shpat_5f2e" not in page.text + logged(caplog)


def test_a_setting_that_is_missing_is_told_on_the_first_page(browser, attempts):
    attempt, ticket = attempts.open("empty", BASE)

    told = browser.start(ticket, "empty")

    assert told.status_code == 409
    assert "Set shop_url" in told.text
    assert attempts.outcome(attempt).verdict == "config"


def test_a_source_that_the_running_program_does_not_know_is_told(browser, attempts):
    attempt, ticket = attempts.open("brand-new", BASE)

    assert "Start <code>tajo run</code> again." in browser.start(ticket, "brand-new").text
    assert attempts.outcome(attempt).verdict == "config"


def test_credentials_that_another_key_encrypted_are_told_with_the_remedy(browser, attempts, client, tmp_path, shops):
    RedisVault(client, "lumen", SecretKey("quite-another-key-than-ours", tmp_path)).save({"token": "t"})
    shops_accept = shops.accept

    def accept(self, callback, invitation, access):
        access.vault.load()
        return shops_accept(self, callback, invitation, access)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shops, "accept", accept)
        attempt, ticket = attempts.open("lumen", BASE)
        browser.start(ticket)

        assert "TAJO_SECRET_KEY" in browser.answer(attempt.state).text


def test_a_key_file_that_cannot_be_used_is_told_with_its_remedy(make_app, shops, attempts, tmp_path):
    app = make_app(sources={"lumen": SourceSettings("lumen", "lumen", ("s",), {"shop_url": SHOP})})
    (tmp_path / "secret.key").mkdir()
    _, ticket = attempts.open("lumen", BASE)

    told = Browser(app).start(ticket)

    assert told.status_code == 409
    assert "TAJO_SECRET_KEY" in told.text


def test_a_fault_of_ours_is_told_by_its_kind_alone(browser, attempts, caplog, monkeypatch):
    def fail(*_):
        raise KeyError("shpat_5f2e")

    monkeypatch.setattr(Attempts, "begin", fail)

    told = browser.start("a" * 32)

    assert told.status_code == 500
    assert "shpat_5f2e" not in told.text + logged(caplog)
    assert "KeyError" in logged(caplog)


def test_a_redis_that_goes_away_while_keys_are_stored_is_told_as_such(browser, attempts):
    Lumen.trouble = (redis.ConnectionError, "gone")
    attempt, ticket = attempts.open("lumen", BASE)
    browser.start(ticket)

    told = browser.answer(attempt.state)

    assert told.status_code == 503
    assert "Redis does not answer." in told.text


def test_without_redis_the_page_says_so(browser, without_redis):
    told = browser.start("a" * 32)

    assert told.status_code == 503
    assert "Redis does not answer." in told.text


def test_nothing_secret_is_on_a_page_or_in_the_log(browser, attempts, caplog):
    caplog.set_level(logging.DEBUG)
    attempt, ticket = attempts.open("lumen", BASE)
    pages = [browser.start(ticket), browser.answer(attempt.state), browser.get("/connect/lumen/done")]

    shown = "".join(page.text for page in pages[1:]) + logged(caplog)
    for secret in (attempt.state, ticket, CODE, KEY):
        assert secret not in shown
    assert "source connected" in logged(caplog)


def test_every_page_is_kept_by_nobody_and_sends_no_address_on(browser, attempts):
    attempt, ticket = attempts.open("lumen", BASE)

    for page in (browser.start(ticket), browser.answer(attempt.state), browser.get("/connect/lumen/done")):
        assert page.headers["Cache-Control"] == "no-store"
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert "script-src 'self'" in page.headers["Content-Security-Policy"]


def test_a_sentence_of_a_platform_is_no_html(browser, attempts, shops, monkeypatch):
    monkeypatch.setattr(shops, "trouble", (Refused, "<script>alert(1)</script>"))
    attempt, ticket = attempts.open("lumen", BASE)
    browser.start(ticket)

    assert "<script>alert" not in browser.answer(attempt.state).text


def test_these_pages_need_no_api_key_and_open_no_other(browser):
    assert browser.get("/connect/lumen/done").status_code == 200
    assert browser.get("/api/v1/status").status_code == 401
