"""Webhooks made by the Tooling API: for each object an outbound message, and a flow that sends it after each save.

https://developer.salesforce.com/docs/atlas.en-us.api_tooling.meta/api_tooling/tooling_api_objects_workflowoutboundmessage.htm
and ..._flow.htm. Both are found again by the name that they were given here; those of other names belong to others.
Needs the permission `Customize Application` (and `Manage Flow`); without it they are made by hand, see `STEPS`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from connectors.salesforce.account import OPT_OUT
from connectors.salesforce.api import Api, quoted
from connectors.salesforce.objects import OBJECTS, STAMP, SObject
from connectors.salesforce.session import user_of
from customer_sync.errors import ConfigError, Missing, TryLater
from customer_sync.kit.reach import Upkeep
from customer_sync.kit.rest import Rejected
from customer_sync.model import CUSTOMERS, Json

#: What an operator does where the Tooling API is closed to the integration user.
STEPS: Final = (
    "Give the integration user Customize Application and Manage Flow; or make them by hand: Setup > Outbound Messages "
    "> New (endpoint: this address, a slash and webhook_secret; no session ID), then a record-triggered flow for it."
)
MESSAGE: Final = "WorkflowOutboundMessage"
_ODD: Final = re.compile(r"[^A-Za-z0-9]+")

Meta = Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Hook:
    """The webhook of one object, as it stands in the org.

    Args:
        message_id: of the outbound message, "" where there is none.
        message: its metadata.
        flow_id: of the flow's definition, "" where there is none.
        is_on: whether a version of the flow is active.
        newest: the number of its newest version, 0 for none.
    """

    message_id: str
    message: Meta
    flow_id: str
    is_on: bool
    newest: int


def ensure(api: Api, address: str, secret: str, topics: Sequence[str]) -> Upkeep:
    """Make the missing webhooks and repair the others; see `Connector.ensure_webhooks`.

    Raises:
        ConfigError: the secret cannot stand in an address, or the Tooling API is closed to the user.
        TajoError: as `Api.get`.
    """
    url = f"{address}/{_fit(secret, api)}"
    kept, created, failed = [], [], {}
    repaired: dict[str, str] = {}
    for topic in topics:
        sobject = OBJECTS[topic]
        try:
            hook = look(api, sobject)
            wrong = faults(hook, url, _fields(api, sobject))
            if not hook.message_id or not hook.flow_id:
                _make(api, sobject, hook, url)
                created.append(topic)
            elif wrong:
                _mend(api, sobject, hook, url)
                repaired[topic] = ", ".join(wrong)
            else:
                kept.append(topic)
        except Rejected as error:
            if error.status in {401, 403}:
                raise ConfigError(f"The webhooks cannot be made from here: {error.reason}", STEPS) from error
            failed[topic] = error.reason
    return Upkeep(tuple(kept), tuple(created), repaired, failed)


def look(api: Api, sobject: SObject) -> Hook:
    """Return how the webhook of an object stands.

    Raises:
        TajoError: as `Api.query`.
    """
    name = quoted(name_of(api))
    found = _ids(api, MESSAGE, f"EntityDefinitionId = {quoted(sobject.name)} AND Name = {name}")
    flow = f"DeveloperName = {quoted(flow_of(api, sobject))}"
    asked = f"SELECT Id, ActiveVersionId, LatestVersionId FROM FlowDefinition WHERE {flow}"  # noqa: S608  # quoted
    flows = api.query(asked, is_tooling=True).rows
    newest = str(flows[0].get("LatestVersionId") or "") if flows else ""
    return Hook(
        message_id=found,
        message=_metadata(api, found) if found else {},
        flow_id=str(flows[0].get("Id") or "") if flows else "",
        is_on=bool(flows and flows[0].get("ActiveVersionId")),
        newest=_version(api, newest) if newest else 0,
    )


def faults(hook: Hook, url: str, fields: Sequence[str]) -> list[str]:
    """Return what is wrong with a webhook that is there."""
    told = hook.message.get("fields")
    lacking = set(fields) - {str(one) for one in (told if isinstance(told, list) else [])}
    return [
        *(["another address"] if hook.message.get("endpointUrl") != url else []),
        *(["it sends the session id"] if hook.message.get("includeSessionId") else []),
        *([f"it lacks {', '.join(sorted(lacking))}"] if lacking else []),
        *(["its flow is off"] if not hook.is_on else []),
    ]


def name_of(api: Api) -> str:
    """Return the name of this source's outbound messages."""
    return f"Tajo_{_ODD.sub('_', api.account.source).strip('_')}"[:60]


def flow_of(api: Api, sobject: SObject) -> str:
    """Return the name of the flow that sends the message of an object."""
    return f"{name_of(api)}_{sobject.name}"


def _make(api: Api, sobject: SObject, hook: Hook, url: str) -> None:
    if hook.message_id:
        _patch(api, MESSAGE, hook.message_id, _message(api, sobject, url, hook.message))
    else:
        full = f"{sobject.name}.{name_of(api)}"
        _post(api, MESSAGE, full, _message(api, sobject, url, {}))
    if not hook.flow_id:
        _post(api, "Flow", flow_of(api, sobject), _flow(api, sobject))
    elif not hook.is_on:
        _patch(api, "FlowDefinition", hook.flow_id, {"activeVersionNumber": hook.newest})


