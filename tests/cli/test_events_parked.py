"""`events`, `parked`, `replay`: looking and mending."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from customer_sync.api.events import EventQuery
from customer_sync.api.installation import Installation
from customer_sync.cli.events import followed
from customer_sync.cli.masking import mask, mask_bytes
from customer_sync.config import Settings
from customer_sync.model import Event, Inbound, Kind
from customer_sync.pipeline import accept, process_inbox
from customer_sync.store.parked import inbound_of
from tests.rig import NOW, Rig

JANE = "jane@example.com"


@pytest.fixture
def two_parked(tajo, sandbox, store):
    """Two requests without an id, one that is not JSON."""
    tajo.send({"email": JANE, "first_name": "Jane", "role": "customer"})
    tajo.send({"email": "john@example.com"})
    accept(tajo.line(), Inbound("shopify", {"x-shopify-topic": "customers/create"}, b"<html>Jane</html>", NOW))
    tajo.work()
    return tajo


def test_the_list_names_how_many_reasons_it_leaves_out(two_parked):
    shown = two_parked("parked", "list", "-n", "1").stdout

    assert "(2)" in shown
    assert "(1)" not in shown
    assert "1 more reason: -n 2 shows all." in shown
    assert "3 things" in shown


def ids(store):
    return [one.id for one in store.parked.list()]


def janes(store):
    return next(one.id for one in store.parked.list() if JANE.encode() in inbound_of(one).body)


# events


def test_an_empty_history_says_so_and_how_to_begin(tajo):
    assert "`tajo trigger`" in tajo("events", "tail").stderr
    assert "No event fits" in tajo("events", "tail", "--source", "woo").stderr
    assert tajo("events", "tail", "--json").stdout == ""


def test_a_list_shows_the_end_of_a_long_id_and_show_takes_it(tajo, sandbox, store):
    tajo.send({"id": 7, "email": JANE, "date_modified_gmt": "2026-11-21T10:00:00", "role": "customer"})
    tajo.work()
    (whole,) = [json.loads(line)["id"] for line in tajo("events", "tail", "--json").stdout.splitlines()]

    line = tajo("events", "tail").stdout
    shown = next(word for word in line.split() if word.startswith("…"))

    assert len(whole) > 60
    assert len(line) < 120
    assert whole in tajo("events", "show", shown).stdout
    assert whole in tajo("events", "show", shown[1:]).stdout
    assert "has no event" in tajo("events", "show", "…0", code=5).stderr


# parked


def test_nothing_parked_is_told(tajo):
    assert tajo("parked", "list").stdout == "Nothing is parked.\n"
    assert tajo.json("parked", "list") == {"items": [], "next_cursor": None, "count": 0}


def test_what_is_parked_is_grouped_by_reason_the_largest_first(two_parked):
    told = two_parked("parked", "list").stdout
    things = two_parked.json("parked", "list")

    assert told.index("(2)") < told.index("(1)")
    assert told.index("woo; the oldest") < told.index("shopify; the oldest")
    assert sorted(one["source"] for one in things["items"]) == ["shopify", "woo", "woo"]
    assert all(one["remedy"] for one in things["items"])
    assert things["count"] == 3


def test_the_list_shows_count_remedy_and_ids(two_parked, store):
    told = two_parked("parked", "list").stdout

    assert "(2)" in told
    assert "→" in told
    assert all(one in told for one in ids(store))
    assert "3 things" in told


def test_the_list_shows_only_some_of_many_ids(tajo, sandbox):
    for number in range(5):
        tajo.send({"email": f"{number}@example.com"})
    tajo.work()

    assert "and 2 more" in tajo("parked", "list").stdout


def test_the_list_may_be_of_one_source(two_parked):
    assert [one["source"] for one in two_parked.json("parked", "list", "--source", "shopify")["items"]] == ["shopify"]
    assert "1 thing." in two_parked("parked", "list", "--source", "shopify").stdout
    assert "Nothing that is parked fits" in two_parked("parked", "list", "--until", "2020-01-01T00:00:00Z").stdout


def test_one_thing_is_shown_without_personal_data(two_parked, store):
    for one in ids(store):
        told = two_parked("parked", "show", one)

        assert "jane" not in told.stdout.lower()
        assert "--reveal" in told.stderr


def test_the_shape_of_a_hidden_body_is_still_told(two_parked, store):
    told = two_parked("parked", "show", janes(store)).stdout
    body = json.loads(told[told.index("\n\n{") :])

    assert body["email"] == f"(address, {len(JANE)} characters)"
    assert body["first_name"] == "(text, 4 characters)"
    assert body["role"] == "customer"
    assert body["date_modified_gmt"] == "2026-11-20T10:00:00"


def test_reveal_shows_all(two_parked, store):
    told = two_parked("parked", "show", janes(store), "--reveal")

    assert JANE in told.stdout
    assert told.stderr == ""
    assert two_parked.json("parked", "show", janes(store))["content"] is None
    assert JANE in two_parked.json("parked", "show", janes(store), "--reveal")["content"]["body"]


@pytest.mark.parametrize("command", [("parked", "show", "p0"), ("replay", "p0"), ("parked", "drop", "p0", "--yes")])
def test_an_unknown_id_ends_with_code_5(tajo, command):
    assert "p0" in tajo(*command, code=5).stderr


def test_a_parked_item_is_shown_field_by_field(tajo, sandbox, store):
    tajo.send({"id": 7, "email": JANE, "first_name": "Jane"})
    sandbox.fault("empty_error", status=402, path="/contacts", method="POST")
    tajo.work()

    [one] = ids(store)
    hidden, shown = tajo("parked", "show", one).stdout, tajo("parked", "show", one, "--reveal").stdout
    assert "FIRSTNAME  (text, 4 characters)" in hidden
    assert "since" not in hidden  # our own bookkeeping
    assert JANE not in hidden
    assert JANE in shown
    assert "1913" not in shown
    assert [thing["id"] for thing in tajo.json("parked", "list", "--source", "woo")["items"]] == [one]
    assert one in tajo("parked", "list", "--source", "woo").stdout


def test_a_replay_sends_it_through_the_line_again(two_parked, store):
    chosen = ids(store)[0]

    two_parked("replay", chosen)

    assert chosen not in ids(store)
    assert store.inbox.depth()[0] == 1


def test_a_replayed_item_waits_in_its_lane_again(tajo, sandbox, store):
    tajo.send({"id": 7, "email": JANE})
    sandbox.fault("empty_error", status=402, path="/contacts", method="POST", count=1)
    tajo.work()

    tajo("parked", "replay", "--all")
    tajo.work()

    assert JANE in sandbox.contacts()
    assert ids(store) == []


def test_a_replay_may_be_of_a_reason_a_source_or_all(two_parked, store):
    two_parked("replay", "--reason", "NOT JSON")
    assert store.inbox.depth()[0] == 1

    two_parked("replay", "--source", "woo")
    assert store.inbox.depth()[0] == 3
    assert "Nothing that is parked fits." in two_parked("replay", "--all").stdout


def test_choices_are_taken_together(two_parked, store):
    assert two_parked.json("replay", "--source", "woo", "--reason", "not json") == {"replayed": 0}


@pytest.mark.parametrize("command", [("replay",), ("parked", "replay"), ("parked", "drop", "--yes")])
def test_nothing_chosen_is_wrong_use(two_parked, store, command):
    two_parked(*command, code=2)

    assert len(ids(store)) == 3


def test_dropped_things_are_gone(two_parked, store):
    assert "2 parked things dropped" in two_parked("parked", "drop", "--source", "woo", "--yes").stdout

    assert len(ids(store)) == 1


def test_drop_asks_first(two_parked, store):
    two_parked("parked", "drop", "--all", given="n\n", code=1)

    assert len(ids(store)) == 3


# masking


@pytest.mark.parametrize(
    ("value", "hidden"),
    [
        ("Jane", "(text, 4 characters)"),
        ("", ""),
        ("2026-11-20T10:00:00Z", "2026-11-20T10:00:00Z"),
        ("2026-11-20 10:00:00.123+01:00", "2026-11-20 10:00:00.123+01:00"),
        ("2026-11-20 Jane", "(text, 15 characters)"),
        (12, 12),
        (4915112345678, "(13 digits)"),
        (True, True),
        (None, None),
        ([1, "x"], [1, "(text, 1 characters)"]),
        (
            {"status": "paid", "Currency": "EUR", "name": "x"},
            {"status": "paid", "Currency": "EUR", "name": "(text, 1 characters)"},
        ),
    ],
)
def test_what_is_personal_is_hidden_and_what_explains_is_not(value, hidden):
    assert mask(value) == hidden


PAYLOADS = st.recursive(
    st.text("QWK@", min_size=1),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abc"), inner),
)


@given(PAYLOADS)
def test_no_text_of_a_payload_is_shown_at_any_depth(value):
    shown = json.dumps(mask(value))

    assert not set("QWK@") & set(shown)


@pytest.mark.parametrize("body", [b"<html>Jane</html>", b"{broken Jane", b"[" * 100_000])
def test_a_body_that_is_not_json_is_only_described(body):
    shown = mask_bytes(body)

    assert "Jane" not in shown
    assert f"{len(body)} bytes, not JSON" in shown


# events


def test_events_are_shown_newest_last(tajo, sandbox):
    tajo.send({"id": 7, "email": JANE})
    tajo.send({"email": JANE})
    tajo.work()

    lines = tajo("events", "tail").stdout.splitlines()
    assert ["delivered" in lines[0], "parked" in lines[1]] == [True, True]
    assert "customer_updated" in lines[0]


def test_events_may_be_of_one_state_and_source(two_parked):
    two_parked.send({"id": 7, "email": JANE})
    two_parked.work()

    def shown(*words):
        return [
            json.loads(line)["source"] for line in two_parked("events", "tail", "--json", *words).stdout.splitlines()
        ]

    assert shown("--state", "delivered") == ["woo"]
    assert shown("--source", "shopify") == ["shopify"]
    assert shown("--source", "woo", "-n", "2") == ["woo", "woo"]
    assert shown("-n", "1") == ["woo"]


def test_the_newest_are_shown_when_there_are_more(tajo, sandbox):
    for number in (7, 8, 9):
        tajo.send({"id": number, "email": f"{number}@example.com"})
        tajo.work()

    lines = tajo("events", "tail", "-n", "2", "--json").stdout.splitlines()
    everything = tajo("events", "tail", "--json").stdout.splitlines()
    assert lines == everything[-2:]


def test_one_event_is_shown_with_all_its_states(tajo, sandbox):
    tajo.send({"id": 7, "email": JANE})
    tajo.work()
    event_id = json.loads(tajo("events", "tail", "--json").stdout)["id"]

    assert [step["state"] for step in tajo.json("events", "show", event_id)["steps"]] == ["pending", "delivered"]
    told = tajo("events", "show", event_id).stdout
    assert "customer_updated (customer.updated)" in told
    assert "delivered  created" in told


def test_an_event_that_is_not_there_ends_with_code_5(tajo):
    tajo("events", "show", "nothing", code=5)


def test_following_yields_what_is_new_and_what_changed_and_nothing_twice(client, monkeypatch):
    rig = Rig(client)
    moments = iter([lambda: None, rig.deliver, lambda: None])
    monkeypatch.setattr("customer_sync.cli.events.time.sleep", lambda _: next(moments)())
    for number in ("1", "2"):
        rig.send(event(number))
    process_inbox(rig.line)

    rows = [(row.event_id, str(row.state)) for row in followed(of(rig.store), EventQuery(limit=1), rounds=4)]

    assert rows == [("e2", "pending"), ("e1", "delivered"), ("e2", "delivered")]


def test_following_goes_on_when_redis_comes_back_and_ends_with_130(tajo, store, client, monkeypatch):
    rig, ledger = Rig(client), type(store.ledger)
    real, turns = ledger.events, iter(["away", "away", "back", "stop"])

    def events(self, *words, **more):
        if now["turn"] == "away":
            raise redis.ConnectionError("Connection refused")
        return real(self, *words, **more)

    def sleep(_seconds):
        now["turn"] = next(turns)
        if now["turn"] == "back":
            rig.send(event("2"))
            process_inbox(rig.line)
        if now["turn"] == "stop":
            raise KeyboardInterrupt

    now = {"turn": "begin"}
    monkeypatch.setattr(ledger, "events", events)
    monkeypatch.setattr("customer_sync.cli.events.time.sleep", sleep)
    rig.send(event("1"))
    process_inbox(rig.line)

    told = tajo("events", "tail", "-f", "--source", "shop", code=130)

    assert ["e1" in line for line in told.stdout.splitlines()] == [True, False]
    assert "e2" in told.stdout
    assert told.stderr.startswith("Redis does not answer; this goes on when it does.\nRedis answers again.\n")
    assert "`tajo events tail -f` goes on with it" in told.stderr


def test_following_shows_a_repeated_event_once(client, monkeypatch):
    rig = Rig(client)
    monkeypatch.setattr("customer_sync.cli.events.time.sleep", lambda _: None)
    rig.send(event("1"))
    rig.send(event("1"))
    process_inbox(rig.line)

    rows = [str(row.state) for row in followed(of(rig.store), EventQuery(limit=10), rounds=3)]

    assert sorted(rows) == ["pending", "repeated"]


def event(number):
    return Event(f"e{number}", "shop", Kind.CUSTOMER_UPDATED, NOW, number, number, {"email": f"{number}@example.com"})


def of(store):
    return Installation(Settings(), Path("nowhere"), lambda: store)
