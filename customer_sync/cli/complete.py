"""What the shell offers after Tab: sources, platforms, samples, runs, skills. Where all is wrong it offers nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any

import click

Completer = Callable[[click.Context, click.Parameter, str], list[str]]


def offering(find: Callable[[click.Context], Iterable[str]]) -> Completer:
    """Return what click asks for the words that an argument may begin with."""

    def complete(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
        try:
            return [word for word in find(ctx) if word.startswith(incomplete)]
        except Exception:  # noqa: BLE001  # a wrong config, no Redis, ...: Tab must not print a fault into the line
            return []

    return complete


def _from(module: str, name: str) -> Any:
    # these modules are loaded when Tab is pressed, not at each call of a command that never needs them
    return getattr(import_module(f"customer_sync.{module}"), name)


def _sources(_ctx: click.Context) -> Iterable[str]:
    return sorted(_from("cli.context", "read_settings")().sources)


def _platforms(_ctx: click.Context) -> Iterable[str]:
    return tuple(_from("registry", "platforms")())


def _samples(ctx: click.Context) -> Iterable[str]:
    connector = _from("registry", "platforms")()[ctx.params["platform"]]
    return tuple(_from("cli.trigger", "fixtures_of")(connector))


def _runs(_ctx: click.Context) -> Iterable[str]:
    return [run.id for run in _from("cli.context", "find_store")().runs.recent()]


def _receipts(_ctx: click.Context) -> Iterable[str]:
    return [str(one["id"]) for one in _from("cli.context", "find_store")().receipts.recent()]


def _skills(_ctx: click.Context) -> Iterable[str]:
    return sorted(_from("cli.context", "read_settings")().skills)


def _parked(_ctx: click.Context) -> Iterable[str]:
    return [one.id for one in _from("cli.context", "find_store")().parked.briefs(1000)]


def _targets(_ctx: click.Context) -> Iterable[str]:
    return [one.name for one in _from("cli.context", "read_settings")().notifications.targets]


def either(*completers: Completer) -> Completer:
    """Return what offers the words of several, each once."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
        return list(dict.fromkeys(word for one in completers for word in one(ctx, param, incomplete)))

    return complete


SOURCE = offering(_sources)
PLATFORM = offering(_platforms)
SAMPLE = offering(_samples)
RUN = offering(_runs)
TARGET = offering(_targets)
PARKED = offering(_parked)
RECEIPT = offering(_receipts)
SKILL = offering(_skills)
SOURCE_OR_PLATFORM = either(SOURCE, PLATFORM)
