"""cart-events: what customers do with carts is told to Brevo as events, in the names of Brevo's own plugins.

A cart becomes `cart_updated` once it was quiet for a moment, one that was emptied `cart_deleted`, and an order
`order_completed`. Here each becomes a record of the lane `events`, with the fields of `customer_sync.series.records`;
`customer_sync.brevo.events` works out at delivery what there is to tell, and to whom.

| record | of | fields beside those of series |
|---|---|---|
| `cart:<id>` | a cart | `isLive`: a webhook told of it; a run tells only what is so, and starts nothing |
| `order:<id>` | an order, of its account, else of the address on it | `isLive`, `number`, `total`, `lines` |
| `order:<id>:typed` | the same for the address on it, where the account has another one | |
| `left:…`, `back:…` | a cart that counts as left, or was recovered | `event`: its name and date; `cart` |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Final

from customer_sync.base.duration import EXAMPLE, read_duration, write_duration
from customer_sync.config import Settings
from customer_sync.engine.plan import Due, RecordSays, Who
from customer_sync.model import Event, Json, Kind, OrderState, to_iso, to_ms
from customer_sync.person.orders import net
from customer_sync.series.options import ROBOTS
from customer_sync.series.records import ORDER
from customer_sync.skills import Intent
from customer_sync.skills.definition import Definition, KeyFault, only
from customer_sync.skills.shopping import account_address, address_of, cart_fields, ms_of, names_of

LANE: Final = "events"
#: How long nobody must have touched a cart before it is told, where the config says nothing: an address is typed letter
#: by letter, and goods are put in one by one.
QUIET: Final = timedelta(seconds=10)
#: Longer than this is no moment.
MOST_QUIET: Final = timedelta(minutes=15)
#: The key that says that carts are told only of people who agreed to be mailed; `brevo.events` reads it.
ONLY_GRANTED: Final = "only_granted"
_KEYS: Final = ("quiet", "robots", ONLY_GRANTED)

_CARTS: Final = frozenset({Kind.CART_UPDATED, Kind.CART_DELETED})
_ORDERS: Final = frozenset({Kind.ORDER_PLACED, Kind.ORDER_UPDATED, Kind.ORDER_REFUNDED, Kind.ORDER_DELETED})
#: What became of a cart → the name of the event, and what its record's id begins with.
_FATES: Final[Mapping[Kind, tuple[str, str]]] = {
    Kind.CART_ABANDONED: ("cart_abandoned", "left"),
    Kind.CART_RECOVERED: ("cart_recovered", "back"),
}
_CONTENT: Final = ("total", "currency", "url", "lines")
#: What is told beside that of a cart that was recovered, where it is known.
_RECOVERY: Final = ("orderId", "amount", "orderCurrency")
_NOW: Final = Due()


class CartEvents:
    """The skill.

    Args:
        quiet: how long nobody must have touched a cart before it is told.
        robots: more domains of addresses of programs.
    """

    name = "cart-events"

    def __init__(self, quiet: timedelta = QUIET, robots: Sequence[str] = ()) -> None:
        self._quiet = quiet
        self._robots = frozenset({*ROBOTS, *robots})

    def intent(self, event: Event) -> Intent:
        """Return what an event tells of a cart, or of a purchase."""
        if event.record_id is None or event.kind not in {*_CARTS, *_ORDERS, *_FATES}:
            return Intent()
        typed, account = address_of(event.record.get("email")), account_address(event)
        if any(self._is_robot(one) for one in (typed, account)):
            return Intent(note="a program filled this cart: nothing is told")
        if event.kind in _CARTS:
            return Intent([self._cart(event, event.record_id, typed, account)])
        if event.kind in _ORDERS:
            return Intent(list(_order(event, event.record_id, typed, account)))
        return Intent([_fate(event, event.record_id, typed, account)])

    def terms(self, source: str) -> Json:  # noqa: ARG002  # the same for all
        """Return what the intents depend on beside the event."""
        return [write_duration(int(self._quiet.total_seconds())), *sorted(self._robots)]

    def _is_robot(self, email: str | None) -> bool:
        domain = (email or "").rpartition("@")[2]
        return any(domain == one or domain.endswith(f".{one}") for one in self._robots)

    def _cart(self, event: Event, cart: str, typed: str | None, account: str | None) -> RecordSays:
        who = _buyer(event, typed, account)
        fields = cart_fields(event, cart, _CONTENT)
        if event.kind is Kind.CART_UPDATED and not event.is_pulled:
            fields["isLive"] = True
        if "email" in event.record or who is not None:
            # where what was typed last is no address yet, nobody is told who was typed before
            fields["hasAddress"] = bool(typed) or (who is not None and not event.record.get("email"))
        is_over = fields.get("emptied") is True or "completedAt" in fields
        due = Due() if is_over else Due(event.occurred_at + self._quiet, is_moved=True)
        return _says(event, f"cart:{cart}", fields, who, due)


def _buyer(event: Event, typed: str | None, account: str | None) -> Who | None:
    """Return whose a cart is: the address that was typed, else the account; a typed address makes nobody known."""
    at, seen_at = event.occurred_at, event.seen_at
    if typed is not None and typed != account:
        return Who(event.source, at, email=typed, seen_at=seen_at, only_known=True)
    if event.customer_id is None and account is None:
        return None
    return Who(event.source, at, event.customer_id, account, seen_at, is_copy=True, only_known=True)


def _order(event: Event, order: str, typed: str | None, account: str | None) -> Iterator[RecordSays]:
    told = _order_fields(event, order)
    who = None
    if event.customer_id is not None or typed or account:
        email = account if event.customer_id is not None else account or typed
        who = Who(event.source, event.occurred_at, event.customer_id, email, event.seen_at, is_copy=True)
    yield _says(event, f"order:{order}", {**told, **_content(event)}, who)
    if typed and account and typed != account:
        other = Who(event.source, event.occurred_at, email=typed, seen_at=event.seen_at, only_known=True)
        yield _says(event, f"order:{order}:typed", told, other)
    if not event.is_pulled:
        for name in names_of(event.record.get("carts")):
            yield _says(event, f"cart:{name}", {f"{ORDER}{order}": told}, None)


def _order_fields(event: Event, order: str) -> dict[str, Json]:
    record = event.record
    worth = net(record)
    created_ms = ms_of(record.get("createdAt"))
    told: dict[str, Json] = {"order": order, "changedAt": to_ms(event.occurred_at)}
    told |= {name: record[name] for name in ("state", "status", "currency", "isRenewal", "isTest") if name in record}
    if event.kind is Kind.ORDER_DELETED:
        return {**told, "state": str(OrderState.DELETED)}
    told |= {"carts": list[Json](names_of(record.get("carts")))} if "carts" in record else {}
    told |= {"amount": float(worth)} if worth is not None else {}
    return told | ({"createdAt": created_ms} if created_ms is not None else {})


def _content(event: Event) -> dict[str, Json]:
    """Return what is told of an order beside its state: of one that a run read, nothing is."""
    if event.is_pulled or event.kind not in {Kind.ORDER_PLACED, Kind.ORDER_UPDATED}:
        return {}
    return {
        "isLive": True,
        **{name: event.record[name] for name in ("number", "total", "lines") if name in event.record},
    }


def _fate(event: Event, cart: str, typed: str | None, account: str | None) -> RecordSays:
    name, place = _FATES[event.kind]
    told: dict[str, Json] = {"name": name, "date": to_iso(to_ms(event.occurred_at)), "id": f"cart:{cart}"}
    content = {key: event.record[key] for key in (*_CONTENT, *_RECOVERY) if key in event.record}
    fields: dict[str, Json] = {"event": told, "cart": content}
    return _says(event, f"{place}:{cart}:{to_ms(event.occurred_at)}", fields, _buyer(event, typed, account))


def _says(event: Event, place: str, fields: Mapping[str, Json], who: Who | None, due: Due = _NOW) -> RecordSays:
    return RecordSays(LANE, event.source, place, event.occurred_at, fields, who, event.seen_at, due)


# the skill's own keys -------------------------------------------------------------------------------------------------


def read_keys(keys: Mapping[str, Json]) -> tuple[timedelta, tuple[str, ...], list[KeyFault]]:
    """Return the quiet time and the robots' domains of the config, with its faults."""
    faults = [*only(*_KEYS)(keys)]
    quiet, robots, granted = keys.get("quiet"), keys.get("robots"), keys.get(ONLY_GRANTED)
    if granted is not None and not isinstance(granted, bool):
        faults.append(KeyFault(ONLY_GRANTED, f"found {granted!r}", "Write true or false."))
    seconds = read_duration(quiet) if isinstance(quiet, str) else None
    if quiet is not None and (seconds is None or timedelta(seconds=seconds) > MOST_QUIET):
        remedy = f"Write a duration of at most 15m, as {EXAMPLE}."
        faults.append(KeyFault("quiet", f"found {quiet!r}", remedy))
        seconds = None
    domains = robots if isinstance(robots, list) else []
    good = [one.strip().lower().lstrip("@") for one in domains if isinstance(one, str) and "." in one]
    if robots is not None and (not isinstance(robots, list) or len(good) != len(domains)):
        faults.append(KeyFault("robots", f"found {robots!r}", "Write a list of domains, as [bots.example.com]."))
    return QUIET if seconds is None else timedelta(seconds=seconds), tuple(good), faults


def _check(keys: Mapping[str, Json]) -> Sequence[KeyFault]:
    return read_keys(keys)[2]


def _make(settings: Settings) -> CartEvents:
    skill = settings.skills.get(CartEvents.name)
    quiet, robots, _ = read_keys({} if skill is None else skill.extra)
    return CartEvents(quiet, robots)


SKILL: Final = Definition(
    CartEvents.name,
    "What customers do with carts is told to Brevo as events: updated, emptied, bought, left, recovered.",
    _make,
    check=_check,
    resources=("carts", "orders"),
    modules=("customer_sync.brevo.events",),
)
