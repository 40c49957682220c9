"""Magento's customers and what they say of its newsletter, as canonical records: tables, then short functions. Pure.

An account belongs to one website (or to all, where the shop shares accounts), and so does its newsletter: the same
address may have two accounts with two answers. `is_subscribed: false` is one word for "left" and "never asked", so it
is a withdrawal only of an account that was seen with the newsletter: see docs/decisions/0068.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Final

from customer_sync.errors import PayloadError
from customer_sync.kit.fields import Node, Table, email, identifier, maybe_id, strict, take, text
from customer_sync.kit.rescue import Subject, hear
from customer_sync.model import Channel, Consent, ConsentState, Event, Json, Kind, kind_of

#: What an account's flag is called; it is a state, and tells no time.
FLAG: Final = "is_subscribed"
#: The words of privacy modules for somebody who was forgotten.
_FORGOTTEN: Final = re.compile(r"anon(?:ym(?:ous|i[sz]ed)?)?|deleted|erased|removed|redacted|forgotten|invalid")
_MADE_UP: Final = PayloadError(
    "email",
    "an address that looks made up by an erasure, and no pattern of `erased_addresses` fits it",
    "if the shop's privacy module made it, add its pattern to `erased_addresses` (such as anon-*@deleted.example.com) "
    "and replay; else add `!` and the address there",
)

# https://developer.adobe.com/commerce/webapi/rest/quick-reference/, customerCustomerRepositoryV1
_CUSTOMER: Table = {
    "email": strict(email, "email"),
    "firstName": take(text, "firstname"),
    "lastName": take(text, "lastname"),
    "websiteId": take(maybe_id, "website_id"),
    "storeId": take(maybe_id, "store_id"),
    "groupId": take(maybe_id, "group_id"),
    "storeView": take(text, "created_in"),
}
_ADDRESS: Table = {
    "phone": take(text, "telephone"),
    "country": take(text, "country_id"),
    "company": take(text, "company"),
    "city": take(text, "city"),
    "postcode": take(text, "postcode"),
}


def utc(value: Json, path: str) -> str | None:
    """Return a time of Magento's, UTC without a zone, as ISO 8601; its zeros mean none."""
    if value is None or value == "" or (isinstance(value, str) and value.startswith("0000-00-00")):
        return None
    node = Node({"at": value})
    at = node.instant("at")
    if at is None:
        raise PayloadError(path, "expected a time such as 2026-11-21 10:00:00")
    return at.isoformat().replace("+00:00", "Z")


TIMES: Final[Table] = {"createdAt": take(utc, "created_at"), "updatedAt": take(utc, "updated_at")}


@dataclass(frozen=True, slots=True)
class Erased:
    """Addresses that a privacy module of the shop puts in the place of real ones.

    Args:
        patterns: shell patterns, in lower case; one that begins with `!` names addresses that are real after all.
    """

    patterns: tuple[str, ...] = ()

    def fits(self, address: Json) -> bool:
        """Tell whether an address means that its owner was erased."""
        found = _plain(address)
        return self._listed(found, "") and not self._listed(found, "!")

    def is_odd(self, address: Json, first: Json = None, last: Json = None, number: Json = None) -> bool:
        """Tell whether an address looks made up, though no pattern says so: with it nothing may move."""
        found = _plain(address)
        if not found or self.fits(found) or self._listed(found, "!"):
            return False
        local, _, domain = found.partition("@")
        words = [*re.split(r"[^a-z]+", local), *domain.split(".")]
        if not any(_FORGOTTEN.fullmatch(word) for word in words):
            return False
        is_numbered = number is not None and str(number) in re.findall(r"\d+", local)
        names = {_plain(one) for one in (first, last)}
        return is_numbered or (len(names) == 1 and any(_FORGOTTEN.fullmatch(one) for one in names))

    def _listed(self, address: str, mark: str) -> bool:
        chosen = (one[len(mark) :] for one in self.patterns if one.startswith("!") is bool(mark))
        return any(fnmatchcase(address, pattern) for pattern in chosen)


