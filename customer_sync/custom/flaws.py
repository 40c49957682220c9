"""One thing that is wrong in a connector file, and what several checks look for: words in braces, secrets in texts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from customer_sync.config.faults import choose
from customer_sync.custom.references import Template

#: Names of headers and parameters that hold secrets.
_CREDENTIAL: Final = re.compile(
    r"authorization|cookie|secret|token|passw|signature|credential|bearer|session"
    r"|(?:^|api|app|auth|access|client|consumer|private|public)[-_]?key$|(?:^|[-_.])(?:auth|pwd|pass|sig|sid)(?:$|[-_.])",
    re.IGNORECASE,
)
#: How secrets of well-known platforms begin, and web tokens.
_SECRET: Final = re.compile(
    r"\b(?:[sr]k_(?:live|test)_|whsec_|shp(?:at|ss|ca|pa)_|xox[abprs]-|gh[pousr]_|github_pat_|glpat-|AKIA|ya29\.|pat-"
    r"|xkeysib-|SG\.|eyJ[A-Za-z0-9_-]{5,}\.)[A-Za-z0-9_-]{6,}|-----BEGIN [A-Z ]*PRIVATE KEY|\b(?:Bearer|Basic) \S{8,}"
)
_BRACES: Final = re.compile(r"(?<!\$)\{([^{}]*)\}")
_REMEDY: Final = "Write ${secret.name} or ${env.NAME}: secrets stand in no connector file."

Loc = tuple[str | int, ...]


class Flaw(NamedTuple):
    """One thing that is wrong in the file: where, what was found, what to do."""

    loc: Loc
    found: str
    remedy: str


def secrets_in(table: Mapping[str, Template], at: Loc) -> Iterator[Flaw]:
    """Yield the headers or parameters that hold a secret as it is."""
    for name, value in table.items():
        is_open = not any(one.kind != "config" for one in value.references)
        if is_open and (_CREDENTIAL.search(name) or _SECRET.search(value.text)):
            yield secret((*at, name))


def secrets_in_json(value: Any, at: Loc) -> Iterator[Flaw]:
    """Yield the texts of a body that are a secret as it is; words in braces are none."""
    for text, where in texts_in(value, at):
        name = next((one for one in reversed(where) if isinstance(one, str)), "")
        is_filled = _BRACES.fullmatch(text) is not None or text == ""
        if _SECRET.search(text) or (_CREDENTIAL.search(name) and not is_filled):
            yield secret(where)


def looks_secret(text: str) -> bool:
    """Tell whether a text holds what secrets look like."""
    return _SECRET.search(text) is not None


def secret(at: Loc) -> Flaw:
    """Return the flaw of a secret in the file."""
    return Flaw(at, "a secret that stands in the file (not shown)", _REMEDY)


def placed(text: str, known: frozenset[str], at: Loc, above: str = "") -> Iterator[Flaw]:
    """Yield the words in braces that nothing is filled into.

    Args:
        text: where they stand.
        known: the words that are.
        at: the place of the text.
        above: the word of a record of another list (`for_each`); all that stands behind its dot is known, too.
    """
    for word in _BRACES.findall(text):
        if word in known or (above and re.fullmatch(rf"{above}(?:\.[A-Za-z_]\w*)+", word)):
            continue
        choices = [f"{{{one}}}" for one in (*sorted(known), *([f"{above}.id"] if above else ()))]
        remedy = choose(f"{{{word}}}", choices) if choices else "Nothing is filled in here."
        yield Flaw(at, f"{{{word[:30]}}}, which nothing is filled into", remedy)


def texts_in(value: Any, at: Loc = ()) -> Iterator[tuple[str, Loc]]:
    """Yield every text of a JSON value, with its place."""
    if isinstance(value, str):
        yield value, at
    elif isinstance(value, dict):
        for name, child in value.items():
            yield from texts_in(child, (*at, name))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from texts_in(child, (*at, index))
