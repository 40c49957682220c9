"""Every way in which Brevo might answer an import, each behind a switch."""

from __future__ import annotations

from itertools import combinations

import pytest

ANN, BOB = "ann@example.com", "bob@example.com"
PHONE = "+33612345678"
#: An identifier of each kind, from the highest to the lowest: whom it belongs to, and how a row names it.
RANKED = {
    "EXT_ID": ({"ext_id": "7"}, {"EXT_ID": "7"}),
    "email": ({"email": ANN}, {"EMAIL": ANN}),
    "SMS": ({"attributes": {"SMS": PHONE}}, {"SMS": PHONE}),
    "WHATSAPP": ({"email": "w@example.com", "attributes": {"WHATSAPP": PHONE}}, {"WHATSAPP": PHONE}),
    "LANDLINE_NUMBER": ({"ext_id": "l", "attributes": {"LANDLINE_NUMBER": PHONE}}, {"LANDLINE_NUMBER": PHONE}),
}


def load(brevo, *rows: dict, **more) -> dict:
    return brevo.do_import(jsonBody=list(rows), listIds=[2], **more)


def oracle(brevo) -> list[tuple[str, str]]:
    return [(one["how"], one["by"]) for one in brevo.control("GET", "/mailable")["mailable"]]


@pytest.mark.parametrize(
    ("way", "blocks"),
    [
        ("keep", (True, True)),
        ("lift_email", (False, True)),
        ("lift_sms", (True, False)),
        ("lift_both", (False, False)),
    ],
)
def test_an_import_with_updates_keeps_blocks_or_lifts_them(brevo, way, blocks):
    brevo.switch(import_blocks=way)
    brevo.create(email=ANN, emailBlacklisted=True, smsBlacklisted=True)

    load(brevo, {"email": ANN, "attributes": {"FIRSTNAME": "Ann"}})

    contact = brevo.read(ANN)
    assert contact["attributes"] == {"FIRSTNAME": "Ann"}
    assert (contact["emailBlacklisted"], contact["smsBlacklisted"]) == blocks
    assert oracle(brevo) == ([] if blocks[0] else [("import", "POST /contacts/import (process 1)")])


@pytest.mark.parametrize("way", ["keep", "lift_both"])
def test_an_import_without_updates_touches_no_block(brevo, way):
    brevo.switch(import_blocks=way)
    brevo.create(email=ANN, emailBlacklisted=True)

    load(brevo, {"email": ANN}, updateExistingContacts=False)

    assert brevo.read(ANN)["emailBlacklisted"] is True


@pytest.mark.parametrize(("higher", "lower"), list(combinations(RANKED, 2)))
def test_of_two_contacts_that_a_row_joins_the_one_with_the_higher_identifier_is_kept(brevo, higher, lower):
    kept, lost = brevo.create(**RANKED[higher][0]), brevo.create(**RANKED[lower][0])
    row = {"attributes": {**RANKED[higher][1], **RANKED[lower][1], "FIRSTNAME": "One"}}

    load(brevo, row, {"email": BOB})

    assert brevo.read(kept)["attributes"]["FIRSTNAME"] == "One"
    assert brevo.call("GET", f"/contacts/{lost}").status_code == 404
    assert brevo.call("GET", "/contacts").json["count"] == 2


def test_brevos_own_number_stands_above_all_identifiers(brevo):
    first, second = brevo.create(email=ANN), brevo.create(email=BOB)

    load(brevo, {"id": second, "email": ANN})

    assert brevo.call("GET", f"/contacts/{first}").status_code == 404
    assert brevo.read(second)["email"] == ANN


def test_a_merge_deletes_a_contact_with_its_block_and_tells_nobody(brevo, receiver):
    hook = {"url": receiver.url, "events": ["contactDeleted"], "type": "marketing"}
    assert brevo.call("POST", "/webhooks", hook).status_code == 201
    brevo.create(email=ANN)
    brevo.create(email=BOB, attributes={"SMS": PHONE}, emailBlacklisted=True)

    process = load(brevo, {"email": ANN, "attributes": {"SMS": PHONE}})
    brevo.create(email=BOB)

    assert set(process["info"]["import"].values()) == {None}
    assert brevo.read(ANN)["attributes"] == {"SMS": PHONE.lstrip("+")}
    assert oracle(brevo) == [
        ("merge", "POST /contacts/import (process 1)"),
        ("recreated", "POST /contacts"),
    ]
    assert receiver.bodies == []


def test_a_merge_happens_even_when_contacts_are_not_to_be_updated(brevo):
    brevo.create(email=ANN)
    brevo.create(email=BOB, attributes={"SMS": PHONE})

    load(brevo, {"email": ANN, "attributes": {"SMS": PHONE, "FIRSTNAME": "New"}}, updateExistingContacts=False)

    assert brevo.call("GET", f"/contacts/{BOB}").status_code == 404
    assert brevo.read(ANN)["attributes"] == {"SMS": PHONE.lstrip("+")}


