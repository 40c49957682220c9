"""`tajo reconcile`: compare both sides, mend what differs, and look at the receipts."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import click

from customer_sync.api.receipts import Receipt, ReceiptQuery, list_receipts
from customer_sync.assembly import open_reconciler
from customer_sync.base.share import percent
from customer_sync.base.spans import duration
from customer_sync.batch.puller import word
from customer_sync.cli import complete, context
from customer_sync.cli.api_calls import find_installation, print_model
from customer_sync.cli.output import (
    DIFFERS,
    FAILED,
    NOT_FOUND,
    WRONG_USE,
    age,
    clock,
    count,
    fail,
    json_option,
    now_ms,
    own,
    paint,
    print_table,
)
from customer_sync.cli.progress import SAY_S
from customer_sync.model import to_ms
from customer_sync.operate.figures.read import WORKER_NOTE
from customer_sync.operate.first_sync import waiting_sources
from customer_sync.store import Store
from customer_sync.store.receipts import handed_over

#: How many receipts are listed.
LISTED: Final = 50
#: How often the line is renewed in a terminal, in seconds.
RENEW_S: Final = 0.2


class _OrRun(click.Group):
    """A group whose command may be left out: then `run` is meant."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the words of the command line."""
        first = args[0] if args else ""
        is_own = first in self.commands or first in ctx.help_option_names
        return super().parse_args(ctx, args if is_own else ["run", *args])


@click.group(cls=_OrRun)
def reconcile() -> None:
    """Prove that both sides agree; mend where they do not.

    `tajo reconcile [SOURCE]` is short for `tajo reconcile run [SOURCE]`.
    """


@reconcile.command()
@click.argument("source", required=False, shell_complete=complete.SOURCE)
@click.option("--heal", is_flag=True, help="Mend what differs. Without it nothing is changed anywhere.")
@click.option("--force", is_flag=True, help="Mend even where many people would be blocked or lose something.")
@json_option
def run(source: str | None, *, heal: bool, force: bool, as_json: bool) -> None:
    """Compare every customer of SOURCE (of all sources without it) with the source and with Brevo.

    Counted are attributes and lists that differ, who is mailable in Brevo though they withdrew, who left in Brevo
    since, and contacts that were deleted there. With --heal the workers write what differs again, block again who
    withdrew, and record who left. No block is ever lifted, and no deleted contact is made again.

    The figure is the worst of all sources, at the source and in Brevo, as it was before anything was mended. Exit code
    0 when it is 100 %, 6 when somebody differs, with --heal too: what is handed to the workers is not in sync yet.
    """
    settings = context.read_settings()
    if source is not None and source not in settings.sources:
        known = f"Sources: {', '.join(settings.sources)}." if settings.sources else "No source is configured."
        fail(f"There is no source {source}.", known, NOT_FOUND)
    if force and not heal:
        fail("--force without --heal does nothing.", "Add --heal.", WRONG_USE)
    store = context.open_store(settings)
    unread = [name for name in waiting_sources(settings, store) if source in {None, name}] if heal else []
    if unread:
        why = f"Mending would send everybody of {', '.join(unread)}: the first full run waits for your word."
        fail(why, f"{word(unread[0])} Without --heal this compares and changes nothing.", WRONG_USE)
    context.open_brevo(settings, store)  # says what to do where there is none
    with open_reconciler(settings, store, context.home()) as reconciler:
        receipt = reconciler.run(
            tuple(settings.sources), only=source, heal=heal, force=force, progress=_progress(is_quiet=as_json)
        ).to_json()
    if as_json:
        print_model(Receipt.model_validate(receipt))
    else:
        _print(receipt, store)
    if receipt["stopped"]:
        again = f"tajo reconcile{f' {source}' if source else ''} --heal --force"
        fail(
            receipt["stopped"], f"Nothing was changed. Look at the people above; if it is meant so: `{again}`.", FAILED
        )
    if receipt["in_sync"] not in {None, 1.0}:
        click.get_current_context().exit(DIFFERS)


