"""Imports that update: only behind a door that was proven, and no row counts before the canaries show that it held."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from customer_sync import pipeline
from customer_sync.brevo.contacts.imports import Terms
from customer_sync.model import Channel, Consent, ConsentState, Event, Kind
from customer_sync.store import keys
from customer_sync.store.lanes import Pace
from tests.bulk.rig import EAGER, LANE, RIDERS, BulkRig, at, customer, customers
from tests.rig import LIST

ONE = "p1@example.com"
IMPORT = "v3/contacts/import"


@pytest.fixture
def rig(client):
    made = BulkRig(client, import_delay_s=1e9)
    yield made
    made.sandbox.close()


def agreed(event, when=-200):
    seen = Consent(Channel.EMAIL, ConsentState.GRANTED, at(when), "form", explicit=True)
    return replace(event, consents=(seen,))


def withdrawal(number, when=-50):
    seen = Consent(Channel.EMAIL, ConsentState.WITHDRAWN, at(when), "form", explicit=True)
    return Event(f"w{number}{when}", "shop", Kind.CONSENT_CHANGED, at(when), str(number), str(number), {}, (seen,))


def sent(rig):
    """The bodies of the imports that are sent from now on."""
    found = []
    rig.http.before = lambda method, path, body: path == IMPORT and found.append(json.loads(body))
    return found


def known(rig, count=5, **more):
    """People who are in Brevo, as we know."""
    rig.put([agreed(one) for one in customers(count, **more)])
    rig.settle()
    rig.sandbox_passes(10)


def change(rig, count=5, when=-60, **more):
    """The same people, changed."""
    rig.put([agreed(customer(number, when=when, lastName="New", **more)) for number in range(1, count + 1)])


def fly(rig, count=5, **more):
    """Let an import that updates be under way, not carried out."""
    rig.prove()
    known(rig, count)
    change(rig, count, **more)
    rig.load()
    (import_,) = rig.imports.under_way()
    assert import_.kind == "updates"


def names(rig, count=5):
    return [rig.contacts()[f"p{number}@example.com"]["attributes"].get("LASTNAME") for number in range(1, count + 1)]


# what goes


def test_changed_people_go_in_one_import_between_the_canaries(rig):
    rig.prove()
    known(rig)
    before = rig.calls("POST", "/contacts")
    bodies = sent(rig)
    change(rig)

    rig.settle()

    (body,) = bodies
    assert body["updateExistingContacts"] is True
    assert body["emptyContactsAttributes"] is False
    assert body["disableNotification"] is True
    assert not [name for name in body if "lacklist" in name or "onsent" in name]
    emails = [row["email"] for row in body["jsonBody"]]
    assert (emails[0], emails[-1]) == (RIDERS[0][1], RIDERS[1][1])
    assert len(emails) == 7
    assert len({row["attributes"]["TAJO_PROOF"] for row in (body["jsonBody"][0], body["jsonBody"][-1])}) == 1
    assert names(rig) == ["New"] * 5
    assert rig.calls("POST", "/contacts") == before
    assert rig.counted()["tajo_import_rows_total|updated"] == 5
    assert not rig.client.hgetall(keys.lane(LANE, "mark"))


@pytest.mark.parametrize("doors", [(), ("phones", "lists")])
def test_without_the_door_changed_people_go_one_by_one(rig, doors):
    if doors:
        rig.prove(*doors)
    known(rig)
    bodies = sent(rig)
    change(rig)

    rig.settle()

    assert bodies == []
    assert names(rig) == ["New"] * 5


def test_the_next_run_finds_them_unchanged(rig):
    rig.prove()
    known(rig)
    change(rig)
    rig.settle()
    before = rig.call("GET", "/sandbox/calls?limit=0")["totals"]

    change(rig, when=-50)
    rig.settle()

    assert rig.counted()["tajo_items_total|contacts|unchanged"] == 5
    assert rig.call("GET", "/sandbox/calls?limit=0")["totals"] == before


def test_creates_and_updates_never_share_an_import(rig):
    rig.prove()
    known(rig)
    bodies = sent(rig)
    change(rig, 9)

    rig.settle()

    assert sorted((body["updateExistingContacts"], len(body["jsonBody"])) for body in bodies) == [(False, 4), (True, 7)]
    assert names(rig, 9) == ["New"] * 9


def others(rig, count=5):
    """Contacts that were in Brevo before us."""
    for number in range(1, count + 1):
        rig.call("POST", "/v3/contacts", {"email": f"p{number}@example.com", "attributes": {"FIRSTNAME": "Old"}})


def test_who_was_in_brevo_before_us_is_updated_by_an_import_too(rig):
    rig.prove()
    others(rig)
    before, bodies = rig.calls("POST", "/contacts"), sent(rig)
    change(rig)

    rig.settle()

    assert [(body["updateExistingContacts"], len(body["jsonBody"])) for body in bodies] == [(False, 5), (True, 7)]
    assert names(rig) == ["New"] * 5
    assert rig.calls("POST", "/contacts") == before
    assert rig.client.hgetall(keys.lane(LANE, "mark")) == {}
    assert all(LIST in contact["listIds"] for email, contact in rig.contacts().items() if email.startswith("p"))


def test_without_the_door_who_was_in_brevo_before_us_goes_alone(rig):
    others(rig)
    bodies = sent(rig)
    change(rig)

    rig.settle()

    assert [body["updateExistingContacts"] for body in bodies] == [False]
    assert names(rig) == ["New"] * 5


def test_who_left_in_brevo_before_us_goes_into_no_import_that_updates(rig):
    rig.prove()
    rig.call("POST", "/sandbox/switches", {"import_blocks": "lift_both"})
    others(rig)
    rig.call("POST", "/sandbox/unsubscribe", {"email": ONE})
    bodies = sent(rig)
    change(rig)

    rig.settle()

    assert [body["updateExistingContacts"] for body in bodies] == [False, True]
    assert ONE not in [row["email"] for row in bodies[1]["jsonBody"]]
    assert rig.contacts()[ONE]["emailBlacklisted"] is True


def test_whom_the_read_could_not_know_yet_waits_for_another_one(rig):
    rig.prove()
    known(rig)
    rig.reading.known_to = 2
    change(rig)
    bodies = sent(rig)

    rig.settle()

    assert rig.reading.steps == 1
    assert sum(len(body["jsonBody"]) - 2 for body in bodies) == 5
    assert names(rig) == ["New"] * 5


def test_few_whom_the_read_could_not_know_yet_go_alone(rig):
    rig.prove()
    known(rig)
    rig.reading.known_to, rig.reading.calls = 2, 100
    bodies = sent(rig)
    change(rig)

    rig.settle()

    assert rig.reading.steps == 0
    assert [len(body["jsonBody"]) for body in bodies] == [4]
    assert names(rig) == ["New"] * 5


def test_who_was_not_read_unblocked_goes_alone(rig):
    rig.prove()
    known(rig)
    rig.call("POST", "/sandbox/unsubscribe", {"email": ONE})  # and no webhook came
    bodies = sent(rig)
    change(rig)

    rig.settle()

    assert ONE not in [row["email"] for row in bodies[0]["jsonBody"]]
    assert rig.contacts()[ONE]["emailBlacklisted"]


def test_who_withdrew_before_goes_alone(rig):
    rig.prove()
    known(rig)
    rig.send(withdrawal(1))
    bodies = sent(rig)
    change(rig)

    rig.settle()

    assert [len(body["jsonBody"]) for body in bodies] == [6]
    assert rig.contacts()[ONE]["emailBlacklisted"]


def test_who_has_a_value_emptied_or_leaves_a_list_goes_alone(rig):
    rig.prove()
    known(rig, city="Ghent")
    bodies = sent(rig)
    unknown = Consent(Channel.EMAIL, ConsentState.UNKNOWN, at(-50), "record")
    rig.put([customer(1, when=-60, city=None), replace(customer(2, when=-60), consents=(unknown,))])
    rig.put([customer(3, when=-60, lastName="New")])

    rig.settle()

    assert [row["email"] for body in bodies for row in body["jsonBody"]][1:-1] == ["p3@example.com"]
    assert "CITY" not in rig.contacts()[ONE]["attributes"]
    assert LIST not in rig.contacts()["p2@example.com"]["listIds"]


def test_whom_the_operator_does_not_want_updated_is_not(rig):
    rig.prove()
    known(rig)
    rig.rules = replace(rig.rules, update={"shop": False})
    bodies = sent(rig)
    change(rig)

    rig.settle()

    assert bodies == []
    assert names(rig) == [None] * 5


def test_a_phone_that_brevo_has_already_keeps_nobody_out_and_is_in_no_row(rig):
    rig.prove("updates")
    known(rig, phone=None)
    rig.put([customer(number, when=-80, phone=f"+3247012345{number}") for number in range(1, 6)])
    rig.settle()
    bodies, before = sent(rig), rig.calls("POST", "/contacts")
    change(rig)

    rig.settle()

    (body,) = bodies
    assert len(body["jsonBody"]) == 7
    assert not [row for row in body["jsonBody"] if "SMS" in row["attributes"]]
    assert rig.calls("POST", "/contacts") == before
    assert rig.contacts()[ONE]["attributes"]["SMS"] == "32470123451"
    assert names(rig) == ["New"] * 5
    change(rig, when=-40)
    rig.settle()
    assert rig.calls("POST", "/contacts") == before


def test_a_phone_that_changes_goes_alone_where_rows_carry_none(rig):
    rig.prove("updates")
    known(rig, phone="+32470123451", count=1)
    bodies = sent(rig)
    change(rig, 1, phone="+32470123459")

    rig.settle()

    assert bodies == []
    assert rig.contacts()[ONE]["attributes"]["SMS"] == "32470123459"


def test_a_first_phone_goes_along_where_rows_carry_phones(rig):
    rig.prove()
    rig.sandbox.switches.import_shared = "refuse"
    known(rig)
    bodies = sent(rig)
    change(rig, 1, phone="+32470123459")

    rig.settle()

    assert bodies[0]["jsonBody"][1]["attributes"]["SMS"] == "+32470123459"
    assert rig.contacts()[ONE]["attributes"]["SMS"] == "32470123459"


def test_a_first_phone_goes_alone_where_only_the_operator_answers_for_phones(rig):
    rig.book._trusts_phones = True
    rig.prove("updates", "lists")
    bodies = sent(rig)
    known(rig)
    rig.put([customer(number, phone=f"+3247012345{number}") for number in range(6, 10)])
    rig.settle()
    change(rig, 1, phone="+32470123451")
    rig.settle()

    rows = [(body["updateExistingContacts"], row) for body in bodies for row in body["jsonBody"]]
    assert [is_update for is_update, row in rows if "SMS" in row["attributes"]] == [False] * 4
    assert rig.contacts()[ONE]["attributes"]["SMS"] == "32470123451"


# lists


@pytest.mark.parametrize("kind", ["creates", "updates"])
def test_with_the_door_closed_people_join_their_lists_after_their_row(rig, kind):
    rig.prove("updates")
    if kind == "updates":
        rig.put(customers(5))
        rig.settle()
    bodies = sent(rig)
    change(rig)

    rig.settle()

    assert all(len(body["listIds"]) == 1 for body in bodies)
    assert rig.calls("POST", "/contacts/lists/{list_id}/contacts/add") == 1
    assert all(LIST in rig.contacts()[f"p{number}@example.com"]["listIds"] for number in range(1, 6))
    assert rig.has(ONE).lists == (LIST,)
    assert rig.calls("GET", "/contacts/{identifier}") == (2 if kind == "updates" else 0)  # the riders


def test_with_the_door_open_only_an_import_that_creates_puts_people_on_their_lists(rig):
    rig.prove()
    rig.put(customers(5))
    rig.settle()
    bodies = sent(rig)
    change(rig, 9)

    rig.settle()

    assert sorted((body["updateExistingContacts"], len(body["listIds"])) for body in bodies) == [(False, 2), (True, 1)]
    assert rig.calls("POST", "/contacts/lists/{list_id}/contacts/add") == 1
    assert all(LIST in rig.contacts()[f"p{number}@example.com"]["listIds"] for number in range(1, 10))
    assert not [email for _, email, _ in RIDERS if LIST in rig.contacts()[email]["listIds"]]


DOORS = [("phones",), ("updates", "phones"), ("updates", "phones", "lists")]


def leave_list(rig):
    rig.call("POST", "/sandbox/unsubscribe", {"email": ONE, "list_ids": [LIST]})


def take_off_list(rig):
    rig.call("POST", f"/v3/contacts/lists/{LIST}/contacts/remove", {"emails": [ONE]})


@pytest.mark.parametrize("doors", DOORS)
@pytest.mark.parametrize("how", [leave_list, take_off_list])
def test_who_left_a_list_after_the_read_stays_off_it(rig, monkeypatch, doors, how):
    rig.prove(*doors)
    known(rig)
    monkeypatch.setattr(rig.reading, "has", lambda numbers: [True] * len(numbers))
    how(rig)  # and no webhook came
    change(rig)

    rig.settle()

    assert names(rig)[0] == "New"
    assert LIST not in rig.contacts()[ONE]["listIds"]


@pytest.mark.parametrize("how", [leave_list, take_off_list])
def test_who_leaves_a_list_while_an_import_runs_stays_off_it(rig, how):
    fly(rig)
    how(rig)

    rig.carry_out()
    rig.follow()
    rig.settle()

    assert names(rig)[0] == "New"
    assert LIST not in rig.contacts()[ONE]["listIds"]


# how many


def unread(rig, calls):
    """Five people, changed, of whom nobody was read; a read takes three steps and so many calls."""
    rig.prove()
    known(rig)
    rig.reading.is_fresh, rig.reading.takes, rig.reading.calls = False, 3, calls
    bodies = sent(rig)
    change(rig)
    return bodies


def test_a_read_is_done_first_where_enough_people_wait(rig):
    bodies = unread(rig, calls=2)

    rig.load()
    assert (rig.reading.steps, bodies) == (0, [])
    rig.settle()

    assert rig.reading.steps == 3
    assert [len(body["jsonBody"]) for body in bodies] == [7]


def test_few_people_are_not_worth_a_read(rig):
    bodies = unread(rig, calls=3)

    rig.settle()

    assert (rig.reading.steps, bodies) == (0, [])
    assert names(rig) == ["New"] * 5


def test_few_rows_are_sent_one_by_one(client):
    rig = BulkRig(client, terms=Terms(min_rows=6, pace=EAGER.pace))
    rig.prove()
    known(rig)
    bodies = sent(rig)
    change(rig)

    rig.settle()

    assert bodies == []
    assert names(rig) == ["New"] * 5


@pytest.mark.parametrize("step", [0, 1, 2])
def test_the_first_imports_are_small_and_each_of_their_rows_is_read(rig, step, monkeypatch):
    sizes = (4, 8, 12)
    monkeypatch.setattr("customer_sync.brevo.proof.doors.OPENING", sizes)
    monkeypatch.setattr("customer_sync.brevo.contacts.imports.OPENING", sizes)
    monkeypatch.setattr("customer_sync.brevo.contacts.update_end.OPENING", sizes)
    rig.prove()
    known(rig, 30)
    rig.prove(step=step)
    bodies, before = sent(rig), rig.calls("GET", "/contacts/{identifier}")
    change(rig, 30)
    rig.load()
    assert len(bodies) == 1
    rig.follow()

    assert len(bodies[0]["jsonBody"]) == sizes[step] + 2
    assert rig.calls("GET", "/contacts/{identifier}") - before == sizes[step] + 2
    assert rig.book.read(anew=True).step == step + 1
    rig.settle()
    assert names(rig, 30) == ["New"] * 30
    assert rig.book.read(anew=True).step == 3


# proof


def test_no_row_counts_before_the_canaries_show_the_nonce(rig):
    fly(rig)
    rig.sandbox.switches.import_reads = "late"
    rig.carry_out()
    digest = rig.has(ONE).digest

    rig.look()

    assert rig.imports.ids()
    assert rig.has(ONE).digest == digest
    rig.sandbox_passes(61)
    rig.look()
    assert not rig.imports.ids()
    assert rig.has(ONE).digest != digest
    assert rig.book.read(anew=True).updates.is_open


def age_end(rig, seconds):
    for import_ in rig.imports.ids():
        ended = int(rig.client.hget(keys.import_key(import_), "ended"))
        rig.client.hset(keys.import_key(import_), "ended", ended - int(seconds * 1000))


def test_canaries_that_never_show_the_nonce_close_the_door_and_rows_go_alone(rig):
    fly(rig)
    rig.sandbox.switches.import_ignores = "canary-*"
    rig.carry_out()
    rig.look()
    assert rig.imports.ids()
    age_end(rig, 301)

    rig.look()

    assert rig.book.read(anew=True).updates.why == "unclear"
    assert rig.book.read().lists.is_open
    before = rig.calls("POST", "/contacts")
    rig.settle()
    assert rig.calls("POST", "/contacts") == before + 5
    assert names(rig) == ["New"] * 5


def flip(rig):
    rig.sandbox.switches.import_blocks = "lift_both"


def test_a_canary_that_lost_its_block_closes_all_doors_and_tells_it(rig):
    fly(rig)
    flip(rig)
    rig.carry_out()

    rig.look()

    doors = rig.book.read(anew=True)
    assert [doors.updates.why, doors.phones.why, doors.lists.why] == ["flipped"] * 3
    assert any("Canary A is not blocked any more" in one["alert"] for one in rig.store.ledger.alerts())
    rig.settle()
    assert names(rig) == ["New"] * 5
    bodies = sent(rig)
    change(rig, when=-10)
    rig.settle()
    assert bodies == []


def test_rows_that_the_listing_does_not_show_go_alone(rig):
    fly(rig)
    rig.sandbox.switches.import_ignores = ONE
    rig.carry_out()
    before = rig.calls("POST", "/contacts")

    rig.settle()

    assert rig.calls("POST", "/contacts") == before + 1
    assert names(rig) == ["New"] * 5
    assert rig.book.read(anew=True).updates.is_open


def test_rows_that_do_not_show_what_was_sent_keep_an_opening_size_from_counting(rig):
    rig.prove()
    known(rig)
    rig.prove(step=0)
    rig.sandbox.switches.import_ignores = ONE
    change(rig)

    rig.settle()

    assert names(rig) == ["New"] * 5
    assert rig.book.read(anew=True).step == 0


def test_many_rows_that_do_not_show_what_was_sent_close_the_door(rig):
    rig.prove()
    known(rig)
    rig.prove(step=0)
    rig.sandbox.switches.import_ignores = "p*"
    change(rig)

    rig.settle()

    assert rig.book.read(anew=True).updates.why == "contradicted"
    assert names(rig) == ["New"] * 5


@pytest.mark.parametrize("step", [0, 3])
def test_a_block_that_nobody_told_of_is_found_after_the_import(rig, step):
    rig.prove()
    known(rig)
    rig.prove(step=step)
    change(rig)
    rig.load()
    rig.call("POST", "/sandbox/unsubscribe", {"email": ONE})

    rig.settle()

    assert rig.has(ONE).blocked
    assert rig.contacts()[ONE]["emailBlacklisted"]
    change(rig, when=-10)
    rig.settle()
    assert rig.contacts()[ONE]["emailBlacklisted"]


def test_a_door_that_closes_between_the_load_and_the_call_keeps_the_import_back(rig):
    rig.prove()
    known(rig)
    bodies = sent(rig)

    def close(method, path, _):
        if path.startswith("v3/contacts/lists/") and method == "GET":
            rig.book.close("flipped", "a test")

    rig.http.before = close
    change(rig)

    rig.settle()

    assert bodies == []
    assert rig.calls("POST", "/contacts/import") == 1  # the one that created them
    assert names(rig) == ["New"] * 5
    assert not rig.client.hgetall(keys.lane(LANE, "mark"))


@pytest.mark.parametrize("door", ["lists", "phones"])
def test_rows_that_were_made_for_a_door_that_closed_are_not_sent(rig, door):
    rig.sandbox.switches.import_shared = "refuse"
    rig.prove()
    bodies = sent(rig)
    keep = rig.http.before

    def close(method, path, body):
        if path.startswith("v3/contacts/lists/") and method == "GET":
            rig.book.close("failed", "a test", (door,))
        keep(method, path, body)

    rig.http.before = close
    rig.put([agreed(customer(1, phone="+32470123451"))])

    rig.settle()

    assert not any(len(body["listIds"]) > 1 for body in bodies if door == "lists")
    assert not any("SMS" in row["attributes"] for body in bodies for row in body["jsonBody"] if door == "phones")
    assert rig.contacts()[ONE]["attributes"]["SMS"] == "32470123451"
    assert LIST in rig.contacts()[ONE]["listIds"]


def test_the_next_import_is_prepared_while_one_runs(rig):
    fly(rig)
    rig.put([agreed(one) for one in customers(9, when=-60, lastName="New")][5:])
    rig.load()
    assert rig.calls("POST", "/contacts/import") == 2
    kept = rig.line.gears[LANE]._loader._kept
    assert [len(load.rows) for load in kept.loads.take_out()] == [4]


def test_a_prepared_load_whose_read_has_expired_waits_for_another_read(rig):
    rig.prove()
    known(rig, 9)
    change(rig)
    rig.load()
    rig.put([agreed(customer(number, when=-50, lastName="New")) for number in range(6, 10)])
    rig.load()
    kept = rig.line.gears[LANE]._loader._kept
    assert kept is not None
    assert len(kept.loads.targets) == 4
    rig.reading.is_fresh, rig.reading.takes = False, 1
    before = rig.calls("POST", "/contacts"), rig.calls("POST", "/contacts/import")

    rig.settle()

    assert (rig.calls("POST", "/contacts"), rig.calls("POST", "/contacts/import")) == (before[0], before[1] + 1)
    assert rig.reading.steps == 1
    assert names(rig, 9) == ["New"] * 9


def test_a_read_that_expires_between_the_load_and_the_call_is_made_again(rig):
    rig.prove()
    known(rig)
    bodies = sent(rig)
    keep = rig.http.before

    def expire(method, path, body):
        if path.startswith("v3/contacts/lists/") and method == "GET" and not rig.reading.steps:
            rig.reading.is_fresh, rig.reading.takes = False, 1
        keep(method, path, body)

    rig.http.before = expire
    before = rig.calls("POST", "/contacts")
    change(rig)

    rig.settle()

    assert rig.reading.steps == 1
    assert [len(body["jsonBody"]) for body in bodies] == [7]
    assert rig.calls("POST", "/contacts") == before
    assert not rig.client.hgetall(keys.lane(LANE, "mark"))


def test_a_load_larger_than_the_opening_size_by_then_is_not_sent(rig):
    rig.prove()
    known(rig, 12)
    bodies = sent(rig)
    keep = rig.http.before

    def narrow(method, path, body):
        if path.startswith("v3/contacts/lists/") and method == "GET":
            rig.client.hset(keys.PROOF, "step", 0)
        keep(method, path, body)

    rig.http.before = narrow
    change(rig, 12)

    rig.settle()

    assert not [body for body in bodies if len(body["jsonBody"]) > 12]
    assert names(rig, 12) == ["New"] * 12


def test_an_import_that_brevo_refuses_leaves_no_mark(rig):
    rig.prove()
    known(rig)
    rig.answer(IMPORT, 400, {"code": "invalid_parameter", "message": "no"})
    change(rig)

    rig.settle()

    assert names(rig) == ["New"] * 5
    assert not rig.client.hgetall(keys.lane(LANE, "mark"))


def test_what_an_import_overwrote_is_sent_again_although_the_next_import_is_not_sent(client):
    rig = BulkRig(client, import_delay_s=1e9, terms=replace(EAGER, pace=Pace(1, 0.0, 0)))
    fly(rig)
    rig.send(agreed(customer(1, when=-30, lastName="Newest"), when=-200))
    rig.deliver()
    rig.carry_out()
    while rig.imports.ids():
        rig.look()
    assert names(rig)[0] == "New"
    rig.http.before = lambda _method, path, _body: (
        path.startswith("v3/contacts/lists/") and rig.book.close("flipped", "x")
    )

    rig.load()

    assert not rig.book.read().updates.is_open
    rig.http.before = lambda *_: None
    rig.settle()
    assert names(rig)[0] == "Newest"
    assert not rig.client.hgetall(keys.lane(LANE, "mark"))
    rig.sandbox.close()


def test_an_import_that_failed_is_tried_again(rig):
    fly(rig)
    rig.answer("v3/processes", 200, {"processes": [{"id": 2, "name": "IMPORTUSER", "status": "failed"}]})
    (import_,) = rig.imports.under_way()
    assert import_.process == 2
    rig.look()

    rig.settle()

    assert names(rig) == ["New"] * 5
    assert not rig.client.hgetall(keys.lane(LANE, "mark"))


# single work beside it


@pytest.mark.parametrize(("state", "is_sent"), [("opened", 0), ("sent", 1), ("ended", 0), ("overdue", 1)])
def test_single_work_leaves_the_limit_to_an_import_that_is_begun_or_read_back(rig, state, is_sent):
    fly(rig)
    (import_,) = rig.imports.under_way()
    rig.put([customer(9)])
    rig.client.hset(keys.lane(LANE, "tries"), 6, 3)  # goes alone
    rig.load()
    rig.imports.note(import_, state=state)
    before = rig.calls("POST", "/contacts")

    assert pipeline.single(rig.line, LANE).did_work == bool(is_sent)
    assert rig.calls("POST", "/contacts") == before + is_sent


def test_a_withdrawal_does_not_wait_for_that(rig):
    fly(rig)
    (import_,) = rig.imports.under_way()
    rig.imports.note(import_, state="ended")
    rig.send(withdrawal(1))

    pipeline.deliver(rig.line, LANE)

    assert rig.contacts()[ONE]["emailBlacklisted"]