def test_a_shared_phone_gives_one_person_the_address_of_another(brevo):
    number = brevo.create(email=ANN, attributes={"SMS": PHONE, "FIRSTNAME": "Ann"}, emailBlacklisted=True)

    load(brevo, {"email": BOB, "attributes": {"SMS": PHONE}})

    assert brevo.read(BOB)["id"] == number
    assert brevo.read(BOB)["attributes"]["FIRSTNAME"] == "Ann"
    assert [how for how, _ in oracle(brevo)] == ["rename"]


def test_two_rows_of_one_import_never_merge(brevo):
    process = load(brevo, *({"email": email, "attributes": {"SMS": PHONE}} for email in (ANN, BOB)))

    assert process["info"]["import"]["duplicate_phone_id"]
    assert brevo.call("GET", "/contacts").json["count"] == 1


@pytest.mark.parametrize("kinds", [("emailBlacklisted",), ("smsBlacklisted",), ("emailBlacklisted", "smsBlacklisted")])
def test_an_import_can_lift_only_the_blocks_that_were_set_while_it_waited(make_brevo, kinds):
    brevo = make_brevo(switches={"import_blocks": "lift_new"}, import_delay_s=5)
    flags = dict.fromkeys(kinds, True)
    brevo.create(email=ANN, **flags)
    brevo.create(email=BOB)
    rows = [{"email": email, "attributes": {"FIRSTNAME": "New"}} for email in (ANN, BOB)]
    brevo.call("POST", "/contacts/import", {"jsonBody": rows, "listIds": [2]})
    brevo.update(BOB, **flags)
    brevo.clock.sleep(5)

    found = [brevo.read(email) for email in (ANN, BOB)]
    assert [one["attributes"] for one in found] == [{"FIRSTNAME": "New"}] * 2
    assert [[one[kind] for kind in kinds] for one in found] == [[True] * len(kinds), [False] * len(kinds)]


@pytest.mark.parametrize(
    ("way", "kept"), [("drop", {"OLD": False}), ("keep", {"OLD": False, "VIP": True}), ("drop_all", {})]
)
def test_booleans_are_dropped_or_taken(brevo, way, kept):
    brevo.switch(import_booleans=way)
    for name in ("VIP", "OLD"):
        brevo.attribute(name, "boolean")

    load(brevo, {"email": ANN, "attributes": {"VIP": True, "OLD": "no"}})

    assert brevo.read(ANN)["attributes"] == kept


@pytest.mark.parametrize(("way", "lists"), [("add", [3, 2]), ("replace", [2])])
def test_lists_are_added_or_replaced(brevo, way, lists):
    brevo.switch(import_lists=way)
    brevo.create(email=ANN, listIds=[3])

    load(brevo, {"email": ANN})

    assert brevo.read(ANN)["listIds"] == lists
    assert brevo.call("GET", "/contacts/lists/3/contacts").json["count"] == len(lists) - 1


@pytest.mark.parametrize(("way", "left"), [("keep", [2]), ("reset", [])])
def test_who_left_a_list_is_put_back_on_it_and_that_is_counted(brevo, way, left):
    brevo.switch(import_left_lists=way)
    brevo.create(email=ANN, listIds=[2])
    brevo.control("POST", "/unsubscribe", {"email": ANN, "list_ids": [2]})

    load(brevo, {"email": ANN})

    contact = brevo.read(ANN)
    assert (contact["listIds"], contact["listUnsubscribed"]) == ([2], left)
    assert oracle(brevo) == [("list", "POST /contacts/import (process 1)")]


@pytest.mark.parametrize(("way", "on"), [("add", [2]), ("leave", [])])
def test_an_import_that_updates_nobody_puts_contacts_on_its_lists_or_not(brevo, way, on):
    brevo.switch(import_untouched_lists=way)
    brevo.create(email=ANN)

    load(brevo, {"email": ANN, "attributes": {"FIRSTNAME": "New"}}, updateExistingContacts=False)

    contact = brevo.read(ANN)
    assert (contact["listIds"], contact["attributes"]) == (on, {})
    assert brevo.call("GET", "/contacts/lists/2/contacts").json["count"] == len(on)
    assert brevo.control("GET", "/imports")["untouched"] == 1


