"""What to do for one person, as a pure function: compares what is known with what Brevo has, and returns the action.

Only this module decides to send a flag of consent. It sends `emailBlacklisted: false` in one case only: a strictly
newer explicit opt-in answers every withdrawal on record, and the contact is known to be blocked.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Final, Literal, NamedTuple

from customer_sync.brevo.contacts.contact_values import fit_attributes, sums
from customer_sync.brevo.contacts.leavings import LATE_MS
from customer_sync.brevo.contacts.lists_apart import lists_wanted
from customer_sync.model import Channel, ConsentState, Json
from customer_sync.person.consent import Standing, decide, label_of, register
from customer_sync.person.merge import Stamped, canonical
from customer_sync.person.person import (
    DRIFT,
    ERASED,
    GONE,
    Has,
    Person,
    Roll,
    ends,
    roll,
    voices,
)
from customer_sync.person.totals import Asked

#: Attributes of which no two contacts have the same value; a contact whose customers moved away gives these up.
UNIQUE: Final = frozenset({"SMS", "WHATSAPP", "LANDLINE_NUMBER", "EXT_ID"})

_GRANTED: Final = register(Channel.EMAIL, "granted")

Word = Literal["active", "deleted", "departed", "nobody"]


@dataclass(frozen=True, slots=True)
class Rules:
    """What the operator decided.

    Args:
        lists: source → the lists its customers are put on when they agreed.
        delete: source → soft or hard.
        missing: source → what to make of a record without any consent.
        update: source → whether contacts that exist in Brevo are updated; False: contacts are only created.
        sharing: the sources whose platform lets several customers have one address.
        totals: source → the attributes that hold the platform's totals, see `customer_sync.person.mapping.TOTALS`.
        sums: source → total → its attribute, where orders are known to be summed up; see `customer_sync.person.totals`.
        currency: what Brevo shows amounts in; None where that is not known.
        attributes: attribute → type in the account; None when Brevo did not answer: then every attribute is sent.
        absent: lists of the settings that are not in the account: nobody is put on them or taken off them.
        apart: the sources that speak of their own lists, where leaving a list is not leaving everything; None: it is.
    """

    lists: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    delete: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, ConsentState] = field(default_factory=dict)
    update: Mapping[str, bool] = field(default_factory=dict)
    sharing: frozenset[str] = frozenset()
    totals: Mapping[str, frozenset[str]] = field(default_factory=dict)
    sums: Asked = field(default_factory=dict)
    currency: str | None = None
    attributes: Mapping[str, str] | None = None
    absent: frozenset[int] = frozenset()
    apart: frozenset[str] | None = None

    def with_attributes(self, attributes: Mapping[str, str]) -> Rules:
        """Return the same rules with another list of attributes."""
        return replace(self, attributes=attributes)

    def with_lists(self, there: Collection[int]) -> Rules:
        """Return the same rules for an account with these lists."""
        wanted = {number for numbers in self.lists.values() for number in numbers}
        return replace(self, absent=frozenset(wanted - set(there)))


class View(NamedTuple):
    """What follows from all that is known of a person: the records that lead to the address, and the consent."""

    word: Word
    roll: Roll
    email: Standing
    sms: Standing


class Desired(NamedTuple):
    """What Brevo should have: address, attributes, lists, flags; and what was left out.

    `attributes` holds values, `emptied` the names of attributes that we filled before and no record has any more.
    `added` and `unlist` are the lists to join and to leave. `blocked` and `sms_blocked` are True to block, False to
    lift a block, None to leave alone. `may_update` is False when the operator wants new contacts only; a block is set
    all the same: consent goes before that wish.
    """

    email: str
    attributes: dict[str, Json]
    emptied: tuple[str, ...]
    lists: tuple[int, ...]
    added: tuple[int, ...]
    unlist: tuple[int, ...]
    blocked: bool | None
    sms_blocked: bool | None
    refused: dict[str, str]
    digest: str
    may_update: bool


class Plan(NamedTuple):
    """What to do.

    Args:
        action: `none` (nothing is to be called), `write`, `leave` (off our lists, blocked if the person withdrew, only
            if the contact is there), `rename` (the contact of the old address becomes that of this one), `delete`,
            `undo` (it was deleted in Brevo, and an import may have made it again), `erase`.
        has: what Brevo has, corrected by later webhooks.
        desired: what to write; None for none, delete and erase.
        why: for `none`: unchanged, no address, gone, deleted, departed.
    """

    action: Literal["none", "write", "leave", "rename", "delete", "undo", "erase"]
    has: Has
    desired: Desired | None = None
    why: str = ""


def view(person: Person, rules: Rules) -> View:
    """Return the records that lead to a person's address, and the consent that follows from them."""
    found = roll(person, rules.sharing)
    email = person.email or ""
    label = label_of(email) if any(_GRANTED in one.state for one in found.living) else ""
    heard = voices(found.living, rules.missing, label)
    over = ends(found, person.records.values())
    by_email = decide(Channel.EMAIL, heard, person.said, email, over)
    if rules.missing:
        heard = [one._replace(missing=ConsentState.UNKNOWN) for one in heard]
    by_sms = decide(Channel.SMS, heard, person.said, email, over)
    return View(_word(person, found), found, by_email, by_sms)


