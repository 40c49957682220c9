"""What a skill needs of its sources, and what of that they do not give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from customer_sync.config import Settings
from customer_sync.registry import platforms
from customer_sync.series.reading import snake
from customer_sync.skills.definition import Definition
from customer_sync.skills.found import definitions


class Needs(NamedTuple):
    """What the sources give of what a skill needs.

    Args:
        given: resource → the sources that give it.
        lacking: one sentence for each source and resource that it does not give.
    """

    given: Mapping[str, tuple[str, ...]]
    lacking: tuple[str, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """What no source gives: without it the skill does nothing of its work that depends on it."""
        return tuple(resource for resource, sources in self.given.items() if not sources)


def needs_of(settings: Settings, skill: Definition) -> Needs:
    """Return what a skill needs, and which of the sources that it acts on give it."""
    given: dict[str, list[str]] = {resource: [] for resource in skill.resources}
    lacking = []
    for source in (name for name in settings.sources if settings.applies(skill.name, name)):
        connector = platforms().get(settings.sources[source].platform)
        for resource in skill.resources:
            if connector is None or resource not in connector.resources:
                title = connector.title if connector else settings.sources[source].platform
                lacking.append(f"{source} gives no {resource}: {title} tells of none.")
            elif settings.leaves_out(source, resource):
                lacking.append(f"{source} gives no {resource}: connectors.{source}.sync switches them off.")
            else:
                given[resource].append(source)
    return Needs({resource: tuple(sources) for resource, sources in given.items()}, tuple(lacking))


def clashes_of(settings: Settings, skill: Definition) -> Mapping[str, str]:
    """Return source → what its platform does by itself that this skill does too, and where to turn it off.

    Nothing where an operator says that this was done: nobody else can see it.
    """
    said = settings.skills.get(skill.name)
    own = {} if said is None else {snake(name): value for name, value in said.extra.items()}
    if said is None or not said.enabled or own.get(skill.settles) is True:
        return {}
    found = {}
    for source in (name for name in settings.sources if settings.applies(skill.name, name)):
        connector = platforms().get(settings.sources[source].platform)
        if connector is not None and skill.name in connector.clashes:
            found[source] = connector.clashes[skill.name]
    return found


def unset_of(settings: Settings, skill: Definition) -> tuple[str, ...]:
    """Return what is wrong with the own keys of a skill, one sentence each.

    Faults of a file are refused when it is read; left are keys that a skill needs and that nobody has written yet.
    """
    try:
        faults = skill.check(settings.skills[skill.name].extra)
    except Exception as error:  # noqa: BLE001 - it may be others' code: whatever it does, the other skills go on
        return (f"its check of its keys has a fault: {type(error).__name__}.",)
    return tuple(f"{one.path}: {one.found}. {one.remedy}" for one in faults)


def templates_of(settings: Settings) -> Mapping[int, tuple[str, ...]]:
    """Return template in Brevo → the skills that are on and use it, by number."""
    used: dict[int, list[str]] = {}
    there = definitions(settings.skills_folder)
    for name, skill in settings.skills.items():
        if skill.enabled and name in there and not unset_of(settings, there[name]):
            for number in there[name].templates(skill.extra):
                used.setdefault(number, []).append(name)
    return {number: tuple(names) for number, names in sorted(used.items())}


def pulled_of(settings: Settings, source: str) -> tuple[str, ...]:
    """Return what runs read of a source, in their order.

    That is customers, and what the skills that are on need beside, as far as the `sync:` of the source allows it and
    its connector can be pulled for it.
    """
    connector = platforms().get(settings.sources[source].platform) if source in settings.sources else None
    wanted = {"customers"} | {
        resource
        for skill in definitions(settings.skills_folder).values()
        if settings.applies(skill.name, source)
        for resource in skill.resources
    }
    can = connector.pulls if connector is not None else ()
    return tuple(one for one in ORDER if one in wanted and one in can and settings.syncs(source, one))


#: The order in which resources are read: orders name customers and products.
ORDER = ("customers", "products", "orders", "carts")
