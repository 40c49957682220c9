"""A customer cannot write on the screen of whoever looks at them."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys

import pytest

NAME = "Am\x1b]0;PWNED\x07\x1b[2J\x9b31m\u202eélie\nok: all is well"
CODES = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]")


@pytest.fixture
def customer(tajo, sandbox):
    """A customer who is called so, delivered; and one thing parked that tells of it."""
    tajo.send({"id": 7, "email": "amelie@example.com", "first_name": NAME})
    tajo.send({"email": "no-id@example.com", "first_name": NAME})
    tajo.work()


@pytest.mark.parametrize(
    "words",
    [
        ("contacts", "explain", "amelie@example.com"),
        ("contacts", "explain", "amelie@example.com", "--json"),
        ("events", "tail"),
        ("events", "tail", "--json"),
        ("parked", "list"),
        ("connectors", "status"),
    ],
    ids=" ".join,
)
def test_no_command_hands_the_codes_of_a_name_on(tajo, customer, words):
    shown = tajo(*words).output

    assert CODES.findall(shown) == []


def test_the_name_is_shown_on_one_line_with_the_codes_by_their_number(tajo, customer):
    shown = tajo("contacts", "explain", "amelie@example.com").output

    assert "Am\\u001b]0;PWNED\\u0007" in shown
    assert "\nok: all is well" not in shown


def test_what_is_parked_is_shown_whole_and_harmless(tajo, customer, store):
    (parked,) = store.parked.list()

    shown = tajo("parked", "show", parked.id, "--reveal").output

    assert CODES.findall(shown) == []
    assert "PWNED" in shown


def test_json_stays_json(tajo, customer):
    values = tajo.json("contacts", "explain", "amelie@example.com")["values"]

    assert any(str(one["value"]).startswith("Am\x1b]0;PWNED\x07\x1b[2J\x9b31m\u202eélie") for one in values)


def test_a_failure_tells_a_foreign_word_without_its_codes(tajo):
    told = tajo("events", "show", "x\x1b]0;PWNED\x07", code=5).stderr

    assert "x\\u001b]0;PWNED\\u0007" in told


def on_a_terminal(code: str) -> str:
    """Run Python code with a terminal; return what reached the screen."""
    leader, follower = pty.openpty()
    env = {**os.environ, "TERM": "xterm"}
    env.pop("NO_COLOR", None)
    done = subprocess.run([sys.executable, "-c", code], stdout=follower, stderr=follower, env=env, check=True)
    assert done.returncode == 0
    os.close(follower)
    with os.fdopen(leader, "rb") as screen:
        return os.read(screen.fileno(), 65536).decode()


def test_our_own_colours_and_lines_still_work_on_a_terminal():
    shown = on_a_terminal(
        "import click; from customer_sync.cli.output import *; from customer_sync.cli.output import own, safe_screen\n"
        "with safe_screen():\n"
        "    print_table([[paint('ok', 'ok'), 'a\\x1b[31mb']], ['', 'name'])\n"
        "    click.echo(own('\\r\\x1b[2K') + 'x\\x1b[2Jy', err=True)\n"
    )

    assert "\x1b[32m" in shown
    assert "ok\x1b[0m  a\\u001b[31mb" in shown
    assert "\r\x1b[2Kx\\u001b[2Jy" in shown
