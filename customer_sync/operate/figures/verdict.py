"""The verdict: all figures in one sentence with what to do, the worst thing first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from customer_sync.operate.figures.parts import WORKER_GONE_S, Figures

#: A line whose first has waited this long is a backlog and not just work under way, in seconds.
BACKLOG_S = 60.0


class Verdict(NamedTuple):
    """One sentence, what to do, and how much it matters: ok, busy (work waits), look (a person should), down (must)."""

    level: Literal["ok", "busy", "look", "down"]
    text: str
    remedy: str


def judge(figures: Figures) -> Verdict:
    """Return the verdict: that of the first row that has one."""
    return next(verdict for row in _ROWS if (verdict := row(figures)) is not None)


def _redis_away(figures: Figures) -> Verdict | None:
    if figures.redis.is_up:
        return None
    kept = f" ({figures.waiting} so far)" if figures.waiting else ""
    if figures.redis.reason:
        return Verdict("down", figures.redis.reason, figures.redis.remedy)
    return Verdict(
        "down", "Redis does not answer.", f"Webhooks are kept in the spool{kept}. Start Redis: the rest follows."
    )


def _lane_paused(figures: Figures) -> Verdict | None:
    for pause in sorted(figures.pauses, key=lambda pause: pause.kind):
        if pause.kind == "config":
            return Verdict("down", pause.reason, pause.remedy)
        return Verdict("look", f"{pause.destination} does not answer.", pause.remedy)
    return None


def _worker_gone(figures: Figures) -> Verdict | None:
    if figures.has_worker or (figures.oldest_age_s or 0.0) < WORKER_GONE_S:
        return None
    return Verdict(
        "down", f"{figures.waiting} wait and no worker is at work.", "Start one: `tajo run` starts everything."
    )


def _disk_fails(figures: Figures) -> Verdict | None:
    if figures.redis.aof != "failing":
        return None
    return Verdict("down", "Redis cannot write to its disk.", "Free space on the disk of Redis, or look at its log.")


def _parked(figures: Figures) -> Verdict | None:
    if not figures.parked:
        return None
    need = "1 thing needs" if figures.parked == 1 else f"{figures.parked} things need"
    return Verdict("look", f"{need} a person.", "The page Parked says why, and what to do.")


def _backlog(figures: Figures) -> Verdict | None:
    if (figures.oldest_age_s or 0.0) < BACKLOG_S:
        return None
    return Verdict(
        "busy", f"{figures.waiting} wait for their turn.", "Brevo's rate limit sets the pace; nothing is lost."
    )


def _fine(figures: Figures) -> Verdict:
    if figures.waiting:
        return Verdict("ok", f"In step: {figures.waiting} on the way to Brevo.", "")
    if not any(figures.events.values()):
        return Verdict("ok", "Ready for the first event.", "")
    return Verdict("ok", "In step: everything is delivered.", "")


_ROWS: tuple[Callable[[Figures], Verdict | None], ...] = (
    _redis_away,
    _worker_gone,
    _disk_fails,
    _lane_paused,
    _parked,
    _backlog,
    _fine,
)
