"""A skill as the settings want it: for which sources it acts, and how much it logs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from customer_sync.base.log import configure, get
from customer_sync.config import Settings
from customer_sync.model import Event, Json
from customer_sync.skills import Intent, Steady
from customer_sync.skills.customer_sync import CustomerSync

#: Skill → the modules that do its work: their lines are logged at the skill's own level.
MODULES: Final[Mapping[str, tuple[str, ...]]] = {
    CustomerSync.name: (CustomerSync.__module__, "customer_sync.brevo.contacts"),
}


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
        """Return what the skill makes of the event, nothing when it is not enabled for the source."""
        if event.source != self._of_all and not self._settings.applies(self.name, event.source):
            self._log.debug("left alone", source=event.source, kind=str(event.kind), why="not enabled for this source")
            return Intent()
        intent = self._skill.intent(event)
        if self._log.tells_all:
            self._tell(event, intent)
        return intent

    def _tell(self, event: Event, intent: Intent) -> None:
        steps = ",".join(type(one).__name__ for one in intent.steps) or "none"
        facts = {"source": event.source, "kind": str(event.kind), "steps": steps}
        self._log.debug("read", **facts, left_out=",".join(intent.refused) or "nothing", note=intent.note)

    def terms(self, source: str) -> Json:
        """Return what the intents for a source depend on."""
        is_asked = source == self._of_all or self._settings.applies(self.name, source)
        return [self.name, is_asked, self._skill.terms(source)]


def configure_log(settings: Settings) -> None:
    """Send log lines to standard error at the levels of the settings: the common one, and those of skills."""
    levels = {
        module: skill.log_level or ("debug" if skill.debug else "")
        for name, skill in settings.skills.items()
        for module in MODULES.get(name, ())
    }
    configure(settings.log_level, levels)
