"""What lists are filtered by: a span of time, a person."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from customer_sync.api.installation import Installation
from customer_sync.api.paging import ListQuery
from customer_sync.model import to_ms

#: A time with its zone. In an address that nobody encoded, the `+` of the zone arrives as a space.
_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)([Zz]|[+ -]\d\d:\d\d)")
#: A person's number, or something with an address's sign.
_PERSON: Final = re.compile(r"[0-9]{1,18}|[^@\x00-\x20]+@[^@\x00-\x20]+")
#: The number of nobody.
_NOBODY: Final = "0"


def _moment(text: Any) -> int:
    found = _TIME.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError("use a time with its zone, as 2026-11-21T10:00:00Z")
    try:
        return to_ms(datetime.fromisoformat(found[1].upper() + found[2].upper().replace(" ", "+")))
    except (ValueError, OverflowError) as error:
        raise ValueError(f"there is no such time: {error}") from None


def _person(text: str) -> str:
    if not _PERSON.fullmatch(text):
        raise ValueError("use an e-mail address or the number of a person")
    return text


#: A time as ISO 8601 with its zone, read as milliseconds since 1970.
Moment = Annotated[int, BeforeValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"})]
#: An e-mail address or the number of a person.
PersonText = Annotated[str, AfterValidator(_person), Field(json_schema_extra={"pattern": f"^({_PERSON.pattern})$"})]


class SpanQuery(ListQuery):
    """A list of things that have a time."""

    since: Moment | None = Field(default=None, description="Only those of this time or later: ISO 8601 with its zone.")
    until: Moment | None = Field(default=None, description="Only those before this time: ISO 8601 with its zone.")


def person_number(tajo: Installation, text: str | None) -> str | None:
    """Return the number of the person who is meant; one that nobody has where the address is not known."""
    if text is None or "@" not in text:
        return text
    return tajo.store().people.find(text) or _NOBODY
