"""The verdict: everything that is wrong, the worst first, each with what to do. The one judge of the installation.

The overview, `/api/v1/status`, `/readyz`, `tajo doctor`, `tajo connectors status` and the alerts all ask `findings`;
`faults` holds what can be wrong, row by row.
"""

from __future__ import annotations

from collections.abc import Iterator

from customer_sync.operate.figures.faults import ROWS, Verdict
from customer_sync.operate.figures.parts import Figures

#: The codes with which a web process cannot do its work: a balancer should send requests elsewhere.
SHUT = frozenset({"nothing_kept", "redis_refused"})

_WORST_FIRST = ("down", "look", "busy", "ok")


def findings(figures: Figures) -> tuple[Verdict, ...]:
    """Return everything that is wrong or waits, the worst first; of equal levels the cause stands before its effects.

    When nothing is wrong, that is the only one.
    """
    found = [one for row in ROWS for one in row(figures)]
    return tuple(sorted(found, key=lambda one: _WORST_FIRST.index(one.level))) or tuple(_fine(figures))


def judge(figures: Figures) -> Verdict:
    """Return the worst of all findings."""
    return findings(figures)[0]


def _fine(figures: Figures) -> Iterator[Verdict]:
    if figures.waiting:
        yield Verdict("ok", f"In step: {figures.waiting} on the way to Brevo.", "", "under_way")
    elif not any(figures.events.values()) and not figures.people:
        yield Verdict("ok", "Ready for the first event.", "", "ready")
    else:
        yield Verdict("ok", "In step: everything is delivered.", "", "in_step")
