"""Webhook signatures: made and checked over raw bytes, in constant time, with several live secrets.

Pure: the time is passed in. An empty secret never signs and never verifies: an HMAC with an empty key can be made by
anybody.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from customer_sync.errors import ConfigError, Refused
from customer_sync.model import Inbound

#: Turns a message and a secret into the text of a signature.
Signer = Callable[[bytes, str], str]

#: How far a signed time may lie from the time of arrival, in seconds, before and after. What Standard Webhooks, Stripe
#: and HubSpot advise.
TOLERANCE_S = 300.0

#: How a body begins that was compressed on its way, after it was signed.
_GZIP = b"\x1f\x8b"
#: The pieces of what is signed: a name in braces, or text.
_PIECES: Final = re.compile(r"\{(?:body|timestamp|id|method|url|path)\}|[^{]+|\{")
_UNSIGNED = "The signature is missing."
_WRONG = "The signature does not fit the secret."
_COMPRESSED = "The signature is wrong: the body came compressed (gzip), so a proxy in front of here changed it."


def sign_base64(message: bytes, secret: str | bytes, algorithm: str = "sha256") -> str:
    """Return the HMAC of a message as base64, as Shopify, WooCommerce and HubSpot send it.

    Raises:
        ConfigError: the secret is empty.
    """
    return base64.b64encode(_hmac(message, secret, algorithm)).decode()


def sign_hex(message: bytes, secret: str | bytes, algorithm: str = "sha256") -> str:
    """Return the HMAC of a message as lower-case hexadecimal, as Stripe sends it.

    Raises:
        ConfigError: the secret is empty.
    """
    return _hmac(message, secret, algorithm).hex()


def is_same(given: str, expected: str) -> bool:
    """Tell whether two texts are equal, in a time that does not depend on where they differ."""
    return hmac.compare_digest(given.encode(errors="surrogatepass"), expected.encode(errors="surrogatepass"))


def live(secrets: Sequence[str]) -> tuple[str, ...]:
    """Return the secrets that can prove anything: those that are not empty.

    Raises:
        Refused: none is left.
    """
    usable = tuple(secret for secret in secrets if secret.strip())
    if not usable:
        raise Refused("This source has no webhook secret, so nothing sent to it can be trusted.", cause="no secret")
    return usable


def verify(message: bytes, given: str | Sequence[str], secrets: Sequence[str], sign: Signer = sign_base64) -> None:
    """Return when one of the given signatures was made with one of the secrets.

    Args:
        message: the raw bytes that were signed.
        given: what the request holds; some platforms send one signature for each of their live secrets.
        secrets: every live secret; empty ones are passed over.
        sign: how the platform writes a signature.

    Raises:
        Refused: no signature fits, or no secret is live.
    """
    # The text is compared, not the decoded bytes: base64 has several spellings of the same bytes, and only one is sent.
    found = (given,) if isinstance(given, str) else given
    expected = [sign(message, secret) for secret in live(secrets)]
    if not any(found):
        raise Refused(_UNSIGNED, cause="unsigned")
    if not any([is_same(one, right) for one in found for right in expected]):  # noqa: C419 - no early end: same time
        # what is signed may begin with a time or an address; no text holds these two bytes, one behind the other
        if _GZIP in message:
            raise Refused(_COMPRESSED, cause="compressed")
        raise Refused(_WRONG, cause="wrong")


def verify_token(given: str, secrets: Sequence[str]) -> None:
    """Return when a request holds the shared secret itself, for platforms that sign nothing.

    Raises:
        Refused: it does not, or no secret is live.
    """
    usable = live(secrets)
    if not given:
        raise Refused("The secret is missing.", cause="unsigned")
    if not any([is_same(given, secret) for secret in usable]):  # noqa: C419 - every secret costs the same time
        raise Refused("The secret is wrong.", cause="wrong")


def read_basic(authorization: str) -> str:
    """Return `user:password` of an HTTP Basic header, "" when it is no such header."""
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(credentials.strip(), validate=True).decode()
    except ValueError:
        return ""


def read_pairs(value: str) -> dict[str, list[str]]:
    """Return the pairs of a header such as `t=1533204620,v1=2220,v1=63f3`, each name with all its values."""
    pairs: dict[str, list[str]] = {}
    for part in value.split(","):
        name, _, text = part.strip().partition("=")
        pairs.setdefault(name, []).append(text)
    return pairs


def unix_time(value: str, *, units_per_s: int = 1) -> datetime:
    """Return the aware time of a signed stamp; HubSpot counts 1,000 units per second, the others one.

    Raises:
        Refused: it is not a whole number, or no time of our age.
    """
    if not (value.isascii() and value.isdigit() and len(value) <= 16):
        raise Refused("The time of the signature is missing or wrong.")
    try:
        return datetime.fromtimestamp(int(value) / units_per_s, tz=UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise Refused("The time of the signature is missing or wrong.") from error


def check_age(signed_at: datetime, received_at: datetime, tolerance_s: float = TOLERANCE_S) -> None:
    """Return when a signed time lies near the time of arrival, on either side of it.

    Raises:
        Refused: it does not, so the request may be a replay.
    """
    if abs((received_at - signed_at).total_seconds()) > tolerance_s:
        raise Refused("The time of the signature is outside the window; is the clock right?")


def standard_key(secret: str) -> bytes:
    """Return the key of a Standard Webhooks secret: base64 behind `whsec_`, otherwise the bytes of the text.

    Raises:
        ConfigError: what follows `whsec_` is not base64.
    """
    if not secret.startswith("whsec_"):
        return secret.encode(errors="surrogatepass")
    coded = secret.removeprefix("whsec_").rstrip("=")
    try:
        return base64.b64decode(coded + "=" * (-len(coded) % 4), validate=True)
    except ValueError as error:
        raise ConfigError("The webhook secret is not base64 behind whsec_.", "Copy it again, whole.") from error


def sign_standard(
    body: bytes, secret: str, *, message_id: str, sent_at: datetime, prefix: str = "webhook-"
) -> dict[str, str]:
    """Return the three headers of a Standard Webhooks message.

    See https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md. Svix sends the same
    with the prefix `svix-`.

    Raises:
        ConfigError: the secret is empty or unreadable.
    """
    stamp = str(int(sent_at.timestamp()))
    signature = _sign_standard(_standard_message(message_id, stamp, body), secret)
    return {f"{prefix}id": message_id, f"{prefix}timestamp": stamp, f"{prefix}signature": f"v1,{signature}"}


def verify_standard(
    inbound: Inbound, secrets: Sequence[str], *, tolerance_s: float = TOLERANCE_S, prefix: str = "webhook-"
) -> None:
    """Return when a Standard Webhooks message is genuine and fresh.

    Args:
        inbound: the request.
        secrets: every live secret.
        tolerance_s: how far the signed time may lie from the time of arrival.
        prefix: what the header names start with.

    Raises:
        Refused: a header is missing, no signature fits, or the time is outside the window.
    """
    headers = inbound.headers
    message_id, stamp = headers.get(f"{prefix}id", ""), headers.get(f"{prefix}timestamp", "")
    # Several signatures are parted by spaces; `v1a` and later versions are other algorithms.
    signatures = [
        text
        for version, _, text in (one.partition(",") for one in headers.get(f"{prefix}signature", "").split())
        if version == "v1"
    ]
    if not message_id or not signatures:
        raise Refused(_UNSIGNED, cause="unsigned")
    check_age(unix_time(stamp), inbound.received_at, tolerance_s)
    try:
        verify(_standard_message(message_id, stamp, inbound.body), signatures, secrets, _sign_standard)
    except ConfigError as error:
        raise Refused(error.reason) from error


def _standard_message(message_id: str, stamp: str, body: bytes) -> bytes:
    return f"{message_id}.{stamp}.".encode(errors="surrogatepass") + body


def _sign_standard(message: bytes, secret: str) -> str:
    return sign_base64(message, standard_key(secret))


def _hmac(message: bytes, secret: str | bytes, algorithm: str) -> bytes:
    key = secret.encode(errors="surrogatepass") if isinstance(secret, str) else secret
    if not key.strip():
        raise ConfigError("The webhook secret is empty.", "Set `webhook_secret` of the source.")
    return hmac.digest(key, message, algorithm)


@dataclass(frozen=True, slots=True)
class Hmac:
    """How a platform signs with a shared secret: one object says it for every such platform.

    `{body}`, `{timestamp}`, `{id}`, `{method}`, `{url}` and `{path}` stand in `message` for parts of the request.

    Args:
        header: the header of the signature, in lower case.
        message: what is signed.
        encoding: how the signature is written.
        algorithm: the digest.
        prefix: what stands before it in its header, as `sha256=`.
        pair: where the header holds pairs (`t=...,v1=...`): the name of the signatures; "" for none.
        time_header: the header of the signed time; "" for none.
        time_pair: the name of the time among the pairs; "" for none.
        units_per_s: 1,000 where the time counts milliseconds.
        tolerance_s: how far the signed time may lie from the time of arrival.
        id_header: the header of the message's id; "" for none.
    """

    header: str
    message: str = "{body}"
    encoding: Literal["hex", "base64"] = "hex"
    algorithm: Literal["sha1", "sha256", "sha512"] = "sha256"
    prefix: str = ""
    pair: str = ""
    time_header: str = ""
    time_pair: str = ""
    units_per_s: int = 1
    tolerance_s: float = TOLERANCE_S
    id_header: str = ""

    def verify(self, inbound: Inbound, secrets: Sequence[str]) -> None:
        """Return when a request is genuine and, where its time is signed, fresh; the signature is looked at first.

        Raises:
            Refused: it is not.
        """
        given = inbound.headers.get(self.header, "")
        pairs = read_pairs(given) if self.pair else {}
        found = pairs.get(self.pair, []) if self.pair else [given]
        signatures = [one.removeprefix(self.prefix) for one in found if one.startswith(self.prefix)]
        stamp = (pairs.get(self.time_pair) or [""])[0] if self.time_pair else inbound.headers.get(self.time_header, "")
        verify(self._signed(inbound, stamp), signatures, secrets, self._sign)
        if self.time_header or self.time_pair:
            check_age(unix_time(stamp, units_per_s=self.units_per_s), inbound.received_at, self.tolerance_s)

    def sign(self, inbound: Inbound, secret: str) -> dict[str, str]:
        """Return the headers with which the platform would send a request.

        Raises:
            ConfigError: the secret is empty.
        """
        stamp = str(int(inbound.received_at.timestamp() * self.units_per_s))
        made = self.prefix + self._sign(self._signed(inbound, stamp), secret)
        if self.pair:
            time = f"{self.time_pair}={stamp}," if self.time_pair else ""
            return {self.header: f"{time}{self.pair}={made}"}
        return {self.header: made, **({self.time_header: stamp} if self.time_header else {})}

    def _sign(self, message: bytes, secret: str | bytes) -> str:
        make = sign_hex if self.encoding == "hex" else sign_base64
        return make(message, secret, self.algorithm)

    def _signed(self, inbound: Inbound, stamp: str) -> bytes:
        parts = {
            "body": inbound.body,
            "timestamp": stamp.encode(errors="surrogatepass"),
            "id": inbound.headers.get(self.id_header, "").encode(errors="surrogatepass"),
            "method": inbound.method.encode(),
            "url": inbound.url.encode(errors="surrogatepass"),
            "path": inbound.path.encode(errors="surrogatepass"),
        }
        return b"".join(
            parts.get(piece[1:-1], piece.encode()) if piece.startswith("{") else piece.encode()
            for piece in _PIECES.findall(self.message)
        )
