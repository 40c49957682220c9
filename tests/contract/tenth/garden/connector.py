"""Garden: its webhooks, whose proof stands in the path, and its API."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

from customer_sync.errors import ConfigError, PayloadError, TajoError, TryLater, Unavailable
from customer_sync.kit.connector import Connector, Option, json_object
from customer_sync.kit.fields import Node, Table, email, identifier, maybe_id, strict, take, text
from customer_sync.kit.reach import Access, Finding, Pace, Page, Upkeep, Want
from customer_sync.kit.rescue import Subject, hear
from customer_sync.kit.signatures import verify_token
from customer_sync.model import Channel, Consent, ConsentState, Event, Inbound, Kind

TOPICS: Mapping[str, Kind] = {
    "customer.changed": Kind.CUSTOMER_UPDATED,
    "customer.removed": Kind.CUSTOMER_DELETED,
}
CUSTOMER: Table = {"email": strict(email, "email"), "firstName": take(text, "name")}
WRONG_KEY = ("Garden refuses the key.", "Copy `key` again from Garden > Settings > API.")


class GardenConnector(Connector):
    """Garden: customers by webhook and by its API."""

    platform = "garden"
    title = "Garden"
    auth = "key"
    proof = "secret in the path"
    judges = "nobody: it is made up"
    topics = tuple(TOPICS)
    pulls = fetches = ("customers",)
    signs_body = False
    pace = Pace(10, 1.0)
    options = (Option("key", "The API key.", secret=True),)

    @classmethod
    def recognises(cls, inbound: Inbound) -> bool:
        """Tell it by the first key of the body: Garden sends no header of its own."""
        return inbound.body.lstrip().startswith(b'{"garden"')

    def verify(self, inbound: Inbound, secrets: Sequence[str]) -> None:
        """Check the secret at the end of the path."""
        verify_token(inbound.path, secrets)

    def sign(self, inbound: Inbound, secret: str) -> Inbound:
        """Return the request as it comes to the address with the secret."""
        return replace(inbound, path=secret)

    def parse(self, inbound: Inbound) -> Sequence[Event | PayloadError]:
        """Return the event of a webhook."""
        body = Node(json_object(inbound))
        kind = TOPICS.get(topic) if isinstance(topic := body.get("garden"), str) else None
        if kind is None:
            return []
        node = body.child("customer")
        outline = Event(
            f"garden:{sha256(inbound.body).hexdigest()}", inbound.source, kind, inbound.received_at, topic=str(topic)
        )
        if kind is Kind.CUSTOMER_DELETED:
            number = identifier(node.get("id"), "customer.id")
            return [replace(outline, record_id=number, customer_id=number, record={"id": number})]
        return hear(partial(read, node, outline), node, SUBJECT, outline)

    def can_pull(self) -> bool:
        """Tell whether there is a key."""
        return bool(self.settings.options.get("key"))

    def pull(self, want: Want, access: Access) -> Page:
        """Return the next page, by id."""
        self.must(want.resource, self.pulls)
        after = int(str((want.cursor or {}).get("after", 0)))
        query = {"after": after, **({"since": want.since.isoformat()} if want.since else {})}
        found = self._ask(access, "GET", f"/api/customers?{urlencode(query)}")
        rows = found["customers"]
        if (found["more"] and not rows) or any(row["id"] <= after for row in rows):
            raise TryLater("Garden gave an empty page, or one from before.")
        cursor = {"after": found["next"]} if found["more"] else None
        events = self._read(rows, access)
        return Page([one for one in events if want.since is None or one.occurred_at >= want.since], cursor)

    def fetch(self, resource: str, ids: Sequence[str], access: Access) -> Sequence[Event | PayloadError]:
        """Return customers as they are now."""
        self.must(resource, self.fetches)
        known = [one for one in ids if one.isascii() and one.isdigit()]
        found = self._ask(access, "GET", f"/api/customers/some?{urlencode({'ids': ','.join(known)})}")
        return self._read(found["customers"], access)

    def ensure_webhooks(self, address: str, access: Access) -> Upkeep:
        """Make one for each topic, and repair what is wrong with it."""
        url = f"{address}/{self.settings.secrets[0]}"
        place = url.partition("://")[2].partition("/")[2]
        hooks = self._ask(access, "GET", "/api/hooks")["hooks"]
        ours = {one["topic"]: one for one in hooks if one["url"].partition("://")[2].partition("/")[2] == place}
        kept, created, repaired = [], [], {}
        for topic in self.topics:
            hook = ours.get(topic)
            if hook is None:
                self._ask(access, "POST", "/api/hooks", {"topic": topic, "url": url, "on": True})
                created.append(topic)
            elif hook["url"] != url or not hook["on"]:
                self._ask(access, "PUT", f"/api/hooks/{hook['id']}", {"url": url, "on": True})
                repaired[topic] = "off" if hook["url"] == url else "another address"
            else:
                kept.append(topic)
        return Upkeep(tuple(kept), tuple(created), repaired)

    def check(self, access: Access) -> Sequence[Finding]:
        """Return whether the key is good."""
        try:
            self._ask(access, "GET", "/api/hooks")
        except ConfigError as error:
            return [Finding("key", "fail", error.reason, error.remedy)]
        except TajoError as error:
            return [Finding("key", "fail", str(error), "Try again in a minute.")]
        return [Finding("key", "ok", "it opens the API")]

    def _read(self, rows: Sequence[Any], access: Access) -> list[Event]:
        now = datetime.fromtimestamp(access.now_s(), UTC)
        made = []
        for row in rows:
            outline = Event(f"garden:{row['id']}:{row['updatedAt']}", self.settings.name, Kind.CUSTOMER_UPDATED, now)
            made.append(read(Node(row), replace(outline, topic="pull")))
        return made

    def _ask(self, access: Access, method: str, path: str, body: Any = None) -> Any:
        raw = None if body is None else json.dumps(body).encode()
        headers = {"X-Key": str(self.settings.options.get("key")), "Content-Type": "application/json"}
        reply = access.http.send(method, f"{self.settings.base_url}{path}", headers=headers, body=raw)
        if reply.status == 429:
            raise TryLater("Garden wants it slower.", after_s=1.0, burns=False)
        if reply.status >= 500:
            raise Unavailable(f"Garden answers {reply.status}.")
        try:
            answer = json.loads(reply.body)
        except ValueError as error:
            raise TryLater("Garden answered with a page.") from error
        if reply.status in (401, 403):
            raise ConfigError(*WRONG_KEY)
        return answer


def consents(node: Node, at: datetime) -> tuple[Consent, ...]:
    """Return what a customer says of e-mails."""
    agrees = node.get("agrees")
    if agrees is None:
        return ()
    if not isinstance(agrees, bool):
        raise PayloadError(node.path("agrees"), "expected true or false")
    said = node.instant("agreedAt")
    state = ConsentState.GRANTED if agrees else ConsentState.WITHDRAWN
    return (Consent(Channel.EMAIL, state, said or at, "agrees", explicit=said is not None),)


SUBJECT = Subject(
    customer_id=lambda node: maybe_id(node.get("id"), node.path("id")),
    email=lambda node: email(node.get("email"), node.path("email")),
    at=lambda node: node.instant("updatedAt"),
    consents=(consents,),
)


def read(node: Node, outline: Event) -> Event:
    """Return the event of a customer."""
    number = identifier(node.get("id"), node.path("id"))
    at = node.instant("updatedAt") or outline.occurred_at
    record = {"id": number, **node.pick(CUSTOMER)}
    told = SUBJECT.told(node, at)
    return replace(outline, occurred_at=at, record_id=number, customer_id=number, record=record, consents=told)


CONNECTOR = GardenConnector
