"""What goes wrong at the platform during a journey: some of each kind that passes by itself, at places of a seed."""

from __future__ import annotations

from random import Random

from customer_sync.kit.fakes.faults import KINDS
from tests.contract.trial import Trial
from tests.stores.servers import StoreClient

#: These wait for a person, or for minutes: the contract suite plays them.
NOT_PASSING = frozenset({"unauthorized", "scope", "firewall", "ignore_filter"})
OPTIONS = {"slow": {"delay_s": 0.1}, "drip": {"size": 4000, "delay_s": 0.001}, "status": {"status": 500}}


def kinds_for(trial: Trial) -> list[str]:
    """Return the kinds that may strike a platform: what is lost without a word would be missed rightly."""
    return [one for one in KINDS if one not in NOT_PASSING and one not in trial.unseen]


def trouble(shop: StoreClient, trial: Trial, seed: int, count: int) -> None:
    """Switch so many faults on: each lets some calls pass after the one before."""
    dice = Random(seed)
    kinds = kinds_for(trial)
    chosen: list[str] = []
    while len(chosen) < count:
        chosen += dice.sample(kinds, len(kinds))
    skip = dice.randint(0, 2) * trial.calls_a_page
    for kind in chosen[:count]:
        shop.fault(kind, skip=skip, **OPTIONS.get(kind, {}))
        skip += dice.randint(1, 3) * trial.calls_a_page


def played(shop: StoreClient) -> int:
    """Return how many faults struck."""
    return sum(shop.get("/fake/state")["faults"].values())
