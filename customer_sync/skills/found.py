"""Which skills there are: the modules of this package, what installed packages bring, and the files of the user.

A skill that cannot be loaded is reported (`Found.broken`) and never stops the others. What comes later replaces nothing
that was found before: built-in, then installed, then the user's.
"""

from __future__ import annotations

import pkgutil
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Final

import customer_sync.skills as package
from customer_sync.base import log
from customer_sync.config.keys import RESOURCES
from customer_sync.errors import TajoError
from customer_sync.skills.definition import Definition
from customer_sync.skills.files.loading import load_markdown

#: Where installed packages announce a skill: the name is the skill's, the object its `Definition`.
ENTRY_POINTS: Final = "customer_sync.skills"
BUILT_IN: Final = "built-in"
_NAME: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")

_log = log.get(__name__)


@dataclass(slots=True)
class Found:
    """What a search for skills gave.

    Args:
        definitions: skill → what it is, by name.
        origins: skill → `built-in`, the package that brought it, or the user's file.
        broken: skill → why it cannot be loaded.
        mends: skill that cannot be loaded → what to do about it.
    """

    definitions: dict[str, Definition] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    mends: dict[str, str] = field(default_factory=dict)


def mend(origin: str) -> str:
    """Return what to do about a skill that cannot be used, by where it comes from."""
    if origin == BUILT_IN:
        return "Install Tajo Customer Sync again; then start again."
    if "/" in origin:
        return f"Mend the file {origin}, or take it away; then start again."
    return f"Update the package {origin}, or uninstall it; then start again."


def found(folder: str | None = None) -> Found:
    """Return every skill, with the user's in a folder; None: nobody has one. Each is loaded once in a process."""
    return _found(folder)


def definitions(folder: str | None = None) -> Mapping[str, Definition]:
    """Return every skill that can be used, by name; see `found`."""
    return _found(folder).definitions


@cache
def _found(folder: str | None) -> Found:
    installed = entry_points(group=ENTRY_POINTS)
    return discover(package.__path__, package.__name__, installed, Path(folder) if folder else None)


def discover(folders: Iterable[str], name: str, installed: Iterable[EntryPoint], own: Path | None = None) -> Found:
    """Search for skills.

    Args:
        folders: where the modules of the built-in ones are.
        name: the package of these modules.
        installed: what installed packages announce.
        own: the user's folder; None where there is none.
    """
    result = Found()
    for module in pkgutil.iter_modules(list(folders)):
        _add_module(result, name, module.name)
    for point in sorted(installed):
        _load(result, point.name, point.load, point.dist.name if point.dist else point.module)
    for path in _files(result, own):
        loader = LOADERS.get(path.suffix)
        if loader is not None:
            _load(result, skill_name(path.stem), partial(loader, path), f"{path.parent.name}/{path.name}")
    for skill, why in result.broken.items():
        _log.warning("skill cannot be loaded", skill=skill, why=why)
    result.definitions = dict(sorted(result.definitions.items()))
    return result


def skill_name(stem: str) -> str:
    """Return the name of the skill that a file of this name must hold: `vip_club` holds `vip-club`."""
    return stem.replace("_", "-")


def load_python(path: Path) -> object:
    """Return what a user's Python file names `SKILL`, None where it names nothing.

    Raises:
        Exception: whatever the file does while it is run.
    """
    name = f"tajo_skill_{path.stem}"
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path.name} cannot be read as Python")
    module = module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return getattr(module, "SKILL", None)


#: The suffix of a user's file → what makes a skill of it. A file of another suffix is none of our business.
LOADERS: Final[dict[str, Callable[[Path], object]]] = {".py": load_python, ".md": load_markdown}


def _add_module(result: Found, package_name: str, module: str) -> None:
    """Load a built-in skill; most modules of the package are none."""
    name = skill_name(module)
    try:
        candidate = getattr(import_module(f"{package_name}.{module}"), "SKILL", None)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever one does at import, the others must go on
        _refuse(result, name, _told(error), BUILT_IN)
        return
    if candidate is not None:
        _add(result, name, candidate, BUILT_IN)


def _files(result: Found, own: Path | None) -> Sequence[Path]:
    if own is None:
        return []
    try:
        return sorted(path for path in own.iterdir() if path.is_file() and path.name[0] not in "._")
    except OSError as error:
        name = str(own)
        result.broken[name] = f"the folder cannot be read ({error.strerror})"
        result.mends[name] = "Let this user read it; then start again."
        return []


def _load(result: Found, name: str, load: Callable[[], object], origin: str) -> None:
    if name in result.origins or name in result.broken:
        there = result.origins.get(name, "one that cannot be loaded")
        _refuse(result, f"{name} ({origin})", f"{name} is there already ({there})", origin)
        return
    try:
        candidate = load()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - it is others' code: ours must go on whatever it does
        _refuse(result, name, _told(error), origin)
        return
    _add(result, name, candidate, origin)


def _add(result: Found, name: str, candidate: object, origin: str) -> None:
    why = _unfit(name, candidate)
    if why is None and isinstance(candidate, Definition):
        result.definitions[name], result.origins[name] = candidate, origin
    else:
        _refuse(result, name, why or "no definition", origin)


def _refuse(result: Found, name: str, why: str, origin: str) -> None:
    result.broken[name], result.mends[name] = why, mend(origin)


def _unfit(name: str, candidate: object) -> str | None:
    """Return what keeps an object from being the skill of a name, None when nothing does."""
    if candidate is None:
        return "it names no SKILL"
    if not isinstance(candidate, Definition):
        return "its SKILL is no Definition"
    if not _NAME.fullmatch(name):
        return "not a name for a skill: use small letters, digits and -, such as vip-club"
    if candidate.name != name:
        return f"it calls its skill {candidate.name}: the file's name and the skill's must be the same"
    unknown = [one for one in candidate.resources if one not in RESOURCES]
    return f"it wants {', '.join(unknown)}; there are {', '.join(RESOURCES)}" if unknown else None


def _told(error: BaseException) -> str:
    return str(error) if isinstance(error, TajoError) else f"{type(error).__name__}: {error}"
