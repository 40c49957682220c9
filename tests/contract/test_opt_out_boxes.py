"""A box of a CRM that means "no e-mail", cleared again: nobody agreed by that, whatever another box says meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from connectors.hubspot.statuses import Status, consent_of
from connectors.pipedrive.account import Account as PipedriveAccount
from connectors.pipedrive.persons import Context, outline_of
from connectors.salesforce.account import Account as SalesforceAccount
from connectors.salesforce.objects import CONTACT
from connectors.salesforce.records import Reader
from customer_sync.kit.connector import SourceSettings
from customer_sync.kit.fields import Node
from customer_sync.model import Channel, Consent, ConsentState, to_ms
from customer_sync.person.consent import Voice, decide
from customer_sync.person.merge import merge
from customer_sync.person.observing import observe, said_of_address

ANA = "ana@example.com"
START = datetime(2026, 11, 20, 10, tzinfo=UTC)


def at(hours):
    return START + timedelta(hours=hours)


def salesforce(is_out, when):
    settings = SourceSettings("crm", "salesforce", options={"opt_in_field": "Newsletter__c"})
    stamp = when.strftime("%Y-%m-%dT%H:%M:%S.000+0000")
    row = {"Id": "003000000000001AAA", "Email": ANA, "SystemModstamp": stamp}
    row |= {"HasOptedOutOfEmail": is_out, "Newsletter__c": True}
    (event,) = Reader(SalesforceAccount.of(settings), when.timestamp()).person(row, CONTACT)
    return event.consents


def pipedrive(is_out, when, *, key="label"):
    settings = SourceSettings("crm", "pipedrive", options={"opt_out_field": key})
    context = Context(PipedriveAccount.of(settings), {"label_ids": {"7": "Unsubscribed in Brevo"}})
    row = {"id": 1, "emails": [{"value": ANA, "primary": True}], "marketing_status": "subscribed"}
    row |= {"label_ids": [7] if is_out else [], "update_time": when.isoformat()}
    (event,) = context.read(Node(row), outline_of(Node(row), "crm", when))
    return event.consents


def pipedrives_status(is_out, when):
    settings = SourceSettings("crm", "pipedrive", options={})
    row = {"id": 1, "emails": [{"value": ANA, "primary": True}], "update_time": when.isoformat()}
    row |= {"marketing_status": "unsubscribed" if is_out else "subscribed"}
    (event,) = Context(PipedriveAccount.of(settings)).read(Node(row), outline_of(Node(row), "crm", when))
    return event.consents


def hubspot(is_out, when):
    """What somebody of the company does with a status: nobody agreed, and of an opt-out no time may be told."""
    status = Status("5", "UNSUBSCRIBED", None, "") if is_out else Status("5", "SUBSCRIBED", when, "LEGITIMATE_INTEREST")
    return (consent_of(status, when),)


@pytest.mark.parametrize("read", [salesforce, pipedrive, pipedrives_status, hubspot])
def test_an_opt_out_that_was_cleared_in_a_crm_lifts_no_withdrawal(read):
    left = Consent(Channel.EMAIL, ConsentState.WITHDRAWN, at(1), "brevo:unsubscribed", explicit=True)
    seen = [(False, at(0)), (True, at(2)), (False, at(3))]  # agreed once, told of the opt-out, cleared by hand
    told = [observe(one, to_ms(when), ANA) for is_out, when in seen for one in read(is_out, when)]

    found = decide(Channel.EMAIL, [Voice("r", "crm", merge(told))], said_of_address(left, "brevo", 0), ANA)

    assert (found.state, found.may_lift) == (ConsentState.WITHDRAWN, False)
