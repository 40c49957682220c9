"""The objects that are read, and which of their fields: described first, because hidden ones break a query.

A field that the user may not see is absent from the description without a word; a query that names it is refused whole.
What is not asked for is absent from the record: unknown, and never empty.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from connectors.salesforce.account import OPT_OUT, Account
from customer_sync.model import CUSTOMERS

ORDERS: Final = "orders"
#: The time by which changes are found; it moves on changes by programs, too, which LastModifiedDate does not.
STAMP: Final = "SystemModstamp"
#: Where an address or a number is known in text only, or by a picklist with a code.
_PERSON: Final = ("FirstName", "LastName", "Email", "Phone", "MobilePhone", "Title", OPT_OUT)
_COMMON: Final = ("IsDeleted", "CreatedDate", "LastModifiedDate")


@dataclass(frozen=True, slots=True)
class SObject:
    """One object of Salesforce.

    Args:
        name: its API name, the topic of its webhooks.
        resource: which of ours it is.
        prefix: what its ids begin with.
        wants: the fields that are read where they are seen, beside `Id` and `SystemModstamp`.
        reaches: fields of other objects, each with the field that leads there.
        children: a list of rows below it, as a query asks for it; "" for none.
    """

    name: str
    resource: str
    prefix: str
    wants: tuple[str, ...]
    reaches: Mapping[str, str]
    children: str = ""


CONTACT: Final = SObject(
    "Contact",
    CUSTOMERS,
    "003",
    (
        *_PERSON,
        *("MailingCity", "MailingPostalCode", "MailingCountry", "MailingCountryCode"),
        *("AccountId", "IsPersonAccount", "MasterRecordId"),
        *_COMMON,
    ),
    {"Account.Name": "AccountId"},
)
LEAD: Final = SObject(
    "Lead",
    CUSTOMERS,
    "00Q",
    (
        *_PERSON,
        *("Company", "City", "PostalCode", "Country", "CountryCode", "Status", "LeadSource"),
        *("IsConverted", "ConvertedContactId", "ConvertedDate", "MasterRecordId"),
        *_COMMON,
    ),
    {},
)
#: Of several people the first is the buyer: the one who is marked, else the one with the lowest id.
OPPORTUNITY: Final = SObject(
    "Opportunity",
    ORDERS,
    "006",
    ("Name", "Amount", "CurrencyIsoCode", "StageName", "IsClosed", "IsWon", "CloseDate", "ContactId", *_COMMON),
    {},
    "(SELECT ContactId, Contact.Email FROM OpportunityContactRoles ORDER BY IsPrimary DESC, ContactId LIMIT 1)",
)
OBJECTS: Final = {one.name: one for one in (CONTACT, LEAD, OPPORTUNITY)}


def of_resource(resource: str) -> tuple[SObject, ...]:
    """Return the objects whose records are a resource."""
    return tuple(one for one in OBJECTS.values() if one.resource == resource)


def columns(sobject: SObject, account: Account, seen: Mapping[str, bool], *, is_plain: bool = False) -> tuple[str, ...]:
    """Return what a query asks for: the wanted fields that the user sees.

    Args:
        sobject: of which object.
        account: names more fields.
        seen: the description.
        is_plain: leave out what lies in other objects, which no description of this one tells of.
    """
    own = [one for one in wanted(sobject, account) if one in seen]
    if is_plain:
        return ("Id", STAMP, *own)
    reached = [path for path, by in sobject.reaches.items() if by in seen]
    return ("Id", STAMP, *own, *reached, *([sobject.children] if sobject.children else []))


def wanted(sobject: SObject, account: Account) -> tuple[str, ...]:
    """Return the fields that are wanted of an object, those of the settings with them."""
    boxes = (account.opt_in, account.opt_in_at) if sobject.resource == CUSTOMERS else ()
    names = (*sobject.wants, *(one for one in boxes if one), *account.fields)
    return tuple(dict.fromkeys(one for one in names if one not in {"Id", STAMP}))


def hidden(sobject: SObject, account: Account, seen: Mapping[str, bool]) -> tuple[str, ...]:
    """Return the wanted fields that the user does not see and that every org has, or that the settings name."""
    optional = {"CurrencyIsoCode", "IsPersonAccount", "MailingCountryCode", "CountryCode", "ContactId"}
    # a field of the settings may be of one of the objects only
    named = {*account.fields} - {account.opt_in, account.opt_in_at}
    return tuple(one for one in wanted(sobject, account) if one not in seen and one not in optional | named)


def soql(sobject: SObject, asked: Sequence[str], where: str, order: str = "", limit: int = 0) -> str:
    """Return a query."""
    text = f"SELECT {', '.join(asked)} FROM {sobject.name} WHERE {where}"  # noqa: S608  # names and quoted texts only
    return text + (f" ORDER BY {order}" if order else "") + (f" LIMIT {limit}" if limit else "")
