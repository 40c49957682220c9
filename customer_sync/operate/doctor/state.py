"""How the installation is: the findings of the verdict, area by area, as the overview and the API tell them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from customer_sync.operate.doctor.findings import Finding, Patient, Why
from customer_sync.operate.doctor.findings import Verdict as Word
from customer_sync.operate.figures import Verdict, findings, read_figures

DISK, IN_SYNC = "Redis keeps its data", "in sync"
#: Area → the codes that belong to it, and what is said when none of them is there.
AREAS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    (DISK, ("disk_fails", "disk_off"), "the append-only file is on"),
    ("worker", ("worker_gone",), "at work"),
    ("lanes", ("lane_paused", "brevo_key", "brevo_away"), "none is paused"),
    ("clocks of the hosts", ("host_clock",), "as that of Redis"),
    ("runs", ("run_stopped", "run_braked", "run_hindered", "run_paused"), "none is stopped"),
    ("webhooks", ("webhooks_refused", "webhooks_broken"), "none is refused"),
    ("sources", ("source_complains", "source_silent", "source_unserved"), "none is silent"),
    ("schedule", ("schedule_stopped",), "done in time"),
    ("errors", ("errors",), "few or none"),
    (IN_SYNC, ("mailable", "drift"), "so they were when they were compared last"),
    ("parked", ("parked",), "nothing"),
)
_WORDS: dict[str, Word] = {"down": "fail", "look": "warn"}
_WHY: dict[str, Why] = {"brevo_key": "refused"}


def examine_state(patient: Patient) -> Iterator[Finding]:
    """Yield what the verdict finds in each area, and that an area is well where it finds nothing.

    The account is not told of here: it is asked anew.
    """
    figures = read_figures(patient.store, patient.settings, patient.home)
    found = findings(replace(figures, watched=replace(figures.watched, account=())))
    for area, codes, well in AREAS:
        ours = [one for one in found if one.code in codes]
        if area == DISK and figures.redis.aof == "unknown":
            yield Finding(
                area, "warn", "not told: this user of Redis may not ask for INFO", "See `CONFIG GET appendonly`."
            )
            continue
        missing = [name for name in patient.settings.sources if name not in figures.compared]
        if area == IN_SYNC and missing and not ours:
            yield Finding(
                area, "warn", f"not compared yet: {', '.join(missing)}", "`tajo reconcile` compares both sides."
            )
            continue
        yield from (_told(area, one) for one in ours) if ours else [Finding(area, "ok", well)]


def _told(area: str, one: Verdict) -> Finding:
    name = f"{area} of {one.source}" if one.source else area
    return Finding(name, _WORDS.get(one.level, "ok"), one.text, one.remedy, _WHY.get(one.code, ""), one.code)
