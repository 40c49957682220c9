"""`tajo status`: the figures of the overview, in short or as the API tells them."""

from __future__ import annotations

from collections.abc import Iterator

import click

from customer_sync.api import status as figures
from customer_sync.api.status import Status, Verdict
from customer_sync.base.share import percent
from customer_sync.base.spans import duration
from customer_sync.cli.api_calls import installation, print_model
from customer_sync.cli.output import FAILED, OK, json_option, paint

#: Level of a verdict → its colour.
_COLOURS = {"ok": "ok", "busy": "", "look": "warn", "down": "fail"}


@click.command()
@json_option
def status(*, as_json: bool) -> None:
    """Show the figures of the overview: whether all is well, what waits, how much got through.

    Exit code 0 when nothing is down, 1 when something is.
    """
    told = figures.status(installation())
    if as_json:
        print_model(told)
    else:
        for line in _lines(told):
            click.echo(line)
    click.get_current_context().exit(FAILED if told.verdict.level == "down" else OK)


def _lines(told: Status) -> Iterator[str]:
    for one in told.findings:
        yield from _finding(one)
    hour = told.rates.get("hour")
    if hour is not None and hour.success_rate is not None:
        yield f"last hour    {hour.delivered:,} delivered, {percent(hour.success_rate)} of what ended"
    elif hour is not None:
        yield "last hour    nothing ended"
    if told.latency.average_s is not None:
        yield f"latency      {duration(told.latency.average_s)} on average from webhook to Brevo"
    oldest = "" if told.oldest_age_s is None else f", the oldest for {duration(told.oldest_age_s)}"
    yield f"waiting      {told.waiting:,}{oldest}"
    yield f"parked       {told.parked:,}" + (" (`tajo parked list`)" if told.parked else "")
    share = "not compared yet" if told.in_sync_ratio is None else percent(told.in_sync_ratio)
    yield f"in sync      {share}" + (f", compared at {told.compared_at}" if told.compared_at else "")
    yield f"people       {told.people:,}"
    yield f"calls saved  {told.calls.saved:,} of {told.calls.saved + told.calls.made:,}"
    yield f"Brevo        {'the sandbox' if told.brevo == 'sandbox' else 'your account'}"


def _finding(one: Verdict) -> Iterator[str]:
    where = f"{one.source}: " if one.source else ""
    yield f"{paint(one.level.ljust(11), _COLOURS[one.level])}  {where}{one.text}"
    if one.remedy:
        yield f"  → {one.remedy}"
