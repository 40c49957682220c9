"""From Brevo's answer to the next step. The bodies are those that Brevo was seen to send."""

from __future__ import annotations

import json
from contextlib import contextmanager

import pytest
import requests
import responses
from hypothesis import given
from hypothesis import strategies as st

from customer_sync.brevo.client import RULES, Brevo, Missing, Next, NoList, Rule, contact_path, find_rule, read_refusal
from customer_sync.errors import ConfigError, FieldRefused, Parkable, TryLater, Unavailable
from customer_sync.outbound import HttpClient, Reply
from customer_sync.proxies import Proxies
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

    def learn(self, bucket, headers):
        self.told.append(("learn", bucket, headers))

    def hold(self, bucket, headers):
        self.told.append(("hold", bucket, headers))
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


def error_of(answer):
    """What a call raises on an answer."""
    with answering("POST", "/contacts", answer), pytest.raises(Exception) as caught:
        account().call("POST", "/contacts", {"email": "jane@example.com"}, bucket="contacts")
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

ANSWERS = [
    (401, said("Key not found", "unauthorized"), ConfigError, "does not accept the API key"),
    (401, said("authentication not found in headers", "unauthorized"), ConfigError, "does not accept the API key"),
    (401, said(IP, "unauthorized"), ConfigError, "https://app.brevo.com/security/authorised_ips"),
    (402, said("You do not have enough credits", "not_enough_credits"), Parkable, "not enough credit"),
    (403, said(DENIED, "permission_denied"), ConfigError, "lacks a permission"),
    (403, said("Permission denied. eCommerce is not activated", "permission_denied"), ConfigError, "denies access"),
    (403, said("Consent groups are off", "CONSENT_GROUP_NOT_ENABLED"), ConfigError, "denies access"),
    (404, said("Contact does not exist", "document_not_found"), Missing, "not in Brevo"),
    (404, said("No contact found for indexes 3,4", "document_not_found"), Missing, "not in Brevo"),
    (404, said("processId is invalid"), Missing, "not in Brevo"),
    (404, said("List ID does not exist", "document_not_found"), NoList, "A list of the settings is not in Brevo"),
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
        "400 missing",
    ),
    (400, said("Transactional attribute as primary Key is missing"), Parkable, "400 invalid_parameter."),
    (400, said("Attribute name must be unique"), Parkable, "400 invalid_parameter."),
    (400, said("Contact already in list and/or does not exist"), Parkable, "400 invalid_parameter."),
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


@pytest.mark.parametrize(("status", "body", "error", "words"), ANSWERS)
def test_each_answer_has_its_next_step(status, body, error, words):
    raised = error_of(reply(status, body))

    assert type(raised) is error
    assert words in str(raised)


def test_every_row_is_reached_by_a_real_answer():
    reached = {find_rule(status, read_refusal(reply(status, body))) for status, body, _, _ in ANSWERS}

    assert set(RULES) <= reached


def test_every_next_step_is_reached_and_has_an_error():
    reached = {find_rule(status, read_refusal(reply(status, body))).next for status, body, _, _ in ANSWERS}

    assert reached == set(Next)
    for status, body, _, _ in ANSWERS:
        assert isinstance(
            error_of(reply(status, body)), (ConfigError, FieldRefused, Missing, Parkable, TryLater, Unavailable)
        )


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
        brevo.call("GET", "/contacts", bucket="contacts")

    assert (caught.value.burns, caught.value.after_s) == (False, RESET_S)
    ((done, bucket, headers),) = brevo._limits.told
    assert (done, bucket, headers["x-sib-ratelimit-reset"]) == ("hold", "contacts", "7.5")


@pytest.mark.parametrize("status", [408, 425, 500])
def test_a_fault_of_one_contact_burns_a_try_and_waits_as_the_retry_rule_says(status):
    raised = error_of(reply(status))

    assert (raised.burns, raised.after_s) == (True, None)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 400, 404, 500, 503])
def test_every_answer_but_a_429_teaches_the_limits(status):
    brevo = account()

    with answering("GET", "/contacts", reply(status, **{"X-Sib-Ratelimit-Limit": "10"})):
        try:
            brevo.call("GET", "/contacts", bucket="contacts")
        except (FieldRefused, Missing, Parkable, TryLater, Unavailable):
            assert status >= 400
    ((done, bucket, headers),) = brevo._limits.told
    assert (done, bucket, headers["x-sib-ratelimit-limit"]) == ("learn", "contacts", "10")


@pytest.mark.parametrize(("status", "counted"), [(201, "201"), (404, "404"), (429, "429"), (None, "none")])
def test_every_call_is_counted_with_what_became_of_it(status, counted):
    brevo, path = account(), "/contacts/jane%40example.com"

    with answering("PUT", path, reply(status) if status else requests.ConnectionError("reset")):
        try:
            brevo.call("PUT", path, bucket="contacts", endpoint="/contacts/{identifier}")
        except (Missing, TryLater, Unavailable):
            assert status != 201
    assert brevo._tally.empty() == {
        f"tajo_brevo_requests_total|endpoint=PUT /contacts/{{identifier}}|status={counted}": 1
    }


@pytest.mark.parametrize(
    ("body", "sent"), [(None, None), ({}, b"{}"), ({"email": "é@example.com"}, b'{"email":"\\u00e9@example.com"}')]
)
def test_a_call_has_the_key_and_a_compact_body_or_none(body, sent):
    with answering("POST", "/contacts", reply(204)) as wire:
        account().call("POST", "/contacts", body, bucket="contacts")
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


@given(message=st.text(), status=st.integers(300, 599))
def test_a_message_of_brevo_is_never_repeated_as_it_may_hold_an_address(message, status):
    marked = f"jane@example.com {message}"

    assert "jane@example.com" not in str(error_of(reply(status, said(marked))))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.status} {rule.word}".strip())
def test_a_row_has_a_reason_and_what_needs_a_person_has_a_remedy(rule: Rule):
    assert rule.reason.endswith(".")
    assert rule.remedy or rule.next not in {Next.CONFIG, Next.PARK}
    assert rule.word == rule.word.lower()


@pytest.mark.parametrize("earlier", range(len(RULES)))
def test_no_row_hides_behind_one_that_fits_more(earlier):
    for later in RULES[earlier + 1 :]:
        assert RULES[earlier].status != later.status or RULES[earlier].word not in later.word


@pytest.mark.parametrize(
    ("email", "path"),
    [
        ("jane@example.com", "/contacts/jane%40example.com"),
        ("a+b/c?d#e@example.com", "/contacts/a%2Bb%2Fc%3Fd%23e%40example.com"),
    ],
)
def test_an_address_is_quoted_in_the_path(email, path):
    assert contact_path(email) == path
