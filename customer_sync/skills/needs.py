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


def wanted_of(settings: Settings, source: str) -> tuple[str, ...]:
    """Return what of a source the skills that are on want: customers, and what else they need; `sync:` allows it."""
    wanted = {"customers"} | {
        resource
        for skill in definitions(settings.skills_folder).values()
        if settings.applies(skill.name, source)
        for resource in skill.resources
    }
    return tuple(resource for resource in ORDER if resource in wanted and settings.syncs(source, resource))


#: The order in which resources are read: orders name products, and both name customers.
ORDER = ("customers", "products", "orders", "carts")
