"""The keys of `abandoned-cart`: one table, read from the config and printed in the documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from customer_sync.base.duration import write_duration
from customer_sync.config.faults import Wrong, choose
from customer_sync.errors import MappingError
from customer_sync.model import Json
from customer_sync.person.identity import normalize_email
from customer_sync.series.options import (
    CART_RECOVERED,
    MAX_AGE,
    ORDER_PLACED,
    ROBOTS,
    UNSUBSCRIBE,
    Cap,
    Exclusions,
    Experiment,
    Mail,
    Options,
    QuietHours,
    Segment,
    Sender,
    Timing,
    Variant,
    Vip,
)
from customer_sync.series.reading import (
    Faults,
    Faulty,
    Key,
    clock,
    duration,
    number,
    some_of,
    text,
    texts,
    truth,
    whole,
    zone,
)

_MINUTE: Final = timedelta(minutes=1)
_MONEY: Final = number(0, 1_000_000_000)
_ID: Final = whole(1, 2**53)
_DURATION: Final = "a duration: `30m`, `1h`, `2d`, `1h30m`"
#: The key that says that the shop's own cart mails are off.
SETTLES: Final = "shop_mails_are_off"
#: The most mails of one series.
MOST_MAILS: Final = 10


def _address(value: Json) -> str:
    try:
        found = normalize_email(text(value))
    except MappingError as error:
        raise Wrong("found no e-mail address", "Write a whole address, as shop@example.com.") from error
    if found is None:
        raise Wrong("found an address of nobody", "Write the address that the mails come from.")
    return found


def _domains(value: Json) -> tuple[str, ...]:
    found = [one.lower().removeprefix("@").removeprefix("*.") for one in texts(value)]
    for one in found:
        if "." not in one or "@" in one or " " in one:
            raise Wrong(f"found '{one}'", "Write domains, as example.com; a domain stands for its subdomains too.")
    return tuple(found)


def _small(value: Json) -> frozenset[str]:
    return frozenset(one.lower() for one in texts(value))


TOP: Final = (
    Key("detection", None, "a table", "When a cart counts as left."),
    Key("sequence", None, "a list of mails", "The mails, in their order; at most 10.", is_needed=True),
    Key(
        "stop_on",
        some_of(CART_RECOVERED, ORDER_PLACED, UNSUBSCRIBE),
        "a list of `cart_recovered`, `order_placed`, `unsubscribe`",
        "What ends a series. Without `order_placed` only an order that names the cart does; the other two always do.",
        "all three",
    ),
    Key("timing", None, "a table", "What differs for segments."),
    Key("ab_testing", None, "a table", "A test of variants of one mail."),
    Key("exclusions", None, "a table", "Who and what is never mailed about."),
    Key("quiet_hours", None, "a table", "When no mail goes out, by the clock of the person.", "none"),
    Key("frequency_cap", None, "a table", "The most mails of all series to one person.", "none"),
    Key("segments", None, "a table", "What makes a VIP."),
    Key(
        "discount_code",
        None,
        "a text, or a table: percent → text",
        "The code that the template shows as `params.discount.code`. The shop must know it: none is made.",
        "none: the template has it",
    ),
    Key(
        "max_age",
        duration(timedelta(hours=1)),
        _DURATION,
        "A series is dropped when nobody has touched its cart for so long.",
        "`7d`, or twice the length of the sequence if that is longer",
    ),
    Key("sender", None, "a table", "Who the mails come from.", "the template's own"),
    Key(
        SETTLES,
        truth,
        "`true` or `false`",
        "Your word that the shop's own cart mails are off. Until then `tajo doctor` asks for it.",
        "`false`",
    ),
)
DETECTION: Final = (
    Key(
        "inactivity_threshold",
        duration(_MINUTE),
        _DURATION,
        "A cart counts as left when nobody has touched it for so long.",
        "`30m`",
    ),
    Key("min_cart_value", _MONEY, "a number", "Carts below it are left alone; in the cart's own currency.", "0"),
    Key("exclude_logged_out", truth, "`true` or `false`", "Whether carts without a log-in are left alone.", "`false`"),
)
STEP: Final = (
    Key(
        "delay",
        duration(_MINUTE),
        _DURATION,
        "How long after the mail before; of the first: after the cart counted as left.",
        is_needed=True,
    ),
    Key("template_id", _ID, "a number", "The template in Brevo.", is_needed=True),
    Key("subject", text, "a text", "The subject line.", "the template's"),
    Key("include_discount", truth, "`true` or `false`", "Whether the mail offers a discount.", "`false`"),
    Key("discount_percent", number(1, 100), "a number from 1 to 100", "How much."),
    Key("discount_expiry", duration(_MINUTE), _DURATION, "How long it holds after the mail was sent.", "for ever"),
)
SEGMENT: Final = (
    Key("first_email", duration(_MINUTE), _DURATION, "In place of the first mail's `delay`."),
    Key("discount_threshold", _MONEY, "a number", "The least value of a cart that gets a discount; 0: always.", "0"),
)
TESTING: Final = (
    Key("enabled", truth, "`true` or `false`", "Whether the test runs.", "`false`"),
    Key("variants", None, "a list of variants", "At least two."),
    Key("mail", whole(1, MOST_MAILS), "a number", "Which mail of the sequence the variants differ in.", "1"),
)
VARIANT: Final = (
    Key("name", text, "a text", "Its name in reports and tags.", is_needed=True),
    Key("subject", text, "a text", "In place of the mail's own.", "the mail's own"),
    Key("weight", whole(0, 1_000_000), "a number", "Its share of all weights.", "1"),
    Key("template_id", _ID, "a number", "In place of the mail's own.", "the mail's own"),
)
EXCLUSIONS: Final = (
    Key("tags", _small, "a list of texts", "Persons with one of these tags.", "none"),
    Key("domains", _domains, "a list of domains", "Addresses there, and below.", f"`{ROBOTS[0]}`, which always holds"),
    Key("products", _small, "a list of ids or SKUs", "Carts that hold one of these products or variants.", "none"),
    Key("bought_within", duration(_MINUTE), _DURATION, "Persons who bought anything in this time.", "none"),
)
QUIET: Final = (
    Key("from", clock, 'a time, as `"22:00"`', "When they begin.", is_needed=True),
    Key("to", clock, 'a time, as `"08:00"`', "When they end; may be on the next day.", is_needed=True),
    Key(
        "time_zone",
        zone,
        "a time zone, as `Europe/Berlin`",
        "Of people of whom neither phone nor country is known.",
        is_needed=True,
    ),
)
CAP: Final = (
    Key("mails", whole(1, 100), "a number", "At most so many mails", is_needed=True),
    Key("per", duration(_MINUTE), _DURATION, "in this time.", is_needed=True),
)
VIP: Final = (
    Key("min_total_spent", _MONEY, "a number", "Who spent so much is one."),
    Key("min_orders", whole(1, 1_000_000), "a number", "Who has so many orders is one.", "5 where `vip` is absent"),
)
SENDER: Final = (
    Key("email", _address, "an address", "The address; Brevo must know it as a sender."),
    Key("name", text, "a text", "The name beside it."),
    Key("id", _ID, "a number", "Or the number of a sender in Brevo."),
)


def tables() -> Iterator[tuple[str, Sequence[Key]]]:
    """Yield every table of keys with where it stands, for the documents."""
    yield "", TOP
    yield "detection", DETECTION
    yield "sequence, each mail", STEP
    yield f"timing, each of {', '.join(Segment)}", SEGMENT
    yield "ab_testing", TESTING
    yield "ab_testing.variants, each variant", VARIANT
    yield "exclusions", EXCLUSIONS
    yield "quiet_hours", QUIET
    yield "frequency_cap", CAP
    yield "segments.vip", VIP
    yield "sender", SENDER


def read_options(extra: Mapping[str, Json]) -> tuple[Options, Sequence[Faulty]]:
    """Return the options, and every fault of the keys; what is faulty has its default in the options.

    Args:
        extra: the skill's own keys, as the config has them.
    """
    faults = Faults()
    top = faults.table("", dict(extra), TOP)
    sequence = _sequence(faults, top.get("sequence"))
    found: dict[str, Any] = faults.table("detection", top.get("detection"), DETECTION)
    found |= {name: top[name] for name in ("max_age",) if name in top}
    found["stop_on"] = _stop_on(faults, top.get("stop_on", Options().stop_on))
    found["timing"] = _timing(faults, top.get("timing"))
    found["experiment"] = _experiment(faults, top.get("ab_testing"), len(sequence))
    found["exclusions"] = _exclusions(faults, top.get("exclusions"))
    found["discount_codes"] = _codes(faults, top.get("discount_code"), sequence)
    for name, read in (("quiet_hours", _quiet), ("frequency_cap", _cap), ("sender", _sender)):
        found[name] = None if top.get(name) is None else read(faults, top[name])
    vip = faults.table("segments", top.get("segments"), (Key("vip", None, "a table", ""),)).get("vip")
    if vip is not None:
        found["vip"] = _vip(faults, vip)
    options = Options(sequence=sequence, **found)
    return _aged(faults, options, is_said="max_age" in top), tuple(faults.found)


def _sequence(faults: Faults, value: Json) -> tuple[Mail, ...]:
    rows = faults.rows("sequence", value, "mails, each with delay and template_id")
    if isinstance(value, list) and not 0 < len(rows) <= MOST_MAILS:
        faults.add("sequence", f"found {len(rows)} mails", f"Write 1 to {MOST_MAILS} mails.")
    mails = []
    for path, row in rows:
        step = faults.table(path, row, STEP)
        if row is None:
            faults.add(path, "found nothing", "Write a table with delay and template_id.")
        if step.get("include_discount") and "discount_percent" not in step and not faults.lie_at(path, "percent"):
            faults.add(f"{path}.discount_percent", "found nothing", "Write how much: a number from 1 to 100.")
        for name in ("discount_percent", "discount_expiry"):
            if name in step and not step.get("include_discount"):
                faults.add(f"{path}.{name}", "a discount that is not offered", "Add include_discount: true.")
        if "delay" in step and "template_id" in step:
            mails.append(Mail(**step))
    return tuple(mails)


def _stop_on(faults: Faults, given: frozenset[str]) -> frozenset[str]:
    missing = sorted({CART_RECOVERED, UNSUBSCRIBE} - given)
    if missing:
        remedy = "Add it: nobody is mailed about what was bought, and nobody who left."
        faults.add("stop_on", f"a list without {' and '.join(missing)}", remedy)
    return given | {CART_RECOVERED, UNSUBSCRIBE}


def _timing(faults: Faults, value: Json) -> dict[Segment, Timing]:
    keys = tuple(Key(one, None, "a table", "") for one in Segment)
    found = faults.table("timing", value, keys)
    return {Segment(name): Timing(**faults.table(f"timing.{name}", one, SEGMENT)) for name, one in found.items()}


def _experiment(faults: Faults, value: Json, mails: int) -> Experiment | None:
    found = faults.table("ab_testing", value, TESTING)
    path = "ab_testing.variants"
    before = len(faults.found)
    rows = [faults.table(where, one, VARIANT) for where, one in faults.rows(path, found.get("variants"), "variants")]
    variants = tuple(Variant(**{"weight": 1, **row}) for row in rows if "name" in row)
    if not found.get("enabled"):
        return None
    names = [one.name for one in variants]
    if len(faults.found) == before and len(names) < 2:
        faults.add(path, f"found {len(names) or 'none'}", "Write at least two variants, or enabled: false.")
    for name in sorted({one for one in names if names.count(one) > 1}):
        faults.add(path, f"found '{name}' more than once", "Give each variant a name of its own.")
    if variants and not sum(one.weight for one in variants):
        faults.add(path, "weights that are all 0", "Give at least one variant a weight.")
        return None
    mail = found.get("mail", 1)
    if mails and mail > mails:
        faults.add("ab_testing.mail", f"found '{mail}'", f"The sequence has {mails}: write a number from 1 to {mails}.")
    return Experiment(variants, mail) if variants else None


def _exclusions(faults: Faults, value: Json) -> Exclusions:
    found = faults.table("exclusions", value, EXCLUSIONS)
    domains = tuple(dict.fromkeys((*ROBOTS, *found.pop("domains", ()))))
    return Exclusions(domains=domains, **found)


def _codes(faults: Faults, value: Json, sequence: Sequence[Mail]) -> dict[Decimal | None, str]:
    if value is None:
        return {}
    offered = {mail.discount_percent for mail in sequence if mail.include_discount and mail.discount_percent}
    if not offered:
        faults.add("discount_code", "a code that no mail offers", "Add include_discount: true to a mail, or remove it.")
        return {}
    try:
        if not isinstance(value, Mapping):
            return {None: text(value)}
        codes: dict[Decimal | None, str] = {number(1, 100)(percent): text(code) for percent, code in value.items()}
    except Wrong as wrong:
        faults.add("discount_code", wrong.found, f"{wrong.remedy} Write a code, or a table: percent → code.")
        return {}
    for one in sorted(str(one) for one in codes.keys() - offered - {None}):
        remedy = choose(one, sorted(str(percent) for percent in offered))
        faults.add("discount_code", f"a code for {one} %, which no mail offers", remedy)
    return codes


def _quiet(faults: Faults, value: Json) -> QuietHours | None:
    found = faults.table("quiet_hours", value, QUIET)
    if not {"from", "to", "time_zone"} <= found.keys():
        return None
    if found["from"] == found["to"]:
        faults.add("quiet_hours.to", "the same time as from", "Write when the quiet hours end.")
        return None
    return QuietHours(found["from"], found["to"], found["time_zone"])


def _cap(faults: Faults, value: Json) -> Cap | None:
    found = faults.table("frequency_cap", value, CAP)
    return Cap(**found) if {"mails", "per"} <= found.keys() else None


def _vip(faults: Faults, value: Json) -> Vip:
    before = len(faults.found)
    found = Vip(**faults.table("segments.vip", value, VIP))
    if found == Vip() and len(faults.found) == before:
        faults.add("segments.vip", "found nothing", "Write min_total_spent, min_orders or both.")
    return found


def _sender(faults: Faults, value: Json) -> Sender | None:
    before = len(faults.found)
    found = Sender(**faults.table("sender", value, SENDER))
    if (found.id is None) == (found.email is None) and len(faults.found) == before:
        what = "neither email nor id" if found.id is None else "both email and id"
        faults.add("sender", what, "Write the address of a sender in Brevo, or its number, not both.")
    return found if found.id is not None or found.email is not None else None


def _aged(faults: Faults, options: Options, *, is_said: bool) -> Options:
    """Return the options with an age that lets the whole sequence happen."""
    first = max((one.first_email for one in options.timing.values() if one.first_email), default=timedelta(0))
    length = options.inactivity_threshold + first + sum((one.delay for one in options.sequence), timedelta(0))
    if is_said and options.max_age <= length:
        least = write_duration(int(length.total_seconds()))
        faults.add("max_age", "a time in which the sequence does not end", f"Write more than {least}, or leave it out.")
    if is_said:
        return options
    return replace(options, max_age=max(MAX_AGE, 2 * length))
