"""Checks of the account at Brevo: key, address, permissions, clocks, attributes, lists, templates."""

from __future__ import annotations

from collections.abc import Iterator
from email.utils import parsedate_to_datetime

from customer_sync.base.log import get
from customer_sync.brevo.answers import ACCOUNT, GROUPS
from customer_sync.brevo.attributes import plan, read_attributes
from customer_sync.brevo.client import BUCKET, Brevo
from customer_sync.brevo.lists import read_list_ids
from customer_sync.brevo.proof.hands import GROUPS_ROUTE, has_groups
from customer_sync.config import Settings
from customer_sync.errors import ConfigError, TajoError, TryLater, Unavailable
from customer_sync.kit.outbound import Reply
from customer_sync.operate.doctor.findings import Finding, Patient, grade
from customer_sync.operate.doctor.templates import ask_templates
from customer_sync.operate.figures.watched import remember_account
from customer_sync.store import Store

log = get(__name__)

#: How far this clock may be from Brevo's, in seconds; their answer tells whole seconds.
SKEW_WARN_S, SKEW_FAIL_S = 5.0, 120.0
#: The check of the API key.
KEY = "Brevo key"
#: The bucket of `/account`: "everything else" in https://developers.brevo.com/docs/api-limits, 100 calls an hour.
OTHER_BUCKET = "other"


def examine_account(patient: Patient) -> Iterator[Finding]:
    """Yield what is found of the account, as it is found."""
    if patient.brevo is None:
        fix = "Set BREVO_API_KEY, or start `tajo run`, which brings a sandbox."
        yield Finding("Brevo", "fail", "no key is set and no sandbox runs", fix, "no answer")
        return
    if patient.settings.brevo.is_sandbox:
        yield Finding("sandbox", "warn", "contacts go to the sandbox, nobody real", "Set BREVO_API_KEY to go live.")
    found = []
    for one in ask_account(patient, patient.brevo):
        found.append(one)
        yield one
    # who looks here sees the same on the overview, and not what was so minutes ago
    remember_account(patient.store, found, by_schedule=False)


def ask_account(patient: Patient, brevo: Brevo) -> Iterator[Finding]:
    """Yield what Brevo answers: the key, the clocks, then what the mapping needs; a refused key ends it."""
    try:
        reply = brevo.call("GET", "/account", bucket=OTHER_BUCKET, answers=ACCOUNT)
    except TryLater as error:
        # `/account` shares a limit of 100 calls an hour (General plan) with all that has none of its own
        wait = f" Ask again in {error.after_s:.0f} s." if error.after_s is not None else ""
        yield Finding(
            KEY,
            "warn",
            "not checked: Brevo takes few such questions an hour, and they are used up",
            f"Wait.{wait}",
        )
    except TajoError as error:
        yield _brevo_finding(KEY, error)
        return
    else:
        yield Finding(KEY, "ok", _headroom(reply))
        yield _clock(reply, patient.host_s(), patient.store.now_ms() / 1000)
    for name, check in (("attributes", _attributes), ("lists", _lists)):
        try:
            yield check(patient.settings, brevo)
        except TajoError as error:
            yield _brevo_finding(name, error)
    yield from ask_templates(patient.settings, patient.store, brevo)
    yield from _groups(patient.store, brevo)


def _groups(store: Store, brevo: Brevo) -> Iterator[Finding]:
    """Look whether the account has consent groups: an import may put those who left one back into it."""
    try:
        there = has_groups(
            lambda: brevo.call(
                "GET", "/contacts/consent-groups?limit=1", bucket=BUCKET, answers=GROUPS, endpoint=GROUPS_ROUTE
            )
        )
    except TajoError as error:
        # whoever may not ask this may still sync: what was known stays
        log.info("consent groups not known", error=type(error).__name__)
        return
    store.set_note("consent_groups", there or None)
    if there:
        cause = "they are on: imports only create, and everybody who is in Brevo already is changed one by one"
        yield Finding("consent groups", "warn", cause, "Nothing has to be done: it only takes longer.")


def _brevo_finding(name: str, error: TajoError) -> Finding:
    if isinstance(error, ConfigError):
        return Finding(name, "fail", error.reason, error.remedy, "refused", "brevo_key")
    if isinstance(error, Unavailable):
        fix = "Look at https://status.brevo.com and at the network."
        return Finding(name, "fail", str(error), fix, "no answer", "brevo_away")
    if isinstance(error, TryLater):
        return Finding(name, "warn", f"not checked: {error}", "Try again in a moment.")
    return Finding(name, "fail", str(error), "Compare with the account at https://app.brevo.com.")


def _headroom(reply: Reply) -> str:
    limit, left = (reply.headers.get(f"x-sib-ratelimit-{name}") for name in ("limit", "remaining"))
    return f"accepted; {left} of {limit} such questions left" if limit and left else "accepted"


def _clock(reply: Reply, here_s: float, redis_s: float) -> Finding:
    """Compare this machine's clock and Redis' with Brevo's."""
    try:
        theirs_s = parsedate_to_datetime(reply.headers.get("date", "")).timestamp()
    except ValueError:
        return Finding("clock", "ok", "Brevo does not tell its time")
    skews_s = {"This machine's": here_s - theirs_s, "Redis'": redis_s - theirs_s}
    whose, skew_s = max(skews_s.items(), key=lambda one: abs(one[1]))
    verdict = grade(abs(skew_s), SKEW_WARN_S, SKEW_FAIL_S)
    fix = "Let that machine follow a time server (NTP): the newest change wins by its time." if verdict != "ok" else ""
    cause = f"{whose} clock is {abs(skew_s):,.0f} s {'ahead of' if skew_s > 0 else 'behind'} Brevo's"
    return Finding("clock", verdict, cause, fix, code="" if verdict == "ok" else "clock")


def _attributes(settings: Settings, brevo: Brevo) -> Finding:
    mappings = [settings.mapping_for(name) for name in settings.all_sources]
    proposals = plan(mappings, read_attributes(brevo))
    missing = [one.name for one in proposals if one.verdict == "create"]
    wrong = [f"{one.name} ({one.found}, needed {one.type})" for one in proposals if one.verdict == "wrong type"]
    parts = [f"missing: {', '.join(missing)}"] if missing else []
    parts += [f"wrong type: {', '.join(wrong)}"] if wrong else []
    if parts:
        fix = "`tajo attributes plan` tells more; `apply` creates them."
        return Finding("attributes", "warn", "; ".join(parts), fix, code="attributes_missing")
    return Finding("attributes", "ok", f"all {len(proposals)} of the mapping are there")


def _lists(settings: Settings, brevo: Brevo) -> Finding:
    wanted = {number for name in settings.all_sources for number in settings.options_for(name).list_ids}
    if not wanted:
        return Finding("lists", "ok", "none is configured: contacts are synced and put on no list")
    missing = sorted(wanted - set(read_list_ids(brevo)))
    if missing:
        shown = ", ".join(map(str, missing))
        fix = (
            "Correct list_id in tajo.yaml, or make the list at https://app.brevo.com/contact/list-listing and enter "
            "its number. `tajo reconcile --heal` puts those on it who were synced before."
        )
        return Finding(
            "lists",
            "fail",
            f"not in Brevo: {shown}; people are synced and put on the others only",
            fix,
            code="list_missing",
        )
    return Finding("lists", "ok", f"{', '.join(map(str, sorted(wanted)))} there")
