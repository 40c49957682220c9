"""From a file and the environment to the settings, with all connectors and all skills that there are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from customer_sync.config import ConfigFaults, Settings, Skills, load, settings_markdown
from customer_sync.config.faults import Fault
from customer_sync.config.kept import with_kept
from customer_sync.errors import ConfigError
from customer_sync.registry import broken, folder_beside, look_in, platforms
from customer_sync.skills.found import definitions, found


def load_settings(path: Path | None, env: Mapping[str, str], *, draft: str | None = None) -> Settings:
    """Return the settings, and the kept variables in them; see `customer_sync.config.load`.

    Raises:
        ConfigFaults: with every fault.
    """
    look_in(folder_beside(path, env))
    try:
        return load(path, with_kept(env), platforms(), broken(), find_skills=find_skills, draft=draft)
    except ConfigError as error:
        raise ConfigFaults([Fault("environment", None, "", error.reason.rstrip("."), error.remedy)]) from error


def find_skills(folder: str | None) -> Skills:
    """Return the skills there are, as the config asks for them."""
    there = found(folder)
    return Skills(there.definitions, there.broken)


def settings_page() -> str:
    """Return `docs/settings.md`, with the skills that are built in."""
    return settings_markdown(definitions())
