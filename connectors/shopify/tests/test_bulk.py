"""The full pull: a bulk operation that is started or taken up, and a file that is read in pieces by any process."""

import json

import orjson
import pytest

from connectors.shopify import bulk, queries
from connectors.shopify.bulk import WHOLE
from connectors.shopify.tests.standin import (
    NOW_S,
    Clock,
    StandIn,
    access,
    connector,
    customer,
    customers,
    error,
    graph,
    reply,
)
from customer_sync.errors import ConfigError, TryLater, Unavailable
from customer_sync.kit.reach import Want

OPERATION = "gid://shopify/BulkOperation/7"
URL = "https://storage.example/file.jsonl?signature=secret"


def lines(count):
    return b"".join(orjson.dumps(customer(number)) + b"\n" for number in range(1, count + 1))


def told(status="COMPLETED", **fields):
    made = {
        "id": OPERATION,
        "status": status,
        "errorCode": None,
        "createdAt": "2026-11-21T11:59:00Z",
        "completedAt": None,
    }
    url = URL if status == "COMPLETED" else None
    return {"bulkOperation": {**made, "url": url, "objectCount": "3", "rootObjectCount": "3", **fields}}


def started(*said):
    operation = None if said else {"id": OPERATION, "status": "CREATED"}
    faults = [{"field": None, "message": message, "code": code} for code, message in said]
    return {"bulkOperationRunQuery": {"bulkOperation": operation, "userErrors": faults}}


def listed(*nodes):
    return {"bulkOperations": {"nodes": [*nodes]}}


def ours(**fields):
    made = {"id": OPERATION, "status": "RUNNING", "createdAt": "2026-11-21T11:58:00Z", "type": "QUERY"}
    return {**made, "query": queries.everybody().replace("{", "{\n  "), **fields}


def file(data):
    """Return a server that gives the range that it is asked for."""

    def answer(call):
        start, end = map(int, call.headers["Range"].removeprefix("bytes=").split("-"))
        if start >= len(data):
            return reply(416, b"", content_range=f"bytes */{len(data)}")
        part = data[start : end + 1]
        return reply(206, part, content_range=f"bytes {start}-{start + len(part) - 1}/{len(data)}")

    return answer


def store(**answers):
    usual = {
        "Customers": customers(customer(900)),
        "Operations": listed(),
        "Start": started(),
        "Operation": told(),
        "file": file(lines(3)),
    }
    return StandIn(**{**usual, **answers})


def pull(http, cursor=None, clock=None):
    return connector().pull(Want("customers", cursor), access(http, None, clock))


def pull_all(http, cursor=None):
    """Return the pages until the end; each comes from a process of its own."""
    pages = []
    while True:
        pages.append(pull(http, cursor))
        if pages[-1].cursor is None:
            return pages
        cursor = json.loads(json.dumps(pages[-1].cursor))
        assert len(json.dumps(cursor)) < 4096
        assert "secret" not in json.dumps(cursor)


def ids(pages):
    return [event.record_id for page in pages for event in page.events]


READING = {"mode": "all", "operation": OPERATION}


def test_everybody_comes_out_of_a_file():
    http = store()
    pages = pull_all(http)

    assert ids(pages) == ["1", "2", "3"]
    assert [page.total for page in pages] == [None, 3]
    assert http.asked("Start")[0].variables["query"] == queries.everybody()


class Memory:
    """What a run knows of records: these ids."""

    def __init__(self, *ids):
        self.ids, self.asked, self.contexts = ids, [], []

    def __call__(self, records, context):
        self.asked += records
        self.contexts.append(context)
        return [one in self.ids for one, _ in records]


def test_who_is_known_is_left_out_and_counted():
    memory = Memory("2", "3")
    page = connector().pull(Want("customers", READING, known=memory), access(store(file=file(lines(4)))))

    assert ids([page]) == ["1", "4"]
    assert (page.unchanged, page.records) == (2, 4)
    assert [text + b"\n" for _, text in memory.asked] == lines(4).splitlines(keepends=True)


def test_a_line_without_an_id_is_read_and_so_is_one_that_is_no_object():
    memory = Memory("1")
    data = b"[]\n" + orjson.dumps({"email": "x"}) + b"\n" + lines(1)
    page = connector().pull(Want("customers", READING, known=memory), access(store(file=file(data))))

    assert [type(one).__name__ for one in page.events] == ["PayloadError", "PayloadError"]
    assert page.unchanged == 1


def test_what_the_app_may_see_and_the_zone_are_told_with_the_texts():
    memory = Memory()
    seen = {"hidden": ["locale"], "denied": []}
    for more in ({}, {"zone": "Asia/Tokyo"}, seen):
        hides = file(orjson.dumps({**customer(1), "locale": None}) + b"\n")
        connector().pull(Want("customers", {**READING, **more}, known=memory), access(store(file=hides)))

    assert len(set(memory.contexts)) == 3


