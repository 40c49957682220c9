"""Pages of the ledger over random histories: the same as the whole list, filtered by hand."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customer_sync.model import PEOPLE, EventState
from customer_sync.store import keys
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


often = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@often
@given(history=histories, wanted=filters, limit=st.integers(1, 7))
def test_the_pages_are_the_whole_list_filtered(store, history, wanted, limit):
    store.client.flushdb()
    told = History(store.client)
    told.write(history)

    assert [one for page in pages(store.ledger, limit, **wanted) for one in page] == told.fitting(**wanted)


@often
@given(history=histories, more=st.lists(histories, max_size=4), limit=st.integers(1, 5))
def test_what_arrives_meanwhile_doubles_nothing_and_hides_nothing(store, history, more, limit):
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
def test_one_event_is_the_newest_with_its_id(store, history, number):
    store.client.flushdb()
    told = History(store.client)
    told.write(history)
    found = store.ledger.event(f"event:{number}")

    wanted = [one for one in told.fitting() if one[0] == f"event:{number}"][:1]
    assert ([] if found is None else [(found.event_id, found.at_ms, str(found.state))]) == wanted
