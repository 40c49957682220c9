"""The files of `POST /contacts/export`: fetched in pieces, read by the names of their columns.

How Brevo writes subscriptions in these files is not documented (https://developers.brevo.com/reference/export-contacts,
2026-10). So only words of a small set count as subscribed, and only these as not; a file with too many others is
not understood. Attributes are never asked for, so a row is a line.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from customer_sync.brevo.contacts.refused_rows import COLUMNS
from customer_sync.errors import MappingError, Unavailable
from customer_sync.kit.outbound import HttpClient
from customer_sync.model import Json
from customer_sync.person.identity import normalize_email

#: How much of a file is fetched at a time, in bytes: about 40,000 contacts.
PIECE_BYTES: Final = 4 * 1024 * 1024
#: The largest file that is read from a server that gives no pieces: all of it is in memory at once.
WHOLE_BYTES: Final = 32 * 1024 * 1024
#: What the columns of the subscriptions are called, as the body of the call names them.
EMAIL_COLUMN, SMS_COLUMN = "email_marketing", "sms_marketing"
#: The body's part that asks for them.
SUBSCRIPTIONS: Final[list[Json]] = [EMAIL_COLUMN, SMS_COLUMN]
#: The words that say that somebody may be written to, and those that say the contrary, in small letters.
SUBSCRIBED: Final = frozenset({"subscribed", "subscriber", "yes", "true", "1", "opt-in", "opted-in", "optin"})
NOT_SUBSCRIBED: Final = frozenset(
    {
        "unsubscribed",
        "not subscribed",
        "no",
        "false",
        "0",
        "opt-out",
        "opted-out",
        "optout",
        "blocklisted",
        "blacklisted",
    }
)


class NotUnderstood(Exception):
    """An export is of no use: nothing of it counts.

    Args:
        why: what was found.
        for_s: for how long that will be so, in seconds; None for long.
    """

    def __init__(self, why: str, for_s: float | None = None) -> None:
        super().__init__(why)
        self.for_s = for_s


class Head(NamedTuple):
    """What the first line of a file tells.

    Args:
        delimiter: what stands between two fields.
        columns: how many fields a row has.
        email: the place of the address.
        email_word, sms_word: the places of the subscriptions; None where the file has none: it names people who left.
    """

    delimiter: str
    columns: int
    email: int
    email_word: int | None
    sms_word: int | None


class Shown(NamedTuple):
    """What a row shows.

    Args:
        email: the address, normalised; None when it has none that anybody could have.
        is_unblocked: whether it may be written to by e-mail and SMS, as far as the file tells.
        is_clear: whether the words of the row are known.
    """

    email: str | None
    is_unblocked: bool
    is_clear: bool


class Piece(NamedTuple):
    """A piece of a file that ends with the end of a line.

    Args:
        lines: its lines.
        next: where the next piece begins, in bytes; None behind the last one.
    """

    lines: list[str]
    next: int | None


class Files:
    """Fetches files. Their addresses come from an answer, so those inside the own network are not called.

    Args:
        base_url: Brevo's address: a sandbox there gives its files without TLS, and from an address that is not public.
        http: what calls; made here where it is None.
        piece_bytes: how much is fetched at a time.
    """

    def __init__(self, base_url: str, http: HttpClient | None = None, piece_bytes: int = PIECE_BYTES) -> None:
        own = urlsplit(base_url)
        self._http = http or HttpClient(private=frozenset({own.hostname or ""}))
        self._host = own.netloc
        self._piece_bytes = piece_bytes

    def fetch(self, url: str, start: int) -> Piece:
        """Return the piece of a file from a place on.

        Raises:
            NotUnderstood: the file cannot be had, or has a line that is longer than a piece.
            Unavailable: no answer came.
        """
        target = urlsplit(url)
        if target.scheme != "https" and target.netloc != self._host:
            raise NotUnderstood("the file is offered without TLS")
        span = f"bytes={start}-{start + self._piece_bytes - 1}"
        reply = self._http.send("GET", url, headers={"Range": span}, is_file=True)
        if reply.status == 416:
            return Piece([], None)
        if reply.status >= 500 or reply.status == 429:
            raise Unavailable(f"the file was answered with {reply.status}")
        if reply.status == 206:
            return _piece(reply.body, start, _size(reply.headers.get("content-range", ""), start))
        if reply.status != 200:
            raise NotUnderstood(f"the file was answered with {reply.status}")
        if len(reply.body) > WHOLE_BYTES:
            raise NotUnderstood("the file is large and does not come in pieces")
        return _piece(reply.body[start:], start, len(reply.body))


def _size(text: str, start: int) -> int:
    """Return how large the whole file is, by a `Content-Range`."""
    unit, _, rest = text.partition(" ")
    span, _, size = rest.partition("/")
    if unit != "bytes" or span.partition("-")[0] != str(start) or not size.isdecimal():
        raise NotUnderstood("the file does not come in pieces as asked for")
    return int(size)


def _piece(body: bytes, start: int, size: int) -> Piece:
    end = start + len(body)
    if end < size:
        cut = body.rfind(b"\n") + 1
        if not cut:
            raise NotUnderstood("the file has a line without an end")
        body, end = body[:cut], start + cut
    return Piece(
        body.decode("utf-8-sig" if start == 0 else "utf-8", "replace").split("\n"), end if end < size else None
    )


def read_head(line: str, *, names_who_left: bool = False) -> Head:
    """Return what the first line of a file tells.

    Args:
        line: the line.
        names_who_left: whether the file names people who left a list, so that subscriptions do not matter.

    Raises:
        NotUnderstood: a column is missing, or there twice.
    """
    delimiter = max(";,\t", key=line.count)
    names = [name.strip().lower() for name in next(csv.reader([line], delimiter=delimiter), [])]
    emails = [index for index, name in enumerate(names) if name in COLUMNS]
    words = [[index for index, name in enumerate(names) if name == column] for column in (EMAIL_COLUMN, SMS_COLUMN)]
    if len(emails) != 1 or (not names_who_left and any(len(found) != 1 for found in words)):
        raise NotUnderstood("a column is missing, or there twice")
    email_word, sms_word = (None, None) if names_who_left else (words[0][0], words[1][0])
    return Head(delimiter, len(names), emails[0], email_word, sms_word)


def read_rows(lines: Sequence[str], head: Head) -> Iterator[Shown]:
    """Yield what each row shows; rows of another length are not clear, and show nobody.

    Raises:
        NotUnderstood: this is no CSV.
    """
    try:
        for row in csv.reader(lines, delimiter=head.delimiter):
            if len(row) == head.columns:
                yield _shown(row, head)
            elif row and row != [""]:
                yield Shown(None, False, False)
    except csv.Error as error:
        raise NotUnderstood(str(error)) from error


def _shown(row: Sequence[str], head: Head) -> Shown:
    try:
        email = normalize_email(row[head.email])
    except MappingError:
        email = None
    if head.email_word is None or head.sms_word is None:
        return Shown(email, False, True)
    by_email, by_sms = row[head.email_word].strip().lower(), row[head.sms_word].strip().lower()
    is_unblocked = by_email in SUBSCRIBED and by_sms in SUBSCRIBED
    is_clear = is_unblocked or (by_email in _KNOWN and by_sms in _KNOWN)
    return Shown(email, is_unblocked, is_clear)


_KNOWN: Final = SUBSCRIBED | NOT_SUBSCRIBED
