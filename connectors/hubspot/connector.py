"""HubSpot: its webhooks here (`signature`, `hooks`), the rest in modules of their own.

`account` what the settings say · `tokens` what opens the door · `api` its calls and limits · `pull` records ·
`contacts` a contact · `deals` a deal as an order · `statuses`, `consent` opt-outs · `upkeep` webhooks · `connect` the
owner's consent · `health` for the doctor.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from connectors.hubspot import connect, consent, health, hooks, signature, upkeep
from connectors.hubspot.account import Account, right_number, right_property, right_version
from connectors.hubspot.api import Api, tells
from connectors.hubspot.contacts import Contacts
from connectors.hubspot.pull import Puller
from customer_sync.errors import PayloadError, Refused
from customer_sync.kit.connector import Connector, Option, json_body
from customer_sync.kit.reach import (
    Access,
    Callback,
    Finding,
    Invitation,
    Pace,
    Page,
    Upkeep,
    Want,
    Withdrawal,
    Written,
)
from customer_sync.model import Channel, Event, Inbound


class HubSpotConnector(Connector):
    """HubSpot: contacts and deals, by signed webhooks and the CRM API."""

    platform = "hubspot"
    title = "HubSpot"
    auth = "token, or OAuth 2.0"
    proof = "HMAC v3 over the public address"
    judges = "`hubspot-api-client`, recorded bodies"
    signs_url = True
    marks = (signature.NEW, signature.OLD)
    topics = tuple(hooks.TOPICS)
    resources = ("customers", "orders")
    pulls = ("customers", "orders")
    fetches = ("customers", "orders")
    writes = (Channel.EMAIL,)
    shares_addresses = True
    finds_addresses = True  # a contact has one main address, and further ones
    # the least that any account has; what it has really, the answers tell
    pace = Pace(100, 10.0, tells)
    secret_keys = ("webhook_secret", "client_secret")
    options = (
        Option(
            "access_token",
            "A token that does not end: of a project app, a private app (`pat-...`) or a service key.",
            secret=True,
            aliases=("api_key",),
        ),
        Option("client_id", "The app's client id, for `tajo connectors connect`."),
        Option(
            "client_secret",
            "The app's client secret; it signs the webhooks. A list while it is rotated.",
            secret=True,
        ),
        Option(
            "portal_id",
            "The account's number (Hub ID); webhooks of other accounts with the same app are refused.",
            aliases=("hub_id",),
            remedy=right_number,
        ),
        Option("api_version", "The version of the API, such as 2026-09.", remedy=right_version),
        Option(
            "app_id", "The app's number; with `developer_token` its webhooks are kept in order.", remedy=right_number
        ),
        Option("developer_token", "A token that may change the app's webhooks.", secret=True),
        Option(
            "subscription_type",
            "The number of the subscription type of these mailings; without it an opt-out is one of all e-mail.",
            remedy=right_number,
        ),
        Option("read_statuses", "true: read the status of that subscription type for each contact, a call each."),
        Option(
            "opt_in_property",
            "A date property of contacts that is filled when somebody agrees to e-mail.",
            remedy=right_property,
        ),
        Option(
            "opt_out_property",
            "A checkbox of contacts that means no e-mail; it takes opt-outs where the scope for them is missing.",
            remedy=right_property,
        ),
        Option("legal_basis", "What is given as legal basis of an opt-out, where HubSpot asks for one."),
        Option("legal_basis_explanation", "The explanation that goes with it."),
        Option("properties", "Further properties of contacts to be read, by internal name; a list."),
        Option("currency", "The account's currency, for deals that tell none."),
        Option("buyer_label", "The association label of the contact for whom a deal counts; default `buyer`."),
        Option("skip_import_events", "true: what an import changed waits for the next pull."),
        Option("old_signatures", "true: take signatures of version 1 and 2, which anybody who saw one can send again."),
    )

    def verify(self, inbound: Inbound, secrets: Sequence[str]) -> None:
        """Check the signature, and that the events are of the account of this source."""
        account = Account.of(self.settings)
        signature.verify(inbound, secrets, takes_old=account.takes_old)
        try:
            named = hooks.portals(json_body(inbound)) if account.portal else frozenset()
        except PayloadError:
            return  # `parse` says what is wrong with it
        if named and account.portal not in named:
            raise Refused(
                "These events are of another account than the portal_id of this source.", cause="other account"
            )

    def parse(self, inbound: Inbound) -> Sequence[Event | PayloadError]:
        """Return the events of a webhook: hints, and at once what must wait for no read."""
        return hooks.events(Account.of(self.settings), inbound)

    def sign(self, inbound: Inbound, secret: str) -> Inbound:
        """Return the request with the signature that HubSpot would send."""
        return signature.sign(inbound, secret)

    def can_pull(self) -> bool:
        """Tell whether there are keys."""
        return Account.of(self.settings).can_ask

    def pull(self, want: Want, access: Access) -> Page:
        """Return the next page: of all, of what changed, or of who was deleted since."""
        self.must(want.resource, self.pulls)
        return Puller(self._api(access), want.resource).page(want)

    def fetch(self, resource: str, ids: Sequence[str], access: Access) -> Sequence[Event | PayloadError]:
        """Return contacts or deals as they are now, and which of them were merged into others."""
        self.must(resource, self.fetches)
        return Puller(self._api(access), resource).fetch(ids)

    def write_consent(self, withdrawal: Withdrawal, access: Access) -> Written:
        """Tell HubSpot of an opt-out, for its one address."""
        return consent.withdraw(self._api(access), withdrawal)

    def ensure_webhooks(self, address: str, access: Access) -> Upkeep:
        """Make the app's subscriptions right, where the keys may; else say how it is done by hand."""
        return upkeep.ensure(Account.of(self.settings), address, access)

    def check(self, access: Access) -> Sequence[Finding]:
        """Return what is well and what is not: token, account, scopes, properties, webhooks."""
        account = Account.of(self.settings)
        return health.examine(account, Contacts(account, datetime.fromtimestamp(access.now_s(), UTC)), access)

    def invite(self, invitation: Invitation) -> str:
        """Return where the account's owner agrees."""
        return connect.address(Account.of(self.settings), invitation)

    def accept(self, callback: Callback, invitation: Invitation, access: Access) -> str:
        """Check HubSpot's answer, exchange its code and keep the tokens."""
        return connect.accept(Account.of(self.settings), callback, invitation, access)

    def _api(self, access: Access) -> Api:
        return Api(Account.of(self.settings), access)


CONNECTOR = HubSpotConnector
