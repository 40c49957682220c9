"""What a connector's description may be, and what becomes of a webhook."""

from __future__ import annotations

import json
import subprocess

from tests.clients.hands import JS
from tests.programs import need

WELL = {
    "name": "my-platform",
    "version": "1.0.0",
    "auth": {"type": "none"},
    "resources": {"customers": {"endpoint": "/c", "mapping": {"id": "id", "email": ["work[0].mail", "mail"]}}},
    "webhooks": {
        "customer_created": "/new",
        "customer_updated": {"path": "/changed", "record": "data", "eventId": "delivery", "occurredAt": "at"},
        "order_placed": "/order",
    },
}
FAULTY = {
    "nam": "x",
    "version": "one",
    "auth": {"type": "oauth2", "authorizationUrl": "http://a.example"},
    "resources": {"customers": {"endpoint": "c", "mapping": {"email": "a..b"}}},
    "webhooks": {"customer_created": "/new", "customer_updated": {"path": "/new", "resource": "people"}},
}


def node(description, *calls):
    """Return what each call gives, errors as their text; with no call, the paths of all faults."""
    code = """
    const { ConnectorSDK } = require('@tajo/connector-sdk');
    const [description, ...calls] = JSON.parse(process.argv[1]);
    const told = [];
    try {
      const connector = new ConnectorSDK(description);
      for (const [path, body] of calls) {
        try { told.push(connector.toEvent(path, body)); } catch (error) { told.push(String(error)); }
      }
    } catch (error) { told.push(...error.errors.map((one) => one.path)); }
    console.log(JSON.stringify(told));
    """.replace("'@tajo/connector-sdk'", json.dumps(str(JS / "connector-sdk")))
    done = subprocess.run(
        [need("node"), "-e", code, json.dumps([description, *calls])], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def test_all_faults_of_a_description_are_told_at_once():
    assert node(FAULTY) == [
        "nam",
        "name",
        "version",
        "auth.authorizationUrl",
        "auth.tokenUrl",
        "resources.customers.endpoint",
        "resources.customers.mapping.email",
        "webhooks.customer_updated.path",
        "webhooks.customer_updated.resource",
    ]


def test_a_webhook_becomes_an_event_by_its_mapping():
    body = {"delivery": 7, "at": "2026-11-21T10:00:00Z", "data": {"id": "c1", "work": [{"mail": "a@mail.example"}]}}
    first, second = node(WELL, ["/changed?x=1", json.dumps(body)], ["/new/", {"mail": "b@mail.example", "more": 1}])

    assert first == {
        "event": "customer_updated",
        "data": {"id": "c1", "email": "a@mail.example"},
        "id": "7",
        "timestamp": "2026-11-21T10:00:00Z",
    }
    assert second == {"event": "customer_created", "data": {"email": "b@mail.example"}}


def test_what_cannot_become_an_event_is_told_with_what_to_do():
    other, empty, broken, order = node(WELL, ["/other", {}], ["/new", {"x": 1}], ["/new", "{"], ["/order", {"id": 1}])

    assert "no webhook has the path /other. Call one of these, or describe it: /new, /changed, /order." in other
    assert "has none of the fields that resources.customers.mapping names" in empty
    assert "The body is not JSON." in broken
    assert "the event order_placed has no resource." in order


def test_a_number_that_javascript_cannot_hold_is_not_rounded():
    (told,) = node(WELL, ["/new", '{"id": 12345678901234567891, "mail": "a@mail.example"}'])

    assert "a number that JavaScript cannot hold exactly" in told or told["data"]["id"] == "12345678901234567891"
