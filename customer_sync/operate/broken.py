"""What cannot be loaded, connectors and skills: one alert for each, when that is new."""

from __future__ import annotations

from collections.abc import Mapping

from customer_sync.brevo.webhooks import SOURCE as BREVO_SOURCE
from customer_sync.config import Settings
from customer_sync.registry import broken_of, mend
from customer_sync.skills.chosen import make_skills
from customer_sync.store import Store


def tell_broken(settings: Settings, store: Store) -> None:
    """Raise one alert for each connector and each skill that cannot be loaded, when that is new."""
    used = [*(one.platform for one in settings.sources.values()), *settings.unserved.values()]
    for platform, why in _news_of(store, "broken_connectors", broken_of(used)):
        idle = [name for name, wanted in settings.unserved.items() if wanted == platform]
        still = f"; {', '.join(idle)} stands still" if idle else ""
        store.ledger.alert(
            f"The connector for {platform} cannot be loaded ({why}){still}.", mend(platform), cause="code"
        )
    made = make_skills(settings, of_all=BREVO_SOURCE)
    for skill, why in _news_of(store, "broken_skills", made.broken):
        text = f"The skill {skill} cannot be used ({why}): it does nothing."
        store.ledger.alert(text, made.mends[skill], cause="code")


def _news_of(store: Store, note: str, now: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return what is broken now and was not, or otherwise, when it was last looked; note what is."""
    found = dict(sorted(now.items()))
    known = store.note(note) or {}
    store.set_note(note, found)
    return [(name, why) for name, why in found.items() if known.get(name) != why]
