"""Brevo's own webhooks: what people do there (unsubscribe, complain) and what bounces comes back to us.

Brevo signs nothing; it sends a token that we chose: as bearer token, as the password in the address, or as a header.
It drops an event for good on any answer but 2xx and 429 (Brevo's documentation of its retries, 2026-11), so the ingress
answers nothing else on this route.
"""

from __future__ import annotations

import hmac
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import ClassVar, Final
from urllib.parse import quote, urlsplit, urlunsplit

from customer_sync.config import Settings
from customer_sync.errors import PayloadError, Refused
from customer_sync.kit.connector import Answer, Connector, Option, header, json_body
from customer_sync.model import Channel, Consent, ConsentState, Event, Inbound, Json, Kind
from customer_sync.person.owed import LIST_LEFT

SOURCE = "brevo"
#: The header of ours that may carry the token, where Brevo sends headers that one writes oneself.
OWN_HEADER: Final = "x-tajo-token"

#: Brevo's word → the method that is recorded with the withdrawal. Names in the body are snake_case; the camelCase ones
#: are those of the registration. https://developers.brevo.com/docs/marketing-webhooks
WITHDRAWALS = {
    "unsubscribe": "brevo:unsubscribed",
    "unsubscribed": "brevo:unsubscribed",
    "spam": "brevo:spam",
    "complaint": "brevo:spam",
    "hard_bounce": "brevo:hard_bounce",
    "hardBounce": "brevo:hard_bounce",
}
#: How far a time of Brevo may be from its arrival to be believed: less than a time zone, more than most retries.
BELIEVED = timedelta(minutes=50)
#: Where Brevo's word about a batch of orders goes, below the address of its webhooks.
ORDERS_PATH: Final = "orders"
#: Parts of the names under which such a word may hold what went wrong; its form is not documented.
_WRONG: Final = ("error", "fail", "invalid", "reject", "refus")
#: So many orders are named to a person.
_NAMED: Final = 10
DELETIONS = frozenset({"contact_deleted", "contactDeleted"})


class BrevoIntake(Connector):
    """Reads Brevo's marketing webhooks, single or batched."""

    platform: ClassVar[str] = SOURCE
    title: ClassVar[str] = "Brevo"
    options: ClassVar[tuple[Option, ...]] = ()
    topics: ClassVar[tuple[str, ...]] = (*WITHDRAWALS, *sorted(DELETIONS))
    accepted: ClassVar[Answer] = Answer(200)

    def verify(self, inbound: Inbound, secrets: Sequence[str]) -> None:
        """Return when the request carries one of our tokens.

        Raises:
            Refused: it does not, or none is set.
        """
        given = _tokens(inbound)
        live = [secret.encode() for secret in secrets if secret]
        if not live:
            raise Refused("No token is set for Brevo's webhook: set brevo.webhook_secret.", cause="no secret")
        if not given:
            raise Refused("The token is missing: give brevo.webhook_secret to Brevo's webhook.", cause="unsigned")
        if not any(hmac.compare_digest(token, secret) for token in given for secret in live):
            raise Refused("The token is wrong: it must be brevo.webhook_secret.", cause="wrong")

    def parse(self, inbound: Inbound) -> Sequence[Event | PayloadError]:
        """Return the events of one body: an object, or an array of them."""
        body = json_body(inbound)
        if inbound.path == ORDERS_PATH:
            return list(_orders_refused(body, inbound))
        rows = body if isinstance(body, list) else [body]
        parts: list[Event | PayloadError] = []
        for index, row in enumerate(rows):
            try:
                parts += _parts(row, f"$[{index}]" if isinstance(body, list) else "$", inbound)
            except PayloadError as error:
                parts.append(error)
        return parts


def notice_url(settings: Settings, path: str) -> str:
    """Return a URL that Brevo is to call when work is done; "" where Brevo could not reach or sign in to it.

    The URL carries our token as the password, as the URLs of Brevo's webhooks may.

    Args:
        settings: the config.
        path: what follows the address of Brevo's webhooks.
    """
    if not settings.public_url or not settings.brevo.webhook_secrets:
        return ""
    base = urlsplit(settings.public_url)
    token = quote(settings.brevo.webhook_secrets[0], safe="")
    netloc = f"tajo:{token}@{base.netloc.rpartition('@')[2]}"
    return urlunsplit((base.scheme, netloc, f"{base.path.rstrip('/')}/webhooks/{SOURCE}/{path}", "", ""))


