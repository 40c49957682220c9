"""A skill as the settings want it: for which sources and resources it acts, and how much it logs.

A fault in a skill costs the event its part of that skill alone: the request is parked, the other skills go on.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from secrets import token_hex
from typing import Final

from customer_sync.base.log import configure, get, place
from customer_sync.config import Settings
from customer_sync.config.keys import RESOURCES
from customer_sync.engine.plan import Erase, Says, Step
from customer_sync.errors import MappingError
from customer_sync.model import ConsentState, Event, Json, Kind
from customer_sync.skills import Intent, Steady
from customer_sync.skills.found import definitions, found, mend

#: Kinds that withdraw as they are.
_ENDS: Final = frozenset({Kind.CUSTOMER_DELETED, Kind.CUSTOMER_ERASED})
#: What the name of a kind begins with → the resource that it is of, which the `sync:` of a source may switch off.
_RESOURCES: Final = {"customer_": "customers", "consent_": "customers", "order_": "orders"} | {
    "product_": "products",
    "cart_": "carts",
}


class Chosen:
    """A skill that acts only on the sources it is enabled for.

    Args:
        skill: the skill.
        settings: say for which sources.
        of_all: a source whose events concern all of them.
        is_always: whether it hears that source where it is off, too, and what withdraws: that is heard in any case.
    """

    def __init__(self, skill: Steady, settings: Settings, *, of_all: str, is_always: bool = True) -> None:
        self.name = skill.name
        self._skill, self._settings, self._of_all, self._is_always = skill, settings, of_all, is_always
        self._log = get(type(skill).__module__)

    def intent(self, event: Event) -> Intent:
        """Return what the skill makes of the event; where it must not hear of that, what withdraws alone.

        Raises:
            MappingError: see `Skill.intent`.
        """
        why = self._why_not(event)
        if why:
            self._log.debug("left alone", source=event.source, kind=str(event.kind), why=why)
            return self._withdrawing(event)
        intent = self._intent(event)
        if self._log.tells_all:
            self._tell(event, intent)
        return intent

    def _why_not(self, event: Event) -> str:
        """Return why the skill must not hear of an event, "" where it may."""
        if event.source == self._of_all:
            said = self._settings.skills.get(self.name)
            return "" if self._is_always or (said is not None and said.enabled) else "it is off"
        if not self._settings.applies(self.name, event.source):
            return "not enabled for this source"
        resource = resource_of(event.kind)
        is_off = bool(resource) and self._settings.leaves_out(event.source, resource)
        return f"sync.{resource} of this source is off" if is_off else ""

    def _intent(self, event: Event) -> Intent:
        try:
            return self._skill.intent(event)
        except MappingError:
            raise
        except Exception as error:  # noqa: BLE001 - it may be others' code: whatever it does, the other skills go on
            # the error's text may hold what was sent: only its name and place are told
            told = {"skill": self.name, "kind": str(event.kind), "error": type(error).__name__, "place": place(error)}
            self._log.error("skill has a fault", **told)  # no traceback, for the reason above
            reason, remedy = f"a fault in the skill {self.name}: {type(error).__name__}", "Mend the skill, then replay."
            return Intent(fault=MappingError("$", reason, remedy))

    def _withdrawing(self, event: Event) -> Intent:
        """Return what an event withdraws of people who are known: nothing that withdraws waits for a skill to be on."""
        if not self._is_always:
            return Intent()
        withdrawn = tuple(one for one in event.consents if one.state is ConsentState.WITHDRAWN)
        if not withdrawn and event.kind not in _ENDS:
            return Intent()
        try:
            intent = self._intent(replace(event, consents=withdrawn))
        except MappingError:
            return Intent()  # nobody who is known has such an address
        return Intent([step for one in intent.steps if (step := _withdrawal_in(one)) is not None])

    def _tell(self, event: Event, intent: Intent) -> None:
        steps = ",".join(type(one).__name__ for one in intent.steps) or "none"
        facts = {"source": event.source, "kind": str(event.kind), "steps": steps}
        self._log.debug("read", **facts, left_out=",".join(intent.refused) or "nothing", note=intent.note)

    def terms(self, source: str) -> Json:
        """Return what the intents for a source depend on."""
        is_asked = source == self._of_all or self._settings.applies(self.name, source)
        left_out: list[Json] = [one for one in RESOURCES if self._settings.leaves_out(source, one)]
        return [self.name, is_asked, left_out, self._terms(source)]

    def _terms(self, source: str) -> Json:
        try:
            return self._skill.terms(source)
        except Exception as error:  # noqa: BLE001 - as above
            told = {"skill": self.name, "error": type(error).__name__, "place": place(error)}
            self._log.error("skill cannot tell its terms: runs read every record", **told)  # as above
            return token_hex(8)  # equal to nothing that was told before


@dataclass(slots=True)
class Made:
    """The skills that act.

    Args:
        skills: them, each acting where it is enabled.
        broken: skill → why it cannot be used.
        mends: skill that cannot be used → what to do about it.
    """

    skills: list[Chosen] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)
    mends: dict[str, str] = field(default_factory=dict)


def make_skills(settings: Settings, *, of_all: str) -> Made:
    """Return every skill that can be used; one that cannot never stops the others.

    Args:
        settings: say which there are, and for which sources.
        of_all: a source whose events concern all of them.
    """
    there = found(settings.skills_folder)
    made = Made(broken=dict(there.broken), mends=dict(there.mends))
    for name, one in there.definitions.items():
        if name not in settings.skills and name in settings.unserved_skills:
            made.broken[name] = "its check of its keys has a fault"
        else:
            try:
                skill = one.make(settings)
                why = "" if isinstance(skill, Steady) and skill.name == name else f"what it makes is no skill {name}"
            except Exception as error:  # noqa: BLE001 - as above
                why = f"it cannot be made: {type(error).__name__}"
            if not why:
                made.skills.append(Chosen(skill, settings, of_all=of_all, is_always=one.is_on))
                continue
            made.broken[name] = why
        made.mends[name] = mend(there.origins[name])
    return made


def _withdrawal_in(step: Step) -> Step | None:
    """Return what a step withdraws of people who are known, None where it withdraws nothing."""
    if isinstance(step, Says) and (step.consents or step.is_deleted):
        return replace(step, who=replace(step.who, only_known=True), fields={})
    return replace(step, who=replace(step.who, only_known=True)) if isinstance(step, Erase) else None


def resource_of(kind: Kind) -> str:
    """Return the resource that an event of a kind is of, "" for what is of none."""
    return next((one for beginning, one in _RESOURCES.items() if kind.startswith(beginning)), "")


def _modules(name: str, folder: str | None) -> tuple[str, ...]:
    """Return the modules that do a skill's work: their lines are logged at the skill's own level."""
    found = definitions(folder).get(name)
    return () if found is None else (found.make.__module__, *found.modules)


def configure_log(settings: Settings) -> None:
    """Send log lines to standard error at the levels of the settings: the common one, and those of skills."""
    levels = {
        module: skill.log_level or ("debug" if skill.debug else "")
        for name, skill in settings.skills.items()
        for module in _modules(name, settings.skills_folder)
    }
    configure(settings.log_level, levels)
