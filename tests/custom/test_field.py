"""Three quite different platforms, each connected by nothing but a file, as the page about connector files explains."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from urllib.parse import parse_qs

import pytest
from click.testing import CliRunner

from customer_sync.cli.main import main
from customer_sync.errors import Refused
from customer_sync.kit.reach import Withdrawal, Written
from customer_sync.model import Channel, Event, Kind
from tests.custom.bench import NOW, Wire, connector, ids, pages, webhook

SINCE = NOW - timedelta(days=2)

LOYALTY = """
name: pointly
display_name: Pointly
base_url: https://api.pointly.example
auth: {type: api_key, name: Authorization, prefix: "Key "}
http:
  timeout_seconds: 20
  rate_limit: {requests: 10, per_seconds: 1}
resources:
  members:
    endpoint: /v2/members
    records: result.members
    primary_key: member_id
    by_id: {endpoint: "/v2/members/{id}", record: result}
    pagination: {type: cursor, next: result.cursor, send_as: cursor, size_param: limit, size: 2}
    incremental: {cursor: changed, since_param: changed_after, lookback: 5m, order: asc}
    delete_when: status == 'closed'
    mapping:
      email: profile.mail
      name: profile.name
      customer_tier: {path: tier, transform: {map: {1: bronze, 2: silver, 3: gold}}}
      attributes.POINTS: points
      consent.email: {path: newsletter.state, map: {in: granted, out: withdrawn, ask: pending}, at: newsletter.since}
webhooks:
  verify: {type: hmac, header: X-Pointly-Hash, encoding: base64, algorithm: sha512}
  events:
    member_changed: {path: /member, match: "type == 'member.changed'", event_id: id, record: member}
    member_closed:
      path: /member
      match: type == 'member.closed'
      event_id: id
      record_id: member.member_id
      action: delete
writeback:
  unsubscribe: {method: PUT, endpoint: "/v2/members/{external_id}/newsletter", json: {state: out}}
"""
BOOKINGS = """
name: roomy
base_url: https://roomy.example/api
auth: {type: basic, username: "${config.hotel}"}
resources:
  guests:
    target: contact
    endpoint: /guests
    records: guests
    pagination: {type: offset, param: skip, limit_param: take, limit: 3}
    incremental: {cursor: modified, format: unix_ms, since_param: updated_since}
    mapping:
      email: [contact.email, "contacts[?kind == 'email'].value | [0]"]
      first_name: first
      last_name: last
      created_at: {path: created, transform: {unix_to_iso: ms}}
      consent.email: {path: mailing, transform: bool}
    transform: [{filter: "!test"}, {drop_if_missing: email}]
  stays:
    target: order
    endpoint: /stays
    records: stays
    pagination: {type: offset, param: skip, limit_param: take, limit: 3, stop: total}
    mapping:
      number: code
      state: {path: status, map: {CONF: placed, PAID: paid, CXL: cancelled}}
      customer_id: guest.id
      customer.email: guest.email
      currency: cur
      total: {path: price, cents_of: cur}
      lines: {path: nights, fields: {product_id: room, title: room_name, quantity: count, price: rate}}
"""
TILLS = """
name: tilly
base_url: https://api.tilly.example
auth:
  type: oauth2
  grant: client_credentials
  token_url: https://login.tilly.example/token
  scopes: [customers.read, sales.read]
  token_response: {expires_in: ttl}
http:
  retry: {on_status: [500], max_attempts: 2, max_wait_seconds: 0.001}
  errors:
    - {when: {status: 403, body: "code == 'STORE_CLOSED'"}, action: skip}
resources:
  stores: {target: none, endpoint: /stores, pagination: {type: link_header}, transform: [{filter: "kind == 'shop'"}]}
  customers:
    endpoint: /stores/{store.code}/customers
    for_each: {resource: stores, as: store}
    pagination: {type: page, size_param: per_page, size: 2}
    incremental: {cursor: changed_at, since_param: changed_since, format: "%Y-%m-%d %H:%M:%S"}
    mapping: {email: email, name: name, phone: phone, country: country}
  sales:
    target: order
    endpoint: /stores/{store.code}/sales
    for_each: {resource: stores, as: store}
    pagination: {type: next_url, path: next}
    mapping: {email: buyer.email, state: {path: status, transform: {default: paid}}, total: total, currency: currency}