def _word(person: Person, found: Roll) -> Word:
    if found.living:
        return "active"
    if found.deleted:
        return "deleted"
    return "departed" if found.displaced or person.has.is_there else "nobody"


def make_plan(person: Person, rules: Rules, now_ms: int, old: Person | None = None, *, is_shaken: bool = False) -> Plan:
    """Return what to do for a person.

    Args:
        person: all that is known.
        rules: the operator's decisions.
        now_ms: the time; values that were refused long ago are tried again.
        old: the person of the old address, whose last record moved to this person: their contact, if any, is renamed.
        is_shaken: whether an import may have lifted the block since it was set: then it is set again.
    """
    seen = view(person, rules)
    has = heard(person)
    why = _why_not(person, has, seen, rules)
    if ERASED in person.said:
        return Plan("erase", has)
    if why:
        return Plan("none", has, why=why)
    if _is_hard_delete(seen, rules):
        return Plan("delete", has)
    desired = desire(person, seen, has, rules, now_ms)
    if seen.word == "deleted" and not has.is_there and _may_have_contact(old):
        return Plan("rename", has, desired)  # deleted before the contact had the new address
    return (
        _write(has, desired, old) if seen.word == "active" else _farewell(seen.word, has, desired, is_shaken=is_shaken)
    )


def _write(has: Has, desired: Desired, old: Person | None) -> Plan:
    """Return what to do for an address to which a customer leads."""
    if not has.is_there and _may_have_contact(old):
        return Plan("rename", has, desired)
    is_as_sent = has.digest == desired.digest and not (desired.emptied or desired.unlist)
    if has.is_there and is_as_sent and not flags_differ(desired, has):
        return Plan("none", replace_refused(has, desired.refused), desired, why="unchanged")
    return Plan("write", has, desired)


def _farewell(word: Word, has: Has, desired: Desired, *, is_shaken: bool) -> Plan:
    """Return what to do for an address to which no customer leads any more."""
    is_absent = not has.is_there and has.digest == desired.digest
    must_block = flags_differ(desired, has) or (is_shaken and bool(desired.blocked or desired.sms_blocked))
    if is_absent or not (desired.unlist or desired.emptied or must_block):
        return Plan("none", has, why=word)
    return Plan("leave", has, desired)


def may_be_there(has: Has) -> bool:
    """Tell whether there may be a contact: a worker that was killed while it made the first one noted nothing."""
    return has.is_there or not (has.digest or has.at_ms)


def _may_have_contact(old: Person | None) -> bool:
    """Tell whether there may be a contact of an old address; who never had an address has none."""
    return old is not None and old.email is not None and may_be_there(heard(old))


