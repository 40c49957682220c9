"""The store's webhooks: whom to tell of what, and the deliveries, which are never tried again.

Rules as read in class-wc-webhook.php, wc-webhook-functions.php and class-wc-webhook-data-store.php, 2026-11.
"""

from __future__ import annotations

import base64
import hmac
import re
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from connectors.woocommerce.fake.settings import Settings
from connectors.woocommerce.fake.wordpress import WpError, both, encode
from customer_sync.kit.fakes.answers import Row
from customer_sync.kit.fakes.hooks import Delivery, Message, Rules, Sender

AGENT: Final = "WooCommerce/{version} Hookshot (WordPress/7.1)"
STATUSES: Final = ("active", "paused", "disabled")
#: One more failure than this, counted from 0, and the webhook is off: the seventh in a row (seen on WooCommerce 11.0.1,
#: 2026-11-28; the documentation says five). Only a success counts afresh, so that one that was switched on again has a
#: single try.
MAX_FAILURES: Final = 5
#: The owner of a webhook whose user was deleted, until somebody saves it in wp-admin.
NOBODY: Final = 0

_TOPIC: Final = re.compile(
    r"(?:coupon|customer|order|product)\.(?:created|updated|deleted|restored)|action\.(?:woocommerce|wc)_.+"
)
#: https://developer.wordpress.org/reference/functions/wp_specialchars_decode/ with ENT_QUOTES: what stands for what.
_ENTITIES: Final = {
    '"': "quot|#0*34|#[xX]0*22",
    "'": "#0*39|#[xX]0*27",
    "<": "lt|#0*60",
    ">": "gt|#0*62",
    "&": "amp|#0*38|#[xX]0*26",
}
_ENTITY: Final = re.compile("&(?:" + "|".join(f"({names})" for names in _ENTITIES.values()) + ");")
_ACTIONS: Final = {
    "customer.created": ["user_register", "woocommerce_created_customer", "woocommerce_new_customer"],
    "customer.updated": ["profile_update", "woocommerce_update_customer"],
    "customer.deleted": ["delete_user"],
    "order.created": ["woocommerce_new_order"],
    "order.updated": ["woocommerce_update_order", "woocommerce_order_refunded", "woocommerce_delete_order_refund"],
    "order.deleted": ["wp_trash_post", "woocommerce_trash_order"],
    "order.restored": ["untrashed_post", "woocommerce_untrash_order"],
}
_BAD_URL: Final = "Webhook delivery URL must be a valid URL starting with http:// or https://."


@dataclass(slots=True)
class Hook:
    """One webhook.

    Args:
        id: its number.
        name: for people.
        topic: `customer.updated` and so on.
        delivery_url: where to.
        secret: what it is signed with, as it was given.
        created_s: when it was made.
        modified_s: when it was last saved.
        user_id: whose rights its bodies are made with: the user of the key that made it. The API does not change it.
        status: one of `STATUSES`.
        failures: how many deliveries in a row failed.
        wants_ping: no ping has been answered 200 yet; `pending_delivery` in the database, told nowhere.
    """

    id: int
    name: str
    topic: str
    delivery_url: str
    secret: str
    created_s: float
    modified_s: float
    user_id: int
    status: str = "active"
    failures: int = 0
    wants_ping: bool = True

    def row(self, offset_s: float) -> Row:
        """Return the webhook as the REST API tells of it, without `_links`; the secret is never told."""
        resource, _, event = self.topic.partition(".")
        return {
            "id": self.id,
            "name": self.name,
            "status": self.status,
            "topic": self.topic,
            "resource": resource,
            "event": event,
            "hooks": [event] if resource == "action" else _ACTIONS.get(self.topic, []),
            "delivery_url": self.delivery_url,
            **both("date_created", self.created_s, offset_s),
            **both("date_modified", self.modified_s, offset_s),
        }


