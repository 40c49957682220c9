"""What every call below /v3 passes before its route sees it, and after: faults, the key, the rate limit.

The order is Brevo's: the key first, then the limit, then the body, then the state.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from flask import Response, g, request

from customer_sync.brevo.sandbox import faults, limits
from customer_sync.brevo.sandbox.answers import ApiError, as_json
from customer_sync.brevo.sandbox.faults import Fault
from customer_sync.brevo.sandbox.limits import Standing
from customer_sync.brevo.sandbox.state import Sandbox

PREFIX: Final = "/v3"
_HTML_524 = """<!DOCTYPE html>
<html lang="en-US"><head><title>api.brevo.com | 524: A timeout occurred</title></head>
<body><h1>A timeout occurred <span>Error code 524</span></h1></body></html>
"""
_HTML_ERROR = "<html><head><title>Internal Server Error</title></head><body>Internal Server Error</body></html>"
_UNKNOWN_IP = (
    "We have detected you are using an unrecognised IP address {address}. If you performed this action make sure to "
    "add the new IP address in this link: https://app.brevo.com/security/authorised_ips"
)
_RESTRICTED = (
    'Access denied for resource "{resource}". The API key does not include the required permission. '
    "Please update the key's permissions or use another key."
)


class BrokenAnswer(Response):
    """An answer that breaks off: the client sees the connection end in the middle.

    The head promises a byte that never comes. The server may or may not have sent the head by then, so it is one no
    client can take for a success: Cloudflare's 520, "the origin returned something unknown".
    """

    def __init__(self) -> None:
        super().__init__(_Broken(), 520, headers={"content-length": "1"}, direct_passthrough=True)


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
        g.standing = sandbox.limits.count(limits.bucket_of(request.method, path))
    if g.standing is not None and g.standing.is_refused:
        raise _too_many()


def _too_many() -> ApiError:
    """Brevo's own text is not documented; clients must look at the status."""
    return ApiError(429, "too_many_requests", "Too many requests, API rate limit exceeded")


def _strike(sandbox: Sandbox, kinds: tuple[str, ...], path: str) -> Response | None:
    if not sandbox.faults.active:
        return None
    with sandbox.lock:
        fault = sandbox.faults.take(kinds, request.method, path)
    return None if fault is None else _STRIKES[fault.kind](fault)


def _down(fault: Fault) -> Response:
    if fault.options.get("mode") in (503, "503"):
        return Response(_HTML_ERROR.replace("Internal Server Error", "Service Unavailable"), 503)
    return BrokenAnswer()


def _slow(fault: Fault) -> None:
    time.sleep(fault.option("delay_s", 1.0))


def _html(fault: Fault) -> Response:
    return Response(_HTML_ERROR, int(fault.option("status", 500)), content_type="text/html; charset=utf-8")


def _empty(fault: Fault) -> Response:
    return Response(b"", int(fault.option("status", 500)))


def _storm(fault: Fault) -> Response:
    headers = fault.options.get("headers", "present")
    answer = as_json(_too_many().body(), 429)
    if headers == "wrong":
        answer.headers.update({"x-sib-ratelimit-limit": "", "x-sib-ratelimit-remaining": "-1"})
        answer.headers["x-sib-ratelimit-reset"] = "soon"
    elif headers != "absent":
        g.standing = Standing(10, 0, int(fault.option("reset_s", 1)))
    return answer


def _error(status: int, code: str, message: str) -> Response:
    return as_json(ApiError(status, code, message).body(), status)


_STRIKES: Final[Mapping[str, Callable[[Fault], Response | None]]] = {
    "down": _down,
    "slow": _slow,
    "html_524": lambda _: Response(_HTML_524, 524, content_type="text/html; charset=UTF-8"),
    "html_error": _html,
    "empty_error": _empty,
    "unknown_ip": lambda _: _error(401, "unauthorized", _UNKNOWN_IP.format(address=request.remote_addr)),
    "wrong_key": lambda _: _error(401, "unauthorized", "Key not found"),
    "restricted_key": lambda _: _error(403, "permission_denied", _RESTRICTED.format(resource=_resource())),
    "storm": _storm,
    "busy": lambda _: _error(425, "account_in_process", "Contact is being processed, please try again later"),
}


def _resource() -> str:
    return request.path.removeprefix(PREFIX).strip("/").partition("/")[0]


def _strike_afterwards(sandbox: Sandbox, response: Response, path: str) -> Response:
    """The drift and the missing headers can strike together, a broken connection hides both."""
    if isinstance(response, BrokenAnswer):
        return response
    if sandbox.faults.take(("reset_after_commit",), request.method, path):
        return BrokenAnswer()
    if b"duplicate_parameter" in response.data and sandbox.faults.take(("code_drift",), request.method, path):
        response.set_data(json.dumps({**json.loads(response.data), "code": "invalid_parameter"}))
    if sandbox.faults.take(("stripped_headers",), request.method, path):
        for name in [one for one in response.headers.keys() if one.startswith("x-sib-")]:  # noqa: SIM118 - a multidict
            del response.headers[name]
    return response


class _Broken:
    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        raise ConnectionResetError("the sandbox breaks this connection on purpose")
