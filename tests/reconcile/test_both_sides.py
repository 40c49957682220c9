"""Both sides agree, or it is found where they do not, and mended."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from customer_sync.errors import TryLater
from customer_sync.model import ConsentState
from customer_sync.store import keys
from customer_sync.store.receipts import Receipts
from tests.rig import LIST

WITHDRAWN = ConsentState.WITHDRAWN


def totals(receipt):
    return receipt.to_json()["totals"]


def counts(drifts):
    return {name: drift.count for name, drift in drifts.items()}


def test_fifty_contacts_altered_by_hand_among_five_hundred_are_found_exactly_and_mended(account):
    account.customers(range(460))
    account.customers(range(460, 500), consent=WITHDRAWN)
    for n in range(10):
        account.alter(n, attributes={"FIRSTNAME": "By Hand"})
    for n in range(10, 15):
        account.alter(n, attributes={"FIRSTNAME": "", "CITY": "Elsewhere"})
    for n in range(15, 25):
        account.alter(n, unlinkListIds=[LIST])
    for n in range(25, 33):
        account.alter(n, emailBlacklisted=True)
    for n in range(33, 40):
        account.delete(n)
    for n in range(490, 500):
        account.alter(n, emailBlacklisted=False)
    opened = len(account.sandbox.mailable())

    receipt = account.mend(page=100)

    assert (opened, receipt.stopped) == (10, "")
    assert counts(receipt.mailable) == {"email": 10}
    assert counts(receipt.left) == {"email": 8}
    assert counts(receipt.by_field) == {"FIRSTNAME": 15, "CITY": 5, "lists": 10}
    assert receipt.deleted.count == 7
    assert totals(receipt) == {
        "in_brevo": 493,
        "ours": 500,
        "compared": 500,
        "equal": 450,
        "drifted": 43,
        "healed": 43,
        "under_way": 0,
        "not_ours": 0,
        "deleted_in_brevo": 7,
    }
    contacts = account.sandbox.contacts()
    assert len(contacts) == 493
    for n in [*range(25), *range(40, 460)]:
        contact = contacts[f"c{n}@example.com"]
        assert contact["attributes"] == {"FIRSTNAME": f"Name {n}", "CITY": f"City {n}"}
        assert contact["listIds"] == [LIST]
        assert not contact["emailBlacklisted"]
    for n in [*range(25, 33), *range(460, 500)]:
        assert contacts[f"c{n}@example.com"]["emailBlacklisted"]
    # nobody else became mailable, and those whom a hand in Brevo had set free are blocked again
    assert len(account.sandbox.mailable()) == opened
    assert all(one["blockedAgainAt"] for one in account.sandbox.mailable())

    again = account.reconcile(page=100)

    assert receipt.in_sync == 0.9
    # whose contact somebody deleted is a customer all the same, and not in Brevo
    assert (again.in_sync, again.drifted, again.equal) == (493 / 500, 0, 493)
    assert again.not_in_brevo == {"deleted in Brevo": 7}
    assert not again.refused


def test_without_heal_nothing_at_all_is_changed(account):
    account.customers(range(5))
    account.alter(0, attributes={"CITY": "Elsewhere"})
    account.alter(1, emailBlacklisted=True)
    account.delete(2)
    before = account.sandbox.contacts()
    records = [account.store.people.read(account.number(n)) for n in range(5)]

    receipt = account.reconcile()
    account.rig.deliver()

    assert (receipt.drifted, receipt.healed, receipt.deleted.count) == (2, 0, 1)
    assert account.sandbox.contacts() == before
    assert [account.store.people.read(account.number(n)) for n in range(5)] == records
    assert account.store.lanes.depth("contacts") == (0, None)


def test_all_agree_where_nothing_was_altered(account):
    account.customers(range(30), phone="+316123456{n:02d}")
    account.customers(range(30, 40), consent=None)
    account.customers(range(40, 50), consent=WITHDRAWN)

    receipt = account.reconcile(page=7)

    assert (receipt.equal, receipt.drifted, receipt.in_brevo) == (50, 0, 50)
    assert receipt.in_sync_of("shop") == 1.0


def test_a_block_made_in_brevo_is_a_withdrawal_from_then_on(account):
    account.customers([1])
    account.alter(1, emailBlacklisted=True)
    account.mend()

    account.customers([1], before_s=50, consent=None, firstName="New")

    said = account.store.people.read(account.number(1)).said
    assert said["consent.email.withdrawn"].value == ["brevo:found_blocked", "brevo"]
    assert "drift" not in said
    assert account.contact(1)["emailBlacklisted"]
    assert account.contact(1)["attributes"]["FIRSTNAME"] == "New"


def test_whoever_left_one_of_our_lists_in_brevo_has_withdrawn(account):
    account.customers([1, 2])
    account.sandbox.unsubscribe("c1@example.com", list_ids=[LIST])

    receipt = account.mend()

    assert counts(receipt.left) == {"email": 1}
    assert account.contact(1)["emailBlacklisted"]
    assert account.contact(1)["listIds"] == []
    assert not account.contact(2)["emailBlacklisted"]


def test_an_sms_block_goes_both_ways(account):
    account.customers([1], phone="+31612345671")
    account.customers([2], phone="+31612345672")
    account.alter(1, smsBlacklisted=True)

    receipt = account.mend()
    account.alter(1, smsBlacklisted=False)
    again = account.mend()

    assert (counts(receipt.left), counts(again.mailable)) == ({"sms": 1}, {"sms": 1})
    assert account.contact(1)["smsBlacklisted"]
    assert not account.contact(1)["emailBlacklisted"]
    assert account.reconcile().in_sync == 1.0


def test_a_contact_that_was_deleted_is_made_again_only_when_the_customer_changes(account):
    account.customers([1, 2])
    account.delete(1)
    account.mend()

    account.customers([1], before_s=90, consent=None, city="before the deletion")
    assert "c1@example.com" not in account.sandbox.contacts()
    assert account.reconcile().not_in_brevo == {"deleted in Brevo": 1}

    account.customers([1], before_s=0, consent=None, city="after the deletion")
    assert account.contact(1)["attributes"]["CITY"] == "after the deletion"


def test_a_contact_that_is_there_again_is_kept_in_step_again(account):
    account.customers([1, 2])
    account.delete(1)
    account.mend()
    account.sandbox.call("POST", "/v3/contacts", {"email": "c1@example.com", "attributes": {"CITY": "By Hand"}})

    receipt = account.mend()

    assert counts(receipt.by_field) == {"contact": 1, "CITY": 1, "FIRSTNAME": 1, "lists": 1}
    assert account.contact(1)["attributes"] == {"FIRSTNAME": "Name 1", "CITY": "City 1"}
    assert account.reconcile().in_sync == 1.0


def test_contacts_of_others_are_counted_and_left_alone(account):
    account.customers([1])
    account.sandbox.call("POST", "/v3/contacts", {"email": "stranger@example.com"})
    account.sandbox.call("POST", "/v3/contacts", {"attributes": {"SMS": "+31612345678"}})

    receipt = account.mend()

    assert (receipt.in_brevo, receipt.not_ours, receipt.equal) == (3, 2, 1)


def test_people_without_a_contact_are_told_by_why(account):
    account.customers([1])
    account.customers([2], email="")
    account.sandbox.fault("empty_error", status=400, count=1)
    account.customers([3])
    account.sandbox.clear_faults()
    account.customers([4], is_delivered=False)

    receipt = account.reconcile()

    assert receipt.not_in_brevo == {"no address": 1, "parked": 1, "waits for delivery": 1}
    assert (receipt.ours, receipt.equal) == (4, 1)
    # nobody without an address can have a contact; the other two should have one
    assert receipt.in_sync == receipt.in_sync_of("shop") == 1 / 3


def test_a_change_that_waits_is_not_drift(account):
    account.customers([1, 2])
    account.customers([1], before_s=50, firstName="Later", is_delivered=False)

    receipt = account.reconcile()

    assert (receipt.under_way, receipt.equal, receipt.drifted) == (1, 1, 0)
    assert receipt.in_sync == 0.5  # what is only on its way is not in sync yet


def test_a_contact_whose_first_delivery_is_under_way_is_no_strangers(account):
    account.customers([1], is_delivered=False)
    account.sandbox.call("POST", "/v3/contacts", {"email": "c1@example.com"})  # as an import that has not ended

    receipt = account.reconcile()

    assert (receipt.not_ours, receipt.under_way, receipt.ours) == (0, 1, 1)
    assert not receipt.not_in_brevo


def test_who_is_mailable_though_withdrawn_is_told_even_while_a_change_waits(account):
    account.customers([1], consent=WITHDRAWN)
    account.alter(1, emailBlacklisted=False)
    account.customers([1], before_s=50, consent=None, firstName="Later", is_delivered=False)

    receipt = account.mend()

    assert counts(receipt.mailable) == {"email": 1}
    assert account.contact(1)["emailBlacklisted"]


def test_an_opt_in_that_waits_is_no_reason_to_block(account):
    account.customers([1], consent=WITHDRAWN)
    account.alter(1, emailBlacklisted=False)
    account.customers([1], before_s=50, is_delivered=False)

    receipt = account.mend()

    assert counts(receipt.mailable) == {}
    assert not account.contact(1)["emailBlacklisted"]


def test_a_delivery_that_is_newer_than_the_look_wins(account):
    account.customers([1])
    account.alter(1, attributes={"CITY": "By Hand"})
    account.reconcile(heal=True)
    person = account.store.people.read(account.number(1))
    late = replace(person, has=replace(person.has, at_ms=person.has.at_ms + 3_600_000))
    account.store.client.set(keys.person(account.number(1)), account.store.people.encode(late))

    account.rig.deliver()

    assert account.contact(1)["attributes"]["CITY"] == "By Hand"


def test_the_brake_stops_before_anything_is_done(account):
    account.customers(range(60))
    for n in range(51):
        account.alter(n, emailBlacklisted=True)
    account.alter(55, attributes={"CITY": "By Hand"})

    stopped = account.mend()
    at_rest = account.contact(55)["attributes"]["CITY"]
    forced = account.mend(force=True)

    assert "51 people" in stopped.stopped
    assert (stopped.healed, at_rest) == (0, "By Hand")
    assert (forced.stopped, forced.healed) == ("", 52)
    assert account.contact(55)["attributes"]["CITY"] == "City 55"


def test_fifty_may_be_harmed_without_force(account):
    account.customers(range(60))
    for n in range(50):
        account.alter(n, emailBlacklisted=True)

    assert account.mend().stopped == ""


def test_only_the_people_of_one_source_are_compared_where_one_is_named(account):
    account.customers([1, 2], source="shop")
    account.customers([3], source="woo")
    for n in (1, 3):
        account.alter(n, attributes={"CITY": "By Hand"})

    receipt = account.reconcile(only="woo")

    assert (receipt.sources, receipt.ours, receipt.drifted) == (("woo",), 1, 1)
    assert receipt.not_ours == 0


def test_a_receipt_is_kept_without_personal_data_and_gives_the_ratio_of_each_source(account):
    account.customers(range(4), source="shop")
    account.customers([7], source="woo")
    account.alter(1, attributes={"CITY": "By Hand"})

    receipt = account.reconcile()

    receipts = Receipts(account.store.client)
    kept = receipts.find(receipt.id)
    assert kept == receipt.to_json()
    assert kept["by_field"]["CITY"] == {"count": 1, "people": [account.number(1)]}
    assert receipts.in_sync() == {"shop": 0.75, "woo": 1.0}
    assert not any(word in json.dumps(kept) for word in ("example.com", "City", "Name", "By Hand"))


def test_the_last_fifty_receipts_are_kept(account):
    first = account.reconcile()
    for _ in range(50):
        account.reconcile()

    receipts = Receipts(account.store.client)
    assert len(receipts.recent()) == 50
    assert receipts.find(first.id) is None


def test_what_differs_again_after_it_was_mended_is_said(account):
    account.customers([1])
    account.alter(1, attributes={"CITY": "By Hand"})
    account.mend()
    account.alter(1, attributes={"CITY": "By Hand"})

    receipt = account.reconcile()

    assert any(note.startswith("CITY was mended") for note in receipt.notes)


def test_two_do_not_run_at_once(account):
    account.store.client.set(keys.RECONCILE_LOCK, "another")

    with pytest.raises(TryLater, match="running already"):
        account.reconcile()


def test_one_that_stood_still_goes_on_unless_another_has_begun(account):
    account.customers([1])
    lock = keys.RECONCILE_LOCK

    receipt = account.reconcile(progress=lambda *_: account.store.client.delete(lock))
    with pytest.raises(TryLater, match="took over"):
        account.reconcile(progress=lambda *_: account.store.client.set(lock, "another"))

    assert receipt.equal == 1


def test_who_was_erased_before_the_healing_is_left_out(account):
    account.customers([1])
    account.alter(1, attributes={"CITY": "By Hand"})
    number = account.number(1)
    account.store.client.hset("tajo:tomb", f"p:{number}", 1)

    assert account.mend().healed == 0
    assert account.contact(1)["attributes"]["CITY"] == "By Hand"


def test_who_is_not_mended_counts_as_not_in_sync(account):
    account.customers(range(4))
    account.rig.rules = replace(account.rig.rules, update={"shop": False})
    account.alter(1, attributes={"CITY": "By Hand"})

    receipt = account.reconcile()

    assert (receipt.drifted, sum(receipt.refused.values())) == (0, 1)
    assert receipt.in_sync == receipt.in_sync_of("shop") == 0.75


def test_a_change_that_is_parked_counts_as_not_in_sync(account):
    account.customers(range(4))
    account.sandbox.fault("empty_error", status=400, count=1)
    account.customers([1], before_s=50, firstName="Later")
    account.sandbox.clear_faults()

    receipt = account.reconcile()

    assert receipt.refused == {"a change of theirs is parked: `tajo parked list`": 1}
    assert receipt.in_sync == receipt.in_sync_of("shop") == 0.75


def test_the_figure_is_that_of_the_worst_source_with_each_beside_it(account):
    account.customers(range(4), source="shop")
    account.customers(range(4, 6), source="woo")
    for n in (1, 4):
        account.alter(n, attributes={"CITY": "By Hand"})

    receipt = account.reconcile()
    kept = receipt.to_json()

    assert (receipt.in_sync_of("shop"), receipt.in_sync_of("woo"), receipt.in_sync) == (0.75, 0.5, 0.5)
    assert kept["in_sync"] == min(one["in_sync"] for one in kept["by_source"].values())
    assert kept["worst"] == {"source": "woo", "side": "in Brevo", "equal": 1, "compared": 2, "in_sync": 0.5}


def test_a_customer_whose_first_delivery_waits_counts_for_the_source_alone(account):
    account.customers([1], source="shop")
    account.customers([2], source="woo", is_delivered=False)

    receipt = account.reconcile()

    assert (receipt.in_sync_of("shop"), receipt.in_sync_of("woo")) == (1.0, 0.0)
    assert account.reconcile(only="shop").in_sync == 1.0
