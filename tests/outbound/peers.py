"""Peers that a client meets: each is a function that gets the connection and what was asked."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Act = Callable[[socket.socket, bytes], None]


class Peer:
    """A server on this machine that does as its `act` says, once for each request.

    Args:
        act: gets the connection and the head of the request.
        context: speaks TLS where it is given.
    """

    def __init__(self, act: Act, context: ssl.SSLContext | None = None) -> None:
        self._act, self._context = act, context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"{'https' if context else 'http'}://127.0.0.1:{self.port}"
        self.requests: list[bytes] = []
        self.connections = 0
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    def _start(self, work: Callable[..., None], *given: object) -> None:
        thread = threading.Thread(target=work, args=given, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                found, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(found)
            self._start(self._serve, found)

    def _serve(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if self._context is not None:
                sock = self._context.wrap_socket(sock, server_side=True)
                self._open.append(sock)
            while (request := read_request(sock)) is not None:
                self.requests.append(request)
                self._act(sock, request)
        sock.close()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for sock in self._open:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        for thread in self._threads:
            thread.join(5)


@contextmanager
def peer(act: Act, context: ssl.SSLContext | None = None) -> Iterator[Peer]:
    made = Peer(act, context)
    try:
        yield made
    finally:
        made.close()


def read_request(sock: socket.socket) -> bytes | None:
    """Return the next request, head and body; None at the end."""
    found = b""
    while b"\r\n\r\n" not in found:
        piece = sock.recv(65536)
        if not piece:
            return None
        found += piece
    head, _, body = found.partition(b"\r\n\r\n")
    sizes = [int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    while len(body) < sum(sizes):
        body += sock.recv(65536)
    return head + b"\r\n\r\n" + body


def answering(body: bytes = b"ok", *lines: str, status: str = "200 OK", sized: bool = True) -> Act:
    """Answer at once."""
    size = [f"Content-Length: {len(body)}"] if sized else []
    head = "\r\n".join([f"HTTP/1.1 {status}", *size, *lines]).encode() + b"\r\n\r\n"

    def act(sock: socket.socket, _: bytes) -> None:
        sock.sendall(head + body)
        if not sized:
            sock.shutdown(socket.SHUT_WR)

    return act


def dripping(start: bytes, drop: bytes, every_s: float) -> Act:
    """Send the start at once, then a drop now and then, for ever."""

    def act(sock: socket.socket, _: bytes) -> None:
        sock.sendall(start)
        wait = threading.Event()
        while not wait.wait(every_s):
            sock.sendall(drop)

    return act


@contextmanager
def proxy(hosts: dict[str, int], context: ssl.SSLContext | None = None) -> Iterator[Peer]:
    """Run a small proxy: plain requests and tunnels, to the ports on this machine that names lead to."""

    def act(sock: socket.socket, request: bytes) -> None:
        method, target, _ = request.split(b"\r\n")[0].decode().split(" ")
        name = target.removeprefix("http://").partition("/")[0].partition(":")[0]
        if name not in hosts:
            sock.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
            return
        with socket.create_connection(("127.0.0.1", hosts[name])) as onward:
            if method == "CONNECT":
                sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                _join(sock, onward)
            else:
                path = "/" + target.removeprefix("http://").partition("/")[2]
                onward.sendall(request.replace(target.encode(), path.encode(), 1))
                sock.sendall(onward.recv(65536))

    with peer(act, context) as made:
        yield made


def _join(one: socket.socket, other: socket.socket) -> None:
    back = threading.Thread(target=_copy, args=(other, one), daemon=True)
    back.start()
    _copy(one, other)
    back.join(5)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(65536):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)


def certificate(folder, name: str, *more: str) -> tuple[ssl.SSLContext, str]:
    """Return what a server of these names speaks TLS with, and the file that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2099, 1, 1, tzinfo=UTC))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(one) for one in (name, *more)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public = folder / f"{name}.pem"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = folder / f"{name}.key"
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    return context, str(public)
