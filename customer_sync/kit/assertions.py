"""Short texts about an app, signed with its own key (RFC 7523): what a platform takes in the place of a secret."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from customer_sync.model import Json

JWT_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def signed_text(claims: Mapping[str, Json], private_key: str, *, key_id: str = "") -> str:
    r"""Return a JSON Web Token (RFC 7519), signed as RS256.

    Args:
        claims: what it says.
        private_key: an RSA key in PEM without a password; `\n` in the place of line breaks is read, too, because a
            variable often has it so.
        key_id: says which key it is, where the platform wants that; "" leaves it out.

    Raises:
        ValueError: it is no such key.
    """
    head = {"alg": "RS256", "typ": "JWT", **({"kid": key_id} if key_id else {})}
    signed = f"{_part(head)}.{_part(claims)}"
    made = _key(private_key).sign(signed.encode(), PKCS1v15(), SHA256())
    return f"{signed}.{_base64(made)}"


def _key(pem: str) -> RSAPrivateKey:
    try:
        found = load_pem_private_key(pem.replace("\\n", "\n").encode(), None)
    except (TypeError, UnsupportedAlgorithm) as error:
        raise ValueError("no key that can be read") from error
    if not isinstance(found, RSAPrivateKey):
        raise ValueError("a key of another kind than RSA")  # noqa: TRY004  # the text is wrong, not its type
    return found


def _part(value: Mapping[str, Json]) -> str:
    return _base64(json.dumps(value, separators=(",", ":")).encode())


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
