"""Which proxy a destination is reached by: `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, read once in each process."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final
from urllib.parse import urlsplit

from customer_sync.errors import ConfigError

_PORTS: Final[Mapping[str, int]] = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Proxies:
    """The proxies of a process.

    Args:
        by_scheme: `http` and `https` → the proxy's address; a scheme without one is reached directly.
        direct: the entries of `NO_PROXY`: `*`, a domain (its subdomains too), an address, a network; each may end in
            `:port`.
    """

    by_scheme: Mapping[str, str]
    direct: tuple[str, ...] = ()

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Proxies:
        """Return the proxies that an environment names; names in small letters win over those in capitals.

        Raises:
            ConfigError: an address is none of a proxy that HTTP can speak to.
        """
        found = {scheme: _value(environment, f"{scheme}_proxy") for scheme in _PORTS}
        direct = _value(environment, "no_proxy").lower().replace(",", " ").split()
        return cls({scheme: _address(f"{scheme}_proxy", text) for scheme, text in found.items() if text}, tuple(direct))

    def choose(self, url: str) -> str | None:
        """Return the proxy for a URL, None when it is reached directly; this machine itself always is."""
        target = urlsplit(url)
        host, scheme = target.hostname or "", target.scheme.lower()
        if is_this_machine(host):
            return None
        port = target.port or _PORTS.get(scheme)
        return None if any(_covers(entry, host, port) for entry in self.direct) else self.by_scheme.get(scheme)


@cache
def proxies_of_environment() -> Proxies:
    """Return the proxies of this process, as its environment was when this was first asked.

    Raises:
        ConfigError: as `Proxies.read`.
    """
    return Proxies.read(os.environ)


def is_this_machine(host: str) -> bool:
    """Tell whether a host is this machine by its name or by its literal address; nothing is looked up."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _value(environment: Mapping[str, str], name: str) -> str:
    return environment.get(name, environment.get(name.upper(), "")).strip()


def _address(name: str, text: str) -> str:
    address = text if "://" in text else f"http://{text}"
    try:
        parts = urlsplit(address)
        is_fine = parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_fine = False
    if not is_fine:
        raise ConfigError(f"{name.upper()} is no address of an HTTP proxy.", "Write it as http://host:port.")
    return address


def _covers(entry: str, host: str, port: int | None) -> bool:
    """Tell whether an entry of NO_PROXY is about a host."""
    if entry == "*":
        return True
    if "/" in entry:
        return _is_within(host, entry)
    name, colon, wanted = entry.rpartition(":")
    if colon and wanted.isdigit() and (":" not in name or name.endswith("]")):
        if int(wanted) != port:
            return False
        entry = name
    entry = entry.strip("[]").removeprefix("*").lstrip(".")
    return bool(entry) and (host == entry or host.endswith(f".{entry}"))


def _is_within(host: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False
