"""The fake store as one object: its records, keys, webhooks and faults, and the WSGI app in front of them.

```python
store = FakeStore(Settings(customers=1000, behind_tls=True))
store.start()                      # webhooks go out in the background
serve(store.app)                   # any WSGI server; or call it in the process
```
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Final

from customer_sync.demo.stores.woocommerce.access import Keys
from customer_sync.demo.stores.woocommerce.answers import WpError, cannot
from customer_sync.demo.stores.woocommerce.app import App
from customer_sync.demo.stores.woocommerce.calls import Calls
from customer_sync.demo.stores.woocommerce.faults import Faults
from customer_sync.demo.stores.woocommerce.kinds import KINDS
from customer_sync.demo.stores.woocommerce.listing import Listings
from customer_sync.demo.stores.woocommerce.records import Records
from customer_sync.demo.stores.woocommerce.resource import linked
from customer_sync.demo.stores.woocommerce.settings import Settings
from customer_sync.demo.stores.woocommerce.webhooks import Webhooks

#: How often the background jobs look around when nothing woke them, in seconds.
_LOOK_S: Final = 0.05


class FakeStore:
    """A WooCommerce shop in memory. Everything of it may be used from several threads.

    Args:
        settings: how it is set up and behaves; the switches in it may be thrown at any time.
        clock: seconds since 1970; the store's own clock is `offset_s` ahead of it.
    """

    def __init__(self, settings: Settings | None = None, clock: Callable[[], float] = time.time) -> None:
        self.settings = settings or Settings()
        self.lock = threading.RLock()
        self.offset_s = 0.0
        self.seen_at = ""
        self.faults: Faults = Faults()
        self.calls: Calls = Calls()
        self.hidden: dict[str, set[int]] = {"orders": set(), "products": set()}
        self._clock = clock
        self.webhooks: Webhooks = Webhooks(self.settings, self.lock, self.now, self.payload, self.site)
        self.records: Records = Records(self.settings, self.now, self.webhooks.tell)
        self.listings: Listings = Listings(self.records, self.faults)
        self.keys: Keys = self._first_keys()
        self.app = App(self)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def now(self) -> float:
        """Return the store's own time, seconds since 1970."""
        return self._clock() + self.offset_s

    def site(self) -> str:
        """Return what the store believes to be its address, with a slash at the end."""
        return (self.settings.site_url or self.seen_at or "http://127.0.0.1").rstrip("/") + "/"

    def api(self) -> str:
        """Return the address of the REST API."""
        return f"{self.site()}wp-json" if self.settings.pretty_permalinks else f"{self.site()}index.php?rest_route="

    def hides(self, area: str, number: int) -> bool:
        """Tell whether the keys' user may not read a record; customers are never hidden one by one."""
        if area not in self.hidden:
            return False
        every = self.settings.hide_every
        return number in self.hidden[area] or bool(every and number // 3 % every == 0)

    def payload(self, topic: str, number: Any) -> Any:
        """Return the body of a webhook, made of the record as it is now, with the rights of the webhooks' owner."""
        resource, _, event = topic.partition(".")
        if event == "deleted":
            return {"id": number}
        if resource == "action":
            return {"action": event, "arg": number}
        area = f"{resource}s"
        try:
            if self.settings.owner != "well":
                text = "you cannot view this resource."
                raise cannot("view", text, logged_in=self.settings.owner == "demoted")
            return linked(KINDS[area].get(self, number), area, self.api())
        except WpError as error:
            return error.body()

    def start(self) -> None:
        """Let the background jobs run: webhooks are delivered without being asked for."""
        if self._thread is None:
            self._stop.clear()
            self._thread = threading.Thread(target=self._run, name="action-scheduler", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """End the background jobs."""
        if self._thread is not None:
            self._stop.set()
            self.webhooks.due_soon.set()
            self._thread.join(self.settings.delivery_timeout_s)
            self._thread = None

    def reset(self) -> None:
        """Go back to the first records and the first key; switches stay as they are."""
        with self.lock:
            self.records.clear()
            self.webhooks.clear()
            self.faults.clear()
            self.calls.clear()
            self.hidden = {"orders": set(), "products": set()}
            self.offset_s = 0.0
            self.keys = self._first_keys()

    def _first_keys(self) -> Keys:
        keys = Keys(self.now)
        keys.add(self.settings.key, self.settings.secret, self.settings.permissions, "first key")
        return keys

    def _run(self) -> None:
        while not self._stop.is_set():
            self.webhooks.due_soon.clear()
            due_s = self.webhooks.next_due_s()
            if due_s == 0:
                self.webhooks.deliver()
                continue
            self.webhooks.due_soon.wait(_LOOK_S if due_s is None else min(due_s, _LOOK_S))
