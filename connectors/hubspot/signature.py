"""How HubSpot signs its webhooks.

https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation
Version 3 signs method, address, body and a time. Versions 1 and 2 sign no time, so that a delivery can be sent again by
anybody who has seen one; they are taken only where the settings say so.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Final

from customer_sync.errors import Refused
from customer_sync.kit.connector import header
from customer_sync.kit.signatures import Hmac, is_same, live
from customer_sync.model import Inbound

NEW: Final = "x-hubspot-signature-v3"
TIME: Final = "x-hubspot-request-timestamp"
OLD: Final = "x-hubspot-signature"
OLD_VERSION: Final = "x-hubspot-signature-version"
#: Signed as they are, though the address that is called has them escaped. All other escapes stay.
UNESCAPED: Final = ":/?@!$'()*,;"

_SCHEME: Final = Hmac(NEW, "{method}{url}{body}{timestamp}", "base64", time_header=TIME, units_per_s=1000)
_ESCAPES: Final = {f"%{ord(one):02X}": one for one in UNESCAPED}
_ESCAPE: Final = re.compile("|".join(_ESCAPES), re.IGNORECASE)


def verify(inbound: Inbound, secrets: Sequence[str], *, takes_old: bool) -> None:
    """Return when a request is signed with one of the client secrets, and fresh.

    Args:
        inbound: the request.
        secrets: every live client secret; not the access token.
        takes_old: whether versions 1 and 2 are taken where version 3 is missing.

    Raises:
        Refused: it is not.
    """
    if takes_old and not header(inbound, NEW) and header(inbound, OLD):
        _verify_old(inbound, live(secrets))
        return
    _SCHEME.verify(replace(inbound, url=signed_url(inbound.url)), secrets)


def sign(inbound: Inbound, secret: str) -> Inbound:
    """Return the request with the signature that HubSpot would send."""
    made = _SCHEME.sign(replace(inbound, url=signed_url(inbound.url)), secret)
    return replace(inbound, headers={**inbound.headers, **made})


def signed_url(url: str) -> str:
    """Return the address as it is signed."""
    return _ESCAPE.sub(lambda found: _ESCAPES[found[0].upper()], url)


def _verify_old(inbound: Inbound, secrets: Sequence[str]) -> None:
    version = header(inbound, OLD_VERSION) or "v1"
    target = b"" if version == "v1" else f"{inbound.method}{inbound.url}".encode(errors="surrogatepass")
    made = [sha256(one.encode(errors="surrogatepass") + target + inbound.body).hexdigest() for one in secrets]
    fits = [is_same(header(inbound, OLD), one) for one in made]
    if version not in {"v1", "v2"} or not any(fits):
        raise Refused("The signature does not fit the secret.", cause="wrong")
