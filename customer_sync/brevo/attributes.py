"""Contact attributes: which there are in the account, whether a value fits, and which are missing.

Brevo drops what it does not know or what has the wrong type without a word (201 all the same), so both are found here.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterable, Mapping
from datetime import date
from typing import NamedTuple
from urllib.parse import quote

from customer_sync.brevo.answers import ATTRIBUTES
from customer_sync.brevo.client import BUCKET, Brevo
from customer_sync.brevo.gate import Calls
from customer_sync.errors import TryLater
from customer_sync.model import Json
from customer_sync.person.mapping import attribute_type

#: Attributes that every account has, though the list of attributes may not show them all.
BUILT_IN = {"SMS": "text", "WHATSAPP": "text", "LANDLINE_NUMBER": "text", "EXT_ID": "text"}

#: How often an attribute is tried while the limit is used up, and the longest wait between, in seconds.
TRIES, MAX_WAIT_S = 4, 10.0

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class Refused(NamedTuple):
    """A value that Brevo would drop, and why."""

    reason: str


class Proposal(NamedTuple):
    """One line of the plan: an attribute that the mapping uses.

    Args:
        name: the attribute.
        type: what the mapped field needs: text, float, date or boolean.
        found: the type in the account, None when it is not there.
        verdict: `create`, `ok`, or `wrong type` (values that do not fit are left out; a type cannot be changed).
    """

    name: str
    type: str
    found: str | None
    verdict: str


def read_attributes(brevo: Brevo) -> dict[str, str]:
    """Return attribute → type of the account: text, float, date, boolean, multiple-choice, category, user.

    Raises:
        TajoError: as `Brevo.call`.
    """
    body = brevo.call("GET", "/contacts/attributes", bucket=BUCKET, answers=ATTRIBUTES).json()
    found = dict(BUILT_IN)
    listed = body.get("attributes") if isinstance(body, dict) else None
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, dict) and one.get("category") in {"normal", "category"}:
            kind = "category" if one["category"] == "category" else str(one.get("type") or "text")
            found[str(one["name"]).upper()] = kind
    return found


def fit(value: Json, kind: str) -> Json | Refused:
    """Return a value in the form an attribute of a type takes, or why Brevo would drop it.

    Empty is "" for every type: that is how an attribute is cleared.
    """
    if value is None or value == "":
        return ""
    if isinstance(value, dict) or (isinstance(value, list) and kind != "multiple-choice"):
        return Refused(f"a list or object cannot be {f'a {kind}' if kind else 'an'} attribute")
    converter = _CONVERTERS.get(kind)
    return converter(value) if converter else value


def _text(value: Json) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    # every digit counts, it may be money: 123456.78 stays, 1250.0 is 1250
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _number(value: Json) -> Json | Refused:
    if isinstance(value, bool):
        return Refused("true or false does not fit a number attribute")
    try:
        number = float(str(value))
    except ValueError:
        return Refused("text that is no number does not fit a number attribute")
    if not math.isfinite(number):
        return Refused("not a finite number")
    return int(number) if number.is_integer() else number


_NO_DATE = Refused("a value that is no date (YYYY-MM-DD) does not fit a date attribute")


def _date(value: Json) -> Json | Refused:
    found = _DATE.match(str(value))
    try:
        return date.fromisoformat(found.group()).isoformat() if found else _NO_DATE
    except ValueError:  # such as 2026-02-30, or digits of another script
        return _NO_DATE


def _boolean(value: Json) -> Json | Refused:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in {"true", "yes", "1"}:
        return True
    return False if word in {"false", "no", "0"} else Refused("only true or false fits a boolean attribute")


def _choices(value: Json) -> Json | Refused:
    if isinstance(value, list):
        if any(isinstance(one, dict | list) for one in value):
            return Refused("a list of lists or objects does not fit a multiple-choice attribute")
        return [_text(one) for one in value if one is not None and one != ""]
    return [part.strip() for part in str(value).split(",") if part.strip()]


_CONVERTERS = {"text": _text, "float": _number, "date": _date, "boolean": _boolean, "multiple-choice": _choices}


def plan(mappings: Iterable[Mapping[str, str]], found: Mapping[str, str]) -> list[Proposal]:
    """Return one proposal for each attribute that the mappings use.

    Args:
        mappings: field mappings, canonical field → attribute.
        found: what `read_attributes` gave.
    """
    needed: dict[str, str] = {}
    for mapping in mappings:
        for canonical, attribute in mapping.items():
            if canonical not in {"email", "acceptsMarketing"}:
                needed.setdefault(attribute.upper(), attribute_type(canonical))
    return [_proposal(name, kind, found.get(name)) for name, kind in sorted(needed.items())]


def _proposal(name: str, kind: str, found: str | None) -> Proposal:
    if found is None:
        return Proposal(name, kind, None, "create")
    fits = found == kind or found in {"text", "multiple-choice", "category"} or (kind, found) == ("text", "user")
    return Proposal(name, kind, found, "ok" if fits else "wrong type")


def apply(brevo: Brevo, proposals: Iterable[Proposal]) -> list[str]:
    """Create what the plan says is missing, within the account's rate limit; return the names.

    Raises:
        TajoError: as `Brevo.call`; what was created before stays.
    """
    created: list[str] = []
    missing = [proposal for proposal in proposals if proposal.verdict == "create"]
    gate = brevo.gate(BUCKET, len(missing))
    for proposal in missing:
        _create(brevo, gate, proposal)
        created.append(proposal.name)
    return created


def _create(brevo: Brevo, gate: Calls, proposal: Proposal) -> None:
    """Create an attribute; where the limit is used up, by others too, wait for it a few times.

    Raises:
        TajoError: as `Brevo.call`.
    """
    path = f"/contacts/attributes/normal/{quote(proposal.name, safe='')}"
    endpoint = "/contacts/attributes/{category}/{name}"
    for tries_left in reversed(range(TRIES)):
        try:
            gate.wait()
            brevo.call("POST", path, {"type": proposal.type}, bucket=BUCKET, answers=ATTRIBUTES, endpoint=endpoint)
        except TryLater as later:
            if later.burns or not tries_left or (later.after_s or 0.0) > MAX_WAIT_S:
                raise
            time.sleep(later.after_s or 1.0)
        else:
            return
