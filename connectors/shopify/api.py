"""One question to the Admin API, and what to do about each way in which it may fail.

https://shopify.dev/docs/api/usage/limits: each question costs points out of a bucket that refills at a steady rate.
Being too fast is not a 429 but an error inside a 200; so are a missing scope and a fault on Shopify's side.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson

from connectors.shopify.account import Account
from connectors.shopify.tokens import Tokens
from customer_sync.errors import ConfigError, TajoError, TryLater, Unavailable
from customer_sync.kit.json_text import readable
from customer_sync.kit.oauth import Token
from customer_sync.kit.outbound import Reply
from customer_sync.kit.reach import Access
from customer_sync.model import Json

#: A single question may cost no more, whatever is in the bucket.
MAX_COST: Final = 1000
#: How long to wait where Shopify does not tell, and the longest wait that is believed, in seconds.
WAIT_S: Final = 2.0
MAX_WAIT_S: Final = 300.0
#: https://shopify.dev/docs/api/usage/response-codes: 430 tells that the store's protection took us for an attacker.
SECURITY_WAIT_S: Final = 60.0

PROTECTED_REASON: Final = "Shopify has not granted this app access to protected customer data."
PROTECTED_REMEDY: Final = (
    "In the Dev Dashboard open the app, API access, Protected customer data, ask for name, e-mail, phone and address, "
    "release the version and install it again."
)

#: Status → what is wrong, and what to do.
WRONG: Mapping[int, tuple[str, str]] = {
    400: ("Shopify cannot read the request (400).", "Remove api_version of the source, so that the newest is used."),
    402: ("The store is frozen (402): its bill is not paid.", "Its owner settles it in the Shopify admin."),
    403: ("Shopify refuses the app (403).", "Check its scopes in the Dev Dashboard and install it again."),
    404: ("Shopify knows no such store or API version (404).", "Check shop_url and api_version of the source."),
    423: ("The store is locked (423).", "Its owner asks Shopify's support."),
}

_SCOPE = re.compile(r"\b(?:read|write)_[a-z_]+\b")
#: How much is read of what Shopify says of an error, in characters.
MAX_SAID: Final = 2000
_PROTECTED = re.compile(r"protected customer data|not approved to (?:access|use)", re.IGNORECASE)


class TooCostly(ConfigError):
    """The question costs more than a single one may; a smaller page may do."""


class Fault(NamedTuple):
    """One error of an answer: code, what was said, where in the data, which access it wants."""

    code: str
    said: str
    path: tuple[str | int, ...]
    wants: str


class Cost(NamedTuple):
    """What a question cost, and what is in the bucket; points, and points per second."""

    requested: float
    available: float
    maximum: float
    restore: float

    def wait_s(self, cost: float | None = None) -> float:
        """Return how long to wait before a question of that cost (the same again: None) fits, in seconds."""
        missing = min(self.requested if cost is None else cost, self.maximum) - self.available
        return min(MAX_WAIT_S, max(0.0, missing / self.restore)) if self.restore > 0 else 0.0


class Answer(NamedTuple):
    """What the API said.

    Args:
        data: by field; what the app may not see is not in it.
        cost: None when it does not tell.
        denied: the fields of the last object on the way that the app may not see, such as `firstName`.
    """

    data: dict[str, Any]
    cost: Cost | None
    denied: frozenset[str] = frozenset()


class Api:
    """The Admin API of one store.

    Args:
        account: the store and the app.
        access: how they are reached.
    """

    def __init__(self, account: Account, access: Access) -> None:
        self.account = account
        self.access = access
        self.tokens = Tokens(account, access)
        #: What the operator should know, found on the way.
        self.notes: list[str] = []

    def ask(self, query: str, /, **variables: Json) -> Answer:
        """Return the answer to a query or a mutation.

        Fields that the app may not see are left out of the data, so that they count as unknown.

        Raises:
            TooCostly: it costs more than a single question may.
            ConfigError: key, scope, permission, store or version; the remedy says which.
            TryLater: throttled, a page instead of JSON, or a fault inside an answer.
            Unavailable: no answer, or 5xx.
        """
        body = orjson.dumps({"query": query, "variables": variables})
        reply = self._send(body)
        self._note_version(reply)
        answer = parse(reply.body)
        if not isinstance(answer, dict):
            raise TryLater("Shopify answered with a page instead of JSON.")
        cost = _cost(answer)
        if cost and (wait_s := cost.wait_s()):
            self.access.hold(wait_s)  # the points are those of all processes
        data, faults = answer.get("data"), _faults(answer.get("errors"))
        if not isinstance(data, dict):
            if faults:
                raise self._failure(faults, cost)
            raise TryLater("Shopify's answer holds neither data nor an error.")
        denied = [fault.path for fault in faults if fault.code == "ACCESS_DENIED" and _strip(data, fault.path)]
        if len(denied) < len(faults):
            raise self._failure([fault for fault in faults if fault.path not in denied], cost)
        if any(path[0] not in data for path in denied):
            raise self._failure(faults, cost)
        return Answer(data, cost, frozenset(_field(path) for path in denied))

    def note(self, text: str) -> None:
        """Remember what the operator should know, once."""
        if text not in self.notes:
            self.notes.append(text)

    def _send(self, body: bytes) -> Reply:
        """Send a question; a token that is refused is renewed exactly once."""
        url, token = self.account.graphql(), self.tokens.current()
        reply = self._post(url, body, token)
        if reply.status == 401:
            reply = self._post(url, body, self.tokens.renewed(token))
        if reply.status != 200:
            raise self._status(reply)
        return reply

    def _post(self, url: str, body: bytes, token: Token) -> Reply:
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "X-Shopify-Access-Token": token.value,
        }
        return self.access.http.send("POST", url, headers=headers, body=body)

    def _status(self, reply: Reply) -> TajoError:
        status, source = reply.status, self.account.source
        if status in (429, 430):
            wait_s = _retry_after_s(reply, WAIT_S if status == 429 else SECURITY_WAIT_S)
            return TryLater(f"Shopify wants it slower ({status}).", after_s=wait_s, burns=False)
        if status >= 500:
            return Unavailable(f"Shopify answers {status}.")
        if status == 401:
            return ConfigError(
                "Shopify refuses a token that it has just given (401).",
                f"Install the app again, then run `tajo connectors connect {source}`.",
            )
        if 300 <= status < 400:
            return ConfigError(
                f"The store has moved: Shopify answers {status}.",
                f"Set connectors.{source}.shop_url to the address ending in .myshopify.com that its admin shows now.",
            )
        if status == 403 and (scopes := _SCOPE.findall(reply.body[:2000].decode(errors="replace"))):
            return missing_scope(scopes)
        reason, remedy = WRONG.get(status, (f"Shopify refuses the request ({status}).", "See its status page."))
        return ConfigError(reason, remedy)

    def _failure(self, faults: Sequence[Fault], cost: Cost | None) -> TajoError:
        """Return what to raise for the errors of an answer: the one that waits before the one that is final."""
        by_code = {fault.code: fault for fault in reversed(faults)}
        if "THROTTLED" in by_code:
            wait_s = cost.wait_s() if cost else WAIT_S
            return TryLater("Shopify's limit is reached.", after_s=max(0.1, wait_s), burns=False)
        if "MAX_COST_EXCEEDED" in by_code:
            return TooCostly("The question costs more than Shopify allows.", "Tell the makers of this connector.")
        if "ACCESS_DENIED" in by_code:
            return denial(by_code["ACCESS_DENIED"])
        if "INTERNAL_SERVER_ERROR" in by_code or "TIMEOUT" in by_code:
            return TryLater("Shopify failed inside its answer (INTERNAL_SERVER_ERROR).")
        first = faults[0]
        return ConfigError(
            f"Shopify refuses the question: {first.said or first.code}",
            f"Remove api_version of {self.account.source}, or set it to 2026-07 or later.",
        )

    def _note_version(self, reply: Reply) -> None:
        got, asked = reply.headers.get("x-shopify-api-version", ""), self.account.api_version
        if got and got != asked:
            self.note(f"Shopify answered with API version {got} instead of {asked}: set api_version anew.")


def denial(fault: Fault) -> ConfigError:
    """Return what a refused access means: protected customer data, or the scope by name."""
    said = f"{fault.said} {fault.wants}"
    if _PROTECTED.search(said):
        return ConfigError(PROTECTED_REASON, PROTECTED_REMEDY)
    scopes = _SCOPE.findall(fault.wants) or _SCOPE.findall(fault.said)
    if scopes:
        return missing_scope(scopes)
    return ConfigError(f"Shopify denies access: {fault.said}", "Check the app's scopes in the Dev Dashboard.")


def missing_scope(scopes: Sequence[str]) -> ConfigError:
    """Return what to do about scopes that the app was not given."""
    named = " or ".join(dict.fromkeys(scopes))
    return ConfigError(
        f"The app lacks the scope {named}.", f"Add {named} in the Dev Dashboard, release it and install the app again."
    )


def branch(value: object, *keys: str) -> dict[str, Any]:
    """Return an object inside an answer.

    Raises:
        TryLater: something else stands there.
    """
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    if not isinstance(value, dict):
        raise TryLater(f"Shopify's answer has no {'.'.join(keys)}.")
    return value


def items(value: Mapping[str, Any], key: str) -> list[Any]:
    """Return a list inside an answer.

    Raises:
        TryLater: something else stands there.
    """
    found = value.get(key)
    if not isinstance(found, list):
        raise TryLater(f"Shopify's answer has no {key}.")
    return found


def refused(payload: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what a mutation says against its input, each with its code; none when it was done."""
    told = payload.get("userErrors")
    return tuple(
        " ".join(filter(None, (str(one.get("code") or ""), _clean(one.get("message"))))) or "refused"
        for one in (told if isinstance(told, list) else [])
        if isinstance(one, dict)
    )


