"""From Brevo's answer to the next step. The bodies are those that Brevo was seen to send."""

from __future__ import annotations

import json
from contextlib import contextmanager

import pytest
import requests
import responses
from hypothesis import given
from hypothesis import strategies as st

from customer_sync.brevo.answers import (
    ACCOUNT,
    ATTRIBUTES,
    CONTACTS,
    IMPORTS,
    LISTS,
    PROCESSES,
    Answer,
    Answers,
    Next,
    read_refusal,
)
from customer_sync.brevo.client import Brevo, NoList, contact_path
from customer_sync.errors import ConfigError, FieldRefused, Missing, Parkable, TryLater, Unavailable
from customer_sync.kit.outbound import HttpClient, Reply
from customer_sync.kit.proxies import Proxies
from customer_sync.store.counters import Tally

CLOUDFLARE = (
    b"<!DOCTYPE html><html><head><title>524: A timeout occurred</title></head><body>api.brevo.com</body></html>"
)
RESET_S = 7.5
URL = "https://brevo.example/v3"


class Ears:
    """Stands for the shared limits: keeps what it is told."""

    def __init__(self):
        self.told = []

    def learn(self, bucket, limit, remaining, reset_s):
        self.told.append(("learn", bucket, limit, remaining, reset_s))

    def hold(self, bucket, reset_s):
        self.told.append(("hold", bucket, reset_s))
        return RESET_S


def reply(status, body=b"", **headers):
    return Reply(status, headers, body if isinstance(body, bytes) else json.dumps(body).encode())


def account():
    return Brevo(f"{URL}/", "the-key", HttpClient(proxies=Proxies({})), Ears(), Tally())


@contextmanager
def answering(method, path, answer):
    """Let Brevo give one answer, or none at all: then it is an error."""
    with responses.RequestsMock() as wire:
        if isinstance(answer, Exception):
            wire.add(method, URL + path, body=answer)
        else:
            wire.add(method, URL + path, status=answer.status, headers=answer.headers, body=answer.body)
        yield wire


def error_of(answer, answers=CONTACTS):
    """What a call raises on an answer."""
    with answering("POST", "/contacts", answer), pytest.raises(Exception) as caught:
        account().call("POST", "/contacts", {"email": "jane@example.com"}, bucket="contacts", answers=answers)
    return caught.value


def said(message, code="invalid_parameter", **metadata):
    return {"code": code, "message": message} | ({"metadata": metadata} if metadata else {})


TAKEN = "Unable to create contact, email is already associated with another Contact"
SMS_TAKEN = "Unable to create contact, SMS is already associated with another Contact"
BOTH_TAKEN = "Unable to update contact, SMS or WHATSAPP are already associated with another Contact"
DENIED = 'Access denied for resource "contacts". The API key does not include the required permission.'
IP = (
    "We have detected you are using an unrecognised IP address 203.0.113.7. If you performed this action make sure to "
    "add the new IP address in this link: https://app.brevo.com/security/authorised_ips"
)
OWN = "You're not allowed to delete registered email contact with Brevo"
NO_ROWS = "We could not find any valid email or SMS or Contact ID in the file you uploaded."
TABLES = {
    "contacts": CONTACTS,
    "imports": IMPORTS,
    "lists": LISTS,
    "attributes": ATTRIBUTES,
    "processes": PROCESSES,
    "account": ACCOUNT,
}
ROWS = [
    pytest.param(table, row, id=f"{name} {row.status} {row.words}")
    for name, table in TABLES.items()
    for row in (*table.rows, *([table.taken] if table.taken else []))
]

