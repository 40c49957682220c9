"""`POST /contacts/import`: the bulk path. Reads what was sent; `import_run` brings it into the contacts.

Rows that were refused are told in CSV files and nowhere else.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from customer_sync.sandbox import slices
from customer_sync.sandbox.answers import ApiError, Row
from customer_sync.sandbox.attributes import DROPPED, RESERVED, Attributes, Source, Taker
from customer_sync.sandbox.callout import call
from customer_sync.sandbox.identifiers import EMAIL, EXT_ID, LANDLINE, PHONES, SMS, WHATSAPP, clean_phone, is_email

#: The kind of refusal → the key in `info.import` of the process.
INVALID = "invalid_emails"
DUPLICATES: Final[Mapping[str, str]] = {
    EMAIL: "duplicate_email_id",
    EXT_ID: "duplicate_ext_id",
    SMS: "duplicate_phone_id",
    WHATSAPP: "duplicate_whatsapp_id",
    LANDLINE: "duplicate_landline_number_id",
}
REPORTS: Final = (INVALID, "duplicate_contact_id", *DUPLICATES.values())
_FETCH_TIMEOUT_S = 10.0
#: What the switch `import_booleans` says → how values are read.
_SOURCES: Final[Mapping[str, Source]] = {
    "drop": "import",
    "keep": "import_with_booleans",
    "drop_all": "import_without_booleans",
}
#: A key beside `attributes` → the name that stands for it among them, over which it goes.
_KEYS: Final = (("email", "EMAIL"), ("ext_id", "EXT_ID"), ("id", "ID"))


@dataclass(slots=True, eq=False)
class Import:
    """One import that was accepted.

    Args:
        process_id: its process.
        due: when it is completed, seconds since 1970.
        rows: what was sent, as in a `jsonBody`.
        file_url: where the rows are to be fetched from instead.
        list_ids: the lists every contact joins.
        block_email: `emailBlacklist`; what false does to contacts that are updated is a switch.
        block_sms: `smsBlacklist`; the same.
        is_updating: whether contacts that exist are touched.
        is_emptying: whether empty values empty attributes.
        blocked: who was blocked when the import was sent: mail and text messages, each as numbers of contacts; None
            where that decides nothing.
        groups: the consent groups every contact joins.
        notify_url: called when it is over; "" for nobody.
        base_url: where the sandbox itself is, for the addresses of the CSV files.
        is_stuck: it runs and does not end.
    """

    process_id: int
    due: float
    rows: Iterable[Row]
    list_ids: tuple[int, ...]
    file_url: str = ""
    block_email: bool = False
    block_sms: bool = False
    is_updating: bool = True
    is_emptying: bool = False
    blocked: tuple[frozenset[int], frozenset[int]] | None = None
    groups: tuple[int, ...] = ()
    notify_url: str = ""
    base_url: str = ""
    is_stuck: bool = False

    @property
    def call(self) -> str:
        """The call that it comes from, for the oracle."""
        return f"POST /contacts/import (process {self.process_id})"


class Prepared(NamedTuple):
    """One row as it was read.

    Args:
        row: as it was sent.
        number: Brevo's own number for the contact, "" when it was not sent.
        has_email: whether an address was sent, good or not.
        identifiers: kind → value; what is no address and no phone number is left out.
        values: attribute → value; None empties it.
    """

    row: Row
    number: str
    has_email: bool
    identifiers: dict[str, str]
    values: Row


@dataclass(slots=True)
class Refused:
    """Rows that were not imported, by report."""

    rows: dict[str, list[Row]] = field(default_factory=dict)

    def add(self, report: str, row: Row) -> None:
        """Note one row."""
        self.rows.setdefault(report, []).append(row)

    def files(self) -> dict[str, str]:
        """Return the CSV text of each report that has rows."""
        return {report: _to_csv([_flat(row) for row in rows]) for report, rows in self.rows.items()}


def rows_of_csv(text: str) -> list[Row]:
    """Return the rows of a `fileBody`: a header of attribute names, `;` between the fields."""
    lines = csv.reader(io.StringIO(text), delimiter=";")
    names = [name.strip().upper() for name in next(lines, [])]
    return [{"attributes": dict(zip(names, line, strict=False))} for line in lines if line]


def fetch_rows(url: str) -> Iterable[Row]:
    """Return the rows of a file that is fetched; .json holds what `jsonBody` would, anything else is CSV.

    Raises:
        OSError: it cannot be read.
    """
    try:
        answer = call("GET", url, timeout_s=_FETCH_TIMEOUT_S)
        text = answer.body.decode()
        if answer.status != 200:
            raise OSError(f"status {answer.status}")
        return slices.rows_of(text) if url.partition("?")[0].endswith(".json") else rows_of_csv(text)
    except (ValueError, ApiError) as error:
        raise OSError(f"cannot read the file: {error}") from error


def has_identifier(rows: Iterable[Row]) -> bool:
    """Return whether any row says whom it is about."""
    return any(_names_somebody(_flat(row)) for row in rows)


def prepare(job: Import, attributes: Attributes, *, booleans: str = "drop") -> Iterator[Prepared]:
    """Yield each row as it is read. Takes most of the time and needs no lock.

    Args:
        job: the import.
        attributes: those of the account.
        booleans: what becomes of booleans, see the switch `import_booleans`.
    """
    spellings = _Spellings(attributes, _SOURCES[booleans])
    for row in job.rows:
        values = row.get("attributes")
        kept, others = _read(values, spellings, is_emptying=job.is_emptying) if isinstance(values, dict) else ({}, {})
        for key, name in _KEYS:
            if key in row:
                others[name] = row[key]
        yield Prepared(row, str(others.get("ID", "")), bool(others.get("EMAIL")), _identifiers(others), kept)


class _Spellings(dict[str, tuple[str, Taker | None]]):
    """Name as sent → its upper case and what reads its values; found once for each spelling, not for each row."""

    def __init__(self, attributes: Attributes, source: Source) -> None:
        super().__init__()
        self._attributes = attributes
        self._source = source

    def __missing__(self, name: str) -> tuple[str, Taker | None]:
        upper = name.upper()
        taker = None if upper == "ID" else self._attributes.taker(name, self._source)
        self[name] = found = (upper, taker)
        return found


def _read(values: Row, spellings: _Spellings, *, is_emptying: bool) -> tuple[Row, Row]:
    """Return the values to keep and, by upper-case name, what says whom the row is about."""
    kept: Row = {}
    others: Row = {}
    for name, value in values.items():
        upper, taker = spellings[name]
        if taker is None:
            if upper in RESERVED or upper == "ID":
                others[upper] = value
        elif value is None or value == "":
            if is_emptying:
                kept[upper] = None
        else:
            taken = taker(value)
            if taken is not DROPPED and taken is not None:
                kept[upper] = taken
    return kept, others


def _identifiers(others: Row) -> dict[str, str]:
    """Return the identifiers of a row; a bad phone number is left out, there is no report for it."""
    found: dict[str, str] = {}
    email = others.get("EMAIL")
    if is_email(email):
        found[EMAIL] = str(email).strip().lower()
    if others.get("EXT_ID"):
        found[EXT_ID] = str(others["EXT_ID"])
    for kind in PHONES:
        if others.get(kind):
            try:
                found[kind] = clean_phone(others[kind])
            except ApiError:
                continue
    return found


def _flat(row: Row) -> Row:
    """Return a row as one flat object: attribute name → value, the address as `EMAIL`."""
    values = row.get("attributes")
    flat = {name.upper(): value for name, value in values.items()} if isinstance(values, dict) else {}
    flat.update((name, row[key]) for key, name in _KEYS if key in row)
    return flat


def _names_somebody(row: Row) -> bool:
    return bool(is_email(row.get("EMAIL")) or row.get("SMS") or row.get("EXT_ID") or row.get("ID"))


def _to_csv(rows: Sequence[Row]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    out = io.StringIO()
    writer = csv.DictWriter(out, names, delimiter=";", restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()
