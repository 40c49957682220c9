"""Reading: lists, searches, archived records, batches, deals, limits."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest

from connectors.hubspot import pull
from connectors.hubspot.api import tells
from connectors.hubspot.tests.caller import NOW, Hub, kinds
from customer_sync.errors import ConfigError, TryLater
from customer_sync.kit.reach import Left, Want
from customer_sync.model import ConsentState, OrderState, to_ms


def test_a_contact_has_its_fields_and_what_nobody_entered_is_known_to_be_empty():
    hub = Hub(customers=0)
    who = hub.person(
        email="ana@example.com",
        firstname="Ana",
        mobilephone="+491711234567",
        hs_country_region_code="de",
        country="Germany",
        zip="10115",
        total_revenue="99.5",
        favourite_colour="blue",
    )
    (event,) = hub.pull(properties=["favourite_colour"])

    assert event.record == {
        "id": who,
        "email": "ana@example.com",
        "firstName": "Ana",
        "lastName": None,
        "phone": "+491711234567",
        "country": "DE",
        "company": None,
        "city": None,
        "postcode": "10115",
        "language": None,
        "totalSpent": 99.5,
        "lastOrderDate": None,
        "lifecycleStage": None,
        "createdAt": "2026-11-21T10:00:00Z",
        "updatedAt": "2026-11-21T10:00:00Z",
        "favourite_colour": "blue",
    }
    assert event.consents == ()


def test_many_properties_are_read_in_batches_and_the_address_stays_short():
    names = [f"property_with_a_long_name_{number}" for number in range(250)]
    hub = Hub()
    found = hub.pull(properties=names)

    assert len(found) == 10
    assert hub.calls == ["GET /crm/objects/2026-09/contacts", "POST /crm/objects/2026-09/contacts/batch/read"]


def test_an_address_that_hubspot_calls_too_long_is_made_short(monkeypatch):
    monkeypatch.setattr(pull, "LIST_PAGE", 6)
    hub = Hub(longest_url=300)
    found = hub.pull()

    assert [one.record["email"] for one in found] == [
        one.values["email"] for one in hub.fake.records["contacts"].values()
    ]


def test_what_was_deleted_since_comes_after_what_changed():
    hub = Hub()
    hub.clock.offset_s = 10
    hub.fake_call("DELETE", "contacts/103")
    hub.clock.offset_s = 100
    hub.fake_call("DELETE", "contacts/104")
    hub.fake_call("PATCH", "contacts/105", city="Bonn")

    assert kinds(hub.pull(since=NOW + timedelta(seconds=50))) == [
        ("customer_updated", "105"),
        ("customer_deleted", "104"),
    ]
    assert "103" not in {one.record_id for one in hub.pull()}


def deleted(pages):
    return {one.record_id for page in pages for one in page.events if one.kind == "customer_deleted"}


def archives(hub):
    return sum(one["query"].get("archived") == "true" for one in hub.http.get("/fake/calls").get_json()["calls"])


def test_the_first_pull_of_a_day_looks_at_the_whole_archive_and_the_others_at_its_first_page(monkeypatch):
    monkeypatch.setattr(pull, "LIST_PAGE", 3)
    hub = Hub(customers=20)  # 10:00 of a day
    for number in range(101, 109):
        hub.fake_call("DELETE", f"contacts/{number}")
        hub.clock.offset_s += 60
    first = list(hub.pages(since=NOW))
    assert deleted(first) == {"101", "102", "103"}
    assert archives(hub) == 1

    hub.clock.offset_s = 14 * 3600 + 300  # 0:05 of the next one
    second = list(hub.pages(since=NOW + timedelta(hours=13)))
    assert deleted(second) == {str(number) for number in range(101, 109)}
    assert archives(hub) == 1 + 3
    hub.clock.offset_s += 900
    assert deleted(hub.pages(since=NOW + timedelta(hours=14))) == set()
    assert archives(hub) == 4 + 1


@pytest.mark.parametrize(
    "case",
    [
        ("2026-11-21T10:00", "2026-11-21T10:15", None),
        ("2026-11-20T23:40", "2026-11-21T00:05", "2026-11-19T23:50"),
        ("2026-11-20T17:50", "2026-11-23T09:00", "2026-11-19T23:50"),
        ("2026-11-21T00:00", "2026-11-21T23:59", None),
    ],
)
def test_a_whole_look_begins_where_the_one_before_it_was(case):
    since_ms, now_ms, begin_ms = (0 if one is None else to_ms(datetime.fromisoformat(f"{one}Z")) for one in case)

    assert pull.whole_look_from(since_ms, now_ms) == begin_ms


def test_a_pull_that_was_begun_by_an_older_version_looks_at_the_whole_archive(monkeypatch):
    monkeypatch.setattr(pull, "LIST_PAGE", 3)
    hub = Hub(customers=20)
    for number in range(101, 109):
        hub.fake_call("DELETE", f"contacts/{number}")
    cursor, found = {"since": to_ms(NOW), "way": "archived"}, []
    while cursor is not None:
        page = hub.connector().pull(Want("customers", cursor), hub.access)
        found.append(page)
        cursor = page.cursor

    assert len(deleted(found)) == 8


def test_an_archived_contact_that_names_its_survivor_is_merged_and_not_deleted():
    hub = Hub()
    gone = hub.fake.records["contacts"].get(103)
    left = str(hub.fake_call("POST", "merge", kept=104, gone=103)["id"])
    gone.archived_s = hub.clock()
    hub.fake.archived["contacts"].put(103, gone)

    found = kinds(hub.pull(since=NOW))
    assert ("customer_merged", left) in found
    assert "customer_deleted" not in {kind for kind, _ in found}


@pytest.mark.parametrize(("kind", "count"), [("short_page", 1), ("short_page", None), ("empty_page", None)])
def test_a_search_that_counts_more_than_it_shows_is_asked_again_and_then_believed(monkeypatch, kind, count):
    monkeypatch.setattr(pull, "SEARCH_PAGE", 4)
    hub = Hub(searches=0)
    hub.fake_call("POST", "touch", count=10, properties={"city": "Here"})
    hub.fault(kind, count=count, path="*/search")
    pages = hub.pages(since=NOW)

    assert pages[-1].cursor is None
    assert any(page.notes for page in pages) is (count is None)
    if count:
        assert len({one.record_id for page in pages for one in page.events}) == 10


def test_a_deleted_deal_is_told_by_pull_and_by_fetch():
    hub = Hub()
    hub.fake_call("DELETE", "deals/9002")

    deleted = [one for one in hub.pull("orders", NOW) if one.kind == "order_deleted"]
    assert [(one.record_id, one.record["state"]) for one in deleted] == [("9002", OrderState.DELETED)]
    assert [one.record_id for one in hub.fetch("9001", "9002", resource="orders")] == ["9001"]


def test_deals_are_orders_won_is_paid_lost_is_cancelled_open_is_a_draft():
    hub = Hub(deals=0)
    made = {}
    for stage, won, closed in (("closedwon", True, True), ("closedlost", False, True), ("open", False, False)):
        flags = {"hs_is_closed_won": str(won).lower(), "hs_is_closed": str(closed).lower()}
        more = {"dealname": stage, "amount": "120.50", "closedate": "2026-10-01T08:00:00.000Z", "dealstage": stage}
        made[str(hub.fake_call("POST", "deals", **more, **flags)["id"])] = stage
    for deal in made:
        hub.fake_call("POST", "ties", deal=int(deal), contact=101)
    found = {made[one.record_id]: one for one in hub.pull("orders", currency="CHF")}

    won, lost, draft = (found[stage].record for stage in ("closedwon", "closedlost", "open"))
    assert [one["state"] for one in (won, lost, draft)] == [OrderState.PAID, OrderState.CANCELLED, OrderState.DRAFT]
    assert [one["amount"] for one in (won, lost, draft)] == [120.5, 0.0, 120.5]
    assert (won["createdAt"], draft["createdAt"]) == ("2026-10-01T08:00:00Z", "2026-11-21T10:00:00Z")
    assert {one["currency"] for one in (won, lost, draft)} == {"CHF"}
    address = hub.fake.records["contacts"].get(101).values["email"]
    assert (won["customer"]["id"], won["customer"]["email"]) == ("101", address)


def test_a_deals_own_currency_wins_and_a_deal_without_a_contact_has_no_buyer():
    hub = Hub(deals=0)
    deal = str(hub.fake_call("POST", "deals", dealname="A", amount="5", deal_currency_code="USD")["id"])
    (read,) = hub.fetch(deal, resource="orders", currency="EUR")

    assert (read.record["currency"], read.customer_id) == ("USD", None)
    assert "customer" not in read.record


@pytest.mark.parametrize(
    ("kind", "after_s"), [("secondly", 1.0), ("ten_secondly", 10.0), ("daily", 1800.0), ("moving", 600.0)]
)
def test_each_limit_says_how_long_to_wait_and_burns_no_try(kind, after_s):
    hub = Hub()
    hub.fault(kind)

    with pytest.raises(TryLater) as fault:
        hub.connector().pull(Want("customers"), hub.access)
    assert (fault.value.after_s, fault.value.burns) == (after_s, False)


def test_the_last_calls_of_a_day_are_kept_for_opt_outs(monkeypatch):
    monkeypatch.setattr(pull, "LIST_PAGE", 4)
    hub = Hub(calls_a_day=1000)
    assert hub.pages()[0].wait_s == 0.0
    hub.fake.day_left.take(980)

    assert hub.connector().pull(Want("customers"), hub.access).wait_s == 1800.0
    with pytest.raises(TryLater, match="is kept") as fault:
        hub.fetch("101")
    assert (fault.value.after_s, fault.value.burns) == (1800.0, False)
    address = hub.fake.records["contacts"].get(101).values["email"]
    assert hub.withdraw("101", address) == "written"


def test_the_headers_tell_the_limit_and_searches_tell_nothing():
    hub = Hub()
    told = hub.api("GET", "/crm/objects/2026-09/contacts")
    search = hub.api("POST", "/crm/objects/2026-09/contacts/search", {"filterGroups": []})

    assert tells({name.lower(): value for name, value in told.headers}) == Left(110, 109, 10.0)
    assert tells({name.lower(): value for name, value in search.headers}) is None


def test_a_batch_that_failed_in_part_takes_nobody_for_gone(monkeypatch):
    hub = Hub()
    send = hub.send

    def partly(method, url, **more):
        reply = send(method, url, **more)
        return reply._replace(body=reply.body.replace(b"OBJECT_NOT_FOUND", b"INTERNAL_ERROR"))

    monkeypatch.setattr(hub, "send", partly)
    with pytest.raises(TryLater):
        hub.fetch("101", "999")


def test_an_id_that_a_batch_passes_over_in_silence_is_asked_for_by_itself(monkeypatch):
    hub = Hub()
    send = hub.send

    def silent(method, url, **more):
        reply = send(method, url, **more)
        if not url.endswith("/batch/read"):
            return reply
        rows = [one.row(("email",)) for one in hub.fake.records["contacts"].values() if one.id == 101]
        return reply._replace(status=200, body=json.dumps({"results": rows}).encode())

    monkeypatch.setattr(hub, "send", silent)
    assert [one.record_id for one in hub.fetch("101", "102", "999")] == ["101", "102"]


def test_a_missing_scope_says_which_and_stops():
    hub = Hub(scopes=("crm.objects.contacts.read",))

    assert len(hub.pull()) == 10
    with pytest.raises(ConfigError, match="lacks a scope"):
        hub.pull("orders")


def test_another_version_stands_in_the_path_and_a_wrong_one_in_none():
    hub = Hub()
    hub.pull(api_version="2026-03")

    assert hub.calls == ["GET /crm/objects/2026-03/contacts"]
    with pytest.raises(ConfigError, match="api_version"):
        hub.pull(api_version="v3/../..")


# consent, as it is read


def test_an_opt_out_is_a_withdrawal_and_its_absence_is_nothing():
    hub = Hub(customers=0)
    out, silent = hub.person(email="a@example.com", hs_email_optout="true"), hub.person(email="b@example.com")
    found = {one.record_id: one.consents for one in hub.pull()}

    assert [(one.state, one.explicit) for one in found[out]] == [(ConsentState.WITHDRAWN, True)]
    assert found[silent] == ()


def test_the_opt_out_of_a_type_counts_where_the_type_is_the_one_of_these_mailings():
    hub = Hub(customers=0)
    hub.person(email="a@example.com", hs_email_optout_5001="true")

    assert hub.pull()[0].consents == hub.pull(subscription_type="5002")[0].consents == ()
    assert [one.state for one in hub.pull(subscription_type="5001")[0].consents] == [ConsentState.WITHDRAWN]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-11-20", "2026-11-20T00:00:00+00:00"),
        ("2026-11-20T10:00:00.000Z", "2026-11-20T10:00:00+00:00"),
        ("1795168800000", "2026-11-20T10:00:00+00:00"),
    ],
)
def test_an_opt_in_is_explicit_where_a_property_tells_its_time(written, read):
    hub = Hub(customers=0)
    hub.person(email="a@example.com", newsletter_since=written)
    (said,) = hub.pull(opt_in_property="newsletter_since")[0].consents

    assert (said.state, said.at.isoformat(), said.explicit) == (ConsentState.GRANTED, read, True)
    assert hub.pull()[0].consents == ()


@pytest.mark.parametrize("more", [{"hs_additional_emails": "b@example.com"}, {}])
def test_an_opt_in_of_a_contact_with_several_addresses_lifts_no_withdrawal(more):
    hub = Hub(customers=0)
    who = hub.person(email="a@example.com", newsletter_since="2026-11-20", **more)
    if not more:
        who = str(hub.fake_call("POST", "merge", kept=int(who), gone=int(hub.person(email="b@example.com")))["id"])
    (said,) = hub.fetch(who, opt_in_property="newsletter_since")[0].consents

    assert (said.state, said.explicit) == (ConsentState.GRANTED, False)


def test_an_opt_in_beside_an_opt_out_is_none():
    hub = Hub(customers=0)
    hub.person(email="a@example.com", newsletter_since="2026-11-20", hs_email_optout="true")

    assert [one.state for one in hub.pull(opt_in_property="newsletter_since")[0].consents] == [ConsentState.WITHDRAWN]


@pytest.mark.parametrize(
    ("state", "basis", "seen"),
    [
        ("SUBSCRIBED", "CONSENT_WITH_NOTICE", [(ConsentState.GRANTED, True)]),
        ("SUBSCRIBED", "LEGITIMATE_INTEREST_CLIENT", [(ConsentState.GRANTED, False)]),
        ("SUBSCRIBED", None, [(ConsentState.GRANTED, False)]),
        ("NOT_SPECIFIED", None, []),
    ],
)
def test_statuses_are_read_on_wish_and_explicit_only_where_the_person_consented(state, basis, seen):
    hub = Hub(customers=0)
    who = hub.person(email="a@example.com")
    if state != "NOT_SPECIFIED":
        hub.fake_call("POST", "statuses", email="a@example.com", subscription=5001, state=state, basis=basis)
    options = {"read_statuses": "true", "subscription_type": "5001"}

    for found in (hub.pull(**options), hub.fetch(who, **options)):
        assert [(one.state, one.explicit) for one in found[0].consents] == seen
    assert hub.pull(subscription_type="5001")[0].consents == ()


def test_the_status_of_another_type_says_nothing():
    hub = Hub(customers=0)
    hub.person(email="a@example.com")
    said = {"state": "SUBSCRIBED", "basis": "CONSENT_WITH_NOTICE"}
    hub.fake_call("POST", "statuses", email="a@example.com", subscription=5002, **said)

    assert hub.pull(read_statuses="true", subscription_type="5001")[0].consents == ()


def test_a_list_that_gives_a_page_again_is_not_believed(monkeypatch):
    monkeypatch.setattr(pull, "LIST_PAGE", 4)
    hub = Hub()
    first = hub.connector().pull(Want("customers"), hub.access)
    hub.fault("repeat_page")

    with pytest.raises(TryLater, match="was before"):
        hub.connector().pull(Want("customers", first.cursor), hub.access)
