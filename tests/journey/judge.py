"""Compares what the platform says of its people with what Brevo has."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from customer_sync.errors import MappingError
from customer_sync.person.identity import normalize_email
from tests.contract.trial import Person
from tests.hybrid.house import LIST


def by_address(people: Mapping[str, Person]) -> dict[str, list[Person]]:
    """Return those who have an address that can be one, by it: several records may share one."""
    found: dict[str, list[Person]] = defaultdict(list)
    for person in people.values():
        try:
            address = normalize_email(person.email)
        except MappingError:
            continue
        if address:
            found[address].append(person)
    return dict(found)


def differences(
    people: Mapping[str, Person],
    contacts: Mapping[str, Any],
    left: Iterable[str],
    parted: Iterable[str],
    *,
    empty_boxes: bool,
) -> list[str]:
    """Return what Brevo has otherwise than the platform, one sentence each.

    Args:
        people: everybody at the platform, by id.
        contacts: everybody in Brevo, by address.
        left: the addresses of those who left, here or there: nothing brings them back.
        parted: the addresses of those who became one with others; they may stay, on no list.
        empty_boxes: whether a "no" counts only after a "yes".
    """
    wanted, gone, apart = by_address(people), set(left), set(parted)
    found = [f"{address} is not in Brevo" for address in sorted(wanted.keys() - contacts.keys())]
    for address in sorted(contacts.keys() - wanted.keys()):
        one = contacts[address]
        may_stay = (one["emailBlacklisted"] and address in gone) or (LIST not in one["listIds"] and address in apart)
        if not may_stay:
            how = f"on lists {one['listIds']}, blocked {one['emailBlacklisted']}"
            found.append(f"{address} is in Brevo ({how}), and nobody at the platform has it")
    for address in sorted(wanted.keys() & contacts.keys()):
        found += _of_one(address, wanted[address], contacts[address], is_gone=address in gone, empty_boxes=empty_boxes)
    return found


def _of_one(
    address: str, people: list[Person], contact: Mapping[str, Any], *, is_gone: bool, empty_boxes: bool
) -> list[str]:
    found = []
    told = contact["attributes"]
    for name, values in (("FIRSTNAME", {one.first for one in people}), ("LASTNAME", {one.last for one in people})):
        named = {one.strip() for one in values if one.strip()} or {""}
        if (told.get(name) or "") not in named:
            found.append(f"{address}: {name} is {told.get(name)!r}, and the platform says {sorted(named)}")
    says = {one.may_mail for one in people}
    is_listed, is_blocked = LIST in contact["listIds"], contact["emailBlacklisted"]
    if is_gone or (False in says and not empty_boxes and True not in says):
        if not is_blocked:
            found.append(f"{address} left, and is not blocked")
    elif True in says and False not in says and (not is_listed or is_blocked):
        found.append(f"{address} agreed: on the list {is_listed}, blocked {is_blocked}")
    if is_listed and not is_blocked and True not in says:
        found.append(f"{address} can be mailed, and nobody there agreed")
    return found
