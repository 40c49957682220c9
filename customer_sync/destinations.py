"""Which lanes there are, and whom each one calls: what people are told of a lane, and where its work is queued."""

from __future__ import annotations

from typing import Final

from customer_sync.brevo.contacts.handler import CONTACTS
from customer_sync.engine.lane import LaneDescription

#: Every lane that this version delivers.
LANES: Final[tuple[LaneDescription, ...]] = (CONTACTS,)


def described(name: str) -> LaneDescription:
    """Return the description of a lane; one that another version left behind is described as far as can be."""
    unknown = LaneDescription(name, keeps=None, bucket=name, destination=f"The destination of {name}")
    return next((one for one in LANES if one.name == name), unknown)
