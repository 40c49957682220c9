"""Reads webhooks by the events of a connector file, and makes them at the platform where the file says how."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from hashlib import sha256
from typing import Final

from customer_sync.custom import form, transforms
from customer_sync.custom.api import Platform, fill, fill_json
from customer_sync.custom.checks import GONE, meant_by, resource_of
from customer_sync.custom.fields import canonical
from customer_sync.custom.paths import Paths
from customer_sync.custom.records import Records
from customer_sync.errors import PayloadError, TajoError
from customer_sync.kit.connector import hint, json_body
from customer_sync.kit.fields import Node, identifier, real
from customer_sync.kit.own_hooks import OwnHooks
from customer_sync.kit.reach import Access, Upkeep
from customer_sync.kit.rescue import hear
from customer_sync.kit.rest import Rest
from customer_sync.model import Event, Inbound, Json, Kind, kind_of

#: The most records of one webhook.
MOST_ITEMS: Final = 10_000
_NEW: Final = ("_created", "_placed", "_added", ".created", ".placed", ".added")


@dataclass(frozen=True, slots=True)
class Hooks:
    """The webhooks of one platform.

    Args:
        platform: its name.
        webhooks: what the file says of them.
        records: resource of the file → reads its records.
        resources: the resources of the file.
        in_path: whether the secret stands at the beginning of the path.
    """

    platform: str
    webhooks: form.Webhooks
    records: Mapping[str, Records]
    resources: Mapping[str, form.Resource]
    in_path: bool

    def parse(self, inbound: Inbound) -> list[Event | PayloadError]:
        """Return the events of a verified request.

        Raises:
            PayloadError: the body is no JSON, or nobody knows what comes to this path.
        """
        path = self.path_of(inbound)
        there = {name: one for name, one in self.webhooks.events.items() if one.path in ("", path)}
        if not there:
            ways = ", ".join(dict.fromkeys(one.path for one in self.webhooks.events.values()))
            raise PayloadError("path", "no event of the connector file has this path", f"call one of {ways}")
        body = json_body(inbound)
        if not isinstance(body, dict | list):
            raise PayloadError("$", f"expected an object or a list, found {kind_of(body)}")
        if not body:
            raise PayloadError("$", "expected a record, found nothing")
        found, taken = list[Event | PayloadError](), dict[int, Json]()
        doubted: list[tuple[Json, Callable[[], list[Event | PayloadError]]]] = []
        for name, event in there.items():
            for row, at, doubt in self._rows(event, body) if self._is_for(name, event, inbound) else ():
                if not isinstance(row, dict):
                    found.append(PayloadError(at or "$", f"expected an object, found {kind_of(row)}"))
                elif doubt is None:
                    taken[id(row)] = row
                    found += self._one(name, event, Node(row, at), inbound)
                else:
                    doubted.append((row, partial(self._one, name, event, Node(row, at), inbound, doubt)))
        # a record that another event takes is none of an event that could not tell
        for row, read in doubted:
            found += [] if id(row) in taken else read()
        return found

    def path_of(self, inbound: Inbound) -> str:
        """Return what follows the source's address, without the secret."""
        path = inbound.path.strip("/")
        path = path.partition("/")[2] if self.in_path else path
        return path.removeprefix("webhooks/")

    def _is_for(self, name: str, event: form.HookEvent, inbound: Inbound) -> bool:
        header = self.webhooks.topic_header
        if header is None:
            return True
        return inbound.headers.get(header.lower(), "") in (event.topic or (name,))

    def _rows(self, event: form.HookEvent, body: Json) -> Iterator[tuple[Json, str, PayloadError | None]]:
        """Yield the records that are meant, the path of each, and why nobody can tell whether it is.

        Raises:
            PayloadError: there are too many, or they do not stand where they are looked for.
        """
        is_batch = event.items is not None
        is_meant, doubt = (True, None) if is_batch else _matches(event, body, "")
        if not is_meant:
            return
        items = body if event.items is None else event.items.get(body)
        rows = items if isinstance(items, list) else [items]
        if len(rows) > MOST_ITEMS:
            raise PayloadError("$", f"more than {MOST_ITEMS:,} records")
        at = "" if event.items is None or event.items.all[0].text == "@" else event.items.path()
        for index, row in enumerate(rows):
            where = f"{at}[{index}]" if isinstance(items, list) else at
            if is_batch and isinstance(row, dict):
                is_meant, doubt = _matches(event, row, where)
            if is_meant or not isinstance(row, dict):
                yield row, where, doubt

    def _one(
        self, name: str, event: form.HookEvent, item: Node, inbound: Inbound, doubt: PayloadError | None = None
    ) -> list[Event | PayloadError]:
        """Return the events of a record; of one that may be another event's, its withdrawals and the doubt."""
        records = self.records.get(event.resource or resource_of(name, self.resources) or "")
        if records is None:
            where = f"webhooks.events.{name}"
            meant = meant_by(name, self.resources)
            first = "describe its resource in the connector file"
            first = first if meant is None else f"write `resource: {meant}` in the event"
            remedy = f"{first}, start again, then replay"
            return [PayloadError(where, "an event whose resource is not described", remedy)]
        found = dict(item.body) if event.record is None else event.record.get(dict(item.body), item.at)
        at = item.at if event.record is None else event.record.path(item.at)
        if not isinstance(found, dict):
            if event.record_id is None:
                return [PayloadError(at or "$", f"expected an object, found {kind_of(found)}")]
            found = {}
        nodes = list(records.exploded(Node(found, at, item.notes)))
        number, kind = self._id(name, event, item, inbound), _kind(name, records)
        made: list[Event | PayloadError] = []
        for index, node in enumerate(nodes):
            told_at = _time(event.occurred_at, item) or records.time_of(node) or inbound.received_at
            key = number if len(nodes) == 1 else f"{number}:{index}"
            outline = Event(key, inbound.source, kind, told_at, topic=name)
            reading = _Reading(event, item, node, records, outline, inbound)
            made += reading.events(name) if doubt is None else reading.withdrawals(doubt)
        return made

    def _id(self, name: str, event: form.HookEvent, item: Node, inbound: Inbound) -> str:
        """Return the key against repeats: the platform's own id of the delivery, else a digest of what came."""
        header = self.webhooks.id_header
        told: list[Json] = [inbound.headers.get(header.lower(), "")] if header is not None else []
        for one in event.event_id:
            try:
                told.append(one.get(dict(item.body), item.at))
            except PayloadError as fault:
                item.note(fault)
        words = [one for one in told if one not in (None, "")]
        # a delivery of several records may have one id for all of them
        row = "" if words and event.event_id else json.dumps(item.body, sort_keys=True)
        text = json.dumps([name, words, row], sort_keys=True)
        return f"{self.platform}:{sha256(text.encode()).hexdigest()[:32]}"


