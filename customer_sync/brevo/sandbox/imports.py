"""`POST /contacts/import`: the bulk path, and the processes it runs as.

Nothing of an import can be seen before it is completed. Rows that were refused are told in CSV files and nowhere else.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import urllib3

from customer_sync.brevo.sandbox.answers import ApiError, Row, invalid
from customer_sync.brevo.sandbox.attributes import Attributes
from customer_sync.brevo.sandbox.contact import Contact, Write
from customer_sync.brevo.sandbox.contacts import Contacts
from customer_sync.brevo.sandbox.identifiers import (
    EMAIL,
    EXT_ID,
    KINDS,
    LANDLINE,
    PHONES,
    SMS,
    WHATSAPP,
    clean_phone,
    is_email,
)
from customer_sync.model import Json

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


@dataclass(slots=True)
class Import:
    """One import that was accepted.

    Args:
        process_id: its process.
        due: when it is completed, seconds since 1970.
        rows: what was sent: one flat object per contact, attribute name → value, the address as `EMAIL`.
        file_url: where the rows are to be fetched from instead.
        list_ids: the lists every contact joins.
        block_email: `emailBlacklist`; false resets the block of contacts that are updated.
        block_sms: `smsBlacklist`; the same.
        is_updating: whether contacts that exist are touched.
        is_emptying: whether empty values empty attributes.
        notify_url: called when it is over; "" for nobody.
        base_url: where the sandbox itself is, for the addresses of the CSV files.
    """

    process_id: int
    due: float
    rows: list[Row]
    list_ids: tuple[int, ...]
    file_url: str = ""
    block_email: bool = False
    block_sms: bool = False
    is_updating: bool = True
    is_emptying: bool = False
    notify_url: str = ""
    base_url: str = ""


@dataclass(slots=True)
class Refused:
    """Rows that were not imported, by report."""

    rows: dict[str, list[Row]] = field(default_factory=dict)

    def add(self, report: str, row: Row) -> None:
        """Note one row."""
        self.rows.setdefault(report, []).append(row)

    def files(self) -> dict[str, str]:
        """Return the CSV text of each report that has rows."""
        return {report: _to_csv(rows) for report, rows in self.rows.items()}


def rows_of_json(body: Sequence[Json]) -> list[Row]:
    """Return the rows of a `jsonBody`, made flat.

    Raises:
        ApiError: 400 when a row is no object.
    """
    rows: list[Row] = []
    for one in body:
        if not isinstance(one, dict):
            raise invalid("jsonBody should be an array of objects")
        attributes = one.get("attributes")
        row = {name.upper(): value for name, value in attributes.items()} if isinstance(attributes, dict) else {}
        for key, name in (("email", "EMAIL"), ("ext_id", "EXT_ID"), ("id", "ID")):
            if key in one:
                row[name] = one[key]
        rows.append(row)
    return rows


def rows_of_csv(text: str) -> list[Row]:
    """Return the rows of a `fileBody`: a header of attribute names, `;` between the fields."""
    lines = csv.reader(io.StringIO(text), delimiter=";")
    names = [name.strip().upper() for name in next(lines, [])]
    return [dict(zip(names, line, strict=False)) for line in lines if line]


def fetch_rows(url: str) -> list[Row]:
    """Return the rows of a file that is fetched; .json holds what `jsonBody` would, anything else is CSV.

    Raises:
        OSError: it cannot be read.
    """
    try:
        answer = urllib3.request("GET", url, timeout=_FETCH_TIMEOUT_S, retries=False)
        text = answer.data.decode()
        if answer.status != 200:
            raise OSError(f"status {answer.status}")
        return rows_of_json(json.loads(text)) if url.partition("?")[0].endswith(".json") else rows_of_csv(text)
    except (urllib3.exceptions.HTTPError, ValueError, ApiError) as error:
        raise OSError(f"cannot read the file: {error}") from error


def has_identifier(rows: Sequence[Row]) -> bool:
    """Return whether any row says whom it is about."""
    return any(is_email(row.get("EMAIL")) or row.get("SMS") or row.get("EXT_ID") or row.get("ID") for row in rows)


def prepare(job: Import, attributes: Attributes) -> list[tuple[Row, Write]]:
    """Return each row with what it wants. Takes most of the time and needs no lock."""
    return [(row, _write(row, job, attributes)) for row in job.rows]


def apply(job: Import, prepared: Sequence[tuple[Row, Write]], contacts: Contacts, now_ms: int) -> Refused:
    """Bring the rows into the contacts; the caller holds the lock.

    Seen or documented: the block of contacts that are updated is set to `emailBlacklist`, also when that is false
    (gip-inclusion/les-emplois turned updates off for this); of two rows for one person the first is taken.
    """
    refused = Refused()
    contacts.update_many(_accepted(job, prepared, contacts, refused), now_ms, how="import")
    return refused


def _accepted(
    job: Import, prepared: Sequence[tuple[Row, Write]], contacts: Contacts, refused: Refused
) -> Iterator[tuple[Contact | None, Write]]:
    seen: set[tuple[str, str]] = set()
    for row, write in prepared:
        known, report = _judge(row, write, contacts, seen)
        if report:
            refused.add(report, row)
            continue
        seen.update(write.identifiers.items())
        if known is None or job.is_updating:
            yield known, write


def _judge(row: Row, write: Write, contacts: Contacts, seen: set[tuple[str, str]]) -> tuple[Contact | None, str]:
    """Return the contact a row is about and the report it goes to, "" for none."""
    number = str(row.get("ID", ""))
    known = contacts.by_id.get(int(number)) if number.isdecimal() else None
    if not known and (not write.identifiers or (row.get("EMAIL") and EMAIL not in write.identifiers)):
        return None, INVALID
    for kind in KINDS:
        value = write.identifiers.get(kind, "")
        if not value:
            continue
        if (kind, value) in seen:
            return None, DUPLICATES[kind]
        other = contacts.find(kind, value)
        if known is None and (kind == EMAIL or EMAIL not in write.identifiers):
            known = other
        elif other is not None and other is not known:
            return None, DUPLICATES[kind]
    return known, ""


def _write(row: Row, job: Import, attributes: Attributes) -> Write:
    values = attributes.accept(row, is_import=True)
    if not job.is_emptying:
        values = {name: value for name, value in values.items() if value is not None}
    return Write(
        identifiers=_identifiers(row),
        attributes=values,
        email_blacklisted=job.block_email,
        sms_blacklisted=job.block_sms,
        add_lists=job.list_ids,
    )


def _identifiers(row: Row) -> dict[str, str]:
    """Return the identifiers of a row; a bad phone number is left out, there is no report for it."""
    found: dict[str, str] = {}
    email = row.get("EMAIL")
    if is_email(email):
        found[EMAIL] = str(email).strip().lower()
    if row.get("EXT_ID"):
        found[EXT_ID] = str(row["EXT_ID"])
    for kind in PHONES:
        if row.get(kind):
            try:
                found[kind] = clean_phone(row[kind])
            except ApiError:
                continue
    return found


def _to_csv(rows: Sequence[Row]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    out = io.StringIO()
    writer = csv.DictWriter(out, names, delimiter=";", restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()
