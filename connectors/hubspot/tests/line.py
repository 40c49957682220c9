"""A whole installation with one HubSpot account: its webhooks go in signed, a sandbox shows what came of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from connectors.hubspot.fake.app import FakeHubSpot
from connectors.hubspot.fake.settings import APP, CLIENT_SECRET, DEVELOPER, PORTAL, TOKEN, Settings
from customer_sync.kit.fakes.clock import Clock
from customer_sync.kit.outbound import Reply
from customer_sync.kit.reach import Access
from customer_sync.model import Inbound
from customer_sync.store import inbox
from tests.contract.trial import MemoryVault
from tests.field.house import House

ADDRESS = "http://127.0.0.1:9/webhooks/hub"
CONFIG = f"""\
connectors:
  hub: {{platform: hubspot, access_token: {TOKEN}, client_secret: {CLIENT_SECRET}, portal_id: "{PORTAL}",
        app_id: "{APP}", developer_token: {DEVELOPER}, opt_in_property: newsletter_since, base_url: "https://hubspot.example.com"}}
skills:
  customer-sync:
    enabled: true
    field_mapping: {{email: email, firstName: FIRSTNAME, lastName: LASTNAME, totalOrders: ORDERS, totalSpent: SPENT}}
    options: {{list_id: 2}}
  order-events: {{enabled: true}}
"""


class Line:
    """The installation; see the module."""

    def __init__(self, client: Any, folder: Any, patch: Any, **settings: Any) -> None:
        self.house = House(client, folder, patch, hosts={"hubspot.example.com": self}, config=CONFIG)
        now_s = self.house.time
        clock = Clock(now_s.now_s, lambda: now_s.now_s)
        made = Settings(**{"customers": 0, "deals": 0, "calls": 0, "searches": 0, **settings})
        self.fake = FakeHubSpot(made, clock)
        self.http = self.fake.app.test_client(use_cookies=False)
        self.connector = self.house.line.connectors["hub"]
        done = self.connector.ensure_webhooks(ADDRESS, Access(self, MemoryVault(), clock))
        assert not done.failed

    def send(self, method: str, url: str, *, headers: Any, body: bytes | None = None, is_file: bool = False) -> Reply:
        """Stand for the network."""
        del is_file
        parts = urlsplit(url)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        found = self.http.open(path, method=method, data=body, headers=dict(headers))
        return Reply(found.status_code, {name.lower(): text for name, text in found.headers.items()}, found.get_data())

    def act(self, method: str, route: str, /, **body: Any) -> Any:
        """Let something happen in HubSpot."""
        found = self.http.open(f"/fake/{route}", method=method, json=body)
        assert found.status_code == 200, found.get_data()
        return found.get_json()

    def waiting(self) -> list[dict[str, Any]]:
        """Return the events that HubSpot would send now, and forget them."""
        assert self.fake.sender is not None
        found = [event for one in self.fake.sender.waiting for event in json.loads(one.write().body)]
        self.fake.sender.drop(None)
        return found

    def hear(self, *arrays: Sequence[dict[str, Any]]) -> None:
        """Let events arrive, an array for each delivery; without any, all that wait. Then do what is to be done."""
        for one in arrays or [self.waiting()]:
            told = Inbound("hub", {}, json.dumps(list(one)).encode(), self.house.now, url=ADDRESS)
            signed = self.connector.sign(told, CLIENT_SECRET)
            self.connector.verify(signed, self.connector.settings.secrets)
            self.house.store.inbox.append([inbox.encode(signed, self.connector.keeps)])
            self.house.work()
        self.house.work()

    def person(self, number: int, **values: str) -> None:
        """Let somebody become a contact who agreed to mails yesterday, and let us hear of it."""
        self.act("POST", "contacts", id=number, newsletter_since=self.house.iso(-86_400), **values)
        self.hear()

    def seen(self, email: str) -> tuple[Any, list[int], bool]:
        """Return what Brevo has of somebody: last name, lists, whether blocked."""
        row = self.house.contacts[email]
        return row["attributes"].get("LASTNAME"), row["listIds"], row["emailBlacklisted"]

    def leave(self, email: str) -> None:
        """Let somebody leave in Brevo, which tells of it, and do what follows."""
        self.house.act("unsubscribe", {"email": email})
        body = {"event": "unsubscribed", "email": email, "ts_event": int(self.house.time.now_s)}
        told = Inbound("brevo", {}, json.dumps(body).encode(), self.house.now)
        self.house.store.inbox.append([inbox.encode(told, ())])
        self.house.work()
        self.house.work()

    def statuses(self, email: str) -> set[str]:
        """Return what HubSpot says of an address."""
        rows = self.http.get(f"/fake/statuses?email={email}").get_json()["statuses"]
        return {row["status"] for row in rows}
