"""What a connector file makes of a sample: for its author, before anything is connected."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from customer_sync.custom.form import NONE, Form, Resource, target_of
from customer_sync.custom.hooks import Hooks
from customer_sync.custom.paged import LISTS, rows_of
from customer_sync.custom.records import Records
from customer_sync.errors import PayloadError, TryLater
from customer_sync.kit.fields import Node
from customer_sync.kit.json_text import json_value
from customer_sync.model import Event, Inbound, Json, kind_of


def of_list(form: Form, name: str, body: bytes, now: datetime) -> list[Event | PayloadError]:
    """Return what becomes of an answer of a list; one record alone is taken for a list of one.

    What has neither the list nor what its records are known by is one fault, which names the keys that are there.

    Args:
        form: the file.
        name: the resource.
        body: the answer.
        now: the time of what has none of its own.
    """
    try:
        value = json_value(body)
    except PayloadError as fault:
        return [fault]
    resource = form.resources[name]
    if target_of(name, resource) == NONE:
        return [PayloadError(name, "a list that is read for others alone")]
    records = Records(form.name, resource, str(target_of(name, resource)))
    try:
        rows = rows_of(name, resource, value)
    except TryLater:
        if not isinstance(value, dict) or not _is_record(records, value):
            return [_no_list(name, resource, value)]
        rows = [value]
    found: list[Event | PayloadError] = []
    for index, row in enumerate(rows):
        if not isinstance(row, dict):
            found.append(PayloadError(f"{name}[{index}]", "expected an object"))
            continue
        for node in records.exploded(Node(row, f"{name}[{index}]")):
            found += records.events(node, records.outline(node, form.name, now, "pull"))
    return found


def _is_record(records: Records, row: Mapping[str, Json]) -> bool:
    """Tell whether something is known by what its kind is known by: a person by the address, all else by the id."""
    return any(_is_known(records, node) for node in records.exploded(Node(row, "")))


def _is_known(records: Records, node: Node) -> bool:
    if records.kind == "contact" and "email" in records.resource.mapping:
        return records.has_address(node)
    try:
        return bool(records.id_of(node))
    except PayloadError:
        return False


def _no_list(name: str, resource: Resource, value: Json) -> PayloadError:
    """Return the fault of an answer without the list that is looked for."""
    if not isinstance(value, dict):
        return PayloadError(name, f"expected a list, found {kind_of(value)}", "Save the answer as it came.")
    if resource.records is None:
        *places, last = (name, *LISTS)
        looked = f"no list stands at {', '.join(places)} or {last}"
    else:
        found = resource.records.get(value)
        looked = (
            f"{'nothing' if found is None else f'no list, but {kind_of(found)},'} stands at `{resource.records.path()}`"
        )
    lists = [key for key, found in value.items() if isinstance(found, list)]
    remedy = f"Write `records: {lists[0]}`." if len(lists) == 1 else "Write `records:` and the path of the list."
    return PayloadError(name, f"{looked}; the answer has {', '.join(value) or 'no key'}", remedy)


def of_webhook(form: Form, body: bytes, now: datetime) -> list[Event | PayloadError]:
    """Return what becomes of the body of a webhook that comes to any path, with any topic of the file."""
    if form.webhooks is None:
        return [PayloadError("webhooks", "the file names none")]
    kinds = {name: str(target_of(name, one)) for name, one in form.resources.items()}
    records = {name: Records(form.name, form.resources[name], kind) for name, kind in kinds.items() if kind != NONE}
    found: list[Event | PayloadError] = []
    for name, event in form.webhooks.events.items():
        only = form.webhooks.model_copy(update={"events": {name: event}})
        header = {} if only.topic_header is None else {only.topic_header.lower(): (event.topic or (name,))[0]}
        hooks = Hooks(form.name, only, records, form.resources, in_path=False)
        try:
            found += hooks.parse(Inbound(form.name, header, body, now, path=event.path))
        except PayloadError as fault:
            return [fault]
    return found
