"""How records look in the API of version 2, and a lead in that of version 1. All people are invented."""

from __future__ import annotations

import uuid
from typing import Final

from customer_sync.kit.fakes.answers import Row
from customer_sync.kit.fakes.cast import Cast
from customer_sync.kit.fakes.clock import iso

#: When the first record was made; each following one is an hour younger.
FIRST_S: Final = 1_704_067_200.0
OWNER: Final = 12
STATUSES: Final = ("subscribed", "no_consent", "unsubscribed", "archived")
#: The custom fields of persons: a single option, several options, money, a text.
SIZE, INTERESTS, BUDGET, NICKNAME = ("5" * 40, "6" * 40, "7" * 40, "8" * 40)
FIELDS: Final[tuple[Row, ...]] = (
    {"field_code": "name", "field_name": "Name", "field_type": "varchar"},
    {
        "field_code": "label_ids",
        "field_name": "Labels",
        "field_type": "set",
        "options": [{"id": 1, "label": "Customer"}, {"id": 2, "label": "Hot lead"}],
    },
    {
        "field_code": SIZE,
        "field_name": "Shoe size",
        "field_type": "enum",
        "options": [{"id": 31, "label": "Small"}, {"id": 32, "label": "Large"}],
    },
    {
        "field_code": INTERESTS,
        "field_name": "Interests",
        "field_type": "set",
        "options": [{"id": 41, "label": "Lamps"}, {"id": 42, "label": "Chairs"}],
    },
    {"field_code": BUDGET, "field_name": "Budget", "field_type": "monetary"},
    {"field_code": NICKNAME, "field_name": "Nickname", "field_type": "varchar"},
)


def stamp(at_s: float) -> str:
    """Return a time as version 2 writes it."""
    return f"{iso(at_s)}Z"


def person(cast: Cast, number: int, organizations: int, at_s: float) -> Row:
    """Return a new person."""
    who = cast.who(number)
    return {
        "id": number,
        "name": who.name,
        "first_name": who.first,
        "last_name": who.last,
        "owner_id": OWNER,
        "org_id": number % organizations + 1 if organizations and number % 2 else None,
        "add_time": stamp(at_s),
        "update_time": stamp(at_s),
        "emails": [{"value": who.email, "primary": True, "label": "work"}],
        "phones": [{"value": who.phone, "primary": True, "label": "work"}],
        "is_deleted": False,
        "visible_to": 3,
        "label_ids": [1] if number % 3 == 0 else [],
        "picture_id": None,
        "custom_fields": {
            SIZE: 31 + number % 2,
            INTERESTS: [41, 42] if number % 4 == 0 else None,
            BUDGET: {"value": number * 10, "currency": "EUR"},
            NICKNAME: None,
        },
        "notes": None,
        "im": [],
        "birthday": None,
        "job_title": None,
        "postal_address": {
            "value": f"{who.street}, {who.postcode} {who.city}",
            "country": who.country,
            "locality": who.city,
            "postal_code": who.postcode,
        },
        "marketing_status": STATUSES[number % 4],
    }


def deal(number: int, persons: int, at_s: float) -> Row:
    """Return a new deal."""
    status = ("open", "won", "lost")[number % 3]
    at = stamp(at_s)
    return {
        "id": number,
        "title": f"Deal {number}",
        "creator_user_id": OWNER,
        "owner_id": OWNER,
        "value": number * 100,
        "person_id": number % persons + 1 if persons else None,
        "org_id": None,
        "stage_id": 1,
        "pipeline_id": 1,
        "currency": "EUR",
        "archive_time": at if number % 10 == 0 else None,
        "add_time": at,
        "update_time": at,
        "stage_change_time": None,
        "status": status,
        "is_archived": number % 10 == 0,
        "is_deleted": False,
        "probability": None,
        "lost_reason": None,
        "visible_to": 3,
        "close_time": at if status != "open" else None,
        "won_time": at if status == "won" else None,
        "lost_time": at if status == "lost" else None,
        "expected_close_date": None,
        "label_ids": [],
        "origin": "ManuallyCreated",
        "origin_id": None,
        "channel": None,
        "channel_id": None,
        "custom_fields": {},
    }


def lead(number: int, persons: int, at_s: float) -> Row:
    """Return a new lead; version 1 writes milliseconds."""
    at = f"{iso(at_s)}.000Z"
    return {
        "id": str(uuid.UUID(int=0xADF2108000000000 << 64 | number)),
        "title": f"Lead {number}",
        "owner_id": OWNER,
        "creator_id": OWNER,
        "label_ids": [],
        "person_id": number % persons + 1 if persons else None,
        "organization_id": None,
        "source_name": "API",
        "origin": "API",
        "origin_id": None,
        "channel": None,
        "channel_id": None,
        "is_archived": False,
        "was_seen": False,
        "value": {"amount": number * 50, "currency": "EUR"},
        "expected_close_date": None,
        "next_activity_id": None,
        "add_time": at,
        "update_time": at,
        "visible_to": "3",
        "cc_email": f"lead{number}@pipedrivemail.example",
    }


def organization(number: int) -> Row:
    """Return a new organization."""
    at = stamp(FIRST_S)
    return {
        "id": number,
        "name": f"Company {number}",
        "owner_id": OWNER,
        "add_time": at,
        "update_time": at,
        "address": None,
        "is_deleted": False,
        "visible_to": 3,
        "label_ids": [],
        "custom_fields": {},
    }


def typed(custom: Row) -> Row:
    """Return custom fields as webhooks of version 2 write them: each says of what type it is."""
    kinds = {str(one["field_code"]): one["field_type"] for one in FIELDS}
    told: Row = {}
    for key, value in custom.items():
        kind = kinds.get(key, "varchar")
        if value is None:
            told[key] = None
        elif kind == "enum":
            told[key] = {"type": kind, "id": value}
        elif kind == "set":
            told[key] = {"type": kind, "values": [{"id": one} for one in value]}
        elif isinstance(value, dict):
            told[key] = {"type": kind, **value}
        else:
            told[key] = {"type": kind, "value": value}
    return told
