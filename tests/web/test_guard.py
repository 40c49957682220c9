from __future__ import annotations

import pytest
from flask import Request, Response
from redis import RedisError
from werkzeug.test import EnvironBuilder

from customer_sync.store import Store, keys
from customer_sync.store.sessions import LINK_S, Sessions
from customer_sync.store.wrong_keys import FROM_ALL, FROM_ONE, WINDOW_S
from customer_sync.web.guard import SESSION_S, Denial, Guard
from customer_sync.web.signing import SKEW_S, Signing

KEY, OTHER_KEY = "a-long-random-key", "another-key"
OWN = "http://127.0.0.1:8000"
NOW_MS = 1_795_219_200_000
JSON = {"Content-Type": "application/json"}


def request_of(
    method: str = "GET", *, address: str = "127.0.0.1", host: str = "127.0.0.1:8000", cookie: str = "", **headers: str
) -> Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if cookie:
        # under the name of each installation that the tests know
        named["Cookie"] = "; ".join(f"{guard_of(key).cookie}={cookie}" for key in (KEY, OTHER_KEY))
    builder = EnvironBuilder(
        path="/api/v1/status",
        method=method,
        base_url=f"http://{host}",
        headers=named,
        environ_overrides={"REMOTE_ADDR": address, "HTTP_HOST": host},
    )
    return Request(builder.get_environ())


def no_store() -> Store:
    raise AssertionError("asked for Redis, which may be away")


def guard_of(key: str = KEY, *, later_s: int = 0, **more) -> Guard:
    return Guard(key, **{"store": no_store, "clock": lambda: NOW_MS + later_s * 1000, **more})


def denial_of(guard: Guard, request: Request) -> Denial | None:
    found = guard.admit(request)
    return found if isinstance(found, Denial) else None


def cookie_of(response: Response) -> str:
    return response.headers["Set-Cookie"].partition("=")[2].partition(";")[0]


def session(guard: Guard) -> str:
    response = Response()
    guard.sign_in(response, request_of())
    return cookie_of(response)


@pytest.fixture
def locked(store):
    """Return a function that gives a guard with a key, over a real Redis."""
    return lambda key=KEY, **more: guard_of(key, **{"store": lambda: store, **more})


HERE = [
    {},
    {"host": "localhost"},
    {"host": "[::1]:8000", "address": "::1"},
    {"address": "::ffff:127.0.0.1"},
    {"host": "attacker.example"},
    {"host": "web:8000", "address": "172.18.0.5"},
    {"address": ""},
    {"address": "unix:"},
    {"X_Forwarded_For": "127.0.0.1"},
    {"host": "tajo.example", "address": "8.8.8.8"},
]


@pytest.mark.parametrize("case", HERE)
def test_wherever_a_request_comes_from_it_needs_the_key(case):
    denial = denial_of(guard_of(), request_of(**case))

    assert denial is not None
    assert denial.status == 401
    assert "api.key" in denial.remedy


def test_with_a_key_its_bearer_may_from_everywhere():
    guard = guard_of()

    assert denial_of(guard, request_of(address="8.8.8.8", host="tajo.example", Authorization=f"Bearer {KEY}")) is None
    assert denial_of(guard, request_of("POST", Authorization=f"bearer {KEY}")) is None


@pytest.mark.parametrize(
    "given", ["", "Bearer", "Bearer ", "Bearer wrong", f"Basic {KEY}", KEY, f"Bearer {KEY}x", "Bearer é"]
)
def test_with_a_key_nobody_without_it_may_not_even_here(locked, given):
    denial = denial_of(locked(), request_of(Authorization=given))

    assert denial is not None
    assert denial.status == 401
    assert "TAJO_API_KEY" in denial.remedy


def test_the_cookie_stands_for_the_key_and_does_not_hold_it(locked):
    cookie = session(locked())

    assert KEY not in cookie
    assert denial_of(locked(), request_of(cookie=cookie)) is None
    assert denial_of(locked(OTHER_KEY), request_of(cookie=cookie)) is not None


def test_the_cookie_cannot_be_read_by_scripts_and_does_not_travel_from_other_sites():
    response = Response()

    guard_of().sign_in(response, request_of(X_Forwarded_Proto="https"))

    cookie = response.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Secure" in cookie


