"""Puts the line together: from settings and a Redis client to everything a process needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Final, Literal

import redis

from customer_sync.base.clock import Clock, system_clock
from customer_sync.base.log import get
from customer_sync.batch.puller import Puller
from customer_sync.batch.reconcile.brevo_side import Progress
from customer_sync.batch.reconcile.run import Reconciler
from customer_sync.batch.reconcile.source_side import PullComparison, left_by_run
from customer_sync.brevo.attributes import apply, plan, read_attributes
from customer_sync.brevo.client import TIMEOUT as BREVO_TIMEOUT
from customer_sync.brevo.client import Brevo
from customer_sync.brevo.contacts.gear import notify_url, open_gear
from customer_sync.brevo.contacts.handler import CONTACTS, ContactsHandler
from customer_sync.brevo.desk import Desk
from customer_sync.brevo.events import EventsHandler
from customer_sync.brevo.mail.handler import Handler as MailHandler
from customer_sync.brevo.orders import OrdersHandler
from customer_sync.brevo.owner import Owner
from customer_sync.brevo.products import ProductsHandler
from customer_sync.brevo.proof.prover import Prover
from customer_sync.brevo.rules import RulesBook, forget_account
from customer_sync.brevo.webhooks import SOURCE as BREVO_SOURCE
from customer_sync.brevo.webhooks import BrevoIntake
from customer_sync.config import API_SOURCE, Settings
from customer_sync.destinations import LANES
from customer_sync.engine import pauses
from customer_sync.engine.lane import Handler
from customer_sync.errors import ConfigError, TajoError
from customer_sync.kit.connector import Connector, SourceSettings
from customer_sync.kit.outbound import HttpClient
from customer_sync.kit.reach import Access
from customer_sync.operate.broken import tell_broken
from customer_sync.operate.doctor.account import ask_account
from customer_sync.operate.doctor.findings import Patient
from customer_sync.operate.erasure import Erased, forget_traces, spools_in
from customer_sync.operate.figures.watched import remember_account
from customer_sync.operate.notices.handler import handlers_of
from customer_sync.pipeline import Line
from customer_sync.platforms import writeback
from customer_sync.platforms.accesses import Accesses
from customer_sync.platforms.debts import Debts, decisions_of
from customer_sync.platforms.handlers import fetch_handlers
from customer_sync.registry import connector_for
from customer_sync.skills import Skill
from customer_sync.skills.chosen import make_skills
from customer_sync.skills.needs import pulled_of
from customer_sync.store import Store
from customer_sync.store.counters import Tally
from customer_sync.store.items import Item
from customer_sync.store.keeper import Keeper
from customer_sync.store.receipts import Receipt

log = get(__name__)


#: The worker steps of the lanes to Brevo that keep records: orders, products, events, mail.
RECORD_HANDLERS: Final[Sequence[Callable[[Desk], Handler]]] = (
    OrdersHandler,
    ProductsHandler,
    EventsHandler,
    MailHandler,
)
#: What a lane keeps → the store's word for it.
_KEEPS: Final[Mapping[str | None, Literal["people", "records", "nothing"]]] = {
    "person": "people",
    "record": "records",
    None: "nothing",
}


def connectors_of(settings: Settings) -> dict[str, Connector]:
    """Return the connector of every enabled source, of the API, and the one that reads Brevo's own webhooks."""
    built_in = SourceSettings(API_SOURCE, API_SOURCE)
    sources = {name: settings.sources.get(name, built_in) for name in settings.all_sources}
    found: dict[str, Connector] = {name: connector_for(source) for name, source in sources.items()}
    found[BREVO_SOURCE] = BrevoIntake(SourceSettings(BREVO_SOURCE, BREVO_SOURCE, settings.brevo.webhook_secrets))
    return found


def access_of(settings: Settings, store: Store, source: str, home: Path) -> Access | None:
    """Return how a source is reached, None when it cannot be pulled; for one call only, see `Accesses`.

    Raises:
        redis.RedisError: Redis cannot be reached.
    """
    return Accesses(settings, store, home)(source)


def brevo_of(settings: Settings, store: Store, tally: Tally) -> Brevo:
    """Return the account at Brevo; the sandbox takes any key."""
    key = settings.brevo.api_key or "sandbox"
    return Brevo(settings.brevo.base_url, key, HttpClient(timeout=BREVO_TIMEOUT), store.limits, tally)


