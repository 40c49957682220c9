"""schemathesis asks every call what nobody thought of, from the document alone, and checks each answer against it.

All its checks run: no fault of ours, only documented statuses, types, headers and bodies, what the document allows is
taken, what it does not allow is refused, a missing key too, an unknown verb says which ones there are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, events, from_schema

from customer_sync.config import ApiSettings

from .calls import served
from .conftest import KEY, MakeApp, Seed

#: How many requests each call gets at most, in each phase.
EXAMPLES = 5
#: What a schema cannot say.
OPERATIONS = [
    # what is parked may be called `replay`, and an address end in `/sync`, as far as the routes know: they tell the
    # verbs of both
    {
        "include-path": ["/api/v1/parked/replay", "/api/v1/contacts/{address}/sync"],
        "checks": {
            "allow_header_conformance": {"enabled": False},
            "unsupported_method": {"enabled": False},
            "positive_data_acceptance": {"expected-statuses": ["2xx", "400", "404", "409"]},
        },
    },
    # what an address is
    {
        "include-path": "/api/v1/contacts/{address}",
        "checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", "400", "404", "409"]}},
    },
    # that the data of an event must tell of whom it is
    {
        "include-name": ["POST /api/v1/events", "POST /api/v1/skills/{name}/trigger"],
        "checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", "404", "409", "422"]}},
    },
]


def asked(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document without what no random text fits: a cursor comes from a page only, and other tests follow it;
    an account that is not the server's own ends every call with 409."""
    for operations in document["paths"].values():
        for operation in operations.values():
            found = operation["parameters"]
            operation["parameters"] = [one for one in found if one["name"] not in {"cursor", "Tajo-Brevo-Account"}]
    return document


@pytest.fixture
def url(make_app: MakeApp, full: Seed, monkeypatch) -> Iterator[str]:
    """The running app, with something of everything in its store; it is patient with wrong keys and many calls."""
    monkeypatch.setattr("customer_sync.store.wrong_keys.FROM_ONE", 100_000)
    monkeypatch.setattr("customer_sync.store.wrong_keys.FROM_ALL", 100_000)
    with served(make_app(api=ApiSettings(rate_per_minute=100_000))) as url:
        yield url


@pytest.mark.slow
def test_every_call_keeps_what_the_document_says(url, capsys):
    headers = {"Authorization": f"Bearer {KEY}"}
    config = SchemathesisConfig.from_dict(
        {
            "base-url": url,
            "headers": headers,
            "generation": {"max-examples": EXAMPLES, "deterministic": True, "database": "none"},
            "phases": {"stateful": {"enabled": False}},
            "operations": OPERATIONS,
            "warnings": False,
        }
    )
    document = requests.get(f"{url}/api/v1/openapi.json", headers=headers, timeout=10).json()
    schema = schemathesis.openapi.from_dict(asked(document), config=config)

    passed, failed, count = run(schema)

    with capsys.disabled():
        told = ", ".join(f"{name} {times}" for name, times in sorted(passed.items()))
        print(f"\nschemathesis: {count} requests to {len(list(schema.get_all_operations()))} calls; passed: {told}")
    assert not failed, "\n\n".join(failed)
    assert {"not_a_server_error", "response_schema_conformance", "negative_data_rejection"} <= set(passed)
    assert count > 200


def run(schema: Any) -> tuple[Counter[str], list[str], int]:
    """Return how often each check passed, what failed, and how many requests there were."""
    passed: Counter[str] = Counter()
    failed: list[str] = []
    count = 0
    for event in from_schema(schema).execute():
        if isinstance(event, events.NonFatalError | events.FatalError):
            failed.append(str(event))
        if not isinstance(event, events.ScenarioFinished):
            continue
        count += len(event.recorder.interactions)
        for case_id, checks in event.recorder.checks.items():
            case = event.recorder.cases[case_id].value
            passed.update(one.name for one in checks if one.status is Status.SUCCESS)
            failed += [
                f"{one.name}: {case.method} {case.formatted_path} {case.query} {case.body}: {one.failure_info.failure}"
                for one in checks
                if one.status is Status.FAILURE
            ]
    return passed, failed, count
