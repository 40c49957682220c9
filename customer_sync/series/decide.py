"""Which mail of a series is due, decided from everything that is known at one moment; pure.

One decision at a time: the caller carries it out, writes down what it did, and asks again. The rules, in their order:

1. a purchase ends the series; then an emptied cart, a newer cart of the person, and what must not be mailed;
2. a cart counts as left when nobody has touched it for a while;
3. whoever withdrew is never mailed, and nobody is without a standing yes;
4. the next mail comes after its delay, counted from the last mail that any series sent to the person: after a
   standstill one mail goes out, and the gaps are kept from there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from customer_sync.model import ConsentState, Json
from customer_sync.series import exclusions, quiet
from customer_sync.series.options import Mail, Options, Timing
from customer_sync.series.rounds import Round, round_of
from customer_sync.series.seen import Ended, Other, Recipient, Seen, Sent, Why
from customer_sync.series.segments import segment_of
from customer_sync.series.variants import variant_of

__all__ = ["End", "Ended", "Other", "Recipient", "Seen", "Send", "Sent", "Wait", "Why", "decide"]

#: How soon to look again at a person who was asked for consent and has not answered yet.
_PENDING: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Send:
    """Send one mail now.

    Args:
        step: which of the sequence, from 1.
        template_id: Brevo's number of the template.
        subject: None: the template's own.
        variant: the variant's name, None without a test.
        params: what the template may show: `step`, `cart`, and where they apply `discount`, `variant`.
        left_at: since when the cart counts as left.
    """

    step: int
    template_id: int
    subject: str | None
    variant: str | None
    params: Mapping[str, Json]
    left_at: datetime


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing now; ask again at a time, or when something new is known.

    Args:
        until: when.
        why: for people.
        left_at: since when the cart counts as left; None while it does not.
    """

    until: datetime
    why: str
    left_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class End:
    """The series ends. The caller stores it as `Ended(why, now, order, cart.touched_at)`.

    Args:
        why: the reason.
        note: the same for people, in one sentence.
        order: the order that ended it; "" where only the cart says that it was bought.
        left_at: since when the cart counts as left; None where it does not.
        is_recovered: bought after a mail of this series.
        completed_at: when the cart itself says that it was bought, where that ended it.
    """

    why: Why
    note: str
    order: str | None = None
    left_at: datetime | None = None
    is_recovered: bool = False
    completed_at: datetime | None = None


def decide(seen: Seen, options: Options) -> Send | Wait | End:
    """Return what to do about a cart now.

    It may be asked at any time, also after an end: where nothing new is known, it says the same again.
    """
    if seen.person is None:
        return End(Why.ERASED, "The person was erased.")
    now = round_of(seen, options)
    if now.bought is not None:
        return End(Why.BOUGHT, "The person bought.", now.bought.order, None, now.is_recovered, now.completed_at)
    if now.stands is not None:
        return End(now.stands.why, "The series has ended before.", now.stands.order)
    over = _over(seen, options)
    if over is not None:
        return over
    left_at = seen.cart.touched_at + options.inactivity_threshold
    if seen.now < left_at:
        return Wait(left_at, "The cart does not count as left yet.")
    return _next(seen, options, seen.person, now, left_at)


#: Why a cart that was not bought is not to be mailed, whoever's it is; the first that holds.
_OVER: Final[Sequence[tuple[Why, str, Callable[[Seen, Options], bool]]]] = (
    (Why.EMPTIED, "The cart was emptied.", lambda seen, _: seen.cart.is_emptied),
    (Why.NEWER_CART, "The person has a newer cart.", lambda seen, _: _has_newer(seen)),
    (
        Why.TOO_OLD,
        "The cart was touched last before this skill was enabled.",
        lambda seen, _: seen.enabled_at is not None and seen.cart.touched_at < seen.enabled_at,
    ),
    (
        Why.TOO_OLD,
        "Nobody has touched the cart for longer than max_age.",
        lambda seen, options: seen.now - seen.cart.touched_at > options.max_age,
    ),
    (
        Why.LOGGED_OUT,
        "The buyer was not logged in.",
        lambda seen, options: options.exclude_logged_out and seen.cart.is_logged_in is not True,
    ),
    (
        Why.SMALL,
        "The cart is below min_cart_value, or its value is not known.",
        lambda seen, options: bool(options.min_cart_value) and not _is_worth(seen.cart.total, options.min_cart_value),
    ),
)


def _has_newer(seen: Seen) -> bool:
    here = (seen.cart.touched_at, seen.id)
    return any((one.touched_at, one.id) > here for one in seen.others if not one.is_emptied)


