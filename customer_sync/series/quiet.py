"""Quiet hours: whether it is night for a person, by the time zones that the person may be in; pure.

The zones of a country are those of `zone.tab` of the tz database (https://www.iana.org/time-zones), which the package
`tzdata` brings along; those of a phone number are its region's, as `phonenumbers` knows them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers
from phonenumbers.timezone import time_zones_for_number

from customer_sync.series.options import QuietHours

#: How far ahead a time outside the quiet hours of all zones is looked for.
_AHEAD = timedelta(days=2)
_STEP = timedelta(minutes=15)


@cache
def zones_of_countries() -> Mapping[str, frozenset[str]]:
    """Return country (ISO 3166 alpha-2) → its time zones."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for row in (files("tzdata") / "zoneinfo" / "zone.tab").read_text(encoding="utf-8").splitlines():
        if row and not row.startswith("#"):
            country, _, zone = row.split("\t")[:3]
            found[country].add(zone)
    return {country: frozenset(zones) for country, zones in found.items()}


def zones_of(phone: str | None, country: str | None, otherwise: str) -> frozenset[str]:
    """Return the time zones that a person may be in.

    Args:
        phone: E.164; a number with an area code tells the region.
        country: ISO 3166 alpha-2. Where the phone is from elsewhere, the zones of both count.
        otherwise: the zone of a person of whom neither is known.
    """
    by_phone = _zones_of_phone(phone) if phone else frozenset()
    by_country = zones_of_countries().get(country.upper(), frozenset()) if country else frozenset()
    if by_phone and by_country:
        both = by_phone & by_country
        return both or by_phone | by_country
    return by_phone or by_country or frozenset((otherwise,))


def _zones_of_phone(phone: str) -> frozenset[str]:
    try:
        number = phonenumbers.parse(phone)
    except phonenumbers.NumberParseException:
        return frozenset()
    return frozenset(one for one in time_zones_for_number(number) if _is_zone(one))


@cache
def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return False
    return name != "Etc/Unknown"


def open_from(at: datetime, hours: QuietHours, zones: Iterable[str]) -> datetime | None:
    """Return the first time from `at` on that is in the quiet hours of none of the zones; None where there is none."""
    every, latest = sorted(zones), at + _AHEAD
    while at <= latest:
        ends = [end for zone in every if (end := _end_of_quiet(at, hours, zone)) is not None]
        if not ends:
            return at
        at = max(ends)
    return None


def _end_of_quiet(at: datetime, hours: QuietHours, zone: str) -> datetime | None:
    """Return when the quiet hours end that a time is in, None where it is in none."""
    local = at.astimezone(ZoneInfo(zone))
    minute = local.hour * 60 + local.minute
    over_midnight = hours.start > hours.end
    is_late, is_early = minute >= hours.start, minute < hours.end
    if not (is_late or is_early if over_midnight else is_late and is_early):
        return None
    day = local.date() + timedelta(days=1 if over_midnight and is_late else 0)
    end = datetime(day.year, day.month, day.day, hours.end // 60, hours.end % 60, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    # where the clock is set back, the end may be the earlier one of two, and behind us
    return end if end > at else at + _STEP
