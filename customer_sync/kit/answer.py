"""An answer as it is read: with a deadline, and without the parser for mails that `http.client` gives its head to.

That parser took a third of the time of a call. Heads that it would read otherwise are still given to it.
"""

from __future__ import annotations

import http.client
import io
import re
import socket
from email.parser import Parser
from http import HTTPStatus
from time import monotonic
from typing import Any, Final, NamedTuple

#: The longest line of a head, in bytes, and the most lines, as in `http.client`.
_LINE, _LINES = 65536, 100
#: What every line of a plain head is: a name, and a value in which no line ends.
_PLAIN: Final = re.compile(rb"([!-9;-~]+):[ \t]*([^\r\n]*)\r?\n").fullmatch


class Allowance(NamedTuple):
    """What one answer may take.

    Args:
        answer_s: how long it may take from the end of the request, in seconds.
        max_bytes: how large it may be, unpacked.
        bytes_per_s: how fast it must come once `answer_s` are over: each of so many bytes adds a second; inf adds none.
    """

    answer_s: float
    max_bytes: int
    bytes_per_s: float = float("inf")


class Answer(http.client.HTTPResponse):
    """An answer whose head and body must be there at a time."""

    def __init__(self, sock: socket.socket, *args: Any, allowed: Allowance, **more: Any) -> None:
        super().__init__(sock, *args, **more)
        self.fp = io.BufferedReader(_Stream(self.fp.detach(), sock, allowed))

    def begin(self) -> None:
        """Read the head; `http.client` calls this once, and does the same with a slower parser."""
        version, status, reason = self._read_status()  # type: ignore[attr-defined]  # that of http.client
        while status == HTTPStatus.CONTINUE:
            read_head(self.fp)
            version, status, reason = self._read_status()  # type: ignore[attr-defined]  # as above
        if not version.startswith("HTTP/1.") and version != "HTTP/0.9":
            raise http.client.UnknownProtocol(version)
        self.version = 10 if version in ("HTTP/1.0", "HTTP/0.9") else 11
        self.code = self.status = status
        self.reason = reason.strip()
        self.headers = self.msg = read_head(self.fp)
        self.chunked = (self.headers.get("transfer-encoding") or "").lower() == "chunked"
        self.chunk_left: int | None = None
        self.length = self._length()
        # without a length, or an end that is marked, the answer ends with the connection
        is_open_ended = not self.chunked and self.length is None
        self.will_close = self._check_close() or is_open_ended  # type: ignore[attr-defined]  # that of http.client

    def _length(self) -> int | None:
        has_none = self.status in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED) or self.status < HTTPStatus.OK
        if has_none or self._method == "HEAD":  # type: ignore[attr-defined]  # that of http.client
            return 0
        told = self.headers.get("content-length") or ""
        try:
            length = -1 if self.chunked else int(told)
        except ValueError:
            return None
        return length if length >= 0 else None


class _Stream(io.RawIOBase):
    """The bytes of one answer, as they come, until a time; with each byte a file wins more of it."""

    def __init__(self, raw: Any, sock: socket.socket, allowed: Allowance) -> None:
        self._raw = raw
        self._sock = sock
        self._ends_at = monotonic() + allowed.answer_s
        self._bytes_per_s = allowed.bytes_per_s

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left_s = self._ends_at - monotonic()
        if left_s <= 0:
            raise TimeoutError("the answer took too long")
        if left_s < (self._sock.gettimeout() or left_s + 1):
            self._sock.settimeout(left_s)
        found: int | None = self._raw.readinto(buffer)
        self._ends_at += (found or 0) / self._bytes_per_s
        return found

    def close(self) -> None:
        self._raw.close()
        super().close()


def read_head(fp: Any) -> http.client.HTTPMessage:
    """Return the fields of a head, as `http.client.parse_headers` does.

    Raises:
        http.client.HTTPException: a line is too long, or there are too many.
    """
    lines: list[bytes] = []
    while (line := fp.readline(_LINE + 1)) not in (b"\r\n", b"\n", b""):
        if len(line) > _LINE:
            raise http.client.LineTooLong("header line")
        lines.append(line)
        if len(lines) > _LINES:
            raise http.client.HTTPException(f"got more than {_LINES} headers")
    found = [_PLAIN(one) for one in lines]
    if not all(found):
        text = b"".join([*lines, line]).decode("iso-8859-1")
        return Parser(_class=http.client.HTTPMessage).parsestr(text)
    head = http.client.HTTPMessage()
    # what the parser would do with each of them, at a tenth of the time
    fields: list[tuple[str, str]] = vars(head)["_headers"]
    fields += [(one[1].decode("iso-8859-1"), one[2].decode("iso-8859-1")) for one in found if one is not None]
    return head
