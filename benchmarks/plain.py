"""The plain recipe, as most would write it: one Celery task per event with the payload in it, retried by Celery.

A Flask route checks the signature and puts the body into a task; a prefork worker maps it and calls Brevo's upsert with
`requests`. Celery's own settings for safety are on (`acks_late`), and no task is ever given up.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from functools import cache
from typing import Any

import requests
from celery import Celery
from flask import Flask, Response, request

app = Celery("plain", broker=os.environ.get("TAJO_REDIS_URL"))
app.conf.task_ignore_result = True
app.conf.task_acks_late = True
app.conf.worker_prefetch_multiplier = 4
app.conf.broker_connection_retry_on_startup = True

ATTRIBUTES = {"first_name": "FIRSTNAME", "last_name": "LASTNAME"}


@cache
def session() -> requests.Session:
    """Return the kept connections of this process."""
    return requests.Session()


@app.task(  # type: ignore[untyped-decorator]  # celery ships no types
    name="plain.sync_customer",
    autoretry_for=(requests.RequestException,),
    retry_backoff=True,
    retry_jitter=True,
    max_retries=None,
)
def sync_customer(customer: dict[str, Any]) -> None:
    """Bring one customer to Brevo."""
    body: dict[str, Any] = {
        "email": customer["email"],
        "updateEnabled": True,
        "attributes": {ours: customer[theirs] for theirs, ours in ATTRIBUTES.items() if customer.get(theirs)},
    }
    if customer.get("phone"):
        body["attributes"]["SMS"] = customer["phone"]
    url = os.environ["BREVO_API_URL"] + "/contacts"
    answer = session().post(url, json=body, headers={"api-key": "sandbox"}, timeout=10)
    answer.raise_for_status()


def create_app() -> Flask:
    """Return the Flask application that takes the webhooks."""
    web = Flask(__name__)
    secret = os.environ.get("PLAIN_SECRET", "").encode()

    @web.post("/webhooks/<source>")
    def receive(source: str) -> Response:  # noqa: ARG001  # the route has it, as ours has
        body = request.get_data()
        wanted = base64.b64encode(hmac.digest(secret, body, hashlib.sha256)).decode()
        if not hmac.compare_digest(wanted, request.headers.get("X-Shopify-Hmac-Sha256", "")):
            return Response(status=401)
        sync_customer.delay(request.get_json())
        return Response(status=202)

    return web
