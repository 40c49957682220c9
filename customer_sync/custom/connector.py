"""A connector out of a file: the class that the engine uses like any other."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlencode

from customer_sync.custom.api import Platform, origin
from customer_sync.custom.calling import OAuth
from customer_sync.custom.children import Families, words_in
from customer_sync.custom.form import NONE, Form, Resource, target_of
from customer_sync.custom.hooks import Hooks, Upkeeper
from customer_sync.custom.lists import Lists
from customer_sync.custom.optout import withdraw
from customer_sync.custom.parts import Part
from customer_sync.custom.reading import read_file
from customer_sync.custom.records import Records
from customer_sync.custom.references import BASE_URL, Reference, Template, Values
from customer_sync.custom.resource_checks import texts_of
from customer_sync.custom.verifying import NoProof, proof_of, secret_references
from customer_sync.errors import ConfigError, PayloadError, Refused, TajoError
from customer_sync.kit.connector import Connector, Option, SourceSettings
from customer_sync.kit.oauth import code_form
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
    shut_out,
)
from customer_sync.kit.signatures import is_same
from customer_sync.model import Channel, Event, Inbound

_AGAIN = "Try again in a minute, and ask the platform's support if it lasts."


class CustomConnector(Connector):
    """One platform of a connector file; `connector_of` makes a subclass for each."""

    form: ClassVar[Form]

    def __init__(self, settings: SourceSettings) -> None:
        super().__init__(settings)
        self._values = Values(settings, os.environ)
        self._platform = Platform(self.form, self._values, self.title, settings.name)
        self._proof = proof_of(self.form.webhooks.verify if self.form.webhooks else None, self._values)
        self._records = _records(self.form, self.platform)
        self.pace = self._platform.pace()
        self.silence_s = self.form.http.timeout_seconds

    def verify(self, inbound: Inbound, secrets: Sequence[str]) -> None:
        """Check a request as `webhooks.verify` says."""
        verify = self.form.webhooks.verify if self.form.webhooks else None
        variables = [self._values.find(one) for one in secret_references(verify) if one.kind == "env"]
        self._proof.check(inbound, (*secrets, *(one for one in variables if one)))

    def sign(self, inbound: Inbound, secret: str) -> Inbound:
        """Return a request with its proof."""
        if not self.secret_keys:
            return super().sign(inbound, secret)
        return self._proof.make(inbound, secret)

    def parse(self, inbound: Inbound) -> Sequence[Event | PayloadError]:
        """Return the events of a request, by `webhooks.events`."""
        if self.form.webhooks is None:
            raise PayloadError("path", "the connector file names no webhooks")
        hooks = Hooks(self.platform, self.form.webhooks, self._records, self.form.resources, self._proof.in_path)
        return hooks.parse(inbound)

    def can_pull(self) -> bool:
        """Tell whether the settings alone open the API; an owner's consent is stored elsewhere."""
        auth = self.form.auth
        needs_owner = isinstance(auth, OAuth) and auth.way == "authorization_code"
        return not needs_owner and self._platform.can_call()

    def pull(self, want: Want, access: Access) -> Page:
        """Return the next page of a resource."""
        self.must(want.resource, self.pulls)
        return self._lists(want.resource, access).pull(want)

    def fetch(self, resource: str, ids: Sequence[str], access: Access) -> Sequence[Event | PayloadError]:
        """Return records as they are now."""
        self.must(resource, self.fetches)
        return self._lists(resource, access).fetch(ids)

    def ensure_webhooks(self, address: str, access: Access) -> Upkeep:
        """Make the webhooks that `webhooks.subscriptions` describes."""
        webhooks = self.form.webhooks
        if webhooks is None or webhooks.subscriptions is None:
            return super().ensure_webhooks(address, access)
        if self._proof.in_path and self.settings.secrets:
            address = f"{address}/{self.settings.secrets[0]}"
        return Upkeeper(self._platform, webhooks, webhooks.subscriptions).ensure(address, access)

    def check(self, access: Access) -> Sequence[Finding]:
        """Return whether the API opens, and whether webhooks are verified."""
        found = [self._check_list(resource, access) for resource in self.pulls]
        webhooks = self.form.webhooks
        if webhooks is not None and webhooks.events and webhooks.verify is None:
            fix = "Write webhooks.verify into the connector file; path_token works with every platform."
            told = "the file does not say how they are verified: all are refused"
            found.append(Finding("webhooks", "warn", told, fix))
        if webhooks is not None and isinstance(webhooks.verify, NoProof):
            found.append(Finding("webhooks", "warn", "anybody who knows the address can send them", "See `verify`."))
        return found

    def invite(self, invitation: Invitation) -> str:
        """Return the platform's page where the owner agrees (RFC 6749, 4.1.1)."""
        auth = self.form.auth
        if not isinstance(auth, OAuth) or auth.way != "authorization_code" or auth.authorization_url is None:
            return super().invite(invitation)
        granting = self._platform.granting()
        granting.terms(lambda: 0.0)  # what is not set is told now, and not after the owner has agreed
        query = {
            "response_type": "code",
            "client_id": auth.client_id.fill(self._values),
            "redirect_uri": invitation.callback_url,
            "state": invitation.state,
            **({"scope": granting.scope} if auth.scopes else {}),
            **granting.challenge(invitation.state),
        }
        page = self._platform.address(auth.authorization_url)
        return f"{page}{'&' if '?' in page else '?'}{urlencode(query)}"

    def accept(self, callback: Callback, invitation: Invitation, access: Access) -> str:
        """Check the platform's answer, exchange its code and keep the tokens."""
        if not isinstance(self.form.auth, OAuth):
            return super().accept(callback, invitation, access)
        query = callback.query
        if not invitation.state or not is_same(query.get("state", ""), invitation.state):
            raise Refused("This answer belongs to another attempt; start again.", status=403)
        if not query.get("code"):
            raise Refused(f"{self.title}'s answer holds no code: was the app not agreed to?", status=400)
        form = code_form(query["code"], invitation.callback_url)
        self._platform.tokens(access).exchange({**form, **self._platform.granting().proof(invitation.state)})
        return f"{self.settings.name} is connected to {self.title}."

    def _check_list(self, resource: str, access: Access) -> Finding:
        try:
            notes = self._lists(resource, access).prove()
        except TajoError as error:
            return shut_out(resource, error, _AGAIN)
        if notes:
            return Finding(resource, "warn", " ".join(notes), "Correct the connector file; `--answer` shows more.")
        base_url = self._platform.base_url
        return Finding(resource, "ok", f"they can be read at {origin(base_url) if base_url else 'the API'}")

    def _lists(self, resource: str, access: Access) -> Lists:
        name = next(name for name, one in self._records.items() if one.target.resource == resource)
        records = self._records[name]
        each = records.resource.for_each
        if each is None:
            return Lists(self._platform, access, name, records)
        above = self.form.resources[each.resource]
        kind = str(target_of(each.resource, above))
        parent = Lists(self._platform, access, each.resource, Records(self.platform, above, kind))
        words = words_in(texts_of(records.resource), each.word)
        return Families(self._platform, access, name, records, parent=parent, each=each, words=words)


