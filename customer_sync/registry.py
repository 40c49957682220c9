"""Which connectors there are: every folder below `connectors/`, what installed packages bring, the files of the user.

A connector that cannot be loaded is reported (`broken`) and never stops the others. What comes later replaces nothing
that was found before: built-in, then installed, then the user's. A built-in one is loaded when it is first asked for:
all of them take 9 MB and 0.3 s of each process, and most have one source.
"""

from __future__ import annotations

import inspect
import os
import pkgutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Final, NamedTuple

import connectors
from customer_sync.base import log
from customer_sync.base.shelf import Search, Shelf
from customer_sync.config.keys import CONFIG_VARIABLE, CONNECTOR_SUFFIXES, DEFAULT_FILE
from customer_sync.errors import ConfigError, TajoError
from customer_sync.kit.connector import Connector, SourceSettings
from customer_sync.model import Inbound

#: Where installed packages announce a connector: the name is the platform, the object its class.
ENTRY_POINTS: Final = "customer_sync.connectors"
BUILT_IN: Final = "built-in"
_HEAD: Final = (
    "| platform | in step by webhook | in step by pulls | consent back | calls signed in by | webhooks proved by "
    "| judged by |"
)
#: The folder beside `tajo.yaml` in which the user's connector files are.
FOLDER: Final = "connectors"

_log = log.get(__name__)


@dataclass(slots=True)
class Found:
    """What a search for connectors gave.

    Args:
        classes: platform → connector class, in alphabetical order.
        origins: platform → `built-in`, the package that brought it, or the user's file.
        broken: platform → why its connector cannot be loaded.
        blamed: platform → the package or the file that brings what is broken; the built-in ones are not in it.
    """

    classes: Mapping[str, type[Connector]] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)
    broken: Mapping[str, str] = field(default_factory=dict)
    blamed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ConnectorRow:
    """One line of the connector table.

    Args:
        platform: the name for `platform:` in the config.
        title: how people write it.
        resources: what the connector reads.
        topics: the platform's words it acts on.
        keys: the config keys of a source, required ones first.
        secret_keys: the config keys for the webhook secret.
        pulls: what can be read without a webhook.
        writes: the channels in which it takes an opt-out back; none: the platform takes no consent back.
        shares_addresses: whether several customers may have one address.
        origin: `built-in`, the package that brings it, or the user's file.
        auth: how calls are signed in.
        proof: how webhooks are proved.
        judges: what judged its stand-in.
    """

    platform: str
    title: str
    resources: tuple[str, ...]
    topics: tuple[str, ...]
    keys: tuple[str, ...]
    secret_keys: tuple[str, ...]
    pulls: tuple[str, ...]
    writes: tuple[str, ...]
    shares_addresses: bool
    origin: str
    auth: str
    proof: str
    judges: str

    @property
    def takes_back(self) -> str:
        """What becomes of an opt-out there, for people."""
        return ", ".join(self.writes) or "no consent"


def look_in(folder: Path | None) -> None:
    """Say where the user's connector files are, for this process; None: nobody has any. Each is loaded once."""
    _OWN.folder, _OWN.is_said = folder, True


def folder_beside(path: Path | None, env: Mapping[str, str]) -> Path | None:
    """Return the folder beside `tajo.yaml` in which the user's connector files are; None where there is no such file.

    Without a file the folder of the process is anybody's: what lies there is not believed.
    """
    named = path or (Path(env[CONFIG_VARIABLE]) if env.get(CONFIG_VARIABLE) else Path(DEFAULT_FILE))
    return named.resolve().parent / FOLDER if named.is_file() else None


def platforms() -> Mapping[str, type[Connector]]:
    """Return every connector that can be used, by platform; going through them loads all of them."""
    return _found().classes


def proposed() -> Mapping[str, type[Connector]]:
    """Return what people may be told to choose from: every connector that can be used, but for examples."""
    return {platform: connector for platform, connector in platforms().items() if not connector.is_example}


def broken() -> Mapping[str, str]:
    """Return the connectors that cannot be loaded: platform → why."""
    return _found().broken


def broken_of(used: Iterable[str]) -> Mapping[str, str]:
    """Return those of the platforms in use and those that others brought; the rest is not even looked at."""
    found = _found()
    return {name: found.broken[name] for name in dict.fromkeys([*used, *found.blamed]) if name in found.broken}


def hears(platform: str) -> bool:
    """Tell whether a platform sends webhooks; one whose connector cannot be loaded is taken to."""
    found = _found()
    return platform not in found.classes or found.classes[platform].hears


