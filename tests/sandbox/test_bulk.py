"""What must hold when there is much of it: bodies read in slices, contacts kept in order, rows that come in at once."""

from __future__ import annotations

import json
import random
from array import array

import orjson
import phonenumbers
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from customer_sync.sandbox import identifiers, import_run, imports, slices
from customer_sync.sandbox.contact import Contact, Write
from customer_sync.sandbox.import_run import ImportRun
from customer_sync.sandbox.imports import Import
from customer_sync.sandbox.roll import Roll

ANN = "ann@example.com"
#: Texts and values that look like the seams between rows.
TRICKY = st.sampled_from(
    ["", "},{", '"},{"', '"jsonBody":[', "a\\", [{"x": 1}, {"y": 2}], [[{}, {}]], {"jsonBody": [{}, {}, {}]}, 7]
)
ROWS = st.lists(st.dictionaries(st.sampled_from(["email", "jsonBody", "attributes", "x"]), TRICKY), max_size=12)


@given(ROWS, st.dictionaries(st.sampled_from(["a", "listIds"]), TRICKY), st.integers(0, 30), st.booleans())
@example([{"x": 7}], {"a": {"jsonBody": [{}, {}, {}]}}, 0, False)
def test_a_body_read_in_slices_is_the_body(rows, more, size, is_first):
    body = {"jsonBody": rows, **more} if is_first else {**more, "jsonBody": rows}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slices, "SLICE_BYTES", size)
        read, found = slices.read(orjson.dumps(body))

    assert list(found) == rows
    assert list(found) == rows, "the rows can be gone through again"
    assert {name: value for name, value in read.items() if name != "jsonBody"} == more


def test_a_body_is_cut_where_it_can_be(monkeypatch):
    monkeypatch.setattr(slices, "SLICE_BYTES", 100)
    rows = [{"email": f"a{number}@example.com"} for number in range(50)]

    found = slices.read(orjson.dumps({"jsonBody": rows}))[1]

    assert len(found._parts) > 5
    assert list(found) == rows


@pytest.mark.parametrize("rows", ["[ROW,7]", "[7,ROW]", "[ROW,ROW", "[ROW,ROW]]", '{"a":[ROW,ROW]}'])
def test_a_large_body_that_is_wrong_is_refused_as_a_small_one_is(brevo, monkeypatch, rows):
    monkeypatch.setattr(slices, "SLICE_BYTES", 1)
    rows = rows.replace("ROW", '{"email":"ann@example.com"},{"email":"bob@example.com"}')

    answer = brevo.call("POST", "/contacts/import", f'{{"jsonBody":{rows},"listIds":[2]}}'.encode(), wrong=True)

    assert answer.status_code == 400


def test_phone_numbers_are_judged_as_the_reference_does():
    dice = random.Random(1)
    codes = [str(one) for one in phonenumbers.COUNTRY_CODE_TO_REGION_CODE] * 12 + [str(one) for one in range(1, 999)]
    numbers = [code + "".join(dice.choices("0123456789", k=dice.randint(5, 11))) for code in codes]

    for number in (one for one in numbers if one[0] != "0" and 6 <= len(one) <= 15):
        assert identifiers._is_possible(number) == identifiers._is_possible_at_all(number), number


def rows(*pairs: tuple[str, str]) -> list[dict]:
    return [{"email": email, "attributes": {"SMS": phone} if phone else {}} for email, phone in pairs]


def reports(process: dict) -> set[str]:
    return {report for report, url in process["info"]["import"].items() if url}


def test_of_two_rows_with_one_number_the_first_is_taken(brevo):
    brevo.create(email=ANN)

    process = brevo.do_import(
        jsonBody=rows((ANN, "+33612345678"), ("bob@example.com", "+33612345678"), ("cy@example.com", "+33612345679")),
        listIds=[2],
    )

    assert reports(process) == {"duplicate_phone_id"}
    assert brevo.read(ANN)["attributes"] == {"SMS": "33612345678"}
    assert brevo.call("GET", "/contacts/bob%40example.com").status_code == 404
    found = brevo.control("GET", "/imports")
    assert found == {"rows": 3, "created": 1, "updated": 1, "untouched": 0, "ignored": 0, "refused": 1}


def test_rows_of_known_people_are_untouched_unless_asked(brevo, monkeypatch):
    monkeypatch.setattr(import_run, "SLICE", 2)
    people = [f"p{number}@example.com" for number in range(5)]
    for email in people:
        brevo.create(email=email)
    named = [{"email": email, "attributes": {"FIRSTNAME": "New"}} for email in [*people, ANN]]

    brevo.do_import(jsonBody=named, listIds=[2], updateExistingContacts=False)
    first = [brevo.read(email)["attributes"] for email in [*people, ANN]]
    brevo.do_import(jsonBody=named, listIds=[2])
    twice = brevo.do_import(jsonBody=[*named[:1], *named[:1]], listIds=[2], updateExistingContacts=False)

    assert first == [{}] * 5 + [{"FIRSTNAME": "New"}]
    assert [brevo.read(email)["attributes"] for email in people] == [{"FIRSTNAME": "New"}] * 5
    found = brevo.control("GET", "/imports")
    assert found == {"rows": 14, "created": 1, "updated": 6, "untouched": 6, "ignored": 0, "refused": 1}
    assert reports(twice) == {"duplicate_email_id"}
    assert brevo.call("GET", "/contacts/lists/2/contacts").json["count"] == 6