@reconcile.command()
@click.argument("receipt_id", metavar="[ID]", required=False, shell_complete=complete.RECEIPT)
@json_option
def show(receipt_id: str | None, *, as_json: bool) -> None:
    """Show a receipt, or list the last 50 without an ID."""
    tajo = find_installation()
    store = tajo.store()
    if receipt_id is None:
        if as_json:
            print_model(list_receipts(tajo, ReceiptQuery(limit=LISTED)))
        else:
            _list(store.receipts.recent())
        return
    found = store.receipts.find(receipt_id)
    if found is None:
        fail(f"There is no receipt {receipt_id}.", "`tajo reconcile show` lists them.", NOT_FOUND)
    if as_json:
        print_model(Receipt.model_validate(found))
    else:
        _print(found, store)


def _list(receipts: list[dict[str, Any]]) -> None:
    if not receipts:
        click.echo("Nothing was reconciled yet. `tajo reconcile` compares both sides and changes nothing.")
        return
    now = now_ms()
    rows = [
        (
            one["id"],
            age(_ms(one["started"]), now),
            ", ".join(one["sources"]) or "-",
            percent(one["in_sync"]),
            one["totals"]["drifted"],
            one["totals"]["healed"] if one["heal"] else "-",
            "stopped" if one["stopped"] else "",
        )
        for one in receipts
    ]
    print_table(rows, ("receipt", "ago", "sources", "in sync", "differ in Brevo", "mended", ""))


def _print(receipt: dict[str, Any], store: Store) -> None:
    totals = receipt["totals"]
    started, ended = _ms(receipt["started"]), _ms(receipt["ended"])
    share = paint(percent(receipt["in_sync"]), "ok" if receipt["in_sync"] in {1.0, None} else "warn")
    click.echo(f"In sync{' before the mending' if handed_over(receipt) else ''}: {share}{_of_whom(receipt)}")
    click.echo(
        f"Receipt {receipt['id']}: {clock(started)}, {duration((ended - started) / 1000)}, "
        f"{count(totals['in_brevo'], 'contact')} read with {count(receipt['calls'], 'call')}."
    )
    rows = list(_rows(receipt, store))
    if rows:
        click.echo("")
        print_table(rows, ("what differs", "people", "for example"))
    lines = list(_lines(receipt))
    click.echo("\n" * bool(lines) + "\n".join(lines), nl=bool(lines))
    if receipt["in_sync"] not in {None, 1.0} and not receipt["stopped"]:
        click.echo("")
        after = store.receipts.after(receipt)
        if receipt["heal"] and after is not None:
            click.echo(f"Since then: {percent(after['in_sync'])} in sync, says receipt {after['id']}.")
        elif receipt["heal"]:
            handed = count(handed_over(receipt), "customer")
            click.echo(f"{handed} handed to the workers to mend: sent is not in sync yet.{_without_worker(store)}")
        else:
            click.echo("Nothing was changed. `tajo reconcile --heal` mends what can be mended.")


def _of_whom(receipt: Mapping[str, Any]) -> str:
    """Return whose figure the worst one is, and what it counts."""
    worst = receipt["worst"]
    if worst is None:
        return " (nobody is there to compare)"
    whose = f"{worst['source']}, {worst['side']}" if worst["source"] else worst["side"]
    return f" ({whose}: {worst['equal']:,} of {count(worst['compared'], 'customer')})"


def _rows(receipt: Mapping[str, Any], store: Store) -> Iterator[tuple[object, ...]]:
    """Yield what differs, the worst first; the addresses are looked up, the receipt has none."""
    for channel, drift in receipt["mailable_though_withdrawn"].items():
        yield paint(f"withdrew, but can be reached by {channel}", "fail"), drift["count"], _names(drift, store)
    for channel, drift in receipt["left_in_brevo_since"].items():
        yield f"left in Brevo since ({channel})", drift["count"], _names(drift, store)
    for name, drift in receipt["by_field"].items():
        yield name, drift["count"], _names(drift, store)
    if receipt["deleted_in_brevo"]["count"]:
        drift = receipt["deleted_in_brevo"]
        yield "deleted in Brevo", drift["count"], _names(drift, store)


