"""Transactional mail: templates, what was sent, and how each receiver stood at that moment."""

from __future__ import annotations

import pytest

ANN, BOB = "ann@example.com", "bob@example.com"
MAIL = {
    "sender": {"email": "shop@example.com"},
    "to": [{"email": ANN}],
    "subject": "Hi",
    "textContent": "Hello",
}
CART = {"templateId": 1, "to": [{"email": ANN, "name": "Ann"}], "params": {"firstName": "Ann"}}
TEMPLATE = {
    "templateName": "News",
    "subject": "S",
    "sender": {"email": "a@b.example"},
    "htmlContent": "<p>Hello you</p>",
}
OPTIN = {"email": ANN, "includeListIds": [2, 3], "redirectionUrl": "https://shop.example", "templateId": 3}


def send(brevo, mail: dict, **more) -> int:
    return brevo.call("POST", "/smtp/email", {**mail, **more}).status_code


def oracle(brevo, query: str = "") -> list[dict]:
    return brevo.control("GET", f"/mails{query}")["mails"]


@pytest.mark.parametrize("name", ["sender", "to", "subject", "textContent"])
def test_a_mail_needs_its_keys_but_a_template_brings_most(brevo, name):
    mail = {key: value for key, value in MAIL.items() if key != name}

    assert send(brevo, mail) == 400
    assert send(brevo, mail, templateId=1) == (400 if name == "to" else 201)


def test_a_mail_is_sent_at_once_or_later(brevo):
    now = brevo.call("POST", "/smtp/email", MAIL)
    later = brevo.call("POST", "/smtp/email", {**MAIL, "scheduledAt": "2026-11-22T10:00:00Z"})

    assert (now.status_code, later.status_code) == (201, 202)
    assert now.json["messageId"] != later.json["messageId"]
    assert [one["state"] for one in oracle(brevo)] == ["sent", "scheduled"]


@pytest.mark.parametrize("name", ["idempotencyKey", "Idempotency-Key"])
def test_a_key_sends_one_mail_within_half_an_hour(brevo, name):
    mail = {**MAIL, "headers": {name: "k1"}}
    first, again = brevo.call("POST", "/smtp/email", mail), brevo.call("POST", "/smtp/email", mail)
    brevo.clock.sleep(1799)
    still = send(brevo, mail)
    brevo.clock.sleep(1)

    assert (first.status_code, again.status_code, still, send(brevo, mail)) == (201, 400, 400, 201)
    assert again.json["code"] == "duplicate_parameter"
    assert len(oracle(brevo)) == 2


def test_a_key_outlives_a_restart_but_no_reset(make_brevo, tmp_path):
    mail = {**MAIL, "headers": {"idempotencyKey": "k1"}}
    assert send(make_brevo(journal=tmp_path / "j"), mail) == 201

    again = make_brevo(journal=tmp_path / "j")

    assert send(again, mail) == 400
    assert again.call("GET", "/account").json["plan"][0]["credits"] == 99_999
    again.control("POST", "/reset")
    assert send(again, mail) == 201


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"templateId": 99}, "Invalid template id"),
        ({"templateId": "1"}, "Invalid template id"),
        ({"templateId": 2}, "An active template does not exist"),
        ({"to": [{"email": "nobody"}]}, "email is not valid in to"),
        ({"cc": [{"email": "nobody"}]}, "email is not valid in cc"),
        ({"to": []}, "to is missing"),
        ({"to": [{"email": ANN}] * 100}, "Maximum 99 recipients are allowed"),
        ({"scheduledAt": "tomorrow"}, "scheduledAt should be a date-time with a timezone (RFC 3339)"),
        ({"messageVersions": [{"to": [{"email": ANN}]}, {"to": []}]}, "to is missing"),
        ({"messageVersions": [{"to": [{"email": ANN}], "templateId": 2}]}, "An active template does not exist"),
    ],
)
def test_a_mail_that_makes_no_sense_is_refused_and_nothing_is_sent(brevo, more, message):
    answer = brevo.call("POST", "/smtp/email", {**CART, **more}, wrong=True)

    assert (answer.status_code, answer.json["message"]) == (400, message)
    assert oracle(brevo) == []


