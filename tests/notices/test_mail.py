"""Notices as mails, judged by aiosmtpd: the certificate is verified, the address guarded, the time limited."""

from __future__ import annotations

import contextlib
import email
import email.header
import socket
import threading
import time
from contextlib import contextmanager

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from customer_sync.errors import Parkable, TryLater
from customer_sync.kit import transport
from customer_sync.operate.notices.mail import MailSender
from tests.notices.hands import notice, open_line, send, settings, target
from tests.outbound.peers import certificate


class Box:
    """Keeps the mails that came, and refuses the addresses that the test says."""

    def __init__(self) -> None:
        self.mails = []
        self.refused = {}

    async def handle_RCPT(self, _server, _session, envelope, address, _options):  # noqa: N802  # aiosmtpd's name
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server, _session, envelope):  # noqa: N802  # aiosmtpd's name
        self.mails.append((envelope.mail_from, envelope.rcpt_tos, email.message_from_bytes(envelope.content)))
        return "250 OK"


def login(_server, _session, _envelope, _mechanism, data):
    return AuthResult(success=(data.login, data.password) == (b"me", b"p@ss"))


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    """What a server called localhost speaks TLS with, and the file that trusts it."""
    return certificate(tmp_path_factory.mktemp("tls"), "localhost")


@pytest.fixture
def trusting(monkeypatch, tls):
    monkeypatch.setenv("SSL_CERT_FILE", tls[1])
    transport.trust.cache_clear()
    yield
    transport.trust.cache_clear()


@pytest.fixture
def box():
    return Box()


@pytest.fixture
def server(box, tls):
    """A mail server that wants TLS and a login."""
    made = Controller(
        box, "127.0.0.1", 0, tls_context=tls[0], require_starttls=True, authenticator=login, auth_required=True
    )
    made.port = _free_port()
    made.start()
    yield made
    made.stop()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return one.getsockname()[1]


def mailbox(port, scheme="smtp+starttls", host="localhost", user="me:p%40ss@", **more):
    more = {"kind": "email", "secrets": (), "to": ("ops@a.example",), "sender": "tajo@b.example", **more}
    return target(f"{scheme}://{user}{host}:{port}", "mail", **more)


def send_to(to, **more):
    return MailSender(to, **more)("msg_1", notice(text="A run\nstopped.", remedy="Set a key.").body)


@pytest.mark.usefixtures("trusting")
def test_a_mail_tells_the_notice_and_its_remedy_and_names_it(server, box, client, tmp_path):
    config = settings(mailbox(server.port, to=("ops@a.example", "cto@a.example")))

    send(open_line(config, client, tmp_path), config, notice(text="A run\nstopped: ü.", remedy="Set a key."))

    ((sender, to, mail),) = box.mails
    assert (sender, to) == ("tajo@b.example", ["ops@a.example", "cto@a.example"])
    assert str(email.header.make_header(email.header.decode_header(mail["Subject"]))) == "[Tajo] A run stopped: ü."
    assert mail["Message-ID"] == "<msg_1@b.example>"
    text = mail.get_payload(decode=True).decode()
    assert "Set a key." in text
    assert '"type": "sync_completed"' in text


def test_a_certificate_that_nobody_trusts_gets_no_login_and_no_mail(server, box):
    with pytest.raises(TryLater, match="SSLCertVerificationError"):
        send_to(mailbox(server.port))

    assert box.mails == []


@pytest.mark.usefixtures("trusting")
def test_a_certificate_of_another_host_is_refused(server, box):
    with pytest.raises(TryLater, match="SSLCertVerificationError"):
        send_to(mailbox(server.port, host="127.0.0.1"))

    assert box.mails == []


@pytest.mark.usefixtures("trusting")
def test_a_wrong_login_is_told_without_the_password(server):
    with pytest.raises(TryLater, match="does not take the login") as told:
        send_to(mailbox(server.port, user="me:wrong@"))

    assert "wrong" not in str(told.value)


@pytest.mark.usefixtures("trusting")
def test_an_address_that_is_refused_keeps_the_mail_from_no_other(server, box):
    box.refused["gone@a.example"] = "550 no such user"

    send = MailSender(mailbox(server.port, to=("gone@a.example", "ops@a.example")))
    for _ in range(2):
        with pytest.raises(TryLater, match=r"some of the 2 addresses in `to`: number 1 \(550\)"):
            send("msg_1", notice().body)
    box.refused.clear()
    answer = send("msg_1", notice().body)

    assert answer == "taken for 2 of 2 addresses"
    assert [to for _, to, _ in box.mails] == [["ops@a.example"], ["gone@a.example"]]
    box.refused["gone@a.example"] = "550 no such user"
    with pytest.raises(TryLater, match="none of the addresses"):
        send_to(mailbox(server.port, to=("gone@a.example",)))


@pytest.mark.usefixtures("trusting")
def test_tls_from_the_first_byte(box, tls):
    made = Controller(box, "127.0.0.1", _free_port(), ssl_context=tls[0])
    made.start()
    try:
        assert send_to(mailbox(made.port, "smtps", user="")) == "taken for 1 of 1 addresses"
    finally:
        made.stop()


@contextmanager
def dripping():
    """Give the port of a server that sends one letter of its greeting now and then, for ever."""
    over = threading.Event()

    def serve(listener):
        with contextlib.suppress(OSError):
            found, _ = listener.accept()
            while not over.wait(0.05):
                found.sendall(b"2")
            found.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        over.set()
        thread.join(5)


def test_a_server_that_drips_is_left_when_the_time_of_the_mail_is_over():
    began = time.monotonic()
    with dripping() as port, pytest.raises(TryLater):
        send_to(mailbox(port, "smtp", user=""), whole_s=0.5)

    assert time.monotonic() - began < 5


def test_a_mail_server_at_a_private_address_is_refused(monkeypatch):
    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *rest, **more: real("127.0.0.1", *rest, **more))

    with pytest.raises(Parkable, match="not public"):
        send_to(mailbox(9, host="mail.example", allow_private=False))