def test_times_are_shown_in_the_stores_zone_which_the_cursor_keeps():
    http = store(Customers={**customers(customer(900)), "shop": {"ianaTimezone": "Asia/Tokyo"}})
    pages = pull_all(http)

    assert pages[0].cursor["zone"] == "Asia/Tokyo"
    assert {event.record["createdAt"] for page in pages for event in page.events} == {"2026-11-20T17:15:00+09:00"}


def test_a_withdrawal_in_a_line_that_cannot_be_read_is_heard():
    half = orjson.dumps(customer(1, defaultEmailAddress="?")).replace(b"Ann", b"Zo\\ud83d") + b"\n"
    found = [event for page in pull_all(store(file=file(half + lines(1)))) for event in page.events]

    assert [getattr(one, "id", one) for one in found[:1]] == ["shopify:pull:1:2026-11-21T11:00:00Z:consents"]
    assert found[1].path == "defaultEmailAddress"
    assert found[2].record["firstName"] == "Ann"


def test_the_file_is_shown_no_token():
    http = store()
    pull_all(http)

    assert http.asked("file")[0].url == URL
    assert set(http.asked("file")[0].headers) == {"Range", "Accept-Encoding"}


def test_while_shopify_writes_the_waits_grow():
    http = store(Operation=[*[told("CREATED")] * 2, *[told("RUNNING")] * 12, told()])
    waits = [page.wait_s for page in pull_all(http)]

    assert waits[:3] == [0.5, 0.5, 0.75]
    assert waits[1:-1] == sorted(waits[1:-1])
    assert max(waits) == 15.0
    assert waits[-1] == 0.0


@pytest.mark.parametrize("size", [1200, 5000])
def test_a_file_is_read_in_pieces_cut_at_line_ends(monkeypatch, size):
    monkeypatch.setattr(bulk, "PIECE_BYTES", size)
    data = lines(40)
    pages = pull_all(store(file=file(data), Operation=told(rootObjectCount="40")), READING)

    assert ids(pages) == [str(number) for number in range(1, 41)]
    assert len(pages) == pytest.approx(len(data) / size, rel=0.7)


def test_the_same_cursor_again_brings_the_same_records(monkeypatch):
    monkeypatch.setattr(bulk, "PIECE_BYTES", 2000)
    http = store()
    cursor = pull(http, READING).cursor

    assert pull(http, cursor).events == pull(http, cursor).events


def test_the_last_line_needs_no_end(monkeypatch):
    assert len(ids(pull_all(store(file=file(lines(3).rstrip())), READING))) == 3
    monkeypatch.setattr(bulk, "PIECE_BYTES", 1000)
    assert len(ids(pull_all(store(file=file(lines(3).rstrip())), READING))) == 3


def test_a_line_longer_than_a_piece_is_read_whole(monkeypatch):
    monkeypatch.setattr(bulk, "PIECE_BYTES", 100)

    assert ids(pull_all(store(), READING)) == ["1", "2", "3"]


def test_a_line_without_an_end_is_not_read_for_ever(monkeypatch):
    monkeypatch.setattr(bulk, "PIECE_BYTES", 100)
    monkeypatch.setattr(bulk, "MAX_LINE_BYTES", 1000)

    with pytest.raises(TryLater, match="no end"):
        pull(store(file=file(b"x" * 5000)), READING)


def test_a_server_that_gives_no_pieces_is_read_on_and_told(monkeypatch):
    monkeypatch.setattr(bulk, "PIECE_BYTES", 1000)
    monkeypatch.setattr(bulk, "WHOLE_PIECE_BYTES", 2000)
    pages = pull_all(store(file=reply(200, lines(9))), READING)

    assert ids(pages) == [str(number) for number in range(1, 10)]
    assert pages[0].notes == (WHOLE,)


def test_a_small_file_that_comes_whole_is_nothing_to_tell():
    assert pull(store(file=reply(200, lines(3))), READING).notes == ()


def test_an_address_that_has_expired_is_asked_for_anew():
    http = store(file=[reply(403, b"<Error>ExpiredToken</Error>"), file(lines(3))])

    assert ids(pull_all(http, READING)) == ["1", "2", "3"]
    assert (len(http.asked("Operation")), http.asked("Start")) == (2, [])


def test_a_file_that_stays_closed_starts_the_operation_again():
    page = pull(store(file=reply(403)), {**READING, "at": 4000})

    assert (page.cursor["operation"], page.cursor["at"], page.cursor["restarts"]) == (OPERATION, 0, 1)
    assert "EXPIRED" in page.notes[0]


def test_nobody_at_all_is_an_empty_result():
    page = pull(store(Operation=told(url=None, rootObjectCount="0", objectCount="0")), READING)

    assert (page.events, page.cursor, page.total) == ((), None, 0)


@pytest.mark.parametrize("status", ["FAILED", "CANCELED", "EXPIRED"])
def test_an_operation_that_failed_is_started_again_once(status):
    http = store(Operation=told(status, errorCode="TIMEOUT"))
    page = pull(http, READING)

    assert page.cursor["restarts"] == 1
    with pytest.raises(ConfigError, match="TIMEOUT"):
        pull(http, page.cursor)
    assert len(http.asked("Start")) == 1