def test_the_oracle_tells_each_receiver_and_how_they_stood_then(brevo):
    brevo.switch(consent_groups=True)
    brevo.create(email=ANN, listIds=[2])
    for name, body in (("leave_list", {"list_ids": [2]}), ("leave_group", {"group_ids": [1]}), ("unsubscribe", {})):
        brevo.control("POST", f"/acts/{name}", {"email": ANN, **body})

    send(brevo, CART, bcc=[{"email": "Bob@example.com"}], headers={"idempotencyKey": "k"})
    brevo.update(ANN, emailBlacklisted=False)

    first, second = oracle(brevo)
    assert {key: first[key] for key in ("to", "as", "state", "templateId", "params", "idempotencyKey", "at")} == {
        "to": ANN,
        "as": "to",
        "state": "sent",
        "templateId": 1,
        "params": {"firstName": "Ann"},
        "idempotencyKey": "k",
        "at": "2026-11-21T00:00:00.000Z",
    }
    stood = ("contactId", "emailBlacklisted", "listUnsubscribed", "groupsLeft", "blocked")
    assert [first[key] for key in stood] == [1, True, [2], [1], None]
    assert [second[key] for key in ("to", "as", *stood)] == [BOB, "bcc", None, None, [], [], None]
    assert [one["to"] for one in oracle(brevo, f"?email={BOB}")] == [BOB]


@pytest.mark.parametrize(
    ("act", "code"),
    [
        ("spam", "contactFlaggedAsSpam"),
        ("hard_bounce", "hardBounce"),
        ("block_transactional", "unsubscribedViaEmail"),
        ("unsubscribe", None),
    ],
)
def test_who_is_blocked_for_transactional_mail_gets_none_and_a_block_of_marketing_stops_none(brevo, act, code):
    brevo.create(email=ANN)
    brevo.control("POST", f"/acts/{act}", {"email": ANN})

    assert send(brevo, CART) == 201

    [mail] = oracle(brevo)
    listed = brevo.call("GET", "/smtp/blockedContacts").json
    assert (mail["state"], mail["blocked"]) == ("blocked" if code else "sent", code)
    assert [one["reason"]["code"] for one in listed["contacts"]] == ([code] if code else [])
    assert brevo.call("GET", "/smtp/emails", query=f"email={ANN}").json["count"] == (0 if code else 1)


def test_somebody_who_was_blocked_can_be_unblocked_for_transactional_mail_alone(brevo):
    brevo.create(email=ANN)
    brevo.control("POST", "/acts/spam", {"email": ANN})

    assert brevo.call("DELETE", f"/smtp/blockedContacts/{ANN}").status_code == 204
    assert brevo.call("DELETE", f"/smtp/blockedContacts/{ANN}").status_code == 404
    send(brevo, CART)
    assert oracle(brevo)[0]["state"] == "sent"
    assert brevo.read(ANN)["emailBlacklisted"] is True


@pytest.mark.parametrize(("query", "count"), [("endDate=2026-11-20&startDate=2026-11-01", 0), ("limit=0", 1)])
def test_blocked_contacts_are_listed_by_date(brevo, query, count):
    brevo.create(email=ANN)
    brevo.control("POST", "/acts/spam", {"email": ANN})

    assert brevo.call("GET", "/smtp/blockedContacts", query=query).json["count"] == count


def test_versions_of_one_mail_are_messages_of_their_own(brevo):
    versions = [{"to": [{"email": ANN}], "params": {"a": 1}}, {"to": [{"email": BOB}], "subject": "For Bob"}]

    answer = brevo.call("POST", "/smtp/email", {**CART, "messageVersions": versions})

    assert answer.status_code == 201
    assert [(one["messageId"], one["to"], one["params"], one["subject"]) for one in oracle(brevo)] == [
        (answer.json["messageIds"][0], ANN, {"a": 1}, None),
        (answer.json["messageIds"][1], BOB, {"firstName": "Ann"}, "For Bob"),
    ]


def test_mails_are_listed_by_address_template_or_message(brevo):
    number = brevo.call("POST", "/smtp/email", CART).json["messageId"]
    send(brevo, MAIL, to=[{"email": BOB}])

    found = {
        query: [one["email"] for one in brevo.call("GET", "/smtp/emails", query=query).json["transactionalEmails"]]
        for query in (f"email={BOB}", "templateId=1", f"messageId={number}")
    }

    assert list(found.values()) == [[BOB], [ANN], [ANN]]
    assert brevo.call("GET", "/smtp/emails").status_code == 400


def test_an_account_without_credits_sends_nothing(brevo):
    brevo.switch(mail_credits=2)
    first = send(brevo, CART)
    left = brevo.call("GET", "/account").json["plan"][0]["credits"]
    refused = brevo.call("POST", "/smtp/email", {**CART, "cc": [{"email": BOB}]})

    assert (first, left, refused.status_code, refused.json["code"]) == (201, 1, 402, "not_enough_credits")
    assert len(oracle(brevo)) == 1
    assert send(brevo, CART) == 201


