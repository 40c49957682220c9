"""Whether Brevo takes orders: eCommerce is on, and counts in the currency of the sources."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from customer_sync.brevo.commerce import ask_commerce, currencies_of
from customer_sync.brevo.webhooks import ORDERS_PATH, notice_url
from customer_sync.config import Settings
from customer_sync.errors import ConfigError, TajoError
from customer_sync.operate.doctor.findings import Finding, Patient

#: The check.
NAME: Final = "eCommerce"
#: The skills that need it.
_NEED: Final = ("order-events", "product-catalog")


def examine_commerce(patient: Patient) -> Iterator[Finding]:
    """Yield what the account says of eCommerce, where a skill needs it."""
    sources = [name for name in patient.settings.sources if _needs(patient.settings, name)]
    if patient.brevo is None or not sources:
        return
    try:
        found = ask_commerce(patient.brevo, patient.store, int(patient.now_s() * 1000))
    except ConfigError as error:
        yield Finding(NAME, "fail", error.reason, error.remedy, "refused")
        return
    except TajoError as error:
        yield Finding(NAME, "warn", f"not checked: {error}", "Try again in a moment.")
        return
    if not found.is_on:
        fix = "`tajo brevo activate` switches it on, which takes about five minutes."
        yield Finding(NAME, "fail", "it is not activated: orders and products wait", fix, "config")
        return
    yield Finding(NAME, "ok", f"on, it counts in {found.currency or 'an unknown currency'}")
    for source in sources:
        others = [one for one in currencies_of(patient.store, source) if one != found.currency]
        if others:
            cause = f"{source} sells in {', '.join(others)}, the account counts in {found.currency or 'an unknown one'}"
            fix = (
                "Orders in another currency are left out. Where all are: `tajo brevo activate --currency CODE`, then "
                f"`tajo connectors sync {source} --full`."
            )
            yield Finding("currency", "warn", cause, fix)
    if not patient.settings.brevo.is_sandbox and not notice_url(patient.settings, ORDERS_PATH):
        cause = "Brevo cannot tell which orders of history it refused"
        yield Finding("orders of history", "warn", cause, "Set TAJO_PUBLIC_URL and brevo.webhook_secret.")


def _needs(settings: Settings, source: str) -> bool:
    return any(settings.applies(skill, source) for skill in _NEED)
