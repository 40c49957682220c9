"""Following imports: one look for all, within the limit, to whatever end they come to."""

from __future__ import annotations

import itertools
import json
import time

import pytest

from customer_sync import pipeline
from customer_sync.brevo.contacts.gear import notify_url, open_gear
from customer_sync.brevo.contacts.import_end import PATIENCE_S
from customer_sync.brevo.contacts.process_looks import OVERDUE_LOOK_S
from customer_sync.brevo.contacts.refused_rows import addresses_in
from customer_sync.brevo.webhooks import BrevoIntake
from customer_sync.config.settings import BrevoSettings, Settings
from customer_sync.kit.connector import SourceSettings
from customer_sync.model import Event, Inbound, Kind
from customer_sync.store import keys
from customer_sync.store.imports import SILENT_S
from tests.bulk.rig import LANE, BulkRig, at, customer, customers
from tests.bulk.test_updates import change
from tests.rig import LIST

PROCESSES = "v3/processes"


@pytest.fixture
def rig(client):
    made = BulkRig(client, import_delay_s=1e9)
    yield made
    made.sandbox.close()


def import_take(rig, first=1, count=3):
    rig.put([customer(number) for number in range(first, first + count)])
    rig.load()


def age(rig, seconds):
    """Let every import be older."""
    for import_ in rig.imports.ids():
        rig.client.hset(keys.import_key(import_), "begun", int((time.time() - seconds) * 1000))


def processes(status, *numbers, **more):
    return {"count": 1, "processes": [{"id": n, "name": "IMPORTUSER", "status": status, **more} for n in numbers]}


def asked(rig):
    return rig.calls("GET", "/processes") + rig.calls("GET", "/processes/{process_id}")


def test_one_look_is_enough_for_an_import_and_one_that_nobody_waits_for_any_more(rig):
    import_take(rig, 1)
    age(rig, PATIENCE_S + 1)
    rig.look()
    import_take(rig, 11)
    assert [one.state for one in rig.imports.under_way()] == ["overdue", "sent"]
    rig.carry_out()
    before = asked(rig)

    rig.look()

    assert asked(rig) == before + 1
    assert not rig.imports.ids()
    assert len(rig.contacts()) == 6


def test_the_end_of_an_import_that_was_read_back_is_kept_for_who_tells_of_it(rig):
    import_take(rig, 1)
    assert rig.store.notices.ended() == []
    rig.carry_out()
    rig.follow()

    (told,) = map(json.loads, rig.store.notices.ended())
    assert (told["kind"], told["contacts"]) == ("creates", 3)
    assert told["began_ms"] <= told["ended_ms"]


def test_an_import_that_goes_on_is_looked_at_again_soon_then_less_often(rig):
    import_take(rig)

    rig.look()
    assert 0.2 < rig.imports.due_s() <= 0.31
    age(rig, 100)
    rig.look()

    assert 1.9 < rig.imports.due_s() <= 2.01


def test_with_a_limit_by_the_hour_looks_are_spread_over_it(client):
    rig = BulkRig(client, import_delay_s=1e9, plan="general")
    import_take(rig)

    rig.look()
    assert rig.store.limits.per_hour("processes") == 100
    assert 0.5 < rig.imports.due_s() <= 1.5  # soon again, while most of the hour is left
    age(rig, 100)
    rig.look()
    assert 39 <= rig.imports.due_s() <= 41

    left = asked(rig)
    for _ in range(100):
        rig.look()

    assert asked(rig) <= 75 + left
    assert 36 <= rig.imports.due_s() <= 41


def test_with_a_limit_by_the_hour_a_fresh_import_is_not_looked_at_before_it_may_be_over(client):
    rig = BulkRig(client, import_delay_s=1e9, plan="general")
    import_take(rig, 1)
    rig.look()
    rig.carry_out()
    rig.imports.ask_again()
    rig.look()
    assert not rig.imports.ids()
    rig.sandbox_passes(5)

    rig.client.delete(keys.imports_pace("creates"))
    import_take(rig, 11)

    assert 0.5 < rig.imports.due_s() <= 1.5


