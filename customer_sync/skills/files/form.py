"""What a skill file says, and the words that it may use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from customer_sync.model import Json, Kind
from customer_sync.skills.files.conditions import Condition

#: https://tajo.io/docs/skills/overview/skills-format/: the values of `category` and `status`.
CATEGORIES: Final = ("data-sync", "email-marketing", "sms-whatsapp", "loyalty", "analytics", "integrations")
STATUSES: Final = ("stable", "beta", "experimental")

#: The events of carts.
CARTS: Final = frozenset({Kind.CART_UPDATED, Kind.CART_DELETED, Kind.CART_ABANDONED, Kind.CART_RECOVERED})
_ORDERS: Final = frozenset({Kind.ORDER_PLACED, Kind.ORDER_UPDATED, Kind.ORDER_REFUNDED})
_CUSTOMERS: Final = frozenset({Kind.CUSTOMER_CREATED, Kind.CUSTOMER_UPDATED, Kind.CUSTOMER_DELETED})
#: The events that can start a skill: each tells of a person.
EVENTS: Final = tuple(
    one for one in Kind if one in CARTS | _ORDERS | _CUSTOMERS or one in {Kind.CONSENT_CHANGED, Kind.ORDER_DELETED}
)

CREATE, UPDATE, DELETE = "brevo/create-contact", "brevo/update-contact", "brevo/delete-contact"
MAIL, TRACK = "brevo/send-email", "brevo/track-event"
#: Action → the permission that it needs.
ACTIONS: Final[Mapping[str, str]] = {
    CREATE: "contacts:write",
    UPDATE: "contacts:write",
    DELETE: "contacts:write",
    MAIL: "email:send",
    TRACK: "contacts:write",
}
PERMISSIONS: Final = (
    "contacts:read",
    "contacts:write",
    "email:send",
    "sms:send",
    "whatsapp:send",
    "segments:manage",
    "analytics:read",
)
#: Action → the events that it can follow; one that is not here can follow any.
FOLLOWS: Final[Mapping[str, frozenset[Kind]]] = {
    CREATE: _CUSTOMERS - {Kind.CUSTOMER_DELETED} | _ORDERS | {Kind.CONSENT_CHANGED},
    UPDATE: _CUSTOMERS - {Kind.CUSTOMER_DELETED} | _ORDERS | {Kind.CONSENT_CHANGED},
    DELETE: frozenset({Kind.CUSTOMER_DELETED}),
    MAIL: frozenset(EVENTS) - {Kind.CUSTOMER_DELETED, Kind.CART_DELETED, Kind.ORDER_DELETED},
    TRACK: frozenset(EVENTS) - {Kind.CUSTOMER_DELETED},
}
#: The events of carts that a mail may remind of: it is called off when the cart is bought or emptied.
REMIND: Final = frozenset({Kind.CART_UPDATED, Kind.CART_ABANDONED})
#: The actions that can wait, or follow the clock: contacts are sent as state, at once.
WAITING: Final = frozenset({MAIL, TRACK})


@dataclass(frozen=True, slots=True)
class Trigger:
    """What starts a skill.

    Args:
        event: what has to happen.
        conditions: what must hold of it, all of them.
        wait_s: how long nothing else may happen to the same record before the actions are done, in seconds.
    """

    event: Kind
    conditions: tuple[Condition, ...] = ()
    wait_s: int = 0


@dataclass(frozen=True, slots=True)
class Timer:
    """What starts a skill by the clock, for every customer of whom its conditions hold.

    Args:
        line: when: a cron line of five fields.
        zone: the time zone of these times, as `America/New_York`.
        conditions: what must hold of a customer, all of them; never none.
    """

    line: str
    zone: str
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Action:
    """What a skill does.

    Args:
        word: one of `ACTIONS`.
        terms: its own keys, templates and all.
    """

    word: str
    terms: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SkillFile:
    """A skill file without faults."""

    name: str
    version: str
    description: str
    category: str
    status: str
    triggers: tuple[Trigger, ...]
    actions: tuple[Action, ...]
    permissions: tuple[str, ...]
    timers: tuple[Timer, ...] = ()

    @property
    def kinds(self) -> frozenset[Kind]:
        """The events that can start it."""
        return frozenset(one.event for one in self.triggers)
