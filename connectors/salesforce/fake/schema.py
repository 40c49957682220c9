"""Objects and their fields, as `describe` tells of them and as queries and changes are checked against them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from connectors.salesforce.fake.settings import Settings
from customer_sync.kit.fakes.answers import Row

PREFIXES: Final = {
    "Contact": "003",
    "Lead": "00Q",
    "Opportunity": "006",
    "Account": "001",
    "User": "005",
    "OpportunityContactRole": "00K",
}
_SYSTEM: Final = {
    "Id": "id",
    "IsDeleted": "boolean",
    **dict.fromkeys(("CreatedDate", "LastModifiedDate", "SystemModstamp"), "datetime"),
}
_PERSON: Final = {
    **dict.fromkeys(("FirstName", "LastName", "Title"), "string"),
    "Email": "email",
    **dict.fromkeys(("Phone", "MobilePhone"), "phone"),
    "HasOptedOutOfEmail": "boolean",
    "MasterRecordId": "reference",
}
_MAIL: Final = {"MailingCity": "string", "MailingPostalCode": "string", "MailingCountry": "string"}
_FIELDS: Final[Mapping[str, Mapping[str, str]]] = {
    "Contact": {**_SYSTEM, **_PERSON, **_MAIL, "AccountId": "reference"},
    "Lead": {
        **_SYSTEM,
        **_PERSON,
        **dict.fromkeys(("Company", "City", "PostalCode", "Country", "Status", "LeadSource"), "string"),
        "IsConverted": "boolean",
        "ConvertedContactId": "reference",
        "ConvertedDate": "date",
    },
    "Opportunity": {
        **_SYSTEM,
        **dict.fromkeys(("Name", "StageName"), "string"),
        "Amount": "currency",
        "IsClosed": "boolean",
        "IsWon": "boolean",
        "CloseDate": "date",
        "AccountId": "reference",
        "ContactId": "reference",
    },
    "Account": {**_SYSTEM, "Name": "string", "PersonHasOptedOutOfEmail": "boolean"},
    "OpportunityContactRole": {**_SYSTEM, "OpportunityId": "id", "ContactId": "reference", "IsPrimary": "boolean"},
    "User": {**_SYSTEM, "Username": "string"},
}
#: What nobody changes by hand.
_KEPT: Final = frozenset(
    {*_SYSTEM, "MasterRecordId", "IsConverted", "ConvertedContactId", "ConvertedDate", "IsClosed", "IsWon"}
)
_LABELS: Final = {"HasOptedOutOfEmail": "Email Opt Out", "MobilePhone": "Mobile"}


def fields_of(sobject: str, settings: Settings) -> Mapping[str, str]:
    """Return every field of an object with its type; {} where there is no such object."""
    if sobject not in _FIELDS:
        return {}
    found = dict(_FIELDS[sobject])
    if sobject == "Opportunity" and settings.currencies:
        found["CurrencyIsoCode"] = "picklist"
    if sobject == "Contact" and settings.person_accounts:
        found["IsPersonAccount"] = "boolean"
    for name in settings.custom:
        of, _, field = name.partition(".")
        if of == sobject:
            found[field] = "datetime" if field.endswith("At__c") else "boolean" if name in settings.boxes else "string"
    return found


def seen(sobject: str, settings: Settings) -> Mapping[str, str]:
    """Return the fields that the user sees."""
    if sobject in settings.hidden:
        return {}
    return {
        name: kind for name, kind in fields_of(sobject, settings).items() if f"{sobject}.{name}" not in settings.hidden
    }


def may_change(sobject: str, field: str, settings: Settings) -> bool:
    """Tell whether the user may change a field."""
    return field in seen(sobject, settings) and field not in _KEPT and f"{sobject}.{field}" not in settings.fixed


def describe(sobject: str, settings: Settings) -> Row:
    """Return the description of an object: what the user does not see is not in it."""
    fields = [
        {
            "name": name,
            "label": _LABELS.get(name, name),
            "type": kind,
            "nillable": name != "Id",
            "createable": may_change(sobject, name, settings),
            "updateable": may_change(sobject, name, settings),
            "filterable": True,
            "sortable": True,
            "custom": name.endswith("__c"),
        }
        for name, kind in seen(sobject, settings).items()
    ]
    told = {"name": sobject, "label": sobject, "keyPrefix": PREFIXES.get(sobject), "queryable": True}
    return {**told, "custom": False, "fields": fields, "childRelationships": [], "recordTypeInfos": []}


def empty(kind: str) -> object:
    """Return what a field holds before anybody filled it."""
    return False if kind == "boolean" else None
