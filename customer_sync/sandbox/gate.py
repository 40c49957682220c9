"""What every call below /v3 passes before its route sees it, and after: faults, the key, the rate limit.

The order is Brevo's: the key first, then the limit, then the body, then the state.
"""

from __future__ import annotations

from typing import Final

from flask import Response, g, request

from customer_sync.sandbox import faults, limits, strikes
from customer_sync.sandbox.answers import ApiError, as_json
from customer_sync.sandbox.limits import Standing
from customer_sync.sandbox.state import Sandbox
from customer_sync.sandbox.strikes import BrokenAnswer

PREFIX: Final = "/v3"


def before(sandbox: Sandbox) -> Response | None:
    """Return the answer when the call is stopped here, None to let it go on."""
    if not sandbox.is_started:
        sandbox.run_due()
    if not request.path.startswith(PREFIX + "/"):
        return None
    path = request.path.removeprefix(PREFIX)
    g.standing = None
    try:
        stopped = _strike(sandbox, faults.BEFORE_KEY, path)
        if stopped is None:
            _check_key(sandbox)
            stopped = _strike(sandbox, faults.AT_KEY, path) or _strike(sandbox, faults.AT_LIMIT, path)
        if stopped is None:
            _check_limit(sandbox, path)
            stopped = _strike(sandbox, faults.BEFORE_BODY, path)
    except ApiError as error:
        return as_json(error.body(), error.status)
    return stopped


def after(sandbox: Sandbox, response: Response) -> Response:
    """Add the headers, let the last faults strike, and note the call."""
    path = request.path
    if path.startswith(PREFIX + "/"):
        standing: Standing | None = g.get("standing")
        if standing is not None and not isinstance(response, BrokenAnswer):
            response.headers.update(standing.headers())
        with sandbox.lock:
            if sandbox.faults.active:
                response = _strike_afterwards(sandbox, response, path.removeprefix(PREFIX))
            status = 0 if isinstance(response, BrokenAnswer) else response.status_code
            route = (request.endpoint or "").partition(" ")[2]
            sandbox.calls.add(request.method, path, route, status)
    return response


def _check_key(sandbox: Sandbox) -> None:
    key = request.headers.get("api-key")
    if not key:
        raise ApiError(401, "unauthorized", "authentication not found in headers")
    if sandbox.settings.keys and key not in sandbox.settings.keys:
        raise ApiError(401, "unauthorized", "Key not found")


def _check_limit(sandbox: Sandbox, path: str) -> None:
    with sandbox.lock:
        as_parents = sandbox.switches.batch_buckets == "parent"
        bucket = limits.bucket_of(request.method, path, batches_as_parents=as_parents)
        g.standing = sandbox.limits.count(bucket)
    if g.standing is not None and g.standing.is_refused:
        raise strikes.too_many()


def _strike(sandbox: Sandbox, kinds: tuple[str, ...], path: str) -> Response | None:
    """Let the faults of one stage strike, the oldest first, one of each kind, until one stops the call."""
    left = kinds if sandbox.faults.active else ()
    while left:
        with sandbox.lock:
            fault = sandbox.faults.take(left, request.method, path)
        if fault is None:
            return None
        stopped = strikes.before(fault)
        if stopped is not None:
            return stopped
        left = tuple(one for one in left if one != fault.kind)
    return None


def _strike_afterwards(sandbox: Sandbox, response: Response, path: str) -> Response:
    """The drift, the missing headers and a strange body can strike together, a broken connection hides them all."""
    if isinstance(response, BrokenAnswer):
        return response
    for kind in faults.AFTERWARDS:
        if kind == "code_drift" and b"duplicate_parameter" not in response.data:
            continue
        fault = sandbox.faults.take((kind,), request.method, path)
        if fault is not None:
            response = strikes.spoil(fault, response)
            if isinstance(response, BrokenAnswer):
                return response
    return response
