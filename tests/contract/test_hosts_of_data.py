"""The address of the data that a token's answer tells: keys go to no other host, however it is written."""

from __future__ import annotations

import pytest

from connectors.pipedrive.account import Account as Pipedrive
from connectors.salesforce.account import Account as Salesforce
from customer_sync.errors import ConfigError
from customer_sync.kit.connector import SourceSettings

PIPEDRIVE = Pipedrive.of(SourceSettings("crm", "pipedrive")).api_at
SALESFORCE = Salesforce.of(SourceSettings("crm", "salesforce", options={"my_domain": "acme.my.salesforce.com"})).data
#: What reads the address last takes a backslash for the end of the host.
STRANGE = (
    "https://evil.example\\@acme{own}",
    "https://evil.example\\{own}",
    "https://evil.example?{own}",
    "https://evil.example#acme{own}",
    "https://evil.example/acme{own}",
    "https://acme{own}@evil.example",
    "https://acme{own}.evil.example",
    "http://acme{own}",
    "https://acme{own}:99999",
    "https://{own}",
)


@pytest.mark.parametrize(("where", "own"), [(PIPEDRIVE, ".pipedrive.com"), (SALESFORCE, ".my.salesforce.com")])
@pytest.mark.parametrize("address", STRANGE)
def test_keys_are_shown_to_no_strange_host(where, own, address):
    with pytest.raises(ConfigError):
        where(address.format(own=own))


@pytest.mark.parametrize(("where", "own"), [(PIPEDRIVE, ".pipedrive.com"), (SALESFORCE, ".my.salesforce.com")])
@pytest.mark.parametrize("address", ["https://acme{own}", "https://acme{own}/", "https://acme{own}/some/path?a=b"])
def test_of_an_address_the_host_alone_counts(where, own, address):
    assert where(address.format(own=own)) == f"https://acme{own}"
