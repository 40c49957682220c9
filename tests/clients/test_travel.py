"""How calls travel: retries, waits, pages, errors. The same is asked of the Python and of the JavaScript client."""

from __future__ import annotations

import hashlib
import hmac
import socket
import threading
from contextlib import closing, contextmanager

import pytest

from tests.clients.hands import KEY
from tests.clients.scripted import Answer, problem

OK = Answer(200, {"accepted": 1, "ids": ["1"]})
STATUS = Answer(200, {"at": "2026-11-21T10:00:00.000Z"})
EVENT = {"event": "customer_created", "data": {"email": "ann@mail.example"}}
CUT = Answer(cut=True)


@pytest.fixture
def call(hands, server):
    """Make a call of the scripted server."""

    def made(name, *places, more=None, take=0, **options):
        given = {"api_key": KEY, "base_url": server.url, **options}
        return hands.call(name, *places, options=given, more=more, take=take)

    return made


def ids(server):
    return [came.body["id"] for came in server.came]


# what is sent


def test_a_call_shows_the_key_and_nothing_of_the_brevo_key(call, server):
    server.script(STATUS)
    call("status", brevo_api_key="xkeysib-abc")
    headers = {name.lower(): value for name, value in server.came[0].headers.items()}

    assert server.came[0].path == "/api/v1/status"
    assert headers["authorization"] == f"Bearer {KEY}"
    mark = hmac.new(KEY.encode(), b"xkeysib-abc", hashlib.sha256).hexdigest()
    assert headers["tajo-brevo-account"] == mark
    assert "xkeysib-abc" not in str(server.came)


def test_without_a_brevo_key_no_account_is_named(call, server):
    server.script(STATUS)
    call("status")

    assert "tajo-brevo-account" not in {name.lower() for name in server.came[0].headers}


def test_each_event_gets_an_id_of_its_own_unless_it_has_one(call, server):
    server.script(OK)
    call("events.send", [EVENT, EVENT, {**EVENT, "id": "mine"}])
    events = server.came[0].body["events"]

    assert [one["event"] for one in events] == ["customer_created"] * 3
    assert len({one["id"] for one in events}) == 3
    assert events[2]["id"] == "mine"


@pytest.mark.parametrize(
    ("sent", "asked"),
    [
        ("POST /skills/customer-sync/enable", ("skills.enable", ["customer-sync", {"options": {"listId": 5}}], None)),
        ("POST /skills/customer-sync/disable", ("skills.disable", ["customer-sync"], None)),
        ("POST /skills/customer-sync/trigger", ("skills.trigger", ["customer-sync", EVENT], None)),
        ("GET /connectors/my%20shop", ("connectors.get", ["my shop"], None)),
        ("POST /connectors/lumen/sync", ("connectors.sync", ["lumen"], {"full": True, "dry_run": True})),
        ("POST /connectors/lumen/install", ("connectors.install", ["lumen"], None)),
        ("GET /contacts/ann%2Bx%40mail.example", ("contacts.explain", ["ann+x@mail.example"], None)),
        ("POST /contacts/ann%40mail.example/sync", ("contacts.sync", ["ann@mail.example"], None)),
        ("DELETE /contacts/ann%40mail.example", ("contacts.erase", ["ann@mail.example"], None)),
        ("GET /runs/7", ("runs.get", [7], None)),
        ("POST /runs", ("runs.start", ["lumen"], {"kind": "full"})),
        ("POST /runs/7/pause", ("runs.pause", [7], None)),
        ("POST /runs/7/resume", ("runs.resume", [7], {"force": True})),
        ("POST /runs/7/cancel", ("runs.cancel", ["7"], None)),
        ("GET /parked/p1?reveal=1", ("parked.get", ["p1"], {"reveal": True})),
        ("DELETE /parked/p1", ("parked.drop", ["p1"], None)),
        ("POST /parked/p1/replay", ("parked.replay", ["p1"], None)),
        ("GET /events/lumen%3Ashop%2F1", ("events.get", ["lumen:shop/1"], None)),
        ("GET /receipts/r1", ("receipts.get", ["r1"], None)),
        ("POST /notices/test", ("notices.test", ["https://a.example"], None)),
        ("GET /imports", ("imports", [], None)),
    ],
)
def test_each_call_has_its_address(call, server, sent, asked):
    name, places, more = asked
    server.script(Answer(200, {"replayed": 1, "items": []}))
    assert call(name, *places, more=more).fault is None
    (came,) = server.came

    assert f"{came.method} {came.path.removeprefix('/api/v1')}" == sent
    if "dry_run" in (more or {}):
        assert came.body == {"full": True, "compare": False, "dry_run": True, "force": False}


