from __future__ import annotations

import pytest

DUPLICATE = {
    "code": "duplicate_parameter",
    "message": "Unable to create contact, email is already associated with another Contact",
    "metadata": {"duplicate_identifiers": ["email"]},
}
ANN = "ann@example.com"
NOBODY = "Please provide Email or SMS attribute value to create user"


def test_a_new_contact_is_answered_with_its_number_and_can_be_read(brevo):
    number = brevo.create(email=" Ann@Example.com ".strip(), attributes={"FIRSTNAME": "Ann"}, listIds=[2])

    contact = brevo.read(ANN)

    assert contact["id"] == number == brevo.read(number)["id"]
    assert contact["attributes"] == {"FIRSTNAME": "Ann"}
    assert (contact["listIds"], contact["emailBlacklisted"]) == ([2], False)


def test_an_address_that_exists_is_refused_with_400_unless_updates_are_enabled(brevo):
    brevo.create(email=ANN)

    refused = brevo.call("POST", "/contacts", {"email": "ANN@example.com", "attributes": {"FIRSTNAME": "Ann"}})
    updated = brevo.call("POST", "/contacts", {"email": ANN, "attributes": {"LASTNAME": "B"}, "updateEnabled": True})

    assert (refused.status_code, refused.json) == (400, DUPLICATE)
    assert (updated.status_code, updated.data) == (204, b"")
    assert brevo.read(ANN)["attributes"] == {"LASTNAME": "B"}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code", "message"),
    [
        (
            "POST",
            "/contacts",
            {},
            400,
            "missing_parameter",
            "Please provide Email or SMS attribute value to create user",
        ),
        ("POST", "/contacts", {"email": "ann@"}, 400, "invalid_parameter", "Invalid email address"),
        ("PUT", "/contacts/x%40y.zz", {}, 404, "document_not_found", "Contact does not exist"),
        ("GET", "/contacts/x%40y.zz", None, 404, "document_not_found", "Contact does not exist"),
        ("DELETE", "/contacts/99", None, 404, "document_not_found", "Contact does not exist"),
        ("GET", "/processes/99", None, 404, "invalid_parameter", "processId is invalid"),
        ("POST", "/contacts", {"email": ANN, "listIds": [77]}, 400, "invalid_parameter", "List ID does not exist"),
        ("POST", "/contacts/batch", {"contacts": []}, 404, "document_not_found", "This endpoint has been deprecated"),
        ("PATCH", "/contacts", None, 405, "method_not_allowed", "PATCH Method is not allowed on this path"),
    ],
)
def test_errors_have_brevos_own_words(brevo, method, path, body, status, code, message):  # noqa: PLR0917 - a table
    answer = brevo.call(method, path, body, wrong=True)

    assert (answer.status_code, answer.json) == (status, {"code": code, "message": message})


def test_paths_are_taken_as_they_are(brevo):
    assert brevo.call("GET", "//contacts", wrong=True).status_code == 404
    assert brevo.call("GET", "/contacts/", wrong=True).status_code == 404


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"null"])
def test_a_body_that_is_no_object_is_refused(brevo, body):
    assert brevo.call("POST", "/contacts", body, wrong=True).status_code == 400


def test_unknown_names_and_mistyped_values_vanish_without_a_word(brevo):
    brevo.attribute("SPENT", "float")
    brevo.attribute("SINCE", "date")
    brevo.attribute("VIP", "boolean")
    brevo.attribute("TAGS", "multiple-choice", multiCategoryOptions=["a", "b"])

    brevo.create(
        email=ANN,
        attributes={
            "firstname": "Ann",
            "NOPE": "x",
            "SPENT": "12.5",
            "SINCE": "11/02/1989",
            "VIP": "true",
            "TAGS": ["a", "c"],
            "BLACKLIST": "1",
        },
    )

    assert brevo.read(ANN)["attributes"] == {"FIRSTNAME": "Ann", "TAGS": ["a"]}


