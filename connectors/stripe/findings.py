"""What is well with a source, for the doctor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from connectors.stripe import upkeep
from connectors.stripe.account import Account
from connectors.stripe.api import Api
from customer_sync.errors import ConfigError, TajoError
from customer_sync.kit.reach import Access, Finding, shut_out
from customer_sync.kit.rest import Rejected

#: Permission of a restricted key, as the Dashboard calls it → what is read with it.
PERMISSIONS: Final[Mapping[str, str]] = {
    "Customers": "/v1/customers",
    "Subscriptions": "/v1/subscriptions",
    "Events": "/v1/events",
    "Invoices": "/v1/invoices",
    "Charges": "/v1/charges",
}
_AGAIN: Final = "Try again in a minute; see status.stripe.com."


def examine(account: Account, access: Access, secrets: Sequence[str]) -> list[Finding]:
    """Return what is well and what is not; see `Connector.check`."""
    try:
        api = Api(account, access)
    except ConfigError as error:
        return [shut_out("key", error, _AGAIN)]
    missing = []
    for name, path in PERMISSIONS.items():
        try:
            api.rest.get(path, {"limit": "1"})
        except Rejected as error:
            if error.status != 403:
                return [shut_out("key", error, _AGAIN)]
            missing.append(name)
        except TajoError as error:
            return [shut_out("key", error, _AGAIN)]
    found = [Finding("key", "ok", f"it opens the API, in {account.mode or 'an unknown'} mode")]
    if missing:
        fix = "In the Dashboard, under Developers > API keys, give the restricted key Read for them."
        found.append(Finding("permissions", "fail", f"the key may not read {', '.join(missing)}", fix, "keys"))
    try:
        found += upkeep.examine(api, secrets)
    except Rejected as error:
        if error.status != 403:
            return [*found, shut_out("webhooks", error, _AGAIN)]
        cause = "the key may not see webhook endpoints: they are made by hand, and cannot be repaired from here"
        found.append(Finding("webhooks", "warn", cause, "Give it Write for Webhook Endpoints, or look there yourself."))
    except TajoError as error:
        found.append(shut_out("webhooks", error, _AGAIN))
    return found
