"""One person's item while the contacts lane works on it: what is known, what Brevo has, what to do.

While an import runs it may make a contact for a person at any moment. Only calls whose result does not depend on the
order are allowed meanwhile: an upsert to the same address. Everything else waits for the import.

An import that updates may also overwrite newer values with its own and lift a block, whenever Brevo comes to the row.
So an upsert is made at once, and everything is sent once more when the import has ended (`settle.lua` sees to that).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from customer_sync.brevo.contacts.contact_plan import (
    GONE_THERE,
    UNIQUE,
    Desired,
    Plan,
    Rules,
    heard,
    make_plan,
    view,
)
from customer_sync.brevo.contacts.leavings import (
    FOUND_BLOCKED,
    FOUND_UNSUBSCRIBED,
    everything_left,
    groups_left,
    left_known_ms,
    news,
    numbers,
    undated,
    when_left,
    words_of,
)
from customer_sync.brevo.contacts.lists_apart import is_unread
from customer_sync.brevo.contacts.refusals import is_taken
from customer_sync.engine.lane import Outcome
from customer_sync.model import Channel, ConsentState, Json
from customer_sync.person.apart import is_apart, told_apart
from customer_sync.person.consent import is_yes, register
from customer_sync.person.merge import Stamped, is_empty, merge, stamp
from customer_sync.person.owed import BREVO, outlasting
from customer_sync.person.person import DELETED, ERASED, FREED, Has, Part, Person, apply, attributes
from customer_sync.store.forms import encode_part
from customer_sync.store.imports import IMPORT_LEASE_S
from customer_sync.store.items import CREATED, NOT_CREATED, Erasure, ImportMark, Item, Settlement
from customer_sync.store.people import People

#: For so long after the begin of an import that updates Brevo's news of blocks are not believed, in milliseconds: the
#: import may have lifted the block since. Such a block is set again; one that stands is set twice.
REACH_MS: Final = int(IMPORT_LEASE_S * 1000)


@dataclass(slots=True)
class Job:
    """One person's item while it is worked on.

    Args:
        item: the item.
        stored: what was stored of the person.
        person: all that is known of the person.
        rules: the operator's decisions.
        now_ms: the time.
        plan: what to do.
        has: what Brevo has; changes with each call.
        old: the person of the old address, whose contact is to become this one's; `has` changes with each call.
        waits: whether an import must end first.
        is_moved: whether what Brevo has of the old address was changed by a call.
        found: withdrawals that reading the contact showed, and that no webhook had told.
        is_looked_at: whether the contact was read for this job: only then may a block be lifted.
    """

    item: Item
    stored: Person
    person: Person
    rules: Rules
    now_ms: int
    plan: Plan
    has: Has
    old: Person | None = None
    waits: bool = False
    is_moved: bool = False
    found: dict[str, Stamped] = field(default_factory=dict)
    is_looked_at: bool = False

    @property
    def is_shaken(self) -> bool:
        """Whether an import that updates may have changed the contact since the last call, or may do so yet."""
        return self.item.mark is not None and self.item.mark.updates

    @property
    def must_block(self) -> bool:
        """Whether the person withdrew while an import may make, or has, a mailable contact of theirs."""
        return self.waits and bool(self.own_blocks or self.old_blocks)

    @property
    def own_blocks(self) -> dict[str, Json]:
        """The blocks to be set at once at the address that an import took along; empty where they stand already."""
        return self._blocks(self.item.mark, self.has)

    @property
    def old_blocks(self) -> dict[str, Json]:
        """The same for the old address."""
        old = self.item.old
        return {} if old is None or self.old is None else self._blocks(old.mark, self.old.has)

    def _blocks(self, mark: ImportMark | None, has: Has) -> dict[str, Json]:
        """Return all blocks that the person's word asks for, if one of them is missing.

        An erasure or a deletion has no plan for flags and waits for the import, but a withdrawal does not.
        """
        if mark is None:
            return {}
        seen = view(self.person, self.rules)
        wanted = {
            name: is_blocked
            for name, standing, is_blocked in (
                ("emailBlacklisted", seen.email, has.blocked),
                ("smsBlacklisted", seen.sms, has.sms_blocked),
            )
            if standing.state is ConsentState.WITHDRAWN
        }
        return {} if all(wanted.values()) else dict.fromkeys(wanted, True)

    @property
    def desired(self) -> Desired:
        """What Brevo should have; set in every plan that writes."""
        assert self.plan.desired is not None
        return self.plan.desired

    def learn(self, found: Mapping[str, Json], *, is_old: bool = False) -> None:
        """Take in a contact as Brevo shows it: a block, or a list that the person left, is a withdrawal like any other.

        Args:
            found: the contact.
            is_old: the contact is that of the old address of a rename; its withdrawals also stay with that address.
        """
        known = heard(self.old) if is_old and self.old is not None else self.has
        at_ms = self.now_ms
        is_blocked, is_sms_blocked = found.get("emailBlacklisted") is True, found.get("smsBlacklisted") is True
        on, left, groups = numbers(found.get("listIds")), numbers(found.get("listUnsubscribed")), groups_left(found)
        opt_in_ms = None if is_old else self._opt_in_ms
        newly, parts = (left - on - known.left_lists.keys()) & self._listed, frozenset[int]()
        words = words_of(found, known.at_ms, opt_in_ms, at_ms) if is_blocked else {}
        said = news(words, self.person.said)
        is_unclear = self.is_unclear and not is_old
        is_told = is_unclear or (is_blocked and known.blocked)
        left_ms = left_known_ms(self.person.said, is_apart=self.rules.apart is not None) if is_told else None
        if is_blocked and not known.blocked:
            found_blocked = {register(Channel.EMAIL, "withdrawn"): Stamped([FOUND_BLOCKED, BREVO], at_ms)}
            said |= everything_left(self.person.said, found_blocked) if is_unclear else found_blocked
        elif left_ms is None and (newly or groups - {*known.left_groups}):
            said[register(Channel.EMAIL, "withdrawn")] = Stamped([FOUND_UNSUBSCRIBED, BREVO], at_ms)
            parts = newly if groups <= {*known.left_groups} else parts
        elif is_blocked and opt_in_ms is not None:
            said = merge([said, undated(opt_in_ms, at_ms)])
        if is_sms_blocked and not known.sms_blocked:
            said[register(Channel.SMS, "withdrawn")] = Stamped([FOUND_BLOCKED, BREVO], at_ms)
        said = outlasting(said | news(told_apart(words), self.person.said) | told_apart(said, parts))
        self.person = replace(self.person, said=merge([self.person.said, said]))
        self.found = merge([self.found, said])
        if is_old and self.old is not None:
            has = replace(self.old.has, is_read=True, blocked=is_blocked, sms_blocked=is_sms_blocked)
            self.old = replace(self.old, said=merge([self.old.said, said]), has=has)
        else:
            lists = tuple(sorted((set(self.has.lists) | set(self.desired.lists)) & on))
            self.has = replace(
                self.has,
                is_there=True,
                is_read=True,
                blocked=is_blocked,
                sms_blocked=is_sms_blocked,
                lists=lists,
                left_groups=tuple(sorted(groups)),
                left_lists=when_left(left - on, self.has.left_lists, left_ms, at_ms),
            )
            # `heard` must not prefer an older webhook to this answer
            self.has = replace(self.has, at_ms=at_ms, left_ms=max(self.has.left_ms, at_ms))
            self.is_looked_at = True
        self.replan()

    def learn_none(self) -> None:
        """Take in that there is no contact: it has no list, no value of ours, and no block that could be lifted."""
        left_ms = max(self.has.left_ms, self.now_ms)
        self.has = replace(self.has, is_there=False, is_read=True, lists=(), filled=frozenset(), left_ms=left_ms)
        self.has, self.is_looked_at = replace(self.has, blocked=False, sms_blocked=False), True
        self.replan()

    @property
    def is_unclear(self) -> bool:
        """Whether the person left lists or everything: only the contact tells which, while we have not blocked it."""
        desired = self.plan.desired
        return desired is not None and is_unread(self.person, self.has, self.rules, desired.blocked)

    @property
    def _opt_in_ms(self) -> int | None:
        """When the opt-in was given for which a block is to be lifted; None where none is to be."""
        act = view(self.person, self.rules).email.evidence
        return act.at_ms if act is not None and self.desired.blocked is False else None

    @property
    def _listed(self) -> frozenset[int]:
        """The lists that the contact is on as far as known, and those that it is to be on."""
        return frozenset((*self.desired.lists, *self.has.lists))

    def replan(self) -> None:
        """Make the plan again, after the contact was read."""
        self.plan = make_plan(replace(self.person, has=self.has), self.rules, self.now_ms)
        self.has = self.plan.has

    def forget_old(self, has: Has) -> None:
        """Store what Brevo has of the old address now."""
        if self.old is not None:
            self.old, self.is_moved = replace(self.old, has=has), True


def prepare(item: Item, people: People, rules: Rules, now_ms: int, under_way: Callable[[], Collection[str]]) -> Job:
    """Return what is to be done for a person.

    Args:
        item: the person's waiting changes.
        people: reads stored persons.
        rules: the operator's decisions.
        now_ms: the time.
        under_way: gives the ids of all imports that may still make contacts.
    """
    stored = people.decode(item.record)
    person = apply(stored, item.parts)
    person = replace(person, orders=item.orders) if item.orders else person
    marks = [one for one in (item.mark, item.old.mark if item.old else None) if one is not None]
    running = [one for one in marks if one.import_id in under_way()]
    old = None
    if item.old is not None:
        old = apply(people.decode(item.old.record), item.old.parts)
        old = replace(old, has=after_import(old.has, item.old.mark, running, now_ms))
        old = replace(old, has=heard(old))
    has = after_import(stored.has, item.mark, running, now_ms)
    known = person if has is person.has else replace(person, has=has)
    is_shaken = item.mark is not None and item.mark.updates
    plan = make_plan(known, rules, now_ms, old, is_shaken=is_shaken)
    if is_shaken and plan.why == GONE_THERE and not running:
        plan = plan._replace(action="undo")
    waits = any(not _commutes(plan, one, person) for one in running)
    return Job(item, stored, person, rules, now_ms, plan, plan.has, old, waits=waits)


def after_import(has: Has, mark: ImportMark | None, running: Collection[ImportMark], now_ms: int) -> Has:
    """Return the most that Brevo may have of a person who is, or was, in an import: perhaps a contact.

    Until it is known whether the import created the contact, taking it off a list or emptying a value waits for the end
    of the import, and the contact is read before it is put on a list. A block that was reported up to now may belong to
    no contact at all.

    Of an import that updates: the contact is there, and everything is to be sent again.
    """
    if mark is None or (has.is_there and not mark.updates):
        return has
    if mark.updates:
        return replace(
            has,
            is_there=True,
            digest="",
            lists=tuple(sorted({*has.lists, *mark.lists})),
            left_ms=max(has.left_ms, mark.at_ms + REACH_MS),
            filled=has.filled | mark.filled,
            is_read=has.is_read and {*mark.lists} <= {*has.lists},
        )
    may_be_ours = mark in running or mark.import_id == CREATED
    return replace(
        has,
        is_there=True,
        digest="",
        lists=has.lists if mark.import_id == NOT_CREATED else tuple(sorted({*has.lists, *mark.lists})),
        at_ms=max(has.at_ms, mark.at_ms),
        left_ms=max(has.left_ms, now_ms),
        filled=mark.filled if may_be_ours else frozenset(),
        # whether the contact joined the lists after the import is not known
        is_read=mark.import_id == CREATED and not mark.lists,
    )


def _commutes(plan: Plan, mark: ImportMark, person: Person) -> bool:
    """Tell whether a plan has the same result when it is carried out before the import as after the import."""
    if mark.email != person.email:
        return False
    if mark.updates:
        return plan.action == "write"  # and once more after the import
    if plan.action == "none":
        return plan.why == "unchanged"
    desired = plan.desired
    return plan.action == "write" and desired is not None and not desired.unlist and not desired.emptied


def only_withdrawn(job: Job) -> Person:
    """Return what was stored of a person, with nothing but the withdrawals of the waiting changes merged in."""
    names = {register(channel, name) for channel in Channel for name in ("withdrawn", "bounced", "complained", "after")}
    names.add(DELETED)
    parts = [
        part._replace(state={name: one for name, one in part.state.items() if name in names or is_apart(name)})
        for part in job.item.parts
    ]
    return apply(job.stored, [part for part in parts if part.state])


# what is written ------------------------------------------------------------------------------------------------------


def record_of(job: Job, people: People) -> str:
    """Return the person's text as it is to be stored."""
    known = job.person
    return people.encode(Person(known.email, known.records, known.said, job.has))


