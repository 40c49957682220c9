"""Reads `skills:`. Which skills there are comes from outside, and each checks the keys that are its own."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from customer_sync.config import values
from customer_sync.config.document import MAX_DEPTH, Items, Node, Table, Text, from_json
from customer_sync.config.faults import ConfigFaults, Fault, choose, near
from customer_sync.config.keys import SKILL_KEYS
from customer_sync.config.reader import MISPLACED_OPTIONS, Reader, snake_case
from customer_sync.config.settings import CUSTOM, SkillSettings
from customer_sync.model import Json

#: Platforms that people ask for and that are not here.
_HINTS: Final = dict.fromkeys(("prestashop", "segment"), "This version has no such platform yet.")


class OwnFault(Protocol):
    """What is wrong with one of a skill's own keys."""

    @property
    def path(self) -> str:
        """Where, below the skill's name, as `sequence.0.delay`."""
        ...

    @property
    def found(self) -> str:
        """What was found."""
        ...

    @property
    def remedy(self) -> str:
        """What is allowed, and what to do."""
        ...


class Described(Protocol):
    """What the config must know of a skill."""

    @property
    def is_on(self) -> bool:
        """Whether it is enabled where the file does not mention it."""
        ...

    @property
    def check(self) -> Callable[[Mapping[str, Json]], Sequence[OwnFault]]:
        """Returns the faults of the skill's own keys, all of them."""
        ...


@dataclass(frozen=True, slots=True)
class Skills:
    """The skills there are.

    Args:
        definitions: skill → what the config must know of it.
        broken: skill → why it cannot be loaded.
    """

    definitions: Mapping[str, Described]
    broken: Mapping[str, str] = field(default_factory=dict)


class CheckFailed(Exception):
    """A skill's check of its own keys has a fault: the skill cannot be used.

    Args:
        error: what it raised.
    """

    def __init__(self, error: Exception) -> None:
        super().__init__(f"its check of its keys has a fault: {type(error).__name__}")


@dataclass(slots=True)
class SkillsRead:
    """What `skills:` says.

    Args:
        settings: every skill that can be used, also those the file does not mention.
        unserved: those that the file enables and that cannot be used: the others go on without them.
    """

    settings: dict[str, SkillSettings] = field(default_factory=dict)
    unserved: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class SkillReader:
    """Reads the table below `skills:`.

    Args:
        reader: takes the faults.
        there: the skills there are.
        sources: the names of the configured sources, disabled ones too.
        platforms: the platforms there are.
    """

    reader: Reader
    there: Skills
    sources: Collection[str]
    platforms: Collection[str]

    def read(self, node: Node | None) -> SkillsRead:
        """Return every skill."""
        there, found = self.there.definitions, SkillsRead()
        found.settings = {name: SkillSettings(name, one.is_on) for name, one in there.items()}
        for name, child in self.reader.entries(node, "a skill's name and its keys below it").items():
            if name in there:
                self._read(found, name, child)
            elif name in self.there.broken:
                self._leave_out(found, name, child, self.there.broken[name])
            else:
                self.reader.fault(child, "no such skill", choose(name, there))
                if meant := near(name, there):
                    self._read(SkillsRead(), meant, child)
        return found

    def _read(self, found: SkillsRead, name: str, node: Node) -> None:
        try:
            skill = read_skill(self.reader, name, node, self.there.definitions[name])
        except CheckFailed as failed:
            self._leave_out(found, name, node, str(failed))
            return
        found.settings[name] = skill
        _check_source(self.reader, node, skill.source, self.sources, self.platforms)

    def _leave_out(self, found: SkillsRead, name: str, node: Node, why: str) -> None:
        found.settings.pop(name, None)
        enabled = self.reader.children(node).get("enabled")
        if enabled is None or self.reader.value(enabled, values.truth):
            found.unserved.append(name)
            told = f"this skill cannot be loaded ({why}): it does nothing, the others go on."
            self.reader.warn(node, f"{told} `tajo doctor` says what to do.")