def test_templates_are_made_changed_and_deleted_when_they_are_not_active(brevo):
    number = brevo.call("POST", "/smtp/templates", TEMPLATE).json["id"]
    made = brevo.call("GET", f"/smtp/templates/{number}").json
    inactive = send(brevo, CART, templateId=number)
    brevo.call("PUT", f"/smtp/templates/{number}", {"isActive": True, "subject": "New"})
    active = send(brevo, CART, templateId=number)
    kept = brevo.call("DELETE", f"/smtp/templates/{number}").status_code
    brevo.call("PUT", f"/smtp/templates/{number}", {"isActive": False})

    assert (made["name"], made["isActive"], made["doiTemplate"], inactive, active) == ("News", False, False, 400, 201)
    assert brevo.call("GET", f"/smtp/templates/{number}").json["subject"] == "New"
    assert (kept, brevo.call("DELETE", f"/smtp/templates/{number}").status_code) == (405, 204)
    assert brevo.call("GET", f"/smtp/templates/{number}").status_code == 404


def test_a_new_account_has_an_active_a_draft_and_an_optin_template(brevo):
    listed = brevo.call("GET", "/smtp/templates", query="sort=asc").json
    active = brevo.call("GET", "/smtp/templates", query="templateStatus=true&sort=asc").json

    assert [(one["id"], one["isActive"]) for one in listed["templates"]] == [(1, True), (2, False), (3, True)]
    assert ([one["id"] for one in active["templates"]], active["count"]) == ([1, 3], 2)
    assert brevo.call("GET", "/smtp/templates/3").json["doiTemplate"] is True


@pytest.mark.parametrize("more", [{"subject": ""}, {"htmlContent": "short"}, {"templateName": ""}, {"isActive": 1}])
def test_a_template_that_makes_no_sense_is_refused(brevo, more):
    assert brevo.call("POST", "/smtp/templates", {**TEMPLATE, **more}, wrong=True).status_code == 400


def test_a_double_opt_in_makes_a_contact_at_the_click(brevo, receiver):
    brevo.call("POST", "/webhooks", {"url": receiver.url, "events": ["listAddition"], "type": "marketing"})

    asked = brevo.call("POST", "/contacts/doubleOptinConfirmation", {**OPTIN, "attributes": {"FIRSTNAME": "Ann"}})
    before = brevo.call("GET", "/contacts").json["count"]
    brevo.control("POST", "/acts/confirm", {"email": ANN})
    brevo.call("GET", "/contacts")

    contact = brevo.read(ANN)
    assert (asked.status_code, asked.data, before) == (201, b"", 0)
    assert (contact["listIds"], contact["attributes"]) == ([2, 3], {"FIRSTNAME": "Ann", "DOUBLE_OPT-IN": 1})
    assert [(one["event"], one["list_id"]) for one in receiver.bodies] == [("list_addition", [2, 3])]
    assert [(one["to"], one["templateId"], list(one["params"])) for one in oracle(brevo)] == [(ANN, 3, ["DOIurl"])]


def test_a_double_opt_in_of_a_contact_lifts_a_block_at_the_click_and_says_so(brevo):
    brevo.create(email=ANN, listIds=[2])
    brevo.control("POST", "/acts/unsubscribe", {"email": ANN})
    brevo.control("POST", "/acts/leave_list", {"email": ANN, "list_ids": [2]})

    asked = brevo.call("POST", "/contacts/doubleOptinConfirmation", {**OPTIN, "excludeListIds": [3]}).status_code
    between = brevo.read(ANN)["emailBlacklisted"]
    brevo.control("POST", "/acts/confirm", {"email": ANN})

    contact = brevo.read(ANN)
    assert (asked, between, contact["emailBlacklisted"], contact["listIds"]) == (204, True, False, [2])
    assert [(one["how"], one["by"]) for one in brevo.control("GET", "/mailable")["mailable"]] == [
        ("confirmed", "act confirm")
    ]
    assert brevo._http.post("/sandbox/acts/confirm", json={"email": ANN}).status_code == 404


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"email": ""}, "email is missing"),
        ({"includeListIds": []}, "includeListIds is missing"),
        ({"includeListIds": [99]}, "List ID does not exist"),
        ({"redirectionUrl": ""}, "redirectionUrl is missing"),
        ({"templateId": 99}, "Invalid template id"),
        ({"templateId": 1}, "An active DOI template does not exist"),
        ({"email": "nobody"}, "Invalid email address"),
    ],
)
def test_a_double_opt_in_that_makes_no_sense_is_refused(brevo, more, message):
    answer = brevo.call("POST", "/contacts/doubleOptinConfirmation", {**OPTIN, **more}, wrong=True)

    assert (answer.status_code, answer.json["message"]) == (400, message)
    assert oracle(brevo) == []