def _names(drift: Mapping[str, Any], store: Store) -> str:
    people = [str(number) for number in drift["people"]]
    found = zip(people, store.people.read_many(people), strict=True)
    return ", ".join(person.email or f"person {number}" for number, person in found)


def _lines(receipt: Mapping[str, Any]) -> Iterator[str]:
    """Yield what else there is to say."""
    totals = receipt["totals"]
    for why, people in receipt["refused"].items():
        yield f"Not mended: {people:,}, {why}."
    for why, people in receipt["not_in_brevo"].items():
        yield f"Without a contact: {people:,}, {why}."
    if totals["under_way"]:
        yield f"Under way: {totals['under_way']:,}; who still waits for a delivery counts as not in sync."
    if totals["not_ours"]:
        yield f"Not ours: {count(totals['not_ours'], 'contact')}, left alone."
    for source, one in receipt["by_source"].items():
        yield from _source_lines(source, one)
    yield from receipt["notes"]


def _source_lines(source: str, one: Mapping[str, Any]) -> Iterator[str]:
    found = one["source"]
    in_brevo = f"{percent(one['in_brevo'])} in Brevo"
    if found is None:
        yield f"{source}: {percent(one['in_sync'])} in sync: {in_brevo}."
        return
    parts = [f"{count(found['read'], 'record')} of {count(found['customers'], 'customer')} read"]
    parts += [f"{found['equal']:,} as known here"]
    parts += [f"{found['missing_here']:,} missing here"] if found["missing_here"] else []
    parts += [f"{found['gone_at_source']:,} known here and not there"] if found["gone_at_source"] else []
    parts += [f"{name} differs for {number:,}" for name, number in found["by_field"].items()]
    parts += [f"{found['healed']:,} synced again"] if found["healed"] else []
    parts += [f"{number:,} not mended ({why})" for why, number in found["refused"].items()]
    both = f"{percent(found['in_sync'])} at the source, {in_brevo}"
    yield f"{source}: {percent(one['in_sync'])} in sync: {both}; {', '.join(parts)}."
    yield from (f"{source}: {note}" for note in found["notes"])


def _without_worker(store: Store) -> str:
    seen = store.note(WORKER_NOTE)
    if seen is not None and store.hosts.now_ms() / 1000 - float(seen["at"]) < SAY_S * 2:
        return " `tajo reconcile` shows whether both sides agree then."
    return " No worker runs: it is done as soon as one does."


def _progress(*, is_quiet: bool) -> Callable[[str, int, int | None], None]:
    """Return what shows how far it is: a line that renews itself in a terminal, one now and then elsewhere."""
    is_terminal = sys.stderr.isatty()
    told: dict[str, Any] = {"what": "", "since": 0.0, "at": float("-inf")}

    def tell(what: str, done: int, total: int | None) -> None:
        now = time.monotonic()
        if what != told["what"]:
            told.update(what=what, since=now)
        is_last = total is not None and done >= total
        if is_quiet or now - told["at"] < (RENEW_S if is_terminal and not is_last else 0 if is_terminal else SAY_S):
            return
        told["at"] = now
        line = _progress_line(what, done, total, now - told["since"])
        if is_terminal:
            width = shutil.get_terminal_size((120, 24)).columns - 1
            click.echo(own("\r\x1b[2K") + ("" if is_last else line[:width]), nl=False, err=True)
        else:
            click.echo(line, err=True)

    return tell


def _progress_line(what: str, done: int, total: int | None, took_s: float) -> str:
    parts = [f"{done:,} of {total:,}" if total else f"{done:,}"]
    rate = done / took_s if took_s >= 1 else 0.0
    if rate:
        parts.append(f"{rate:,.0f}/s")
        if total and total > done:
            parts.append(f"about {duration((total - done) / rate)} left")
    return f"{what}: {' · '.join(parts)}"


def _ms(text: str | None) -> int:
    return to_ms(datetime.fromisoformat(text)) if text else 0
