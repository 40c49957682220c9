"""What goes out and what comes back: single exchanges, and peers that misbehave."""

from __future__ import annotations

import gzip
import os
import socket
import threading
import time

import pytest
import responses

from customer_sync import __version__
from customer_sync.errors import ConfigError, PayloadError, Unavailable
from customer_sync.kit import outbound
from customer_sync.kit.outbound import HttpClient, Reply, Unreached
from customer_sync.kit.proxies import Proxies
from customer_sync.kit.transport import Timeout
from tests.outbound.peers import answering, certificate, dripping, peer

URL = "https://api.example.com/v3/contacts"
DIRECT = Proxies({})
PATIENT = Timeout(connect_s=5.0, silence_s=30.0, answer_s=60.0)
#: Far more than a second, far less than what the drops of a dripping peer would take.
SOON_S = 15.0


def client(**options):
    return HttpClient(**{"timeout": PATIENT, "proxies": DIRECT, **options})


def failure_of(url, kind=Unavailable, **options):
    """The error of a call, and how long it took."""
    caller, started = client(**options), time.monotonic()
    with pytest.raises(Unavailable) as caught:
        caller.send("GET", url, headers={})
    caller.close()
    assert type(caught.value) is kind
    return str(caught.value), time.monotonic() - started


# what is sent


@responses.activate
def test_a_request_goes_out_with_its_headers_its_body_and_our_name():
    responses.post(URL, status=201, json={"id": 1}, headers={"X-Sib-Ratelimit-Limit": "10"})

    reply = client().send("POST", URL, headers={"api-key": "k"}, body=b'{"email":"a"}')

    (call,) = responses.calls
    assert call.request.headers == {
        "User-Agent": f"TajoCustomerSync/{__version__}",
        "api-key": "k",
        "Content-Length": "13",
    }
    assert call.request.body == b'{"email":"a"}'
    assert (reply.status, reply.headers["x-sib-ratelimit-limit"], reply.json()) == (201, "10", {"id": 1})


@pytest.mark.parametrize(("method", "length"), [("GET", None), ("HEAD", None), ("POST", "0"), ("DELETE", "0")])
@responses.activate
def test_a_request_without_a_body_says_so_where_one_could_be(method, length):
    responses.add(method, URL)

    client().send(method, URL, headers={})

    assert responses.calls[0].request.headers.get("Content-Length") == length


@responses.activate
@pytest.mark.parametrize("status", [200, 204, 301, 400, 404, 429, 500, 503])
def test_every_status_is_an_answer(status):
    responses.get(URL, status=status)

    assert client().send("GET", URL, headers={}).status == status


@responses.activate
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("target", ["https://elsewhere.example/", "http://[", "/\r", "//:x"])
def test_a_redirect_is_returned_and_not_followed(status, target):
    responses.post(URL, status=status, headers={"Location": target})

    reply = client().send("POST", URL, headers={}, body=b"1")

    assert (reply.status, reply.headers["location"]) == (status, target)
    assert len(responses.calls) == 1


def test_a_session_keeps_no_cookie_and_takes_nothing_from_the_environment():
    with peer(answering(b"ok", "Set-Cookie: seen=1; Path=/")) as server:
        caller = client()
        for _ in range(2):
            caller.send("GET", server.url, headers={})
        (session,) = caller._sessions.values()

    assert b"cookie" not in server.requests[1].lower()
    assert (list(session.cookies), session.trust_env) == ([], False)


def test_each_destination_has_a_session_of_its_own():
    with peer(answering()) as one, peer(answering()) as other:
        caller = client()
        for url in (one.url, other.url, f"{one.url}/path", f"http://localhost:{one.port}"):
            caller.send("GET", url, headers={})

        assert len(caller._sessions) == 3


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/contacts/jane%40example.com", b"GET /contacts/jane%40example.com HTTP"),
        ("/a%2Fb/c?x=%20&y=a+b#part", b"GET /a%2Fb/c?x=%20&y=a+b HTTP"),
        ("/ü d", b"GET /%C3%BC%20d HTTP"),
        ("?x=/y", b"GET /?x=/y HTTP"),
        ("", b"GET / HTTP"),
    ],
)
def test_a_path_is_sent_as_it_is_and_quoted_where_it_is_not(path, sent):
    with peer(answering()) as server:
        client().send("GET", server.url + path, headers={})

    assert server.requests[0].startswith(sent)


