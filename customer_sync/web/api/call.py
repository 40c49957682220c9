"""What a call is: one row of the table that routes, OpenAPI document and docs/api.md are made from."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from pydantic import BaseModel

from customer_sync.api.paging import Body, Query
from customer_sync.config import Role

#: Where every call is.
BASE: Final = "/api/v1"

#: Status → what it means, whatever the call. Every call has those of `ALWAYS`; a row names its others.
MEANINGS: Final[Mapping[int, str]] = {
    400: "A parameter is wrong, or the body cannot be read.",
    401: "The key is missing or wrong.",
    403: "The key's role does not do this, or another site's page may have asked.",
    404: "There is no such thing.",
    408: "The body did not arrive in time.",
    409: "It cannot be done now, is ambiguous, or `Tajo-Brevo-Account` is another account than the server's.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    422: "The body is JSON, but wrong; `errors` has every fault.",
    429: "Too many calls with this key, or too many wrong keys; `Retry-After` tells how many seconds to wait.",
    503: "Redis does not answer.",
}
ALWAYS: Final = (400, 401, 409, 429, 503)


@dataclass(frozen=True, slots=True)
class Call:
    """One call.

    Args:
        verb: the HTTP verb.
        path: below `/api/v1`, its parts that vary in braces; `{name:path}` may hold slashes.
        summary: what it does, for lists.
        role: whose keys may.
        function: does it: called with the installation, the parts of the path by their names, and `query` and `body`
            where the call has these. Returns the answer's model.
        answer: what it answers.
        status: its HTTP status.
        query: the parameters.
        body: what it takes.
        needs_body: whether a call without a body is refused; otherwise it means `{}`.
        problems: statuses that it may have beside those of every call.
        guarded: parameters that need a higher role when they are given.
        fixed: further arguments of the function.
        max_bytes: how long the body may be; None takes what holds for forms.
    """

    verb: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    summary: str
    role: Role
    function: Callable[..., BaseModel]
    answer: type[BaseModel]
    status: int = 200
    query: type[Query] | None = None
    body: type[Body] | None = None
    needs_body: bool = True
    problems: tuple[int, ...] = ()
    guarded: Mapping[str, Role] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    max_bytes: int | None = None

    @property
    def name(self) -> str:
        """The name of the operation and of the route: `get_events_event_id`."""
        return re.sub(r"\W+", "_", f"{self.verb.lower()}{self.template}").strip("_")

    @property
    def template(self) -> str:
        """The path as OpenAPI writes it."""
        return re.sub(r"{(\w+):\w+}", r"{\1}", self.path)

    @property
    def rule(self) -> str:
        """The path as Flask writes it."""
        return re.sub(r"{(\w+)(?::(\w+))?}", lambda found: f"<{found[2] or 'string'}:{found[1]}>", self.path)

    @property
    def parts(self) -> list[str]:
        """The names of the parts of the path that vary."""
        return re.findall(r"{(\w+)", self.path)

    @property
    def statuses(self) -> dict[int, str]:
        """Every status of a problem that it may have, and what that means."""
        sent = (408, 413, 415, 422) if self.body else ()
        guarded = (403,) if self.role is Role.OPERATE or self.guarded else ()
        return {status: MEANINGS[status] for status in sorted({*ALWAYS, *sent, *guarded, *self.problems})}
