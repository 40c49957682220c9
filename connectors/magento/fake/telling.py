"""Who is told of a change: the webhooks of the companion module, and Adobe I/O's registration.

The module signs the time, a dot and the raw body with HMAC-SHA256; its body is what our README says of it. Adobe I/O
(https://developer.adobe.com/events/docs/guides/) asks a new address for its challenge, signs the raw body with
RSA-SHA256 under two keys, and tries again for 24 hours. Both send the model of an observer, numbers as text.
"""

from __future__ import annotations

import base64
import hmac
import uuid
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from hashlib import sha256
from typing import Final

import orjson
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from connectors.magento.fake.bodies import stamp
from connectors.magento.fake.settings import VIEWS, Settings
from customer_sync.kit.fakes.answers import JSON, Row
from customer_sync.kit.fakes.clock import iso
from customer_sync.kit.fakes.hooks import Delivery, Message, Sender
from customer_sync.kit.fakes.table import Table

#: The paths of Adobe's two keys.
PATHS: Final = ("/prod/keys/pub-key-fake-one.pem", "/prod/keys/pub-key-fake-two.pem")
_TYPE: Final = "com.adobe.commerce.fake.observer."


class Telling:
    """Sends what happens to whoever is registered. The caller holds the stand-in's lock.

    Args:
        settings: of the shop.
        clock: its time.
        sender: sends.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float], sender: Sender) -> None:
        self._settings, self._clock, self._sender = settings, clock, sender
        self.hooks: Table[Row] = Table()

    @cached_property
    def keys(self) -> tuple[RSAPrivateKey, RSAPrivateKey]:
        """Adobe's two keys."""
        first, second = (generate_private_key(65_537, 2_048) for _ in PATHS)
        return first, second

    @property
    def pems(self) -> Mapping[str, str]:
        """Path → public key, as Adobe shows it."""
        shown = [key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo) for key in self.keys]
        return dict(zip(PATHS, (pem.decode() for pem in shown), strict=True))

    def put_hook(self, number: int | None, body: Row) -> Row:
        """Make or change a webhook of the module; its secret is never shown again."""
        number = number or self.hooks.next_number()
        row = {"is_active": True, **(self.hooks.get(number) or {}), **body, "id": number}
        return self.hooks.put(number, row)

    def shown(self, row: Row) -> Row:
        """Return a webhook as its route shows it."""
        hint = sha256(str(row.get("secret", "")).encode()).hexdigest()[:8]
        return {name: row.get(name) for name in ("id", "topic", "address", "is_active")} | {"secret_hint": hint}

    def tell(self, topic: str, website_id: int, model: Row) -> None:
        """Tell of a change."""
        now_s, number = self._clock(), str(uuid.uuid4())
        if self._settings.module:
            website = next(one.website for one in VIEWS if one.website_id == website_id)
            store = {"website_id": website_id, "website": website}
            body = {"id": number, "topic": topic, "sent_at": stamp(now_s), "store": store, "data": _as_text(model)}
            for hook in self.hooks.values():
                if hook["topic"] == topic and hook["is_active"]:
                    message = Message(
                        {"Content-Type": JSON}, orjson.dumps(body), partial(_module_proof, hook["secret"])
                    )
                    self._put(hook["address"], topic, message, hook["id"])
        if self._settings.io_url:
            self._put(self._settings.io_url, topic, self.io_message(number, topic, model), "io")

    def io_message(self, number: str, topic: str, model: Row) -> Message:
        """Return a delivery of Adobe I/O."""
        event = {
            "specversion": "1.0",
            "id": number,
            "type": f"{_TYPE}{topic}",
            "time": f"{iso(self._clock())}Z",
            "data": {"value": _as_text(model), "source": "fake.shop", "_metadata": {"websiteId": "1"}},
        }
        told = {"event_id": number, "event": event, "recipient_client_id": self._settings.io_client_id}
        headers = {"Content-Type": JSON, "x-adobe-event-id": number, "x-adobe-event-code": event["type"]}
        return Message({**headers, **_paths()}, orjson.dumps(told), self._io_proof)  # type: ignore[dict-item]  # texts

    def _io_proof(self, body: bytes, _at_s: float) -> Mapping[str, str]:
        made = [base64.b64encode(key.sign(body, PKCS1v15(), SHA256())).decode() for key in self.keys]
        return {f"x-adobe-digital-signature-{at}": one for at, one in enumerate(made, start=1)}

    def _put(self, url: str, topic: str, message: Message, of: object) -> None:
        self._sender.put(Delivery(url, topic, lambda: message, of=of))


def _paths() -> dict[str, str]:
    return {f"x-adobe-public-key{at}-path": path for at, path in enumerate(PATHS, start=1)}


def _module_proof(secret: str, body: bytes, at_s: float) -> Mapping[str, str]:
    moment = str(int(at_s))
    made = hmac.new(secret.encode(), moment.encode() + b"." + body, "sha256").hexdigest()
    return {"X-Tajo-Magento-Timestamp": moment, "X-Tajo-Magento-Signature": f"sha256={made}"}


def _as_text(model: Row) -> Row:
    """Return a model as the database gives it: numbers are texts."""
    return {
        name: str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
        for name, value in model.items()
    }