def old_of(job: Job, people: People) -> tuple[str, str | None] | None:
    """Return what is to be stored of the old address; None where there is none."""
    if job.item.old is None or job.old is None:
        return None
    return job.item.old.target, people.encode(job.old)


def unchanged(job: Job, people: People) -> Outcome:
    """Return the outcome of an item that needs no call."""
    return Outcome(job.item, done(job, people), "unchanged", job.plan.why, upheld=upheld(job))


def upheld(job: Job) -> tuple[Channel, ...]:
    """Return the channels on which only the rules of consent keep a person who withdrew from being mailable.

    Either a waiting change says yes and the withdrawal still counts, or Brevo had no block and the block is set now.
    """
    before, desired = job.plan.has, job.plan.desired
    if desired is None:
        return ()
    flags = ((Channel.EMAIL, desired.blocked, before.blocked), (Channel.SMS, desired.sms_blocked, before.sms_blocked))
    said = [part.state for part in job.item.parts]
    return tuple(one for one, block, had in flags if block and (not had or any(is_yes(state, one) for state in said)))


def done(job: Job, people: People) -> Settlement:
    """Return the settlement of a delivered item: what is stored, and changes for other persons."""
    settlement = Settlement(job.item.target, "done", record=record_of(job, people))
    refused = job.has.refused
    wanted = {name for name, note in refused.items() if name in UNIQUE and is_taken(note)}
    if wanted:
        values = attributes(view(job.person, job.rules).roll.living)
        settlement.wants = [value_key(people, name, values[name].stamped.value) for name in wanted if name in values]
    given_up = UNIQUE & (job.stored.has.filled | (job.old.has.filled if job.old else frozenset()))
    if given_up:
        settlement.frees = list(_freed(job, people, given_up))
    if job.plan.desired is not None and set(job.plan.desired.emptied) & UNIQUE:
        settlement.left = freed_change(job.plan.desired.emptied, job.now_ms)
    return settlement


