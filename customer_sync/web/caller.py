"""Who makes a request: found by the entrance, asked by the routes."""

from __future__ import annotations

from typing import NamedTuple

from flask import g

from customer_sync.config import Role


class Caller(NamedTuple):
    """Who makes a request.

    Args:
        name: of the key; `dashboard` for a signed-in browser.
        role: what it may do.
        is_browser: whether it is a signed-in browser, whose calls are not counted; a key may have any name.
    """

    name: str
    role: Role
    is_browser: bool = False

    def may(self, role: Role) -> bool:
        """Tell whether this role is enough."""
        return self.role is Role.OPERATE or role is Role.READ


def let_in(who: Caller) -> None:
    """Note who makes the request that is being answered."""
    g.caller = who


def caller() -> Caller:
    """Return who makes the request that is being answered."""
    found: Caller = g.caller
    return found
