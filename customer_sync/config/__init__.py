"""The settings: `load` reads `tajo.yaml` and the environment into `Settings`, or raises every fault at once.

Follow it from `load`: `document` keeps lines, `keys` is every key as a table, `reader` gathers faults, `sources` and
`skills` read their parts, `reference` prints the page.

The checker is our own and not pydantic: a source's keys are declared by its connector at run time, a value's line and
its text as written are needed for every fault (`api_secret: 0123` is a text, `sync_mode: ${KEY}` must not show the
key), and importing pydantic costs a worker 50 ms and 8 MB (2026-11).
"""

from customer_sync.config.faults import ConfigFaults, Fault
from customer_sync.config.load import load
from customer_sync.config.reference import settings_markdown
from customer_sync.config.settings import (
    API_SOURCE,
    BREVO_URL,
    ApiKey,
    ApiSettings,
    BrevoSettings,
    NoticeTarget,
    NotificationSettings,
    Role,
    Schedule,
    Settings,
    SkillSettings,
    SourceSync,
    SyncOptions,
)
from customer_sync.config.skills import Described, Known, Skills, skill_settings
from customer_sync.config.values import weakness_of

__all__ = [
    "API_SOURCE",
    "BREVO_URL",
    "ApiKey",
    "ApiSettings",
    "BrevoSettings",
    "ConfigFaults",
    "Described",
    "Fault",
    "Known",
    "NoticeTarget",
    "NotificationSettings",
    "Role",
    "Schedule",
    "Settings",
    "SkillSettings",
    "Skills",
    "SourceSync",
    "SyncOptions",
    "load",
    "settings_markdown",
    "skill_settings",
    "weakness_of",
]
