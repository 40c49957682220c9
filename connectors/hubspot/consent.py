"""An opt-out is told to HubSpot: looked at first, written for its one address, done where it was done before."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from connectors.hubspot import statuses
from connectors.hubspot.api import BASIS_REMEDY, MERGED, Api, is_id, is_unscoped, rows_of
from connectors.hubspot.contacts import ADDRESSES, opt_in
from customer_sync.errors import ConfigError, Parkable, PayloadError, TryLater
from customer_sync.kit.fields import Node
from customer_sync.kit.reach import Withdrawal, Written
from customer_sync.kit.rest import Rejected
from customer_sync.model import ConsentState, Json

#: How soon to look again where the answer does not show the new state, in seconds.
LOOK_AGAIN_S: Final = 60.0
#: How many of the contacts that hold an address, or a longer one, are looked at.
FOUND: Final = 20


def withdraw(api: Api, withdrawal: Withdrawal) -> Written:
    """Tell HubSpot of an opt-out; see `Connector.write_consent`.

    Raises:
        ConfigError: a scope, or the legal basis that the account asks for, is missing.
        Parkable: HubSpot refuses the change.
        TajoError: as `Rest.call`.
    """
    if withdrawal.record_id and not is_id(withdrawal.record_id):
        return Written.GONE
    asked = withdrawal.address.strip().lower()
    contact = _look(api, withdrawal.record_id) if withdrawal.record_id else _find(api, asked)
    main, others = _addresses(contact)
    # as HubSpot writes it: it is asked by it
    address = next((one for one in (main, *sorted(others)) if withdrawal.is_for(one)), None)
    if address is None:
        return Written.GONE
    if address == main and _agreed_at(api, contact, withdrawal.at):
        return Written.NEWER
    try:
        return _by_status(api, withdrawal, address)
    except ConfigError as error:
        if isinstance(error, Rejected) and error.status == 400 and error.remedy != BASIS_REMEDY:
            raise Parkable(f"No opt-out is taken. {error.reason}", "Opt the contact out in HubSpot by hand.") from error
        if not is_unscoped(error):
            raise
        return _by_property(api, contact, error, is_main=address == main)


def _find(api: Api, address: str) -> Mapping[str, Json]:
    """Return the properties of the contact that has an address as its own or as an additional one; {} without one."""
    for name, operator in (("email", "EQ"), (ADDRESSES, "CONTAINS_TOKEN")):
        asked: Json = {"propertyName": name, "operator": operator, "value": address}
        for row in rows_of(api.search("contacts", [asked], ("email", ADDRESSES), FOUND)):
            properties = row.get("properties")
            main, others = _addresses(properties if isinstance(properties, dict) else {})
            if address == main or address in others:
                return _look(api, str(row.get("id")))
    return {}


def _look(api: Api, record_id: str) -> Mapping[str, Json]:
    """Return the properties of a contact; {} where it is gone."""
    own = [name for name in (*api.account.opt_outs, api.account.opt_in) if name]
    for row in api.one("contacts", record_id, ("email", ADDRESSES, MERGED, *own)):
        properties = row.get("properties")
        if isinstance(properties, dict):
            return {**properties, "id": row.get("id")}
    return {}


def _addresses(contact: Mapping[str, Json]) -> tuple[str, list[str]]:
    """Return a contact's own address, and its additional ones."""
    more = str(contact.get(ADDRESSES) or "")
    return str(contact.get("email") or "").strip().lower(), [one.strip().lower() for one in more.split(";")]


def _agreed_at(api: Api, contact: Mapping[str, Json], at: datetime) -> bool:
    """Tell whether the person opted in later, as a pull would read it: else Brevo stays blocked, and HubSpot mails."""
    if not api.account.opt_in:
        return False
    try:
        told = opt_in(api.account.opt_in, api.account.opt_outs, Node({"properties": dict(contact)}), at)
    except PayloadError:
        return False
    return any(one.explicit and one.at > at for one in told)


def _by_status(api: Api, withdrawal: Withdrawal, address: str) -> Written:
    known = statuses.read(api, address)
    one = api.account.subscription
    if one:
        is_out = bool(known) and all(status.state == "UNSUBSCRIBED" for status in known)
    else:
        is_out = statuses.is_out_of_all(api, address)
    if is_out:
        return Written.UNCHANGED
    # what the company subscribed somebody to is no word of theirs
    told = [said for status in known if (said := statuses.consent_of(status, withdrawal.at)) is not None]
    if any(said.state is ConsentState.GRANTED and said.explicit and said.at > withdrawal.at for said in told):
        return Written.NEWER
    path, params = _asked(api, address)
    reply = api.rest.call("POST", path, params, json_body=_body(api))
    if reply.status == 400:
        return Written.UNCHANGED
    answer = reply.object()
    rows = list(rows_of(answer)) if "results" in answer else [answer]
    if any(row.get("status") not in (None, "UNSUBSCRIBED", "COMPLETE") for row in rows):
        raise TryLater("HubSpot still shows the status from before the opt-out.", after_s=LOOK_AGAIN_S)
    is_repeat = bool(rows) and all(row.get("setStatusSuccessReason") == "NO_STATUS_CHANGE" for row in rows)
    return Written.UNCHANGED if is_repeat else Written.WRITTEN


def _asked(api: Api, address: str) -> tuple[str, Mapping[str, str]]:
    if api.account.subscription:
        return statuses.path(api, address), {}
    return statuses.path(api, address, "/unsubscribe-all"), {"channel": "EMAIL"}


def _body(api: Api) -> Json:
    """Return what is sent; opting out of everything takes no body."""
    if not api.account.subscription:
        return None
    body: dict[str, Json] = {
        "subscriptionId": int(api.account.subscription)
        if is_id(api.account.subscription)
        else api.account.subscription,
        "statusState": "UNSUBSCRIBED",
        "channel": "EMAIL",
    }
    basis, why = api.account.basis
    if basis:
        body |= {"legalBasis": basis, "legalBasisExplanation": why}
    return body


def _by_property(api: Api, contact: Mapping[str, Json], error: ConfigError, *, is_main: bool) -> Written:
    """Set the owner's own property, where the scope for statuses is missing.

    It speaks for the whole contact, so that an opt-out of an additional address cannot be told by it.

    Raises:
        ConfigError: there is no such property, or it would opt out another address.
    """
    name = api.account.opt_out
    if not name or not is_main:
        reason = "The token lacks the scope communication_preferences.read_write, so that no opt-out can be written."
        remedy = "Give the app that scope" + ("." if name else ", or set opt_out_property to a property of your own.")
        raise ConfigError(reason, remedy) from error
    if contact.get(name) in ("true", True):
        return Written.UNCHANGED
    path = api.objects("contacts", f"/{contact['id']}")
    row = api.rest.call("PATCH", path, json_body={"properties": {name: "true"}}).object()
    properties = row.get("properties")
    if isinstance(properties, dict) and properties.get(name) not in (None, "true", True):
        raise Parkable(f"HubSpot kept {name} as it was.", "Look at the property's type: it must be a single checkbox.")
    return Written.WRITTEN
