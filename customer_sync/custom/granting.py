"""How a source gets its tokens: the grants of OAuth 2.0 that a connector file may name, in the words of the kit.

| grant | where the first token comes from |
|---|---|
| authorization_code | the owner agrees in a browser; with `pkce` a proof goes along (RFC 7636) |
| client_credentials | id and secret of the app |
| refresh_token | a refresh token among the keys of the source; those after it are kept in the vault |
| jwt_bearer | a text that the app's own key signs (RFC 7523) |
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from customer_sync.custom.calling import OAuth, SignedText, TokenAnswer
from customer_sync.custom.references import Template, Values
from customer_sync.errors import ConfigError
from customer_sync.kit.assertions import JWT_GRANT, signed_text
from customer_sync.kit.terms import Terms
from customer_sync.model import Json


@dataclass(frozen=True, slots=True)
class Granting:
    """What one source asks tokens with.

    Args:
        auth: what the file says.
        values: what its references stand for.
        title: the platform's name.
        source: the source's name.
        url: returns the token endpoint; may raise `ConfigError`.
        keys: what to set where something is wrong, in one sentence.
    """

    auth: OAuth
    values: Values
    title: str
    source: str
    url: Callable[[], str]
    keys: str

    def terms(self, now_s: Callable[[], float]) -> Terms:
        """Return who asks for tokens, and how.

        Raises:
            ConfigError: a key is not set.
        """
        auth, answer = self.auth, self.auth.token_response or TokenAnswer()
        told, secret, seed = answer.expires_in, self._filled(auth.client_secret), self._filled(auth.refresh_token)
        makes_form = auth.jwt is not None or bool(auth.scopes)
        return Terms(
            title=self.title,
            source=self.source,
            url=self.url,
            client_id=auth.client_id.fill(self.values),
            client_secret=secret,
            owner=self._owner(seed),
            asks_alone=auth.way in {"client_credentials", "jwt_bearer"},
            is_basic=auth.client_auth == "basic" and bool(secret),
            keeps=() if answer.base_url is None else (answer.base_url,),
            keys=self.keys,
            alone=(lambda: self.form(now_s)) if makes_form else None,
            seed=seed,
            rotates=auth.refresh.rotates,
            skew_s=auth.refresh.skew_seconds,
            lasts=told if isinstance(told, str) else "expires_in",
            lasts_s=None if isinstance(told, str) else told,
        )

    def form(self, now_s: Callable[[], float]) -> Mapping[str, str]:
        """Return what a token is asked for with where no owner has agreed.

        Raises:
            ConfigError: the key of the app cannot be read, or something is not set.
        """
        jwt, scope = self.auth.jwt, self.scope
        kind = "client_credentials" if jwt is None else JWT_GRANT
        signed = {} if jwt is None else {"assertion": self._signed(jwt, int(now_s()))}
        return {"grant_type": kind, **signed, **({"scope": scope} if scope else {})}

    @property
    def scope(self) -> str:
        """The scopes as they are sent."""
        return self.auth.scope_separator.join(self.auth.scopes)

    def verifier(self, state: str) -> str:
        """Return the secret of one attempt in a browser, made from what both ends of it know: nothing has to be kept.

        Raises:
            ConfigError: the app's secret is not set.
        """
        return _base64(hmac.digest(self._filled(self.auth.client_secret).encode(), f"pkce:{state}".encode(), "sha256"))

    def challenge(self, state: str) -> Mapping[str, str]:
        """Return what of that secret goes along with the owner's browser (RFC 7636, 4.3); {} without `pkce`."""
        if not self.auth.pkce:
            return {}
        digest = sha256(self.verifier(state).encode()).digest()
        return {"code_challenge": _base64(digest), "code_challenge_method": "S256"}

    def proof(self, state: str) -> Mapping[str, str]:
        """Return what shows with the code that the asker is the same; {} without `pkce`."""
        return {"code_verifier": self.verifier(state)} if self.auth.pkce else {}

    def _owner(self, seed: str) -> Mapping[str, str]:
        """Return whose tokens they are: with another refresh token, or for another user, those kept are not used."""
        jwt = self.auth.jwt
        subject = "" if jwt is None else self._filled(jwt.subject)
        found = {"seed": sha256(seed.encode()).hexdigest()[:32] if seed else "", "subject": subject}
        return {name: value for name, value in found.items() if value}

    def _signed(self, jwt: SignedText, now_s: int) -> str:
        scope, subject = self.scope, self._filled(jwt.subject)
        claims: dict[str, Json] = {
            "iss": self._filled(jwt.issuer) or self.auth.client_id.fill(self.values),
            "aud": self._filled(jwt.audience) or self.url(),
            "iat": now_s,
            "exp": now_s + int(jwt.lifetime_seconds),
            **({"sub": subject} if subject else {}),
            **({"scope": scope} if scope else {}),
        }
        try:
            return signed_text(claims, jwt.private_key.fill(self.values), key_id=self._filled(jwt.key_id))
        except ValueError as error:
            name = next((one.name for one in jwt.private_key.references), "private_key")
            raise ConfigError(
                f"{name} is no RSA key in PEM without a password ({error}).",
                f"Set {name} of {self.source} to the whole text, with its BEGIN and END lines.",
            ) from error

    def _filled(self, text: Template | None) -> str:
        return "" if text is None else text.fill(self.values)


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
