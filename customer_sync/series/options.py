"""The settings of `abandoned-cart` in their types; `keys` reads them from the config."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final


class Segment(StrEnum):
    """Which part of the buyers a person belongs to; the value is the key below `timing:`."""

    VIP = "vip_customers"
    NEW = "new_customers"
    REPEAT = "repeat_customers"


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail of the sequence.

    Args:
        delay: after the mail before; of the first: after the cart counted as left.
        template_id: Brevo's number of the template.
        subject: None: the template's own.
        include_discount: whether the mail offers a discount.
        discount_percent: how much.
        discount_expiry: how long it holds after the mail; None: for ever.
    """

    delay: timedelta
    template_id: int
    subject: str | None = None
    include_discount: bool = False
    discount_percent: Decimal | None = None
    discount_expiry: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Variant:
    """One variant of a test: its share, and what it has in place of the mail's own subject and template."""

    name: str
    weight: int
    subject: str | None = None
    template_id: int | None = None


@dataclass(frozen=True, slots=True)
class Experiment:
    """A test of variants.

    Args:
        variants: at least two, of different names.
        mail: which mail of the sequence they differ in, from 1.
    """

    variants: tuple[Variant, ...]
    mail: int = 1


@dataclass(frozen=True, slots=True)
class Timing:
    """What differs for one segment.

    Args:
        first_email: in place of the first mail's delay.
        discount_threshold: the least value of a cart that gets a discount; 0: every cart.
    """

    first_email: timedelta | None = None
    discount_threshold: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Vip:
    """What makes somebody a VIP: any one of these."""

    min_total_spent: Decimal | None = None
    min_orders: int | None = None


@dataclass(frozen=True, slots=True)
class Sender:
    """Who the mails come from: an address with a name, or the number of a sender in Brevo."""

    email: str | None = None
    name: str | None = None
    id: int | None = None


@dataclass(frozen=True, slots=True)
class QuietHours:
    """When no mail goes out.

    Args:
        start: minutes after midnight.
        end: minutes after midnight; an earlier one than the start is on the next day.
        time_zone: of people of whom neither phone nor country is known.
    """

    start: int
    end: int
    time_zone: str


@dataclass(frozen=True, slots=True)
class Cap:
    """At most so many mails of all series to one person in this time."""

    mails: int
    per: timedelta


#: Mailboxes that no person reads. Google's robot fills carts to compare prices: github.com/TycheSoftwares/
#: woocommerce-abandoned-cart/pull/985.
ROBOTS: Final = ("storebotmail.joonix.net",)


@dataclass(frozen=True, slots=True)
class Exclusions:
    """Who and what is never mailed about.

    Args:
        tags: of persons, in small letters.
        domains: of addresses, with their subdomains.
        products: ids of products or variants, and SKUs in small letters; one of them in a cart excludes the cart.
        bought_within: whoever bought anything in this time.
    """

    tags: frozenset[str] = frozenset()
    domains: tuple[str, ...] = ROBOTS
    products: frozenset[str] = frozenset()
    bought_within: timedelta | None = None


#: What may stand in `stop_on`. The first two hold always.
CART_RECOVERED: Final = "cart_recovered"
UNSUBSCRIBE: Final = "unsubscribe"
ORDER_PLACED: Final = "order_placed"

#: The age, counted from the cart's last activity, at which a series is dropped, at least; longer for a long sequence.
MAX_AGE: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Options:
    """The settings; docs/abandoned-cart.md says what each does."""

    sequence: tuple[Mail, ...] = ()
    inactivity_threshold: timedelta = timedelta(minutes=30)
    min_cart_value: Decimal = Decimal(0)
    exclude_logged_out: bool = False
    stop_on: frozenset[str] = frozenset({CART_RECOVERED, ORDER_PLACED, UNSUBSCRIBE})
    timing: Mapping[Segment, Timing] = field(default_factory=dict)
    experiment: Experiment | None = None
    exclusions: Exclusions = Exclusions()
    quiet_hours: QuietHours | None = None
    frequency_cap: Cap | None = None
    vip: Vip = Vip(min_orders=5)
    discount_codes: Mapping[Decimal | None, str] = field(default_factory=dict)
    max_age: timedelta = MAX_AGE
    sender: Sender | None = None

    def code_for(self, percent: Decimal | None) -> str | None:
        """Return the code of a discount: its own, else the one for all; None where the template has it."""
        return self.discount_codes.get(percent, self.discount_codes.get(None))
