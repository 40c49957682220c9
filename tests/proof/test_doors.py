"""The doors follow from the proof and the closings; the operator's word for phones never outweighs what was seen."""

from __future__ import annotations

from typing import Any

import pytest

from customer_sync import __version__
from customer_sync.brevo.proof.doors import DOORS, PHONES, TRUSTED, judge
from customer_sync.store.proofs import Closing, Kept

PROVEN_MS = 1_000
DAY_MS = 86_400_000


def proof(phones: str = "passed", **more: Any) -> dict[str, Any]:
    verdicts = {**{name: {"verdict": "passed"} for name in DOORS}, PHONES: {"verdict": phones, "text": "seen"}}
    return {"mark": "m", "version": __version__, "proven_ms": PROVEN_MS, "doors": verdicts, **more}


def phones(kept: Kept, *, mark: str = "m", now_ms: int = PROVEN_MS + DAY_MS) -> Any:
    return judge(kept, mark, now_ms, trusts_phones=True, unique=["SMS"])


FLIPPED = {PHONES: Closing("flipped", "seen", PROVEN_MS + 1)}


@pytest.mark.parametrize("later", ["at once", "a week later", "another version"])
@pytest.mark.parametrize(("verdict", "closed"), [("failed", {}), ("passed", FLIPPED)])
def test_phones_that_did_harm_stay_out_whatever_the_operator_says(verdict, closed, later):
    version = "0" if later == "another version" else __version__
    now_ms = PROVEN_MS + 8 * DAY_MS if later == "a week later" else PROVEN_MS + DAY_MS

    doors = phones(Kept(proof(verdict, version=version), 3, closed), now_ms=now_ms)

    assert not doors.phones.is_open
    assert not doors.carries_phones(updates=False)


@pytest.mark.parametrize(
    "kept", [Kept(None, 0, {}), Kept(proof("unclear"), 3, {}), Kept(proof(version="0"), 3, {})], ids=str
)
def test_the_operators_word_is_for_new_contacts_only(kept):
    doors = phones(kept)

    assert doors.phones.why == TRUSTED
    assert doors.carries_phones(updates=False)
    assert not doors.carries_phones(updates=True)


def test_what_did_harm_in_another_account_says_nothing_of_this_one():
    assert phones(Kept(proof("failed"), 3, FLIPPED), mark="other").phones.why == TRUSTED


def test_a_proof_is_enough_for_both():
    doors = phones(Kept(proof(), 3, {}))

    assert doors.carries_phones(updates=False)
    assert doors.carries_phones(updates=True)
