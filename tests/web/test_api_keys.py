"""Whose key may what, how often, and about which Brevo account."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from customer_sync.config import ApiKey, ApiSettings, BrevoSettings, Role
from customer_sync.store import keys
from customer_sync.store.wrong_keys import FROM_ONE
from customer_sync.web.api.table import CALLS

from .calls import call, check, schema_of
from .conftest import KEY, Seed, with_key

READER, OPERATOR = "reader-key-3f9a", "operator-key-77c1"
KEYS = (ApiKey("grafana", READER, Role.READ), ApiKey("deploy", OPERATOR, Role.OPERATE))
STATUS = "/api/v1/status"


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture
def two_keys(make_app):
    return make_app(api=ApiSettings(keys=KEYS)).test_client()


@pytest.mark.parametrize("one", CALLS, ids=[one.name for one in CALLS])
def test_a_key_that_may_read_reads_and_does_nothing_else(two_keys, one):
    path = "/api/v1" + one.template.replace("{", "").replace("}", "")

    answer = two_keys.open(path, method=one.verb, headers=bearer(READER), content_type="application/json")

    is_personal = one.template.startswith("/contacts/")
    assert one.role is (Role.READ if one.verb == "GET" and not is_personal else Role.OPERATE)
    if one.role is Role.OPERATE:
        assert answer.status_code == 403
        assert answer.json["detail"] == "The key `grafana` has the role read; this needs operate."
        check(answer.json, schema_of("/api/v1" + one.template, one.verb.lower(), 403))
    else:
        assert answer.status_code in {200, 400, 404}


def test_a_key_that_may_operate_does_what_the_installations_own_does(two_keys, seed: Seed, store):
    parked_id = seed.inbound()

    assert two_keys.delete(f"/api/v1/parked/{parked_id}", headers=bearer(OPERATOR)).json == {"dropped": 1}
    assert two_keys.get("/metrics", headers=bearer(OPERATOR)).status_code == 200


def test_personal_data_needs_a_key_that_may_operate(two_keys, seed: Seed):
    path = f"/api/v1/parked/{seed.inbound()}?reveal=1"

    assert two_keys.get(path, headers=bearer(READER)).status_code == 403
    assert two_keys.get(path, headers=bearer(OPERATOR)).status_code == 200


@pytest.mark.parametrize("path", ["/", "/parked", "/events", "/runs", "/imports"])
def test_a_key_that_may_read_opens_metrics_and_no_page(two_keys, path):
    page = two_keys.get(path, headers=bearer(READER))

    assert page.status_code == 403
    assert "grafana" in page.text
    assert two_keys.get("/metrics", headers=bearer(READER)).status_code == 200


@pytest.mark.parametrize("key", [READER, OPERATOR])
def test_only_the_installations_own_key_signs_a_browser_in(two_keys, key):
    assert two_keys.post("/sign-in", data={"key": key}).status_code == 401
    assert two_keys.post("/sign-in", data={"key": KEY}).status_code == 303


def test_a_wrong_key_gets_no_hint_and_is_slowed_down(make_app):
    web = make_app(api=ApiSettings(keys=KEYS)).test_client()

    answers = [web.get(STATUS, headers=bearer("old")) for _ in range(FROM_ONE + 1)]

    assert [answer.status_code for answer in answers] == [401] * FROM_ONE + [429]
    for answer in answers:
        check(answer.json, schema_of(STATUS, "get", answer.status_code))
        assert answer.mimetype == "application/problem+json"
        assert not {"grafana", "deploy", KEY, READER} & set(answer.text.replace('"', " ").split())
    assert answers[0].headers["WWW-Authenticate"] == "Bearer"
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert web.get(STATUS, headers=bearer(READER)).status_code == 200


# how often ------------------------------------------------------------------------------------------------------------


def test_each_key_has_its_calls_of_a_minute_and_is_told_how_many_are_left(make_app, store):
    web = make_app(api=ApiSettings(keys=KEYS, rate_per_minute=2)).test_client()

    first, second, third = (web.get(STATUS, headers=bearer(READER)) for _ in range(3))

    assert first.headers["RateLimit-Policy"] == '"key";q=2;w=60'
    assert first.headers["RateLimit"].startswith('"key";r=1;t=')
    assert [first.status_code, second.status_code, third.status_code] == [200, 200, 429]
    assert third.json["detail"] == "The key `grafana` has made its 2 calls of this minute."
    assert third.headers["Retry-After"] == third.headers["RateLimit"].rpartition("t=")[2]
    assert 0 < int(third.headers["Retry-After"]) <= 60
    check(third.json, schema_of(STATUS, "get", 429))
    assert web.get(STATUS, headers=bearer(OPERATOR)).status_code == 200
    store.client.delete(keys.PREFIX + "calls:grafana")
    assert web.get(STATUS, headers=bearer(READER)).status_code == 200


def test_a_count_of_calls_ends_by_itself(make_app, store):
    make_app(api=ApiSettings(keys=KEYS)).test_client().get(STATUS, headers=bearer(READER))

    assert 0 < store.client.pttl(keys.PREFIX + "calls:grafana") <= 60_000


def test_a_key_that_is_named_like_the_dashboard_is_counted_all_the_same(make_app):
    named = ApiKey("dashboard", READER, Role.READ)
    caller = make_app(api=ApiSettings(keys=(named,), rate_per_minute=1)).test_client()

    statuses = [caller.get(STATUS, headers=bearer(READER)).status_code for _ in range(2)]

    assert statuses == [200, 429]


def test_the_dashboard_and_the_metrics_are_not_counted(make_app, store):
    web = make_app(api=ApiSettings(rate_per_minute=1)).test_client()
    web.post("/sign-in", data={"key": KEY})

    assert [web.get("/").status_code for _ in range(3)] == [200] * 3
    assert [web.get("/metrics").status_code for _ in range(3)] == [200] * 3
    assert "RateLimit" not in web.get(STATUS).headers
    assert list(store.client.scan_iter(keys.PREFIX + "calls:*")) == []


def test_without_redis_calls_are_not_counted_and_the_status_is_told(web, without_redis):
    answer = web.get(STATUS)

    assert answer.status_code == 200
    assert "RateLimit" not in answer.headers


# which account --------------------------------------------------------------------------------------------------------


def mark(brevo_key: str, api_key: str = KEY) -> dict[str, str]:
    digest = hmac.new(api_key.encode(), brevo_key.encode(), hashlib.sha256).hexdigest()
    return {"Tajo-Brevo-Account": digest}


@pytest.mark.parametrize(
    ("brevo_key", "headers", "status"),
    [
        ("xkeysib-1", {}, 200),
        ("xkeysib-1", mark("xkeysib-1"), 200),
        ("xkeysib-1", {"Tajo-Brevo-Account": mark("xkeysib-1")["Tajo-Brevo-Account"].upper()}, 200),
        ("xkeysib-1", mark("xkeysib-2"), 409),
        ("xkeysib-1", mark("xkeysib-1", "another-api-key"), 409),
        (None, mark("xkeysib-1"), 409),
        ("xkeysib-1", {"Tajo-Brevo-Account": "xkeysib-1"}, 400),
    ],
)
def test_a_caller_who_means_another_brevo_account_is_told_so(make_app, brevo_key, headers, status):
    web = with_key(make_app(brevo=BrevoSettings(api_key=brevo_key)))

    answer = call(web, "get", STATUS, status, headers=headers)

    if status == 409:
        assert answer["detail"] == "This server delivers to another Brevo account than the key you gave."
        assert ("sandbox" in answer["remedy"]) is (brevo_key is None)
    if status == 400:
        assert answer["errors"][0]["path"] == "Tajo-Brevo-Account"
        assert "xkeysib" not in str(answer)


def test_every_answer_tells_the_version_and_stays_in_no_cache(web, make_app):
    from customer_sync import __version__

    stranger = make_app().test_client()
    for answer in (web.get(STATUS), web.get("/api/v1/nothing"), stranger.get(STATUS), web.put(STATUS)):
        assert answer.headers["Tajo-Version"] == __version__
        assert answer.headers["Cache-Control"] == "no-store"