@dataclass(frozen=True, slots=True)
class _Reading:
    """One record of one webhook."""

    event: form.HookEvent
    item: Node
    node: Node
    records: Records
    outline: Event
    inbound: Inbound

    def events(self, name: str) -> list[Event | PayloadError]:
        action = self.event.action or ("delete" if name.endswith(GONE) else "upsert")
        if action == "merge":
            return self._beside(self._merge)
        if action in {"delete", "erase"} and self.event.fetch == "never":
            return self._beside(partial(self._gone, action))
        if self.event.fetch == "always":
            return self._beside(self._hint)
        found = self.records.events(self.node, self.outline)
        event = found[-1] if found else None
        told = (self.records.target.changed, self.records.target.created)
        if isinstance(self.event.fetch, tuple) and isinstance(event, Event) and event.kind in told:
            missing = [field for field in self.event.fetch if event.record.get(canonical(field)) in (None, "")]
            return self._beside(self._hint) if missing else found
        return found

    def withdrawals(self, doubt: PayloadError) -> list[Event | PayloadError]:
        """Return the withdrawals that the record tells, and why nothing else is taken of it."""

        def read() -> Event:
            raise doubt

        return hear(read, self.node, self.records.subject, self.outline)

    def _beside(self, read: Callable[[], Event]) -> list[Event | PayloadError]:
        """Return an event that holds no consent, and before it the withdrawals that the webhook itself tells."""
        return self.records.beside(hear(read, self.node, self.records.subject, self.outline), self.node, self.outline)

    def _hint(self) -> Event:
        resource, outline = self.records.target.resource, self.outline
        made = hint(self.inbound, resource, self._record_id(), outline.occurred_at, id=outline.id, topic=outline.topic)
        return replace(made, notes=tuple(self.node.notes))

    def _gone(self, action: str) -> Event:
        found = self.records.deletion(self._record_id(), self.outline)
        is_erased = action == "erase" and self.records.kind == "contact"
        return replace(found, kind=Kind.CUSTOMER_ERASED) if is_erased else found

    def _merge(self) -> Event:
        assert self.event.kept_id is not None  # the file was refused without
        kept = self._id(self.event.kept_id)
        record: dict[str, Json] = {"id": kept, "keptId": kept, "deletedId": self._record_id()}
        return replace(self.outline, kind=Kind.CUSTOMER_MERGED, record_id=kept, customer_id=kept, record=record)

    def _record_id(self) -> str:
        return self.records.id_of(self.node) if self.event.record_id is None else self._id(self.event.record_id)

    def _id(self, where: Paths) -> str:
        return identifier(where.get(dict(self.item.body), self.item.at), where.path(self.item.at))


