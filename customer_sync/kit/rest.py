"""One platform's JSON API: how a call is made, and what its answer means, as one table of rules.

```
api = Rest(access, "https://api.example.com", "Lamps", Bearer(key), RULES)
page = api.get("/v2/customers", {"limit": "100"})        # an Answer whose value is JSON
```

A connector states what differs from `COMMON` in rules of its own, which are looked at first. Only JSON is believed: a
page of a firewall, a cache or a maintenance is no answer, whatever its status.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Final, NamedTuple
from urllib.parse import urlencode, urlsplit

from customer_sync.errors import ConfigError, Missing, PayloadError, TajoError, TryLater, Unavailable
from customer_sync.kit.json_text import json_value
from customer_sync.kit.logins import Login, Nobody, Request
from customer_sync.kit.outbound import Reply, UnfitHeader
from customer_sync.kit.reach import Access
from customer_sync.model import Json, kind_of

#: The longest wait that a platform may ask for, in seconds.
MAX_WAIT_S: Final = 3600.0
#: How much of a body is searched for the word of a rule.
_SEARCHED: Final = 20_000

Params = Mapping[str, str] | Sequence[tuple[str, str]]


class TooMuch(TajoError):
    """The platform refuses to list so much at once: the asker takes a smaller piece."""


class Rejected(ConfigError):
    """The platform understood the request and refused it.

    Args:
        reason: what was refused.
        remedy: what to do.
        status: the HTTP status.
        word: the platform's own word for it, "" without one.
        is_of_request: whether it is about what was asked for; otherwise it is about keys, rights or address, and every
            other request is refused too.
    """

    def __init__(
        self, reason: str, remedy: str, *, status: int = 0, word: str = "", is_of_request: bool = False
    ) -> None:
        super().__init__(reason, remedy)
        self.status = status
        self.word = word
        self.is_of_request = is_of_request


class Action(StrEnum):
    """What to do after an answer."""

    #: It is an answer like any other; the asker looks at its status.
    TAKE = "take"
    #: Not now; the try counts.
    RETRY = "retry"
    #: A limit: nobody calls until it is over, and no try counts.
    LIMITED = "limited"
    #: The platform is down.
    DOWN = "down"
    #: The proof of who we are is refused: renewed once, then the keys are wrong.
    RENEW = "renew"
    #: The keys or rights are wrong: nothing helps but an operator.
    KEYS = "keys"
    #: What was asked for is not there.
    MISSING = "missing"
    #: Too much was asked for at once.
    SPLIT = "split"
    #: The request was refused.
    REFUSE = "refuse"


class Answer(NamedTuple):
    """What came back.

    Args:
        status: the HTTP status.
        headers: by lower-case name.
        value: the JSON; None when it was something else, or nothing.
        body: the raw bytes.
    """

    status: int
    headers: Mapping[str, str]
    value: Json
    body: bytes = b""

    def object(self) -> Mapping[str, Json]:
        """Return the value, an object.

        Raises:
            TryLater: it is something else.
        """
        if not isinstance(self.value, dict):
            raise TryLater(f"expected an object, found {kind_of(self.value)}")
        return self.value


@dataclass(frozen=True, slots=True)
class Rule:
    """What some answers mean; the first rule that fits counts.

    Args:
        status: the statuses it is about, as `429` or `range(500, 600)`.
        action: what to do.
        word: a pattern that must stand in the body; "" for any body.
        reason: what is told; "" for a common sentence. `{title}` and `{status}` are filled in.
        remedy: what the operator does about it.
        wait_s: how long to wait where the answer does not say it, in seconds; None lets the retry rule decide.
        fits: looks further at an answer; None: status and word are enough.
    """

    status: int | range
    action: Action
    word: str = ""
    reason: str = ""
    remedy: str = ""
    wait_s: float | None = None
    fits: Callable[[Answer], bool] | None = None

    def is_for(self, answer: Answer) -> bool:
        """Tell whether the rule is about an answer."""
        if answer.status != self.status if isinstance(self.status, int) else answer.status not in self.status:
            return False
        if self.word and not re.search(self.word, answer.body[:_SEARCHED].decode(errors="replace")):
            return False
        return self.fits is None or self.fits(answer)


_ORIGIN: Final = re.compile(r"https://([a-zA-Z0-9][a-zA-Z0-9.-]*)(?:[/?#].*)?")


def _is_page(answer: Answer) -> bool:
    """Tell whether an answer holds something else than JSON."""
    return answer.value is None and bool(answer.body.strip())


#: What answers mean where a platform says nothing else.
COMMON: Final[tuple[Rule, ...]] = (
    Rule(429, Action.LIMITED, reason="{title} wants it slower (429)."),
    Rule(
        503,
        Action.LIMITED,
        reason="{title} is in maintenance, or throttled (503).",
        fits=lambda one: "retry-after" in one.headers,
    ),
    Rule(408, Action.RETRY),
    Rule(423, Action.RETRY, wait_s=2.0),
    Rule(425, Action.RETRY),
    Rule(401, Action.RENEW, reason="{title} refuses the keys (401)."),
    Rule(
        403,
        Action.RETRY,
        wait_s=300.0,
        reason="{title} answers 403 with a page in the place of JSON: a firewall?",
        fits=lambda one: one.value is None,
    ),
    Rule(
        403,
        Action.KEYS,
        reason="{title} does not allow it (403).",
        remedy="Give the key the rights that the README names.",
    ),
    # whoever believes it takes every record for deleted while a proxy, or a deploy, answers for the platform
    *(
        Rule(
            status,
            Action.RETRY,
            reason="{title} answers {status} with a page in the place of JSON: is it the right address?",
            fits=_is_page,
        )
        for status in (404, 410)
    ),
    Rule(404, Action.MISSING),
    Rule(410, Action.MISSING),
    Rule(range(500, 600), Action.DOWN),
    Rule(
        range(300, 400),
        Action.KEYS,
        reason="{title} sends its callers elsewhere ({status}).",
        remedy="Set the address that answers itself.",
    ),
    Rule(range(400, 500), Action.REFUSE),
)


@dataclass(slots=True)
class Rest:
    """A platform's JSON API, for the length of one piece of work.

    Args:
        access: how it is reached.
        base_url: what a path is put behind; without a slash at the end.
        title: the platform's name, for messages.
        login: proves who we are.
        rules: what answers mean, looked at before `COMMON`.
        keys: what to do where the keys are wrong, in one sentence.
        headers: sent with each call.
        word_of: finds the platform's own word for an error in an answer, "" where there is none.
    """

    access: Access
    base_url: str
    title: str
    login: Login = field(default_factory=Nobody)
    rules: Sequence[Rule] = ()
    keys: str = "Set the right keys."
    headers: Mapping[str, str] = field(default_factory=dict)
    word_of: Callable[[Json], str] = lambda _value: ""

    def get(self, path: str, params: Params | None = None) -> Answer:
        """Return the answer of a GET; see `call`."""
        return self.call("GET", path, params)

    def call(  # noqa: PLR0913  # the parts of a request
        self,
        method: str,
        path: str,
        params: Params | None = None,
        *,
        json_body: Json = None,
        form: Params | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Make one call and return an answer that its rule says to take; the login is renewed once where it is refused.

        Args:
            method: the HTTP verb.
            path: behind the base address, with its first slash; anything else is a whole address, which is called as it
                stands, and must be of the same host.
            params: the query.
            json_body: sent as JSON; None sends none.
            form: sent as a form instead.
            headers: beside those of the API.

        Raises:
            TryLater: throttled, or a page in the place of JSON.
            Unavailable: no answer, or 5xx.
            Missing: 404.
            TooMuch: see `Action.SPLIT`.
            Rejected: the request was refused.
            ConfigError: keys or rights; a whole address of another host.
        """
        body, kind = _encoded(json_body, form)
        given = {"Accept": "application/json", **self.headers, **(headers or {}), **kind}
        self.login.begin(self.access)
        request = Request(method, self._url(path), tuple(_pairs(params)), given, body)
        answer = self._send(request)
        rule = self._rule(answer)
        if rule is not None and rule.action is Action.RENEW and self.login.renew(self.access):
            answer = self._send(request)
        return self.judged(answer)

    def judged(self, answer: Answer) -> Answer:
        """Return an answer that its rule says to take: of a call, or of one of several requests that went as one call.

        Raises:
            TajoError: as `call`.
        """
        rule = self._rule(answer)
        if rule is not None and rule.action is not Action.TAKE:
            raise self._error(rule, answer)
        if answer.value is None and answer.body.strip():
            raise TryLater(f"{self.title} answers {answer.status} with something else than JSON.")
        self.login.worked(self.access)
        return answer

    def _url(self, path: str) -> str:
        if path.startswith("/"):
            return f"{self.base_url}{path}"
        there, here = urlsplit(path), urlsplit(self.base_url)
        if (there.scheme, there.netloc) != (here.scheme, here.netloc):
            raise ConfigError(
                f"{self.title} leads to another host ({there.hostname}): the key is not sent there.",
                f"If {there.hostname} is the right one, set it as the address.",
            )
        return path

    def _send(self, request: Request) -> Answer:
        proven = self.login.prove(request, self.access)
        url = proven.url
        if proven.params:
            url += ("&" if "?" in url else "?") + urlencode(proven.params)
        try:
            reply = self.access.http.send(proven.method, url, headers=proven.headers, body=proven.body)
        except UnfitHeader as fault:
            raise ConfigError(fault.reason, self.keys) from fault
        return Answer(reply.status, reply.headers, json_of(reply), reply.body)

    def _rule(self, answer: Answer) -> Rule | None:
        return next((one for one in (*self.rules, *COMMON) if one.is_for(answer)), None)

    def _error(self, rule: Rule, answer: Answer) -> TajoError:
        word = self.word_of(answer.value)
        named = f" ({word})" if word else ""
        told = rule.reason.format(title=self.title, status=answer.status)
        told = f"{told.rstrip('.')}{named}." if told else f"{self.title} answers {answer.status}{named}."
        if rule.action in {Action.LIMITED, Action.RETRY}:
            wait_s = retry_after_s(answer.headers, self.access.now_s())
            burns = rule.action is Action.RETRY
            return TryLater(told, after_s=rule.wait_s if wait_s is None else wait_s, burns=burns)
        plain = {Action.DOWN: Unavailable, Action.MISSING: Missing, Action.SPLIT: TooMuch}.get(rule.action)
        if plain is not None:
            return plain(told)
        remedy = self.keys if rule.action in {Action.RENEW, Action.KEYS} else "See the connector's README."
        is_of_request = rule.action is Action.REFUSE
        return Rejected(told, rule.remedy or remedy, status=answer.status, word=word, is_of_request=is_of_request)


