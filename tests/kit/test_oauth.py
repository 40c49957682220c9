"""Tokens of OAuth 2.0: renewed once and early, rotated without loss, and what is said when they end."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import parse_qsl
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest

from customer_sync.errors import ConfigError, ConsentNeeded, TryLater, Unavailable
from customer_sync.kit.fakes.clock import Clock
from customer_sync.kit.fakes.oauth import OAuth, OAuthError
from customer_sync.kit.fakes.oauth import Terms as Given
from customer_sync.kit.oauth import CONNECTION, CREDENTIALS, OVER_S, SEED_OVER_S, STORE_TRIES_S, Tokens, code_form
from customer_sync.kit.outbound import Reply, Unreached
from customer_sync.kit.reach import Access
from customer_sync.kit.terms import Terms
from customer_sync.store.vault import RedisVault, SecretKey

CLIENT = ("client-id", "client-secret")
URL = "https://platform.test/token"
KEY = "a-key-of-many-characters"
LIFE_S = 1000.0


class Platform:
    """A token endpoint as the stand-ins have it. `faults` come first: a status, or an exception."""

    def __init__(self, rotation="strict", refresh_s=1e6, **terms):
        self.clock = Clock()
        given = Given(access_s=LIFE_S, refresh_s=refresh_s, rotation=rotation)
        self.oauth = OAuth(self.clock, CLIENT, ("read",), given)
        self.asked, self.faults, self.more = [], [], {}
        self.terms = Terms("Platform", "crm", lambda: URL, *CLIENT, **{"owner": {"site": "one"}, **terms})

    def send(self, method, url, *, headers, body=None, is_file=False):
        assert (method, url) == ("POST", URL)
        form = dict(parse_qsl(body.decode()))
        self.asked.append((form, headers))
        fault = self.faults.pop(0) if self.faults else None
        if isinstance(fault, Exception):
            raise fault
        if isinstance(fault, Reply):
            return fault
        if fault:
            return Reply(fault, {}, b"")
        return Reply(*answer(self.oauth, form, headers.get("Authorization", ""), self.more))

    def tokens(self, vault, **terms):
        ours = self.terms if not terms else Terms("Platform", "crm", lambda: URL, *CLIENT, **terms)
        return Tokens(ours, Access(self, vault, self.clock), lambda _: None)

    def connect(self, vault):
        back = self.oauth.authorize({"client_id": CLIENT[0], "redirect_uri": "https://ours.test/back"})
        return self.tokens(vault).exchange(code_form(back["code"], "https://ours.test/back"))


def answer(oauth, form, authorization="", more=None):
    try:
        token = oauth.grant(form, authorization)
    except OAuthError as error:
        return error.status, {}, json.dumps(error.body()).encode()
    told = {"access_token": token.value, "scope": " ".join(token.scopes), "expires_in": LIFE_S, **(more or {})}
    return 200, {}, json.dumps(told | ({"refresh_token": token.refresh} if token.refresh else {})).encode()


class Vault:
    """Keeps values in memory; `broken` is raised by so many of the next saves."""

    def __init__(self, **values):
        self.values, self.is_locked, self.broken = values, False, []

    def load(self):
        return dict(self.values)

    def save(self, values):
        assert self.is_locked
        if self.broken and (fault := self.broken.pop(0)):
            raise fault
        self.values = dict(values)

    @contextmanager
    def locked(self):
        self.is_locked = True
        try:
            yield
        finally:
            self.is_locked = False


# the three ways


def test_a_code_becomes_a_token_that_is_stored_before_it_is_used():
    platform, vault = Platform(), Vault(webhooks=["7"])
    token = platform.connect(vault)

    assert token.kind == CONNECTION
    assert platform.asked[0][0] == {
        "client_id": "client-id",
        "client_secret": "client-secret",
        "grant_type": "authorization_code",
        "code": platform.asked[0][0]["code"],
        "redirect_uri": "https://ours.test/back",
    }
    assert vault.values["access_token"] == token.value
    assert vault.values["webhooks"] == ["7"]
    assert platform.tokens(vault).current().value == token.value
    assert len(platform.asked) == 1


def test_client_credentials_are_asked_for_where_the_platform_knows_them_and_again_in_time():
    platform, vault = Platform(refresh_s=None, asks_alone=True), Vault()
    first = platform.tokens(vault).current()
    platform.clock.offset_s = 799
    assert platform.tokens(vault).current() == first
    platform.clock.offset_s = 800
    second = platform.tokens(vault).current()

    assert (first.kind, second.kind) == (CREDENTIALS, CREDENTIALS)
    assert first.value != second.value
    assert platform.oauth.given == {"client_credentials": 2}


def test_a_token_that_is_refused_in_the_place_of_a_refused_one_is_replaced_ever_more_rarely():
    platform, vault = Platform(refresh_s=None, asks_alone=True), Vault()
    token = platform.tokens(vault).replaced(platform.tokens(vault).current())
    at_s = []
    for minute in range(150):
        platform.clock.offset_s = 60.0 * minute
        if (found := platform.tokens(vault).replaced(token)) is not None:
            at_s.append(minute)
            token = found

    assert at_s == [5, 15, 35, 75, 135]


def test_a_token_that_worked_is_replaced_at_once_when_it_is_refused_later():
    platform, vault = Platform(refresh_s=None, asks_alone=True), Vault()
    tokens = platform.tokens(vault)
    second = tokens.replaced(tokens.current())
    assert tokens.replaced(second) is None
    tokens.worked(second)

    assert tokens.replaced(second).value != second.value


def test_a_signed_text_of_the_connectors_stands_in_the_place_of_client_credentials_and_of_the_secret():
    platform, vault = Platform(refresh_s=None), Vault()
    platform.oauth.grants["signed"] = lambda _form: platform.oauth.access(("read",))
    platform.oauth.grant, told = (
        (lambda form, _header: platform.oauth.grants[form["grant_type"]](form)),
        {"assertion": "a"},
    )
    platform.terms = replace(
        platform.terms, client_secret="", asks_alone=True, alone=lambda: {"grant_type": "signed", **told}
    )
    first = platform.tokens(vault).current()
    told["assertion"] = "b"
    second = platform.tokens(vault).renewed(first)

    assert (first.kind, second.kind) == (CREDENTIALS, CREDENTIALS)
    assert [form for form, _ in platform.asked] == [
        {"client_id": "client-id", "grant_type": "signed", "assertion": made} for made in ("a", "b")
    ]


def test_without_an_owner_who_agreed_nothing_is_asked_unless_the_app_may():
    platform = Platform()

    with pytest.raises(ConfigError, match="connectors connect crm"):
        platform.tokens(Vault()).current()
    assert platform.asked == []


def test_the_keys_travel_in_the_header_where_the_platform_wants_it():
    platform, vault = Platform(refresh_s=None, asks_alone=True, is_basic=True), Vault()
    platform.tokens(vault).current()

    form, headers = platform.asked[0]
    assert form == {"grant_type": "client_credentials"}
    assert base64.b64decode(headers["Authorization"].removeprefix("Basic ")) == b"client-id:client-secret"


def test_what_else_an_answer_tells_is_kept_over_a_refresh_that_does_not_tell_it():
    platform, vault = Platform(keeps=("instance_url",)), Vault()
    platform.more = {"instance_url": "https://one.platform.test"}
    platform.connect(vault)
    platform.more, platform.clock.offset_s = {}, 900

    assert platform.tokens(vault).current().more == {"instance_url": "https://one.platform.test"}


# refresh


def test_a_platform_that_sends_no_new_refresh_token_means_the_old_one():
    platform, vault = Platform("none"), Vault()
    platform.connect(vault)
    real = platform.oauth.grant
    platform.oauth.grant = lambda *asked: replace(real(*asked), refresh=None)
    for hour in (1, 2):
        platform.clock.offset_s = hour * 900
        platform.tokens(vault).current()

    assert platform.oauth.given["refresh_token"] == 2


@pytest.mark.parametrize("rotation", ["none", "strict", "grace", "revoke"])
def test_a_connection_lives_on_through_any_rotation(rotation):
    platform, vault = Platform(rotation), Vault()
    platform.connect(vault)
    for hour in range(1, 6):
        platform.clock.offset_s = hour * 900
        found = platform.tokens(vault).current()
        assert platform.oauth.find(found.value) is not None

    assert platform.oauth.given["refresh_token"] == 5


def test_a_refused_token_is_renewed_once_however_many_were_refused_with_it():
    platform, vault = Platform(), Vault()
    refused = platform.connect(vault)
    platform.oauth.expire()

    assert platform.tokens(vault).renewed(refused) == platform.tokens(vault).renewed(refused)
    assert platform.oauth.given["refresh_token"] == 1


@pytest.mark.parametrize("fault", [429, 503, Unavailable("away")])
def test_while_the_platform_is_away_the_old_token_is_used_as_long_as_it_lives(fault):
    platform, vault = Platform(), Vault()
    first = platform.connect(vault)
    platform.clock.offset_s, platform.faults = 900, [fault, fault]

    assert platform.tokens(vault).current() == first
    platform.clock.offset_s = 1001
    with pytest.raises((TryLater, Unavailable)):
        platform.tokens(vault).current()
    assert platform.tokens(vault).current().value != first.value


PAGE = b"<html>Back soon</html>"


@pytest.mark.parametrize(
    ("status", "body"), [(200, PAGE), (403, PAGE), (404, PAGE), (408, b""), (425, b""), (200, b"[" * 100_000)]
)
def test_a_page_in_the_place_of_a_token_ends_no_connection(status, body):
    platform, vault = Platform(), Vault()
    old = platform.connect(vault)
    page = Reply(status, {}, body)
    platform.clock.offset_s, platform.faults = 900, [page, page]

    assert platform.tokens(vault).current() == old
    platform.clock.offset_s = 1100
    with pytest.raises((Unavailable, TryLater)):
        platform.tokens(vault).current()
    assert platform.tokens(vault).current().value != old.value


@pytest.mark.parametrize("other", [{"site": "two"}, {"client_id": "another-app"}])
def test_what_is_stored_of_another_owner_or_app_is_not_used(other):
    platform, vault = Platform(asks_alone=True), Vault()
    first = platform.connect(vault)
    vault.values.update(other)

    assert platform.tokens(vault, owner={"site": "one"}, asks_alone=True).current().value != first.value


def test_what_the_settings_leave_open_fits_any_owner():
    platform, vault = Platform(), Vault()
    first = platform.connect(vault)

    assert platform.tokens(vault, owner={"site": ""}).current() == first


# nothing is lost


def test_no_refresh_token_is_spent_while_nothing_can_be_stored():
    platform, vault = Platform(), Vault()
    platform.connect(vault)
    platform.clock.offset_s, vault.broken = 1001, [OSError("read-only")]

    with pytest.raises(OSError, match="read-only"):
        platform.tokens(vault).current()
    assert len(platform.asked) == 1
    assert platform.tokens(vault).current()


def test_what_the_platform_gave_is_stored_although_the_store_fails_for_a_while():
    platform, vault = Platform(), Vault()
    platform.connect(vault)
    platform.clock.offset_s, vault.broken = 1001, [None, *[OSError("away")] * (len(STORE_TRIES_S) - 1)]
    found = platform.tokens(vault).current()

    assert vault.values["access_token"] == found.value
    assert platform.oauth.given["refresh_token"] == 1


@pytest.mark.parametrize(("rotation", "lives"), [("none", True), ("grace", True), ("strict", False), ("revoke", False)])
def test_after_a_death_between_answer_and_store_the_old_refresh_token_is_shown_again(rotation, lives):
    platform, vault = Platform(rotation), Vault()
    platform.connect(vault)
    platform.clock.offset_s, vault.broken = 1001, [None, *[KeyboardInterrupt()]]
    with pytest.raises(KeyboardInterrupt):
        platform.tokens(vault).current()

    if lives:
        assert platform.oauth.find(platform.tokens(vault).current().value)
    else:
        for _ in range(2):
            with pytest.raises(ConsentNeeded, match=r"invalid_grant.*never stored") as ended:
                platform.tokens(vault).current()
            assert "connectors connect crm" in ended.value.remedy
        assert platform.connect(vault).value == platform.tokens(vault).current().value


def test_a_connection_that_the_owner_ended_is_not_said_to_be_lost_by_us():
    platform, vault = Platform(), Vault()
    platform.connect(vault)
    platform.oauth._chains.clear()
    platform.clock.offset_s = 1001

    for _ in range(2):
        with pytest.raises(ConfigError) as ended:
            platform.tokens(vault).current()
        assert "never stored" not in ended.value.reason
        assert "client-secret" not in str(ended.value)


def test_a_refresh_token_that_was_refused_for_good_is_not_shown_again_until_the_owner_agrees_or_a_day_is_over():
    platform, vault = Platform(), Vault()
    platform.connect(vault)
    platform.oauth._chains.clear()
    platform.clock.offset_s, asked, said = 1001, len(platform.asked), set()
    for _ in range(5):  # each lane, each run, each process
        with pytest.raises(ConsentNeeded) as ended:
            platform.tokens(vault).current()
        said.add(str(ended.value))
    assert len(platform.asked) == asked + 1
    assert len(said) == 1
    platform.clock.offset_s += OVER_S
    with pytest.raises(ConsentNeeded):
        platform.tokens(vault).current()
    assert len(platform.asked) == asked + 2

    assert platform.connect(vault).value == platform.tokens(vault).current().value
    platform.clock.offset_s += 1001
    assert platform.oauth.find(platform.tokens(vault).current().value)


def seeded():
    """Return a platform, an empty vault, and terms with a refresh token out of the settings that is good."""
    platform, first = Platform(), Vault()
    platform.connect(first)
    terms = {"owner": {"seed": "of-it"}, "seed": first.values["refresh_token"], "keys": "Set refresh_token anew."}
    platform.asked.clear()
    return platform, Vault(), terms


INVALID = Reply(400, {}, b'{"error": "invalid_grant"}')


def test_a_refused_token_out_of_the_settings_is_tried_again_after_an_hour_and_until_then_the_message_says_when():
    platform, vault, terms = seeded()
    platform.faults = [INVALID]  # a user who was locked for a moment
    said = set()
    for _ in range(3):
        with pytest.raises(ConfigError) as refused:
            platform.tokens(vault, **terms).current()
        said.add(refused.value.remedy)
    at = datetime.fromtimestamp(platform.clock() + SEED_OVER_S, UTC)
    assert len(platform.asked) == 1
    assert said == {f"Set refresh_token anew. The refused one is tried again at {at:%Y-%m-%dT%H:%MZ}."}

    platform.clock.offset_s += SEED_OVER_S
    assert platform.oauth.find(platform.tokens(vault, **terms).current().value)


def test_what_was_refused_while_the_clock_was_ahead_is_tried_again_at_once():
    platform, vault = Platform(), Vault()
    platform.connect(vault)
    platform.clock.offset_s, platform.faults = 400 * 86_400.0, [INVALID]
    with pytest.raises(ConsentNeeded):
        platform.tokens(vault).current()
    platform.clock.offset_s = 1001.0

    assert platform.oauth.find(platform.tokens(vault).current().value)


def test_a_token_that_was_replaced_while_the_clock_was_ahead_is_replaced_when_it_is_refused():
    platform, vault = Platform(refresh_s=None, asks_alone=True), Vault()
    token = platform.tokens(vault).current()
    platform.clock.offset_s = 30 * 86_400.0
    token = platform.tokens(vault).replaced(token)
    assert platform.tokens(vault).replaced(token) is None
    platform.clock.offset_s = 60.0

    assert platform.tokens(vault).replaced(token) is not None


LOST = [KeyboardInterrupt(), Unavailable("the answer got lost"), 502, 504, Reply(200, {}, b'{"access_tok')]


@pytest.mark.parametrize("lost", LOST, ids=["killed", "no answer", "502", "504", "half an answer"])
@pytest.mark.parametrize("is_seed", [False, True])
def test_a_refresh_token_that_works_once_is_never_shown_again_whatever_became_of_the_answer(lost, is_seed):
    platform, vault, terms = seeded()
    if not is_seed:
        terms = {}
        platform.connect(vault)
        platform.asked.clear()
        platform.clock.offset_s = 1001
    terms = {"owner": {"site": "one"}, **terms, "rotates": True}
    if isinstance(lost, KeyboardInterrupt):
        vault.broken = [None, lost]
    else:
        platform.faults = [lost]
    with pytest.raises((KeyboardInterrupt, Unavailable)):
        platform.tokens(vault, **terms).current()
    for day in range(3):
        platform.clock.offset_s = 1001 + day * 86_400.0
        with pytest.raises(ConfigError, match="never stored"):
            platform.tokens(vault, **terms).current()
    assert len(platform.asked) == 1

    platform.connect(vault)
    vault.values["seed"] = "of-it"
    assert platform.tokens(vault, **terms).current()


@pytest.mark.parametrize("away", [429, 500, 503, 408, Unreached("no way there"), Reply(403, {}, b"<html>")])
def test_a_refresh_token_that_works_once_is_shown_again_where_it_was_not_taken(away):
    platform, vault, terms = seeded()
    platform.faults = [away]
    with pytest.raises((TryLater, Unavailable)):
        platform.tokens(vault, **terms, rotates=True).current()

    assert platform.oauth.find(platform.tokens(vault, **terms, rotates=True).current().value)


def test_another_refresh_token_is_shown_although_the_one_before_was_refused_for_good():
    platform, vault = Platform(), Vault()
    old = platform.connect(vault)
    platform.clock.offset_s = 1001
    with vault.locked():
        vault.save({**vault.load(), "refresh_token": "of-a-time-long-ago"})
    with pytest.raises(ConsentNeeded):
        platform.tokens(vault).current()
    with vault.locked():
        vault.save({**vault.load(), "refresh_token": old.refresh})

    assert platform.oauth.find(platform.tokens(vault).current().value)


def test_a_word_that_nobody_knows_ends_no_connection_for_good():
    platform, vault = Platform(), Vault()
    platform.connect(vault)
    platform.clock.offset_s = 1001
    platform.faults.append(Reply(400, {}, b'{"error": "some_new_word"}'))
    with pytest.raises(ConsentNeeded, match="some_new_word"):
        platform.tokens(vault).current()

    assert platform.oauth.find(platform.tokens(vault).current().value)


SCRIPT = """
import sys
from pathlib import Path
from customer_sync.kit.oauth import Tokens
from customer_sync.kit.terms import Terms
from customer_sync.kit.outbound import HttpClient
from customer_sync.kit.reach import Access
from customer_sync.store import connect
from customer_sync.store.vault import RedisVault, SecretKey

