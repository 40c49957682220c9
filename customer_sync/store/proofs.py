"""What was proven of imports in this account, and which doors were closed since. Texts only: `brevo.proof` knows them.

The prover alone writes the proof. Anybody closes a door, at any time: a closing is a field of its own, so that no proof
that is being written can undo it by accident.

A proof takes half an hour and many processes may advance it, one at a time: who has the turn. All that it did is stored
before its next step, and only by who still has the turn.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import redis

from customer_sync.store import keys
from customer_sync.store.items import UPDATING
from customer_sync.store.scripts import Scripts, as_text

#: How many proofs are kept as receipts.
RECEIPTS: Final = 20
#: How long a turn lasts without a word from its holder, in seconds: longer than any call may take.
TURN_S: Final = 120.0
#: How long an import of a proof keeps other imports waiting at most, in seconds.
IMPORT_S: Final = 1200.0

_PROOF, _STEP, _CLOSED = "proof", "step", "closed:"


class Closing(NamedTuple):
    """Why a door was closed after it had been opened.

    Args:
        why: a code.
        text: what was seen, for people, without personal data.
        at_ms: when.
    """

    why: str
    text: str
    at_ms: int


class Kept(NamedTuple):
    """All that is kept, as it was at one moment.

    Args:
        proof: the prover's record, None before the first proof.
        step: how many of the opening sizes were passed.
        closed: door → why it was closed since.
    """

    proof: Any
    step: int
    closed: dict[str, Closing]


NOTHING: Final = Kept(None, 0, {})


class Proofs:
    """The record of the proof, and the proof that is under way.

    Args:
        client: see `customer_sync.store.connect`.
        scripts: its scripts.
    """

    def __init__(self, client: redis.Redis, scripts: Scripts) -> None:
        self._client = client
        self._scripts = scripts

    def read(self) -> Kept:
        """Return what is kept."""
        raw: Any = self._client.hgetall(keys.PROOF)
        found = {as_text(name): as_text(text) for name, text in raw.items()}
        closed = {
            name.removeprefix(_CLOSED): Closing(*json.loads(text))
            for name, text in found.items()
            if name.startswith(_CLOSED)
        }
        proof = json.loads(found[_PROOF]) if _PROOF in found else None
        return Kept(proof, int(found.get(_STEP, 0)), closed)

    def write(self, proof: Any) -> None:
        """Keep the prover's record."""
        self._client.hset(keys.PROOF, _PROOF, json.dumps(proof))

    def open(self, proof: Any, doors: Iterable[str], *, keeps_step: bool = False) -> None:
        """Keep a proof that was passed and take back the closings of these doors, in one step.

        Args:
            proof: the prover's record.
            doors: the doors that it opens.
            keeps_step: whether the opening sizes that were passed still count.
        """
        pipe = self._client.pipeline()
        pipe.hset(keys.PROOF, _PROOF, json.dumps(proof))
        if not keeps_step:
            pipe.hset(keys.PROOF, _STEP, 0)
        names = [_CLOSED + door for door in doors]
        if names:
            pipe.hdel(keys.PROOF, *names)
        pipe.execute()

    def close(self, doors: Iterable[str], closing: Closing) -> None:
        """Close doors; the newest closing of a door counts, so that no proof that began before it takes it back."""
        text = json.dumps(list(closing))
        self._client.hset(keys.PROOF, mapping={_CLOSED + door: text for door in doors})

    def stepped(self, step: int) -> None:
        """Note that an import of the opening size with this number was passed."""
        if self.read().step == step:
            self._client.hset(keys.PROOF, _STEP, step + 1)

    def forget(self) -> None:
        """Remove record, closings and the proof that is under way: all doors are closed. The receipts stay."""
        self._client.delete(keys.PROOF, keys.PROOF_RUN, keys.PROOF_IMPORT)

    # the proof under way

    def run(self) -> Any:
        """Return the state of the proof that is under way, None when none is."""
        raw = self._client.get(keys.PROOF_RUN)
        return json.loads(raw) if raw else None

    def begin_run(self, state: Any) -> bool:
        """Begin a proof; False while one is under way."""
        return bool(self._client.set(keys.PROOF_RUN, json.dumps(state), nx=True))

    def end_run(  # noqa: PLR0913  # all that is kept in one step
        self, turn: str, record: Any, receipt: Any, doors: Sequence[str], *, begun_ms: int, keeps_step: bool
    ) -> list[str] | None:
        """Keep what a proof found and forget its state, in one step; return the doors that stay closed all the same.

        Args:
            turn: from `begin_turn`.
            record: the prover's record.
            receipt: what is kept for people; the oldest makes room.
            doors: the doors that it opens. A door that was closed since the proof began stays closed.
            begun_ms: when the proof began.
            keeps_step: whether the opening sizes that were passed still count.

        Returns None where the turn was lost: nothing was changed.
        """
        texts = (json.dumps(record), json.dumps(receipt, ensure_ascii=False))
        answer = self._scripts.run("proof_end", turn, *texts, RECEIPTS, int(keeps_step), begun_ms, *doors)
        return None if answer is None else [as_text(one) for one in answer]

    def begin_turn(self) -> str | None:
        """Return the token of a turn, None while another process has it."""
        turn = secrets.token_hex(8)
        return turn if self._client.set(keys.PROOF_TURN, turn, nx=True, px=int(TURN_S * 1000)) else None

    def seize_turn(self) -> str:
        """Return the token of a turn, although another process has it: that one can store nothing any more."""
        turn = secrets.token_hex(8)
        self._client.set(keys.PROOF_TURN, turn, px=int(TURN_S * 1000))
        return turn

    def save_run(self, turn: str, state: Any = None) -> bool:
        """Keep the turn, and the state where one is given; False when the turn was lost: nothing was changed."""
        text = "" if state is None else json.dumps(state)
        return bool(self._scripts.run("proof_save", turn, int(TURN_S * 1000), text))

    def end_turn(self, turn: str) -> None:
        """Give the turn back, so that the next step need not wait for its end."""
        if as_text(self._client.get(keys.PROOF_TURN)) == turn:
            self._client.delete(keys.PROOF_TURN)

    def begin_import(self, name: str) -> bool:
        """Tell whether an import of a proof may begin; then no other import may, until `end_import`."""
        return bool(self._scripts.run("proof_import", name, int(IMPORT_S * 1000)))

    def may_mend_riders(self) -> bool:
        """Tell whether no import that updates is under way, whose canaries tell what it did."""
        found: Any = self._client.zrange(keys.IMPORTS, 0, -1)
        return not any(as_text(one).startswith(UPDATING) for one in found)

    def end_import(self) -> None:
        """Let other imports begin."""
        self._client.delete(keys.PROOF_IMPORT)

    def receipts(self) -> list[Any]:
        """Return what the newest proofs found, newest first."""
        return [json.loads(raw) for raw in self._client.lrange(keys.PROOF_RECEIPTS, 0, RECEIPTS - 1)]

    # canaries

    def owner(self) -> str:
        """Return what tells the canaries of this Tajo from those of another one on the account; made once."""
        self._client.set(keys.PROOF_OWNER, secrets.token_hex(3), nx=True)
        return self.known_owner()

    def known_owner(self) -> str:
        """Return the same, "" where this Redis never knew of a proof."""
        found = self._client.get(keys.PROOF_OWNER)
        return "" if found is None else as_text(found)

    def know(self, fingerprints: Iterable[str]) -> None:
        """Remember the addresses of canaries, by their fingerprints."""
        names = list(fingerprints)
        if names:
            self._client.sadd(keys.CANARIES, *names)

    def are_canaries(self, fingerprints: Sequence[str]) -> list[bool]:
        """Tell of each fingerprint of an address whether a proof used it."""
        return [bool(one) for one in self._client.smismember(keys.CANARIES, list(fingerprints))] if fingerprints else []
