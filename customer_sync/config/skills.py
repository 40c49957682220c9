"""Reads `skills:`. The keys of `customer-sync` are fixed; the others keep their own keys as they are written."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

from customer_sync.config import values
from customer_sync.config.document import MAX_DEPTH, Node, from_json
from customer_sync.config.faults import ConfigFaults, Fault, choose, near
from customer_sync.config.keys import SKILL_KEYS, SKILLS
from customer_sync.config.reader import MISPLACED_OPTIONS, Reader
from customer_sync.config.settings import SkillSettings
from customer_sync.model import Json

#: The skill whose keys are all known here.
CUSTOMER_SYNC: Final = "customer-sync"
#: What the documents call a source or platform that is called otherwise here, or is not there yet.
_HINTS: Final = {
    "custom": "A source of your own is called api here.",
    **dict.fromkeys(
        ("magento", "prestashop", "salesforce", "hubspot", "stripe", "segment"),
        "This version has no such platform yet.",
    ),
}


def read_skills(
    reader: Reader, node: Node | None, sources: Collection[str], platforms: Collection[str]
) -> dict[str, SkillSettings]:
    """Return every skill, also those the file does not mention.

    Args:
        reader: takes the faults.
        node: the table below `skills:`.
        sources: the names of the configured sources, disabled ones too.
        platforms: the platforms there are.
    """
    skills = {name: SkillSettings(name, enabled) for name, enabled in SKILLS.items()}
    for name, child in reader.entries(node, "a skill's name and its keys below it").items():
        if name not in SKILLS:
            reader.fault(child, "no such skill", choose(name, SKILLS))
            if meant := near(name, SKILLS):
                read_skill(reader, meant, child)
            continue
        skills[name] = read_skill(reader, name, child)
        _check_source(reader, child, skills[name].source, sources, platforms)
    return skills


class Known(NamedTuple):
    """What a skill's `source:` may name.

    Args:
        sources: the names of the configured sources, disabled ones too.
        platforms: the platforms there are.
    """

    sources: Collection[str]
    platforms: Collection[str]


def skill_settings(
    name: str, config: Json, known: Known | None = None, warnings: list[str] | None = None
) -> SkillSettings:
    """Return a skill as the API or the client describes it, by the rules of the file; `${...}` means nothing here.

    Two things the file alone decides: whether nobody's consent is asked for (`missing_consent: granted`), and, by
    another call, whether the skill is on.

    Args:
        name: the skill.
        config: its keys.
        known: what `source:` may name; None: whatever it likes.
        warnings: takes what is allowed but wants a look.

    Raises:
        ConfigFaults: with every fault; they name the skill and the key.
    """
    reader = Reader("request", {})
    if _depth(config) > MAX_DEPTH:
        deep = Fault(reader.file, None, f"skills.{name}", "nested without end", f"Nest at most {MAX_DEPTH} levels.")
        raise ConfigFaults([deep])
    node = from_json(config, f"skills.{name}")
    if name not in SKILLS:
        reader.fault(node, "no such skill", choose(name, SKILLS))
    skill = read_skill(reader, name, node)
    if known is not None:
        _check_source(reader, node, skill.source, known.sources, known.platforms)
    _refuse_what_only_the_file_says(reader, node, skill)
    if reader.faults:
        raise ConfigFaults(reader.faults)
    if warnings is not None:
        warnings += reader.warnings
    return skill


def _refuse_what_only_the_file_says(reader: Reader, node: Node, skill: SkillSettings) -> None:
    entries = reader.children(node)
    if not skill.enabled:
        reader.fault(entries["enabled"], values.shown(entries["enabled"]), "Leave it out, or disable the skill.")
    if skill.options.get("missing_consent") == "granted":
        options = reader.children(entries["options"])
        remedy = "Only tajo.yaml may say this: people who were never asked would be mailed. Write unknown here."
        reader.fault(options["missing_consent"], values.shown(options["missing_consent"]), remedy)


def _depth(value: Json) -> int:
    """Return how deep a JSON value is, without going deeper in calls; more than too deep is not counted."""
    level: list[Json] = [value]
    for depth in range(MAX_DEPTH + 2):
        level = [
            child
            for one in level
            for child in (one.values() if isinstance(one, dict) else one if isinstance(one, list) else ())
        ]
        if not level:
            return depth
    return MAX_DEPTH + 2


def read_skill(reader: Reader, name: str, node: Node) -> SkillSettings:
    """Return one skill as its table says."""
    entries = reader.children(node)
    taken = reader.take(entries, SKILL_KEYS)
    options = reader.options(taken.pop("options", None))
    if "update_enabled" in taken:
        options.setdefault("update_enabled", taken.pop("update_enabled"))
    mapping = reader.field_mapping(taken.pop("field_mapping", None))
    extra = _extra(reader, entries) if name != CUSTOMER_SYNC else {}
    reader.refuse(entries, [key.name for key in SKILL_KEYS], MISPLACED_OPTIONS)
    return SkillSettings(name, **{"enabled": True, **taken}, field_mapping=mapping, options=options, extra=extra)


def _extra(reader: Reader, entries: dict[str, Node]) -> Mapping[str, Json]:
    """Take the skill's own keys; what looks like a slip of a common key stays in the entries."""
    common = [key.name for key in SKILL_KEYS]
    own = [name for name in entries if name not in MISPLACED_OPTIONS and near(name, common, closeness=0.8) is None]
    return {name: reader.value(entries.pop(name), values.anything) for name in own}


def _check_source(
    reader: Reader, node: Node, source: str | None, sources: Collection[str], platforms: Collection[str]
) -> None:
    if source is None or source in sources:
        return
    where = reader.children(node)["source"]
    if source in platforms:
        reader.warn(where, f"no {source} is configured under connectors: (yet).")
    else:
        remedy = choose(source, sorted({*sources, *platforms}))
        hint = _HINTS.get(source.lower())
        reader.fault(where, values.shown(where), f"{hint} {remedy}" if hint else remedy)
