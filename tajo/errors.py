"""What can go wrong with a call, each with what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NotRequired, TypedDict


class Fault(TypedDict):
    """One thing that is wrong with what was sent: where, what, what was found there, what is allowed."""

    path: str
    detail: str
    found: NotRequired[Any]
    choices: NotRequired[list[Any]]


class TajoError(Exception):
    """A call that was not done. Its text says what happened and what to do, and holds neither a key nor an address.

    Args:
        detail: what happened.
        remedy: what to do about it; "" where nobody can say.
        errors: every single fault of what was sent, where that is the reason.
        status: the HTTP status of the answer; 0 without an answer.
        kind: the kind of problem, as `urn:tajo:problem:...`; "" without an answer of the service.
    """

    def __init__(
        self, detail: str, remedy: str = "", *, errors: Sequence[Fault] = (), status: int = 0, kind: str = ""
    ) -> None:
        self.detail = detail
        self.remedy = remedy
        self.errors = list(errors)
        self.status = status
        self.kind = kind
        super().__init__(" ".join(filter(None, (detail, remedy))) + "".join(map(_line, self.errors)))


class SettingsWrong(TajoError):
    """The client was given, or found in the environment, what it cannot work with; nothing was sent."""


class NotReached(TajoError):
    """The service did not answer, and trying again did not help."""


class NotTajo(TajoError):
    """Something answered at the address, but no service that this client can speak with."""


class TooOld(NotTajo):
    """The service is older than this client, and must be upgraded first."""


class Refused(TajoError):
    """The service says that the call is wrong; `errors` has all that is wrong with it."""


class KeyRefused(TajoError):
    """The key is not one of the service's."""


class RoleRefused(TajoError):
    """The key may read only, and the call changes something."""


class NotFound(TajoError):
    """There is no such thing: it never was, or it is gone by now."""


class Conflict(TajoError):
    """The call does not fit how things stand: a run is under way already, or the Brevo account is another one."""


class TooManyCalls(TajoError):
    """The key has used up its calls for now; `after_s` says when there are some again, in seconds.

    Args:
        after_s: None where the service did not say.
    """

    def __init__(self, *words: Any, after_s: float | None = None, **more: Any) -> None:
        super().__init__(*words, **more)
        self.after_s = after_s


class ServiceFault(TajoError):
    """The service cannot do the call now: a fault in it, or something that it needs is away."""


#: Status → error. Every other one from 500 on is a `ServiceFault`, and what is left is `Refused`.
BY_STATUS: dict[int, type[TajoError]] = {
    401: KeyRefused,
    403: RoleRefused,
    404: NotFound,
    409: Conflict,
    429: TooManyCalls,
}


def by_status(status: int) -> type[TajoError]:
    """Return the error that an answer with this status is."""
    return BY_STATUS.get(status, ServiceFault if status >= 500 else Refused)


def _line(fault: Fault) -> str:
    found = f" (found {fault['found']!r})" if fault.get("found") is not None else ""
    choices = f"; allowed: {', '.join(map(str, fault['choices']))}" if fault.get("choices") else ""
    return f"\n  {fault.get('path') or 'the body'}: {fault.get('detail', '')}{found}{choices}"
