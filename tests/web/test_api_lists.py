"""Lists: pages, filters, and what is said of a wrong question."""

from __future__ import annotations

import pytest

from customer_sync.model import EventState
from customer_sync.store.receipts import Receipt
from customer_sync.store.run import RunKind

from .calls import DOCUMENT, call
from .conftest import ADDRESS, Seed

#: Every list: its path, and the filters beside those of all lists.
LISTS = {
    "/api/v1/alerts": set(),
    "/api/v1/events": {"state", "kind", "source", "person"},
    "/api/v1/parked": {"reason", "source"},
    "/api/v1/receipts": {"source"},
    "/api/v1/runs": {"source", "state", "kind"},
}


@pytest.fixture
def full(store, seed: Seed) -> None:
    """Seven of everything."""
    for number in range(7):
        seed.event(number, source="tulip" if number % 2 else "lumen")
        store.ledger.alert(f"Alert {number}.", "Wait.")
        seed.inbound(f"reason {number % 2}")
        store.runs.cancel(store.runs.start("tulip" if number % 2 else "lumen", RunKind.FULL))
        at_ms = 1_795_219_200_000 + 60_000 * number
        store.receipts.keep(Receipt(sources=("lumen",), started_ms=at_ms, ended_ms=at_ms + 1_000))


def pages(web, path: str, limit: int, **query: str) -> list[list[dict]]:
    """Follow the cursors of a list to its end; return its pages."""
    found, cursor = [], None
    while True:
        asked = {**query, "limit": limit} | ({"cursor": cursor} if cursor else {})
        page = call(web, "get", path, query_string=asked)
        found.append(page["items"])
        cursor = page["next_cursor"]
        if cursor is None:
            return found


@pytest.mark.parametrize("path", LISTS)
def test_pages_show_everything_once_in_the_order_of_the_whole_list(web, full, path):
    (whole,) = pages(web, path, 500)

    for limit in (1, 3, 7):
        parts = pages(web, path, limit)
        assert [one for part in parts for one in part] == whole
        assert all(len(part) <= limit for part in parts)
    assert len(whole) >= 7


@pytest.mark.parametrize("path", LISTS)
def test_a_page_is_not_moved_by_what_comes_meanwhile(web, full, seed: Seed, store, path):
    (whole,) = pages(web, path, 500)
    first = call(web, "get", path, query_string={"limit": 3})
    seed.event(99)
    store.ledger.alert("Another.", "Wait.")
    seed.inbound()
    store.runs.start("lumen", RunKind.FULL)
    store.receipts.keep(Receipt(sources=("lumen",), started_ms=1_800_000_000_000, ended_ms=1_800_000_001_000))

    second = call(web, "get", path, query_string={"limit": 3, "cursor": first["next_cursor"]})

    assert first["items"] + second["items"] == whole[:6]


@pytest.mark.parametrize("path", LISTS)
def test_a_list_has_these_filters_and_no_others(path):
    named = {one["name"] for one in DOCUMENT["paths"][path]["get"]["parameters"]}

    assert named == LISTS[path] | {"limit", "cursor", "since", "until", "Tajo-Brevo-Account"}


@pytest.mark.parametrize("path", LISTS)
def test_a_time_takes_part_of_a_list_and_its_end_is_outside(web, full, path):
    (whole,) = pages(web, path, 500)
    stamp = next(name for name in ("ended", "started_at", "at") if name in whole[0])
    middle = whole[3][stamp]

    (newer,), (older,) = pages(web, path, 500, since=middle), pages(web, path, 500, until=middle)

    assert [*newer, *older] == whole
    assert all(one[stamp] >= middle for one in newer)
    assert all(one[stamp] < middle for one in older)


def test_the_plus_of_a_zone_may_arrive_as_a_space(web, full):
    found = {
        written: call(web, "get", f"/api/v1/receipts?since={written}")["items"]
        for written in ("2026-11-21T00:03:00Z", "2026-11-21T01:03:00+01:00", "2026-11-21T01:03:00%2B01:00")
    }

    assert len({len(items) for items in found.values()}) == 1
    assert 0 < len(found["2026-11-21T00:03:00Z"]) < 7


