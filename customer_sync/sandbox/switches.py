"""The switches: how this account behaves where Brevo may behave in more than one way.

`Switches` is the one list of them. A default is what Brevo documents; where Brevo documents nothing it is the worse of
the possible ways, and the switch says so. They are read and set at `/sandbox/switches`; docs/sandbox.md is this list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, NamedTuple, cast

from customer_sync.model import Json


def _choice(values: tuple[Json, ...], plays: str, why: str) -> Any:
    """Return a field that takes one of a few values.

    Args:
        values: the value of a new account, and then the others.
        plays: what the switch is about and what each value does.
        why: where the default comes from.
    """
    return field(default=values[0], metadata={"plays": plays, "why": why, "choices": values})


def _free(default: Any, plays: str, why: str) -> Any:
    """Return a field that takes any text, or any number from zero on."""
    return field(default=default, metadata={"plays": plays, "why": why, "choices": ()})


_UNKNOWN: Final = "not documented; the worse way"


@dataclass(slots=True)
class Switches:
    """How one account behaves. The caller holds the sandbox's lock while it sets one."""

    import_delay_s: float = _free(0.5, "seconds that an import or an export takes", "short, so that nobody waits")
    import_blocks: str = _choice(
        ("keep", "lift_email", "lift_sms", "lift_both", "lift_new"),
        "an import that updates a contact: `keep` leaves its blocks, `lift_email`, `lift_sms` and `lift_both` lift "
        "those that they name, `lift_new` lifts those that were set since the import was sent",
        "Brevo's help on imports (5309244563986, 208732189): an import makes nobody mailable who is blocked",
    )
    import_shared: str = _choice(
        ("merge", "refuse"),
        "a row whose identifiers lead to several contacts: `merge` keeps the one with the highest identifier (contact "
        "id, EXT_ID, e-mail, SMS, WhatsApp, landline) and deletes the others with their blocks; a row that leads to "
        "one contact by a lower identifier gives that contact the row's address. `refuse` puts the row into a CSV",
        "Brevo's help (32331116133522), which tells it of imports by hand",
    )
    import_booleans: str = _choice(
        ("drop", "keep", "drop_all"),
        "booleans in an import: `drop` ignores JSON booleans without a word and takes texts, `keep` takes both, "
        "`drop_all` ignores both",
        "seen twice (getbrevo/brevo-python issue 95): texts are taken, booleans are not",
    )
    import_lists: str = _choice(
        ("add", "replace"),
        "the lists of an import: `add` adds them, `replace` takes updated contacts off all other lists",
        "the description of `listIds`",
    )
    import_untouched_lists: str = _choice(
        ("add", "leave"),
        "the lists of an import that updates nobody, for contacts that exist: `add` puts them onto the lists (the "
        "switch `relisting` says what becomes of lists that they left), `leave` does not",
        _UNKNOWN,
    )
    import_empties: str = _choice(
        ("as_told", "sent_empty", "not_sent"),
        "attributes of contacts that an import updates: `as_told` empties what a row sends empty if "
        "`emptyContactsAttributes` is true, `sent_empty` does so always, `not_sent` empties what a row does not name, "
        "too",
        "the description of `emptyContactsAttributes`",
    )
    import_left_lists: str = _choice(
        ("keep", "reset"),
        "an import that updates a contact: `keep` leaves `listUnsubscribed`, `reset` empties it",
        "not documented; taken as for blocks",
    )
    import_ignores: str = _free(
        "",
        "rows whose address fits this shell pattern are not imported, though the import ends as `completed` and no CSV "
        "names them: a nonce that never arrives",
        "Brevo imports every good row",
    )
    import_reads: str = _choice(
        ("at_once", "late", "flicker"),
        "what reads show of imported contacts: `at_once` the new state; `late` the old one for `import_reads_s`; "
        "`flicker` the new one that long, then the old one as long, then the new one again. Who was written singly "
        "since is shown as is",
        "Brevo tells of no delay",
    )
    import_reads_s: float = _free(60.0, "seconds for `import_reads`", "as long as a canary waits")
    import_reads_of: str = _free(
        "*", "`import_reads` is about contacts whose address fits this shell pattern; all others are shown as is", "all"
    )
    import_parallel: str = _choice(
        ("run", "stick"),
        "an import that is sent while another one runs: `run` lets both run; `stick` leaves it `in_process` until the "
        "switch says `run` again",
        "Brevo's help (32331116133522) warns of it, and promises nothing",
    )
    import_list_gone: str = _choice(
        ("ignore", "fail"),
        "a list that was deleted while its import waited: `ignore` imports without it, `fail` ends it as failed",
        "not documented; the worse way",
    )
    max_import_status: int = _choice((400, 413), "the answer to an import above 10 MB", "not documented")
    batch_status: int = _choice(
        (404, 410), "the answer to `POST /contacts/batch`, which ended on 2026-10-30", "not documented"
    )
    unknown_list_status: int = _choice(
        (400, 404), "the answer to a contact or an import with an unknown list", "not documented"
    )
    relisting: str = _choice(
        ("list", "forget", "ignore"),
        "`listIds` with a list that the person left: `list` lists the contact again; `forget` takes the list out of "
        "`listUnsubscribed`, too; `ignore` leaves the contact off the list",
        "not documented; the worse way of those that leave a trace",
    )
    consent_groups: bool = _choice(
        (False, True),
        "whether the account has consent groups; without them their calls are answered 403 `CONSENT_GROUP_NOT_ENABLED`",
        "a beta in 2026: most accounts do not have them",
    )
    export_delimiter: str = _choice(
        (";", ","), "what stands between the fields of an exported CSV: `;` or `,`", "not documented; as in imports"
    )
    acts_modify: bool = _choice(
        (True, False),
        "whether acts of people (leaving, complaining, bouncing) change `modifiedAt`, which `modifiedSince` looks at",
        "Brevo's changelog of 2026-10-14: it changes on any update, not only on a change of subscription",
    )
    webhook_unsubscribe: str = _choice(
        ("unsubscribe", "unsubscribed"),
        "the `event` in the body of the webhook that is registered as `unsubscribed`: `unsubscribe` or `unsubscribed`",
        "both were seen",
    )
    webhook_ts: str = _choice(
        ("shifted", "utc"),
        "the `ts` of a webhook about a mail: `shifted` is ahead of `ts_event` by the hours of Central European time, "
        "`utc` is the same",
        "Brevo's own example, where it is ahead by an hour in winter",
    )
    activation_delay_s: float = _free(300.0, "seconds until eCommerce is there once it was asked for", "its own answer")
    unknown_person: str = _choice(
        ("nobody", "create"),
        "an order or event of somebody who is no contact: `nobody` keeps it without an owner, `create` makes a contact "
        "who is not blocked",
        "not documented",
    )
    products_batch_most: int = _choice(
        (100, 1000), "how many products a batch with `updateEnabled` may have", "1,000 only where Brevo raised it"
    )
    products_refused: str = _free(
        "",
        "products whose id fits this shell pattern are refused with 400, and with them any batch that has one",
        "Brevo takes every good product",
    )
    images_refused: str = _free(
        "",
        "products whose `imageUrl` fits this shell pattern are refused with 400, and with them any batch that has one",
        "the formats that Brevo takes are documented, and not what it does with others",
    )
    batch_buckets: str = _choice(
        ("other", "parent"),
        "the rate limit of `/orders/status/batch`, `/products/batch` and `/events/batch`: `other` counts them with all "
        "that has no limit of its own, `parent` with the single calls",
        "the letter of Brevo's page on limits",
    )
    mail_credits: float = _free(
        100_000.0, "how many transactional mails the account may send in all; then 402 `not_enough_credits`", "plenty"
    )
    notify_query: str = _choice(
        ("drop", "keep"),
        "the query of a `notifyUrl`: `drop` calls the address without it, `keep` with it. The body is empty either way",
        "an empty body and no query were seen (pass-culture, 2025); whether a query of one's own is kept is not known",
    )
    time_scale: float = _free(
        1.0, "the waits of outgoing webhooks are multiplied by this: 0.001 makes ten minutes 0.6 s", "Brevo's own waits"
    )