def _orders_refused(body: Json, inbound: Inbound) -> Iterator[Event]:
    """Yield an alert where Brevo says that it refused orders of a batch, with those that it names.

    The form is not documented (2026-11): what stands below a name that speaks of failure counts.
    """
    failures = [one for part in (body if isinstance(body, list) else [body]) for one in _failures(part)]
    if not failures:
        return
    orders: dict[str, Json] = {}
    for one in failures:
        if isinstance(one, dict) and isinstance(name := one.get("id", one.get("orderId")), str):
            orders[name] = str(one.get("code") or "no reason given")[:40]
    named = ", ".join(list(orders)[:_NAMED]) + (", ..." if len(orders) > _NAMED else "")
    record: dict[str, Json] = {
        "message": f"Brevo refused {len(orders) or 'some'} orders of a batch of history: {named or 'it names none'}.",
        "remedy": "Those that it names are parked: `tajo parked list`. Else compare Brevo's orders with the shop's.",
        "orders": orders,
    }
    event_id = f"brevo:orders:{sha256(inbound.body).hexdigest()[:24]}"
    yield Event(event_id, SOURCE, Kind.SOURCE_ALERT, inbound.received_at, record=record, topic="orders_refused")


def _failures(body: Json) -> Iterator[Json]:
    for name, value in body.items() if isinstance(body, dict) else ():
        if any(word in name.lower() for word in _WRONG):
            yield from value if isinstance(value, list) else [value] if value else []
        elif name == "status" and isinstance(value, str) and any(word in value.lower() for word in _WRONG):
            yield value
        elif isinstance(value, dict):
            yield from _failures(value)


def _tokens(inbound: Inbound) -> list[bytes]:
    kind, _, value = header(inbound, "authorization").partition(" ")
    found = [_raw(header(inbound, OWN_HEADER))]
    if kind.lower() == "bearer":
        found.append(_raw(value.strip()))
    elif kind.lower() == "basic":
        with suppress(Base64Error, ValueError):
            found.append(b64decode(value.strip(), validate=True).partition(b":")[2])
    return [token for token in found if token]


def _raw(text: str) -> bytes:
    """Return a header's bytes as they were sent: WSGI hands each byte over as one letter (PEP 3333)."""
    return text.encode("latin-1", errors="replace")


def _parts(row: Json, path: str, inbound: Inbound) -> list[Event | PayloadError]:
    """Return an event for each address of one object; an address that is none must not cost the others."""
    if not isinstance(row, dict):
        raise PayloadError(path, f"expected an object, found {type(row).__name__}")
    word = row.get("event")
    if not isinstance(word, str):
        raise PayloadError(f"{path}.event", "expected the name of an event")
    if word not in WITHDRAWALS and word not in DELETIONS:
        return []
    emails = row.get("email")
    if not isinstance(emails, list):
        return [_part(row, word, emails, f"{path}.email", inbound)]
    return [_part(row, word, email, f"{path}.email[{index}]", inbound) for index, email in enumerate(emails)]


def _part(row: dict[str, Json], word: str, email: Json, path: str, inbound: Inbound) -> Event | PayloadError:
    if not isinstance(email, str) or not email:
        return PayloadError(path, "expected an address")
    at = _time(row, inbound.received_at)
    # there is no event id; the `id` in the body is the webhook's own
    key = [word, email.lower(), *(str(row.get(name)) for name in ("ts_event", "ts", "camp_id", "list_id"))]
    event_id = f"brevo:{sha256('|'.join(key).encode()).hexdigest()[:24]}"
    if word in DELETIONS:
        return Event(event_id, SOURCE, Kind.CONTACT_DELETED, at, record={"email": email}, topic=word)
    method = WITHDRAWALS[word]
    record: dict[str, Json] = {"email": email}
    if method == "brevo:unsubscribed" and row.get("list_id"):
        # from these lists, or from everything: only the contact tells which, and it is read before we block it
        method = LIST_LEFT
        record["listIds"] = _lists(row["list_id"])
    withdrawn = Consent(Channel.EMAIL, ConsentState.WITHDRAWN, at, method, explicit=True)
    return Event(event_id, SOURCE, Kind.CONSENT_CHANGED, at, record=record, consents=(withdrawn,), topic=word)


def _lists(told: Json) -> list[Json]:
    """Return the lists that an event names; Brevo writes one, or several."""
    return [one for one in (told if isinstance(told, list) else [told]) if isinstance(one, int) and one is not True]


def _time(row: dict[str, Json], received_at: datetime) -> datetime:
    """Return when it happened, on doubt the later time: these are withdrawals, and the later one is the stricter.

    `ts_event` and `ts` are UTC by Brevo's documentation (2026-11), in whole seconds: the end of the second counts, so
    that no opt-in of the same second looks newer. Other readers saw them in the time zone of the account
    (django-anymail, for transactional webhooks). So a time that is a zone away from its arrival is not believed, unless
    it is the later one; nor is a host's clock that is behind.
    """
    for name in ("ts_event", "ts"):
        value = row.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**11:
            told = datetime.fromtimestamp(value + 0.999, tz=UTC)
            return told if abs(received_at - told) < BELIEVED else max(told, received_at)
    return received_at
