"""The line of contacts and mails over a Redis whose time stands, and a Brevo at some address: for tests and a trial."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, ClassVar

import redis

from customer_sync import pipeline, store
from customer_sync.brevo.client import Brevo
from customer_sync.brevo.contacts.contact_plan import Rules
from customer_sync.brevo.contacts.handler import ContactsHandler
from customer_sync.brevo.desk import Desk
from customer_sync.brevo.mail.handler import Handler
from customer_sync.brevo.webhooks import BrevoIntake
from customer_sync.config import Settings
from customer_sync.config.settings import SkillSettings
from customer_sync.kit.connector import SourceSettings
from customer_sync.model import Channel, Consent, ConsentState, Event, Inbound, Json, Kind
from customer_sync.skills import Skill
from customer_sync.skills.abandoned_cart import SKILL
from customer_sync.skills.customer_sync import CustomerSync
from customer_sync.store.counters import Tally
from customer_sync.store.keeper import Keeper
from customer_sync.store.scripts import Scripts
from tests.redis_time import KEY, StandingTime
from tests.rig import ATTRIBUTES, LIST, MAPPING, Scripted

SHOP = SourceSettings("shop", "scripted")
RULES = Rules({"shop": (LIST,)}, {"shop": "soft"}, attributes=ATTRIBUTES)


class SharedTime(StandingTime):
    """The same time for several processes: one moves it, the others read it."""

    def __init__(self, client: redis.Redis) -> None:
        Scripts.__init__(self, client)

    def now_ms(self) -> int:
        return int(self._client.get(KEY)) // 1000


class JsonShop(Scripted):
    """Reads an event out of the request, as `written` wrote it."""

    platform: ClassVar[str] = "scripted"

    def parse(self, inbound: Inbound) -> list[Event]:
        told = json.loads(inbound.body)
        at = datetime.fromisoformat(told["at"])
        consents = [
            Consent(Channel.EMAIL, ConsentState(state), at, "told by the shop", explicit=True)
            for state in told["consents"]
        ]
        name = f"{told['kind']}:{told['key']}:{told['at']}"
        kind, customer = Kind(told["kind"]), told["customer"]
        return [Event(name, "shop", kind, at, told["key"], customer, told["record"], tuple(consents))]


def written(
    kind: Kind,
    key: str,
    record: dict[str, Json],
    at: datetime,
    *,
    customer: str | None = None,
    consents: Sequence[str] = (),
) -> Inbound:
    """A request that `JsonShop` reads."""
    told = {"kind": kind, "key": key, "record": record, "at": at.isoformat(), "customer": customer}
    return Inbound("shop", {}, json.dumps({**told, "consents": list(consents)}).encode(), at)


def open_store(client: redis.Redis, time: StandingTime, now_ms: Callable[[], int]) -> store.Store:
    """The store at a time that stands. Redis has just begun, which holds no mail up here."""
    real, store.Scripts = store.Scripts, lambda _: time  # type: ignore[assignment,misc]  # as it is made inside
    try:
        found = store.Store(client)
    finally:
        store.Scripts = real  # type: ignore[misc]  # see above
    found.now_ms = now_ms  # type: ignore[method-assign]  # one clock
    found.mails.uptime_s = lambda: 1e9  # type: ignore[method-assign]  # see above
    found.lanes.register("contacts", keeps="people")
    found.lanes.register("mail", keeps="records")
    return found


def settings_of(extra: dict[str, Json], *, is_on: bool = True, source: str | None = None) -> Settings:
    """The config of a shop with the skill."""
    skill = SkillSettings(SKILL.name, is_on, source, extra=extra)
    return Settings(sources={"shop": SHOP}, skills={skill.name: skill})


def open_line(
    settings: Settings,
    opened: store.Store,
    http: Any,
    url: str,
    shop: Scripted,
    *,
    behind: Callable[[], bool] = lambda: False,
    more: Sequence[Skill] = (),
) -> pipeline.Line:
    """The line that a worker has."""
    tally = Tally()
    brevo = Brevo(url, "k", http, opened.limits, tally)
    desk = Desk(settings, brevo, opened, lambda: RULES, tally, opened.now_ms, behind)
    contacts = ContactsHandler(brevo, opened.limits, opened.people, lambda: RULES, opened.now_ms)
    return pipeline.Line(
        store=opened,
        connectors={"shop": shop, "brevo": BrevoIntake(SourceSettings("brevo", "brevo", ("t",)))},
        skills=[CustomerSync(lambda _: MAPPING), SKILL.make(settings), *more],
        handlers={"contacts": contacts, "mail": Handler(desk)},
        wake=lambda _: None,
        tally=tally,
        keeper=Keeper(opened.lanes),
        clock=opened.now_ms,
    )
