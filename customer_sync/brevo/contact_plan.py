"""What to do for one person: pure. From what is known and what Brevo has to the calls that close the gap.

The only place where a flag of consent is decided to be sent. `emailBlacklisted: false` is sent in one case only: a
strictly newer explicit opt-in answers a withdrawal that we had sent ourselves.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Literal, NamedTuple

from customer_sync.brevo.attributes import Refused, fit
from customer_sync.consent import Decision, decide, may_lift
from customer_sync.merge import Stamped, State, canonical
from customer_sync.model import Channel, ConsentState, Json
from customer_sync.store.lanes import HERE
from customer_sync.store.people import DRIFT, Has, address_of, refs_of

BREVO = "brevo"


@dataclass(frozen=True, slots=True)
class Rules:
    """What the operator decided.

    Args:
        lists: source → the lists its customers are put on when they agreed.
        delete: source → soft or hard.
        missing: source → what to make of a person of whom no consent is on record.
        update: source → whether a contact that Brevo has already is updated; False only creates.
        attributes: attribute → type in the account; None when it could not be read: then everything is sent.
    """

    lists: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    delete: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, ConsentState] = field(default_factory=dict)
    update: Mapping[str, bool] = field(default_factory=dict)
    attributes: Mapping[str, str] | None = None

    def with_attributes(self, attributes: Mapping[str, str]) -> Rules:
        """Return the same rules with another list of attributes."""
        return replace(self, attributes=attributes)


class Desired(NamedTuple):
    """What Brevo should have: address, attributes, lists to be on, flags; and what was left out.

    `blocked` and `sms_blocked` are True to block, False to lift a block of ours, None to leave alone. `may_update` is
    False when the operator wants new contacts only.
    """

    email: str
    attributes: dict[str, Json]
    lists: tuple[int, ...]
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
            if the contact is there), `rename`, `delete`, `erase`.
        has: what Brevo has, corrected by what was heard since.
        desired: what to write; None for none, delete and erase.
        why: for `none`: unchanged, no address, gone, deleted, departed.
    """

    action: Literal["none", "write", "leave", "rename", "delete", "erase"]
    has: Has
    desired: Desired | None = None
    why: str = ""


def make_plan(state: State, has: Has, rules: Rules) -> Plan:
    """Return what to do for a person of whom `state` is known while Brevo has `has`."""
    has = _heard(state, has)
    word = _status(state)
    why = _why_not(state, has, rules)
    if word == "erased" or (not why and _is_hard_delete(state, rules)):
        return Plan("erase" if word == "erased" else "delete", has)
    if why:
        return Plan("none", has, why=why)
    desired = desire(state, has, rules, str(address_of(state)), is_active=word == "active")
    if has.email is not None and has.email != desired.email:
        if word == "active":
            return Plan("rename", has, desired)
        desired = desired._replace(email=has.email)  # who left is not renamed on the way out
    flags_differ = _flags_differ(desired, has)
    if has.email == desired.email and has.digest == desired.digest and not flags_differ:
        return Plan("none", replace_refused(has, desired.refused), desired, why="unchanged")
    is_absent = has.email is None and has.digest == desired.digest
    if word != "active" and (is_absent or not (desired.unlist or flags_differ)):
        return Plan("none", has, why=word)
    return Plan("write" if word == "active" else "leave", has, desired)


def _status(state: State) -> str:
    status = state.get("status")
    return "active" if status is None else str(status.value)


def _why_not(state: State, has: Has, rules: Rules) -> str:
    """Return why there is no contact to write, "" when there is one."""
    if address_of(state) is None:
        return "no address"
    if "status" not in state and not refs_of(state):
        return "not a customer"
    gone = state.get("gone")
    if gone is not None and gone.at_ms > has.at_ms and not _is_newer_than(state, gone.at_ms):
        return "deleted in Brevo"
    return "deleted" if has.digest == _DELETED and _is_hard_delete(state, rules) else ""


def _is_hard_delete(state: State, rules: Rules) -> bool:
    status = state.get("status")
    return status is not None and status.value == "deleted" and rules.delete.get(status.source, "soft") == "hard"


#: The digest of a person whose contact we deleted.
_DELETED = "deleted"


def after_delete(has: Has, at_ms: int) -> Has:
    """Return what Brevo has once the contact is deleted."""
    return replace(has, email=None, digest=_DELETED, blocked=False, sms_blocked=False, lists=(), at_ms=at_ms)


def after_write(has: Has, desired: Desired, at_ms: int) -> Has:
    """Return what Brevo has once `desired` was accepted."""
    return Has(
        email=desired.email,
        digest=desired.digest,
        blocked=desired.blocked if desired.blocked is not None else has.blocked,
        sms_blocked=desired.sms_blocked if desired.sms_blocked is not None else has.sms_blocked,
        lists=tuple(sorted((set(has.lists) | set(desired.lists)) - set(desired.unlist))),
        at_ms=at_ms,
        refused=desired.refused,
        left_ms=has.left_ms,
    )


def digest_of(email: str, attributes: Mapping[str, Json], lists: tuple[int, ...]) -> str:
    """Return the short text that stands for a contact's body: equal bodies have equal digests."""
    text = canonical([email, dict(attributes), list(lists)])
    return b64encode(blake2b(text.encode(), digest_size=9).digest()).decode()


def replace_refused(has: Has, refused: dict[str, str]) -> Has:
    """Return what Brevo has, with what is left out now."""
    return has if has.refused == refused else replace(has, refused=refused)


