"""The account at Brevo for one large call: a body that is encoded already, and the time that a slow line needs."""

from __future__ import annotations

from typing import Final

import urllib3

from customer_sync.brevo.client import Brevo
from customer_sync.outbound import Reply

#: The limits for connecting, which also bounds sending the body (8 MB need 3.2 Mbit/s), and for the answer, in seconds.
UPLOAD_TIMEOUT: Final = urllib3.Timeout(connect=20.0, read=25.0)


class Uploads(Brevo):
    """The account, for imports. Its `HttpClient` should have `UPLOAD_TIMEOUT`."""

    @property
    def base_url(self) -> str:
        """The API's address."""
        return self._base_url

    def upload(self, path: str, raw: bytes, *, bucket: str) -> Reply:
        """Send an encoded body and return the answer, always a success.

        Raises:
            TajoError: as `Brevo.call`.
        """
        return self.send("POST", path, raw, bucket=bucket)

    def was_sent(self, error: Exception) -> bool:
        """Tell whether Brevo may have got a call that failed: only where no connection was made it has not."""
        return not isinstance(error.__cause__, urllib3.exceptions.NewConnectionError)
