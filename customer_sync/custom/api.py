"""The platform's API as a connector file describes it: address, login, rules, pace; made of the kit's classes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import quote, urlsplit

from customer_sync.base.clock import system_clock
from customer_sync.custom.calling import BasicAuth, BearerAuth, ErrorRule, KeyAuth, OAuth, RateLimit
from customer_sync.custom.form import Form
from customer_sync.custom.granting import Granting
from customer_sync.custom.parts import Part
from customer_sync.custom.patience import Patient
from customer_sync.custom.references import BASE_URL, Template, Values
from customer_sync.errors import ConfigError, PayloadError
from customer_sync.kit.logins import Key, Login, Nobody, Renewed, basic, bearer
from customer_sync.kit.oauth import Token, Tokens
from customer_sync.kit.outbound import is_line
from customer_sync.kit.reach import Access, Left, Pace
from customer_sync.kit.rest import Action, Answer, Rest, Rule
from customer_sync.model import Json

_WORD: Final = re.compile(r"\{([^{}]*)\}")
#: The word of an error's action → what is done.
ACTIONS: Final[Mapping[str, Action]] = {
    "retry": Action.RETRY,
    "rate_limited": Action.LIMITED,
    "refresh_token_then_retry": Action.RENEW,
    "missing": Action.MISSING,
    "skip": Action.TAKE,
    "stop_ok": Action.TAKE,
    "fail": Action.REFUSE,
    "split_window": Action.SPLIT,
}


#: In a path these lead elsewhere, however they are escaped.
DOTS: Final = frozenset({".", ".."})


class Astray(PayloadError):
    """What is filled into a path would lead elsewhere."""


@dataclass(frozen=True, slots=True)
class Platform:
    """One source of the platform of a connector file.

    Args:
        form: the file.
        values: what its references stand for.
        title: how people write the platform's name.
        source: the source's name.
    """

    form: Form
    values: Values
    title: str
    source: str

    @property
    def base_url(self) -> str | None:
        """Where the API is: as the source says, as the file says, where the tokens come from; None: nobody knows."""
        if self.values.settings.base_url:
            return self.values.settings.base_url.rstrip("/")
        written = self._written_base()
        return None if written is None else written.rstrip("/")

    def can_call(self) -> bool:
        """Tell whether all that a call needs is set, but for a token."""
        return self.base_url is not None and all(one.is_set(self.values) for one in self._needed())

    def rest(self, access: Access, *, writes: bool = False) -> Rest:
        """Return the API, for the length of one piece of work.

        Args:
            access: how it is reached.
            writes: whether something is changed there: that is never asked twice at once.

        Raises:
            ConfigError: nobody knows where it is, or what a header needs is not set.
        """
        base_url = self.base_url
        if base_url is None:
            raise ConfigError(f"Nobody knows where {self.title}'s API is.", f"Set {BASE_URL} of {self.source}.")
        retry = self.form.http.retry
        is_patient = retry is not None and retry.max_attempts > 1 and not writes
        found = Rest(
            replace(access, http=Patient(access.http, retry)) if retry is not None and is_patient else access,
            base_url,
            self.title,
            rules=self._rules(),
            keys=self._keys(),
            headers={name: self._line(name, one) for name, one in self.form.http.headers.items()},
        )
        found.login = self._login(access, found)
        return found

    def pace(self) -> Pace:
        """Return the platform's rate limit."""
        limit = self.form.http.rate_limit
        if limit is None:
            return Pace()
        tells = None if limit.remaining_header is None else lambda headers: _left(limit, headers)
        return Pace(limit.requests, limit.per_seconds, tells)

    def filled(self, table: Mapping[str, Template], words: Mapping[str, str]) -> dict[str, str]:
        """Return parameters with references and words filled in; one whose word is not known is left out."""
        return {
            name: fill(one.fill(self.values), words)
            for name, one in table.items()
            if not any(f"{{{word}}}" in one.text and word not in words for word in ("since", "until"))
        }

    def is_passed_over(self, answer: Answer, action: str) -> bool:
        """Tell whether an answer is one that the file says to pass over, or to stop at."""
        return any(rule.action == action and _fits(rule, answer) for rule in self.form.http.errors)

    def tokens(self, access: Access) -> Tokens:
        """Return the source's tokens (OAuth 2.0).

        Raises:
            ConfigError: a key is not set.
        """
        return Tokens(self.granting().terms(access.now_s), access)

    def granting(self) -> Granting:
        """Return how the source gets its tokens.

        Raises:
            ConfigError: it needs none.
        """
        auth = self._oauth()
        return Granting(auth, self.values, self.title, self.source, lambda: self.address(auth.token_url), self._keys())

    def address(self, url: Template) -> str:
        """Return an address of the file; one on the host of the file's `base_url` goes along where the source moves it.

        Raises:
            ConfigError: what stands in it is not set.
        """
        text = url.fill(self.values)
        base, written = self.base_url, self._written_base()
        if text.startswith("/"):
            if base is None:
                raise ConfigError(f"Nobody knows where {self.title}'s API is.", f"Set {BASE_URL} of {self.source}.")
            return f"{base}{text}"
        if base is not None and written is not None and origin(text) == origin(written):
            return origin(base) + text[len(origin(text)) :]
        return text

    def _oauth(self) -> OAuth:
        if not isinstance(self.form.auth, OAuth):
            raise ConfigError(f"{self.title} is not connected in a browser.", f"Set its keys below {self.source}.")
        return self.form.auth

    def _written_base(self) -> str | None:
        if self.form.base_url is not None:
            text = Template(self.form.base_url.text, tuple(_default(one) for one in self.form.base_url.pieces))
            return text.fill(self.values) if text.is_set(self.values) else None
        auth = self.form.auth
        token_url = auth.token_url.text if isinstance(auth, OAuth) else ""
        return origin(token_url) if token_url.startswith("http") and "${" not in token_url else None

    def _needed(self) -> Iterator[Template]:
        yield from self.form.http.headers.values()
        yield from _templates(self.form.auth)

    def _line(self, name: str, one: Template) -> str:
        """Return what is filled into a header.

        Raises:
            ConfigError: it is not set, or could not stand in a header: keys out of a file often end with a line break.
        """
        found = one.fill(self.values)
        if not is_line(found):
            told = ", ".join(reference.name for reference in one.references) or name
            raise ConfigError(
                f"{told} of {self.source} holds a line break, or a character that no header may have.",
                f"Set {told} again, in one line.",
            )
        return found

    def _keys(self) -> str:
        names = dict.fromkeys(one.name for part in self._needed() for one in part.references)
        return f"Set {', '.join(names)} of {self.source} anew." if names else "See the connector's file."

    def _login(self, access: Access, rest: Rest) -> Login:
        auth, values = self.form.auth, self.values
        if isinstance(auth, BearerAuth):
            return bearer(self._line("token", auth.token))
        if isinstance(auth, KeyAuth):
            value = auth.value.fill(values) if auth.place == "query" else self._line(auth.name, auth.value)
            return Key(value, auth.name, auth.place, auth.prefix)
        if isinstance(auth, BasicAuth):
            return basic(auth.username.fill(values), auth.password.fill(values))
        if isinstance(auth, OAuth):
            tokens = self.tokens(access)
            if auth.token_response is not None and auth.token_response.base_url is not None:
                self._moved(tokens.current(), rest)  # the first call goes there, too
            return Renewed(tokens, lambda token: self._moved(token, rest))
        return Nobody()

    def _moved(self, token: Token, rest: Rest) -> None:
        """Call where the token's answer says, unless the source says otherwise."""
        answer = self._oauth().token_response
        told = token.more.get(answer.base_url, "") if answer is not None and answer.base_url is not None else ""
        if told.startswith("https://") and not self.values.settings.base_url:
            rest.base_url = told.rstrip("/")

    def _rules(self) -> list[Rule]:
        found: list[Rule] = []
        for one in self.form.http.errors:
            found += [
                Rule(
                    status,
                    ACTIONS[one.action],
                    wait_s=one.wait_seconds,
                    fits=lambda answer, one=one: _fits(one, answer),  # type: ignore[misc]  # each keeps its own rule
                )
                for status in one.when.status
            ]
        retry = self.form.http.retry
        # what is throttled or down is known already, and burns no try
        known = (429, *range(500, 600))
        for status in retry.on_status if retry else ():
            if not (isinstance(status, int) and status in known):
                found.append(Rule(status, Action.RETRY, wait_s=retry.wait_seconds if retry else None))
        return found


