"""Which variant of a test a cart gets; pure, the same at every look and in every process."""

from __future__ import annotations

from hashlib import blake2b

from customer_sync.series.options import Experiment, Variant

_RANGE = 2**64


def variant_of(cart: str, experiment: Experiment) -> Variant:
    """Return a cart's variant: each has its share of the carts, by weight.

    The same names give a cart the same place, in whatever order they stand; other names are another experiment.

    Args:
        cart: the cart's id, with its source.
        experiment: the test.
    """
    ordered = sorted(experiment.variants, key=lambda one: one.name)
    label = "\n".join([str(experiment.mail), *(one.name for one in ordered)])
    digest = blake2b(f"{label}\n\n{cart}".encode(), digest_size=8).digest()
    place = int.from_bytes(digest) * sum(one.weight for one in ordered)
    reached = 0
    for one in ordered:
        reached += one.weight
        if place < reached * _RANGE:
            return one
    return ordered[-1]
