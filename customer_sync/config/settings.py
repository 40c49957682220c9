"""What the config says once it is read: frozen, complete, every default filled in, no secret in its `repr`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final, Literal
from urllib.parse import urlsplit

from customer_sync.kit.connector import SourceSettings
from customer_sync.model import Json
from customer_sync.person.mapping import DEFAULT_MAPPING

#: Brevo's own address.
BREVO_URL: Final = "https://api.brevo.com/v3"

#: The source of what programs tell by our own API. It is always there, and its events are for every skill that is on.
API_SOURCE: Final = "api"
#: What a skill's `source:` calls the sources of platforms that this program does not bring, and the API.
CUSTOM: Final = "custom"

SyncMode = Literal["realtime", "batch", "hybrid"]
DeleteBehavior = Literal["soft", "hard"]
MissingConsent = Literal["unknown", "granted"]
FirstSync = Literal["wait", "auto"]
WriteBack = Literal["everything", "lists", "off"]
LeavingAList = Literal["everything", "list"]

#: The notices that there are: what ended, then what began and what is over again.
NOTICE_EVENTS: Final = (
    *("sync_completed", "sync_failed", "batch_completed"),
    *("lane_paused", "lane_resumed", "source_silent", "source_heard", "parked_growing", "parked_cleared"),
    *("brake_stopped", "brake_released", "out_of_sync", "in_sync", "fault_began", "fault_ended"),
)


@dataclass(frozen=True, slots=True)
class SyncOptions:
    """How one skill treats one source.

    Args:
        sync_mode: realtime (webhooks), batch (scheduled pulls) or hybrid; for a platform that cannot be pulled, hybrid
            is realtime.
        delete_behavior: soft takes a deleted customer off our lists and blocks the contact, hard deletes it in Brevo.
        list_ids: the Brevo lists a person who granted consent is put on.
        missing_consent: what a record without any consent means.
        update_enabled: False only creates contacts and leaves those that Brevo has already.
        first_sync: wait (the first full run of a source waits for a person's word) or auto (it begins by itself).
        write_back: what the platform is told of opt-outs: everything (who left everything in Brevo), lists (who left
            one of `list_ids` there, too) or off.
    """

    sync_mode: SyncMode = "hybrid"
    delete_behavior: DeleteBehavior = "soft"
    list_ids: tuple[int, ...] = ()
    missing_consent: MissingConsent = "unknown"
    update_enabled: bool = True
    first_sync: FirstSync = "wait"
    write_back: WriteBack = "everything"


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a source is pulled, compared and looked after, as cron lines in UTC; None means never.

    The default minutes are not the full hour, when every other program calls the platforms.
    """

    pull: str | None = "2,17,32,47 * * * *"
    reconcile: str | None = "37 3 * * *"
    webhooks: str | None = "11 * * * *"


@dataclass(frozen=True, slots=True)
class SourceSync:
    """What is synced from one source.

    Args:
        sync: customers, orders, products, carts (and what else its connector reads) → whether it is synced.
        field_mapping: field → attribute of this source; None takes the field out.
        options: the keys of `SyncOptions` that the source sets.
        schedule: when it is pulled.
    """

    sync: Mapping[str, bool]
    field_mapping: Mapping[str, str | None] = field(default_factory=dict)
    options: Mapping[str, Json | tuple[int, ...]] = field(default_factory=dict)
    schedule: Schedule = Schedule()


@dataclass(frozen=True, slots=True)
class SkillSettings:
    """One skill as configured.

    Args:
        name: `customer-sync`, `order-events`, ...
        enabled: whether it acts on events.
        source: the only source (or platform) it acts on; None means every one.
        field_mapping: field → attribute of this skill; None takes the field out.
        options: the keys of `SyncOptions` that the skill sets.
        debug: whether it logs each step.
        log_level: its own log level; None means the common one.
        extra: the skill's own keys, as written (`sequence`, `detection`, ...).
    """

    name: str
    enabled: bool = False
    source: str | None = None
    field_mapping: Mapping[str, str | None] = field(default_factory=dict)
    options: Mapping[str, Json | tuple[int, ...]] = field(default_factory=dict)
    debug: bool = False
    log_level: str | None = None
    extra: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BrevoSettings:
    """The account that contacts go to.

    Args:
        api_key: the account's key; None stands for the built-in sandbox.
        base_url: the API's address, without a slash at its end.
        webhook_secrets: what Brevo's own webhooks must carry, newest first.
        import_phones: whether imports carry phones; Brevo may then merge contacts that share one, and delete the other.
        leaving_a_list: what it means that somebody leaves one list there: everything (they are blocked), or that list.
    """

    api_key: str | None = field(default=None, repr=False)
    base_url: str = BREVO_URL
    webhook_secrets: tuple[str, ...] = field(default=(), repr=False)
    import_phones: bool = False
    leaving_a_list: LeavingAList = "everything"

    @property
    def is_sandbox(self) -> bool:
        """Whether there is no account: everything goes to the sandbox."""
        return self.api_key is None


@dataclass(frozen=True, slots=True)
class NoticeTarget:
    """One receiver of our own notices.

    Args:
        name: what it is called in commands and metrics.
        kind: `webhook` (signed), `slack` (what Slack's incoming webhooks take) or `email`.
        address: where it is: a URL, of a mail server for `email`; it may hold a password.
        events: which notices it gets.
        secrets: sign the notices (Standard Webhooks), the newest first; none: one that is derived from `secret_key`.
        to: who gets the mail.
        sender: whom the mail is from.
        allow_private: whether it may be on this machine or in a private network.
    """

    name: str
    kind: Literal["webhook", "slack", "email"]
    address: str = field(repr=False)
    events: tuple[str, ...] = NOTICE_EVENTS
    secrets: tuple[str, ...] = field(default=(), repr=False)
    to: tuple[str, ...] = field(default=(), repr=False)
    sender: str = field(default="", repr=False)
    allow_private: bool = False

    @property
    def host(self) -> str:
        """The host of the address, "" where there is none."""
        return urlsplit(self.address).hostname or ""


@dataclass(frozen=True, slots=True)
class NotificationSettings:
    """Where our own notices go.

    Args:
        targets: the receivers.
    """

    targets: tuple[NoticeTarget, ...] = ()


class Role(StrEnum):
    """What a key of the API may do."""

    #: Every GET, and the metrics.
    READ = "read"
    #: Everything.
    OPERATE = "operate"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One more key of the API, beside the installation's own.

    Args:
        name: how logs and answers name it.
        key: the key itself.
        role: what it may do.
    """

    name: str
    key: str = field(repr=False)
    role: Role


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """Who may call the API, and how often.

    Args:
        keys: further keys.
        rate_per_minute: how many calls each key may make in a minute.
    """

    keys: tuple[ApiKey, ...] = ()
    rate_per_minute: int = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be set.

    Args:
        sources: the enabled sources by name.
        disabled: the names of the others.
        unserved: source → platform, of those whose connector cannot be loaded.
        source_sync: for each enabled source, what is synced from it.
        brevo: the account.
        skills: every skill by name, enabled or not.
        skills_folder: the folder with the user's own skills; None where there is none.
        unserved_skills: those that the file enables and that cannot be loaded.
        notifications: our own notices.
        api: further keys of the API, and how often each may call.
        redis_url: where Redis is; None stands for the embedded one.
        api_key: opens API, metrics and dashboard; None stands for the one in the home folder.
        secret_key: encrypts stored credentials; several separated by commas, the newest first, while it is changed.
        public_url: how the outside world reaches the ingress.
        debug: whether each step is logged.
        log_level: verbose, debug, info, warning or error.
        warnings: what is allowed but wants a look, one sentence each.
        file: the file that was read; None when there is none.
        own_platforms: the platforms that this program does not bring: connector files, and installed packages.
        file_skills: every skill as the file has it, where something was said of one since; see `operate.settings_book`.
    """

    sources: Mapping[str, SourceSettings] = field(default_factory=dict)
    disabled: tuple[str, ...] = ()
    unserved: Mapping[str, str] = field(default_factory=dict)
    source_sync: Mapping[str, SourceSync] = field(default_factory=dict)
    brevo: BrevoSettings = BrevoSettings()
    skills: Mapping[str, SkillSettings] = field(default_factory=dict)
    skills_folder: str | None = None
    unserved_skills: tuple[str, ...] = ()
    notifications: NotificationSettings = NotificationSettings()
    api: ApiSettings = ApiSettings()
    redis_url: str | None = field(default=None, repr=False)
    api_key: str | None = field(default=None, repr=False)
    secret_key: str | None = field(default=None, repr=False)
    public_url: str | None = None
    debug: bool = False
    log_level: str = "info"
    warnings: tuple[str, ...] = ()
    file: str | None = None
    own_platforms: frozenset[str] = frozenset()
    file_skills: Mapping[str, SkillSettings] | None = None

    @property
    def written(self) -> Settings:
        """What the file says, whatever was said of skills since."""
        return self if self.file_skills is None else replace(self, skills=self.file_skills, file_skills=None)

    @property
    def all_sources(self) -> tuple[str, ...]:
        """The names of all sources that tell of people: the enabled ones, and the API."""
        return (*self.sources, *([] if API_SOURCE in (*self.sources, *self.disabled) else [API_SOURCE]))

    def mapping_for(self, source: str, skill: str = "customer-sync") -> Mapping[str, str]:
        """Return field → attribute: the defaults, then the source's, then the skill's; the later wins, null removes."""
        layers: dict[str, str | None] = dict(DEFAULT_MAPPING)
        if source in self.source_sync:
            layers |= self.source_sync[source].field_mapping
        if skill in self.skills:
            layers |= self.skills[skill].field_mapping
        return {name: attribute for name, attribute in layers.items() if attribute is not None}

    def options_for(self, source: str, skill: str = "customer-sync") -> SyncOptions:
        """Return how a skill treats a source: the defaults, then the source's options, then the skill's."""
        chosen: dict[str, object] = {}
        if source in self.source_sync:
            chosen |= self.source_sync[source].options
        if skill in self.skills:
            chosen |= self.skills[skill].options
        return SyncOptions(**chosen)  # type: ignore[arg-type]  # the reader has checked each key and value

    def applies(self, skill: str, source: str) -> bool:
        """Say whether a skill is enabled and acts on a source.

        Its `source:` names the source or its platform; `custom` stands for all that this program does not bring.
        """
        settings = self.skills.get(skill)
        if settings is None or not settings.enabled:
            return False
        if settings.source is None or source in {settings.source, API_SOURCE}:
            return True
        known = self.sources.get(source)
        if settings.source == CUSTOM:
            return known is not None and known.platform in self.own_platforms
        return known is not None and settings.source == known.platform

    def syncs(self, source: str, resource: str) -> bool:
        """Say whether a source's customers, orders, products or carts are synced."""
        return source in self.source_sync and not self.leaves_out(source, resource)

    def leaves_out(self, source: str, resource: str) -> bool:
        """Say whether the `sync:` of a source switches a resource off."""
        return source in self.source_sync and not self.source_sync[source].sync.get(resource, True)
