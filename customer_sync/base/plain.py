"""Texts of strangers, made harmless for a terminal.

A customer's name may hold codes that move the cursor, rename the window or turn the reading direction round: shown as
they are, they let a customer write on the screen of whoever looks (CWE-150). They are shown by their number, as JSON
writes it, so that JSON stays JSON.
"""

from __future__ import annotations

import re
from typing import Final

#: Control codes (C0 but for tab and line feed, DEL, C1), line breaks that only some programs know, what turns the
#: direction round (Unicode's bidirectional embeddings, overrides and isolates), and half characters, which no file can
#: hold.
_HARMFUL: Final = "\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff"
_IN_TEXT: Final = re.compile(f"[{_HARMFUL}]")
_IN_LINE: Final = re.compile(f"[{_HARMFUL}\t\n]")


def plain(text: str) -> str:
    """Return a text in which every control character but tab and line feed stands as its number."""
    return _IN_TEXT.sub(_number, text)


def one_line(text: str) -> str:
    """Return a text as `plain` does, on one line: tabs and line feeds are shown by their number as well."""
    return _IN_LINE.sub(_number, text)


def _number(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"