#: What the contacts are answered.
ANSWERS = [
    (401, said("Key not found", "unauthorized"), ConfigError, "does not accept the API key"),
    (401, said("authentication not found in headers", "unauthorized"), ConfigError, "does not accept the API key"),
    (401, said(IP, "unauthorized"), ConfigError, "https://app.brevo.com/security/authorised_ips"),
    (402, said("You do not have enough credits", "not_enough_credits"), Parkable, "not enough credit"),
    (403, said(DENIED, "permission_denied"), ConfigError, "lacks a permission"),
    (403, said("Permission denied. eCommerce is not activated", "permission_denied"), ConfigError, "denies access"),
    (403, said("Consent groups are off", "CONSENT_GROUP_NOT_ENABLED"), ConfigError, "denies access"),
    (404, said("Contact does not exist", "document_not_found"), Missing, "not in Brevo"),
    (404, said("List ID does not exist", "document_not_found"), NoList, "A list of the settings is not in Brevo"),
    (400, said("List ID does not exist"), NoList, "A list of the settings is not in Brevo"),
    (
        400,
        said("Invalid phone number"),
        FieldRefused,
        "SMS, WHATSAPP, LANDLINE_NUMBER: Brevo does not accept the phone",
    ),
    (400, said(TAKEN, "duplicate_parameter"), FieldRefused, "EMAIL: Another contact"),
    (400, said("Contact already exist", "duplicate_parameter"), FieldRefused, "EMAIL: Another contact"),
    (400, said("Contact already exist"), FieldRefused, "EMAIL: Another contact"),
    (400, said(SMS_TAKEN, "duplicate_parameter"), FieldRefused, "SMS: Another contact"),
    (400, said(BOTH_TAKEN), FieldRefused, "SMS, WHATSAPP: Another contact"),
    (400, said(SMS_TAKEN.replace("SMS", "ext_id")), FieldRefused, "EXT_ID: Another contact"),
    (
        400,
        said("Please provide Email or SMS attribute value to create user", "missing_parameter"),
        Parkable,
        "wants an e-mail address",
    ),
    (400, said("Transactional attribute as primary Key is missing"), Parkable, "the contact: 400 invalid_parameter."),
    (400, said("phone number is already associated with another contact"), FieldRefused, "SMS, WHATSAPP, LANDLINE"),
    (405, said(OWN, "method_not_allowed"), Parkable, "the account's own address"),
    (405, said("POST Method is not allowed on this path", "method_not_allowed"), Parkable, "405 method_not_allowed."),
    (406, said("Not acceptable", "not_acceptable"), Parkable, "406 not_acceptable."),
    (408, b"", TryLater, "took too long"),
    (422, said("Unprocessable", "unprocessable_entity"), Parkable, "422 unprocessable_entity."),
    (425, said("Contact is being processed", "account_in_process"), TryLater, "still busy"),
    (429, said("Too many requests", "too_many_requests"), TryLater, "rate limit"),
    (500, said("Internal error", "internal"), TryLater, "had a fault"),
    (500, CLOUDFLARE, TryLater, "had a fault"),
    (502, CLOUDFLARE, Unavailable, "answers 502"),
    (503, b"", Unavailable, "answers 503"),
    (524, CLOUDFLARE, Unavailable, "answers 524"),
]


