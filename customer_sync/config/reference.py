"""The settings as a page: printed from the tables that the reader works with, so it cannot go stale unnoticed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from customer_sync.config.keys import (
    API_KEYS,
    BREVO_KEYS,
    CALLER_KEYS,
    CONFIG_VARIABLE,
    DEFAULT_FILE,
    EMAIL_KEYS,
    ENABLED_KEY,
    NOTIFICATION_KEYS,
    OPTION_KEYS,
    SCHEDULE_KEYS,
    SKILL_KEYS,
    SOURCE_KEYS,
    TARGET_KEYS,
    TARGETS_KEY,
    TOP_KEYS,
    Key,
    variables,
)
from customer_sync.config.skills import Described
from customer_sync.person.mapping import DEFAULT_MAPPING, FIELD_TYPES, NEVER_ATTRIBUTES, attribute_type

_INTRO: Final = f"""\
# Settings

Made from the code by `make format`.

Settings come from one YAML file, `{DEFAULT_FILE}` in the current folder or the one `{CONFIG_VARIABLE}` names, and from
environment variables, which win over the file. Without a file everything has its default. `tajo check` lists every
fault at once, with file, line, key and what to do.

```yaml
brevo:
  api_key: "${{BREVO_API_KEY}}"

connectors:
  shopify:
    shop_url: your-store.myshopify.com
    api_key: "${{SHOPIFY_API_KEY}}"
    api_secret: "${{SHOPIFY_API_SECRET}}"
    sync: {{customers: true, orders: true, products: true, carts: true}}
    field_mapping:
      total_spent: TOTAL_SPENT

skills:
  customer-sync:
    enabled: true
    options:
      sync_mode: hybrid
      delete_behavior: soft
      list_id: 5
```

Rules for the whole file

- Keys may be written in snake_case, camelCase or kebab-case: `field_mapping`, `fieldMapping`, `field-mapping`.
- `${{NAME}}` is a variable of the environment, `${{NAME:-default}}` gives a default for one that is unset or empty,
  `$${{` is a plain `${{`. A variable that is not set and has no default is a fault.
- A key without a value, or with an empty text, is the same as no key.
- An unknown key, a key written twice, a tab in the indentation and a wrong type are faults.
"""

_SCHEDULE_NOTES: Final = """\
A cron line has five fields: minute, hour, day of the month, month, day of the week (0 and 7 are Sunday). When both days
are restricted, either one is enough, as in cron: `0 4 1 * 1` is each first of a month and each Monday. Where one of
them begins with a star, both must fit. The times are UTC, so no slot is skipped or doubled when the clocks change; a
line stands for another local hour in summer.
"""

_PROXY_NOTES: Final = """\
Calls go out by the proxies of `HTTPS_PROXY` and `HTTP_PROXY` (`http://host:port`), except to what `NO_PROXY` names:
`*`, domains with their subdomains, addresses, networks (`10.0.0.0/8`), each with a port or without. The machine itself
is always reached directly. Certificates are verified with the system's store, or with the file of `SSL_CERT_FILE`.
All four are read when a process starts to call; a change needs a restart.
"""

_REDIS_NOTES: Final = """\
The address of Redis has one of these forms, for every process alike; Celery's is made from it.

| form | what it is |
|---|---|
| `redis://name:password@host:6379/0` | one Redis (or Valkey), 6.2 or newer; `rediss://` with TLS |
| `unix:///run/redis.sock?db=0&password=...` | a socket of this machine |
| `sentinel://name:password@host:26379,other:26379/mymaster/0` | a master behind Sentinels; `sentinels://` with TLS |

What a password holds of `:/?#@%` is written as `%` and two digits. With TLS the server's certificate and name are
checked; `?ssl_ca_certs=` names the file of its authority, `ssl_certfile` and `ssl_keyfile` are our own certificate, and
`ssl_ca_path`, `ssl_ca_data`, `ssl_cert_reqs`, `ssl_check_hostname` and `ssl_password` are read as redis-py reads them.
Sentinels may have a login of their own: `?sentinel_username=...&sentinel_password=...`.

A user of Redis needs the keys `tajo:*` and all commands but the dangerous ones:
`ACL SETUSER tajo on >password ~tajo:* &* +@all -@dangerous`. `INFO` and `CONFIG` are not needed; without `INFO` memory
and durability of Redis are shown as unknown. A Redis Cluster is refused: one step of ours changes many keys.
"""

_SOURCE_NOTES: Final = """\
The name is the last part of the webhook address (`/webhooks/<name>`) and the label in metrics: small letters, digits,
`-` and `_`. Two accounts of one platform are two sources; give each a name and `platform:`. Beside the keys below, each
platform has its own (`shop_url`, `api_key`, ...): see `connectors/<platform>/README.md` or `tajo connectors list`.