def test_a_run_that_is_resumed_later_starts_the_operation_again():
    http = store(Operation=told("FAILED", errorCode="TIMEOUT", completedAt="2026-11-21T12:00:00Z"))
    cursor = {**READING, "restarts": 1}

    with pytest.raises(ConfigError):
        pull(http, cursor, Clock(NOW_S + 30))
    assert pull(http, cursor, Clock(NOW_S + 3600)).cursor["operation"] == OPERATION


def test_an_operation_that_was_denied_names_the_scope():
    with pytest.raises(ConfigError, match="read_customers"):
        pull(store(Operation=told("FAILED", errorCode="ACCESS_DENIED")), {**READING, "restarts": 1})


def test_an_operation_that_is_gone_is_started_again():
    assert "GONE" in pull(store(Operation={"bulkOperation": None}), READING).notes[0]


# starting


def test_an_operation_that_a_dead_process_started_is_taken_up():
    http = store(Operations=listed(ours()))

    assert pull(http).cursor["operation"] == OPERATION
    assert http.asked("Start") == []


@pytest.mark.parametrize(
    "other",
    [
        ours(query="{ orders { edges { node { id } } } }"),
        ours(status="COMPLETED"),
        ours(status="FAILED"),
        ours(createdAt="2026-11-21T11:40:00Z"),
    ],
)
def test_an_operation_that_is_another_or_too_old_is_not(other):
    http = store(Operations=listed(other), Start={**started()})
    pull(http)

    assert len(http.asked("Start")) == 1


@pytest.mark.parametrize(
    "said",
    [
        ("OPERATION_IN_PROGRESS", "A bulk query operation for this app and shop is already in progress: 7."),
        ("LIMIT_REACHED", "too many"),
        (None, "A bulk query operation for this app and shop is already in progress: 7."),
    ],
)
def test_where_one_runs_already_ours_is_found_or_the_others_are_waited_for(said):
    found = pull(store(Start=started(said), Operations=[listed(), listed(ours())]))
    assert found.cursor["operation"] == OPERATION

    with pytest.raises(TryLater) as later:
        pull(store(Start=started(said), Operations=listed(ours(query="{ products }"))))
    assert (later.value.burns, later.value.after_s) == (False, 30.0)


def test_a_query_that_is_refused_is_told():
    with pytest.raises(ConfigError, match="Invalid bulk query"):
        pull(store(Start=started(("INVALID", "Invalid bulk query: x"))))


def test_fields_that_are_denied_are_left_out_of_the_operation():
    denied = error("ACCESS_DENIED", path=["customers", "nodes", 0, "defaultAddress"])
    http = store(Customers=graph(customers(customer(1, defaultAddress=None)), denied))
    page = pull(http)

    assert "defaultAddress" not in http.asked("Start")[0].variables["query"]
    assert "defaultAddress" in page.notes[0]


def test_nulls_of_hidden_fields_are_unknown_in_the_file_too():
    hidden = customer(1, **dict.fromkeys(queries.PROTECTED))
    data = orjson.dumps(hidden) + b"\n" + orjson.dumps({**hidden, "firstName": "Ann"}) + b"\n"
    pages = pull_all(store(Customers=customers(hidden), file=file(data), Operation=told(rootObjectCount="2")))
    first, second = pages[-1].events

    assert "email" not in first.record
    assert first.record["firstName"] is None
    assert second.record["firstName"] == "Ann"


# what the file's server may do


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (reply(500), Unavailable),
        (reply(302), Unavailable),
        (reply(429), TryLater),
        (reply(206, b"{}\n"), TryLater),
        (reply(206, b"{}\n", content_range="bytes 5-7/9"), TryLater),
        (reply(206, b"{}\n", content_range="bytes 1-2/9"), TryLater),
        (reply(206, b"{}\n", content_range="bytes 0-9/10"), TryLater),
        (reply(200, b"<html>\nBusy\n</html>"), TryLater),
        (reply(416, b"", content_range="bytes */5"), TryLater),
    ],
)
def test_what_is_not_the_piece_that_was_asked_for_is_tried_again(answer, kind):
    with pytest.raises(kind):
        pull(store(file=answer), READING)


def test_a_file_that_became_shorter_is_tried_again():
    with pytest.raises(TryLater, match="shorter"):
        pull(store(file=reply(200, b"{}")), {**READING, "at": 5000})


def test_a_cursor_at_the_end_of_the_file_is_the_end():
    data = lines(3)
    page = pull(store(file=file(data)), {**READING, "at": len(data), "lines": 3})

    assert (page.events, page.cursor, page.notes) == ([], None, ())


def test_a_line_that_is_no_object_stands_in_its_place_and_a_missing_one_is_told():
    data = orjson.dumps(customer(1)) + b"\nbroken\n\n" + b'{"id": 5.5}\n'
    page = pull(store(file=file(data), Operation=told(rootObjectCount="9")), READING)

    assert [getattr(one, "path", None) for one in page.events] == [None, "$", "id"]
    assert page.notes == ("Shopify's file holds 3 of 9 customers.",)
