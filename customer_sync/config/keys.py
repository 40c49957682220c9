"""Every key of `tajo.yaml` and every environment variable, as tables: read by the reader, printed by the reference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from customer_sync.config import values
from customer_sync.config.document import Node
from customer_sync.config.notice_values import mail_address, mail_addresses, smtp_url, target_name, webhook_secrets
from customer_sync.config.settings import BREVO_URL, NOTICE_EVENTS, ApiSettings, Role, Schedule


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a table.

    Args:
        name: in snake_case; camelCase and kebab-case are accepted in the file.
        help: what it does, one sentence.
        shape: what may stand there, in words.
        read: turns the node into the value; None leaves a table to the code that knows it.
        default: what holds without it, in words.
        aliases: other names that mean the same.
        variable: the environment variable that wins over the file.
        read_variable: how that variable is read, when it is not as the key.
        secret: whether its value must never be shown.
    """

    name: str
    help: str
    shape: str
    read: Callable[[Node, values.Env], Any] | None = None
    default: str = ""
    aliases: tuple[str, ...] = ()
    variable: str = ""
    read_variable: Callable[[Node, values.Env], Any] | None = None
    secret: bool = False


#: The variable that names the file.
CONFIG_VARIABLE: Final = "TAJO_CONFIG"
#: The file that is read when nothing names one.
DEFAULT_FILE: Final = "tajo.yaml"
#: How the names of the user's connector files end.
CONNECTOR_SUFFIXES: Final = (".yaml", ".yml", ".json", ".js", ".mjs")
#: The folder beside the file in which the user's own skills are, where no key names another.
SKILLS_FOLDER: Final = "skills"
#: What `sync:` of every source may hold.
RESOURCES: Final = ("customers", "orders", "products", "carts")

_LOG_LEVELS = ("verbose", "debug", "info", "warning", "error")
_WEB = values.url("http", "https")
_ANY_WEB = values.url("http", "https", password=True)
_LEVEL = values.one_of(*_LOG_LEVELS)

TOP_KEYS: Final = (
    Key("connectors", "The accounts that customers come from, by name.", "a table of sources"),
    Key("skills", "What is done with their events.", "a table of skills"),
    Key(
        "skills_folder",
        "The folder with your own skills, one file each; a path that is not absolute begins where the file is. See "
        "`skills.md`.",
        "a path",
        values.text,
        f"`{SKILLS_FOLDER}` beside the file, if there is one",
        variable="TAJO_SKILLS_FOLDER",
    ),
    Key("brevo", "The Brevo account.", "a table"),
    Key("notifications", "Notices about what ended and about what wants a person, see `notices.md`.", "a table"),
    Key("api", "Who else may call the API, and how often.", "a table"),
    Key(
        "redis_url",
        "Where Redis is.",
        "`redis://`, `rediss://` (TLS), `unix://`, `sentinel://` or `sentinels://` (TLS)",
        values.redis_url,
        "an embedded Redis that keeps its files under `.tajo/`",
        variable="TAJO_REDIS_URL",
        secret=True,
    ),
    Key(
        "api_key",
        "Opens the dashboard, `/api/v1` and `/metrics`, closed without it; programs send it as bearer token. "
        "The same on every host. `openssl rand -hex 32` makes one.",
        f"a text of at least {values.API_KEY_LENGTH} characters that cannot be guessed",
        values.api_key,
        "made at the first start: `api.key` in the home folder; `tajo sign-in` prints a link for a browser",
        variable="TAJO_API_KEY",
        secret=True,
    ),
    Key(
        "secret_key",
        "Encrypts stored credentials; the same on every host. `new,old` while it is changed: what `old` encrypted is "
        "read, and written again with `new`.",
        f"a text of at least {values.KEY_LENGTH} characters without a comma",
        values.secret_keys,
        "made when it is first needed: `secret.key` in the home folder, for this host alone",
        variable="TAJO_SECRET_KEY",
        secret=True,
    ),
    Key(
        "public_url",
        "How platforms and browsers reach this service: webhooks are made with it, and connecting in a browser leads "
        "back to it.",
        "`https://...`",
        _WEB,
        "none: webhooks are made by hand, and only a browser on this machine can connect",
        variable="TAJO_PUBLIC_URL",
    ),
    Key("debug", "Log each step.", "true or false", values.truth, "false", variable="TAJO_DEBUG"),
    Key(
        "log_level",
        "How much is logged.",
        ", ".join(_LOG_LEVELS),
        _LEVEL,
        "info, or debug with `debug: true`",
        variable="TAJO_LOG_LEVEL",
    ),
)

