"""What is believed of an import that updates after its end: each row by its own address, and by what it shows."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from customer_sync.brevo.contacts.contact_job import prepare
from customer_sync.brevo.contacts.import_update import is_fit_update
from customer_sync.brevo.contacts.read_back import shows
from customer_sync.model import Priority
from customer_sync.store.imports import Imports
from customer_sync.store.items import Item
from tests.bulk.rig import BulkRig, customer, customers
from tests.bulk.test_updates import ONE, change, known, names, withdrawal
from tests.rig import LIST


@pytest.fixture
def rig(client):
    made = BulkRig(client, import_delay_s=1e9)
    yield made
    made.sandbox.close()


def trust_all_as_read(rig, monkeypatch):
    monkeypatch.setattr(rig.reading, "has", lambda numbers: [True] * len(numbers))


def test_a_stranger_on_the_list_does_not_make_up_for_a_missing_row(rig):
    rig.prove()
    known(rig, 8)
    change(rig)
    rig.load()
    (import_,) = rig.imports.under_way()
    rig.carry_out()
    stranger = {"listIds": [import_.list_id], "attributes": {"FIRSTNAME": "X"}}
    rig.call("PUT", "/v3/contacts/p8@example.com", stranger)
    rig.call("DELETE", f"/v3/contacts/{ONE}")

    rig.settle()

    assert names(rig) == ["New"] * 5


@pytest.mark.parametrize("step", [0, 3])
@pytest.mark.parametrize("doors", [("updates", "phones"), ("updates", "phones", "lists")])
def test_a_contact_that_the_import_made_anew_joins_its_lists_again(rig, monkeypatch, doors, step):
    rig.prove(*doors, step=step)
    known(rig)
    rig.call("DELETE", f"/v3/contacts/{ONE}")  # and no webhook came
    trust_all_as_read(rig, monkeypatch)
    change(rig)

    rig.settle()

    assert names(rig) == ["New"] * 5
    assert LIST in rig.contacts()[ONE]["listIds"]
    assert rig.has(ONE).lists == (LIST,)


def test_odd_rows_are_not_forgotten_when_the_worker_dies_after_it_settled_them(rig, monkeypatch):
    rig.prove(step=0)
    known(rig, 8)
    change(rig, 8)
    rig.load()
    rig.carry_out()
    rig.call("PUT", f"/v3/contacts/{ONE}", {"attributes": {"LASTNAME": "odd"}})
    note = Imports.note

    def die(self, import_, **facts):
        if "checked" in facts:
            raise KeyboardInterrupt
        note(self, import_, **facts)

    monkeypatch.setattr(Imports, "note", die)
    with pytest.raises(KeyboardInterrupt):
        rig.look()
    monkeypatch.setattr(Imports, "note", note)
    rig.follow()

    assert rig.store.proofs.read().step == 0


@pytest.mark.parametrize("page", [1000, 2])
@pytest.mark.parametrize("step", [0, 3])
def test_a_phone_that_the_import_did_not_set_goes_singly(rig, monkeypatch, step, page):
    monkeypatch.setattr("customer_sync.brevo.contacts.technical_list.CONTACTS_PAGE", page)
    monkeypatch.setattr("customer_sync.brevo.contacts.update_end.CONTACTS_PAGE", page)
    rig.prove(step=step)
    known(rig)
    rig.put([customer(number, when=-60, lastName="New", phone=f"+3247012345{number}") for number in range(1, 6)])
    rig.load()
    (import_,) = rig.imports.under_way()
    assert import_.kind == "updates"
    rig.carry_out()
    assert rig.contacts()["p5@example.com"]["attributes"]["SMS"]
    rig.call("PUT", "/v3/contacts/p5@example.com", {"attributes": {"SMS": ""}})  # as if Brevo had left it out
    before = rig.calls("POST", "/contacts")

    rig.settle()

    assert rig.contacts()["p5@example.com"]["attributes"]["SMS"] == "32470123455"
    assert rig.calls("POST", "/contacts") == before + 1
    assert rig.book.read(anew=True).updates.is_open


@pytest.mark.parametrize(("step", "rows", "after"), [(0, 5, 1), (0, 4, 0), (1, 10, 1)])
def test_an_opening_size_is_passed_by_an_import_that_is_half_as_large(rig, step, rows, after):
    rig.prove(step=step)
    known(rig, rows)
    change(rig, rows)

    rig.settle()

    assert names(rig, rows) == ["New"] * rows
    assert rig.book.read(anew=True).step == after


def test_whom_live_work_took_back_joins_no_list_by_the_import(rig):
    rig.prove("updates")
    rig.put(customers(5))
    rig.settle()
    rig.sandbox_passes(10)
    change(rig)
    rig.load()
    (import_,) = rig.imports.under_way()
    assert import_.kind == "updates"
    rig.send(withdrawal(1))
    rig.deliver()
    joined = []
    rig.http.before = lambda _, path, body: path.endswith("/contacts/add") and joined.extend(json.loads(body)["emails"])

    rig.follow()

    assert sorted(joined) == [f"p{number}@example.com" for number in range(2, 6)]


@pytest.mark.parametrize(
    ("has", "is_fit"),
    [
        ({}, True),
        ({"blocked": True}, False),
        ({"sms_blocked": True}, False),
        ({"left_lists": {LIST: 1}}, False),
        ({"left_groups": (1,)}, False),
        ({"is_there": False}, False),
    ],
)
def test_who_is_blocked_in_brevo_or_left_something_goes_into_no_import_that_updates(rig, has, is_fit):
    rig.prove()
    rig.put(customers(1))
    rig.settle()
    number, people = rig.store.people.find(ONE), rig.store.people
    person = people.read(number)
    record = people.encode(replace(person, has=replace(person.has, digest="", **has)))
    job = prepare(Item(number, (), (), 0, 0, Priority.BULK, record), people, rig.rules, rig.clock(), frozenset)

    assert job.plan.action == "write"
    assert is_fit_update(job, rig.book.read(), ()) is is_fit


# what counts as sent


@pytest.mark.parametrize(
    ("name", "sent", "shown", "kind", "is_shown"),
    [
        ("CITY", "Ghent", "Ghent ", "text", True),
        ("CITY", "Ghent", "Bruges", "text", False),
        ("CITY", "Ghent", None, "text", False),
        ("VISITS", 5, 5.0, "float", True),
        ("SMS", "+32470123456", "0032470123456", "text", True),
        ("LANDLINE_NUMBER", "+3291234567", "3291234567", "text", True),
        ("SMS", "+32470123456", "32470123457", "text", False),
        ("SMS", "+32470123456", "", "text", False),
        ("EXT_ID", "a-1", "a-1", "text", True),
        ("EXT_ID", "a-1", "a-11", "text", False),
        ("KIND", "north", "north", "category", True),
        ("KIND", "north", 3, "category", True),
        ("KIND", "north", "", "category", True),
        ("KIND", "north", "south", "category", False),
    ],
)
def test_a_contact_shows_what_was_sent_in_its_own_spelling(name, sent, shown, kind, is_shown):
    assert shows(name, sent, shown, kind) == is_shown
