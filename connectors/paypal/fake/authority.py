"""A root, and a certificate that it vouches for: what PayPal's webhooks are signed with, made anew for each process.

The names are those that were seen: `messageverificationcerts.paypal.com`.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from customer_sync.kit.fakes.clock import iso

NAME: Final = "messageverificationcerts.paypal.com"
CERT_PATH: Final = "/v1/notifications/certs/CERT-5a11d0c3-stand-in"
_FROM, _TO = datetime(2016, 1, 1), datetime(2096, 1, 1)  # noqa: DTZ001  # X.509 times are UTC without a zone


class Authority:
    """Signs.

    Args:
        name: whose certificate it is; another one than PayPal's is for tests.
    """

    def __init__(self, name: str = NAME) -> None:
        self.name = name
        self._root_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @cached_property
    def root(self) -> bytes:
        """The root, in PEM."""
        return self._root.public_bytes(serialization.Encoding.PEM)

    @cached_property
    def certificate(self) -> bytes:
        """The signing certificate, in PEM."""
        own, root = self._key.public_key(), self._root_key.public_key()
        names = x509.SubjectAlternativeName([x509.DNSName(self.name)])
        made = (
            x509.CertificateBuilder()
            .subject_name(_named(self.name))
            .issuer_name(self._root.subject)
            .public_key(own)
            .serial_number(x509.random_serial_number())
            .not_valid_before(_FROM)
            .not_valid_after(_TO)
            .add_extension(names, critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root), critical=False)
            .sign(self._root_key, hashes.SHA256())
        )
        return made.public_bytes(serialization.Encoding.PEM)

    def sign(self, body: bytes, at_s: float, webhook_id: str, cert_url: str, number: str) -> Mapping[str, str]:
        """Return the five headers of a transmission."""
        at = f"{iso(at_s)}Z"
        text = f"{number}|{at}|{webhook_id}|{zlib.crc32(body)}".encode()
        signature = self._key.sign(text, PKCS1v15(), hashes.SHA256())
        return {
            "PAYPAL-TRANSMISSION-ID": number,
            "PAYPAL-TRANSMISSION-TIME": at,
            "PAYPAL-TRANSMISSION-SIG": base64.b64encode(signature).decode(),
            "PAYPAL-CERT-URL": cert_url,
            "PAYPAL-AUTH-ALGO": "SHA256withRSA",
        }

    @cached_property
    def _root(self) -> x509.Certificate:
        own = self._root_key.public_key()
        usage = dict.fromkeys(
            (
                "digital_signature",
                "content_commitment",
                "key_encipherment",
                "data_encipherment",
                "key_agreement",
                "encipher_only",
                "decipher_only",
            ),
            False,
        )
        return (
            x509.CertificateBuilder()
            .subject_name(_named("A root of tests"))
            .issuer_name(_named("A root of tests"))
            .public_key(own)
            .serial_number(x509.random_serial_number())
            .not_valid_before(_FROM)
            .not_valid_after(_TO)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.KeyUsage(key_cert_sign=True, crl_sign=True, **usage), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(own), critical=False)
            .sign(self._root_key, hashes.SHA256())
        )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
