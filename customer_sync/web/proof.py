"""What imports may do in the account, on the dashboard: the doors, what closed ones cost, and the proof."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from flask import Blueprint, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from customer_sync.api.problem import AWAY, NOT_UNDERSTOOD, Problem, conflict, not_found
from customer_sync.base.log import get
from customer_sync.brevo.proof import canaries, telling
from customer_sync.brevo.proof.cleaning import clean
from customer_sync.brevo.proof.course import Course
from customer_sync.brevo.proof.doors import DOORS, LISTS, OPENING, PHONES, PROOF_LASTS_S, UPDATES, Door
from customer_sync.brevo.proof.outlook import LOOKED_THROUGH, headline
from customer_sync.brevo.proof.prover import cost_of
from customer_sync.brevo.proof.weekly import agree
from customer_sync.errors import ConfigError, Parkable, Refused, TajoError
from customer_sync.store import Store
from customer_sync.store.counters import Tally
from customer_sync.web.services import Services

log = get(__name__)

#: Door → what it is about.
ABOUT: Final = {
    UPDATES: "Change contacts that are in Brevo already",
    PHONES: "Carry phone numbers, and ids that only one contact may have",
    LISTS: "Put people onto the lists that they agreed to",
}
#: Door → what happens while it is closed.
INSTEAD: Final = {
    UPDATES: "one call to Brevo for each contact",
    PHONES: "one call to Brevo for each contact, after the import",
    LISTS: "one call to Brevo for 150 contacts, after the import",
}
#: Why a door is closed, where something was seen that does harm.
_HARM: Final = frozenset({"failed", "flipped", "contradicted"})


class Shown(NamedTuple):
    """A door as the page shows it.

    Args:
        door: the door.
        about: what it is about.
        instead: what happens while it is closed.
        level: `ok`, `look` or `down`.
    """

    door: Door
    about: str
    instead: str
    level: str


def add_pages(routes: Blueprint, services: Services) -> None:
    """Add the pages below `/imports`, and what can be done there."""
    _looks(routes, services)
    _acts(routes, services)


def _looks(routes: Blueprint, services: Services) -> None:
    @routes.get("/imports")
    def imports_page() -> str:
        return render_template("imports.html", **_facts(services))

    @routes.get("/imports/live")
    def imports_live() -> str:
        return render_template("_imports.html", **_facts(services))

    @routes.get("/imports/<proof>")
    def proof_page(proof: str) -> str:
        found = next((one for one in services.store().proofs.receipts() if one["id"] == proof), None)
        if found is None:
            raise not_found("There is no such proof.", "The newest 20 are kept; the page Imports lists them.")
        return render_template("proof.html", one=found, about=ABOUT, passes=telling.reads(found["passes"]))


def _acts(routes: Blueprint, services: Services) -> None:
    @routes.post("/imports/prove")
    def prove() -> AnyResponse | str | tuple[str, int]:
        address, form = request.form.get("address", "").strip(), request.form
        try:
            if "sure" not in form:
                return render_template("confirm_proof.html", **_plan(services, address))
            _begin(services, address)
        except Problem as problem:
            return render_template("imports.html", **_facts(services, problem, address)), problem.status
        return redirect("/imports", 303)

    @routes.post("/imports/weekly")
    def weekly() -> AnyResponse:
        if not agree(services.store(), is_weekly=request.form.get("weekly") == "1"):
            raise conflict("The proof is doing a step just now.", "Try it again in some seconds.")
        return redirect("/imports", 303)

    @routes.post("/imports/clean")
    def cleaning() -> AnyResponse | str:
        if "sure" not in request.form:
            return render_template("confirm_clean.html", lists=_titles(services), attributes=canaries.ATTRIBUTES)
        return render_template("cleaned.html", removed=_clean(services))


def _facts(services: Services, problem: Problem | None = None, address: str = "") -> dict[str, Any]:
    """Return what the page shows."""
    store, doors = services.store(), services.doors().read(anew=True)
    record, state = store.proofs.read().proof or {}, store.proofs.run()
    unique = services.prover().unique
    return {
        "doors": [_shown(doors.door(name)) for name in DOORS],
        "is_growing": doors.updates.is_open and doors.step < len(OPENING),
        "most_rows": doors.most_rows,
        "is_open": any(doors.door(name).is_open for name in DOORS),
        "proven_ms": doors.proven_ms,
        "ends_ms": doors.proven_ms + int(PROOF_LASTS_S * 1000),
        "ahead": _ahead(services, store),
        "course": _course(services, state) if state else None,
        "receipts": store.proofs.receipts(),
        "is_weekly": bool(state["is_weekly"] if state else record.get("weekly")),
        "has_proof": bool(record or state),
        "address": address or record.get("address", ""),
        "pattern": canaries.address_of("me@example.com", "A", "1f2e"),
        "cost": cost_of(unique),
        "kinds": telling.kinds(unique, with_click=True),
        "problem": problem,
    }


def _shown(door: Door) -> Shown:
    level = "ok" if door.is_open else "down" if door.why in _HARM else "look"
    return Shown(door, ABOUT[door.name], INSTEAD[door.name], level)


def _ahead(services: Services, store: Store) -> dict[str, Any] | None:
    """Return what the newest run takes that changes contacts."""
    found = services.outlook().newest(store.runs.recent(LOOKED_THROUGH))
    if found is None:
        return None
    run, outlook = found
    return {"run": run, "headline": headline(run, outlook), "sentences": outlook.sentences}


def _titles(services: Services) -> dict[str, str]:
    owner = services.store().proofs.owner()
    return {name: canaries.title_of(name, owner) for name in canaries.LISTS}


def _course(services: Services, state: dict[str, Any]) -> dict[str, Any]:
    """Return where a proof stands that is under way."""
    course = Course.of(state)
    return {
        "begun_ms": course.begun_ms,
        "stages": telling.stages(course),
        "wait_s": max(0.0, (course.due_ms - services.clock()) / 1000),
        "trouble": course.trouble,
        "calls": course.calls,
        "click": course.emails.get("F", "") if course.step == "click" else "",
        "click_list": _titles(services)["click"],
        "passes": telling.seen_so_far(course),
    }


def _plan(services: Services, address: str) -> dict[str, Any]:
    """Return what a proof would make and cost.

    Raises:
        Problem: the address cannot be used, or a proof is under way.
    """
    base = canaries.read_address(address)
    if base is None:
        remedy = "Name one of your own, as me@example.com, without a plus part."
        raise Problem(400, NOT_UNDERSTOOD, "That is no address that can be used.", remedy)
    if services.store().people.find(base) is not None:
        raise Problem(400, NOT_UNDERSTOOD, "That is the address of a customer.", "Name one that no shop knows.")
    if services.store().proofs.run() is not None:
        raise conflict("A proof is under way already.", "Its steps are below.")
    with_click, unique = "with_click" in request.form, services.prover().unique
    letters = canaries.standing(unique, with_click=with_click)
    return {
        "address": base,
        "with_click": with_click,
        "is_weekly": "weekly" in request.form,
        "addresses": [canaries.address_of(base, letter, "0000") for letter in letters],
        "lists": [title for name, title in _titles(services).items() if name != "click" or with_click],
        "attributes": [*canaries.ATTRIBUTES],
        "cost": cost_of(unique, with_click=with_click),
    }


def _begin(services: Services, address: str) -> None:
    prover = services.prover()
    try:
        prover.begin(address, with_click="with_click" in request.form, is_weekly="weekly" in request.form)
    except Refused as error:
        raise Problem(400, NOT_UNDERSTOOD, str(error), "") from error
    except TajoError as error:
        raise _problem(error) from error
    log.info("proof begun", by="dashboard")


def _clean(services: Services) -> Any:
    tally = Tally()
    try:
        removed = clean(services.store(), services.brevo(tally), tally)
    except TajoError as error:
        raise _problem(error) from error
    log.info("proof cleaned", by="dashboard", contacts=removed.contacts)
    return removed


def _problem(error: TajoError) -> Problem:
    """Return what a person is told when Brevo does not do what is asked."""
    if isinstance(error, ConfigError | Parkable):
        return conflict(error.reason, error.remedy)
    return Problem(503, AWAY, str(error), "Try it again in a minute; `tajo doctor` looks at the account.")
