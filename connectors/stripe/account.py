"""What a source's settings say: the key and its mode, the version, the account, where consent is kept."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from customer_sync.errors import ConfigError
from customer_sync.kit.connector import SourceSettings
from customer_sync.model import Json

ADDRESS: Final = "https://api.stripe.com"
#: https://docs.stripe.com/api/versioning: a version never ends; without one the account's own would decide the shapes.
VERSION: Final = "2026-10-28.endive"
#: The last version in which a charge names its invoice (`2025-03-31.basil` took that away): charges are read in it.
CHARGES_VERSION: Final = "2025-02-24.acacia"
#: What a metadata field may say, in small letters; anything else tells nothing.
YES: Final = frozenset({"true", "yes", "1", "on", "subscribed", "opt_in", "granted"})
NO: Final = frozenset({"false", "no", "0", "off", "unsubscribed", "opt_out", "withdrawn"})
#: What an opt-out writes into a field that said yes.
SAID_NO: Final = "no"
_KEY: Final = re.compile(r"(?:rk|sk)_(live|test)_\w+")
#: What begins as a secret key and is none; keys of an organization (`sk_org_...`) do not tell their mode.
_MISSPELT: Final = re.compile(r"(?:rk|sk)_(?!(?:live|test|org)_\w+$)")
_VERSION: Final = re.compile(r"\d{4}-\d\d-\d\d(?:\.\w+)?")


def right_key(written: str) -> str:
    """Return what to write in the place of a text that is no key for reading, "" where it is one."""
    if written.startswith("pk_"):
        return "Write a restricted key `rk_live_...`: the publishable key `pk_...` reads nothing."
    if written.startswith("whsec_"):
        return "Write a restricted key `rk_live_...`; the signing secret `whsec_...` belongs under webhook_secret."
    if _MISSPELT.match(written):
        return "Copy the key again: one begins with rk_live_, rk_test_, sk_live_ or sk_test_."
    return ""


@dataclass(frozen=True, slots=True)
class Account:
    """The settings of a source.

    Args:
        key: the API key; "" for a source that only receives.
        mode: `live`, `test`, or "" where the key does not tell.
        version: what is asked for with each call.
        account_id: `acct_...` of this account; "" where it is not said.
        consent: the metadata fields that tell of consent, each with the values that mean yes.
        base_url: where the API is.
    """

    key: str = field(default="", repr=False)
    mode: str = ""
    version: str = VERSION
    account_id: str = ""
    consent: Mapping[str, frozenset[str]] = field(default_factory=dict)
    base_url: str = ADDRESS

    @classmethod
    def of(cls, settings: SourceSettings) -> Account:
        """Return what some settings say.

        Raises:
            ConfigError: one of them cannot be meant.
        """
        options = settings.options
        key = str(options.get("api_key") or "").strip()
        found = _KEY.fullmatch(key)
        # whoever only receives means live mode, unless told otherwise; the mode of an unusual key is not known
        mode = found[1] if found else str(options.get("mode") or ("" if key else "live"))
        if mode not in ("", "live", "test"):
            raise ConfigError("`mode` is neither live nor test.", "Leave it out where there is a key: it tells.")
        version = str(options.get("api_version") or VERSION)
        if not _VERSION.fullmatch(version):
            raise ConfigError("`api_version` is no version of Stripe's API.", f"Write it as {VERSION}.")
        return cls(
            key=key,
            mode=mode,
            version=version,
            account_id=str(options.get("account_id") or "").strip(),
            consent=_consent(options.get("consent_metadata")),
            base_url=(settings.base_url or ADDRESS).rstrip("/"),
        )


def _consent(option: Json) -> Mapping[str, frozenset[str]]:
    """Return the metadata fields that tell of consent, each with the values that mean yes."""
    if option is None:
        return {}
    if isinstance(option, str) and option:
        return {option: YES}
    if isinstance(option, list) and all(isinstance(key, str) and key for key in option):
        return {str(key): YES for key in option}
    if isinstance(option, dict) and all(isinstance(values, list) and values for values in option.values()):
        found = {key: _words(values) for key, values in option.items()}
        if any(SAID_NO in values for values in found.values()):
            raise ConfigError(f"`{SAID_NO}` cannot mean yes: an opt-out writes it.", "Give the field another value.")
        return found
    raise ConfigError(
        "`consent_metadata` is neither a list of names nor name: [values that mean yes].", "See the connector's README."
    )


def _words(values: Json) -> frozenset[str]:
    return frozenset(str(value).strip().lower() for value in values) if isinstance(values, list) else frozenset()