def mend(platform: str) -> str:
    """Return what to do about a connector that cannot be loaded."""
    package = _found().blamed.get(platform)
    if package is None:
        return f"Install Tajo Customer Sync again, or repair the folder connectors/{platform}; then start again."
    if "/" in package:
        return f"Mend the file {package} (`tajo connectors check` names its faults), or take it away; then start again."
    return f"Update the package {package}, or uninstall it; then start again."


def connector_for(settings: SourceSettings) -> Connector:
    """Return the connector that serves a source.

    Raises:
        ConfigError: there is none for its platform.
    """
    found = _found()
    if settings.platform not in found.classes:
        why = found.broken.get(settings.platform)
        reason = f"the connector for {settings.platform} cannot be loaded ({why})" if why else "no such platform"
        raise ConfigError(f"connectors.{settings.name}: {reason}.", f"Choices: {', '.join(proposed())}.")
    return found.classes[settings.platform](settings)


class Guess(NamedTuple):
    """Whose webhook a request looks like that came to another platform's address.

    Args:
        title: how people write that platform.
        addresses: where its webhooks go, a path for each of its sources; for the operator's eyes only.
    """

    title: str
    addresses: tuple[str, ...]

    @property
    def said(self) -> str:
        """What anybody may hear: it names no source."""
        return f"This looks like {self.title}'s webhook, sent to the wrong address."

    @property
    def remedy(self) -> str:
        """What the operator is told."""
        if not self.addresses:
            return f"No source of {self.title} is in tajo.yaml: add one, and send it to that address."
        return f"Its address is {' or '.join(self.addresses)}."


def recognise(inbound: Inbound, own: Connector, sources: Mapping[str, Connector]) -> Guess | None:
    """Return whose webhook a request looks like; None when it may be one of its own address, or nobody's.

    Args:
        inbound: what the connector of its address refused or could not read.
        own: that connector.
        sources: source → connector, of all that are configured.
    """
    if _recognises(type(own), inbound):
        return None
    for platform, connector in proposed().items():
        if platform != own.platform and _recognises(connector, inbound):
            named = [f"/webhooks/{name}" for name, one in sources.items() if one.platform == platform]
            return Guess(connector.title, tuple(named))
    return None


def _recognises(connector: type[Connector], inbound: Inbound) -> bool:
    try:
        return connector.recognises(inbound)
    except Exception as error:  # noqa: BLE001 - it may be others' code: a guess must not cost an answer
        _log.warning("recognises has a fault", platform=connector.platform, error=type(error).__name__)
        return False


def connector_rows() -> list[ConnectorRow]:
    """Return a line for each connector, in alphabetical order; examples stand last."""
    found = _found()
    named = sorted(found.classes.items(), key=lambda one: one[1].is_example)  # stable: else as found
    return [_row(connector, found.origins[platform]) for platform, connector in named]


def connectors_table() -> str:
    """Return the built-in connectors as the README's table; what else is installed here is not the README's matter."""
    rows = [
        f"| [{row.title}](connectors/{row.platform}/README.md) | {', '.join(row.resources)} | "
        f"{', '.join(row.pulls) or 'nothing'} | {row.takes_back} | {row.auth or 'nothing'} | "
        f"{row.proof} | {row.judges} |"
        for row in connector_rows()
        if row.origin == BUILT_IN
    ]
    return "\n".join([_HEAD, "|---" * 7 + "|", *rows, ""])


def discover(folders: Sequence[str], package: str, installed: Iterable[EntryPoint], own: Path | None = None) -> Found:
    """Search for connectors.

    Args:
        folders: where the built-in ones are, one folder each.
        package: the package of these folders.
        installed: what installed packages announce; a built-in platform cannot be replaced.
        own: the folder with the user's connector files; None where there is none.
    """
    finding = _Finding()
    there = (one.name for one in pkgutil.iter_modules(folders) if one.ispkg and _holds_connector(folders, one.name))
    search = Search(there, partial(_add_folder, finding, package))
    finding.has = Shelf(search, finding.classes)
    for point in installed:
        _add_installed(finding, point)
    for path in _files(finding, own):
        _add_own(finding, path)
    return Found(finding.has, Shelf(search, finding.origins), Shelf(search, finding.broken), finding.blamed)


@dataclass(slots=True)
class _Finding:
    """What was found so far, as in `Found`; `has` are the connectors that there are, found or not."""

    classes: dict[str, type[Connector]] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    blamed: dict[str, str] = field(default_factory=dict)
    has: Mapping[str, type[Connector]] = field(default_factory=dict)


