"""A stand-in as a process: `python -m connectors.<platform>.fake`. Its settings are the options of the command line.

Option, default, choices and help of each setting are read from the dataclass and its docstring: `bulk_s` is
`--bulk-seconds`, a bool is a `--switch` with a `--no-switch`, a tuple is a list with commas, a `Literal` has choices.
"""

from __future__ import annotations

import argparse
import inspect
import re
import sys
from collections.abc import Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path
from types import NoneType
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

from customer_sync.base.serving import THREADS, Wsgi, serve
from customer_sync.kit.fakes.clock import Clock, seconds_of
from customer_sync.kit.fakes.fake import Fake

#: The end of a setting's name → that of its option.
_UNITS: Final = {"_s": "_seconds", "_h": "_hours"}
_ABOUT = re.compile(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", re.MULTILINE)


def main(kind: type[Fake[Any]], settings: type, arguments: Sequence[str] | None = None) -> int:
    """Serve until stopped; return the exit code. The first line of stdout is the address.

    Args:
        kind: the stand-in.
        settings: the dataclass of its settings.
        arguments: the command line without the program; None takes the process's own.
    """
    options = parser(kind, settings).parse_args(arguments)
    loader = partial(_build, kind, settings_of(settings, options), options.clock, options.live)
    try:
        serve(options.host, options.port, loader, threads=options.threads, name=f"fake-{kind.__name__.lower()}")
    except OSError as error:
        sys.stderr.write(f"cannot listen at {options.host}:{options.port}: {error.strerror}. Choose another --port.\n")
        return 1
    return 0


def settings_of(settings: type, options: argparse.Namespace) -> Any:
    """Return the settings that a command line means."""
    return settings(**{one.name: getattr(options, one.name) for one in fields(settings)})


def parser(kind: type[Fake[Any]], settings: type) -> argparse.ArgumentParser:
    """Return the command line of a stand-in."""
    about = (kind.__doc__ or "").partition("\n")[0]
    found = argparse.ArgumentParser(f"python -m {kind.__module__.rpartition('.')[0]}", description=about)
    add = found.add_argument
    add("--host", default="127.0.0.1", help="address to listen at (default %(default)s)")
    add("--port", type=int, default=8026, help="port; 0 takes a free one (default %(default)s)")
    add("--threads", type=int, default=THREADS, help="calls worked on at once (default %(default)s)")
    add("--clock", type=_moment, default=None, help="when its time begins; default: the machine's own time")
    add("--live", type=float, default=0.0, help="acts of its people each second (default %(default)s)")
    words, types = dict(_ABOUT.findall(inspect.cleandoc(settings.__doc__ or ""))), get_type_hints(settings)
    for one in fields(settings):
        text = re.sub(r"\s+", " ", words[one.name]).replace("%", "%%").rstrip(".")
        kept: dict[str, Any] = {"dest": one.name, "default": one.default, "help": f"{text} (default %(default)s)"}
        add(_option(one.name), **kept, **_kind(types[one.name]))
    return found


def _option(name: str) -> str:
    for end, unit in _UNITS.items():
        name = re.sub(f"{end}$", unit, name)
    return f"--{name.replace('_', '-')}"


def _kind(annotation: Any) -> dict[str, Any]:
    """Return what argparse wants to know of a setting's type."""
    if get_origin(annotation) is Literal:
        return {"choices": get_args(annotation)}
    if get_origin(annotation) is tuple:
        return {"type": lambda text: tuple(re.findall(r"[^\s,]+", text))}
    given = [one for one in get_args(annotation) if one is not NoneType] or [annotation]
    if given[0] is bool:
        return {"action": argparse.BooleanOptionalAction}
    return {"type": given[0] if given[0] in (int, float, str, Path) else str}


def _moment(text: str) -> float:
    at_s = seconds_of(text)
    if at_s is None:
        raise argparse.ArgumentTypeError("a time as 2026-11-21T10:00:00Z")
    return at_s


def _build(kind: type[Fake[Any]], settings: Any, at_s: float | None, acts_per_s: float) -> Wsgi:
    """Build the stand-in; runs in the worker process."""
    fake = kind(settings, Clock.of_this_machine() if at_s is None else Clock.running(at_s))
    fake.start()
    fake.live(acts_per_s)
    return fake.wsgi
