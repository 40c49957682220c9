"""A shop's REST API: how it is searched, and what its answers mean.

https://developer.adobe.com/commerce/webapi/rest/use-rest/performing-searches/. Groups of filters are joined by AND, the
filters of a group by OR. A page past the end is the last page again, in some versions: no page but the first is ever
asked for here; each search goes on behind the last record (see `pull`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from connectors.magento.auth import is_saas, login_of, remedy_of, shop_address
from customer_sync.errors import ConfigError, Missing, TryLater, Unavailable
from customer_sync.kit.connector import SourceSettings
from customer_sync.kit.reach import Access
from customer_sync.kit.rest import Action, Answer, Rest, Rule, TooMuch
from customer_sync.model import Json

Row = Mapping[str, Json]
#: Filters of one group, joined by OR: field, condition, value.
Group = Sequence[tuple[str, str, str]]

#: The name that reads across all store views.
ALL: Final = "all"
_RESOURCE: Final = re.compile(r"[\w:., ]{1,120}")
#: What a 404 says where the call itself is not there (a module is switched off), and not the record.
_NO_ROUTE: Final = "not match any route"
_NOWHERE: Final = ("There is no Magento at this address (404).", "Look at `shop_url`; is Magento in a folder?")


class Unmade(TryLater):
    """Magento answers 500 for one record; all others may be well."""


class Found(NamedTuple):
    """The beginning of what fits a search, and how many fit it altogether."""

    rows: list[Row]
    total: int


def word_of(value: Json) -> str:
    """Return the sentence of an error, with the names of resources filled in and nothing else.

    What else stands in the parameters may be a person's (`No such entity with %fieldName = %fieldValue`).
    """
    message = value.get("message") if isinstance(value, dict) else None
    if not isinstance(message, str) or "@" in message:
        return ""
    parameters = value.get("parameters") if isinstance(value, dict) else None
    resources = parameters.get("resources") if isinstance(parameters, dict) else None
    if isinstance(resources, str) and _RESOURCE.fullmatch(resources):
        message = message.replace("%resources", resources)
    return message[:160].rstrip(".")


def _is_own(answer: Answer) -> bool:
    return isinstance(answer.value, dict) and isinstance(answer.value.get("message"), str)


def rules_of(remedy: str) -> tuple[Rule, ...]:
    """Return what Magento's answers mean.

    Args:
        remedy: what to do where the keys are refused: a missing resource, wrong keys and a token alone all give 401.
    """
    return (
        # one row that cannot be made breaks the whole page (magento2 issues 33565, 36213)
        Rule(500, Action.SPLIT, reason="{title} cannot make this page (500).", fits=_is_own),
        Rule(
            401,
            Action.RENEW,
            word="timestamp",
            reason="{title} refuses the time.",
            remedy="Set the clock, here or there.",
        ),
        Rule(401, Action.RETRY, word="nonce is already", reason="{title} saw this call before."),
        Rule(401, Action.RENEW, reason="{title} refuses the keys (401).", remedy=remedy),
        Rule(404, Action.RETRY, reason="{title} answers 404 with a page.", fits=lambda answer: not _is_own(answer)),
    )


class Shop:
    """The API of one shop, for the length of one piece of work.

    Args:
        settings: of the source.
        access: how it is reached.

    Raises:
        ConfigError: address or keys are missing.
    """

    def __init__(self, settings: SourceSettings, access: Access) -> None:
        address = shop_address(settings)
        if address is None:
            raise ConfigError("There is no address of the shop.", "Set `shop_url`.")
        self.address, self.access, self.settings = address, access, settings
        self._is_saas = is_saas(settings.options)
        remedy = remedy_of(settings.options)
        login = login_of(settings, access)
        self._rest = Rest(access, address, "Magento", login, rules_of(remedy), remedy, word_of=word_of)

    def call(
        self, method: str, path: str, params: Sequence[tuple[str, str]] = (), *, store: str = ALL, body: Json = None
    ) -> Json:
        """Make one call and return its JSON.

        Args:
            method: the HTTP verb.
            path: behind `/V1`.
            params: the query.
            store: the code of the store view it is about; `all` is about none.
            body: sent as JSON.

        Raises:
            TajoError: as `Rest.call`.
        """
        if self._is_saas:
            return self._rest.call(method, f"/V1{path}", params, json_body=body, headers={"Store": store}).value
        return self._rest.call(method, f"/rest/{store}/V1{path}", params, json_body=body).value

    def search(self, path: str, groups: Sequence[Group], sort: Sequence[str], size: int) -> Found:
        """Return the first records that fit, in ascending order of some fields.

        Raises:
            TooMuch: the page cannot be made.
            TryLater: the answer is no list.
            TajoError: as `Rest.call`.
        """
        try:
            value = self.call("GET", path, criteria(groups, sort, size))
        except Missing as error:
            raise ConfigError(*_NOWHERE) from error
        items = value.get("items") if isinstance(value, dict) else None
        total = value.get("total_count") if isinstance(value, dict) else None
        if items is None and total == 0:
            items = []  # Magento 2.4 writes null for an empty list of some resources
        if not isinstance(items, list) or isinstance(total, bool) or not isinstance(total, int):
            raise TryLater("Magento gave a list without its rows or its count.")
        return Found([row for row in items if isinstance(row, dict)], total)

    def one(self, path: str) -> Row | None:
        """Return one record, None when it is not there.

        Raises:
            Unmade: it cannot be made, or not now.
            TryLater: the answer is no record.
            ConfigError: the shop has no such call, so nothing is known of any record.
            TajoError: as `Rest.call`.
        """
        try:
            value = self.call("GET", path)
        except Missing as error:
            if _NO_ROUTE in str(error):
                raise ConfigError(*_NOWHERE) from error
            return None
        except TooMuch as error:
            raise Unmade(str(error)) from error
        if not isinstance(value, dict):
            raise TryLater("Magento gave something else than a record.")
        return value

    def rows(self, path: str) -> list[Row]:
        """Return a short list that comes whole: websites, store views.

        Raises:
            TajoError: as `one`.
        """
        try:
            value = self.call("GET", path)
        except Missing as error:
            raise ConfigError(*_NOWHERE) from error
        except TooMuch as error:
            raise Unavailable(str(error)) from error
        if not isinstance(value, list):
            raise TryLater("Magento gave something else than a list.")
        return [row for row in value if isinstance(row, dict)]


def criteria(groups: Sequence[Group], sort: Sequence[str], size: int) -> list[tuple[str, str]]:
    """Return the query of a search."""
    found: list[tuple[str, str]] = []
    for g, group in enumerate(groups):
        for f, (field, condition, value) in enumerate(group):
            at = f"searchCriteria[filter_groups][{g}][filters][{f}]"
            found += [(f"{at}[field]", field), (f"{at}[value]", value), (f"{at}[condition_type]", condition)]
    for s, field in enumerate(sort):
        at = f"searchCriteria[sortOrders][{s}]"
        found += [(f"{at}[field]", field), (f"{at}[direction]", "ASC")]
    return [*found, ("searchCriteria[pageSize]", str(size)), ("searchCriteria[currentPage]", "1")]
