"""Skills: which there are, whether each is on, and where that was said; switch one on with its config, off, or back.

What is said here wins over tajo.yaml, holds after a restart, and is taken up by every process within two seconds:
`docs/skills.md` tells how.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

from pydantic import ConfigDict, Field

from customer_sync import __version__
from customer_sync.api.installation import Installation
from customer_sync.api.paging import Answer, Body
from customer_sync.api.problem import Fault, invalid, not_found, shown
from customer_sync.base.log import get
from customer_sync.brevo.webhooks import SOURCE as BREVO_SOURCE
from customer_sync.config import ConfigFaults, Known, Settings, SkillSettings, skill_settings
from customer_sync.config import Fault as Wrong
from customer_sync.model import Json
from customer_sync.operate.settings_book import settings_now
from customer_sync.registry import platforms
from customer_sync.skills.chosen import make_skills
from customer_sync.skills.found import BUILT_IN, definitions, found
from customer_sync.skills.needs import clashes_of, needs_of, unset_of
from customer_sync.store.skill_states import SkillWord

log = get(__name__)

#: How the reader of tajo.yaml names what may stand somewhere.
_CHOICES: Final = re.compile(r"Choices: (.+)\.$")
_PLACE: Final = re.compile(r"[^.\[\]]+")


class Skill(Answer):
    """One skill, as it is now."""

    name: str
    summary: str = Field(description="What it does.")
    resources: list[str] = Field(description="What it needs of a source beside customers.")
    origin: str = Field(description="`built-in`, the package that brings it, or the file in your folder of skills.")
    version: str | None = Field(description="Of the program, where the skill is built in; else null.")
    enabled: bool = Field(description="Whether it acts on events.")
    set_by: Literal["file", "api"] = Field(description="Who says so: tajo.yaml, or a call (which wins).")
    acts_on: list[str] = Field(description="The sources whose events it acts on.")
    lacking: list[str] = Field(description="What a source that it acts on does not give of what it needs.")
    config: dict[str, Any] = Field(description="Its own keys, as they are read; they win over those of a source.")
    warnings: list[str] = Field(description="What is allowed but wants a look.")


class SkillList(Answer):
    """Every skill, and those that cannot be used (skill → why, and what to do)."""

    items: list[Skill]
    broken: dict[str, str]


class SkillConfig(Body):
    """A skill's keys, as in tajo.yaml below `skills.<name>`; nothing keeps those that it had.

    Every key may be written in camelCase or in snake_case. They are read by the rules of the file.
    """

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "properties": {
                "source": {"type": ["string", "null"], "description": "The only source or platform it acts on."},
                "field_mapping": {
                    "type": "object",
                    "additionalProperties": {"type": ["string", "null"]},
                    "description": "Field → Brevo attribute; null leaves a field out.",
                },
                "options": {
                    "type": "object",
                    "description": "sync_mode, delete_behavior, list_id, update_enabled, first_sync.",
                },
                "debug": {"type": "boolean"},
                "log_level": {"type": ["string", "null"]},
            },
            "examples": [
                {
                    "source": "shopify",
                    "field_mapping": {"email": "email", "firstName": "FIRSTNAME"},
                    "options": {"sync_mode": "realtime", "list_id": 5},
                }
            ],
        },
    )


def list_skills(tajo: Installation) -> SkillList:
    """Return every skill."""
    settings = _settings(tajo)
    made = make_skills(settings, of_all=BREVO_SOURCE)
    broken = {name: f"{why.rstrip('.')}. {made.mends[name]}" for name, why in made.broken.items()}
    return SkillList(items=[_told(settings, name) for name in settings.skills], broken=broken)


def show_skill(tajo: Installation, name: str) -> Skill:
    """Return one skill.

    Raises:
        Problem: there is none of this name.
    """
    settings = _settings(tajo)
    need_skill(settings, name)
    return _told(settings, name)


def enable_skill(tajo: Installation, name: str, body: SkillConfig) -> Skill:
    """Switch a skill on, with these keys or those that it has.

    Raises:
        Problem: there is no such skill, or with everything that is wrong with the keys.
    """
    config: dict[str, Json] = dict(body.model_extra or {})
    settings = _settings(tajo)
    need_skill(settings, name)
    warnings: list[str] = []
    if config:
        known = Known((*settings.all_sources, *settings.disabled, *settings.unserved), platforms())
        try:
            skill_settings(name, config, definitions(settings.skills_folder)[name], known, warnings)
        except ConfigFaults as error:
            raise invalid(*faults_of(error.faults, f"skills.{name}", config), remedy=_REMEDY) from None
    told = _say(tajo, name, "enabled", config or None, [_plain(one, name) for one in warnings])
    if config:
        told.warnings += _fallen(_config(settings.skills[name]), told.config)
    clashes = clashes_of(tajo.settings, definitions(settings.skills_folder)[name])
    told.warnings += [f"{source}: {sentence}" for source, sentence in clashes.items()]
    return told


def disable_skill(tajo: Installation, name: str) -> Skill:
    """Switch a skill off; it keeps its keys.

    Raises:
        Problem: there is no such skill.
    """
    need_skill(_settings(tajo), name)
    return _say(tajo, name, "disabled")


def reset_skill(tajo: Installation, name: str) -> Skill:
    """Let tajo.yaml say again whether a skill is on, and with which keys.

    Raises:
        Problem: there is no such skill.
    """
    need_skill(_settings(tajo), name)
    return _say(tajo, name, "file")


def need_skill(settings: Settings, name: str) -> None:
    """Return where there is a skill of a name.

    Raises:
        Problem: there is none; told are those that there are.
    """
    if name in settings.skills:
        return
    there = f"There are: {', '.join(settings.skills)}."
    made = make_skills(settings, of_all=BREVO_SOURCE)
    if name in made.broken:
        raise not_found(f"The skill {name} cannot be used: {made.broken[name]}.", made.mends[name])
    raise not_found("There is no such skill.", there)


def faults_of(faults: Iterable[Wrong], above: str, body: Json) -> list[Fault]:
    """Return what the reader of tajo.yaml found wrong in a body, with the path in the body.

    Args:
        faults: what it found.
        above: the path of the body itself.
        body: what was read.
    """
    found = []
    for one in faults:
        path = one.path.removeprefix(above).removeprefix(".")
        choices = _CHOICES.search(one.remedy)
        told = f"{one.found[:1].upper()}{one.found[1:]}. {one.remedy}"
        listed = choices[1].split(", ") if choices else None
        found.append(Fault(path=path, detail=told, found=shown(path, _at(body, path)), choices=listed))
    return found


#: What it does that a key is gone.
_LEAVES_ANY: Final = "`enable` replaces all keys; give it again to keep it"
_LEAVES: Final = {
    "options.list_ids": "nobody is on a list of ours any more, but a source's own; give it again to keep it",
    "source": "the skill acts on every source; give it again to keep it",
}

_REMEDY: Final = "docs/settings.md lists the keys of all skills, the page of the skill its own; nothing was changed."


def _say(
    tajo: Installation,
    name: str,
    word: SkillWord,
    config: Mapping[str, Json] | None = None,
    warnings: Iterable[str] = (),
) -> Skill:
    was_on = _settings(tajo).skills[name].enabled
    tajo.store().skill_states.say(name, word, config)
    log.info("skill set", skill=name, word=word, by=tajo.by)
    tajo.hear_of_skills()
    return _told(tajo.settings, name, [*warnings, *_lost(tajo.settings, name, was_on=was_on)])


def _lost(settings: Settings, name: str, *, was_on: bool) -> list[str]:
    """Return what is lost by a switch that was turned now."""
    definition, is_on = definitions(settings.skills_folder)[name], settings.skills[name].enabled
    sentence = definition.told_on if is_on else definition.told_off
    return [sentence] if sentence and is_on != was_on else []


def _settings(tajo: Installation) -> Settings:
    """Return the settings with the newest words, which this process may not have heard of yet."""
    return settings_now(tajo.settings, tajo.store().skill_states)


def _told(settings: Settings, name: str, warnings: Iterable[str] = ()) -> Skill:
    skill, there = settings.skills[name], found(settings.skills_folder)
    definition, origin, files = there.definitions[name], there.origins[name], settings.file_skills
    return Skill(
        name=name,
        summary=definition.summary,
        resources=[*definition.resources],
        origin=origin,
        version=__version__ if origin == BUILT_IN else None,
        enabled=skill.enabled,
        set_by="file" if files is None or files[name] is skill else "api",
        acts_on=[one for one in settings.all_sources if settings.applies(name, one)],
        lacking=[*needs_of(settings, definition).lacking],
        config=_config(skill),
        warnings=[*warnings, *(unset_of(settings, definition) if skill.enabled else ())],
    )


def _config(skill: SkillSettings) -> dict[str, Json]:
    options: dict[str, Json] = {
        key: [*one] if isinstance(one, tuple) else one for key, one in sorted(skill.options.items())
    }
    return {
        "source": skill.source,
        "field_mapping": dict(skill.field_mapping),
        "options": options,
        "debug": skill.debug,
        "log_level": skill.log_level,
        **skill.extra,
    }


def _fallen(before: Mapping[str, Json], after: Mapping[str, Json]) -> list[str]:
    """Return which keys that said something are gone, each with what that does."""
    kept = {path for path, _ in _said(after)}
    return [
        f"{path} {_shown(value)} falls away: {_LEAVES.get(path, _LEAVES_ANY)}."
        for path, value in _said(before)
        if path not in kept
    ]


def _shown(value: Json) -> str:
    """Return a value as it stands in tajo.yaml."""
    if isinstance(value, list):
        return ", ".join(map(_shown, value))
    return value if isinstance(value, str) else json.dumps(value)


def _said(config: Mapping[str, Json], above: str = "") -> Iterable[tuple[str, Json]]:
    """Yield the keys that say something, with their path; null leaves a field out, which is said too."""
    for key, value in config.items():
        if isinstance(value, dict):
            yield from _said(value, f"{above}{key}.")
        elif value not in (False, "", []) and (value is not None or above):
            yield above + key, value


def _plain(warning: str, name: str) -> str:
    """Return a warning without the file that it was not read from."""
    return warning.removeprefix("request: ").removeprefix(f"skills.{name}.").removeprefix(f"skills.{name}: ")


def _at(body: Json, path: str) -> Json:
    """Return what stands at a path of a body, None where nothing does."""
    here = body
    for part in _PLACE.findall(path):
        if isinstance(here, dict):
            here = here.get(part)
        elif isinstance(here, list) and part.isdecimal() and int(part) < len(here):
            here = here[int(part)]
        else:
            return None
    return here
