"""A flag for each key of a source: `--shop-url`, `--api-key`. They come from the tables of the connectors.

A new platform brings its own, and nothing changes here. The flag is the key of `tajo.yaml` with `-` for `_`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib import import_module
from typing import Any, Final

import click

from customer_sync.cli.output import WRONG_USE, fail
from customer_sync.config import ConfigFaults
from customer_sync.config.faults import choose
from customer_sync.kit.connector import Connector, Option

#: What every source may have and the connectors do not declare.
BASE_URL: Final = Option("base_url", "Where the platform's API is, when it is not the platform's own address.")
#: How the parameter of a flag begins, so that no key of a platform meets an option of the command.
_MARK: Final = "key_"


class KeysCommand(click.Command):
    """A command with a flag for each key of each platform. They are made when the command is called."""

    _has_flags = False

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the command's own parameters and the flags of the platforms."""
        if not self._has_flags:
            self._has_flags = True
            taken = {word for one in self.params for word in one.opts}
            self.params += [flag for flag in _flags() if not taken.intersection(flag.opts)]
        return super().get_params(ctx)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the words of the command line.

        Raises:
            Failure: a key is unknown, because this version does not have the platform.
        """
        words = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption:
            named = next((word for word in words if not word.startswith("-")), "")
            registry = import_module("customer_sync.registry")
            if named and "--platform" not in words and named not in {*registry.platforms(), *_sources()}:
                remedy = f"Add --platform. {choose(named, registry.proposed())}"
                fail(f"No platform is called {named}.", remedy, WRONG_USE)
            raise


def _sources() -> Iterator[str]:
    with suppress(ConfigFaults):
        settings = import_module("customer_sync.cli.context").read_settings()
        yield from (*settings.sources, *settings.disabled)


def keys_of(connector: type[Connector]) -> dict[str, Option]:
    """Return the keys that a source of a platform may have: name → what is known of it, aliases not among the names."""
    found = {option.name: option for option in connector.options}
    aliases = {alias for option in connector.options for alias in option.aliases}
    for name in connector.secret_keys:
        if name not in found and name not in aliases:
            found[name] = Option(name, "The secret of the webhooks.", secret=True)
    return found | {BASE_URL.name: BASE_URL}


def secret_key_of(connector: type[Connector]) -> str | None:
    """Return the key for the webhook secret that most people need: the one the platform has a name of its own for."""
    declared = [option.name for option in connector.options]
    return next((key for key in connector.secret_keys if key in declared), next(iter(connector.secret_keys), None))


def is_given(params: Mapping[str, Any]) -> bool:
    """Tell whether a key was given on the command line."""
    return any(value is not None for name, value in params.items() if name.startswith(_MARK))


def read_keys(connector: type[Connector], params: Mapping[str, Any]) -> dict[str, str]:
    """Return the keys that were given, by the names that the platform's table has for them.

    Raises:
        Failure: the platform has no such key, or nothing stands behind a flag.
    """
    known = keys_of(connector)
    names = {alias: option.name for option in known.values() for alias in option.aliases} | {one: one for one in known}
    given: dict[str, str] = {}
    for param, value in params.items():
        if not param.startswith(_MARK) or value is None:
            continue
        written = param.removeprefix(_MARK)
        if written not in names:
            choices = ", ".join(sorted(_flag(name) for name in names))
            fail(f"{connector.title} has no {_flag(written)}.", f"Its keys: {choices}.", WRONG_USE)
        if not value.strip():
            fail(f"Nothing stands behind {_flag(written)}.", "Is the variable set that the shell put there?", WRONG_USE)
        if names[written] in given:
            fail(f"{_flag(written)} means {_flag(names[written])}, which is given, too.", "Give one.", WRONG_USE)
        given[names[written]] = value.strip()
    return given


def param_of(key: str) -> str:
    """Return the name of the parameter that a key is given as."""
    return _MARK + key


def _flags() -> Iterator[click.Option]:
    """Yield one flag for each key that any platform has, with what it is at each."""
    platforms: Mapping[str, type[Connector]] = import_module("customer_sync.registry").proposed()
    meanings: dict[str, dict[str, list[str]]] = {}
    for platform, connector in platforms.items():
        for name, option in keys_of(connector).items():
            if option is not BASE_URL:
                meanings.setdefault(name, {}).setdefault(option.help, []).append(platform)
            for alias in option.aliases:
                meanings.setdefault(alias, {}).setdefault(f"The same as {_flag(name)}.", []).append(platform)
    for name in sorted(meanings):
        told = " ".join(f"[{', '.join(whose)}] {meaning}" for meaning, whose in meanings[name].items())
        yield click.Option([_flag(name), f"{_MARK}{name}"], help=told, metavar="TEXT")
    yield click.Option([_flag(BASE_URL.name), f"{_MARK}{BASE_URL.name}"], help=BASE_URL.help, metavar="TEXT")


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
