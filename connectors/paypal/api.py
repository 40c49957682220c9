"""PayPal's REST API: the token, and what its answers mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from customer_sync.errors import ConfigError, TryLater
from customer_sync.kit.connector import SourceSettings
from customer_sync.kit.logins import Renewed
from customer_sync.kit.oauth import Tokens
from customer_sync.kit.reach import Access
from customer_sync.kit.rest import Action, Answer, Params, Rejected, Rest, Rule
from customer_sync.kit.terms import Terms
from customer_sync.model import Json

LIVE: Final = "https://api-m.paypal.com"
SANDBOX: Final = "https://api-m.sandbox.paypal.com"
KEYS: Final = "Copy `client_id` and `client_secret` from the app in PayPal's developer dashboard, live or sandbox."
#: How long nobody calls after PayPal did not know the token that it had just given, in seconds
#: (https://github.com/go-pay/gopay/issues/348: it went on for an hour).
LOST_TOKEN_S: Final = 300.0
_SEARCH: Final = (
    "Tick Transaction search in the app's features. It takes hours until it holds, and only for new tokens."
)
_RULES: Final = (
    Rule(400, Action.SPLIT, word="RESULTSET_TOO_LARGE"),
    Rule(
        403,
        Action.KEYS,
        word="NOT_AUTHORIZED|PERMISSION_DENIED",
        reason="PayPal does not let this app do it (403).",
        remedy=_SEARCH,
    ),
    Rule(429, Action.LIMITED, wait_s=60.0, reason="PayPal wants it slower (429)."),
)


def address_of(settings: SourceSettings) -> str:
    """Return where the API is."""
    if settings.base_url:
        return settings.base_url.rstrip("/")
    return SANDBOX if settings.options.get("sandbox") is True else LIVE


def has_keys(settings: SourceSettings) -> bool:
    """Tell whether the settings hold id and secret."""
    return bool(settings.options.get("client_id") and settings.options.get("client_secret"))


@dataclass(slots=True)
class Api:
    """The API of one source, for the length of one piece of work.

    Args:
        rest: makes the calls.
        access: how it is reached.
    """

    rest: Rest
    access: Access

    @classmethod
    def of(cls, settings: SourceSettings, access: Access) -> Api:
        """Return the API of a source.

        Raises:
            ConfigError: id or secret are missing.
        """
        if not has_keys(settings):
            raise ConfigError("There is no key for PayPal.", KEYS)
        address = address_of(settings)
        terms = Terms(
            "PayPal",
            settings.name,
            lambda: f"{address}/v1/oauth2/token",
            str(settings.options["client_id"]),
            str(settings.options["client_secret"]),
            owner={"address": address},
            asks_alone=True,
            is_basic=True,
            refusals={"invalid_client": ("PayPal refuses id or secret of the app.", KEYS)},
            keys=KEYS,
        )
        login = Renewed(Tokens(terms, access))
        return cls(Rest(access, address, "PayPal", login, _RULES, KEYS, word_of=_word), access)

    def get(self, path: str, params: Params | None = None) -> Answer:
        """Return the answer of a GET; see `Rest.call`."""
        return self.call("GET", path, params)

    def call(self, method: str, path: str, params: Params | None = None, json_body: Json = None) -> Answer:
        """Make one call; see `Rest.call`.

        Raises:
            TajoError: as there. A token that PayPal does not know although it just gave it is `TryLater`.
        """
        try:
            return self.rest.call(method, path, params, json_body=json_body)
        except Rejected as error:
            if error.status != 401 or error.word != "invalid_token":
                raise
            self.access.hold(LOST_TOKEN_S)
            raise TryLater(
                "PayPal does not know the token that it has just given.", after_s=LOST_TOKEN_S, burns=False
            ) from error


def _word(value: Json) -> str:
    """Return PayPal's word for an error: `name` in most answers, `error` in those about tokens."""
    if not isinstance(value, dict):
        return ""
    word = value.get("name") or value.get("error")
    return word if isinstance(word, str) and word.replace("_", "").isalnum() and len(word) < 60 else ""
