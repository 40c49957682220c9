"""Who a record is about: the address as one spelling, its fingerprint for keys, the key of a platform's id.

Pure. A person is found by e-mail address (DESIGN: identity); nothing outside `people` and the lanes may hold it, so
keys, labels and log lines carry the fingerprint instead.
"""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import blake2b

import idna

from customer_sync.errors import MappingError
from customer_sync.model import Json, kind_of

#: An address is at most this long: RFC 5321, section 4.5.3.1.3, without the angle brackets.
MAX_EMAIL = 254

#: Domains of addresses that reach nobody. WooCommerce and Magento write `.invalid` ones (RFC 2606) when they erase a
#: person; Brevo lists a contact that has only a phone as `<digits>@mailin-sms.com`.
_NOBODY_DOMAINS = ("invalid", "mailin-sms.com")

#: What WooCommerce leaves of an erased customer is `deleted@` and the shop's own domain.
_NOBODY_LOCALS = frozenset({"deleted"})

#: Spaces that `str.strip` leaves: zero-width ones and the byte order mark, left over from copied text.
_STRAY = "\u200b\u200c\u200d\u2060\ufeff"

_LOCAL = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
#: What browsers and mail programs take for a dot in a domain: RFC 3490, section 3.1.
_DOT = re.compile("[.\u3002\uff0e\uff61]")
_REMEDY = "correct the address at the platform; its next change is synced"


def normalize_email(value: Json) -> str | None:
    """Return an address in the one spelling that finds the contact, None when there is nobody to find.

    Trimmed, in lower case, an international domain in its ASCII form. None for nothing, an empty text and the
    addresses that stand for an erased person. Only what can be no address is refused: Brevo judges the rest.

    Raises:
        MappingError: at `email`, without the address.
    """
    if value is None:
        return None
    if not isinstance(value, str):
        raise MappingError("email", f"expected an e-mail address, found {kind_of(value)}", _REMEDY)
    return _normal(value)


@lru_cache(maxsize=4096)  # a record's address is asked for where it is read, and where it is mapped
def _normal(value: str) -> str | None:
    address = value.strip().strip(_STRAY).strip()
    if not address:
        return None
    local, at, domain = address.rpartition("@")
    if not at:
        raise _invalid("no @")
    local, domain = local.lower(), _ascii_domain(domain)
    if not _LOCAL.fullmatch(local):
        raise _invalid("a part before the @ that no mailbox can have")
    if len(local) + 1 + len(domain) > MAX_EMAIL:
        raise _invalid(f"more than {MAX_EMAIL} characters")
    if local in _NOBODY_LOCALS or any(domain == end or domain.endswith(f".{end}") for end in _NOBODY_DOMAINS):
        return None
    if "." not in domain:
        raise _invalid("a domain without a dot")
    return f"{local}@{domain}"


def fingerprint(email: str, key: bytes) -> str:
    """Return the 16 small letters and digits that stand for an address in keys, labels and log lines.

    Args:
        email: the address as `normalize_email` gives it.
        key: the secret that keeps others from trying addresses; any length but not empty.

    Keyed BLAKE2b, 80 bits: among ten million people the chance of two alike is below 10^-10. Small letters and digits
    alone, because Lua orders text by the machine's locale and Python by code point: of these both say the same.

    Raises:
        ValueError: the key is empty.
    """
    if not key:
        raise ValueError("a fingerprint needs a key")
    return _fingerprint(email, key)


@lru_cache(maxsize=8192)  # a page of a run asks for those of a record three times
def _fingerprint(email: str, key: bytes) -> str:
    short_key = key if len(key) <= blake2b.MAX_KEY_SIZE else blake2b(key).digest()
    number = int.from_bytes(blake2b(email.encode(), key=short_key, digest_size=10).digest())
    return "".join([_PAIRS[number >> shift & 1023] for shift in _SHIFTS])


#: Base 32 (RFC 4648) in small letters, two characters for ten bits at a time: five times as fast as `base64.b32encode`.
_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = [one + two for one in _LETTERS for two in _LETTERS]
_SHIFTS = range(70, -1, -10)


def ref_key(source: str, record_id: str) -> str:
    """Return the key under which `people` remembers a platform's id; no source name holds a colon, so none collide."""
    return f"{source}:{record_id}"


def _invalid(found: str) -> MappingError:
    return MappingError("email", f"expected an address such as name@example.com, found {found}", _REMEDY)


@lru_cache(maxsize=4096)  # most customers have one of few domains
def _ascii_domain(domain: str) -> str:
    labels = [_ascii_label(label) for label in _DOT.split(domain.lower().removesuffix("."))]
    if not all(_LABEL.fullmatch(label) for label in labels):
        raise _invalid("a domain that cannot exist")
    return ".".join(labels)


def _ascii_label(label: str) -> str:
    if label.isascii():
        return label
    # IDNA 2008 as browsers ask for it (UTS 46); it knows no emoji, which hardly any registry takes
    try:
        return idna.encode(label, uts46=True).decode()
    except idna.IDNAError as error:
        raise _invalid("a domain that cannot exist") from error
