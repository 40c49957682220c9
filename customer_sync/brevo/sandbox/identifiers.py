"""What a contact can be found by, and what Brevo takes for an address or a phone number."""

from __future__ import annotations

import re
from functools import lru_cache

import phonenumbers

from customer_sync.brevo.sandbox.answers import invalid
from customer_sync.model import Json

EMAIL = "email"
EXT_ID = "ext_id"
SMS = "SMS"
WHATSAPP = "WHATSAPP"
LANDLINE = "LANDLINE_NUMBER"

#: Each value belongs to at most one contact of the account. The order is that in which a contact is looked for.
KINDS = (EMAIL, EXT_ID, SMS, WHATSAPP, LANDLINE)
#: The kinds that are phone numbers, and attributes at the same time.
PHONES = (SMS, WHATSAPP, LANDLINE)
#: `identifierType` of the API → the kind; `contact_id` is Brevo's own number.
TYPES = {
    "email_id": EMAIL,
    "ext_id": EXT_ID,
    "phone_id": SMS,
    "whatsapp_id": WHATSAPP,
    "landline_number_id": LANDLINE,
}

_EMAIL = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\".]+(\.[^@\s,;<>\".]+)+")
_PHONE = re.compile(r"(?:\+|00)?([1-9]\d{5,14})")
_MAX_EMAIL = 254


def clean_email(value: Json) -> str:
    """Return an address in lower case.

    Raises:
        ApiError: 400 when it is none.
    """
    text = value.strip().lower() if isinstance(value, str) else ""
    if len(text) > _MAX_EMAIL or not _EMAIL.fullmatch(text):
        raise invalid("Invalid email address")
    return text


def is_email(value: Json) -> bool:
    """Return whether Brevo takes this as an address."""
    return isinstance(value, str) and len(value) <= _MAX_EMAIL and bool(_EMAIL.fullmatch(value.strip()))


def clean_phone(value: Json) -> str:
    """Return a phone number as its digits with the country code; "" stays "" and empties the field.

    Raises:
        ApiError: 400; national numbers and numbers too short or long for their country are refused.
    """
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else "-"
    digits = _digits(text.strip())
    if digits is None:
        raise invalid("Invalid phone number")
    return digits


@lru_cache(maxsize=100_000)
def _digits(text: str) -> str | None:
    if text == "":
        return ""
    found = _PHONE.fullmatch(re.sub(r"[ ().-]", "", text))
    if not found:
        return None
    try:
        number = phonenumbers.parse("+" + found[1])
    except phonenumbers.NumberParseException:
        return None
    return found[1] if phonenumbers.is_possible_number(number) else None
