"""How series about carts come through: a thousand carts, workers that are killed, and what must never be."""

from __future__ import annotations

from collections import Counter

from benchmarks.report import Report
from tests.carts import trial

CARTS, QUICK_CARTS, KILLS = 1000, 100, 10


def run(*, quick: bool, carts: int | None = None) -> Report:
    """Let people leave carts, buy and leave for three days of a stepped clock, and count what went wrong."""
    result = trial.run(carts or (QUICK_CARTS if quick else CARTS), KILLS)
    report = Report(
        f"Series: {len(result.people):,} carts, two workers killed {result.kills} times",
        ("what", "carts or mails"),
        [(what, f"{number:,}") for what, number in _counted(result)],
    )
    for what, number in result.wrong.items():
        report.goal(what, number, 0, at_most=True)
    report.notes = [
        "A step of the clock ends when the workers are done: the time that it took says little.",
        f"It took {result.seconds:.0f} s.",
    ]
    return report


def _counted(result: trial.Result) -> list[tuple[str, int]]:
    steps = Counter(one["params"]["step"] for one in result.mails)
    found = [(f"people who: {one.what or 'do nothing'}", one) for one in trial.FATES]
    fates = Counter(name for name, fate in found for one in result.people if one.fate == fate)
    rows = [*sorted(fates.items()), *((f"mail {step} sent", number) for step, number in sorted(steps.items()))]
    rows += [(f"left and ended: {why}", number) for why, number in sorted(result.report.ended.items())]
    return [*rows, ("recovered", sum(one.recovered for one in result.report.variants))]
