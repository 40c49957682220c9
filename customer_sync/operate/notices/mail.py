"""A notice as a mail, by a server that speaks TLS with a certificate that is verified."""

from __future__ import annotations

import json
import smtplib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from urllib3.exceptions import NewConnectionError

from customer_sync.base.clock import Clock, system_clock
from customer_sync.config.settings import NoticeTarget
from customer_sync.errors import TryLater
from customer_sync.kit.transport import PrivateAddress, public_address, trust
from customer_sync.model import from_ms
from customer_sync.operate.notices.notice import text_of
from customer_sync.operate.notices.senders import not_public

#: How long the server is waited for at each step, and for the whole of a mail, in seconds.
STEP_S: Final = 10.0
WHOLE_S: Final = 20.0
_PORTS: Final = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
_SUBJECT: Final = 120
#: Of how many notices it is remembered which addresses have them.
_REMEMBERED: Final = 1000


class MailSender:
    """Sends notices to the addresses of a target.

    Args:
        target: the target.
        clock: milliseconds since 1970.
        context: what tells good certificates from bad; called for each mail.
        whole_s: how long one mail may take.
    """

    def __init__(
        self,
        target: NoticeTarget,
        clock: Clock = system_clock,
        context: Callable[[], ssl.SSLContext] = trust,
        whole_s: float = WHOLE_S,
    ) -> None:
        self._target = target
        self._clock = clock
        self._context = context
        self._whole_s = whole_s
        #: Notices that some addresses were refused for → who has them, the newest last.
        self._have: dict[str, frozenset[str]] = {}

    def __call__(self, id_: str, body: str) -> str:
        """Send a notice; see `customer_sync.operate.notices.senders.Sender`.

        An address that is refused is a notice that is not taken: the next try goes to those who do not have it.
        """
        message = self._message(id_, body)
        have = self._have.get(id_, frozenset())
        left = [one for one in self._target.to if one not in have]
        try:
            with self._server() as server:
                refused = server.send_message(message, self._target.sender, left)
        except PrivateAddress as error:
            raise not_public(f"{self._target.host} has an address that is not public") from error
        except smtplib.SMTPResponseException as error:
            raise TryLater(f"The mail server answered {error.smtp_code}.") from error
        except smtplib.SMTPRecipientsRefused as error:
            raise TryLater(self._refusal({one: code for one, (code, _) in error.recipients.items()})) from error
        except (smtplib.SMTPException, OSError, NewConnectionError) as error:
            raise TryLater(f"{self._target.host} took no mail: {type(error).__name__}.") from error
        if refused:
            self._remember(id_, have | set(left) - set(refused))
            raise TryLater(self._refusal({one: code for one, (code, _) in refused.items()}))
        self._have.pop(id_, None)
        return f"taken for {len(self._target.to)} of {len(self._target.to)} addresses"

    def _refusal(self, codes: Mapping[str, int]) -> str:
        """Return what is said of addresses that are refused: by their places in the list, for they are personal."""
        places = [f"{at} ({codes[one]})" for at, one in enumerate(self._target.to, 1) if one in codes]
        if len(places) == len(self._target.to):
            return "The mail server takes mail for none of the addresses in `to`."
        return (
            f"The mail server refuses some of the {len(self._target.to)} addresses in `to`: number {', '.join(places)}."
        )

    def _remember(self, id_: str, have: frozenset[str]) -> None:
        self._have[id_] = have
        for old in list(self._have)[:-_REMEMBERED]:
            self._have.pop(old, None)

    def _message(self, id_: str, body: str) -> EmailMessage:
        value: dict[str, Any] = json.loads(body)
        message = EmailMessage()
        text = str(value["data"]["text"])
        message["Subject"] = " ".join(f"[Tajo] {text}".split())[:_SUBJECT]
        message["From"], message["To"] = self._target.sender, ", ".join(self._target.to)
        message["Date"] = format_datetime(from_ms(self._clock()))
        # the same in every try: mail programs show what comes twice once
        message["Message-ID"] = f"<{id_}@{self._target.sender.rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(f"{text_of(body)}\n\n{json.dumps(value, indent=2, ensure_ascii=False)}\n")
        return message

    @contextmanager
    def _server(self) -> Iterator[smtplib.SMTP]:
        """Give a connection that is greeted, secured and signed in; it is cut when its time is up."""
        parts = urlsplit(self._target.address)
        port = parts.port or _PORTS[parts.scheme]
        secure = self._context() if parts.scheme == "smtps" else None
        server = _Smtp(self._target.host, is_guarded=not self._target.allow_private, context=secure)
        end = threading.Timer(self._whole_s, server.cut)
        end.daemon = True
        end.start()
        try:
            server.connect(self._target.host, port)
            if parts.scheme == "smtp+starttls":
                server.starttls(context=self._context())
            if parts.username:
                _sign_in(server, unquote(parts.username), unquote(parts.password or ""))
            yield server
            with suppress(smtplib.SMTPException, OSError):
                server.quit()
        finally:
            end.cancel()
            server.close()


def _sign_in(server: smtplib.SMTP, user: str, password: str) -> None:
    try:
        server.login(user, password)
    except smtplib.SMTPException as error:  # after a refusal some servers hang up before another way is tried
        raise TryLater("The mail server does not take the login.") from error


class _Smtp(smtplib.SMTP):
    """A connection to exactly the address that was looked at, and that can be cut from another thread."""

    def __init__(self, host: str, *, is_guarded: bool, context: ssl.SSLContext | None) -> None:
        super().__init__(timeout=STEP_S, local_hostname="localhost")
        self._host = host  # whom the certificate must name
        self._is_guarded = is_guarded
        self._secure = context
        self._under: socket.socket | None = None

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        """Connect; smtplib calls this."""
        address = public_address(None, host) if self._is_guarded else host
        self._under = socket.create_connection((address, port), timeout)
        if self._secure is None:
            return self._under
        return self._secure.wrap_socket(self._under, server_hostname=self._host)

    def cut(self) -> None:
        """End the connection: whoever waits for an answer gets an error at once."""
        for one in (self.sock, self._under):
            with suppress(OSError, AttributeError):
                one.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]  # there may be none yet
