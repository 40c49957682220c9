"""`POST /contacts/export`: contacts as a CSV file, chosen by list, by subscription and by date.

The columns are named as the body names them. How Brevo writes times, lists and subscriptions in these files is not
documented: without `exportDateInUTC` the times here have no zone, and are those of the account's own clock.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from customer_sync.model import Json
from customer_sync.sandbox import times
from customer_sync.sandbox.account import Account
from customer_sync.sandbox.answers import Row, invalid, missing
from customer_sync.sandbox.attributes import Attributes
from customer_sync.sandbox.contact import Contact

#: What `actionForContacts` may be → whether a contact is exported by it.
_ACTIONS: Final[Mapping[str, Callable[[Contact, int], bool]]] = {
    "allContacts": lambda _contact, _list_id: True,
    "subscribed": lambda contact, _list_id: not contact.email_blacklisted,
    "unsubscribed": lambda contact, _list_id: contact.email_blacklisted,
    "unsubscribedPerList": lambda contact, list_id: list_id in contact.list_unsubscribed,
}
#: What `actionForEmailCampaigns` may be → the acts it asks for.
_MAIL_ACTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "openers": ("opened",),
    "clickers": ("click",),
    "unsubscribed": ("unsubscribe", "leave_list", "leave_group"),
    "hardBounces": ("hard_bounce",),
    "softBounces": ("soft_bounce",),
    "nonOpeners": (),
    "nonClickers": (),
}
_SMS_ACTIONS: Final = ("hardBounces", "softBounces", "unsubscribed")
_ALWAYS: Final = ("EMAIL", "ADDED_TIME", "MODIFIED_TIME")
_METADATA: Final = ("_listIds", "ADDED_TIME", "MODIFIED_TIME")
_SUBSCRIPTIONS: Final = ("email_marketing", "sms_marketing")
_ACTION_KEYS: Final = ("actionForContacts", "actionForEmailCampaigns", "actionForSmsCampaigns")


@dataclass(frozen=True, slots=True)
class Choice:
    """Which contacts are exported.

    Args:
        action: what `actionForContacts` asks for; "" when campaigns are asked for.
        acts: the acts of people that are asked for instead.
        list_id: only who is on this list (or left it); None for everybody.
        created_ms: only who was created later.
        modified_ms: only who was changed later.
    """

    action: str = ""
    acts: tuple[str, ...] = ()
    list_id: int | None = None
    created_ms: int | None = None
    modified_ms: int | None = None

    def take(self, account: Account) -> list[Contact]:
        """Return the contacts, oldest first; the caller holds the lock."""
        if not self.action:
            who = account.acts.who(*self.acts)
            return [one for number in sorted(who) if (one := account.contacts.roll.get(number))]
        is_per_list = self.action == "unsubscribedPerList"
        rows = account.contacts.roll.choose(self.created_ms, self.modified_ms, None if is_per_list else self.list_id)
        fits = _ACTIONS[self.action]
        return [one for one in rows[:] if fits(one, self.list_id or 0)]


@dataclass(slots=True, eq=False)
class Export:
    """One export that was accepted.

    Args:
        process_id: its process.
        due: when it is completed, seconds since 1970.
        choice: which contacts.
        columns: the columns of the file.
        is_utc: whether times are in UTC.
        delimiter: what stands between two fields.
        notify_url: called when it is over; "" for nobody.
        base_url: where the sandbox itself is, for the address of the file.
    """

    process_id: int
    due: float
    choice: Choice
    columns: tuple[str, ...]
    is_utc: bool
    delimiter: str
    notify_url: str = ""
    base_url: str = ""

    def text(self, contacts: Iterable[Contact]) -> str:
        """Return the file. Needs no lock: what a contact shows is replaced, never changed."""
        out = io.StringIO()
        writer = csv.writer(out, delimiter=self.delimiter, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows(self._line(one) for one in contacts)
        return out.getvalue()

    @property
    def _has_attributes(self) -> bool:
        return not {*_ALWAYS, *_METADATA, *_SUBSCRIPTIONS}.issuperset(self.columns)

    def _line(self, contact: Contact) -> list[str]:
        row: Row = {
            **(orjson.loads(contact.shown) if self._has_attributes else {}),
            "EMAIL": contact.email,
            "ADDED_TIME": self._time(contact.created_ms),
            "MODIFIED_TIME": self._time(contact.modified_ms),
            "_listIds": ",".join(str(one) for one in contact.list_ids),
            "email_marketing": "unsubscribed" if contact.email_blacklisted else "subscribed",
            "sms_marketing": "unsubscribed" if contact.sms_blacklisted else "subscribed",
        }
        return [_cell(row.get(name)) for name in self.columns]

    def _time(self, ms: int) -> str:
        return times.iso(ms) if self.is_utc else times.local(ms // 1000)


def choice_of(body: Mapping[str, Json]) -> Choice:
    """Return which contacts a body asks for.

    Raises:
        ApiError: 400.
    """
    wanted = body.get("customContactFilter")
    if not isinstance(wanted, dict):
        raise missing("customContactFilter is missing")
    actions = [name for name in _ACTION_KEYS if wanted.get(name)]
    if len(actions) != 1:
        raise invalid(f"Pass exactly one of {', '.join(_ACTION_KEYS)}")
    action = str(wanted[actions[0]])
    if actions[0] == "actionForEmailCampaigns":
        if action not in _MAIL_ACTIONS:
            raise invalid("actionForEmailCampaigns is invalid")
        return Choice(acts=_MAIL_ACTIONS[action])
    if actions[0] == "actionForSmsCampaigns":
        if action not in _SMS_ACTIONS:
            raise invalid("actionForSmsCampaigns is invalid")
        return Choice()
    return _by_contacts(action, wanted)


def columns_of(body: Mapping[str, Json], attributes: Attributes) -> tuple[str, ...]:
    """Return the columns a body asks for.

    Raises:
        ApiError: 400.
    """
    names = [name.upper() for name in _texts(body, "exportAttributes")]
    unknown = [name for name in names if not attributes.get(name)]
    if unknown:
        raise invalid(f"exportAttributes: {unknown[0]} does not exist")
    is_with_always = body.get("exportMandatoryAttributes", True) is not False
    if not is_with_always and not names:
        raise missing("exportAttributes is missing")
    more = [_known(body, "exportMetadata", _METADATA), _known(body, "exportSubscriptionStatus", _SUBSCRIPTIONS)]
    wanted: Iterator[str] = (one for part in (_ALWAYS if is_with_always else (), names, *more) for one in part)
    return tuple(dict.fromkeys(wanted))


def _by_contacts(action: str, wanted: Row) -> Choice:
    if action not in _ACTIONS:
        raise invalid("actionForContacts is invalid")
    list_id = wanted.get("listId")
    if "segmentId" in wanted:
        raise invalid("Segment does not exist")
    since = {name: _since(wanted, name) for name in ("createdSince", "modifiedSince")}
    if list_id is None and all(one is None for one in since.values()):
        raise missing("Either listId or segmentId should be passed")
    if list_id is None and action == "unsubscribedPerList":
        raise missing("listId is missing")
    if list_id is not None and (isinstance(list_id, bool) or not isinstance(list_id, int)):
        raise invalid("listId should be an integer")
    return Choice(action, (), list_id, since["createdSince"], since["modifiedSince"])


def _since(wanted: Row, name: str) -> int | None:
    return times.parse_with_zone(str(wanted[name]), name) if name in wanted else None


def _texts(body: Mapping[str, Json], name: str) -> list[str]:
    value = body.get(name, [])
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise invalid(f"{name} should be an array of strings")
    return [str(one) for one in value]


def _known(body: Mapping[str, Json], name: str, known: Sequence[str]) -> list[str]:
    found = _texts(body, name)
    unknown = [one for one in found if one not in known]
    if unknown:
        raise invalid(f"{name}: {unknown[0]} is not known")
    return found


def _cell(value: Json) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "Yes" if value else "No"
    return ",".join(str(one) for one in value) if isinstance(value, list) else str(value)