BREVO_KEYS: Final = (
    Key(
        "api_key",
        "The account's API key.",
        "a text",
        values.secret,
        "none: the built-in sandbox",
        variable="BREVO_API_KEY",
        secret=True,
    ),
    Key("base_url", "Where Brevo's API is.", "`https://...`", _WEB, BREVO_URL, variable="BREVO_API_URL"),
    Key(
        "webhook_secret",
        "What Brevo's own webhooks must carry; a list while it rotates.",
        "a text or a list (in the variable: separated by commas)",
        values.tokens,
        "Brevo's webhooks are refused",
        variable="BREVO_WEBHOOK_SECRET",
        read_variable=values.separated_tokens,
        secret=True,
    ),
    Key(
        "import_phones",
        "Let imports carry phones. It saves a call for each new contact with a phone, but Brevo's importer may merge "
        "contacts that share one and delete the other, with its history and its block.",
        "`true` or `false`",
        values.truth,
        "`false`: phones are sent one by one",
    ),
    Key(
        "leaving_a_list",
        "What it means that somebody leaves one list in Brevo: `everything` (the contact is blocked), or that `list` "
        "and no other. With `list`, an opt-out at a source with `write_back: lists` means that source's lists, too.",
        "everything or list",
        values.one_of("everything", "list"),
        "everything",
    ),
)

_EVENTS = Key(
    "events",
    "Which notices are sent: see `notices.md` for each.",
    f"a list of {', '.join(NOTICE_EVENTS)}",
    values.some_of(*NOTICE_EVENTS),
    "all",
)
_SECRET = Key(
    "webhook_secret",
    "Signs the notices as Standard Webhooks (base64 of 24 to 64 bytes, with or without `whsec_` before it); a "
    "list while it rotates: each one signs.",
    "a text or a list",
    webhook_secrets,
    "derived from `secret_key`: `tajo notices list --secrets` shows it",
    aliases=("secrets",),
    secret=True,
)
_ALLOW_PRIVATE = Key(
    "allow_private",
    "Whether the target may be on this machine or in a private network, and do without TLS.",
    "true or false",
    values.truth,
    "false: such an address is refused, also where a name leads there later",
)

NOTIFICATION_KEYS: Final = (
    Key("webhook_url", "Where notices are sent.", "`https://...`", _ANY_WEB, "no notices", secret=True),
    _EVENTS,
    _SECRET,
    _ALLOW_PRIVATE,
)

TARGETS_KEY: Final = Key("targets", "More receivers, each with a name.", "a list of tables", None, "none")

TARGET_KEYS: Final = (
    Key("name", "What it is called in commands and metrics.", "small letters, digits, `-`, `_`", target_name),
    Key("webhook_url", "Where notices are sent, signed.", "`https://...`", _ANY_WEB, "see the others", secret=True),
    Key(
        "slack_url",
        "The same as a text, for Slack's incoming webhooks and what is compatible with them.",
        "`https://...`",
        _ANY_WEB,
        "see the others",
        secret=True,
    ),
    Key("email", "The same as a mail.", "a table of `to`, `from`, `smtp_url`", None, "see the others"),
    _EVENTS,
    _SECRET,
    _ALLOW_PRIVATE,
)

EMAIL_KEYS: Final = (
    Key("to", "Who gets the mail.", "an address or a list", mail_addresses, secret=True),
    Key("from", "Whom it is from.", "an address", mail_address, secret=True),
    Key(
        "smtp_url",
        "The mail server, with the login. A password with `%` and two digits for each of `:/?#@%` in it.",
        "`smtp+starttls://user:password@host:587`, `smtps://...:465`, or `smtp://` where `allow_private` is true",
        smtp_url,
        secret=True,
    ),
)

API_KEYS: Final = (
    Key("keys", "Further keys of the API, each with a role.", "a list of tables, see below", None, "none"),
    Key(
        "rate_per_minute",
        "How many calls each key may make in a minute; the dashboard and webhooks do not count.",
        "a number from 1 to 100,000",
        values.whole(1, 100_000),
        str(ApiSettings().rate_per_minute),
    ),
)

