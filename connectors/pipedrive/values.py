"""Values that Pipedrive writes in several ways: lists of addresses, custom fields, options.

A custom field is found by its key, 40 hexadecimal digits, which never changes. Three shapes of its value are known:
flat beside the other fields (version 1), bare in `custom_fields` (API of version 2), typed in `custom_fields` (webhooks
of version 2): https://pipedrive.readme.io/docs/webhooks-v2-migration-guide.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from customer_sync.errors import PayloadError
from customer_sync.kit.fields import ABSENT, Absent, Node, email, number, text
from customer_sync.model import Json, kind_of

#: Key of a field → id of an option, as text → its label.
Labels = Mapping[str, Mapping[str, str]]

#: What a version 1 field may have beside its value.
_PARTS: Final = ("currency", "until")
_KEY: Final = re.compile(r"[0-9a-f]{40}")
_FLAT: Final = re.compile(r"[0-9a-f]{40}(?:_currency|_until)?")


def main_email(node: Node) -> Json | Absent:
    """Return the main address: the first that is one, those marked as primary before the others.

    None where the list holds nothing; `ABSENT` where there is no list, or nothing but what is no address: clients of
    Pipedrive stored `[object Object]` (client-nodejs issue 248), and that tells nothing about the person.
    """
    return _main(node, ("emails", "email"), is_email=True)


def main_phone(node: Node) -> Json | Absent:
    """Return the main number, as `main_email`."""
    return _main(node, ("phones", "phone"), is_email=False)


def _main(node: Node, keys: tuple[str, ...], *, is_email: bool) -> Json | Absent:
    key = next((one for one in keys if one in node), None)
    if key is None:
        return ABSENT
    value = node.get(key)
    if isinstance(value, str):
        value = [{"value": value}]
    if value is not None and not isinstance(value, list):
        node.note(PayloadError(node.path(key), f"expected a list, found {kind_of(value)}"))
        return ABSENT
    is_odd = False
    entries = list(enumerate(value or []))
    for at, entry in sorted(entries, key=lambda one: not _is_primary(one[1])):
        try:
            found = _entry(entry, f"{node.path(key)}[{at}]", is_email=is_email)
        except PayloadError as fault:
            node.note(fault)
            is_odd = True
            continue
        if found:
            return found
    return ABSENT if is_odd else None


def _is_primary(entry: Json) -> bool:
    return isinstance(entry, dict) and entry.get("primary") is True


def _entry(entry: Json, path: str, *, is_email: bool) -> str | None:
    value = entry.get("value") if isinstance(entry, dict) else entry
    found = text(value, path)
    return email(found, path) if is_email and found else found


def custom_fields(node: Node, labels: Labels) -> dict[str, Json]:
    """Return the custom fields by key, each as one text or number; parts of it stand behind `_currency` and `_until`.

    Args:
        node: the record.
        labels: the labels of options; an option without one is told by its id.
    """
    told: dict[str, Json] = {}
    for key, value, path in _written(node):
        try:
            told |= _flat(key, value, path, labels.get(key, {}))
        except PayloadError as fault:
            node.note(fault)
    return told


def _written(node: Node) -> Iterator[tuple[str, Json, str]]:
    for key, value in node.body.items():
        if _FLAT.fullmatch(key):
            yield key, value, node.path(key)
    inner = node.get("custom_fields")
    if inner is not None and not isinstance(inner, dict):
        node.note(PayloadError(node.path("custom_fields"), f"expected an object, found {kind_of(inner)}"))
    for key, value in inner.items() if isinstance(inner, dict) else ():
        if _KEY.fullmatch(key):
            yield key, value, f"{node.path('custom_fields')}.{key}"


def _flat(key: str, value: Json, path: str, options: Mapping[str, str]) -> dict[str, Json]:
    if not isinstance(value, dict):
        return {key: _plain(value, path, options)}
    main = value.get("value", value.get("id", value.get("values")))
    told: dict[str, Json] = {key: _plain(main, path, options)}
    return told | {f"{key}_{part}": _plain(value[part], path, {}) for part in _PARTS if part in value}


def _plain(value: Json, path: str, options: Mapping[str, str]) -> Json:
    if isinstance(value, list):
        found = [_plain(one.get("id") if isinstance(one, dict) else one, path, options) for one in value]
        return ", ".join(str(one) for one in found if one is not None) or None
    if options and isinstance(value, str | int) and not isinstance(value, bool):
        parts = [options.get(one.strip(), one.strip()) for one in str(value).split(",")]
        return text(", ".join(one for one in parts if one), path)
    if isinstance(value, float):
        return number(value, path)
    if value is None or isinstance(value, bool):
        return value
    return value if isinstance(value, int) else text(value, path)
