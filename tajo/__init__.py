"""A client for a running Tajo Customer Sync: `from tajo import TajoClient`.

`client` is where to begin; `parts` has every call, `answers` what they give, `errors` what can go wrong.
"""

from tajo.client import TajoClient
from tajo.errors import (
    Conflict,
    Fault,
    KeyRefused,
    NotFound,
    NotReached,
    NotTajo,
    Refused,
    RoleRefused,
    ServiceFault,
    SettingsWrong,
    TajoError,
    TooManyCalls,
    TooOld,
)
from tajo.version import __version__

__all__ = [
    "Conflict",
    "Fault",
    "KeyRefused",
    "NotFound",
    "NotReached",
    "NotTajo",
    "Refused",
    "RoleRefused",
    "ServiceFault",
    "SettingsWrong",
    "TajoClient",
    "TajoError",
    "TooManyCalls",
    "TooOld",
    "__version__",
]
