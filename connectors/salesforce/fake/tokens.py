"""Tokens: client credentials, a signed text (RS256), an owner's code with its proof, refresh tokens that work once."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from connectors.salesforce.fake.settings import Settings
from customer_sync.kit.fakes.answers import Row
from customer_sync.kit.fakes.oauth import OAuth, OAuthError, Terms, Token
from customer_sync.kit.signatures import sign_base64

JWT_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
#: How far ahead a signed text may end; three minutes as documented, and what clocks may differ by.
SIGNED_FOR_S: Final = 190.0
_FOR_EVER_S: Final = 10 * 365 * 86_400.0


class Tokens:
    """Every token of the org's app. The caller holds the stand-in's lock.

    Args:
        settings: the app's keys, and how tokens behave.
        clock: seconds since 1970.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        self._settings, self._clock = settings, clock
        terms = Terms(settings.session_s, _FOR_EVER_S, settings.rotation, (settings.organization[:15], "5Aep"))
        self.oauth = OAuth(clock, (settings.client_id, settings.client_secret), settings.scopes, terms)
        self.oauth.add(settings.session)
        #: The public key of the app's certificate; None until one is uploaded.
        self.certificate: RSAPublicKey | None = None
        self._challenges: dict[str, str] = {}
        self.calls: dict[str, int] = {}

    def upload(self, pem: str) -> None:
        """Take the public key of the app's certificate.

        Raises:
            ValueError: it is none.
        """
        found = load_pem_public_key(pem.encode())
        if not isinstance(found, RSAPublicKey):
            raise ValueError("pem: an RSA key")  # noqa: TRY004  # a key of another kind is a wrong value
        self.certificate = found

    def authorize(self, query: Mapping[str, str]) -> dict[str, str]:
        """Let the owner agree; see `OAuth.authorize`.

        Raises:
            OAuthError: the request is wrong.
        """
        if query.get("response_type") != "code":
            raise OAuthError("unsupported_response_type", "response type not supported")
        back = self.oauth.authorize(query)
        self._challenges[back["code"]] = query.get("code_challenge", "")
        return back

    def answer(self, form: Mapping[str, str], address: str, authorization: str = "") -> Row:
        """Return what the token endpoint answers.

        Args:
            form: the body.
            address: the stand-in's own, where the data are.
            authorization: the header; keys may stand there (Basic).

        Raises:
            OAuthError: no token is given.
        """
        kind = form.get("grant_type", "")
        if kind == "password":
            raise OAuthError("unsupported_grant_type", "grant type not supported")
        if kind == "authorization_code":
            self._prove(form)
        token = self._by_jwt(form, address) if kind == JWT_GRANT else self._granted(form, authorization)
        issued = str(int(self._clock() * 1000))
        who = f"{address}/id/{self._settings.organization}/{self.user_id}"
        told = {
            "access_token": token.value,
            "signature": sign_base64((who + issued).encode(), self._settings.client_secret),
            "scope": " ".join(token.scopes),
            "instance_url": address,
            "id": who,
            "token_type": "Bearer",
            "issued_at": issued,
        }
        return told | ({"refresh_token": token.refresh} if token.refresh else {})

    @property
    def user_id(self) -> str:
        """The integration user's id."""
        return "005Fake0000000bEAA"

    def find(self, authorization: str) -> Token | None:
        """Return the token of a call, and count the call; None where it is refused."""
        scheme, _, value = authorization.partition(" ")
        found = self.oauth.find(value) if scheme in {"Bearer", "OAuth"} else None
        if found is None:
            return None
        most = self._settings.session_calls
        self.calls[value] = self.calls.get(value, 0) + 1
        if most and self.calls[value] > most and value != self._settings.session:
            self.oauth.revoke(value)
            return None
        return found

    def _granted(self, form: Mapping[str, str], authorization: str) -> Token:
        try:
            return self.oauth.grant(form, authorization)
        except OAuthError as error:
            if error.error == "invalid_client" and "id" in error.body()["error_description"]:
                raise OAuthError("invalid_client_id", "client identifier invalid") from error
            if error.error == "invalid_grant":
                raise OAuthError("invalid_grant", "expired access/refresh token") from error
            raise

    def _prove(self, form: Mapping[str, str]) -> None:
        """Return when a code is shown by whoever asked for it (RFC 7636).

        Raises:
            OAuthError: it is not.
        """
        challenge = self._challenges.pop(form.get("code", ""), "")
        made = base64.urlsafe_b64encode(sha256(form.get("code_verifier", "").encode()).digest()).decode().rstrip("=")
        if challenge and made != challenge:
            raise OAuthError("invalid_grant", "invalid code verifier")

    def _by_jwt(self, form: Mapping[str, str], address: str) -> Token:
        claims = self._signed(form.get("assertion", ""))
        if claims.get("iss") != self._settings.client_id:
            raise OAuthError("invalid_client_id", "client identifier invalid")
        if claims.get("sub") != self._settings.username:
            raise OAuthError("invalid_grant", "user hasn't approved this consumer")
        if claims.get("aud") != (self._settings.audience or address):
            raise OAuthError("invalid_grant", "audience is invalid")
        ends = str(claims.get("exp"))  # some libraries write it as text
        if not ends.isdigit() or not self._clock() < int(ends) <= self._clock() + SIGNED_FOR_S:
            raise OAuthError("invalid_grant", "expired authorization code")
        self.oauth.given[JWT_GRANT] += 1
        return self.oauth.access(self._settings.scopes)

    def _signed(self, text: str) -> Mapping[str, Any]:
        signed, _, signature = text.rpartition(".")
        try:
            head, claims = (json.loads(_decoded(part)) for part in signed.split("."))
            if self.certificate is None or head.get("alg") != "RS256":
                raise OAuthError("invalid_grant", "invalid assertion")
            self.certificate.verify(_decoded(signature), signed.encode(), PKCS1v15(), SHA256())
        except (ValueError, binascii.Error, InvalidSignature, AttributeError) as error:
            raise OAuthError("invalid_grant", "invalid assertion") from error
        return claims if isinstance(claims, dict) else {}


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