def test_values_of_the_right_type_are_kept_and_an_empty_text_empties(brevo):
    brevo.attribute("SPENT", "float")
    brevo.attribute("SINCE", "date")
    brevo.attribute("VIP", "boolean")
    brevo.create(email=ANN, attributes={"SPENT": 12.5, "SINCE": "1989-02-11", "VIP": False, "FIRSTNAME": "Ann"})

    brevo.update(ANN, attributes={"FIRSTNAME": "", "SPENT": 13})

    assert brevo.read(ANN)["attributes"] == {"SPENT": 13, "SINCE": "1989-02-11", "VIP": False}


@pytest.mark.parametrize("sent", ["Yes", "1", 1])
def test_a_category_takes_label_or_number_and_gives_the_number(brevo, sent):
    brevo.create(email=ANN, attributes={"DOUBLE_OPT-IN": sent})

    assert brevo.read(ANN)["attributes"] == {"DOUBLE_OPT-IN": 1}


@pytest.mark.parametrize("phone", ["0612345678", "+336", "+336123456", "call me", "+33612345678901234"])
@pytest.mark.parametrize("name", ["SMS", "WHATSAPP", "LANDLINE_NUMBER"])
def test_one_bad_phone_number_refuses_the_whole_contact(brevo, name, phone):
    answer = brevo.call("POST", "/contacts", {"email": ANN, "attributes": {name: phone, "FIRSTNAME": "Ann"}})

    assert answer.json == {"code": "invalid_parameter", "message": "Invalid phone number"}
    assert brevo.call("GET", "/contacts/ann%40example.com").status_code == 404


@pytest.mark.parametrize("phone", ["+33612345678", "0033612345678", "33612345678", "+33 6 12 34 56 78"])
def test_a_phone_number_is_kept_as_digits_and_finds_the_contact(brevo, phone):
    number = brevo.create(email=ANN, attributes={"SMS": phone})

    assert brevo.read(number)["attributes"] == {"SMS": "33612345678"}
    assert brevo.read("33612345678")["id"] == number
    assert brevo.call("PUT", "/contacts/33612345678", {}).status_code == 404


def test_a_phone_number_belongs_to_one_contact_only(brevo):
    brevo.create(email="bob@example.com", attributes={"SMS": "+33612345678", "WHATSAPP": "+33612345679"})
    brevo.create(email=ANN)

    created = brevo.call("POST", "/contacts", {"email": "new@example.com", "attributes": {"SMS": "33612345678"}})
    both = {"SMS": "33612345678", "WHATSAPP": "33612345679"}
    updated = brevo.call("PUT", "/contacts/ann%40example.com", {"attributes": both})
    upserted = brevo.call(
        "POST", "/contacts", {"email": ANN, "attributes": {"SMS": "33612345678"}, "updateEnabled": True}
    )

    assert created.json["message"] == "Unable to create contact, SMS is already associated with another Contact"
    assert updated.json["message"] == (
        "Unable to update contact, SMS or WHATSAPP are already associated with another Contact"
    )
    assert updated.json["metadata"] == {"duplicate_identifiers": ["SMS", "WHATSAPP"]}
    assert (upserted.status_code, upserted.json["code"]) == (400, "duplicate_parameter")


def test_a_contact_is_found_by_each_of_its_identifiers(brevo):
    number = brevo.create(email=ANN, ext_id="C/1", attributes={"WHATSAPP": "+33612345679"})

    for kind, text in (
        ("email_id", "ANN%40example.com"),
        ("contact_id", str(number)),
        ("whatsapp_id", "%2B33612345679"),
    ):
        answer = brevo.call("GET", f"/contacts/{text}", query=f"identifierType={kind}")
        assert answer.json["id"] == number
    assert brevo.read(number)["attributes"]["EXT_ID"] == "C/1"


def test_a_contact_without_address_shows_a_placeholder(brevo):
    number = brevo.create(attributes={"SMS": "+33612345678"})

    assert brevo.read(number)["email"] == "33612345678@mailin-sms.com"


