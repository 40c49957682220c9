"""An opt-out, told to Pipedrive: `marketing_status`, or a field of the operator's where there is none.

Only companies with the Campaigns add-on have `marketing_status`, and Pipedrive keeps the old one without a word where
it does not like the change: https://pipedrive.readme.io/docs/campaigns-in-pipedrive-api. So what was written is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from connectors.pipedrive import labels
from connectors.pipedrive.api import Api
from connectors.pipedrive.persons import LABELS, STATUS, Context
from connectors.pipedrive.pull import PERSONS, ask
from connectors.pipedrive.values import Labels, main_email
from customer_sync.errors import ConfigError, Missing, Parkable, TajoError
from customer_sync.kit.fields import Node
from customer_sync.kit.reach import Withdrawal, Written
from customer_sync.kit.rest import Rejected
from customer_sync.model import Json

LEFT: Final = "unsubscribed"


def withdraw(api: Api, withdrawal: Withdrawal) -> Written:
    """Tell Pipedrive that a person opted out.

    It never says `NEWER`: Pipedrive has no time of a consent, so no later opt-in can be told from an older one.

    Raises:
        Parkable: Pipedrive kept the old state, or refuses to change this person.
        ConfigError: the company has no Campaigns, and no field is set for opt-outs; or it has no such option.
        TajoError: as `Rest.call`.
    """
    person = _person(api, withdrawal.record_id)
    address = None if person is None else main_email(person)
    if person is None or not (isinstance(address, str) and withdrawal.is_for(address)):
        return Written.GONE
    if STATUS in person:
        if person.get(STATUS) == LEFT:
            return Written.UNCHANGED
        try:
            found = _written(api, withdrawal.record_id, {STATUS: LEFT})
        except Rejected as error:
            if error.status != 400 or not api.account.opt_out_field:
                raise _parkable(error) from error
            found = person
        if found is None:
            return Written.GONE
        if found.get(STATUS) == LEFT:
            return Written.WRITTEN
        if not api.account.opt_out_field:
            raise Parkable(
                "Pipedrive kept the old marketing status, and said nothing.",
                "Set the person's marketing status in Pipedrive by hand, or set opt_out_field for such cases.",
            )
    elif not api.account.opt_out_field:
        raise ConfigError(
            "This Pipedrive company has no marketing status (no Campaigns add-on), and no field for opt-outs is set.",
            f"Set opt_out_field below connectors.{api.account.source} to the key of a custom field, or to `label`.",
        )
    return _by_field(api, withdrawal.record_id, person)


def _by_field(api: Api, record_id: str, person: Node) -> Written:
    """Write an opt-out to the field that the operator named for it."""
    known = labels.of(api)
    if Context(api.account, known).is_opted_out(person):
        return Written.UNCHANGED
    try:
        found = _written(api, record_id, _change(api, known, person))
    except ConfigError as error:
        if isinstance(error, Rejected) and error.status != 400:
            raise
        known = labels.fresh(api)  # the option may have been made a moment ago
        try:
            found = _written(api, record_id, _change(api, known, person))
        except Rejected as again:
            raise _parkable(again) from again
    if found is None:
        return Written.GONE
    if not Context(api.account, known).is_opted_out(found):
        raise Parkable(
            f"Pipedrive did not keep the opt-out in {api.account.opt_out_field}, and said nothing.",
            "Is it a field of persons that this user may edit? Then send the opt-out again.",
        )
    return Written.WRITTEN


def _parkable(error: Rejected) -> TajoError:
    """Return what a refusal means: one of 400 is about the person, any other about keys or rights."""
    if error.status != 400:
        return error
    return Parkable(f"Pipedrive does not take the opt-out. {error.reason}", "Opt the person out in Pipedrive by hand.")


def _change(api: Api, known: Labels, person: Node) -> dict[str, Json]:
    key, text = api.account.opt_out_field, api.account.opt_out_option
    if key in ("label", *LABELS):
        names = next((known[one] for one in LABELS if one in known), {})
        there = person.get("label_ids")
        return {"label_ids": [*(there if isinstance(there, list) else []), _option(names, key, text)]}
    if key not in known:
        return {"custom_fields": {key: text}}
    inner = person.get("custom_fields")
    value = inner.get(key) if isinstance(inner, dict) else None
    chosen = _option(known[key], key, text)
    return {"custom_fields": {key: [*value, chosen] if isinstance(value, list) else chosen}}


def _option(names: Mapping[str, str], key: str, text: str) -> Json:
    found = next((one for one, label in names.items() if label.casefold() == text.casefold()), None)
    if found is None:
        raise ConfigError(
            f"Pipedrive's field {key} has no option with the name that opt_out_option says.",
            f"Add the option `{text}` to the field in Pipedrive, or set opt_out_option.",
        )
    return int(found) if found.isdecimal() else found


def _written(api: Api, record_id: str, change: dict[str, Json]) -> Node | None:
    """Write, and return the person as it is afterwards; None where it is gone."""
    try:
        api.call("PATCH", f"{PERSONS}/{record_id}", json_body=change)
    except Missing:
        return None
    return _person(api, record_id)


def _person(api: Api, record_id: str) -> Node | None:
    if not (record_id.isascii() and record_id.isdecimal()):
        return None
    try:
        found = ask(api, f"{PERSONS}/{record_id}", {}).object().get("data")
    except Missing:
        return None
    return None if not isinstance(found, dict) or found.get("is_deleted") is True else Node(found)
