"""How the stand-in behaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

TOKEN: Final = "pat-eu1-00000000-0000-0000-0000-000000000001"  # noqa: S105  # of no account
CLIENT_ID: Final = "00000000-1111-2222-3333-444444444444"
CLIENT_SECRET: Final = "hubspotclientsecret1"  # noqa: S105  # of no app
DEVELOPER: Final = "developer-token-1"
PORTAL: Final = 62515
APP: Final = 54321
SCOPES: Final = (
    "crm.objects.contacts.read",
    "crm.objects.contacts.write",
    "crm.objects.deals.read",
    "crm.schemas.contacts.read",
    "communication_preferences.read_write",
)
#: The subscription types there are.
NEWSLETTER: Final = 5001
OFFERS: Final = 5002


@dataclass(slots=True)
class Settings:
    """How the account behaves.

    Args:
        customers: how many contacts there are at the start.
        deals: how many deals there are at the start.
        seed: the same number makes the same people.
        token: the token that does not end.
        client_id: the app's client id.
        client_secret: the app's client secret, which signs its webhooks.
        portal: the account's number.
        app: the app's number.
        developer_token: the token that may change the app's webhooks.
        scopes: what tokens may do.
        calls: how many calls may be made in ten seconds; 0 for any number.
        searches: how many searches may be made in a second; 0 for any number.
        calls_a_day: how many calls may be made in a day; 0 for any number.
        lag_s: how long it takes until searches show a change.
        most_results: how many records a search shows, however it is paged.
        longest_url: addresses with more bytes are refused with 414.
        merge_makes_new: whether two contacts become a third, or one of them stays.
        merged_ids: whether the id of a contact that was merged away is not found, or leads to what is left.
        repeats: whether a second opt-out is a word in the answer, or an error, as in older versions.
        privacy: whether opt-outs of one type need a legal basis.
        shuffle: whether the events of an array come in any order.
    """

    customers: int = 60
    deals: int = 24
    seed: int = 7
    token: str = TOKEN
    client_id: str = CLIENT_ID
    client_secret: str = CLIENT_SECRET
    portal: int = PORTAL
    app: int = APP
    developer_token: str = DEVELOPER
    scopes: tuple[str, ...] = SCOPES
    calls: int = 110
    searches: int = 5
    calls_a_day: int = 250_000
    lag_s: float = 0.0
    most_results: int = 10_000
    longest_url: int = 8_000
    merge_makes_new: bool = True
    merged_ids: Literal["gone", "redirect"] = "gone"
    repeats: Literal["word", "error"] = "word"
    privacy: bool = False
    shuffle: bool = True


#: Those that may be changed while it runs.
SWITCHES: Final = (
    "scopes",
    "calls",
    "searches",
    "calls_a_day",
    "lag_s",
    "longest_url",
    "merge_makes_new",
    "merged_ids",
    "repeats",
    "privacy",
    "shuffle",
)
