from __future__ import annotations

import pytest
from flask import Request, Response
from werkzeug.test import EnvironBuilder

from customer_sync.web.guard import COOKIE, SESSION_S, Guard

KEY = "a-long-random-key"
JSON = {"Content-Type": "application/json"}


def request_of(
    method: str = "GET", *, address: str = "127.0.0.1", host: str = "127.0.0.1:8000", cookie: str = "", **headers: str
) -> Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if cookie:
        named["Cookie"] = f"{COOKIE}={cookie}"
    builder = EnvironBuilder(
        path="/api/v1/status",
        method=method,
        base_url=f"http://{host}",
        headers=named,
        environ_overrides={"REMOTE_ADDR": address, "HTTP_HOST": host},
    )
    return Request(builder.get_environ())


def session(guard: Guard) -> str:
    response = Response()
    guard.sign_in(response, request_of())
    return response.headers["Set-Cookie"].partition("=")[2].partition(";")[0]


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8000", "127.0.0.1:8000", "[::1]:8000", "[::1]", "LocalHost:1"]
)
@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "127.8.8.8", "::ffff:127.0.0.1"])
def test_without_a_key_this_machine_may_look(host, address):
    assert Guard(None).denial(request_of(host=host, address=address)) is None


@pytest.mark.parametrize(
    ("case", "what"),
    [
        ({"address": "192.168.1.7"}, "another machine"),
        ({"address": "8.8.8.8"}, "the internet"),
        ({"address": ""}, "no address at all"),
        ({"address": "unix:"}, "an address that is none"),
        ({"host": "attacker.example"}, "a name that was led to this machine"),
        ({"host": "attacker.example:8000"}, "the same with a port"),
        ({"host": "127.0.0.1.attacker.example"}, "a name that begins like ours"),
        ({"host": "[::1].attacker.example"}, "the same in brackets"),
        ({"X_Forwarded_For": "127.0.0.1"}, "a proxy in front"),
        ({"Forwarded": "for=127.0.0.1"}, "a proxy in front, in the standard's word"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_without_a_key_nobody_else_may(case, what):
    denial = Guard(None).denial(request_of(**case))

    assert denial is not None, what
    assert denial.status == 403
    assert "TAJO_API_KEY" in denial.remedy


def test_with_a_key_its_bearer_may_from_everywhere():
    guard = Guard(KEY)

    assert guard.denial(request_of(address="8.8.8.8", host="tajo.example", Authorization=f"Bearer {KEY}")) is None
    assert guard.denial(request_of("POST", Authorization=f"bearer {KEY}")) is None


@pytest.mark.parametrize(
    "given", ["", "Bearer", "Bearer ", "Bearer wrong", f"Basic {KEY}", KEY, f"Bearer {KEY}x", "Bearer é"]
)
def test_with_a_key_nobody_without_it_may_not_even_here(given):
    denial = Guard(KEY).denial(request_of(Authorization=given))

    assert denial is not None
    assert denial.status == 401
    assert "TAJO_API_KEY" in denial.remedy


def test_the_cookie_stands_for_the_key_and_does_not_hold_it():
    guard = Guard(KEY)
    cookie = session(guard)

    assert KEY not in cookie
    assert guard.denial(request_of(cookie=cookie)) is None
    assert Guard("another-key").denial(request_of(cookie=cookie)) is not None


def test_the_cookie_cannot_be_read_by_scripts_and_does_not_travel_from_other_sites():
    response = Response()

    Guard(KEY).sign_in(response, request_of(X_Forwarded_Proto="https"))

    cookie = response.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Secure" in cookie


@pytest.mark.parametrize("forge", ["", "x", ".", "1.", "٣.aa", "-1.aa", "{now}.", "{old}.{mac}", "{later}.{mac}"])
def test_a_cookie_that_was_made_up_or_changed_opens_nothing(forge):
    guard = Guard(KEY)
    issued, _, mac = session(guard).partition(".")
    cookie = forge.format(now=issued, mac=mac, old=int(issued) - 1, later=int(issued) + 1000)

    assert guard._has_session(request_of(cookie=cookie.encode().decode("latin-1"))) is False


def test_a_sign_in_ends():
    cookie = session(Guard(KEY, clock=lambda: 1_000_000))
    just_before, at_the_end = (Guard(KEY, clock=lambda s=s: 1_000_000 + s * 1000) for s in (SESSION_S - 1, SESSION_S))

    assert just_before.denial(request_of(cookie=cookie)) is None
    assert at_the_end.denial(request_of(cookie=cookie)) is not None


OWN = "http://127.0.0.1:8000"


@pytest.mark.parametrize("has_key", [True, False])
@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        ({"Origin": OWN}, True),
        ({"Origin": "https://tajo.example"}, True),
        ({"Sec_Fetch_Site": "same-origin"}, True),
        ({"Content_Type": "application/json"}, True),
        ({"Content_Type": "application/json; charset=utf-8"}, True),
        ({"Origin": "http://attacker.example"}, False),
        ({"Origin": "http://127.0.0.1:9000"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": ""}, False),
        ({"Origin": "http://attacker.example", "Content_Type": "application/json"}, False),
        ({"Sec_Fetch_Site": "cross-site"}, False),
        ({"Sec_Fetch_Site": "same-site", "Content_Type": "application/json"}, False),
        ({"Content_Type": "application/x-www-form-urlencoded"}, False),
        ({"Content_Type": "text/plain"}, False),
        ({}, False),
    ],
)
def test_a_change_that_another_sites_page_could_ask_for_is_refused(headers, passes, has_key):
    guard = Guard(KEY if has_key else None, "https://tajo.example")
    cookie = session(guard) if has_key else ""

    denial = guard.denial(request_of("POST", cookie=cookie, **headers))

    assert (denial is None) is passes
    assert passes or "application/json" in denial.remedy


@pytest.mark.parametrize("origin", ["null", "", "file://", "about:blank"])
def test_an_origin_without_a_host_is_not_ours_though_there_is_no_public_address(origin):
    assert Guard(None).denial(request_of("POST", Origin=origin)) is not None


def test_a_program_may_delete_without_a_body_or_an_origin():
    assert Guard(None).denial(request_of("DELETE")) is None
    assert Guard(None).denial(request_of("DELETE", Origin="http://attacker.example")) is not None


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "172.18.0.5", "fd00::1"])
def test_metrics_are_open_to_a_scraper_nearby(address):
    assert Guard(KEY).denial_of_scrape(request_of(address=address, host="web:8000")) is None


@pytest.mark.parametrize("case", [{"address": "8.8.8.8"}, {"address": "10.0.0.1", "X_Forwarded_For": "8.8.8.8"}])
def test_metrics_are_closed_to_the_internet_without_the_key(case):
    guard = Guard(KEY)

    assert guard.denial_of_scrape(request_of(**case)) is not None
    assert guard.denial_of_scrape(request_of(**case, Authorization=f"Bearer {KEY}")) is None
