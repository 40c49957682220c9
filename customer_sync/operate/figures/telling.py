"""Findings become alerts: each once when it is new, in the words of the verdict."""

from __future__ import annotations

from pathlib import Path

from customer_sync.config import Settings
from customer_sync.operate.figures.faults import Verdict
from customer_sync.operate.figures.parts import Figures
from customer_sync.operate.figures.read import read_figures
from customer_sync.operate.figures.verdict import findings
from customer_sync.store import Store

#: The note of what was told: `code|source` → when, in ms.
TOLD_NOTE = "findings_told"
#: What comes and goes is told once in this time, in ms.
AGAIN_MS = 3_600_000
#: Raised as alerts where they happen, or seen on a page of their own.
ELSEWHERE = frozenset(
    {"run_stopped", "run_braked", "lane_paused", "source_unserved", "source_complains", "parked", "worker_gone"}
    | {"host_clock", "drift"}
)


def tell_findings(store: Store, settings: Settings, home: Path) -> None:
    """Raise an alert for each finding that a person should know and was not told of.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    figures = read_figures(store, settings, home)
    told: dict[str, int] = store.note(TOLD_NOTE) or {}
    now = {f"{one.code}|{one.source}": one for one in findings(figures) if _is_told_here(one, figures)}
    for key, one in now.items():
        if key not in told:
            store.ledger.alert(one.text, one.remedy, source=one.source, cause=one.code)
    fresh = {key: at_ms for key, at_ms in told.items() if key in now or figures.at_ms - at_ms < AGAIN_MS}
    fresh |= {key: figures.at_ms for key in now if key not in told}
    if fresh != told:
        store.set_note(TOLD_NOTE, fresh)


def _is_told_here(one: Verdict, figures: Figures) -> bool:
    is_of_pause = one.code in {"brevo_key", "brevo_away"} and bool(figures.pauses)
    return one.level in {"look", "down"} and one.code not in ELSEWHERE and not is_of_pause
