"""The settings of a process: what the file says, and over it the newest word about each skill.

`SettingsBook.tend`, called once a second beside everything else, is how a process hears of a new word. It writes back
what Redis has lost of the words, too.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace

from customer_sync.base.log import get
from customer_sync.config import ConfigFaults, Described, Settings, SkillSettings, skill_settings
from customer_sync.skills.found import definitions
from customer_sync.store.skill_states import SkillState, SkillStates, read_state

log = get(__name__)


def settings_with(written: Settings, states: Mapping[str, SkillState]) -> Settings:
    """Return the settings of the file with what was said of skills since.

    Args:
        written: what the file says.
        states: skill → the newest word about it.

    Raises:
        ConfigFaults: keys of a skill that this version does not understand.
    """
    said = {name: one for name, one in states.items() if one.word != "file" and name in written.skills}
    if not said:
        return written
    there = definitions(written.skills_folder)
    new = {name: _skill(written.skills[name], one, there[name]) for name, one in said.items()}
    skills = {**written.skills, **new}
    return replace(written, skills=skills, file_skills=written.skills)


def _skill(written: SkillSettings, state: SkillState, definition: Described) -> SkillSettings:
    chosen = written if state.config is None else skill_settings(written.name, dict(state.config), definition)
    return replace(chosen, enabled=state.word == "enabled")


class SettingsBook:
    """The settings as they are now.

    Args:
        settings: what the file says, or what an earlier book made of it.
    """

    def __init__(self, settings: Settings) -> None:
        self.written = settings.written
        self.settings = self.written
        self._lock = threading.Lock()
        self._known: dict[str, str] = {}

    def tend(self, states: SkillStates) -> bool:
        """Hear what was said of skills since; tell whether it changed the settings.

        Args:
            states: where it is said.

        Raises:
            redis.RedisError: Redis does not answer.
        """
        with self._lock:
            found = states.keep(self._known)
            if found == self._known:
                return False
            self._known = found
            before, self.settings = self.settings, self._settings(found)
            if self.settings == before:
                return False
        log.info("skills set anew", skills=", ".join(f"{name}: {_told(text)}" for name, text in sorted(found.items())))
        return True

    def _settings(self, found: Mapping[str, str]) -> Settings:
        """Return the settings; a word that cannot be understood is left alone, and the file's holds."""
        understood: dict[str, SkillState] = {}
        for name, text in sorted(found.items()):
            state = read_state(text)
            try:
                if state is not None:
                    settings_with(self.written, {name: state})
                    understood[name] = state
                    continue
                why = "a newer version wrote it"
            except ConfigFaults as faults:
                why = "; ".join(f"{one.path}: {one.found}" for one in faults.faults)
            log.error("what was said of a skill is not understood: the file holds", skill=name, why=why)
        return settings_with(self.written, understood)


def settings_now(settings: Settings, states: SkillStates) -> Settings:
    """Return the settings as they are now, for one call.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    book = SettingsBook(settings)
    book.tend(states)
    return book.settings


def _told(text: str) -> str:
    state = read_state(text)
    return state.word if state else "not understood"