def _why_not(person: Person, has: Has, seen: View, rules: Rules) -> str:
    """Return why no contact is to be written; "" when one is."""
    if person.email is None:
        return "no address"
    if seen.word == "nobody":
        return "not a customer"
    if is_gone(person, has, seen):
        return GONE_THERE
    return "deleted" if has.digest == _DELETED and _is_hard_delete(seen, rules) else ""


def is_gone(person: Person, has: Has, seen: View) -> bool:
    """Tell whether somebody deleted the contact in Brevo, and no customer told anything of themselves since."""
    gone = person.said.get(GONE)
    return gone is not None and gone.at_ms > has.at_ms and not _is_newer_than(seen.roll, gone.at_ms)


def _is_hard_delete(seen: View, rules: Rules) -> bool:
    if seen.word != "deleted":
        return False
    last = max(seen.roll.deleted, key=lambda one: (one.deleted_ms or 0, one.ref))
    return rules.delete.get(last.source, "soft") == "hard"


#: Why nothing is written for a person whose contact somebody deleted in Brevo.
GONE_THERE: Final = "deleted in Brevo"
#: The digest of a person whose contact we deleted.
_DELETED: Final = "deleted"


def after_delete(has: Has, at_ms: int) -> Has:
    """Return what Brevo has once the contact is deleted."""
    return Has(digest=_DELETED, at_ms=at_ms, left_ms=has.left_ms)


def after_write(has: Has, desired: Desired, at_ms: int) -> Has:
    """Return what Brevo has after it accepted `desired`."""
    return Has(
        is_there=True,
        digest=desired.digest,
        blocked=desired.blocked if desired.blocked is not None else has.blocked,
        sms_blocked=desired.sms_blocked if desired.sms_blocked is not None else has.sms_blocked,
        lists=tuple(sorted((set(has.lists) | set(desired.lists)) - set(desired.unlist))),
        at_ms=at_ms,
        refused=desired.refused,
        # lifting the block also lifts a block that Brevo set earlier, even if the webhook about it comes hours later
        left_ms=max(has.left_ms, at_ms + LATE_MS) if desired.blocked is False else has.left_ms,
        filled=(has.filled | frozenset(desired.attributes)) - frozenset(desired.emptied),
        # the person may have left a list before we took the contact off the list: read the contact before it joins one
        is_read=has.is_read and not desired.unlist,
        left_groups=has.left_groups,
        # a contact that joins a list again may leave that list again
        left_lists={one: at_ms for one, at_ms in has.left_lists.items() if one not in desired.added},
    )


def digest_of(email: str, values: Mapping[str, Json], lists: tuple[int, ...]) -> str:
    """Return the short text that stands for a contact's body: equal bodies have equal digests."""
    text = canonical([email, dict(values), list(lists)])
    return b64encode(blake2b(text.encode(), digest_size=9).digest()).decode()


def replace_refused(has: Has, refused: Mapping[str, str]) -> Has:
    """Return what Brevo has, with the values that are left out now."""
    return has if has.refused == refused else replace(has, refused=refused)


def desire(person: Person, seen: View, has: Has, rules: Rules, now_ms: int) -> Desired:
    """Return what Brevo should have of a person."""
    email, is_active = person.email or "", seen.word == "active"
    below = sums(person, seen.roll, rules.sharing, rules.sums, rules.currency)
    values, refused = fit_attributes(person, seen.roll.living, has, rules.attributes, now_ms, below)
    seen, lists = lists_wanted(person, seen, has, rules)
    # a block is lifted only for a customer, never for a deleted or departed person
    blocked = _flag(seen.email, known=has.blocked, is_active=is_active)
    sms_blocked = _flag(seen.sms, known=has.sms_blocked, is_active=is_active)
    return Desired(
        email,
        values,
        _emptied(seen.word, values, has),
        lists,
        # an existing contact that was not read yet may be missing on its lists: send all of them
        () if blocked else tuple(sorted(set(lists) - set(has.lists if has.is_read else ()))),
        tuple(sorted(set(has.lists) - set(lists) - rules.absent)),
        blocked,
        sms_blocked,
        refused,
        digest_of(email, values, lists),
        all(rules.update.get(record.source, True) for record in seen.roll.living),
    )


