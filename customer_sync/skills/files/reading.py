"""Reads a skill file: its frontmatter becomes a `SkillFile`, or all faults at once, with line, path and remedy."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final

from customer_sync.base.duration import EXAMPLE, read_duration
from customer_sync.config.document import Items, Node, Table, Text, parse, shape
from customer_sync.config.faults import Fault, Wrong, choose
from customer_sync.config.reader import Reader
from customer_sync.config.values import Env, anything, cron, is_empty, shown, text, whole
from customer_sync.model import Json, Kind
from customer_sync.series.reading import zone
from customer_sync.skills.files import templates
from customer_sync.skills.files.conditions import (
    OF_CUSTOMERS,
    SOURCE,
    SUBJECTS,
    TIME_SINCE,
    Condition,
    Form,
    read_condition,
)
from customer_sync.skills.files.form import (
    ACTIONS,
    CATEGORIES,
    CREATE,
    DELETE,
    EVENTS,
    FOLLOWS,
    MAIL,
    PERMISSIONS,
    STATUSES,
    TRACK,
    UPDATE,
    WAITING,
    Action,
    SkillFile,
    Timer,
    Trigger,
)

#: How long a file may be, in characters.
LONGEST: Final = 200_000
_FENCE: Final = re.compile(r"\ufeff?---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(?:\r?\n|$)", re.DOTALL)
_NAME: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_VERSION: Final = re.compile(r"\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?", re.ASCII)
_EVENT_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,255}", re.ASCII)
_ATTRIBUTE: Final = re.compile(r"[A-Za-z0-9_]{1,100}", re.ASCII)
_MOST_DESCRIPTION: Final = 160
_REQUIRED: Final = ("name", "version", "description", "category", "triggers", "actions")
_LISTS: Final = ("brevoEndpoints", "relatedSkills")
_KEYS: Final = (*_REQUIRED, "status", "permissions", *_LISTS, "featured")
_TRIGGER_KEYS: Final = ("event", "conditions", "debounce")
_TIMER_KEYS: Final = ("schedule", "timezone", "conditions")
#: Action → its own keys, and those of them that it must have.
_TERMS: Final[Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    CREATE: (("attributes",), ()),
    UPDATE: (("attributes",), ()),
    DELETE: ((), ()),
    MAIL: (("template_id", "to", "subject", "params"), ("template_id",)),
    TRACK: (("event", "properties"), ("event",)),
}
#: What the documents name, and this version does not do → what to do instead.
_ABSENT: Final = {
    "brevo/send-whatsapp": "This version sends no WhatsApp. Remove the action.",
    "agent_request": "This version has no agents: `tajo skills trigger` starts a skill by hand.",
}


def read_skill_file(content: str, file: str, taken: Sequence[str] = ()) -> tuple[SkillFile | None, list[Fault]]:
    """Return what a skill file says, None where it has faults; and its faults.

    Args:
        content: the file's text.
        file: its name, for the faults.
        taken: the names that other skills have.
    """
    reader = Reader(file, {})
    found = _FENCE.match(content) if len(content) <= LONGEST else None
    if found is None:
        why = "no frontmatter" if len(content) <= LONGEST else f"more than {LONGEST:,} characters"
        return None, [Fault(file, 1, "", why, "Begin the file with ---, the keys of the skill, and --- again.")]
    table = parse("\n" + found[1], file, reader.faults)
    if reader.faults:
        return None, reader.faults
    entries = reader.entries(table)
    for name in _REQUIRED:
        if name not in entries or is_empty(entries[name]):
            reader.faults.append(Fault(file, 1, name, "the key is missing", f"Write {name}: in the frontmatter."))
    reader.refuse({name: node for name, node in entries.items() if name not in _KEYS}, _KEYS)
    skill = _Reading(reader, entries, taken).skill()
    return (None if reader.faults else skill), sorted(reader.faults, key=lambda one: one.line or 0)


class _Reading:
    def __init__(self, reader: Reader, entries: Mapping[str, Node], taken: Sequence[str]) -> None:
        self._reader = reader
        self._entries = entries
        self._taken = taken

    def skill(self) -> SkillFile:
        word = self._word
        permissions = tuple(self._words("permissions", PERMISSIONS))
        for name in _LISTS:
            self._words(name, ())
        if "featured" in self._entries:
            self._reader.value(self._entries["featured"], _truth)
        starts = self._starts()
        triggers = tuple(one for one in starts if isinstance(one, Trigger))
        timers = tuple(one for one in starts if isinstance(one, Timer))
        kinds = frozenset(one.event for one in triggers)
        actions = tuple(self._actions(kinds, permissions, is_timed=bool(timers)))
        self._say_of_useless_waits(triggers, actions)
        return SkillFile(
            name=word("name", partial(_name, self._taken)),
            version=word("version", partial(_like, _VERSION, "Write three numbers, such as 1.0.0.")),
            description=word("description", _description),
            category=word("category", partial(_one_of, CATEGORIES)),
            status=word("status", partial(_one_of, STATUSES)) or "stable",
            triggers=triggers,
            actions=actions,
            permissions=permissions,
            timers=timers,
        )

    def _word(self, name: str, read: Callable[[Node, Env], str]) -> str:
        node = self._entries.get(name)
        return "" if node is None or is_empty(node) else self._reader.value(node, read) or ""

    def _words(self, name: str, choices: Sequence[str]) -> list[str]:
        found = []
        for node in self._items(self._entries.get(name), "- one to a line"):
            word = self._reader.value(node, text)
            if word and choices and word not in choices:
                self._reader.fault(node, shown(node), choose(word, choices))
            elif word:
                found.append(word)
        return found

    def _items(self, node: Node | None, example: str) -> list[Node]:
        if node is None or is_empty(node):
            return []
        if isinstance(node, Items):
            return node.items
        self._reader.fault(node, f"expected a list, found {shape(node)}", f"Write {example}.")
        return []

    def _starts(self) -> list[Trigger | Timer]:
        found: list[Trigger | Timer | None] = []
        for node in self._items(self._entries.get("triggers"), "- event: order_placed"):
            entries = self._reader.entries(node, "event: order_placed")
            is_timer = "event" not in entries and not entries.keys().isdisjoint({"schedule", "timezone"})
            allowed = _TIMER_KEYS if is_timer else _TRIGGER_KEYS
            self._reader.refuse({name: child for name, child in entries.items() if name not in allowed}, allowed)
            found.append(self._timer(node, entries) if is_timer else self._trigger(node, entries))
        return [one for one in found if one is not None]

    def _trigger(self, node: Node, entries: Mapping[str, Node]) -> Trigger | None:
        kind = self._event(node, entries)
        conditions = self._conditions(entries.get("conditions"), kind)
        debounce = entries.get("debounce")
        wait_s = (self._reader.value(debounce, _duration) or 0) if debounce else 0
        waits = [int(str(one.value)) for one in conditions if one.name == TIME_SINCE]
        told = tuple(one for one in conditions if one.name != TIME_SINCE)
        return None if kind is None else Trigger(kind, told, max([wait_s, *waits]))

    def _timer(self, node: Node, entries: Mapping[str, Node]) -> Timer | None:
        at, place = entries.get("schedule"), entries.get("timezone")
        if at is None:
            self._reader.fault(node, "a timezone without a schedule", 'Write schedule: "0 9 * * *" beside it.')
            return None
        line = self._reader.value(at, _times)
        where = "UTC" if place is None else self._reader.value(place, _zone)
        faults = len(self._reader.faults)
        conditions = tuple(self._of_customers(entries.get("conditions")))
        if all(one.name == SOURCE for one in conditions) and len(self._reader.faults) == faults:
            remedy = 'Say who is meant by one of them at least, such as total_orders: ">= 1".'
            names = ", ".join(name for name in OF_CUSTOMERS if name != SOURCE)
            self._reader.fault(node, f"a schedule for everybody: none of {names}", remedy)
        return Timer(line, where, conditions) if line and where else None

    def _of_customers(self, node: Node | None) -> Iterator[Condition]:
        for name, child in self._named(node, 'total_orders: ">= 1"'):
            form = OF_CUSTOMERS.get(name)
            if form is None:
                self._reader.fault(child, "no such condition of a schedule", choose(name, list(OF_CUSTOMERS)))
                continue
            one = self._reader.value(child, partial(_condition, name, form))
            if one is not None:
                yield one

    def _named(self, node: Node | None, example: str) -> Iterator[tuple[str, Node]]:
        """Yield conditions; the documents write a list of tables with one key each, one table says the same."""
        for table in [node] if isinstance(node, Table) else self._items(node, f"- {example}"):
            yield from self._reader.entries(table, example).items()

    def _event(self, trigger: Node, entries: Mapping[str, Node]) -> Kind | None:
        node = entries.get("event")
        if node is None:
            if isinstance(trigger, Table):
                self._reader.fault(trigger, "a trigger without an event", choose("", list(map(str, EVENTS))))
            return None
        word = self._reader.value(node, text)
        if word in _ABSENT:
            self._reader.fault(node, shown(node), _ABSENT[word])
            return None
        if word not in list(map(str, EVENTS)):
            self._reader.fault(node, shown(node), choose(word or "", list(map(str, EVENTS))))
            return None
        return Kind(word)

    def _conditions(self, node: Node | None, kind: Kind | None) -> list[Condition]:
        found = []
        for name, child in self._named(node, 'cart_value: "> 50"'):
            if name not in SUBJECTS:
                self._reader.fault(child, "no such condition", choose(name, list(SUBJECTS)))
                continue
            if kind is not None and kind not in SUBJECTS[name].kinds:
                known = ", ".join(str(one) for one in SUBJECTS[name].kinds if one in EVENTS)
                self._reader.fault(child, f"{kind} does not tell it", f"It can stand at {known}.")
                continue
            one = self._reader.value(child, partial(_condition, name, None))
            if one is not None:
                found.append(one)
        return found

    def _actions(self, kinds: frozenset[Kind], permissions: Sequence[str], *, is_timed: bool) -> list[Action]:
        found = []
        for node in self._items(self._entries.get("actions"), "- brevo/update-contact"):
            word, terms = self._action(node)
            if word is None:
                continue
            self._may(node, word, kinds, permissions)
            if is_timed and word not in WAITING:
                able = ", ".join(sorted(WAITING))
                self._reader.fault(node, f"{word} cannot follow a schedule", f"It can be followed by {able}.")
            found.append(Action(word, self._terms(node, word, terms, kinds)))
        return found

    def _action(self, node: Node) -> tuple[str | None, Node | None]:
        """Return an action's word and its own keys: `- brevo/send-email: {template_id: 101}`, or the word alone."""
        if isinstance(node, Text):
            word, terms = node.text.strip(), None
        elif isinstance(node, Table) and len(node.entries) == 1:
            word, terms = next(iter(node.entries.items()))
        else:
            self._reader.fault(node, f"found {shape(node)}", "Write - brevo/send-email: and its keys below it.")
            return None, None
        if word not in ACTIONS:
            self._reader.fault(node, f"found '{word[:60]}'", _ABSENT.get(word) or choose(word, list(ACTIONS)))
            return None, None
        return word, terms

    def _may(self, node: Node, word: str, kinds: frozenset[Kind], permissions: Sequence[str]) -> None:
        """Note what forbids an action: a permission that is not declared, an event that it cannot follow."""
        if ACTIONS[word] not in permissions:
            remedy = f"Add {ACTIONS[word]} to permissions:, or remove the action."
            self._reader.fault(node, f"{word} needs a permission that the file does not ask for", remedy)
        for kind in sorted(kinds - FOLLOWS[word]):
            able = ", ".join(sorted(map(str, FOLLOWS[word])))
            self._reader.fault(node, f"{word} cannot follow {kind}", f"It can follow {able}.")

    def _terms(self, node: Node, word: str, terms: Node | None, kinds: frozenset[Kind]) -> Mapping[str, Json]:
        entries = self._reader.entries(terms)
        known, needed = _TERMS[word]
        left = {name: child for name, child in entries.items() if name not in known}
        if known:
            self._reader.refuse(left, known)
        for child in () if known else left.values():
            self._reader.fault(child, "unknown key", f"{word} has no keys of its own: remove it.")
        for name in needed:
            if name not in entries:
                self._reader.fault(node, f"{word} without {name}", f"Write {name}: below it.")
        found: dict[str, Json] = {}
        for name in known:
            if name in entries:
                value = self._reader.value(entries[name], _READ[name])
                if value is not None:
                    self._check(entries[name], kinds)
                    found[name] = value
        return found

    def _check(self, node: Node, kinds: frozenset[Kind]) -> None:
        """Note what is wrong with the templates at a node or below it."""
        children = node.items if isinstance(node, Items) else node.entries.values() if isinstance(node, Table) else ()
        for child in children:
            self._check(child, kinds)
        if isinstance(node, Text):
            try:
                templates.check(node.text, kinds)
            except Wrong as wrong:
                self._reader.fault(node, wrong.found, wrong.remedy)

    def _say_of_useless_waits(self, triggers: Sequence[Trigger], actions: Sequence[Action]) -> None:
        waits = any(one.wait_s for one in triggers)
        if waits and actions and not any(one.word in WAITING for one in actions):
            node = self._entries["triggers"]
            remedy = "Contacts are sent as state, at once: remove debounce and time_since_activity."
            self._reader.fault(node, "a wait that no action knows", remedy)


