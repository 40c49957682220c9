"""Contacts, deals and their properties, as the CRM API has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from flask import Response, request

from connectors.hubspot.fake import search
from connectors.hubspot.fake.answers import body_of
from connectors.hubspot.fake.portal import Portal, Refusal
from connectors.hubspot.fake.records import KINDS, PROPERTIES, Record, stamp
from customer_sync.kit.fakes.answers import Row, reply
from customer_sync.kit.fakes.faults import PAGES
from customer_sync.kit.fakes.pages import window

MAX_LIST: Final = 100
MAX_BATCH: Final = 100


class Objects(Portal):
    """What can be asked for below `/crm`."""

    def _list(self, kind: str) -> Row:
        is_archived = request.args.get("archived", "").lower() == "true"
        limit, after = request.args.get("limit", 10, int), request.args.get("after", 0, int)
        if not 0 < limit <= MAX_LIST:
            raise Refusal(f"limit must be between 1 and {MAX_LIST}")
        table = (self.archived if is_archived else self.records)[kind]
        records = [one for key in sorted(table) if (one := table.get(key))]
        start = sum(one.id < after for one in records)
        fault = self.take(*PAGES)
        shown = window(records, start, limit, fault)
        is_cut = fault is not None and fault.kind in ("shrink_page", "empty_page")
        end = start + (len(shown) if is_cut else limit)
        rows: Row = {"results": [self._row(one, names_in(request.args.getlist("properties"))) for one in shown]}
        if end < len(records):
            link = f"{request.host_url.rstrip('/')}{request.path}?limit={limit}&after={records[end].id}"
            rows["paging"] = {"next": {"after": str(records[end].id), "link": link}}
        return rows

    def _row(self, record: Record, names: Sequence[str]) -> Row:
        row = record.row(names)
        if request.args.get("associations") == "contacts" and record.ties:
            row["associations"] = {"contacts": {"results": self._tied(record)}}
        return row

    def _tied(self, deal: Record) -> list[Row]:
        """Return the contacts of a deal, once for each label and in any order, as the older shape has them."""
        found = [{"id": str(one), "type": label} for one, labels in deal.ties.items() for label in labels]
        self._dice.shuffle(found)
        return found

    def _search(self, kind: str) -> Row:
        body = body_of()
        start, limit = search.place(body, self.settings.most_results)
        fault = self.take(*PAGES)
        ignores = KINDS[kind][2] if fault and fault.kind == "ignore_filter" else ""
        seen_s = self.clock() - self.settings.lag_s
        there = [one for one in self.records[kind].values() if not self.settings.lag_s or one.updated_s <= seen_s]
        found = search.wanted(there, body, ignores=ignores)
        shown = window(found, start, limit, fault)
        end = start + (len(shown) if fault and fault.kind in ("shrink_page", "empty_page") else limit)
        rows: Row = {"total": len(found), "results": [one.row(body.get("properties") or ()) for one in shown]}
        return rows | ({"paging": {"next": {"after": str(end)}}} if end < len(found) else {})

    def _batch(self, kind: str) -> Response:
        body = body_of()
        ids = [str(one.get("id")) for one in body.get("inputs", [])]
        if len(ids) > MAX_BATCH:
            raise Refusal(f"No more than {MAX_BATCH} inputs.")
        found: dict[int, Record] = {}
        missing = []
        for one in dict.fromkeys(ids):
            record = self._named(kind, one, body.get("idProperty"))
            if record is None:
                missing.append(one)
            else:
                found[record.id] = record
        at = stamp(self.clock())
        names = body.get("properties") or ()
        told: Row = {"status": "COMPLETE", "results": [one.row(names) for one in found.values()]}
        told |= {"startedAt": at, "completedAt": at}
        if not missing:
            return reply(told)
        message = f"Could not get some {KINDS[kind][1].upper()} objects, they may be deleted or not exist."
        error = {"status": "error", "category": "OBJECT_NOT_FOUND", "message": message, "context": {"ids": missing}}
        return reply({**told, "numErrors": 1, "errors": [error]}, 207)

    def _named(self, kind: str, name: str, by: object) -> Record | None:
        """Return a record by its id, or by its main address where `idProperty` says so."""
        if not by:
            return self.find(kind, int(name)) if name.isdecimal() else None
        if (kind, by) != ("contacts", "email"):
            raise Refusal(f"Property {by} is not a unique property.")
        there = self.records[kind].values()
        return next((one for one in there if str(one.values.get("email")).lower() == name.lower()), None)

    def _one(self, kind: str, number: str) -> Row:
        return self._row(self.must(kind, _number(number)), names_in(request.args.getlist("properties")))

    def _create(self, kind: str) -> Response:
        record = self.create(kind, body_of().get("properties") or {}, "INTEGRATION")
        return reply(record.row(record.values), 201)

    def _change(self, kind: str, number: str) -> Row:
        values = body_of().get("properties") or {}
        return self.change(self.must(kind, _number(number)), values, "INTEGRATION").row(values)

    def _archive(self, kind: str, number: str) -> Response:
        found = self.find(kind, _number(number))
        if found is not None:
            self.archive(found, "INTEGRATION")
        return Response(status=204)

    def _merge(self, kind: str) -> Row:
        body = body_of()
        if kind != "contacts":
            raise Refusal("This stand-in merges contacts only.")
        kept, gone = (self.must(kind, _number(str(body.get(key)))) for key in ("primaryObjectId", "objectIdToMerge"))
        return self.merge(kept, gone).row()

    def _forget(self, kind: str) -> Response:
        self.erase(self.must(kind, _number(str(body_of().get("objectId")))))
        return Response(status=204)

    def _ties(self, kind: str) -> Row:
        rows = []
        for one in body_of().get("inputs", []):
            deal = self.records[kind].get(_number(str(one.get("id"))))
            if deal and deal.ties:
                rows.append({"from": {"id": str(deal.id)}, "to": _labelled(deal)})
        self._dice.shuffle(rows)
        return {"status": "COMPLETE", "results": rows}

    def _properties(self, kind: str) -> Row:
        return {"results": [{"name": name, "label": name, "type": "string"} for name in sorted(PROPERTIES[kind])]}

    def _account(self) -> Row:
        zone = {"timeZone": "Europe/Dublin", "utcOffset": "+00:00", "utcOffsetMilliseconds": 0}
        money = {"companyCurrency": "EUR", "additionalCurrencies": []}
        return {
            "portalId": self.settings.portal,
            "accountType": "STANDARD",
            "uiDomain": "app.hubspot.com",
            **zone,
            **money,
        }


def names_in(texts: Sequence[str]) -> list[str]:
    """Return the names that were asked for: in a list with commas, or in a parameter each."""
    return [one for text in texts for one in text.split(",") if one]


def _labelled(deal: Record) -> list[Row]:
    """Return the contacts of a deal in the newer shape."""
    found = []
    for contact, labels in deal.ties.items():
        kinds = [
            {"category": "HUBSPOT_DEFINED", "typeId": 3, "label": None}
            if label == "deal_to_contact"
            else {"category": "USER_DEFINED", "typeId": 40, "label": label}
            for label in labels
        ]
        found.append({"toObjectId": contact, "associationTypes": kinds})
    return found


def _number(text: str) -> int:
    if not text.isdecimal():
        raise Refusal("resource not found", 404, "OBJECT_NOT_FOUND")
    return int(text)
