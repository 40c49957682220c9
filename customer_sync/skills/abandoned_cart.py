"""abandoned-cart: a cart that somebody left is reminded of by mail, until it is bought.

Carts and purchases become records of the lane `mail`; its worker step asks `series.decide` what is due. A cart belongs
to the address that was typed into it, whoever is logged in. An order is kept with the address on it, and with the
account that placed it: either of them may have a cart. Each cart that an order names is told of it, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Final

from customer_sync.base.duration import write_duration
from customer_sync.config import Settings
from customer_sync.engine.plan import Due, RecordSays, Who
from customer_sync.errors import MappingError
from customer_sync.model import Event, Json, Kind, to_ms
from customer_sync.person.identity import normalize_email
from customer_sync.person.orders import net
from customer_sync.series.keys import SETTLES, read_options
from customer_sync.series.records import ORDER, purchase_of
from customer_sync.skills import Intent
from customer_sync.skills.definition import Definition, KeyFault
from customer_sync.skills.shopping import account_address, address_of, cart_fields, ms_of, names_of

#: The lane of mails.
LANE: Final = "mail"
#: What the ids of its records begin with.
CART_ID: Final = "cart:"
ORDER_ID: Final = "order:"
#: What the id of an order's second record ends with: the one of the account that placed it.
OF_ACCOUNT: Final = ":account"

_CONTENT: Final = ("total", "currency", "url", "lines", "isLoggedIn")
_CARTS: Final = frozenset({Kind.CART_UPDATED, Kind.CART_DELETED})
_ORDERS: Final = frozenset({Kind.ORDER_PLACED, Kind.ORDER_UPDATED})


class AbandonedCart:
    """The skill.

    Args:
        threshold: how long nobody must have touched a cart before it counts as left.
    """

    name = "abandoned-cart"

    def __init__(self, threshold: timedelta) -> None:
        self._threshold = threshold

    def intent(self, event: Event) -> Intent:
        """Return what an event tells of a cart, or of a purchase."""
        if event.record_id is None:
            return Intent()
        if event.kind in _CARTS:
            return self._cart(event, event.record_id)
        if event.kind in _ORDERS:
            return Intent(list(_order(event, event.record_id)))
        return Intent()

    def terms(self, source: str) -> Json:  # noqa: ARG002  # the same for all
        """Return what the intents depend on beside the event: when a cart is looked at."""
        return write_duration(int(self._threshold.total_seconds()))

    def _cart(self, event: Event, cart: str) -> Intent:
        who, note = _who(event)
        fields = cart_fields(event, cart, _CONTENT)
        if "email" in event.record or who is not None:
            # where what was typed last is no address, the mail must not go to what was typed before
            fields["hasAddress"] = who is not None
        is_over = fields.get("emptied") is True or "completedAt" in fields
        due = Due() if is_over else Due(event.occurred_at + self._threshold, is_moved=True)
        return Intent([_says(event, f"{CART_ID}{cart}", fields, who, due)], note)


def _says(event: Event, record: str, fields: Mapping[str, Json], who: Who | None, due: Due) -> RecordSays:
    return RecordSays(LANE, event.source, record, event.occurred_at, fields, who, event.seen_at, due)


def _who(event: Event) -> tuple[Who | None, str]:
    """Return whose a cart is, and what was wrong with its address: the address that was typed, else the account."""
    try:
        typed = normalize_email(event.record.get("email"))
    except MappingError as error:
        return None, str(error)
    if typed is not None:
        return Who(event.source, event.occurred_at, email=typed, seen_at=event.seen_at), ""
    account = account_address(event)
    if event.customer_id is None and account is None:
        return None, ""
    return Who(event.source, event.occurred_at, event.customer_id, account, event.seen_at, is_copy=True), ""


def _order(event: Event, order: str) -> Iterator[RecordSays]:
    """Yield what a purchase is told to: its buyer, its account, and the carts that it names."""
    told = _order_fields(event, order)
    if purchase_of(order, told) is None:
        return
    for record, who in _buyers(event, order):
        yield _says(event, record, told, who, Due())
    for name in names_of(event.record.get("carts")):
        yield _says(event, f"{CART_ID}{name}", {f"{ORDER}{order}": told}, None, Due())


def _order_fields(event: Event, order: str) -> dict[str, Json]:
    record = event.record
    worth = net(record)
    return {
        "order": order,
        "state": record.get("state"),
        "status": record.get("status"),
        "carts": list[Json](names_of(record.get("carts"))),
        "amount": None if worth is None else float(worth),
        "currency": record.get("currency"),
        "createdAt": ms_of(record.get("createdAt")),
        "changedAt": to_ms(event.occurred_at),
        "isRenewal": record.get("isRenewal") is True,
    }


def _buyers(event: Event, order: str) -> Iterator[tuple[str, Who]]:
    """Yield the records of a purchase: one of the address on the order, one of the account that placed it."""
    at, seen_at, account = event.occurred_at, event.seen_at, account_address(event)
    typed = address_of(event.record.get("email")) or account
    if typed is not None:
        yield f"{ORDER_ID}{order}", Who(event.source, at, email=typed, seen_at=seen_at)
    if event.customer_id is not None:
        who = Who(event.source, at, event.customer_id, account, seen_at, is_copy=True)
        yield f"{ORDER_ID}{order}{OF_ACCOUNT}", who


def _check(extra: Mapping[str, Json]) -> Sequence[KeyFault]:
    return [KeyFault(*one) for one in read_options(extra)[1]]


def _templates(extra: Mapping[str, Json]) -> Sequence[int]:
    options = read_options(extra)[0]
    variants = () if options.experiment is None else options.experiment.variants
    own = [one.template_id for one in variants if one.template_id is not None]
    return sorted({*(mail.template_id for mail in options.sequence), *own})


def _make(settings: Settings) -> AbandonedCart:
    said = settings.skills.get(AbandonedCart.name)
    return AbandonedCart(read_options({} if said is None else said.extra)[0].inactivity_threshold)


SKILL: Final = Definition(
    AbandonedCart.name,
    "A cart that somebody left is reminded of by mail, until it is bought.",
    _make,
    check=_check,
    resources=("carts", "orders"),
    modules=("customer_sync.brevo.mail", "customer_sync.series"),
    settles=SETTLES,
    templates=_templates,
    told_on="Carts that were touched before now are not reminded of: nobody listened for what was bought until now.",
    told_off=(
        "Open series end: while the skill is off nobody listens for purchases. Switched on again, it reminds only of "
        "carts that are touched after that."
    ),
)
