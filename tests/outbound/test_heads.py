"""Heads of answers are read as `http.client` reads them, by a quicker way."""

from __future__ import annotations

import http.client
import io
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_sync.kit.answer import Allowance, Answer, read_head

NAMES = st.sampled_from(["Server", "x-sib-ratelimit-limit", "Content-Length", "Transfer-Encoding", "Connection", ""])
VALUES = st.text("ab :,;=\t\xe9\r\x0b\x85", max_size=12) | st.sampled_from(
    ["chunked", "12", "-1", "close", "keep-alive"]
)
LINES = st.builds("{}{}{}".format, NAMES, st.sampled_from([":", ": ", " : ", ""]), VALUES) | st.text(max_size=8)
ENDS = st.sampled_from(["\r\n", "\n"])
HEADS = st.lists(st.tuples(LINES, ENDS), max_size=6).map(
    lambda lines: "".join(a + b for a, b in lines).encode("iso-8859-1", "replace")
)


@given(HEADS)
def test_the_same_fields_are_found(raw):
    raw += b"\r\nbody"
    ours, theirs = io.BytesIO(raw), io.BytesIO(raw)

    assert read_head(ours).items() == http.client.parse_headers(theirs).items()
    assert ours.read() == theirs.read()


@pytest.mark.parametrize("raw", [b"a: " + b"b" * 65536 + b"\r\n\r\n", b"a: b\r\n" * 101 + b"\r\n"])
def test_a_head_that_is_too_large_is_refused(raw):
    with pytest.raises(http.client.HTTPException):
        http.client.parse_headers(io.BytesIO(raw))
    with pytest.raises(http.client.HTTPException):
        read_head(io.BytesIO(raw))


def told(make, raw, method):
    """What an answer says of itself, and its body; or the name of the error."""
    ours, peer = socket.socketpair()
    with ours, peer:
        peer.sendall(raw)
        peer.shutdown(socket.SHUT_WR)
        answer = make(ours, method=method)
        try:
            answer.begin()
            facts = answer.status, answer.reason, answer.version, answer.chunked, answer.length, answer.will_close
            return *facts, answer.headers.items(), answer.read()
        except http.client.HTTPException as error:
            return type(error).__name__


STATUS = st.sampled_from(
    [
        "HTTP/1.1 200 OK",
        "HTTP/1.1 204 No Content",
        "HTTP/1.0 200 OK",
        "HTTP/1.1 304",
        "HTTP/1.1 100 Continue\r\nx: y\r\n\r\nHTTP/1.1 201 Created",
        "HTTP/2 200 OK",
        "HTTP/0.9 200",
        "ICY 200 OK",
        "HTTP/1.1 2000 OK",
        "",
    ]
)


@given(STATUS, HEADS, st.sampled_from(["GET", "HEAD", "POST"]))
def test_an_answer_says_the_same_of_itself(status, head, method):
    raw = f"{status}\r\n".encode() + head + b"\r\n0123456789ab"

    def ours(sock, method):
        return Answer(sock, method=method, allowed=Allowance(5.0, 1000))

    assert told(ours, raw, method) == told(http.client.HTTPResponse, raw, method)
