"""One person's item while the contacts lane works on it: what is known, what Brevo has, what to do.

An import that is under way may make a contact for a person at any moment until it has landed. What is done for that
person meanwhile must lead to the same end whether it comes before or after: the import itself never changes a contact
that is there, so an upsert to the very address that is under way may go at once; anything else waits.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace

from customer_sync.brevo.contact_plan import Desired, Plan, Rules, make_plan
from customer_sync.lane import Outcome
from customer_sync.merge import Stamped, State, merge
from customer_sync.store.lanes import Flown, Item, Settlement
from customer_sync.store.people import Has, Person, decode, encode

#: How long what must wait for an import waits before it is looked at again, in seconds.
WAIT_S = 1.0


@dataclass(slots=True)
class Job:
    """One person's item while it is worked on.

    Args:
        item: the item.
        state: all that is known of the person.
        plan: what to do.
        has: what Brevo has; changes with each call.
        waits: whether an import must land first.
        learned: what was heard from Brevo meanwhile.
    """

    item: Item
    state: dict[str, Stamped]
    plan: Plan
    has: Has
    waits: bool = False
    learned: dict[str, Stamped] = field(default_factory=dict)

    @property
    def must_block(self) -> bool:
        """Whether the person withdrew while an import may make a mailable contact for them."""
        desired = self.plan.desired
        return self.waits and desired is not None and bool(desired.blocked) and not self.has.blocked


def prepare(item: Item, rules: Rules, under_way: Callable[[], Collection[str]]) -> Job:
    """Return what is to be done for a person.

    Args:
        item: what waits for them.
        rules: the operator's decisions.
        under_way: gives the ids of all imports that may still make contacts.
    """
    person = decode(item.record)
    state = merge([person.state, item.state])
    flown = item.flown
    if flown is None:
        plan = make_plan(state, person.has, rules)
        return Job(item, state, plan, plan.has)
    plan = make_plan(state, landed(person.has, flown), rules)
    return Job(item, state, plan, plan.has, waits=not _commutes(plan, flown) and flown.flight in under_way())


def landed(has: Has, flown: Flown) -> Has:
    """Return what Brevo has at most, once an import took the person along: perhaps a contact, whatever is in it."""
    if has.email is not None:
        return has
    lists = tuple(sorted({*has.lists, *flown.lists}))
    return replace(has, email=flown.email, digest="", lists=lists, at_ms=max(has.at_ms, flown.at_ms))


def _commutes(plan: Plan, flown: Flown) -> bool:
    """Tell whether it is the same for a plan to be carried out before the import or after it."""
    if plan.action == "none":
        return plan.why == "unchanged"
    desired = plan.desired
    return plan.action == "write" and desired is not None and desired.email == flown.email and not desired.unlist


def desired_of(job: Job) -> Desired:
    """Return what Brevo should have; every plan that writes has it."""
    assert job.plan.desired is not None
    return job.plan.desired


def record_of(job: Job) -> str:
    """Return the person's record as it is to be stored."""
    state: State = merge([job.state, job.learned]) if job.learned else job.state
    return encode(Person(state, job.has))


def held(item: Item, note: str) -> Outcome:
    """Return the outcome of an item that could not be tried; nothing is burnt."""
    return Outcome(item, Settlement(item.target, "again", due_in_s=WAIT_S), "held", note)


def unchanged(job: Job) -> Outcome:
    """Return the outcome of an item that needs no call."""
    return Outcome(job.item, Settlement(job.item.target, "done", record=record_of(job)), "unchanged", job.plan.why)
