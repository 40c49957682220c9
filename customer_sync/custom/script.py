"""The documents' snippet as it stands in a file of JavaScript: `new ConnectorSDK({...})`. It is read, and never run."""

from __future__ import annotations

import re
from typing import Final

_BEGIN: Final = re.compile(r"\bnew\s+ConnectorSDK\s*\(")
#: A text in quotes, a comment, or a parenthesis.
_PART: Final = re.compile(r"'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\"|//[^\n]*|/\*.*?\*/|[()]", re.DOTALL)


def described(content: str) -> str | None:
    """Return the object in a text that makes a `ConnectorSDK`, on its lines; None where there is none.

    Comments are taken away, and what stands around the object. It is YAML then: texts in quotes, a comma behind the
    last entry too.
    """
    found = _BEGIN.search(content)
    if found is None:
        return None
    kept, depth, at = ["\n" * content.count("\n", 0, found.end())], 1, found.end()
    for part in _PART.finditer(content, found.end()):
        kept.append(content[at : part.start()])
        at, text = part.end(), part[0]
        depth += {"(": 1, ")": -1}.get(text, 0)
        if depth == 0:
            return "".join(kept)
        kept.append("\n" * text.count("\n") if text.startswith("/") else text)
    return None