CALLER_KEYS: Final = (
    Key("name", "Who has the key: logs and answers tell it.", "small letters, digits, `.`, `-` and `_`", values.caller),
    Key(
        "key",
        "The key, which programs send as bearer token.",
        f"a text of at least {values.API_KEY_LENGTH} characters that cannot be guessed",
        values.api_key,
        secret=True,
    ),
    Key(
        "role",
        "What it may do: `read` is every GET without personal data, and the metrics; `operate` is "
        "everything. The dashboard opens with the installation's own key alone.",
        "read or operate",
        values.one_of(*Role),
    ),
)

OPTION_KEYS: Final = (
    Key(
        "sync_mode",
        "By webhooks, by scheduled pulls, or both with a nightly compare.",
        "realtime, batch or hybrid",
        values.one_of("realtime", "batch", "hybrid"),
        "hybrid (realtime where the platform cannot be pulled)",
    ),
    Key(
        "delete_behavior",
        "What becomes of a deleted customer: `soft` takes them off the lists and blocks them, `hard` deletes them.",
        "soft or hard",
        values.one_of("soft", "hard"),
        "soft",
    ),
    Key(
        "list_ids",
        "The Brevo lists of people who granted consent.",
        "a number or a list of numbers",
        values.list_ids,
        "none",
        aliases=("list_id",),
    ),
    Key(
        "missing_consent",
        "What a record without any consent means. `granted` is for shops that collect consent elsewhere.",
        "unknown or granted",
        values.one_of("unknown", "granted"),
        "unknown",
    ),
    Key(
        "update_enabled",
        "Whether contacts that Brevo has already are updated.",
        "true or false",
        values.truth,
        "true",
    ),
    Key(
        "first_sync",
        "When the customers who are there already are synced first: `wait` for your word (`tajo connectors sync "
        "<source> --full`, or the button on the page Runs), or `auto`: as soon as the source can be read.",
        "wait or auto",
        values.one_of("wait", "auto"),
        "wait",
    ),
    Key(
        "write_back",
        "Which opt-outs the platform is told: of who left `everything` in Brevo, bounced there or complained; of who "
        "left one of the source's `lists` there, too; or `off`.",
        "everything, lists or off",
        values.one_of("everything", "lists", "off"),
        "everything",
    ),
)

SCHEDULE_KEYS: Final = (
    Key("pull", "When changes are pulled.", "a cron line in UTC", values.cron, f'"{Schedule().pull}"'),
    Key("reconcile", "When both sides are compared.", "a cron line in UTC", values.cron, f'"{Schedule().reconcile}"'),
    Key("webhooks", "When its webhooks are repaired.", "a cron line in UTC", values.cron, f'"{Schedule().webhooks}"'),
)

#: Read first: what is disabled may have variables that are not set.
ENABLED_KEY: Final = Key(
    "enabled",
    "Whether the source is used; when not, its other keys are not read.",
    "true or false",
    values.truth,
    "true",
)

_SYNC = (
    "What is synced: of what is `false` no skill hears and no run reads. Withdrawals, deletions and erasures are heard "
    "all the same."
)
SOURCE_KEYS: Final = (
    Key("platform", "Which connector serves it.", "a platform", values.text, "the source's name"),
    Key("base_url", "Where the platform's API is.", "`https://...`", _WEB, "the platform's own address"),
    Key("sync", _SYNC, f"a table of {', '.join(RESOURCES)}: true or false", None, "everything"),
    Key("field_mapping", "Field → Brevo attribute; null leaves a field out.", "a table", None, "see below"),
    Key("options", "How it is synced.", "a table", None, "see below"),
    Key(
        "schedule",
        "When it is pulled and compared.",
        "a cron line in UTC for pulls, hourly, daily, nightly, weekly, off, or a table",
        None,
        "see below",
    ),
)

SKILL_KEYS: Final = (
    Key("enabled", "Whether it acts on events.", "true or false", values.truth, "true"),
    Key(
        "source",
        "The only source it acts on: its name, its platform, or custom (platforms of your own).",
        "a text",
        values.text,
        "every source",
    ),
    Key("field_mapping", "As for a source; wins over it field by field.", "a table", None, "the source's"),
    Key("options", "As for a source; wins over it key by key.", "a table", None, "the source's"),
    Key("update_enabled", "The same as in `options`.", "true or false", values.truth, "true"),
    Key("debug", "Log each step of this skill.", "true or false", values.truth, "false"),
    Key("log_level", "How much this skill logs.", ", ".join(_LOG_LEVELS), _LEVEL, "the common one"),
)


def variables() -> tuple[Key, ...]:
    """Return the keys that an environment variable can set, in the order of the file."""
    return tuple(key for keys in (TOP_KEYS, BREVO_KEYS) for key in keys if key.variable)
