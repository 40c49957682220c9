from __future__ import annotations

import json
import logging

import pytest

from customer_sync.base.log import configure, get
from customer_sync.base.plain import one_line, plain

HARMFUL = [
    "\x1b]0;PWNED\x07",
    "\x1b[2J",
    "\r",
    "\x00",
    "\x08",
    "\x7f",
    "\x9b2J",
    "\x85",
    "\u2028",
    "\u202e",
    "\u2066",
    "\ud800",
]


@pytest.mark.parametrize("code", HARMFUL, ids=ascii)
def test_a_control_code_is_shown_by_its_number_as_json_writes_it(code):
    shown = plain(f"Amélie{code}")

    assert shown.isprintable()
    assert json.loads(f'"{shown}"') == f"Amélie{code}"


@pytest.mark.parametrize("text", ["Amélie 愛 👩‍💻", "שלום\u200f", "a\tb\nc", ""])
def test_all_else_stays_as_it_is(text):
    assert plain(text) == text


def test_a_line_stays_one_line():
    assert one_line("a\tb\nc") == "a\\u0009b\\u000ac"


@pytest.fixture
def logged(capsys, monkeypatch):
    """Return a function that logs a fact and returns the lines that were written."""
    root = logging.getLogger()
    kept, level = root.handlers[:], root.level

    def log(value: object, *, fails: bool = False, **env: str) -> list[str]:
        for name, text in env.items():
            monkeypatch.setenv(name, text)
        configure()
        try:
            int("bad\x1b[2J")
        except ValueError:
            (get("t").exception if fails else get("t").info)("done", name=value)
        return capsys.readouterr().err.splitlines()

    yield log
    root.handlers[:] = kept
    root.setLevel(level)


def test_a_log_line_stays_one_line_and_writes_nothing_on_the_screen(logged):
    (line,) = logged("a\nb\x1b]0;PWNED\x07")

    assert line.endswith("name=a\\u000ab\\u001b]0;PWNED\\u0007")


def test_a_traceback_keeps_its_lines_and_loses_its_codes(logged):
    first, *more = logged("a", fails=True)

    assert first.endswith("done name=a")
    assert more[-1].startswith("ValueError: ")
    assert not any("\x1b" in line for line in more)


def test_a_log_of_json_keeps_the_traceback_and_takes_every_fact(logged):
    (line,) = logged({1, 2}, fails=True, TAJO_LOG="json")

    facts = json.loads(line)
    assert facts["name"] == "{1, 2}"
    assert "ValueError" in facts["traceback"]
    assert "\x1b" not in line