def _matches(event: form.HookEvent, item: Json, at: str) -> tuple[bool, PayloadError | None]:
    """Return whether an event is meant, and why nobody can tell: then it may be."""
    try:
        return event.match is None or event.match.says(item, at), None
    except PayloadError as fault:
        remedy = "write `match` so that it fits such a body, as `contains(tags || `[]`, 'news')`, then replay"
        return True, PayloadError(f"match: {fault.path}", fault.found, remedy)


def _kind(name: str, records: Records) -> Kind:
    target = records.target
    return target.created if name.endswith(_NEW) else target.changed


def _time(where: Paths | None, item: Node) -> datetime | None:
    if where is None:
        return None
    try:
        value = where.get(dict(item.body), item.at)
        if value in (None, ""):
            return None
        form_of = "rfc3339"
        if isinstance(value, int | float) and not isinstance(value, bool):
            form_of = "unix_ms" if value >= 100_000_000_000 else "unix"
        return real(transforms.read_moment(value, form_of, where.path(item.at)))
    except PayloadError as fault:
        item.note(fault)
        return None


@dataclass(frozen=True, slots=True)
class Upkeeper:
    """Makes and repairs a platform's webhooks, as the file says.

    Args:
        platform: whose.
        webhooks: what the file says of them.
        said: what it says of making them.
    """

    platform: Platform
    webhooks: form.Webhooks
    said: form.Subscriptions

    def ensure(self, address: str, access: Access) -> Upkeep:
        """Make what is missing and repair the rest; those of other programs are left alone.

        Raises:
            TajoError: as `Connector.ensure_webhooks`.
        """
        there, rest = self._there(self.platform.rest(access)), self.platform.rest(access, writes=True)
        own, places = OwnHooks(access.vault), dict[str, str]()
        kept, created, repaired, failed = [], [], {}, {}
        for name, event in self.webhooks.events.items():
            topic, url = (event.topic or (name,))[0], f"{address}/{event.path}" if event.path else address
            places[topic] = url
            ours = [one for one in there if one.topic == topic and own.has(one.id, one.url, url)]
            hook = next((one for one in ours if one.is_well(url)), next(iter(ours), None))
            if hook is not None and hook.is_well(url):
                kept.append(name)
                continue
            words = self._words(topic, url, "" if hook is None else hook.id)
            try:
                if hook is None:
                    self._call(rest, self.said.create, words)
                    created.append(name)
                elif self.said.update is not None:
                    self._call(rest, self.said.update, words)
                    repaired[name] = "off" if hook.url == url else "another address"
                else:
                    failed[name] = "it is off or at another address, and the file does not say how to update it"
            except TajoError as error:
                failed[name] = str(error)
        now = self._there(self.platform.rest(access)) if created else there
        own.keep(one.id for one in now if one.topic in places and own.has(one.id, one.url, places[one.topic]))
        return Upkeep(tuple(kept), tuple(created), repaired, failed)

    def _there(self, rest: Rest) -> list[_Hook]:
        listing = self.said.listing
        value = rest.get(listing.endpoint).value
        rows = value if listing.records is None else listing.records.get(value)
        found = []
        for row in rows if isinstance(rows, list) else []:
            is_on = listing.active is None or listing.active.says(row)
            found.append(_Hook(_text(listing.id, row), _text(listing.topic, row), _text(listing.url, row), is_on))
        return found

    def _words(self, topic: str, url: str, number: str) -> dict[str, str]:
        secret = next(iter(self.platform.values.settings.secrets), "")
        return {"topic": topic, "url": url, "id": number, "secret": secret}

    def _call(self, rest: Rest, call: form.Call, words: Mapping[str, str]) -> None:
        params = self.platform.filled(call.params, words)
        rest.call(call.method, fill(call.endpoint, words, is_path=True), params, json_body=fill_json(call.body, words))


@dataclass(frozen=True, slots=True)
class _Hook:
    id: str
    topic: str
    url: str
    is_on: bool

    def is_well(self, url: str) -> bool:
        return self.is_on and self.url == url


def _text(where: Paths, row: Json) -> str:
    found = where.get(row)
    return "" if found is None else str(found)
