"""The code of the published documents, read where they lie beside the repository; nothing of them is copied.

They come as text without indentation, and some as one line: there the breaks before and after comments are put back.
An address of a person is hidden in them, or its line was lost on the way: both are filled in by who runs the code.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from tests.seeds import SEEDS

#: How the documents show an address that was hidden.
HIDDEN = re.compile(r"\[email\sprotected\]")
#: Where a piece of code begins and ends, by what it is.
_CODE = {
    "python": re.compile(r"from tajo import TajoClient.*?skills\.trigger\(.*?\}\s*\}\)", re.DOTALL),
    "sdk": re.compile(r"import \{ TajoClient \} from '@tajo/sdk';.*?skills\.trigger\(.*?\}\s*\}\);", re.DOTALL),
    "connector": re.compile(
        r"import \{ ConnectorSDK \} from '@tajo/connector-sdk';.*?export default connector;", re.DOTALL
    ),
}
_COMMENTS = ("Enable customer sync skill", "Manually trigger a sync", "Authentication", "Data mappings", "Webhooks")
_COMMENT = re.compile(rf"\s*(#|//) ({'|'.join(_COMMENTS)})\s*")


class Snippet(NamedTuple):
    """A piece of code: the document's number, what it is (python, sdk, connector, event), its text."""

    seed: str
    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.seed}-{self.kind}"


def snippets() -> list[Snippet]:
    """Return every piece of code of the documents that a client runs, and every body of an event."""
    return [one for path in sorted(SEEDS.glob("*.txt")) for one in _of(path.name[:3], path.read_text(encoding="utf-8"))]


def _of(seed: str, text: str) -> Iterator[Snippet]:
    for kind, code in _CODE.items():
        for found in code.finditer(text):
            broken = _COMMENT.sub(r"\n\1 \2\n", found[0])
            yield Snippet(seed, kind, re.sub(r"^(from tajo import TajoClient|import .*?;)\s*", r"\1\n", broken))
    for number, body in enumerate(_events(text)):
        yield Snippet(seed, f"event{number}", json.dumps(body, ensure_ascii=False))


def _events(text: str) -> Iterator[dict[str, Any]]:
    for found in re.finditer(r'\{\s*"event"', text):
        yield json.JSONDecoder().raw_decode(text[found.start() :])[0]
