"""Somebody withdraws before, during or after an import that updates them: blocked in the end, whatever Brevo does."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from customer_sync.base.clock import utc_now
from customer_sync.brevo.proof.ride import NONCE_ATTRIBUTE
from customer_sync.model import Channel, Consent, ConsentState, Event, Kind
from customer_sync.store import keys
from tests.bulk.rig import LANE, RIDERS, BulkRig, at, customer
from tests.bulk.test_updates import ONE, agreed, change, fly, known, names, sent, withdrawal
from tests.rig import LIST


@pytest.fixture(params=["keep", "lift_both"])
def rig(client, request):
    made = BulkRig(client, import_delay_s=1e9)
    made.blocks = request.param
    yield made
    made.sandbox.close()


def lift(rig):
    """From now on this Brevo does with blocks what it does, though it was proven to keep them."""
    rig.sandbox.switches.import_blocks = rig.blocks


def unsubscribe(rig, email=ONE):
    rig.call("POST", "/sandbox/unsubscribe", {"email": email})


def webhook(rig, when, email=ONE):
    stamp = int(at(when).timestamp())
    rig.send_brevo(b'{"event":"unsubscribe","email":"%s","ts_event":%d}' % (email.encode(), stamp))


def mailable(rig):
    return [one for one in rig.call("GET", "/sandbox/mailable")["mailable"] if one["email"].startswith("p")]


def is_blocked_in_the_end(rig, *, by="p1@example.com"):
    rig.settle()
    assert rig.contacts()[by]["emailBlacklisted"]
    assert rig.has(by).blocked
    assert all(one["blockedAgainAt"] for one in mailable(rig))
    assert not rig.client.hgetall(keys.lane(LANE, "mark"))
    assert names(rig)[1:] == ["New"] * 4


def test_who_withdraws_in_the_shop_while_the_import_runs_is_blocked_at_once_and_again(rig):
    fly(rig)
    lift(rig)

    rig.send(withdrawal(1))
    rig.deliver()

    assert rig.contacts()[ONE]["emailBlacklisted"]
    rig.carry_out()
    rig.look()
    rig.read()
    rig.deliver()
    assert rig.contacts()[ONE]["emailBlacklisted"]
    is_blocked_in_the_end(rig)
    assert rig.book.read(anew=True).updates.is_open is (rig.blocks == "keep")


def test_who_withdraws_after_brevo_came_to_their_row_is_blocked_again_too(rig):
    fly(rig)
    lift(rig)
    rig.carry_out()

    rig.send(withdrawal(1))
    rig.deliver()

    assert rig.contacts()[ONE]["emailBlacklisted"]
    is_blocked_in_the_end(rig)


@pytest.mark.parametrize("heard", ["before", "after", "settled"])
def test_who_unsubscribes_in_brevo_while_the_import_runs_is_blocked_in_time_or_late(rig, heard):
    fly(rig)
    unsubscribe(rig)
    if heard == "before":
        webhook(rig, -1)
        rig.deliver()
    lift(rig)
    rig.carry_out()
    if heard == "after":
        webhook(rig, -1)
        rig.deliver()
        assert rig.contacts()[ONE]["emailBlacklisted"]
    rig.settle()
    if heard == "settled":
        webhook(rig, -1)
        rig.deliver()

    is_blocked_in_the_end(rig)


def test_a_block_that_the_import_lifted_is_set_again_when_brevo_tells_of_it_late(rig):
    rig.call("POST", "/sandbox/switches", {"import_blocks": "lift_new"})  # which no canary shows
    fly(rig)
    unsubscribe(rig)
    told = b'{"event":"unsubscribe","email":"%s","ts_event":%d}' % (ONE.encode(), rig.clock() // 1000)
    while_it_runs = utc_now(rig.clock)
    rig.carry_out()
    rig.settle()
    assert not rig.contacts()[ONE]["emailBlacklisted"]

    rig.send_brevo(told, received_at=while_it_runs)

    is_blocked_in_the_end(rig)


def test_who_withdrew_before_the_import_does_not_go_along(rig):
    rig.prove()
    known(rig)
    lift(rig)
    unsubscribe(rig)
    webhook(rig, -70)
    bodies = sent(rig)
    change(rig)

    rig.settle()

    assert ONE not in [row["email"] for body in bodies for row in body["jsonBody"]]
    is_blocked_in_the_end(rig)
    assert mailable(rig) == []


def test_who_withdraws_while_a_row_is_loaded_is_not_sent(rig):
    rig.prove()
    known(rig)
    lift(rig)
    bodies = sent(rig)
    keep = rig.http.before

    def withdraw(method, path, body):
        if path.startswith("v3/contacts/lists/") and method == "GET":
            rig.send(withdrawal(1))
        keep(method, path, body)

    rig.http.before = withdraw
    change(rig)
    rig.load()

    assert ONE not in [row["email"] for row in bodies[0]["jsonBody"]]
    is_blocked_in_the_end(rig)
    assert mailable(rig) == []


def test_who_withdraws_and_agrees_again_while_the_import_runs_is_not_blocked(rig):
    fly(rig)
    lift(rig)
    rig.send(withdrawal(1, when=-50))
    rig.deliver()
    agreed_again = customer(1, email=None, when=-40, lastName="New")
    from tests.bulk.test_updates import agreed  # beside its only use

    rig.send(agreed(agreed_again, when=-40))
    rig.deliver()
    rig.settle()

    assert not rig.contacts()[ONE]["emailBlacklisted"]
    assert not rig.has(ONE).blocked
    assert LIST in rig.contacts()[ONE]["listIds"]


def test_who_is_deleted_in_the_shop_while_the_import_runs_is_blocked_and_off_the_list(rig):
    fly(rig)
    lift(rig)
    rig.send(Event("d1", "shop", Kind.CUSTOMER_DELETED, at(-50), "1", "1", {}))
    rig.deliver()
    assert rig.contacts()[ONE]["emailBlacklisted"]

    rig.settle()

    assert rig.contacts()[ONE]["emailBlacklisted"]
    assert LIST not in rig.contacts()[ONE]["listIds"]


def test_who_has_a_new_address_while_the_import_runs_is_renamed_after_it(rig):
    fly(rig)
    lift(rig)
    rig.send(withdrawal(1, when=-50))
    rig.send(customer(1, email="new@example.com", when=-40, lastName="New"))
    rig.deliver()
    assert ONE in rig.contacts()

    rig.settle()

    assert ONE not in rig.contacts()
    assert rig.contacts()["new@example.com"]["emailBlacklisted"]


def test_who_is_erased_while_the_import_runs_is_gone_after_it(rig):
    fly(rig)
    lift(rig)
    rig.send(Event("e1", "shop", Kind.CUSTOMER_ERASED, at(-50), "1", "1", {}))
    rig.deliver()
    rig.settle()

    assert ONE not in rig.contacts()
    assert not rig.client.keys("tajo:import:*")


def test_while_somebody_withdrew_the_end_is_found_by_the_last_row_once_a_second(client):
    rig = BulkRig(client, import_delay_s=1e9, plan="general")
    fly(rig)
    rig.sandbox_passes(60)
    rig.look()
    before = rig.calls("GET", "/processes")
    rig.imports.look_in(rig.imports.ids(), 30.0)

    rig.send(withdrawal(1))
    rig.deliver()

    assert rig.imports.due_s() <= 1.0
    rig.sandbox_passes(60)
    rig.look()
    assert rig.imports.due_s() <= 1.0
    assert rig.calls("GET", "/processes") == before
    rig.carry_out()
    rig.sandbox_passes(60)
    rig.look()
    assert rig.calls("GET", "/processes") == before + 1
    assert not rig.imports.ids()
    rig.sandbox.close()


def test_where_brevo_may_not_be_asked_the_last_row_tells_no_end(client):
    rig = BulkRig(client, import_delay_s=1e9, plan="general")
    fly(rig)
    rig.store.limits.learn("processes", 100, 0, 3000)
    rig.carry_out()
    rig.sandbox_passes(60)

    rig.look()
    assert [one.state for one in rig.imports.under_way()] == ["sent"]
    assert rig.imports.due_s() > 1

    rig.client.delete(keys.limit("processes"))
    rig.look()
    assert not rig.imports.ids()


def is_blocked_soon(rig):
    """Deliver until the first person is blocked, within the limit of the plan; False after some seconds."""
    for _ in range(60):
        rig.deliver()
        if rig.contacts()[ONE]["emailBlacklisted"]:
            return True
        time.sleep(0.05)
    return False


def test_whoever_withdrew_is_blocked_when_the_last_row_is_seen_and_again_at_the_end(client):
    rig = BulkRig(client, import_delay_s=1e9, plan="general")
    fly(rig)
    (import_,) = rig.imports.under_way()
    rig.send(withdrawal(1))
    rig.deliver()
    rig.store.limits.learn("processes", 100, 0, 3000)
    # a Brevo that works on its rows in another order: the last one first
    last = {"attributes": {NONCE_ATTRIBUTE: import_.nonce}, "emailBlacklisted": False}
    rig.call("PUT", f"/v3/contacts/{RIDERS[-1][1]}", last)
    rig.call("PUT", f"/v3/contacts/{ONE}", {"emailBlacklisted": False})
    for _ in range(2):
        rig.look()
        assert is_blocked_soon(rig)

    rig.sandbox.switches.import_blocks = "lift_both"
    rig.carry_out()
    assert not rig.contacts()[ONE]["emailBlacklisted"]
    rig.client.delete(keys.limit("processes"))
    rig.look()

    assert is_blocked_soon(rig)


# what is not a withdrawal


def test_a_live_change_goes_at_once_and_stands_in_the_end(rig):
    fly(rig)
    lift(rig)
    rig.send(customer(1, email=None, when=-40, lastName="Newest"))
    rig.deliver()
    assert rig.contacts()[ONE]["attributes"]["LASTNAME"] == "Newest"
    rig.carry_out()
    assert rig.contacts()[ONE]["attributes"]["LASTNAME"] == "New"  # the row came later

    rig.look()
    rig.deliver()

    assert rig.contacts()[ONE]["attributes"]["LASTNAME"] == "Newest"
    rig.settle()
    assert not rig.client.hgetall(keys.lane(LANE, "mark"))


def test_a_value_that_is_changed_back_while_the_import_runs_is_the_old_one_in_the_end(rig):
    rig.prove()
    known(rig)
    rig.put([customer(1, when=-60, firstName="Other")])
    rig.load()
    rig.send(customer(1, email=None, when=-40, firstName="Jane 1"))
    rig.deliver()
    rig.carry_out()
    assert rig.contacts()[ONE]["attributes"]["FIRSTNAME"] == "Other"

    rig.settle()

    assert rig.contacts()[ONE]["attributes"]["FIRSTNAME"] == "Jane 1"


def test_a_value_that_is_emptied_while_the_import_runs_is_empty_in_the_end(rig):
    rig.prove()
    known(rig)
    change(rig, city="Ghent")
    rig.load()
    rig.send(customer(1, email=None, when=-40, city=None))
    rig.deliver()
    rig.carry_out()
    assert rig.contacts()[ONE]["attributes"]["CITY"] == "Ghent"

    rig.settle()

    assert not rig.contacts()[ONE]["attributes"].get("CITY")


def test_a_change_that_a_worker_is_sending_when_the_import_ends_is_sent_again(rig):
    fly(rig)
    rig.send(customer(1, email=None, when=-40, lastName="Newest"))
    taken = rig.store.lanes.take(LANE, 10, which="live")
    outcomes = []
    rig.line.handlers[LANE].begin(taken.items, outcomes.append)
    while not outcomes:
        time.sleep(0.001)
    rig.carry_out()
    assert rig.contacts()[ONE]["attributes"]["LASTNAME"] == "New"
    rig.look()
    rig.store.lanes.settle(LANE, taken.token, [one.settlement for one in outcomes])
    assert rig.client.hgetall(keys.lane(LANE, "mark"))

    rig.settle()

    assert rig.contacts()[ONE]["attributes"]["LASTNAME"] == "Newest"
    assert not rig.client.hgetall(keys.lane(LANE, "mark"))


def test_who_was_deleted_in_brevo_while_the_import_ran_stays_deleted(rig):
    fly(rig)
    rig.call("DELETE", f"/v3/contacts/{ONE}")
    stamp = rig.clock() // 1000 + 1
    rig.send_brevo(b'{"event":"contact_deleted","email":"%s","ts_event":%d}' % (ONE.encode(), stamp))

    rig.settle()

    assert ONE not in rig.contacts()


def test_who_signed_up_anew_after_a_deletion_in_brevo_stays(rig):
    fly(rig)
    rig.carry_out()
    rig.call("DELETE", f"/v3/contacts/{ONE}")
    stamp = rig.clock() // 1000 + 1
    rig.send_brevo(b'{"event":"contact_deleted","email":"%s","ts_event":%d}' % (ONE.encode(), stamp))
    rig.deliver()
    folder = rig.call("GET", "/v3/contacts/folders")["folders"][0]["id"]
    form = rig.call("POST", "/v3/contacts/lists", {"name": "form", "folderId": folder})["id"]
    rig.call("POST", "/v3/contacts", {"email": ONE, "listIds": [form]})

    rig.settle()

    assert rig.contacts()[ONE]["listIds"] == [form]


def test_who_was_deleted_in_brevo_and_nobody_told_us_is_made_again_with_the_lists(rig):
    fly(rig)
    rig.sandbox_passes(3)
    rig.call("DELETE", f"/v3/contacts/{ONE}")

    rig.settle()

    assert LIST in rig.contacts()[ONE]["listIds"]
    assert names(rig) == ["New"] * 5


def test_an_import_that_does_not_end_is_given_up_and_what_it_overwrites_is_sent_again(rig):
    fly(rig)
    (import_,) = rig.imports.under_way()
    rig.client.hset(keys.import_key(import_.id), "begun", import_.begun_ms - 1_501_000)
    rig.look()
    assert [one.state for one in rig.imports.under_way()] == ["overdue"]
    assert not any(row.record or row.email for rows in rig.imports.rows(import_.id) for row in rows)
    rig.hasten()
    rig.load()
    rig.deliver()
    assert names(rig) == ["New"] * 5
    rig.send(customer(1, email=None, when=-40, lastName="Newest"))
    rig.deliver()
    lift(rig)
    rig.send(withdrawal(2))
    rig.deliver()
    rig.carry_out()
    assert names(rig)[0] == "New"

    rig.look()
    rig.settle()

    assert names(rig) == ["Newest", *["New"] * 4]
    assert rig.contacts()["p2@example.com"]["emailBlacklisted"]
    assert not rig.client.hgetall(keys.lane(LANE, "mark"))
    assert not rig.client.keys("tajo:import:*")


# what waits for the import's end does not keep its withdrawal waiting


def leaves(number, kind):
    return Event(f"x{number}", "shop", kind, at(-20), str(number), str(number), {})


@pytest.mark.parametrize("kind", [Kind.CUSTOMER_DELETED, Kind.CUSTOMER_ERASED])
def test_who_withdraws_and_is_removed_while_the_import_runs_is_blocked_at_once(rig, kind):
    rig.rules = replace(rig.rules, delete={"shop": "hard"})
    fly(rig)
    lift(rig)
    rig.send(withdrawal(1, when=-30))
    rig.send(leaves(1, kind))

    rig.deliver()

    assert rig.contacts()[ONE]["emailBlacklisted"]
    rig.settle()
    assert ONE not in rig.contacts()


@pytest.mark.parametrize(("channel", "flag"), [(Channel.SMS, "smsBlacklisted"), (Channel.EMAIL, "emailBlacklisted")])
def test_who_withdraws_with_a_new_address_while_the_import_runs_is_blocked_at_the_old_one_at_once(rig, channel, flag):
    fly(rig)
    lift(rig)
    seen = Consent(channel, ConsentState.WITHDRAWN, at(-20), "form", explicit=True)

    rig.send(replace(customer(1, when=-20, email="new@example.com"), consents=(seen,)))
    rig.deliver()

    assert rig.contacts()[ONE][flag]
    calls = rig.calls("POST", "/contacts")
    rig.hasten()
    rig.deliver()
    assert rig.calls("POST", "/contacts") == calls, "the block is set once while the import runs"
    rig.settle()
    assert ONE not in rig.contacts()
    assert rig.contacts()["new@example.com"][flag]


# an import that Brevo does not know for a while


def test_an_import_that_brevo_knows_late_overwrites_and_lifts_nothing_for_good(rig, monkeypatch):
    monkeypatch.setattr("customer_sync.brevo.contacts.update_end.LOST_S", 0.0)
    fly(rig)
    (import_,) = rig.imports.under_way()
    rig.answer("v3/processes?", 200, {"processes": [], "count": 0})
    rig.answer(f"v3/processes/{import_.process}", 404, {"code": "document_not_found", "message": "unknown"})
    rig.look()
    assert not rig.imports.under_way()[0].ended_ms
    rig.send(agreed(customer(1, when=-30, lastName="Newest"), when=-200))
    rig.send(withdrawal(2))
    lift(rig)
    for _ in range(3):
        rig.deliver()
        rig.hasten()
    assert names(rig)[0] == "Newest"
    assert rig.contacts()["p2@example.com"]["emailBlacklisted"]

    rig.settle()

    assert names(rig)[0] == "Newest"
    assert rig.contacts()["p2@example.com"]["emailBlacklisted"]


def test_a_worker_that_dies_while_it_gives_up_leaves_neither_slot_nor_names(rig, monkeypatch):
    fly(rig)
    (import_,) = rig.imports.under_way()
    rig.client.hset(keys.import_key(import_.id), "begun", import_.begun_ms - 1_600_000)

    def die(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("customer_sync.store.imports.Imports.give_up", die)
        with pytest.raises(KeyboardInterrupt):
            rig.look()

    rig.look()

    assert rig.imports.has_room()
    assert all(not row.record and not row.email for rows in rig.imports.rows(import_.id) for row in rows)