def _over(seen: Seen, options: Options) -> End | None:
    """Return why a cart is not to be mailed, whoever's it is; such a cart does not count as left either."""
    for why, note, holds in _OVER:
        if holds(seen, options):
            return End(why, note)
    reason = exclusions.of_cart(seen, options.exclusions)
    return None if reason is None else End(Why.EXCLUDED, reason)


def _next(seen: Seen, options: Options, person: Recipient, now: Round, left_at: datetime) -> Send | Wait | End:
    """Return what to do about a cart that counts as left."""
    if person.email is None or not seen.cart.has_address:
        return End(Why.NO_ADDRESS, "No address is known.", left_at=left_at)
    if person.consent is ConsentState.WITHDRAWN or person.has_left_list:
        return End(Why.UNSUBSCRIBED, "The person is not to be mailed any more.", left_at=left_at)
    if now.next_step > len(options.sequence):
        return End(Why.LOST, "All mails were sent, and nothing was bought.", left_at=left_at)
    timing = _timing(person, options)
    due, why = _due(seen, options, person, _delays(options.sequence[now.next_step - 1], now, timing, left_at))
    if seen.now < due:
        return Wait(due, why, left_at)
    return _barred(seen, person, left_at) or _send(seen, options, now, timing, left_at)


def _barred(seen: Seen, person: Recipient, left_at: datetime) -> Wait | End | None:
    """Return why a mail that is due is not sent now; None where it is."""
    if person.consent is ConsentState.PENDING:
        return Wait(seen.now + _PENDING, "The person has not confirmed yet.", left_at)
    if person.consent is not ConsentState.GRANTED:
        return End(Why.NO_CONSENT, "The person never said yes to marketing mails.", left_at=left_at)
    return None


def _timing(person: Recipient, options: Options) -> Timing:
    segment = segment_of(person.orders, person.spent, options.vip)
    return options.timing.get(segment, Timing()) if segment is not None else Timing()


def _delays(mail: Mail, now: Round, timing: Timing, left_at: datetime) -> tuple[datetime, timedelta]:
    """Return when a mail may go out by its own cart, and how long after the last mail to the person."""
    if now.next_step > 1:
        return left_at, mail.delay
    delay = mail.delay if timing.first_email is None else timing.first_email
    return left_at + delay, delay


def _due(seen: Seen, options: Options, person: Recipient, delays: tuple[datetime, timedelta]) -> tuple[datetime, str]:
    """Return when a mail may go out at the earliest, and what it waits for until then."""
    (due, gap), why, mailed = delays, "The next mail is not due yet.", sorted(seen.mailed)
    if mailed:
        due = max(due, mailed[-1] + gap)
    cap = options.frequency_cap
    if cap is not None and len(mailed) >= cap.mails and mailed[-cap.mails] + cap.per > due:
        due, why = mailed[-cap.mails] + cap.per, "The person had as many mails as frequency_cap allows."
    if options.quiet_hours is None:
        return due, why
    zones = quiet.zones_of(person.phone, person.country, options.quiet_hours.time_zone)
    # a mail that is late goes out at the next hour that is not quiet, from now on
    from_now_on = max(due, seen.now)
    opens = quiet.open_from(from_now_on, options.quiet_hours, zones)
    if opens is None:
        return from_now_on + options.max_age, "No hour is outside the quiet hours in all time zones of the country."
    return (opens, "Quiet hours.") if opens > from_now_on else (due, why)


def _send(seen: Seen, options: Options, now: Round, timing: Timing, left_at: datetime) -> Send:
    step, mail = now.next_step, options.sequence[now.next_step - 1]
    template_id, subject, name = mail.template_id, mail.subject, None
    if options.experiment is not None:
        variant = now.variant_in(options.experiment) or variant_of(seen.id, options.experiment)
        name = variant.name
        if step == options.experiment.mail:
            template_id, subject = variant.template_id or template_id, variant.subject or subject
    params: dict[str, Json] = {"step": step, "cart": dict(seen.cart.content)}
    if name is not None:
        params["variant"] = name
    if mail.include_discount and _is_worth(seen.cart.total, timing.discount_threshold):
        params["discount"] = _discount(mail, options, seen.now)
    return Send(step, template_id, subject, name, params, left_at)


def _is_worth(total: Decimal | None, threshold: Decimal | None) -> bool:
    """Tell whether a cart gets a discount; one whose value is not known gets it where every cart does."""
    return not threshold or (total is not None and total >= threshold)


def _discount(mail: Mail, options: Options, at: datetime) -> dict[str, Json]:
    percent = mail.discount_percent
    found: dict[str, Json] = {}
    if percent is not None:
        found["percent"] = int(percent) if percent == percent.to_integral_value() else float(percent)
    code = options.code_for(percent)
    if code is not None:
        found["code"] = code
    if mail.discount_expiry is not None:
        found["expiresAt"] = (at + mail.discount_expiry).isoformat(timespec="seconds")
    return found
