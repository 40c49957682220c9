"""Who sent a webhook: the companion module, by a shared secret, or Adobe I/O, by a public key that is known here.

Adobe signs the raw body with RSA-SHA256, with two keys while one is changed; a delivery names the addresses of both
below https://static.adobeioevents.com. Nothing is fetched while a request waits: the keys stand in the config, by their
path, so that a request can never choose who vouches for it; `tajo doctor` compares them with Adobe's.
https://developer.adobe.com/events/docs/guides/#security-considerations
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from customer_sync.errors import ConfigError, Refused
from customer_sync.kit.connector import header
from customer_sync.kit.signatures import Hmac
from customer_sync.model import Inbound, Json

#: The only host whose keys are believed.
KEY_HOST: Final = "https://static.adobeioevents.com"
#: The two signatures of Adobe.
SIGNATURES: Final = ("x-adobe-digital-signature-1", "x-adobe-digital-signature-2")
#: The signature of the companion module, hexadecimal HMAC-SHA256 of the time, a dot and the raw body.
MODULE: Final = Hmac(
    "x-tajo-magento-signature",
    message="{timestamp}.{body}",
    prefix="sha256=",
    time_header="x-tajo-magento-timestamp",
)
_REMEDY: Final = 'Write `io_keys: {/prod/keys/pub-key-....pem: "-----BEGIN PUBLIC KEY-----..."}`, as the README says.'
_MIN_BITS: Final = 2048


def read_keys(option: Json) -> dict[str, RSAPublicKey]:
    """Return Adobe's keys by their path, as the option `io_keys` has them.

    Raises:
        ConfigError: one is no public RSA key, or its path is none.
    """
    if option is None:
        return {}
    if not isinstance(option, dict):
        raise ConfigError("`io_keys` is no table of paths and keys.", _REMEDY)
    return {path: _key(path, pem) for path, pem in option.items()}


def verify_adobe(inbound: Inbound, keys: Mapping[str, RSAPublicKey]) -> None:
    """Return when one of Adobe's two signatures was made with a known key.

    Raises:
        Refused: neither was, or no key is known.
    """
    given = [found for name in SIGNATURES if (found := header(inbound, name))]
    if not given:
        raise Refused("The signature is missing.", cause="unsigned")
    if not keys:
        raise Refused("This source knows no key of Adobe, so nothing of Adobe I/O can be trusted.", cause="no secret")
    if not any([_fits(inbound.body, one, key) for one in given for key in keys.values()]):  # noqa: C419 - same time
        raise Refused("The signature fits no key of `io_keys`.", cause="wrong")


def _fits(body: bytes, signature: str, key: RSAPublicKey) -> bool:
    try:
        key.verify(base64.b64decode(signature, validate=True), body, PKCS1v15(), SHA256())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def _key(path: str, pem: Json) -> RSAPublicKey:
    if not path.startswith("/") or not path.endswith(".pem") or ".." in path or "//" in path:
        raise ConfigError(f"`io_keys`: a path begins with / and ends with .pem, below {KEY_HOST}.", _REMEDY)
    try:
        found = load_pem_public_key(str(pem).strip().encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ConfigError("`io_keys`: one key cannot be read as PEM.", _REMEDY) from error
    if not isinstance(found, RSAPublicKey) or found.key_size < _MIN_BITS:
        raise ConfigError(f"`io_keys`: one key is no RSA key of {_MIN_BITS} bits or more.", _REMEDY)
    return found
