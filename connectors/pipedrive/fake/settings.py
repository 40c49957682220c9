"""How a company is set up, and the switches that may be thrown while it runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(slots=True)
class Settings:
    """What a company is, and how it behaves.

    Args:
        customers: how many persons it starts with.
        deals: how many deals.
        leads: how many leads.
        organizations: how many organizations.
        seed: the same number makes the same people.
        token: the API token of its administrator.
        client_id: the app that its owner may let in.
        client_secret: the app's secret.
        refresh: what becomes of a refresh token when it is used.
        campaigns: whether it has the Campaigns add-on: persons have a marketing status.
        refuses_status: without Campaigns, calls that ask for the marketing status are refused; off, it is left out.
        keeps_status: every change of a marketing status is ignored without a word, not only those that are forbidden.
        tells_merges: whether a webhook of a merge says into whom.
        hook_fields: whether a person's webhook has all fields; off, a part of them only.
        hook_version: the shape of webhooks that name no version.
        tokens_per_day: the daily budget of tokens.
        calls_per_2s: how many calls a token has in two seconds.
        ban_after: after so many calls that ignore 429, the firewall answers; 0 never.
        time_scale: the waits between two tries of a webhook are multiplied by it.
        delivery_timeout_s: how long a webhook's receiver may take.
    """

    customers: int = 100
    deals: int = 40
    leads: int = 12
    organizations: int = 5
    seed: int = 1
    token: str = "pipedrive-token"  # noqa: S105 - opens a fake on the loopback
    client_id: str = "pipedrive-client"
    client_secret: str = "pipedrive-secret"  # noqa: S105 - as above
    refresh: Literal["none", "strict", "grace", "revoke"] = "none"
    campaigns: bool = True
    refuses_status: bool = False
    keeps_status: bool = False
    tells_merges: bool = True
    hook_fields: bool = True
    hook_version: Literal["1.0", "2.0"] = "2.0"
    tokens_per_day: int = 210_000
    calls_per_2s: int = 80
    ban_after: int = 20
    time_scale: float = 1.0
    delivery_timeout_s: float = 10.0


#: Those that may be changed while it runs.
SWITCHES = (
    "campaigns",
    "refuses_status",
    "keeps_status",
    "tells_merges",
    "hook_fields",
    "hook_version",
    "tokens_per_day",
    "calls_per_2s",
    "ban_after",
)
