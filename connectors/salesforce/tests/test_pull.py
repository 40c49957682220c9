"""Pages and records: fields that come and go, deletions, orders and their buyers, what a faulty row costs."""

import json

import pytest

from connectors.salesforce import pull
from connectors.salesforce.tests.caller import ANA, NOW, Org, ago, kinds, of_kind
from customer_sync.errors import ConfigError, PayloadError, TryLater
from customer_sync.kit.reach import Want
from customer_sync.model import ConsentState

BOXES = {"opt_in_field": "News__c", "opt_in_at_field": "NewsAt__c"}
CUSTOM = {"custom": ("Contact.News__c", "Contact.NewsAt__c", "Contact.Tier__c"), "boxes": ("Contact.News__c",)}


def consents(events):
    return [(seen.state, seen.explicit, seen.at) for one in events for seen in one.consents]


def asked(org):
    return [path for method, path, _ in org.calls if "/query" in path and "COUNT" not in path]


# consent


def test_an_empty_box_is_no_opt_in_and_a_ticked_one_a_withdrawal():
    org = Org()
    org.contact()
    org.contact(HasOptedOutOfEmail=True)

    assert consents(org.pull()) == [
        (ConsentState.UNKNOWN, False, ago(hours=1)),
        (ConsentState.WITHDRAWN, True, ago(hours=1)),
    ]


@pytest.mark.parametrize(
    ("fields", "state", "explicit"),
    [
        ({"News__c": True, "NewsAt__c": "2026-11-01T10:00:00.000+0000"}, ConsentState.GRANTED, True),
        ({"News__c": True}, ConsentState.GRANTED, False),
        ({"News__c": True, "NewsAt__c": "soon"}, ConsentState.GRANTED, False),
        ({"News__c": False, "NewsAt__c": "2026-11-01T10:00:00.000+0000"}, ConsentState.WITHDRAWN, True),
        ({"News__c": "yes"}, ConsentState.UNKNOWN, False),
        ({"News__c": True, "HasOptedOutOfEmail": True}, ConsentState.WITHDRAWN, True),
    ],
)
def test_only_the_fields_of_the_settings_opt_in_and_only_with_a_time_it_is_an_act(fields, state, explicit):
    org = Org(BOXES, **CUSTOM)
    org.contact(**fields)
    found = consents(org.pull())

    assert [one[:2] for one in found] == [(state, explicit)]
    if state is ConsentState.GRANTED and explicit:
        assert found[0][2].isoformat() == "2026-11-01T10:00:00+00:00"


def test_the_empty_box_of_an_opt_in_takes_back_its_own_yes_only():
    org = Org(BOXES, **CUSTOM)
    org.contact(News__c=False)
    org.contact(News__c=True)
    org.contact(News__c=False, HasOptedOutOfEmail=True)

    assert [(seen.method, seen.only_after_yes) for one in org.pull() for seen in one.consents] == [
        ("News__c", True),
        ("News__c", True),
        ("HasOptedOutOfEmail", False),
    ]


def test_an_opt_out_is_heard_whatever_is_wrong_with_the_rest_of_its_row():
    org = Org()
    number = org.contact(HasOptedOutOfEmail=True, Email="no address")
    told, fault = org.pull()

    assert (told.record_id, told.consents[0].state) == (number, ConsentState.WITHDRAWN)
    assert isinstance(fault, PayloadError)
    assert fault.path == "Email"


# records


def test_a_contact_and_a_lead_are_customers_in_canonical_fields():
    org = Org({"fields": ["Tier__c"]}, **CUSTOM)
    account = org.fake.make("Account", {"Name": "Lamps"})
    more = {"MobilePhone": "+4915112345678", "Phone": "+49228123", "MailingCountry": "DE", "Tier__c": "gold"}
    org.contact(AccountId=account, Title="Dr", MailingCity="Bonn", MailingPostalCode="53111", **more)
    org.lead(Company="Suns", Country="Germany", Status="Open", LeadSource="Fair")
    contact, lead = org.pull()

    assert contact.record == {
        "id": contact.record_id,
        "email": ANA,
        "firstName": "Ana",
        "lastName": "Lux",
        "jobTitle": "Dr",
        "phone": "+4915112345678",
        "company": "Lamps",
        "city": "Bonn",
        "postcode": "53111",
        "country": "DE",
        "createdAt": "2026-11-21T11:00:00Z",
        "updatedAt": "2026-11-21T11:00:00Z",
        "isLead": False,
        "Tier__c": "gold",
    }
    assert {**lead.record, "company": "Suns", "leadStatus": "Open", "leadSource": "Fair", "isLead": True} == lead.record
    assert "country" not in lead.record
    assert lead.notes == ("Country: expected a country's code such as DE, found a name",)


