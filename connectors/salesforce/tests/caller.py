"""An org in this process, and a source that reads it, for the tests here. No tests in here."""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from connectors.salesforce.connector import SalesforceConnector
from connectors.salesforce.fake.app import FakeOrg
from connectors.salesforce.fake.settings import Settings
from customer_sync.kit.connector import SourceSettings
from customer_sync.kit.fakes.clock import Clock
from customer_sync.kit.outbound import Reply
from customer_sync.kit.reach import Access, Want, Withdrawal
from customer_sync.model import Channel, Event, Inbound, Kind

NOW_S = 1_795_262_400.0  # 2026-11-21T12:00:00Z
NOW = datetime.fromtimestamp(NOW_S, UTC)
ADDRESS = "http://org.example"
SECRET = "s3cretOf32LettersAndDigits000001"
KEYS = {
    "organization_id": "00DFake0000000aEAA",
    "client_id": "demo-consumer-key",
    "client_secret": "demo-consumer-secret",
}
ANA = "ana@example.com"


class Vault:
    """Keeps values in memory, and tells whether they were saved under the lock."""

    def __init__(self, **values):
        self.values, self.is_locked, self.saves = values, False, []

    def load(self):
        return json.loads(json.dumps(self.values))

    def save(self, values):
        assert self.is_locked
        self.values = dict(values)
        self.saves.append(dict(values))

    @contextmanager
    def locked(self):
        assert not self.is_locked
        self.is_locked = True
        try:
            yield
        finally:
            self.is_locked = False


class Org:
    """A stand-in without a process, and one source of it.

    Args:
        options: more settings of the source.
        settings: of the stand-in; nobody is there at the start.
    """

    def __init__(self, options=None, address=ADDRESS, at_s=NOW_S, **settings):
        self.clock, self.address = Clock(at_s), address
        self.fake = FakeOrg(Settings(**{"customers": 0, **settings}), self.clock)
        self.http, self.vault, self.calls = self.fake.app.test_client(), Vault(), []
        self.options = {**KEYS, **(options or {})}
        #: Done before a call whose address holds this text takes effect: once.
        self.before = {}

    def send(self, method, url, *, headers, body=None, is_file=False):
        """Take a call as the one HTTP client does."""
        parts = urlsplit(url)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        told = json.loads(body) if body and body[:1] == b"{" else body
        parts = (
            [(one["method"], one["url"], one.get("body")) for one in (told or {}).get("compositeRequest", ())]
            if (path.endswith("/composite"))
            else []
        )
        self.calls += [(method, path, told), *parts]
        for verb, there, _ in ((method, path, None), *parts):
            for text in [one for one in self.before if one in f"{verb} {there}"]:
                self.before.pop(text)()
        found = self.http.open(path, method=method, headers=dict(headers), data=body, base_url=self.address)
        return Reply(found.status_code, {key.lower(): one for key, one in found.headers.items()}, found.get_data())

    @property
    def connector(self):
        """The connector as another process makes it."""
        return SalesforceConnector(SourceSettings("crm", "salesforce", (SECRET,), self.options, self.address))

    @property
    def access(self):
        """What it works with."""
        return Access(self, self.vault, self.clock)

    def act(self, method, path, /, **body):
        """Call a control route."""
        answer = self.http.open(f"/fake/{path}", method=method, json=body, base_url=self.address)
        assert answer.status_code == 200, answer.data
        return answer.json

    def fault(self, kind, **options):
        """Switch a fault on."""
        self.act("POST", "faults", kind=kind, **options)

    def contact(self, *, ago_s=3600.0, sobject="Contact", **fields):
        """Let somebody be there, and return the id."""
        fields = {"FirstName": "Ana", "LastName": "Lux", "Email": ANA, **fields}
        return self.fake.make(sobject, fields, self.clock() - ago_s)

    def lead(self, **fields):
        """Let a lead be there, and return the id."""
        return self.contact(sobject="Lead", **fields)

    def pages(self, since=None, resource="customers", cursor=None):
        """Yield every page of a pull, each by a process of its own."""
        for _ in range(100):
            page = self.connector.pull(Want(resource, cursor, since), self.access)
            yield page
            if page.cursor is None:
                return
            cursor = json.loads(json.dumps(page.cursor))
        raise AssertionError("a pull without an end")

    def pull(self, since=None, resource="customers"):
        """Return what a pull brings."""
        return [one for page in self.pages(since, resource) for one in page.events]

    def fetch(self, *ids, resource="customers"):
        """Return records by id."""
        return list(self.connector.fetch(resource, ids, self.access))

    def withdraw(self, number, address=ANA, at=NOW):
        """Tell of an opt-out."""
        return self.connector.write_consent(Withdrawal(number, Channel.EMAIL, address, at), self.access)

    def verified(self, body, *, secret=SECRET, **headers):
        """Return the request that a sender makes, once it was found genuine."""
        inbound = self.connector.sign(Inbound("crm", headers, body, self.now), secret)
        self.connector.verify(inbound, (SECRET,))
        return inbound

    @property
    def now(self):
        return datetime.fromtimestamp(self.clock(), UTC)

    def row(self, number):
        return self.fake.record(number)


def ago(**span):
    """Return a time before now."""
    return NOW - timedelta(**span)


def kinds(events):
    """Return what happened to which record."""
    return [(str(one.kind), one.record_id) for one in events if isinstance(one, Event)]


def of_kind(events, kind):
    return [one for one in events if isinstance(one, Event) and one.kind is Kind(kind)]


def envelope(*notifications, organization="00DFake0000000aEAA", more=""):
    """Return an outbound message; a notification is its id, the object and the fields."""
    told = "".join(
        f'<Notification><Id>{number}</Id><sObject xsi:type="sf:{sobject}" '
        'xmlns:sf="urn:sobject.enterprise.soap.sforce.com">'
        + "".join(f"<sf:{name}>{value}</sf:{name}>" for name, value in fields.items())
        + "</sObject></Notification>"
        for number, sobject, fields in notifications
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope '
        'xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>'
        '<notifications xmlns="http://soap.sforce.com/2005/09/outbound">'
        f"<OrganizationId>{organization}</OrganizationId><ActionId>04kX</ActionId>{more}{told}"
        "</notifications></soapenv:Body></soapenv:Envelope>"
    ).encode()
