"""From a file and the environment to `Settings`, or every fault at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from customer_sync.config.callers import read_api
from customer_sync.config.document import Node, Text, parse
from customer_sync.config.faults import ConfigFaults, Fault, near
from customer_sync.config.keys import (
    BREVO_KEYS,
    CONFIG_VARIABLE,
    DEFAULT_FILE,
    SKILLS_FOLDER,
    SOURCE_KEYS,
    TOP_KEYS,
    variables,
)
from customer_sync.config.notices import read_notices
from customer_sync.config.reader import MISPLACED_OPTIONS, Reader
from customer_sync.config.settings import BrevoSettings, Settings
from customer_sync.config.skills import SkillReader, Skills
from customer_sync.config.sources import Platforms, read_sources
from customer_sync.kit.connector import Connector

_PREFIXES: Final = ("TAJO_", "BREVO_")


#: Where the connectors are that this program brings.
_BUILT_IN: Final = "connectors."


def load(  # noqa: PLR0913  # where the settings come from, and what they may name
    path: Path | None,
    env: Mapping[str, str],
    platforms: Mapping[str, type[Connector]],
    broken: Mapping[str, str] | None = None,
    *,
    find_skills: Callable[[str | None], Skills],
    draft: str | None = None,
) -> Settings:
    """Return the settings that a file and the environment make together; the environment wins.

    Args:
        path: the file; None takes the one `TAJO_CONFIG` names, or `tajo.yaml` here if there is one.
        env: the environment.
        platforms: the connectors there are, by platform.
        broken: connectors that cannot be loaded: platform → why.
        find_skills: returns the skills there are, with those of the user's folder; None: there is no such folder.
        draft: what the file is to say; it is read instead of the file.

    Raises:
        ConfigFaults: with every fault of file and environment.
    """
    named = path or (Path(env[CONFIG_VARIABLE]) if env.get(CONFIG_VARIABLE) else None)
    reader = Reader(str(named or DEFAULT_FILE), env)
    text = _read(reader, named) if draft is None else draft
    entries = reader.children(parse(text or "", reader.file, reader.faults))
    places = dict(entries)
    top = reader.take(entries, TOP_KEYS)
    folder = _skills_folder(reader, top.pop("skills_folder", None), places, is_read=text is not None)
    there = find_skills(folder)
    reader.refuse(entries, [key.name for key in TOP_KEYS], _homes(platforms, there) if entries else None)

    sources = read_sources(reader, top.pop("connectors", None), Platforms(platforms, {} if broken is None else broken))
    skills = SkillReader(reader, there, sources.names, platforms).read(top.pop("skills", None))
    brevo = reader.table(top.pop("brevo", None), BREVO_KEYS)
    api = read_api(reader, top.pop("api", None), top.get("api_key"))
    notices = read_notices(reader, top.pop("notifications", None))
    top.setdefault("log_level", "debug" if top.get("debug") else "info")
    _warn_of_variables(reader, text or "")
    if reader.faults:
        raise ConfigFaults(reader.faults)
    used = {one.platform for one in sources.settings.values()}
    return Settings(
        sources=sources.settings,
        disabled=tuple(sources.disabled),
        unserved=sources.unserved,
        source_sync=sources.sync,
        skills=skills.settings,
        skills_folder=folder,
        unserved_skills=tuple(skills.unserved),
        brevo=BrevoSettings(webhook_secrets=brevo.pop("webhook_secret", ()), **brevo),
        notifications=notices,
        api=api,
        warnings=tuple(reader.warnings),
        file=None if text is None else reader.file,
        own_platforms=frozenset(one for one in used if not platforms[one].__module__.startswith(_BUILT_IN)),
        **top,
    )


def _skills_folder(reader: Reader, named: str | None, places: Mapping[str, Node], *, is_read: bool) -> str | None:
    """Return the folder with the user's skills, None where there is none.

    Without a file the folder of the process is anybody's: what lies there is not run.
    """
    beside = Path(reader.file).resolve().parent
    if named is None:
        folder = beside / SKILLS_FOLDER
        return str(folder) if is_read and folder.is_dir() else None
    folder = beside / named
    if not folder.is_dir():
        place = places.get("skills_folder", Text("skills_folder", None, named))
        reader.fault(place, f"there is no folder {folder}", "Make it, name another, or take the key away.")
    return str(folder)


def _homes(platforms: Mapping[str, type[Connector]], skills: Skills) -> dict[str, str]:
    """Return what to do with keys that stand at the top and belong deeper."""
    homes = dict.fromkeys((key.name for key in SOURCE_KEYS), "Move it below a source or a skill.")
    homes |= dict.fromkeys(platforms, "Move it below connectors:")
    homes |= {name.replace("-", "_"): "Move it below skills:" for name in skills.definitions}
    return MISPLACED_OPTIONS | homes


def _read(reader: Reader, named: Path | None) -> str | None:
    """Return the file's text; None when it cannot be read, which is a fault unless nobody named it."""
    try:
        return (named or Path(DEFAULT_FILE)).read_bytes().decode()
    except FileNotFoundError:
        if named is None:
            return None
        found, remedy = "there is no such file", f"Name another with {CONFIG_VARIABLE}, or write one: tajo init."
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        reader.faults.append(Fault(reader.file, line, "", "a character that is not UTF-8", "Save the file as UTF-8."))
        return None
    except OSError as error:
        found, remedy = f"the file cannot be read ({error.strerror})", "Name a file that this user may read."
    reader.faults.append(Fault(reader.file, None, "", found, remedy))
    return None


def _warn_of_variables(reader: Reader, text: str) -> None:
    """Warn of variables that are nearly ours: `BREVO_APIKEY` would silently mean the sandbox."""
    ours = [CONFIG_VARIABLE, *(key.variable for key in variables())]
    for name in sorted(reader.env):
        if name in ours or not name.startswith(_PREFIXES) or f"${{{name}" in text:
            continue
        guess = near(name, ours)
        if guess and guess not in reader.env:
            reader.warnings.append(f"environment: the variable {name} is not read. Did you mean {guess}?")