class WritingConnector(CustomConnector):
    """One that takes an opt-out back."""

    writes = (Channel.EMAIL,)

    def write_consent(self, withdrawal: Withdrawal, access: Access) -> Written:
        """Tell the platform of an opt-out by `writeback.unsubscribe`."""
        if self.form.writeback is None or withdrawal.channel not in self.writes:
            raise ConfigError(f"{self.title} takes no {withdrawal.channel} consent back.", "Opt the person out there.")
        lists = self._lists("customers", access)
        return withdraw(self._platform, lists, self.form.writeback.unsubscribe, withdrawal)


def connector_of(form: Form) -> type[Connector]:
    """Return the connector of a connector file."""
    webhooks = form.webhooks
    verify = webhooks.verify if webhooks else None
    base = CustomConnector if form.writeback is None else WritingConnector
    proof = proof_of(verify, Values(SourceSettings("", form.name), {}))
    records = _records(form, form.name)
    resources = tuple(one.target.resource for one in records.values())
    headers = [one for one in ((webhooks.topic_header, webhooks.id_header) if webhooks else ()) if one]
    said = webhooks.subscriptions if webhooks else None
    body: dict[str, Any] = {
        "__doc__": f"{form.display_name or form.name}, by its connector file.",
        "__module__": __name__,
        "form": form,
        "platform": form.name,
        "title": form.display_name or form.name,
        "auth": _word(form.auth),
        "proof": _word(verify),
        "judges": "nobody but its file's checks",
        "keeps": tuple(one.lower() for one in headers),
        "marks": proof.marks,
        "signs_url": proof.signs_url,
        "signs_body": proof.signs_body,
        "options": tuple(_options(form)),
        "secret_keys": tuple(dict.fromkeys(one.name for one in secret_references(verify) if one.kind == "secret")),
        "chooses_secret": said is not None and "{secret}" in str(said.create.body),
        "hears": webhooks is not None and bool(webhooks.events),
        "topics": tuple(webhooks.events) if webhooks else (),
        "resources": resources,
        "pulls": resources,
        "fetches": tuple(one.target.resource for one in records.values() if one.resource.by_id is not None),
        "shares_addresses": form.shares_addresses,
        "attributes": dict(_attributes(form.resources)),
    }
    return type(f"Connector_{form.name.replace('-', '_')}", (base,), body)