"""


@pytest.mark.parametrize("text", [LOYALTY, BOOKINGS, TILLS], ids=["loyalty", "bookings", "tills"])
def test_check_has_nothing_to_say(text, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    done = CliRunner().invoke(main, ["connectors", "check", str(path)])

    assert (done.exit_code, done.output.split("  ")[0]) == (0, "ok"), done.output


# a loyalty system: cursor pages, HMAC webhooks, a withdrawal written back

MEMBERS = [
    {"member_id": "m1", "profile": {"mail": "ann@example.com", "name": "Ann van Dijk"}, "tier": 3, "points": 12.5}
    | {"newsletter": {"state": "in", "since": 1795000000}, "changed": "2026-11-20T00:00:00Z", "status": "open"},
    {
        "member_id": "m2",
        "profile": {"mail": "bob@example.com"},
        "tier": 9,
        "newsletter": {"state": "ask"},
        "changed": "2026-11-20T01:00:00Z",
    },
    {"member_id": "m3", "profile": {}, "status": "closed", "changed": "2026-11-20T02:00:00Z"},
]


class Pointly:
    def __init__(self):
        self.members = json.loads(json.dumps(MEMBERS))

    def __call__(self, asked):
        assert asked.headers["Authorization"] == "Key k"
        found = next((one for one in self.members if one["member_id"] in asked.path), None)
        if asked.method == "PUT":
            found["newsletter"] = asked.json
            return {}
        if found is not None:
            return {"result": found}
        begin = int(asked.query.get("cursor", 0))
        following = begin + 2 if begin + 2 < len(self.members) else None
        return {"result": {"members": self.members[begin : begin + 2], "cursor": following}}


def pointly(**more):
    return connector(LOYALTY, api_key="k", **more)


def test_members_are_read_with_tiers_points_and_what_they_agreed_to():
    wire = Wire(Pointly())
    events = [one for page in pages(pointly(), wire, SINCE) for one in page.events]

    assert wire.asked[0].query == {"changed_after": "2026-11-19T11:55:00Z", "limit": "2"}
    assert [one.kind for one in events] == [Kind.CUSTOMER_UPDATED, Kind.CUSTOMER_UPDATED, Kind.CUSTOMER_DELETED]
    assert events[0].record["customerTier"] == "gold"
    assert (events[0].record["POINTS"], events[0].consents[0].explicit) == (12.5, True)
    assert events[1].notes == ("members[1].tier: a value that `map` does not name (a number)",)


def test_members_webhooks_are_proved_and_close_accounts():
    made = pointly(secrets=("w",))
    changed = made.sign(webhook({"id": 1, "type": "member.changed", "member": MEMBERS[0]}, "member"), "w")
    closed = made.sign(webhook({"id": 2, "type": "member.closed", "member": {"member_id": "m1"}}, "member"), "w")

    for one in (changed, closed):
        made.verify(one, ["w"])
    with pytest.raises(Refused):
        made.verify(changed, ["another"])
    assert [one.kind for request in (changed, closed) for one in made.parse(request)] == [
        Kind.CUSTOMER_UPDATED,
        Kind.CUSTOMER_DELETED,
    ]


def test_a_member_who_opts_out_is_told_to_the_loyalty_system():
    crm = Pointly()
    told = Withdrawal("m2", Channel.EMAIL, "bob@example.com", NOW)

    assert pointly().write_consent(told, Wire(crm).access()) is Written.WRITTEN
    assert crm.members[1]["newsletter"] == {"state": "out"}


# a bookings system: offset pages that are shorter than asked for, Basic, times in milliseconds


def roomy(asked):
    assert base64.b64decode(asked.headers["Authorization"].split()[1]) == b"sea-view:pw"
    guests = [
        {
            "id": n,
            "first": f"F{n}",
            "contacts": [{"kind": "email", "value": f"g{n}@example.com"}],
            "mailing": "no",
            "created": 1794614400000,
        }
        for n in range(1, 6)
    ]
    guests += [{"id": 6, "test": True, "contact": {"email": "t@example.com"}}]
    stays = [
        {
            "id": n,
            "code": f"S{n}",
            "status": "PAID",
            "price": 12345,
            "cur": "EUR",
            "guest": {"id": n},
            "nights": [{"room": "1", "count": 2}],
        }
        for n in range(1, 6)
    ]
    begin = int(asked.query["skip"])
    name, rows = ("guests", guests) if "guests" in asked.path else ("stays", stays)
    # it gives two where three are asked for
    return {name: rows[begin : begin + 2], "total": len(rows)}


def test_guests_are_all_read_although_pages_are_shorter_than_asked_for():
    wire = Wire(roomy)
    made = connector(BOOKINGS, hotel="sea-view", password="pw")
    found = pages(made, wire, SINCE)

    assert ids(found) == ["1", "2", "3", "4", "5"]
    assert wire.asked[0].query == {"updated_since": "1795089600000", "skip": "0", "take": "3"}
    assert wire.asked[0].url.startswith("https://roomy.example/api/guests?")
    first = found[0].events[0]
    assert (first.record["email"], first.record["createdAt"]) == ("g1@example.com", "2026-11-14T00:00:00Z")
    assert [str(one.state) for one in first.consents] == ["withdrawn"]


def test_stays_are_orders_and_end_at_their_total():
    wire = Wire(roomy)
    found = pages(connector(BOOKINGS, hotel="sea-view", password="pw"), wire, resource="orders")
    order = found[0].events[0].record

    assert ids(found) == ["1", "2", "3", "4", "5"]
    assert len(wire.asked) == 3
    assert (order["state"], order["total"], order["lines"]) == ("paid", 123.45, [{"productId": "1", "quantity": 2.0}])


# tills: lists below stores, tokens of the app, a store that is closed


class Tilly:
    def __init__(self):
        self.forms, self.falls = [], 1

    def __call__(self, asked):
        if asked.path == "/token":
            self.forms.append(parse_qs(asked.body.decode()))
            return {"access_token": "t", "ttl": 900}
        assert asked.headers["Authorization"] == "Bearer t"
        if asked.path == "/stores":
            rows = [{"id": 1, "code": "A/1", "kind": "shop"}, {"id": 2, "code": "B", "kind": "shop"}]
            rows = (
                rows
                if "p" not in asked.query
                else [{"id": 3, "code": "W", "kind": "warehouse"}, {"id": 4, "code": "C", "kind": "shop"}]
            )
            return 200, rows, {} if "p" in asked.query else {"link": '</stores?p=2>; rel="next"'}
        if "/B/" in asked.path:
            return 403, {"code": "STORE_CLOSED"}, {}
        if self.falls:
            self.falls -= 1
            return 500, {"error": "oops"}, {}
        store = "a" if "A" in asked.path else "c"
        if asked.path.endswith("/sales"):
            following = None if "n" in asked.query else f"{asked.path}?n=2"
            return {"items": [{"id": f"{store}{asked.query.get('n', 1)}", "total": 5, "buyer": {}}], "next": following}
        rows = [{"id": f"{store}{n}", "email": f"{store}{n}@example.com"} for n in range(3)]
        begin = 2 * (int(asked.query["page"]) - 1)
        return rows[begin : begin + 2]


def test_customers_of_all_shops_are_read_and_a_closed_one_is_passed_over():
    till = Tilly()
    wire = Wire(till)
    found = pages(connector(TILLS, client_id="i", client_secret="s"), wire, SINCE)

    assert ids(found) == ["a0", "a1", "a2", "c0", "c1", "c2"]
    assert till.forms[0]["scope"] == ["customers.read sales.read"]
    below = [one for one in wire.asked if "customers" in one.path]
    assert {one.path for one in below} == {"/stores/A%2F1/customers", "/stores/B/customers", "/stores/C/customers"}
    assert {one.query["changed_since"] for one in below} == {"2026-11-19 12:00:00"}


def test_sales_below_the_same_stores_are_orders_of_their_buyers():
    found = pages(connector(TILLS, client_id="i", client_secret="s"), Wire(Tilly()), resource="orders")

    assert ids(found) == ["a1", "a2", "c1", "c2"]
    assert all(isinstance(one, Event) and one.record["state"] == "paid" for page in found for one in page.events)
