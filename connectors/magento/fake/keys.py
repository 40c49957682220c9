"""Who calls: an integration's OAuth 1.0a with HMAC-SHA256, its token alone where that is switched on, Adobe's tokens.

Read in Magento/Framework/Oauth/Oauth.php and Magento/Webapi (2.4.8). The base text is made here by hand from RFC 5849,
3.4, and not by the library that clients use.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote, unquote

from connectors.magento.fake.criteria import Refusal
from connectors.magento.fake.settings import Settings

#: How far the time of a call may be from the shop's, in seconds.
WINDOW_S: Final = 600
_PAIR: Final = re.compile(r'([a-z_]+)="([^"]*)"')
_NOT_ALLOWED: Final = "The consumer isn't authorized to access %resources."


class Keys:
    """Judges the proof of a call.

    Args:
        settings: of the shop.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._nonces: set[tuple[str, str]] = set()

    def check(self, header: str, method: str, url: str, query: Sequence[tuple[str, str]], now_s: float) -> str:
        """Return the way in which a call proves who makes it: `oauth1` or `bearer`.

        Args:
            header: `Authorization`.
            method: the HTTP verb.
            url: the address without its query.
            query: its parameters, decoded.
            now_s: the shop's time.

        Raises:
            Refusal: 401; it proves nothing.
        """
        scheme, _, rest = header.partition(" ")
        if scheme.lower() == "bearer":
            return self._bearer(rest.strip())
        if scheme.lower() != "oauth":
            raise Refusal(401, _NOT_ALLOWED, {"resources": "Magento_Backend::admin"})
        given = {name: unquote(value) for name, value in _PAIR.findall(rest)}
        settings = self._settings
        if given.get("oauth_consumer_key") != settings.consumer_key:
            raise Refusal(401, "A consumer having the specified key does not exist")
        if given.get("oauth_token") != settings.access_token:
            raise Refusal(401, "Specified token does not exist")
        if given.get("oauth_signature_method") != "HMAC-SHA256":
            raise Refusal(400, "Signature method %1 is not supported", [given.get("oauth_signature_method", "")])
        stamp, nonce = given.get("oauth_timestamp", ""), given.get("oauth_nonce", "")
        if not stamp.isdigit() or abs(int(stamp) - now_s) > WINDOW_S:
            raise Refusal(401, "The timestamp value in the oauth_timestamp parameter isn't valid.")
        if (stamp, nonce) in self._nonces:
            raise Refusal(401, "The nonce is already being used by the consumer with key %1.", [settings.consumer_key])
        secrets = (settings.consumer_secret, settings.access_secret)
        wanted = signature(method, url, [*query, *_signed(given)], secrets)
        if not hmac.compare_digest(wanted, given.get("oauth_signature", "")):
            raise Refusal(401, "The signature is invalid. Verify and try again.")
        self._nonces.add((stamp, nonce))
        return "oauth1"

    def _bearer(self, token: str) -> str:
        settings = self._settings
        if not settings.bearer or token != settings.access_token:
            raise Refusal(401, _NOT_ALLOWED, {"resources": "Magento_Backend::admin"})
        return "bearer"


def signature(method: str, url: str, pairs: Sequence[tuple[str, str]], secrets: tuple[str, str]) -> str:
    """Return the signature of a call (RFC 5849, 3.4.1 and 3.4.2, with SHA-256)."""
    encoded = sorted((_quoted(name), _quoted(value)) for name, value in pairs)
    parameters = "&".join(f"{name}={value}" for name, value in encoded)
    text = "&".join((method.upper(), _quoted(url), _quoted(parameters)))
    key = "&".join(map(_quoted, secrets))
    return base64.b64encode(hmac.digest(key.encode(), text.encode(), "sha256")).decode()


def _signed(given: dict[str, str]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in given.items() if name not in {"oauth_signature", "realm"}]


def _quoted(text: str) -> str:
    return quote(text, safe="~")
