"""`/events`: what customers did, sent by a shop. Every event starts workflows."""

from __future__ import annotations

import json
import re
from typing import Final

from flask import Response, request

from customer_sync.model import Json
from customer_sync.sandbox import paging, times, whom
from customer_sync.sandbox.answers import ApiError, Row, as_json, body_object, invalid, missing, nothing
from customer_sync.sandbox.contact import Write
from customer_sync.sandbox.identifiers import TYPES
from customer_sync.sandbox.mailable import Cause
from customer_sync.sandbox.routes import Route, this_call
from customer_sync.sandbox.state import Sandbox

MOST_EVENTS, MOST_EVENT_BYTES, MOST_PROPERTY_BYTES = 200, 512_000, 50_000
_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")
_IDENTIFIERS: Final = frozenset({"contact_id", *TYPES})
_SHOWN: Final = frozenset({"contact_id", "event_date", "event_name", "event_properties", "contact_properties"})
#: What a listing shows when no dates are asked for.
_SIX_MONTHS_MS: Final = 183 * 86_400_000


def post_event(sandbox: Sandbox) -> Response:
    """Keep one event: 204."""
    event = _check(body_object())
    with sandbox.lock:
        _keep(sandbox, event)
    return nothing()


def post_events(sandbox: Sandbox) -> Response:
    """Keep up to 200 events: 202 for all, 207 for some, 400 for none. The wrapper `{"events": []}` is a must."""
    events = body_object().get("events") if (request.content_length or 0) <= MOST_EVENT_BYTES else None
    if not isinstance(events, list) or not 0 < len(events) <= MOST_EVENTS:
        message = f"Pass 1 to {MOST_EVENTS} events in an object, at most 512 KB"
        return _failures(0, 0, [{"eventIndex": [], "message": message}])
    failed: dict[str, list[Json]] = {}
    with sandbox.lock:
        refused = _refused(sandbox)
        for number, event in enumerate(events):
            try:
                if number < refused:
                    raise invalid("event could not be processed")
                _keep(sandbox, _check(event))
            except ApiError as error:
                failed.setdefault(error.message, []).append(number)
    if not failed:
        return as_json({"message": "Events queued", "count": len(events)}, 202)
    errors: list[Json] = [{"eventIndex": numbers, "message": message} for message, numbers in failed.items()]
    return _failures(len(events), sum(len(one) for one in failed.values()), errors)


def list_events(sandbox: Sandbox) -> Response:
    """Return a page of the events, of the last six months when no dates are asked for."""
    page = paging.page(100, 10_000)
    with sandbox.lock:
        rows = list(sandbox.shop["events"].rows.values())
        since = paging.since("startDate")
        since = sandbox.now_ms() - _SIX_MONTHS_MS if since is None else since
    until = paging.since("endDate")
    names, kinds = request.args.getlist("event_name"), request.args.getlist("object_type")
    ids = paging.numbers("contact_id")
    rows = [row for row in rows if not names or row["event_name"] in names]
    rows = [row for row in rows if not ids or row.get("contact_id") in ids]
    rows = [row for row in rows if not kinds or _object_type(row) in kinds]
    rows = [row for row in rows if since <= _at(row) and (until is None or _at(row) <= until)]
    shown: list[Json] = [{key: value for key, value in row.items() if key in _SHOWN} for row in page.of(rows)]
    return as_json({"events": shown, "count": len(rows)})


def _failures(total: int, failed: int, errors: list[Json]) -> Response:
    is_all = failed == total
    counts: Row = {"total_events": total, "successful_events": total - failed, "failed_events": failed}
    status = "failed" if is_all else "partial_success"
    return as_json({"status": status, **counts, "errors": errors}, 400 if is_all else 207)


def _refused(sandbox: Sandbox) -> int:
    """Return how many events of this batch fail on purpose."""
    fault = sandbox.faults.take(("partial",), "POST", "/events/batch")
    return int(fault.option("events", 1)) if fault else 0


def _at(row: Row) -> int:
    return times.parse(str(row["event_date"]), "event_date")


def _object_type(row: Row) -> Json:
    about = row.get("object")
    return about.get("type") if isinstance(about, dict) else None


def _check(event: Json) -> Row:
    if not isinstance(event, dict):
        raise invalid("event should be an object")
    if not isinstance(event.get("event_name"), str) or not _NAME.fullmatch(str(event["event_name"])):
        raise invalid("event_name is invalid")
    identifiers = event.get("identifiers")
    if not isinstance(identifiers, dict) or not _IDENTIFIERS & {name for name, one in identifiers.items() if one}:
        raise missing("identifiers are missing")
    if "event_date" in event:
        times.parse(str(event["event_date"]), "event_date")
    properties = event.get("event_properties") or {}
    if not isinstance(properties, dict) or not _are_named(properties):
        raise invalid("event_properties are invalid")
    if len(json.dumps(properties)) > MOST_PROPERTY_BYTES:
        raise ApiError(400, "out_of_range", "event_properties should not exceed 50 KB")
    if not isinstance(event.get("contact_properties") or {}, dict):
        raise invalid("contact_properties are invalid")
    return event


def _are_named(value: Json) -> bool:
    """Return whether the keys are names as Brevo takes them, at every depth."""
    if isinstance(value, list):
        return all(_are_named(one) for one in value)
    if not isinstance(value, dict):
        return True
    return all(_NAME.fullmatch(name) and _are_named(one) for name, one in value.items())


def _keep(sandbox: Sandbox, event: Row) -> None:
    by = this_call()
    contact = whom.find(sandbox, event["identifiers"], by)
    values = event.get("contact_properties")
    if contact and isinstance(values, dict):
        write = Write(attributes=sandbox.attributes.accept(values))
        if sandbox.contacts.update(contact, write, sandbox.now_ms(), Cause(by=by)):
            sandbox.emit("contactUpdated", contact, content=[dict(write.attributes)])
    row: Row = {"event_date": times.iso(sandbox.now_ms()), **event}
    if contact:
        row["contact_id"] = contact.id
    events = sandbox.shop["events"]
    events.put(events.next_id(), row)
    sandbox.automations.fire("events", str(event["event_name"]), "", contact, by)


ROUTES: Final[tuple[Route, ...]] = (
    ("POST", "/events", post_event),
    ("POST", "/events/batch", post_events),
    ("GET", "/events", list_events),
)
