"""Whether the schedule may repeat a proof: the operator's word, which counts from now on."""

from __future__ import annotations

from customer_sync.store import Store


def agree(store: Store, *, is_weekly: bool) -> bool:
    """Keep whether the schedule repeats the proof; False while a step of a proof is being done: nothing was changed.

    A proof that is under way keeps the word for its own end.
    """
    proofs = store.proofs
    turn = proofs.begin_turn()
    if turn is None:
        return False
    try:
        state, record = proofs.run(), proofs.read().proof
        if state is not None and not proofs.save_run(turn, {**state, "is_weekly": is_weekly}):
            return False
        if record is not None:
            proofs.write({**record, "weekly": is_weekly})
        return True
    finally:
        proofs.end_turn(turn)
