"""One Salesforce org as the settings name it, and the app that reads it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from customer_sync.errors import ConfigError
from customer_sync.kit.connector import SourceSettings
from customer_sync.kit.rest import origin_of
from customer_sync.model import Json

#: Versions come three times a year; each is answered for at least three years. 65.0 and later have no SOAP login.
API_VERSION: Final = "62.0"
OLDEST: Final = 60
#: How many fields of their own a source may name: they stand in the cursor of a pull.
MAX_FIELDS: Final = 40
#: The checkbox with which a person is out of e-mails, on contacts and leads.
OPT_OUT: Final = "HasOptedOutOfEmail"

_SCHEME: Final = re.compile(r"^https?://")
#: https://help.salesforce.com/s/articleView?id=sf.domain_name_url_formats.htm: production, sandboxes, developer orgs.
_DOMAIN: Final = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)?\.my\.(?:salesforce\.(?:com|mil)|sfcrmproducts\.cn)")
_LIGHTNING: Final = re.compile(r"([a-z0-9-]+(?:\.[a-z0-9-]+)?)\.lightning\.force\.com")
_ORGANIZATION: Final = re.compile(r"00D[A-Za-z0-9]{12}(?:[A-Z0-5]{3})?")
_VERSION: Final = re.compile(r"v?(\d{2,3})\.0")
_FIELD: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,60}")
#: Where an org may say that its data are.
_HOSTS: Final = (".salesforce.com", ".force.com", ".cloudforce.com", ".salesforce.mil", ".sfcrmproducts.cn")


def host_of(address: str) -> str:
    """Return the host name of an address, however it was written."""
    return _SCHEME.sub("", address.strip().lower()).partition("/")[0].partition(":")[0]


def right_domain(written: str) -> str:
    """Return what to write where a text is no My Domain, "" where it is: `login.salesforce.com` is none."""
    host = host_of(written)
    if _DOMAIN.fullmatch(host):
        return ""
    if found := _LIGHTNING.fullmatch(host):
        return f"Write {found[1]}.my.salesforce.com."
    return "Write the org's own address, your-org.my.salesforce.com; Setup > My Domain shows it."


def right_organization(written: str) -> str:
    """Return what to write where a text is no id of an org, "" where it is."""
    if _ORGANIZATION.fullmatch(written.strip()):
        return ""
    return "Write the 15 or 18 characters of Setup > Company Information > Salesforce.com Organization ID."


def right_version(written: str) -> str:
    """Return what to write where a text is no version of the API that is read, "" where it is."""
    found = _VERSION.fullmatch(written.strip())
    return "" if found and int(found[1]) >= OLDEST else f"Write a version from {OLDEST}.0 on, such as {API_VERSION}."


def right_field(written: str) -> str:
    """Return what to write where a text is no name of a field, "" where it is."""
    return "" if _FIELD.fullmatch(written.strip()) else "Write the field's API name, such as Newsletter__c."


@dataclass(frozen=True, slots=True)
class Account:
    """One org, and the app that reads it.

    Args:
        source: the source's name, for remedies.
        domain: My Domain, as `acme.my.salesforce.com`; "" when it is not configured.
        base_url: where a stand-in is; None means the org itself.
        version: see `API_VERSION`.
        client_id: the app's consumer key.
        client_secret: the app's consumer secret; "" where a private key signs.
        private_key: the PEM text of the key whose certificate the app has; "" for none.
        username: the user that a signed text speaks for.
        organization: the org's id, its first 15 characters; "" when it is not configured.
        opt_in: the checkbox that means an opt-in; "" for none.
        opt_in_at: the field that tells when the person said so; "" for none.
        fields: more fields of contacts, leads and opportunities that are read.
        currency: the currency of amounts where the org has one only.
    """

    source: str
    domain: str
    base_url: str | None
    version: str
    client_id: str
    client_secret: str = field(repr=False)
    private_key: str = field(repr=False)
    username: str
    organization: str
    opt_in: str
    opt_in_at: str
    fields: tuple[str, ...]
    currency: str

    @classmethod
    def of(cls, settings: SourceSettings) -> Account:
        """Return what the settings say."""
        options = settings.options
        version = _VERSION.fullmatch(_text(options, "api_version"))
        return cls(
            source=settings.name,
            domain=host_of(_text(options, "my_domain")),
            base_url=settings.base_url.rstrip("/") if settings.base_url else None,
            version=f"{version[1]}.0" if version else API_VERSION,
            client_id=_text(options, "client_id"),
            client_secret=_text(options, "client_secret"),
            private_key=_text(options, "private_key").replace("\\n", "\n"),
            username=_text(options, "username"),
            organization=_text(options, "organization_id")[:15],
            opt_in=_text(options, "opt_in_field"),
            opt_in_at=_text(options, "opt_in_at_field"),
            fields=_names(options.get("fields")),
            currency=_text(options, "currency").upper(),
        )

    @property
    def can_ask(self) -> bool:
        """Whether there is an org to ask, and keys to ask with."""
        return bool((self.domain or self.base_url) and self.client_id and (self.client_secret or self.private_key))

    @property
    def asks_alone(self) -> bool:
        """Whether keys bring a token where no owner has agreed."""
        return bool(self.client_secret or self.private_key)

    def root(self) -> str:
        """Return where tokens are asked for, without a slash at the end: My Domain, never a host for all orgs.

        Raises:
            ConfigError: the settings name no such address.
        """
        if self.base_url:
            return self.base_url
        if remedy := right_domain(self.domain):
            reason = f"my_domain is {self.domain}, not a My Domain." if self.domain else "my_domain is missing."
            raise ConfigError(reason, f"{remedy} (connectors.{self.source}.my_domain)")
        return f"https://{self.domain}"

    def data(self, instance_url: str) -> str:
        """Return where the data are, which the token's answer tells; a token is shown to nobody but Salesforce.

        Raises:
            ConfigError: it tells an address that is none of Salesforce's.
        """
        parts = urlsplit(instance_url)
        if self.base_url and parts.scheme in {"http", "https"} and parts.netloc:
            return f"{parts.scheme}://{parts.netloc}"
        if own := origin_of(instance_url, _HOSTS):
            return own
        raise ConfigError(
            "Salesforce's token names a place of the data that is no host of Salesforce: it is not called.",
            f"Check connectors.{self.source}.my_domain.",
        )


def _text(options: Mapping[str, Json], name: str) -> str:
    value = options.get(name)
    return "" if value is None else str(value).strip()


def _names(value: Json) -> tuple[str, ...]:
    written = " ".join(map(str, value)) if isinstance(value, list) else str(value or "")
    names = dict.fromkeys(one for one in re.split(r"[\s,]+", written) if _FIELD.fullmatch(one))
    return tuple(names)[:MAX_FIELDS]
