"""The line, a real Redis, and a sandbox that is altered by hand."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
import redis

from customer_sync.base.clock import utc_now
from customer_sync.batch.reconcile.run import Reconciler
from customer_sync.brevo.client import Brevo
from customer_sync.brevo.contacts.handler import ContactsHandler
from customer_sync.kit.outbound import HttpClient
from customer_sync.model import Channel, Consent, ConsentState, Event, Kind
from customer_sync.store.counters import Tally
from tests.rig import Rig
from tests.sandbox_server import SandboxClient, sandbox_server


def ago(seconds: float) -> datetime:
    """A time before now: what is found in Brevo is stamped by the clock."""
    return utc_now() - timedelta(seconds=seconds)


class Account:
    """The rig over the sandbox, and a reconciliation of both."""

    def __init__(self, client: redis.Redis, sandbox: SandboxClient) -> None:
        self.rig = Rig(client)
        self.sandbox = sandbox
        self.store = self.rig.store
        self.tally = Tally()
        self.brevo = Brevo(sandbox.url, "k", HttpClient(), self.store.limits, self.tally)
        self.line = self.rig.line
        limits, people = self.store.limits, self.store.people
        contacts = ContactsHandler(self.brevo, limits, people, lambda: self.rig.rules, self.rig.clock)
        self.line.handlers = {"contacts": contacts}
        for name in ("CITY",):
            sandbox.call("POST", f"/v3/contacts/attributes/normal/{name}", {"type": "text"})

    def customers(self, numbers, *, is_delivered=True, **what) -> None:
        """Sync customers, or leave them in the lane; see `send`."""
        self.send(numbers, **what)
        self.rig.read()
        if is_delivered:
            self.rig.deliver()

    def send(self, numbers, *, source="shop", consent=ConsentState.GRANTED, before_s=100.0, **record) -> None:
        """Send customers as they were so long ago; `{n}` in a value stands for their number."""
        at = ago(before_s)
        for n in numbers:
            email = f"c{n}@example.com"
            values = {name: value.format(n=n) for name, value in record.items()}
            seen = () if consent is None else (Consent(Channel.EMAIL, consent, at, "form", explicit=True),)
            values = {"email": email, "firstName": f"Name {n}", "city": f"City {n}", **values}
            event_id = f"{source}:{n}:{before_s}:{sorted(record)}"
            event = Event(event_id, source, Kind.CUSTOMER_UPDATED, at, str(n), str(n), values, seen)
            self.rig.send(event)

    def alter(self, n: int, **body: object) -> None:
        """Change a contact in Brevo by hand."""
        self.sandbox.call("PUT", f"/v3/contacts/c{n}%40example.com", body)

    def delete(self, n: int) -> None:
        """Delete a contact in Brevo by hand."""
        self.sandbox.call("DELETE", f"/v3/contacts/c{n}%40example.com")

    def contact(self, n: int) -> dict:
        """The contact as Brevo has it."""
        return self.sandbox.contacts()[f"c{n}@example.com"]

    def number(self, n: int) -> str:
        """Our number of a person."""
        found = self.store.people.find(f"c{n}@example.com")
        assert found is not None
        return found

    def reconcile(self, *, page: int = 1000, compare_source=None, **how):
        """Compare both sides, and mend with `heal=True`."""
        time.sleep(0.002)  # what was delivered in the very millisecond of the look is not judged
        more = {} if compare_source is None else {"compare_source": compare_source}
        reconciler = Reconciler(self.store, self.brevo, lambda: self.rig.rules, clock=self.rig.clock, page=page, **more)
        return reconciler.run(("shop", "woo"), **how)

    def mend(self, **how):
        """Reconcile with `heal`, and let the workers do what it asks for."""
        receipt = self.reconcile(heal=True, **how)
        self.rig.deliver()
        return receipt


@pytest.fixture(scope="session")
def reconciled_sandbox() -> Iterator[SandboxClient]:
    """One sandbox for all tests; it takes a second to start."""
    with sandbox_server() as found:
        yield found


@pytest.fixture
def account(client: redis.Redis, reconciled_sandbox: SandboxClient) -> Account:
    """A new account, without a rate limit, and nobody in it."""
    reconciled_sandbox.reset()
    reconciled_sandbox.clear_faults()
    reconciled_sandbox.limits("none")
    return Account(client, reconciled_sandbox)
