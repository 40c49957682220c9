"""The store's webhooks: whom to tell of what, and the deliveries, which are never tried again.

Rules as read in class-wc-webhook.php, wc-webhook-functions.php and class-wc-webhook-data-store.php, 2026-11.
"""

from __future__ import annotations

import base64
import hmac
import re
import secrets
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from customer_sync.demo.stores.woocommerce.answers import Row, WpError, encode
from customer_sync.demo.stores.woocommerce.post import post
from customer_sync.demo.stores.woocommerce.settings import Settings
from customer_sync.demo.stores.woocommerce.stamps import both

AGENT: Final = "WooCommerce/11.1.0 Hookshot (WordPress/7.0)"
STATUSES: Final = ("active", "paused", "disabled")
#: One more failure than this, counted from 0, and the webhook is off: the seventh in a row.
MAX_FAILURES: Final = 5
#: How many finished deliveries are remembered.
KEPT: Final = 10_000

_TOPIC = re.compile(
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
_ENTITY = re.compile("&(?:" + "|".join(f"({names})" for names in _ENTITIES.values()) + ");")
_ACTIONS: Final = {
    "customer.created": ["user_register", "woocommerce_created_customer", "woocommerce_new_customer"],
    "customer.updated": ["profile_update", "woocommerce_update_customer"],
    "customer.deleted": ["delete_user"],
    "order.created": ["woocommerce_new_order"],
    "order.updated": ["woocommerce_update_order", "woocommerce_order_refunded", "woocommerce_delete_order_refund"],
    "order.deleted": ["wp_trash_post", "woocommerce_trash_order"],
    "order.restored": ["untrashed_post", "woocommerce_untrash_order"],
}


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
        status: one of `STATUSES`.
        failures: how many deliveries in a row failed.
        wants_ping: no ping has been answered 200 yet.
    """

    id: int
    name: str
    topic: str
    delivery_url: str
    secret: str
    created_s: float
    modified_s: float
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


@dataclass(frozen=True, slots=True)
class Delivery:
    """One post that was made.

    Args:
        at_s: when.
        hook_id: for which webhook.
        url: where to.
        status: the answer; 0 stands for none.
        headers: what was sent, by lower-case name.
        body: what was sent.
    """

    at_s: float
    hook_id: int
    url: str
    status: int
    headers: Row = field(repr=False)
    body: bytes = field(repr=False)

    def row(self) -> Row:
        """Return the delivery as the control routes show it."""
        is_ping = "x-wc-webhook-topic" not in self.headers
        topic = "ping" if is_ping else self.headers["x-wc-webhook-topic"]
        told = {"url": self.url, "topic": topic, "status": self.status, "headers": self.headers}
        return {"at": self.at_s, "webhookId": self.hook_id, **told, "body": self.body.decode()}


class Webhooks:
    """The webhooks of one store, and what waits to be delivered.

    Args:
        settings: the switches.
        lock: the store's; never held while something is posted.
        clock: seconds since 1970.
        payload: (topic, record's number) → the body as it is now.
        site: the store's address, with a slash at the end.
    """

    def __init__(
        self,
        settings: Settings,
        lock: threading.RLock,
        clock: Callable[[], float],
        payload: Callable[[str, Any], Any],
        site: Callable[[], str],
    ) -> None:
        self._settings = settings
        self._lock = lock
        self._clock = clock
        self._payload = payload
        self._site = site
        self._salt = secrets.token_bytes(16)
        self._posting = threading.Lock()
        self._last_id = 0
        self.due_soon = threading.Event()
        self.hooks: dict[int, Hook] = {}
        self.pending: dict[tuple[int, Any], float] = {}
        self.log: deque[Delivery] = deque(maxlen=KEPT)
        self.coalesced = 0

    def create(self, body: Row) -> Hook:
        """Add a webhook; always active, whatever `status` says.

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
            now = self._clock()
            name = str(body.get("name") or "Webhook created on ...")
            secret = str(body.get("secret") or secrets.token_urlsafe(37))
            hook = self.hooks[self._last_id] = Hook(self._last_id, name, topic, url, secret, now, now)
        self.ping(hook)
        return hook

    def update(self, hook: Hook, body: Row) -> None:
        """Change a webhook; the count of its failures stays, so one that is switched on again has one try only.

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

    def ping(self, hook: Hook) -> None:
        """Post the ping; until one is answered 200, every time the webhook is saved brings another."""
        body, headers = f"webhook_id={hook.id}".encode(), {"content-type": "application/x-www-form-urlencoded"}
        if self._post(hook, body, headers, self._settings.ping_timeout_s) == 200:
            hook.wants_ping = False

    def tell(self, topic: str, number: Any) -> None:
        """Queue a delivery for every active webhook of a topic; one that waits already is not queued twice."""
        if not self._settings.webhooks:
            return
        with self._lock:
            for hook in self.hooks.values():
                if hook.topic != topic or hook.status != "active":
                    continue
                if (hook.id, number) in self.pending:
                    self.coalesced += 1
                    continue
                self.pending[hook.id, number] = self._clock() + self._settings.scheduler_delay_s
        self.due_soon.set()

    def next_due_s(self) -> float | None:
        """Return in how many seconds something is due; None when nothing is, or the scheduler stands still."""
        with self._lock:
            if not self._settings.scheduler_runs or not self.pending:
                return None
            return max(0.0, min(self.pending.values()) - self._clock())

    def deliver(self, *, everything: bool = False) -> int:
        """Post what is due, one after the other, and return how many were posted.

        Args:
            everything: also what is not due yet.
        """
        with self._posting:
            with self._lock:
                now = self._clock()
                due = [one for one, at in self.pending.items() if everything or at <= now]
            posted = 0
            for one in due:
                posted += self._deliver(*one)
            return posted

    def _deliver(self, hook_id: int, number: Any) -> bool:
        with self._lock:
            self.pending.pop((hook_id, number), None)
            hook = self.hooks.get(hook_id)
            if hook is None:
                return False
            # the status is not looked at again: what was queued is delivered even when the webhook was paused meanwhile
            body = encode(self._payload(hook.topic, number))
            headers = self._headers(hook, body)
        status = self._post(hook, body, headers, self._settings.delivery_timeout_s)
        with self._lock:
            if 200 <= status <= 302:
                hook.failures = 0
            elif hook.failures > MAX_FAILURES:
                hook.status = "disabled"
            else:
                hook.failures += 1
        self._saved(hook)
        return True

    def _headers(self, hook: Hook, body: bytes) -> dict[str, str]:
        resource, _, event = hook.topic.partition(".")
        # not unique: a hash of the webhook and the second
        delivery = hmac.new(self._salt, f"{hook.id}{int(self._clock())}".encode(), "md5").hexdigest()
        return {
            "content-type": "application/json",
            "x-wc-webhook-source": self._site(),
            "x-wc-webhook-topic": hook.topic,
            "x-wc-webhook-resource": resource,
            "x-wc-webhook-event": event,
            "x-wc-webhook-signature": sign(hook.secret, body),
            "x-wc-webhook-id": str(hook.id),
            "x-wc-webhook-delivery-id": delivery,
        }

    def _post(self, hook: Hook, body: bytes, headers: dict[str, str], timeout_s: float) -> int:
        url = hook.delivery_url
        status = post(url, body, {**headers, "user-agent": AGENT}, timeout_s)
        with self._lock:
            self.log.append(Delivery(self._clock(), hook.id, url, status, headers, body))
        return status

    def _saved(self, hook: Hook, *, is_moved: bool = False) -> None:
        hook.modified_s = self._clock()
        if hook.id in self.hooks and hook.status == "active" and (is_moved or hook.wants_ping):
            self.ping(hook)

    def clear(self) -> None:
        """Forget every webhook and delivery."""
        with self._lock:
            self.hooks.clear()
            self.pending.clear()
            self.log.clear()
            self.coalesced = 0


def sign(secret: str, body: bytes) -> str:
    """Return the signature of a body: WordPress decodes HTML entities in the secret first."""
    key = _ENTITY.sub(lambda entity: tuple(_ENTITIES)[(entity.lastindex or 1) - 1], secret)
    return base64.b64encode(hmac.digest(key.encode(), body, "sha256")).decode()


_BAD_URL = "Webhook delivery URL must be a valid URL starting with http:// or https://."


def _is_url(text: str) -> bool:
    try:
        address = urlsplit(text)
    except ValueError:
        return False
    return address.scheme in {"http", "https"} and bool(address.hostname)


def _invalid(what: str, message: str) -> WpError:
    return WpError(400, f"woocommerce_rest_shop_webhook_invalid_{what}", message)