def _truth(node: Node, env: Env) -> bool:
    word = text(node, env).lower()
    if word not in ("true", "false"):
        raise Wrong(shown(node), "Write true or false.")
    return word == "true"


def _name(taken: Sequence[str], node: Node, env: Env) -> str:
    word = text(node, env)
    if not _NAME.fullmatch(word) or len(word) > 60:
        raise Wrong(shown(node), "Write small letters, digits and hyphens, such as welcome-back.")
    if word in taken:
        raise Wrong(shown(node), "Another skill has this name: choose another one.")
    return word


def _like(form: re.Pattern[str], remedy: str, node: Node, env: Env) -> str:
    word = text(node, env)
    if not form.fullmatch(word):
        raise Wrong(shown(node), remedy)
    return word


def _description(node: Node, env: Env) -> str:
    word = text(node, env)
    if len(word) > _MOST_DESCRIPTION:
        raise Wrong(f"a text of {len(word)} characters", f"Write at most {_MOST_DESCRIPTION}.")
    return word


def _one_of(choices: Sequence[str], node: Node, env: Env) -> str:
    word = text(node, env)
    if word not in choices:
        raise Wrong(shown(node), choose(word, choices))
    return word


def _duration(node: Node, env: Env) -> int:
    seconds = read_duration(text(node, env))
    if seconds is None:
        raise Wrong(shown(node), f"Write a duration: {EXAMPLE}.")
    return seconds


