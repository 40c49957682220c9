"""How the single values of `notifications:` are read: names, secrets, mail addresses, mail servers."""

from __future__ import annotations

import base64
import re
from typing import Final
from urllib.parse import urlsplit

from customer_sync.config import values
from customer_sync.config.document import Items, Node
from customer_sync.config.faults import Wrong

#: How Standard Webhooks marks a secret, and how many bytes the key has that is coded behind it.
_MARK: Final = "whsec_"
_KEY_BYTES: Final = range(24, 65)
_MAKE: Final = 'Write whsec_ and base64 of 24 to 64 bytes. A good one: echo "whsec_$(openssl rand -base64 32)".'
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_MAIL: Final = re.compile(r'[^@\s<>,;"]+@[^@\s<>,;"]+')


def target_name(node: Node, env: values.Env) -> str:
    """Return the name of a target: a part of keys, metrics and commands."""
    found = values.text(node, env)
    if not _NAME.fullmatch(found):
        raise Wrong(values.shown(node), "Write at most 40 small letters, digits, - and _, a letter or digit first.")
    return found


def webhook_secrets(node: Node, env: values.Env) -> tuple[str, ...]:
    """Return the secrets that sign, the newest first, each with its mark.

    The libraries of Standard Webhooks read a secret as base64, with or without `whsec_`: a text that is no base64 would
    sign what none of them can check.
    """
    return tuple(_with_mark(one) for one in values.secrets(node, env))


def _with_mark(secret: str) -> str:
    coded = secret.removeprefix(_MARK)
    try:
        key = base64.b64decode(coded, validate=True)
    except ValueError as error:  # also for letters beyond ASCII
        raise Wrong("a secret that is not base64", _MAKE) from error
    if len(key) not in _KEY_BYTES:
        raise Wrong(f"a secret of {len(key)} bytes", _MAKE)
    return _MARK + coded


def smtp_url(node: Node, env: values.Env) -> str:
    """Return the address of a mail server, with the login in it."""
    address = values.url("smtps", "smtp", "smtp+starttls", password=True)(node, env)
    parts = urlsplit(address)
    if not parts.hostname or parts.path or parts.query:
        raise Wrong(values.shown(node), "Write smtp+starttls://user:password@host:587, or smtps://...:465.")
    if bool(parts.username) != bool(parts.password):
        raise Wrong("a login without user or password", "Write user:password@ with both, or neither.")
    if parts.password and parts.scheme == "smtp":
        raise Wrong("a password for a server without TLS", "Write smtp+starttls:// or smtps://.")
    return address


def mail_address(node: Node, env: values.Env) -> str:
    """Return one address that mail goes to or comes from."""
    found = values.text(node, env)
    if not _MAIL.fullmatch(found):
        raise Wrong("no e-mail address", "Write one as ops@example.com, without a name.")
    return found


def mail_addresses(node: Node, env: values.Env) -> tuple[str, ...]:
    """Return one address or a list of them."""
    items = node.items if isinstance(node, Items) else [node]
    return tuple(dict.fromkeys(mail_address(item, env) for item in items))
