"""Pages of the ledger over random histories: the same as the whole list, filtered by hand."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customer_sync.model import PEOPLE, EventState
from customer_sync.store import keys, ledger, ledger_index
from customer_sync.store.ledger import outcome_row

SOURCES, KINDS, LANES = ["shop", "store", "brevo"], ["customer_updated", "order_paid", ""], [PEOPLE, "orders", "carts"]
FIRST = [EventState.PENDING, EventState.PENDING, EventState.PENDING, EventState.IGNORED, EventState.PARKED]
LATER = [EventState.DELIVERED, EventState.RETRYING, EventState.PARKED]
WORST_FIRST = [EventState.PARKED, EventState.RETRYING, EventState.PENDING, EventState.DELIVERED]
BEGAN_MS = 1_800_000_000_000

firsts = st.tuples(
    st.just("first"),
    st.integers(0, 3),  # ms since the row before
    st.integers(0, 14),  # the event
    st.sampled_from(SOURCES),
    st.sampled_from(KINDS),
    st.sampled_from(FIRST),
    st.sampled_from(["", "7", "8", "123456"]),
    st.lists(st.sampled_from(LANES), unique=True, max_size=3),
)
outcomes = st.tuples(
    st.just("later"),
    st.integers(0, 3),
    st.lists(st.integers(0, 14), min_size=1, max_size=3, unique=True),
    st.sampled_from(LATER),
    st.sampled_from(LANES),
    st.sampled_from(["1", "2"]),
)
histories = st.lists(st.one_of(firsts, outcomes), max_size=40)
filters = st.fixed_dictionaries(
    {},
    optional={
        "state": st.sampled_from(list(EventState)),
        "kind": st.sampled_from(KINDS),
        "source": st.sampled_from([*SOURCES, "unknown"]),
        "person": st.sampled_from(["7", "8", "123456", "99", "jane"]),
        "since_ms": st.integers(BEGAN_MS, BEGAN_MS + 80),
        "until_ms": st.integers(BEGAN_MS, BEGAN_MS + 80),
    },
)


class History:
    """What was written, and the list of events that it makes, folded in the simplest way."""

    def __init__(self, client):
        self.client = client
        self.now_ms = BEGAN_MS
        self.events = []

    def write(self, steps):
        for what, ms, *step in steps:
            self.now_ms += ms
            fields = self.first(*step) if what == "first" else self.later(*step)
            self.client.xadd(keys.LEDGER, fields, id=f"{self.now_ms}-*")

    def first(self, number, *step):
        source, kind, state, person, lanes = step
        event_id = f"event:{number}"
        if state is EventState.PENDING and any(one["id"] == event_id for one in self.events):
            state = EventState.REPEATED
        row = {"e": event_id, "s": source, "k": kind, "t": "topic", "st": str(state)}
        row |= {"p": person} if person else {}
        row |= {"ls": " ".join(sorted(lanes))} if set(lanes) - {PEOPLE} else {}
        told = {"id": event_id, "source": source, "kind": kind, "state": state, "person": person}
        self.events.append(told | {"at_ms": self.now_ms, "lanes": set(lanes) or {PEOPLE}, "first": state, "ends": {}})
        return row

    def later(self, numbers, state, lane, target):
        ids = [f"event:{number}" for number in numbers]
        for event in self.events:
            if event["id"] in ids and event["first"] is not EventState.REPEATED:
                event["ends"][lane, target if lane != PEOPLE else ""] = state
                still = [event["first"]] if event["lanes"] - {lane for lane, _ in event["ends"]} else []
                event["state"] = min([*event["ends"].values(), *still], key=rank)
        row = outcome_row(state, "7", ids, "note", (lane, target))
        return dict(zip(row[::2], row[1::2], strict=True))

    def fitting(self, since_ms=None, until_ms=None, **wanted):
        return [
            (event["id"], event["at_ms"], str(event["state"]))
            for event in reversed(self.events)
            if all(event[name] == value for name, value in wanted.items())
            and (since_ms is None or event["at_ms"] >= since_ms)
            and (until_ms is None or event["at_ms"] < until_ms)
        ]


def rank(state):
    return WORST_FIRST.index(state) if state in WORST_FIRST else len(WORST_FIRST)


def pages(ledger, limit, **wanted):
    """Yield the pages of a walk to the end."""
    cursor = None
    while True:
        page = ledger.page(limit, cursor=cursor, **wanted)
        assert len(page.items) <= limit
        yield [(row.event_id, row.at_ms, str(row.state)) for row in page.items]
        cursor = page.cursor
        if cursor is None:
            return


@pytest.fixture(params=["whole", "small"])
def index(request, monkeypatch):
    """An index of one part, and one of many small parts that is made in small steps."""
    if request.param == "small":
        monkeypatch.setattr(ledger_index, "STEP_ROWS", 3)
        monkeypatch.setattr(ledger_index, "PART_RECORDS", 4)
        monkeypatch.setattr(ledger, "LOOKED_PARTS", 2)
        monkeypatch.setattr(ledger, "MOST_UNFIT", 1)


@pytest.fixture
def few_in_a_part(monkeypatch):
    monkeypatch.setattr(ledger_index, "STEP_ROWS", 3)
    monkeypatch.setattr(ledger_index, "PART_RECORDS", 4)


def parts(store):
    return sorted(store.client.scan_iter(keys.ledger_part(0)[:-1] + "*"))


def event(number, **more):
    return {"e": f"e{number}", "s": "shop", "k": "order_paid", "t": "t", "st": "pending", "p": str(number)} | more


def write(store, *rows):
    for row in rows:
        store.client.xadd(keys.LEDGER, row)


often = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@often
@given(history=histories, wanted=filters, limit=st.integers(1, 7))
def test_the_pages_are_the_whole_list_filtered(store, index, history, wanted, limit):
    store.client.flushdb()
    told = History(store.client)
    told.write(history)

    assert [one for page in pages(store.ledger, limit, **wanted) for one in page] == told.fitting(**wanted)


@often
@given(history=histories, more=st.lists(histories, max_size=4), limit=st.integers(1, 5))
def test_what_arrives_meanwhile_doubles_nothing_and_hides_nothing(store, index, history, more, limit):
    store.client.flushdb()
    told = History(store.client)
    told.write(history)
    before = [(event_id, at_ms) for event_id, at_ms, _ in told.fitting()]
    found = []
    for page in pages(store.ledger, limit):
        found += [(event_id, at_ms) for event_id, at_ms, _ in page]
        told.now_ms += 1
        told.write(more.pop() if more else [])

    assert found == before


@often
@given(history=histories, number=st.integers(0, 14))
def test_one_event_is_the_newest_with_its_id(store, index, history, number):
    store.client.flushdb()
    told = History(store.client)
    told.write(history)
    found = store.ledger.event(f"event:{number}")

    wanted = [one for one in told.fitting() if one[0] == f"event:{number}"][:1]
    assert ([] if found is None else [(found.event_id, found.at_ms, str(found.state))]) == wanted


def test_forgetting_a_person_forgets_the_index_too(store, few_in_a_part):
    for number in range(20):
        write(store, event(number), {"ev": f"e{number}", "st": "delivered", "p": str(number), "n": ""})
    store.ledger.page(1)
    theirs = [hashlib.sha1(f"e{number}".encode()).digest()[:8] for number in (3, 7, 11)]

    def remembered():
        return sum(one in b"".join(map(store.client.get, parts(store))) for one in theirs)

    assert remembered() == 3
    assert store.ledger.forget(["3", "7"], ["e11"]) == 5
    assert remembered() == 1  # what became of the eleventh event is a row about another person
    assert [row.event_id for row in store.ledger.events()] == [
        f"e{n}" for n in reversed(range(20)) if n not in {3, 7, 11}
    ]
    assert store.ledger.page(50, person="7").items == []
    assert store.ledger.event("e3") is None
    assert store.ledger.forget(["3", "7"], ["e11"]) == 0


def test_an_index_that_is_lost_is_made_again(store, few_in_a_part):
    write(store, *map(event, range(10)))
    before = store.ledger.events()
    store.client.delete(keys.LEDGER_INDEX)
    assert store.ledger.events() == before
    store.client.delete(*parts(store)[1:])

    assert [row.event_id for row in store.ledger.events()] != []
    store.client.delete(keys.LEDGER_INDEX, *parts(store))
    assert store.ledger.events() == before


def test_a_ledger_that_is_begun_anew_is_indexed_anew(store, few_in_a_part):
    store.client.xadd(keys.LEDGER, event(1), id=f"{BEGAN_MS}-1")
    assert len(store.ledger.events()) == 1
    store.client.delete(keys.LEDGER)
    assert store.ledger.events() == []
    assert parts(store) == []
    store.client.xadd(keys.LEDGER, event(2), id="5-1")

    assert [row.event_id for row in store.ledger.events()] == ["e2"]


def test_the_index_goes_with_the_rows(store, few_in_a_part):
    write(store, *map(event, range(100)))
    assert len(store.ledger.events(100)) == 100
    assert len(parts(store)) > 15
    store.client.xtrim(keys.LEDGER, maxlen=10, approximate=False)

    assert [row.event_id for row in store.ledger.events(100)] == [f"e{n}" for n in reversed(range(90, 100))]
    assert len(parts(store)) <= 4
    assert store.ledger.page(5, state=EventState.DELIVERED) == ([], None)


def test_the_sweep_brings_the_index_in_step(store, monkeypatch):
    monkeypatch.setattr(ledger_index, "STEP_ROWS", 5)
    write(store, *map(event, range(12)))
    store.sweep(900)

    records = b"".join(map(store.client.get, parts(store)))
    assert len(records) == 12 * ledger_index.SIZE


def test_events_of_more_lanes_than_there_are_bits_are_found(store, index):
    lanes = [f"lane{number}" for number in range(12)]
    for number, lane in enumerate(lanes):
        write(store, event(number, ls=lane))
        row = outcome_row(
            EventState.PARKED if number % 2 else EventState.DELIVERED, "7", [f"e{number}"], "", (lane, "t")
        )
        write(store, dict(zip(row[::2], row[1::2], strict=True)))
    write(store, event(50, ls=" ".join(lanes)))

    def found(state):
        return [one[0] for page in pages(store.ledger, 3, state=state) for one in page]

    assert found(EventState.PARKED) == [f"e{n}" for n in reversed(range(12)) if n % 2]
    assert found(EventState.DELIVERED) == [f"e{n}" for n in reversed(range(12)) if not n % 2]
    assert found(EventState.PENDING) == ["e50"]
