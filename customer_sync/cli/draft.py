"""What `tajo.yaml` is to say of a source whose keys were given on the command line: each value in its place.

A secret never goes into the file as it is, unless that is asked for: the file names a variable, which the environment
sets or which is kept encrypted in the home folder. Everything else in the file stays as it is, byte for byte.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from customer_sync.cli import context
from customer_sync.cli.init import HEAD
from customer_sync.cli.output import FAILED, WRONG_USE, can_ask, fail, prompt
from customer_sync.cli.source_keys import keys_of, read_keys, secret_key_of
from customer_sync.config import ConfigFaults, Settings
from customer_sync.config.edit import CannotEdit, block, reference, scalar, with_source, written_source
from customer_sync.config.faults import Wrong, choose
from customer_sync.config.interpolate import interpolate
from customer_sync.config.kept import KeptVariables, with_kept
from customer_sync.config.keys import CONFIG_VARIABLE, DEFAULT_FILE
from customer_sync.config.sources import NAME, NAME_RULE
from customer_sync.kit.connector import Connector, Option
from customer_sync.loading import load_settings
from customer_sync.registry import platforms, proposed

#: Shorter values may stand in a variable by chance; only a variable that is called like the key is taken for them.
SHORT: Final = 8


@dataclass(frozen=True, slots=True)
class Draft:
    """A source that is not in the file yet, or not with these keys.

    Args:
        file: the config.
        source: its name.
        before: what the file says; None where there is none.
        text: what it is to say.
        settings: what that comes to.
        places: key → where its value is, in words without a secret.
        kept: the variables that are to be kept here.
    """

    file: Path
    source: str
    before: str | None
    text: str
    settings: Settings
    places: Mapping[str, str]
    kept: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def is_changed(self) -> bool:
        """Whether there is anything to write."""
        return self.text != self.before or bool(self.kept)

    def write(self) -> None:
        """Keep the secrets, then write the file, which whoever reads it meanwhile finds as it was or as it is to be.

        Raises:
            ConfigError: the secrets cannot be kept.
            Failure: the file cannot be written, or somebody else wrote it meanwhile.
        """
        if self.kept:
            KeptVariables(os.environ).put(self.kept)
        if self.text == self.before:
            return
        if _read(self.file) != self.before:
            fail(f"{self.file} was changed meanwhile.", "Run the command again.", FAILED)
        try:
            _replace(self.file.resolve(), self.text)
        except OSError as error:
            fail(f"{self.file} cannot be written: {error.strerror}.", "Let this user write it, and run it again.")


def drafted(source: str, platform: str | None, params: Mapping[str, Any], *, is_plain: bool, yes: bool) -> Draft:
    """Return what the config becomes with the keys that were given. Nothing is written yet.

    Args:
        source: its name.
        platform: its platform; None takes what the config says, else the name.
        params: the parameters of the command.
        is_plain: whether secrets are to stand in the file as they are.
        yes: whether nothing may be asked.

    Raises:
        Failure: the keys do not fit, something is missing, or the config has faults.
    """
    file = Path(os.environ.get(CONFIG_VARIABLE) or DEFAULT_FILE)
    before = _read(file)
    env = with_kept(os.environ)
    try:
        written = written_source(before or "", source)
    except CannotEdit:
        load_settings(None, os.environ)  # says each fault
        raise
    connector = _connector(source, platform, written)
    given = read_keys(connector, params)
    made: dict[str, str] = {}
    if written is None:
        given, made = _completed(source, connector, given, env, yes=yes)
    values = {} if written is not None or connector.platform == source else {"platform": connector.platform}
    places: dict[str, str] = {}
    kept: dict[str, str] = {}
    for key, value in _changed(connector, {**given, **made}, written or {}, env).items():
        values[key], places[key], variable = _place(source, connector, key, value, is_plain=is_plain)
        kept |= {variable: value} if variable else {}
    text = _edited(file, before, source, values, connector)
    settings = _read_draft(file, text, {**os.environ, **kept})
    if source in settings.disabled:
        fail(f"{source} is disabled.", f"Take `enabled: false` out of connectors.{source}.", WRONG_USE)
    return Draft(file, source, before, text, settings, places, kept)


def variable_of(source: str, key: str) -> str:
    """Return the variable that is meant for a key of a source: `SHOPIFY_API_KEY`."""
    return f"{source}_{key}".upper().replace("-", "_")


def _connector(source: str, platform: str | None, written: Mapping[str, str] | None) -> type[Connector]:
    known = platforms()
    found = (written or {}).get("platform") or (source if written is not None else None)
    if platform is not None and found is not None and platform != found:
        fail(f"{source} is a source of {found} already.", "Choose another name for this one.", WRONG_USE)
    wanted = platform or found or source
    if wanted not in known:
        choices = choose(wanted, proposed())
        remedy = f"Add --platform. {choices}" if platform is None else choices
        fail(f"No platform is called {wanted}.", remedy, WRONG_USE)
    return known[wanted]


def _completed(
    source: str, connector: type[Connector], given: Mapping[str, str], env: Mapping[str, str], *, yes: bool
) -> tuple[dict[str, str], dict[str, str]]:
    """Return a new source's keys with the secrets that the environment has for it, and with one for its webhooks.

    Raises:
        Failure: there is none, and nobody to ask.
    """
    found = dict(given)
    for key, option in keys_of(connector).items():
        if option.secret and key not in found and env.get(variable_of(source, key)):
            found[key] = env[variable_of(source, key)]
    aliases = {alias: option.name for option in connector.options for alias in option.aliases}
    secret_keys = {aliases.get(key, key) for key in connector.secret_keys}
    missing = secret_key_of(connector)
    if missing is None or secret_keys & set(found) or connector.tells_secret:
        return found, {}  # where the platform tells it, `tajo connectors install` writes it down
    if connector.chooses_secret:
        return found, {missing: secrets.token_hex(16)}
    if yes or not can_ask():
        remedy = f"Add --{missing.replace('_', '-')} ..., or set {variable_of(source, missing)} in the environment."
        fail(f"{connector.title} needs {missing}, too: it proves that a webhook is genuine.", remedy, WRONG_USE)
    question = f"{missing} ({keys_of(connector)[missing].help.rstrip('.')})"
    return found, {missing: prompt(question, is_secret=True, yes=yes)}


def _changed(
    connector: type[Connector], given: Mapping[str, str], written: Mapping[str, str], env: Mapping[str, str]
) -> dict[str, str]:
    """Return the keys whose value the file does not have already."""
    changed = {}
    for key, value in given.items():
        names = (key, *keys_of(connector)[key].aliases)
        now = next((written[name] for name in names if name in written), None)
        with suppress(Wrong):
            if now is not None and interpolate(now, env).strip() == value:
                continue
        changed[key] = value
    return changed


def _place(source: str, connector: type[Connector], key: str, value: str, *, is_plain: bool) -> tuple[str, str, str]:
    """Return how a value is written into the file, where it is in words, and the variable that is to be kept or ""."""
    option = keys_of(connector)[key]
    if is_plain:
        return scalar(value), "as it is" if option.secret else value, ""
    if set_already := _variable_with(source, connector, option, value):
        return reference(set_already), f"${{{set_already}}}, set in the environment", ""
    if not option.secret:
        return scalar(value), value, ""
    variable = variable_of(source, key)
    if os.environ.get(variable):
        fail(
            f"{variable} is set in the environment, to another value than the one given for {key}.",
            f"Set it to this value, or unset it; --{key.replace('_', '-')} can then be left out or is kept.",
            WRONG_USE,
        )
    return reference(variable), f"${{{variable}}}, kept encrypted in {KeptVariables(os.environ).file}", variable


def _variable_with(source: str, connector: type[Connector], option: Option, value: str) -> str:
    """Return the variable of the environment that has a value, "" when none has it; one called like the key first."""
    named = [variable_of(name, key) for name in (source, connector.platform) for key in (option.name, *option.aliases)]
    having = [name for name, held in os.environ.items() if held.strip() == value and not name.startswith("_")]
    alike = [name for name in having if any(key.upper() in name for key in (option.name, *option.aliases))]
    anything = having if option.secret and len(value) >= SHORT else []
    return next((name for name in (*named, *sorted(alike), *sorted(anything)) if name in having), "")


def _edited(file: Path, before: str | None, source: str, values: Mapping[str, str], connector: type[Connector]) -> str:
    aliases = {option.name: option.aliases for option in connector.options}
    if not NAME.fullmatch(source):
        fail(f"{file} is not changed: {source!r} is no name for a source.", NAME_RULE, WRONG_USE)
    try:
        return with_source(HEAD if before is None else before, source, values, aliases)
    except CannotEdit as error:
        lines = f"connectors:\n{block(source, values)}"
        fail(
            f"{file} is not changed: {error}.",
            f"Write these keys into it yourself, and run `tajo connectors connect {source}` without them:\n\n{lines}",
            WRONG_USE,
        )


def _read_draft(file: Path, text: str, env: Mapping[str, str]) -> Settings:
    try:
        return context.complete(load_settings(file, env, draft=text))
    except ConfigFaults as error:
        fail(f"Nothing was written. {error}", "", WRONG_USE)


def _read(file: Path) -> str | None:
    try:
        return file.read_bytes().decode()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError):
        load_settings(file, os.environ)  # says what is wrong with it
        raise


def _replace(file: Path, text: str) -> None:
    """Write a file in one step, with the rights that it has; where that cannot be done (a mount), in place."""
    mode = file.stat().st_mode & 0o777 if file.exists() else 0o644
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("wb", dir=file.parent, prefix=f".{file.name}.", delete=False) as new:
            new.write(text.encode())
        try:
            Path(new.name).chmod(mode)
            Path(new.name).replace(file)
        except OSError:
            Path(new.name).unlink()
            raise
    except OSError:
        if not file.exists():
            raise
        file.write_bytes(text.encode())
