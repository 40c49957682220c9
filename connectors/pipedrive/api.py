"""Pipedrive's API: one call, and what its answer tells of the two limits.

https://pipedrive.readme.io/docs/core-api-concepts-rate-limiting: calls in two seconds, per token; tokens in a day, for
the whole company and everybody who works for it. The headers of the second, `x-daily-ratelimit-token-*`, are in
recorded answers, not in the guide. What ignores 429 is answered by a firewall's page with 403.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from connectors.pipedrive.account import KEYS, Account
from customer_sync.errors import ConfigError, TryLater
from customer_sync.kit.logins import Key, Login, Renewed
from customer_sync.kit.oauth import Tokens
from customer_sync.kit.paging import dig
from customer_sync.kit.reach import Access, Left
from customer_sync.kit.rest import Action, Answer, Params, Rest, Rule
from customer_sync.kit.times import is_ahead
from customer_sync.model import Json

TITLE: Final = "Pipedrive"
#: The share of a day's tokens that reads leave to opt-outs: 5% of the smallest budget is 300 of them.
RESERVE: Final = 0.05
#: How long reads pause before they look again, in seconds: nobody outside knows in which zone a company's day begins.
LOOK_S: Final = 3600.0
#: How long everybody stays away after a firewall's page, in seconds.
BANNED_S: Final = 300.0
#: In the vault: until when reads pause, and until when all do, because nothing is left for opt-outs either.
PAUSED: Final = "reads_paused_until_s"
SPENT: Final = "all_paused_until_s"

STILL: Final = ", opt-outs still go out"
_DAY: Final = "x-daily-ratelimit-token-"


def left_of(headers: Mapping[str, str]) -> Left | None:
    """Return what an answer tells of the limit of two seconds."""
    try:
        limit, remaining, reset_s = (float(headers[f"x-ratelimit-{name}"]) for name in ("limit", "remaining", "reset"))
    except (KeyError, ValueError):
        return None
    return Left(int(limit), int(remaining), reset_s)


def day_of(headers: Mapping[str, str]) -> tuple[int, int] | None:
    """Return the tokens of a day and what is left of them; None where an answer does not tell."""
    try:
        return int(headers[f"{_DAY}limit"]), max(int(headers[f"{_DAY}remaining"]), 0)
    except (KeyError, ValueError):
        return None


def is_spent(answer: Answer) -> bool:
    """Tell whether a 429 is for the day, and not for the two seconds: then the short limit has calls left."""
    day = day_of(answer.headers)
    left = left_of(answer.headers)
    return day is not None and day[1] < 40 and (left is None or left.remaining > 0)


RULES: Final = (
    Rule(429, Action.TAKE, fits=is_spent),
    Rule(429, Action.LIMITED, wait_s=2.0, reason="Pipedrive wants it slower (429)."),
    Rule(
        403,
        Action.LIMITED,
        wait_s=BANNED_S,
        reason="Pipedrive answers 403 with a page: its firewall keeps us out.",
        fits=lambda one: one.value is None,
    ),
    Rule(402, Action.KEYS, reason="The Pipedrive account is not paid for (402).", remedy="Renew it in Pipedrive."),
)


@dataclass(slots=True)
class Api:
    """The API of one company, for the length of one piece of work.

    Args:
        account: who asks.
        access: how it is reached.
        is_write: whether it is an opt-out, or upkeep: these may use what reads leave.
        day: the tokens of the day and what is left of them, as the last answer told.
        has_status: whether the marketing status is asked for.
    """

    account: Account
    access: Access
    is_write: bool = False
    day: tuple[int, int] | None = None
    has_status: bool = True
    _rest: Rest | None = field(default=None, repr=False)

    def get(self, path: str, params: Params | None = None) -> Answer:
        """Return the answer of a GET; see `call`."""
        return self.call("GET", path, params)

    def call(self, method: str, path: str, params: Params | None = None, json_body: Json = None) -> Answer:
        """Make one call.

        Raises:
            TryLater: one of the limits.
            TajoError: as `Rest.call`.
        """
        if self.day is None:  # what has begun is finished
            self._look()
        try:
            answer = self._reached().call(method, path, params, json_body=json_body)
        except TryLater as late:
            if late.after_s is not None and late.after_s >= BANNED_S:
                self.access.hold(late.after_s)  # the firewall: whoever calls now makes it worse
            raise
        self.day = day_of(answer.headers) or self.day
        if answer.status == 429:
            raise self._pause()
        if not self.is_write and self.day is not None and self.day[1] < self.day[0] * RESERVE:
            self._note(PAUSED)
        return answer

    def rows(self, answer: Answer) -> list[Json]:
        """Return the rows of a list; no rows are written `null`.

        Raises:
            TryLater: it is no list.
        """
        found = answer.object().get("data", "")
        if found is None:
            return []
        if not isinstance(found, list):
            raise TryLater("Pipedrive answers without a list.")
        return found

    def _reached(self) -> Rest:
        if self._rest is None:
            base, login = self._door()
            self._rest = Rest(
                self.access, base, TITLE, login, RULES, KEYS, word_of=lambda one: _word(dig("error")(one))
            )
        return self._rest

    def _door(self) -> tuple[str, Login]:
        account = self.account
        if account.token:
            return account.api_at(""), Key(account.token, "x-api-token")
        if not account.can_ask:
            raise ConfigError("There is no key for Pipedrive.", KEYS)
        tokens = Tokens(account.terms(), self.access)
        return account.api_at(tokens.current().more.get("api_domain", "")), Renewed(tokens)

    def _look(self) -> None:
        known, now_s = self.access.vault.load(), self.access.now_s()
        until = {name: float(one) for name in (SPENT, PAUSED) if isinstance(one := known.get(name), int | float)}
        if is_ahead(until.get(SPENT, 0.0), now_s, LOOK_S):
            raise self._paused(until[SPENT])
        if not self.is_write and is_ahead(until.get(PAUSED, 0.0), now_s, LOOK_S):
            raise self._paused(until[PAUSED], STILL)

    def _pause(self) -> TryLater:
        """Return what is raised when nothing is left: however much waits, one read and one opt-out find it out."""
        return self._paused(self._note(SPENT)) if self.is_write else self._paused(self._note(PAUSED), STILL)

    def _paused(self, until_s: float, kept: str = "") -> TryLater:
        wait_s, until = until_s - self.access.now_s(), datetime.fromtimestamp(until_s, UTC)
        return TryLater(
            f"Pipedrive's tokens of this day are used up; the next look is at {until:%Y-%m-%dT%H:%MZ}{kept}.",
            after_s=wait_s,
            burns=False,
        )

    def _rest_of_day_s(self) -> float:
        """Return how long it is to the next look: the budget is new when the day is over, in a zone we do not know."""
        now = datetime.fromtimestamp(self.access.now_s(), UTC)
        midnight = datetime(now.year, now.month, now.day, tzinfo=UTC) + timedelta(days=1)
        return min((midnight - now).total_seconds() + 1.0, LOOK_S)

    def _note(self, name: str) -> float:
        """Keep the time of the next look under a name, and return it."""
        until_s = self.access.now_s() + self._rest_of_day_s()
        with self.access.vault.locked():
            self.access.vault.save({**self.access.vault.load(), name: until_s})
        return until_s


def _word(value: Json) -> str:
    """Return Pipedrive's sentence for an error, cut; one with an address in it is not shown."""
    return value[:80] if isinstance(value, str) and "@" not in value else ""