def test_with_a_limit_by_the_hour_an_import_is_looked_at_when_it_should_be_over_by_the_last_one(client):
    rig = BulkRig(client, import_delay_s=1e9, plan="general")
    rig.client.hset(keys.imports_pace("creates"), mapping={"ms": 20_000, "rows": 6})
    rig.store.limits.learn("processes", 100, 99, 3000)

    import_take(rig, 1)

    assert 8.5 <= rig.imports.due_s() <= 9.0  # half the rows, and a little early


def test_what_an_import_took_is_remembered(rig):
    import_take(rig, 1)
    age(rig, 12)
    rig.carry_out()
    rig.look()

    assert 23 <= rig.imports.pace_s("creates", 6) <= 25


def test_half_of_the_hours_looks_are_kept_from_notices(client):
    rig = BulkRig(client, import_delay_s=1e9, plan="general")
    import_take(rig)
    rig.look()
    for _ in range(100):
        rig.send_brevo(b"{}", path="imports")
        if rig.imports.due_s() == 0.0:
            rig.look()

    assert asked(rig) == 50


def test_when_the_limit_is_used_up_nobody_asks_until_it_resets(client):
    rig = BulkRig(client, import_delay_s=1e9, plan="general")
    import_take(rig)
    for _ in range(105):
        rig.imports.ask_again()
        rig.look()

    assert 90 <= asked(rig) <= 100
    assert rig.call("GET", "/sandbox/calls")["refused429"] == 0
    assert rig.imports.due_s() > 1


def test_a_notice_from_brevo_makes_us_look_at_once(client):
    rig = BulkRig(client, import_delay_s=1e9, plan="general")
    import_take(rig)
    age(rig, 100)
    rig.look()
    assert rig.imports.due_s() > 30
    rig.woken.clear()

    rig.send_brevo(b'{"processId": 1, "status": "completed"}', path="imports")

    assert rig.imports.due_s() == 0.0
    assert "follow" in rig.woken
    assert rig.store.parked.count() == 0


def test_a_notice_may_hold_anything(rig):
    rig.send_brevo(b"\xff not json", path="imports")

    assert rig.store.parked.count() == 0
    assert rig.store.inbox.depth()[0] == 0


def test_the_address_for_notices_carries_a_token_that_the_ingress_takes():
    brevo = BrevoSettings(api_key="k", webhook_secrets=("s3cret/+:", "old"))
    settings = Settings(brevo=brevo, public_url="https://shop.example/tajo/")

    url = notify_url(settings)

    assert url == "https://tajo:s3cret%2F%2B%3A@shop.example/tajo/webhooks/brevo/imports"
    basic = "Basic dGFqbzpzM2NyZXQvKzo="
    inbound = Inbound("brevo", {"authorization": basic}, b"{}", at(0), path="imports")
    BrevoIntake(SourceSettings("brevo", "brevo", ("s3cret/+:",))).verify(inbound, ("s3cret/+:",))


@pytest.mark.parametrize(
    "settings",
    [Settings(public_url="https://shop.example"), Settings(brevo=BrevoSettings(webhook_secrets=("t",)))],
)
def test_without_a_way_in_brevo_is_not_asked_to_call(settings):
    assert notify_url(settings) == ""


@pytest.mark.parametrize("carries", [True, False])
def test_the_operator_decides_whether_rows_carry_phones(client, store, carries):
    rig = BulkRig(client)
    settings = Settings(brevo=BrevoSettings(import_phones=carries))
    gear = open_gear(
        settings, rig.store, rig.imports, None, tally=rig.line.tally, rules=rig.read_rules, clock=rig.clock
    )

    assert gear._loader._updates.doors().phones.is_open is carries


def fly_with_a_listing(rig, kind):
    """Let an import be over in Brevo whose contacts must be listed: some were there, or one has gone since."""
    if kind == "creates":
        for number in range(1, 5):
            rig.call("POST", "/v3/contacts", {"email": f"p{number}@example.com"})
    else:
        rig.prove()
        rig.put(customers(10))
        rig.settle()
        rig.sandbox_passes(10)
    rig.put(customers(10, when=-60, lastName="New"))
    rig.load()
    (import_,) = rig.imports.under_way()
    assert import_.kind == kind
    rig.carry_out()


def first_part(works):
    """The first part of what a follower finds out; then it dies."""
    yield from itertools.islice(works, 1)


