"""What a contact can be found by, and what Brevo takes for an address or a phone number."""

from __future__ import annotations

import re
from functools import cache, lru_cache

import phonenumbers
from phonenumbers.phonemetadata import PhoneMetadata

from customer_sync.model import Json
from customer_sync.sandbox.answers import invalid

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
_PHONE = re.compile(r"(?:\+|00)?([1-9]\d{5,14})", re.ASCII)
_PUNCTUATION = re.compile(r"[ ().-]")
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


def _digits(text: str) -> str | None:
    if text == "":
        return ""
    found = _PHONE.fullmatch(_PUNCTUATION.sub("", text))
    return found[1] if found and _is_possible(found[1]) else None


def _is_possible(digits: str) -> bool:
    """Return what `phonenumbers` says of a number with its country code, in a twentieth of the time.

    A number is possible when its length is one that its country has. Only what may begin with a national prefix, as
    the 0 in +33 (0)6, needs a closer look.
    """
    code = digits[: _code_length(digits[:3])]
    plan = _plan(code) if code else None
    if plan is None:
        return False
    prefix, lengths = plan
    rest = digits[len(code) :]
    if rest[0] == "0" or (prefix and prefix.match(rest)):
        return _is_possible_at_all(digits)
    return len(rest) in lengths


@lru_cache(maxsize=10_000)
def _is_possible_at_all(digits: str) -> bool:
    try:
        number = phonenumbers.parse("+" + digits)
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.is_possible_number(number)


@cache
def _code_length(start: str) -> int:
    """Return how many of the first three digits are the country code; 0 when there is no such country."""
    return next((one for one in (1, 2, 3) if int(start[:one]) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE), 0)


@cache
def _plan(code: str) -> tuple[re.Pattern[str] | None, frozenset[int]] | None:
    """Return what matches a country's national prefixes, and how long its numbers can be, None for no country."""
    region = phonenumbers.region_code_for_country_code(int(code))
    country = PhoneMetadata.metadata_for_region_or_calling_code(int(code), region)
    if country is None or country.general_desc is None:
        return None
    lengths = frozenset((*country.general_desc.possible_length, *country.general_desc.possible_length_local_only))
    prefix = country.national_prefix_for_parsing
    return re.compile(prefix) if prefix else None, lengths
