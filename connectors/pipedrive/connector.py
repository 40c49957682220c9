"""Pipedrive: its webhooks here (user and password), their bodies in `hooks`.

A person is read in `persons` and `values`, a deal in `deals`, a lead in `leads`. Its API: `account` what the settings
say · `api` one call, and the limits · `pull` records · `labels` of options · `consent` opt-outs back · `upkeep`
webhooks · `connect` the owner's consent · `findings` for the doctor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from connectors.pipedrive import connect, consent, findings, hooks, pull, upkeep
from connectors.pipedrive.account import Account, pair_of, proof, proofs
from connectors.pipedrive.api import TITLE, Api, left_of
from customer_sync.errors import PayloadError
from customer_sync.kit.connector import Answer, Connector, Option, header
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
from customer_sync.kit.signatures import verify_token
from customer_sync.model import Channel, Event, Inbound

#: What every webhook of Pipedrive holds, in whichever version, and bodies of others do not hold together.
_MARKS = (b'"meta"', b'"webhook_id"', b'"company_id"', b'"previous"')


class PipedriveConnector(Connector):
    """Pipedrive: persons, deals and leads of one company, by webhooks and the API."""

    platform = "pipedrive"
    title = TITLE
    auth = "token, or OAuth 2.0"
    proof = "HTTP Basic"
    judges = "recorded bodies"
    topics = hooks.TOPICS
    resources = ("customers", "orders")
    pulls = ("customers", "orders")
    fetches = ("customers", "orders")
    finds_customers = True
    writes = (Channel.EMAIL,)
    signs_body = False
    chooses_secret = True
    shares_addresses = True
    accepted = Answer(200)
    # The smallest plan's limit for an API token; what an answer tells counts instead.
    pace = Pace(20, 2.0, left_of)
    options = (
        Option("api_token", "The API token of an administrator: Settings, Personal preferences, API.", secret=True),
        Option("client_id", "The client id of an app of yours, for a connection in a browser."),
        Option("client_secret", "The client secret of that app.", secret=True),
        Option(
            "opt_out_field",
            "Where opt-outs are written, and read, when Pipedrive has no marketing status or does not keep it: the key "
            "(40 digits) of a custom field of persons, or `label`.",
        ),
        Option("opt_out_option", "The option, label or text that says it; without one, `Unsubscribed in Brevo`."),
    )

    @classmethod
    def recognises(cls, inbound: Inbound) -> bool:
        """Tell it by the keys of the body: Pipedrive sends no header of its own."""
        return all(mark in inbound.body for mark in _MARKS)

    def verify(self, inbound: Inbound, secrets: Sequence[str]) -> None:
        """Check user and password (HTTP Basic): the only proof that Pipedrive gives."""
        scheme, _, given = header(inbound, "authorization").partition(" ")
        # compared as it is written: other spellings of the same base64 are not sent
        verify_token(given.strip() if scheme.lower() == "basic" else "", proofs(secrets))

    def sign(self, inbound: Inbound, secret: str) -> Inbound:
        """Return the request with the user and the password that Pipedrive would show."""
        return replace(inbound, headers={**inbound.headers, "authorization": f"Basic {proof(*pair_of(secret))}"})

    def parse(self, inbound: Inbound) -> Sequence[Event | PayloadError]:
        """Return the events of a webhook of version 2 or 1."""
        return hooks.parse(inbound, Account.of(self.settings))

    def can_pull(self) -> bool:
        """Tell whether there is a key, or an app that may have been connected."""
        return Account.of(self.settings).can_ask

    def pull(self, want: Want, access: Access) -> Page:
        """Return the next page: persons and then leads, or deals and then archived ones."""
        self.must(want.resource, self.pulls)
        return pull.pull(self._api(access), want)

    def fetch(self, resource: str, ids: Sequence[str], access: Access) -> Sequence[Event | PayloadError]:
        """Return persons or deals by id."""
        self.must(resource, self.fetches)
        return pull.fetch(self._api(access), resource, ids)

    def find(self, address: str, access: Access) -> Sequence[Event | PayloadError]:
        """Return the persons who have an address, main or not."""
        return pull.find(self._api(access), address)

    def write_consent(self, withdrawal: Withdrawal, access: Access) -> Written:
        """Write an opt-out to `marketing_status`, or to the field of the settings, and read it back."""
        return consent.withdraw(self._api(access, is_write=True), withdrawal)

    def ensure_webhooks(self, address: str, access: Access) -> Upkeep:
        """Make the nine webhooks right."""
        return upkeep.ensure(self._api(access, is_write=True), address, self.settings.secrets)

    def check(self, access: Access) -> Sequence[Finding]:
        """Return what is well and what is not: token, user, opt-outs, webhooks, tokens of the day."""
        return findings.examine(self._api(access, is_write=True))

    def invite(self, invitation: Invitation) -> str:
        """Return where the owner agrees."""
        return connect.address(Account.of(self.settings), invitation)

    def accept(self, callback: Callback, invitation: Invitation, access: Access) -> str:
        """Exchange the code of the answer, and keep the tokens."""
        return connect.accept(Account.of(self.settings), callback, invitation, access)

    def _api(self, access: Access, *, is_write: bool = False) -> Api:
        return Api(Account.of(self.settings), access, is_write)


CONNECTOR = PipedriveConnector