#: What every API is answered.
COMMON = [one for one in ANSWERS if one[0] in {401, 402, 403, 408, 429, 500, 502, 503, 524}]
#: What the other APIs are answered, by the name of the table.
OTHERS = {
    "imports": [
        (400, said("Missing listIds or newList", "missing_parameter"), Parkable, "the list of the import"),
        (400, said(NO_ROWS), Parkable, "no address in the rows"),
        (400, said("Invalid phone number"), Parkable, "refused the import: 400"),
        (400, said(SMS_TAKEN, duplicate_identifiers=["SMS"]), Parkable, "refused the import: 400"),
        (404, said("Not found", "document_not_found"), Missing, "The list of the import"),
        (404, said("List ID does not exist", "document_not_found"), NoList, "A list of the settings is not in Brevo"),
        (400, said("List ID does not exist"), NoList, "A list of the settings is not in Brevo"),
        (413, b"", Parkable, "too large for Brevo"),
    ],
    "lists": [
        (400, said("Folder does not exist"), Parkable, "refused the list or folder: 400"),
        (404, said("List ID not found", "document_not_found"), Missing, "The list or folder is not in Brevo"),
    ],
    "attributes": [
        (400, said("Attribute name must be unique"), Parkable, "an attribute of this name already"),
        (400, said("Contact already exist"), Parkable, "refused the attribute: 400"),
        (404, said("Attribute not found", "document_not_found"), Missing, "The attribute is not in Brevo"),
    ],
    "processes": [
        (404, said("processId is invalid"), Missing, "does not know this import"),
        (
            400,
            said("limit is out of range", "out_of_range"),
            Parkable,
            "the question after an import: 400 out_of_range",
        ),
    ],
    "account": [
        (404, b"", ConfigError, "BREVO_API_URL"),
        (405, said("Method", "method_not_allowed"), Parkable, "the question after the account: 405"),
    ],
}
CASES = [pytest.param("contacts", *one) for one in ANSWERS]
CASES += [pytest.param(name, *one) for name, answers in OTHERS.items() for one in (*COMMON, *answers)]


@pytest.mark.parametrize(("table", "status", "body", "error", "words"), CASES)
def test_each_answer_has_its_next_step_and_its_words(table, status, body, error, words):
    raised = error_of(reply(status, body), TABLES[table])

    assert type(raised) is error
    assert words in str(raised)


@pytest.mark.parametrize("name", TABLES)
def test_every_row_is_reached_by_a_real_answer(name):
    table, cases = TABLES[name], ANSWERS if name == "contacts" else [*COMMON, *OTHERS[name]]
    if table is CONTACTS:
        cases = [*cases, (400, said("", duplicate_identifiers=["SMS"]), FieldRefused, "")]

    reached = {table.find(status, read_refusal(reply(status, body))) for status, body, _, _ in cases}

    assert {*table.rows, *([table.taken] if table.taken else [])} <= reached


@pytest.mark.parametrize("name", [name for name in TABLES if name != "contacts"])
def test_only_the_words_for_contacts_speak_of_a_contact(name):
    table = TABLES[name]
    texts = [row.reason for row in table.rows] + [table.find(418, read_refusal(reply(418))).reason]

    assert not [text for text in texts if "contact" in text.lower()]


def test_every_next_step_is_reached_and_has_an_error():
    reached = {CONTACTS.find(status, read_refusal(reply(status, body))).next for status, body, _, _ in ANSWERS}

    assert reached == set(Next)


@pytest.mark.parametrize("code", ["duplicate_parameter", "invalid_parameter", "something_new"])
@pytest.mark.parametrize(
    ("message", "named", "fields"),
    [
        (TAKEN, ["email"], ("EMAIL",)),
        (SMS_TAKEN, ["SMS"], ("SMS",)),
        (BOTH_TAKEN, ["SMS", "WHATSAPP"], ("SMS", "WHATSAPP")),
        (SMS_TAKEN, ["sms"], ("SMS",)),
        (SMS_TAKEN, ["ext_id"], ("EXT_ID",)),
        ("Invalid phone number", ["landline_number"], ("LANDLINE_NUMBER",)),
        ("Worded anew", ["whatsapp"], ("WHATSAPP",)),
        ("", ["SMS"], ("SMS",)),
    ],
)
def test_identifiers_that_are_taken_win_over_code_and_words(code, message, named, fields):
    raised = error_of(reply(400, said(message, code, duplicate_identifiers=named)))

    assert isinstance(raised, FieldRefused)
    assert (raised.fields, raised.reason) == (fields, "Another contact in Brevo has this value.")


@pytest.mark.parametrize("status", [401, 403, 404, 425, 429, 500, 503])
def test_identifiers_that_are_taken_say_nothing_where_the_status_is_another(status):
    with_them = error_of(reply(status, said("x", duplicate_identifiers=["SMS"])))

    assert type(with_them) is type(error_of(reply(status, said("x"))))
    assert not isinstance(with_them, FieldRefused)


