"""Each platform as the town needs it: its stand-in in this process, its source, and what people can do there.

What a platform has is read from its stand-in alone; most of what can be done there is what its trial knows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest

from connectors.bigcommerce.fake.app import FakeBigCommerce
from connectors.bigcommerce.fake.settings import Settings as BigCommerceSettings
from connectors.hubspot.fake.app import FakeHubSpot
from connectors.hubspot.fake.settings import NEWSLETTER
from connectors.hubspot.fake.settings import Settings as HubSpotSettings
from connectors.hubspot.tests.contract import AGREED, LEFT
from connectors.paypal.certificates import Certificates
from connectors.paypal.connector import PayPalConnector
from connectors.paypal.fake.app import FakePayPal
from connectors.paypal.fake.settings import Settings as PayPalSettings
from connectors.pipedrive.fake.app import FakePipedrive
from connectors.pipedrive.fake.settings import Settings as PipedriveSettings
from connectors.salesforce.fake.app import FakeOrg
from connectors.salesforce.fake.settings import Settings as OrgSettings
from connectors.salesforce.tests.contract import BOXES, CUSTOM, set_fields
from connectors.shopify.fake.app import FakeShop
from connectors.shopify.fake.settings import Settings as ShopSettings
from connectors.stripe.fake.app import FakeStripe
from connectors.stripe.fake.settings import Settings as StripeSettings
from connectors.stripe.tests.contract import call as call_stripe
from connectors.woocommerce.fake.app import FakeStore
from connectors.woocommerce.fake.settings import Settings as WooSettings
from customer_sync.kit.connector import SourceSettings
from customer_sync.kit.fakes.clock import Clock
from customer_sync.kit.fakes.fake import Fake
from customer_sync.kit.fakes.hooks import Delivery
from customer_sync.kit.reach import Access
from tests.contract.cases import connector_of
from tests.contract.trial import MemoryVault, Person, Trial, trial_of
from tests.four.client import Client

#: Where webhooks go: the town takes them over.
ADDRESS = "https://tajo.example/webhooks/"


class Site:
    """One platform of the town, with one source.

    Args:
        clock: the town's time.
    """

    platform: ClassVar[str]
    #: Several records may have one address.
    shares: ClassVar[bool] = False
    #: An opt-in is an act with a time; else it is a box, which only its own earlier state makes an act.
    acts: ClassVar[bool] = True
    #: It knows of consent at all; an opt-out in Brevo can be told to it; a record may have another address.
    asks: ClassVar[bool] = True
    takes_opt_outs: ClassVar[bool] = True
    moves: ClassVar[bool] = True
    #: An opt-out says nothing where no opt-in was seen before.
    only_after_yes: ClassVar[bool] = False
    #: Each webhook tells the state as it was then, with the address.
    tells_states: ClassVar[bool] = False
    #: Its webhooks are hints: of two changes before a read, only the state after both is seen.
    reads_again: ClassVar[bool] = False
    #: What is read tells when it changed.
    tells_times: ClassVar[bool] = True
    #: Who agrees types an address, and agrees for that one.
    types_addresses: ClassVar[bool] = False
    merges: ClassVar[bool] = False
    erases: ClassVar[bool] = False
    deletes: ClassVar[bool] = True

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.address = f"https://{self.platform}.example.com"
        self.fake = self.make()
        self.client = Client(self.fake, self.address)
        found = trial_of(self.platform)
        assert found is not None
        self.trial: Trial = found
        self.secret = ""

    def reset(self, patch: pytest.MonkeyPatch) -> None:  # some need to be believed
        """Begin anew: nobody is there, and the webhooks are made."""
        del patch
        self.fake.reset()
        self.client.is_down = self.client.is_expired = False
        self.secret = self.secret_of()
        self._connect()

    def make(self) -> Fake[Any]:
        """Return the stand-in, without anybody."""
        raise NotImplementedError

    def secret_of(self) -> str:
        """Return what webhooks are signed with."""
        return self.trial.secret[1]

    def _connect(self) -> None:
        """Make the webhooks, as `tajo connectors install` does."""
        options = {**self.trial.options, **self.trial.journey}
        settings = SourceSettings(self.platform, self.platform, (self.secret,), options, self.address)
        connector = type(connector_of(self.platform))(settings)
        done = connector.ensure_webhooks(ADDRESS + self.platform, Access(self.client, MemoryVault(), self.clock))
        assert not done.failed, done.failed
        self.client.calls.clear()

    @property
    def config(self) -> Mapping[str, Any]:
        """The source's settings, as tajo.yaml has them."""
        found = {"platform": self.platform, "base_url": self.address, **self.trial.options, **self.trial.journey}
        return {**found, self.trial.secret[0]: self.secret}

    # what people do there

    def create(self, email: str, first: str) -> str:
        """Let somebody become a customer, and return the id."""
        raise NotImplementedError

    def nickname(self, record_id: str, first: str) -> None:
        """Give a customer another first name."""
        self.trial.nickname(self.client, record_id, first)

    def rename(self, record_id: str, email: str) -> None:
        """Give a customer another address."""
        self.trial.rename(self.client, record_id, email)

    def subscribe(self, record_id: str) -> None:
        """Let a customer agree to mails."""
        self.trial.subscribe(self.client, record_id)

    def unsubscribe(self, record_id: str) -> None:
        """Let a customer leave."""
        self.trial.unsubscribe(self.client, record_id)

    def delete(self, record_id: str) -> None:
        """Delete a customer."""
        self.trial.delete(self.client, record_id)

    def merge(self, kept: str, gone: str) -> str:
        """Make two customers one, and return the id of what is left."""
        return self.trial.merge(self.client, kept, gone)

    def erase(self, record_id: str) -> None:
        """Forget a customer, as the law asks."""
        raise NotImplementedError

    def buy(self, record_id: str) -> None:
        """Let a customer buy something."""
        raise NotImplementedError

    def has(self, email: str) -> bool:
        """Whether somebody there has an address."""
        return any(one.email.lower() == email for one in self.people().values())

    def tell_again(self, record_id: str, person: Person) -> None:
        """Let the platform tell of a customer who did not change."""
        self.trial.nickname(self.client, record_id, person.first)

    def is_write(self, method: str, path: str) -> bool:
        """Whether a call changes something at the platform."""
        return method in {"PUT", "PATCH", "DELETE"} or (method == "POST" and not self.asks_by_post(path))

    def asks_by_post(self, path: str) -> bool:
        """Whether a POST to a path only asks."""
        return "token" in path or path.endswith(("/search", "/read", "/graphql.json"))

    def people(self) -> dict[str, Person]:
        """Return everybody there is, by id."""
        return self.trial.people(self.client)

    def expire(self) -> None:
        """Refuse the token that our line shows next, and forget it."""
        self.client.is_expired = True

    # its webhooks

    @property
    def waiting(self) -> list[Delivery]:
        """What is still to be sent, the oldest first."""
        assert self.fake.sender is not None
        return self.fake.sender.waiting

    def send(self, delivery: Delivery, *, again: bool = False) -> None:
        """Send one webhook now; `again`: it comes once more later."""
        sender = self.fake.sender
        assert sender is not None
        if again:
            sender.post(delivery)
            return
        delivery.due_s = 0.0
        others = [(one, one.due_s) for one in sender.waiting if one is not delivery]
        for one, _ in others:
            one.due_s = float("inf")
        sender.deliver()
        for one, due_s in others:
            one.due_s = due_s

    def lose(self, delivery: Delivery) -> None:
        """Let one webhook be lost."""
        sender = self.fake.sender
        assert sender is not None
        sender._waiting.remove(delivery)


