"""`/account`, `/events` and `/smtp/email`."""

from __future__ import annotations

import json
import re
from typing import Final

from flask import Response, request

from customer_sync.brevo.sandbox import paging, times
from customer_sync.brevo.sandbox.answers import ApiError, Row, as_json, body_object, invalid, missing, nothing
from customer_sync.brevo.sandbox.contact import Write
from customer_sync.brevo.sandbox.identifiers import TYPES, is_email
from customer_sync.brevo.sandbox.routes import Route
from customer_sync.brevo.sandbox.routes.shop import contact_of
from customer_sync.brevo.sandbox.state import Sandbox
from customer_sync.model import Json

MOST_EVENTS, MOST_EVENT_BYTES, MOST_PROPERTY_BYTES = 200, 512_000, 50_000
_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")
_IDENTIFIERS: Final = frozenset({"contact_id", *TYPES})


def read_account(sandbox: Sandbox) -> Response:
    """Return whose account this is and what it has paid for."""
    plan: Row = {"type": "subscription", "creditsType": "sendLimit", "credits": 100_000}
    relay: Row = {"userName": sandbox.settings.account_email, "relay": "smtp-relay.sandbox.example", "port": 587}
    address: Row = {"street": "1 Sandbox Street", "city": "Paris", "zipCode": "75001", "country": "France"}
    preferences: Row = {"timezone": "UTC", "timeFormat": "24h", "dateFormat": "Y-m-d"}
    return as_json(
        {
            "organization_id": "sandbox",
            "user_id": 1,
            "enterprise": sandbox.limits.plan == "extended",
            "companyName": "Sandbox",
            "email": sandbox.settings.account_email,
            "firstName": "Sandbox",
            "lastName": "Owner",
            "address": address,
            "dateTimePreferences": preferences,
            "plan": [plan],
            "relay": {"enabled": True, "data": relay},
            "marketingAutomation": {"enabled": True, "key": "sandbox"},
        }
    )


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
        for number, event in enumerate(events):
            try:
                _keep(sandbox, _check(event))
            except ApiError as error:
                failed.setdefault(error.message, []).append(number)
    if not failed:
        return as_json({"message": "Events queued", "count": len(events)}, 202)
    errors: list[Json] = [{"eventIndex": numbers, "message": message} for message, numbers in failed.items()]
    return _failures(len(events), sum(len(one) for one in failed.values()), errors)


def _failures(total: int, failed: int, errors: list[Json]) -> Response:
    is_all = failed == total
    counts: Row = {"total_events": total, "successful_events": total - failed, "failed_events": failed}
    status = "failed" if is_all else "partial_success"
    return as_json({"status": status, **counts, "errors": errors}, 400 if is_all else 207)


def list_events(sandbox: Sandbox) -> Response:
    """Return a page of the events."""
    page = paging.page(100, 10_000)
    with sandbox.lock:
        rows = list(sandbox.shop["events"].rows.values())
    names, ids = request.args.getlist("event_name"), paging.numbers("contact_id")
    rows = [row for row in rows if not names or row["event_name"] in names]
    rows = [row for row in rows if not ids or row.get("contact_id") in ids]
    shown: list[Json] = [{key: value for key, value in row.items() if key in _SHOWN} for row in page.of(rows)]
    return as_json({"events": shown, "count": len(rows)})


def post_mail(sandbox: Sandbox) -> Response:
    """Keep one transactional mail: 201, or 202 when it is to be sent later."""
    body = body_object()
    _check_mail(body)
    headers = body.get("headers")
    key = headers.get("idempotencyKey", headers.get("Idempotency-Key")) if isinstance(headers, dict) else None
    with sandbox.lock:
        mails = sandbox.shop["mail"]
        if key is not None and any(row.get("idempotencyKey") == key for row in mails.rows.values()):
            raise ApiError(400, "duplicate_parameter", "idempotencyKey was already used")
        number = mails.next_id()
        message_id = f"<{sandbox.now_ms()}.{number}@smtp-relay.sandbox.example>"
        more: Row = {"messageId": message_id, "idempotencyKey": key, "at": times.iso(sandbox.now_ms())}
        mails.put(number, {**body, **more})
    return as_json({"messageId": message_id}, 202 if body.get("scheduledAt") else 201)


_SHOWN: Final = frozenset({"contact_id", "event_date", "event_name", "event_properties", "contact_properties"})


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
    if not isinstance(properties, dict) or not all(_NAME.fullmatch(name) for name in properties):
        raise invalid("event_properties are invalid")
    if len(json.dumps(properties)) > MOST_PROPERTY_BYTES:
        raise ApiError(400, "out_of_range", "event_properties should not exceed 50 KB")
    return event


def _keep(sandbox: Sandbox, event: Row) -> None:
    contact = contact_of(sandbox, event["identifiers"])
    values = event.get("contact_properties")
    if contact and isinstance(values, dict):
        write = Write(attributes=sandbox.attributes.accept(values))
        sandbox.contacts.update(contact, write, sandbox.now_ms())
    row: Row = {"event_date": times.iso(sandbox.now_ms()), **event}
    if contact:
        row["contact_id"] = contact.id
    events = sandbox.shop["events"]
    events.put(events.next_id(), row)


def _check_mail(body: Row) -> None:
    if not body.get("templateId"):
        if not isinstance(body.get("sender"), dict):
            raise missing("sender is missing")
        if not body.get("subject"):
            raise missing("subject is missing")
        if not body.get("htmlContent") and not body.get("textContent"):
            raise missing("htmlContent is missing")
    versions = body.get("messageVersions")
    receivers = (
        [one for each in versions if isinstance(each, dict) for one in _to(each)]
        if isinstance(versions, list)
        else _to(body)
    )
    if not receivers:
        raise missing("to is missing")
    if not all(isinstance(one, dict) and is_email(one.get("email")) for one in receivers):
        raise invalid("email is not valid in to")


def _to(body: Row) -> list[Json]:
    value = body.get("to")
    return value if isinstance(value, list) else []


ROUTES: Final[tuple[Route, ...]] = (
    ("GET", "/account", read_account),
    ("POST", "/events", post_event),
    ("POST", "/events/batch", post_events),
    ("GET", "/events", list_events),
    ("POST", "/smtp/email", post_mail),
)
