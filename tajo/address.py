"""Where the service is and who calls it: checked before anything is sent."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from urllib.parse import SplitResult, urlsplit

from tajo.errors import SettingsWrong

#: Where `tajo run` listens.
DEFAULT_URL = "http://127.0.0.1:8000"
#: What all calls stand below.
API = "/api/v1"
#: Tells the service which Brevo account is meant; see `account_mark`.
ACCOUNT_HEADER = "Tajo-Brevo-Account"


def check_url(url: str, *, allow_http: bool = False) -> str:
    """Return the address of a service without a slash at its end.

    Args:
        url: as people write it; `/api/v1` at its end is left out.
        allow_http: whether the key may travel unencrypted to another machine.

    Raises:
        SettingsWrong: it is no address, or the key would be sent where others can read it.
    """
    try:
        parts = urlsplit(url.strip())
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise _not_an_address() from None
    if parts.scheme not in {"http", "https"} or not host or parts.query or parts.fragment:
        raise _not_an_address()
    if parts.username is not None or parts.password is not None:
        raise SettingsWrong("The address holds a user or a password.", "Give the key as api_key instead.")
    if parts.scheme == "http" and not (allow_http or is_loopback(host)):
        raise SettingsWrong(
            f"{host} would be called without TLS: everybody on the way could read the key and the customers.",
            "Use its https address; inside of a network that you trust, allow_http=True lets it pass.",
        )
    return _joined(parts)


def check_key(key: str, name: str) -> str:
    """Return a key without the blanks around it.

    Args:
        key: the key, "" for none.
        name: what the argument is called, for the error.

    Raises:
        SettingsWrong: no header can carry it. The error does not show it.
    """
    key = key.strip()
    if not (key.isascii() and (key.isprintable() and " " not in key)):
        raise SettingsWrong(
            f"{name} holds blanks, line breaks or characters outside of ASCII.", "Copy the key again, and only the key."
        )
    return key


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def account_mark(api_key: str, brevo_api_key: str) -> str:
    """Return what proves which Brevo account is meant, without telling its key."""
    return hmac.new(api_key.encode(), brevo_api_key.encode(), hashlib.sha256).hexdigest()


def _joined(parts: SplitResult) -> str:
    path = parts.path.rstrip("/").removesuffix(API)
    return f"{parts.scheme}://{parts.netloc}{path}".rstrip("/")


def _not_an_address() -> SettingsWrong:
    return SettingsWrong(
        "The address of the service is not one.",
        f"Write base_url (or TAJO_URL) like {DEFAULT_URL} or https://sync.example.com.",
    )