def test_an_update_needs_the_address_among_the_attributes_to_change_it(brevo):
    brevo.create(email=ANN)

    ignored = brevo.call("PUT", "/contacts/ann%40example.com", {"email": "new@example.com"}, wrong=True)
    assert (ignored.status_code, brevo.read(ANN)["email"]) == (204, ANN)
    brevo.update(ANN, attributes={"EMAIL": "New@example.com"})

    assert brevo.read("new@example.com")["email"] == "new@example.com"
    assert brevo.call("GET", "/contacts/ann%40example.com").status_code == 404


def test_lists_are_joined_and_left(brevo):
    other = brevo.list_id()
    brevo.create(email=ANN, listIds=[2])

    brevo.update(ANN, listIds=[other], unlinkListIds=[2])

    assert brevo.read(ANN)["listIds"] == [other]
    assert brevo.call("GET", f"/contacts/lists/{other}/contacts").json["count"] == 1
    assert brevo.call("GET", "/contacts/lists/2").json["uniqueSubscribers"] == 0


def test_unknown_lists_can_be_a_404(make_brevo):
    brevo = make_brevo(unknown_list_status=404)

    assert brevo.call("POST", "/contacts", {"email": ANN, "listIds": [77]}).json["code"] == "document_not_found"


def test_a_forced_merge_keeps_who_changed_last_and_deletes_the_other(brevo):
    old = brevo.create(email="old@example.com", attributes={"SMS": "+33612345678", "LASTNAME": "B"}, listIds=[2])
    brevo.clock.sleep(1)
    new = brevo.create(email=ANN, attributes={"FIRSTNAME": "Ann"})

    body = {"attributes": {"SMS": "33612345678"}, "forceMerge": True}
    answer = brevo.call("PUT", "/contacts/ann%40example.com", body)

    assert answer.status_code == 204
    kept = brevo.read(new)
    assert kept["attributes"] == {"FIRSTNAME": "Ann", "LASTNAME": "B", "SMS": "33612345678"}
    assert kept["listIds"] == [2]
    assert brevo.call("GET", f"/contacts/{old}").status_code == 404


def test_get_id_gives_the_survivor_of_a_merge(brevo):
    brevo.create(email="old@example.com", attributes={"SMS": "+33612345678"})
    brevo.clock.sleep(1)
    number = brevo.create(email=ANN)
    flags = {"updateEnabled": True, "forceMerge": True, "getId": True}
    body = {"email": ANN, "attributes": {"SMS": "33612345678"}, **flags}

    answer = brevo.call("POST", "/contacts", body)

    assert (answer.status_code, answer.json) == (201, {"id": number})


def test_a_deleted_contact_is_gone_from_its_lists(brevo):
    brevo.create(email=ANN, listIds=[2], ext_id="7")

    assert brevo.call("DELETE", "/contacts/7", query="identifierType=ext_id").status_code == 204

    assert brevo.call("GET", "/contacts/lists/2/contacts").json == {"contacts": [], "count": 0}
    assert brevo.create(email=ANN, ext_id="7") == 2


def test_the_accounts_own_address_cannot_be_deleted(brevo):
    brevo.create(email="owner@sandbox.example")

    assert brevo.call("DELETE", "/contacts/1").status_code == 405


def test_transactional_attributes_need_their_id(brevo):
    brevo.attribute("ORDER_ID", "id", "transactional")
    brevo.attribute("ORDER_SUM", "float", "transactional")

    refused = brevo.call("POST", "/contacts", {"email": ANN, "attributes": {"ORDER_SUM": 5}})
    brevo.create(email=ANN, attributes={"ORDER_SUM": 5, "ORDER_ID": "o1"})

    assert refused.json["message"] == "Transactional attribute as primary Key is missing"
    assert brevo.read(ANN)["statistics"]["transacAttributes"] == [{"ORDER_SUM": 5, "ORDER_ID": "o1"}]