def _emptied(word: Word, values: Mapping[str, Json], has: Has) -> tuple[str, ...]:
    """Return the attributes to be emptied: only those that we filled and that no record has any more.

    A contact whose customers all moved away keeps its values, except the unique ones. The contact of a deleted customer
    keeps all values.
    """
    if not has.is_there or word == "deleted":
        return ()
    untold = has.filled - frozenset(values)
    return tuple(sorted(untold if word == "active" else untold & UNIQUE))


def _flag(standing: Standing, *, known: bool, is_active: bool) -> bool | None:
    """Return what to do with a channel's block.

    The block is set whenever the person withdrew. It is lifted only when the contact is known to be blocked and an
    explicit opt-in answers every withdrawal. Otherwise the flag is not sent.
    """
    if standing.state is ConsentState.WITHDRAWN:
        return True
    return False if known and is_active and standing.may_lift else None


def heard(person: Person) -> Has:
    """Return what Brevo has: as last accepted, corrected by later webhooks and by the last comparison."""
    has, said = person.has, person.said
    if not has.is_there and (has.lists or has.filled):
        has = replace(has, lists=(), filled=frozenset())
    known_ms = has.at_ms
    gone = said.get(GONE)
    if gone is not None and gone.at_ms > known_ms:
        # deleting a contact deletes its block; one that was reported after the deletion still counts
        known_ms, is_blocked = gone.at_ms, has.blocked and has.left_ms > gone.at_ms
        left_ms = max(has.left_ms, gone.at_ms)
        has = Has(blocked=is_blocked, at_ms=has.at_ms, refused=has.refused, left_ms=left_ms)
    drift = said.get(DRIFT)
    if drift is not None and drift.at_ms > known_ms:
        has = _found(has, drift)
    blocked = said.get(register(Channel.EMAIL, "here"))
    if blocked is None or blocked.at_ms <= has.left_ms:
        return has
    in_doubt = _is_in_doubt(has, blocked)
    return replace(has, blocked=True, left_ms=blocked.at_ms, digest="" if in_doubt else has.digest)


def _is_in_doubt(has: Has, blocked: Stamped) -> bool:
    """Tell whether a block of Brevo's may be that of a contact which had the address before: it is to be set again.

    We wrote the contact after it happened and before we heard of it, which may have made it, or given it this address.
    """
    happened_ms = blocked.value
    return has.is_there and isinstance(happened_ms, int) and happened_ms < has.at_ms <= blocked.at_ms


def _found(has: Has, drift: Stamped) -> Has:
    """Return what Brevo has, corrected by a comparison that is newer than the last delivery."""
    found = drift.value
    assert isinstance(found, dict)
    lists, groups = found.get("l"), found.get("g")
    return replace(
        has,
        is_there=True,
        digest="" if found.get("x") else has.digest,
        blocked=found.get("b") is True,
        sms_blocked=found.get("m") is True,
        lists=tuple(one for one in lists if isinstance(one, int)) if isinstance(lists, list) else (),
        at_ms=drift.at_ms,
        left_ms=max(has.left_ms, drift.at_ms),
        is_read=True,
        left_groups=tuple(one for one in groups if isinstance(one, int)) if isinstance(groups, list) else (),
    )


def _is_newer_than(found: Roll, at_ms: int) -> bool:
    return any(stamped.at_ms > at_ms for record in found.living for stamped in record.state.values())


def lifts(desired: Desired) -> bool:
    """Tell whether a block is to be lifted."""
    return desired.blocked is False or desired.sms_blocked is False


def flags_differ(desired: Desired, has: Has) -> bool:
    """Tell whether a block is to be set or lifted."""
    email = desired.blocked is not None and desired.blocked != has.blocked
    return email or (desired.sms_blocked is not None and desired.sms_blocked != has.sms_blocked)
