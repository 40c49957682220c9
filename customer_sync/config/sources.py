"""Reads `connectors:`: each source with the keys every source has and the ones its connector declares."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from customer_sync.config import values
from customer_sync.config.document import Node, Text
from customer_sync.config.faults import Wrong, choose, near
from customer_sync.config.keys import ENABLED_KEY, RESOURCES, SCHEDULE_KEYS, SOURCE_KEYS, Key
from customer_sync.config.reader import MISPLACED_OPTIONS, Reader
from customer_sync.config.settings import API_SOURCE, Schedule, SourceSync
from customer_sync.errors import ConfigError
from customer_sync.kit.connector import Connector, Option, SourceSettings
from customer_sync.model import Json

#: What a source may be called.
NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
NAME_RULE: Final = "Use small letters, digits, - and _, at most 63 of them."
#: `/webhooks/brevo` is where Brevo's own webhooks arrive.
_RESERVED: Final = frozenset({"brevo"})


@dataclass(slots=True)
class Sources:
    """What `connectors:` says.

    Args:
        settings: the enabled sources.
        sync: what is synced from each.
        disabled: the names of those that are switched off.
        unserved: source → platform, of those whose connector cannot be loaded: the others go on without them.
    """

    settings: dict[str, SourceSettings] = field(default_factory=dict)
    sync: dict[str, SourceSync] = field(default_factory=dict)
    disabled: list[str] = field(default_factory=list)
    unserved: dict[str, str] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """Every name that is configured, enabled or not."""
        return sorted([*self.settings, *self.disabled, *self.unserved])


@dataclass(frozen=True, slots=True)
class Platforms:
    """The connectors there are.

    Args:
        classes: platform → connector class.
        broken: platform → why its connector cannot be loaded.
    """

    classes: Mapping[str, type[Connector]]
    broken: Mapping[str, str] = field(default_factory=dict)


def read_sources(reader: Reader, node: Node | None, platforms: Platforms) -> Sources:
    """Return every source that could be read; what is wrong is in the reader's faults."""
    found = Sources()
    for name, child in reader.entries(node, "a source's name and its keys below it").items():
        _check_name(reader, child, name)
        entries = reader.children(child)
        if not reader.take(entries, [ENABLED_KEY]).get("enabled", True):
            found.disabled.append(name)
            continue
        common = reader.take(entries, SOURCE_KEYS)
        sync = _read_sync(reader, common)
        platform = common.get("platform") or name
        if name == API_SOURCE and platform != API_SOURCE:
            reader.fault(
                child, f"no source may be called {name}", "Choose another name; this one is what the API tells."
            )
        if platform in platforms.broken and platform not in platforms.classes:
            why = f"the connector for {platform} cannot be loaded ({platforms.broken[platform]})"
            reader.warn(child, f"{why}. This source stands still, the others go on; `tajo doctor` says what to do.")
            found.unserved[name] = platform
            continue
        connector = _find_connector(reader, child, common.get("platform"), name, platforms)
        if connector is None:
            # what stands below it is read all the same, so that its faults are named, too
            meant = near(platform, platforms.classes)
            if meant is None:
                continue
            connector = platforms.classes[meant]
        own = _Own(reader, child, connector, is_pulled=sync.options.get("sync_mode") == "batch")
        options, secrets = own.read(entries)
        found.sync[name] = _with_resources(reader, common.get("sync"), sync, connector)
        settings = SourceSettings(name, connector.platform, secrets, options, common.get("base_url"))
        _ask_connector(reader, child, connector, settings)
        found.settings[name] = settings
    return found


def _ask_connector(reader: Reader, node: Node, connector: type[Connector], settings: SourceSettings) -> None:
    """Note what the connector itself finds wrong with its options, beside all other faults.

    Any other error is a fault of the connector, and no word about the file.
    """
    try:
        connector(settings)
    except ConfigError as error:
        reader.fault(node, error.reason.rstrip("."), error.remedy)


def _check_name(reader: Reader, node: Node, name: str) -> None:
    if name in _RESERVED:
        reader.fault(node, f"no source may be called {name}", "Choose another name; its account goes under brevo:")
    elif not NAME.fullmatch(name):
        reader.fault(node, "not a name for a source", NAME_RULE)


def _find_connector(
    reader: Reader, node: Node, named: str | None, source: str, platforms: Platforms
) -> type[Connector] | None:
    platform = named or source
    if platform in platforms.classes:
        return platforms.classes[platform]
    choices = choose(platform, sorted(name for name, one in platforms.classes.items() if not one.is_example))
    remedy = f"Name it: platform: ... {choices}" if named is None else choices
    reader.fault(node, f"no platform is called {platform}", remedy)
    return None


