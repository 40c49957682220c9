"""What can be done below `/fake`, as the people of a company do it in Pipedrive itself.

| route | does |
|---|---|
| `GET /fake/persons` | all persons, with their marketing status |
| `POST /fake/populate` | `{"count": 10}` persons more, without webhooks |
| `POST /fake/<person, deal, lead>s` | one more, of the given fields |
| `POST /fake/<...>s/<number>` | its fields are changed |
| `DELETE /fake/<...>s/<number>` | it is deleted |
| `POST /fake/merge` | `{"kept": 11, "gone": 12, "change_first": true}` |
| `POST /fake/subscribe/<number>` | a person agrees, also after leaving (by a form of Campaigns) |
| `POST /fake/options` | `{"key": "label_ids", "label": "Unsubscribed in Brevo"}` is an option from now on |
| `POST /fake/spend` | `{"tokens": 1000}` of the day's budget are used by others |
| `POST /fake/expire` | every token of OAuth ends |
| `GET /fake/hooks`, `POST, DELETE /fake/hooks/<number>` | webhooks, changed behind their owner's back |
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from connectors.pipedrive.fake.company import WRITABLE
from customer_sync.kit.fakes.answers import BadRequest, Row
from customer_sync.kit.fakes.fake import Act

if TYPE_CHECKING:
    from connectors.pipedrive.fake.app import FakePipedrive


def acts_of(fake: FakePipedrive) -> Sequence[Act]:
    """Return the control routes."""
    found: list[Act] = [
        ("GET", "persons", lambda _: {"persons": list(fake.company.persons.values())}),
        ("POST", "populate", lambda body: {"ids": fake.company.populate(int(body.get("count", 1)))}),
        ("POST", "merge", lambda body: _merge(fake, body)),
        ("POST", "subscribe/<int:number>", lambda _, number: _subscribe(fake, number)),
        ("POST", "options", lambda body: _add_option(fake, body)),
        ("POST", "spend", lambda body: _spend(fake, body)),
        ("POST", "expire", lambda _: fake.oauth.expire()),
        ("GET", "hooks", lambda _: {"hooks": list(fake.hooks.table.values())}),
        ("POST", "hooks/<int:number>", lambda body, number: _spoil(fake, body, number)),
        ("DELETE", "hooks/<int:number>", lambda _, number: fake.hooks.remove(number)),
    ]
    for entity in WRITABLE:
        found += _of(fake, entity)
    return found


def _of(fake: FakePipedrive, entity: str) -> Sequence[Act]:
    def change(body: Row, number: int) -> Row | None:
        if entity == "person" and "marketing_status" in body:
            row = fake.company.persons.get(number)
            if row is not None:
                row["marketing_status"] = body["marketing_status"]
        return fake.company.change(entity, number, body)

    return (
        ("POST", f"{entity}s", lambda body: fake.company.create(entity, body)),
        ("POST", f"{entity}s/<int:number>", change),
        ("DELETE", f"{entity}s/<int:number>", lambda _, number: fake.company.delete(entity, number)),
    )


def _merge(fake: FakePipedrive, body: Row) -> Row:
    is_first = bool(body.get("change_first"))
    return {"id": fake.company.merge(int(body["kept"]), int(body["gone"]), change_first=is_first)["id"]}


def _subscribe(fake: FakePipedrive, number: int) -> Row:
    row = fake.company.persons.get(number)
    if row is None:
        raise BadRequest("there is no such person")
    row["marketing_status"] = "subscribed"
    return fake.company.change("person", number, {"notes": "agreed"}) or {}


def _add_option(fake: FakePipedrive, body: Row) -> Row:
    field = next((one for one in fake.company.fields if one["field_code"] == body.get("key")), None)
    if field is None or "options" not in field:
        raise BadRequest("key: that of a field with options")
    number = max(one["id"] for one in field["options"]) + 1
    field["options"].append({"id": number, "label": str(body["label"])})
    return {"id": number}


def _spend(fake: FakePipedrive, body: Row) -> Row:
    fake.day = int(fake.clock() // 86_400)
    fake.spent += int(body["tokens"])
    return {"left": fake.settings.tokens_per_day - fake.spent}


def _spoil(fake: FakePipedrive, body: Row, number: int) -> Row:
    row = fake.hooks.table.get(number)
    if row is None:
        raise BadRequest("there is no such webhook")
    row.update(body)
    return row
