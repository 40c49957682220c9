"""Which lanes there are, and whom each one calls: what people are told of a lane, and where its work is queued."""

from __future__ import annotations

from typing import Final

from customer_sync.brevo.contacts.handler import CONTACTS
from customer_sync.brevo.lanes import EVENTS, MAIL, ORDERS, PRODUCTS
from customer_sync.config import Settings
from customer_sync.config.settings import NoticeTarget
from customer_sync.engine.lane import PLATFORMS, LaneDescription
from customer_sync.platforms.lanes import fetch_lane, source_of, writeback_lanes
from customer_sync.registry import connector_for

#: What the names of the lanes of notices begin with; the target follows.
NOTIFY: Final = "notify:"
#: Every lane that this version delivers whatever the config says.
LANES: Final[tuple[LaneDescription, ...]] = (CONTACTS, ORDERS, PRODUCTS, EVENTS, MAIL)


def lanes_of(settings: Settings) -> tuple[LaneDescription, ...]:
    """Return every lane that is delivered: those of everybody, of each target of notices, and of each platform."""
    return (*LANES, *map(notify_lane, settings.notifications.targets), *platform_lanes(settings))


def platform_lanes(settings: Settings) -> tuple[LaneDescription, ...]:
    """Return the lanes of the sources whose platforms are called: to read records again, and to tell opt-outs."""
    found = ((name, connector_for(source)) for name, source in settings.sources.items())
    fetches = tuple(fetch_lane(name, one.title) for name, one in found if one.fetches)
    return (*writeback_lanes(settings).values(), *fetches)


def notify_lane(target: NoticeTarget) -> LaneDescription:
    """Return the lane of a target's notices: one that does not answer holds up neither other targets nor customers."""
    return _notify(target.name)


def is_of_notices(lane: str) -> bool:
    """Tell whether a lane holds our own notices: what waits there is no customer who waits."""
    return lane.startswith(NOTIFY)


def described(name: str) -> LaneDescription:
    """Return the description of a lane; one that another version left behind is described as far as can be."""
    if is_of_notices(name):
        return _notify(name.removeprefix(NOTIFY))
    whom = f"The platform of {source_of(name)}" if source_of(name) else f"The destination of {name}"
    unknown = LaneDescription(name, keeps=None, bucket=name, destination=whom)
    return next((one for one in LANES if one.name == name), unknown)


def _notify(target: str) -> LaneDescription:
    name = NOTIFY + target
    return LaneDescription(name, keeps=None, bucket=name, destination=f"The target {target}", queue=PLATFORMS)