@pytest.mark.parametrize(
    ("ways", "on", "left", "counted"),
    [
        ({"relisting": "list"}, [2], [2], 1),
        ({"relisting": "forget"}, [2], [], 1),
        ({"relisting": "ignore"}, [], [2], 0),
        ({"import_untouched_lists": "leave"}, [], [2], 0),
    ],
)
def test_who_left_a_list_may_be_put_back_by_an_import_that_updates_nobody(brevo, ways, on, left, counted):
    brevo.switch(**ways)
    brevo.create(email=ANN, listIds=[2])
    brevo.control("POST", "/unsubscribe", {"email": ANN, "list_ids": [2]})

    load(brevo, {"email": ANN}, updateExistingContacts=False)

    contact = brevo.read(ANN)
    assert (contact["listIds"], contact["listUnsubscribed"]) == (on, left)
    assert oracle(brevo) == [("list", "POST /contacts/import (process 1)")] * counted


@pytest.mark.parametrize(
    ("way", "kept"),
    [
        ("as_told", {"FIRSTNAME": "Ann", "LASTNAME": "A", "JOB_TITLE": "Owner", "LINKEDIN": "new"}),
        ("sent_empty", {"JOB_TITLE": "Owner", "LINKEDIN": "new"}),
        ("not_sent", {"LINKEDIN": "new"}),
    ],
)
def test_an_import_that_is_not_to_empty_anything_may_do_so_all_the_same(brevo, way, kept):
    brevo.switch(import_empties=way)
    old = {"FIRSTNAME": "Ann", "LASTNAME": "A", "JOB_TITLE": "Owner", "SMS": PHONE}
    brevo.create(email=ANN, attributes=old)

    row = {"email": ANN, "attributes": {"FIRSTNAME": "", "LASTNAME": None, "LINKEDIN": "new"}}
    load(brevo, row, emptyContactsAttributes=False)

    assert brevo.read(ANN)["attributes"] == {**kept, "SMS": PHONE.lstrip("+")}


def test_an_import_can_pass_over_rows_without_a_word(brevo):
    brevo.switch(import_ignores="ann*")
    brevo.create(email=ANN)

    rows = ({"email": email, "attributes": {"FIRSTNAME": "New"}} for email in (ANN, "anne@example.com", BOB))
    process = load(brevo, *rows)

    assert process["status"] == "completed"
    assert set(process["info"]["import"].values()) == {None}
    assert [one["email"] for one in brevo.call("GET", "/contacts").json["contacts"]] == [BOB, ANN]
    assert brevo.read(ANN)["attributes"] == {}
    assert brevo.control("GET", "/imports")["ignored"] == 2


def seen(brevo) -> list:
    """Return what reads show of Ann, who was known, and of Bob, who is new, one by one and listed."""
    listed = {
        one["email"]: one["attributes"].get("FIRSTNAME") for one in brevo.call("GET", "/contacts").json["contacts"]
    }
    singly = {}
    for email in (ANN, BOB):
        answer = brevo.call("GET", f"/contacts/{email}")
        if answer.status_code == 200:
            singly[email] = answer.json["attributes"].get("FIRSTNAME")
    assert singly == listed
    return [listed.get(ANN), listed.get(BOB)]


@pytest.mark.parametrize(
    ("way", "states"),
    [
        ("at_once", [["New", "New"]] * 4),
        ("late", [["Old", None], ["Old", None], ["New", "New"], ["New", "New"]]),
        ("flicker", [["New", "New"], ["New", "New"], ["Old", None], ["New", "New"]]),
    ],
)
def test_reads_after_an_import_may_show_the_state_before(make_brevo, way, states):
    brevo = make_brevo(switches={"import_reads": way, "import_reads_s": 10}, import_delay_s=1)
    brevo.create(email=ANN, attributes={"FIRSTNAME": "Old"})
    rows = [{"email": email, "attributes": {"FIRSTNAME": "New"}} for email in (ANN, BOB)]
    brevo.call("POST", "/contacts/import", {"jsonBody": rows, "listIds": [2]})
    found = []
    for wait in (1, 9.5, 1, 10):
        brevo.clock.sleep(wait)
        found.append(seen(brevo))

    assert found == states
    assert brevo.control("GET", "/state")["count"] == 2


@pytest.mark.parametrize("way", ["late", "flicker"])
def test_reads_of_one_contact_only_may_be_late(make_brevo, way):
    switches = {"import_reads": way, "import_reads_s": 10, "import_reads_of": "ann*"}
    brevo = make_brevo(switches=switches, import_delay_s=0)
    for email in (ANN, BOB):
        brevo.create(email=email, attributes={"FIRSTNAME": "Old"})
    rows = [{"email": email, "attributes": {"FIRSTNAME": "New"}} for email in (ANN, BOB)]
    brevo.call("POST", "/contacts/import", {"jsonBody": rows, "listIds": [2]})
    found = []
    for wait in (1, 10, 10):
        brevo.clock.sleep(wait)
        found.append(seen(brevo))

    before = ["Old", "New"] if way == "late" else ["New", "New"]
    between = ["New", "New"] if way == "late" else ["Old", "New"]
    assert found == [before, between, ["New", "New"]]


