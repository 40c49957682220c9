"""OAuth 2.0 (RFC 6749) for connectors: authorization code, client credentials, refresh tokens that rotate.

Tokens lie in the source's vault, encrypted. They are renewed before they end and by one process at a time; a refresh
token that was replaced is stored before anybody uses what came with it. What can be done so that none is lost:

- The vault is written *before* a refresh token is spent. Where it cannot be written, the platform is not asked.
- What the platform gave is stored at once, and again for some seconds where the store does not answer.
- The old refresh token stays stored until the new one is. After a process died between answer and store it is shown
  again: most platforms take it once more as long as the new one was not used, or within a short time. Not so with
  `Terms.rotates`, and where an answer got lost neither.
- Then, and where a platform refuses it, the owner has to agree again, and the message says why. What was refused is not
  shown again until then, or for a day: with every run and every record that waits it would be.

oauthlib is not used: a request is one form and an answer one JSON object, and it reads the machine's clock by itself.
"""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final
from urllib.parse import quote_plus, urlencode

from customer_sync.errors import ConfigError, ConsentNeeded, PayloadError, TajoError, TryLater, Unavailable
from customer_sync.kit.json_text import json_value
from customer_sync.kit.outbound import Reply, Unreached
from customer_sync.kit.reach import Access
from customer_sync.kit.terms import Terms
from customer_sync.kit.times import is_ahead
from customer_sync.model import Json

#: After this share of its life a token is renewed; what is left carries over an hour of the platform being away.
RENEW_AT: Final = 0.8
#: A token that took the place of a refused one, and is refused itself, is replaced again after this time at the
#: soonest, in seconds; twice as long each time, up to an hour. PayPal lost new tokens for an hour, and for ten
#: (https://github.com/go-pay/gopay/issues/348, https://github.com/paypal/Checkout-Java-SDK/issues/24).
REPLACED_S: Final = 300.0
MOST_REPLACED_S: Final = 3600.0
#: How long to wait before each try to store what a platform gave, in seconds; the lock holds for longer.
STORE_TRIES_S: Final = (0.0, 0.2, 1.0, 3.0)

CONNECTION: Final = "connection"
CREDENTIALS: Final = "client_credentials"
REFRESH: Final = "refresh"
#: In the vault: since when a refresh token is being spent; None when it is not.
_SPENT: Final = "renewing_at_s"
_NEVER_STORED: Final = " It was being renewed before, and what came of that was never stored."
#: In the vault, where each works once: which refresh token is being spent, or was, and nobody knows what came of it.
_SHOWN: Final = "shown_once"
#: In the vault: what was said when a refresh token was refused for good, when, and of which; None while it is good.
_OVER: Final = ("ended_because", "ended_at_s", "ended_of")
#: For how long a refused refresh token is not shown again, in seconds: some platforms call a locked user invalid, too.
#: One out of the settings for less long, for whoever sets right what was wrong there waits for it.
OVER_S: Final = 86_400.0
SEED_OVER_S: Final = 3600.0
#: The word for a refresh token that is worth nothing any more (RFC 6749, 5.2).
_INVALID: Final = "invalid_grant"
_GIVEN: Final = "given_at_s"
_REFUSALS: Final = "refusals"

#: Statuses that say only that it is not the time, and those with which a firewall or a maintenance sends a page.
_NOT_NOW: Final = frozenset({408, 423, 425})
_BY_PAGES: Final = frozenset({200, 403, 404})
#: With these the platform may have given an answer that a gateway does not have, or only a part of.
_LOST: Final = frozenset({200, 502, 504})
_WORD = re.compile(r"[a-z_]{3,60}")


@dataclass(frozen=True, slots=True)
class Token:
    """A token, and how long it is good.

    Args:
        value: what is sent.
        kind: where it comes from: `CONNECTION`, `CREDENTIALS`, or a word of the connector's own.
        expires_at_s: seconds since 1970; None when it does not end, or nobody told.
        renew_at_s: from then on it is renewed.
        scope: the scopes it was given, as the platform wrote them.
        refresh: what brings the next one; "" when nothing does.
        more: what `Terms.keeps` names.
        given_at_s: when it was given.
        refusals: how many tokens in a row were refused before it, without one that worked; 0 once it worked.
    """

    value: str = field(repr=False)
    kind: str
    expires_at_s: float | None = None
    renew_at_s: float | None = None
    scope: str = ""
    refresh: str = field(default="", repr=False)
    more: Mapping[str, str] = field(default_factory=dict)
    given_at_s: float = 0.0
    refusals: int = 0

    @property
    def replaced_at_s(self) -> float:
        """When it may be replaced where the platform refuses it: at once, unless those before it were refused, too."""
        wait_s = min(REPLACED_S * 2.0 ** min(self.refusals - 1, 10), MOST_REPLACED_S)
        return self.given_at_s + wait_s if self.refusals else 0.0