def test_events_are_found_by_their_person_by_number_or_address(web, store, monkeypatch):
    for number in ("12", "13"):
        row = {"e": f"event {number}", "s": "lumen", "k": "customer_updated", "t": "", "st": "pending", "p": number}
        store.client.xadd("tajo:ledger", row)
    monkeypatch.setattr(store.people, "find", {ADDRESS: "12"}.get)

    def ids(person: str) -> list[str]:
        return [one["person"] for one in call(web, "get", "/api/v1/events", query_string={"person": person})["items"]]

    assert ids("12") == ["12"]
    assert ids("13") == ["13"]
    assert ids(ADDRESS) == ["12"]
    assert ids("nobody@example.com") == []


def test_filters_are_taken_together(web, seed: Seed):
    seed.event(1, source="tulip")
    wanted = seed.event(2, EventState.RETRYING, source="tulip")
    seed.event(3, EventState.RETRYING)

    query = {"state": "retrying", "source": "tulip", "kind": "customer_updated"}

    found = call(web, "get", "/api/v1/events", query_string=query)["items"]
    assert [one["id"] for one in found] == [wanted]


# wrong questions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("cursor", ["", "x", "ZXww", "é", "a" * 300])
def test_a_cursor_that_no_page_gave_is_refused(web, full, path, cursor):
    (fault,) = call(web, "get", path, 400, query_string={"cursor": cursor})["errors"]

    assert fault["path"] == "cursor"
    assert "next_cursor" in fault["detail"]


def test_a_cursor_of_another_list_is_refused(web, full):
    cursor = call(web, "get", "/api/v1/runs", query_string={"limit": 1})["next_cursor"]

    assert call(web, "get", "/api/v1/events", 400, query_string={"cursor": cursor})


@pytest.mark.parametrize(
    ("query", "faults"),
    [
        ("colour=red", {"colour": "This is not known."}),
        ("limit=0&state=done&kind=x&since=yesterday&person=me&sauce=1", {
            "limit": "Use a number from 1 to 500.",
            "state": "Input should be 'ignored'",
            "kind": "Input should be 'customer_created'",
            "since": "Use a time with its zone, as 2026-11-21T10:00:00Z.",
            "person": "Use an e-mail address or the number of a person.",
            "sauce": "This is not known.",
        }),
        ("since=2026-11-21T10:00:00", {"since": "Use a time with its zone"}),
        ("since=2026-02-30T10:00:00Z", {"since": "There is no such time"}),
        ("until=1795219200", {"until": "Use a time with its zone"}),
        ("limit=1&limit=2", {"limit": "This is given 2 times."}),
        ("limit=", {"limit": "Use a number"}),
        ("state=", {"state": "Input should be"}),
    ],
)  # fmt: skip
def test_a_wrong_question_gets_every_fault_at_once(web, query, faults):
    problem = call(web, "get", f"/api/v1/events?{query}", 400)

    found = {one["path"]: one["detail"] for one in problem["errors"]}
    assert set(found) == set(faults)
    assert all(found[path].startswith(text) for path, text in faults.items())
    assert ("faults" in problem["detail"]) is (len(faults) > 1)


def test_what_may_stand_there_is_listed(web):
    problem = call(web, "get", "/api/v1/runs?state=x&kind=y&nope=1", 400)

    choices = {one["path"]: one["choices"] for one in problem["errors"]}
    assert choices["kind"] == [*RunKind]
    assert "paused" in choices["state"]
    assert {"limit", "cursor", "source"} <= set(choices["nope"])


def test_an_address_is_not_repeated_in_a_fault(web):
    (fault,) = call(web, "get", "/api/v1/events?person=amelie@mail@example.com", 400)["errors"]

    assert "found" not in fault


def test_a_call_without_parameters_refuses_them(web):
    assert call(web, "get", "/api/v1/status?source=lumen", 400)["errors"][0]["path"] == "source"