class Webhooks:
    """The webhooks of one store.

    Args:
        settings: the switches.
        lock: the store's; never held while something is posted.
        clock: seconds since 1970.
        payload: (webhook, record's number) → the body as it is now.
        site: the store's address, with a slash at the end.
    """

    def __init__(
        self,
        settings: Settings,
        lock: threading.RLock,
        clock: Callable[[], float],
        payload: Callable[[Hook, Any], Any],
        site: Callable[[], str],
    ) -> None:
        self._settings, self._lock, self._clock, self._payload, self._site = settings, lock, clock, payload, site
        self._salt = secrets.token_bytes(16)
        self._last_id = 0
        self.hooks: dict[int, Hook] = {}
        rules = Rules(timeout_s=settings.delivery_timeout_s, http10=True, is_taken=lambda one: 200 <= one.status <= 302)
        self.sender = Sender(clock, rules, self._tried, settings.seed)

    def create(self, body: Row, user_id: int) -> Hook:
        """Add a webhook; always active, whatever `status` and the answer to the ping say.

        Raises:
            WpError: 400; topic or address are wrong.
        """
        topic, url = str(body.get("topic") or ""), str(body.get("delivery_url") or "")
        if not _TOPIC.fullmatch(topic.lower()):
            raise _invalid("topic", "Webhook topic is required and must be valid.")
        if not _is_url(url):
            raise _invalid("delivery_url", _BAD_URL)
        with self._lock:
            self._last_id += 1
            now_s, name = self._clock(), str(body.get("name") or "Webhook created on ...")
            secret = str(body.get("secret") or secrets.token_urlsafe(37))
            hook = self.hooks[self._last_id] = Hook(self._last_id, name, topic, url, secret, now_s, now_s, user_id)
        self._ping(hook)
        return hook

    def update(self, hook: Hook, body: Row) -> None:
        """Change a webhook; its owner and the count of its failures stay.

        Raises:
            WpError: 400; a value is wrong.
        """
        topic, url, status = (str(body.get(name) or "") for name in ("topic", "delivery_url", "status"))
        if topic and not _TOPIC.fullmatch(topic.lower()):
            raise _invalid("topic", "Webhook topic must be valid.")
        if url and not _is_url(url):
            raise _invalid("delivery_url", _BAD_URL)
        if status and status not in STATUSES:
            raise _invalid("status", "Webhook status must be valid.")
        with self._lock:
            is_moved = bool(url) and url != hook.delivery_url
            hook.topic, hook.delivery_url, hook.status = (
                topic or hook.topic,
                url or hook.delivery_url,
                status or hook.status,
            )
            hook.secret, hook.name = str(body.get("secret") or hook.secret), str(body.get("name") or hook.name)
        self._saved(hook, is_moved=is_moved)

    def save_in_admin(self, hook: Hook, user_id: int) -> None:
        """Let an administrator open a webhook and save it: it gets an owner only where it has none.

        Seen on WooCommerce 11.0.1, 2026-11-28: the owner who lost rights stayed, one who was deleted was replaced.
        """
        if self.owner_of(hook) == NOBODY:
            hook.user_id = user_id
        self._saved(hook)

    def owner_of(self, hook: Hook) -> int:
        """Return whose rights a webhook has; the first key's user may have been deleted."""
        is_gone = hook.user_id == 1 and self._settings.owner == "gone"
        return NOBODY if is_gone else hook.user_id

    def delete(self, hook: Hook) -> None:
        """Remove a webhook, with what waits for it."""
        del self.hooks[hook.id]
        self.sender.drop(hook.id)

    def tell(self, topic: str, number: Any) -> None:
        """Queue a delivery for every active webhook of a topic; one that waits already is not queued twice."""
        if not self._settings.webhooks:
            return
        for hook in list(self.hooks.values()):
            if hook.topic == topic and hook.status == "active":
                self._queue(hook, number)

    def _queue(self, hook: Hook, number: Any) -> None:
        # what was queued is delivered even when the webhook was paused meanwhile
        self.sender.put(
            Delivery(hook.delivery_url, hook.topic, lambda: self._message(hook, number), hook.id, (hook.id, number))
        )

    def _message(self, hook: Hook, number: Any) -> Message:
        with self._lock:
            body = encode(self._payload(hook, number))
        resource, _, event = hook.topic.partition(".")
        # not unique: a hash of the webhook and the second
        delivery = hmac.new(self._salt, f"{hook.id}{int(self._clock())}".encode(), "md5").hexdigest()
        headers = {
            "content-type": "application/json",
            "user-agent": AGENT.format(version=self._settings.version),
            "x-wc-webhook-source": self._site(),
            "x-wc-webhook-topic": hook.topic,
            "x-wc-webhook-resource": resource,
            "x-wc-webhook-event": event,
            "x-wc-webhook-id": str(hook.id),
            "x-wc-webhook-delivery-id": delivery,
        }
        return Message(headers, body, lambda raw, _at_s: {"x-wc-webhook-signature": sign(hook.secret, raw)})

    def _ping(self, hook: Hook) -> None:
        """Post the ping, in a form; until one is answered 200, every time the webhook is saved brings another."""
        agent = AGENT.format(version=self._settings.version)
        headers = {"content-type": "application/x-www-form-urlencoded", "user-agent": agent}
        ping = Delivery(hook.delivery_url, "ping", lambda: Message(headers, f"webhook_id={hook.id}".encode()), hook.id)
        answer = self.sender.post(ping, self._settings.ping_timeout_s)
        ping.state = "delivered" if answer.status == 200 else "given_up"
        hook.wants_ping = hook.wants_ping and answer.status != 200
        self.sender.log.append(ping)

    def _tried(self, delivery: Delivery, is_taken: bool) -> None:  # noqa: FBT001  # the shape that the sender calls
        with self._lock:
            hook = self.hooks.get(delivery.of)
            if hook is None:
                return
            if is_taken:
                hook.failures = 0
            elif hook.failures > MAX_FAILURES:
                hook.status = "disabled"
            else:
                hook.failures += 1
        self._saved(hook)

    def _saved(self, hook: Hook, *, is_moved: bool = False) -> None:
        hook.modified_s = self._clock()
        if hook.id in self.hooks and hook.status == "active" and (is_moved or hook.wants_ping):
            self._ping(hook)


def sign(secret: str, body: bytes) -> str:
    """Return the signature of a body: WordPress decodes HTML entities in the secret first."""
    key = _ENTITY.sub(lambda entity: tuple(_ENTITIES)[(entity.lastindex or 1) - 1], secret)
    return base64.b64encode(hmac.digest(key.encode(), body, "sha256")).decode()


def _is_url(text: str) -> bool:
    try:
        address = urlsplit(text)
    except ValueError:
        return False
    return address.scheme in {"http", "https"} and bool(address.hostname)


def _invalid(what: str, message: str) -> WpError:
    return WpError(400, f"woocommerce_rest_shop_webhook_invalid_{what}", message)