def origin_of(address: str, ends: tuple[str, ...]) -> str:
    """Return `https://` and the host of an address that a platform told, "" where it is no host that ends so.

    The host is read strictly, and nothing else of the address is kept: readers of addresses differ about backslashes
    and names before an `@`, and keys go where the last of them leads.
    """
    found = _ORIGIN.fullmatch(address.strip())
    return f"https://{found[1].lower()}" if found is not None and found[1].lower().endswith(ends) else ""


def json_of(reply: Reply) -> Json:
    """Return an answer's JSON, None when it is something else: the type alone is not believed, nor missed."""
    says_json = "json" in reply.headers.get("content-type", "")
    if not says_json and reply.body.lstrip(b"\xef\xbb\xbf \r\n\t")[:1] not in {b"{", b"["}:
        return None
    try:
        return json_value(reply.body)
    except PayloadError:
        return None


def retry_after_s(headers: Mapping[str, str], now_s: float) -> float | None:
    """Return what `Retry-After` asks for, in seconds from now, up to an hour; None where it names no time to come."""
    text = headers.get("retry-after", "").strip()
    try:
        wait_s = float(text)
    except ValueError:
        try:
            wait_s = parsedate_to_datetime(text).timestamp() - now_s
        except (ValueError, TypeError, OverflowError):
            return None
    return min(wait_s, MAX_WAIT_S) if wait_s > 0 else None


def _pairs(params: Params | None) -> list[tuple[str, str]]:
    if params is None:
        return []
    return list(params.items()) if isinstance(params, Mapping) else list(params)


def _encoded(json_body: Json, form: Params | None) -> tuple[bytes | None, Mapping[str, str]]:
    if form is not None:
        return urlencode(_pairs(form)).encode(), {"Content-Type": "application/x-www-form-urlencoded"}
    if json_body is None:
        return None, {}
    return json.dumps(json_body).encode(), {"Content-Type": "application/json"}
