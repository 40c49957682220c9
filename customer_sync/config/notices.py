"""Reads `notifications:`: the targets that notices go to, with every fault of each."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from customer_sync.config import values
from customer_sync.config.document import Items, Node, Table, shape
from customer_sync.config.keys import EMAIL_KEYS, NOTIFICATION_KEYS, TARGET_KEYS, TARGETS_KEY
from customer_sync.config.reader import Reader
from customer_sync.config.settings import NOTICE_EVENTS, NoticeTarget, NotificationSettings
from customer_sync.kit.transport import is_public

#: The name of the target that stands in `notifications:` itself.
DIRECT: Final = "webhook"
#: The keys that say where a target is; each target has one.
PLACES: Final = {"webhook_url": "webhook", "slack_url": "slack", "email": "email"}

_MOST_TARGETS: Final = 20
_ONE_PLACE: Final = "Write one of webhook_url, slack_url, email."
_PRIVATE: Final = (
    "Write an address of the public internet; or allow_private: true beside it, where the receiver is your own."
)


def read_notices(reader: Reader, node: Node | None) -> NotificationSettings:
    """Return where notices go; every fault is noted with the reader."""
    entries = reader.children(node)
    listed = entries.pop(TARGETS_KEY.name, None)
    found: list[NoticeTarget] = []
    direct = reader.take(entries, NOTIFICATION_KEYS)
    reader.refuse(entries, [key.name for key in (*NOTIFICATION_KEYS, TARGETS_KEY)])
    if node is not None and "webhook_url" in direct:
        found.append(_target(reader, node, DIRECT, direct))
    elif node is not None and direct:
        reader.fault(node, f"{', '.join(sorted(direct))} without a webhook_url", "Write webhook_url beside it.")
    for one, name, values_of in _listed(reader, listed):
        if name in {target.name for target in found}:
            reader.fault(one, f"a second target called {name}", "Give each target a name of its own.")
        else:
            found.append(_target(reader, one, name, values_of))
    return NotificationSettings(tuple(found))


def _listed(reader: Reader, node: Node | None) -> list[tuple[Node, str, dict[str, Any]]]:
    if node is None or values.is_empty(node):
        return []
    if not isinstance(node, Items):
        reader.fault(node, f"expected a list, found {shape(node)}", "Write - name: ... for each target.")
        return []
    if len(node.items) > _MOST_TARGETS:
        reader.fault(node, f"{len(node.items)} targets", f"Keep at most {_MOST_TARGETS}.")
    found: list[tuple[Node, str, dict[str, Any]]] = []
    for item in node.items:
        if not isinstance(item, Table):
            reader.fault(item, f"expected a table, found {shape(item)}", "Write - name: ... and its keys below it.")
            continue
        taken = _one(reader, item)
        if not reader.is_faulty(item):
            found.append((item, taken.pop("name"), taken))
    return found


def _one(reader: Reader, item: Table) -> dict[str, Any]:
    entries = reader.children(item)
    written = {key for key, node in entries.items() if not values.is_empty(node)}
    taken = reader.take(entries, TARGET_KEYS)
    reader.refuse(entries, [key.name for key in TARGET_KEYS])
    if "email" in taken:
        taken["email"] = _mail(reader, taken["email"])
    if "name" not in written:
        reader.fault(item, "a target without a name", "Write name: with small letters, digits, - and _.")
    places = [key for key in PLACES if key in written]
    if len(places) != 1 and not entries:
        reader.fault(item, f"found {' and '.join(places) or 'no address'}", _ONE_PLACE)
    return taken


def _mail(reader: Reader, node: Node) -> dict[str, Any]:
    entries = reader.children(node)
    missing = [key.name for key in EMAIL_KEYS if key.name not in entries or values.is_empty(entries[key.name])]
    mail = reader.take(entries, EMAIL_KEYS)
    reader.refuse(entries, [key.name for key in EMAIL_KEYS])
    if missing:
        reader.fault(node, f"without {', '.join(missing)}", "Write to, from and smtp_url.")
    return mail


def _target(reader: Reader, node: Node, name: str, taken: Mapping[str, Any]) -> NoticeTarget:
    place = next(key for key in PLACES if taken.get(key))
    mail = taken["email"] if place == "email" else {}
    address = str(mail.get("smtp_url") or taken[place])
    target = NoticeTarget(
        name=name,
        kind=PLACES[place],  # type: ignore[arg-type]  # the table has its words
        address=address,
        events=taken.get("events", NOTICE_EVENTS),
        secrets=taken.get("webhook_secret", ()),
        to=mail.get("to", ()),
        sender=mail.get("from", ""),
        allow_private=taken.get("allow_private", False),
    )
    if target.secrets and target.kind != "webhook":
        reader.fault(node, f"a secret for a target of the kind {target.kind}", "Only webhooks are signed: remove it.")
    if not target.allow_private and is_private_literal(target.host):
        reader.fault(node, f"{place} leads to this machine or to a private network", _PRIVATE)
    scheme = urlsplit(address).scheme
    if scheme == "smtp" and not target.allow_private:
        reader.fault(node, "smtp_url without TLS", "Write smtp+starttls:// or smtps://; or allow_private: true.")
    if scheme == "http" and not target.allow_private:
        reader.warn(node, f"{place} is without TLS: others on the way can read the notices. Write https://.")
    return target


def is_private_literal(host: str) -> bool:
    """Tell whether a host is not public by what is written: nothing is looked up."""
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal")):
        return True
    try:  # understands what inet_aton(3) does: 127.1, 0x7f000001
        found = socket.getaddrinfo(host.strip("[]"), None, proto=socket.IPPROTO_TCP, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return False
    return not all(is_public(str(entry[4][0]).partition("%")[0]) for entry in found)
