"""A stand-in of HubSpot in this process, and a connector that calls it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from connectors.hubspot.connector import HubSpotConnector
from connectors.hubspot.fake.app import FakeHubSpot
from connectors.hubspot.fake.settings import APP, CLIENT_SECRET, DEVELOPER, PORTAL, TOKEN, Settings
from customer_sync.kit.connector import SourceSettings
from customer_sync.kit.fakes.clock import BEGIN_S, Clock
from customer_sync.kit.outbound import Reply
from customer_sync.kit.reach import Access, Page, Want, Withdrawal
from customer_sync.model import Channel, Event, Inbound
from tests.contract.trial import MemoryVault

ROOT = "http://hubspot.test"
KEYS = {"access_token": TOKEN, "portal_id": str(PORTAL), "app_id": str(APP), "developer_token": DEVELOPER}
NOW = datetime.fromtimestamp(BEGIN_S, UTC)


class Hub:
    """An account and somebody who calls it.

    Args:
        settings: of the stand-in.
    """

    def __init__(self, **settings: Any) -> None:
        self.clock = Clock()
        self.fake = FakeHubSpot(Settings(**{"customers": 10, "deals": 4, **settings}), self.clock)
        self.http = self.fake.app.test_client(use_cookies=False)
        self.vault, self.held = MemoryVault(), 0.0
        self.calls: list[str] = []

    def send(self, method: str, url: str, *, headers: Any, body: bytes | None = None, is_file: bool = False) -> Reply:
        """Send a call of the connector."""
        del is_file
        there = urlsplit(url)
        path = f"{there.path}?{there.query}" if there.query else there.path
        self.calls.append(f"{method} {there.path}")
        found = self.http.open(path, method=method, headers=dict(headers), data=body, base_url=ROOT)
        return Reply(found.status_code, {name.lower(): value for name, value in found.headers}, found.get_data())

    @property
    def access(self) -> Access:
        """How the connector reaches the account."""
        return Access(self, self.vault, now_s=self.clock)

    def connector(self, **options: Any) -> HubSpotConnector:
        """Return a connector, with the token that does not end unless told otherwise."""
        return HubSpotConnector(SourceSettings("hub", "hubspot", (CLIENT_SECRET,), {**KEYS, **options}, ROOT))

    def fake_call(self, method: str, route: str, /, **body: Any) -> Any:
        """Call a control route."""
        found = self.http.open(f"/fake/{route}", method=method, json=body)
        assert found.status_code == 200, found.get_data()
        return found.get_json()

    def api(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Call the API as another program does."""
        more = {} if body is None else {"json": body}
        return self.http.open(path, method=method, headers={"Authorization": f"Bearer {TOKEN}", **headers}, **more)

    def fault(self, kind: str, /, **more: Any) -> None:
        """Switch a fault on."""
        self.fake_call("POST", "faults", kind=kind, **more)

    def pages(self, resource: str = "customers", since: datetime | None = None, **options: Any) -> list[Page]:
        """Return a whole pull, its cursor kept as text in between."""
        found, cursor = [], None
        while True:
            page = self.connector(**options).pull(Want(resource, cursor, since), self.access)
            found.append(page)
            if page.cursor is None:
                return found
            cursor = json.loads(json.dumps(page.cursor))

    def pull(self, resource: str = "customers", since: datetime | None = None, **options: Any) -> list[Event]:
        """Return all events of a pull."""
        found = [one for page in self.pages(resource, since, **options) for one in page.events]
        assert all(isinstance(one, Event) for one in found), found
        return [one for one in found if isinstance(one, Event)]

    def fetch(self, *ids: str, resource: str = "customers", **options: Any) -> list[Event]:
        """Return records by id."""
        found = self.connector(**options).fetch(resource, list(ids), self.access)
        return [one for one in found if isinstance(one, Event)]

    def withdraw(self, record_id: str, address: str, at: datetime = NOW, **options: Any) -> str:
        """Tell HubSpot of an opt-out."""
        told = Withdrawal(record_id, Channel.EMAIL, address, at)
        return str(self.connector(**options).write_consent(told, self.access))

    def statuses(self, address: str) -> set[str]:
        """Return the statuses of an address."""
        rows = self.http.get(f"/fake/statuses?email={address}").get_json()["statuses"]
        return {row["status"] for row in rows}

    def person(self, **more: str) -> str:
        """Make a contact and return its id."""
        return str(self.fake_call("POST", "contacts", **more)["id"])


def told(*events: dict[str, Any], **options: Any) -> Sequence[Any]:
    """Return what a webhook gives."""
    made = HubSpotConnector(SourceSettings("hub", "hubspot", (CLIENT_SECRET,), options))
    return made.parse(Inbound("hub", {}, json.dumps(list(events)).encode(), NOW))


def event(word: str, record: int | None = None, **more: Any) -> dict[str, Any]:
    """Return an event of a webhook."""
    base = {"subscriptionId": 25, "portalId": PORTAL, "occurredAt": int(BEGIN_S * 1000), "attemptNumber": 0}
    own = {} if record is None else {"objectId": record}
    return {**base, "subscriptionType": word, **own, **more}


def kinds(events: Sequence[Any]) -> list[tuple[str, str | None]]:
    """Return what happened to whom."""
    return [(str(one.kind), one.record_id) for one in events]
