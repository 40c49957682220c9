"""`tajo brevo`: make Brevo's webhook; switch eCommerce on; prove in the account what imports may do, and clean up."""

from __future__ import annotations

import shutil
import sys
from time import sleep
from typing import Any, Final

import click

from customer_sync.assembly import open_prover
from customer_sync.base.spans import duration
from customer_sync.brevo.client import Brevo
from customer_sync.brevo.commerce import activate as switch_on
from customer_sync.brevo.commerce import ask_commerce, set_currency
from customer_sync.brevo.proof import canaries
from customer_sync.brevo.proof.cleaning import Removed, clean
from customer_sync.brevo.proof.course import PASSES
from customer_sync.brevo.proof.doors import DOORS, Door, DoorBook, Doors
from customer_sync.brevo.proof.outlook import LOOKED_THROUGH, OutlookBook, headline
from customer_sync.brevo.proof.prover import BUSY_S, Progress, Prover, cost_of
from customer_sync.brevo.proof.telling import step_words
from customer_sync.brevo.proof.weekly import agree
from customer_sync.cli import context
from customer_sync.cli.brevo_webhook import install
from customer_sync.cli.output import (
    FAILED,
    WRONG_USE,
    age,
    confirm,
    count,
    fail,
    interrupted,
    json_option,
    must_confirm,
    now_ms,
    own,
    paint,
    print_json,
    print_table,
    prompt,
    yes_option,
)
from customer_sync.config import Settings
from customer_sync.errors import Refused
from customer_sync.store import Store
from customer_sync.store.counters import Tally

#: How often the line is renewed in a terminal, in seconds.
RENEW_S: Final = 1.0
#: How many receipts are listed.
LISTED: Final = 5

#: Door → what it is about.
_ABOUT: Final = {
    "updates": "change people who are in Brevo already",
    "phones": "carry phones and ids",
    "lists": "put people they create on lists",
}
_AGAIN: Final = "`tajo brevo prove` goes on, `tajo brevo prove --clean` ends it and removes all that was made."


@click.group()
def brevo() -> None:
    """Make Brevo's webhook; switch eCommerce on; prove in the account what imports may do."""


brevo.add_command(install)


@brevo.command()
@click.option("--currency", metavar="CODE", help="Set the display currency, as EUR; only where eCommerce is on.")
@json_option
def activate(*, currency: str | None, as_json: bool) -> None:
    """Switch eCommerce on in Brevo: orders and products wait until it is.

    It takes Brevo about five minutes. What waits is kept, and goes by itself then. Asking again does no harm.

    The display currency is that in which Brevo counts the orders of all shops: orders in another one are left out.
    """
    settings = context.read_settings()
    store = context.open_store(settings)
    account = context.open_brevo(settings, store)  # says what to do where there is none
    found = ask_commerce(account, store, now_ms())
    if not found.is_on:
        switch_on(account, store)
    elif currency is not None:
        set_currency(account, store, currency)
        found = ask_commerce(account, store, now_ms())
    if as_json:
        print_json({"is_on": found.is_on, "currency": found.currency, "asked": not found.is_on})
    elif found.is_on:
        click.echo(f"eCommerce is on, it counts in {found.currency or 'an unknown currency'}.")
    else:
        click.echo("Brevo switches eCommerce on, which takes about five minutes. What waits goes by itself then.")
        if currency is not None:
            again = f"`tajo brevo activate --currency {currency}`"
            click.echo(f"The display currency is not set yet: Brevo takes it once eCommerce is on. Then {again} again.")