def fill(text: str, words: Mapping[str, str], *, is_path: bool = False) -> str:
    """Return a text with `{word}` filled in; in a path the words are escaped, so that none leads elsewhere.

    What is filled in is not looked at again: a name that is `{email}` stays one.

    Raises:
        Astray: a step of the path would be `.` or `..`.
    """

    def found(match: re.Match[str]) -> str:
        value = words.get(match[1])
        return match[0] if value is None else quote(value, safe="") if is_path else value

    filled = _WORD.sub(found, text)
    if is_path and filled != text and not DOTS.isdisjoint(filled.partition("?")[0].split("/")):
        raise Astray(text, "an id of dots, which leads elsewhere in an address", "give the record another id there")
    return filled


def fill_json(value: Any, words: Mapping[str, str]) -> Json:
    """Return a JSON value with `{word}` filled into its texts; what is a time that is not known is left out."""
    if isinstance(value, str):
        return fill(value, words)
    if isinstance(value, dict):
        return {name: fill_json(child, words) for name, child in value.items() if not _is_unknown(child, words)}
    if isinstance(value, list):
        return [fill_json(child, words) for child in value]
    found: Json = value
    return found


def _is_unknown(value: Any, words: Mapping[str, str]) -> bool:
    return isinstance(value, str) and value in {"{since}", "{until}"} and value[1:-1] not in words


def _templates(part: Part) -> Iterator[Template]:
    """Yield every text with references in a table and those below it."""
    for name in type(part).model_fields:
        value = getattr(part, name)
        if isinstance(value, Template):
            yield value
        elif isinstance(value, Part):
            yield from _templates(value)


def _default(piece: Any) -> Any:
    """Return what the file itself says of a base address: a source's own is looked at elsewhere."""
    is_base = getattr(piece, "name", "") == BASE_URL and getattr(piece, "default", None) is not None
    return piece.default if is_base else piece


def origin(url: str) -> str:
    """Return scheme and host of an address."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _fits(rule: ErrorRule, answer: Answer) -> bool:
    is_status = any(answer.status == one if isinstance(one, int) else answer.status in one for one in rule.when.status)
    return is_status and (rule.when.body is None or rule.when.body.says(answer.value))


def _left(limit: RateLimit, headers: Mapping[str, str]) -> Left | None:
    """Return what an answer tells of the limit; None where it tells nothing of sense."""
    try:
        remaining = int(headers[str(limit.remaining_header).lower()])
        most = int(headers[limit.limit_header.lower()]) if limit.limit_header else int(limit.requests)
        reset_s = float(headers[limit.reset_header.lower()]) if limit.reset_header else limit.per_seconds
    except (KeyError, ValueError):
        return None
    if limit.reset_format != "delta_seconds":
        reset_s = reset_s / (1000 if limit.reset_format == "unix_ms" else 1) - system_clock() / 1000
    return Left(most, remaining, max(reset_s, 0.0))