def parse(body: bytes) -> Any:
    """Return JSON as it stands, None when it is none. Halves of characters become `UNREADABLE`.

    The fast parser refuses a lone surrogate (an emoji cut in half); then the slow one reads, and it is mended.
    """
    try:
        return orjson.loads(body)
    except ValueError:
        pass
    try:
        return readable(json.loads(body, strict=False))
    except (ValueError, RecursionError):
        return None


def _strip(data: dict[str, Any], path: Sequence[str | int]) -> bool:
    """Take out of the data what an error says is null only because it is denied.

    A denied field that must not be null makes its parents null, up to the first that may be: then that one goes. What
    is null in a list is a record that cannot be seen, and stays.
    """
    here: Any = data
    for key in path:
        if isinstance(here, dict):
            if here.get(str(key)) is None:
                here.pop(str(key), None)
                return True
            here = here[str(key)]
        elif isinstance(here, list) and isinstance(key, int) and key < len(here) and here[key] is not None:
            here = here[key]
        else:
            return False
    return bool(path)


def _field(path: Sequence[str | int]) -> str:
    """Return the field of the record that a path leads to: what follows the last index."""
    last = max((i for i, key in enumerate(path) if isinstance(key, int)), default=-1)
    return str(path[last + 1]) if last + 1 < len(path) else ""