@pytest.mark.parametrize("kind", ["creates", "updates"])
def test_calls_that_take_longer_than_a_turn_end_an_import_all_the_same(rig, kind, monkeypatch):
    monkeypatch.setattr("customer_sync.store.imports.STEP", 2)
    fly_with_a_listing(rig, kind)
    monkeypatch.setattr("customer_sync.store.turns.TURN_S", 0.02)
    rig.http.before = lambda method, path, body: path.startswith("v3/contacts?") and time.sleep(0.04)

    for _ in range(2):  # the first look finds many missing and waits for Brevo's listing
        rig.look()

    assert not rig.imports.ids()


@pytest.mark.parametrize("kind", ["creates", "updates"])
def test_a_listing_of_many_pages_keeps_the_turn(rig, kind, monkeypatch):
    monkeypatch.setattr("customer_sync.brevo.contacts.technical_list.CONTACTS_PAGE", 2)
    monkeypatch.setattr("customer_sync.brevo.contacts.update_end.CONTACTS_PAGE", 2)
    fly_with_a_listing(rig, kind)
    rig.call("DELETE", "/v3/contacts/p9@example.com")
    turns = []
    is_page = "v3/contacts?"
    rig.http.before = lambda _, path, __: path.startswith(is_page) and turns.append(rig.client.pttl(keys.FOLLOWER))
    rig.http.after = lambda _, path, __: path.startswith(is_page) and rig.client.pexpire(keys.FOLLOWER, 5000)

    rig.look()

    assert len(turns) > 2
    assert min(turns) > 5000


@pytest.mark.parametrize("kind", ["creates", "updates"])
def test_every_look_gets_on(rig, kind, monkeypatch):
    monkeypatch.setattr("customer_sync.store.imports.STEP", 2)
    fly_with_a_listing(rig, kind)
    rig.look()

    for _ in range(6):
        rig.client.delete(keys.FOLLOWER)
        rig.imports.look_in(rig.imports.ids(), 0.0)
        pipeline._finish(rig.line, LANE, first_part(rig.line.gears[LANE].follow()))

    assert not rig.imports.ids()


def test_a_turn_that_another_worker_had_since_is_lost(rig):
    turn = rig.imports.turns.begin()
    rig.client.delete(keys.FOLLOWER)
    assert rig.imports.turns.keep(turn)
    rig.client.delete(keys.FOLLOWER)
    rig.imports.turns.end(rig.imports.turns.begin())

    assert not rig.imports.turns.keep(turn)


@pytest.mark.parametrize("kind", ["creates", "updates"])
def test_a_list_that_was_deleted_meanwhile_holds_nobody_up(rig, kind):
    rig.prove("updates")
    if kind == "updates":
        rig.put(customers(5))
        rig.settle()
        rig.sandbox_passes(10)
    change(rig)
    rig.load()
    assert [one.kind for one in rig.imports.under_way()] == [kind]
    rig.call("DELETE", f"/v3/contacts/lists/{LIST}")
    rig.store.set_note("lists", {"at": rig.clock() / 1000, "found": [LIST]})
    rig.carry_out()

    for _ in range(3):
        rig.look()

    assert not rig.imports.ids()
    assert rig.store.lanes.depth(LANE)[0] == 5
    assert rig.store.note("lists") is None
    assert f"Brevo has no list {LIST}." in [one["alert"] for one in rig.store.ledger.alerts()]


def hide(rig, number=1):
    """Let Brevo know nothing of an import at the next look."""
    rig.answer(f"{PROCESSES}?", 200, {"processes": [], "count": 0})
    rig.answer(f"{PROCESSES}/{number}", 404, {"code": "document_not_found", "message": "Process ID does not exist"})


def hidden_since(rig, seconds):
    """Let every import be unknown to Brevo for so long."""
    for import_ in rig.imports.ids():
        rig.client.hset(keys.import_key(import_), "unknown", int((time.time() - seconds) * 1000))


def test_what_brevo_knows_nothing_of_for_long_is_counted_and_the_rest_tried_again(rig):
    import_take(rig)
    rig.carry_out()
    rig.call("DELETE", "/v3/contacts/p2@example.com")
    hide(rig)
    rig.look()
    assert rig.imports.ids()
    hidden_since(rig, SILENT_S + 1)
    hide(rig)

    rig.look()

    assert rig.store.lanes.depth(LANE)[0] == 1
    assert rig.client.hvals(keys.lane(LANE, "tries")) == [b"1"]
    rig.settle()
    assert len(rig.contacts()) == 3