def desire(state: State, has: Has, rules: Rules, email: str, *, is_active: bool) -> Desired:
    """Return what Brevo should have of a person."""
    sources = _sources(state)
    missing = _missing(sources, rules)
    by_email = decide(state, Channel.EMAIL, missing)
    by_sms = decide(state, Channel.SMS)
    attributes, refused = fit_attributes(state, has, rules.attributes)
    lists = _lists(sources, has, rules, by_email.state, is_active=is_active)
    # whoever leaves takes nothing back: a block is only ever lifted for a customer
    blocked = _flag(by_email, known=has.blocked, may_lift=is_active and may_lift(state, Channel.EMAIL))
    sms_blocked = _flag(by_sms, known=has.sms_blocked, may_lift=is_active and may_lift(state, Channel.SMS))
    unlist = tuple(sorted(set(has.lists) - set(lists)))
    digest = digest_of(email, attributes, lists)
    # a block is always written: consent goes before the wish to leave existing contacts alone
    has_flag = blocked is not None or sms_blocked is not None
    may_update = has_flag or all(rules.update.get(source, True) for source in sources)
    return Desired(email, attributes, lists, unlist, blocked, sms_blocked, refused, digest, may_update)


def fit_attributes(state: State, has: Has, known: Mapping[str, str] | None) -> tuple[dict[str, Json], dict[str, str]]:
    """Return the attributes a contact should have ("" for known to be empty) and, for each one left out, why."""
    attributes: dict[str, Json] = {}
    refused: dict[str, str] = {}
    for name, stamped in sorted(state.items()):
        if not name.isupper():
            continue
        kind = "text" if known is None else known.get(name)
        if kind is None:
            refused[name] = "There is no such attribute in Brevo: `tajo attributes apply` makes it."
            continue
        value = fit(stamped.value, "") if known is None else fit(stamped.value, kind)
        if isinstance(value, Refused):
            refused[name] = value.reason
        elif name in has.refused and (mark := remembered(has.refused[name], value)) is not None:
            refused[name] = mark
        else:
            attributes[name] = value
    return attributes, refused


def remember(reason: str, value: Json) -> str:
    """Return the note of a value that Brevo refused: it is not sent again until the value changes."""
    return f"{reason} [{blake2b(canonical(value).encode(), digest_size=4).hexdigest()}]"


def remembered(note: str, value: Json) -> str | None:
    """Return the note when it was made for this very value, else None."""
    mark = blake2b(canonical(value).encode(), digest_size=4).hexdigest()
    return note if note.endswith(f"[{mark}]") else None


def _flag(decision: Decision, *, known: bool, may_lift: bool) -> bool | None:
    """Return what to do with a channel's block.

    Raised whenever the person withdrew. Lifted only when we know that the contact is blocked and an explicit opt-in is
    on record that is strictly newer than every withdrawal. Otherwise left alone.
    """
    if decision.state is ConsentState.WITHDRAWN:
        return True
    return False if known and may_lift else None


def _lists(sources: set[str], has: Has, rules: Rules, consent: ConsentState, *, is_active: bool) -> tuple[int, ...]:
    if not is_active:
        return ()
    if consent is ConsentState.WITHDRAWN:
        return has.lists  # blocked is enough; whether the contact stays listed is Brevo's own affair
    if consent is not ConsentState.GRANTED:
        return ()
    return tuple(sorted({number for source in sources for number in rules.lists.get(source, ())}))


def _sources(state: State) -> set[str]:
    named = set(refs_of(state))
    return named or {stamped.source for stamped in state.values()} - {BREVO}


def _missing(sources: set[str], rules: Rules) -> ConsentState:
    """Return the strictest choice of all the person's sources."""
    choices = {rules.missing.get(source, ConsentState.UNKNOWN) for source in sources}
    return ConsentState.GRANTED if choices == {ConsentState.GRANTED} else ConsentState.UNKNOWN


def _heard(state: State, has: Has) -> Has:
    """Return what Brevo has, after what Brevo itself told us since, or was found to have."""
    known_ms = has.at_ms
    gone = state.get("gone")
    if gone is not None and gone.at_ms > known_ms:
        # with the contact went every block that it had; one that was heard of later stays
        known_ms, is_blocked = gone.at_ms, has.blocked and has.left_ms > gone.at_ms
        has = Has(blocked=is_blocked, at_ms=has.at_ms, refused=has.refused, left_ms=max(has.left_ms, gone.at_ms))
    drift = state.get(DRIFT)
    if drift is not None and drift.at_ms > known_ms:
        has = _found(state, has, drift)
    withdrawn = state.get("consent.email.withdrawn")
    if withdrawn is not None and withdrawn.value in HERE and withdrawn.at_ms > has.left_ms:
        return replace(has, blocked=True, left_ms=withdrawn.at_ms)
    return has


def _found(state: State, has: Has, drift: Stamped) -> Has:
    """Return what Brevo has, corrected by a look at the contact that is newer than the last delivery."""
    found = drift.value
    assert isinstance(found, dict)
    lists = found.get("l")
    return replace(
        has,
        email=has.email or address_of(state),
        digest="" if found.get("x") else has.digest,
        blocked=found.get("b") is True,
        sms_blocked=found.get("m") is True,
        lists=tuple(one for one in lists if isinstance(one, int)) if isinstance(lists, list) else (),
        at_ms=drift.at_ms,
        left_ms=max(has.left_ms, drift.at_ms),
    )


def _is_newer_than(state: State, at_ms: int) -> bool:
    return any(stamped.at_ms > at_ms for stamped in state.values() if stamped.source != BREVO)


def _flags_differ(desired: Desired, has: Has) -> bool:
    email = desired.blocked is not None and desired.blocked != has.blocked
    return email or (desired.sms_blocked is not None and desired.sms_blocked != has.sms_blocked)
