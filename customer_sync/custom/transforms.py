"""The closed list of what may be done to a value between a platform's record and ours. Each is a pure function."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from customer_sync.errors import PayloadError
from customer_sync.kit.fields import flag, moment, number, text, to_text, whole
from customer_sync.model import Json, kind_of

#: Takes a value and its path. None goes through all but `default`.
Transform = Callable[[Json, str], Json]

#: ISO 4217: the currencies whose smallest unit is the whole, and those with a thousand of them.
NO_DECIMALS: Final = frozenset(
    ("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF")
)
THREE_DECIMALS: Final = frozenset(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"))
_TRUE: Final = frozenset({"true", "yes", "on", "1", "y", "t"})
_FALSE: Final = frozenset({"false", "no", "off", "0", "n", "f"})


class Unfit(ValueError):
    """The words of a transform are wrong; `remedy` says what may stand there."""

    def __init__(self, found: str, remedy: str) -> None:
        super().__init__(found)
        self.remedy = remedy


def decimals_of(currency: str) -> int:
    """Return how many decimals a currency has."""
    code = currency.strip().upper()
    return 0 if code in NO_DECIMALS else 3 if code in THREE_DECIMALS else 2


def read_moment(value: Json, form: str, path: str) -> datetime:
    """Return a time in one of the forms of a connector file, UTC.

    Args:
        value: the time.
        form: `rfc3339`, `unix`, `unix_ms`, or a pattern of strptime; a pattern without a zone is UTC.
        path: for messages.

    Raises:
        PayloadError: it is none.
    """
    if form in {"unix", "unix_ms"}:
        seconds = number(value, path)
        try:
            return datetime.fromtimestamp((seconds or 0.0) / (1000 if form == "unix_ms" else 1), UTC)
        except (ValueError, OverflowError, OSError) as error:
            raise PayloadError(path, "expected seconds since 1970") from error
    if form == "rfc3339":
        written = moment(value, path)
        if written is None:
            raise PayloadError(path, "expected an ISO 8601 time such as 2026-11-21T10:00:00Z")
        return datetime.fromisoformat(written).astimezone(UTC)
    try:
        at = datetime.strptime(str(value), form)  # noqa: DTZ007  # the next line gives it a zone where it has none
        return (at.replace(tzinfo=UTC) if at.tzinfo is None else at).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise PayloadError(path, f"expected a time like {form}") from error


def write_moment(at: datetime, form: str) -> str:
    """Return a time as a platform wants it in a question."""
    if form == "unix":
        return str(int(at.timestamp()))
    if form == "unix_ms":
        return str(int(at.timestamp() * 1000))
    if form == "rfc3339":
        return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return at.astimezone(UTC).strftime(form)


@dataclass(frozen=True, slots=True)
class Default:
    """What holds where nothing stands.

    Args:
        value: that.
    """

    value: Json

    def __call__(self, value: Json, path: str) -> Json:  # noqa: ARG002  # as `Transform`
        """Return the value, or what holds without one."""
        return self.value if value in (None, "") else value


def _of_text(change: Callable[[str], Json]) -> Transform:
    def apply(value: Json, path: str) -> Json:
        found = text(value, path)
        return None if found is None else change(str(found))

    return apply


def _truth(value: Json, path: str) -> Json:
    if isinstance(value, str | int) and not isinstance(value, bool):
        word = str(value).strip().lower()
        return True if word in _TRUE else False if word in _FALSE else flag(value, path)
    return flag(value, path)


def _first(value: Json, _path: str) -> Json:
    return (value[0] if value else None) if isinstance(value, list) else value


def _unix(unit: str, value: Json, path: str) -> Json:
    return to_text(read_moment(value, "unix_ms" if unit == "ms" else "unix", path))


def _date(form: str, value: Json, path: str) -> Json:
    return to_text(read_moment(value, form, path))


def from_cents(currency: str, value: Json, path: str) -> Json:
    """Return an amount in the smallest units of a currency as an amount in its units.

    Raises:
        PayloadError: it is no whole number.
    """
    amount = whole(value, path)
    places = decimals_of(currency)
    return None if amount is None else round(amount / 10**places, places)


def mapped(table: Mapping[str, Json], value: Json, path: str) -> Json:
    """Return what a table has for a value; `true` and `false` stand for the two.

    Raises:
        PayloadError: it does not name the value.
    """
    word = str(value).lower() if isinstance(value, bool) else str(value)
    if isinstance(value, dict | list) or word not in table:
        raise PayloadError(path, f"a value that `map` does not name ({kind_of(value)})")
    return table[word]


def _join(between: str, value: Json, path: str) -> Json:
    if not isinstance(value, list):
        return value
    return between.join(str(one) for one in (text(item, path) for item in value) if one is not None)


def _split(between: str, value: Json, path: str) -> Json:
    found = text(value, path)
    return None if found is None else [one.strip() for one in str(found).split(between) if one.strip()]


_PLAIN: Final[Mapping[str, Transform]] = {
    "trim": _of_text(str.strip),
    "lower": _of_text(str.lower),
    "upper": _of_text(str.upper),
    "int": whole,
    "float": number,
    "bool": _truth,
    "first": _first,
    "date_iso": partial(_date, "rfc3339"),
    "unix_to_iso": partial(_unix, "s"),
    "join": partial(_join, ", "),
    "split": partial(_split, ","),
}
_WORDED: Final = ("default", "map", "join", "split", "date_iso", "unix_to_iso", "cents_to_decimal")
NAMES: Final = (*_PLAIN, *(name for name in _WORDED if name not in _PLAIN))


def transform(written: Any) -> Transform:
    """Return the transform of a word, or of a table with one key.

    Raises:
        Unfit: there is none.
    """
    if isinstance(written, str):
        if written in _PLAIN:
            return _PLAIN[written]
        if written in _WORDED:
            raise Unfit(f"{written} without what it needs", _EXAMPLES[written])
    elif isinstance(written, dict) and len(written) == 1:
        ((name, words),) = written.items()
        if name in _WORDED:
            return _worded(name, words)
    known = ", ".join(NAMES)
    raise Unfit("no transform", f"Choices: {known}.")


def apply(transforms: Sequence[Transform], value: Json, path: str) -> Json:
    """Return a value after all transforms.

    Raises:
        PayloadError: it does not fit one of them.
    """
    for one in transforms:
        value = one(value, path)
    return value


_EXAMPLES: Final[Mapping[str, str]] = {
    "default": "Write default: value.",
    "map": "Write map: {theirs: ours}.",
    "join": 'Write join: ", ".',
    "split": 'Write split: ",".',
    "date_iso": 'Write date_iso: "%Y-%m-%d %H:%M:%S", or date_iso alone.',
    "unix_to_iso": "Write unix_to_iso: s or unix_to_iso: ms.",
    "cents_to_decimal": "Write cents_to_decimal: EUR.",
}


_TEXTS: Final = {"type": "string", "minLength": 1}
_CODE: Final = {"type": "string", "pattern": "^[A-Za-z]{3}$"}
_SCALAR: Final = {"type": ["string", "number", "boolean", "null"]}


def _table(name: str, value: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"type": "object", "properties": {name: value}, "required": [name], "additionalProperties": False}


def _either(name: str, value: Mapping[str, Any]) -> Mapping[str, Any]:
    return _table(name, {"anyOf": [value, _table(_NAMED[name], value)]})


#: The one word of a transform, where it is written in a table of its own.
_NAMED: Final[Mapping[str, str]] = {
    "default": "v",
    "join": "sep",
    "split": "sep",
    "cents_to_decimal": "currency",
    "date_iso": "format",
    "unix_to_iso": "unit",
}


#: The same as JSON Schema.
SCHEMA: Final[Mapping[str, Any]] = {
    "anyOf": [
        {"enum": list(_PLAIN)},
        _either("default", _SCALAR),
        _table("map", {"type": "object", "minProperties": 1}),
        _either("join", _TEXTS),
        _either("split", _TEXTS),
        _either("date_iso", _TEXTS),
        _either("unix_to_iso", {"enum": ["s", "ms"]}),
        _either("cents_to_decimal", _CODE),
    ]
}


def _worded(name: str, words: Any) -> Transform:
    key = _NAMED.get(name)
    if isinstance(words, dict) and key is not None and list(words) == [key]:
        words = words[key]
    if name == "default" and not isinstance(words, dict | list):
        return Default(words)
    if name == "map" and isinstance(words, dict) and words:
        table = {str(key).lower() if isinstance(key, bool) else str(key): value for key, value in words.items()}
        return _through(partial(mapped, table))
    if isinstance(words, str) and words:
        if name == "unix_to_iso" and words in {"s", "ms"}:
            return _through(partial(_unix, words))
        if name == "cents_to_decimal" and len(words) == 3 and words.isascii() and words.isalpha():
            return partial(from_cents, words)
        if name in {"join", "split", "date_iso"}:
            return _through(partial({"join": _join, "split": _split, "date_iso": _date}[name], words))
    raise Unfit(f"{name} with something else than it needs", _EXAMPLES[name])


def _through(change: Transform) -> Transform:
    """Let what is empty go through."""
    return lambda value, path: None if value in (None, "") else change(value, path)
