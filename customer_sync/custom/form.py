"""What a connector file may say: the whole vocabulary, closed. `tajo schema` prints it as JSON Schema.

The short forms of Tajo's documents are read as they stand: `new ConnectorSDK({name, version, auth, resources,
webhooks})`, with `authorizationUrl`, `tokenUrl`, `mapping: {email: path}` and `webhooks: {event: path}`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, PlainValidator, WithJsonSchema

from customer_sync.custom.calling import Auth, HttpPart, NoAuth, Pagination
from customer_sync.custom.parts import (
    Duration,
    Filled,
    Flag,
    HeaderName,
    Name,
    Part,
    Route,
    Statuses,
    Text,
    Texts,
    Transforms,
    Url,
    Where,
    Word,
    kind,
    listed,
    wrong,
)
from customer_sync.custom.paths import paths
from customer_sync.custom.verifying import Verify

Target = Literal["contact", "order", "product", "cart", "none"]
#: What a resource is that is read for others alone: see `ForEach`.
NONE: Final = "none"
#: The names of resources that say what their records are.
TARGETS: Final[Mapping[str, Target]] = {
    "customers": "contact",
    "contacts": "contact",
    "persons": "contact",
    "people": "contact",
    "users": "contact",
    "members": "contact",
    "subscribers": "contact",
    "leads": "contact",
    "orders": "order",
    "deals": "order",
    "payments": "order",
    "invoices": "order",
    "products": "product",
    "carts": "cart",
    "checkouts": "cart",
}
_VERSION: Final = re.compile(r"\d+\.\d+\.\d+")


def _at(path: str) -> Any:
    return Field(default_factory=lambda: paths([path]))


class Incremental(Part):
    """How what changed since a time is asked for."""

    cursor: Where
    format: Text = "rfc3339"
    since_param: Text | None = None
    until_param: Text | None = None
    lookback: Duration | None = None
    max_window: Duration | None = None
    start: Text | None = None
    order: Literal["asc", "desc", "none"] = "none"


def _rule(value: Any) -> Any:
    return {"path": value} if isinstance(value, str | list) else value


class Rule(Part):
    """Where a field comes from, and what is done to it."""

    path: Where
    transform: Transforms = ()
    type: Literal["text", "number", "boolean", "date"] | None = None
    map: dict[str, Any] | None = None
    cents_of: Where | None = None
    #: Of a consent alone: when the person said so. Only then is it an act, and may lift an earlier withdrawal.
    at: Where | None = None
    method: Text | None = None
    #: Of lines alone: our field → where it stands in a line.
    fields: dict[str, Where] | None = None


AnyRule = Annotated[Rule, BeforeValidator(_rule, json_schema_input_type=Rule | Where)]


class RecordStep(Part):
    """What is done to whole records."""

    #: Makes a record of each entry of a list in a record: the entry stands in the place of the list.
    explode: Where | None = None
    drop_if_missing: Texts | None = None
    filter: Where | None = None


class ById(Part):
    """How one record is read by its id."""

    endpoint: Route
    method: Literal["GET", "POST"] = "GET"
    params: dict[Text, Filled] = Field(default_factory=dict)
    record: Where | None = None


class GuessedById(ById):
    """The same where the file needs it and does not say it."""


class ForEach(Part):
    """Another list, for each of whose records this one is read; `{as.id}` and `{as.some.path}` are filled in."""

    resource: Text
    name: Word | None = Field(default=None, alias="as")

    @property
    def word(self) -> str:
        """The word that stands for a record of the other list."""
        return self.name or self.resource


class Resource(Part):
    """A list of records, and what they become."""

    target: Target | None = None
    endpoint: Route
    for_each: ForEach | None = None
    method: Literal["GET", "POST"] = "GET"
    params: dict[Text, Filled] = Field(default_factory=dict)
    body: dict[str, Any] | None = Field(default=None, alias="json")
    records: Where | None = None
    primary_key: Where = _at("id")
    by_id: ById | None = None
    pagination: Pagination | None = None
    incremental: Incremental | None = None
    delete_when: Where | None = None
    mapping: dict[Text, AnyRule] = Field(default_factory=dict)
    transform: tuple[RecordStep, ...] = ()


def target_of(name: str, resource: Resource) -> Target | None:
    """Return what a resource's records are; None where neither its name nor its `target` says so."""
    return resource.target or TARGETS.get(name)


def _hook_path(value: Any) -> str:
    """Return what follows the source's address: the documents' `/webhooks/customer` is `customer` there."""
    found = str(value).strip("/").removeprefix("webhooks/") if isinstance(value, str) else ""
    if not found or any(one.isspace() or one in "?#" for one in found):
        raise wrong(f"no path, found {kind(value)}", "Write it as /customer: it follows the source's address.")
    return found


