"""What a source's settings say of the HubSpot account, of the app that reads it, and of what means consent there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from customer_sync.errors import ConfigError
from customer_sync.kit.connector import SourceSettings
from customer_sync.model import Json

#: Versions are dates, and stand in the path; each is served for 18 months. https://developers.hubspot.com/changelog
API_VERSION: Final = "2026-09"
API: Final = "https://api.hubapi.com"
#: Where an owner agrees; the API has another host.
APP: Final = "https://app.hubspot.com"
#: Scope → what does not work without it. All but the first are asked for as optional ones.
SCOPES: Final[Mapping[str, str]] = {
    "crm.objects.contacts.read": "contacts",
    "crm.objects.deals.read": "deals",
    "crm.schemas.contacts.read": "the check that all properties are there",
    "communication_preferences.read_write": "opt-outs written back",
}
#: Contact property: this person is to get no e-mail at all. `{property}_{id}` is the same for one subscription type.
OPT_OUT: Final = "hs_email_optout"

_VERSION: Final = re.compile(r"20\d\d-(?:03|09)(?:-beta)?")
_PROPERTY: Final = re.compile(r"[a-z][a-z0-9_]{0,99}")


def right_version(written: str) -> str:
    """Return what to write where a text is no version of the API, "" where it is."""
    return "" if _VERSION.fullmatch(written.strip()) else f"Write {API_VERSION}, or remove the key."


def right_number(written: str) -> str:
    """Return what to write where a text is no number of HubSpot's, "" where it is."""
    return "" if written.strip().isdecimal() else "Write the number alone, such as 1234567."


def right_property(written: str) -> str:
    """Return what to write where a text is no property's internal name, "" where it is."""
    if _PROPERTY.fullmatch(written.strip()):
        return ""
    return "Write the internal name of the property (Settings > Properties, `</>`), such as newsletter_since."


@dataclass(frozen=True, slots=True)
class Account:
    """One HubSpot account, and the app that reads it.

    Args:
        source: the source's name, for remedies.
        root: where the API is, without a slash at the end.
        door: where an owner agrees in a browser.
        version: see `API_VERSION`.
        token: a token that does not end: of a project app, a private app or a service key; "" for none.
        client_id: the app's.
        client_secret: the app's.
        portal: the account's number, "" when it is not configured.
        app: the app's number, "" when it is not configured.
        developer_token: what may change the app's webhooks, "" when it is not configured.
        subscription: the subscription type that these mailings are of, "" for all e-mail.
        opt_in: a date property that is filled when somebody agrees, "" for none.
        opt_out: a yes/no property of the owner's own that means "no e-mail", "" for none.
        reads_statuses: whether the status of the subscription type is read for each contact.
        basis: the legal basis and its explanation, for accounts with data privacy switched on.
        properties: further properties of contacts.
        currency: the account's currency, for deals that tell none.
        buyer_label: the label of the contact who pays for a deal.
        skips_imports: whether what an import changed waits for the next pull.
        takes_old: whether signatures of version 1 and 2 are taken.
    """

    source: str
    root: str
    door: str
    version: str
    token: str = field(repr=False)
    client_id: str
    client_secret: str = field(repr=False)
    portal: str
    app: str
    developer_token: str = field(repr=False)
    subscription: str
    opt_in: str
    opt_out: str
    reads_statuses: bool
    basis: tuple[str, str]
    properties: tuple[str, ...]
    currency: str
    buyer_label: str
    skips_imports: bool
    takes_old: bool

    @classmethod
    def of(cls, settings: SourceSettings) -> Account:
        """Return what the settings say."""
        options, base = settings.options, (settings.base_url or "").rstrip("/")
        return cls(
            source=settings.name,
            root=base or API,
            door=base or APP,
            version=_text(options, "api_version") or API_VERSION,
            token=_text(options, "access_token"),
            client_id=_text(options, "client_id"),
            client_secret=_text(options, "client_secret"),
            portal=_text(options, "portal_id"),
            app=_text(options, "app_id"),
            developer_token=_text(options, "developer_token"),
            subscription=_text(options, "subscription_type"),
            opt_in=_text(options, "opt_in_property"),
            opt_out=_text(options, "opt_out_property"),
            reads_statuses=_is_on(options, "read_statuses"),
            basis=(_text(options, "legal_basis"), _text(options, "legal_basis_explanation")),
            properties=_names(options.get("properties")),
            currency=_text(options, "currency").upper(),
            buyer_label=_text(options, "buyer_label").lower() or "buyer",
            skips_imports=_is_on(options, "skip_import_events"),
            takes_old=_is_on(options, "old_signatures"),
        )

    @property
    def can_ask(self) -> bool:
        """Whether there are keys to ask with."""
        return bool(self.token or (self.client_id and self.client_secret))

    @property
    def opt_outs(self) -> tuple[str, ...]:
        """The contact properties that mean "no e-mail" where they are true."""
        of_type = f"{OPT_OUT}_{self.subscription}" if self.subscription else ""
        return tuple(name for name in (OPT_OUT, of_type, self.opt_out) if name)

    def must_be_sound(self) -> None:
        """Return when the version can stand in a path.

        Raises:
            ConfigError: it cannot.
        """
        if remedy := right_version(self.version):
            raise ConfigError("api_version is no version of HubSpot's API.", f"connectors.{self.source}: {remedy}")


def _text(options: Mapping[str, Json], name: str) -> str:
    value = options.get(name)
    return "" if value is None else str(value).strip()


def _is_on(options: Mapping[str, Json], name: str) -> bool:
    return _text(options, name).lower() in {"true", "yes", "on", "1"}


def _names(value: Json) -> tuple[str, ...]:
    written = " ".join(map(str, value)) if isinstance(value, list) else str(value or "")
    return tuple(dict.fromkeys(written.replace(",", " ").split()))
