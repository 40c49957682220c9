"""PayPal: who paid, and what, by verified webhooks and by its reports."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import cache, partial
from typing import ClassVar, Final
from urllib.parse import urlsplit

from connectors.paypal import pull, records, upkeep
from connectors.paypal.api import Api, has_keys
from connectors.paypal.certificates import ALGORITHM, HOSTS, Certificates, Transmission, roots_at
from connectors.paypal.records import masked_of
from customer_sync.errors import PayloadError, Refused
from customer_sync.kit.connector import Connector, Option, SourceSettings, header, hint, json_object
from customer_sync.kit.fields import Node, identifier
from customer_sync.kit.reach import Access, Finding, Pace, Page, Upkeep, Want
from customer_sync.kit.rescue import hear
from customer_sync.kit.signatures import TOLERANCE_S, live
from customer_sync.model import Event, Inbound, Kind

ID, TIME, SIGNATURE = "paypal-transmission-id", "paypal-transmission-time", "paypal-transmission-sig"
CERT, ALGO = "paypal-cert-url", "paypal-auth-algo"
#: PayPal tries for three days; whether a later try is signed with a new time is not documented.
OLDEST: Final = timedelta(days=3, hours=12)

SUBSCRIPTION: Final = "BILLING.SUBSCRIPTION."
INVOICE: Final = "INVOICING.INVOICE.PAID"
#: Topic → what it means. A sale and a capture come without the payer: they are read with it.
TOPICS: Final[Mapping[str, Kind]] = {
    **dict.fromkeys(
        (
            f"{SUBSCRIPTION}CREATED",
            f"{SUBSCRIPTION}ACTIVATED",
            f"{SUBSCRIPTION}RE-ACTIVATED",
            f"{SUBSCRIPTION}UPDATED",
            f"{SUBSCRIPTION}EXPIRED",
            f"{SUBSCRIPTION}CANCELLED",
            f"{SUBSCRIPTION}SUSPENDED",
            f"{SUBSCRIPTION}PAYMENT.FAILED",
            "CHECKOUT.ORDER.APPROVED",
        ),
        Kind.CUSTOMER_UPDATED,
    ),
    **dict.fromkeys(
        (
            "PAYMENT.SALE.COMPLETED",
            "PAYMENT.CAPTURE.COMPLETED",
            "PAYMENT.CAPTURE.PENDING",
            "PAYMENT.CAPTURE.DENIED",
        ),
        Kind.RECORD_CHANGED,
    ),
    **dict.fromkeys(
        ("PAYMENT.SALE.REFUNDED", "PAYMENT.SALE.REVERSED", "PAYMENT.CAPTURE.REFUNDED", "PAYMENT.CAPTURE.REVERSED"),
        Kind.ORDER_REFUNDED,
    ),
    INVOICE: Kind.ORDER_UPDATED,
}


class PayPalConnector(Connector):
    """PayPal: payers become customers, payments become orders; it knows no consent and takes none back."""

    platform = "paypal"
    title = "PayPal"
    auth = "OAuth 2.0 (client credentials)"
    proof = "RSA, its certificate led to a public root"
    judges = "`paypal-server-sdk`, a recorded delivery"
    topics = tuple(TOPICS)
    secret_keys = ("webhook_id", "webhook_secret")
    marks = (ID, SIGNATURE)
    resources = pulls = ("customers", "orders")
    fetches = ("orders",)
    #: Each payment is a call of its own, and its payer another.
    fetches_at_once = 5
    shares_addresses = True
    binds = "subscriptionId"
    tells_secret = True
    #: 50 calls a minute and IP were seen (https://github.com/airbytehq/airbyte/pull/4240); PayPal tells no number.
    pace = Pace(45, 60.0)
    options = (
        Option(
            "client_id", "The app's client id, from PayPal's developer dashboard.", secret=True, aliases=("api_key",)
        ),
        Option("client_secret", "The app's secret.", secret=True, aliases=("api_secret",)),
        Option("webhook_id", "The id of the webhook, which its signatures are made with. A list while it is changed."),
        Option("sandbox", "true: PayPal's sandbox."),
        Option("masked_domains", "More domains of addresses that PayPal makes up, as a list: nobody is mailed there."),
        Option("history_days", "How far back a full run reads, in days; three years unless set."),
        Option("trusted_roots", "A PEM file with the roots of PayPal's certificates; the public ones unless set."),
    )
    #: Signs as PayPal does. Nobody but PayPal has its key: this is set where a stand-in sends.
    signer: ClassVar[Callable[[Inbound, str], Inbound] | None] = None
    #: The certificates of sources with the public roots: kept once for a process.
    certificates: ClassVar[Certificates] = Certificates()

    def __init__(self, settings: SourceSettings) -> None:
        super().__init__(settings)
        self._masked = masked_of(settings.options.get("masked_domains"))

    def verify(self, inbound: Inbound, secrets: Sequence[str]) -> None:
        """Check PayPal's signature, the certificate behind it, and its time.

        Raises:
            Refused: it is not PayPal's, or too old; with 429 where the certificate cannot be had now.
        """
        given = {name: header(inbound, name) for name in (ID, TIME, SIGNATURE, CERT, ALGO)}
        webhook_ids = live(secrets)
        if not all(given.values()):
            raise Refused("The signature is missing.", cause="unsigned")
        if given[ALGO] != ALGORITHM:
            raise Refused("The signature is of another kind than SHA256withRSA.", cause="wrong")
        sent = Transmission(given[ID], given[TIME], given[SIGNATURE], given[CERT])
        self._certificates().verify(sent, webhook_ids, inbound.body, inbound.received_at)
        at = Node({"time": given[TIME]}).instant("time")
        if at is None:
            raise Refused("The time of the signature is missing or wrong.", cause="wrong")
        if not -OLDEST <= at - inbound.received_at <= timedelta(seconds=TOLERANCE_S):
            raise Refused("The time of the signature is outside the window; is the clock right?")

    def sign(self, inbound: Inbound, secret: str) -> Inbound:
        """Return the request as a stand-in sends it.

        Raises:
            NotImplementedError: there is none: only PayPal has its key.
        """
        signer = type(self).signer
        return super().sign(inbound, secret) if signer is None else signer(inbound, secret)

    def parse(self, inbound: Inbound) -> Sequence[Event | PayloadError]:
        """Return the event of a webhook: a payer, a payment that is to be read, or what was paid back."""
        body = Node(json_object(inbound))
        topic = body.get("event_type")
        kind = TOPICS.get(topic) if isinstance(topic, str) else None
        if kind is None:
            return []
        number = identifier(body.get("id"), "id")
        resource = body.child("resource")
        at = resource.instant("update_time", "status_update_time") or body.instant("create_time") or inbound.received_at
        outline = Event(f"paypal:{number}", inbound.source, kind, at, topic=str(topic))
        if kind is Kind.RECORD_CHANGED:
            payment = identifier(resource.get("id"), "resource.id")
            return [hint(inbound, "orders", payment, at, id=outline.id, topic=outline.topic)]
        if topic == INVOICE:
            return records.invoiced(resource, self._masked, outline)
        read = partial(records.paid_back, resource, outline)
        if kind is Kind.CUSTOMER_UPDATED:
            return hear(partial(records.subscriber, resource, self._masked, outline), resource, None, outline)
        return hear(read, resource, None, outline)

    def can_pull(self) -> bool:
        """Tell whether there are id and secret."""
        return has_keys(self.settings)

    def pull(self, want: Want, access: Access) -> Page:
        """Return the next page of the reports, as payers or as payments; of payers, the subscriptions besides."""
        self.must(want.resource, self.pulls)
        return pull.pull(Api.of(self.settings, access), self.settings, want, self._masked)

    def fetch(self, resource: str, ids: Sequence[str], access: Access) -> Sequence[Event | PayloadError]:
        """Return payments as they are now, with their payers."""
        self.must(resource, self.fetches)
        return pull.payments(Api.of(self.settings, access), self.settings, ids, self._masked)

    def ensure_webhooks(self, address: str, access: Access) -> Upkeep:
        """Make the webhook, or add the topics that it lacks."""
        return upkeep.ensure(Api.of(self.settings, access), address, self.topics, self.settings.secrets)

    def check(self, access: Access) -> Sequence[Finding]:
        """Return what is well: the token, transaction search, the webhook."""
        return upkeep.check(self.settings, access)

    def _certificates(self) -> Certificates:
        roots = self.settings.options.get("trusted_roots")
        if roots is None:
            return type(self).certificates
        return _certificates_of(str(roots), self.settings.base_url or "")


@cache
def _certificates_of(roots: str, base_url: str) -> Certificates:
    """Return the certificates of sources with roots of their own; they may come from the address of the API."""
    return Certificates(roots_at(roots), {*HOSTS, urlsplit(base_url).netloc} - {""})


CONNECTOR = PayPalConnector
