"""The webhooks of a source: one for each topic, of version 2.0, with user and password.

They exist in version 1 of the API only, which has no way to change one: what is not right is deleted and made anew.
Pipedrive deletes a webhook after three days without a success, and says nothing
(https://pipedrive.readme.io/docs/guide-for-webhooks-v2), so the vault keeps which ones we made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final
from urllib.parse import urlsplit

from connectors.pipedrive.account import pair_of, proof
from connectors.pipedrive.api import Api
from connectors.pipedrive.hooks import TOPICS
from customer_sync.errors import ConfigError, Missing
from customer_sync.kit.paging import dig
from customer_sync.kit.reach import WEBHOOKS, Upkeep
from customer_sync.kit.rest import Rejected
from customer_sync.model import Json

PATH: Final = "/v1/webhooks"
VERSION: Final = "2.0"
Row = Mapping[str, Json]


def ensure(api: Api, address: str, secrets: Sequence[str]) -> Upkeep:
    """Make the missing webhooks, and those anew that are not right; leave those of other programs alone.

    Args:
        api: the company's.
        address: where they call.
        secrets: the live secrets; the first is shown by webhooks.

    Raises:
        ConfigError: there is no secret.
        TajoError: as `Rest.call`.
    """
    secret = next((one for one in secrets if one.strip()), "")
    if not secret:
        raise ConfigError("Pipedrive's webhooks need a password.", "Set webhook_secret of the source.")
    user, password = pair_of(secret)
    digest = sha256(proof(user, password).encode()).hexdigest()
    known, old_digest = _known(api)
    ours: dict[str, list[Row]] = {topic: [] for topic in TOPICS}
    for row in rows_of(api):
        topic = f"{row.get('event_object')}.{row.get('event_action')}"
        if topic in ours and (_id(row) in known or _is_same_place(row, address)):
            ours[topic].append(row)
    work = _Work(api, address, user, password, is_old=old_digest not in ("", digest))
    for topic, found in ours.items():
        work.mend(topic, found)
    with api.access.vault.locked():
        kept: Json = {"ids": list(work.ids), "proof": digest}
        api.access.vault.save({**api.access.vault.load(), WEBHOOKS: kept})
    return Upkeep(tuple(work.kept), tuple(work.created), work.repaired, work.failed, tuple(work.removed))


def rows_of(api: Api) -> list[Row]:
    """Return all webhooks that there are.

    Raises:
        TajoError: as `Rest.call`.
    """
    return [row for row in api.rows(api.get(PATH)) if isinstance(row, dict)]


def missing(api: Api) -> list[str]:
    """Return the topics of which no webhook of ours is there and on.

    Raises:
        TajoError: as `Rest.call`.
    """
    known, _ = _known(api)
    there = {f"{row.get('event_object')}.{row.get('event_action')}" for row in rows_of(api) if _id(row) in known}
    return [topic for topic in TOPICS if topic not in there]


@dataclass(slots=True)
class _Work:
    """What webhooks should be like, and what was done about them."""

    api: Api
    address: str
    user: str
    password: str
    is_old: bool
    kept: list[str] = field(default_factory=list)
    created: list[str] = field(default_factory=list)
    repaired: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)

    def mend(self, topic: str, found: list[Row]) -> None:
        """Leave one good webhook for a topic; the new one is there before the old one goes."""
        faults = [(row, self._fault(row)) for row in found]
        good = next((row for row, fault in faults if not fault), None)
        if good is None:
            try:
                self.ids.append(self._make(topic))
            except Rejected as error:
                self.failed[topic] = error.reason
                self.ids += [_id(row) for row in found]
                return
            if faults:
                self.repaired[topic] = faults[0][1]
            else:
                self.created.append(topic)
        else:
            self.kept.append(topic)
            self.ids.append(_id(good))
        spare = [row for row in found if row is not good]
        for row in spare:
            _remove(self.api, _id(row))
        if good is not None and spare:
            self.removed.append(topic)

    def _fault(self, row: Row) -> str:
        """Return what is wrong with a webhook, "" for nothing."""
        if row.get("subscription_url") != self.address:
            return "another address"
        if row.get("is_active") in (0, False):
            return "off"
        if row.get("version") != VERSION:
            return "version"
        return "another password" if self.is_old or row.get("http_auth_user") != self.user else ""

    def _make(self, topic: str) -> str:
        entity, _, action = topic.partition(".")
        body: Json = {
            "subscription_url": self.address,
            "event_object": entity,
            "event_action": action,
            "name": f"Tajo {self.api.account.source}: {topic}"[:255],
            "version": VERSION,
            "http_auth_user": self.user,
            "http_auth_password": self.password,
        }
        return str(dig("data.id")(self.api.call("POST", PATH, json_body=body).value) or "")


def _remove(api: Api, number: str) -> None:
    try:
        api.call("DELETE", f"{PATH}/{number}")
    except Missing:
        return


def _known(api: Api) -> tuple[frozenset[str], str]:
    """Return the ids of the webhooks that we made, and of which password they are."""
    kept = api.access.vault.load().get(WEBHOOKS)
    ids, digest = dig("ids")(kept), dig("proof")(kept)
    return frozenset(str(one) for one in ids) if isinstance(ids, list) else frozenset(), str(digest or "")


def _is_same_place(row: Row, address: str) -> bool:
    """Tell whether a webhook calls the same place, by whichever scheme."""
    there, here = urlsplit(str(row.get("subscription_url") or "")), urlsplit(address)
    return (there.netloc, there.path.rstrip("/")) == (here.netloc, here.path.rstrip("/"))


def _id(row: Row) -> str:
    value = row.get("id")
    return str(value) if isinstance(value, int | str) else ""
