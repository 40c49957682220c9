"""What can be done with an org below `/fake`, beside what every stand-in can.

| route | does |
|---|---|
| `GET, POST /fake/customers` | the ids of all who live; a new one (`{"sobject": "Lead"}`, any fields) |
| `GET, PATCH, DELETE /fake/records/<id>` | one record, in the bin or not; set any of its fields; put it into the bin |
| `POST /fake/customers/change` | `{"count": 17, "ago_s": 60}`: so many contacts change, and when |
| `POST /fake/customers/populate` | `{"count": 100}`: so many more, without messages |
| `POST /fake/merge`, `/fake/convert` | `{"kept", "gone"}`; `{"lead", "contact"}` |
| `POST /fake/opportunities` | any fields, `buyer` and `others` are contacts |
| `POST /fake/certificate` | `{"pem": ...}`: the public key that signed texts are checked with |
| `POST /fake/tokens/expire` | every session ends |
| `POST /fake/apex` | `{"url", "secret", "ids", "how": "signed"}`: what a trigger or a flow sends |
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from connectors.salesforce.fake.org import ApiError, sobject_of
from customer_sync.kit.fakes.answers import Row
from customer_sync.kit.fakes.fake import Act
from customer_sync.kit.fakes.hooks import Delivery, Message
from customer_sync.kit.signatures import sign_standard

if TYPE_CHECKING:
    from connectors.salesforce.fake.app import FakeOrg

_PEOPLE = ("Contact", "Lead")
_APART_S = 0.001


def acts_of(org: FakeOrg) -> Sequence[Act]:
    """Return the control routes."""
    return (
        ("GET", "customers", lambda _: {"ids": [row["Id"] for row in _living(org)]}),
        ("POST", "customers", lambda body: _made(org, body)),
        ("POST", "customers/change", lambda body: _changed(org, body)),
        ("POST", "customers/populate", lambda body: {"ids": org.populate(int(body.get("count", 1)), org.clock())}),
        ("GET", "records/<number>", lambda _, number: _found(org, number)),
        ("PATCH", "records/<number>", lambda body, number: org.change(number, _fields(body), _at(org, body))),
        ("DELETE", "records/<number>", lambda _, number: org.delete(number)),
        ("POST", "merge", lambda body: {"id": org.merge(body["kept"], body["gone"])}),
        ("POST", "convert", lambda body: {"id": org.convert(body["lead"], body.get("contact"))}),
        ("POST", "opportunities", lambda body: {"id": org.deal(_fields(body), _at(org, body))}),
        ("POST", "certificate", lambda body: org.tokens.upload(str(body["pem"]))),
        ("POST", "tokens/expire", lambda _: org.tokens.oauth.expire()),
        ("POST", "apex", lambda body: _sent(org, body)),
    )


def _living(org: FakeOrg) -> list[Row]:
    rows = [row for name in _PEOPLE for row in org.tables[name].values()]
    return [row for row in rows if not row["IsDeleted"] and not row.get("IsConverted")]


def _made(org: FakeOrg, body: Row) -> Row:
    sobject = str(body.pop("sobject", "Contact"))
    at_s, number = _at(org, body), len(org.tables["Contact"]) + len(org.tables["Lead"])
    fields = {"LastName": "New", "Email": f"new{number}@example.com", **_fields(body)}
    return {"id": org.make(sobject, fields, at_s)}


def _changed(org: FakeOrg, body: Row) -> Row:
    rows = _living(org)[: int(body.get("count", 1))]
    at_s = _at(org, body)
    for index, row in enumerate(rows):
        org.change(row["Id"], {"Title": f"Title {index}"}, at_s + index // 3 * _APART_S)
    return {"ids": [row["Id"] for row in rows]}


def _found(org: FakeOrg, number: str) -> Row:
    row = org.record(number)
    if row is None:
        raise ApiError("NOT_FOUND", "there is no such record", 404)
    return row


def _at(org: FakeOrg, body: Row) -> float:
    return org.clock() - float(body.get("ago_s", 0.0))


def _fields(body: Row) -> Row:
    return {name: value for name, value in body.items() if name != "ago_s"}


def _sent(org: FakeOrg, body: Row) -> Row:
    """Post JSON as an Apex trigger (signed) or a flow (with the secret as a token) would, once."""
    records: list[Any] = []
    for number in body["ids"]:
        row = _found(org, number)
        names = ("Id", "Email", "HasOptedOutOfEmail", "SystemModstamp")
        told = {name: row[name] for name in names if row.get(name) is not None}
        records.append({"attributes": {"type": sobject_of(number)}, **told})
    raw = orjson.dumps({"organizationId": org.settings.organization, "records": records})
    secret, kind = str(body["secret"]), {"Content-Type": "application/json"}
    if body.get("how", "signed") == "signed":
        at = datetime.fromtimestamp(org.clock(), UTC)
        proof = sign_standard(raw, secret, message_id=str(body.get("message", "msg_1")), sent_at=at)
    else:
        proof = {"Authorization": f"Bearer {secret}"}
    assert org.sender is not None
    delivery = Delivery(str(body["url"]), "apex", lambda: Message({**kind, **proof}, raw))
    answer = org.sender.post(delivery)
    return {"status": answer.status, "body": answer.body.decode(errors="replace")}
