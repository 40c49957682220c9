"""The Lua scripts assign no global: Redis refuses that only when the line is reached."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from customer_sync.store import scripts

FOLDER = Path(scripts.__file__).parent
NAMES = sorted(path.stem for path in FOLDER.glob("*.lua") if not path.name.startswith("_"))
#: Where a name is made, but for `_` in a loop, which ends with it.
MADE = (
    r"\blocal\s+(?!function)([\w,\s]+?)(?==|\n|;|$)",
    r"\blocal function\s+(\w+)",
    r"\bfunction\s*[\w.]*\(([\w, ]*)\)",
    r"\bfor\s+([\w, ]+?)\s*(?:=|\bin\b)",
)
ASSIGNED = r"(?:^|;|\bthen\b|\bdo\b|\belse\b)\s*(\w+(?:\s*,\s*\w+)*)\s*=(?!=)"


def names(text: str) -> set[str]:
    return {name.strip() for pattern in MADE for found in re.findall(pattern, text) for name in found.split(",")}


def globals_of(text: str) -> Iterator[str]:
    text = re.sub(r"'[^'\n]*'", "''", re.sub(r"--[^\n]*", "", text))
    known = names(text) - {"_"}
    for found in re.findall(ASSIGNED, text, re.MULTILINE):
        yield from (name for name in re.split(r"\s*,\s*", found) if name not in known and not name.isdigit())


@pytest.mark.parametrize("name", NAMES)
def test_a_script_assigns_no_global(name):
    assert list(globals_of(scripts.source(name))) == []


@pytest.mark.parametrize("text", ["x = 1", "local y\nfor _ in z do _, y = f() end", "if y then x = 2 end"])
def test_a_global_is_found(text):
    assert list(globals_of(text))


@pytest.mark.parametrize(
    "text", ["local x, y = 1\nx = 2", "local function f(x) x = 1 end", "local x\nif x then x = 2 end"]
)
def test_a_local_is_none(text):
    assert not list(globals_of(text))