def open_line(  # noqa: PLR0913  # what a line is made of, and the line before it
    settings: Settings,
    client: redis.Redis,
    wake: Callable[[str], None],
    home: Path = Path(),
    clock: Clock | None = None,
    *,
    before: Line | None = None,
) -> Line:
    """Return the line, ready to work.

    Args:
        settings: the config.
        client: see `customer_sync.store.connect`.
        wake: sends a wake-up.
        home: the folder with the spool, where erased people must leave no trace either.
        clock: milliseconds since 1970; None takes Redis' own time.
        before: the line of the same process with other settings; steps of it that are under way end as they began.

    Raises:
        redis.RedisError: Redis cannot be reached.
    """
    store = before.store if before else Store(client, settings.secret_key)
    clock = clock or store.hosts.now_ms
    tally = Tally()
    brevo = brevo_of(settings, store, tally)
    _notice_new_account(settings, store)
    tell_broken(settings, store)
    rules = RulesBook(settings, store, brevo, clock)
    notices = handlers_of(settings, store, home, tally, clock)
    desk = Desk(settings, brevo, store, rules.read, tally, clock, lambda: any(one.depth() for one in spools_in(home)))
    records = {one.lane.name: one for one in (make(desk) for make in RECORD_HANDLERS)}
    connectors = connectors_of(settings)
    accesses = Accesses(settings, store, home, clock)
    told = writeback.handlers_of(settings, connectors, accesses, store, tally=tally, clock=clock)
    platforms: dict[str, Handler] = {**told, **fetch_handlers(settings, store, connectors, accesses)}
    for lane in (*LANES, *(one.lane for one in (*records.values(), *notices.values(), *platforms.values()))):
        more = {"has_gear": lane.has_gear, "is_summed": lane.name == store.orders.lane}
        store.lanes.register(lane.name, keeps=_KEEPS[lane.keeps], **more)
    contacts = ContactsHandler(
        brevo,
        store.limits,
        store.people,
        rules.read,
        clock,
        under_way=store.imports.ids,
        forget_account=lambda: forget_account(store),
    )

    def forget(items: Sequence[Item]) -> None:
        forget_traces(store, connectors, Erased.of(store.people, items), spools_in(home))

    return Line(
        store=store,
        connectors=connectors,
        skills=skills_of(settings),
        handlers={CONTACTS.name: contacts, **records, **notices, **platforms},
        wake=wake,
        tally=tally,
        keeper=before.keeper if before else Keeper(store.lanes),
        forget=forget,
        rules=rules.read,
        debts=Debts(store, decisions_of(settings)),
        gears={
            CONTACTS.name: open_gear(settings, store, store.imports, brevo, tally=tally, rules=rules.read, clock=clock)
        },
        clock=clock,
        **({"committer": before.committer} if before else {}),
    )


def open_puller(settings: Settings, line: Line, home: Path = Path()) -> Puller:
    """Return what runs need beside the line."""
    accesses = Accesses(settings, line.store, home, line.clock)
    return Puller(
        line,
        line.rules,
        accesses,
        compared=lambda run: compare_with_brevo_soon(line.store, run.source),
        may_begin=lambda source: settings.options_for(source).first_sync == "auto",
        wanted=lambda source: pulled_of(settings, source),
    )


def open_puller_of(settings: Settings, store: Store, home: Path) -> Puller:
    """Return what is needed to start runs from outside a worker: it does no work, the workers' sweep finds the run."""
    line = Line(
        store=store,
        connectors=connectors_of(settings),
        skills=(),
        handlers={},
        wake=lambda _: None,
        tally=Tally(),
        keeper=Keeper(store.lanes),
    )
    return open_puller(settings, line, home)


@contextmanager
def open_reconciler(
    settings: Settings,
    store: Store,
    home: Path,
    wake: Callable[[str], None] = lambda _: None,
    clock: Clock | None = None,
) -> Iterator[Reconciler]:
    """Give what compares both sides; the calls it makes are counted when the block ends.

    Args:
        settings: the config.
        store: all that Redis holds.
        home: the folder with the key file, where `TAJO_SECRET_KEY` is not set.
        wake: sends a wake-up; without one the workers' sweep finds what is to be mended.
        clock: milliseconds since 1970; None takes Redis' own time.
    """
    clock = clock or store.hosts.now_ms
    tally = Tally()
    brevo = brevo_of(settings, store, tally)
    connectors, access = connectors_of(settings), Accesses(settings, store, home, clock)
    rules = RulesBook(settings, store, brevo, clock)
    compare_source = PullComparison(store, connectors, skills_of(settings), access, rules.read, wake, clock=clock)
    try:
        yield Reconciler(store, brevo, rules.read, compare_source, wake, clock=clock)
    finally:
        store.counters.add(tally)


def compare_with_brevo_soon(store: Store, source: str) -> None:
    """Note that a source was read whole: Brevo's side of the compare is due. It survives a worker that is killed."""
    store.compares.add(source)


