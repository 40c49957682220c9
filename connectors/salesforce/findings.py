"""What `tajo doctor` asks of a Salesforce source: token, org, hidden fields, calls that are left, webhooks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Final

from connectors.salesforce import upkeep
from connectors.salesforce.account import OPT_OUT
from connectors.salesforce.api import Api
from connectors.salesforce.objects import LEAD, OBJECTS, hidden
from connectors.salesforce.session import organization_of
from customer_sync.errors import ConfigError, TajoError
from customer_sync.kit.reach import Finding, shut_out
from customer_sync.model import CUSTOMERS

_LATER: Final = "Try again in a minute; then see https://status.salesforce.com."
#: From here on an operator should know that calls run out.
_MUCH: Final = 0.6


def examine(api: Api, topics: Sequence[str]) -> list[Finding]:
    """Return what is well and what is not. Never raises: what fails is a finding with its remedy."""
    account = api.account
    if not account.can_ask:
        fix = f"Set my_domain, client_id and client_secret below connectors.{account.source}."
        return [Finding("token", "warn", "no keys: records named by webhooks cannot be read", fix)]
    found = _safely("token", lambda: _token(api), is_door=True)
    if found[-1].verdict == "fail":
        return found
    calls = _safely("calls", lambda: [_calls(api)], is_door=True)
    if calls[-1].verdict == "fail":
        return [*found, *calls]
    fields = _safely("fields", lambda: [*(one for topic in topics for one in _fields(api, topic)), *_named(api)])
    return [*found, *calls, *fields, *_safely("webhooks", lambda: _webhooks(api, topics))]


def _safely(name: str, look: Callable[[], Iterable[Finding]], *, is_door: bool = False) -> list[Finding]:
    try:
        return list(look())
    except TajoError as error:
        found = shut_out(name, error, _LATER)
        return [found if is_door else found._replace(why="")]


def _token(api: Api) -> list[Finding]:
    token = api.session.token()
    ways = {"connection": "the owner's consent", "client_credentials": "the app's own keys"}
    found = [Finding("token", "ok", f"by {ways.get(token.kind, token.kind)}; renewed when Salesforce ends it")]
    if token.scope and not {"api", "full"} & set(token.scope.split()):
        fix = "Add the scope `api` (Manage user data via APIs) to the app, then connect again."
        return [*found, Finding("scopes", "fail", f"the token may do {token.scope} only", fix)]
    own = organization_of(token)
    if not api.account.organization:
        fix = f"Set connectors.{api.account.source}.organization_id" + (f" to {own}." if own else ".")
        return [*found, Finding("org", "warn", "organization_id is not set: outbound messages are refused", fix)]
    if own and own[:15] != api.account.organization:
        fix = f"Set connectors.{api.account.source}.organization_id to {own}, or connect the right org."
        return [*found, Finding("org", "fail", "the keys are of another org than organization_id", fix)]
    return [*found, Finding("org", "ok", "the keys are of the org that organization_id names")]


def _calls(api: Api) -> Finding:
    value = api.get("/limits").object().get("DailyApiRequests")
    most, left = (value.get("Max"), value.get("Remaining")) if isinstance(value, dict) else (None, None)
    if not isinstance(most, int) or not isinstance(left, int) or most <= 0:
        return Finding("calls", "warn", "Salesforce does not tell how many calls are left", "Look at Setup > Company.")
    told = f"{most - left} of {most} calls used in 24 hours; reads stop at 80 %, opt-outs at 95 %"
    if most - left < most * _MUCH:
        return Finding("calls", "ok", told)
    return Finding("calls", "warn", told, "Find out who else calls (Setup > API Usage), or poll more rarely.")


def _fields(api: Api, topic: str) -> list[Finding]:
    sobject = OBJECTS[topic]
    try:
        seen = api.describe(topic)
    except ConfigError as error:
        verdict = Finding(f"fields of {topic}", "warn" if sobject is LEAD else "fail", error.reason, error.remedy)
        return [verdict]
    unseen = hidden(sobject, api.account, seen)
    found = []
    if unseen:
        fix = f"Give the integration user's permission set Read on {', '.join(unseen)} of {topic}."
        is_bad = OPT_OUT in unseen
        more = "; nobody of these is put on a list, and no opt-out is written" if is_bad else ""
        told = f"hidden: {', '.join(unseen)}{more}"
        found.append(Finding(f"fields of {topic}", "fail" if is_bad else "warn", told, fix))
    elif sobject.resource == CUSTOMERS and not seen[OPT_OUT]:
        fix = f"Give the integration user's permission set Edit on {OPT_OUT} of {topic}."
        found.append(Finding(f"fields of {topic}", "warn", f"{OPT_OUT} may not be changed: no opt-out is written", fix))
    return found or [Finding(f"fields of {topic}", "ok", "all that are wanted are seen")]


def _named(api: Api) -> list[Finding]:
    """Return the fields of the settings that no object has, as far as the user sees."""
    if not api.account.fields:
        return []
    seen = {name for one in OBJECTS.values() if one is not LEAD for name in api.describe(one.name)}
    unseen = [one for one in api.account.fields if one not in seen]
    if unseen:
        with suppress(ConfigError):
            leads = api.describe(LEAD.name)
            unseen = [one for one in unseen if one not in leads]
    if not unseen:
        return [Finding("more fields", "ok", "each of `fields` is seen on one object at least")]
    fix = f"Check their API names (Setup > Object Manager); give the user's permission set Read on {', '.join(unseen)}."
    return [Finding("more fields", "warn", f"seen nowhere: {', '.join(unseen)}", fix)]


def _webhooks(api: Api, topics: Sequence[str]) -> list[Finding]:
    try:
        off = [topic for topic in topics if not (hook := upkeep.look(api, OBJECTS[topic])).message_id or not hook.is_on]
    except ConfigError as error:
        return [Finding("webhooks", "warn", f"whether they are there cannot be seen: {error.reason}", upkeep.STEPS)]
    if off:
        fix = f"Run `tajo connectors install {api.account.source}`; until then only pulls tell of changes."
        return [Finding("webhooks", "warn", f"none made from here for {', '.join(off)}", fix)]
    return [Finding("webhooks", "ok", "an outbound message and its flow for each object")]