class Switch(NamedTuple):
    """What is known of one switch.

    Args:
        name: its name.
        default: its value in a new account.
        choices: the values it takes; empty for any text or number.
        plays: what it is about and what each value does.
        why: where the default comes from.
    """

    name: str
    default: Json
    choices: tuple[Json, ...]
    plays: str
    why: str

    @property
    def takes(self) -> str:
        """What it takes, in words."""
        if self.choices:
            return "one of " + ", ".join(word(choice) for choice in self.choices)
        return "a text" if isinstance(self.default, str) else "a number from 0 on"

    def checked(self, value: Json) -> Json:
        """Return a value that it takes.

        Raises:
            ValueError: it does not take it.
        """
        if self.choices:
            for choice in self.choices:
                if choice == value and isinstance(choice, bool) == isinstance(value, bool):
                    return choice
        elif isinstance(self.default, str):
            if isinstance(value, str):
                return value
        elif isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
            return value
        raise ValueError(f"{self.name}: {self.takes}")


#: Every switch by name.
ALL: Final[Mapping[str, Switch]] = {
    one.name: Switch(one.name, cast("Json", one.default), **one.metadata) for one in fields(Switches)
}


def word(value: Json) -> str:
    """Return a value as it is written on a command line."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def defaults() -> dict[str, Json]:
    """Return the value of each switch in a new account."""
    return {name: one.default for name, one in ALL.items()}


def describe(switches: Switches) -> list[Json]:
    """Return every switch with its value, its default, the values it takes, what it plays and why that default."""
    return [
        {**one._asdict(), "choices": list(one.choices), "value": getattr(switches, one.name)} for one in ALL.values()
    ]


def change(switches: Switches, values: Mapping[str, Json]) -> None:
    """Set some switches, all or none.

    Raises:
        ValueError: there is no such switch, or it does not take the value; says which and what it takes.
    """
    checked = {name: _named(name).checked(value) for name, value in values.items()}
    for name, value in checked.items():
        setattr(switches, name, value)


def parse(text: str) -> tuple[str, Json]:
    """Return the name and the value of `name=value`, as on a command line.

    Raises:
        ValueError: there is no such switch, or it does not take the value.
    """
    name, _, written = text.partition("=")
    one = _named(name)
    for choice in one.choices:
        if word(choice) == written:
            return name, choice
    if one.choices or isinstance(one.default, str):
        return name, one.checked(written)
    try:
        number = float(written)
    except ValueError as error:
        raise ValueError(f"{name}: {one.takes}") from error
    return name, one.checked(number)


def _named(name: str) -> Switch:
    if name not in ALL:
        raise ValueError(f"{name}: there is no such switch; there are {', '.join(ALL)}")
    return ALL[name]
