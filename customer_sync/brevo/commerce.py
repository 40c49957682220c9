"""What the account says of eCommerce: whether it is on, and in which currency it counts.

Orders carry no currency (https://developers.brevo.com/reference/create-order): an amount in another one than the
account's would be added as it stands. So it is asked, at most every ten minutes: the question shares a limit of 100
calls an hour with all that has none of its own.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from customer_sync.base.log import get
from customer_sync.brevo.client import Brevo
from customer_sync.brevo.desk import Desk
from customer_sync.brevo.shop_answers import COMMERCE, COMMERCE_OFF
from customer_sync.errors import ConfigError, Missing, PayloadError, TryLater, Unavailable
from customer_sync.kit.outbound import Reply
from customer_sync.model import Json
from customer_sync.store import Store

log = get(__name__)

#: For how long an answer counts, in ms; while it is off, people wait for it to be on.
ANSWER_MS: Final = 600_000
OFF_MS: Final = 120_000
#: The bucket of `/ecommerce`: "everything else" in https://developers.brevo.com/docs/api-limits.
OTHER: Final = "other"
#: Where processes tell each other.
NOTE: Final = "commerce"
#: So many currencies of a source are noted.
MOST_CURRENCIES: Final = 20

_ROUTE: Final = "/ecommerce/config/displayCurrency"


class Commerce(NamedTuple):
    """What the account says of eCommerce.

    Args:
        is_on: whether it is activated.
        currency: ISO 4217; None where Brevo tells none.
    """

    is_on: bool
    currency: str | None


def commerce_of(desk: Desk) -> Commerce:
    """Return what the account says; an older answer where Brevo has no time for the question.

    Raises:
        TajoError: nothing is known, and Brevo does not answer, or refuses the key.
    """
    note, now_ms = desk.store.note(NOTE), desk.clock()
    known = _known(note)
    if known is not None and 0 <= now_ms - note["at"] < (ANSWER_MS if known.is_on else OFF_MS):
        return known
    try:
        return ask_commerce(desk.brevo, desk.store, now_ms)
    except (TryLater, Unavailable):
        if known is None:
            raise
        return known


def need_commerce(desk: Desk) -> Commerce:
    """Return what the account says where eCommerce is on.

    Raises:
        ConfigError: it is off: the lane waits.
        TajoError: see `commerce_of`.
    """
    found = commerce_of(desk)
    if not found.is_on:
        raise off()
    return found


def off() -> ConfigError:
    """Return the error of an account without eCommerce; the same words for every lane."""
    return ConfigError(COMMERCE_OFF.reason, COMMERCE_OFF.remedy)


def ask_commerce(brevo: Brevo, store: Store, now_ms: int) -> Commerce:
    """Ask Brevo, and tell the other processes.

    Raises:
        TajoError: Brevo does not answer, or refuses the key.
    """
    try:
        found = Commerce(True, _code(brevo.call("GET", _ROUTE, bucket=OTHER, answers=COMMERCE)))
    except Missing:
        found = Commerce(False, None)
    store.set_note(NOTE, {"is_on": found.is_on, "currency": found.currency, "at": now_ms})
    log.debug("asked about eCommerce", is_on=found.is_on, currency=found.currency or "unknown")
    return found


def activate(brevo: Brevo, store: Store) -> None:
    """Ask Brevo to switch eCommerce on, which takes it about five minutes, and ask anew from now on.

    Raises:
        TajoError: Brevo does not answer, or refuses.
    """
    brevo.call("POST", "/ecommerce/activate", bucket=OTHER, answers=COMMERCE)
    store.set_note(NOTE, None)


def set_currency(brevo: Brevo, store: Store, code: str) -> None:
    """Set the display currency of the account, an ISO 4217 code.

    Raises:
        TajoError: Brevo does not answer, or refuses.
    """
    brevo.call("POST", _ROUTE, {"code": code.upper()}, bucket=OTHER, answers=COMMERCE)
    store.set_note(NOTE, None)


def tell_currency(store: Store, source: str, currency: str) -> None:
    """Note that a source sells in a currency; for people who look."""
    store.set_note(_of(source), sorted({*currencies_of(store, source), currency.upper()[:3]})[:MOST_CURRENCIES])


def currencies_of(store: Store, source: str) -> list[str]:
    """Return the currencies in which a source was seen to sell."""
    found = store.note(_of(source))
    return [str(one) for one in found] if isinstance(found, list) else []


def _of(source: str) -> str:
    return f"currencies:{source}"


def _code(reply: Reply) -> str | None:
    """Return the currency of an answer."""
    try:
        body: Json = reply.json()
    except PayloadError:
        return None
    code = body.get("code") if isinstance(body, dict) else None
    return code.strip().upper() if isinstance(code, str) and code.strip() else None


def _known(note: Json) -> Commerce | None:
    if not isinstance(note, dict) or not isinstance(note.get("at"), int):
        return None
    code = note.get("currency")
    return Commerce(note.get("is_on") is True, code if isinstance(code, str) else None)
