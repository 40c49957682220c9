"""An opt-out, told to Pipedrive: where it is written, what is read back, and what Pipedrive keeps without a word."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from connectors.pipedrive.tests.standin import FIELDS, PERSONS, Answers, StandIn, access, connector, person, reply, rows
from customer_sync.errors import ConfigError, Parkable
from customer_sync.kit.reach import Withdrawal, Written
from customer_sync.model import Channel

AT = datetime(2026, 11, 21, 11, 30, tzinfo=UTC)
LEAVING = Withdrawal("1", Channel.EMAIL, "ANN1@example.com", AT)
ONE, PATCH = f"GET {PERSONS}/1", f"PATCH {PERSONS}/1"
KEY, TEXT = "5" * 40, "8" * 40
OPTION = {"field_code": KEY, "options": [{"id": 31, "label": "Here"}, {"id": 32, "label": "Unsubscribed in Brevo"}]}
LABELS = {
    "field_code": "label_ids",
    "options": [{"id": 1, "label": "Hot"}, {"id": 9, "label": "Unsubscribed in Brevo"}],
}


def bare(**fields):
    """A person of a company without Campaigns."""
    return {name: value for name, value in person(1, **fields).items() if name != "marketing_status"}


def write(answers, **options):
    http = StandIn({PATCH: {}, **answers})
    return connector({"api_token": "t", **options}).write_consent(LEAVING, access(http)), http


def written(http):
    return [call.body for call in http.asked("PATCH", f"{PERSONS}/1")]


@pytest.mark.parametrize("before", ["subscribed", "no_consent", "archived", None])
def test_an_opt_out_is_written_and_read_back(before):
    there = Answers([person(1, marketing_status=before), person(1, marketing_status="unsubscribed")])
    result, http = write({ONE: there})

    assert result is Written.WRITTEN
    assert written(http) == [{"marketing_status": "unsubscribed"}]


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        (person(1, marketing_status="unsubscribed"), Written.UNCHANGED),
        (person(1, emails=[{"value": "other@example.com", "primary": True}]), Written.GONE),
        (person(1, emails=[]), Written.GONE),
        (person(1, is_deleted=True), Written.GONE),
        (reply(404, {"success": False}), Written.GONE),
    ],
)
def test_nothing_is_written_where_nothing_is_to_be(there, expected):
    result, http = write({ONE: there})

    assert result is expected
    assert written(http) == []


def test_somebody_who_is_deleted_meanwhile_is_gone():
    assert write({ONE: person(1), PATCH: reply(404, {"success": False})})[0] is Written.GONE


def test_an_id_that_is_none_is_asked_of_nobody():
    leaving = Withdrawal("1/merge", Channel.EMAIL, LEAVING.address, AT)
    http = StandIn({})

    assert connector().write_consent(leaving, access(http)) is Written.GONE
    assert http.calls == []


def test_what_pipedrive_kept_without_a_word_is_parked_with_what_to_do():
    with pytest.raises(Parkable) as parked:
        write({ONE: person(1, marketing_status="subscribed")})

    assert "by hand" in parked.value.remedy


def test_what_pipedrive_kept_without_a_word_goes_to_the_field_where_there_is_one():
    kept = person(1, marketing_status="archived", custom_fields={KEY: 31})
    done = {**kept, "custom_fields": {KEY: 32}}
    result, http = write({ONE: Answers([kept, kept, done]), f"GET {FIELDS}": rows(OPTION)}, opt_out_field=KEY)

    assert result is Written.WRITTEN
    assert written(http) == [{"marketing_status": "unsubscribed"}, {"custom_fields": {KEY: 32}}]


@pytest.mark.parametrize(
    ("options", "field", "before", "change", "after"),
    [
        ({"opt_out_field": "label"}, LABELS, {"label_ids": [1]}, {"label_ids": [1, 9]}, {"label_ids": [1, 9]}),
        (
            {"opt_out_field": KEY},
            OPTION,
            {"custom_fields": {KEY: [31]}},
            {"custom_fields": {KEY: [31, 32]}},
            {"custom_fields": {KEY: [31, 32]}},
        ),
        (
            {"opt_out_field": TEXT, "opt_out_option": "left"},
            OPTION,
            {"custom_fields": {TEXT: None}},
            {"custom_fields": {TEXT: "left"}},
            {"custom_fields": {TEXT: "Left"}},
        ),
    ],
)
def test_without_campaigns_an_opt_out_goes_to_the_field_of_the_settings(options, field, before, change, after):
    there = Answers([bare(**before), bare(**after)])
    result, http = write({ONE: there, f"GET {FIELDS}": rows(field)}, **options)
    again, _ = write({ONE: bare(**after), f"GET {FIELDS}": rows(field)}, **options)

    assert (result, again) == (Written.WRITTEN, Written.UNCHANGED)
    assert written(http) == [change]


@pytest.mark.parametrize("options", [{}, {"opt_out_field": TEXT}])
def test_a_person_whom_pipedrive_refuses_to_change_is_parked_and_holds_up_nobody(options):
    there = person(1) if not options else bare()
    refused = reply(400, {"success": False, "error": "Validation failed"})
    with pytest.raises(Parkable, match="Validation failed"):
        write({ONE: there, PATCH: refused, f"GET {FIELDS}": rows(OPTION)}, **options)


def test_a_right_that_is_missing_is_not_the_fault_of_one_person():
    with pytest.raises(ConfigError):
        write({ONE: person(1), PATCH: reply(403, {"success": False, "error": "no permission"})})


def test_the_options_are_read_once_for_many_opt_outs():
    pages = Answers([bare(), bare(custom_fields={KEY: 32})] * 3)
    http = StandIn({PATCH: {}, ONE: pages, f"GET {FIELDS}": rows(OPTION)})
    reached = access(http)
    made = connector({"api_token": "t", "opt_out_field": KEY})

    assert [made.write_consent(LEAVING, reached) for _ in range(3)] == [Written.WRITTEN] * 3
    assert len(http.asked("GET", FIELDS)) == 1


def test_an_option_that_was_made_a_moment_ago_is_found():
    old = {"field_code": KEY, "options": [{"id": 31, "label": "Here"}]}
    pages = Answers([bare(), bare(custom_fields={KEY: 32})])
    http = StandIn({PATCH: {}, ONE: pages, f"GET {FIELDS}": Answers([rows(old), rows(OPTION)])})

    assert connector({"api_token": "t", "opt_out_field": KEY}).write_consent(LEAVING, access(http)) is Written.WRITTEN


def test_a_field_that_pipedrive_did_not_write_is_parked():
    with pytest.raises(Parkable, match="did not keep"):
        write({ONE: bare(label_ids=[]), f"GET {FIELDS}": rows(LABELS)}, opt_out_field="label")


def test_without_campaigns_and_without_a_field_the_operator_is_told_what_to_set():
    with pytest.raises(ConfigError, match="opt_out_field"):
        write({ONE: bare()})


def test_a_company_that_refuses_the_marketing_status_is_asked_for_it_once():
    there = Answers([reply(400, {"success": False}), bare(label_ids=[]), bare(label_ids=[9])])
    result, http = write({ONE: there, f"GET {FIELDS}": rows(LABELS)}, opt_out_field="label")

    assert result is Written.WRITTEN
    assert ["include_fields" in call.query for call in http.asked("GET", f"{PERSONS}/1")] == [True, False, False]


def test_an_option_that_is_not_there_is_named():
    other = {"field_code": KEY, "options": [{"id": 31, "label": "Here"}]}
    with pytest.raises(ConfigError, match="Unsubscribed in Brevo"):
        write({ONE: bare(), f"GET {FIELDS}": rows(other)}, opt_out_field=KEY)


def test_an_address_with_an_international_domain_is_the_one_of_the_person():
    emails = [{"value": "Ana@B\u00fccher.example", "primary": True}]
    pages = Answers([person(1, emails=emails), person(1, emails=emails, marketing_status="unsubscribed")])
    leaving = LEAVING.__class__("1", Channel.EMAIL, "ana@xn--bcher-kva.example", AT)

    assert connector().write_consent(leaving, access(StandIn({PATCH: {}, ONE: pages}))) is Written.WRITTEN
