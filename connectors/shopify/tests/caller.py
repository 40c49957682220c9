"""Speaks with a fake Shopify in this process, as an app would."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from connectors.shopify.fake.app import FakeShop
from connectors.shopify.fake.schema import beside
from connectors.shopify.fake.settings import Settings
from customer_sync.kit.fakes.clock import Clock
from tests.fakes.receiver import until

SCHEMA = beside("2026-10")
PLENTY = {"bucket": 1e9, "restore": 1e6}
NODE = """id legacyResourceId createdAt updatedAt firstName lastName locale state tags note numberOfOrders
  amountSpent { amount currencyCode } lastOrder { id name processedAt }
  defaultEmailAddress { emailAddress validFormat marketingState marketingOptInLevel marketingUpdatedAt }
  defaultPhoneNumber { phoneNumber marketingState marketingOptInLevel marketingUpdatedAt }
  defaultAddress { city province country countryCodeV2 zip company phone }"""
CUSTOMERS = f"""query Customers($first: Int!, $after: String, $query: String, $sort: CustomerSortKeys = UPDATED_AT) {{
  customers(first: $first, after: $after, query: $query, sortKey: $sort) {{
    pageInfo {{ hasNextPage endCursor }} nodes {{ {NODE} }} }} }}"""
RUN = """mutation Bulk($q: String!) { bulkOperationRunQuery(query: $q) {
  bulkOperation { id status } userErrors { field message code } } }"""
POLL = """query Poll($id: ID!) { bulkOperation(id: $id) { id status errorCode objectCount rootObjectCount fileSize
  url partialDataUrl createdAt completedAt } }"""
SUBSCRIBE = """mutation Sub($topic: WebhookSubscriptionTopic!, $sub: WebhookSubscriptionInput!) {
  webhookSubscriptionCreate(topic: $topic, webhookSubscription: $sub) {
    webhookSubscription { id topic uri includeFields } userErrors { field message } } }"""
EMAIL_CONSENT = """mutation Consent($input: CustomerEmailMarketingConsentUpdateInput!) {
  customerEmailMarketingConsentUpdate(input: $input) {
    customer { id defaultEmailAddress { marketingState marketingUpdatedAt } } userErrors { field message code } } }"""


class Caller:
    """An app that calls the shop."""

    def __init__(self, **settings: Any) -> None:
        settings = {"customers": 100, "bulk_s": 0.02, "schema": "none", **settings}
        self.shop = FakeShop(Settings(**settings), Clock.running())
        self.shop.start()
        self.http = self.shop.app.test_client()
        self.token = "shpat_demo"

    def call(self, document: str, /, *, version: str = "2026-10", **variables: Any) -> Any:
        """Return the whole answer to a query."""
        return self.raw(document, version=version, **variables).get_json()

    def data(self, document: str, /, **variables: Any) -> Any:
        """Return the data of a query that has no faults."""
        answer = self.call(document, **variables)
        assert "errors" not in answer, answer
        return answer["data"]

    def raw(self, document: str, /, *, version: str = "2026-10", **variables: Any) -> Any:
        """Return the HTTP answer to a query."""
        headers = {"X-Shopify-Access-Token": self.token}
        body = {"query": document, "variables": variables}
        return self.http.post(f"/admin/api/{version}/graphql.json", json=body, headers=headers)

    def pages(self, size: int = 30, **variables: Any) -> Iterator[list[Any]]:
        """Yield page after page of customers."""
        after = None
        while True:
            page = self.data(CUSTOMERS, first=size, after=after, **variables)["customers"]
            yield page["nodes"]
            after = page["pageInfo"]["endCursor"]
            if not page["pageInfo"]["hasNextPage"]:
                return

    def fake(self, path: str, body: Any = None) -> Any:
        """Call a control route: POST with a body, else GET."""
        method = self.http.get if body is None else self.http.post
        answer = method(f"/fake/{path}", **({} if body is None else {"json": body}))
        assert answer.status_code < 400, answer.data
        return answer.get_json()

    def fault(self, kind: str, **options: Any) -> None:
        """Switch a fault on."""
        self.fake("faults", {"kind": kind, **options})

    def bulk(self, query: str) -> dict[str, Any]:
        """Run a bulk operation to its end and return it."""
        started = self.data(RUN, q=query)["bulkOperationRunQuery"]
        assert started["userErrors"] == [], started
        return self.ended(started["bulkOperation"]["id"])

    def ended(self, gid: str) -> dict[str, Any]:
        """Return a bulk operation once it has ended."""

        def check() -> dict[str, Any] | None:
            found: dict[str, Any] = self.data(POLL, id=gid)["bulkOperation"]
            return None if found["status"] in ("CREATED", "RUNNING") else found

        return until(check)

    def subscribe(self, topic: str, uri: str, **more: Any) -> None:
        """Subscribe to a topic."""
        found = self.data(SUBSCRIBE, topic=topic, sub={"uri": uri, **more})["webhookSubscriptionCreate"]
        assert found["userErrors"] == []


@contextmanager
def caller(**settings: Any) -> Iterator[Caller]:
    """Open a shop while the block lasts; its time goes on from 2026-11-21T10:00:00Z."""
    found = Caller(**settings)
    try:
        yield found
    finally:
        found.shop.close()


def recorded_queries() -> dict[str, str]:
    """Return the queries that were validated against the platform's schema, or skip."""
    if SCHEMA is None:
        pytest.skip("the platform's schema is not beside the checkout")
    return json.loads((Path(SCHEMA).parent / "validated_queries.json").read_text(encoding="utf-8"))