def test_what_brevo_knows_nothing_of_for_a_moment_is_waited_for(rig):
    import_take(rig)
    age(rig, 10 * SILENT_S)
    hide(rig)
    rig.look()
    rig.look()

    (import_,) = rig.imports.under_way()
    assert not import_.unknown_ms
    assert rig.store.lanes.depth(LANE)[0] == 3
    rig.settle()
    assert rig.calls("POST", "/contacts/import") == 1


def test_what_brevo_knows_nothing_of_is_not_lost_while_it_works_on_an_unknown_import(rig):
    import_take(rig)
    hide(rig)
    rig.look()
    hidden_since(rig, SILENT_S + 1)
    rig.answer(f"{PROCESSES}?", 200, processes("in_process", 70))
    rig.answer(f"{PROCESSES}/1", 404, {"code": "document_not_found", "message": "Process ID does not exist"})

    rig.look()

    assert [one.state for one in rig.imports.under_way()] == ["sent"]


def test_an_import_beyond_the_newest_fifty_is_asked_for_by_its_number(rig):
    import_take(rig)
    rig.carry_out()
    rig.answer(f"{PROCESSES}?", 200, processes("completed", 70, 71))

    rig.look()

    assert rig.calls("GET", "/processes/{process_id}") == 1
    assert not rig.imports.ids()
    assert rig.store.lanes.depth(LANE)[0] == 0


def test_an_import_that_never_ends_gives_its_people_back_and_an_erasure_still_waits_for_it(rig):
    import_take(rig)
    age(rig, PATIENCE_S + 1)

    rig.look()

    (import_,) = rig.imports.under_way()
    assert import_.state == "overdue"
    assert list(rig.imports.rows(import_.id)) == []
    assert not rig.client.exists(keys.IMPORT_SLOTS)
    assert rig.imports.list_of(import_.slot) is None
    rig.hasten()
    rig.tick()
    rig.load()
    rig.deliver()
    assert len(rig.contacts()) == 3
    assert rig.calls("POST", "/contacts") == 3

    erased = Event("e1", "shop", Kind.CUSTOMER_ERASED, at(-10), "1", "1", {})
    rig.send(erased)
    rig.deliver()
    assert "p1@example.com" in rig.contacts()
    rig.carry_out()
    rig.look()
    rig.hasten()
    rig.deliver()
    assert "p1@example.com" not in rig.contacts()


def test_an_overdue_import_is_seldom_looked_at(rig):
    import_take(rig)
    age(rig, PATIENCE_S + 1)
    rig.look()
    rig.look()

    assert rig.imports.due_s() > OVERDUE_LOOK_S - 5


def test_contacts_that_are_listed_late_are_waited_for(rig):
    import_take(rig)
    rig.carry_out()
    nothing = {"count": 0, "contacts": []}
    rig.answer("v3/contacts?", 200, nothing, times=2)

    rig.look()
    assert rig.imports.ids()
    assert rig.store.lanes.depth(LANE)[0] == 3
    rig.look()

    assert not rig.imports.ids()
    assert rig.store.lanes.depth(LANE)[0] == 0
    assert rig.calls("POST", "/contacts") == 0


def test_a_brevo_that_lists_contacts_of_others_makes_nothing_count_as_delivered(rig):
    import_take(rig)
    rig.carry_out()
    many = {"count": 1_000_000, "contacts": [{"email": "p1@example.com"}]}
    rig.answer("v3/contacts?", 200, many, times=2)

    rig.look()

    assert rig.imports.ids()
    assert rig.store.lanes.depth(LANE)[0] == 3


def test_while_brevo_does_not_answer_nothing_counts_as_delivered_and_the_lane_goes_on(rig):
    import_take(rig)
    rig.carry_out()
    rig.fault("down", path="/processes*")

    rig.look()

    assert rig.imports.ids()
    assert rig.imports.due_s() > 1
    assert rig.store.breakers.read(LANE) is None
    rig.call("DELETE", "/sandbox/faults")
    rig.look()
    assert not rig.imports.ids()


