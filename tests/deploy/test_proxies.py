"""The proxies' examples before the running product: what passes from outside, and what nobody outside reaches."""

from __future__ import annotations

import pytest

from customer_sync.base.embedded import free_port
from tests.deploy.installation import API_KEY, NAME
from tests.deploy.proxies import caddy, nginx, noting

pytestmark = pytest.mark.slow
PROXIES = {"nginx": nginx, "caddy": caddy}
CLOSED = (
    *("/", "/sign-in", "/metrics", "/api/v1/status", "/api/v1/openapi.json", "/healthz", "/readyz", "/static/app.css"),
    *(
        "/connect",
        "/connect/shopify/other",
        "/webhooks",
        "//metrics",
        "/webhooks/../metrics",
        "/webhooks/%2e%2e/metrics",
    ),
)


@pytest.fixture(scope="module", params=PROXIES)
def proxy(request, installation):
    installation.start_all()
    with PROXIES[request.param](installation.port) as url:
        yield url


def test_a_signed_webhook_passes_and_arrives(installation, proxy):
    assert installation.webhook(21, "Fay", proxy).status == 202
    assert installation.webhook(21, "Eve", proxy, secret="another").status == 401

    installation.arrives(21, "Fay")


def test_the_pages_of_connecting_answer(installation, proxy):
    answer = installation.get("/connect/shopify/callback?code=none", proxy, Host=NAME)

    assert (answer.status, "This address is not valid" in answer.body) == (403, True)


@pytest.mark.parametrize("path", CLOSED)
def test_nothing_else_is_reached_with_or_without_the_key(installation, proxy, path):
    answers = [
        installation.get(path, proxy, Host=NAME),
        installation.get(path, proxy, Host=NAME, Authorization=f"Bearer {API_KEY}"),
    ]

    assert {one.status for one in answers} <= {403, 404}
    assert not any("tajo_" in one.body or "openapi" in one.body for one in answers)


def test_a_body_that_is_too_large_gets_the_answer_of_the_product(installation, proxy):
    answer = installation.webhook(22, "Gus", proxy, note="x" * (6 * 2**20))

    assert (answer.status, "larger than 5242880 bytes" in answer.body) == (413, True)


@pytest.mark.parametrize("name", PROXIES)
def test_what_a_sender_claims_of_itself_is_not_passed_on(installation, name):
    claims = {"X-Forwarded-For": "10.1.2.3", "X-Forwarded-Proto": "gopher", "Host": NAME}
    with noting() as (port, noted), PROXIES[name](port) as url:
        installation.post("/webhooks/shopify", url, **claims)

    (headers,) = noted
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["x-forwarded-proto"] == url.partition(":")[0]
    assert headers["host"] == NAME


@pytest.mark.parametrize("name", PROXIES)
def test_while_no_web_process_answers_the_sender_is_told_to_come_again(installation, name):
    with PROXIES[name](free_port()) as url:
        answer = installation.post("/webhooks/brevo", url, Host=NAME)

    assert (answer.status, answer.headers.get("Retry-After")) == (429, "30")
