"""A customer's fields become Brevo attributes."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta, timezone

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_sync.model import Customer
from customer_sync.person.mapping import (
    DEFAULT_MAPPING,
    FIELD_TYPES,
    NEVER_ATTRIBUTES,
    attribute_type,
    canonical_field,
    map_customer,
)

#: The customer and the mapping of the published documents, every field of it.
CUSTOMER = {
    "id": "cust_1",
    "email": "jane@example.com",
    "firstName": "Jane",
    "lastName": "Smith",
    "phone": "+49 176 12345678",
    "acceptsMarketing": True,
    "totalOrders": 10,
    "totalSpent": 1250.0,
    "lastOrderDate": "2024-01-15T10:30:00Z",
    "customerTier": "gold",
    "tags": ["vip", "b2b"],
}
MAPPING = {
    **DEFAULT_MAPPING,
    "totalOrders": "TOTAL_ORDERS",
    "totalSpent": "TOTAL_SPENT",
    "lastOrderDate": "LAST_ORDER_DATE",
    "customerTier": "CUSTOMER_TIER",
    "tags": "TAGS",
}


def test_a_whole_customer_becomes_attributes():
    mapped = map_customer(CUSTOMER, MAPPING)

    assert mapped.attributes == {
        "FIRSTNAME": "Jane",
        "LASTNAME": "Smith",
        "SMS": "+4917612345678",
        "TOTAL_ORDERS": 10,
        "TOTAL_SPENT": 1250.0,
        "LAST_ORDER_DATE": "2024-01-15",
        "CUSTOMER_TIER": "gold",
        "TAGS": "vip, b2b",
    }
    assert mapped.refused == {}


def test_what_is_absent_stays_absent_and_what_is_empty_is_known_to_be_empty():
    mapped = map_customer({"firstName": None, "lastName": "", "phone": "", "tags": []}, MAPPING)

    assert mapped.attributes == {"FIRSTNAME": None, "LASTNAME": None, "SMS": None, "TAGS": None}
    assert map_customer({}, MAPPING).attributes == {}


def test_the_address_and_the_consent_are_never_attributes():
    record = {"email": "a@b.example", "acceptsMarketing": True, "accepts_marketing": True, "other": "x@y.example"}

    mapped = map_customer(record, {"email": "ADDRESS", "acceptsMarketing": "OPT_IN", "other": "EMAIL"})

    assert mapped.attributes == {}


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("firstName", 12, "12"),
        ("postcode", 1234, "1234"),
        ("totalOrders", "10", 10),
        ("totalOrders", 10.0, 10),
        ("totalOrders", "10.00", 10),
        ("totalOrders", 2**60 + 1, 2**60 + 1),
        ("totalSpent", "1249.999", 1249.999),
        ("totalSpent", "12.345", 12.345),
        ("totalSpent", 0.00000001, 0.00000001),
        ("totalSpent", " 12.5 ", 12.5),
        ("totalSpent", -3, -3.0),
        ("lastOrderDate", "2024-01-15", "2024-01-15"),
        ("lastOrderDate", "2024-01-15T23:30:00-05:00", "2024-01-15"),
        ("lastOrderDate", "2024-01-15 23:30:00", "2024-01-15"),
        ("lastOrderDate", "2024-01-15T10:30:00.1234567Z", "2024-01-15"),
        ("tags", "a, b", "a, b"),
        ("tags", ["a", None, 3], "a, 3"),
        ("own_flag", False, False),
        ("own_number", 0, 0),
        ("own_number", "0123", "0123"),
        ("own_list", ["a", "b"], "a, b"),
    ],
)
def test_a_value_is_read_by_the_type_of_its_field(field, value, expected):
    mapped = map_customer({field: value}, {field: "X"})

    assert mapped.attributes == {"X": expected}
    assert type(mapped.attributes["X"]) is type(expected)


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("firstName", ["Jane"], "expected a text, found a list"),
        ("firstName", True, "expected a text, found true or false"),
        ("totalOrders", "10.5", "expected a whole number, found another text"),
        ("totalOrders", True, "expected a whole number, found true or false"),
        ("totalSpent", "1,250.00", "expected a number such as 12.50, found another text"),
        ("totalSpent", "1_250", "expected a number such as 12.50, found another text"),
        ("totalSpent", "nan", "expected a number such as 12.50, found another text"),
        ("totalSpent", "1e999", "expected a number such as 12.50, found another text"),
        ("totalSpent", False, "expected a number such as 12.50, found true or false"),
        ("totalSpent", {"amount": 1}, "expected a number such as 12.50, found an object"),
        ("lastOrderDate", "15/01/2024", "expected an ISO 8601 date such as 2026-11-21, found another text"),
        ("lastOrderDate", 1705314600, "expected an ISO 8601 date such as 2026-11-21, found a number"),
        ("tags", [["a"]], "expected a list of texts, found a nested object in it"),
        ("own", {"a": 1}, "a nested object cannot be an attribute; map one of its fields, as in address.city"),
        ("phone", True, "expected a phone number, found true or false"),
        ("phone", 4917612345678.0, "expected a phone number, found a number with a fraction"),
    ],
)
def test_a_value_that_does_not_fit_is_left_out_with_a_reason(field, value, reason):
    mapped = map_customer({field: value, "lastName": "Smith"}, {field: "X", "lastName": "LASTNAME"})

    assert mapped.attributes == {"LASTNAME": "Smith"}
    assert mapped.refused == {field: reason}


# Phones


@pytest.mark.parametrize(
    ("phone", "country", "expected"),
    [
        ("+49 (0)176 12345678", None, "+4917612345678"),
        ("0176 12345678", "DE", "+4917612345678"),
        ("0176 12345678", " de ", "+4917612345678"),
        ("0049 176 12345678", "DE", "+4917612345678"),
        ("011 49 176 12345678", "US", "+4917612345678"),
        ("(212) 555-0100", "US", "+12125550100"),
        ("06 12 34 56 78", "FR", "+33612345678"),
        ("+33612345678", "US", "+33612345678"),
        (17612345678, "DE", "+4917612345678"),
        ("0033612345611", None, "+33612345611"),
        (" 00 33 6 12 34 56 11", "US", "+33612345611"),
        ("0033612345611", "XX", "+33612345611"),
    ],
)
def test_a_phone_number_is_read_with_the_country_of_the_record(phone, country, expected):
    assert map_customer({"phone": phone, "country": country}, MAPPING).attributes == {"SMS": expected}


@pytest.mark.parametrize(
    ("phone", "country", "reason"),
    [
        ("0176 12345678", None, "not an international number, and the record has no country to read it with"),
        ("0176 12345678", "XX", "not an international number, and XX is no known country to read it with"),
        ("none", "DE", "not a phone number"),
        ("00 12", None, "not an international number, and the record has no country to read it with"),
        ("0012345678", "DE", "no valid phone number of US"),
        # Mexico dropped the 1 behind its code in 2019; what still has it is a shop's old spelling
        ("+5215512345678", "MX", "no valid phone number of MX"),
        ("12", "DE", "no valid phone number of DE"),
        ("30000000000000", "DE", "longer than the 15 digits of an international phone number"),
        ("+1 111 111 1111", "DE", "no valid phone number of US"),
        ("+999 1234567", "DE", "not an international number, and DE is no known country to read it with"),
    ],
)
def test_a_phone_number_that_is_not_valid_is_never_sent(phone, country, reason):
    mapped = map_customer({"phone": phone, "country": country, "firstName": "Jane"}, MAPPING)

    assert mapped.attributes == {"FIRSTNAME": "Jane"}
    assert mapped.refused == {"phone": reason}


@pytest.mark.parametrize("attribute", ["SMS", "WHATSAPP", "LANDLINE_NUMBER"])
def test_whatever_field_goes_to_an_attribute_for_phones_is_read_as_a_phone(attribute):
    mapped = map_customer(
        {"mobile": "0176 12345678", "country": "DE", "fax": "none"}, {"mobile": attribute, "fax": "WHATSAPP"}
    )

    assert mapped.attributes == {attribute: "+4917612345678"}
    assert mapped.refused == {"fax": "not a phone number"}


@given(
    phone=st.text(max_size=20) | st.from_regex(r"\+?[0-9 ()-]{3,18}", fullmatch=True),
    country=st.sampled_from(["DE", "US", "", "xx"]),
)
def test_only_valid_numbers_in_e_164_ever_come_out(phone, country):
    mapped = map_customer({"phone": phone, "country": country}, MAPPING)

    number = mapped.attributes.get("SMS")
    assert (phone == "") == ("SMS" in mapped.attributes and number is None)
    if number:
        assert re.fullmatch(r"\+[1-9]\d{4,14}", number)
        assert phonenumbers.is_valid_number(phonenumbers.parse(number))
        assert map_customer({"phone": number}, MAPPING).attributes == {"SMS": number}


# Paths and spellings


@pytest.mark.parametrize(
    ("record", "field", "attributes"),
    [
        ({"address": {"city": "Ulm"}}, "address.city", {"X": "Ulm"}),
        ({"default_address": {"zip_code": "89073"}}, "defaultAddress.zipCode", {"X": "89073"}),
        ({"lines": [{"sku": "a"}, {"sku": "b"}]}, "lines.1.sku", {"X": "b"}),
        ({"lines": [{"sku": "a"}]}, "lines.1.sku", {}),
        ({"lines": [{"sku": "a"}]}, "lines.first.sku", {}),
        ({"address": {}}, "address.city", {}),
        ({"address": "Ulm"}, "address.city", {}),
        ({"address": None}, "address.city", {"X": None}),
        ({"address.city": "Ulm"}, "address.city", {"X": "Ulm"}),
        ({"total_spent": "5"}, "totalSpent", {"X": 5.0}),
        ({"total_spent": "5", "totalSpent": "6"}, "total_spent", {"X": 6.0}),
        ({"Tier__c": "gold"}, "Tier__c", {"X": "gold"}),
        ({"address_1": "Main St"}, "address_1", {"X": "Main St"}),
        ({"_vat": "DE1"}, "_vat", {"X": "DE1"}),
    ],
)
def test_a_field_is_found_by_its_path_in_either_spelling(record, field, attributes):
    assert map_customer(record, {field: "X"}).attributes == attributes


def test_of_two_fields_for_one_attribute_the_later_present_one_wins():
    mapping = {"phone": "SMS", "mobile": "SMS"}

    assert map_customer({"phone": "+4917612345678"}, mapping).attributes == {"SMS": "+4917612345678"}
    both = map_customer({"phone": "+4917612345678", "mobile": "+33612345678"}, mapping)
    assert both.attributes == {"SMS": "+33612345678"}


SNAKE = st.from_regex(r"[a-z][a-z0-9]{0,5}(_[a-z][a-z0-9]{0,5}){0,4}", fullmatch=True)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)


def snake(name):
    return re.sub("([A-Z])", r"_\1", name).lower()


@given(SNAKE)
def test_no_two_names_in_snake_case_become_one_field(name):
    assert snake(canonical_field(name)) == name


@given(st.text(max_size=20))
def test_a_canonical_field_stays_as_it_is(name):
    assert canonical_field(canonical_field(name)) == canonical_field(name)


@given(record=st.dictionaries(SNAKE, SCALARS, max_size=5), extra=st.sampled_from(sorted(FIELD_TYPES)), value=SCALARS)
def test_it_does_not_matter_how_field_and_record_are_spelled(record, extra, value):
    record = {**record, snake(extra): value}
    camel = {canonical_field(name): value for name, value in record.items()}
    mapping = {name: f"A{number}" for number, name in enumerate(record)}
    camel_mapping = {canonical_field(name): attribute for name, attribute in mapping.items()}

    results = [repr(map_customer(one, two)) for one in (record, camel) for two in (mapping, camel_mapping)]

    assert len(set(results)) == 1


@given(
    record=st.dictionaries(
        st.sampled_from([*FIELD_TYPES, "own"]),
        st.recursive(
            SCALARS,
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
            max_leaves=5,
        ),
    )
)
def test_whatever_a_record_holds_each_field_is_mapped_or_refused_and_attributes_are_flat(record):
    mapping = {name: name.upper() for name in [*FIELD_TYPES, "own"]}

    mapped = map_customer(record, mapping)

    fields = set(record) - NEVER_ATTRIBUTES
    assert {mapping[name] for name in fields} == set(mapped.attributes) | {mapping[name] for name in mapped.refused}
    assert not set(mapped.attributes) & {mapping[name] for name in mapped.refused}
    assert all(value is None or isinstance(value, str | int | float) for value in mapped.attributes.values())


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=2))
def test_money_written_as_text_keeps_its_cents(amount):
    assert map_customer({"totalSpent": str(amount)}, {"totalSpent": "X"}).attributes == {"X": float(amount)}


@given(st.datetimes(timezones=st.integers(-12, 14).map(lambda hours: timezone(timedelta(hours=hours)))))
def test_a_time_becomes_its_day_as_written(at):
    mapped = map_customer({"lastOrderDate": at.isoformat()}, {"lastOrderDate": "X"})

    assert mapped.attributes == {"X": at.date().isoformat()}
    assert date.fromisoformat(mapped.attributes["X"])


# Types


def test_every_canonical_field_has_a_type():
    assert set(FIELD_TYPES) == set(Customer.__annotations__)


@pytest.mark.parametrize(
    ("field", "kind"),
    [
        ("firstName", "text"),
        ("phone", "text"),
        ("tags", "text"),
        ("total_orders", "float"),
        ("totalSpent", "float"),
        ("lastOrderDate", "date"),
        ("acceptsMarketing", "boolean"),
        ("own", "text"),
        ("address.city", "text"),
    ],
)
def test_a_field_proposes_the_type_of_its_attribute(field, kind):
    assert attribute_type(field) == kind


def test_a_reason_never_holds_the_value():
    mapped = map_customer({"phone": "0176999", "totalSpent": "secret", "lastOrderDate": "secret"}, MAPPING)

    assert "secret" not in json.dumps(mapped.refused)
    assert "0176999" not in json.dumps(mapped.refused)
