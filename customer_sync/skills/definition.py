"""What a skill is to the engine: its name, its keys in the config, and how it is made. Each skill's file holds one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from customer_sync.config import Settings
from customer_sync.config.faults import choose
from customer_sync.config.keys import SKILL_KEYS
from customer_sync.model import Json
from customer_sync.skills import Steady


class KeyFault(NamedTuple):
    """What is wrong with one of a skill's own keys.

    Args:
        path: where, below the skill's name, as `sequence.0.delay`.
        found: what was found.
        remedy: what is allowed, and what to do.
    """

    path: str
    found: str
    remedy: str


Check = Callable[[Mapping[str, Json]], Sequence[KeyFault]]


def only(*names: str) -> Check:
    """Return a check that refuses every key but these, with the name that was probably meant."""
    choices = (*names, *(key.name for key in SKILL_KEYS))

    def check(keys: Mapping[str, Json]) -> Sequence[KeyFault]:
        return [KeyFault(name, "unknown key", choose(name, choices)) for name in keys if name not in names]

    return check


#: The check of a skill that has no keys of its own.
no_keys = only()


Templates = Callable[[Mapping[str, Json]], Sequence[int]]


def no_templates(_: Mapping[str, Json]) -> Sequence[int]:
    """Return no template: of a skill that sends no mails."""
    return ()


@dataclass(frozen=True, slots=True)
class Definition:
    """One skill. The module `customer_sync/skills/<name>.py`, or a package there, names it `SKILL`.

    Args:
        name: as in the config, in kebab-case.
        summary: what it does, in one sentence.
        make: makes it from the settings.
        check: returns the faults of its own keys, all of them.
        resources: what runs read for it, beside customers: orders, products, carts.
        modules: modules whose log lines belong to it, beside its own.
        is_on: whether it is enabled where the file does not mention it.
        settles: the key of its own that is true once an operator has turned off what platforms do by themselves, see
            `Connector.clashes`; "" where nothing clashes.
        templates: returns the numbers of the templates in Brevo that its mails use, from its own keys.
        told_on, told_off: what is lost for what happens at that time where it is switched on, and off; one sentence
            or two, "" where nothing is.
    """

    name: str
    summary: str
    make: Callable[[Settings], Steady]
    check: Check = no_keys
    resources: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    is_on: bool = False
    settles: str = ""
    templates: Templates = no_templates
    told_on: str = ""
    told_off: str = ""
