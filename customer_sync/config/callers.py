"""Reads `api:`: who may call the API beside the installation's own key, and how often."""

from __future__ import annotations

from functools import partial

from customer_sync.config import values
from customer_sync.config.document import Items, Node, shape
from customer_sync.config.faults import Wrong
from customer_sync.config.keys import API_KEYS, CALLER_KEYS
from customer_sync.config.reader import Reader
from customer_sync.config.settings import ApiKey, ApiSettings, Role


def read_api(reader: Reader, node: Node | None, own: str | None) -> ApiSettings:
    """Return who may call the API, and how often.

    Args:
        reader: takes the faults.
        node: the table below `api:`.
        own: the installation's own key, which no other may repeat; None where it is in the home folder.
    """
    table = reader.table(node, API_KEYS)
    keys = table.pop("keys", None)
    return ApiSettings(keys=_read_keys(reader, keys, own), **table)


def _read_keys(reader: Reader, node: Node | None, own: str | None) -> tuple[ApiKey, ...]:
    if node is None:
        return ()
    if not isinstance(node, Items):
        found = f"expected a list, found {shape(node)}"
        reader.fault(node, found, 'Write lines such as - {name: grafana, key: "${GRAFANA_KEY}", role: read}.')
        return ()
    found_keys: list[ApiKey] = []
    for item in node.items:
        taken = reader.table(item, CALLER_KEYS)
        missing = [key.name for key in CALLER_KEYS if key.name not in taken]
        if not missing:
            found_keys.append(ApiKey(taken["name"], taken["key"], Role(taken["role"])))
            reader.value(item, partial(_once, found_keys, own))
        elif not reader.is_faulty(item):
            reader.fault(item, f"{' and '.join(missing)} missing", "Give each key a name, a key and a role.")
    return tuple(found_keys)


def _once(keys: list[ApiKey], own: str | None, _: Node, __: values.Env) -> None:
    *others, last = keys
    if last.name in {one.name for one in others}:
        raise Wrong(f"a second key with the name {last.name}", "Give each key a name of its own.")
    if last.key in {own, *(one.key for one in others)}:
        raise Wrong("the same key as another one", "Give each caller a key of its own: openssl rand -hex 32.")
