"""Lists of a connector file: every way of paging, what changed, windows, limits of the platform, single records."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customer_sync.errors import ConfigError, PayloadError, TajoError, TryLater, Unavailable
from customer_sync.kit.reach import Want
from customer_sync.model import ConsentState, Event, Kind
from tests.contract.cases import assert_event_sound, places
from tests.custom.bench import LEAST, NOW, Wire, connector, form_of, ids, pages, with_customers

PEOPLE = [{"id": number, "email": f"p{number}@example.com"} for number in range(1, 8)]
NUMBERS = [str(one["id"]) for one in PEOPLE]
SIZE = 3


def cut(start):
    return PEOPLE[start : start + SIZE]


def by_page(asked):
    number = int(asked.query["page"])
    return {"data": cut((number - 1) * SIZE), "pages": 3}


def by_offset(asked):
    return {"data": PEOPLE[int(asked.query["offset"]) :][: int(asked.query["limit"])]}


def by_cursor(asked):
    start = int(asked.query.get("after", 0))
    return {"data": cut(start), "meta": {"next": start + SIZE if start + SIZE < len(PEOPLE) else None}}


def by_cursor_in_body(asked):
    start = int(asked.json.get("after", 0))
    return {"data": cut(start), "meta": {"next": start + SIZE if start + SIZE < len(PEOPLE) else None}}


def by_last_id(asked):
    rows = [one for one in PEOPLE if one["id"] > int(asked.query.get("starting_after", 0))]
    return {"data": rows[:SIZE], "has_more": len(rows) > SIZE}


def by_next_url(asked):
    start = int(asked.query.get("start", 0))
    following = f"https://api.lamps.example/v2/more?start={start + SIZE}" if start + SIZE < len(PEOPLE) else None
    assert asked.path == ("/v2/more" if start else "/customers")
    return {"data": cut(start), "next": following}


def by_link(asked):
    start = int(asked.query.get("start", 0))
    link = f'<https://api.lamps.example/customers?start={start + SIZE}>; rel="next"'
    return 200, cut(start), {"link": link} if start + SIZE < len(PEOPLE) else {}


def whole(asked):
    del asked
    return PEOPLE


WAYS = {
    "none": ({"type": "none"}, whole, {}),
    "page": ({"type": "page", "total_pages": "pages"}, by_page, {}),
    "page until one is empty": ({"type": "page"}, by_page, {}),
    "offset": ({"type": "offset", "limit": SIZE}, by_offset, {}),
    "cursor": ({"type": "cursor", "next": "meta.next", "send_as": "after"}, by_cursor, {}),
    "cursor in the body": (
        {"type": "cursor", "next": "meta.next", "send_as": "after", "in": "body"},
        by_cursor_in_body,
        {"method": "POST", "json": {"kind": "person"}},
    ),
    "last_id": ({"type": "last_id", "send_as": "starting_after", "more": "has_more", "size": SIZE}, by_last_id, {}),
    "next_url": ({"type": "next_url", "path": "next"}, by_next_url, {}),
    "link_header": ({"type": "link_header"}, by_link, {}),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_of_paging_brings_everybody_once(way):
    pagination, answer, more = WAYS[way]

    found = ids(pages(connector(with_customers(pagination=pagination, **more)), Wire(answer)))

    assert found == NUMBERS


@pytest.mark.parametrize(
    "answer",
    [lambda _: PEOPLE, lambda _: {"data": PEOPLE}, lambda _: {"customers": PEOPLE}, lambda _: {"results": PEOPLE}],
)
def test_a_file_that_does_not_say_where_the_list_stands_finds_it(answer):
    assert ids(pages(connector(LEAST), Wire(answer))) == NUMBERS


@pytest.mark.parametrize(
    "answer",
    [
        lambda _: {"data": PEOPLE, "has_more": True},
        lambda _: {"data": PEOPLE, "links": {"next": "https://api.lamps.example/customers?page=2"}},
        lambda _: (200, PEOPLE, {"link": '<https://api.lamps.example/customers?page=2>; rel="next"'}),
    ],
)
def test_a_file_that_does_not_say_how_it_is_paged_stops_where_there_is_more(answer):
    with pytest.raises(ConfigError, match="more than one page of customers"):
        pages(connector(LEAST), Wire(answer))


def test_an_answer_without_the_list_is_tried_again():
    with pytest.raises(TryLater):
        pages(connector(LEAST), Wire(lambda _: {"error": "soon"}))


@pytest.mark.parametrize("way", ["next_url", "link_header"])
@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/customers?start=3",
        "//evil.example/customers",
        "http://api.lamps.example/customers?start=3",
    ],
)
def test_a_next_page_on_another_host_is_refused(way, url):
    wire = Wire(lambda _: (200, {"data": cut(0), "next": url}, {"link": f'<{url}>; rel="next"'}))
    document = with_customers(pagination=WAYS[way][0])

    with pytest.raises(ConfigError, match="leads to another host"):
        pages(connector(document), wire)
    assert {one.url.partition("?")[0] for one in wire.asked} == {"https://api.lamps.example/customers"}


def test_a_list_that_repeats_itself_is_found_out():
    wire = Wire(lambda asked: {"data": cut(0), "meta": {"next": str(len(asked.query.get("after", "")) + 1) * 3}})
    pagination = WAYS["cursor"][0]

    with pytest.raises(TryLater, match="the page of before once more"):
        pages(connector(with_customers(pagination=pagination)), wire)


def test_a_list_without_end_stops():
    number = iter(range(1, 1000))

    def answer(_):
        at = next(number)
        return {"data": [{"id": at, "email": "a@example.com"}], "meta": {"next": at}}

    with pytest.raises(ConfigError, match="more than 5 pages"):
        pages(connector(with_customers(pagination={**WAYS["cursor"][0], "max_pages": 5})), Wire(answer))


def test_a_short_page_is_asked_for_again_where_pages_are_full():
    pagination = {**WAYS["cursor"][0], "size": SIZE, "full_pages": True}
    wire = Wire(lambda _: {"data": cut(0)[:2], "meta": {"next": 3}})

    with pytest.raises(TryLater, match="rows missing"):
        pages(connector(with_customers(pagination=pagination)), wire)


# what changed

TIMES = {str(one): f"2026-11-{10 + one:02d}T00:00:00Z" for one in range(1, 8)}
DATED = [{**one, "at": TIMES[str(one["id"])]} for one in PEOPLE]
SINCE = datetime(2026, 11, 14, tzinfo=UTC)


def test_what_changed_is_asked_for_with_the_overlap_and_the_end():
    step = {"cursor": "at", "since_param": "from", "until_param": "to", "lookback": "10m", "order": "asc"}
    wire = Wire(lambda _: DATED)

    pages(connector(with_customers(pagination={"type": "none"}, incremental=step)), wire, SINCE)

    assert wire.asked[0].query == {"from": "2026-11-13T23:50:00Z", "to": "2026-11-21T12:00:01Z"}


@pytest.mark.parametrize(
    ("form", "said"),
    [("unix", "1794614400"), ("unix_ms", "1794614400000"), ("%Y-%m-%d %H:%M:%S", "2026-11-14 00:00:00")],
)
def test_times_are_written_as_the_platform_wants_them(form, said):
    step = {"cursor": "at", "format": form, "since_param": "from"}
    wire = Wire(lambda _: [])

    pages(connector(with_customers(pagination={"type": "none"}, incremental=step)), wire, SINCE)

    assert wire.asked[0].query == {"from": said}


def test_a_word_in_params_stands_for_the_time_and_is_left_out_of_a_full_pull():
    document = with_customers(
        pagination={"type": "none"}, incremental={"cursor": "at"}, params={"q": "changed>{since}", "sort": "at"}
    )
    wire = Wire(lambda _: [])
    pages(connector(document), wire, SINCE)
    pages(connector(document), wire)

    assert [one.query for one in wire.asked] == [{"q": "changed>2026-11-14T00:00:00Z", "sort": "at"}, {"sort": "at"}]


def test_a_list_of_the_newest_first_stops_at_what_is_known():
    pagination = {**WAYS["cursor"][0]}
    newest = DATED[::-1]

    def answer(asked):
        start = int(asked.query.get("after", 0))
        return {"data": newest[start : start + 2], "meta": {"next": start + 2 if start + 2 < 7 else None}}

    wire = Wire(answer)
    step = {"cursor": "at", "order": "desc"}
    found = pages(connector(with_customers(pagination=pagination, incremental=step)), wire, SINCE)

    assert ids(found) == ["7", "6", "5", "4"]
    assert len(wire.asked) == 3


def test_a_list_without_order_is_read_to_its_end_and_what_is_older_is_left_out():
    step = {"cursor": "at", "order": "none"}
    mixed = [DATED[3], DATED[0], DATED[6]]

    found = pages(
        connector(with_customers(pagination={"type": "none"}, incremental=step)), Wire(lambda _: mixed), SINCE
    )

    assert ids(found) == ["4", "7"]


def test_a_record_whose_time_cannot_be_read_is_not_taken_for_old():
    step = {"cursor": "at", "order": "none"}
    odd = [{**DATED[0], "at": "soon"}, {**DATED[0], "at": None}]

    found = pages(connector(with_customers(pagination={"type": "none"}, incremental=step)), Wire(lambda _: odd), SINCE)

    assert ids(found) == ["1", "1"]


def test_windows_follow_one_another_without_a_gap():
    step = {"cursor": "at", "since_param": "from", "until_param": "to", "max_window": "3d"}
    wire = Wire(lambda _: [])

    pages(connector(with_customers(pagination={"type": "none"}, incremental=step)), wire, SINCE)

    asked = [(one.query["from"], one.query["to"]) for one in wire.asked]
    assert asked == [
        ("2026-11-14T00:00:00Z", "2026-11-17T00:00:00Z"),
        ("2026-11-17T00:00:00Z", "2026-11-20T00:00:00Z"),
        ("2026-11-20T00:00:00Z", "2026-11-21T12:00:01Z"),
    ]


def test_a_window_with_too_much_is_cut_in_two():
    step = {"cursor": "at", "since_param": "from", "until_param": "to"}
    errors = [{"when": {"status": 400, "body": "code == 'TOO_MUCH'"}, "action": "split_window"}]

    def answer(asked):
        rows = [one for one in DATED if asked.query["from"] <= one["at"] < asked.query["to"]]
        return (400, {"code": "TOO_MUCH"}, {}) if len(rows) > 2 else rows

    document = {**with_customers(pagination={"type": "none"}, incremental=step), "http": {"errors": errors}}

    assert ids(pages(connector(document), Wire(answer), SINCE)) == ["4", "5", "6", "7"]


def test_too_much_without_a_window_says_what_the_file_lacks():
    errors = [{"when": {"status": 400}, "action": "split_window"}]
    document = {**with_customers(pagination={"type": "none"}), "http": {"errors": errors}}

    with pytest.raises(ConfigError, match="since_param, until_param and start"):
        pages(connector(document), Wire(lambda _: (400, {}, {})))


def test_a_full_pull_of_a_platform_that_lists_by_time_alone_begins_where_the_file_says():
    step = {"cursor": "at", "since_param": "from", "until_param": "to", "max_window": "300d", "start": "2026-01-01"}
    wire = Wire(lambda _: [])

    pages(connector(with_customers(pagination={"type": "none"}, incremental=step)), wire)

    assert [one.query["from"] for one in wire.asked] == ["2026-01-01T00:00:00Z", "2026-10-28T00:00:00Z"]


def test_a_file_that_cannot_ask_for_what_changed_reads_everything_and_says_so():
    (page,) = pages(connector(with_customers(pagination={"type": "none"})), Wire(whole), SINCE)

    assert len(page.events) == 7
    assert "everything is read" in page.notes[0]


# what answers mean


@pytest.mark.parametrize(
    ("status", "action", "error"),
    [
        (418, "retry", TryLater),
        (418, "rate_limited", TryLater),
        (418, "fail", ConfigError),
        (503, None, Unavailable),
        (404, None, ConfigError),
        (429, None, TryLater),
    ],
)
def test_the_file_says_what_answers_mean(status, action, error):
    errors = [] if action is None else [{"when": {"status": status}, "action": action}]
    document = {**with_customers(pagination={"type": "none"}), "http": {"errors": errors}}

    with pytest.raises(error):
        pages(connector(document), Wire(lambda _: (status, {"a": 1}, {})))


@pytest.mark.parametrize("action", ["skip", "stop_ok"])
def test_an_answer_that_is_passed_over_ends_the_list(action):
    document = {
        **with_customers(pagination=WAYS["cursor"][0]),
        "http": {"errors": [{"when": {"status": "4xx"}, "action": action}]},
    }
    wire = Wire(lambda asked: (416, {"error": "no more"}, {}) if "after" in asked.query else by_cursor(asked))

    assert ids(pages(connector(document), wire)) == ["1", "2", "3"]


def test_a_status_that_is_tried_again_burns_a_try_and_waits():
    document = {**LEAST, "http": {"retry": {"on_status": [409, 503], "wait_seconds": 7}}}

    with pytest.raises(TryLater) as error:
        pages(connector(document), Wire(lambda _: (409, {}, {})))
    assert (error.value.after_s, error.value.burns) == (7, True)
    with pytest.raises(Unavailable):
        pages(connector(document), Wire(lambda _: (503, {}, {})))


def test_the_rate_is_the_files_and_the_headers():
    limit = {"requests": 50, "per_seconds": 10, "remaining_header": "X-Left", "reset_header": "X-Reset"}
    pace = connector({**LEAST, "http": {"rate_limit": limit}}).pace

    assert (pace.calls, pace.per_s) == (50, 10)
    assert pace.tells({"x-left": "3", "x-reset": "4"}) == (50, 3, 4.0)
    assert pace.tells({"x-left": "many"}) is None
    assert connector(LEAST).pace.rate == 0


# who we are


@pytest.mark.parametrize(
    ("auth", "header", "said"),
    [
        ({"type": "bearer"}, "Authorization", "Bearer key"),
        ({"type": "api_key"}, "X-API-Key", "key"),
        ({"type": "api_key", "name": "Authorization", "prefix": "Token "}, "Authorization", "Token key"),
        ({"type": "basic"}, "Authorization", "Basic a2V5OmtleQ=="),
    ],
)
def test_a_key_goes_along(auth, header, said):
    made = connector({**LEAST, "auth": auth}, token="key", api_key="key", username="key", password="key")
    wire = Wire(whole)
    pages(made, wire)

    assert wire.asked[0].headers[header] == said
    assert made.can_pull()
    assert not connector({**LEAST, "auth": auth}).can_pull()


def test_a_key_may_stand_in_the_query():
    auth = {"type": "api_key", "in": "query", "name": "key", "value": "${env.LAMPS_KEY}"}
    wire = Wire(whole)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAMPS_KEY", "from-env")
        pages(connector({**LEAST, "auth": auth}), wire)
    assert wire.asked[0].query == {"key": "from-env"}


def test_what_is_not_set_says_which_key():
    with pytest.raises(ConfigError, match=r"token is not set in connectors\.shop"):
        pages(connector({**LEAST, "auth": {"type": "bearer"}}), Wire(whole))


# one by one

BY_ID = {"by_id": {"endpoint": "/customers/{id}", "record": "data"}}


def one_of(asked):
    number = asked.path.rpartition("/")[2]
    found = [one for one in PEOPLE if str(one["id"]) == number]
    return {"data": found[0]} if found else (404, {}, {})


def test_a_record_is_read_by_its_id_and_what_is_gone_is_absent():
    wire = Wire(one_of)
    found = connector(with_customers(**BY_ID)).fetch("customers", ["3", "99", "a/../1?x=1"], wire.access())

    assert [one.record_id for one in found] == ["3"]
    assert [one.path for one in wire.asked] == ["/customers/3", "/customers/99", "/customers/a%2F..%2F1%3Fx%3D1"]


def test_a_by_id_that_finds_nobody_takes_nobody_for_deleted():
    def answer(asked):
        return PEOPLE if asked.path == "/customers" else (404, {}, {})

    with pytest.raises(ConfigError, match="does not find by id what its list of customers shows"):
        connector(with_customers(**BY_ID)).fetch("customers", ["3"], Wire(answer).access())
    (finding,) = connector(with_customers(**BY_ID)).check(Wire(answer).access())
    assert (finding.verdict, "by_id" in finding.fix) == ("fail", True)


def test_the_last_customer_may_be_gone():
    wire = Wire(lambda asked: [] if asked.path == "/customers" else (404, {}, {}))

    assert connector(with_customers(**BY_ID)).fetch("customers", ["3"], wire.access()) == []


def test_another_record_than_the_one_asked_for_is_never_taken_as_gone():
    found = connector(with_customers(**BY_ID)).fetch("customers", ["9"], Wire(lambda _: {"data": PEOPLE[0]}).access())

    assert [type(one) for one in found] == [PayloadError]


@pytest.mark.parametrize("answer", [{}, {"data": "soon"}, {"data": [1, 2]}, []])
def test_an_answer_without_the_record_is_tried_again(answer):
    with pytest.raises(TryLater):
        connector(with_customers(**BY_ID)).fetch("customers", ["1"], Wire(lambda _: answer).access())


def test_a_record_that_is_passed_over_is_not_gone():
    document = {**with_customers(**BY_ID), "http": {"errors": [{"when": {"status": 403}, "action": "skip"}]}}
    found = connector(document).fetch("customers", ["1"], Wire(lambda _: (403, {"a": 1}, {})).access())

    assert [type(one) for one in found] == [PayloadError]


# what becomes of a record


def events(mapping, row, **more):
    document = with_customers(pagination={"type": "none"}, mapping={"email": "email", **mapping}, **more)
    (page,) = pages(connector(document), Wire(lambda _: [{"id": 1, "email": "a@example.com", **row}]))
    return page.events


MAPPED = [
    ({"name": "n"}, {"n": "Ann van Dijk"}, {"firstName": "Ann", "lastName": "van Dijk"}),
    ({"first_name": ["a.b", "c"]}, {"a": {"b": None}, "c": "Ann"}, {"firstName": "Ann"}),
    ({"first_name": ["a.b", "c"]}, {"a": {"b": None}}, {"firstName": None}),
    ({"first_name": "a.b"}, {"a": {}}, {}),
    ({"first_name": "a.b"}, {"a": None}, {"firstName": None}),
    ({"first_name": "a[1]"}, {"a": ["x", "Ann"]}, {"firstName": "Ann"}),
    ({"first_name": "a[1]"}, {"a": ["x"]}, {}),
    ({"first_name": "x[?p].v | [0]"}, {"x": [{"v": "A"}, {"p": True, "v": "B"}]}, {"firstName": "B"}),
    ({"attributes.TIER": {"path": "t", "transform": ["trim", "upper"]}}, {"t": " gold "}, {"TIER": "GOLD"}),
    ({"attributes.N": {"path": "t", "transform": "int"}}, {"t": "7"}, {"N": 7}),
    ({"attributes.N": {"path": "t", "transform": {"default": 3}}}, {}, {"N": 3}),
    ({"attributes.N": {"path": "t", "transform": {"map": {"a": 1}}}}, {"t": "a"}, {"N": 1}),
    ({"attributes.D": {"path": "t", "transform": "unix_to_iso"}}, {"t": 1794614400}, {"D": "2026-11-14T00:00:00Z"}),
    (
        {"attributes.D": {"path": "t", "transform": {"unix_to_iso": "ms"}}},
        {"t": 1794614400000},
        {"D": "2026-11-14T00:00:00Z"},
    ),
    (
        {"attributes.D": {"path": "t", "transform": {"date_iso": "%d.%m.%Y"}}},
        {"t": "14.11.2026"},
        {"D": "2026-11-14T00:00:00Z"},
    ),
    ({"total_spent": {"path": "t", "transform": {"cents_to_decimal": "EUR"}}}, {"t": 1234}, {"totalSpent": 12.34}),
    ({"total_spent": {"path": "t", "cents_of": "c"}}, {"t": 1234, "c": "JPY"}, {"totalSpent": 1234.0}),
    ({"total_spent": {"path": "t", "cents_of": "c"}}, {"t": 1234, "c": "kwd"}, {"totalSpent": 1.234}),
    ({"tags": {"path": "t", "transform": {"split": ";"}}}, {"t": "a; b;"}, {"tags": ["a", "b"]}),
    ({"note": {"path": "t", "transform": {"join": "+"}}}, {"t": ["a", "b"]}, {"note": "a+b"}),
    ({"note": {"path": "t", "transform": "first"}}, {"t": ["a", "b"]}, {"note": "a"}),
    ({"attributes.B": {"path": "t", "transform": "bool"}}, {"t": "yes"}, {"B": True}),
]


@pytest.mark.parametrize(("mapping", "row", "record"), MAPPED)
def test_a_field_is_what_the_mapping_says(mapping, row, record):
    (event,) = events(mapping, row)

    assert event.record == {"id": "1", "email": "a@example.com", **record}
    assert event.notes == ()


def test_a_field_that_cannot_be_read_is_left_out_with_a_note_and_an_address_is_not():
    (event,) = events({"total_spent": "t"}, {"t": "much"})
    (fault,) = events({}, {"email": ["a@example.com"]})

    assert event.record == {"id": "1", "email": "a@example.com"}
    assert event.notes == ("customers[0].t: expected a number such as 19.99",)
    assert (fault.path, type(fault)) == ("customers[0].email", PayloadError)


CONSENTS = [
    ({"path": "c"}, {"c": True}, ConsentState.GRANTED, NOW, False),
    ({"path": "c"}, {"c": False}, ConsentState.WITHDRAWN, NOW, False),
    ({"path": "c", "at": "t"}, {"c": True, "t": "2026-11-14T00:00:00Z"}, ConsentState.GRANTED, SINCE, True),
    ({"path": "c", "at": "t"}, {"c": True, "t": 1794614400}, ConsentState.GRANTED, SINCE, True),
    ({"path": "c", "at": "t"}, {"c": True, "t": 1794614400000}, ConsentState.GRANTED, SINCE, True),
    ({"path": "c", "at": "t"}, {"c": True, "t": None}, ConsentState.GRANTED, NOW, False),
    ({"path": "c", "at": "t"}, {"c": True, "t": "soon"}, ConsentState.GRANTED, NOW, False),
    ({"path": "c", "map": {"in": "granted", "out": "withdrawn"}}, {"c": "out"}, ConsentState.WITHDRAWN, NOW, False),
    (
        {"path": "c", "map": {"wait": "pending"}, "at": "t"},
        {"c": "wait", "t": "2026-11-14T00:00:00Z"},
        ConsentState.PENDING,
        SINCE,
        False,
    ),
    ({"path": "c", "transform": "bool"}, {"c": "0"}, ConsentState.WITHDRAWN, NOW, False),
]


@pytest.mark.parametrize(("rule", "row", "state", "at", "explicit"), CONSENTS)
def test_a_box_is_a_state_and_only_what_has_a_time_of_its_own_is_an_act(rule, row, state, at, explicit):
    (event,) = events({"consent.email": rule}, row)

    (seen,) = event.consents
    assert (seen.state, seen.at, seen.explicit) == (state, at, explicit)


@pytest.mark.parametrize("value", ["yes", 1, "unknown", ["x"], {}])
def test_a_consent_that_cannot_be_read_is_never_guessed(value):
    (fault,) = events({"consent.email": "c"}, {"c": value})

    assert isinstance(fault, PayloadError)


@pytest.mark.parametrize("row", [{}, {"c": None}, {"c": ""}])
def test_nothing_said_is_no_consent(row):
    (event,) = events({"consent.email": "c"}, row)

    assert event.consents == ()


def test_a_deleted_record_is_a_deletion_and_its_withdrawal_is_heard_before():
    found = events({"consent.email": "c"}, {"c": False, "gone": 1}, delete_when="gone == `1`")

    assert [one.kind for one in found] == [Kind.CONSENT_CHANGED, Kind.CUSTOMER_DELETED]
    assert found[0].consents[0].state is ConsentState.WITHDRAWN


@pytest.mark.parametrize("step", [{"filter": "c"}, {"drop_if_missing": ["phone"]}])
def test_what_a_filter_leaves_out_still_withdraws(step):
    mapping = {"phone": "p", "consent.email": "c"}
    left = events(mapping, {"c": False}, transform=[step])
    kept = events(mapping, {"c": True, "p": "+31201234567"}, transform=[step])

    assert [(one.kind, one.consents[0].state) for one in left] == [(Kind.CONSENT_CHANGED, ConsentState.WITHDRAWN)]
    assert [one.kind for one in kept] == [Kind.CUSTOMER_UPDATED]
    assert not events(mapping, {}, transform=[step])


def test_an_order_is_read_with_its_buyer_and_lines():
    orders = {
        "endpoint": "/orders",
        "pagination": {"type": "none"},
        "mapping": {
            "state": {"path": "s", "map": {"done": "paid"}},
            "customer_id": "who",
            "customer.email": "mail",
            "total": "t",
            "lines": {"path": "rows", "fields": {"product_id": "p", "quantity": "q", "price": "c"}},
        },
    }
    document = {**LEAST, "resources": {**LEAST["resources"], "orders": orders}}
    row = {
        "id": 5,
        "s": "done",
        "who": 7,
        "mail": "a@example.com",
        "t": "9.50",
        "rows": [{"p": 1, "q": 2, "c": "x"}, 3],
    }

    (page,) = pages(connector(document), Wire(lambda _: [row]), resource="orders")

    (event,) = page.events
    assert (event.kind, event.record_id, event.customer_id) == (Kind.ORDER_UPDATED, "5", "7")
    assert event.record == {
        "id": "5",
        "state": "paid",
        "customer": {"id": "7", "email": "a@example.com"},
        "total": 9.5,
        "lines": [{"productId": "1", "quantity": 2.0}],
    }
    assert len(event.notes) == 2


def test_every_value_of_a_record_may_be_anything():
    rows = [
        None,
        1,
        [],
        {"id": None},
        {"id": 1.5},
        {"id": {"a": 1}},
        {"id": 1, "email": {"a": 1}},
        {"id": 2, "email": "b@example.com"},
    ]

    (page,) = pages(connector(with_customers(pagination={"type": "none"})), Wire(lambda _: rows))

    assert [type(one) is PayloadError for one in page.events] == [True] * 7 + [False]


def test_a_page_of_a_firewall_is_no_answer():
    with pytest.raises(TryLater):
        pages(connector(LEAST), Wire(lambda _: (200, b"<html>One moment</html>", {"content-type": "text/html"})))


def test_a_source_may_move_the_platform_with_its_token_address():
    document = {
        **LEAST,
        "auth": {
            "type": "oauth2",
            "token_url": "https://api.lamps.example/token",
            "client_secret": "${secret.s}",
            "client_id": "x",
        },
    }

    def answer(asked):
        return {"access_token": "t", "expires_in": 60} if asked.path == "/token" else PEOPLE

    wire = Wire(answer)
    pages(connector(document, base_url="http://127.0.0.1:9", s="y"), wire)

    assert [one.url for one in wire.asked] == ["http://127.0.0.1:9/token", "http://127.0.0.1:9/customers"]


def test_the_want_of_another_resource_says_what_there_is():
    with pytest.raises(ConfigError, match="orders cannot be pulled"):
        connector(LEAST).pull(Want("orders"), Wire(whole).access())
    assert form_of(LEAST).shares_addresses


# an answer that is broken anywhere

ANSWER = {
    "data": [{**DATED[0], "contact": {"name": "Ann van Dijk"}, "agrees": False, "tags": ["a"], "cents": 1}, DATED[1]],
    "meta": {"next": 3, "total": 7},
}
JUNK = [None, True, 0, -1, 1.5, 10**400, "", "x", "\0", "9" * 400, [], [None], [[]], {}, {"a": {}}, "0001-01-01", "@"]
BROKEN = {
    **with_customers(
        records="data",
        pagination={"type": "cursor", "next": "meta.next", "send_as": "after"},
        incremental={"cursor": "at", "since_param": "from", "order": "asc"},
        delete_when="gone == `true` || length(tags) > `9`",
        mapping={
            "email": "email",
            "name": "contact.name",
            "tags": "tags",
            "total_spent": {"path": "cents", "cents_of": "currency"},
            "attributes.X": {"path": "join('-', tags)", "transform": ["trim", "upper"]},
            "consent.email": {"path": "agrees", "at": "at"},
        },
        transform=[{"filter": "contains(email, '@')"}],
    )
}


@given(data=st.data())
@settings(max_examples=300)
def test_an_answer_that_is_broken_anywhere_gives_events_or_an_error_of_ours(data):
    answer = copy.deepcopy(ANSWER)
    for _ in range(data.draw(st.integers(1, 4))):
        path = data.draw(st.sampled_from([one for one in places(answer) if one]))
        parent = answer
        for key in path[:-1]:
            parent = parent[key]
        parent[path[-1]] = copy.deepcopy(data.draw(st.sampled_from(JUNK)))
    if not data.draw(st.integers(0, 9)):
        answer = data.draw(st.sampled_from(JUNK))
    wire = Wire(lambda _: answer)

    try:
        page = connector(BROKEN).pull(Want("customers", None, SINCE), wire.access())
    except TajoError:
        return
    for one in page.events:
        if isinstance(one, Event):
            assert_event_sound(one, "shop")
        else:
            assert one.path
    json.dumps(page.cursor)