# lists


def page(*items, cursor=None):
    return Answer(200, {"items": [{"id": one} for one in items], "next_cursor": cursor})


def test_a_list_is_walked_page_by_page_with_its_filters(call, server):
    server.script(page(1, 2, cursor="a/b"), page(3), page(9))
    found = call("events.list", more={"source": "lumen", "state": "parked", "person": "ann@mail.example"})

    assert [one["id"] for one in found.value] == [1, 2, 3]
    first, second = (came.path.partition("?")[2].split("&") for came in server.came)
    assert set(first) == {"source=lumen", "state=parked", "person=ann%40mail.example", "limit=200"}
    assert set(second) - set(first) == {"cursor=a%2Fb"}


def test_a_limit_asks_for_no_more_than_it_needs(call, server):
    server.script(page(1, 2, cursor="a"), page(3, 4, cursor="b"), page(9))
    found = call("runs.list", more={"limit": 3})

    assert [one["id"] for one in found.value] == [1, 2, 3]
    assert "limit=3" in server.came[0].path
    assert len(server.came) == 2


def test_a_page_without_entries_is_not_the_end(call, server):
    server.script(page(cursor="a"), page(1))

    assert [one["id"] for one in call("parked.list").value] == [1]


def test_a_list_that_goes_in_a_circle_ends_with_an_error(call, server):
    server.script(page(1, cursor="a"))

    assert call("parked.list").fault.name == "NotTajo"


def test_the_tail_tells_new_events_and_new_states_the_oldest_first(call, server):
    def events(*pairs):
        rows = [{"id": one, "state": state, "at": "2026-11-21T10:00:00.000Z"} for one, state in pairs]
        return Answer(200, {"items": rows, "next_cursor": None})

    server.script(
        events((1, "delivered")),  # the newest
        events((1, "delivered")),  # and all of its time
        events((3, "pending"), (2, "pending"), (1, "delivered")),
        events((3, "delivered"), (2, "pending"), (1, "delivered")),
        events((4, "pending"), (3, "delivered"), (2, "pending"), (1, "delivered")),
    )
    found = call("events.tail", more={"every_s": 3}, take=4)

    assert [(one["id"], one["state"]) for one in found.value] == [
        (2, "pending"),
        (3, "pending"),
        (3, "delivered"),
        (4, "pending"),
    ]
    assert all("since=2026-11-21T10%3A00%3A00.000Z" in came.path for came in server.came[1:])
    assert found.waits[:2] == [3, 3]


def test_waiting_for_a_run_ends_where_it_does_not_go_on_by_itself(call, server):
    server.script(*(Answer(200, {"state": state}) for state in ("running", "delivering", "stopped", "done")))
    found = call("runs.wait", 7, more={"every_s": 5})

    assert found.value["state"] == "stopped"
    assert found.waits == [5, 5]


# trying again


@pytest.mark.parametrize("answer", [Answer(502), Answer(503), Answer(504, b"<html>"), CUT])
def test_what_may_pass_is_tried_again_with_growing_waits(call, server, answer):
    server.script(answer, answer, STATUS)
    found = call("status")

    assert found.value == STATUS.body
    assert len(server.came) == 3
    assert len(found.waits) == 2
    assert all(0 <= wait <= most for wait, most in zip(found.waits, (0.5, 1.0), strict=True))


def test_an_event_that_is_sent_again_keeps_its_id(call, server):
    server.script(CUT, Answer(503), OK)
    call("events.send", EVENT)

    assert len(ids(server)) == 3
    assert len(set(ids(server))) == 1


def test_it_is_given_up_after_so_many_tries(call, server):
    server.script(Answer(503))
    found = call("status", tries=3)

    assert len(server.came) == 3
    assert found.fault.name == "ServiceFault"


@pytest.mark.parametrize("answer", [CUT, Answer(502), Answer(503), Answer(504)])
@pytest.mark.parametrize(("name", "place"), [("runs.start", "lumen"), ("parked.drop", "p1"), ("runs.resume", 7)])
def test_what_would_be_done_twice_is_not_tried_again(call, server, answer, name, place):
    server.script(answer, Answer(200, {}))
    found = call(name, place)

    assert len(server.came) == 1
    assert found.fault is not None
    assert "may have been done or not." in found.fault.text
    assert found.fault.remedy == "Look how things stand before you call again."


