"""The documents' snippet as it stands in a file of JavaScript: `new ConnectorSDK({...})`. It is read, and never run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_BEGIN: Final = re.compile(r"\bnew\s+ConnectorSDK\s*\(")
#: Where a text in quotes begins, a comment, or a parenthesis.
_PART: Final = re.compile(r"['\"()]|//|/\*")
#: What stands in a text, by its quotes.
_TEXT: Final = {quote: re.compile(rf"(?:[^{quote}\\\n]|\\.)*", re.DOTALL) for quote in ("'", '"')}


def described(content: str) -> str | None:
    """Return the object in a text that makes a `ConnectorSDK`, on its lines; None where there is none.

    Comments are taken away, and what stands around the object. It is YAML then: texts in quotes, a comma behind the
    last entry too.
    """
    found = _BEGIN.search(content)
    if found is None:
        return None
    kept, depth, at = ["\n" * content.count("\n", 0, found.end())], 1, found.end()
    for begin, end in _parts(content, found.end()):
        kept.append(content[at:begin])
        at, text = end, content[begin:end]
        depth += {"(": 1, ")": -1}.get(text, 0)
        if depth == 0:
            return "".join(kept)
        kept.append("\n" * text.count("\n") if text.startswith("/") else text)
    return None


def _parts(content: str, at: int) -> Iterator[tuple[int, int]]:
    """Yield where each text in quotes, each comment and each parenthesis begins and ends, from a place on.

    What is never closed is none. It is looked through once: what begins in it as it does is not closed either.
    """
    unclosed: dict[str, int] = {}
    while (found := _PART.search(content, at)) is not None:
        begin, opening = found.start(), found[0]
        at = begin + 1
        if begin < unclosed.get(opening, 0):
            continue
        end, is_closed = _end(content, found.end(), opening)
        if is_closed:
            at = end
            yield begin, end
        else:
            unclosed[opening] = end


def _end(content: str, at: int, opening: str) -> tuple[int, bool]:
    """Return where a part ends that opened right before a place, and whether it is closed there."""
    if opening in "()":
        return at, True
    if opening in _TEXT:
        found = _TEXT[opening].match(content, at)
        end = at if found is None else found.end()
        return (end + 1, True) if content.startswith(opening, end) else (end, False)
    closing = "\n" if opening == "//" else "*/"
    end = content.find(closing, at)
    if opening == "//":
        return (len(content) if end < 0 else end), True
    return (len(content), False) if end < 0 else (end + len(closing), True)