@pytest.mark.parametrize("is_updating", [True, False])
def test_who_comes_while_an_import_is_read_is_no_new_contact(make_brevo, monkeypatch, is_updating):
    brevo = make_brevo(switches={"import_shared": "refuse"})
    prepare = imports.prepare

    def prepare_slowly(job, attributes, **more):
        yield from prepare(job, attributes, **more)
        write = Write({"email": ANN, "SMS": "33612345678"}, {"LASTNAME": "B"})
        brevo.sandbox.contacts.create(write, brevo.sandbox.now_ms())

    monkeypatch.setattr(imports, "prepare", prepare_slowly)
    people = rows((ANN, ""), ("bob@example.com", "+33612345678"), ("cy@example.com", "+33612345679"))
    process = brevo.do_import(jsonBody=people, listIds=[2], updateExistingContacts=is_updating)

    assert reports(process) == {"duplicate_phone_id"}
    assert brevo.read(ANN)["attributes"] == {"LASTNAME": "B", "SMS": "33612345678"}
    assert brevo.read(ANN)["listIds"] == [2]
    assert brevo.read("cy@example.com")["attributes"] == {"SMS": "33612345679"}


def test_a_block_that_left_is_told_of_when_an_import_brings_the_address_back(brevo):
    brevo.create(email=ANN, emailBlacklisted=True)
    brevo.call("DELETE", f"/contacts/{ANN}")

    brevo.do_import(jsonBody=[{"email": ANN}, {"email": "bob@example.com"}], listIds=[2])

    assert [one["email"] for one in brevo.control("GET", "/mailable")["mailable"]] == [ANN]


def test_the_number_of_a_contact_finds_its_row(brevo):
    number = brevo.create(email=ANN)

    brevo.do_import(jsonBody=[{"id": number, "attributes": {"FIRSTNAME": "Ann"}}, {"id": 99}], listIds=[2])

    assert brevo.read(ANN)["attributes"] == {"FIRSTNAME": "Ann"}
    assert brevo.control("GET", "/imports")["refused"] == 1


def test_nothing_is_kept_of_an_import_but_its_contacts(brevo):
    job = Import(1, 0, [{"email": ANN, "attributes": {"NOPE": "x" * 1000}}], (2,))
    into = ImportRun(job, brevo.sandbox)
    for one in imports.prepare(job, brevo.sandbox.attributes):
        into.add(one)
    into.finish(1)

    assert brevo.sandbox.contacts.find("email", ANN).shown == b"{}"


def test_the_state_can_be_read_in_parts(brevo):
    for number in range(5):
        brevo.create(email=f"a{number}@example.com")

    part = brevo.control("GET", "/state?offset=1&limit=2")

    assert ([one["id"] for one in part["contacts"]], part["count"]) == ([2, 3], 5)


def test_it_can_be_asked_whether_certain_people_became_mailable(brevo):
    for email in (ANN, "bob@example.com"):
        brevo.create(email=email, emailBlacklisted=True)
        brevo.update(email, emailBlacklisted=False)

    assert brevo.control("GET", "/mailable?limit=0") == {"mailable": [], "count": 2}
    assert brevo.control("GET", "/mailable?limit=1")["mailable"][0]["email"] == "bob@example.com"
    assert brevo.control("GET", f"/mailable?email={ANN}&email=cy@example.com")["count"] == 1


def test_processes_are_a_hundred_calls_an_hour(make_brevo):
    brevo = make_brevo(plan="general")

    statuses = [brevo.call("GET", "/processes", query="limit=50").status_code for _ in range(101)]

    assert statuses == [200] * 100 + [429]


def test_a_journal_with_all_identifiers_beside_the_attributes_is_read(make_brevo, tmp_path):
    row = {"identifiers": {"email": ANN, "SMS": "33612345678", "ext_id": "7"}, "at": [1, 2], "attributes": {"A": 1}}
    (tmp_path / "j").write_text(json.dumps(["contacts", 4, row]) + "\n")

    brevo = make_brevo(journal=tmp_path / "j")

    assert brevo.read(ANN)["attributes"] == {"A": 1, "SMS": "33612345678", "EXT_ID": "7"}
    assert brevo.read("33612345678")["id"] == 4


def step(roll: Roll, contact: Contact, what: str, now: int) -> None:
    if what == "touch":
        roll.touch(contact, now)
    elif what == "remove":
        roll.remove(contact)
    elif what == "join" and not contact.list_ids:
        roll.join(2, [contact])
        contact.list_ids = (2,)
    elif what == "leave" and contact.list_ids:
        roll.leave(2, contact)
        contact.list_ids = ()


@given(st.lists(st.tuples(st.integers(1, 8), st.sampled_from(["touch", "join", "leave", "remove"])), max_size=40))
def test_the_roll_is_in_order_whatever_happens(steps):
    roll = Roll()
    roll.add([Contact(number, number, number) for number in (1, 2, 4, 5, 7, 8)])
    for now, (number, what) in enumerate(steps, 10):
        contact = roll.get(number)
        if contact:
            step(roll, contact, what, now)
    if len(steps) % 2:
        roll._forget_overtaken()

    members = [one for one in roll.all if one.list_ids]
    assert (roll.size(2), roll.members(2), roll.union([2, 3])) == (len(members), members, members)
    for at in (0, 4, 12, 30):
        for created in (None, 3, 5):
            for list_id, everyone in ((None, roll.all), (2, members)):
                found = roll.choose(created, at, list_id)
                wanted = [one for one in everyone if one.modified_ms > at and one.created_ms > (created or 0)]
                assert (found[:], len(found), found[1:3], found[-1:]) == (wanted, len(wanted), wanted[1:3], wanted[-1:])


def test_overtaken_notes_of_changes_are_thrown_away():
    roll = Roll()
    roll.add([Contact(1, 1, 1)])
    for now in range(2, 5000):
        roll.touch(roll.all[0], now)

    assert len(roll._notes) < 1100
    assert roll._times == array("q", sorted(roll._times))
    assert roll.choose(None, 4998)[0].id == 1