def _records(form: Form, platform: str) -> dict[str, Records]:
    """Return the readers of what is synced, by the name of the resource in the file."""
    kinds = {name: str(target_of(name, one)) for name, one in form.resources.items()}
    return {name: Records(platform, form.resources[name], kind) for name, kind in kinds.items() if kind != NONE}


def _word(part: object) -> str:
    """Return the word of a part that has a type, for the table of connectors."""
    return str(getattr(part, "type", "none")).replace("_", " ")


def connector_of_file(path: Path, fixtures: Path | None = None) -> type[Connector]:
    """Return the connector of a file.

    Args:
        path: the file.
        fixtures: the folder with its samples; None: `fixtures` in a folder that is called as the file is.

    Raises:
        ConnectorFaults: with every fault of the file.
        OSError: it cannot be read.
    """
    made = connector_of(read_file(path))
    made.fixtures = path.with_suffix("") / "fixtures" if fixtures is None else fixtures
    return made


def _attributes(resources: Mapping[str, Resource]) -> Iterator[tuple[str, str]]:
    """Yield our fields that stand for attributes in Brevo."""
    for name, resource in resources.items():
        if target_of(name, resource) == "contact":
            for field in resource.mapping:
                attribute = field.removeprefix("attributes.")
                if attribute != field:
                    yield attribute, attribute.upper()


def _options(form: Form) -> Iterator[Option]:
    """Yield the keys that a source of the platform has: what the references of the file name."""
    webhook = {one.name for one in secret_references(form.webhooks.verify if form.webhooks else None)}
    found: dict[str, tuple[Reference, str]] = {}
    for reference, where in _references(form, ""):
        known = found.get(reference.name)
        if reference.kind != "env" and reference.name != BASE_URL and (known is None or known[0].kind == "config"):
            found[reference.name] = (reference, where)
    for name, (reference, where) in found.items():
        is_required = where.startswith(("auth", "http", "base_url")) and reference.default is None
        yield Option(
            name,
            f"Fills {where} of the connector file.",
            secret=reference.kind == "secret",
            required=is_required and name not in webhook,
        )


def _references(value: Any, at: str) -> Iterator[tuple[Reference, str]]:
    """Yield every reference of a file, with its path."""
    if isinstance(value, Template):
        yield from ((one, at) for one in value.references)
    elif isinstance(value, Part):
        for name, field in type(value).model_fields.items():
            word = field.alias or name
            yield from _references(getattr(value, name), f"{at}.{word}" if at else word)
    elif isinstance(value, dict):
        for name, child in value.items():
            yield from _references(child, f"{at}.{name}")
    elif isinstance(value, tuple):
        for child in value:
            yield from _references(child, at)
