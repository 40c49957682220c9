"""simple-salesforce, the best-known client, takes the stand-in for an org. It speaks HTTPS only: its calls are turned.

What it has no counterpart for here: SOAP login (which Salesforce ends), Bulk API 1, metadata by SOAP, search.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
import requests
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceExpiredSession,
    SalesforceMalformedRequest,
    SalesforceResourceNotFound,
)
from simple_salesforce.util import PerAppUsage, Usage

from connectors.salesforce.tests.keys import PRIVATE, PUBLIC
from tests.stores.servers import StoreClient, store_server

MORE = ("--batch", "10", "--username", "sync@lamps.example", "--audience", "https://lamps.salesforce.com")


class Turned(HTTPAdapter):
    """Sends what is meant for Salesforce to the stand-in."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self._host = urlsplit(address).netloc

    def send(self, request, *args, **more):
        parts = urlsplit(request.url)
        request.url = parts._replace(scheme="http", netloc=self._host).geturl()
        return super().send(request, *args, **more)


@pytest.fixture(scope="module")
def running() -> Iterator[StoreClient]:
    with store_server("salesforce", "--customers", "48", *MORE) as found:
        yield found


@pytest.fixture
def org(running) -> StoreClient:
    running.post("/fake/reset")
    return running


@pytest.fixture
def session(org) -> Iterator[requests.Session]:
    with requests.Session() as found:
        found.mount("https://", Turned(org.address))
        yield found


@pytest.fixture
def sf(org, session) -> Salesforce:
    return Salesforce(instance_url=org.address, session_id="00DFake0000000a!demo", session=session, version="62.0")


def test_it_sends_several_requests_as_one_call(sf, org):
    contact = next(one for one in org.get("/fake/customers")["ids"] if one.startswith("003"))
    path, used = f"/services/data/v62.0/sobjects/Contact/{contact}", org.get("/fake/state")["used"]
    parts = [
        {"method": "PATCH", "url": path, "referenceId": "write", "body": {"HasOptedOutOfEmail": True}},
        {"method": "GET", "url": path, "referenceId": "read"},
        {"method": "GET", "url": "/services/data/v62.0/sobjects/Contact/003Nobody0000000", "referenceId": "none"},
    ]
    told = sf.restful("composite", method="POST", json={"allOrNone": False, "compositeRequest": parts})
    found = {one["referenceId"]: (one["httpStatusCode"], one["body"]) for one in told["compositeResponse"]}

    assert found["write"] == (204, None)
    assert (found["read"][0], found["read"][1]["HasOptedOutOfEmail"]) == (200, True)
    assert (found["none"][0], found["none"][1][0]["errorCode"]) == (404, "NOT_FOUND")
    assert org.get("/fake/state")["used"] == used + 1


def test_it_lists_page_after_page_with_what_each_call_costs(sf, org):
    found = sf.query_all("SELECT Id, Email, SystemModstamp FROM Contact ORDER BY SystemModstamp, Id")
    everybody = {one for one in org.get("/fake/customers")["ids"] if one.startswith("003")}

    assert {row["Id"] for row in found["records"]} == everybody
    assert (found["totalSize"], found["done"]) == (36, True)
    assert sf.api_usage["api-usage"] == Usage(used=4, total=15_000)
    assert not isinstance(sf.api_usage["api-usage"], PerAppUsage)
    assert sf.query("SELECT COUNT() FROM Lead")["totalSize"] == 12
    assert [row["Id"] for row in sf.query_all_iter("SELECT Id FROM Lead WHERE HasOptedOutOfEmail = true")]


def test_it_creates_changes_and_deletes(sf):
    made = sf.Contact.create({"LastName": "O'Neil", "Email": "oneil@example.com"})
    assert made["success"]
    number = made["id"]
    assert sf.Contact.update(number, {"HasOptedOutOfEmail": True}) == 204
    row = sf.Contact.get(number)
    assert (row["LastName"], row["HasOptedOutOfEmail"], row["attributes"]["type"]) == ("O'Neil", True, "Contact")
    found = sf.query("SELECT Id FROM Contact WHERE LastName = 'O\\'Neil' AND Email = 'ONEIL@example.com'")
    assert [one["Id"] for one in found["records"]] == [number]
    assert sf.Contact.delete(number) == 204

    with pytest.raises(SalesforceResourceNotFound, match="ENTITY_IS_DELETED"):
        sf.Contact.update(number, {"Title": "Dr"})
    assert sf.query_all("SELECT Id FROM Contact WHERE IsDeleted = true", include_deleted=True)["totalSize"] == 1
    with pytest.raises(SalesforceResourceNotFound, match="NOT_FOUND"):
        sf.Contact.get("003Fak999999999IAA")


def test_it_asks_who_was_deleted_and_what_fields_there_are(sf, org):
    gone = org.get("/fake/customers")["ids"][0]
    org.delete(f"/fake/records/{gone}")
    now = datetime.now(UTC)
    told = sf.Contact.deleted(now - timedelta(hours=1), now + timedelta(hours=1))

    assert [one["id"] for one in told["deletedRecords"]] == [gone]
    assert "HasOptedOutOfEmail" in [one["name"] for one in sf.Contact.describe()["fields"]]
    assert sf.limits()["DailyApiRequests"]["Max"] == 15_000


def test_it_is_refused_as_salesforce_refuses(sf, session, org):
    with pytest.raises(SalesforceMalformedRequest, match="INVALID_FIELD"):
        sf.query("SELECT Id, Secret__c FROM Contact")
    with pytest.raises(SalesforceMalformedRequest, match="MALFORMED_QUERY"):
        sf.query("SELECT Id FROM")
    with pytest.raises(SalesforceMalformedRequest, match="INVALID_FIELD_FOR_INSERT_UPDATE"):
        sf.Contact.update(org.get("/fake/customers")["ids"][0], {"SystemModstamp": "2026-11-21T10:00:00Z"})
    strange = Salesforce(instance_url=org.address, session_id="nobody", session=session, version="62.0")
    with pytest.raises(SalesforceExpiredSession, match="INVALID_SESSION_ID"):
        strange.query("SELECT Id FROM Contact")


def test_it_reads_a_bulk_job_as_csv(sf, tmp_path):
    found = "".join(sf.bulk2.Contact.query("SELECT Id, Email, HasOptedOutOfEmail FROM Contact", max_records=10, wait=0))
    lines = [line for line in found.splitlines() if not line.startswith('"Id"')]

    assert len(lines) == 36
    assert lines[0].endswith(('"false"', '"true"'))


def test_it_logs_in_by_client_credentials_and_by_a_signed_text(org, session):
    keys = {"consumer_key": "demo-consumer-key", "domain": "lamps", "session": session, "version": "62.0"}
    by_secret = Salesforce(consumer_secret="demo-consumer-secret", **keys)
    org.post("/fake/certificate", {"pem": PUBLIC})
    by_text = Salesforce(username="sync@lamps.example", privatekey=PRIVATE, **keys)

    assert by_secret.query("SELECT Id FROM Lead LIMIT 1")["records"]
    assert by_text.query("SELECT Id FROM Lead LIMIT 1")["records"]
    with pytest.raises(SalesforceAuthenticationFailed, match="invalid_client"):
        Salesforce(consumer_secret="another", **keys)
    with (
        pytest.warns(UserWarning, match="authorize"),
        pytest.raises(SalesforceAuthenticationFailed, match="invalid_grant"),
    ):
        Salesforce(username="other@lamps.example", privatekey=PRIVATE, **keys)
