"""Where a target really is: its name is looked up, and an address that is refused is told before the first notice."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from urllib3.exceptions import NewConnectionError

from customer_sync.config.settings import NoticeTarget
from customer_sync.kit.proxies import proxies_of_environment
from customer_sync.kit.transport import PrivateAddress, public_address

#: What is done about an address that is not public.
REMEDY = "Write an address of the public internet; where the receiver is your own, allow_private: true beside it."


def refusal_of(target: NoticeTarget, look_up: Callable[[object, str], str] = public_address) -> tuple[str, str] | None:
    """Return why a target cannot be reached by what its name leads to now, and what to do; None where nothing is wrong.

    Args:
        target: the target.
        look_up: returns an address of a host that is public; see `customer_sync.kit.transport.public_address`.

    Where a proxy looks names up, nothing can be told.
    """
    is_by_proxy = target.kind != "email" and proxies_of_environment().choose(target.address) is not None
    if target.allow_private or is_by_proxy:
        return None
    host = urlsplit(target.address).hostname or ""
    try:
        look_up(None, host)
    except PrivateAddress:
        return f"{host} leads to an address that is not public", REMEDY
    except NewConnectionError:
        return f"{host} is not known to this machine's resolver", "Correct the address, or the resolver."
    return None