def test_a_field_that_is_hidden_in_the_middle_of_a_pull_costs_that_field_only(monkeypatch):
    monkeypatch.setattr(pull, "PAGE", 2)
    org = Org()
    there = [org.contact(Title=str(number)) for number in range(4)]
    pages = org.pages()
    first = next(pages)
    org.act("POST", "settings", hidden=["Contact.Title"])
    rest = [one for page in pages for one in page.events]

    assert [one.record_id for one in [*first.events, *rest]] == there
    assert ["jobTitle" in one.record for one in [*first.events, *rest]] == [True, True, False, False]


def test_an_account_that_is_hidden_costs_the_name_of_the_company_only():
    org = Org(hidden=("Account",))
    org.contact()
    found = org.pull()

    assert [one.record["email"] for one in found] == [ANA]
    assert "company" not in found[0].record
    assert org.fetch(found[0].record_id)[0].record == found[0].record


def test_an_org_without_leads_is_read_with_a_note_and_one_without_contacts_is_not():
    org = Org(hidden=("Lead",))
    org.contact()
    pages = list(org.pages(ago(hours=2)))

    assert [len(page.events) for page in pages] == [1, 0, 0]
    assert "Leads are left out" in " ".join(pages[-1].notes)
    with pytest.raises(ConfigError, match="does not see Contact"):
        Org(hidden=("Contact",)).pull()


def test_a_note_tells_of_a_hidden_opt_out():
    org = Org(hidden=("Contact.HasOptedOutOfEmail",))
    org.contact()
    notes = " ".join(note for page in org.pages() for note in page.notes)

    assert "hides Contact.HasOptedOutOfEmail" in notes
    assert "Lead" not in notes


# pages


def test_rows_of_one_moment_are_told_apart_by_their_ids(monkeypatch):
    monkeypatch.setattr(pull, "PAGE", 2)
    org = Org()
    there = [org.contact(ago_s=600) for _ in range(7)]
    found = [one.record_id for page in org.pages(ago(hours=1)) for one in page.events]

    assert found == there
    assert all("ORDER+BY+SystemModstamp%2C+Id" in path for path in asked(org))


def test_an_answer_of_part_of_the_rows_is_gone_on_from_its_last_row():
    org = Org(batch=3)
    there = {org.contact() for _ in range(8)}

    assert {one.record_id for one in org.pull()} == there
    assert len(asked(org)) == 4


@pytest.mark.parametrize(
    "row",
    [
        {"Id": "003Fak000000001IAA"},
        {"SystemModstamp": "2026-11-21T11:00:00.000+0000"},
        {"Id": 5, "SystemModstamp": "2026-11-21T11:00:00.000+0000"},
        {"Id": "003Fak000000001IAA", "SystemModstamp": "2020-01-01T00:00:00.000+0000"},
        {"Id": "003Fak000000001IAA", "SystemModstamp": "2026-11-21T12:00:00.000+0000"},
    ],
)
def test_rows_that_cannot_be_where_they_are_move_no_cursor(monkeypatch, row):
    org = Org()
    org.contact()
    monkeypatch.setattr(org.fake, "answer", lambda *_args, **_more: [row])

    with pytest.raises(TryLater):
        org.pull(ago(hours=2))


@pytest.mark.parametrize(
    "body", [{}, [], {"records": [5], "totalSize": 1, "done": True}, {"records": {}, "done": True}]
)
def test_an_answer_that_holds_no_rows_is_no_empty_page(monkeypatch, body):
    org = Org()
    monkeypatch.setattr(org.fake, "_paged", lambda *_: body)

    with pytest.raises(TryLater):
        org.pull()


