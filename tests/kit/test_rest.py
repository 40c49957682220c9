"""One platform's JSON API: what is sent, and what its answers mean."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_sync.errors import ConfigError, Missing, TryLater, Unavailable
from customer_sync.kit.logins import Key, Nobody, Request, basic, bearer
from customer_sync.kit.outbound import HttpClient, Reply
from customer_sync.kit.paging import Cursor, LastId, NextUrl, Offset, OnePage, PageNumber, dig, linked
from customer_sync.kit.reach import Access
from customer_sync.kit.rest import Action, Answer, Rejected, Rest, Rule, TooMuch, retry_after_s

NOW_S = 1_795_262_400.0


class Wire:
    """Answers what it was given, and remembers what was asked."""

    def __init__(self, *replies):
        self.replies, self.asked = list(replies), []

    def send(self, method, url, *, headers, body=None, is_file=False):
        self.asked.append((method, url, dict(headers), body))
        return self.replies.pop(0)


def answer(status=200, value=None, **headers):
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return Reply(status, {"content-type": "application/json", **headers}, body)


def api(wire, login=None, **more):
    access = Access(wire, None, now_s=lambda: NOW_S)
    return Rest(access, "https://api.example.com", "Lamps", login or Nobody(), **more)


@pytest.mark.parametrize("key", ["k\u2026y", "a\nb", "a\x7fb", "\0"])
def test_a_key_that_no_header_may_have_is_a_fault_of_the_settings_that_says_which(key):
    access = Access(HttpClient(), None, now_s=lambda: NOW_S)
    made = Rest(access, "https://api.invalid", "Lamps", Key(key, "x-key"), keys="Set api_key of crm anew.")
    with pytest.raises(ConfigError, match="x-key") as fault:
        made.get("/v1/x")

    assert fault.value.remedy == "Set api_key of crm anew."
    assert key not in str(fault.value)


def test_a_call_carries_query_headers_and_the_key():
    wire = Wire(answer(value={"a": 1}))

    found = api(wire, bearer("k"), headers={"X-Api": "2"}).get("/v1/x", {"q": "a b&c"})

    ((method, url, headers, body),) = wire.asked
    assert (method, url, body) == ("GET", "https://api.example.com/v1/x?q=a+b%26c", None)
    assert headers == {"Accept": "application/json", "X-Api": "2", "Authorization": "Bearer k"}
    assert found.object() == {"a": 1}


def test_what_is_sent_is_json_or_a_form():
    wire = Wire(answer(value={}), answer(value={}))
    api(wire).call("PATCH", "/x", json_body={"a": None})
    api(wire).call("POST", "/x", form=[("m[a]", "é"), ("m[b]", "1")])

    assert (wire.asked[0][2]["Content-Type"], wire.asked[0][3]) == ("application/json", b'{"a": null}')
    assert wire.asked[1][3] == b"m%5Ba%5D=%C3%A9&m%5Bb%5D=1"


@pytest.mark.parametrize(
    ("login", "url", "name", "value"),
    [
        (Key("k", "X-Key"), "https://api.example.com/x", "X-Key", "k"),
        (Key("k", "api_key", "query"), "https://api.example.com/x?api_key=k", None, None),
        (basic("u", "p"), "https://api.example.com/x", "Authorization", "Basic " + base64.b64encode(b"u:p").decode()),
    ],
)
def test_keys_go_where_the_platform_wants_them(login, url, name, value):
    wire = Wire(answer(value={}))
    api(wire, login).get("/x")

    assert wire.asked[0][1] == url
    assert name is None or wire.asked[0][2][name] == value


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (429, TryLater),
        (408, TryLater),
        (423, TryLater),
        (401, Rejected),
        (403, Rejected),
        (404, Missing),
        (410, Missing),
        (400, Rejected),
        (500, Unavailable),
        (503, Unavailable),
        (302, Rejected),
    ],
)
def test_a_status_says_what_to_do_next(status, kind):
    with pytest.raises(kind):
        api(Wire(answer(status, {"error": "x"}))).get("/x")


def test_a_429_burns_no_try_and_waits_as_long_as_it_says():
    with pytest.raises(TryLater) as error:
        api(Wire(answer(429, {}, **{"retry-after": "17"}))).get("/x")

    assert (error.value.after_s, error.value.burns) == (17.0, False)


@pytest.mark.parametrize("status", [200, 403, 404, 410])
def test_a_page_for_people_is_no_answer(status):
    with pytest.raises(TryLater):
        api(Wire(Reply(status, {"content-type": "text/html"}, b"<html>One moment</html>"))).get("/x")


@pytest.mark.parametrize(("status", "is_so"), [(400, True), (422, True), (401, False), (403, False), (302, False)])
def test_a_refusal_says_whether_it_is_of_this_request_or_of_all(status, is_so):
    with pytest.raises(Rejected) as error:
        api(Wire(answer(status, {}))).get("/x")

    assert error.value.is_of_request is is_so


def test_a_404_with_nothing_in_it_is_believed():
    with pytest.raises(Missing):
        api(Wire(Reply(404, {}, b""))).get("/x")


def test_an_empty_answer_is_an_answer():
    assert api(Wire(Reply(204, {}, b""))).call("PATCH", "/x", json_body={}).value is None


def test_a_rule_of_the_platform_comes_first():
    rules = (
        Rule(400, Action.SPLIT, word="TOO_LARGE"),
        Rule(404, Action.TAKE),
        Rule(400, Action.KEYS, word="scope", reason="{title} misses a scope.", remedy="Tick it."),
    )

    with pytest.raises(TooMuch):
        api(Wire(answer(400, {"name": "TOO_LARGE"})), rules=rules).get("/x")
    assert api(Wire(answer(404, {})), rules=rules).get("/x").status == 404
    with pytest.raises(Rejected, match="Lamps misses a scope") as error:
        api(Wire(answer(400, {"name": "scope"})), rules=rules).get("/x")
    assert error.value.remedy == "Tick it."


class Turning(Nobody):
    def __init__(self):
        self.value, self.renewals = "old", 0

    def prove(self, request, access):
        return request.with_header("Authorization", self.value)

    def renew(self, access):
        self.renewals += 1
        self.value = "new"
        return True


def test_a_refused_login_is_renewed_once():
    login, wire = Turning(), Wire(answer(401, {}), answer(value={"ok": 1}))
    assert api(wire, login).get("/x").value == {"ok": 1}
    assert [one[2]["Authorization"] for one in wire.asked] == ["old", "new"]

    login, wire = Turning(), Wire(answer(401, {}), answer(401, {}))
    with pytest.raises(Rejected):
        api(wire, login).get("/x")
    assert login.renewals == 1


def test_a_login_may_say_where_the_platform_is_before_the_first_call():
    class Told(Nobody):
        def begin(self, access):
            found.base_url = "https://eu.api.example.com"

    wire = Wire(answer(value={}))
    found = api(wire, Told())
    found.get("/x")

    assert wire.asked[0][1] == "https://eu.api.example.com/x"


def test_the_key_goes_to_no_other_host():
    wire = Wire(answer(value={}))
    api(wire).get("https://api.example.com/next?page=2")

    for url in (
        "https://evil.example/next",
        "http://api.example.com/x",
        "https://api.example.com.evil.example/",
        # put behind the base address these would end its host, or make it a user's name
        "@evil.example/next",
        ".evil.example/next",
        ":8443/next",
        "HTTPS://evil.example/next",
        "",
    ):
        with pytest.raises(ConfigError, match="another host"):
            api(wire).get(url)
    assert len(wire.asked) == 1


@pytest.mark.parametrize(
    ("text", "wait_s"),
    [
        ("5", 5.0),
        ("-20", None),
        ("0", None),
        ("abc", None),
        ("", None),
        ("nan", None),
        ("99999999", 3600.0),
        ("Sat, 21 Nov 2026 12:00:30 GMT", 30.0),
    ],
)
def test_retry_after_is_read_in_both_forms(text, wait_s):
    assert retry_after_s({"retry-after": text}, NOW_S) == wait_s


def walk(paging, answers):
    """Return what was asked for each page, and the rows."""
    state, asked, rows = {}, [], []
    for one in answers:
        asked.append(dict(paging.ask(state)))
        page = one.value["rows"]
        rows += page
        state = paging.after(one, page, state)
        if state is None:
            return asked, rows
        state = json.loads(json.dumps(state))
    raise AssertionError("it asks for more")


def page(*ids, **more):
    headers = {"link": more.pop("link")} if "link" in more else {}
    return Answer(200, headers, {"rows": [{"id": one} for one in ids], **more})


@pytest.mark.parametrize(
    ("paging", "answers", "asked"),
    [
        (OnePage(), [page(1, 2)], [{}]),
        (PageNumber(), [page(1), page(2), page()], [{"page": "1"}, {"page": "2"}, {"page": "3"}]),
        (PageNumber(start=0, total=dig("pages")), [page(1, pages=2), page(2, pages=2)], [{"page": "0"}, {"page": "1"}]),
        (
            Offset(size=2),
            [page(1, 2), page(3)],
            [{"offset": "0", "limit": "2"}, {"offset": "2", "limit": "2"}],
        ),
        (
            Cursor("after", dig("paging.next")),
            [page(1, paging={"next": "x"}), page(2, paging={})],
            [{}, {"after": "x"}],
        ),
        (
            LastId("starting_after", dig("id"), dig("more"), size=1),
            [page(7, more=True), page(9, more=False)],
            [{"limit": "1"}, {"starting_after": "7", "limit": "1"}],
        ),
        (
            NextUrl(dig("next")),
            [page(1, next="https://any.example/x?p=2&q=a%20b"), page(2, next=None)],
            [{}, {"p": "2", "q": "a b"}],
        ),
        (
            NextUrl(),
            [page(1, link='<https://x.example/?p=2>; rel="next", <https://x.example/?p=9>; rel="last"'), page(2)],
            [{}, {"p": "2"}],
        ),
    ],
)
def test_every_way_of_paging_brings_every_row_once(paging, answers, asked):
    found, rows = walk(paging, answers)

    assert found == asked
    assert rows == [row for one in answers for row in one.value["rows"]]


@pytest.mark.parametrize(
    ("paging", "answers"),
    [
        (Cursor("after", dig("next")), [page(1, next="x"), page(2, next="x")]),
        (LastId("after", dig("id"), dig("more")), [page(1, more=True), page(1, more=True)]),
        (LastId("after", dig("id"), dig("more")), [page(more=True)]),
        (NextUrl(dig("next")), [page(1, next="?p=2"), page(2, next="?p=2")]),
        (Offset(more=dig("more")), [page(more=True)]),
    ],
)
def test_a_list_that_leads_back_is_found_out(paging, answers):
    with pytest.raises(TryLater):
        walk(paging, answers)


@given(st.text(max_size=80))
def test_any_link_header_is_read_or_is_none(text):
    assert isinstance(linked(text), str)


def test_digging_reaches_into_lists_and_finds_nothing_elsewhere():
    value = {"a": [{"b": 1}, {"b": 2}]}

    assert (dig("a.-1.b")(value), dig("a.0.b")(value)) == (2, 1)
    assert [dig(path)(value) for path in ("a.5.b", "a.b", "x", "a.0.b.c")] == [None] * 4


def test_a_request_shows_no_key_when_it_is_printed():
    assert "secret" not in repr(Request("GET", "https://x.example", headers={"Authorization": "secret"}))
    assert "secret" not in repr(bearer("secret"))
