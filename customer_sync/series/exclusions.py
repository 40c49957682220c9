"""Who and what is never mailed about; pure."""

from __future__ import annotations

from customer_sync.series.options import Exclusions
from customer_sync.series.seen import Seen


def of_cart(seen: Seen, exclusions: Exclusions) -> str | None:
    """Return why a cart is excluded, in one sentence without a value of the person; None where it is not."""
    person = seen.person
    if person is None:
        return None
    if person.email is not None and is_below(person.email.rpartition("@")[2], exclusions.domains):
        return "The address is in one of the excluded domains."
    if exclusions.tags & {one.strip().lower() for one in person.tags}:
        return "The person has one of the excluded tags."
    held = {name.lower() for line in seen.cart.lines for name in line if name is not None}
    if exclusions.products & held:
        return "The cart holds one of the excluded products."
    if exclusions.bought_within is not None:
        bought = [*(one.at for one in seen.purchases), *([person.last_bought_at] if person.last_bought_at else [])]
        if any(one > seen.now - exclusions.bought_within for one in bought):
            return "The person bought something a short while ago."
    return None


def is_below(domain: str, domains: tuple[str, ...]) -> bool:
    """Tell whether a domain is one of these, or below one."""
    return any(domain == one or domain.endswith(f".{one}") for one in domains)
