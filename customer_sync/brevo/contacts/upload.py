"""The account at Brevo for one large call: a body that is encoded already, and the time that a slow line needs."""

from __future__ import annotations

from typing import Final

from customer_sync.brevo.answers import Answers
from customer_sync.brevo.client import Brevo
from customer_sync.errors import TryLater
from customer_sync.kit.outbound import Reply, Unreached
from customer_sync.kit.transport import Timeout

#: The limit for connecting also bounds sending the body: 8 MB need 3.2 Mbit/s.
UPLOAD_TIMEOUT: Final = Timeout(connect_s=20.0, silence_s=25.0, answer_s=30.0)


class Uploads(Brevo):
    """The account, for imports. Its `HttpClient` should have `UPLOAD_TIMEOUT`."""

    @property
    def base_url(self) -> str:
        """The API's address."""
        return self._base_url

    def upload(self, path: str, raw: bytes, *, bucket: str, answers: Answers) -> Reply:
        """Send an encoded body and return the answer, always a success.

        Raises:
            TajoError: as `Brevo.call`.
        """
        return self.send("POST", path, raw, bucket=bucket, answers=answers)

    def was_sent(self, error: Exception) -> bool:
        """Tell whether Brevo may have received a failed call; it has certainly not where no connection was made."""
        return not isinstance(error, Unreached)


def process_of(reply: Reply) -> int:
    """Return Brevo's number of an import that it accepted.

    Raises:
        TryLater: its answer has none.
    """
    body = reply.json()
    number = body.get("processId") if isinstance(body, dict) else None
    if not isinstance(number, int):
        raise TryLater("Brevo accepted an import without a number.")
    return number
