"""Held changes: what a run keeps back until it has counted whom it would harm, so that the brake stops it before.

A change that blocks, unlists, deletes or empties is not put into a lane with its page: it is kept as text with the run,
in the step that moves the run. Once everything is read, the brake decides by the whole count. Then the changes go into
the lanes part by part, each part in one step with the number that is left: a worker that is killed loses none of them
and doubles none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from customer_sync.engine.plan import Planned
from customer_sync.errors import TryLater

#: Changes that a run may not make to too many contacts at once (DESIGN: consent and erasure, rule 9). One contact may
#: have several of these changes; the brake counts each contact once, as `harmed`.
HARMS: Final = ("blocks", "unlists", "deletes", "empties")
#: The brake: a run may harm this many contacts, or this share of all people, the larger of the two.
BRAKE_PEOPLE: Final = 50
BRAKE_SHARE: Final = 0.02
#: The version of the text below.
FORM: Final = 1


@dataclass(frozen=True, slots=True)
class Held:
    """A plan that was held back.

    Args:
        text: as `hold` returned it.
    """

    text: str

    def encode(self) -> dict[str, Any]:
        """Return it as `commit.lua` takes it.

        Raises:
            TryLater: a newer version held it back.
        """
        found: dict[str, Any] = json.loads(self.text)
        if found.pop("form") > FORM:
            raise TryLater("a newer version holds these changes back", after_s=60, burns=False)
        return found


def hold(planned: Planned) -> str:
    """Return a plan as it is kept."""
    return json.dumps({"form": FORM, **planned.encode()}, separators=(",", ":"), ensure_ascii=False)


def is_about(text: str, refs: frozenset[str], fps: frozenset[str]) -> bool:
    """Tell whether a held plan is about a record or an address of these fingerprints."""
    for group in json.loads(text)["groups"]:
        who, merge = group.get("who", {}), group.get("merge", {})
        if refs & {who.get("ref"), merge.get("gone"), merge.get("kept")} or who.get("fp") in fps:
            return True
    return False


def harm(counts: Mapping[str, int], people: int) -> str:
    """Return why the brake stops a run with these counts; "" when it may go on.

    Args:
        counts: the run's counts.
        people: how many people are known.
    """
    limit = max(BRAKE_PEOPLE, int(people * BRAKE_SHARE))
    total = counts.get("harmed", 0)
    if total <= limit:
        return ""
    parts = ", ".join(f"{counts.get(name, 0):,} {name}" for name in HARMS)
    return f"The run would harm {total:,} contacts ({parts}); without force {limit:,} are allowed."
