"""The Tooling API, as far as webhooks need it: outbound messages, flows and which of their versions is active."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from connectors.salesforce.fake.soql import Query
from customer_sync.kit.fakes.answers import Row

#: What each object of it begins its ids with.
KINDS: Final = {"WorkflowOutboundMessage": "04k", "FlowDefinition": "300", "Flow": "301"}
#: What the metadata of a message must hold.
_ONE_ROW: Final = "When retrieving results with Metadata or FullName fields, the query must be for one row."
_NEEDED: Final = ("name", "endpointUrl", "fields", "includeSessionId", "integrationUser", "protected")


class ToolingError(Exception):
    """Metadata that is refused; the text says why."""


class Tooling:
    """Messages and flows by id. The caller holds the stand-in's lock."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock, self._last = clock, 0
        self.rows: dict[str, dict[str, Row]] = {kind: {} for kind in KINDS}

    def answer(self, query: Query) -> list[Row]:
        """Return the rows of a query; metadata and full names come for one row only."""
        if query.sobject not in KINDS:
            raise ToolingError(f"sObject type '{query.sobject}' is not supported.")
        found = query.rows(list(self.rows[query.sobject].values()))
        if len(found) > 1 and {"Metadata", "FullName"} & set(query.fields):
            raise ToolingError(_ONE_ROW)
        return [{name: row.get(name) for name in query.fields} for row in found]

    def make(self, kind: str, full_name: str, metadata: Row) -> str:
        """Make a message, or a version of a flow, which becomes the active one where it says so; return its id.

        Raises:
            ToolingError: the metadata lack what they must have.
        """
        if kind == "WorkflowOutboundMessage":
            sobject, _, name = full_name.partition(".")
            lacking = [one for one in _NEEDED if one not in metadata]
            if lacking or not name:
                raise ToolingError(f"Required fields are missing: {lacking or ['FullName']}")
            row = {"Name": name, "EntityDefinitionId": sobject, "FullName": full_name, "Metadata": dict(metadata)}
            return self._add(kind, row)
        if kind == "Flow":
            return self._add_flow(full_name, metadata)
        raise ToolingError(f"{kind} cannot be made")

    def change(self, kind: str, number: str, metadata: Row) -> None:
        """Set the metadata of a message, or the active version of a flow."""
        row = self.rows[kind][number]
        if kind == "FlowDefinition":
            version = metadata.get("activeVersionNumber") or 0
            found = [one for one in self.rows["Flow"].values() if one["DefinitionId"] == number]
            active = next((one["Id"] for one in found if one["VersionNumber"] == version), None)
            row["ActiveVersionId"] = active
            return
        row["Metadata"] = dict(metadata)

    def delete(self, kind: str, number: str) -> None:
        """Delete a message or a flow."""
        del self.rows[kind][number]

    def told_by(self, sobject: str) -> list[Row]:
        """Return the messages that a save of a record sends: each by an active flow."""
        sent = set()
        for definition in self.rows["FlowDefinition"].values():
            version = self.rows["Flow"].get(str(definition["ActiveVersionId"]))
            if version is None or version["Metadata"]["start"].get("object") != sobject:
                continue
            calls: list[Any] = version["Metadata"].get("actionCalls") or []
            sent |= {one["actionName"] for one in calls if one.get("actionType") == "outboundMessage"}
        return [one for one in self.rows["WorkflowOutboundMessage"].values() if one["FullName"] in sent]

    def _add_flow(self, name: str, metadata: Row) -> str:
        calls = metadata.get("actionCalls") or []
        known = {one["FullName"] for one in self.rows["WorkflowOutboundMessage"].values()}
        if not calls or not isinstance(metadata.get("start"), dict) or calls[0].get("actionName") not in known:
            raise ToolingError("The flow calls an action that does not exist.")
        found = [one for one in self.rows["FlowDefinition"].values() if one["DeveloperName"] == name]
        definition = found[0]["Id"] if found else self._add("FlowDefinition", {"DeveloperName": name})
        versions = [one for one in self.rows["Flow"].values() if one["DefinitionId"] == definition]
        row = {"DefinitionId": definition, "VersionNumber": len(versions) + 1, "Metadata": dict(metadata)}
        number = self._add("Flow", row)
        latest = self.rows["FlowDefinition"][definition]
        latest |= {"LatestVersionId": number, "ActiveVersionId": latest.get("ActiveVersionId")}
        if metadata.get("status") == "Active":
            latest["ActiveVersionId"] = number
        return number

    def _add(self, kind: str, row: Row) -> str:
        self._last += 1
        number = f"{KINDS[kind]}Fake{self._last:08d}AAA"
        self.rows[kind][number] = {"Id": number, **row}
        return number
