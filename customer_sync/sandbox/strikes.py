"""What a fault answers. `faults` says which faults there are, `gate` when they strike."""

from __future__ import annotations

import json
import struct
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Final

from flask import Response, g, request

from customer_sync.sandbox.answers import ApiError, as_json
from customer_sync.sandbox.faults import Fault
from customer_sync.sandbox.limits import Standing

#: Set in the environ of a request whose answer must not be put into one piece.
STREAMED: Final = "sandbox.streamed"
#: What `resource` and the text of a refusal call the part of the API below /v3.
PREFIX: Final = "/v3/"
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
_MEGABYTE = 1_000_000
_CHUNK = b" " * 65_536
#: `reset` of a storm → what the header says, given the time in seconds since 1970.
ODD_RESETS: Final[Mapping[str, Callable[[float], str]]] = {
    "epoch": lambda now: str(int(now) + 1),
    "huge": lambda _now: "9999999999",
    "negative": lambda _now: "-5",
    "text": lambda _now: "soon",
    "empty": lambda _now: "",
}


class BrokenAnswer(Response):
    """An answer that breaks off: the client sees the connection end in the middle.

    The head promises a byte that never comes. The server may or may not have sent the head by then, so it is one no
    client can take for a success: Cloudflare's 520, "the origin returned something unknown".
    """

    def __init__(self) -> None:
        super().__init__(_Broken(), 520, headers={"content-length": "1"}, direct_passthrough=True)


def too_many() -> ApiError:
    """Return the 429. Brevo's own text is not documented; clients must look at the status."""
    return ApiError(429, "too_many_requests", "Too many requests, API rate limit exceeded")


def before(fault: Fault) -> Response | None:
    """Return what a fault answers instead of carrying the call out; None when the call goes on."""
    return _BEFORE[fault.kind](fault)


def spoil(fault: Fault, response: Response) -> Response:
    """Return what a fault makes of the answer to a call that was carried out."""
    return _AFTER[fault.kind](fault, response)


def resource() -> str:
    """Return what Brevo calls the part of the API that is asked for."""
    return request.path.removeprefix(PREFIX).strip("/").partition("/")[0]


def _down(fault: Fault) -> Response:
    if fault.options.get("mode") in (503, "503"):
        return Response(_HTML_ERROR.replace("Internal Server Error", "Service Unavailable"), 503)
    return BrokenAnswer()


def _slow(fault: Fault) -> None:
    time.sleep(fault.option("delay_s", 1.0))


def _html(fault: Fault) -> Response:
    return Response(_HTML_ERROR, int(fault.option("status", 500)), content_type="text/html; charset=utf-8")


def _storm(fault: Fault) -> Response:
    answer = as_json(too_many().body(), 429)
    headers, odd = fault.options.get("headers", "present"), fault.options.get("reset")
    if headers == "wrong" or odd in ODD_RESETS:
        answer.headers.update({"x-sib-ratelimit-limit": "10", "x-sib-ratelimit-remaining": "0"})
        answer.headers["x-sib-ratelimit-reset"] = ODD_RESETS[str(odd) if odd in ODD_RESETS else "text"](time.time())
    elif headers != "absent":
        g.standing = Standing(10, 0, int(fault.option("reset_s", 1)))
    return answer


def _error(status: int, code: str, message: str) -> Response:
    return as_json(ApiError(status, code, message).body(), status)


def _denied(_fault: Fault) -> Response:
    return _error(403, "permission_denied", _RESTRICTED.format(resource=resource()))


_BEFORE: Final[Mapping[str, Callable[[Fault], Response | None]]] = {
    "down": _down,
    "slow": _slow,
    "html_524": lambda _: Response(_HTML_524, 524, content_type="text/html; charset=UTF-8"),
    "html_error": _html,
    "empty_error": lambda fault: Response(b"", int(fault.option("status", 500))),
    "unknown_ip": lambda _: _error(401, "unauthorized", _UNKNOWN_IP.format(address=request.remote_addr)),
    "wrong_key": lambda _: _error(401, "unauthorized", "Key not found"),
    "restricted_key": _denied,
    "read_only_key": _denied,
    "no_delete_key": _denied,
    "no_imports": lambda _: _error(403, "permission_denied", "Your plan does not include imports"),
    "storm": _storm,
    "busy": lambda _: _error(425, "account_in_process", "Contact is being processed, please try again later"),
}


def _drift(fault: Fault, response: Response) -> Response:
    code = str(fault.options.get("code", "invalid_parameter"))
    response.set_data(json.dumps({**json.loads(response.data), "code": code}))
    return response


def _strip(_fault: Fault, response: Response) -> Response:
    for name in [one for one in response.headers.keys() if one.startswith("x-sib-")]:  # noqa: SIM118 - a multidict
        del response.headers[name]
    return response


def _drip(fault: Fault, response: Response) -> Response:
    return _stream(_drops(response.get_data(), fault.option("every_s", 1.0)), response)


def _endless(fault: Fault, response: Response) -> Response:
    chunks = int(fault.option("megabytes", 1024) * _MEGABYTE) // len(_CHUNK)
    return _stream((_CHUNK for _ in range(chunks)), response)


def _bomb(fault: Fault, response: Response) -> Response:
    bomb = Response(gzip_of_spaces(int(fault.option("megabytes", 1024))), response.status_code, response.headers)
    bomb.headers["content-encoding"] = "gzip"
    bomb.headers["content-length"] = str(len(bomb.get_data()))
    return bomb


_AFTER: Final[Mapping[str, Callable[[Fault, Response], Response]]] = {
    "reset_after_commit": lambda _fault, _response: BrokenAnswer(),
    "code_drift": _drift,
    "stripped_headers": _strip,
    "drip": _drip,
    "endless": _endless,
    "gzip_bomb": _bomb,
}


def _stream(chunks: Iterator[bytes], response: Response) -> Response:
    """Return an answer that is sent piece by piece, without its length."""
    request.environ[STREAMED] = True
    streamed = Response(chunks, response.status_code, response.headers, direct_passthrough=True)
    streamed.headers.pop("content-length", None)
    return streamed


def _drops(text: bytes, every_s: float) -> Iterator[bytes]:
    for number in range(len(text)):
        time.sleep(every_s)
        yield text[number : number + 1]


@lru_cache(maxsize=4)
def gzip_of_spaces(megabytes: int) -> bytes:
    """Return gzip that unpacks to so many million blanks and then `{}`, which is JSON.

    A block is packed once and repeated: after a full flush nothing of the packer's state is left.
    """
    block = b" " * _MEGABYTE
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    last = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    end = last.compress(b"{}") + last.flush()
    check = 0
    for _ in range(megabytes):
        check = zlib.crc32(block, check)
    size = megabytes * _MEGABYTE + 2
    head = b"\x1f\x8b\x08\0\0\0\0\0\x02\xff"
    return head + packed * megabytes + end + struct.pack("<II", zlib.crc32(b"{}", check), size & 0xFFFFFFFF)


class _Broken:
    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        raise ConnectionResetError("the sandbox breaks this connection on purpose")
