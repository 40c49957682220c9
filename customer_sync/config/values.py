"""How single values are read: one small function for each kind of value.

Each takes the node and the environment, and returns the value or raises `Wrong` with words for a person. They are
lenient where the meaning is plain (`list_id: "5"`, `enabled: yes`, a number as password) and never guess otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final
from urllib.parse import urlsplit

from cronsim import CronSim, CronSimError

from customer_sync.base.redis_url import read_redis_url
from customer_sync.config.document import Items, Node, Table, Text, shape
from customer_sync.config.faults import Wrong, choose
from customer_sync.config.interpolate import interpolate
from customer_sync.errors import ConfigError
from customer_sync.model import Json

Env = Mapping[str, str]

#: How a sentence begins that shows what stands in the file.
QUOTES: Final = "found '"

#: The fewest characters of the key that encrypts stored credentials.
KEY_LENGTH: Final = 16
#: The fewest characters of an API key, which strangers may try from far away; and how many of them must differ.
API_KEY_LENGTH: Final = 24
_API_KEY_LETTERS: Final = 8
_MAKE_KEY: Final = "Make a long one, for example with: openssl rand -hex 32."

_TRUE: Final = frozenset({"true", "yes", "on", "1"})
_FALSE: Final = frozenset({"false", "no", "off", "0"})
_WHOLE: Final = re.compile(r"0|[1-9][0-9]{0,17}")
#: Names of callers that no key may have: logs would not tell the one from the other.
CALLERS: Final = frozenset({"dashboard"})
_CALLER: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,39}")
_SHELL_VARIABLE: Final = re.compile(r"\$[A-Za-z_][A-Za-z0-9_]*")
_PASSWORD: Final = re.compile(r"(?<=//)[^/@\s]*@")
_LONGEST_SHOWN: Final = 60


def shown(node: Node) -> str:
    """Return what stands in the file, for a fault: as written, so a variable's value is never shown."""
    if not isinstance(node, Text) or node.tag == "null":
        return f"found {shape(node)}"
    text = _PASSWORD.sub("***@", node.text)
    return f"{QUOTES}{text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + '...'}'"


def is_empty(node: Node) -> bool:
    """Say whether a key is there without a value (`sync_mode:`), which means the same as no key."""
    return isinstance(node, Text) and node.tag == "null"


def text(node: Node, env: Env) -> str:
    """Return a text, trimmed. Numbers and yes/no count as the text that was written."""
    if not isinstance(node, Text):
        raise Wrong(f"expected a text, found {shape(node)}", "Write a single value.")
    return interpolate(node.text, env).strip()


def secret(node: Node, env: Env) -> str:
    """Return a secret, trimmed: a file's last line break is never part of one."""
    value = text(node, env)
    if isinstance(node, Text) and _SHELL_VARIABLE.fullmatch(node.text.strip()):
        raise Wrong("a variable without braces", f"Write ${{{node.text.strip()[1:]}}}.")
    return value


def secrets(node: Node, env: Env) -> tuple[str, ...]:
    """Return one secret or a list of them, the newest first, without empty ones and repeats."""
    found = [secret(item, env) for item in node.items] if isinstance(node, Items) else [secret(node, env)]
    return tuple(dict.fromkeys(value for value in found if value))


def separated_secrets(node: Node, env: Env) -> tuple[str, ...]:
    """Return the secrets of a variable, separated by commas."""
    return tuple(dict.fromkeys(part.strip() for part in text(node, env).split(",") if part.strip()))


def tokens(node: Node, env: Env) -> tuple[str, ...]:
    """Return secrets that arrive in a header: the web server hands over none with letters beyond ASCII."""
    return _in_header(secrets(node, env))


def separated_tokens(node: Node, env: Env) -> tuple[str, ...]:
    """Return the same of a variable, separated by commas."""
    return _in_header(separated_secrets(node, env))


def _in_header(found: tuple[str, ...]) -> tuple[str, ...]:
    if not all(one.isascii() for one in found):
        raise Wrong("a secret with letters beyond ASCII, which no header carries", _MAKE_KEY)
    return found


