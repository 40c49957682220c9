"""The doors: what an import may do beside creating contacts. Each is closed until it was proven in this very account.

    updates  rows of people who are in Brevo already
    phones   rows that carry what only one contact may have: SMS, WHATSAPP, LANDLINE_NUMBER, EXT_ID
    lists    imports that create put their contacts onto the lists of those who agreed

Closed is always safe: then rows carry the address and plain values only, and updates and phones go singly; people join
their lists after their row was verified, 150 at a time. Whom an import updates joins so in any case.
Rules: `docs/decisions/0043-bulk-by-proof.md`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any, Final, NamedTuple

from customer_sync import __version__
from customer_sync.base.clock import Clock
from customer_sync.base.log import get
from customer_sync.brevo.contacts.contact_plan import UNIQUE
from customer_sync.config import Settings
from customer_sync.store import Store
from customer_sync.store.proofs import Closing, Kept

log = get(__name__)

UPDATES, PHONES, LISTS = "updates", "phones", "lists"
DOORS: Final = (UPDATES, PHONES, LISTS)
#: How many rows the first imports that update may have; each size is passed once before the next. After that: all.
OPENING: Final = (10, 100, 1_000)
#: More rows than go into one import.
ALL_ROWS: Final = 1_000_000
#: How long a proof counts, in seconds; a proof that the schedule repeats begins anew when it was passed again.
PROOF_LASTS_S: Final = 7 * 86_400.0
#: How long a process believes what it read of the doors, in seconds. Before an import is sent they are read again.
BELIEVED_S: Final = 1.0

#: Why nothing can be opened while the account has consent groups: no proof helps there.
GROUPS: Final = "consent_groups"
#: Why the door for phones is open where the operator answers for it and no proof does.
TRUSTED: Final = "trusted"
_DISPROVEN: Final = frozenset({"failed", "flipped"})
REMEDY: Final = "`tajo brevo prove` finds out what imports do in this account."


class Door(NamedTuple):
    """One door.

    Args:
        name: `UPDATES`, `PHONES` or `LISTS`.
        is_open: whether imports may do this now.
        why: a code: `open`, `trusted` (the operator answers for it), or why it is closed: never_proven, failed,
            unclear, expired, new_key, new_version, consent_groups, new_mapping, flipped, contradicted, or the code of a
            closing.
        text: the same for people.
        remedy: what to do; "" where nothing is to be done.
    """

    name: str
    is_open: bool
    why: str
    text: str
    remedy: str = ""


class Rider(NamedTuple):
    """A canary that rides along in every import that updates.

    Args:
        name: its letter, A (blocked) or B (not blocked).
        email: its address.
        is_blocked: whether it is blocked, and must stay so.
    """

    name: str
    email: str
    is_blocked: bool


class Doors(NamedTuple):
    """All doors at one moment.

    Args:
        updates: imports that update.
        phones: rows with values that only one contact may have.
        lists: imports that create put their contacts onto people's lists.
        most_rows: how many rows an import that updates may have, without the riders.
        step: which of `OPENING` this is; `len(OPENING)` when all were passed.
        riders: who rides along.
        covers_left: whether it was shown with a real click that an import keeps who left a list. They go singly anyway:
            no read gives them leave.
        proven_ms: when it was proven last, 0 for never.
    """

    updates: Door
    phones: Door
    lists: Door
    most_rows: int = OPENING[0]
    step: int = 0
    riders: tuple[Rider, ...] = ()
    covers_left: bool = False
    proven_ms: int = 0

    def door(self, name: str) -> Door:
        """Return a door by its name."""
        found: Door = getattr(self, name)
        return found

    def carries_phones(self, *, updates: bool) -> bool:
        """Tell whether rows may carry what only one contact may have; of contacts that exist only where it is proven.

        The operator's word is about customers. A contact that exists could be merged with one of somebody else.
        """
        return self.phones.is_open and not (updates and self.phones.why == TRUSTED)


class DoorBook:
    """Tells which doors are open, and closes them.

    The prover's record holds `mark` (see `mark_of`), `version`, `proven_ms`, `doors` (door → {"verdict": "passed",
    "failed" or "unclear", "text": what was seen}), `riders` ([[name, email, is_blocked], ...]) and `covers_left`.

    Args:
        settings: the account and its key.
        store: where the proof is kept.
        clock: milliseconds since 1970.
    """

    def __init__(self, settings: Settings, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._mark = mark_of(settings, store)
        self._trusts_phones = settings.brevo.import_phones
        self._unique = unique_of([settings.mapping_for(name) for name in settings.all_sources])
        self._doors: Doors | None = None
        self._read_at = 0.0

    def read(self, *, anew: bool = False) -> Doors:
        """Return the doors as they are now.

        Args:
            anew: whether Redis is asked although the last answer is not old.
        """
        now = time.monotonic()
        if self._doors is None or anew or now - self._read_at > BELIEVED_S:
            groups = bool(self._store.note("consent_groups"))
            self._doors = judge(
                self._store.proofs.read(),
                self._mark,
                self._clock(),
                has_groups=groups,
                trusts_phones=self._trusts_phones,
                unique=self._unique,
            )
            self._read_at = now
        return self._doors

    def close(self, why: str, text: str, doors: Iterable[str] = DOORS) -> None:
        """Close doors at once, for all processes, and tell the operator."""
        names = tuple(doors)
        self._store.proofs.close(names, Closing(why, text, self._clock()))
        self._store.ledger.alert(f"Imports no longer do this: {', '.join(names)}. {text}", REMEDY, cause="door")
        self._doors = None
        log.error("doors closed", doors=",".join(names), why=why)

    def stepped(self, step: int) -> None:
        """Note that an import with the opening size of this step was passed: the next one may be larger."""
        self._store.proofs.stepped(step)
        self._doors = None


def mark_of(settings: Settings, store: Store) -> str:
    """Return the fingerprint of the address and the key that a proof belongs to.

    The sandbox of `tajo run` has another port at each start, and is one account all the same.
    """
    account = settings.brevo
    text = ("sandbox" if account.is_sandbox else f"{account.base_url}|{account.api_key}").encode()
    return blake2b(text, key=store.people.salt[:32], digest_size=12).hexdigest()


def unique_of(mappings: Iterable[Mapping[str, str]]) -> tuple[str, ...]:
    """Return the attributes of the mappings that only one contact may have."""
    used = {attribute.upper() for mapping in mappings for attribute in mapping.values()}
    return tuple(sorted(used & UNIQUE))


def judge(  # noqa: PLR0913  # all that decides about the doors
    kept: Kept,
    mark: str,
    now_ms: int,
    *,
    has_groups: bool = False,
    trusts_phones: bool = False,
    unique: Iterable[str] = (),
) -> Doors:
    """Return the doors that follow from what is kept.

    Args:
        kept: the proof and the closings.
        mark: the fingerprint of the account and the key in use.
        now_ms: the time.
        has_groups: whether the account has consent groups.
        trusts_phones: whether the operator said that rows may carry phones (`brevo.import_phones`); what showed the
            contrary in this account wins.
        unique: the attributes of the mapping that only one contact may have: all of them must have been tried.
    """
    proof: dict[str, Any] = kept.proof or {}
    whole = _why_all_are_closed(proof, mark, now_ms, has_groups=has_groups)
    doors = {name: _door(name, proof, kept.closed.get(name), whole) for name in DOORS}
    untried = sorted(set(unique) - set(proof.get("unique", unique)))
    if untried and doors[PHONES].is_open:
        text = f"The mapping uses {', '.join(untried)}, which the proof did not try."
        doors[PHONES] = Door(PHONES, False, "new_mapping", text, REMEDY)
    if trusts_phones and not doors[PHONES].is_open and not _are_disproven(kept, mark):
        text = "`brevo.import_phones` says that no two customers share a phone: imports that create carry phones."
        doors[PHONES] = Door(PHONES, True, TRUSTED, text)
    step = min(kept.step, len(OPENING))
    return Doors(
        doors[UPDATES],
        doors[PHONES],
        doors[LISTS],
        most_rows=OPENING[step] if step < len(OPENING) else ALL_ROWS,
        step=step,
        riders=tuple(Rider(*one) for one in proof.get("riders", ())),
        covers_left=bool(proof.get("covers_left")),
        proven_ms=int(proof.get("proven_ms", 0)),
    )


def _are_disproven(kept: Kept, mark: str) -> bool:
    """Tell whether it was seen in this account that rows with phones do harm, however long ago and by which version."""
    proof, closing = kept.proof or {}, kept.closed.get(PHONES)
    if proof.get("mark", mark) != mark:
        return False
    verdict = proof.get("doors", {}).get(PHONES, {}).get("verdict")
    return verdict in _DISPROVEN or (closing is not None and closing.why in _DISPROVEN)


def _why_all_are_closed(proof: dict[str, Any], mark: str, now_ms: int, *, has_groups: bool) -> tuple[str, str] | None:
    if has_groups:
        return (GROUPS, "The account has consent groups, which no import can be trusted with.")
    if not proof.get("proven_ms"):
        return ("never_proven", "What imports do in this account was never proven.")
    if proof.get("mark") != mark:
        return ("new_key", "It was proven with another key or in another account.")
    if proof.get("version") != __version__:
        return ("new_version", "It was proven with another version of Tajo.")
    if not 0 <= now_ms - proof["proven_ms"] <= PROOF_LASTS_S * 1000:
        return ("expired", "The last proof is older than seven days.")
    return None


def _door(name: str, proof: dict[str, Any], closing: Closing | None, whole: tuple[str, str] | None) -> Door:
    if whole is not None:
        return Door(name, False, *whole, "" if whole[0] == GROUPS else REMEDY)
    if closing is not None:
        return Door(name, False, closing.why, closing.text, REMEDY)
    found = proof.get("doors", {}).get(name, {})
    verdict, text = found.get("verdict", "unclear"), str(found.get("text", "It was not proven."))
    if verdict != "passed":
        return Door(name, False, verdict, text, "" if verdict == "failed" else REMEDY)
    return Door(name, True, "open", text)
