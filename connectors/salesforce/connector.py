"""Salesforce: its webhooks here (who sends, what proves it), their bodies in `hints` and `soap`.

Its API: `account` what the settings say · `session` what opens the door · `api` one question · `objects` which fields ·
`records` rows as events · `pull` pages · `bulk` large orgs · `fetch` by id · `consent` opt-outs back · `upkeep`
webhooks · `connect` the owner's consent · `findings` for the doctor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256

from connectors.salesforce import connect, consent, fetch, findings, hints, objects, pull, soap, upkeep
from connectors.salesforce.account import (
    API_VERSION,
    Account,
    right_domain,
    right_field,
    right_organization,
    right_version,
)
from connectors.salesforce.api import READS, WRITES, Api
from customer_sync.errors import PayloadError, Refused
from customer_sync.kit.connector import Answer, Connector, Option, header
from customer_sync.kit.reach import (
    Access,
    Callback,
    Finding,
    Invitation,
    Page,
    Upkeep,
    Want,
    Withdrawal,
    Written,
)
from customer_sync.kit.signatures import is_same, sign_standard, verify_standard, verify_token
from customer_sync.model import Channel, Event, Inbound

AUTHORIZATION = "authorization"
SIGNATURE = "webhook-signature"


class SalesforceConnector(Connector):
    """Salesforce: one org, by outbound messages or signed JSON, and the REST API."""

    platform = "salesforce"
    title = "Salesforce"
    auth = "OAuth 2.0: client credentials, JWT, or code"
    proof = "secret path and organization id; Standard Webhooks"
    judges = "`simple-salesforce`, recorded bodies"
    keeps = (hints.MESSAGE_ID,)
    topics = tuple(objects.OBJECTS)
    resources = pulls = fetches = ("customers", "orders")
    writes = (Channel.EMAIL,)
    signs_body = False
    shares_addresses = True
    chooses_secret = True
    #: Salesforce sends again for 24 hours whatever has no `<Ack>true</Ack>` in it.
    accepted = Answer(200, soap.ACK, "text/xml; charset=utf-8")
    options = (
        Option("my_domain", "The org's own address, `your-org.my.salesforce.com`.", remedy=right_domain),
        Option(
            "organization_id",
            "The org's id (`00D...`); without it outbound messages are refused.",
            remedy=right_organization,
        ),
        Option("client_id", "The consumer key of the external client app."),
        Option("client_secret", "Its consumer secret.", secret=True),
        Option(
            "private_key", "For JWT instead of a secret: the private key of the app's certificate, PEM.", secret=True
        ),
        Option("username", "For JWT: the integration user's name."),
        Option("api_version", f"The version of the API, such as {API_VERSION}.", remedy=right_version),
        Option(
            "opt_in_field",
            "A checkbox that means an opt-in to e-mails; without it nobody opts in here.",
            remedy=right_field,
        ),
        Option(
            "opt_in_at_field",
            "The field that tells when the person opted in; with it the opt-in is an act.",
            remedy=right_field,
        ),
        Option("fields", "More fields that are read, by their API names; a list, for your mapping."),
        Option("currency", "The currency of amounts where the org has one only, such as EUR."),
    )

    @classmethod
    def recognises(cls, inbound: Inbound) -> bool:
        """Tell it by the beginning of the body: no sender has a header of its own."""
        return hints.is_ours(inbound.body)

    def verify(self, inbound: Inbound, secrets: Sequence[str]) -> None:
        """Check what proves the sender, by the kind of body.

        An outbound message is not signed: the secret stands at the end of its address, and the org's id in it must be
        the one of the settings, letter by letter in its first 15 characters. JSON is signed, or has the secret as a
        bearer token; an org's id in it is looked at as well.
        """
        own = Account.of(self.settings).organization
        if soap.is_soap(inbound.body):
            verify_token(inbound.path, secrets)
            if not own:
                raise Refused("organization_id of this source is not set: whose message it is cannot be told.")
            try:
                found = soap.read(inbound.body).organization
            except PayloadError as fault:
                raise Refused(f"{fault.path}: {fault.found}", status=400) from fault
            self._same_org(found, own)
            return
        scheme, _, given = header(inbound, AUTHORIZATION).partition(" ")
        if scheme.lower() == "bearer" and not header(inbound, SIGNATURE):
            verify_token(given.strip(), secrets)
        else:
            verify_standard(inbound, secrets)
        found = hints.organization(inbound.body)
        if own and found:
            self._same_org(found, own)

    def redacted(self, inbound: Inbound) -> Inbound:
        """Return the request without the session id that an outbound message may carry."""
        return replace(inbound, body=soap.without_session(inbound.body)) if soap.is_soap(inbound.body) else inbound

    def parse(self, inbound: Inbound) -> Sequence[Event | PayloadError]:
        """Return a hint for each record that a webhook names, behind the withdrawal that it tells."""
        return hints.events(inbound)

    def sign(self, inbound: Inbound, secret: str) -> Inbound:
        """Return the request as it comes: with the secret in its address, or signed."""
        if soap.is_soap(inbound.body):
            return replace(inbound, path=secret)
        message = header(inbound, hints.MESSAGE_ID) or sha256(inbound.body).hexdigest()[:32]
        proof = sign_standard(inbound.body, secret, message_id=message, sent_at=inbound.received_at)
        return replace(inbound, headers={**inbound.headers, **proof})

    def can_pull(self) -> bool:
        """Tell whether the settings name an org and hold keys."""
        return Account.of(self.settings).can_ask

    def pull(self, want: Want, access: Access) -> Page:
        """Return the next page: of everybody by id, or of what changed by time, then of what was deleted."""
        self.must(want.resource, self.pulls)
        return pull.step(self._api(access), want)

    def fetch(self, resource: str, ids: Sequence[str], access: Access) -> Sequence[Event | PayloadError]:
        """Return the records with these ids as they are now; merged and converted ones lead to who is left."""
        self.must(resource, self.fetches)
        return fetch.records(self._api(access), resource, ids)

    def write_consent(self, withdrawal: Withdrawal, access: Access) -> Written:
        """Tick Email Opt Out of the contact or lead, or of who it became a part of."""
        return consent.withdraw(self._api(access, WRITES), withdrawal)

    def ensure_webhooks(self, address: str, access: Access) -> Upkeep:
        """Make an outbound message and a flow for each object, where the integration user may."""
        secret = self.settings.secrets[0] if self.settings.secrets else ""
        return upkeep.ensure(self._api(access, WRITES), address, secret, self.topics)

    def check(self, access: Access) -> Sequence[Finding]:
        """Return what is well and what is not: token, org, calls, hidden fields, webhooks."""
        return findings.examine(self._api(access, 1.0), self.topics)

    def invite(self, invitation: Invitation) -> str:
        """Return where the org's owner agrees."""
        return connect.address(Account.of(self.settings), invitation)

    def accept(self, callback: Callback, invitation: Invitation, access: Access) -> str:
        """Check Salesforce's answer, exchange its code and keep the tokens."""
        return connect.accept(Account.of(self.settings), callback, invitation, access)

    def _api(self, access: Access, share: float = READS) -> Api:
        return Api(Account.of(self.settings), access, share)

    def _same_org(self, found: str, own: str) -> None:
        if not is_same(found[:15], own):
            raise Refused(
                "This message is of another org than the organization_id of this source.", cause="other account"
            )


CONNECTOR = SalesforceConnector
