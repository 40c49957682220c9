"""`${secret.x}`, `${config.x:-default}`, `${env.X}`: what a file leaves to `tajo.yaml` and the environment.

A secret never stands in a connector file: it is a key of the source, or a variable.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from customer_sync.config.keys import ENABLED_KEY, SOURCE_KEYS
from customer_sync.errors import ConfigError
from customer_sync.kit.connector import SourceSettings

_REFERENCE: Final = re.compile(r"\$\{([^}]*)\}")
_INSIDE: Final = re.compile(r"(?:(secret|config)\.([a-z][a-z0-9_]{0,62})|(env)\.([A-Za-z_][A-Za-z0-9_]*))(?::-(.*))?")
#: The keys that every source has: no connector has them for itself. `base_url` may be asked for.
BASE_URL: Final = "base_url"
RESERVED: Final = frozenset({ENABLED_KEY.name, *(key.name for key in SOURCE_KEYS)}) - {BASE_URL}
HOW: Final = "Write ${secret.name}, ${config.name:-default} or ${env.NAME}."


class Unclear(ValueError):
    """A text holds a reference that is none; `remedy` says how it is written."""

    def __init__(self, found: str, remedy: str = HOW) -> None:
        super().__init__(found)
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Reference:
    """One value that comes from elsewhere.

    Args:
        kind: `secret` and `config` are keys of the source in `tajo.yaml`, `env` is a variable.
        name: the key or the variable.
        default: what holds where it is not set; None: it must be set.
    """

    kind: Literal["secret", "config", "env"]
    name: str
    default: str | None = None


@dataclass(frozen=True, slots=True)
class Template:
    """A text with references.

    Args:
        text: as it was written.
        pieces: texts and references in turn.
    """

    text: str
    pieces: tuple[str | Reference, ...]

    @property
    def references(self) -> Iterator[Reference]:
        """Those that stand in it."""
        return (one for one in self.pieces if isinstance(one, Reference))

    @property
    def is_secret(self) -> bool:
        """Whether it is one reference to a secret or a variable, and nothing else."""
        only = self.pieces[0] if len(self.pieces) == 1 else None
        return isinstance(only, Reference) and only.kind != "config" and only.default is None

    def fill(self, values: Values) -> str:
        """Return the text with its references filled in.

        Raises:
            ConfigError: one is not set.
        """
        return "".join(one if isinstance(one, str) else values.of(one) for one in self.pieces)

    def is_set(self, values: Values) -> bool:
        """Tell whether all its references are set."""
        return all(values.find(one) is not None for one in self.references)


def template(text: str) -> Template:
    """Return a text with its references found.

    Raises:
        Unclear: something in it looks like one and is none.
    """
    pieces: list[str | Reference] = []
    at = 0
    for match in _REFERENCE.finditer(text):
        pieces += [text[at : match.start()], _read(match[1])]
        at = match.end()
    if "${" in text[at:]:
        raise Unclear("a ${ is never closed")
    pieces.append(text[at:])
    return Template(text, tuple(one for one in pieces if one != ""))


def _read(inside: str) -> Reference:
    match = _INSIDE.fullmatch(inside)
    if match is None:
        raise Unclear("a ${...} that is no reference of a connector file")
    key, name, variable, env, default = match.groups()
    if key is not None and name in RESERVED:
        raise Unclear(f"{name} is a key that every source has for something else", "Choose another name.")
    if key == "secret" and default is not None:
        raise Unclear("a secret with a default", "Write ${secret.name} alone: secrets stand in no connector file.")
    if variable is not None:
        return Reference("env", env, default)
    return Reference("secret" if key == "secret" else "config", name, default)


@dataclass(frozen=True, slots=True)
class Values:
    """What the references of one source stand for.

    Args:
        settings: the source.
        env: the environment.
    """

    settings: SourceSettings
    env: Mapping[str, str]

    def find(self, reference: Reference) -> str | None:
        """Return what a reference stands for, None where it is not set and has no default."""
        if reference.kind == "env":
            return self.env.get(reference.name) or reference.default
        if reference.name == BASE_URL:
            return self.settings.base_url or reference.default
        value = self.settings.options.get(reference.name)
        return reference.default if value in (None, "") else str(value)

    def of(self, reference: Reference) -> str:
        """Return what a reference stands for.

        Raises:
            ConfigError: it is not set.
        """
        found = self.find(reference)
        if found is None:
            where = "the environment" if reference.kind == "env" else f"connectors.{self.settings.name}"
            raise ConfigError(f"{reference.name} is not set in {where}.", f"Set {reference.name} there.")
        return found


#: Makes a template of a text.
Maker = Callable[[str], Template]
