"""The certificates with which PayPal signs: fetched once, led back to a trusted root, kept until they end.

What is checked is what https://developer.paypal.com/api/rest/webhooks/rest/ asks for (2026-11), and the whole chain
besides: a certificate whose name looks right proves nothing. No header chooses the algorithm.
"""

from __future__ import annotations

import base64
import re
import threading
import time
import warnings
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import certifi
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from customer_sync.errors import ConfigError, Missing, Refused, Unavailable
from customer_sync.kit.outbound import HttpClient
from customer_sync.kit.transport import Timeout

ALGORITHM: Final = "SHA256withRSA"
PATH: Final = "/v1/notifications/certs/"
HOSTS: Final = frozenset({"api.paypal.com", "api.sandbox.paypal.com", "api-m.paypal.com", "api-m.sandbox.paypal.com"})
#: How long a certificate is believed without fetching it again; longer where it cannot be had.
KEPT: Final = timedelta(hours=24)
#: After PayPal did not answer, no certificate is fetched for so long, in seconds.
PATIENCE_S: Final = 10.0
#: Whose name a signing certificate bears.
_OWNER: Final = ".paypal.com"
_PEM: Final = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
#: The ingress waits for the answer, once a day.
_TIMEOUT: Final = Timeout(connect_s=2.0, silence_s=2.0, answer_s=4.0)
_WRONG: Final = "The signature does not fit."
_STRANGE: Final = "The certificate is not one of PayPal's."
#: What follows `PATH`; other ways of writing the same name would be kept beside it.
_NAME: Final = re.compile(r"[\w-][\w.-]{0,199}", re.ASCII)

#: A certificate with those between it and a root, and until when it is believed without another look.
_File = tuple[bytes, datetime]


@dataclass(frozen=True, slots=True)
class Transmission:
    """What PayPal says beside the body, in five headers.

    Args:
        id: of this try.
        time: when it was made, as it is written.
        signature: in base64.
        url: where the certificate is.
    """

    id: str
    time: str
    signature: str
    url: str


def signed_text(sent: Transmission, webhook_id: str, body: bytes) -> bytes:
    """Return what PayPal signs: the CRC-32 is that of the raw bytes, as a decimal number."""
    return f"{sent.id}|{sent.time}|{webhook_id}|{zlib.crc32(body)}".encode(errors="surrogatepass")


