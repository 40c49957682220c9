"""Tells where something that belongs to one payer for long, as a subscription, came with another address than before.

Some platforms show the address that a card was last used with, and nobody said that it changed. The two addresses are
two people here, and stay so; a person should know. No address is kept for it, only a fingerprint.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from customer_sync.errors import MappingError, PayloadError
from customer_sync.kit.connector import Connector
from customer_sync.model import Event, Json, to_ms
from customer_sync.person.identity import fingerprint, normalize_email
from customer_sync.store import Store

#: For how long an address is remembered, in seconds: some things are paid once a year.
KEPT_S: Final = 400 * 86_400
#: So many are named in one alert.
NAMED: Final = 5
REMEDY: Final = (
    "Each address is a contact of its own: none was renamed, and no consent moved. If it is the same person, put it "
    "right at the platform; `tajo contacts explain` shows what is known of an address."
)


def tell_of_new_addresses(
    store: Store, connectors: Mapping[str, Connector], events: Iterable[Event | PayloadError]
) -> None:
    """Raise one alert for each source of which something came with another address than before.

    Args:
        store: all that Redis holds.
        connectors: source → its connector; `Connector.binds` names the field.
        events: what was read, in any order; an older one than those before tells nothing.
    """
    binds = {name: one.binds for name, one in connectors.items() if one.binds}
    if not binds:
        return
    seen: dict[tuple[str, str], list[tuple[int, str]]] = {}
    for event in events:
        field = "" if isinstance(event, PayloadError) else binds.get(event.source, "")
        if isinstance(event, PayloadError) or not field:
            continue
        bound, email = event.record.get(field), _address(event.record)
        if isinstance(bound, str) and bound and email is not None:
            told = (to_ms(event.occurred_at), fingerprint(email, store.people.salt))
            seen.setdefault((event.source, bound), []).append(told)
    changed = [place for place, told in seen.items() if _is_new(store, place, sorted(told))]
    for source in dict.fromkeys(one for one, _ in changed):
        found = [bound[:40] for one, bound in changed if one == source]
        more = f" and {len(found) - NAMED:,} more" if len(found) > NAMED else ""
        text = f"{source}: {binds[source]} {', '.join(found[:NAMED])}{more} came with another address than before."
        store.ledger.alert(text, REMEDY, source=source)


def _is_new(store: Store, place: tuple[str, str], told: list[tuple[int, str]]) -> bool:
    """Tell whether the address of something changed; the newest is remembered."""
    name = f"address:{place[0]}:{fingerprint(place[1], store.people.salt)}"
    known: Any = store.note(name)
    at_ms, address = known or (0, "")
    is_new = False
    for one_ms, one in told:
        if one_ms >= at_ms:
            is_new = is_new or bool(address and one != address)
            at_ms, address = one_ms, one
    if [at_ms, address] != known:
        store.set_note(name, [at_ms, address], ttl_s=KEPT_S)
    return is_new


def _address(record: Mapping[str, Json]) -> str | None:
    customer = record.get("customer")
    try:
        return normalize_email(record.get("email") or (customer.get("email") if isinstance(customer, dict) else None))
    except MappingError:
        return None