def compare_with_brevo(  # noqa: PLR0913  # what a compare works with, and whom it tells
    settings: Settings,
    store: Store,
    home: Path,
    wake: Callable[[str], None],
    clock: Clock | None = None,
    *,
    progress: Progress = lambda *_: None,
) -> Receipt | None:
    """Do Brevo's side of the nightly compare for one source that is due, and mend; None when none is.

    Where a person asked to look only, both sides are compared and nothing is mended.

    Args:
        settings: the config.
        store: all that Redis holds.
        home: the folder with the key file.
        wake: sends a wake-up.
        clock: milliseconds since 1970.
        progress: told how far it is, at least once a page.

    Raises:
        TryLater: a reconciliation is running already.
        TajoError: Brevo does not answer, or refuses the key; the source stays due.
    """
    due = [(one, looks) for looks in (True, False) for one in store.compares.due(looks=looks)]
    source, looks = next(((one, looks) for one, looks in due if one in settings.sources), ("", False))
    if not source:
        store.compares.clear()
        return None
    with open_reconciler(settings, store, home, wake, clock) as reconciler:
        if not looks:
            # the run before this has brought the source's side up to date, as far as its word counts
            drift = left_by_run(store.runs.recent(-1), source)
            reconciler.compare_source = lambda *_: drift
        receipt = reconciler.run(tuple(settings.sources), only=source, heal=not looks, progress=progress)
    store.compares.remove(source, looks=looks)
    if receipt.stopped:
        store.ledger.alert(receipt.stopped, f"Look at `tajo reconcile {source}`.", source=source, cause="brake")
    return receipt


def open_prover(settings: Settings, store: Store, clock: Clock | None = None) -> Prover:
    """Return what proves in the account what imports do; `clock` gives milliseconds since 1970, None is Redis' own."""
    tally = Tally()
    brevo = brevo_of(settings, store, tally)
    clock = clock or store.hosts.now_ms
    return Prover(settings, store, brevo, clock, tally=tally, notify_url=notify_url(settings))


def skills_of(settings: Settings) -> list[Skill]:
    """Return the skills, each acting where it is enabled. What comes from Brevo concerns all sources."""
    return [*make_skills(settings, of_all=BREVO_SOURCE).skills]


def check_account(settings: Settings, store: Store, clock: Clock | None = None) -> None:
    """Ask Brevo whether the key is right and the account has what the mapping needs; in the sandbox, make it.

    What was found is remembered with its time: the overview never says that the account is well when nobody looked.
    Brevo answers 201 and drops what it does not know, so this must be said before. The clock is this host's own.
    """
    tally = Tally()
    brevo = brevo_of(settings, store, tally)
    if _is_of_others(settings, store, brevo):
        store.counters.add(tally)
        return
    try:
        if settings.brevo.is_sandbox:
            mappings = [settings.mapping_for(name) for name in settings.all_sources]
            apply(brevo, plan(mappings, read_attributes(brevo)))
    except TajoError as error:
        log.warning("sandbox not prepared", error=str(error))
    host = clock or system_clock
    patient = Patient(settings, Path(), {}, store, brevo, host_s=lambda: host() / 1000)
    try:
        findings = list(ask_account(patient, brevo))
    finally:
        forget_account(store)
        store.counters.add(tally)
    remember_account(store, findings)
    if all(one.code not in {"brevo_key", "brevo_away"} for one in findings):
        _go_on(store)
    for one in findings:
        if one.verdict != "ok":
            log.warning("account wants a look", finding=one.name, cause=one.cause)


def _go_on(store: Store) -> None:
    """End the pauses of lanes to Brevo in which nothing waits: nobody else would find out that it answers again."""
    for lane in (one.name for one in LANES if one.destination == CONTACTS.destination):
        if store.breakers.read(lane) is not None and not store.lanes.depth(lane)[0]:
            pauses.resume(store, lane)


def _is_of_others(settings: Settings, store: Store, brevo: Brevo) -> bool:
    """Tell whether Redis is about another account, and let the lanes to this one wait."""
    try:
        Owner(settings, store, brevo).check()
    except ConfigError as error:
        for lane in (one.name for one in LANES if one.destination == CONTACTS.destination):
            pauses.pause(store, lane, error, store.now_ms())
        return True
    except TajoError as error:
        log.warning("account not known", error=type(error).__name__)
    return False


def _notice_new_account(settings: Settings, store: Store) -> None:
    """Forget what was learned of the account when key or address are new; a pause for a wrong key ends here."""
    text = f"{settings.brevo.base_url}|{settings.brevo.api_key}".encode()
    mark = blake2b(text, key=store.people.salt[:32], digest_size=12).hexdigest()
    if store.note("account") == mark:
        return
    store.set_note("account", mark)
    forget_account(store)
    for lane in LANES:
        if lane.destination != CONTACTS.destination:
            continue
        store.limits.forget(lane.bucket)
        if store.breakers.close(lane.name) is not None:
            log.warning("lane resumed", lane=lane.name, why="new key or address")