def _faults(errors: Any) -> list[Fault]:
    if isinstance(errors, str) and errors:
        errors = [{"message": errors}]
    if not isinstance(errors, list):
        return []
    return [_fault(one) for one in errors if isinstance(one, dict)]


def _fault(error: Mapping[str, Any]) -> Fault:
    extensions = error.get("extensions")
    more = extensions if isinstance(extensions, dict) else {}
    path = error.get("path")
    steps = tuple(key for key in path if isinstance(key, str | int)) if isinstance(path, list) else ()
    said = _clean(error.get("message"))
    code = str(more.get("code") or ("THROTTLED" if said == "Throttled" else ""))
    return Fault(code, said, steps, str(more.get("requiredAccess") or ""))


def _cost(answer: Mapping[str, Any]) -> Cost | None:
    extensions = answer.get("extensions")
    told = extensions.get("cost") if isinstance(extensions, dict) else None
    status = told.get("throttleStatus") if isinstance(told, dict) else None
    if not isinstance(told, dict) or not isinstance(status, dict):
        return None
    numbers = (
        told.get("requestedQueryCost"),
        status.get("currentlyAvailable"),
        status.get("maximumAvailable"),
        status.get("restoreRate"),
    )
    return Cost(*(float(n) if isinstance(n, int | float) else 0.0 for n in numbers))


def _retry_after_s(reply: Reply, default_s: float) -> float:
    try:
        return min(MAX_WAIT_S, max(0.1, float(reply.headers.get("retry-after", ""))))
    except ValueError:
        return default_s


def _clean(text: Any) -> str:
    words = str(text or "")[:MAX_SAID].split()
    return " ".join("..." if "@" in word else word for word in words)[:200]
