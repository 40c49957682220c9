"""Stripe's API: one call, one list, and what its answers mean.

https://docs.stripe.com/api/errors, https://docs.stripe.com/rate-limits
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple

from connectors.stripe.account import CHARGES_VERSION, Account
from customer_sync.errors import ConfigError, Missing, TryLater
from customer_sync.kit.logins import bearer
from customer_sync.kit.paging import LastId, State, dig
from customer_sync.kit.reach import Access
from customer_sync.kit.rest import Action, Rejected, Rest, Rule
from customer_sync.model import Json

#: An object as Stripe gives it.
Row = Mapping[str, Json]
Pairs = tuple[tuple[str, str], ...]

#: How many rows a page has; the most are 100.
PAGE_SIZE = 100
_PAGING: Final = LastId("starting_after", last=dig("id"), more=dig("has_more"))
#: How Stripe names a permission of a restricted key, in the text of its refusal.
_PERMISSION: Final = re.compile(r"rak_\w+")
_CODE: Final = re.compile(r"[a-z0-9_.-]{1,60}")
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,255}")
_KEYS: Final = "Set `api_key` to a restricted key (`rk_live_...`) with the permissions that the README names."

RULES: Final = (
    # a record that somebody else holds; it is free in a moment
    Rule(429, Action.RETRY, word="lock_timeout", wait_s=1.0, reason="Stripe is at work on this object (429)."),
    Rule(429, Action.LIMITED, reason="Stripe wants it slower (429)."),
    Rule(range(400, 500), Action.RETRY, fits=lambda one: one.headers.get("stripe-should-retry") == "true"),
    Rule(409, Action.RETRY, wait_s=2.0),
    # a key of the other mode sees nothing: whoever is not found with it is not gone
    Rule(
        404,
        Action.KEYS,
        word=r"a similar object exists in (?:live|test) mode",
        reason="Stripe has the object in the other mode than the key's (404).",
        remedy="Set a key of the mode, live or test, whose webhooks arrive here.",
    ),
    Rule(
        403,
        Action.KEYS,
        fits=lambda one: one.value is not None,
        reason="Stripe does not allow it with this key (403).",
        remedy="Give the restricted key the permissions that the README names.",
    ),
)


class Listed(NamedTuple):
    """One page of a list.

    Args:
        rows: what it holds.
        after: where the next page starts; None where this was the last.
        at: when Stripe gave it, by Stripe's own clock.
    """

    rows: list[Row]
    after: State | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Api:
    """The API of one source, for the length of one piece of work.

    Args:
        account: the settings.
        access: how it is reached.
    """

    account: Account
    access: Access
    rest: Rest = field(init=False)

    def __post_init__(self) -> None:
        if not self.account.key:
            raise ConfigError("This source has no key, so Stripe cannot be asked.", _KEYS)
        login, headers = bearer(self.account.key), {"Stripe-Version": self.account.version}
        rest = Rest(self.access, self.account.base_url, "Stripe", login, RULES, _KEYS, headers, word_of)
        object.__setattr__(self, "rest", rest)

    def one(self, path: str, params: Pairs = (), version: str = "") -> Row | None:
        """Return one object, None where there is none.

        Raises:
            TajoError: as `Rest.call`.
        """
        headers = {"Stripe-Version": version} if version else {}
        try:
            return self.rest.call("GET", path, params, headers=headers).object()
        except Missing:
            return None

    def page(self, path: str, params: Pairs, state: State, version: str = "") -> Listed:
        """Return a page of a list, the newest first.

        Where the last row of the page before is gone meanwhile, the list goes on by its time.

        Args:
            path: the list.
            params: the filter, and what is to be expanded.
            state: where it starts; {} is the beginning.
            version: of the API, where it is another one.

        Raises:
            TryLater: the list repeats itself, or is none.
            TajoError: as `Rest.call`.
        """
        headers = {"Stripe-Version": version} if version else {}
        asked = (*params, ("limit", str(PAGE_SIZE)))
        after = (("starting_after", str(state["after"])),) if "after" in state else ()
        try:
            answer = self.rest.call("GET", path, (*asked, *after), headers=headers)
        except Rejected as error:
            if error.word != "resource_missing" or not isinstance(state.get("created"), int):
                raise
            answer = self.rest.call("GET", path, (*asked, ("created[lte]", str(state["created"]))), headers=headers)
        found = answer.object().get("data")
        if not isinstance(found, list):
            raise TryLater("Stripe gave a list without rows.")
        rows: list[Row] = [one for one in found if isinstance(one, dict)]
        if "after" in state and any(one.get("id") == state["after"] for one in rows):
            raise TryLater("Stripe gave a page that was before.")
        last = _PAGING.after(answer, found, state)
        if last is not None:
            last = {**last, "created": rows[-1].get("created")}
        return Listed(rows, last, _when(answer.headers, self.access.now_s()))

    def invoice_of(self, charge: Row) -> str | None:
        """Return the id of the invoice that a payment was for, None for a payment of its own.

        Asked only where the charge was rendered in a version that does not say it.

        Raises:
            TajoError: as `Rest.call`.
        """
        if "invoice" not in charge:
            charge = self.one(f"/v1/charges/{charge.get('id')}", version=CHARGES_VERSION) or {}
        if "invoice" not in charge:
            raise TryLater("Stripe does not say whether a payment has an invoice.")
        found = charge["invoice"]
        found = found.get("id") if isinstance(found, dict) else found
        return found if isinstance(found, str) else None

    @staticmethod
    def is_id(text: str) -> bool:
        """Tell whether a text can be an id of Stripe's, so that it may stand in a path."""
        return _ID.fullmatch(text) is not None


def word_of(value: Json) -> str:
    """Return Stripe's word for an error: the permission that is missing, else the code."""
    error = value.get("error") if isinstance(value, dict) else None
    if not isinstance(error, dict):
        return ""
    permission = _PERMISSION.search(str(error.get("message", "")))
    code = str(error.get("code") or "")
    return permission[0] if permission else code if _CODE.fullmatch(code) else ""


def _when(headers: Mapping[str, str], now_s: float) -> datetime:
    """Return the time of an answer by Stripe's clock, which stamps its events too."""
    try:
        return parsedate_to_datetime(headers["date"]).astimezone(UTC)
    except (KeyError, ValueError, TypeError):
        return datetime.fromtimestamp(now_s, UTC)
