"""An org: its records, what happens to them, and the messages that tell of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from connectors.salesforce.fake.messages import Messages
from connectors.salesforce.fake.schema import PREFIXES, empty, fields_of, may_change, seen
from connectors.salesforce.fake.settings import UNTIL_S, Settings
from connectors.salesforce.fake.soql import Query, value_of
from connectors.salesforce.fake.tokens import Tokens
from connectors.salesforce.fake.tooling import Tooling
from customer_sync.kit.fakes.answers import Row
from customer_sync.kit.fakes.cast import Cast
from customer_sync.kit.fakes.clock import iso
from customer_sync.kit.fakes.fake import Fake
from customer_sync.kit.fakes.hooks import Answer, Rules, Sender

#: The waits between the tries of a message, in seconds: longer each time, up to two hours, for a day.
WAITS_S: Final = (5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, *[7200.0] * 11)
ACK: Final = b"<Ack>true</Ack>"
_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SUFFIX: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
#: How far apart the records at the start changed, in seconds.
_APART_S: Final = 60.0
_STAGES: Final = (("Prospecting", False, False), ("Closed Won", True, True), ("Closed Lost", True, False))


class ApiError(Exception):
    """What the platform refuses.

    Args:
        word: its code.
        message: its sentence.
        status: the HTTP status.
    """

    def __init__(self, word: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.word, self.message, self.status = word, message, status


class Org(Fake[Settings]):
    """The records of an org. The caller holds the lock."""

    refusals = (ApiError,)
    switches = ("hidden", "fixed", "custom", "boxes", "batch", "limit", "used", "session_calls", "currencies")

    def fill(self) -> None:
        """Make the records of the start."""
        settings = self.settings
        self.tokens = Tokens(settings, self.clock)
        rules = Rules(
            WAITS_S,
            timeout_s=settings.timeout_s,
            time_scale=settings.time_scale,
            is_taken=lambda one: isinstance(one, Answer) and one.status == 200 and ACK in one.body,
        )
        self.sender = Sender(self.clock, rules)
        self.tables: dict[str, dict[str, Row]] = {name: {} for name in PREFIXES}
        self.tooling = Tooling(self.clock)
        self.messages = Messages(self.sender, self.tooling, settings.organization, self.record)
        self.used = settings.used
        self._last, self._cast = 0, Cast(settings.seed)
        user = {"Id": self.tokens.user_id, "Username": settings.username, "IsDeleted": False}
        self.tables["User"][self.tokens.user_id] = user
        self.populate(settings.customers, UNTIL_S)
        people = list(self.tables["Contact"])
        for index in range(settings.orders):
            stage, is_closed, is_won = _STAGES[index % 3]
            at_s = UNTIL_S - (settings.orders - index) * _APART_S
            day = {"CloseDate": iso(at_s)[:10], "StageName": stage, "IsClosed": is_closed, "IsWon": is_won}
            buyer = {"buyer": people[index % len(people)]} if people else {}
            self.deal({"Name": f"Lamps {index + 1}", "Amount": 10.0 * (index + 1), **day, **buyer}, at_s)

    def populate(self, count: int, until_s: float) -> list[str]:
        """Let so many people be there, one a minute until a moment, every fourth a lead, without messages."""
        found, at_s = [], until_s - count * _APART_S
        for _ in range(count):
            index = self._last
            who = self._cast.who(index)
            every = self.settings.opted_out
            fields: Row = {"FirstName": who.first, "LastName": who.last, "Email": who.email, "MobilePhone": who.phone}
            fields |= {"HasOptedOutOfEmail": bool(every) and index % every == every - 1}
            if index % 4 == 3:
                fields |= {"Company": who.company or "Lamps", "City": who.city, "PostalCode": who.postcode}
                found.append(self.make("Lead", fields, at_s, tells=False))
            else:
                fields |= {"MailingCity": who.city, "MailingPostalCode": who.postcode, "MailingCountry": who.country}
                found.append(self.make("Contact", fields, at_s, tells=False))
            at_s += _APART_S
        return found

    # What can happen

    def make(self, sobject: str, fields: Row, at_s: float | None = None, *, tells: bool = True) -> str:
        """Make a record of any fields and return its id."""
        self._last += 1
        number, stamp = make_id(PREFIXES[sobject], self._last), self._stamp(at_s)
        row: Row = {name: empty(kind) for name, kind in fields_of(sobject, self.settings).items()}
        row |= {"Id": number, "IsDeleted": False, "CreatedDate": stamp, "LastModifiedDate": stamp}
        self.tables[sobject][number] = {**row, "SystemModstamp": stamp, **fields}
        if tells:
            self.messages.tell(sobject, number)
        return number

    def change(self, number: str, fields: Row, at_s: float | None = None, *, tells: bool = True) -> Row:
        """Change a record in any way and return it."""
        row = self.record(number)
        if row is None:
            raise ApiError("NOT_FOUND", "The requested resource does not exist", 404)
        stamp = self._stamp(at_s)
        row |= {"LastModifiedDate": stamp, "SystemModstamp": stamp, **fields}
        if tells:
            self.messages.tell(sobject_of(number), number)
        return row

    def delete(self, number: str, master: str | None = None) -> None:
        """Put a record into the bin; no message tells of that."""
        self.change(number, {"IsDeleted": True, **({"MasterRecordId": master} if master else {})}, tells=False)

    def merge(self, kept: str, gone: str) -> str:
        """Make two records one: the fields of who is kept stand, those that it lacks come from the other."""
        there, other = self.record(kept), self.record(gone)
        if there is None or other is None or there["IsDeleted"] or other["IsDeleted"]:
            raise ApiError("NOT_FOUND", "both must be there", 404)
        filled = {name: value for name, value in other.items() if there.get(name) is None and value is not None}
        self.delete(gone, kept)
        self.change(kept, {name: value for name, value in filled.items() if name != "MasterRecordId"})
        return kept

    def convert(self, lead: str, contact: str | None = None) -> str:
        """Convert a lead into a contact, a new one unless one is named; return the contact's id."""
        row = self.record(lead)
        if row is None or row["IsDeleted"] or row["IsConverted"]:
            raise ApiError("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
        names = ("FirstName", "LastName", "Email", "Phone", "MobilePhone", "Title", "HasOptedOutOfEmail")
        found = contact or self.make("Contact", {name: row.get(name) for name in names})
        day = iso(self.clock())[:10]
        self.change(
            lead, {"IsConverted": True, "ConvertedContactId": found, "ConvertedDate": day, "Status": "Qualified"}
        )
        return found

    def deal(self, fields: Row, at_s: float | None = None) -> str:
        """Make an opportunity; `buyer` and `others` are contacts in it."""
        buyer, others = fields.pop("buyer", None), fields.pop("others", [])
        number = self.make("Opportunity", fields, at_s, tells=False)
        for contact, is_first in [*([(buyer, True)] if buyer else []), *((one, False) for one in others)]:
            role = {"OpportunityId": number, "ContactId": contact, "IsPrimary": is_first}
            self.make("OpportunityContactRole", role, at_s, tells=False)
        self.messages.tell("Opportunity", number)
        return number

    # What a program may do

    def record(self, number: str) -> Row | None:
        """Return a record, in the bin or not; None where there is none."""
        return self.tables.get(sobject_of(number), {}).get(number)

    def write(self, sobject: str, number: str | None, fields: Mapping[str, Any]) -> str:
        """Make or change a record as the API allows it, and return its id.

        Raises:
            ApiError: it is not allowed.
        """
        known = seen(sobject, self.settings)
        row = None if number is None else self.there(sobject, number)
        for name in fields:
            if name not in known:
                raise ApiError("INVALID_FIELD", f"No such column '{name}' on sobject of type {sobject}")
            if not may_change(sobject, name, self.settings) or (row or {}).get("IsPersonAccount"):
                word = "INVALID_FIELD_FOR_INSERT_UPDATE"
                raise ApiError(word, f"Unable to create/update fields: {name}. Please check the security settings.")
        if row is not None and row.get("IsConverted"):
            raise ApiError("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
        if row is None and sobject in {"Contact", "Lead"} and not fields.get("LastName"):
            raise ApiError("REQUIRED_FIELD_MISSING", "Required fields are missing: [LastName]")
        if row is None:
            return self.make(sobject, dict(fields))
        self.change(row["Id"], dict(fields))
        self._follow_account(sobject, row)
        return str(row["Id"])

    def there(self, sobject: str, number: str) -> Row:
        """Return a record that lives.

        Raises:
            ApiError: it does not.
        """
        row = self.tables.get(sobject, {}).get(number)
        if row is None:
            raise ApiError("NOT_FOUND", "The requested resource does not exist", 404)
        if row["IsDeleted"]:
            raise ApiError("ENTITY_IS_DELETED", "entity is deleted", 404)
        return row

    def answer(self, query: Query, *, with_deleted: bool) -> list[Row]:
        """Return the rows of a query as they are written out.

        Raises:
            ApiError: it names an object or a field that the user does not see.
        """
        self._check(query, query.sobject)
        pool = [row for row in self.tables[query.sobject].values() if with_deleted or not row["IsDeleted"]]
        return [self._written(row, query) for row in query.rows(pool)]

    def _check(self, query: Query, sobject: str) -> None:
        known = seen(sobject, self.settings)
        if not known or sobject not in self.tables:
            raise ApiError("INVALID_TYPE", f"sObject type '{sobject}' is not supported.")
        for name in [*query.fields, *query.named]:
            first, _, rest = name.partition(".")
            through = f"{first}Id" if rest else first
            if through not in known or (rest and rest not in seen(first, self.settings)):
                raise ApiError("INVALID_FIELD", f"No such column '{name}' on entity '{sobject}'.")
        if query.below is not None:
            if sobject != "Opportunity" or query.below.sobject != "OpportunityContactRoles":
                raise ApiError("INVALID_FIELD", f"Didn't understand relationship '{query.below.sobject}'.")
            self._check(query.below, "OpportunityContactRole")

    def _written(self, row: Row, query: Query) -> Row:
        told = _attributed(sobject_of(row["Id"]), row)
        for name in query.fields:
            first, _, rest = name.partition(".")
            if not rest:
                told[name] = row.get(name)
                continue
            other = self.record(str(row.get(f"{first}Id")))
            if other is None:
                told[first] = None
                continue
            told.setdefault(first, _attributed(first, other))[rest] = value_of(other, rest)
        if query.below is not None:
            rows = [one for one in self.tables["OpportunityContactRole"].values() if one["OpportunityId"] == row["Id"]]
            found = [self._written(one, query.below) for one in query.below.rows(rows)]
            told[query.below.sobject] = {"totalSize": len(found), "done": True, "records": found} if found else None
        return told

    def _follow_account(self, sobject: str, row: Row) -> None:
        """Let the contact of a person account follow its account."""
        if sobject == "Account":
            for one in self.tables["Contact"].values():
                if one.get("IsPersonAccount") and one.get("AccountId") == row["Id"]:
                    self.change(one["Id"], {"HasOptedOutOfEmail": row["PersonHasOptedOutOfEmail"]}, tells=False)

    def _stamp(self, at_s: float | None) -> str:
        return stamp(self.clock() if at_s is None else at_s)


def make_id(prefix: str, number: int) -> str:
    """Return an id of 18 characters; later ones are greater."""
    text = ""
    for _ in range(9):
        number, digit = divmod(number, 62)
        text = _DIGITS[digit] + text
    short = f"{prefix}Fak{text}"
    bits = (sum(short[at + bit].isupper() << bit for bit in range(5)) for at in (0, 5, 10))
    return short + "".join(_SUFFIX[one] for one in bits)


def sobject_of(number: str) -> str:
    """Return the object that an id is of, "" for none."""
    return next((name for name, prefix in PREFIXES.items() if number.startswith(prefix)), "")


def stamp(at_s: float) -> str:
    """Return a time as the API writes it."""
    return f"{iso(at_s)}.{int(at_s % 1 * 1000):03d}+0000"


def whole(rows: Sequence[Row]) -> Row:
    """Return an answer that holds all of its rows."""
    return {"totalSize": len(rows), "done": True, "records": list(rows)}


def _attributed(sobject: str, row: Row) -> Row:
    url = f"/services/data/v62.0/sobjects/{sobject}/{row['Id']}"
    return {"attributes": {"type": sobject, "url": url}}