class _Unspent(Unavailable):
    """The platform did not give a token: the refresh token is as good as before."""


class _Over(ConfigError):
    """The refresh token is refused for good."""


class _OwnersOver(_Over, ConsentNeeded):
    """It came by the owner's consent, who has to agree again."""


def code_form(code: str, redirect_uri: str) -> Mapping[str, str]:
    """Return what an authorization code is exchanged with (RFC 6749, 4.1.3)."""
    return {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}


class Tokens:
    """Finds the token of a source, and renews it.

    Args:
        terms: who asks, and where.
        access: how the platform and the vault are reached.
        pause: waits so many seconds between two tries to store.
    """

    def __init__(self, terms: Terms, access: Access, pause: Callable[[float], None] = time.sleep) -> None:
        self._terms = terms
        self._access = access
        self._pause = pause

    def current(self) -> Token:
        """Return a token that is good now.

        Raises:
            ConfigError: there is none, and none can be had; the remedy says why.
            TryLater: another process has been at it for too long, or the platform wants it slower.
            Unavailable: the platform did not answer.
        """
        kept = self._kept()
        now = self._access.now_s()
        if kept is not None and (kept.renew_at_s is None or now < kept.renew_at_s):
            return kept
        try:
            return self._renew(kept)
        except (TryLater, Unavailable):
            # It is early: the old one still opens the door, and the next call tries again.
            if kept is not None and kept.expires_at_s is not None and now < kept.expires_at_s:
                return kept
            raise

    def renewed(self, refused: Token) -> Token:
        """Return another token than the one that the platform refused.

        Raises:
            TajoError: as `current`.
        """
        return self._renew(refused)

    def replaced(self, refused: Token) -> Token | None:
        """Return another token than the refused one; None where that took the place of a refused one just now, too.

        For whoever says with `worked` that a token was taken: until then each next one is longer in coming.

        Raises:
            TajoError: as `current`.
        """
        with self._access.vault.locked():
            kept = self._kept()
            if kept is None or kept.value != refused.value:
                return self._renew_alone(refused, 0)
            is_soon = is_ahead(kept.replaced_at_s, self._access.now_s(), MOST_REPLACED_S)
            return None if is_soon else self._renew_alone(refused, kept.refusals + 1)

    def worked(self, token: Token) -> None:
        """Note that the platform took a token, where those before it were refused."""
        with self._access.vault.locked():
            kept = self._kept()
            if kept is not None and kept.value == token.value:
                self._access.vault.save({**self._access.vault.load(), _REFUSALS: 0})

    def exchange(self, form: Mapping[str, str]) -> Token:
        """Return the token that an owner's code stands for, once it is stored.

        Args:
            form: see `code_form`; some platforms want it otherwise.

        Raises:
            TajoError: as `current`.
        """
        answer = self._ask(form, "code")
        with self._access.vault.locked():
            return self._store(answer, CONNECTION)

    def _kept(self) -> Token | None:
        """Return the token in the vault, None when it is of another owner or another app than those configured."""
        kept = self._access.vault.load()
        wanted = {**self._terms.owner, "client_id": self._terms.client_id}
        if not kept.get("access_token") or any(kept.get(name) != value for name, value in wanted.items() if value):
            return None
        return _read(kept, self._terms.keeps)

    def _renew(self, old: Token | None) -> Token:
        with self._access.vault.locked():
            return self._renew_alone(old, 0 if old is None else old.refusals)

    def _renew_alone(self, old: Token | None, refusals: int) -> Token:
        """Return another token than the old one. The caller holds the lock."""
        # Another process may have done it while this one waited. A refresh token is good for one use.
        kept = self._kept()
        if kept is not None and (old is None or kept.value != old.value) and not self._is_over(kept):
            return kept
        if kept is None and self._terms.seed:
            kept = Token("", CONNECTION, refresh=self._terms.seed)
        if kept is None or kept.kind == CREDENTIALS:
            return self._store(self._alone(), CREDENTIALS, refusals=refusals)
        if not kept.refresh:
            raise self._ended(f"{self._terms.title} refuses the stored token (401).")
        return self._store(self._spend(kept), CONNECTION, kept, refusals=refusals)

    def _alone(self) -> Mapping[str, Json]:
        if not self._terms.asks_alone:
            raise self._ended(f"{self._terms.title} is not connected.")
        form = {"grant_type": "client_credentials"} if self._terms.alone is None else self._terms.alone()
        return self._ask(form, "client credentials")

    def _spend(self, kept: Token) -> Mapping[str, Json]:
        """Return what a refresh token brings; it may be good for this one time."""
        vault, now_s = self._access.vault, self._access.now_s()
        before = vault.load()
        why, refused_at_s, refused = (before.get(name) for name in _OVER)
        mark, over_s = sha256(kept.refresh.encode()).hexdigest()[:32], SEED_OVER_S if self._terms.seed else OVER_S
        until_s = (_seconds(refused_at_s) or 0.0) + over_s
        if why and refused == mark and is_ahead(until_s, now_s, over_s):
            raise _until(self._ended(str(why)), until_s)
        lost = "" if before.get(_SPENT) is None else _NEVER_STORED
        if self._terms.rotates and before.get(_SHOWN) == mark:
            raise self._ended(f"The stored connection to {self._terms.title} has ended.{lost}")
        vault.save({**before, _SPENT: now_s, _SHOWN: mark if self._terms.rotates else None})
        try:
            return self._ask({"grant_type": "refresh_token", "refresh_token": kept.refresh}, REFRESH)
        except (TryLater, Unreached, _Unspent):
            vault.save(before)  # it was not spent
            raise
        except ConfigError as error:
            found = type(error)(error.reason + lost, error.remedy)
            over = (found.reason, now_s, mark) if isinstance(error, _Over) else (None, None, None)
            vault.save({**before, **dict(zip(_OVER, over, strict=True))})
            raise (_until(found, now_s + over_s) if isinstance(error, _Over) else found) from error

    def _store(self, answer: Mapping[str, Json], kind: str, old: Token | None = None, *, refusals: int = 0) -> Token:
        """Keep a token before anybody uses it. The caller holds the lock.

        Raises:
            Exception: what the store raised, when it did so for some seconds.
        """
        now, lasts_s = self._access.now_s(), self._lasts_s(answer)
        refresh_s = _seconds(answer.get("refresh_token_expires_in"))
        # a platform that does not rotate sends none (RFC 6749, 6)
        refresh = str(answer.get("refresh_token") or (old.refresh if old and not self._terms.rotates else ""))
        has_next = bool(refresh) or kind == CREDENTIALS
        kept: dict[str, Json] = {
            **self._terms.owner,
            "kind": kind,
            "client_id": self._terms.client_id,
            "access_token": answer["access_token"],
            "scope": str(answer.get("scope") or (old.scope if old else "")),
            "expires_at_s": None if lasts_s is None else now + lasts_s,
            "renew_at_s": None if lasts_s is None else now + self._renew_after_s(lasts_s, has_next=has_next),
            "refresh_token": refresh,
            "refresh_expires_at_s": None if refresh_s is None else now + refresh_s,
            _GIVEN: now,
            _REFUSALS: refusals,
            **dict.fromkeys((_SPENT, _SHOWN, *_OVER)),
            **{name: answer.get(name) or (old.more.get(name) if old else None) for name in self._terms.keeps},
        }
        for wait_s in STORE_TRIES_S:
            self._pause(wait_s)
            try:
                self._access.vault.save({**self._access.vault.load(), **kept})
                break
            except TajoError:
                raise
            except Exception:  # the store's own errors; nothing else knows this token
                if wait_s == STORE_TRIES_S[-1]:
                    raise
        return _read(kept, self._terms.keeps)

    def _lasts_s(self, answer: Mapping[str, Json]) -> float | None:
        told = _seconds(answer.get(self._terms.lasts))
        return self._terms.lasts_s if told is None else told

    def _renew_after_s(self, lasts_s: float, *, has_next: bool) -> float:
        """Return after how many seconds a token is renewed; one that nothing follows is good until its end."""
        if not has_next:
            return lasts_s
        skew_s = self._terms.skew_s
        return lasts_s - skew_s if skew_s is not None and skew_s < lasts_s else lasts_s * RENEW_AT

    def _is_over(self, token: Token) -> bool:
        return token.expires_at_s is not None and self._access.now_s() >= token.expires_at_s

    def _ask(self, form: Mapping[str, str], grant: str) -> Mapping[str, Json]:
        """Return what the token endpoint answers.

        Raises:
            ConfigError: it says no.
            TryLater: it wants it slower.
            Unavailable: it did not answer, or 5xx.
        """
        if not (terms := self._terms).client_id or not (terms.client_secret or terms.alone):
            raise ConfigError(f"There is no key for {terms.title}.", terms.keys)
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        if terms.is_basic:
            pair = f"{quote_plus(terms.client_id)}:{quote_plus(terms.client_secret)}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            own = {"client_id": terms.client_id, "client_secret": terms.client_secret}
            form = {**{name: value for name, value in own.items() if value}, **form}
        body = urlencode(form).encode()
        return self._judge(self._access.http.send("POST", terms.url(), headers=headers, body=body), grant)

    def _judge(self, reply: Reply, grant: str) -> Mapping[str, Json]:
        title = self._terms.title
        if reply.status >= 500 or reply.status in _NOT_NOW:
            raise _away(title, reply.status)
        if reply.status == 429:
            raise TryLater(f"{title} wants tokens asked for more slowly.", after_s=30.0, burns=False)
        told = _object(reply.body)
        answer = told or {}
        if reply.status == 200 and isinstance(answer.get("access_token"), str) and answer["access_token"]:
            return answer
        # some answers are a page instead of JSON, with the word in its text
        said = str(answer.get("error") or "") or reply.body[:20_000].decode(errors="replace")
        word = next((word for word in self._terms.refusals if word in said), "")
        if word:
            reason, remedy = self._terms.refusals[word]
            owners = _OwnersOver if grant == REFRESH else ConsentNeeded
            kind = owners if word in self._terms.by_owner else ConfigError
            raise kind(reason, remedy.format(source=self._terms.source))
        if told is None and reply.body.strip() and reply.status in _BY_PAGES:
            raise _away(title, reply.status, " with a page in the place of JSON")
        named = f" ({said})" if _WORD.fullmatch(said) else ""
        if grant == REFRESH:
            over = self._ended(f"The stored connection to {title} has ended{named}.")
            final = _OwnersOver if isinstance(over, ConsentNeeded) else _Over
            raise final(over.reason, over.remedy) if said == _INVALID else over
        raise ConfigError(f"{title} gives no token: it answers {reply.status}{named}.", self._terms.keys)

    def _ended(self, reason: str) -> ConfigError:
        if self._terms.seed:
            return ConfigError(reason, self._terms.keys)
        return ConsentNeeded(reason, f"Run `tajo connectors connect {self._terms.source}`.")


