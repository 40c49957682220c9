"""What the pieces of a connector file are made of: closed tables, and texts that mean something."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Any, Final

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from customer_sync.base.duration import EXAMPLE, read_duration
from customer_sync.config.faults import choose
from customer_sync.config.reader import snake_case
from customer_sync.custom import transforms
from customer_sync.custom.paths import LONGEST, Paths, Unreadable, paths
from customer_sync.custom.references import RESERVED, Template, Unclear, template
from customer_sync.kit.outbound import is_line

_EXPRESSION: Final = {"type": "string", "format": "jmespath", "minLength": 1, "maxLength": LONGEST}
_EXPRESSIONS: Final = {
    "anyOf": [_EXPRESSION, {"type": "array", "items": _EXPRESSION, "minItems": 1}],
    "description": "A JMESPath expression; of a list the first that finds something counts.",
}
#: A word of HTTP (RFC 9110, 5.6.2), as names of headers are.
_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,200}")
#: What a platform may be called.
NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


#: For how many unknown keys a guess is made at what was meant.
MOST_UNKNOWN: Final = 100
#: What may stand for a record in braces.
WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")


@dataclass(slots=True)
class Unknown:
    """The keys that no table has, found while a file is read: (the table as it was read, the key, the remedy)."""

    found: list[tuple[Mapping[str, Any], str, str]] = field(default_factory=list)


class Part(BaseModel):
    """A table with closed keys; camelCase and kebab-case are read as snake_case."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, validate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _known(cls, value: Any, info: ValidationInfo) -> Any:
        """Note the unknown keys, each with its remedy, and leave them out, so that other faults are found, too."""
        if not isinstance(value, dict):
            return value
        names = cls.names()
        kept: dict[str, Any] = {}
        for written, child in value.items():
            word = written if written in names else snake_case(str(written))
            word = cls.spellings().get(word, word)
            if word in names and names[word] not in kept:
                kept[names[word]] = child
            elif isinstance(info.context, Unknown):
                other = "Keep one spelling." if word in names else cls.homes().get(word)
                # a guess for each of thousands takes minutes, and nobody reads them
                is_many = len(info.context.found) > MOST_UNKNOWN
                remedy = "Take it away." if is_many else other or choose(word, names)
                info.context.found.append((value, written, remedy))
        return kept

    @classmethod
    def names(cls) -> Mapping[str, str]:
        """Return the keys of the table: as they are written → the field."""
        return {one.alias or name: name for name, one in cls.model_fields.items()}

    @classmethod
    def spellings(cls) -> Mapping[str, str]:
        """Return other words for keys: such a word → the key."""
        return {}

    @classmethod
    def homes(cls) -> Mapping[str, str]:
        """Return what to do with keys that other tools have and this table has not."""
        return {}


def wrong(found: str, remedy: str) -> PydanticCustomError:
    """Return the error of a value: what was found, and what to do."""
    return PydanticCustomError("wrong", "{found}", {"found": found, "remedy": remedy})


def _paths(value: Any) -> Paths:
    if isinstance(value, Paths):
        return value
    texts = [value] if isinstance(value, str) else value
    if not (isinstance(texts, list) and texts and all(isinstance(one, str) for one in texts)):
        raise wrong(f"expected a path, found {kind(value)}", "Write a JMESPath expression, or a list of them.")
    try:
        return paths(texts)
    except Unreadable as error:
        remedy = "Write a JMESPath expression such as contact.email; see https://jmespath.org."
        raise wrong(str(error), remedy) from error


def _template(value: Any) -> Template:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise wrong(f"expected a text, found {kind(value)}", "Write a text.")
    try:
        return template(str(value))
    except Unclear as error:
        raise wrong(str(error), error.remedy) from error


def _secret(value: Any) -> Template:
    try:
        found = template(value) if isinstance(value, str) else None
    except Unclear as error:
        raise wrong(str(error), error.remedy) from error
    if found is None or not found.is_secret:
        raise wrong("a secret that stands in the file (not shown)", "Write ${secret.name} or ${env.NAME} alone.")
    return found


def _secrets(value: Any) -> tuple[Template, ...]:
    return tuple(map(_secret, value if isinstance(value, list) and value else [value]))


