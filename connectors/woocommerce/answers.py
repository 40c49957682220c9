"""What a shop's answers mean: what came back, and what to do next. Pure.

What comes is not always WooCommerce: a firewall, a maintenance page or a cache may answer in its place, so only JSON
is believed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urljoin

from connectors.woocommerce import auth
from customer_sync.errors import ConfigError, TryLater, Unavailable
from customer_sync.model import Json

#: How long to wait after a 429 that does not say it, in seconds.
THROTTLED_S = 30.0
#: The longest wait that a shop may ask for, in seconds.
MAX_WAIT_S = 3600.0

#: The keys were seen and refused; any other code with a 401 means that WordPress saw an anonymous visitor.
SEEN = "woocommerce_rest_authentication"
KEYS_PAGE = "WooCommerce > Settings > Advanced > REST API"
#: What PHP writes in front of the JSON when it shows its warnings to visitors: with `html_errors` and without.
WARNING = re.compile(
    rb"(?:^\s*|<b>|<br ?/?>\s*|PHP |\n)(?:Warning|Notice|Deprecated|(?:Fatal|Parse|Recoverable fatal) error)(?:</b>)?: "
)


class Rejected(ConfigError):
    """The shop understood the request and refused it; `status` and `code` are WordPress's own."""

    def __init__(self, status: int, code: str, remedy: str) -> None:
        super().__init__(f"The shop answered {status} {code}.", remedy)
        self.status = status
        self.code = code


class Answer(NamedTuple):
    """What came back.

    Args:
        status: the HTTP status.
        headers: by lower-case name.
        value: the JSON; None when it was something else.
        has_warning: whether it is something else because PHP wrote a warning into it.
    """

    status: int
    headers: Mapping[str, str]
    value: Json
    has_warning: bool = False


def sort(answer: Answer, method: str, address: str) -> None:
    """Return when an answer is JSON and no error.

    Raises:
        TajoError: as `api.Shop.call`.
    """
    status = answer.status
    if status == 429 or (status == 503 and "retry-after" in answer.headers):
        why = "is throttled" if status == 429 else "is in maintenance, or throttled"
        raise TryLater(f"The shop {why} ({status}).", after_s=_retry_after_s(answer), burns=False)
    if status >= 500:
        raise Unavailable(f"The shop answered {status}.")
    if 300 <= status < 400:
        raise _moved(answer, address)
    if answer.value is None:
        raise _no_json(answer)
    if status == 403 and not code_of(answer):
        raise _no_json(answer)
    if status == 401:
        raise _unauthorized(code_of(answer), method, _message(answer))
    if status >= 400:
        raise Rejected(status, code_of(answer), _REMEDIES.get(status, "See the shop's log; is WooCommerce up to date?"))


#: Status → what to do, where the code adds nothing to it.
_REMEDIES: Mapping[int, str] = {
    403: f"The key's user may not do this: give the key to an administrator in {KEYS_PAGE}.",
    404: "This WooCommerce does not know it: switched off, or too old.",
}


def _unauthorized(code: str, method: str, message: str) -> ConfigError:
    if not code.startswith(SEEN):
        return ConfigError(
            f"The shop did not recognise the keys (401 {code}), however they were sent.",
            f"Compare `consumer_key` with {KEYS_PAGE}. If it is right, a proxy takes the keys away, or WordPress does "
            "not know that it is behind HTTPS (is_ssl() is false): set `auth: oauth1`, or pass X-Forwarded-Proto on.",
        )
    if "timestamp" in message or "nonce" in message:
        return ConfigError("The shop refused the time of the request.", "Set the clock, here or there.")
    if "signature" in message:
        return ConfigError(
            "The shop refused the signature.",
            "Compare `consumer_secret`, and write `shop_url` as in Settings > General > Site address.",
        )
    if method != "GET" or "permission" in message:
        return ConfigError(
            "The key may not do this: it is read-only or write-only.",
            f"Give it the permission Read/Write in {KEYS_PAGE}.",
        )
    return ConfigError("The shop refused the keys.", f"Compare them with {KEYS_PAGE}, or make new ones there.")


def is_nowhere(answer: Answer) -> bool:
    """Tell whether there is no API at an address.

    That is a 404 page or, where a front controller answers everything, a redirect of WordPress to the same address with
    a slash, and a page there (seen on WooCommerce 11.0.1, 2026-11-28).
    """
    if answer.value is not None:
        return False
    return answer.status == 404 or (
        answer.status in (301, 302, 308)
        and answer.headers.get("x-redirect-by", "").lower() == "wordpress"
        and answer.headers.get("location", "").partition("?")[0].endswith("/")
    )


def _moved(answer: Answer, address: str) -> ConfigError:
    there, here = auth.split(_whole(address, answer.headers.get("location", ""))), auth.split(address)
    if there is not None and here is not None and (there.scheme, there.netloc) == (here.scheme, here.netloc):
        return ConfigError(
            f"{address} has no /wp-json/: WordPress sends its callers to a page.",
            "Choose any permalinks other than Plain in Settings > Permalinks, and save.",
        )
    to = "elsewhere" if there is None else f"{there.scheme}://{there.netloc}"
    return ConfigError(f"{address} sends its callers to {to}.", "Set `shop_url` to the address that answers itself.")


def _whole(address: str, location: str) -> str:
    try:
        return urljoin(f"{address}/", location)
    except ValueError:
        return ""


def _no_json(answer: Answer) -> ConfigError | TryLater:
    if answer.status == 404:
        return ConfigError(
            "There is no WooCommerce REST API at this address (404).",
            "Look at `shop_url`; is WordPress in a folder, is the REST API switched off by a plugin?",
        )
    if answer.status == 401:
        return ConfigError(
            "The web server itself asks for a password (401), before WordPress does.",
            "Let the path /wp-json/ through without it, and set `auth: query`.",
        )
    if answer.has_warning:
        return TryLater(
            f"The shop answered {answer.status} with a PHP warning or error in the JSON. Switch WP_DEBUG_DISPLAY off "
            "in wp-config.php (PHP's display_errors), and mend the plugin that the warning names."
        )
    return TryLater(
        f"The shop answered {answer.status}, but not as WordPress does: a firewall, a cache or a maintenance page?"
    )


def code_of(answer: Answer) -> str:
    """Return WordPress's word for an error, "" when there is none; cut to plain letters, a plugin may have made it."""
    code = answer.value.get("code") if isinstance(answer.value, dict) else None
    return "".join(c for c in code if c.isascii() and (c.isalnum() or c in "_-"))[:80] if isinstance(code, str) else ""


def _message(answer: Answer) -> str:
    """Return WordPress's sentence in small letters; in the shop's language, so it is a hint at most."""
    message = answer.value.get("message") if isinstance(answer.value, dict) else None
    return message.lower() if isinstance(message, str) else ""


def count(text: str | None) -> int | None:
    """Return a whole number of a header, None where there is none."""
    return int(text) if text is not None and text.isascii() and text.isdigit() else None


def _retry_after_s(answer: Answer) -> float:
    wait_s = count(answer.headers.get("retry-after", "").strip())
    return THROTTLED_S if wait_s is None else min(float(wait_s), MAX_WAIT_S)
