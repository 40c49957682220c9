"""For the doctor: does the key open the API, whose it is, where opt-outs go, are webhooks there, is there room left."""

from __future__ import annotations

from collections.abc import Callable

from connectors.pipedrive import labels, upkeep
from connectors.pipedrive.api import RESERVE, Api
from connectors.pipedrive.persons import LABELS, STATUS
from connectors.pipedrive.pull import PERSONS, ask
from customer_sync.errors import TajoError
from customer_sync.kit.paging import dig
from customer_sync.kit.reach import Finding, shut_out

_LATER = "Look at Pipedrive's status page, and try again in some minutes."


def examine(api: Api) -> list[Finding]:
    """Return what is well and what is not."""
    try:
        user = api.get("/v1/users/me").value
    except TajoError as error:
        return [shut_out("token", error, _LATER)]
    found = [Finding("token", "ok", "it opens the API")]
    if dig("data.is_admin")(user) in (1, True):
        found.append(Finding("user", "ok", "an administrator: sees everything"))
    else:
        told = "the user is no administrator: persons and deals that others own may not be seen, nor told by webhook"
        found.append(Finding("user", "warn", told, "Use the token of an administrator."))
    for name, look in (("opt-outs", _opt_outs), ("webhooks", _webhooks)):
        found.append(_looked(name, look, api))
    return [*found, *_budget(api)]


def _looked(name: str, look: Callable[[Api], Finding], api: Api) -> Finding:
    try:
        return look(api)
    except TajoError as error:
        return shut_out(name, error, _LATER)


def _opt_outs(api: Api) -> Finding:
    key, option = api.account.opt_out_field, api.account.opt_out_option
    rows = api.rows(ask(api, PERSONS, {"limit": "1"}))
    has_status = bool(rows) and isinstance(rows[0], dict) and STATUS in rows[0]
    if key:
        known = labels.fresh(api)
        names = LABELS if key in ("label", *LABELS) else (key,)
        options = next((known[one] for one in names if one in known), None)
        if options is not None and option.casefold() not in [one.casefold() for one in options.values()]:
            fix = f"Add the option `{option}` in Pipedrive, or set opt_out_option."
            return Finding("opt-outs", "fail", f"the field {key} has no option {option}", fix)
    if has_status:
        return Finding("opt-outs", "ok", "they go to marketing_status")
    if key:
        return Finding("opt-outs", "ok", f"they go to {key}")
    if not rows:
        return Finding("opt-outs", "ok", "there is nobody yet")
    told = "this company has no marketing status (no Campaigns add-on): opt-outs in Brevo cannot be written here"
    return Finding("opt-outs", "warn", told, "Set opt_out_field to the key of a custom field, or to `label`.")


def _webhooks(api: Api) -> Finding:
    gone = upkeep.missing(api)
    if not gone:
        return Finding("webhooks", "ok", "all are there")
    fix = f"Run `tajo connectors install {api.account.source}`."
    return Finding("webhooks", "warn", f"not there, or not ours: {', '.join(gone)}", fix)


def _budget(api: Api) -> list[Finding]:
    if api.day is None:
        return []
    limit, left = api.day
    told = f"{left} of {limit} tokens of this day are left"
    if left < limit * RESERVE:
        return [Finding("tokens", "warn", f"{told}: reads pause", "See which programs use them, or add seats.")]
    return [Finding("tokens", "ok", told)]
