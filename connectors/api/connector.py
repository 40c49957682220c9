"""The three bodies in which any program tells of its customers: `customer_created`, `_updated`, `_deleted`.

```
{"event": "customer_updated", "timestamp": "2026-11-21T10:00:00Z", "id": "any text of yours",
 "data": {"id": "cust_12345", "email": "ann@example.com", "changes": {"firstName": {"old": "An", "new": "Ann"}}}}
```

They come by `POST /api/v1/events`, which belongs to the source `api` that is always there, or as webhooks of a source
with `platform: api`, signed as Standard Webhooks say.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from hashlib import sha256
from typing import ClassVar, Final

from connectors.api.records import SUBJECT, deleted, faults_in, read
from customer_sync.errors import PayloadError
from customer_sync.kit.connector import Connector, header, json_object
from customer_sync.kit.fields import Node
from customer_sync.kit.rescue import hear
from customer_sync.kit.signatures import sign_standard, verify_standard
from customer_sync.model import Event, Inbound, Kind

TOPICS: Final[Mapping[str, Kind]] = {
    "customer_created": Kind.CUSTOMER_CREATED,
    "customer_updated": Kind.CUSTOMER_UPDATED,
    "customer_deleted": Kind.CUSTOMER_DELETED,
}
#: The header with the id of a webhook.
MARK: Final = "webhook-id"
#: How such a body looks at its beginning; no header is ours alone.
_LOOK: Final = re.compile(rb'"event"\s*:\s*"customer_(?:created|updated|deleted)"')
_LOOK_BYTES: Final = 500


class ApiConnector(Connector):
    """Customers told by any program."""

    platform: ClassVar[str] = "api"
    title: ClassVar[str] = "Tajo API"
    proof = "Standard Webhooks, or the API's key"
    judges = "the documents' own bodies"
    keeps: ClassVar[tuple[str, ...]] = (MARK,)
    topics: ClassVar[tuple[str, ...]] = tuple(TOPICS)
    #: Whoever sends may know one address under several ids: each record speaks for it, and none ends another.
    shares_addresses: ClassVar[bool] = True

    @classmethod
    def recognises(cls, inbound: Inbound) -> bool:
        """Tell such a body by its beginning."""
        return _LOOK.search(inbound.body, 0, _LOOK_BYTES) is not None

    def verify(self, inbound: Inbound, secrets: Sequence[str]) -> None:
        """Check the signature and its time by Standard Webhooks."""
        verify_standard(inbound, secrets)

    def sign(self, inbound: Inbound, secret: str) -> Inbound:
        """Return the request as a program signs it."""
        made = sign_standard(
            inbound.body,
            secret,
            message_id=f"msg_{sha256(inbound.body).hexdigest()[:20]}",
            sent_at=inbound.received_at,
        )
        return replace(inbound, headers={**inbound.headers, **made})

    def parse(self, inbound: Inbound) -> Sequence[Event | PayloadError]:
        """Return the event of a body; a withdrawal is heard whatever is wrong with the rest."""
        body = Node(json_object(inbound))
        topic = body.get("event")
        kind = TOPICS.get(topic) if isinstance(topic, str) else None
        if kind is None:
            return []
        at = body.instant("timestamp") or inbound.received_at
        outline = Event(_event_id(body, inbound), inbound.source, kind, at, topic=str(topic))
        node = body.child("data")
        if kind is Kind.CUSTOMER_DELETED:
            return [deleted(node, outline)]
        return hear(partial(read, node, outline), node, SUBJECT, outline)

    def faults(self, inbound: Inbound) -> Sequence[PayloadError]:
        """Return everything that is wrong with a body, for a sender who is told at once."""
        node = Node(json_object(inbound)).child("data")
        found = {fault.path: fault for fault in faults_in(node)}
        if not found:
            try:
                parts = self.parse(inbound)
            except PayloadError as fault:
                parts = [fault]
            found = {one.path: one for one in parts if isinstance(one, PayloadError)}
        return list(found.values())


def _event_id(body: Node, inbound: Inbound) -> str:
    """Return what tells that a body was sent again: the same `id`, its own or the webhook's, with the same content.

    Nothing that the sender wrote stands in it: it is logged. What the API lets in has its mark already.
    """
    sent = header(inbound, MARK)
    if inbound.source == ApiConnector.platform and sent:
        return f"api:{sent}"
    whole = json.dumps(body.body, sort_keys=True)
    return f"api:{sha256(f'{sent}|{whole}'.encode(errors='surrogatepass')).hexdigest()[:32]}"


CONNECTOR = ApiConnector
