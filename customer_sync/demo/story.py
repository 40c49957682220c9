"""What happens in the demo's shops: an opening that shows every act, then a crowd, and once some foul weather."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from customer_sync.errors import Unavailable
from customer_sync.kit.fakes.part import Part
from customer_sync.kit.outbound import HttpClient

#: What happens first, one act each `OPENING_EVERY_S`, so that whoever looks sees each of them within a minute.
OPENING: Final = (
    *("register", "register", "buy", "register", "agree", "edit", "register", "withdraw", "buy_as_guest", "readdress"),
    *("register", "register", "merge", "buy", "agree", "delete", "register", "withdraw", "erase", "edit", "agree"),
)
OPENING_EVERY_S: Final = 0.8
#: Acts of each shop in a second, afterwards.
RATE: Final = 0.5
#: How webhooks arrive after the opening: some come twice, and they overtake one another.
HABITS: Final[Mapping[str, float]] = {"duplicates": 0.05, "reorder_s": 2.0}
#: So many acts at once, every so many seconds.
BURST, BURST_EVERY_S = 8, 30.0
#: One call is answered by Brevo that the account's credit is used up: its contact is parked, and a replay helps.
NO_CREDIT: Final[Mapping[str, Any]] = {
    "kind": "empty_error",
    "status": 402,
    "method": "POST",
    "path": "/contacts",
    "count": 1,
}
_JSON: Final = {"content-type": "application/json"}


class Shop:
    """One stand-in, by its control routes.

    Args:
        source: what the source is called.
        url: where it listens.
        part: what it brings to the demo.
        http: sends.
    """

    def __init__(self, source: str, url: str, part: Part, http: HttpClient) -> None:
        self.source, self.part = source, part
        self._url, self._http = url.rstrip("/"), http

    def is_open(self) -> bool:
        """Tell whether it answers."""
        return answers(self._http, f"{self._url}/fake/ready")

    def opening(self, number: int) -> None:
        """Let the act with this number of the opening happen."""
        self.tell("crowd", {"act": OPENING[number]})

    def live(self) -> None:
        """Let its people act by themselves from now on, and its webhooks arrive as webhooks do."""
        self.tell("webhooks", HABITS)
        self.tell("crowd", {"per_second": RATE})

    def burst(self) -> None:
        """Let many things happen at once."""
        self.tell("crowd", {"acts": BURST})

    def play(self, scene: str) -> bool:
        """Let something go wrong; False when it cannot happen at this platform."""
        for path, body in self.part.scenes.get(scene, ()):
            self.tell(path, body)
        return scene in self.part.scenes

    def tell(self, path: str, body: Mapping[str, Any]) -> None:
        """Call a control route.

        Raises:
            Unavailable: the stand-in does not answer.
            ValueError: it refuses.
        """
        post(self._http, f"{self._url}/fake/{path}", body)


def post(http: HttpClient, url: str, body: Mapping[str, Any]) -> None:
    """Post JSON to something on this machine.

    Raises:
        Unavailable: nobody answers.
        ValueError: it is refused.
    """
    reply = http.send("POST", url, headers=_JSON, body=json.dumps(body).encode())
    if reply.status >= 300:
        raise ValueError(f"{url}: {reply.status} {reply.body[:200].decode(errors='replace')}")


def answers(http: HttpClient, url: str) -> bool:
    """Tell whether an address answers with 200."""
    try:
        return http.send("GET", url, headers={}).status == 200
    except Unavailable:
        return False