class Shopify(Site):
    platform = "shopify"
    tells_states = True
    merges = erases = True

    def make(self) -> Fake[Any]:
        return FakeShop(ShopSettings(customers=0, bucket=1e9, restore=1e9, bulk_s=0.0, schema="none"), self.clock)

    def create(self, email: str, first: str) -> str:
        return str(self.client.post("/fake/customers", {"customers": [{"email": email, "firstName": first}]})["ids"][0])

    def erase(self, record_id: str) -> None:
        told = {"topic": "CUSTOMERS_REDACT", "uri": ADDRESS + self.platform, "id": record_id}
        self.client.post("/fake/privacy", told)
        self.delete(record_id)

    def buy(self, record_id: str) -> None:
        line = {"title": "A lamp", "quantity": 1, "price": 1000}
        self.client.post("/fake/orders", {"customer": record_id, "lines": [line]})


class WooCommerce(Site):
    platform = "woocommerce"
    acts = False

    def make(self) -> Fake[Any]:
        settings = WooSettings(customers=0, products=1, report_lag_s=0.0, behind_tls=True, https_callbacks=False)
        return FakeStore(settings, self.clock)

    def create(self, email: str, first: str) -> str:
        return str(self.client.post("/fake/customers", {"email": email, "first_name": first})["id"])

    def buy(self, record_id: str) -> None:
        self.client.post("/fake/orders", {"customer_id": int(record_id), "status": "processing"})


