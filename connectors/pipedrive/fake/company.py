"""Who is in the company, and what happens to them: each act is told by webhook."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Final

from connectors.pipedrive.fake import rows
from connectors.pipedrive.fake.hooks import Hooks
from connectors.pipedrive.fake.settings import Settings
from customer_sync.kit.fakes.answers import Row
from customer_sync.kit.fakes.cast import Cast
from customer_sync.kit.fakes.clock import Clock, iso
from customer_sync.kit.fakes.table import Table

#: Marketing status → what it may become; a change to another is ignored without a word.
ALLOWED: Final[Mapping[str, tuple[str, ...]]] = {
    "no_consent": ("subscribed", "unsubscribed", "archived"),
    "subscribed": ("unsubscribed", "archived"),
    "archived": ("subscribed", "unsubscribed"),
    "unsubscribed": (),
}
#: What may be written of each kind of record.
WRITABLE: Final[Mapping[str, tuple[str, ...]]] = {
    "person": (
        *("name", "first_name", "last_name", "emails", "phones", "org_id", "owner_id", "label_ids", "visible_to"),
        *("job_title", "birthday", "notes", "postal_address"),
    ),
    "deal": (
        *("title", "value", "currency", "person_id", "org_id", "stage_id", "pipeline_id", "status", "owner_id"),
        *("label_ids", "lost_reason", "visible_to", "expected_close_date", "probability"),
    ),
    "lead": ("title", "person_id", "organization_id", "value", "is_archived", "label_ids", "owner_id"),
}


class Company:
    """Persons, deals, leads and organizations. The caller holds the stand-in's lock.

    Args:
        settings: how many there are, and how it behaves.
        clock: its time.
        hooks: who is told.
    """

    def __init__(self, settings: Settings, clock: Clock, hooks: Hooks) -> None:
        self.settings, self.clock, self.hooks = settings, clock, hooks
        self.cast = Cast(settings.seed)
        self.persons: Table[Row] = Table()
        self.deals: Table[Row] = Table()
        self.leads: Table[Row] = Table()
        self.organizations: Table[Row] = Table((n, rows.organization(n)) for n in range(1, settings.organizations + 1))
        self.fields: list[Row] = deepcopy(list(rows.FIELDS))
        self.gone_deals: Table[Row] = Table()
        self.populate(settings.customers)
        for number in range(1, settings.deals + 1):
            self.deals.put(number, rows.deal(number, settings.customers, rows.FIRST_S + number * 3600))
        for number in range(1, settings.leads + 1):
            self.leads.put(number, rows.lead(number, settings.customers, rows.FIRST_S + number * 3600))

    def populate(self, count: int) -> list[int]:
        """Let so many persons be there, without a word to anybody."""
        made = []
        for _ in range(count):
            number = self.persons.next_number()
            at_s = rows.FIRST_S + number * 3600
            self.persons.put(number, rows.person(self.cast, number, self.settings.organizations, at_s))
            made.append(number)
        return made

    def table(self, entity: str) -> Table[Row]:
        """Return the records of a kind."""
        return {"person": self.persons, "deal": self.deals, "lead": self.leads}[entity]

    def create(self, entity: str, body: Row) -> Row:
        """Make a record."""
        table, now_s = self.table(entity), self.clock()
        number = table.next_number()
        if entity == "person":
            row = rows.person(self.cast, number, 0, now_s)
            row |= {"label_ids": [], "custom_fields": dict.fromkeys(row["custom_fields"]), "marketing_status": None}
            if body:
                row |= {"emails": [], "phones": [], "first_name": "", "last_name": None, "postal_address": None}
            row["marketing_status"] = "no_consent"
        else:
            row = (rows.deal if entity == "deal" else rows.lead)(number, 0, now_s)
            if entity == "deal":
                row |= {"status": "open", "won_time": None, "lost_time": None, "close_time": None}
                row |= {"is_archived": False, "archive_time": None, "value": 0}
        self._write(entity, row, body)
        table.put(number, row)
        self.hooks.tell(entity, "create", row, None)
        return row

    def change(self, entity: str, number: int, body: Row, **meta: object) -> Row | None:
        """Write some fields of a record and return it; None when there is none."""
        row = self.table(entity).get(number)
        if row is None:
            return None
        before = deepcopy(row)
        self._write(entity, row, body)
        if row != before:
            row["update_time"] = self._now(entity)
        self.table(entity).put(number, row)
        self.hooks.tell(entity, "change", row, before, **meta)
        return row

    def delete(self, entity: str, number: int, **meta: object) -> Row | None:
        """Delete a record and return it; None when there is none."""
        row = self.table(entity).delete(number)
        if row is None:
            return None
        if entity == "deal":
            gone = {**row, "status": "deleted", "is_deleted": True, "update_time": self._now("deal")}
            self.gone_deals.put(number, gone)
        if entity == "person":
            for other in (*self.deals.values(), *self.leads.values()):
                if other["person_id"] == number:
                    other["person_id"] = meta.get("merged_to_id")
        self.hooks.tell(entity, "delete", None, row, **meta)
        return row

    def merge(self, kept: int, gone: int, *, change_first: bool = False) -> Row:
        """Make two persons one: the kept one's values stay, addresses and numbers of both are there.

        Raises:
            KeyError: one of them is not there.
        """
        here, there = self.persons.get(kept), self.persons.get(gone)
        if here is None or there is None or kept == gone:
            raise KeyError("kept and gone: two persons")
        told = {"merged_to_id": kept} if self.settings.tells_merges else {}
        body: Row = {}
        for name in ("emails", "phones"):
            values = [one["value"] for one in here[name]]
            body[name] = here[name] + [{**one, "primary": False} for one in there[name] if one["value"] not in values]
        if change_first:
            self.change("person", kept, body)
        self.delete("person", gone, **told)
        if not change_first:
            self.change("person", kept, body)
        return here

    def _write(self, entity: str, row: Row, body: Row) -> None:
        """Write what may be written, in place."""
        row |= {name: deepcopy(body[name]) for name in WRITABLE[entity] if name in body}
        if isinstance(body.get("custom_fields"), dict):
            row["custom_fields"] = {**row["custom_fields"], **body["custom_fields"]}
        if entity == "person":
            self._write_person(row, body)
        if entity == "deal" and "status" in body:
            now = self._now("deal")
            for status in ("won", "lost"):
                row[f"{status}_time"] = now if body["status"] == status else None
            row["close_time"] = None if body["status"] == "open" else now

    def _write_person(self, row: Row, body: Row) -> None:
        if "name" in body and "first_name" not in body:
            row["first_name"], _, last = str(body["name"]).partition(" ")
            row["last_name"] = last or None
        wanted = body.get("marketing_status")
        if wanted is None or not self.settings.campaigns or self.settings.keeps_status:
            return
        if wanted in ALLOWED.get(row["marketing_status"], ()):
            row["marketing_status"] = wanted

    def _now(self, entity: str) -> str:
        return f"{iso(self.clock())}.000Z" if entity == "lead" else rows.stamp(self.clock())