def test_two_imports_that_are_read_late_each_have_their_time(make_brevo):
    brevo = make_brevo(switches={"import_reads": "late", "import_reads_s": 10}, import_delay_s=0)
    names = []
    for wait in (0, 5, 6, 5):
        brevo.clock.sleep(wait)
        if len(names) < 2:
            row = {"email": (ANN, BOB)[len(names)]}
            brevo.call("POST", "/contacts/import", {"jsonBody": [row], "listIds": [2]})
        names.append([one["email"] for one in brevo.call("GET", "/contacts").json["contacts"]])

    assert names == [[], [], [ANN], [BOB, ANN]]


def test_who_is_written_singly_after_an_import_is_read_as_is(brevo):
    brevo.switch(import_reads="late", import_reads_s=1000)
    brevo.create(email=ANN)
    load(brevo, {"email": ANN, "attributes": {"FIRSTNAME": "New"}})
    before = brevo.read(ANN)["attributes"]

    brevo.clock.sleep(1)
    brevo.update(ANN, emailBlacklisted=True)

    assert before == {}
    assert (brevo.read(ANN)["attributes"], brevo.read(ANN)["emailBlacklisted"]) == ({"FIRSTNAME": "New"}, True)


def test_an_import_sent_while_another_runs_can_stick(brevo):
    brevo.switch(import_parallel="stick")
    for email in (ANN, BOB):
        brevo.call("POST", "/contacts/import", {"jsonBody": [{"email": email}], "listIds": [2]})
    brevo.clock.sleep(3600)
    states = [one["status"] for one in brevo.call("GET", "/processes").json["processes"]]

    brevo.switch(import_parallel="run")
    brevo.call("GET", "/contacts")

    assert states == ["in_process", "completed"]
    assert [one["status"] for one in brevo.call("GET", "/processes").json["processes"]] == ["completed", "completed"]


def test_two_imports_run_side_by_side_by_default(brevo):
    for email in (ANN, BOB):
        brevo.call("POST", "/contacts/import", {"jsonBody": [{"email": email}], "listIds": [2]})
    brevo.clock.sleep(60)

    assert [one["status"] for one in brevo.call("GET", "/processes").json["processes"]] == ["completed", "completed"]


@pytest.mark.parametrize(("way", "status", "lists"), [("ignore", "completed", [3]), ("fail", "failed", None)])
def test_a_list_that_was_deleted_meanwhile_is_left_out_or_ends_the_import(brevo, way, status, lists):
    brevo.switch(import_list_gone=way)
    brevo.create(email=ANN)
    rows = [{"email": ANN}, {"email": BOB}]
    number = brevo.call("POST", "/contacts/import", {"jsonBody": rows, "listIds": [2, 3]}).json["processId"]
    brevo.call("DELETE", "/contacts/lists/2")
    brevo.clock.sleep(60)

    assert brevo.call("GET", f"/processes/{number}").json["status"] == status
    if lists:
        assert [brevo.read(email)["listIds"] for email in (ANN, BOB)] == [lists, lists]
        assert brevo.call("GET", "/contacts/lists/2").status_code == 404
    else:
        assert brevo.call("GET", "/contacts").json["count"] == 1


@pytest.mark.parametrize(("way", "path"), [("drop", "/brevo"), ("keep", "/brevo?token=x")])
def test_a_notify_address_is_called_without_a_body_and_with_its_user(brevo, receiver, way, path):
    brevo.switch(notify_query=way)
    url = receiver.url.replace("http://", "http://user:pass@") + "?token=x"

    load(brevo, {"email": ANN}, notifyUrl=url)

    assert (receiver.bodies, receiver.paths) == ([None], [path])
    assert receiver.headers[0]["authorization"] == "Basic dXNlcjpwYXNz"


def test_an_import_without_a_list_is_refused_in_brevos_words(brevo):
    answer = brevo.call("POST", "/contacts/import", {"jsonBody": [{"email": ANN}]})

    assert answer.status_code == 400
    assert answer.json == {"code": "missing_parameter", "message": "Missing listIds or newList"}


def test_consent_groups_of_an_import_need_the_feature_and_take_all_rows(brevo):
    brevo.create(email=ANN)
    body = {"jsonBody": [{"email": ANN}, {"email": BOB}], "listIds": [2], "consentGroupIds": [1]}
    refused = brevo.call("POST", "/contacts/import", body)
    brevo.switch(consent_groups=True)

    brevo.do_import(**body)

    assert (refused.status_code, refused.json["code"]) == (403, "CONSENT_GROUP_NOT_ENABLED")
    assert brevo.read(ANN)["consentGroups"] == brevo.read(BOB)["consentGroups"] == [{"id": 1, "status": "subscribed"}]
    assert brevo.call("POST", "/contacts/import", {**body, "consentGroupIds": [9]}).status_code == 400
