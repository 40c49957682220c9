"""Checks of the account at Brevo: key, address, permissions, clock, attributes, lists."""

from __future__ import annotations

from collections.abc import Iterator
from email.utils import parsedate_to_datetime

from customer_sync.brevo.answers import ACCOUNT
from customer_sync.brevo.attributes import plan, read_attributes
from customer_sync.brevo.client import Brevo
from customer_sync.brevo.lists import read_list_ids
from customer_sync.config import Settings
from customer_sync.errors import ConfigError, TajoError, TryLater, Unavailable
from customer_sync.kit.outbound import Reply
from customer_sync.operate.doctor.findings import Finding, Patient, grade

#: How far this clock may be from Brevo's, in seconds; their answer tells whole seconds.
SKEW_WARN_S, SKEW_FAIL_S = 5.0, 120.0
#: The bucket of `/account`: "everything else" in https://developers.brevo.com/docs/api-limits, 100 calls an hour.
OTHER_BUCKET = "other"


def examine_account(patient: Patient) -> Iterator[Finding]:
    """Yield what is found of the account, as it is found."""
    brevo = patient.brevo
    if brevo is None:
        fix = "Set BREVO_API_KEY, or start `tajo run`, which brings a sandbox."
        yield Finding("Brevo", "fail", "no key is set and no sandbox runs", fix, "no answer")
        return
    if patient.settings.brevo.is_sandbox:
        yield Finding("sandbox", "warn", "contacts go to the sandbox, nobody real", "Set BREVO_API_KEY to go live.")
    try:
        reply = brevo.call("GET", "/account", bucket=OTHER_BUCKET, answers=ACCOUNT)
    except TryLater as error:
        # `/account` shares a limit of 100 calls an hour (General plan) with all that has none of its own
        wait = f" Ask again in {error.after_s:.0f} s." if error.after_s is not None else ""
        yield Finding(
            "Brevo key",
            "warn",
            "not checked: Brevo takes few such questions an hour, and they are used up",
            f"Wait.{wait}",
        )
    except TajoError as error:
        yield _brevo_finding("Brevo key", error)
        return
    else:
        yield Finding("Brevo key", "ok", _headroom(reply))
        yield _clock(reply, patient)
    for name, check in (("attributes", _attributes), ("lists", _lists)):
        try:
            yield check(patient.settings, brevo)
        except TajoError as error:
            yield _brevo_finding(name, error)


def _brevo_finding(name: str, error: TajoError) -> Finding:
    if isinstance(error, ConfigError):
        return Finding(name, "fail", error.reason, error.remedy, "refused")
    if isinstance(error, Unavailable):
        return Finding(name, "fail", str(error), "Look at https://status.brevo.com and at the network.", "no answer")
    if isinstance(error, TryLater):
        return Finding(name, "warn", f"not checked: {error}", "Try again in a moment.")
    return Finding(name, "fail", str(error), "Compare with the account at https://app.brevo.com.")


def _headroom(reply: Reply) -> str:
    limit, left = (reply.headers.get(f"x-sib-ratelimit-{name}") for name in ("limit", "remaining"))
    return f"accepted; {left} of {limit} such questions left" if limit and left else "accepted"


def _clock(reply: Reply, patient: Patient) -> Finding:
    try:
        skew_s = patient.now_s() - parsedate_to_datetime(reply.headers.get("date", "")).timestamp()
    except ValueError:
        return Finding("clock", "ok", "Brevo does not tell its time")
    verdict = grade(abs(skew_s), SKEW_WARN_S, SKEW_FAIL_S)
    fix = "Let this machine follow a time server (NTP): the newest change wins by its time." if verdict != "ok" else ""
    return Finding("clock", verdict, f"{abs(skew_s):.0f} s {'before' if skew_s > 0 else 'behind'} Brevo's", fix)


def examine_mapping(settings: Settings, brevo: Brevo) -> Iterator[Finding]:
    """Compare the mapping and the list ids with the account.

    Raises:
        TajoError: as `Brevo.call`.
    """
    yield _attributes(settings, brevo)
    yield _lists(settings, brevo)


def _attributes(settings: Settings, brevo: Brevo) -> Finding:
    mappings = [settings.mapping_for(name) for name in settings.sources]
    proposals = plan(mappings, read_attributes(brevo))
    missing = [one.name for one in proposals if one.verdict == "create"]
    wrong = [f"{one.name} ({one.found}, needed {one.type})" for one in proposals if one.verdict == "wrong type"]
    parts = [f"missing: {', '.join(missing)}"] if missing else []
    parts += [f"wrong type: {', '.join(wrong)}"] if wrong else []
    if parts:
        return Finding(
            "attributes", "warn", "; ".join(parts), "`tajo attributes plan` tells more; `apply` creates them."
        )
    return Finding("attributes", "ok", f"all {len(proposals)} of the mapping are there")


def _lists(settings: Settings, brevo: Brevo) -> Finding:
    wanted = {number for name in settings.sources for number in settings.options_for(name).list_ids}
    if not wanted:
        return Finding("lists", "ok", "none is configured: contacts are synced and put on no list")
    missing = sorted(wanted - set(read_list_ids(brevo)))
    if missing:
        shown = ", ".join(map(str, missing))
        fix = (
            "Correct list_id in tajo.yaml, or make the list at https://app.brevo.com/contact/list-listing and enter "
            "its number. `tajo reconcile --heal` puts those on it who were synced before."
        )
        return Finding("lists", "fail", f"not in Brevo: {shown}; people are synced and put on the others only", fix)
    return Finding("lists", "ok", f"{', '.join(map(str, sorted(wanted)))} there")
