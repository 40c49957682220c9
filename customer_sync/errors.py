"""Every error of the system, sorted by what to do next.

```
TajoError
├── Refused        the caller's input is wrong: answer 4xx, keep nothing
├── PayloadError   park the raw inbound with the path of the fault; replayable after a fix
│   └── MappingError   the same, found while mapping
├── TryLater       the item is due again after `after_s`
├── FieldRefused   drop these fields for this value, send the rest
├── Missing        what was asked for is not there
├── Parkable       a person must look: reason and remedy
├── Unavailable    the destination is down: the whole lane waits
└── ConfigError    key, address or permission is wrong: the lane pauses with one alert
    └── ConsentNeeded  the same, and the owner's consent in a browser mends it
```

Messages say what was found, what is allowed or what to do. They never hold a secret or an e-mail address.
"""

from __future__ import annotations

from typing import Final, Literal, Self

#: Why a request is refused, as far as it decides what the operator does about it.
Cause = Literal["", "unsigned", "wrong", "no secret", "not told", "other account", "other address", "compressed"]


class TajoError(Exception):
    """The root of every error raised on purpose."""


class Refused(TajoError):
    """The caller sent something wrong; nothing is kept.

    Args:
        message: one sentence for the caller.
        status: the HTTP status of the answer, 4xx.
        cause: `unsigned` (nothing proves the sender), `wrong` (the proof does not fit the secret), `no secret` (none is
            set here), `not told` (nor has the platform told one), `other account` (of another one than the source's),
            `other address` (another platform's webhook), `compressed` (a proxy changed the body).
    """

    def __init__(self, message: str, *, status: int = 401, cause: Cause = "") -> None:
        super().__init__(message)
        self.status = status
        self.cause: Cause = cause


#: What is done about a body that its sender got wrong.
FIX_SENDER: Final = "fix the sender, then replay"


class PayloadError(TajoError):
    """A verified request whose body cannot be understood.

    Args:
        path: where the fault is, as `customer.email` or `$` for the whole body.
        found: what stands there, without its value when it may be personal.
        remedy: what makes a replay succeed.
    """

    def __init__(self, path: str, found: str, remedy: str = FIX_SENDER) -> None:
        super().__init__(f"{path}: {found}")
        self.path = path
        self.found = found
        self.remedy = remedy

    def kept(self) -> Self:
        """Return it for keeping: without the frames that it came through, which hold the whole body, and each other."""
        self.__traceback__ = self.__cause__ = self.__context__ = None
        return self


class MappingError(PayloadError):
    """A record that was read but does not fit the mapping."""


class TryLater(TajoError):
    """This item cannot be done now.

    Args:
        message: why.
        after_s: how long to wait, in seconds; None lets the retry rule decide.
        burns: whether the try counts towards the item's tries; a 429 does not.
    """

    def __init__(self, message: str, *, after_s: float | None = None, burns: bool = True) -> None:
        super().__init__(message)
        self.after_s = after_s
        self.burns = burns


class FieldRefused(TajoError):
    """The destination refused single fields; the rest can be sent without them.

    Args:
        fields: which.
        reason: why.
        is_taken: whether another record there has the value: it may be free one day.
    """

    def __init__(self, fields: tuple[str, ...], reason: str, *, is_taken: bool = False) -> None:
        super().__init__(f"{', '.join(fields)}: {reason}")
        self.fields = fields
        self.reason = reason
        self.is_taken = is_taken


class Missing(TajoError):
    """What was asked for is not at the destination (404). An item whose handler did not expect it is tried again."""


class Parkable(TajoError):
    """Nothing but a person can help: the item is parked with a reason and a remedy."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy


class Unavailable(TajoError):
    """A destination is down (network, 5xx): its whole lane waits, and no item uses up a try."""


class ConfigError(TajoError):
    """A setting is wrong: key, address allow-list, permission, file.

    Args:
        reason: which setting, in one sentence.
        remedy: what to change, and where.
    """

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(f"{reason} {remedy}")
        self.reason = reason
        self.remedy = remedy


class ConsentNeeded(ConfigError):
    """Keys alone do not open the door: the owner of the account must agree in a browser."""
