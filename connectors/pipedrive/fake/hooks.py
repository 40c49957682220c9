"""Webhooks: who is told what, how often it is tried, and what becomes of a webhook whose receiver fails.

https://pipedrive.readme.io/docs/guide-for-webhooks-v2: three further tries after 3, 30 and 150 s; ten failures of a
first try mute a webhook for half an hour, and what happens meanwhile is lost; after three days without a success it is
deleted.
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Callable
from typing import Final, NamedTuple

import orjson

from connectors.pipedrive.fake.rows import OWNER, stamp, typed
from connectors.pipedrive.fake.settings import Settings
from customer_sync.kit.fakes.answers import Row
from customer_sync.kit.fakes.clock import Clock, iso
from customer_sync.kit.fakes.hooks import Delivery, Message, Rules, Sender
from customer_sync.kit.fakes.table import Table

WAITS_S: Final = (3.0, 30.0, 150.0)
MUTED_AFTER: Final = 10
MUTED_S: Final = 1800.0
DELETED_AFTER_S: Final = 3 * 86_400.0
MOST: Final = 40
COMPANY: Final = 8_087_566
HOST: Final = "demo.pipedrive.example"
_OLD: Final = {"create": "added", "change": "updated", "delete": "deleted"}
#: What a webhook of a part of the fields has.
_PART: Final = ("id", "name", "first_name", "last_name", "emails", "owner_id", "org_id", "add_time", "update_time")


class _Told(NamedTuple):
    """What happened."""

    entity: str
    action: str
    row: Row | None
    before: Row | None
    meta: Row


class Hooks:
    """The webhooks of a company. The caller holds the stand-in's lock.

    Args:
        settings: how the company behaves.
        clock: its time.
        locked: runs something with the lock held.
    """

    def __init__(self, settings: Settings, clock: Clock, locked: Callable[[Callable[[], None]], None]) -> None:
        self.settings, self.clock, self._locked = settings, clock, locked
        self.table: Table[Row] = Table()
        self.lost = 0
        self._health: dict[int, Row] = {}
        rules = Rules(WAITS_S, settings.delivery_timeout_s, time_scale=settings.time_scale)
        self.sender = Sender(clock, rules, self._tried)

    def add(self, body: Row) -> Row | str:
        """Make a webhook and return it; a text says what is wrong."""
        if len(self.table) >= MOST:
            return "The limit of webhooks is reached"
        for name in ("subscription_url", "event_action", "event_object"):
            if not isinstance(body.get(name), str) or not body[name]:
                return f"{name} is required"
        number = self.table.next_number()
        row = {
            "id": number,
            "company_id": COMPANY,
            "owner_id": OWNER,
            "user_id": body.get("user_id") or OWNER,
            "event_action": body["event_action"],
            "event_object": body["event_object"],
            "subscription_url": body["subscription_url"],
            "version": body.get("version") or self.settings.hook_version,
            "is_active": 1,
            "add_time": stamp(self.clock()),
            "remove_time": None,
            "type": "general",
            "http_auth_user": body.get("http_auth_user"),
            "http_auth_password": body.get("http_auth_password"),
            "remove_reason": None,
            "last_delivery_time": None,
            "last_http_status": None,
            "admin_id": OWNER,
            "name": body.get("name") or "",
        }
        self._health[number] = {"failed": 0, "muted_until": 0.0, "well_at": self.clock()}
        return self.table.put(number, row)

    def remove(self, number: int) -> Row | None:
        """Delete a webhook and what waits for it."""
        self.sender.drop(number)
        return self.table.delete(number)

    def tell(self, entity: str, action: str, row: Row | None, before: Row | None, **meta: object) -> None:
        """Tell everybody who wants to know what happened.

        Args:
            entity: person, deal or lead.
            action: create, change or delete.
            row: the record as it is now; None after a deletion.
            before: the whole record before.
            meta: more of `meta`.
        """
        for hook in list(self.table.values()):
            if hook["event_object"] not in (entity, "*") or hook["event_action"] not in (action, "*"):
                continue
            if self._health[hook["id"]]["muted_until"] > self.clock():
                self.lost += 1
                continue
            make = self._old if str(hook["version"]).startswith("1") else self._new
            body = make(hook, _Told(entity, action, row, before, dict(meta)))
            self.sender.put(self._delivery(hook, f"{entity}.{action}", body))

    def _delivery(self, hook: Row, topic: str, body: Row) -> Delivery:
        def write() -> Message:
            body["meta"]["attempt"] = len(delivery.statuses) + 1
            headers = {"Content-Type": "application/json", "User-Agent": "Pipedrive Webhooks"}
            if hook["http_auth_user"]:
                pair = f"{hook['http_auth_user']}:{hook['http_auth_password'] or ''}"
                headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
            return Message(headers, orjson.dumps(body))

        delivery = Delivery(hook["subscription_url"], topic, write, of=hook["id"])
        return delivery

    def _new(self, hook: Row, told_of: _Told) -> Row:
        entity, action, row, before, meta = told_of
        shown, old = self._shown(entity, row), self._shown(entity, before)
        if action == "change" and shown is not None and old is not None:
            old = {name: old.get(name) for name in shown if old.get(name) != shown[name]}
        number = (row or before or {})["id"]
        told = {
            "action": action,
            "company_id": str(COMPANY),
            "correlation_id": str(uuid.uuid4()),
            "entity_id": str(number),
            "entity": entity,
            "id": str(uuid.uuid4()),
            "is_bulk_edit": False,
            "timestamp": f"{iso(self.clock())}.{int(self.clock() % 1 * 1000):03d}Z",
            "type": "general",
            "user_id": str(OWNER),
            "version": "2.0",
            "webhook_id": str(hook["id"]),
            "webhook_owner_id": str(OWNER),
            "change_source": "app",
            "attempt": 1,
            "host": HOST,
            **meta,
        }
        return {"data": None if action == "delete" else shown, "previous": old, "meta": told}

    def _shown(self, entity: str, row: Row | None) -> Row | None:
        """Return a record as webhooks show it: without the marketing status, and custom fields with their types."""
        if row is None:
            return None
        found = {name: value for name, value in row.items() if name not in ("marketing_status", "is_deleted")}
        if entity == "person" and not self.settings.hook_fields:
            return {name: found[name] for name in _PART}
        if "custom_fields" in found:
            found["custom_fields"] = typed(found["custom_fields"])
        return found

    def _old(self, hook: Row, told_of: _Told) -> Row:
        entity, action, row, before, meta = told_of
        number, now_s = (row or before or {})["id"], self.clock()
        told = {
            "v": 1,
            "action": _OLD[action],
            "object": entity,
            "id": number,
            "company_id": COMPANY,
            "user_id": OWNER,
            "host": HOST,
            "timestamp": int(now_s),
            "timestamp_micro": int(now_s * 1e6),
            "webhook_id": str(hook["id"]),
            **meta,
        }
        current = None if action == "delete" else _flat(row)
        return {
            "v": 1,
            "meta": told,
            "current": current,
            "previous": _flat(before),
            "event": f"{_OLD[action]}.{entity}",
            "retry": 0,
        }

    def _tried(self, delivery: Delivery, is_taken: bool) -> None:  # noqa: FBT001  # as `Sender` calls it
        self._locked(lambda: self._count(delivery, is_taken=is_taken))

    def _count(self, delivery: Delivery, *, is_taken: bool) -> None:
        hook, health = self.table.get(delivery.of), self._health.get(delivery.of)
        if hook is None or health is None:
            return
        now_s = self.clock()
        hook["last_delivery_time"], hook["last_http_status"] = stamp(now_s), delivery.statuses[-1]
        if is_taken:
            health["well_at"] = now_s
        elif len(delivery.statuses) == 1:
            health["failed"] += 1
            if health["failed"] >= MUTED_AFTER:
                health["failed"], health["muted_until"] = 0, now_s + MUTED_S
        if not is_taken and now_s - health["well_at"] >= DELETED_AFTER_S:
            self.remove(hook["id"])


def _flat(row: Row | None) -> Row | None:
    """Return a record in the shape of version 1: custom fields beside the others, times without a zone."""
    if row is None:
        return None
    told: Row = {}
    for name, value in row.items():
        if name == "custom_fields":
            for key, inner in value.items():
                told[key] = inner["value"] if isinstance(inner, dict) else inner
                if isinstance(inner, dict) and "currency" in inner:
                    told[f"{key}_currency"] = inner["currency"]
        elif name.endswith("_time") and isinstance(value, str):
            told[name] = value[:19].replace("T", " ")
        elif name in ("emails", "phones"):
            told[name[:-1]] = value
        elif name not in ("marketing_status", "is_deleted"):
            told[name] = value
    return told
