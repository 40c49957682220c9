"""A skill as the settings want it: for which sources it acts, and how much it logs."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from customer_sync.base.log import configure, get
from customer_sync.config import Settings
from customer_sync.engine.plan import Erase, Says, Step
from customer_sync.errors import MappingError
from customer_sync.model import ConsentState, Event, Json, Kind
from customer_sync.skills import Intent, Steady
from customer_sync.skills.found import definitions

#: Kinds that withdraw as they are.
_ENDS: Final = frozenset({Kind.CUSTOMER_DELETED, Kind.CUSTOMER_ERASED})


class Chosen:
    """A skill that acts only on the sources it is enabled for.

    Args:
        skill: the skill.
        settings: say for which sources.
        of_all: a source whose events concern all of them.
    """

    def __init__(self, skill: Steady, settings: Settings, *, of_all: str) -> None:
        self.name = skill.name
        self._skill, self._settings, self._of_all = skill, settings, of_all
        self._log = get(type(skill).__module__)

    def intent(self, event: Event) -> Intent:
        """Return what the skill makes of the event; where it is not enabled for the source, what withdraws alone."""
        if event.source != self._of_all and not self._settings.applies(self.name, event.source):
            self._log.debug("left alone", source=event.source, kind=str(event.kind), why="not enabled for this source")
            return self._withdrawing(event)
        intent = self._skill.intent(event)
        if self._log.tells_all:
            self._tell(event, intent)
        return intent

    def _withdrawing(self, event: Event) -> Intent:
        """Return what an event withdraws of people who are known: nothing that withdraws waits for a skill to be on."""
        withdrawn = tuple(one for one in event.consents if one.state is ConsentState.WITHDRAWN)
        if not withdrawn and event.kind not in _ENDS:
            return Intent()
        try:
            intent = self._skill.intent(replace(event, consents=withdrawn))
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
        return [self.name, is_asked, self._skill.terms(source)]


def _withdrawal_in(step: Step) -> Step | None:
    """Return what a step withdraws of people who are known, None where it withdraws nothing."""
    if isinstance(step, Says) and (step.consents or step.is_deleted):
        return replace(step, who=replace(step.who, only_known=True), fields={})
    return replace(step, who=replace(step.who, only_known=True)) if isinstance(step, Erase) else None


def _modules(name: str) -> tuple[str, ...]:
    """Return the modules that do a skill's work: their lines are logged at the skill's own level."""
    found = definitions().get(name)
    return () if found is None else (found.make.__module__, *found.modules)


def configure_log(settings: Settings) -> None:
    """Send log lines to standard error at the levels of the settings: the common one, and those of skills."""
    levels = {
        module: skill.log_level or ("debug" if skill.debug else "")
        for name, skill in settings.skills.items()
        for module in _modules(name)
    }
    configure(settings.log_level, levels)