@pytest.mark.parametrize(
    "forge",
    [
        "",
        "x",
        ".",
        "..",
        "1..",
        "٣.aa.aa",
        "\x00.\xff.",
        "{id}",
        "{id}.{at}",
        "{id}.{at}.",
        "{id}..{mac}",
        "x{id}.{at}.{mac}",
        ".{at}.{mac}",
        "{id}.x{at}.{mac}",
        "{id}.{at}.x{mac}",
        "{id}.{at}.{other}",
        "{id}.{at}.{mac}.{mac}",
        "{id}.{at}.{at}.{mac}",
    ],
)
def test_a_cookie_that_was_made_up_or_changed_opens_nothing(locked, forge):
    session_id, at, mac = session(locked()).split(".")
    other = session(locked()).split(".")[2]
    cookie = forge.format(id=session_id, at=at, mac=mac, other=other)

    denial = denial_of(locked(), request_of(cookie=cookie.encode().decode("latin-1")))

    assert denial is not None
    assert denial.status == 401


def test_what_was_signed_for_another_purpose_opens_nothing(locked):
    def signed(salt):
        return Signing([KEY], salt, SESSION_S, lambda: NOW_MS).sign("a-session")

    assert denial_of(locked(), request_of(cookie=signed("dashboard"))) is None
    assert denial_of(locked(), request_of(cookie=signed("connect:lumen"))) is not None


def test_a_sign_in_ends(locked):
    cookie = session(locked())

    assert denial_of(locked(later_s=SESSION_S - 1), request_of(cookie=cookie)) is None
    assert denial_of(locked(later_s=SESSION_S), request_of(cookie=cookie)) is not None


def test_a_sign_in_at_a_host_whose_clock_is_a_little_ahead_counts(locked):
    cookie = session(locked())

    assert denial_of(locked(later_s=-SKEW_S), request_of(cookie=cookie)) is None
    assert denial_of(locked(later_s=-SKEW_S - 1), request_of(cookie=cookie)) is not None


def test_a_sign_out_ends_every_copy_of_the_cookie_and_no_other_sign_in(locked):
    copied, other = session(locked()), session(locked())
    response = Response()

    locked().sign_out(response, request_of(cookie=copied))

    assert cookie_of(response) == ""
    assert denial_of(locked(), request_of(cookie=copied)) is not None
    assert denial_of(locked(), request_of(cookie=other)) is None


def test_a_copy_that_is_spelled_otherwise_is_ended_with_the_sign_in(locked):
    # the last letter of a signature holds two bits that nobody reads
    copied = session(locked())
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    twin = copied[:-1] + letters[letters.index(copied[-1]) ^ 1]
    assert denial_of(locked(), request_of(cookie=twin)) is None

    locked().sign_out(Response(), request_of(cookie=copied))

    assert denial_of(locked(), request_of(cookie=twin)) is not None


def test_that_a_sign_in_was_ended_is_remembered_for_as_long_as_its_cookie_may_live(locked, client):
    cookie = session(locked())

    locked().sign_out(Response(), request_of(cookie=cookie))

    assert client.ttl(keys.ended_session(cookie.partition(".")[0])) in range(SESSION_S, SESSION_S + SKEW_S + 1)


@pytest.mark.parametrize("cookie", ["", "made-up", "made.up.entirely"])
def test_a_sign_out_without_a_sign_in_writes_nothing(cookie):
    guard_of().sign_out(Response(), request_of(cookie=cookie))


@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        ({"Origin": OWN}, True),
        ({"Origin": "https://tajo.example"}, True),
        ({"Sec_Fetch_Site": "same-origin"}, True),
        ({"Sec_Fetch_Site": "same-origin", "Origin": "https://behind-a-proxy.example"}, True),
        ({"Sec_Fetch_Site": "none"}, True),
        ({"Content_Type": "application/json"}, True),
        ({"Content_Type": "application/json; charset=utf-8"}, True),
        ({"Origin": "http://attacker.example"}, False),
        ({"Origin": "http://127.0.0.1:9000"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": ""}, False),
        ({"Origin": "http://attacker.example", "Content_Type": "application/json"}, False),
        ({"Sec_Fetch_Site": "cross-site"}, False),
        ({"Sec_Fetch_Site": "same-site", "Content_Type": "application/json"}, False),
        ({"Sec_Fetch_Site": "cross-site", "Origin": OWN}, False),
        ({"Content_Type": "application/x-www-form-urlencoded"}, False),
        ({"Content_Type": "text/plain"}, False),
        ({}, False),
    ],
)
def test_a_change_that_another_sites_page_could_ask_for_is_refused(locked, headers, passes):
    guard = locked(public_url="https://tajo.example")

    denial = denial_of(guard, request_of("POST", cookie=session(guard), **headers))

    assert (denial is None) is passes
    assert passes or "application/json" in denial.remedy


@pytest.mark.parametrize("origin", ["null", "", "file://", "about:blank"])
def test_an_origin_without_a_host_is_not_ours_though_there_is_no_public_address(locked, origin):
    assert denial_of(locked(), request_of("POST", cookie=session(locked()), Origin=origin)) is not None