class BigCommerce(Site):
    platform = "bigcommerce"
    acts = False
    only_after_yes = True

    def make(self) -> Fake[Any]:
        return FakeBigCommerce(BigCommerceSettings(customers=0, orders=0, products=1, quota=10**6), self.clock)

    def create(self, email: str, first: str) -> str:
        return str(self.client.post("/fake/customers", {"email": email, "first_name": first})["id"])

    def buy(self, record_id: str) -> None:
        self.client.post("/fake/orders", {"customer_id": int(record_id)})


class HubSpot(Site):
    platform = "hubspot"
    merges = erases = reads_again = True

    def make(self) -> Fake[Any]:
        settings = HubSpotSettings(customers=0, deals=0, calls=0, searches=0, calls_a_day=0, shuffle=False)
        return FakeHubSpot(settings, self.clock)

    def create(self, email: str, first: str) -> str:
        return str(self.client.post("/fake/contacts", {"email": email, "firstname": first})["id"])

    def subscribe(self, record_id: str) -> None:
        email = self.client.get(f"/fake/contacts/{record_id}")["email"]
        said = {"email": email, "subscription": NEWSLETTER, "state": "SUBSCRIBED", "basis": "CONSENT_WITH_NOTICE"}
        self.client.post("/fake/statuses", said)
        now = datetime.fromtimestamp(self.clock(), UTC).isoformat(timespec="milliseconds")
        self.client.request("PATCH", f"{self.address}/fake/contacts/{record_id}", json={AGREED: now, LEFT: ""})

    def has(self, email: str) -> bool:
        return self.fake.by_address(email) is not None  # type: ignore[attr-defined]  # a FakeHubSpot

    def erase(self, record_id: str) -> None:
        self.client.post(f"/fake/contacts/{record_id}/erase")

    def buy(self, record_id: str) -> None:
        won = {"dealstage": "closedwon", "hs_is_closed_won": "true", "hs_is_closed": "true"}
        deal = self.client.post("/fake/deals", {"dealname": "A deal", "amount": "10", **won})["id"]
        self.client.post("/fake/ties", {"deal": deal, "contact": int(record_id)})


