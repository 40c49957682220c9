"""Runs the connectors over what others recorded or published, where it lies beside the repository."""

import json
from datetime import UTC, datetime

import pytest

from customer_sync.errors import Refused
from customer_sync.model import Event, Inbound
from tests.contract.cases import EVENTFUL, PLATFORMS, RECEIVED_AT, REPO, assert_sound, connector_of, outcome, signed

PAYLOADS = REPO.parent / "shared" / "payloads"


def recorded():
    """Yield the platform, the topic, the headers and the body of every known webhook body beside the repository."""
    for platform in PLATFORMS:
        known = {topic.replace("/", "."): topic for topic in connector_of(platform).topics}
        for path in sorted((PAYLOADS / platform).glob("*.json")):
            words = path.name.removeprefix("webhook.").split(".")
            stem = ".".join(words[: next((i for i, word in enumerate(words) if word.startswith(("docs", "rec"))), 0)])
            # A `rest.*` sample stands for the webhook with the same body.
            topic = known.get(stem) or known.get(f"{stem.removeprefix('rest.')}.updated")
            if topic is None or path.name.endswith(".raw.json"):
                continue
            doc = json.loads(path.read_text(encoding="utf-8"))
            whole = isinstance(doc, dict) and set(doc) == {"headers", "body", "topic"}
            yield pytest.param(
                platform, topic, doc["headers"] if whole else None, doc["body"] if whole else doc, id=path.name
            )


def headers_of(platform, topic):
    """Return the headers with which a topic comes, from a fixture."""
    cases = (case for case in EVENTFUL[platform] if case.connector.parse(case.inbound())[0].topic == topic)
    return next(cases).inbound().headers


RECORDED = list(recorded())
needs_payloads = pytest.mark.skipif(not PAYLOADS.is_dir(), reason="the recorded payloads are not beside the repository")


@needs_payloads
@pytest.mark.parametrize(("platform", "topic", "headers", "body"), RECORDED)
def test_a_recorded_or_published_body_is_understood(platform, topic, headers, body):
    inbound = Inbound(platform, headers or headers_of(platform, topic), json.dumps(body).encode(), RECEIVED_AT)

    found = outcome(connector_of(platform), inbound)
    assert_sound(inbound, found)
    assert all(isinstance(one, Event) and one.topic == topic for one in found)
    one = body if isinstance(body, dict) else {}  # HubSpot sends arrays
    assert found or one.get("status") == "failed"
    if isinstance(gid := one.get("admin_graphql_api_id"), str) and "order_id" not in one:
        assert found[0].record_id == gid.rpartition("/")[2]


def vectors():
    """Yield the known answers: signed requests with their secret, time, and whether they are genuine."""
    for name in ("ecommerce_signature_vectors.json", "signature_vectors.json"):
        path = PAYLOADS / name
        for doc in json.loads(path.read_text(encoding="utf-8"))["vectors"] if path.is_file() else ():
            platform = doc.get("platform") or doc["id"].split(".")[0]
            headers = doc.get("headers") or ({doc["header"]: doc["value"]} if "header" in doc else {})
            proofs = signed(platform)[2] if EVENTFUL.get(platform) else []
            if not {proof.header for proof in proofs} & {name.lower() for name in headers}:
                continue
            secrets = [doc[key] for key in ("secret", "secret_as_stored", "secret_used", "client_secret") if key in doc]
            yield pytest.param(platform, headers, doc, secrets, id=doc["id"])


@needs_payloads
@pytest.mark.parametrize(("platform", "headers", "doc", "secrets"), list(vectors()))
def test_a_known_signature_is_judged_as_its_vendor_judges(platform, headers, doc, secrets):
    now_s = doc.get("now_unix") or doc.get("now_unix_ms", 0) / 1000 or int(headers.get("webhook-timestamp", 0))
    inbound = Inbound(
        platform,
        {name.lower(): value for name, value in headers.items()},
        doc["body"].encode(),
        datetime.fromtimestamp(now_s, tz=UTC) if now_s else RECEIVED_AT,
        url=doc.get("url") or "",
        method=doc.get("method", "POST"),
    )
    connector = connector_of(platform)

    for secret in secrets:
        if doc.get("expect", "valid") == "valid":
            connector.verify(inbound, ("other", secret))
        else:
            with pytest.raises(Refused):
                connector.verify(inbound, (secret,))