@pytest.mark.parametrize(
    "metadata", [None, [], "SMS", {}, {"duplicate_identifiers": []}, {"duplicate_identifiers": "SMS"}]
)
def test_metadata_that_names_nobody_leaves_the_decision_to_the_words(metadata):
    raised = error_of(reply(400, said(SMS_TAKEN) | {"metadata": metadata}))

    assert isinstance(raised, FieldRefused)
    assert raised.fields == ("SMS",)


@pytest.mark.parametrize(
    "status", [400, 401, 402, 403, 404, 405, 406, 408, 409, 422, 425, 429, 500, 502, 503, 524, 302, 418]
)
@pytest.mark.parametrize("body", [b"", b" ", CLOUDFLARE, b"\xff\xfe", b"null", b"[]", b'"text"', b"{}", b'{"code":'])
def test_a_body_that_is_no_error_of_brevo_is_decided_by_its_status(status, body):
    raised = error_of(reply(status, body))

    assert read_refusal(reply(status, body)) == ("", "", ())
    assert type(raised) is type(error_of(reply(status, said("?", "?"))))
    assert "html" not in str(raised)


def test_a_limit_that_is_used_up_burns_no_try_and_waits_until_the_reset():
    brevo = account()

    answer = reply(429, **{"x-sib-ratelimit-reset": "7.5"})
    with answering("GET", "/contacts", answer), pytest.raises(TryLater) as caught:
        brevo.call("GET", "/contacts", bucket="contacts", answers=CONTACTS)

    assert (caught.value.burns, caught.value.after_s) == (False, RESET_S)
    assert brevo._limits.told == [("hold", "contacts", 7.5)]


@pytest.mark.parametrize("status", [408, 425, 500])
def test_a_fault_of_one_contact_burns_a_try_and_waits_as_the_retry_rule_says(status):
    raised = error_of(reply(status))

    assert (raised.burns, raised.after_s) == (True, None)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 400, 404, 500, 503])
def test_every_answer_but_a_429_teaches_the_limits(status):
    brevo = account()

    with answering("GET", "/contacts", reply(status, **{"X-Sib-Ratelimit-Limit": "10"})):
        try:
            brevo.call("GET", "/contacts", bucket="contacts", answers=CONTACTS)
        except (FieldRefused, Missing, Parkable, TryLater, Unavailable):
            assert status >= 400
    assert brevo._limits.told == [("learn", "contacts", 10.0, 0.0, 1.0)]


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ({"limit": "36000", "remaining": "9", "reset": "600"}, (36_000, 9, 600)),
        ({"limit": "10", "remaining": "9", "reset": "0.5"}, (10, 9, 0.5)),
        ({}, (None, 0, 1)),
        ({"limit": "", "remaining": "9", "reset": "600"}, (None, 0, 1)),
        ({"limit": "10", "remaining": "many", "reset": "soon"}, (10, 0, 1)),
    ],
)
def test_the_headers_of_brevo_are_read_here(headers, told):
    brevo, answer = account(), reply(204, **{f"x-sib-ratelimit-{name}": value for name, value in headers.items()})

    with answering("GET", "/contacts", answer):
        brevo.call("GET", "/contacts", bucket="contacts", answers=CONTACTS)

    assert brevo._limits.told == [("learn", "contacts", *told)]


def test_a_429_that_does_not_say_for_how_long_holds_for_an_unknown_time():
    brevo = account()

    with answering("GET", "/contacts", reply(429)), pytest.raises(TryLater):
        brevo.call("GET", "/contacts", bucket="contacts", answers=CONTACTS)

    assert brevo._limits.told == [("hold", "contacts", None)]


