"""The stand-in: limits, searches, batches and webhooks as HubSpot has them."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import pytest

from connectors.hubspot.fake.apps import WAITS_S
from connectors.hubspot.fake.settings import APP, CLIENT_SECRET, DEVELOPER, TOKEN
from connectors.hubspot.tests.caller import NOW, Hub
from customer_sync.errors import PayloadError
from customer_sync.model import Inbound
from tests.fakes.receiver import receiving

CONTACTS = "/crm/objects/2026-09/contacts"
HOOKS = f"/app-webhooks/2026-09/{APP}"
BY_DEVELOPER = {"Authorization": f"Bearer {DEVELOPER}"}


def search(hub, **body):
    return hub.api("POST", f"{CONTACTS}/search", body)


def subscribe(hub, url, *topics, **more):
    hub.api("PUT", f"{HOOKS}/settings", {"targetUrl": url}, **BY_DEVELOPER)
    for topic in topics:
        asked = {"eventType": topic, "active": True, **more}
        assert hub.api("POST", f"{HOOKS}/subscriptions", asked, **BY_DEVELOPER).status_code == 201


@pytest.mark.parametrize("path", [CONTACTS, "/crm/objects/2026-03/contacts", "/crm/v3/objects/contacts"])
def test_both_generations_of_paths_are_answered(path):
    rows = Hub().api("GET", f"{path}?limit=2&properties=email,city").get_json()

    assert [set(row["properties"]) for row in rows["results"]] == [
        {"email", "city", "createdate", "hs_object_id", "lastmodifieddate"}
    ] * 2
    assert rows["paging"]["next"]["after"] == "103"


def test_a_path_of_no_version_is_not_found():
    assert Hub().api("GET", "/crm/objects/2026-04/contacts").status_code == 404


def test_a_search_shows_ten_thousand_results_and_no_more():
    hub = Hub(most_results=20, searches=0)

    assert search(hub, limit=10, after="10").status_code == 200
    assert search(hub, limit=10, after="11").status_code == 400
    assert search(hub, limit=201).status_code == 400
    assert search(hub, limit=10, after="x").status_code == 400


def test_a_search_takes_five_groups_of_six_filters_eighteen_in_all_and_one_sort():
    hub = Hub(searches=0)
    one = {"propertyName": "email", "operator": "HAS_PROPERTY"}

    assert search(hub, filterGroups=[{"filters": [one] * 6}] * 3).status_code == 200
    for groups in ([{"filters": [one] * 7}], [{"filters": [one]}] * 6, [{"filters": [one] * 6}] * 4):
        assert search(hub, filterGroups=groups).status_code == 400
    assert search(hub, sorts=["email", "city"]).status_code == 400


def test_searches_have_a_limit_of_their_own_without_headers_and_both_bodies_differ():
    hub = Hub(searches=2, calls=6)
    told = [search(hub, limit=1) for _ in range(3)]
    calls = [hub.api("GET", CONTACTS) for _ in range(4)]

    assert [one.status_code for one in told] == [200, 200, 429]
    assert told[2].get_json()["message"] == "You have reached your secondly limit."
    assert "policyName" not in told[2].get_json()
    assert not [name for name, _ in told[0].headers if "ratelimit" in name.lower()]
    assert [one.status_code for one in calls] == [200, 200, 200, 429]
    assert calls[3].get_json()["policyName"] == "TEN_SECONDLY_ROLLING"
    hub.clock.offset_s = 20
    assert search(hub, limit=1).status_code == 200


def test_a_search_lags_behind_and_never_shows_what_is_archived():
    hub = Hub(lag_s=30, searches=0)
    hub.clock.offset_s = 100
    made = hub.person(email="new@example.com")
    hub.fake_call("DELETE", "contacts/101")
    asked = {"limit": 100, "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}]}

    ids = {row["id"] for row in search(hub, **asked).get_json()["results"]}
    assert made not in ids
    assert "101" not in ids
    hub.clock.offset_s = 131
    assert made in {row["id"] for row in search(hub, **asked).get_json()["results"]}


def test_a_batch_names_what_is_missing_in_a_207():
    told = Hub().api(
        "POST", f"{CONTACTS}/batch/read", {"properties": ["email"], "inputs": [{"id": "101"}, {"id": "9"}]}
    )

    assert told.status_code == 207
    assert [row["id"] for row in told.get_json()["results"]] == ["101"]
    assert told.get_json()["errors"][0]["context"] == {"ids": ["9"]}


def test_a_token_of_thirty_minutes_ends_and_the_answer_says_so():
    hub = Hub()
    token = hub.fake.tokens.pair(hub.fake.settings.scopes)
    bearer = {"Authorization": f"Bearer {token.value}"}

    assert hub.api("GET", CONTACTS, **bearer).status_code == 200
    hub.clock.offset_s = 1801
    told = hub.api("GET", CONTACTS, **bearer)
    assert (told.status_code, told.get_json()["category"]) == (401, "EXPIRED_AUTHENTICATION")
    form = {"grant_type": "refresh_token", "refresh_token": token.refresh}
    form |= {"client_id": hub.fake.settings.client_id, "client_secret": CLIENT_SECRET}
    again = hub.http.post("/oauth/v3/token", data=form).get_json()
    assert (again["expires_in"], again["hub_id"], again["token_type"]) == (1800, 62515, "bearer")
    assert hub.api("GET", CONTACTS, Authorization=f"Bearer {again['access_token']}").status_code == 200


def test_a_delivery_is_an_array_of_at_most_a_hundred_signed_events_that_our_connector_takes():
    hub = Hub(customers=130)
    with receiving() as receiver:
        subscribe(hub, receiver.url, "contact.propertyChange", propertyName="city")
        hub.fake_call("POST", "touch", count=130, properties={"city": "Bonn"})
        hub.fake_call("POST", "deliver")
    bodies = [json.loads(one.body) for one in receiver.got]

    assert [len(one) for one in bodies] == [100, 30]
    order = [event["objectId"] for event in bodies[0]]
    assert order != sorted(order)
    for one in receiver.got:
        inbound = Inbound("hub", one.headers, one.body, NOW, url=receiver.url)
        hub.connector().verify(inbound, (CLIENT_SECRET,))
        assert not [found for found in hub.connector().parse(inbound) if isinstance(found, PayloadError)]


def test_a_delivery_that_is_refused_comes_ten_times_more_with_its_number():
    hub = Hub()
    with receiving() as receiver:
        receiver.status = 500
        subscribe(hub, receiver.url, "contact.creation")
        hub.person(email="new@example.com")
        for _ in range(14):
            hub.fake_call("POST", "deliver")
    numbers = [json.loads(one.body)[0]["attemptNumber"] for one in receiver.got]

    assert numbers == list(range(11))
    assert len(WAITS_S) == 10
    assert sum(WAITS_S) <= 86_400


def test_deliveries_are_doubled_on_wish_and_only_what_is_subscribed_to_is_told():
    hub = Hub()
    with receiving() as receiver:
        subscribe(hub, receiver.url, "contact.propertyChange", propertyName="city")
        hub.fake_call("POST", "webhooks", duplicates=1)
        hub.fake_call("PATCH", "contacts/101", city="Bonn", firstname="X")
        hub.fake_call("POST", "deliver")
    bodies = [json.loads(one.body) for one in receiver.got]

    assert len(bodies) == 2
    assert bodies[0] == bodies[1]
    assert [(one["propertyName"], one["propertyValue"]) for one in bodies[0]] == [("city", "Bonn")]


def test_a_merge_makes_a_third_record_and_both_others_send_their_deletion():
    hub = Hub()
    with receiving() as receiver:
        subscribe(hub, receiver.url, "contact.merge", "contact.deletion")
        left = hub.fake_call("POST", "merge", kept=101, gone=102)["id"]
        hub.fake_call("POST", "deliver")
    (body,) = [json.loads(one.body) for one in receiver.got]

    (merge,) = [one for one in body if one["subscriptionType"] == "contact.merge"]
    assert (merge["primaryObjectId"], merge["mergedObjectIds"], merge["newObjectId"]) == (101, [102], left)
    assert sorted(one["objectId"] for one in body if one["subscriptionType"] == "contact.deletion") == [101, 102]
    assert hub.api("GET", f"{CONTACTS}/101").status_code == 404
    shown = hub.api("GET", f"{CONTACTS}/{left}?properties=hs_merged_object_ids").get_json()["properties"]
    assert shown["hs_merged_object_ids"] == "101;102"


def test_a_privacy_deletion_is_in_no_list():
    hub = Hub()
    hub.fake_call("POST", "contacts/101/erase")

    assert hub.api("GET", f"{CONTACTS}?archived=true").get_json()["results"] == []
    assert hub.api("GET", f"{CONTACTS}/101").status_code == 404


@pytest.mark.parametrize("values", [{"email": "nobody"}, {"no_such": "x"}, {"hs_object_id": "7"}])
def test_what_is_wrong_with_a_property_is_told(values):
    assert Hub().api("POST", CONTACTS, {"properties": values}).status_code == 400


def test_no_two_contacts_have_one_address():
    hub = Hub(customers=0)
    hub.person(email="a@example.com", hs_additional_emails="b@example.com")

    for address in ("A@example.com", "b@example.com"):
        assert hub.api("POST", CONTACTS, {"properties": {"email": address}}).status_code == 409


def test_what_was_taken_from_the_bin_is_there_again():
    hub = Hub()
    hub.fake_call("DELETE", "contacts/101")
    hub.fake_call("POST", "contacts/101/restore")

    assert hub.api("GET", f"{CONTACTS}/101").status_code == 200
    assert urlsplit(f"http://x{CONTACTS}").path == CONTACTS
    assert hub.http.get(CONTACTS, headers={"Authorization": f"Token {TOKEN}"}).status_code == 401


@pytest.mark.parametrize("makes_new", [True, False])
def test_people_act_and_every_event_of_theirs_is_one_that_our_connector_reads(makes_new):
    hub = Hub(customers=3, merge_makes_new=makes_new)
    with receiving() as receiver:
        assert not hub.connector().ensure_webhooks(receiver.url, hub.access).failed
        happened = hub.fake_call("POST", "crowd", acts=400)["happened"]
        hub.fake_call("POST", "deliver")
    events = [one for got in receiver.got for one in hub.connector().parse(Inbound("hub", {}, got.body, NOW))]

    assert set(happened) == {"register", "edit", "buy", "agree", "withdraw", "readdress", "merge", "delete", "erase"}
    assert not [one for one in events if isinstance(one, PayloadError)]
    kinds = {str(one.kind) for one in events}
    assert kinds == {"record_changed", "consent_changed", "customer_merged", "customer_erased"}