@dataclass(slots=True)
class _Own:
    folder: Path | None = None
    is_said: bool = False


_OWN: Final = _Own()


def _found() -> Found:
    return _found_with(_OWN.folder if _OWN.is_said else folder_beside(None, os.environ))


@cache
def _found_with(own: Path | None) -> Found:
    return discover(connectors.__path__, connectors.__name__, entry_points(group=ENTRY_POINTS), own)


def _files(found: _Finding, own: Path | None) -> Sequence[Path]:
    if own is None:
        return []
    try:
        return sorted(one for one in own.iterdir() if _is_connector(one))
    except FileNotFoundError:
        return []
    except OSError as error:
        _refuse(found, str(own), f"the folder cannot be read ({error.strerror})", str(own))
        return []


def _is_connector(path: Path) -> bool:
    return path.suffix in CONNECTOR_SUFFIXES and path.is_file() and path.name[0] != "."


def _holds_connector(folders: Sequence[str], name: str) -> bool:
    return any((Path(folder) / name / "connector.py").is_file() for folder in folders)


def _add_folder(found: _Finding, package: str, name: str) -> None:
    try:
        candidate: object = getattr(import_module(f"{package}.{name}.connector"), "CONNECTOR", None)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever one does at import, the others must go on
        _refuse(found, name, _told(error), BUILT_IN)
        return
    _add(found, name, candidate, BUILT_IN)


def _add_installed(found: _Finding, point: EntryPoint) -> None:
    _load(found, point.name, point.load, point.dist.name if point.dist else point.module)


def _add_own(found: _Finding, path: Path) -> None:
    """Add the connector of a file; it is called as the file says, and not as the file is called."""
    origin = f"{path.parent.name}/{path.name}"
    # what reads such files takes 5 MB of a process, and most have none
    custom: Any = import_module("customer_sync.custom")
    try:
        connector = custom.connector_of_file(path)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the others must go on whatever is in a file
        name = (error.name if isinstance(error, custom.ConnectorFaults) else "") or path.stem
        _refuse(found, name, _told(error), origin)
        return
    _load(found, connector.platform, partial(_itself, connector), origin)


def _itself(connector: type[Connector]) -> object:
    return connector


def _load(found: _Finding, platform: str, load: Callable[[], object], origin: str) -> None:
    if platform in found.has:
        _refuse(found, f"{platform} ({origin})", f"{found.origins[platform]} serves {platform} already", origin)
        return
    try:
        candidate = load()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - it is others' code: ours must go on whatever it does
        _refuse(found, platform, _told(error), origin)
        return
    _add(found, platform, candidate, origin)


def _refuse(found: _Finding, name: str, why: str, origin: str) -> None:
    found.broken[name] = why
    if origin != BUILT_IN:
        found.blamed[name] = origin
    _log.warning("connector cannot be loaded", platform=name, why=why)


def _add(found: _Finding, name: str, candidate: object, origin: str) -> None:
    why = _unfit(name, candidate)
    if why is None and isinstance(candidate, type) and issubclass(candidate, Connector):
        found.classes[name] = candidate
        found.origins[name] = origin
    else:
        _refuse(found, name, why or "no class", origin)


def _unfit(name: str, candidate: object) -> str | None:
    """Return what keeps an object from being the connector of a platform, None when nothing does."""
    if candidate is None:
        return "its connector.py names no CONNECTOR"
    if not (isinstance(candidate, type) and issubclass(candidate, Connector)):
        return "what it names is no subclass of Connector"
    if inspect.isabstract(candidate):
        return f"it does not define {', '.join(sorted(candidate.__abstractmethods__))}"
    for attribute in ("platform", "title"):
        if not isinstance(getattr(candidate, attribute, None), str):
            return f"it has no {attribute}"
    if candidate.platform != name:
        return f"it calls its platform {candidate.platform}"
    return None


def _told(error: BaseException) -> str:
    return str(error).replace("\n", "; ") if isinstance(error, TajoError) else f"{type(error).__name__}: {error}"


def _row(connector: type[Connector], origin: str) -> ConnectorRow:
    options = sorted(connector.options, key=lambda option: not option.required)  # stable: else as declared
    return ConnectorRow(
        platform=connector.platform,
        title=connector.title,
        resources=connector.resources,
        topics=connector.topics,
        keys=tuple(option.name for option in options),
        secret_keys=connector.secret_keys,
        pulls=connector.pulls,
        writes=tuple(map(str, connector.writes)),
        shares_addresses=connector.shares_addresses,
        origin=origin,
        auth=connector.auth,
        proof=connector.proof,
        judges=connector.judges,
    )
