"""HubSpot's own Python client (`hubspot-api-client` 12) takes the stand-in for HubSpot.

It knows the generation before the dated paths only (`/crm/v3`, `/webhooks/v3`, OAuth version 1), which the stand-in
answers as an alias: the views behind both are the same. It cannot judge the dated paths, and has no call for version 4
of the statuses.
"""

from __future__ import annotations

import hubspot
import pytest
from hubspot.communication_preferences import exceptions as preference_faults
from hubspot.crm.contacts import (
    BatchReadInputSimplePublicObjectId,
    PublicGdprDeleteInput,
    PublicMergeInput,
    PublicObjectSearchRequest,
    SimplePublicObjectId,
    SimplePublicObjectInput,
    SimplePublicObjectInputForCreate,
)
from hubspot.crm.contacts import exceptions as faults
from hubspot.utils.signature import Signature
from hubspot.webhooks import SettingsChangeRequest, SubscriptionCreateRequest, SubscriptionPatchRequest

from connectors.hubspot.fake.settings import APP, CLIENT_ID, CLIENT_SECRET, DEVELOPER, TOKEN
from tests.fakes.receiver import receiving, until
from tests.stores.servers import store_server

pytestmark = pytest.mark.filterwarnings("default")  # the client's own


@pytest.fixture(scope="module")
def shop():
    with store_server("hubspot", "--customers", "230", "--deals", "0", "--searches", "0") as found:
        yield found


@pytest.fixture
def client(shop):
    shop.post("/fake/reset")
    return hubspot.Client.create(access_token=TOKEN, host=shop.address)


def test_it_lists_everybody_page_by_page(client):
    found = client.crm.contacts.get_all(properties=["email"])

    assert [one.id for one in found] == [str(101 + number) for number in range(230)]
    assert all("@" in one.properties["email"] for one in found)


def test_it_creates_reads_changes_and_deletes_a_contact(client):
    api = client.crm.contacts.basic_api
    values = {"email": "ana@example.com", "firstname": "Ána"}
    made = api.create(SimplePublicObjectInputForCreate(properties=values, associations=[]))
    changed = api.update(made.id, SimplePublicObjectInput(properties={"city": "Łódź"}))
    read = api.get_by_id(made.id, properties=["email", "firstname", "city"])
    api.archive(made.id)

    assert changed.properties["city"] == read.properties["city"] == "Łódź"
    assert (read.properties["firstname"], read.archived) == ("Ána", False)
    assert made.id in {one.id for one in api.get_page(archived=True, limit=100).results}
    with pytest.raises(faults.NotFoundException):
        api.get_by_id(made.id)
    with pytest.raises(faults.ApiException) as conflict:
        api.create(SimplePublicObjectInputForCreate(properties={"email": "nobody"}, associations=[]))
    assert conflict.value.status == 400


def test_it_searches_behind_an_id(client):
    filters = [{"propertyName": "hs_object_id", "operator": "GT", "value": "300"}]
    sorts = [{"propertyName": "hs_object_id", "direction": "ASCENDING"}]
    asked = PublicObjectSearchRequest(filter_groups=[{"filters": filters}], sorts=sorts, limit=5, properties=["email"])
    found = client.crm.contacts.search_api.do_search(asked)

    assert found.total == 30
    assert [one.id for one in found.results] == ["301", "302", "303", "304", "305"]
    assert found.paging.next.after == "5"


def test_it_reads_a_batch_and_hears_who_is_missing(client):
    inputs = [SimplePublicObjectId(id=one) for one in ("101", "99999")]
    asked = BatchReadInputSimplePublicObjectId(properties=["email"], properties_with_history=[], inputs=inputs)
    found = client.crm.contacts.batch_api.read(asked)

    assert [one.id for one in found.results] == ["101"]
    assert found.num_errors == 1


def test_it_merges_and_forgets(client):
    api = client.crm.contacts.basic_api
    left = api.merge(PublicMergeInput(object_id_to_merge="102", primary_object_id="101"))
    api.purge(PublicGdprDeleteInput(object_id="103"))

    assert left.id not in ("101", "102")
    for gone in ("101", "102", "103"):
        with pytest.raises(faults.NotFoundException):
            api.get_by_id(gone)


def test_it_exchanges_a_refresh_token(client, shop):
    query = f"client_id={CLIENT_ID}&redirect_uri=http://127.0.0.1:9/back&state=s"
    back = shop.http.request("GET", f"{shop.address}/oauth/authorize?{query}", redirect=False).headers["Location"]
    code = back.partition("code=")[2].partition("&")[0]
    ask = client.oauth.tokens_api.create
    more = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    first = ask(grant_type="authorization_code", code=code, redirect_uri="http://127.0.0.1:9/back", **more)
    second = ask(grant_type="refresh_token", refresh_token=first.refresh_token, **more)

    assert first.expires_in == second.expires_in == 1800
    assert len(hubspot.Client.create(access_token=second.access_token, host=shop.address).crm.contacts.get_all()) == 230


def test_it_keeps_webhooks_whose_signatures_it_believes(client, shop):
    api = hubspot.Client.create(api_key=DEVELOPER, host=shop.address).webhooks
    with receiving() as receiver:
        throttling = {"maxConcurrentRequests": 5, "period": "SECONDLY"}
        api.settings_api.configure(APP, SettingsChangeRequest(target_url=receiver.url, throttling=throttling))
        made = api.subscriptions_api.create(APP, SubscriptionCreateRequest(event_type="contact.creation", active=True))
        paused = api.subscriptions_api.update(made.id, APP, SubscriptionPatchRequest(active=False))
        api.subscriptions_api.update(made.id, APP, SubscriptionPatchRequest(active=True))
        shop.post("/fake/contacts", {"email": "new@example.com"})
        got = until(lambda: next(iter(receiver.got), None))
        listed = api.subscriptions_api.get_all(APP)
        api.subscriptions_api.archive(made.id, APP)

    assert (paused.active, [one.id for one in listed.results]) == (False, [made.id])
    assert Signature.is_valid(
        signature=got.headers["x-hubspot-signature-v3"],
        client_secret=CLIENT_SECRET,
        request_body=got.body.decode(),
        http_uri=receiver.url,
        signature_version="v3",
        timestamp=got.headers["x-hubspot-request-timestamp"],
    )
    assert api.subscriptions_api.get_all(APP).results == []


def test_it_reads_the_subscription_types_and_is_refused_with_a_wrong_token(client, shop):
    there = client.communication_preferences.definition_api.get_page()
    wrong = hubspot.Client.create(access_token="pat-of-nobody", host=shop.address)  # of nobody

    assert there is not None
    with pytest.raises(faults.UnauthorizedException):
        wrong.crm.contacts.basic_api.get_page()
    with pytest.raises(preference_faults.UnauthorizedException):
        wrong.communication_preferences.definition_api.get_page()
