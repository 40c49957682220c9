"""Lists below the records of another list: every one is read, from any cursor, and what changed is kept right."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customer_sync.custom import children
from customer_sync.errors import ConfigError, PayloadError, TryLater
from customer_sync.kit.reach import Want
from customer_sync.model import Event
from tests.custom.bench import LEAST, Wire, connector, faults_of, form_of, ids, pages, webhook

SINCE = datetime(2026, 11, 14, tzinfo=UTC)


def pos(above=None, below=None, **more):
    """Return a file of a till system: its customers stand below its stores."""
    stores = {
        "target": "none",
        "endpoint": "/stores",
        "pagination": {"type": "cursor", "next": "next", "send_as": "after"},
        **(above or {}),
    }
    customers = {
        "endpoint": "/stores/{store.id}/customers",
        "for_each": {"resource": "stores", "as": "store"},
        "pagination": {"type": "page"},
        "mapping": {"email": "email"},
        **(below or {}),
    }
    return {**LEAST, "resources": {"stores": stores, "customers": customers}, **more}


class Till:
    """Stores, so many on a page; each has so many customers."""

    def __init__(self, counts, size=3, per_page=2):
        self.counts, self.size, self.per_page = dict(counts), size, per_page

    def __call__(self, asked):
        if asked.path == "/stores":
            begin = int(asked.query.get("after", 0))
            names = list(self.counts)
            following = begin + self.size if begin + self.size < len(names) else None
            rows = [{"id": name, "slug": f"at-{name}"} for name in names[begin : begin + self.size]]
            return {"data": rows, "next": following}
        store = asked.path.split("/")[2]
        if store not in self.counts:
            return 404, {"error": "no such store"}, {}
        begin = (int(asked.query["page"]) - 1) * self.per_page
        rows = [{"id": f"{store}-{n}", "email": f"{store[:4]}{n}@example.com"} for n in range(self.counts[store])]
        return rows[begin : begin + self.per_page]

    @property
    def everybody(self):
        return [f"{store}-{n}" for store, count in self.counts.items() for n in range(count)]


COUNTS = {"a": 3, "b": 0, "c": 5, "d": 1, "e": 0, "f": 2, "g": 4}


def test_everybody_of_every_store_is_read_once():
    till = Till(COUNTS)

    assert ids(pages(connector(pos()), Wire(till))) == till.everybody


@given(
    st.lists(st.integers(0, 6), max_size=12), st.integers(1, 5), st.integers(1, 4), st.integers(1, 4), st.integers(1, 6)
)
@settings(max_examples=60, deadline=None)
def test_any_stores_are_read_whole_whatever_a_step_reads(counts, size, per_page, lists_a_step, enough):
    till = Till({f"s{number}": count for number, count in enumerate(counts)}, size, per_page)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(children, "LISTS_A_STEP", lists_a_step)
        patch.setattr(children, "ENOUGH", enough)
        patch.setattr(children, "MOST_HELD", 2)
        found = pages(connector(pos()), Wire(till), most=300)

    assert ids(found) == till.everybody
    assert all(len(json.dumps(one.cursor)) < 4_000 for one in found)


def test_a_cursor_stays_small_with_long_ids_and_many_stores():
    till = Till({f"{number:04}-{'x' * 60}": 1 for number in range(300)}, size=300)
    found = pages(connector(pos()), Wire(till), most=300)

    assert ids(found) == till.everybody
    assert max(len(json.dumps(one.cursor)) for one in found) < 4_000


def test_a_step_reads_several_short_lists_and_asks_for_the_stores_once_a_page():
    wire = Wire(Till({f"s{number}": 1 for number in range(9)}, size=9))
    found = pages(connector(pos()), wire)

    assert len(found) <= 3
    assert sum(one.path == "/stores" for one in wire.asked) == 2


def test_what_changed_is_asked_of_every_store_with_the_same_time():
    step = {"cursor": "at", "since_param": "since", "lookback": "10m"}
    wire = Wire(Till(COUNTS))
    pages(connector(pos(below={"incremental": step})), wire, SINCE)

    below = [one for one in wire.asked if one.path != "/stores"]
    assert {one.path.split("/")[2] for one in below} == set(COUNTS)
    assert {one.query["since"] for one in below} == {"2026-11-13T23:50:00Z"}
    assert all(set(one.query) <= {"after"} for one in wire.asked if one.path == "/stores")


def test_windows_are_gone_through_for_each_store():
    step = {"cursor": "at", "since_param": "from", "until_param": "to", "max_window": "4d"}
    wire = Wire(lambda asked: {"data": [{"id": 1}, {"id": 2}]} if asked.path == "/stores" else [])
    pages(connector(pos(below={"incremental": step, "pagination": {"type": "none"}})), wire, SINCE)

    asked = [(one.path, one.query["from"][:10]) for one in wire.asked if one.path != "/stores"]
    assert asked == [(f"/stores/{n}/customers", day) for n in (1, 2) for day in ("2026-11-14", "2026-11-18")]


def test_a_store_that_went_meanwhile_is_passed_over_and_told():
    till = Till(COUNTS)
    first = connector(pos()).pull(Want("customers"), Wire(till).access())
    following = first.cursor["of"][0]["store.id"] if first.cursor["of"] else "d"
    del till.counts[following]
    wire, cursor, notes, found = Wire(till), first.cursor, [], ids([first])
    while cursor is not None:
        page = connector(pos()).pull(Want("customers", cursor), wire.access())
        found, notes, cursor = found + ids([page]), [*notes, *page.notes], page.cursor

    assert set(till.everybody) <= set(found)


def test_stores_that_are_called_otherwise_each_time_are_no_reason_to_begin_again_for_ever():
    def answer(asked):
        if asked.path == "/stores":
            answer.looks += 1
            return {"data": [{"id": f"{n}-{answer.looks}"} for n in range(4)]}
        return []

    answer.looks = 0
    wire = Wire(answer)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(children, "MOST_HELD", 2)
        pages(connector(pos(below={"pagination": {"type": "none"}})), wire, most=100)

    assert {one.path.split("/")[2][0] for one in wire.asked if one.path != "/stores"} == {"0", "1", "2", "3"}


@pytest.mark.parametrize("moved", ["s7", "s4"], ids=["a later one", "one whose turn is next"])
def test_a_store_that_moves_to_the_front_while_others_are_read_is_read_too(monkeypatch, moved):
    monkeypatch.setattr(children, "MOST_HELD", 3)
    monkeypatch.setattr(children, "LISTS_A_STEP", 1)
    till = Till({f"s{n}": 1 for n in range(8)}, size=10)
    page = connector(pos()).pull(Want("customers"), Wire(till).access())
    till.counts = {moved: 1, **till.counts}
    found = ids([page])
    while page.cursor is not None:
        page = connector(pos()).pull(Want("customers", page.cursor), Wire(till).access())
        found += ids([page])

    assert set(found) == set(till.everybody)


def test_stores_that_move_all_the_time_are_told():
    def answer(asked):
        if asked.path == "/stores":
            answer.looks += 1
            return {"data": [{"id": f"{n}-{answer.looks}"} for n in range(4)]}
        return []

    answer.looks = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(children, "MOST_HELD", 2)
        found = pages(connector(pos(below={"pagination": {"type": "none"}})), Wire(answer), most=100)

    assert any("moves all the time" in note for page in found for note in page.notes)


def test_a_list_that_is_nowhere_stops_the_run():
    document = pos(below={"endpoint": "/shops/{store.id}/customers"})

    with pytest.raises(ConfigError, match="no list at /shops/a/customers"):
        pages(
            connector(document), Wire(lambda asked: Till(COUNTS)(asked) if asked.path == "/stores" else (404, {}, {}))
        )


def test_a_store_whose_list_went_with_it_is_no_fault_of_the_file():
    def answer(asked):
        if asked.path == "/stores":
            answer.looks += 1
            return {"data": [{"id": "a"}, *([{"id": "gone"}] if answer.looks == 1 else [])]}
        if "gone" in asked.path:
            return 404, {}, {}
        return [{"id": 1, "email": "a@example.com"}] if asked.query["page"] == "1" else []

    answer.looks = 0
    found = pages(connector(pos()), Wire(answer))

    assert set(ids(found)) == {"1"}
    assert any("went while its list was to be read" in note for page in found for note in page.notes)


def test_what_was_read_before_a_limit_is_kept():
    def answer(asked):
        return (429, {}, {"retry-after": "9"}) if asked.path == "/stores/b/customers" else Till(COUNTS)(asked)

    page = connector(pos()).pull(Want("customers"), Wire(answer).access())

    assert ids([page]) == ["a-0", "a-1", "a-2"]
    with pytest.raises(TryLater):
        connector(pos()).pull(Want("customers", page.cursor), Wire(answer).access())


def test_other_words_of_a_store_are_filled_in_and_lead_nowhere_else():
    below = {
        "endpoint": "/s/{store.address.slug}",
        "params": {"region": "{store.region}"},
        "pagination": {"type": "none"},
    }
    stores = [{"id": 1, "address": {"slug": "a/../b"}, "region": "x&y"}, {"id": 2, "region": "z"}]
    wire = Wire(lambda asked: {"data": stores} if asked.path == "/stores" else [])
    found = pages(connector(pos(below=below)), wire)

    assert [(one.path, one.query) for one in wire.asked if one.path != "/stores"] == [
        ("/s/a%2F..%2Fb", {"region": "x&y"})
    ]
    (fault,) = [one for page in found for one in page.events]
    assert (type(fault), fault.path) == (PayloadError, "stores.address.slug")


def test_a_store_whose_id_is_dots_is_a_fault_and_the_others_are_read():
    wire = Wire(lambda asked: {"data": [{"id": ".."}, {"id": "a"}]} if asked.path == "/stores" else [])
    found = pages(connector(pos(below={"pagination": {"type": "none"}})), wire)

    assert [one.path for one in wire.asked if one.path != "/stores"] == ["/stores/a/customers"]
    assert [type(one) for page in found for one in page.events] == [PayloadError]


@pytest.mark.parametrize(
    "above", [{"transform": [{"filter": "open"}]}, {"delete_when": "!open"}], ids=["filter", "delete_when"]
)
def test_a_store_that_is_left_out_has_no_list(above):
    stores = [{"id": 1, "open": True}, {"id": 2, "open": False}]
    wire = Wire(lambda asked: {"data": stores} if asked.path == "/stores" else [])
    pages(connector(pos(above=above)), wire)

    assert [one.path for one in wire.asked] == ["/stores", "/stores/1/customers", "/stores"]


def test_orders_may_stand_below_customers_who_are_synced_themselves():
    document = {
        **LEAST,
        "resources": {
            "customers": {"endpoint": "/c", "pagination": {"type": "none"}, "mapping": {"email": "email"}},
            "orders": {
                "endpoint": "/c/{customers.id}/orders",
                "for_each": {"resource": "customers"},
                "pagination": {"type": "none"},
                "mapping": {"total": "total"},
            },
        },
    }
    made = connector(document)
    wire = Wire(lambda asked: [{"id": 7, "email": "a@example.com", "total": 5}])

    assert made.pulls == ("customers", "orders")
    assert ids(pages(made, wire, resource="orders")) == ["7"]
    assert wire.asked[1].path == "/c/7/orders"


def test_a_list_that_is_read_for_others_is_no_resource_of_a_source():
    made = connector(pos())

    assert (made.pulls, made.resources, made.fetches) == (("customers",), ("customers",), ())
    (finding,) = made.check(Wire(Till(COUNTS)).access())
    assert (finding.name, finding.verdict) == ("customers", "ok")


def test_a_list_of_stores_without_end_stops(monkeypatch):
    monkeypatch.setattr(children, "MOST_PARENTS", 5)

    with pytest.raises(ConfigError, match="more than 5 stores"):
        pages(connector(pos()), Wire(Till(COUNTS)))


FAULTS = {
    "no such list": ({}, {"for_each": {"resource": "shops", "as": "store"}}, "customers.for_each.resource"),
    "the same list for each": ({}, {"endpoint": "/customers"}, "customers.for_each"),
    "another word": ({}, {"endpoint": "/stores/{shop.id}/customers"}, "customers.endpoint"),
    "no word": ({}, {"endpoint": "/stores/{store}/customers"}, "customers.endpoint"),
    "a word of times": (
        {},
        {"for_each": {"resource": "stores", "as": "since"}, "endpoint": "/{since.id}"},
        "customers.for_each.as",
    ),
    "a mapping for nobody": ({"mapping": {"email": "email"}}, {}, "stores.mapping"),
    "one by one for nobody": ({"by_id": {"endpoint": "/s/{id}"}}, {}, "stores.by_id"),
    "what changed for nobody": ({"incremental": {"cursor": "at"}}, {}, "stores.incremental"),
    "lists below lists below lists": (
        {"for_each": {"resource": "customers", "as": "c"}, "endpoint": "/{c.id}"},
        {},
        "customers.for_each.resource",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_family_that_makes_no_sense_says_where(name):
    above, below, path = FAULTS[name]

    assert f"resources.{path}" in faults_of(pos(above, below))


def test_a_list_that_nobody_needs_is_a_fault():
    document = {**LEAST, "resources": {**LEAST["resources"], "stores": {"target": "none", "endpoint": "/stores"}}}

    assert faults_of(document)["resources.stores.target"].found == "a list that no other needs"
    assert form_of(pos())


# a record that is several


def test_each_entry_of_a_list_in_a_record_is_a_record():
    document = {
        **LEAST,
        "resources": {
            "customers": {
                "endpoint": "/accounts",
                "pagination": {"type": "none"},
                "primary_key": "people.id",
                "mapping": {"email": "people.email", "company": "name"},
                "transform": [{"explode": "people"}, {"drop_if_missing": "email"}],
            }
        },
        "webhooks": {
            "verify": {"type": "path_token"},
            "events": {"customer_changed": {"path": "/x", "event_id": "n", "record": "account"}},
        },
    }
    account = {
        "name": "Acme",
        "people": [{"id": 1, "email": "a@example.com"}, {"id": 2}, {"id": 3, "email": "c@example.com"}],
    }
    made = connector(document)
    (page,) = pages(made, Wire(lambda _: [account, {"name": "Empty", "people": []}, {"name": "None"}]))
    from_hook = made.parse(webhook({"n": 5, "account": account}, "secret/x"))

    for events in (page.events, from_hook):
        assert [(one.record_id, one.record["company"]) for one in events if isinstance(one, Event)] == [
            ("1", "Acme"),
            ("3", "Acme"),
        ]
    assert len({one.id for one in from_hook}) == 2


@pytest.mark.parametrize(
    ("steps", "by_id"),
    [
        ([{"explode": "a[0]"}], None),
        ([{"filter": "a"}, {"explode": "a"}], None),
        ([{"explode": "a"}, {"explode": "b"}], None),
        ([{"explode": "a"}], {"endpoint": "/c/{id}"}),
    ],
)
def test_an_explode_that_makes_no_sense_is_a_fault(steps, by_id):
    more = {"transform": steps, **({} if by_id is None else {"by_id": by_id})}
    document = {**LEAST, "resources": {"customers": {**LEAST["resources"]["customers"], **more}}}

    assert any(one.endswith("explode") for one in faults_of(document))