class Certificates:
    """Fetches and believes certificates; safe to share between threads.

    Args:
        roots: the certificates that all others must lead to, in PEM; None: the public ones that `certifi` has.
        hosts: the hosts that a certificate may come from.
        fetch: URL → the file, or `Missing`; None: over HTTPS, from public addresses, without redirects.
        ticks: seconds, never backwards.
    """

    def __init__(
        self,
        roots: bytes | None = None,
        hosts: Iterable[str] = HOSTS,
        fetch: Callable[[str], bytes] | None = None,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._roots, self._hosts = roots, frozenset(hosts)
        own = frozenset(one.partition(":")[0] for one in self._hosts - HOSTS)
        self._fetch = fetch or partial(_download, private=own)
        self._ticks = ticks
        self._kept: dict[str, _File] = {}
        self._store: Store | None = None
        self._not_before = 0.0
        self._lock = threading.Lock()

    def verify(self, sent: Transmission, webhook_ids: Sequence[str], body: bytes, at: datetime) -> None:
        """Return when a body was signed by PayPal for one of these webhooks.

        Raises:
            Refused: it was not; with 429 where the certificate cannot be had now: PayPal sends again.
        """
        self._check_url(sent.url)
        key = self._key(sent.url, at)
        try:
            signature = base64.b64decode(sent.signature, validate=True)
        except ValueError as error:
            raise Refused(_WRONG, cause="wrong") from error
        for one in webhook_ids:
            try:
                key.verify(signature, signed_text(sent, one, body), PKCS1v15(), hashes.SHA256())
            except InvalidSignature:
                continue
            return
        raise Refused(_WRONG, cause="wrong")

    def _check_url(self, url: str) -> None:
        """Refuse every address that PayPal's certificates are not at.

        Raises:
            Refused: it is one.
        """
        try:
            parts = urlsplit(url)
            is_right = parts.scheme == "https" and parts.netloc in HOSTS and not parts.query and not parts.fragment
            is_right = is_right or parts.netloc in self._hosts - HOSTS
        except ValueError:
            is_right = False
        if not is_right or not parts.path.startswith(PATH) or not _NAME.fullmatch(parts.path.removeprefix(PATH)):
            raise Refused("The certificate's address is not PayPal's.", cause="wrong")

    def _key(self, url: str, at: datetime) -> RSAPublicKey:
        kept = self._kept.get(url)
        if kept is None or at > kept[1]:
            kept = self._renewed(url, at, kept)
        return self._believed(kept[0], at)

    def _renewed(self, url: str, at: datetime, old: _File | None) -> _File:
        """Return the file as it is now, or the old one where it cannot be had.

        One request waits for PayPal, and no other for it: anybody can name certificates, and the ingress has other
        platforms to serve.

        Raises:
            Refused: there is none; with 429 where it cannot be had now.
        """
        if not self._lock.acquire(blocking=False):
            return _or_later(old)
        try:
            if self._ticks() < self._not_before:
                return _or_later(old)
            made = (self._fetch(url), at + KEPT)
            self._believed(made[0], at)
            self._kept[url] = made
        except Missing as error:
            # quickly said, and said of this name only: those of others are fetched all the same
            self._kept.pop(url, None)
            raise Refused(_STRANGE, cause="wrong") from error
        except Unavailable:
            self._not_before = self._ticks() + PATIENCE_S
            return _or_later(old)
        finally:
            self._lock.release()
        return made

    def _believed(self, file: bytes, at: datetime) -> RSAPublicKey:
        """Return the key of a certificate that leads to a trusted root and is good at a time.

        Raises:
            Refused: it is not to be believed.
        """
        try:
            leaf, *between = [x509.load_pem_x509_certificate(one) for one in _PEM.findall(file)]
            names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            name = next(one for one in names.get_values_for_type(x509.DNSName) if one.endswith(_OWNER))
            verifier = PolicyBuilder().store(self._trusted()).time(at.astimezone(UTC).replace(tzinfo=None))
            verifier.build_server_verifier(x509.DNSName(name)).verify(leaf, between)
        except (ValueError, StopIteration, VerificationError, x509.ExtensionNotFound) as error:
            raise Refused(_STRANGE, cause="wrong") from error
        key = leaf.public_key()
        if not isinstance(key, RSAPublicKey):
            raise Refused(_STRANGE, cause="wrong")
        return key

    def _trusted(self) -> Store:
        if self._store is None:
            file = Path(certifi.where()).read_bytes() if self._roots is None else self._roots
            self._store = Store(list(_loaded(file)))
        return self._store


def _or_later(old: _File | None) -> _File:
    if old is None:
        raise Refused("PayPal's certificate cannot be had now; send it again.", status=429)
    return old


def roots_at(path: str) -> bytes:
    """Return the roots in a file.

    Raises:
        ConfigError: there is no such file, or it holds none.
    """
    try:
        file = Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(f"`trusted_roots` cannot be read: {error.strerror}.", "Name a PEM file.") from error
    if not list(_loaded(file)):
        raise ConfigError("`trusted_roots` holds no certificate.", "Name a PEM file.")
    return file


def _loaded(file: bytes) -> Iterable[x509.Certificate]:
    """Yield certificates; a root with an odd serial number, which some public ones have, is left out."""
    for one in _PEM.findall(file):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                yield x509.load_pem_x509_certificate(one)
            except (ValueError, Warning):
                continue


def _download(url: str, private: frozenset[str]) -> bytes:
    client = HttpClient(connections=1, timeout=_TIMEOUT, max_bytes=64 * 1024, private=private)
    try:
        reply = client.send("GET", url, headers={})
    finally:
        client.close()
    if reply.status in (404, 410):
        raise Missing("PayPal has no certificate of this name.")
    if reply.status != 200:
        raise Unavailable(f"PayPal's certificate: {reply.status}")
    return reply.body