def yes_or_no(value: Json, path: str) -> bool | None:
    """Return a flag: models write it as 0 and 1, as text too."""
    if value is None or isinstance(value, bool):
        return value
    if value in (0, 1, "0", "1") and not isinstance(value, float):
        return value in (1, "1")
    raise PayloadError(path, f"expected true or false, found {kind_of(value)}")


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads customers of one source.

    Args:
        source: its name.
        now: when they are read.
        erased: see `Erased`.
        is_per_website: an account without the newsletter leaves its website's list and no other.
    """

    source: str
    now: datetime
    erased: Erased = Erased()
    is_per_website: bool = False

    @property
    def subject(self) -> Subject:
        """Where a customer tells of a person."""
        return Subject(
            customer_id=lambda node: maybe_id(node.get("id"), node.path("id")),
            email=lambda node: None if self._is_odd(node) else email(node.get("email"), node.path("email")),
            at=lambda node: node.instant("updated_at"),
            consents=(self._consents,),
        )

    def read(self, row: Mapping[str, Json], at: str = "") -> list[Event | PayloadError]:
        """Return the event of a customer; what cannot be read leaves its fault, and its withdrawal before it."""
        node = Node(row, at)
        number, stamp = str(row.get("id", ""))[:40], str(row.get("updated_at", ""))[:40]
        outline = Event(
            f"magento:customers:{number}:{stamp}:{row_flag(row)}", self.source, Kind.CUSTOMER_UPDATED, self.now
        )
        return hear(
            lambda: self._event(node, outline), node, self.subject, replace(outline, topic="pull", is_pulled=True)
        )

    def _event(self, node: Node, outline: Event) -> Event:
        number = identifier(node.get("id"), node.path("id"))
        outline = replace(
            outline,
            topic="pull",
            is_pulled=True,
            occurred_at=node.instant("updated_at") or outline.occurred_at,
            record_id=number,
            customer_id=number,
            record={"id": number},
        )
        if self.erased.fits(node.get("email")):
            return replace(outline, id=f"magento:customers:{number}:erased", kind=Kind.CUSTOMER_ERASED)
        if self._is_odd(node):
            raise PayloadError(node.path(_MADE_UP.path), _MADE_UP.found, _MADE_UP.remedy)
        told = self.subject.told(node, node.instant("updated_at") or outline.occurred_at)
        record: dict[str, Json] = {"id": number, **node.pick(_CUSTOMER), **node.pick(TIMES), **_address(node)}
        if told:
            record["acceptsMarketing"] = told[0].state is ConsentState.GRANTED
        return replace(outline, record=record, consents=told)

    def _is_odd(self, node: Node) -> bool:
        return self.erased.is_odd(node.get("email"), node.get("firstname"), node.get("lastname"), node.get("id"))

    def _consents(self, node: Node, at: datetime) -> tuple[Consent, ...]:
        """Return what the flag tells; older versions leave it out (issues 13252, 8027): then it is unknown."""
        more = node.get("extension_attributes")
        flag = more.get(FLAG) if isinstance(more, dict) else None
        said = yes_or_no(flag, node.path(f"extension_attributes.{FLAG}"))
        if said is None:
            return ()
        if self.is_per_website:
            return (Consent(Channel.EMAIL, ConsentState.GRANTED if said else ConsentState.UNKNOWN, at, FLAG),)
        state = ConsentState.GRANTED if said else ConsentState.WITHDRAWN
        return (Consent(Channel.EMAIL, state, at, FLAG, only_after_yes=True),)


def row_flag(row: Mapping[str, Json]) -> Json:
    """Return the flag of a row as it stands, None where there is none."""
    more = row.get("extension_attributes")
    return more.get(FLAG) if isinstance(more, dict) else None


def _address(node: Node) -> dict[str, Json]:
    """Return what the billing address tells, else the first one; an account without any tells nothing of it."""
    found = node.children("addresses")
    billing = [one for one in found if one.get("default_billing") is True]
    first: Iterable[Node] = [*billing, *found][:1]
    return {name: value for one in first for name, value in one.pick(_ADDRESS).items()}


def _plain(value: Json) -> str:
    return value.strip().lower() if isinstance(value, str) else ""
