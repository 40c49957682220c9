"""How commands speak: failures with a remedy and an exit code, JSON, tables, ages, colours."""

from __future__ import annotations

import json
import os
import secrets
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any, Final, NoReturn, TextIO, cast

import click

from customer_sync.base.clock import system_clock
from customer_sync.base.plain import one_line, plain
from customer_sync.model import from_ms, to_iso

#: Exit codes, the same for every command.
OK: Final = 0
FAILED: Final = 1
WRONG_USE: Final = 2
REFUSED: Final = 3
NO_ANSWER: Final = 4
NOT_FOUND: Final = 5
DIFFERS: Final = 6
#: Ended by Ctrl-C: only the watching ends, what was started goes on. 128 + SIGINT, as shells count.
INTERRUPTED: Final = 130

#: `--json`, for every command that prints data.
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
#: `--yes`, for every command that asks before it acts.
yes_option = click.option("--yes", "-y", is_flag=True, help="Do not ask.")

_COLOURS: Final = {"ok": "green", "warn": "yellow", "fail": "red"}


class Failure(click.ClickException):
    """A command that did not work: what and why, what to do, and the exit code.

    Args:
        text: what is wrong and why.
        remedy: what to do; "" when the text says it.
        code: one of the exit codes above.
    """

    def __init__(self, text: str, remedy: str = "", code: int = FAILED) -> None:
        super().__init__(text)
        self.remedy = remedy
        self.exit_code = code  # type: ignore[misc]  # click declares it for the class and reads it from the object

    def show(self, file: IO[Any] | None = None) -> None:
        """Print it to standard error."""
        tail = f"\n  → {self.remedy}" if self.remedy else ""
        click.echo(self.message + tail, file=file, err=file is None)


def fail(text: str, remedy: str = "", code: int = FAILED) -> NoReturn:
    """Say what is wrong and what to do, and end the command.

    Raises:
        Failure: always.
    """
    raise Failure(text, remedy, code)


def can_ask() -> bool:
    """Tell whether a person sits at the other end, who can be asked."""
    return sys.stdin.isatty()


def confirm(question: str, *, yes: bool, default: bool = False) -> bool:
    """Return the answer to a question of yes and no; with `--yes` it is not asked, and the answer is yes.

    Raises:
        Failure: there is no terminal, and no answer is piped in.
    """
    return yes or bool(_asked(lambda: click.confirm(question, default, err=True), question))


def must_confirm(question: str, *, yes: bool) -> None:
    """Return when the answer is yes.

    Raises:
        click.Abort: it is no.
        Failure: as `confirm`.
    """
    if not confirm(question, yes=yes):
        raise click.Abort


def prompt(question: str, *, yes: bool, is_secret: bool = False, **more: Any) -> Any:
    """Return what a person answers.

    Raises:
        Failure: with `--yes` nothing may be asked; or there is no terminal, and no answer is piped in.
    """
    if yes:
        fail(f"Not asked, because of --yes: {question}", "Give it as an option.", WRONG_USE)
    return _asked(lambda: click.prompt(question, hide_input=is_secret, err=True, **more), question)


def _asked(ask: Callable[[], Any], question: str) -> Any:
    try:
        return ask()
    except click.Abort:
        if can_ask():
            raise
    fail(f"There is no terminal to ask in: {question}", "Add --yes to go on without being asked.", WRONG_USE)


def interrupted(text: str) -> NoReturn:
    """End a command that only watched, after Ctrl-C, and say what goes on and how to look at it.

    Raises:
        click.exceptions.Exit: always, with `INTERRUPTED`.
    """
    click.echo(f"\n{text}" if sys.stderr.isatty() else text, err=True)
    raise click.exceptions.Exit(INTERRUPTED)


def print_json(value: object) -> None:
    """Print a value as JSON, in one piece."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(rows: Sequence[Sequence[object]], headers: Sequence[str]) -> None:
    """Print rows below their headers, columns aligned; nothing is cut, so that the lines can be searched."""
    texts = [[one_line(str(cell)) for cell in row] for row in rows]
    widths = [max(_width(line[column]) for line in [list(headers), *texts]) for column in range(len(headers))]
    click.echo(paint(_aligned(headers, widths), bold=True))
    for line in texts:
        click.echo(_aligned(line, widths))


def paint(text: str, word: str = "", *, bold: bool = False) -> str:
    """Return a text in the colour of a verdict (ok, warn, fail), plain where there is no terminal or `NO_COLOR` is set.

    See https://no-color.org.
    """
    if os.environ.get("NO_COLOR") or not sys.stdout.isatty():
        return text
    return own(click.style(plain(text), fg=_COLOURS.get(word), bold=bold))


#: How control codes of ours are written on their way to the screen; nobody else can know it.
_OWN: Final = {code: f"{secrets.token_hex(8)}{name}" for code, name in (("\x1b", "e"), ("\r", "r"))}


def own(text: str) -> str:
    """Return a text whose control codes are ours (a colour, a line written anew) and work; all others are only shown.

    Args:
        text: no text of a stranger stands in it, but for what `plain` has made of it.
    """
    if not isinstance(sys.stdout, _Screen):
        return text
    for code, written in _OWN.items():
        text = text.replace(code, written)
    return text


@contextmanager
def safe_screen() -> Iterator[None]:
    """Let nothing but `own` reach the terminal as a control code while the block lasts, whoever prints."""
    out, err = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = cast("TextIO", _Screen(out)), cast("TextIO", _Screen(err))
    try:
        yield
    finally:
        sys.stdout, sys.stderr = out, err


class _Screen:
    """A stream that shows control codes instead of sending them.

    It has no `buffer`: click would write past us.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str | bytes) -> int:
        # the words that the shell completes are written as bytes
        whole = text if isinstance(text, str) else text.decode(errors="replace")
        return self._stream.write(_real(plain(whole)))

    def writelines(self, lines: Iterator[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        if name == "buffer":
            raise AttributeError(name)
        return getattr(self._stream, name)


def _real(text: str) -> str:
    for code, written in _OWN.items():
        text = text.replace(written, code)
    return text


def age(at_ms: int | None, now_ms: int) -> str:
    """Return how long ago something was, in the largest fitting unit: `3 s`, `5 min`, `2 h`, `4 d`; "-" for never."""
    if at_ms is None:
        return "-"
    seconds = max(0, now_ms - at_ms) / 1000
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def clock(at_ms: int) -> str:
    """Return a stored time for people, in their own zone, to the second."""
    return from_ms(at_ms).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def iso(at_ms: int | None) -> str | None:
    """Return a stored time for programs: ISO 8601, UTC, with milliseconds; None stays None."""
    return None if at_ms is None else to_iso(at_ms)


def now_ms() -> int:
    """Return the time as stored: milliseconds since 1970."""
    return system_clock()


def count(number: int, word: str) -> str:
    """Return a number with its word: `1 event`, `3 events`."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _width(text: str) -> int:
    """Return how many columns a text takes; colours take none."""
    return len(click.unstyle(_real(text)))


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell + " " * (width - _width(cell)) for cell, width in zip(cells, widths, strict=True)).rstrip()
