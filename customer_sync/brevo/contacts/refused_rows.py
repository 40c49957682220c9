"""The rows that an import refused: Brevo gives them as CSV files, one for each reason, by their addresses in the web.

The form of the files is not documented, only their names. So the column is found by its name. If a file cannot be read,
the created contacts are read from the technical list instead.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import urlsplit

from customer_sync.base.log import get
from customer_sync.errors import Unavailable
from customer_sync.kit.outbound import HttpClient
from customer_sync.model import Json

log = get(__name__)

#: The largest file that is read: no file is larger than the import's body.
MAX_BYTES: Final = 16_000_000
#: What the column of the addresses may be called, in small letters.
COLUMNS: Final = frozenset({"email", "e-mail", "emails", "email_id", "email address"})


class RefusedRows:
    """Reads the files. Their addresses come from an answer, so those inside the own network are not called.

    Args:
        base_url: Brevo's address: a sandbox there gives its files without TLS, and from an address that is not public.
        http: what calls; made here where it is None.
    """

    def __init__(self, base_url: str, http: HttpClient | None = None) -> None:
        own = urlsplit(base_url)
        self._http = http or HttpClient(max_bytes=MAX_BYTES, private=frozenset({own.hostname or ""}))
        self._host = own.netloc

    def read(self, process: Mapping[str, Json]) -> frozenset[str]:
        """Return the addresses of the rows that were refused, as far as the files tell."""
        info = process.get("info")
        reports = info.get("import") if isinstance(info, dict) else None
        urls = reports.items() if isinstance(reports, dict) else ()
        found: set[str] = set()
        for report, url in urls:
            if isinstance(url, str) and url:
                text = self._fetch(url, report)
                emails = set(addresses_in(text))
                log.info("rows refused by an import", report=report, rows=len(emails))
                found |= emails
        return frozenset(found)

    def _fetch(self, url: str, report: str) -> str:
        """Return a file, "" when it cannot be read."""
        target = urlsplit(url)
        if target.scheme != "https" and target.netloc != self._host:
            log.warning("refused rows not read: no TLS", report=report)
            return ""
        try:
            reply = self._http.send("GET", url, headers={"Range": f"bytes=0-{MAX_BYTES}"})
        except Unavailable as error:
            log.warning("refused rows not read", report=report, error=str(error))
            return ""
        if reply.status not in {200, 206}:
            log.warning("refused rows not read", report=report, status=reply.status)
            return ""
        return reply.body.decode("utf-8-sig", "replace")


def addresses_in(text: str) -> Iterator[str]:
    """Yield the addresses of a CSV file, in small letters: from the column of addresses, else from all columns."""
    head = text.partition("\n")[0]
    rows = csv.reader(io.StringIO(text), delimiter=max(";,\t", key=head.count))
    try:
        names = [name.strip().lower() for name in next(rows, [])]
        place = next((index for index, name in enumerate(names) if name in COLUMNS), None)
        for row in rows:
            cells = row if place is None else row[place : place + 1]
            yield from (cell.strip().lower() for cell in cells if "@" in cell)
    except csv.Error as error:
        log.warning("refused rows not read to the end", error=str(error))
