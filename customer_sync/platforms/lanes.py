"""The lanes of each source: what is read from its platform again, and the opt-outs that are told to it.

They have workers of their own, so a platform that hangs holds up neither Brevo nor another platform. Their calls count
against the pace of the source, like those of its pulls.
"""

from __future__ import annotations

from typing import Final

from customer_sync.config import Settings
from customer_sync.engine.lane import PLATFORMS, LaneDescription
from customer_sync.registry import connector_for

#: What the names of these lanes begin with; the source follows.
FETCH: Final = "fetch:"
WRITEBACK: Final = "writeback:"


def bucket_of(source: str) -> str:
    """Return the rate limit that all calls to a source's platform count against, see `customer_sync.pacing`."""
    return f"source:{source}"


def fetch_lane(source: str, title: str) -> LaneDescription:
    """Return the lane of the records of a source that are to be read again.

    Args:
        source: the source.
        title: the platform's name, for people.
    """
    return LaneDescription(FETCH + source, keeps=None, bucket=bucket_of(source), destination=title, queue=PLATFORMS)


def writeback_lane(source: str, title: str) -> LaneDescription:
    """Return the lane of the opt-outs that a source's platform is told; it keeps what became of each.

    Args:
        source: the source.
        title: the platform's name, for people.
    """
    return LaneDescription(
        WRITEBACK + source, keeps="record", bucket=bucket_of(source), destination=title, queue=PLATFORMS
    )


def source_of(lane: str) -> str:
    """Return the source whose lane this is; "" for a lane of another kind."""
    return next((lane.removeprefix(kind) for kind in (FETCH, WRITEBACK) if lane.startswith(kind)), "")


def writeback_lanes(settings: Settings) -> dict[str, LaneDescription]:
    """Return source → its lane of opt-outs."""
    return {name: writeback_lane(name, connector_for(one).title) for name, one in settings.sources.items()}
