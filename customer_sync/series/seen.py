"""What is known at one moment about a cart, its person and its mails: what `decide` decides from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from customer_sync.model import ConsentState
from customer_sync.series.records import CartSeen, Purchase


class Why(StrEnum):
    """Why a series ended. The value is the word that is stored."""

    BOUGHT = "bought"
    EMPTIED = "emptied"
    ERASED = "erased"
    #: The person withdrew, bounced, complained, or left a list.
    UNSUBSCRIBED = "unsubscribed"
    #: Nobody asked the person, or the person gave no answer.
    NO_CONSENT = "no_consent"
    NO_ADDRESS = "no_address"
    NEWER_CART = "newer_cart"
    EXCLUDED = "excluded"
    SMALL = "small"
    LOGGED_OUT = "logged_out"
    TOO_OLD = "too_old"
    #: All mails were sent, and nothing was bought.
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Recipient:
    """The person of the cart, as known now, waiting changes included.

    Args:
        email: the address that mails go to; None where none is known.
        consent: what stands for marketing mails: `brevo.contacts.contact_plan.view(...).email.state`, which already
            holds the operator's word for people who were never asked, and Brevo's bounces and complaints.
        has_left_list: the person left one of our lists in Brevo, or a consent group.
        phone: E.164, None where that is not known.
        country: ISO 3166 alpha-2, None where that is not known.
        tags: of the person's living records.
        orders: how many orders count; None where that is not known.
        spent: what they are worth; None where that is not known.
        last_bought_at: the last order that the person's records tell of.
    """

    email: str | None
    consent: ConsentState
    has_left_list: bool = False
    phone: str | None = None
    country: str | None = None
    tags: frozenset[str] = frozenset()
    orders: int | None = None
    spent: Decimal | None = None
    last_bought_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """A mail of this cart that Brevo took, or may have taken.

    Args:
        step: which of the sequence, from 1.
        at: when.
        variant: the variant's name, None where there was none.
    """

    step: int
    at: datetime
    variant: str | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """The stored end of this cart's series.

    Args:
        why: the reason.
        at: when it was stored.
        order: the order that ended it.
        touched_at: when the cart had been touched last by then; None where that was not stored.
    """

    why: Why
    at: datetime
    order: str | None = None
    touched_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Other:
    """Another cart of the same person: when it was touched last, and whether anything is in it."""

    id: str
    touched_at: datetime
    is_emptied: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything that is known at one moment.

    Args:
        now: the time.
        id: the cart's target in the lane; of two carts touched at one time the larger id counts as the newer.
        cart: the cart.
        person: its person; None where the person was erased.
        sent: the mails of this cart, in any order, also of an earlier round.
        ended: the end that was stored last.
        others: the other carts of the person.
        purchases: of the person; those that only name the cart are in `cart.bought`.
        mailed: when any series mailed the person, this one included.
        enabled_at: since when the skill is on; None where that is not known.
    """

    now: datetime
    id: str
    cart: CartSeen
    person: Recipient | None
    sent: tuple[Sent, ...] = ()
    ended: Ended | None = None
    others: tuple[Other, ...] = ()
    purchases: tuple[Purchase, ...] = ()
    mailed: tuple[datetime, ...] = ()
    enabled_at: datetime | None = None
