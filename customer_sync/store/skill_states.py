"""What was said of skills since the file was written: enabled, disabled, or as the file says. It wins over the file.

Each word carries the time at which it was said, by Redis' clock, and the newest word about a skill counts. So whatever
is lost, put back or said twice, processes that compare what they know come to the same end.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

import redis

from customer_sync.model import Json
from customer_sync.store import keys
from customer_sync.store.scripts import Scripts, as_text

#: What may be said of a skill; `file` takes back whatever was said before.
SkillWord = Literal["enabled", "disabled", "file"]

_FORM: Final = re.compile(r"(\d+)\|(enabled|disabled|file)\|(.*)", re.DOTALL)


class SkillState(NamedTuple):
    """The newest word about a skill.

    Args:
        word: what was said.
        at_ms: when, by Redis' clock.
        config: the skill's keys as they were given with it, or with an earlier word; None: those of the file.
    """

    word: SkillWord
    at_ms: int
    config: Mapping[str, Json] | None = None


class SkillStates:
    """The newest word about each skill.

    Args:
        client: see `customer_sync.store.connect`.
        scripts: its scripts.
    """

    def __init__(self, client: redis.Redis, scripts: Scripts | None = None) -> None:
        self._client = client
        self._scripts = scripts or Scripts(client)

    def say(self, name: str, word: SkillWord, config: Mapping[str, Json] | None = None) -> SkillState:
        """Say something of a skill; return what holds from now on.

        Args:
            name: the skill.
            word: what is said.
            config: its keys; None keeps those that were given before, else the file's.
        """
        text = "" if config is None else json.dumps(config)
        found = read_state(as_text(self._scripts.run("skill_say", name, word, text)))
        assert found is not None
        return found

    def read(self) -> dict[str, str]:
        """Return what is there: skill → its newest word, in the stored form."""
        raw: Any = self._client.hgetall(keys.SKILLS)
        return {as_text(name): as_text(text) for name, text in raw.items()}

    def keep(self, known: Mapping[str, str]) -> dict[str, str]:
        """Write back what Redis lost of the words that this process knows; return all that is there now.

        Args:
            known: skill → its newest word, in the stored form.
        """
        there = self.read()
        if all(_at(there.get(name)) >= _at(text) for name, text in known.items()):
            return there
        flat: Any = self._scripts.run("skill_keep", *(part for pair in known.items() for part in pair))
        return {as_text(name): as_text(text) for name, text in zip(flat[::2], flat[1::2], strict=True)}


def read_state(text: str) -> SkillState | None:
    """Return a word in the stored form; None where a newer version wrote it, whose words are not known here."""
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    try:
        config = json.loads(found[3]) if found[3] else None
    except ValueError:
        return None
    word: SkillWord = found[2]  # type: ignore[assignment]  # the form has no other words
    return SkillState(word, int(found[1]), config)


def _at(text: str | None) -> int:
    digits = (text or "").partition("|")[0]
    return int(digits) if digits.isascii() and digits.isdigit() else 0