def _read_sync(reader: Reader, common: Mapping[str, Any]) -> SourceSync:
    return SourceSync(
        sync={},
        field_mapping=reader.field_mapping(common.get("field_mapping")),
        options=reader.options(common.get("options")),
        schedule=_read_schedule(reader, common.get("schedule")),
    )


def _read_schedule(reader: Reader, node: Node | None) -> Schedule:
    if isinstance(node, Text):
        before = len(reader.faults)
        line = reader.value(node, values.cron)
        if line is None and len(reader.faults) == before:
            return Schedule(pull=None, reconcile=None)
        return Schedule(pull=line)
    entries = reader.children(node)
    lines = dict.fromkeys(key.name for key in SCHEDULE_KEYS if key.name in entries) | reader.take(
        entries, SCHEDULE_KEYS
    )
    reader.refuse(entries, [key.name for key in SCHEDULE_KEYS])
    return Schedule(**lines)


def _with_resources(reader: Reader, node: Node | None, sync: SourceSync, connector: type[Connector]) -> SourceSync:
    resources = list(dict.fromkeys([*RESOURCES, *connector.resources]))
    keys = [Key(name, "", "true or false", values.truth) for name in resources]
    flags = dict.fromkeys(resources, True) | reader.table(node, keys)
    return SourceSync(flags, {**connector.attributes, **sync.field_mapping}, sync.options, sync.schedule)


def _own_value(option: Option, node: Node, env: values.Env) -> Json:
    """Return what a connector's own key says; a text that cannot be right is refused with what to write instead."""
    value = values.secret(node, env) if option.secret else values.anything(node, env)
    remedy = option.remedy(value) if option.remedy is not None and isinstance(value, str) and value else ""
    if remedy:
        raise Wrong(values.shown(node), remedy)
    return value


@dataclass(frozen=True, slots=True)
class _Own:
    """Reads the keys a connector declares: its options and its webhook secrets."""

    reader: Reader
    node: Node
    connector: type[Connector]
    is_pulled: bool

    def read(self, entries: dict[str, Node]) -> tuple[dict[str, Json], tuple[str, ...]]:
        """Return the options by name and every live webhook secret; the newest secret is also an option."""
        written = dict(entries)
        keys = self._keys()
        taken = self.reader.take(entries, keys)
        choices = [key.name for key in (*keys, ENABLED_KEY, *SOURCE_KEYS)]
        self.reader.refuse(entries, choices, MISPLACED_OPTIONS)

        by_key = {name: taken[name] for name in self._secret_names() if name in taken}
        secrets = tuple(dict.fromkeys(secret for live in by_key.values() for secret in live))
        declared = {option.name for option in self.connector.options}
        options = {
            name: (value[0] if value else None) if name in by_key else value
            for name, value in taken.items()
            if name in declared and value != ()
        }
        failed = {key.name for key in keys if self._failed(key, written)}
        self._require_secret(secrets, failed)
        self._require_options(options, failed)
        return options, secrets

    def _secret_names(self) -> list[str]:
        """Return the keys that hold webhook secrets, by the name the option has."""
        names = {alias: option.name for option in self.connector.options for alias in option.aliases}
        return list(dict.fromkeys(names.get(name, name) for name in self.connector.secret_keys))

    def _keys(self) -> list[Key]:
        secret_names = self._secret_names()
        keys = [Key(name, "", "", values.secrets, secret=True) for name in secret_names]
        aliases = {option.name: option.aliases for option in self.connector.options}
        keys = [Key(key.name, "", "", key.read, aliases=aliases.get(key.name, ()), secret=True) for key in keys]
        for option in self.connector.options:
            if option.name not in secret_names:
                read = partial(_own_value, option)
                keys.append(Key(option.name, option.help, "", read, aliases=option.aliases, secret=option.secret))
        return keys

    def _failed(self, key: Key, written: Mapping[str, Node]) -> bool:
        return any(self.reader.is_faulty(written[name]) for name in (key.name, *key.aliases) if name in written)

    def _require_secret(self, secrets: tuple[str, ...], failed: set[str]) -> None:
        names = self._secret_names()
        if secrets or not names or self.is_pulled or self.connector.tells_secret or failed.intersection(names):
            return
        remedy = (
            f"Set {' or '.join(names)}: it proves that a webhook is genuine. Or pull only: options.sync_mode: batch."
        )
        self.reader.fault(self.node, "no webhook secret", remedy)

    def _require_options(self, options: Mapping[str, Json], failed: set[str]) -> None:
        """A source with nothing but its webhook secret receives and never pulls: nothing more is required of it."""
        if not self.is_pulled and not (set(options) | failed) - set(self._secret_names()):
            return
        for option in self.connector.options:
            if option.required and option.name not in options and option.name not in failed:
                self.reader.fault(self.node, f"{option.name} is missing", f"Set {option.name}: {option.help}")
