"""A run as people see it: one line that renews itself in a terminal, a line now and then in a log."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from typing import Final

import click

from customer_sync.base.spans import duration
from customer_sync.cli.output import count, interrupted, own, paint
from customer_sync.model import CUSTOMERS
from customer_sync.store.run import Run, RunState

#: How often the line is renewed in a terminal, in seconds, and how often one is printed elsewhere.
LOOK_S: Final = 0.5
SAY_S: Final = 10.0
_BAR: Final = 24

#: State → the verdict that gives its colour.
COLOURS: Final = {
    RunState.RUNNING: "",
    RunState.DELIVERING: "",
    RunState.PAUSED: "warn",
    RunState.STOPPED: "fail",
    RunState.DONE: "ok",
    RunState.CANCELLED: "warn",
}


def progress_line(run: Run) -> str:
    """Return where a run stands: bar, records, rate, time left as far as anybody can know, what it does."""
    parts = []
    share, read = run.share, run.counts["read"]
    if share is not None:
        filled = int(share * _BAR)
        parts.append(f"[{'#' * filled}{'.' * (_BAR - filled)}] {share:4.0%}")
    parts.append(f"{read:,} of {run.total:,} read" if run.total else f"{read:,} read")
    parts.append(f"{run.counts['sent']:,} sent")
    if run.rate >= 0.5:
        parts.append(f"{run.rate:,.0f}/s")
    if run.left_s is not None and read:
        what = "delivering" if run.state is RunState.DELIVERING else "reading"
        parts.append(f"about {duration(run.left_s)} of {what} left")
    parts.append(run.reason or run.phase)
    return " · ".join(part for part in parts if part)


def summary(run: Run) -> str:
    """Return what a run did, in one sentence with its numbers."""
    counts = run.counts
    took = duration((run.ended_ms or run.updated_ms) / 1000 - run.started_ms / 1000)
    verb, what = "would change" if run.is_dry else "changed", run.resource.removesuffix("s")
    text = f"{count(counts['read'], what)} read, {counts['changed']:,} {verb}, {counts['unchanged']:,} the same"
    if run.is_dry:
        return f"{text}; {_would(run)}. Nothing was sent. {took}."
    text += f"; {counts['sent']:,} sent to Brevo, {counts['same']:,} needed no call"
    if counts["held"]:
        text += f"; {counts['held']:,} held back"
    if counts["failed"]:
        text += f", {counts['failed']:,} parked"
    if counts["refused"]:
        text += f", {counts['refused']:,} could not be understood"
    return f"{text}. {took}."


def _would(run: Run) -> str:
    """Return what a dry run found that would be made and changed."""
    counts = run.counts
    parts = [
        f"{'at most ' if counts['creates'] else ''}{counts['creates']:,} creates",
        f"{counts['updates']:,} updates",
        *(f"{counts[name]:,} {name}" for name in ("blocks", "unlists", "deletes", "empties") if counts[name]),
    ]
    if run.resource != CUSTOMERS:
        parts[1] += " of contacts"
        parts += [f"{counts['record_creates']:,} new records of skills", f"{counts['record_updates']:,} changed"]
    return ", ".join(parts)


def watch(read: Callable[[], Run], *, sleep: Callable[[float], None] = time.sleep) -> Run:
    """Show a run until it is over, or waits for somebody; Ctrl-C stops the watching, not the run.

    Args:
        read: returns the run as it is now.
        sleep: waits; tests put their own here.

    Raises:
        click.exceptions.Exit: after Ctrl-C, with `INTERRUPTED`.
    """
    run = read()
    try:
        return _watch(read, sleep)
    except KeyboardInterrupt:
        interrupted(
            f"Run {run.id} goes on. `tajo runs show {run.id} --follow` watches it again, "
            f"`tajo runs cancel {run.id}` ends it."
        )


def _watch(read: Callable[[], Run], sleep: Callable[[float], None]) -> Run:
    is_terminal = sys.stderr.isatty()
    said_at = float("-inf")
    while True:
        run = read()
        if run.state not in {RunState.RUNNING, RunState.DELIVERING}:
            if is_terminal:
                click.echo(own("\r\x1b[2K"), nl=False, err=True)
            return run
        if is_terminal:
            width = shutil.get_terminal_size((120, 24)).columns - 1
            click.echo(own("\r\x1b[2K") + progress_line(run)[:width], nl=False, err=True)
        elif time.monotonic() - said_at >= SAY_S:
            click.echo(progress_line(run), err=True)
            said_at = time.monotonic()
        sleep(LOOK_S)


def state_word(run: Run) -> str:
    """Return a run's state in its colour."""
    return paint(str(run.state), COLOURS[run.state])