def _condition(name: str, form: Form | None, node: Node, env: Env) -> Condition:
    return read_condition(name, text(node, env), form)


def _times(node: Node, env: Env) -> str:
    line = cron(node, env)
    if line is None:
        raise Wrong(shown(node), 'Write five cron fields, as "0 9 * * *"; `tajo skills disable` ends it.')
    return line


def _zone(node: Node, env: Env) -> str:
    return zone(text(node, env))


def _receiver(node: Node, env: Env) -> str:
    word = re.sub(r"\s", "", text(node, env))
    if word not in ("{{contact.email}}", "{{contact.EMAIL}}"):
        raise Wrong(shown(node), 'Mails go to the person alone: to: "{{ contact.email }}". Others get notices.')
    return "{{ contact.email }}"


def _table(node: Node, env: Env) -> Json:
    if not isinstance(node, Table):
        raise Wrong(f"expected a table, found {shape(node)}", "Write name: value in each line below it.")
    return anything(node, env)


def _attributes(node: Node, env: Env) -> Json:
    found = _table(node, env)
    names = list(found) if isinstance(found, dict) else []
    bad = [one for one in names if not _ATTRIBUTE.fullmatch(one) or one.upper() == "EMAIL"]
    if bad:
        raise Wrong(f"found '{bad[0][:60]}'", "Write the attribute's name as in Brevo, such as FIRSTNAME; never EMAIL.")
    return {name.upper(): value for name, value in found.items()} if isinstance(found, dict) else None


#: The keys of actions → how each is read.
_READ: Final[Mapping[str, Callable[[Node, Env], Json]]] = {
    "template_id": whole(1, 10**9),
    "to": _receiver,
    "subject": text,
    "params": _table,
    "attributes": _attributes,
    "event": partial(_like, _EVENT_NAME, "Write letters, digits, - and _ alone, such as cart_saved."),
    "properties": _table,
}
