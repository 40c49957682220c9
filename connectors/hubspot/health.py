"""What the doctor asks: the token and whose it is, its scopes, the properties, the webhooks."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from connectors.hubspot import statuses, upkeep
from connectors.hubspot.account import Account
from connectors.hubspot.api import Api, is_unscoped, rows_of
from connectors.hubspot.contacts import Contacts
from customer_sync.errors import ConfigError, TajoError
from customer_sync.kit.reach import Access, Finding, shut_out
from customer_sync.model import Json

_AGAIN = "Try again in a minute."


def examine(account: Account, contacts: Contacts, access: Access) -> list[Finding]:
    """Return what is well and what is not; never raises."""
    try:
        api = Api(account, access)
        found = api.rest.get(f"/account-info/{account.version}/details").object()
    except TajoError as error:
        return [shut_out("token", error, _AGAIN)]
    findings = [_portal(account, found.get("portalId"))]
    findings += [_scoped("contacts", api, lambda: _list(api, "contacts"), is_needed=True)]
    findings += [_scoped("deals", api, lambda: _list(api, "deals"), is_needed=False)]
    findings += _properties(api, contacts)
    findings += [_opt_outs(api), _webhooks(account, access)]
    return findings


def _portal(account: Account, portal: Json) -> Finding:
    if account.portal and str(portal) != account.portal:
        return Finding(
            "token",
            "fail",
            f"The token is of account {portal}, and portal_id says {account.portal}.",
            "Set portal_id to the account's number, or take a token of that account.",
            "keys",
        )
    if not account.portal:
        return Finding(
            "token",
            "warn",
            f"It opens account {portal}; webhooks of every account that has the app are taken.",
            f"Set portal_id to {portal}.",
        )
    return Finding("token", "ok", f"it opens account {portal}")


def _list(api: Api, kind: str) -> None:
    api.rest.get(api.objects(kind), {"limit": "1"}).object()


def _scoped(name: str, api: Api, ask: Callable[[], None], *, is_needed: bool) -> Finding:
    """Return whether a kind of record can be read."""
    scope = f"crm.objects.{name}.read"
    try:
        ask()
    except ConfigError as error:
        if is_unscoped(error) and not is_needed:
            return Finding(name, "warn", f"They are not read: the token lacks {scope}.", f"Give the app {scope}.")
        return Finding(name, "fail", error.reason, f"Give the app {scope}.", "keys")
    except TajoError as error:
        return shut_out(name, error, _AGAIN)
    del api
    return Finding(name, "ok", "they can be read")


def _properties(api: Api, contacts: Contacts) -> Iterator[Finding]:
    """Yield what is wrong with the names of properties; HubSpot leaves out unknown ones without a word."""
    try:
        answer = api.rest.get(f"/crm/properties/{api.account.version}/contacts").object()
        known = {str(row.get("name")) for row in rows_of(answer)}
    except ConfigError as error:
        scope = "crm.schemas.contacts.read"
        if not is_unscoped(error):
            yield shut_out("properties", error, _AGAIN)
            return
        yield Finding("properties", "warn", f"Not looked at: the token lacks {scope}.", f"Give the app {scope}.")
        return
    except TajoError as error:
        yield shut_out("properties", error, _AGAIN)
        return
    lacking = [one for one in contacts.properties if one not in known]
    own = [one for one in lacking if one in (api.account.opt_in, *api.account.opt_outs, *api.account.properties)]
    if own:
        told = f"The account has no contact property {', '.join(own)}: what it would tell of consent is not heard."
        yield Finding("properties", "fail", told, "Write its internal name, as Settings > Properties shows it.")
    elif lacking:
        told = f"The account has no contact property {', '.join(lacking)}."
        yield Finding("properties", "warn", told, "Nothing else is missing: these fields stay empty.")
    else:
        yield Finding("properties", "ok", f"all {len(contacts.properties)} are there")


def _opt_outs(api: Api) -> Finding:
    """Return whether opt-outs can be written, by asking for the status of an address that nobody has."""
    try:
        statuses.read(api, "nobody@example.com")
    except ConfigError as error:
        if not is_unscoped(error):
            return shut_out("opt-outs", error, _AGAIN)
        way = f" They are written to {api.account.opt_out}." if api.account.opt_out else " They are not written back."
        fix = "Give the app communication_preferences.read_write."
        return Finding("opt-outs", "warn", f"The token lacks communication_preferences.read_write.{way}", fix)
    except TajoError as error:
        return shut_out("opt-outs", error, _AGAIN)
    return Finding("opt-outs", "ok", "statuses can be read")


def _webhooks(account: Account, access: Access) -> Finding:
    if not (account.app and account.developer_token):
        return Finding("webhooks", "warn", "They cannot be seen from here.", upkeep.by_hand(account))
    try:
        missing = upkeep.topics_of(upkeep.lacking(account, access))
    except TajoError as error:
        return shut_out("webhooks", error, _AGAIN)
    if missing:
        return Finding("webhooks", "warn", f"Missing: {', '.join(missing)}.", "Run `tajo connectors install`.")
    return Finding("webhooks", "ok", "all are there")
