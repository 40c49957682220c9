"""Stripe: its webhooks and its API.

`account` what the settings say · `events` what happened, `records` customers, `orders` invoices and payments,
`consent` consent and opt-outs, `money` amounts · `api` one question, `pull` records, `upkeep` the endpoint, `findings`
for the doctor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from connectors.stripe import consent, findings, pull, upkeep
from connectors.stripe.account import Account, right_key
from connectors.stripe.api import Api
from connectors.stripe.events import ORDERS, TOPICS, Reader
from customer_sync.errors import PayloadError
from customer_sync.kit.connector import Answer, Connector, Option, SourceSettings, json_object
from customer_sync.kit.reach import Access, Finding, Pace, Page, Upkeep, Want, Withdrawal, Written
from customer_sync.kit.signatures import Hmac
from customer_sync.model import CUSTOMERS, Channel, Event, Inbound

#: https://docs.stripe.com/webhooks/signature: `t=...,v1=...`, several `v1` while a secret is rolled; `v0` is no proof.
SIGNATURE: Final = Hmac("stripe-signature", "{timestamp}.{body}", pair="v1", time_pair="t")


class StripeConnector(Connector):
    """Stripe: customers, invoices and payments, by signed webhooks and by its API."""

    platform = "stripe"
    title = "Stripe"
    auth = "restricted key"
    proof = "HMAC with its time"
    judges = "`stripe`, `localstripe`, recorded bodies"
    marks = (SIGNATURE.header,)
    topics = tuple(TOPICS)
    resources = pulls = fetches = (CUSTOMERS, ORDERS)
    #: Each record is a call of its own.
    fetches_at_once = 20
    writes = (Channel.EMAIL,)
    shares_addresses = True
    accepted = Answer(200)
    tells_secret = True
    #: 25 calls a second to one endpoint are allowed (https://docs.stripe.com/rate-limits).
    pace = Pace(20, 1.0)
    options = (
        Option(
            "api_key",
            "A restricted key, `rk_live_...` or `rk_test_...`; it tells the mode, too.",
            secret=True,
            aliases=("restricted_key", "secret_key"),
            remedy=right_key,
        ),
        Option(
            "webhook_secret", "The signing secret of the endpoint, `whsec_...`. A list while it is rolled.", secret=True
        ),
        Option("api_version", "The version of the API, such as 2026-10-28.endive."),
        Option("account_id", "This account's own id, `acct_...`, where events of several accounts arrive."),
        Option("mode", "live (without it) or test, for a source without a key; a key tells its mode."),
        Option(
            "consent_metadata",
            "The metadata of customers that tells of consent: a list of names, or name: [values that mean yes].",
        ),
    )

    def __init__(self, settings: SourceSettings) -> None:
        super().__init__(settings)
        self._account = Account.of(settings)

    def verify(self, inbound: Inbound, secrets: Sequence[str]) -> None:
        """Check the signature over time and raw body, then the time: 300 seconds on either side."""
        SIGNATURE.verify(inbound, secrets)

    def sign(self, inbound: Inbound, secret: str) -> Inbound:
        """Return the request with the signature that Stripe would send."""
        return replace(inbound, headers={**inbound.headers, **SIGNATURE.sign(inbound, secret)})

    def parse(self, inbound: Inbound) -> Sequence[Event | PayloadError]:
        """Return what an event tells: one event, a withdrawal and a fault, or nothing.

        An event of the other mode or of another account is an alert, the same each time, and never a customer.
        """
        return Reader(inbound.source, self._account, inbound.received_at).event(json_object(inbound), inbound.body)

    def can_pull(self) -> bool:
        """Tell whether there is a key."""
        return bool(self._account.key)

    def pull(self, want: Want, access: Access) -> Page:
        """Return the next page: of everybody, or of what happened since a time."""
        self.must(want.resource, self.pulls)
        return pull.pull(Api(self._account, access), self.settings.name, want)

    def fetch(self, resource: str, ids: Sequence[str], access: Access) -> Sequence[Event | PayloadError]:
        """Return customers, invoices and payments as they are now; who is deleted is absent."""
        self.must(resource, self.fetches)
        return pull.fetch(Api(self._account, access), self.settings.name, resource, ids)

    def write_consent(self, withdrawal: Withdrawal, access: Access) -> Written:
        """Tell Stripe of an opt-out, in the customer's metadata."""
        return consent.withdraw(Api(self._account, access), withdrawal)

    def ensure_webhooks(self, address: str, access: Access) -> Upkeep:
        """Make one endpoint for all topics, or repair it."""
        return upkeep.ensure(Api(self._account, access), address, self.topics, self.settings.secrets)

    def check(self, access: Access) -> Sequence[Finding]:
        """Return what is well and what is not: the key, its permissions, the endpoint and its secret."""
        return findings.examine(self._account, access, self.settings.secrets)


CONNECTOR = StripeConnector
