"""What is known when a mail is decided on: the person, the cart, the person's other carts and purchases. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Final

from customer_sync.brevo.contacts.contact_plan import Rules, view
from customer_sync.brevo.mail.letter import tried
from customer_sync.config import Settings
from customer_sync.errors import PayloadError
from customer_sync.kit.connector import parse_time
from customer_sync.model import Json, from_ms, to_ms
from customer_sync.person.merge import State
from customer_sync.person.person import Person, Record
from customer_sync.series.decide import Ended, Other, Recipient, Sent, Why
from customer_sync.series.records import CartSeen, Purchase, cart_of, purchase_of
from customer_sync.store.forms import Kept

#: The skill whose series these are.
SKILL: Final = "abandoned-cart"
#: What the id of a record begins with: a cart with its series, a purchase, a single mail.
CART, ORDER, SINGLE = "cart:", "order:", "skill:"
#: Fields that the lane writes into the record of a cart: since when it counts as left, how its series ended, what
#: it was recovered by (an order, or in ms when the cart itself said that it was bought), and since when (as the cart
#: says, in ms) a recovery waits for its order to be counted.
LEFT, END, RECOVERED, OWED = "left", "end", "recovered", "owed"
#: In what the lane keeps of a purchase: since when it is one.
SINCE: Final = "at"


def fields_of(state: State) -> dict[str, Json]:
    """Return the fields of a record without their stamps."""
    return {name: one.value for name, one in state.items()}


def id_of(target: str) -> str:
    """Return the id of a record, with what it begins with."""
    return target.partition(":")[2]


def source_of(target: str) -> str:
    """Return the source of a record."""
    return target.partition(":")[0]


def recipient(person: Person, rules: Rules, settings: Settings) -> Recipient:
    """Return the person of a cart as the rules of series see them."""
    seen = view(person, rules)
    ours = {number for some in rules.lists.values() for number in some}
    values = _values(seen.roll.living, settings)
    return Recipient(
        email=person.email,
        consent=seen.email.state,
        has_left_list=bool(person.has.left_groups or ours & set(person.has.left_lists)),
        phone=_text(values.get("phone")),
        country=_text(values.get("country")),
        tags=_tags(values.get("tags")),
        orders=_whole(values.get("totalOrders")),
        spent=_money(values.get("totalSpent")),
        last_bought_at=_time(values.get("lastOrderDate")),
    )


def first_names(person: Person, rules: Rules, settings: Settings) -> dict[str, Json]:
    """Return the names of a person for a mail: "" where a name is not known, so that no template shows a gap."""
    values = _values(view(person, rules).roll.living, settings)
    return {name: _text(values.get(name)) or "" for name in ("firstName", "lastName")}


def _values(living: Sequence[Record], settings: Settings) -> dict[str, Json]:
    """Return canonical field → value over the living records: the newest stamp wins."""
    newest: dict[str, tuple[tuple[int, int], Json]] = {}
    for record in living:
        for name, attribute in settings.mapping_for(record.source).items():
            found = record.state.get(attribute)
            if found is not None and found.value not in (None, "", []):
                stamp = (found.at_ms, found.seen_us)
                if name not in newest or stamp > newest[name][0]:
                    newest[name] = stamp, found.value
    return {name: value for name, (_, value) in newest.items()}


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) and value else None


def _tags(value: Json) -> frozenset[str]:
    if isinstance(value, list):
        return frozenset(str(one) for one in value)
    return frozenset(one.strip() for one in value.split(",") if one.strip()) if isinstance(value, str) else frozenset()


def _money(value: Json) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return None


def _whole(value: Json) -> int | None:
    found = _money(value)
    return int(found) if found is not None and found.is_finite() else None


def _time(value: Json) -> datetime | None:
    try:
        return parse_time(value, "lastOrderDate")
    except PayloadError:
        return None


def sent(state: State) -> tuple[Sent, ...]:
    """Return the mails of a record that went, or may have gone."""
    return tuple(Sent(one.step, from_ms(one.at_ms), one.variant or None) for one in tried(state))


def ended(state: State) -> Ended | None:
    """Return the stored end of a series; a word of a newer version is none."""
    stamped = state.get(END)
    value = stamped.value if stamped is not None else None
    if not isinstance(value, dict) or value.get("why") not in set(Why):
        return None
    at, touched, order = value.get("at"), value.get("touchedAt"), value.get("order")
    if not isinstance(at, int):
        return None
    touched_at = from_ms(touched) if isinstance(touched, int) else None
    return Ended(Why(str(value["why"])), from_ms(at), order if isinstance(order, str) else None, touched_at)


def end_value(one: Ended) -> dict[str, Json]:
    """Return an end as it is stored; `ended` reads it."""
    found: dict[str, Json] = {"why": str(one.why), "at": to_ms(one.at), "order": one.order}
    found |= {"touchedAt": to_ms(one.touched_at) if one.touched_at is not None else None}
    return {name: value for name, value in found.items() if value is not None}


def carts(others: Mapping[str, Kept]) -> Iterator[tuple[str, State, CartSeen]]:
    """Yield the other carts of a person: target, fields, cart."""
    for target, kept in others.items():
        if id_of(target).startswith(CART):
            cart = cart_of(fields_of(kept.state))
            if cart is not None:
                yield target, kept.state, cart


def other_carts(others: Mapping[str, Kept]) -> tuple[Other, ...]:
    """Return the other carts of a person, as the rules of series see them."""
    return tuple(Other(target, cart.touched_at, cart.is_emptied) for target, _, cart in carts(others))


def purchase(target: str, kept: Kept, others: Mapping[str, Kept]) -> Purchase | None:
    """Return an order as a purchase, since when it is known to be one; None where it is none.

    Args:
        target: its record.
        kept: what is known of it.
        others: the person's records: the order may have been one of the carts among them.
    """
    since = kept.has.get(SINCE)
    known = from_ms(since) if isinstance(since, int) else None
    found = purchase_of(id_of(target).removeprefix(ORDER), fields_of(kept.state), known)
    was = None if found is None or known is not None else others.get(f"{source_of(target)}:{CART}{found.order}")
    cart = None if was is None else cart_of(fields_of(was.state))
    return found if found is None or cart is None else found.after(cart)


def purchases(others: Mapping[str, Kept], source: str) -> tuple[Purchase, ...]:
    """Return the purchases of a person, as a record of a source sees them.

    Two shops may count alike: what another source calls an order or a cart has that source before it.
    """
    found = [
        (target, purchase(target, one, others)) for target, one in others.items() if id_of(target).startswith(ORDER)
    ]
    known = [(source_of(target), one) for target, one in found if one is not None]
    return tuple(one if place == source else _of_another(place, one) for place, one in known)


def _of_another(source: str, bought: Purchase) -> Purchase:
    names = frozenset(f"{source}:{name}" for name in bought.carts)
    return bought._replace(order=f"{source}:{bought.order}", carts=names)


def mailed(states: Sequence[State]) -> tuple[datetime, ...]:
    """Return when mails of any series went to a person."""
    return tuple(sorted(one.at for state in states for one in sent(state)))