A webhook secret may be a list while it rotates, the newest first. A source with nothing but its webhook secret is
valid: it receives and never pulls. A source without one is a fault, unless `options.sync_mode` is `batch`.
"""


_MAPPING_NOTES: Final = f"""\
Field → Brevo attribute. The default is {", ".join(f"`{field}: {to}`" for field, to in DEFAULT_MAPPING.items())};
then comes the source's mapping, then the skill's. The later wins for each field, and `null` takes a field out.

`first_name` and `firstName` are one field, and a dot reaches into nested values: `address.city: CITY`. Other fields of
a platform can be mapped by name and are sent as they are. `email` is the contact's identity and `acceptsMarketing`
steers consent: neither becomes an attribute. A value that does not fit its type is left out and reported; the rest of
the contact is sent.
"""

_SKILL_NOTES: Final = """\
A skill that is listed is enabled unless it says `enabled: false`. The page of a skill tells of the keys that it has
beside those below; every other key is refused. Files of your own add skills: see `skills.md`.
"""


_NOTICE_NOTES: Final = """\
What is sent, and how a receiver checks it, is in [the page of notices](notices.md). `webhook_url` here is a target with
the name `webhook`; each of `targets` has a name of its own and one of `webhook_url`, `slack_url` and `email`.
"""


def settings_markdown(there: Mapping[str, Described]) -> str:
    """Return `docs/settings.md`.

    Args:
        there: the built-in skills.
    """
    skills = ", ".join(
        f"`{name}`{' (enabled without being mentioned)' if one.is_on else ''}" for name, one in there.items()
    )
    parts = [
        _INTRO,
        "## Environment variables\n",
        _variable_table(),
        _PROXY_NOTES,
        "## The address of Redis\n",
        _REDIS_NOTES,
        "## Top of the file\n",
        _table(TOP_KEYS),
        "## brevo\n",
        _table(BREVO_KEYS),
        "## connectors.&lt;name&gt;\n",
        _SOURCE_NOTES,
        _table((ENABLED_KEY, *SOURCE_KEYS)),
        "## connectors.&lt;name&gt;.schedule\n",
        _SCHEDULE_NOTES,
        _table(SCHEDULE_KEYS),
        "## options, of a source or a skill\n",
        "The skill's options win over the source's, key by key.\n",
        _table(OPTION_KEYS),
        "## field_mapping, of a source or a skill\n",
        _MAPPING_NOTES,
        _field_table(),
        "## skills.&lt;name&gt;\n",
        f"The skills: {skills}.\n",
        _SKILL_NOTES,
        _table(SKILL_KEYS),
        "## api\n",
        _table(API_KEYS),
        "## api.keys, each of them\n",
        "All three keys are needed.\n",
        _table(CALLER_KEYS),
        "## notifications\n",
        _NOTICE_NOTES,
        _table((*NOTIFICATION_KEYS, TARGETS_KEY)),
        "## notifications.targets\n",
        _table(TARGET_KEYS),
        "## notifications.targets.email\n",
        _table(EMAIL_KEYS),
    ]
    return "\n".join(parts)


def _table(keys: Sequence[Key]) -> str:
    rows = [f"| {_names(key)} | {key.help} | {key.shape} | {key.default} |" for key in keys]
    return "\n".join(["| key | what it does | value | without it |", "|---|---|---|---|", *rows, ""])


def _names(key: Key) -> str:
    return ", ".join(f"`{name}`" for name in (key.name, *key.aliases))


def _variable_table() -> str:
    top = {key.variable for key in TOP_KEYS}
    rows = [f"| `{CONFIG_VARIABLE}` | Where the file is. | |"]
    rows += [
        f"| `{key.variable}` | {key.help} | `{'' if key.variable in top else 'brevo.'}{key.name}` |"
        for key in variables()
    ]
    return "\n".join(["| variable | what it does | key it wins over |", "|---|---|---|", *rows, ""])


def _field_table() -> str:
    rows = [
        f"| `{name}` | {kind} | {'never an attribute' if name in NEVER_ATTRIBUTES else attribute_type(name)} |"
        for name, kind in FIELD_TYPES.items()
    ]
    return "\n".join(["| field | read as | attribute type |", "|---|---|---|", *rows, ""])