@pytest.mark.parametrize("size", [0, 1, 65_000, 70_000, 3_000_000])
def test_a_body_arrives_whole_whatever_its_size(size):
    with peer(answering()) as server:
        client().send("POST", server.url, headers={}, body=b"x" * size)

    assert server.requests[0].partition(b"\r\n\r\n")[2] == b"x" * size


def test_connections_are_kept_and_shared_by_threads():
    with peer(answering()) as server:
        caller = client(connections=4)
        threads = [
            threading.Thread(target=lambda: [caller.send("GET", server.url, headers={}) for _ in range(25)])
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        caller.close()

    assert len(server.requests) == 100
    assert server.connections <= 4


def test_a_connection_that_the_peer_closed_meanwhile_is_replaced():
    def act(sock, _):
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        sock.shutdown(socket.SHUT_RDWR)

    with peer(act) as server:
        caller = client()
        statuses = []
        for _ in range(3):
            statuses.append(caller.send("GET", server.url, headers={}).status)
            time.sleep(0.05)  # for the end of the connection to arrive

    assert statuses == [200, 200, 200]


@pytest.mark.parametrize(("body", "found"), [(b"", None), (b'{"a":1}', {"a": 1})])
def test_a_body_is_json_or_empty(body, found):
    assert Reply(200, {}, body).json() == found


def test_a_body_that_is_no_json_is_a_fault_of_the_payload():
    with pytest.raises(PayloadError, match="the answer is not JSON"):
        Reply(200, {}, b"<html>").json()


# what went wrong


def test_nobody_at_the_port_is_known_not_to_have_got_it():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/"

        text, _ = failure_of(url, Unreached)

    assert text == "127.0.0.1 did not answer: NewConnectionError"


def test_a_name_that_is_not_resolved_is_known_not_to_have_got_it(monkeypatch):
    def refuse(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)

    text, _ = failure_of("https://nowhere.example/", Unreached)

    assert text == "nowhere.example did not answer: NameResolutionError"


@pytest.mark.parametrize(
    ("act", "named"),
    [
        (lambda sock, _: sock.shutdown(socket.SHUT_RDWR), "ProtocolError"),
        (lambda sock, _: sock.sendall(b"not HTTP\r\n\r\n"), "ProtocolError"),
        (answering(b"short", "Content-Length: 500", sized=False), "ProtocolError"),
        (answering(b"no gzip", "Content-Encoding: gzip"), "DecodeError"),
        (answering(b"zz\r\n", "Transfer-Encoding: chunked", sized=False), "ProtocolError|InvalidChunkLength"),
    ],
    ids=["closed", "garbage", "short", "not gzip", "bad chunk"],
)
def test_a_peer_that_breaks_off_may_have_got_it(act, named):
    with peer(act) as server:
        text, _ = failure_of(server.url)

    assert text in {f"127.0.0.1 did not answer: {name}" for name in named.split("|")}


def test_a_certificate_that_nobody_trusts_is_refused(tmp_path):
    context, _ = certificate(tmp_path, "shop.example")
    with peer(answering(), context) as server:
        text, _ = failure_of(server.url)

    assert "SSL" in text
    assert server.requests == []


@pytest.mark.parametrize("url", ["ftp://api.example.com/", "https://[::1", "https:///x", "https://a..example/"])
def test_what_is_no_address_is_unavailable(url):
    with pytest.raises(Unavailable):
        client().send("GET", url, headers={})


@pytest.mark.parametrize("value", ["k\r\nX: 1", "k\nX: 1", "k\r", "k\0", "k\u20ac"])
def test_a_header_that_would_end_its_line_or_cannot_be_written_is_not_sent_and_named(value):
    with peer(answering()) as server, pytest.raises(ConfigError, match="in api-key holds a line break"):
        client().send("GET", server.url, headers={"api-key": value})

    assert server.requests == []


@pytest.mark.parametrize("name", ["api key", "api-key:", "api-key\r\nX", ""])
def test_a_header_whose_name_would_end_its_line_is_not_sent(name):
    with peer(answering()) as server, pytest.raises(Unavailable):
        client().send("GET", server.url, headers={name: "k"})

    assert server.requests == []


# deadlines

HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("start", "drop"),
    [
        (b"", b"H"),
        (HEAD, b"X: 1\r\n"),
        (HEAD + b"Content-Length: 100000\r\n\r\n", b"x"),
        (HEAD + b"\r\n", b"x"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: 1\r\n"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["status", "headers", "body", "body without size", "chunks", "size of a chunk", "trailers", "continue"],
)
def test_a_peer_that_drips_is_cut_at_the_deadline(start, drop):
    with peer(dripping(start, drop, every_s=0.2)) as server:
        text, took_s = failure_of(server.url, timeout=Timeout(5.0, 30.0, 1.0))

    assert text == "127.0.0.1 did not answer: ReadTimeoutError"
    assert 0.9 <= took_s < SOON_S


def test_a_peer_that_drips_by_tls_is_cut_at_the_deadline(tmp_path, trusting):
    context, trusted = certificate(tmp_path, "localhost")
    trusting(trusted)
    with peer(dripping(HEAD + b"Content-Length: 100000\r\n\r\n", b"x", every_s=0.2), context) as server:
        text, took_s = failure_of(f"https://localhost:{server.port}/", timeout=Timeout(5.0, 30.0, 1.0))

    assert text == "localhost did not answer: ReadTimeoutError"
    assert 0.9 <= took_s < SOON_S


def test_a_silent_peer_is_left_before_the_deadline():
    with peer(lambda *_: None) as server:
        text, took_s = failure_of(server.url, timeout=Timeout(5.0, 0.3, 60.0))

    assert text == "127.0.0.1 did not answer: ReadTimeoutError"
    assert took_s < SOON_S


def test_a_silent_peer_is_left_at_the_deadline_where_that_comes_first():
    with peer(lambda *_: None) as server:
        _, took_s = failure_of(server.url, timeout=Timeout(5.0, 30.0, 0.3))

    assert took_s < SOON_S


def test_each_answer_on_a_connection_has_a_deadline_of_its_own():
    with peer(answering()) as server:
        caller = client(timeout=Timeout(5.0, 30.0, 0.4))
        for _ in range(4):
            caller.send("GET", server.url, headers={})
            time.sleep(0.2)

    assert server.connections == 1


def test_a_connection_that_was_cut_is_not_used_again():
    with peer(dripping(HEAD + b"Content-Length: 9\r\n\r\n", b"x", every_s=0.2)) as server:
        caller = client(timeout=Timeout(5.0, 30.0, 0.5))
        for _ in range(2):
            with pytest.raises(Unavailable):
                caller.send("GET", server.url, headers={})

    assert server.connections == 2


# files

FILE = Timeout(connect_s=5.0, silence_s=5.0, answer_s=0.5)


def feeding(size, pieces, every_s):
    """Send a body of a size evenly, in so many pieces."""

    def act(sock, _):
        sock.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % size)
        for _ in range(pieces):
            sock.sendall(b"x" * (size // pieces))
            time.sleep(every_s)

    return act


def test_a_file_may_take_longer_than_an_answer_as_long_as_it_comes_fast_enough(monkeypatch):
    monkeypatch.setattr(outbound, "FILE_BYTES_PER_S", 100_000)
    with peer(feeding(200_000, 8, 0.15)) as server:
        assert len(client(timeout=FILE).send("GET", server.url, headers={}, is_file=True).body) == 200_000
        text, _ = failure_of(server.url, timeout=FILE)

    assert text == "127.0.0.1 did not answer: ReadTimeoutError"


def test_a_file_that_drips_is_cut(monkeypatch):
    monkeypatch.setattr(outbound, "FILE_BYTES_PER_S", 100_000)
    with peer(dripping(HEAD + b"Content-Length: 100000\r\n\r\n", b"x", every_s=0.1)) as server:
        began = time.monotonic()
        with pytest.raises(Unavailable):
            client(timeout=FILE).send("GET", server.url, headers={}, is_file=True)

    assert 0.4 < time.monotonic() - began < SOON_S


def test_a_file_may_be_larger_than_an_answer_and_has_a_limit_too(monkeypatch):
    monkeypatch.setattr(outbound, "MAX_FILE_BYTES", 2 * LIMIT)
    with peer(answering(b"x" * (LIMIT + 1))) as server:
        caller = client(max_bytes=LIMIT)
        assert len(caller.send("GET", server.url, headers={}, is_file=True).body) == LIMIT + 1
        with pytest.raises(Unavailable, match="more than"):
            caller.send("GET", server.url, headers={})
    packed = answering(gzip.compress(bytes(2 * LIMIT + 1)), "Content-Encoding: gzip")
    with peer(packed) as server, pytest.raises(Unavailable, match="more than"):
        client(max_bytes=LIMIT).send("GET", server.url, headers={}, is_file=True)


# sizes

LIMIT = 1_000_000


@pytest.mark.parametrize("sized", [True, False])
@pytest.mark.parametrize(("size", "is_fine"), [(LIMIT, True), (LIMIT + 1, False)])
def test_an_answer_may_be_as_large_as_the_limit(sized, size, is_fine):
    with peer(answering(b"x" * size, sized=sized)) as server:
        if is_fine:
            assert len(client(max_bytes=LIMIT).send("GET", server.url, headers={}).body) == size
        else:
            text, _ = failure_of(server.url, max_bytes=LIMIT)
            assert text == f"127.0.0.1 sent an answer of more than {LIMIT} bytes"


@pytest.mark.parametrize(
    "head", [b"Content-Length: 900000000000\r\n\r\n", b"\r\n", b"Transfer-Encoding: chunked\r\n\r\n"]
)
def test_an_answer_over_the_limit_is_not_read_whole(head):
    sent, is_cut = [], threading.Event()

    def act(sock, _):
        piece = b"10000\r\n" + b"x" * 65536 + b"\r\n" if b"chunked" in head else b"x" * 65536
        try:
            sock.sendall(HEAD + head)
            while sum(sent) < 200_000_000:
                sock.sendall(piece)
                sent.append(len(piece))
        except OSError:
            is_cut.set()

    with peer(act) as server:
        text, _ = failure_of(server.url, max_bytes=LIMIT)

        assert is_cut.wait(SOON_S)
    assert "more than" in text
    assert sum(sent) < 100_000_000  # what the buffers of the sockets hold, at most


@pytest.mark.parametrize("way", ["sized", "unsized", "chunked", "twice"])
def test_an_answer_that_unpacks_to_more_than_the_limit_is_refused(way, peak):
    packed, encoding = gzip.compress(bytes(300_000_000), 1), "gzip"
    if way == "twice":
        packed, encoding = gzip.compress(packed), "gzip, gzip"
    if way == "chunked":
        packed = b"%x\r\n%s\r\n0\r\n\r\n" % (len(packed), packed)
    lines = [f"Content-Encoding: {encoding}"] + (["Transfer-Encoding: chunked"] if way == "chunked" else [])
    with peer(answering(packed, *lines, sized=way in {"sized", "twice"})) as server, peak() as used:
        text, _ = failure_of(server.url, max_bytes=LIMIT)

    assert "more than" in text
    assert used.bytes < 30_000_000


def test_a_packed_answer_within_the_limit_is_unpacked():
    with peer(answering(gzip.compress(b"x" * LIMIT), "Content-Encoding: gzip")) as server:
        assert client(max_bytes=LIMIT).send("GET", server.url, headers={}).body == b"x" * LIMIT


def test_after_a_refused_answer_the_next_one_is_right():
    answers = [b"x" * (LIMIT + 1), b"fine"]

    def act(sock, request):
        answering(answers.pop(0))(sock, request)

    with peer(act) as server:
        caller = client(max_bytes=LIMIT)
        with pytest.raises(Unavailable):
            caller.send("GET", server.url, headers={})

        assert caller.send("GET", server.url, headers={}).body == b"fine"


def test_the_answer_to_head_may_tell_of_any_size():
    with peer(lambda sock, _: sock.sendall(HEAD + b"Content-Length: 900000000000\r\n\r\n")) as server:
        assert client(max_bytes=LIMIT).send("HEAD", server.url, headers={}).body == b""


# the environment


def test_the_environment_is_looked_at_once(monkeypatch):
    outbound.proxies_of_environment.cache_clear()
    monkeypatch.delenv("no_proxy", raising=False)
    with peer(answering()) as server, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        first = HttpClient(timeout=PATIENT)
        dead = f"http://127.0.0.1:{closed.getsockname()[1]}"
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, dead)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")
        for caller in (first, HttpClient(timeout=PATIENT)):
            assert caller._proxies.choose("http://shop.example/") is None
            assert caller.send("GET", server.url, headers={}).status == 200
    outbound.proxies_of_environment.cache_clear()


def test_no_call_asks_the_environment(monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login u password p\n")
    monkeypatch.setenv("NETRC", str(netrc))
    asked = []

    class Watched(dict):
        def get(self, name, default=None):
            asked.append(name)
            return super().get(name, default)

        def __getitem__(self, name):
            asked.append(name)
            return super().__getitem__(name)

        def __contains__(self, name):
            asked.append(name)
            return super().__contains__(name)

        def items(self):
            asked.append("all")
            return super().items()

    with peer(answering()) as server:
        caller = client()
        caller.send("GET", server.url, headers={})
        monkeypatch.setattr(os, "environ", Watched(os.environ))
        caller.send("GET", server.url, headers={})
        monkeypatch.undo()

    assert asked == []
    assert b"Authorization" not in b"".join(server.requests)