def _mend(api: Api, sobject: SObject, hook: Hook, url: str) -> None:
    wanted = _message(api, sobject, url, hook.message)
    if dict(wanted) != dict(hook.message):
        _patch(api, MESSAGE, hook.message_id, wanted)
    if not hook.is_on:
        _patch(api, "FlowDefinition", hook.flow_id, {"activeVersionNumber": hook.newest})


def _message(api: Api, sobject: SObject, url: str, old: Meta) -> dict[str, Json]:
    """Return the metadata of an outbound message: what was set there by hand and does no harm stays."""
    told = old.get("fields")
    fields = [str(one) for one in (told if isinstance(told, list) else [])]
    return {
        "apiVersion": float(api.account.version),
        "description": "Tells Tajo Customer Sync which record changed.",
        "name": name_of(api),
        "protected": False,
        "useDeadLetterQueue": False,
        "integrationUser": _user(api) if not old.get("integrationUser") else old["integrationUser"],
        **{name: value for name, value in old.items() if name in {"apiVersion", "description", "useDeadLetterQueue"}},
        "endpointUrl": url,
        "includeSessionId": False,
        "fields": [*fields, *(one for one in _fields(api, sobject) if one not in fields)],
    }


def _flow(api: Api, sobject: SObject) -> dict[str, Json]:
    """Return the metadata of a flow that sends the message after each save of a record."""
    return {
        "label": flow_of(api, sobject).replace("_", " "),
        "interviewLabel": f"{flow_of(api, sobject)} {{!$Flow.CurrentDateTime}}",
        "processType": "AutoLaunchedFlow",
        "status": "Active",
        "start": {
            "locationX": 50,
            "locationY": 0,
            "object": sobject.name,
            "recordTriggerType": "CreateAndUpdate",
            "triggerType": "RecordAfterSave",
            "connector": {"targetReference": "Tell"},
        },
        "actionCalls": [
            {
                "name": "Tell",
                "label": "Tell",
                "locationX": 50,
                "locationY": 150,
                "actionName": f"{sobject.name}.{name_of(api)}",
                "actionType": "outboundMessage",
                "flowTransactionModel": "CurrentTransaction",
            }
        ],
    }


def _fields(api: Api, sobject: SObject) -> tuple[str, ...]:
    """Return what a message carries: who it is about, and of people whether they left."""
    if sobject.resource != CUSTOMERS:
        return ("Id", STAMP)
    return ("Id", STAMP, *(one for one in ("Email", OPT_OUT) if one in api.describe(sobject.name)))


def _user(api: Api) -> str:
    """Return the name of the user that calls, in whose name messages are sent.

    Raises:
        ConfigError: nobody tells.
    """
    if api.account.username:
        return api.account.username
    user = user_of(api.session.token())
    found = api.query(f"SELECT Username FROM User WHERE Id = {quoted(user)}").rows if user else ()  # noqa: S608  # quoted
    if not found or not found[0].get("Username"):
        raise ConfigError(
            "An outbound message is sent in a user's name, and nobody tells which.",
            f"Set connectors.{api.account.source}.username to the integration user's name.",
        )
    return str(found[0]["Username"])


def _ids(api: Api, kind: str, where: str) -> str:
    found = api.query(f"SELECT Id FROM {kind} WHERE {where}", is_tooling=True).rows  # noqa: S608  # quoted texts only
    return str(found[0].get("Id") or "") if found else ""


def _metadata(api: Api, message_id: str) -> Meta:
    try:
        value = api.get(f"/tooling/sobjects/{MESSAGE}/{message_id}").object()
    except Missing as error:
        raise TryLater("An outbound message was deleted just now.") from error
    found = value.get("Metadata")
    return found if isinstance(found, dict) else {}


def _version(api: Api, flow_id: str) -> int:
    asked = f"SELECT VersionNumber FROM Flow WHERE Id = {quoted(flow_id)}"  # noqa: S608  # quoted
    found = api.query(asked, is_tooling=True).rows
    number = found[0].get("VersionNumber") if found else None
    return number if isinstance(number, int) else 1


def _post(api: Api, kind: str, full_name: str, metadata: dict[str, Json]) -> None:
    api.write("POST", f"/tooling/sobjects/{kind}", {"FullName": full_name, "Metadata": metadata})


def _patch(api: Api, kind: str, record_id: str, metadata: dict[str, Json]) -> None:
    api.write("PATCH", f"/tooling/sobjects/{kind}/{record_id}", {"Metadata": metadata})


def _fit(secret: str, api: Api) -> str:
    """Return the secret as it stands at the end of an address.

    Raises:
        ConfigError: it has characters that an address cannot hold as they are.
    """
    if not secret or quote(secret, safe="") != secret:
        raise ConfigError(
            "webhook_secret is to stand at the end of an address, and has characters that cannot.",
            f"Set connectors.{api.account.source}.webhook_secret to letters and digits, 32 or more.",
        )
    return secret