def secret_keys(node: Node, env: Env) -> str:
    """Return the key that encrypts, or several separated by commas, each long enough not to be guessed."""
    keys = [part.strip() for part in secret(node, env).split(",") if part.strip()]
    if any(len(key) < KEY_LENGTH for key in keys):
        raise Wrong(f"a key of fewer than {KEY_LENGTH} characters", _MAKE_KEY)
    return ",".join(keys)


def api_key(node: Node, env: Env) -> str:
    """Return the key of our own API; one that can be guessed is refused, without being shown."""
    key = secret(node, env)
    weakness = weakness_of(key) if key else None
    if weakness is not None:
        raise Wrong(weakness, _MAKE_KEY)
    return key


def weakness_of(key: str) -> str | None:
    """Return why a key of our own API can be guessed, None when it cannot."""
    return next((text for text, is_weak in _WEAKNESSES if is_weak(key)), None)


def _repeats(key: str) -> bool:
    """Tell whether a key is one piece again and again; what stands between may be missing at the end (`ab-ab`)."""
    return any(key.startswith(key[length:]) for length in range(1, (len(key) + 1) // 2 + 1))


def _counts(key: str) -> bool:
    """Tell whether half of a key is in the order of the alphabet or of the numbers, or against it."""
    steps = [abs(ord(one) - ord(other)) == 1 for one, other in pairwise(key)]
    return 2 * sum(steps) >= len(steps)


_WEAKNESSES: Final[Sequence[tuple[str, Callable[[str], bool]]]] = (
    (f"a key of fewer than {API_KEY_LENGTH} characters", lambda key: len(key) < API_KEY_LENGTH),
    (f"a key of fewer than {_API_KEY_LETTERS} different characters", lambda key: len(set(key)) < _API_KEY_LETTERS),
    ("a key with letters beyond ASCII, which no header carries", lambda key: not key.isascii()),
    ("a key that repeats itself", _repeats),
    ("a key that can be guessed: letters or digits in their order", _counts),
)


def caller(node: Node, env: Env) -> str:
    """Return the name of one who calls our API; logs and answers tell it."""
    name = text(node, env)
    if not _CALLER.fullmatch(name):
        raise Wrong(shown(node), "Write a name of small letters, digits, `.`, `-` and `_`, as grafana.")
    if name in CALLERS:
        raise Wrong(f"{shown(node)}, which names a signed-in browser", "Give the key another name, as grafana.")
    return name


def whole(least: int, most: int) -> Callable[[Node, Env], int]:
    """Return a reader of a whole number between these."""

    def read(node: Node, env: Env) -> int:
        word = text(node, env)
        if not _WHOLE.fullmatch(word) or not least <= int(word) <= most:
            raise Wrong(shown(node), f"Write a number from {least:,} to {most:,}, without commas.")
        return int(word)

    return read


def truth(node: Node, env: Env) -> bool:
    """Return true or false."""
    word = text(node, env).lower()
    if word not in _TRUE | _FALSE:
        raise Wrong(shown(node), "Write true or false.")
    return word in _TRUE


def one_of(*choices: str) -> Callable[[Node, Env], str]:
    """Return a reader of one word out of these; capitals do not matter."""

    def read(node: Node, env: Env) -> str:
        word = text(node, env).lower()
        if word not in choices:
            raise Wrong(shown(node), choose(word, choices))
        return word

    return read


def some_of(*choices: str) -> Callable[[Node, Env], tuple[str, ...]]:
    """Return a reader of a list of these words; a single word is a list of one."""
    single = one_of(*choices)

    def read(node: Node, env: Env) -> tuple[str, ...]:
        items = node.items if isinstance(node, Items) else [node]
        return tuple(dict.fromkeys(single(item, env) for item in items))

    return read


def list_ids(node: Node, env: Env) -> tuple[int, ...]:
    """Return the ids of Brevo lists: one or a list of them."""
    items = node.items if isinstance(node, Items) else [node]
    ids = []
    for item in items:
        word = text(item, env)
        if not _WHOLE.fullmatch(word) or word == "0":
            raise Wrong(shown(item), "Write the list's number, as Brevo shows it: 5, or [5, 6].")
        ids.append(int(word))
    return tuple(dict.fromkeys(ids))


def url(*schemes: str, password: bool = False) -> Callable[[Node, Env], str]:
    """Return a reader of an address with one of these schemes, without the slash at its end.

    Args:
        schemes: what may stand before `://`.
        password: whether `user:password@` may stand in it.
    """
    example = f"{schemes[-1]}://..."

    def read(node: Node, env: Env) -> str:
        address = text(node, env)
        try:
            parts = urlsplit(address)
            _ = parts.port
        except ValueError as error:
            raise Wrong(shown(node), f"Write a whole address: {example}") from error
        if parts.scheme not in schemes or not (parts.netloc or parts.path) or re.search(r"\s", address):
            raise Wrong(shown(node), f"Write a whole address: {example}")
        if parts.scheme.startswith("http") and not parts.hostname:
            raise Wrong(shown(node), f"Write a whole address: {example}")
        if not password and "@" in parts.netloc:
            raise Wrong("a password in an address", "Write the address without user and password.")
        return address.rstrip("/")

    return read


def redis_url(node: Node, env: Env) -> str:
    """Return the address of Redis as it is written; see `customer_sync.base.redis_url` for its forms."""
    address = text(node, env)
    try:
        read_redis_url(address)
    except ConfigError as error:
        raise Wrong(f"{error.reason[0].lower()}{error.reason[1:].rstrip('.')}", error.remedy) from error
    return address


def anything(node: Node, env: Env) -> Json:
    """Return a value as JSON, whatever it is; variables are filled in at every depth.

    A number only where writing it back gives the same text, so that versions (`2024.10`) and ids (`007`) stay texts.
    """
    if isinstance(node, Table):
        return {key: anything(child, env) for key, child in node.entries.items()}
    if isinstance(node, Items):
        return [anything(item, env) for item in node.items]
    if node.tag == "null":
        return None
    if node.tag == "bool":
        return node.text.lower() in _TRUE
    if node.tag in {"int", "float"}:
        return _number(node.text)
    return interpolate(node.text, env)


def _number(written: str) -> int | float | str:
    for kind in (int, float):
        try:
            value = kind(written)
        except ValueError:
            continue
        if str(value) == written:
            return value
    return written


_CRON_WORDS: Final[Mapping[str, str]] = {
    "hourly": "17 * * * *",
    "daily": "37 3 * * *",
    "nightly": "37 3 * * *",
    "weekly": "37 3 * * 0",
}
#: The fields of a cron line, and what may stand in each.
_CRON_FIELDS: Final = (
    ("minute", "0 to 59"),
    ("hour", "0 to 23"),
    ("day of the month", "1 to 31, or L for the last"),
    ("month", "1 to 12, or jan to dec"),
    ("day of the week", "0 to 7 (0 and 7 are Sunday), or sun to sat"),
)
#: Any time: whether a line can be read does not depend on it.
_ONCE: Final = datetime(2000, 1, 1, tzinfo=UTC)


def cron(node: Node, env: Env) -> str | None:
    """Return a cron line of five fields in UTC, None for `off`.

    The words hourly, daily, nightly and weekly stand for lines that avoid the full hour, when everybody calls.
    """
    line = " ".join(text(node, env).lower().split())
    if line in _FALSE - {"0"} or line == "never":
        return None
    line = _CRON_WORDS.get(line, line)
    fields = line.split(" ")
    if len(fields) != len(_CRON_FIELDS):
        raise Wrong(shown(node), 'Write five cron fields, as "*/15 * * * *", or hourly, daily, nightly, weekly, off.')
    for place, (name, allowed) in enumerate(_CRON_FIELDS):
        alone = ["*"] * len(fields)
        alone[place] = fields[place]
        if not _comes(alone):
            remedy = f"Write {allowed}; also *, a list (1,3), a range upwards (1-3) or a step (*/2)."
            raise Wrong(f"{shown(node)}, whose {name} cannot be read", remedy)
    if not _comes(fields):
        raise Wrong(f"{shown(node)}, a day that never comes", "Write a day that one of the months has.")
    return line


def _comes(fields: list[str]) -> bool:
    """Tell whether a cron line can be read, and names a time that comes."""
    try:
        return next(CronSim(" ".join(fields), _ONCE), None) is not None
    except (CronSimError, ValueError):  # ValueError: a number of thousands of digits
        return False