class Known(NamedTuple):
    """What a skill's `source:` may name.

    Args:
        sources: the names of the configured sources, disabled ones too.
        platforms: the platforms there are.
    """

    sources: Collection[str]
    platforms: Collection[str]


def skill_settings(
    name: str,
    config: Json,
    definition: Described,
    known: Known | None = None,
    warnings: list[str] | None = None,
) -> SkillSettings:
    """Return a skill as the API or the client describes it, by the rules of the file; `${...}` means nothing here.

    Two things the file alone decides: whether nobody's consent is asked for (`missing_consent: granted`), and, by
    another call, whether the skill is on.

    Args:
        name: the skill.
        config: its keys.
        definition: what the config must know of it.
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
    try:
        skill = read_skill(reader, name, node, definition)
    except CheckFailed as failed:
        remedy = "Mend the skill, then say it again."
        raise ConfigFaults([Fault(reader.file, None, f"skills.{name}", str(failed), remedy)]) from failed
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


def read_skill(reader: Reader, name: str, node: Node, definition: Described) -> SkillSettings:
    """Return one skill as its table says.

    Raises:
        CheckFailed: the skill cannot tell whether its own keys are right.
    """
    entries = reader.children(node)
    taken = reader.take(entries, SKILL_KEYS)
    options = reader.options(taken.pop("options", None))
    if "update_enabled" in taken:
        options.setdefault("update_enabled", taken.pop("update_enabled"))
    mapping = reader.field_mapping(taken.pop("field_mapping", None))
    extra = _own(reader, node, entries, definition)
    reader.refuse(entries, [key.name for key in SKILL_KEYS], MISPLACED_OPTIONS)
    return SkillSettings(name, **{"enabled": True, **taken}, field_mapping=mapping, options=options, extra=extra)


def _own(reader: Reader, node: Node, entries: dict[str, Node], definition: Described) -> Mapping[str, Json]:
    """Take the skill's own keys, and note what is wrong with them.

    What looks like a slip of a common key stays in the entries.
    """
    common = [key.name for key in SKILL_KEYS]
    names = [name for name in entries if name not in MISPLACED_OPTIONS and near(name, common, closeness=0.8) is None]
    nodes = {name: entries.pop(name) for name in names}
    before = len(reader.faults)
    own = {name: reader.value(one, values.anything) for name, one in nodes.items()}
    if len(reader.faults) > before:
        return own  # a variable that is not set: what it would say cannot be checked
    try:
        faults = [*definition.check(own)]
    except Exception as error:
        raise CheckFailed(error) from error
    for fault in faults:
        reader.fault(_place(node, nodes, fault.path), fault.found, fault.remedy)
    return own


def _place(node: Node, nodes: Mapping[str, Node], path: str) -> Node:
    """Return the node at a path below a skill; of a key that is not there its place in the nearest table."""
    first, *rest = path.split(".")
    here = nodes.get(first) or nodes.get(snake_case(first))
    if here is None:
        return Text(f"{node.path}.{path}", node.line, "")
    for index, part in enumerate(rest):
        below = _below(here, part)
        if below is None:
            return Text(f"{here.path}.{'.'.join(rest[index:])}", here.line, "")
        here = below
    return here


def _below(node: Node, part: str) -> Node | None:
    if isinstance(node, Items):
        return node.items[int(part)] if part.isdecimal() and int(part) < len(node.items) else None
    if not isinstance(node, Table):
        return None
    by_name = {snake_case(written): child for written, child in node.entries.items()}
    return node.entries.get(part) or by_name.get(snake_case(part))


def _check_source(
    reader: Reader, node: Node, source: str | None, sources: Collection[str], platforms: Collection[str]
) -> None:
    if source is None or source == CUSTOM or source in sources:
        return
    where = reader.children(node)["source"]
    if source in platforms:
        reader.warn(where, f"no {source} is configured under connectors: (yet).")
    else:
        remedy = choose(source, sorted({*sources, *platforms, CUSTOM}))
        hint = _HINTS.get(source.lower())
        reader.fault(where, values.shown(where), f"{hint} {remedy}" if hint else remedy)
