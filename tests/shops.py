"""Two platforms that are connected in a browser, for tests: one answers by the browser, one posts the keys itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, ClassVar

import pytest

from customer_sync import registry
from customer_sync.errors import ConfigError, Refused
from customer_sync.kit.connector import Connector, Option
from customer_sync.kit.reach import Access, Callback, Finding, Invitation, Upkeep
from customer_sync.model import Event, Inbound


class Lumen(Connector):
    """Sends the browser back with a code, as OAuth does."""

    platform = "lumen"
    title = "Lumen"
    options = (
        Option("shop_url", "The shop's address."),
        Option("api_secret", "The app's secret.", secret=True),
        Option("token", "A permanent token.", secret=True),
    )
    secret_keys = ("webhook_secret", "api_secret")
    topics = ("customers/create", "customers/update")
    pulls = ("customers",)
    #: What `accept`, `check` and `ensure_webhooks` raise instead of working: a class and its arguments. An object that
    #: is raised would keep the whole test alive by its traceback.
    trouble: ClassVar[tuple[Any, ...]] = ()
    upkeep: ClassVar[Upkeep] = Upkeep(kept=("customers/create",), created=("customers/update",))
    #: What they were called with.
    calls: ClassVar[list[object]] = []

    def verify(self, inbound: Inbound, secrets: Sequence[str]) -> None:
        """Nothing is checked."""

    def parse(self, inbound: Inbound) -> Sequence[Event]:
        return []

    def can_pull(self) -> bool:
        return "token" in self.settings.options

    def invite(self, invitation: Invitation) -> str:
        shop = self.settings.options.get("shop_url")
        if not shop:
            raise ConfigError("Lumen needs shop_url.", "Set shop_url, or add --shop-url.")
        return f"https://{shop}/authorize?state={invitation.state}&redirect_uri={invitation.callback_url}"

    def accept(self, callback: Callback, invitation: Invitation, access: Access) -> str:
        self._trip()
        if callback.query.get("state") != invitation.state or "code" not in callback.query:
            raise Refused("This is not Lumen's answer.")
        return self._keep(access, str(callback.query["code"]))

    def check(self, access: Access) -> Sequence[Finding]:
        self._trip()
        return [Finding("token", "ok" if access.vault.load() else "warn", "looked at", "")]

    def ensure_webhooks(self, address: str, access: Access) -> Upkeep:
        self._trip()
        self.calls.append(address)
        return self.upkeep

    def _keep(self, access: Access, token: str) -> str:
        with access.vault.locked():
            access.vault.save({"token": token, "shop_url": self.settings.options["shop_url"]})
        return f"The shop {self.settings.options['shop_url']} is connected."

    def _trip(self) -> None:
        if self.trouble:
            kind, *words = self.trouble
            raise kind(*words)


class Tulip(Lumen):
    """Posts the keys from the shop's server, as WooCommerce does."""

    platform = "tulip"
    title = "Tulip"

    def accept(self, callback: Callback, invitation: Invitation, access: Access) -> str:
        self._trip()
        body = json.loads(callback.body) if callback.body else {}
        if body.get("user_id") != invitation.state:
            raise Refused("This is not Tulip's answer.")
        return self._keep(access, body["key"])


def open_shops(monkeypatch: pytest.MonkeyPatch) -> type[Lumen]:
    """Make the registry know both, beside the real connectors; they begin without trouble."""
    real = registry._found()
    classes = {**real.classes, "lumen": Lumen, "tulip": Tulip}
    found = registry.Found(dict(sorted(classes.items())), {**real.origins, "lumen": "test", "tulip": "test"}, {})
    monkeypatch.setattr(registry, "_found", lambda: found)
    monkeypatch.setattr(Lumen, "trouble", ())
    monkeypatch.setattr(Lumen, "calls", [])
    monkeypatch.setattr(Lumen, "upkeep", Lumen.upkeep)
    return Lumen