@pytest.mark.parametrize(
    ("name", "places", "more"),
    [
        ("skills.get", [""], None),
        ("connectors.get", ["."], None),
        ("contacts.explain", [".."], None),
        ("contacts.erase", [None], None),
        ("events.send", [None], None),
        ("events.send", ["abc"], None),
        ("events.send", [[EVENT, 1]], None),
        ("skills.trigger", ["customer-sync", None], None),
        ("events.send", [{**EVENT, "data": {"orders": float("inf")}}], None),
        ("events.list", [], {"limit": "1"}),
        ("events.list", [], {"limit": -1}),
        ("events.list", [], {"limit": 1.5}),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_sent(call, server, name, places, more):
    server.script(Answer(200, {"items": [], "next_cursor": None}))
    found = call(name, *places, more=more)

    assert found.fault is not None
    assert found.fault.name == "TypeError"
    assert server.came == []


def test_no_limit_is_all(call, server):
    server.script(page("1", "2"))

    assert len(call("events.list", more={"limit": None}).value) == 2


@pytest.mark.parametrize("name", ["status", "runs.start"])
def test_too_many_calls_wait_as_long_as_the_service_says(call, server, name):
    server.script(problem(429, "too-many", headers={"Retry-After": "7"}), Answer(200, {}))
    found = call(name, *(["lumen"] if name == "runs.start" else []))

    assert found.fault is None
    assert 7 <= found.waits[0] <= 7.125


def test_a_date_to_wait_for_counts_from_the_time_of_the_answer(call, server):
    dates = {"Retry-After": "Sat, 21 Nov 2026 10:00:30 GMT", "Date": "Sat, 21 Nov 2026 10:00:00 GMT"}
    server.script(problem(429, "too-many", headers=dates), STATUS)

    assert call("status").waits[0] == pytest.approx(30, abs=0.13)


def test_who_would_wait_for_more_than_a_minute_is_told_instead(call, server):
    server.script(problem(429, "too-many", headers={"Retry-After": "3600"}))
    found = call("status")

    assert (found.fault.name, found.fault.after_s, found.waits) == ("TooManyCalls", 3600, [])
    assert len(server.came) == 1


def test_nobody_at_the_address_is_told_with_the_address_and_what_to_do(call):
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        found = call("runs.start", "lumen", base_url=url, tries=2)

    assert found.fault.name == "NotReached"
    assert found.fault.text == (
        f"{url} is not reached, 2 tries in all. Start it with `tajo run`, or correct the address (base_url, TAJO_URL)."
    ).replace("base_url", "baseUrl" if "baseUrl" in found.fault.text else "base_url")
    assert len(found.waits) == 1


def test_a_service_that_is_silent_is_waited_for_no_longer_than_said(call):
    with silent() as url:
        found = call("status", base_url=url, timeout_s=0.2, tries=1)

    assert found.fault.name == "NotReached"
    assert "did not answer within 0.2 seconds" in found.fault.text


@contextmanager
def silent():
    """A peer that takes connections and says nothing."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        held = []
        thread = threading.Thread(target=lambda: held.append(listener.accept()))
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()
        held[0][0].close()


# errors


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (400, "Refused"),
        (422, "Refused"),
        (413, "Refused"),
        (401, "KeyRefused"),
        (403, "RoleRefused"),
        (404, "NotFound"),
        (409, "Conflict"),
        (500, "ServiceFault"),
    ],
)
def test_each_problem_is_an_error_with_its_remedy(call, server, status, name):
    server.script(problem(status, detail="It is so.", remedy="Do this."))
    found = call("status").fault

    assert (found.name, found.status, found.text, found.remedy) == (name, status, "It is so. Do this.", "Do this.")
    assert len(server.came) == 1


def test_all_faults_of_a_body_are_told_with_path_and_choices(call, server):
    faults = [
        {"path": "options.list_id", "detail": "This is no whole number.", "found": "five"},
        {"path": "source", "detail": "There is no such source.", "found": "x", "choices": ["lumen", "tulip"]},
        {"path": "", "detail": "Nothing is chosen.", "found": None, "choices": None},
    ]
    server.script(problem(422, detail="3 faults.", remedy="", errors=faults))
    found = call("skills.enable", "customer-sync", {})

    assert [one["path"] for one in found.fault.errors] == ["options.list_id", "source", ""]
    assert found.fault.text.replace("'", '"').splitlines() == [
        "3 faults.",
        '  options.list_id: This is no whole number. (found "five")',
        '  source: There is no such source. (found "x"); allowed: lumen, tulip',
        "  the body: Nothing is chosen.",
    ]


NOT_TAJO = "answers, but not as Tajo Customer Sync 0.1.0 or newer does: "


@pytest.mark.parametrize(
    ("answer", "name", "said"),
    [
        (Answer(404, b"<html>nginx", {"Tajo-Version": ""}), "NotTajo", NOT_TAJO + "the header Tajo-Version is missing"),
        (Answer(200, {"events": []}, {"Tajo-Version": ""}), "NotTajo", NOT_TAJO + "the header Tajo-Version is missing"),
        (Answer(200, b"<html>"), "NotTajo", NOT_TAJO + "its answer is not JSON"),
        (Answer(302, None, {"Location": "https://a.example"}), "NotTajo", NOT_TAJO + "it sends on to another address"),
        (Answer(200, {}, {"Tajo-Version": "0.0.9"}), "TooOld", "is version 0.0.9; this client needs 0.1.0 or newer."),
        (problem(404, "no-such-call"), "TooOld", "is version 0.1.0 and does not know GET /api/v1/status."),
        (problem(405, "method-not-allowed"), "TooOld", "is version 0.1.0 and does not know GET /api/v1/status."),
    ],
)
def test_another_or_an_older_service_is_told_in_one_clear_sentence(call, server, answer, name, said):
    server.script(answer)
    found = call("status").fault

    assert found.name == name
    assert found.text.startswith(f"{server.url} ")
    assert said in found.text
    assert "pgrade the service" in found.text
    assert len(server.came) == 1


def test_a_proxy_without_the_service_behind_it_is_told_with_its_status(call, server):
    server.script(Answer(502, b"<html>", {"Tajo-Version": ""}))
    found = call("status", tries=2).fault

    assert (found.name, found.status) == ("ServiceFault", 502)
    assert found.text.startswith("GET /api/v1/status was answered with the status 502. Call again later;")


# settings


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"api_key": ""}, "There is no API key."),
        ({"api_key": "two words of it"}, "holds blanks, line breaks or characters outside of ASCII."),
        ({"brevo_api_key": "schlüssel"}, "holds blanks, line breaks or characters outside of ASCII."),
        ({"base_url": "sync.example.com"}, "The address of the service is not one."),
        ({"base_url": "ftp://sync.example.com"}, "The address of the service is not one."),
        ({"base_url": "https://sync.example.com/?a=1"}, "The address of the service is not one."),
        ({"base_url": "https://me:secret@sync.example.com"}, "The address holds a user or a password."),
        ({"base_url": "http://sync.example.com"}, "would be called without TLS"),
        ({"base_url": "http://10.0.0.7:8000"}, "would be called without TLS"),
        ({"base_url": "http://127.1:8000"}, "would be called without TLS"),
        ({"tries": 0}, "is out of range."),
        ({"timeout_s": 0}, "is out of range."),
    ],
)
def test_settings_that_cannot_work_are_told_before_anything_is_sent(hands, options, said):
    found = hands.call("status", options={"api_key": KEY, **options}).fault

    assert found.name == "SettingsWrong"
    assert said in found.text
    assert found.remedy
    for secret in ("two words of it", "schlüssel", "me:secret"):
        assert secret not in found.text


@pytest.mark.parametrize(
    "url",
    ["http://localhost:1", "http://127.8.0.1:1/", "http://[::1]:1", "https://a.example", "https://a.example/x/api/v1/"],
)
def test_this_machine_and_tls_are_fine_as_an_address(hands, url):
    shown = hands.call("", options={"api_key": KEY, "base_url": url}).value

    assert url.rstrip("/").removesuffix("/api/v1") in shown


def test_http_to_another_machine_can_be_allowed(hands):
    options = {"api_key": KEY, "base_url": "http://web:8000", "allow_http": True}

    assert "http://web:8000" in hands.call("", options=options).value


def test_a_client_that_is_printed_shows_no_key(hands):
    shown = hands.call("", options={"api_key": KEY, "brevo_api_key": "xkeysib-abc"}).value

    assert "TajoClient" in shown
    assert KEY not in shown
    assert "xkeysib-abc" not in shown
