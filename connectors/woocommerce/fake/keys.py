"""Who calls: keys by Basic, in the query or as OAuth 1.0a, as WooCommerce reads them.

See https://woocommerce.github.io/woocommerce-rest-api-docs/#authentication; what it does not tell (an unknown key by
Basic counts as nobody, the codes and sentences) was read in class-wc-rest-authentication.php, 2026-11.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, unquote

from connectors.woocommerce.fake.params import Query
from connectors.woocommerce.fake.wordpress import WpError

#: How far a call's clock may be from the store's, and how long a nonce is remembered, in seconds.
WINDOW_S: Final = 900
_OAUTH: Final = (
    *("oauth_consumer_key", "oauth_timestamp", "oauth_nonce", "oauth_signature", "oauth_signature_method"),
)
_METHODS: Final = {"HMAC-SHA1": "sha1", "HMAC-SHA256": "sha256"}
_IN_HEADER: Final = re.compile(r'(oauth_[a-z_-]*)=(?:"([^"]*)"|([^,]*))')


@dataclass(slots=True)
class ApiKey:
    """One key.

    Args:
        id: its number; the user whose key it is has the same.
        key: `ck_...`.
        secret: `cs_...`.
        permissions: read, write or read_write.
        app: who it was made for.
        role: its user's: administrator or shop_manager.
        nonces: those used lately, and when.
    """

    id: int
    key: str
    secret: str
    permissions: str
    app: str = ""
    role: str = "administrator"
    nonces: dict[str, int] = field(default_factory=dict)

    def check(self, method: str) -> None:
        """Check that the key may do this.

        Raises:
            WpError: 401; the key reads only, or writes only.
        """
        needed = "read" if method in {"GET", "HEAD"} else "write"
        if self.permissions not in {needed, "read_write"}:
            raise _refused(f"The API key provided does not have {needed} permissions.")


@dataclass(frozen=True, slots=True)
class Shown:
    """What is looked at to find out who calls.

    Args:
        method: the verb in capitals.
        urls: the address called, without the query; more than one where the scheme is not known for sure.
        query: the query parameters.
        authorization: the header, "" when there is none.
        is_ssl: whether the store believes to be called over HTTPS.
    """

    method: str
    urls: tuple[str, ...]
    query: Query
    authorization: str
    is_ssl: bool


class Keys:
    """Every key of the store.

    Args:
        clock: seconds since 1970.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._last_id = 0
        self.by_key: dict[str, ApiKey] = {}

    def add(self, key: str, secret: str, permissions: str, app: str = "", role: str = "administrator") -> ApiKey:
        """Add a key."""
        self._last_id += 1
        self.by_key[key] = ApiKey(self._last_id, key, secret, permissions, app, role)
        return self.by_key[key]

    def who(self, shown: Shown) -> tuple[ApiKey | None, str]:
        """Return the key of a call, None for nobody, and how it was shown: basic, query, oauth1 or none.

        Raises:
            WpError: 401; somebody showed something that is wrong.
        """
        if shown.is_ssl:
            key, secret, how = _plain(shown)
            found = self.by_key.get(key)
            # a key that does not exist is no fault: the caller is nobody, and refused later
            if found is not None:
                if not hmac.compare_digest(found.secret.encode(), secret.encode()):
                    raise _refused("Consumer secret is invalid.")
                return found, how
        params = _oauth_params(shown)
        return (self._by_signature(shown, params), "oauth1") if params else (None, "none")

    def _by_signature(self, shown: Shown, params: dict[str, str | list[str]]) -> ApiKey:
        found = self.by_key.get(str(params["oauth_consumer_key"]))
        if found is None:
            raise _refused("Consumer key is invalid.")
        method = str(params["oauth_signature_method"])
        if method not in _METHODS:
            raise _refused("Invalid signature - signature method is invalid.")
        given = unquote(str(params.pop("oauth_signature")).replace(" ", "+"))
        signed = (_signature(shown.method, url, params, found.secret, _METHODS[method]) for url in shown.urls)
        if not any(hmac.compare_digest(one.encode(), given.encode()) for one in signed):
            raise _refused("Invalid signature - provided signature does not match.")
        self._check_time(found, str(params["oauth_timestamp"]), str(params["oauth_nonce"]))
        return found

    def _check_time(self, key: ApiKey, timestamp: str, nonce: str) -> None:
        now = int(self._clock())
        at = int(timestamp) if timestamp.isdigit() else 0
        if abs(now - at) > WINDOW_S:
            raise _refused("Invalid timestamp.")
        for old in [old for old, used in key.nonces.items() if used < now - WINDOW_S]:
            del key.nonces[old]
        if nonce in key.nonces:
            raise _refused("Invalid nonce - nonce has already been used.")
        key.nonces[nonce] = at


def _plain(shown: Shown) -> tuple[str, str, str]:
    """Return a key, its secret and where they stood; those in the query go first."""
    key, secret = shown.query.get("consumer_key"), shown.query.get("consumer_secret")
    if key and secret:
        return str(key), str(secret), "query"
    scheme, _, rest = shown.authorization.partition(" ")
    if scheme.lower() == "basic":
        try:
            name, _, word = base64.b64decode(rest, validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            return "", "", "none"
        return name, word, "basic"
    return "", "", "none"


def _oauth_params(shown: Shown) -> dict[str, str | list[str]]:
    """Return the parameters that are signed; {} when nobody tries OAuth.

    Raises:
        WpError: 401; some are there and some are not.
    """
    params = dict(shown.query)
    if shown.authorization.strip().startswith("OAuth "):
        for name, quoted, bare in _IN_HEADER.findall(shown.authorization):
            params[name] = unquote(quoted or bare)
    missing = [name for name in _OAUTH if not params.get(name)]
    if len(missing) == len(_OAUTH):
        return {}
    if missing:
        word = "parameter" if len(missing) == 1 else "parameters"
        text = f"Missing OAuth {word} {', '.join(missing)}"
        raise WpError(401, "woocommerce_rest_authentication_missing_parameter", text)
    return params


def _signature(method: str, url: str, params: Mapping[str, str | list[str]], secret: str, digest: str) -> str:
    base = f"{method}&{quote(url, safe='')}&{'%26'.join(_pairs(params))}"
    return base64.b64encode(hmac.digest(f"{secret}&".encode(), base.encode(), digest)).decode()


def _pairs(params: Mapping[str, str | list[str]]) -> Iterator[str]:
    """Yield each `name=value`, encoded twice (RFC 5849, 3.4.1.3.2); a list's entries count as `name[0]`."""
    for name in sorted(params, key=str.encode):
        value = params[name]
        for at, one in enumerate(value) if isinstance(value, list) else ((None, value),):
            whole = name if at is None else f"{name}[{at}]"
            # what is encoded already is decoded first, so that nothing is encoded three times
            yield quote("=".join(quote(unquote(part), safe="") for part in (whole, one)), safe="")


def _refused(text: str) -> WpError:
    return WpError(401, "woocommerce_rest_authentication_error", text)
