"""The account: its contacts and deals, what happens to them, and what its apps are told of that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from random import Random
from typing import Any, ClassVar, Final

from connectors.hubspot.fake.apps import RULES, Apps
from connectors.hubspot.fake.people import People
from connectors.hubspot.fake.preferences import Preferences, Status
from connectors.hubspot.fake.records import KINDS, PROPERTIES, READ_ONLY, Record, Value, stamp
from connectors.hubspot.fake.settings import SWITCHES, Settings
from connectors.hubspot.fake.tokens import tokens_of
from customer_sync.kit.fakes.cast import Cast
from customer_sync.kit.fakes.crowd import Crowd
from customer_sync.kit.fakes.fake import Fake
from customer_sync.kit.fakes.hooks import Sender
from customer_sync.kit.fakes.limits import Window
from customer_sync.kit.fakes.table import Table

FIRST: Final = 101
STAGES: Final = ("appointmentscheduled", "contractsent", "closedwon", "closedlost")
_OUT: Final = "hs_email_optout"


class Refusal(Exception):
    """What the platform refuses, in its words."""

    def __init__(self, message: str, status: int = 400, category: str = "VALIDATION_ERROR") -> None:
        super().__init__(message)
        self.status, self.category = status, category


class Portal(Fake[Settings]):
    """A HubSpot account in memory, without its routes."""

    refusals: ClassVar = (Refusal,)
    switches: ClassVar = SWITCHES

    def fill(self) -> None:
        """Make the contacts and deals of the start."""
        settings, now_s = self.settings, self.clock()
        self.sender = Sender(self.clock, RULES)
        self.apps = Apps(settings, self.clock, self.sender)
        self.tokens = tokens_of(settings, self.clock)
        self.preferences = Preferences(now_s - 400 * 86_400)
        self.calls_left, self.day_left = (
            self._window(settings.calls, 10.0),
            self._window(settings.calls_a_day, 86_400.0),
        )
        self.searches_left = self._window(settings.searches, 1.0)
        self.records: dict[str, Table[Record]] = {kind: Table() for kind in KINDS}
        self.archived: dict[str, Table[Record]] = {kind: Table() for kind in KINDS}
        self.merged: dict[int, int] = {}
        self.crowd = Crowd(People(self), settings.seed)
        self._cast, self._dice = Cast(settings.seed), Random(settings.seed)
        for index in range(settings.customers):
            self._people(FIRST + index, index, now_s - 86_400 * 30 + index)
        for index in range(settings.deals if settings.customers else 0):
            self._deal(9001 + index, index, now_s - 86_400 * 30 + index)

    def _window(self, size: float, length_s: float) -> Window:
        return Window(size or 1e12, length_s, self.clock)

    def _people(self, number: int, index: int, at_s: float) -> Record:
        who = self._cast.who(index)
        values: dict[str, Value] = {
            "email": who.email,
            "firstname": who.first,
            "lastname": who.last,
            "phone": who.phone,
        }
        values |= {
            "city": who.city,
            "zip": who.postcode,
            "hs_country_region_code": who.country,
            "lifecyclestage": "lead",
        }
        if who.company:
            values["company"] = who.company
        if index % 9 == 4:
            values["hs_additional_emails"] = f"second.{who.email}"
        if index % 7 == 3:
            values[_OUT] = "true"
            self.preferences.leave(who.email, at_s)
        return self.records["contacts"].put(number, Record(number, "contacts", values, at_s, at_s))

    def _deal(self, number: int, index: int, at_s: float) -> Record:
        stage = STAGES[index % len(STAGES)]
        values: dict[str, Value] = {"dealname": f"Deal {index + 1}", "amount": str(100 + index), "pipeline": "default"}
        values |= {"deal_currency_code": "EUR", **staged(stage, at_s)}
        deal = Record(number, "deals", values, at_s, at_s)
        deal.ties = {FIRST + index % self.settings.customers: ["deal_to_contact"]}
        return self.records["deals"].put(number, deal)

    # what is there

    def find(self, kind: str, number: int) -> Record | None:
        """Return a record that is not archived; the id of one that was merged away may lead to what is left."""
        if self.settings.merged_ids == "redirect":
            while number in self.merged:
                number = self.merged[number]
        return self.records[kind].get(number)

    def must(self, kind: str, number: int) -> Record:
        """Return a record.

        Raises:
            Refusal: it is not there.
        """
        found = self.find(kind, number)
        if found is None:
            raise Refusal("resource not found", 404, "OBJECT_NOT_FOUND")
        return found

    def by_address(self, address: str) -> Record | None:
        """Return the contact whose own address it is, else the one that has it as a further one."""
        key = address.strip().lower()
        people = list(self.records["contacts"].values())
        own = (one for one in people if str(one.values.get("email") or "").lower() == key)
        more = (one for one in people if key in str(one.values.get("hs_additional_emails") or "").lower().split(";"))
        return next(own, None) or next(more, None)

    # what happens; the caller flushes

    def create(self, kind: str, values: Mapping[str, Any], source: str = "CRM_UI", number: int | None = None) -> Record:
        """Make a record.

        Raises:
            Refusal: a property is unknown, or somebody has the address.
        """
        made = _sound(kind, values)
        self._must_be_free(kind, made, None)
        now_s = self.clock()
        key = number if number is not None else self.records[kind].next_number()
        record = self.records[kind].put(key, Record(key, kind, made, now_s, now_s))
        self._told(record, "creation", {"changeFlag": "NEW"}, source)
        self._changed(record, made, source)
        return record

    def change(self, record: Record, values: Mapping[str, Any], source: str = "CRM_UI") -> Record:
        """Change some properties; an empty text takes one away.

        Raises:
            Refusal: as `create`.
        """
        made = {name: value or None for name, value in _sound(record.kind, values).items()}
        self._must_be_free(record.kind, made, record)
        new = {name: value for name, value in made.items() if record.values.get(name) != value}
        if new:
            record.values |= new
            record.updated_s = self.clock()
            self._changed(record, new, source)
        return record

    def archive(self, record: Record, source: str = "CRM_UI") -> None:
        """Delete a record: it is in the list of archived ones from now on."""
        self.records[record.kind].delete(record.id)
        record.archived_s = record.updated_s = self.clock()
        self.archived[record.kind].put(record.id, record)
        self._told(record, "deletion", {"changeFlag": "DELETED"}, source)

    def restore(self, kind: str, number: int) -> Record:
        """Bring an archived record back.

        Raises:
            Refusal: it is not archived.
        """
        record = self.archived[kind].delete(number)
        if record is None:
            raise Refusal("resource not found", 404, "OBJECT_NOT_FOUND")
        record.archived_s, record.updated_s = None, self.clock()
        self.records[kind].put(number, record)
        self._told(record, "restore", {}, "CRM_UI")
        return record

    def erase(self, record: Record) -> None:
        """Forget a contact, as the law asks: it is in no list, and `deletion` comes as well."""
        self.records["contacts"].delete(record.id)
        self._told(record, "privacyDeletion", {}, "CRM_UI")
        self._told(record, "deletion", {"changeFlag": "DELETED"}, "CRM_UI")

    def merge(self, kept: Record, gone: Record) -> Record:
        """Make two contacts one, and return it. No change of a property is told."""
        values = {**gone.values, **{name: one for name, one in kept.values.items() if one}}
        addresses = [one for row in (kept, gone) for one in _addresses(row)]
        more = [one for one in dict.fromkeys(addresses) if one != values.get("email")]
        values["hs_additional_emails"] = ";".join(more) or None
        before = [one for row in (kept, gone) for one in str(row.values.get("hs_merged_object_ids") or "").split(";")]
        is_new = self.settings.merge_makes_new
        away = [kept, gone] if is_new else [gone]
        ids = [*filter(None, before), *(str(one.id) for one in away)]
        values["hs_merged_object_ids"] = ";".join(dict.fromkeys(ids))
        now_s = self.clock()
        number = self.records["contacts"].next_number() if is_new else kept.id
        for one in away:
            self.records["contacts"].delete(one.id)
            self.merged[one.id] = number
        left = self.records["contacts"].put(number, Record(number, "contacts", values, kept.created_s, now_s))
        self._move_ties({one.id for one in away}, number)
        told = {"primaryObjectId": kept.id, "mergedObjectIds": [gone.id], "numberOfPropertiesMoved": 1}
        self.apps.tell("contact.merge", {"objectId": kept.id, **told, "newObjectId": number}, "CRM_UI")
        for one in away:
            self._told(one, "deletion", {"changeFlag": "DELETED"}, "CRM_UI")
        return left

    def tie(self, deal: Record, contact: int, labels: Sequence[str]) -> None:
        """Let a contact belong to a deal."""
        deal.ties[contact] = list(labels)
        deal.updated_s = self.clock()
        told = {"associationType": "DEAL_TO_CONTACT", "fromObjectId": deal.id, "toObjectId": contact}
        told |= {"associationRemoved": False, "isPrimaryAssociation": True}
        self.apps.tell("deal.associationChange", told, "CRM_UI")

    def leave(self, address: str, source: str = "CRM_UI") -> bool:
        """Opt an address out of everything; tell whether it was in."""
        is_new = self.preferences.leave(address, self.clock())
        contact = self.by_address(address)
        if is_new and contact and str(contact.values.get("email") or "").lower() == address.lower():
            self.change(contact, {_OUT: "true"}, source)
        return is_new

    def say(self, address: str, subscription: int, status: Status, source: str = "CRM_UI") -> bool:
        """Set a status; tell whether it was another one."""
        was_out = address.lower() in self.preferences.out
        is_new = self.preferences.put(address, subscription, status)
        contact = self.by_address(address)
        if contact and str(contact.values.get("email") or "").lower() == address.lower():
            values = {f"{_OUT}_{subscription}": "true" if status.state == "UNSUBSCRIBED" else ""}
            if was_out and status.state == "SUBSCRIBED":
                values[_OUT] = ""
            self.change(contact, values, source)
        return is_new

    def grow(self, count: int) -> list[int]:
        """Let so many more contacts be there, without a word to anybody."""
        made = []
        for _ in range(count):
            number = self.records["contacts"].next_number()
            made.append(self._people(number, number - FIRST, self.clock()).id)
        return made

    def _changed(self, record: Record, values: Iterable[str], source: str) -> None:
        for name in values:
            value = record.values.get(name) or ""
            self._told(record, "propertyChange", {"propertyName": name, "propertyValue": value}, source)

    def _told(self, record: Record, act: str, more: Mapping[str, Any], source: str) -> None:
        self.apps.tell(f"{KINDS[record.kind][1]}.{act}", {"objectId": record.id, **more}, source)

    def _move_ties(self, gone: set[int], number: int) -> None:
        for deal in self.records["deals"].values():
            deal.ties = {number if one in gone else one: labels for one, labels in deal.ties.items()}

    def _must_be_free(self, kind: str, values: Mapping[str, Value], record: Record | None) -> None:
        address = values.get("email")
        if kind != "contacts" or not address:
            return
        if "@" not in address:
            raise Refusal(f"Property values were not valid: email address {address} is invalid")
        other = self.by_address(address)
        if other is not None and other is not record:
            raise Refusal(f"Contact already exists. Existing ID: {other.id}", 409, "CONFLICT")


def staged(stage: str, at_s: float) -> dict[str, Value]:
    """Return what a stage sets."""
    won, lost = stage == "closedwon", stage == "closedlost"
    flags = {"hs_is_closed_won": str(won).lower(), "hs_is_closed": str(won or lost).lower()}
    closed = {"closedate": stamp(at_s)} if won or lost else {}
    return {"dealstage": stage, **flags, **closed}


def _sound(kind: str, values: Mapping[str, Any]) -> dict[str, Value]:
    known = PROPERTIES[kind]
    for name in values:
        if name not in known:
            raise Refusal(f'Property "{name}" does not exist')
        if name in READ_ONLY:
            raise Refusal(f'"{name}" is a read only property')
    return {name: None if value is None else str(value) for name, value in values.items()}


def _addresses(record: Record) -> list[str]:
    more = str(record.values.get("hs_additional_emails") or "").split(";")
    return [one for one in (record.values.get("email"), *more) if one]