def test_a_count_that_cannot_be_had_is_asked_for_again_and_nothing_counts_meanwhile(rig):
    import_take(rig)
    rig.carry_out()
    rig.answer("v3/contacts?", 500, {"code": "x", "message": "x"})

    rig.look()
    assert rig.imports.ids()
    assert rig.store.lanes.depth(LANE)[0] == 3
    before = asked(rig)
    rig.look()

    assert asked(rig) == before  # that it is over is known
    assert rig.store.lanes.depth(LANE)[0] == 0


def test_rows_that_nothing_can_be_found_out_about_are_tried_again_with_an_alert(rig):
    import_take(rig)
    rig.carry_out()
    age(rig, 1700)
    rig.answer("v3/contacts?", 500, {"code": "x", "message": "x"})

    rig.look()

    assert not rig.imports.ids()
    assert rig.client.hlen(keys.lane(LANE, "tries")) == 3
    assert len([one for one in rig.store.ledger.alerts() if "Nothing could be found out" in one["alert"]]) == 1
    rig.settle()
    assert len(rig.contacts()) == 3


def test_events_of_imported_people_are_delivered_with_their_latency(rig):
    rig.put(customers(2))
    rig.load()
    rig.carry_out()

    rig.look()

    counted = rig.counted()
    assert counted["tajo_items_total|contacts|delivered"] == 2
    assert counted["tajo_calls_saved_total|import"] == 2
    assert counted["tajo_events_total|shop|delivered"] == 2


@pytest.mark.parametrize(
    "text",
    [
        "EMAIL;FIRSTNAME\nA@example.com;Jane\n",
        "email,firstname\na@example.com,Jane\n",
        '"FIRSTNAME";"Email"\n"x@y.example";"a@example.com"\n',
        "FIRSTNAME\tE-mail\nJane\ta@example.com\n",
        "Jane;a@example.com\nJane;a@example.com\n",
        "EMAIL\na@example.com\nnobody\n",
    ],
)
def test_addresses_are_found_in_a_file_by_the_name_of_their_column(text):
    assert set(addresses_in(text)) == {"a@example.com"}


def test_an_empty_or_broken_file_names_nobody():
    assert list(addresses_in("")) == []
    assert list(addresses_in('EMAIL\n"' + "x" * 200_000)) == []


def test_a_file_from_elsewhere_without_tls_is_not_fetched(rig):
    rig.call("POST", "/v3/contacts", {"email": "p2@example.com"})
    import_take(rig)
    rig.carry_out()
    calls = []
    rig.http.before = lambda method, path, body: calls.append(path)
    report = {"invalid_emails": "http://elsewhere.example/file.csv"}
    body = processes("completed", 1, info={"import": report})
    rig.answer(PROCESSES, 200, body)

    rig.look()

    assert not [path for path in calls if path.endswith(".csv")]
    assert json.dumps(body)


@pytest.mark.parametrize("how", ["closed", "lost"])
def test_a_worker_that_stood_still_before_the_call_sends_nothing_that_was_closed(rig, how, monkeypatch):
    rig.put(customers(3))
    loader = rig.line.gears[LANE]._loader
    may_send, calls = loader._may_send, []

    def stand_still(load):
        if calls:  # the check just before the call: the follower takes the import for lost meanwhile
            (import_,) = rig.imports.under_way()
            rig.client.hset(keys.import_key(import_.id), "begun", import_.now_ms - int(1000 * SILENT_S) - 1)
            if how == "lost":
                assert rig.imports.lose(rig.imports.under_way()[0])
            else:
                rig.look()
                assert not rig.imports.ids()
        calls.append(load)
        return may_send(load)

    monkeypatch.setattr(loader, "_may_send", stand_still)
    rig.load()
    monkeypatch.undo()

    assert len(calls) == 2
    assert rig.calls("POST", "/contacts/import") == 0
    rig.hasten()
    rig.settle()
    assert len(rig.contacts()) == 3


def test_an_import_is_not_lost_whose_worker_sends_it_just_now(rig):
    import_, _ = rig.imports.open(LANE)
    rig.imports.sending(import_)
    rig.client.hset(keys.import_key(import_), "begun", 1)
    (seen,) = rig.imports.under_way()
    rig.imports.sending(import_)

    assert not rig.imports.lose(seen)
    assert [one.state for one in rig.imports.under_way()] == ["sending"]
