"""`tajo contacts`: one person explained, brought up to date, and erased."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import click

from customer_sync.api.contacts import ErasureReport, erase_contact, explain_contact, is_erased, sync_contact
from customer_sync.api.installation import Installation
from customer_sync.base.clock import utc_now
from customer_sync.cli import context
from customer_sync.cli.api_calls import installation, print_model
from customer_sync.cli.output import (
    NOT_FOUND,
    WRONG_USE,
    age,
    clock,
    count,
    fail,
    json_option,
    must_confirm,
    now_ms,
    print_json,
    print_table,
    yes_option,
)
from customer_sync.errors import MappingError
from customer_sync.model import PEOPLE, to_ms
from customer_sync.operate.erasure import clear_address
from customer_sync.operate.explain import ChannelConsent, Evidence, Explanation, Value, explain
from customer_sync.operate.nobody import nobody
from customer_sync.operate.order_totals import Total, Totals
from customer_sync.operate.write_backs import WriteBack
from customer_sync.person.identity import normalize_email
from customer_sync.store import Store

#: How often it is looked whether an erasure is done, in seconds.
LOOK_S = 0.2


@click.group()
def contacts() -> None:
    """One person: where each value comes from; read again; erasure."""


@contacts.command("explain")
@click.argument("email")
@json_option
def explain_command(email: str, *, as_json: bool) -> None:
    """Tell where each value of a person comes from, what was decided and why, and what waits."""
    address = _address(email)
    tajo = installation()
    if as_json:
        print_model(explain_contact(tajo, address))
        return
    found = explain(tajo.store(), tajo.settings, address)
    if found.person is not None or found.erased_at_ms is not None:
        _print(found)
    if found.person is None and found.erased_at_ms is None:
        text, remedy = nobody(tajo.store())
        fail(text, f"{remedy} Events that could not be read are in `tajo parked list`.", NOT_FOUND)


@contacts.command()
@click.argument("email")
@click.option("--wait", "wait_s", default=10.0, show_default=True, help="How long to wait for Brevo, in seconds.")
@yes_option
@json_option
def erase(email: str, wait_s: float, *, yes: bool, as_json: bool) -> None:
    """Remove a person from Brevo and from everything here, for good.

    A fingerprint stays, so that a late event cannot bring the person back. The platforms keep their own records.
    """
    address = _address(email)
    tajo = installation()
    tajo.store()
    must_confirm("This deletes the contact in Brevo and all that is known here. Go on?", yes=yes)
    report = erase_contact(tajo, address)
    is_done = report.is_done or _wait(tajo, address, to_ms(datetime.fromisoformat(report.asked_at)), wait_s)
    report = report.model_copy(update={"is_done": is_done})
    if as_json:
        print_model(report)
    else:
        _print_erasure(report)
    if report.removed.shared:
        _warn_of_shared(report.removed.shared)
    if not is_done:
        fail("The erasure waits: no worker has done it yet.", _why_it_waits(tajo.store()))


@contacts.command("sync")
@click.argument("email")
@json_option
def sync_command(email: str, *, as_json: bool) -> None:
    """Read a person again at every source that can be asked, and compare them with Brevo; workers send what differs."""
    told = sync_contact(installation(), _address(email))
    if as_json:
        print_model(told)
        return
    if told.sources:
        rows = [(one.source, one.id or "-", one.result.replace("_", " "), one.why) for one in told.sources]
        print_table(rows, ("source", "id", "result", "why"))
    else:
        click.echo("No source has a record of this person.")
    differs = f": {', '.join(told.brevo.fields)}" if told.brevo.fields else ""
    why = f" ({told.brevo.why})" if told.brevo.why else ""
    click.echo(f"Brevo: {told.brevo.result.replace('_', ' ')}{differs}{why}")
    click.echo(f"`tajo contacts explain {email}` shows what it comes to.")


@contacts.command()
@click.argument("email")
@yes_option
@json_option
def clear(email: str, *, yes: bool, as_json: bool) -> None:
    """Say that a hard bounce or a spam complaint is over: no shop can lift these.

    The person is mailable again only where an opt-in is on record; a withdrawal stays what it is.
    """
    address = _address(email)
    settings = context.read_settings()
    store = context.open_store(settings)
    number = store.people.find(address)
    said = store.people.read(number).said if number is not None else {}
    found = sorted(name for name in ("bounced", "complained") if f"consent.email.{name}" in said)
    if not found:
        fail("Nothing is on record of a bounce or a complaint.", "See `tajo contacts explain`.", NOT_FOUND)
    must_confirm(f"On record: {' and '.join(found)}. Is the mailbox well, and may it be mailed?", yes=yes)
    clear_address(store, address, utc_now(store.hosts.now_ms))
    if as_json:
        print_json({"cleared": found})
    else:
        click.echo(f"Cleared: {' and '.join(found)}. `tajo contacts explain` shows what it comes to.")


def _address(email: str) -> str:
    try:
        address = normalize_email(email)
    except MappingError as error:
        fail(f"That is no e-mail address: {error.found}.", "", WRONG_USE)
    if address is None:
        fail("That address stands for nobody.", "", WRONG_USE)
    return address


def _print(found: Explanation) -> None:
    now = now_ms()
    if found.erased_at_ms is not None:
        click.echo(f"Erased at {clock(found.erased_at_ms)}. What is older never comes back.")
    if found.person is None:
        return
    click.echo(f"Person {found.person}" + ("" if found.address == found.email else "; this address is a former one"))
    for link in found.links:
        name = link.id or "a buyer without an account"
        click.echo(f"  {link.source}: {name}" + ("" if link.state == "living" else f" ({link.state})"))
    _heading("Values")
    rows = [
        (one.field, _text(one.value), one.source or "-", _set_at(one), one.event or "-", "waits" if one.waits else "")
        for one in found.values
    ]
    print_table(rows, ("field", "value", "source", "set at", "event", ""))
    _heading("Consent")
    for channel in found.consents:
        _print_consent(channel)
    if found.refused:
        _heading("Left out")
        for name, why in sorted(found.refused.items()):
            click.echo(f"  {name}: {why}")
    if found.totals is not None:
        _print_totals(found.totals)
    _print_delivery(found, now)
    _print_write_backs(found.write_backs, now)
    if found.events:
        _heading("Last events")
        events = [(age(row.at_ms, now), row.source, row.kind, row.state, row.event_id) for row in found.events]
        print_table(events, ("ago", "source", "kind", "state", "event"))


def _set_at(one: Value) -> str:
    """Return when a value was set; what follows from all records together (the status) has no time of its own."""
    return clock(one.at_ms) if one.at_ms else "-"


#: Where something stands on record → what it is, in an operator's words; a box is told with the state it stands for.
_SAID = {
    "granted": "an opt-in",
    "withdrawn": "a withdrawal",
    "stated": "a box or a state",
    "unticked": "a box without its tick",
    "bounced": "a hard bounce",
    "complained": "a spam complaint",
    "here": "a block that was found in Brevo",
    "cleared": "an operator's word that the mailbox is well",
    "after": "a withdrawal by somebody who had left the address",
    "deleted": "the deletion of the last record",
}


def _print_consent(channel: ChannelConsent) -> None:
    click.echo(f"  {channel.channel}: {channel.state}. {channel.why}")
    if channel.evidence is not None:
        click.echo(f"    decided by {_evidence(channel.evidence)}")
    for one in channel.losing:
        click.echo(f"    outweighed: {_evidence(one)}")


def _evidence(one: Evidence) -> str:
    said = _SAID.get(one.register, one.register) + (f" that says {one.says}" if one.register == "stated" else "")
    told = f"of {clock(one.at_ms)}" + (f", told by {one.source}" if one.source else "")
    method = f", method {one.method}" if one.method else ""
    return f"{said} {told}{method}" + (", said of the address itself" if one.of == "address" else "")


def _print_delivery(found: Explanation, now: int) -> None:
    _heading("Brevo")
    has = found.brevo
    if has is not None:
        if has.email is None:
            click.echo("  no contact")
        else:
            flags = [name for name, is_on in (("e-mail", has.blocked), ("SMS", has.sms_blocked)) if is_on]
            lists = ", ".join(map(str, has.lists)) or "none of ours"
            blocked = f"; blocked for {' and '.join(flags)}" if flags else ""
            click.echo(f"  accepted {age(has.at_ms, now)} ago; lists: {lists}{blocked}")
        click.echo(f"  next: {has.next}" + (f" ({has.why})" if has.why else ""))
    if found.waiting is not None:
        item = found.waiting
        due = "a worker has it" if item.due_ms is None else f"due in {max(0, item.due_ms - now) / 1000:.0f} s"
        tries = f", {count(item.tries, 'failed try')}" if item.tries else ""
        paused = f"; the lane waits: {item.paused}" if item.paused else ""
        click.echo(f"  {count(item.changes, 'change')} since {age(item.since_ms, now)}, {due}{tries}{paused}")
    for parked_id in found.parked:
        click.echo(f"  parked: {parked_id} (`tajo parked show {parked_id}`)")


def _print_write_backs(found: Sequence[WriteBack], now: int) -> None:
    if found:
        _heading("Told to the platforms")
    for one in found:
        ago = f" {age(one.at_ms, now)} ago" if one.at_ms else ""
        tries = f", {count(one.tries, 'failed try')}" if one.tries else ""
        what = one.state.replace("_", " ") + (" (open)" if one.is_open else "")
        click.echo(f"  {one.source}: {one.id or 'a buyer without an account'}: {what}{ago}: {one.why}{tries}")


def _print_erasure(report: ErasureReport) -> None:
    click.echo("The person was known here." if report.was_known else "Nobody with this address was known here.")
    gone = report.removed
    counts = [
        f"{gone.inbox} from the inbox",
        f"{gone.spool} from the spool",
        f"{gone.parked} parked",
        f"{gone.ledger} rows of the history",
    ]
    click.echo(f"  removed: {', '.join(counts)}")
    if report.is_done:
        click.echo("  Brevo: deleted, or it was not there; a fingerprint stays so that nobody comes back.")


def _warn_of_shared(ids: Sequence[str]) -> None:
    click.echo(
        f"Parked requests that tell of other people too, and were left: {', '.join(ids)}\n"
        "  → Replay them (nothing comes back for the erased person), or drop them: `tajo parked drop`.",
        err=True,
    )


def _wait(tajo: Installation, email: str, asked_ms: int, wait_s: float) -> bool:
    ends = time.monotonic() + wait_s
    while True:
        if is_erased(tajo, email, asked_ms):
            return True
        if time.monotonic() >= ends:
            return False
        time.sleep(LOOK_S)


def _why_it_waits(store: Store) -> str:
    pause = store.breakers.read(PEOPLE)
    if pause is not None:
        return f"{pause.reason} {pause.remedy}"
    return "It is done as soon as a worker runs: `tajo run`, then look with `tajo contacts explain`."


def _print_totals(found: Totals) -> None:
    _heading(f"Orders ({found.known:,} known)")
    rows = [
        (one.source, one.number, one.state or "-", _money(one.worth, one.currency), "yes" if one.counts else one.why)
        for one in found.orders
    ]
    if rows:
        print_table(rows, ("source", "order", "state", "worth", "counts"))
    if found.known > len(found.orders):
        click.echo(f"  The newest {len(found.orders)} are shown; the sums are over all.")
    _heading(
        "Totals" + (f", in {found.currency}" if found.currency else ": the currency that Brevo shows is not known")
    )
    sums = [(one.attribute, _or_dash(one.sum), _platform(one), _or_dash(one.difference)) for one in found.totals]
    print_table(sums, ("attribute", "sum of the orders", "told by the platform, which wins", "difference"))


def _money(worth: float | None, currency: str | None) -> str:
    return "-" if worth is None else f"{worth:.2f} {currency or ''}".strip()


def _platform(one: Total) -> str:
    return "-" if one.platform is None else f"{one.platform} ({one.source})"


def _or_dash(value: Any) -> str:
    return "-" if value is None else str(value)


def _heading(text: str) -> None:
    click.echo("")
    click.echo(text)


def _text(value: Any) -> str:
    return "(empty)" if value in (None, "") else str(value)
