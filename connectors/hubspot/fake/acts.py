"""What can be done below `/fake`, as somebody in HubSpot's own pages would do it.

| route | does |
|---|---|
| `GET /fake/contacts`, `GET /fake/deals` | the numbers of those that are there |
| `POST /fake/contacts`, `POST /fake/deals` | make one, of its properties; `{"id": 7, ...}` chooses the number |
| `GET, PATCH, DELETE /fake/contacts/<number>` | properties; change; delete. The same for deals |
| `POST /fake/contacts/<number>/erase`, `.../restore` | a privacy deletion; out of the bin |
| `POST /fake/touch` | `{"kind": "deals", "properties": {...}, "count": 10}` change so many, the lowest numbers first |
| `POST /fake/merge` | `{"kept": 101, "gone": 102}` |
| `POST /fake/ties` | `{"deal": 9001, "contact": 101, "labels": ["deal_to_contact", "buyer"]}` |
| `GET, POST /fake/statuses` | `{"email": ..., "subscription": 5001, "state": "SUBSCRIBED", "basis": ...}`; else all |
| `POST /fake/populate` | `{"count": 100}` more contacts, without a webhook |
| `POST /fake/apps` | `{"app": 7, "topic": "contact.creation", "target": "http://..."}`: another program |
| `POST /fake/events` | `{"url": ..., "events": [...]}`: an array as it stands, signed |
| `POST /fake/tokens/expire` | every token of 30 minutes ends |
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from connectors.hubspot.fake.apps import App
from connectors.hubspot.fake.preferences import Status
from connectors.hubspot.fake.records import Record
from customer_sync.kit.fakes.answers import Row
from customer_sync.kit.fakes.clock import seconds_of
from customer_sync.kit.fakes.fake import Act

if TYPE_CHECKING:
    from connectors.hubspot.fake.portal import Portal


def acts_of(portal: Portal) -> Sequence[Act]:
    """Return the control routes of an account."""

    def told(act: Callable[..., Any]) -> Callable[..., Any]:
        def done(body: Row, **named: Any) -> Any:
            found = act(portal, body, **named)
            portal.apps.flush()
            return found

        return done

    common: list[Act] = []
    for kind in ("contacts", "deals"):
        common += [
            ("GET", kind, lambda _, kind=kind: {"ids": sorted(portal.records[kind])}),
            ("POST", kind, told(lambda portal, body, kind=kind: _make(portal, kind, body))),
            ("GET", f"{kind}/<int:number>", lambda _, number, kind=kind: portal.must(kind, number).values),
            ("PATCH", f"{kind}/<int:number>", told(lambda p, body, number, kind=kind: _edit(p, kind, number, body))),
            ("DELETE", f"{kind}/<int:number>", told(lambda p, _, number, kind=kind: p.archive(p.must(kind, number)))),
            ("POST", f"{kind}/<int:number>/restore", told(lambda p, _, number, kind=kind: _back(p, kind, number))),
        ]
    return (
        *common,
        ("POST", "contacts/<int:number>/erase", told(lambda p, _, number: p.erase(p.must("contacts", number)))),
        ("POST", "touch", told(_touch)),
        ("POST", "merge", told(_merge)),
        ("POST", "ties", told(_tie)),
        ("GET", "statuses", lambda body: {"statuses": portal.preferences.rows(str(body.get("email")))}),
        ("POST", "statuses", told(_say)),
        ("POST", "populate", lambda body: {"ids": portal.grow(int(body["count"]))}),
        ("POST", "apps", lambda body: _subscribe(portal, body)),
        ("POST", "events", lambda body: portal.apps.send(str(body["url"]), list(body["events"]))),
        ("POST", "tokens/expire", lambda _: portal.tokens.expire()),
    )


def state_of(portal: Portal) -> Row:
    """Return counts and subscriptions."""
    hooks = [
        {"app": number, "target": app.target, **row}
        for number, app in portal.apps.apps.items()
        for row in app.hooks.values()
    ]
    counts = {kind: len(table) for kind, table in portal.records.items()}
    return {**counts, "subscriptions": hooks, "tokens": dict(portal.tokens.given)}


def _make(portal: Portal, kind: str, body: Row) -> Row:
    number = body.pop("id", None)
    return {"id": portal.create(kind, body, number=None if number is None else int(number)).id}


def _edit(portal: Portal, kind: str, number: int, body: Row) -> Row:
    source = str(body.pop("source", "CRM_UI"))
    return portal.change(portal.must(kind, number), body, source).row()


def _back(portal: Portal, kind: str, number: int) -> Row:
    return portal.restore(kind, number).row()


def _touch(portal: Portal, body: Row) -> Row:
    kind, source = str(body.get("kind", "contacts")), str(body.get("source", "CRM_UI"))
    numbers = sorted(portal.records[kind])[: int(body["count"])]
    for one in numbers:
        portal.change(portal.must(kind, one), body["properties"], source)
    return {"ids": numbers}


def _merge(portal: Portal, body: Row) -> Row:
    kept, gone = (portal.must("contacts", int(body[name])) for name in ("kept", "gone"))
    return {"id": portal.merge(kept, gone).id}


def _tie(portal: Portal, body: Row) -> Row:
    deal: Record = portal.must("deals", int(body["deal"]))
    portal.tie(deal, int(body["contact"]), body.get("labels") or ["deal_to_contact"])
    return {"ties": {str(one): labels for one, labels in deal.ties.items()}}


def _say(portal: Portal, body: Row) -> Row:
    address = str(body["email"])
    if "subscription" not in body:
        return {"new": portal.leave(address)}
    at_s = seconds_of(str(body.get("at", "")))
    status = Status(str(body["state"]), portal.clock() if at_s is None else at_s, "Form", body.get("basis"))
    return {"new": portal.say(address, int(body["subscription"]), status)}


def _subscribe(portal: Portal, body: Row) -> Row:
    app = portal.apps.apps.setdefault(int(body["app"]), App())
    app.target = str(body["target"])
    asked = {"eventType": body["topic"], "propertyName": body.get("property"), "active": True}
    return portal.apps.subscribe(int(body["app"]), asked)