def _fetch(value: Any) -> Any:
    if value in ("never", "always"):
        return value
    fields = value.get("if_missing") if isinstance(value, dict) and len(value) == 1 else None
    if isinstance(fields, list) and fields and all(isinstance(one, str) for one in fields):
        return tuple(fields)
    raise wrong("no rule for fetching", "Write never, always, or if_missing: [email].")


HookPath = Annotated[
    str,
    PlainValidator(_hook_path),
    WithJsonSchema({"type": "string", "pattern": r"^[^\s?#]*[^\s?#/][^\s?#]*$"}),
]
#: `never`, `always`, or the fields without which a record is read again.
Fetch = Annotated[
    Literal["never", "always"] | tuple[str, ...],
    PlainValidator(_fetch),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": ["never", "always"]},
                {
                    "type": "object",
                    "properties": {"if_missing": {"type": "array", "items": {"type": "string"}, "minItems": 1}},
                    "required": ["if_missing"],
                    "additionalProperties": False,
                },
            ]
        }
    ),
]


def _event(value: Any) -> Any:
    return {"path": value} if isinstance(value, str) else value


class HookEvent(Part):
    """One webhook of the platform."""

    path: HookPath = ""
    topic: Texts = ()
    match: Where | None = None
    items: Where | None = None
    event_id: Annotated[tuple[Where, ...], BeforeValidator(listed, json_schema_input_type=Where | list[Where])] = ()
    occurred_at: Where | None = None
    resource: Text | None = None
    record: Where | None = None
    record_id: Where | None = None
    action: Literal["upsert", "delete", "erase", "merge"] | None = None
    kept_id: Where | None = None
    fetch: Fetch = "never"


class Listing(Part):
    """Where the platform lists its webhooks, and where their parts stand."""

    endpoint: Route
    records: Where | None = None
    id: Where = _at("id")
    url: Where = _at("url")
    topic: Where = _at("topic")
    active: Where | None = None


class Call(Part):
    """A call with a body; `{name}` in it is filled in."""

    method: Literal["POST", "PUT", "PATCH", "DELETE"] = "POST"
    endpoint: Route
    params: dict[Text, Filled] = Field(default_factory=dict)
    body: Any = Field(default=None, alias="json")
    ok_status: Statuses = (range(200, 300),)


class Subscriptions(Part):
    """How webhooks are made at the platform."""

    listing: Listing = Field(alias="list")
    create: Call
    update: Call | None = None


class Webhooks(Part):
    """What the platform sends by itself."""

    verify: Verify | None = None
    topic_header: HeaderName | None = None
    id_header: HeaderName | None = None
    events: dict[Text, Annotated[HookEvent, BeforeValidator(_event, json_schema_input_type=HookEvent | HookPath)]] = (
        Field(default_factory=dict)
    )
    subscriptions: Subscriptions | None = None


class Unsubscribe(Call):
    """How an opt-out is told to the platform."""

    method: Literal["POST", "PUT", "PATCH", "DELETE"] = "PATCH"
    skip_status: Statuses = (404, 410)
    read_back: Flag = True


#: The name of an event in the short form, where it stands among the words of the long one.
EventName = Annotated[Text, WithJsonSchema({"type": "string", "pattern": f"^(?!(?:{'|'.join(Webhooks.names())})$).+"})]


def _webhooks(value: Any) -> Any:
    """Return the documents' `{event: path}` as a table of events."""
    is_short = isinstance(value, dict) and value.keys().isdisjoint(Webhooks.names())
    return {"events": value} if is_short else value


AnyWebhooks = Annotated[
    Webhooks, BeforeValidator(_webhooks, json_schema_input_type=Webhooks | dict[EventName, HookEvent | HookPath])
]


class Writeback(Part):
    """What is told to the platform."""

    unsubscribe: Unsubscribe


def _version(value: Any) -> Any:
    if (value in (1, "1") and not isinstance(value, bool)) or (isinstance(value, str) and _VERSION.fullmatch(value)):
        return value
    raise wrong("no version", "Write 1, or three numbers of your own such as 1.0.0.")


Version = Annotated[
    int | str,
    PlainValidator(_version),
    WithJsonSchema({"anyOf": [{"const": 1}, {"type": "string", "pattern": rf"^(?:1|{_VERSION.pattern})$"}]}),
]


class Form(Part):
    """A whole connector file."""

    version: Version = 1
    name: Name
    display_name: Text | None = None
    base_url: Url | None = None
    auth: Auth = Field(default_factory=lambda: NoAuth(type="none"))
    http: HttpPart = Field(default_factory=HttpPart)
    resources: dict[Name, Resource] = Field(min_length=1)
    webhooks: AnyWebhooks | None = None
    writeback: Writeback | None = None
    shares_addresses: Flag = True