def _away(title: str, status: int, more: str = "") -> Unavailable:
    kind = Unavailable if status in _LOST else _Unspent
    return kind(f"{title}'s token endpoint answers {status}{more}.")


def _until(error: ConfigError, until_s: float) -> ConfigError:
    """Return an error that tells when a refused refresh token is shown again."""
    at = datetime.fromtimestamp(until_s, UTC)
    return type(error)(error.reason, f"{error.remedy} The refused one is tried again at {at:%Y-%m-%dT%H:%MZ}.")


def _read(kept: Mapping[str, Json], keeps: tuple[str, ...]) -> Token:
    return Token(
        value=str(kept["access_token"]),
        kind=str(kept.get("kind") or CONNECTION),
        expires_at_s=_seconds(kept.get("expires_at_s")),
        renew_at_s=_seconds(kept.get("renew_at_s")),
        scope=str(kept.get("scope") or ""),
        refresh=str(kept.get("refresh_token") or ""),
        more={name: str(kept.get(name) or "") for name in keeps},
        given_at_s=_seconds(kept.get(_GIVEN)) or 0.0,
        refusals=int(_seconds(kept.get(_REFUSALS)) or 0),
    )


def _seconds(value: Json) -> float | None:
    try:
        return float(value) if isinstance(value, str | int | float) and value != "" else None
    except ValueError:
        return None


def _object(body: bytes) -> Mapping[str, Json] | None:
    """Return the object that an answer is, {} for other JSON, None for what is no JSON."""
    try:
        value = json_value(body)
    except PayloadError:
        return None
    return value if isinstance(value, dict) else {}
