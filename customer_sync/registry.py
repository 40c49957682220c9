"""Which connectors there are: every folder below `connectors/`, and what installed packages bring.

A connector that cannot be loaded is reported (`broken`) and never stops the others.
"""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Final, NamedTuple

import connectors
from customer_sync.base import log
from customer_sync.errors import ConfigError
from customer_sync.kit.connector import Connector, SourceSettings
from customer_sync.model import Inbound

#: Where installed packages announce a connector: the name is the platform, the object its class.
ENTRY_POINTS: Final = "customer_sync.connectors"
BUILT_IN: Final = "built-in"
_HEAD: Final = (
    "| platform | in step by webhook | in step by pulls | consent back | calls signed in by | webhooks proved by "
    "| judged by |"
)

_log = log.get(__name__)


@dataclass(slots=True)
class Found:
    """What a search for connectors gave.

    Args:
        classes: platform → connector class, in alphabetical order.
        origins: platform → `built-in` or the package that brought it.
        broken: platform → why its connector cannot be loaded.
        blamed: platform → the package that brings what is broken; the built-in ones are not in it.
    """

    classes: dict[str, type[Connector]] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    blamed: dict[str, str] = field(default_factory=dict)


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
        origin: `built-in`, or the package that brings it.
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


def platforms() -> Mapping[str, type[Connector]]:
    """Return every connector that can be used, by platform. They are imported at the first call."""
    return _found().classes


def broken() -> Mapping[str, str]:
    """Return the connectors that cannot be loaded: platform → why."""
    return _found().broken


def mend(platform: str) -> str:
    """Return what to do about a connector that cannot be loaded."""
    package = _found().blamed.get(platform)
    if package is None:
        return f"Install Tajo Customer Sync again, or repair the folder connectors/{platform}; then start again."
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
        raise ConfigError(f"connectors.{settings.name}: {reason}.", f"Choices: {', '.join(found.classes)}.")
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
    for platform, connector in platforms().items():
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
    """Return a line for each connector, in alphabetical order."""
    found = _found()
    return [_row(connector, found.origins[platform]) for platform, connector in found.classes.items()]


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


def discover(folders: Sequence[str], package: str, installed: Iterable[EntryPoint]) -> Found:
    """Search for connectors.

    Args:
        folders: where the built-in ones are, one folder each.
        package: the package of these folders.
        installed: what installed packages announce; a built-in platform cannot be replaced.
    """
    found = Found()
    for module in pkgutil.iter_modules(folders):
        if module.ispkg and _holds_connector(folders, module.name):
            _add_folder(found, package, module.name)
    for point in installed:
        _add_installed(found, point)
    for platform, why in found.broken.items():
        _log.warning("connector cannot be loaded", platform=platform, why=why)
    found.classes = dict(sorted(found.classes.items()))
    return found


@cache
def _found() -> Found:
    return discover(connectors.__path__, connectors.__name__, entry_points(group=ENTRY_POINTS))


def _holds_connector(folders: Sequence[str], name: str) -> bool:
    return any((Path(folder) / name / "connector.py").is_file() for folder in folders)


def _add_folder(found: Found, package: str, name: str) -> None:
    try:
        candidate: object = getattr(import_module(f"{package}.{name}.connector"), "CONNECTOR", None)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever one does at import, the others must go on
        found.broken[name] = _told(error)
        return
    _add(found, name, candidate, BUILT_IN)


def _add_installed(found: Found, point: EntryPoint) -> None:
    origin = point.dist.name if point.dist else point.module
    if point.name in found.classes:
        name = f"{point.name} ({origin})"
        found.broken[name], found.blamed[name] = f"{found.origins[point.name]} serves {point.name} already", origin
        return
    try:
        candidate: object = point.load()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - it is others' code: ours must go on whatever it does
        found.broken[point.name], found.blamed[point.name] = _told(error), origin
        return
    _add(found, point.name, candidate, origin)


def _add(found: Found, name: str, candidate: object, origin: str) -> None:
    why = _unfit(name, candidate)
    if why is None and isinstance(candidate, type) and issubclass(candidate, Connector):
        found.classes[name] = candidate
        found.origins[name] = origin
    else:
        found.broken[name] = why or "no class"
        if origin != BUILT_IN:
            found.blamed[name] = origin


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
    return f"{type(error).__name__}: {error}"


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