redis_url, url, now_s, home = sys.argv[1:]
vault = RedisVault(connect(redis_url), "crm", SecretKey("a-key-of-many-characters", Path(home)))
access = Access(HttpClient(), vault, lambda: float(now_s))
print("ready", flush=True)
sys.stdin.readline()
print(Tokens(Terms("Platform", "crm", lambda: url, "client-id", "client-secret"), access).current().value)
"""


@contextmanager
def endpoint(oauth):
    """Serve a token endpoint that takes its time; yields its address and a list of what was asked."""
    asked, lock = [], threading.Lock()

    class Silent(WSGIRequestHandler):
        def log_message(self, *_):
            pass

    def app(environ, start):
        form = dict(parse_qsl(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])).decode()))
        with lock:
            asked.append(form)
            status, _, body = answer(oauth, form)
        time.sleep(0.3)  # for as long the other process waits at the lock
        start(f"{status} .", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]

    with make_server("127.0.0.1", 0, app, handler_class=Silent) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/token", asked
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.slow
def test_of_two_processes_that_renew_at_once_one_does_and_both_have_the_new_token(client, redis_url, tmp_path):
    platform = Platform("revoke")
    vault = RedisVault(client, "crm", SecretKey(KEY, tmp_path))
    first = platform.connect(vault)
    platform.clock.offset_s = 1001
    with endpoint(platform.oauth) as (url, asked):
        command = [sys.executable, "-c", SCRIPT, redis_url, url, str(platform.clock()), str(tmp_path)]
        both = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
        for one in both:
            assert one.stdout.readline() == "ready\n"
        for one in both:
            one.stdin.write("\n")
            one.stdin.flush()
        values = [one.communicate(timeout=60)[0].strip() for one in both]

    assert len(asked) == 1
    assert values[0] == values[1] != first.value
    assert platform.oauth.find(values[0])
    assert b"refresh" not in (client.get("tajo:vault:crm") or b"")


# refusals


def test_a_word_that_the_connector_knows_is_told_with_its_remedy():
    refusals = {"app_gone": ("The app is gone.", "Make it again for {source}.")}
    platform = Platform(asks_alone=True, refusals=refusals)
    platform.oauth.refusal = "app_gone"

    with pytest.raises(ConfigError) as refusal:
        platform.tokens(Vault()).current()
    assert (refusal.value.reason, refusal.value.remedy) == ("The app is gone.", "Make it again for crm.")


@pytest.mark.parametrize(("client_id", "client_secret"), [("", "x"), ("x", "")])
def test_without_keys_nothing_is_asked(client_id, client_secret):
    terms = Terms("Platform", "crm", lambda: URL, client_id, client_secret, asks_alone=True, keys="Set both.")
    platform = Platform()

    with pytest.raises(ConfigError, match="Set both"):
        Tokens(terms, Access(platform, Vault())).current()
    assert platform.asked == []
