"""How pages write numbers, times and states: short, in simple English, and never better than the truth."""

from __future__ import annotations

import json

from flask import Flask
from markupsafe import Markup, escape

from customer_sync.base.share import percent as share_in_words
from customer_sync.model import EventState, Json, from_ms
from customer_sync.operate.figures import iso

#: State → what it means, for people who see it for the first time.
MEANINGS: dict[str, str] = {
    EventState.PENDING: "waits for its turn",
    EventState.DELIVERED: "Brevo has it",
    EventState.RETRYING: "did not work yet; it is tried again",
    EventState.PARKED: "a person must look",
    EventState.IGNORED: "nothing for Brevo in it",
    EventState.REPEATED: "the same as one before; sent twice by the shop",
}

_DURATIONS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"))


def count(number: float) -> str:
    """Return a whole number with its thousands apart."""
    return f"{int(number):,}"


def percent(share: float | None) -> str:
    """Return a share; see `customer_sync.base.share`."""
    return share_in_words(share, blank="\u00a0")


def duration(seconds: float | None) -> str:
    """Return a time span in its two or three leading digits."""
    if seconds is None:
        return "–"  # noqa: RUF001  # a dash as long as a number
    for unit_s, name in _DURATIONS:
        if seconds >= unit_s:
            return (
                f"{seconds / unit_s:.1f}\u00a0{name}"
                if seconds < 10 * unit_s
                else f"{seconds / unit_s:.0f}\u00a0{name}"
            )
    if seconds >= 1:
        return f"{seconds:.1f}\u00a0s" if seconds < 10 else f"{seconds:.0f}\u00a0s"
    return f"{seconds * 1000:.0f}\u00a0ms"


def size(amount: float) -> str:
    """Return an amount of memory."""
    for unit in ("bytes", "KB", "MB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "bytes" or amount >= 10 else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} GB"


def clock(at_ms: int) -> str:
    """Return the time of day in UTC; the script of the page turns it into local time."""
    return from_ms(at_ms).strftime("%H:%M:%S")


def day(at_ms: int) -> str:
    """Return date and time in UTC."""
    return from_ms(at_ms).strftime("%Y-%m-%d %H:%M:%S")


def kind(word: str) -> str:
    """Return a kind as people say it."""
    return word.replace("_", " ") or "request not read"


def sentence(text: str) -> str:
    """Return what a program wrote as a sentence: a capital in front, a full stop at the end."""
    return text and text[0].upper() + text[1:] + ("" if text[-1] in ".!?:" else ".")


def marked(text: str) -> Markup:
    """Return a text of a program as HTML: what stands between backticks is code, everything else is text."""
    if text.count("`") % 2:
        return escape(text)
    parts = (Markup("<code>{}</code>").format(one) if n % 2 else escape(one) for n, one in enumerate(text.split("`")))
    return Markup("").join(parts)


def readable(value: Json) -> str:
    """Return JSON for people: indented, every letter as it is written. A text that is no JSON stays as it is."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return str(value)
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)


def register(app: Flask) -> None:
    """Make the words known to the templates."""
    for one in (count, percent, duration, size, clock, day, kind, sentence, marked, readable, iso):
        app.jinja_env.filters[one.__name__] = one
    app.jinja_env.globals["MEANINGS"] = MEANINGS
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