def _freed(job: Job, people: People, names: Iterable[str]) -> Iterable[tuple[str, str]]:
    """Yield the unique values that the contact gave up, each with the change for the persons that want the value."""
    before = attributes(view(job.stored, job.rules).roll.living)
    now = attributes(view(job.person, job.rules).roll.living)
    for name in names:
        if name not in before or is_empty(before[name].stamped.value):
            continue
        value = before[name].stamped.value
        if name not in job.has.filled or name not in now or now[name].stamped.value != value:
            yield value_key(people, name, value), freed_change([name], job.now_ms)


def freed_change(names: Iterable[str], at_ms: int) -> str:
    """Return the change that tells a person that another contact gave up its values of these attributes."""
    return encode_part(Part("", "", None, stamp({FREED: list[Json](sorted(names))}, at_ms)))


def value_key(people: People, name: str, value: Json) -> str:
    """Return the fingerprint of a value that only one contact may have."""
    return people.fingerprint(f"{name}={value}")


def erasure_of(job: Job, people: People) -> Settlement:
    """Return the settlement of an erased person: tombstones, and the changes that are newer than the erasure."""
    over = job.person.said[ERASED].at_ms
    refs = {*job.stored.records, *(part.ref for part in job.item.parts if part.ref)}
    kept = frozenset(job.person.records)
    withdrawn = [
        one.at_ms
        for name in ("withdrawn", "bounced", "complained")
        if (one := job.person.said.get(register(Channel.EMAIL, name))) is not None
    ]
    erasure = Erasure(
        fps=(people.fingerprint(job.person.email),) if job.person.email else (),
        refs=tuple(sorted(refs)),
        kept=tuple(sorted(kept)),
        at_ms=over,
        withdrawn_ms=max(withdrawn, default=None),
    )
    # only changes newer than the erasure make the person again
    record = people.encode(replace(job.person, has=Has(is_read=True))) if kept else ""
    return Settlement(job.item.target, "erased", record=record, erasure=erasure)
