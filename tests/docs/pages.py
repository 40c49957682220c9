"""The pages of the documentation, and the blocks of code on them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
_FENCE = re.compile(r"^( *)```(.*)$")


class Block(NamedTuple):
    """One block of code: its page, the line on which it begins, its language, its text."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self):
        return f"{self.page}:{self.line}"


def pages():
    """Return every page that a person may read, as paths of the repository."""
    found = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("connectors/*/README.md")]
    return sorted(str(path.relative_to(ROOT)) for path in found)


def blocks(page):
    """Return the blocks of a page."""
    found, begun = [], None
    for number, line in enumerate((ROOT / page).read_text().splitlines(), 1):
        fence = _FENCE.match(line)
        if fence and begun is None:
            begun, indent, language, lines = number, len(fence[1]), fence[2].strip(), []
        elif fence and begun is not None:
            found.append(Block(page, begun, language, "\n".join(lines) + "\n"))
            begun = None
        elif begun is not None:
            lines.append(line[indent:] if line[:indent].isspace() else line)
    assert begun is None, f"{page}:{begun}: a block of code that does not end"
    return found


def commands(text):
    """Return the commands of a shell block, without comments; a backslash or an open quote joins lines."""
    found, begun = [], ""
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        begun = f"{begun}\n{line}" if begun else line
        try:
            words = shlex.split(begun, comments=True)
        except ValueError:
            continue  # a quote is open
        found += [begun.strip()] if words else []
        begun = ""
    assert not begun, f"a quote that does not end: {begun}"
    return found


def programs(command):
    """Return the words of each program that a line of the shell starts."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
    lexer.whitespace_split, lexer.commenters = True, "#"
    found = [[]]
    for word in lexer:
        if set(word) <= set("();<>|&"):
            found.append([])
        else:
            found[-1].append(word)
    return [words for words in found if words]


def fits(said, printed):
    """Return the first line of what a page says that was not printed after those before it, None when all were.

    `…` stands for anything within a line; lines in between may be left out.
    """
    there = iter(printed.splitlines())
    for line in said.splitlines():
        pattern = re.compile(r"\s+".join(".*".join(map(re.escape, word.split("…"))) for word in line.split()))
        if line.strip() and not any(pattern.search(one) for one in there):
            return line
    return None