def test_a_program_may_delete_without_a_body_or_an_origin(locked):
    cookie = session(locked())

    assert denial_of(locked(), request_of("DELETE", cookie=cookie)) is None
    assert denial_of(locked(), request_of("DELETE", cookie=cookie, Origin="http://attacker.example")) is not None


def test_two_installations_on_one_machine_do_not_take_each_others_cookie():
    # browsers show the cookies of one port to every other one
    assert guard_of(KEY).cookie == guard_of(KEY).cookie
    assert guard_of(KEY).cookie != guard_of(OTHER_KEY).cookie


# links


@pytest.fixture
def links(store) -> Sessions:
    return store.sessions


def test_a_link_opens_once(locked, links):
    link, other = links.make_link(), links.make_link()

    assert locked().use_link(link)
    assert not locked().use_link(link)
    assert locked().use_link(other)


def test_a_link_is_no_key_and_no_cookie(locked, links):
    link = links.make_link()

    assert not locked().is_key(link)
    assert denial_of(locked(), request_of(cookie=link)) is not None


def test_a_link_ends_after_an_hour_and_cannot_be_read_in_redis(links, client):
    link = links.make_link()

    (name,) = client.scan_iter("*signin:*")
    assert client.ttl(name) in range(LINK_S - 5, LINK_S + 1)
    assert link.encode() not in name + client.get(name)


@pytest.mark.parametrize("forge", ["", "x", "*", "{link}x", " {link}", "é\udc80"])
def test_a_link_that_was_made_up_opens_nothing(locked, links, forge):
    assert not locked().use_link(forge.format(link=links.make_link()))


# wrong keys


def wrong(guard: Guard, address: str = "8.8.8.8", times: int = 1):
    """Show a wrong key so many times; return the last answer."""
    for _ in range(times):
        denial = denial_of(guard, request_of(address=address, Authorization="Bearer wrong"))
    return denial


def test_who_shows_many_wrong_keys_is_told_to_wait_and_for_how_long(locked):
    assert wrong(locked(), times=FROM_ONE).status == 401

    denial = wrong(locked())

    assert denial.status == 429
    assert denial.wait_s in range(1, WINDOW_S + 1)
    assert denial.headers == {"Retry-After": str(denial.wait_s)}
    assert f"{denial.wait_s} seconds" in denial.remedy


def test_the_right_key_opens_at_once_in_the_middle_of_an_attack(locked):
    wrong(locked(), times=FROM_ALL + FROM_ONE)

    right = request_of(address="8.8.8.8", Authorization=f"Bearer {KEY}")

    assert denial_of(locked(), right) is None
    assert denial_of(locked(store=no_store), right) is None  # nothing is asked about it


def test_another_address_may_err_while_one_is_told_to_wait(locked):
    wrong(locked(), times=FROM_ONE + 1)

    assert wrong(locked(), "8.8.4.4").status == 401


def test_many_addresses_together_are_told_to_wait_too(locked):
    answers = [wrong(locked(), f"10.0.{n // 200}.{n % 200}").status for n in range(FROM_ALL + 1)]

    assert answers == [401] * FROM_ALL + [429]


@pytest.mark.parametrize(("other", "is_counted_with"), [("2001:db8:1:2::9", True), ("2001:db8:1:3::1", False)])
def test_addresses_of_one_ipv6_network_count_together(locked, other, is_counted_with):
    wrong(locked(), "2001:db8:1:2::1", FROM_ONE)

    assert (wrong(locked(), other).status == 429) is is_counted_with


def test_a_count_ends_and_goes_on_no_longer_because_of_more_wrong_keys(locked, client):
    wrong(locked(), times=3)
    counts = list(client.scan_iter("*wrongkeys:*"))
    for name in counts:
        client.expire(name, 5)

    wrong(locked())

    assert len(counts) == 2
    assert all(0 < client.ttl(name) <= 5 for name in counts)


def test_a_person_is_told_of_many_wrong_keys_once_and_without_an_address(locked, store, client):
    wrong(locked(), times=FROM_ONE + 5)
    wrong(locked(), "8.8.4.4", FROM_ONE + 5)

    alerts = [alert for alert in store.ledger.alerts() if "wrong API keys" in str(alert)]
    assert len(alerts) == 1
    assert "8.8." not in str(alerts)
    assert not list(client.scan_iter("*8.8.*"))


def test_a_request_without_a_key_is_no_wrong_key(locked, client):
    for _ in range(FROM_ONE + 1):
        assert denial_of(locked(), request_of(address="8.8.8.8")).status == 401
    assert not list(client.scan_iter("*wrongkeys*"))


def test_without_redis_a_wrong_key_is_still_only_wrong():
    def away() -> Store:
        raise RedisError

    assert wrong(guard_of(store=away)).status == 401
