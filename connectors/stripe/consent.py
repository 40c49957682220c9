"""Consent: the box of Checkout, metadata fields that the settings name, and opt-outs told to Stripe.

Nothing else is consent: not the terms of service, not a receipt address, not a subscription.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Final

from connectors.stripe.account import NO, SAID_NO, Account
from connectors.stripe.api import Api
from connectors.stripe.records import instant, own_id, reference
from customer_sync.errors import Parkable, PayloadError
from customer_sync.kit.connector import parse_time
from customer_sync.kit.fields import ABSENT, Node, email, join, strict, to_text
from customer_sync.kit.reach import Withdrawal, Written
from customer_sync.kit.rescue import Subject
from customer_sync.kit.rest import Rejected
from customer_sync.model import Channel, Consent, ConsentState, Json, kind_of

#: https://docs.stripe.com/api/checkout/sessions/object#checkout_session_object-consent; only shoppers in the US see it.
PROMOTIONS: Final[Mapping[str, ConsentState]] = {
    "opt_in": ConsentState.GRANTED,
    "opt_out": ConsentState.WITHDRAWN,
}
#: The fields that an opt-out is written to. Keys of metadata merge: those of others stay.
OUT: Final = "brevo_email_optout"
OUT_AT: Final = "brevo_optout_at"
#: The address that was typed at Checkout; the consent is for it and no other.
TYPED: Final = strict(email, "customer_details.email", "customer_email")


def typed_address(node: Node) -> str | None:
    """Return the address of a Checkout Session.

    Raises:
        PayloadError: it cannot be read.
    """
    found = node.take(TYPED)
    return found if isinstance(found, str) else None


def _promotions(node: Node, at: datetime) -> tuple[Consent, ...]:
    """Return what the box of Checkout says.

    An opt-in counts from when the session began, an opt-out from when the event tells that it ended.
    """
    consent = node.get("consent")
    word = consent.get("promotions") if isinstance(consent, dict) else None
    if word is None:
        return ()
    state = PROMOTIONS.get(word) if isinstance(word, str) else None
    if state is None:
        raise PayloadError(node.path("consent.promotions"), f"expected opt_in or opt_out, found {kind_of(word)}")
    began = instant(node, "created")
    since = at if state is ConsentState.WITHDRAWN or began is None else min(began, at)
    is_act = state is ConsentState.WITHDRAWN or began is not None
    return (Consent(Channel.EMAIL, state, since, "checkout:promotions", explicit=is_act),)


#: By the address alone; the customer of the session may have another one, and is the last resort.
SESSION: Final = Subject(
    customer_id=lambda node: None if _has_address(node) else reference(node.get("customer"), node.path("customer")),
    email=typed_address,
    at=lambda _node: None,
    consents=(_promotions,),
)


def _has_address(node: Node) -> bool:
    try:
        return typed_address(node) is not None
    except PayloadError:
        return False


def of_customer(account: Account) -> Subject:
    """Return where a customer tells of consent: the metadata fields that the settings name."""
    return Subject(
        customer_id=own_id,
        email=_own_address,
        at=lambda _node: None,
        consents=tuple(partial(_metadata, key, yes) for key, yes in account.consent.items()),
    )


def _own_address(node: Node) -> str | None:
    found = node.take(strict(email, "email"))
    return None if found is ABSENT else str(found) if found else None


def _metadata(key: str, yes: frozenset[str], node: Node, at: datetime) -> tuple[Consent, ...]:
    """Return what a metadata field says: the state of a box, which has no time of its own."""
    metadata = node.get("metadata")
    value = metadata.get(key) if isinstance(metadata, dict) else None
    if value is None or value == "":
        return ()
    word = str(value).strip().lower() if isinstance(value, str | bool | int) else ""
    if word in yes:
        state = ConsentState.GRANTED
    elif word in NO:
        state = ConsentState.WITHDRAWN
    else:
        node.note(PayloadError(join(node.path("metadata"), key), "a word that means neither yes nor no"))
        return ()
    return (Consent(Channel.EMAIL, state, at, f"metadata:{key}"),)


def is_echo(changed: Json, node: Node, account: Account) -> bool:
    """Tell whether what changed is what `withdraw` writes, and nothing else.

    Args:
        changed: `previous_attributes` of the event: what was there before, of what changed.
        node: the customer as it is now.
        account: the settings.
    """
    if not isinstance(changed, dict) or set(changed) != {"metadata"} or not isinstance(changed["metadata"], dict):
        return False
    fields, now = set(changed["metadata"]), node.get("metadata")
    if OUT_AT not in fields or not isinstance(now, dict) or now.get(OUT) != "true":
        return False
    return all(now.get(key) == SAID_NO and key in account.consent for key in fields - {OUT, OUT_AT})


def withdraw(api: Api, withdrawal: Withdrawal) -> Written:
    """Tell Stripe of an opt-out, in the customer's metadata; see `Connector.write_consent`.

    Stripe keeps no time of an opt-in with a customer, so nothing there can be newer. The call has no `Idempotency-Key`:
    to set metadata twice does no harm, while Stripe would answer a second try with what came of the first one for a
    day, a 500 too (https://docs.stripe.com/api/idempotent_requests).

    Raises:
        Parkable: Stripe refuses the metadata, or does not keep it.
        TajoError: as `Rest.call`.
    """
    customer = api.one(f"/v1/customers/{withdrawal.record_id}") if api.is_id(withdrawal.record_id) else None
    # a deleted customer has no address any more
    if customer is None or not withdrawal.is_for(customer.get("email")):
        return Written.GONE
    metadata = customer.get("metadata")
    has = metadata if isinstance(metadata, dict) else {}
    ticked = [key for key, yes in api.account.consent.items() if str(has.get(key, "")).strip().lower() in yes]
    if has.get(OUT) == "true" and _is_as_late(has.get(OUT_AT), withdrawal.at) and not ticked:
        return Written.UNCHANGED
    at = to_text(withdrawal.at.astimezone(UTC).replace(microsecond=0))
    wanted = {OUT: "true", OUT_AT: at, **dict.fromkeys(ticked, SAID_NO)}
    try:
        answer = api.rest.call(
            "POST",
            f"/v1/customers/{withdrawal.record_id}",
            form={f"metadata[{key}]": value for key, value in wanted.items()},
        ).object()
    except Rejected as error:
        if error.status in (401, 403):
            raise
        raise Parkable(f"Stripe does not take the opt-out: {error.reason}", _BY_HAND) from error
    now = answer.get("metadata")
    if not isinstance(now, dict) or any(now.get(key) != value for key, value in wanted.items()):
        raise Parkable("Stripe does not show the opt-out that it took.", _BY_HAND)
    return Written.WRITTEN


_BY_HAND: Final = f"Set the metadata {OUT} of the customer to true in Stripe's Dashboard; 50 fields are the most."


def _is_as_late(written: Json, at: datetime) -> bool:
    """Tell whether an opt-out that stands there was said at a time or later; whole seconds are written."""
    try:
        return parse_time(written, OUT_AT) >= at.replace(microsecond=0)
    except PayloadError:
        return False