class Salesforce(Site):
    platform = "salesforce"
    shares = merges = reads_again = True

    def make(self) -> Fake[Any]:
        settings = OrgSettings(customers=0, custom=tuple(CUSTOM.split(",")), boxes=tuple(BOXES.split(",")), limit=10**9)
        return FakeOrg(settings, self.clock)

    def create(self, email: str, first: str) -> str:
        return str(self.client.post("/fake/customers", {"Email": email, "FirstName": first})["id"])

    def subscribe(self, record_id: str) -> None:
        now = datetime.fromtimestamp(self.clock(), UTC).isoformat(timespec="seconds")
        set_fields(self.client, record_id, HasOptedOutOfEmail=False, News__c=True, NewsAt__c=now)

    def buy(self, record_id: str) -> None:
        won = {"StageName": "Closed Won", "IsClosed": True, "IsWon": True, "Amount": 10.0}
        self.client.post("/fake/opportunities", {"Name": "A deal", "buyer": record_id, **won})


class Pipedrive(Site):
    platform = "pipedrive"
    shares = merges = True
    acts = False

    def make(self) -> Fake[Any]:
        settings = PipedriveSettings(customers=0, deals=0, leads=0, organizations=0, calls_per_2s=10**6)
        return FakePipedrive(settings, self.clock)

    def create(self, email: str, first: str) -> str:
        emails = [{"value": email, "primary": True, "label": "work"}]
        return str(self.client.post("/fake/persons", {"emails": emails, "first_name": first, "last_name": "P"})["id"])

    def buy(self, record_id: str) -> None:
        deal = {"title": "A deal", "value": 10, "currency": "EUR", "person_id": int(record_id), "status": "won"}
        self.client.post("/fake/deals", deal)


class Stripe(Site):
    platform = "stripe"
    shares = types_addresses = tells_states = True
    tells_times = False

    def make(self) -> Fake[Any]:
        return FakeStripe(StripeSettings(customers=0), self.clock)

    def _connect(self) -> None:
        super()._connect()
        (hook,) = self.fake.books.endpoints.shelf  # type: ignore[attr-defined]  # a FakeStripe
        self.secret = hook["_secrets"][0]

    def create(self, email: str, first: str) -> str:
        return str(self.client.post("/fake/customers", {"fields": {"email": email, "name": first}})["ids"][0])

    def nickname(self, record_id: str, first: str) -> None:
        call_stripe(self.client, "POST", f"/v1/customers/{record_id}", ("name", first))

    def buy(self, record_id: str) -> None:
        self.client.post("/fake/invoices", {"customer": record_id, "currency": "eur"})


class PayPal(Site):
    """Its customers are payers with an address: whoever pays with another address is another one."""

    platform = "paypal"
    shares = True
    acts = asks = takes_opt_outs = moves = deletes = False

    def make(self) -> Fake[Any]:
        return FakePayPal(PayPalSettings(customers=0), self.clock)

    def reset(self, patch: pytest.MonkeyPatch) -> None:
        authority = self.fake.authority  # type: ignore[attr-defined]  # a FakePayPal
        hosts = {f"{self.platform}.example.com", "127.0.0.1"}
        own = Certificates(authority.root, hosts, fetch=lambda _: authority.certificate, ticks=lambda: 0.0)
        patch.setattr(PayPalConnector, "certificates", own)
        super().reset(patch)

    def secret_of(self) -> str:
        return PayPalSettings().webhook_id

    def create(self, email: str, first: str) -> str:
        payer = self.book.come()
        payer.email, payer.first = email, first
        self.buy(payer.key)
        return str(payer.key)

    def nickname(self, record_id: str, first: str) -> None:
        self._payer(record_id).first = first
        self.buy(record_id)

    def buy(self, record_id: str) -> None:
        self.client.post(f"/fake/customers/{self._payer(record_id).index}/pay")

    @property
    def book(self) -> Any:
        """Who pays."""
        return self.fake.book  # type: ignore[attr-defined]  # a FakePayPal

    def _payer(self, record_id: str) -> Any:
        return next(one for one in self.book.payers.values() if one.key == record_id)


SITES: Mapping[str, Callable[[Clock], Site]] = {
    one.platform: one for one in (Shopify, WooCommerce, BigCommerce, HubSpot, Salesforce, Pipedrive, Stripe, PayPal)
}
