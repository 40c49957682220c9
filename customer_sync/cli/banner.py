"""What `tajo run` says once it runs: where it is, how to get in, where everything goes, what to type next."""

from __future__ import annotations

import ipaddress
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from customer_sync.store.sessions import LINK_S

#: Names of this machine for itself that are no address.
_HERE: Final = frozenset({"localhost"})


@dataclass(frozen=True, slots=True)
class Facts:
    """What is told.

    Args:
        url: where the web process is, as this machine reaches it.
        host: the address it listens at.
        links: signs a browser in; none while Redis does not answer.
        sources: the names of the sources that have webhooks.
        sandbox_url: where the built-in sandbox is; None when there is none.
        brevo_url: where contacts go when it is not the built-in sandbox.
        is_account: whether that is an account, with a key.
        redis_trouble: why Redis cannot be used; None when it can.
        home: the folder of the installation.
    """

    url: str
    host: str
    links: Sequence[str]
    sources: Sequence[str]
    sandbox_url: str | None
    brevo_url: str
    is_account: bool
    redis_trouble: str | None
    home: Path


def banner(facts: Facts) -> str:
    """Return the whole text, with an empty line before and after it."""
    lines = [f"{name:<11} {text}".rstrip() for name, text in _rows(facts)]
    return "\n" + "\n".join(f"  {line}" for line in lines) + "\n"


def url_of(host: str, port: int) -> str:
    """Return where this machine reaches what listens at an address and a port."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # compared with, never bound
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"


def command() -> str:
    """Return how `tajo` is called here: by its name where the shell finds it, else by its path."""
    own = Path(sys.executable).with_name("tajo")
    if not own.exists():
        return f"{sys.executable} -m customer_sync"
    found = shutil.which("tajo")
    if found is not None and Path(found).samefile(own):
        return "tajo"
    relative = os.path.relpath(own)
    return str(own) if relative.startswith("..") else relative


def _rows(facts: Facts) -> Iterator[tuple[str, str]]:
    tajo = command()
    yield "Dashboard", f"{facts.url}/"
    for link in facts.links:
        yield "Sign in", link
    if facts.links:
        yield "", f"(once, within {LINK_S // 60} minutes; `{tajo} sign-in` prints another one)"
    if not _is_loopback(facts.host):
        yield "Listens", f"at {facts.host}, without TLS: put a proxy in front that ends TLS"
    if facts.redis_trouble is not None:
        yield "Redis", f"CANNOT BE USED: {facts.redis_trouble}"
        yield "", "Webhooks are kept on disk meanwhile; nothing is sent to Brevo."
        yield (
            "",
            "Start it, or correct TAJO_REDIS_URL and start again; without it, an embedded Redis is used.",
        )
    for name in facts.sources:
        yield "Webhooks", f"{facts.url}/webhooks/{name}"
    if facts.sandbox_url is not None:
        yield "Sandbox", f"{facts.sandbox_url}/  (a Brevo of your own, on this machine only; no BREVO_API_KEY is set)"
    else:
        yield "Brevo", f"{facts.brevo_url}  ({'your account' if facts.is_account else 'no BREVO_API_KEY is set'})"
    yield "Data", str(facts.home)
    yield "Commands", f"{tajo} --help  (`doctor` checks everything, `events tail` shows what happens)"
    yield "Stop", "Ctrl-C"


def _is_loopback(host: str) -> bool:
    try:
        return host in _HERE or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