def test_a_place_of_another_connector_is_told():
    org = Org()

    with pytest.raises(ConfigError, match="Start the run again"):
        org.connector.pull(Want("customers", {"page": 1}), org.access)


def test_a_cursor_is_small_though_many_fields_are_asked_for():
    names = [f"Field_with_a_long_name_{number}__c" for number in range(60)]
    org = Org({"fields": names}, custom=tuple(f"Contact.{one}" for one in names))
    for _ in range(2):
        org.contact()
    page = next(org.pages(ago(hours=2)))

    assert len(json.dumps(page.cursor)) < 4096


# deletions


def test_a_deletion_tells_of_an_opt_out_that_nobody_had_read():
    org = Org()
    number = org.contact(HasOptedOutOfEmail=True)
    org.fake.delete(number)
    org.clock.offset_s = 60
    left, gone = org.pull(NOW)

    assert kinds([left, gone]) == [("consent_changed", number), ("customer_deleted", number)]
    assert left.record == {"id": number, "email": ANA}


def test_who_came_back_from_the_bin_is_there_again():
    org = Org()
    number = org.contact()
    org.fake.delete(number)
    org.fake.change(number, {"IsDeleted": False})
    org.clock.offset_s = 60

    assert kinds(org.pull(NOW)) == [("customer_updated", number)]


# orders


def test_won_is_paid_lost_is_cancelled_and_open_is_a_draft():
    org = Org({"currency": "eur"})
    ana, bea = org.contact(), org.contact(Email="bea@example.com")
    common = {"Amount": 99.5, "Name": "Lamps", "CloseDate": "2026-11-01"}
    won = org.fake.deal({**common, "IsWon": True, "IsClosed": True, "StageName": "Closed Won", "others": [bea, ana]})
    lost = org.fake.deal({**common, "IsClosed": True, "buyer": bea, "others": [ana]})
    org.fake.deal({**common, "CloseDate": "2027-11-01"})
    org.fake.deal({**common, "IsWon": True, "CloseDate": "2027-11-01"})
    *found, early = org.pull(resource="orders")
    found = {one.record_id: one for one in found}
    records = [dict(one.record) for one in found.values()]

    assert [(one["state"], one["amount"], one["currency"]) for one in records] == [
        ("paid", 99.5, "EUR"),
        ("cancelled", 0.0, "EUR"),
        ("draft", 99.5, "EUR"),
    ]
    assert found[won].customer_id == min(ana, bea)
    assert found[won].record["createdAt"] == "2026-11-01T00:00:00Z"
    assert found[lost].record["customer"] == {"id": bea, "email": "bea@example.com"}
    assert records[2]["createdAt"] == "2026-11-21T12:00:00Z"
    assert "customer" not in records[2]
    assert early.record["createdAt"] == "2026-11-21T12:00:00Z", "a day to come is not when it was bought"


def test_an_amount_has_its_own_currency_where_the_org_has_several():
    org = Org({"currency": "EUR"}, currencies=True)
    org.fake.deal({"Amount": 5, "CurrencyIsoCode": "JPY"})

    assert [one.record["currency"] for one in org.pull(resource="orders")] == ["JPY"]


def test_a_deleted_opportunity_is_told_and_absent():
    org = Org()
    number = org.fake.deal({"Amount": 5})
    org.fake.delete(number)
    org.clock.offset_s = 60

    assert kinds(org.pull(NOW, resource="orders")) == [("order_deleted", number)]
    assert org.fetch(number, resource="orders") == []


def test_orders_and_customers_are_fetched_by_id_each_with_its_own_kind():
    org = Org()
    contact, lead = org.contact(), org.lead()
    deal = org.fake.deal({"Amount": 5, "buyer": contact})

    assert kinds(org.fetch(contact, lead[:15], deal)) == [("customer_updated", contact), ("customer_updated", lead)]
    assert kinds(org.fetch(contact, deal, resource="orders")) == [("order_updated", deal)]
    assert of_kind(org.fetch(deal, resource="orders"), "order_updated")[0].record["email"] == ANA
