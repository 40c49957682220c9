"""`TajoClient`: a running Tajo Customer Sync, for programs."""

from __future__ import annotations

import os
import platform
from types import TracebackType
from typing import Self, Unpack

from tajo import answers, doors, figures, table
from tajo.address import ACCOUNT_HEADER, DEFAULT_URL, account_mark, check_key, check_url
from tajo.calls import Caller, Reach
from tajo.errors import SettingsWrong
from tajo.listing import Listing
from tajo.parts import Connectors, Contacts, Events, Filters, Notices, Parked, Receipts, Runs, Skills
from tajo.version import __version__


class TajoClient:
    """A running Tajo Customer Sync.

    Args:
        api_key: opens it; None takes `TAJO_API_KEY`.
        brevo_api_key: the key of the Brevo account that you mean. It is never sent: the service only learns whether it
            is its own, and refuses every call where it is not. None takes `BREVO_API_KEY`; "" leaves the check out.
        base_url: where it is; None takes `TAJO_URL`, and without that `http://127.0.0.1:8000`.
        timeout_s: how long one try waits for the connection, and then for each piece of the answer, in seconds.
        tries: how often a call is tried, 1 to 10; only what can be done twice without harm is tried again.
        allow_http: let the key travel without TLS to another machine. Only for a network that you trust.

    Raises:
        SettingsWrong: one of these cannot be worked with.

    `with TajoClient() as tajo:` closes the connections at its end. One client belongs to one thread.
    """

    def __init__(  # noqa: PLR0913  # three are the documents', and each of the others is asked for by its name
        self,
        api_key: str | None = None,
        brevo_api_key: str | None = None,
        base_url: str | None = None,
        *,
        timeout_s: float = 30.0,
        tries: int = 5,
        allow_http: bool = False,
    ) -> None:
        url = check_url(base_url or os.environ.get("TAJO_URL") or DEFAULT_URL, allow_http=allow_http)
        key = check_key(os.environ.get("TAJO_API_KEY", "") if api_key is None else api_key, "api_key")
        brevo_key = os.environ.get("BREVO_API_KEY", "") if brevo_api_key is None else brevo_api_key
        brevo_key = check_key(brevo_key, "brevo_api_key")
        if not key:
            raise SettingsWrong(
                "There is no API key.",
                "Give api_key, or set TAJO_API_KEY. A service that made its own key keeps it in `.tajo/api.key`.",
            )
        if not (timeout_s > 0 and 1 <= tries <= 10):
            raise SettingsWrong("timeout_s or tries is out of range.", "timeout_s is above 0, tries is 1 to 10.")
        headers = {"User-Agent": f"tajo-python/{__version__} (Python {platform.python_version()})"}
        if brevo_key:
            headers[ACCOUNT_HEADER] = account_mark(key, brevo_key)
        self._caller = Caller(Reach(url, timeout_s, tries), key, headers)
        self.skills = Skills(self._caller)
        self.connectors = Connectors(self._caller)
        self.contacts = Contacts(self._caller)
        self.runs = Runs(self._caller)
        self.parked = Parked(self._caller)
        self.events = Events(self._caller)
        self.receipts = Receipts(self._caller)
        self.notices = Notices(self._caller)

    def status(self) -> figures.Status:
        """Return the figures of the overview, and all that is found, the worst first."""
        return self._caller.do(table.STATUS)

    def alerts(self, **filters: Unpack[Filters]) -> Listing[answers.Alert]:
        """Return what a person should know, the newest first."""
        return Listing(self._caller, table.ALERTS, filters)

    def imports(self) -> doors.Imports:
        """Return what imports may do in the Brevo account, and why."""
        return self._caller.do(table.IMPORTS)

    def close(self) -> None:
        """Close the connections."""
        self._caller.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"TajoClient({self._caller.reach.url!r})"