def _duration(value: Any) -> timedelta:
    seconds = read_duration(value) if isinstance(value, str) else None
    if seconds is None:
        raise wrong(f"expected a duration, found {kind(value)}", f"Write {EXAMPLE}.")
    return timedelta(seconds=seconds)


def _transforms(value: Any) -> tuple[transforms.Transform, ...]:
    found = []
    for one in value if isinstance(value, list) else [value]:
        try:
            found.append(transforms.transform(one))
        except transforms.Unfit as error:
            raise wrong(str(error), error.remedy) from error
    return tuple(found)


def _route(value: Any) -> str:
    if isinstance(value, str) and value.startswith("/") and "?" in value:
        raise wrong("a query in a path", "Write it as params: {name: value}.")
    if not isinstance(value, str) or not re.fullmatch(r"/[^\s?#]{0,499}", value):
        raise wrong("no path that begins with a slash", "Write it as /api/customers, with the rest in base_url.")
    return value


def _url(value: Any) -> Template:
    found = _template(value)
    text = found.text
    if not text.startswith(("https://", "http://", "${", "/")) or any(one.isspace() for one in text):
        raise wrong("no address", "Write https://..., or a path of base_url that begins with a slash.")
    plain = "".join(one for one in found.pieces if isinstance(one, str))
    authority = re.split(r"[/?#]", plain.partition("://")[2])[0]
    if "@" in authority:
        raise wrong("a user or a password in an address (not shown)", "Write them as auth: {type: basic}.")
    if not authority.isascii() or "\\" in plain:
        raise wrong("a host with other letters than a to z", "Write the host as it is called: xn--... in that case.")
    return found


def is_header_name(text: str) -> bool:
    """Tell whether a text may be the name of a header."""
    return _TOKEN.fullmatch(text) is not None


def _header_name(value: Any) -> str:
    if not isinstance(value, str) or not is_header_name(value):
        raise wrong("no name of a header", "Write it as X-Lamps-Version: letters, digits and -.")
    return value


def _header_value(value: Any) -> Template:
    found = _template(value)
    if not is_line(found.text):
        raise wrong("a line break or another control character in a header", "Write it in one line.")
    return found


def _stop(value: Any) -> Any:
    return "empty" if value == "empty" else _paths(value)


def _whole(value: Any) -> Any:
    if isinstance(value, bool) or not (isinstance(value, int) or (isinstance(value, float) and value.is_integer())):
        raise wrong(f"expected a whole number, found {kind(value)}", "Write a whole number.")
    return int(value)


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong(f"expected a number, found {kind(value)}", "Write a number.")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise wrong(f"expected true or false, found {kind(value)}", "Write true or false.")
    return value


def _name(value: Any) -> str:
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise wrong("no name", "Use small letters, digits, - and _, at most 63 of them, such as my-platform.")
    return value


def _word(value: Any) -> str:
    if not isinstance(value, str) or not WORD.fullmatch(value):
        raise wrong("no word", "Use letters, digits and _, such as store.")
    return value


def _statuses(value: Any) -> tuple[int | range, ...]:
    found: list[int | range] = []
    for one in value if isinstance(value, list) and value else [value]:
        if isinstance(one, str) and re.fullmatch(r"[1-5]xx", one):
            found.append(range(int(one[0]) * 100, int(one[0]) * 100 + 100))
        elif isinstance(one, int) and not isinstance(one, bool) and 100 <= one <= 599:
            found.append(one)
        else:
            raise wrong("no HTTP status", "Write a number such as 404, a class such as 5xx, or a list.")
    return tuple(found)


def kind(value: Any) -> str:
    """Return what a value of the file is, in words for people."""
    words = {dict: "a table", list: "a list", str: "a text", bool: "true or false", int: "a number", float: "a number"}
    return "nothing" if value is None else words.get(type(value), "something else")


def _of(read: Callable[[Any], Any], schema: Mapping[str, Any]) -> Any:
    return (PlainValidator(read), WithJsonSchema(dict(schema)))