@pytest.mark.parametrize(("status", "counted"), [(201, "201"), (404, "404"), (429, "429"), (None, "none")])
def test_every_call_is_counted_with_what_became_of_it(status, counted):
    brevo, path = account(), "/contacts/jane%40example.com"

    with answering("PUT", path, reply(status) if status else requests.ConnectionError("reset")):
        try:
            brevo.call("PUT", path, bucket="contacts", answers=CONTACTS, endpoint="/contacts/{identifier}")
        except (Missing, TryLater, Unavailable):
            assert status != 201
    assert brevo._tally.empty() == {
        f"tajo_brevo_requests_total|endpoint=PUT /contacts/{{identifier}}|status={counted}": 1
    }


@pytest.mark.parametrize(
    ("body", "sent"), [(None, None), ({}, b"{}"), ({"email": "é@example.com"}, '{"email":"é@example.com"}'.encode())]
)
def test_a_call_has_the_key_and_a_compact_body_or_none(body, sent):
    with answering("POST", "/contacts", reply(204)) as wire:
        account().call("POST", "/contacts", body, bucket="contacts", answers=CONTACTS)
        ((request, _),) = wire.calls

    assert (request.method, request.url, request.body) == ("POST", f"{URL}/contacts", sent)
    assert request.headers["api-key"] == "the-key"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=30) | st.sampled_from([TAKEN, "email", "SMS"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["code", "message", "metadata", "duplicate_identifiers"]) | st.text(max_size=3),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@given(status=st.integers(300, 599), body=JSON.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=40))
def test_any_answer_has_a_next_step_and_one_that_is_refused_says_why_and_what_to_do(status, body):
    raised = error_of(reply(status, body))

    assert isinstance(raised, (ConfigError, FieldRefused, Missing, Parkable, TryLater, Unavailable))
    if isinstance(raised, FieldRefused):
        assert status == 400
        assert raised.fields
    if isinstance(raised, (ConfigError, Parkable)):
        assert raised.reason
        assert raised.remedy


@given(
    message=st.text(),
    status=st.integers(300, 599),
    personal=st.sampled_from(["jane@example.com", "+49 151 12345678", "(0151) 123-4567", "'Jane Doe'", '"Jane Doe"']),
)
def test_nothing_personal_in_a_message_of_brevo_is_repeated(message, status, personal):
    marked = f"{personal} {message}"

    told = str(error_of(reply(status, said(marked))))

    assert personal not in told
    assert "Jane" not in told
    assert "123-4567" not in told


@pytest.mark.parametrize(
    ("message", "kept"),
    [
        ("List 5 is yours no more", "List 5 is yours no more"),
        ("Attribute VIP of jane@example.com\n is wrong.", "Attribute VIP of ... is wrong"),
        ("x" * 500, "x" * 160 + "..."),
    ],
)
def test_brevos_own_words_are_kept_where_the_table_has_none(message, kept):
    raised = error_of(reply(400, said(message)))

    assert raised.reason == f'Brevo refused the contact: 400 invalid_parameter. Brevo says: "{kept}".'


@pytest.mark.parametrize(("table", "row"), ROWS)
def test_a_row_has_a_reason_and_what_needs_a_person_has_a_remedy(table: Answers, row: Answer):
    assert row.reason.endswith(".")
    assert row.remedy or row.next not in {Next.CONFIG, Next.PARK}
    assert row.words == row.words.lower()
    assert bool(row.fields) == (row.next in {Next.FIELDS, Next.TAKEN})
    assert table.remedy.endswith(".")


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_no_row_hides_behind_one_that_fits_more(table: Answers):
    for index, earlier in enumerate(table.rows):
        for later in table.rows[index + 1 :]:
            is_wider = earlier.words in later.words and earlier.code in {"", later.code}
            assert earlier.status != later.status or not is_wider


@pytest.mark.parametrize(
    ("email", "path"),
    [
        ("jane@example.com", "/contacts/jane%40example.com"),
        ("a+b/c?d#e@example.com", "/contacts/a%2Bb%2Fc%3Fd%23e%40example.com"),
    ],
)
def test_an_address_is_quoted_in_the_path(email, path):
    assert contact_path(email) == path