@brevo.command()
@click.option("--address", metavar="ADDRESS", help="An address of yours; the canaries get its plus-addresses.")
@click.option("--with-click", is_flag=True, help="You click on “unsubscribe” once, in a campaign to one canary.")
@click.option("--weekly/--no-weekly", default=None, help="Let the schedule repeat the proof before its week is over.")
@click.option("--clean", "is_cleaning", is_flag=True, help="Remove all that proofs made in Brevo; closes all doors.")
@click.option("--status", "is_asking", is_flag=True, help="Show the doors, why, and the last proofs; changes nothing.")
@yes_option
@json_option
def prove(  # noqa: PLR0913  # one for each option
    *,
    address: str | None,
    with_click: bool,
    weekly: bool | None,
    is_cleaning: bool,
    is_asking: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Find out in your own account what an import does to blocks, lists and phones.

    Imports only create contacts until this was passed: people who are in Brevo already are changed by one call each.
    The proof is made on contacts of its own (canaries) at plus-addresses of ADDRESS; no customer is touched and no
    message is sent. It takes about half an hour. Ctrl-C ends the watching only: a running worker goes on with it, and
    so does this command.

    Exit code 0 when imports may update now, 1 when they may not, 2 for an address that cannot be used.
    """
    if is_asking and is_cleaning:
        fail("--status and --clean do not go together.", "Choose one of them.", WRONG_USE)
    settings = context.read_settings()
    store = context.open_store(settings)
    if is_asking:
        _status(settings, store, as_json=as_json)
        return
    account = context.open_brevo(settings, store)  # says what to do where there is none
    if is_cleaning:
        must_confirm("Remove all canaries, lists and attributes of proofs from Brevo?", yes=yes)
        _clean(store, account, yes=yes, as_json=as_json)
        return
    if weekly is not None and address is None and _agreed(store, is_weekly=weekly):
        return
    prover = open_prover(settings, store)
    if store.proofs.run() is None:
        _begin(prover, store, address, with_click=with_click, weekly=weekly, yes=yes)
    elif address is not None:
        fail("A proof is under way already.", _AGAIN, WRONG_USE)
    receipt = _watch(prover, store, is_quiet=as_json)
    doors = _doors(settings, store)
    if as_json:
        print_json({"doors": _doors_json(doors), "receipt": receipt})
    else:
        _print_end(doors, receipt)
    if not doors.updates.is_open:
        click.get_current_context().exit(FAILED)


def _clean(store: Store, account: Brevo, *, yes: bool, as_json: bool) -> None:
    """Remove what this Tajo made, and what others made if that is confirmed; `yes` only where it may be our own."""
    is_known = bool(store.proofs.known_owner())
    removed = clean(store, account, Tally())
    if removed.others and not (yes and is_known):
        click.echo(
            f"Of proofs that this Redis does not know, {removed.others} contacts and lists are in Brevo: made before "
            "it was emptied, or by another Tajo, which could not update by import any more.",
            err=True,
        )
        if confirm("Remove them, too?", yes=yes):
            removed = clean(store, account, Tally(), everyones=True)
    _print_removed(removed, as_json=as_json)


def _agreed(store: Store, *, is_weekly: bool) -> bool:
    """Note that the proof there is, or the one under way, is repeated or not; False where there is none."""
    record = store.proofs.read().proof or {}
    if store.proofs.run() is None and not record.get("proven_ms"):
        return False
    while not agree(store, is_weekly=is_weekly):
        sleep(BUSY_S)
    click.echo(f"The schedule {'repeats the proof each week' if is_weekly else 'does not repeat the proof'}.", err=True)
    return True


def _begin(  # noqa: PLR0913  # the options that it asks for where they are missing
    prover: Prover, store: Store, address: str | None, *, with_click: bool, weekly: bool | None, yes: bool
) -> None:
    """Show what will be made and what it costs, ask, and begin.

    Raises:
        Failure: the address cannot be used.
    """
    known = (store.proofs.read().proof or {}).get("address")
    if address is None and yes and not known:
        fail("No address was given.", "Add --address me@example.com, an address of yours.", WRONG_USE)
    if address is None:
        address = known if yes else prompt("An address of yours", yes=yes, default=known)
    base = canaries.read_address(str(address))
    if base is not None and not yes:
        _print_plan(base, prover, store.proofs.owner(), with_click=with_click)
    if weekly is None:
        weekly = not yes and confirm("Repeat it each week by itself, so that it stays valid?", yes=yes, default=True)
    if base is not None:
        must_confirm("Begin?", yes=yes)
    try:
        prover.begin(str(address), with_click=with_click, is_weekly=weekly)
    except Refused as error:
        fail(str(error), "", WRONG_USE)


def _print_plan(base: str, prover: Prover, owner: str, *, with_click: bool) -> None:
    cost = cost_of(prover.unique, with_click=with_click)
    letters = canaries.standing(prover.unique, with_click=with_click)
    click.echo(
        "Imports could change a million contacts in minutes, but Brevo does not say whether they make people mailable "
        "who left.\nThis tries it out on contacts of your own, as miners took a canary along: some are blocked, and "
        "after each import\nthey are read: are they still?\n\nThis makes in your Brevo account:",
        err=True,
    )
    click.echo(
        f"  {count(cost.contacts, 'contact')}, at addresses as these (the last four letters are chance):", err=True
    )
    for letter in letters:
        click.echo(f"    {canaries.address_of(base, letter, '0000')}", err=True)
    titles = [canaries.title_of(name, owner) for name in canaries.LISTS if name != "click" or with_click]
    names = ", ".join(f"“{title}”" for title in titles)
    click.echo(f"  a folder “Tajo” with the lists {names}", err=True)
    click.echo(f"  {count(len(canaries.ATTRIBUTES), 'attribute')}: {', '.join(canaries.ATTRIBUTES)}", err=True)
    click.echo(
        f"It takes about {cost.calls} calls and {cost.minutes} minutes. A few more contacts are made for each pass and "
        "deleted after it.\nNo customer is touched, no message is sent; do not send campaigns to these contacts"
        f"{', but to the one list for your click' if with_click else ''}.\n"
        "`tajo brevo prove --clean` removes all of it.",
        err=True,
    )


def _watch(prover: Prover, store: Store, *, is_quiet: bool) -> dict[str, Any]:
    """Advance the proof and show it until it is over; Ctrl-C stops the watching, not the proof.

    Raises:
        click.exceptions.Exit: after Ctrl-C.
    """
    run = store.proofs.run() or {}
    try:
        return _advance(prover, store, str(run.get("id", "")), is_quiet=is_quiet)
    except KeyboardInterrupt:
        interrupted(f"The proof stands where it is; a worker goes on with it, if one runs. {_AGAIN}")


def _advance(prover: Prover, store: Store, name: str, *, is_quiet: bool) -> dict[str, Any]:
    said = ""
    while True:
        progress = prover.step()
        if progress.receipt is not None:
            _end_line(is_quiet=is_quiet)
            return progress.receipt
        if progress.state == "none":
            _end_line(is_quiet=is_quiet)
            for receipt in store.proofs.receipts():
                if receipt["id"] == name:
                    return dict(receipt)
            fail("The proof was removed while it ran.", "`tajo brevo prove` begins anew.")
        line = _line(progress)
        # without a canary for a click that step is passed over
        is_told = progress.step != "click" or (store.proofs.run() or {}).get("with_click")
        if is_told and not is_quiet:
            if line != said and progress.step == "click":
                _print_click(store)
            _say(line, progress, is_new=line != said)
            said = line
        sleep(min(RENEW_S, max(0.05, progress.wait_s)))


def _line(progress: Progress) -> str:
    where = f"pass {progress.of_pass} of {PASSES}: " if progress.of_pass else ""
    trouble = f" (tried again: {progress.trouble})" if progress.trouble else ""
    return f"{where}{step_words(progress.step)}{trouble}"


def _say(line: str, progress: Progress, *, is_new: bool) -> None:
    if sys.stderr.isatty():
        is_timed = progress.wait_s >= 1 and progress.step != "click"
        wait = f" · {duration(progress.wait_s)}" if is_timed else ""
        width = shutil.get_terminal_size((120, 24)).columns - 1
        click.echo(own("\r\x1b[2K") + f"{line}{wait}"[:width], nl=False, err=True)
    elif is_new:
        click.echo(line, err=True)


def _end_line(*, is_quiet: bool) -> None:
    if not is_quiet and sys.stderr.isatty():
        click.echo(own("\r\x1b[2K"), nl=False, err=True)


def _print_click(store: Store) -> None:
    run = store.proofs.run() or {}
    email = run.get("emails", {}).get("F")
    if not run.get("with_click") or email is None:
        return
    title = canaries.title_of("click", store.proofs.owner())
    click.echo(
        f"Now send a campaign in Brevo to the list “{title}” (it holds only {email}), open the mail, "
        "click on “unsubscribe” and leave that list. This waits for up to an hour.",
        err=True,
    )


def _status(settings: Settings, store: Store, *, as_json: bool) -> None:
    doors, receipts = _doors(settings, store), store.proofs.receipts()
    run = store.proofs.run()
    ahead = OutlookBook(lambda: doors, store.limits).newest(store.runs.recent(LOOKED_THROUGH))
    if as_json:
        at = {} if run is None else {"step": run["step"], "pass": len(run["passes"]), "begun_ms": run["begun_ms"]}
        weekly = bool((store.proofs.read().proof or {}).get("weekly"))
        found = {"under_way": at or None, "weekly": weekly, "receipts": receipts}
        outlook = None if ahead is None else {"run": ahead[0].id, **ahead[1].to_json()}
        print_json({"doors": _doors_json(doors), "outlook": outlook, **found})
        return
    _print_doors(doors)
    if ahead is not None:
        click.echo(f"\nRun {ahead[0].id} of {ahead[0].source}: {headline(*ahead)}")
        for line in ahead[1].sentences:
            click.echo(f"  {line}")
    if run is not None:
        click.echo(f"\nA proof is under way, pass {len(run['passes'])} of {PASSES}. {_AGAIN}")
    if receipts:
        click.echo("\nThe last proofs:")
        words = [
            (one["id"], one["ended"], one["by"], *(one["doors"][door]["verdict"] for door in DOORS), one["calls"])
            for one in receipts[:LISTED]
        ]
        print_table(words, ("proof", "ended", "by", *DOORS, "calls"))


def _doors(settings: Settings, store: Store) -> Doors:
    return DoorBook(settings, store, store.hosts.now_ms).read()


def _print_doors(doors: Doors) -> None:
    for name in DOORS:
        _print_door(doors.door(name))
    if doors.updates.is_open and doors.step < 3:
        click.echo(f"The next import that updates has at most {doors.most_rows} rows; each size is passed once.")
    if doors.updates.is_open:
        click.echo("People who left a list go singly.")
    if doors.proven_ms:
        click.echo(f"The last proof ended {age(doors.proven_ms, now_ms())} ago.")


def _print_door(door: Door) -> None:
    word = paint("open  ", "ok") if door.is_open else paint("closed", "warn")
    click.echo(f"{word}  imports may {_ABOUT[door.name]}: {door.text}")
    if door.remedy:
        click.echo(f"        → {door.remedy}")


def _print_end(doors: Doors, receipt: dict[str, Any]) -> None:
    _print_doors(doors)
    click.echo(f"\n{count(receipt['calls'], 'call')}. `tajo brevo prove --status --json` tells what was seen.")
    if receipt["remedy"]:
        click.echo(f"→ {receipt['remedy']}")
    if receipt["weekly"] and doors.updates.is_open:
        click.echo("The schedule repeats the proof before its week is over.")


def _print_removed(removed: Removed, *, as_json: bool) -> None:
    if as_json:
        print_json(removed._asdict())
        return
    parts = [count(removed.contacts, "canary").replace("canarys", "canaries")] if removed.contacts else []
    parts += [f"the list “{name}”" for name in removed.lists]
    parts += [f"the attribute {name}" for name in removed.attributes]
    parts += ["the folder “Tajo”"] if removed.folder else []
    click.echo(f"Removed: {', '.join(parts)}." if parts else "Nothing of a proof is in Brevo.")
    if removed.others:
        click.echo(f"{removed.others} contacts and lists of another Tajo stay, and the attributes that it needs.")
    if removed.had_proof:
        click.echo("All doors are closed: imports only create until the next proof.")


def _doors_json(doors: Doors) -> dict[str, Any]:
    return {
        **{name: doors.door(name)._asdict() for name in DOORS},
        "most_rows": doors.most_rows,
        "covers_left": doors.covers_left,
        "proven_ms": doors.proven_ms,
    }