#: What `${...}` may be, and a text with such references in it; the keys that every source has are no names for them.
_NAMES: Final = rf"(?!(?:{'|'.join(sorted(RESERVED))})[:}}])[a-z][a-z0-9_]{{0,62}}"
_SECRET: Final = rf"\$\{{(?:secret\.{_NAMES}|env\.[A-Za-z_][A-Za-z0-9_]*)\}}"
_REFERENCE: Final = (
    rf"(?:{_SECRET}|\$\{{(?:config\.{_NAMES}|env\.[A-Za-z_][A-Za-z0-9_]*):-[^}}]*\}}|\$\{{config\.{_NAMES}\}})"
)
_PIECE: Final = rf"(?:[^$]|\$(?!\{{)|{_REFERENCE})"
_LINE_PIECE: Final = rf"(?:[\t -#%-~\xA0-\xFF]|\$(?!\{{)|{_REFERENCE})"
_FILLED: Final = {"anyOf": [{"type": "string", "pattern": f"^{_PIECE}*$"}, {"type": "number"}]}
_HEADER_VALUE: Final = {"anyOf": [{"type": "string", "pattern": f"^{_LINE_PIECE}*$"}, {"type": "number"}]}
_SECRET_TEXT: Final = {"type": "string", "pattern": f"^{_SECRET}$"}
_IN_HOST: Final = rf"(?:[^\s/?#@\\$\x80-\U0010ffff]|\$(?!\{{)|{_REFERENCE})"
_BEHIND: Final = rf"(?:[^\s\\$]|\$(?!\{{)|{_REFERENCE})*"
_ADDRESS: Final = rf"^(?:https?://{_IN_HOST}*(?:[/?#]{_BEHIND})?|/{_BEHIND}|{_REFERENCE}{_BEHIND})$"
_STATUS: Final = {
    "anyOf": [{"type": "integer", "minimum": 100, "maximum": 599}, {"type": "string", "pattern": "^[1-5]xx$"}]
}
_DURATION: Final = r"^(?=\d)(?:\d{1,6}d)?(?:\d{1,6}h)?(?:\d{1,6}m)?(?:\d{1,6}s)?$"

Whole = Annotated[int, BeforeValidator(_whole)]
Number = Annotated[float, BeforeValidator(_number)]
Flag = Annotated[bool, BeforeValidator(_flag)]
Text = Annotated[str, Field(min_length=1, max_length=500)]
Route = Annotated[str, *_of(_route, {"type": "string", "pattern": r"^/[^\s?#]{0,499}$"})]
Where = Annotated[Paths, *_of(_paths, _EXPRESSIONS)]
Filled = Annotated[Template, *_of(_template, _FILLED)]
HeaderName = Annotated[str, *_of(_header_name, {"type": "string", "pattern": f"^{_TOKEN.pattern}$"})]
HeaderValue = Annotated[Template, *_of(_header_value, _HEADER_VALUE)]
#: `empty`, or where it stands after how many the list ends.
Stop = Annotated[Any, *_of(_stop, _EXPRESSIONS)]
Secret = Annotated[Template, *_of(_secret, _SECRET_TEXT)]
Secrets = Annotated[
    tuple[Template, ...],
    *_of(_secrets, {"anyOf": [_SECRET_TEXT, {"type": "array", "items": _SECRET_TEXT, "minItems": 1}]}),
]
Url = Annotated[Template, *_of(_url, {"type": "string", "pattern": _ADDRESS})]
Name = Annotated[str, *_of(_name, {"type": "string", "pattern": f"^{NAME.pattern}$"})]
Word = Annotated[str, *_of(_word, {"type": "string", "pattern": f"^{WORD.pattern}$"})]
Duration = Annotated[timedelta, *_of(_duration, {"type": "string", "pattern": _DURATION})]
Statuses = Annotated[
    tuple[int | range, ...],
    *_of(_statuses, {"anyOf": [*_STATUS["anyOf"], {"type": "array", "items": _STATUS, "minItems": 1}]}),
]
Transforms = Annotated[
    tuple[Any, ...],
    *_of(_transforms, {"anyOf": [transforms.SCHEMA, {"type": "array", "items": transforms.SCHEMA}]}),
]


def listed(value: Any) -> Any:
    """Return a single value as a list of one."""
    return value if isinstance(value, list | tuple) else [value]


Texts = Annotated[tuple[Text, ...], BeforeValidator(listed, json_schema_input_type=Text | list[Text])]


def names_of(texts: Sequence[str]) -> str:
    """Return names as a list for people."""
    return ", ".join(texts) or "none"
