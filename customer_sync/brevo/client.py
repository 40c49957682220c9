"""Brevo's API v3: one call, and one table from its answer to the next step.

Sources: Brevo's OpenAPI document (2026-10), and what integrations observed; both are noted beside the rules.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import NamedTuple
from urllib.parse import quote

from customer_sync.errors import ConfigError, FieldRefused, Parkable, PayloadError, TryLater, Unavailable
from customer_sync.model import Json
from customer_sync.outbound import HttpClient, Reply
from customer_sync.store.counters import Tally
from customer_sync.store.limits import Limits


class Next(StrEnum):
    """What to do after an answer that is no success."""

    HOLD = "hold"
    LATER = "later"
    WAIT = "wait"
    CONFIG = "config"
    FIELDS = "fields"
    MISSING = "missing"
    NO_LIST = "no list"
    PARK = "park"


class Rule(NamedTuple):
    """One row: an answer's status and a word of its text (in small letters) → next step, reason, remedy."""

    status: int
    word: str
    next: Next
    reason: str
    remedy: str = ""


_TAKEN = "Another contact in Brevo has this value."
_KEY = "Make a new key at https://app.brevo.com/settings/keys/api and set BREVO_API_KEY."

#: The first row that fits is taken. A status that has no row: 5xx waits, anything else is parked.
RULES: tuple[Rule, ...] = (
    Rule(429, "", Next.HOLD, "Brevo's rate limit is used up."),
    # Brevo answers an unknown address with 401 and these words, as it does for a wrong key (seen by six integrations)
    Rule(
        401,
        "unrecognised ip",
        Next.CONFIG,
        "Brevo does not know this machine's IP address.",
        "Add it at https://app.brevo.com/security/authorised_ips or switch that check off.",
    ),
    Rule(401, "", Next.CONFIG, "Brevo does not accept the API key.", _KEY),
    Rule(
        403,
        "does not include the required permission",
        Next.CONFIG,
        "The API key lacks a permission.",
        "Give it read and write access to contacts at https://app.brevo.com/settings/keys/api; deletes need `All`.",
    ),
    Rule(403, "", Next.CONFIG, "Brevo denies access.", "Check what plan and API key allow; `tajo doctor` helps."),
    Rule(402, "", Next.PARK, "The Brevo account has not enough credit.", "Add credit, then replay."),
    Rule(
        404,
        "list id",
        Next.NO_LIST,
        "A list of the settings is not in Brevo.",
        "`tajo doctor` names it: make it in Brevo, or take its number out of tajo.yaml, then replay.",
    ),
    Rule(404, "", Next.MISSING, "The contact is not in Brevo."),
    Rule(408, "", Next.LATER, "Brevo took too long."),
    # documented for contacts, without saying when: a contact that is just being processed
    Rule(425, "", Next.LATER, "Brevo is still busy with this contact."),
    Rule(400, "invalid phone number", Next.FIELDS, "Brevo does not accept the phone number."),
    Rule(400, "already associated with another contact", Next.FIELDS, _TAKEN),
    Rule(400, "already exist", Next.FIELDS, _TAKEN),
    Rule(500, "", Next.LATER, "Brevo had a fault."),
)

#: What Brevo calls an identifier → the attribute that holds it; the casing of the names is not documented.
_IDENTIFIERS = {"sms": "SMS", "whatsapp": "WHATSAPP", "landline_number": "LANDLINE_NUMBER", "ext_id": "EXT_ID"}
_PHONES = ("SMS", "WHATSAPP", "LANDLINE_NUMBER")


class Missing(Exception):
    """The thing that was asked for is not in Brevo (404)."""


class NoList(Parkable):
    """A list that was named is not in Brevo (404 as well)."""


class Refusal(NamedTuple):
    """The readable part of an answer that is no success: `code`, `message`, the identifiers that are taken."""

    code: str
    message: str
    duplicates: tuple[str, ...]


def read_refusal(reply: Reply) -> Refusal:
    """Return the error of an answer; all empty when the body is not JSON (a proxy's page) or empty."""
    try:
        body = reply.json()
    except PayloadError:
        return Refusal("", "", ())
    if not isinstance(body, dict):
        return Refusal("", "", ())
    metadata = body.get("metadata")
    named = metadata.get("duplicate_identifiers") if isinstance(metadata, dict) else None
    duplicates = tuple(str(name).lower() for name in named) if isinstance(named, list) else ()
    return Refusal(str(body.get("code", "")), str(body.get("message", "")), duplicates)


def find_rule(status: int, refusal: Refusal) -> Rule:
    """Return the row for an answer. Identifiers that are taken decide first: `code` and text have changed."""
    if status == 400 and refusal.duplicates:
        return Rule(400, "", Next.FIELDS, _TAKEN)
    text = refusal.message.lower()
    for rule in RULES:
        if rule.status == status and rule.word in text:
            return rule
    if status >= 500:
        return Rule(status, "", Next.WAIT, f"Brevo answers {status}.")
    return Rule(
        status,
        "",
        Next.PARK,
        f"Brevo refused the contact: {status} {refusal.code}".rstrip() + ".",
        "Compare the mapping with the attributes in Brevo (`tajo attributes plan`), then replay.",
    )


def fields_at_fault(refusal: Refusal) -> tuple[str, ...]:
    """Return the attributes that Brevo refused, as far as its answer tells."""
    if refusal.duplicates:
        return tuple(_IDENTIFIERS.get(name, name.upper()) for name in refusal.duplicates)
    text = refusal.message.lower()
    named = tuple(attribute for word, attribute in _IDENTIFIERS.items() if f"{word} " in text)
    return named or (_PHONES if "phone" in text else ("EMAIL",))


class Brevo:
    """The account at Brevo.

    Args:
        base_url: the API's address, with `/v3`.
        api_key: sent as `api-key`.
        http: the connection pool.
        limits: told of every answer.
        tally: counts the calls; the caller writes it out.
    """

    def __init__(self, base_url: str, api_key: str, http: HttpClient, limits: Limits, tally: Tally) -> None:
        self._base_url = base_url.rstrip("/")
        self._headers = {"api-key": api_key, "Content-Type": "application/json", "Accept": "application/json"}
        self._http = http
        self._limits = limits
        self._tally = tally

    def call(self, method: str, path: str, body: Json = None, *, bucket: str, endpoint: str = "") -> Reply:
        """Make one call and return its answer, always a success (2xx).

        Args:
            method: the HTTP verb.
            path: what follows `/v3`, already quoted.
            body: sent as JSON; None sends none.
            bucket: the rate limit it counts against.
            endpoint: the route for the metrics; the path when it holds nobody's name.

        Raises:
            Missing: 404.
            NoList: 404 for a list.
            FieldRefused: single fields are at fault.
            TryLater: 429 (burns no try), 425, 408, 500.
            Unavailable: no answer, or 5xx.
            ConfigError: key, address or permission.
            Parkable: everything else.
        """
        raw = None if body is None else json.dumps(body, separators=(",", ":")).encode()
        return self.send(method, path, raw, bucket=bucket, endpoint=endpoint)

    def send(self, method: str, path: str, raw: bytes | None, *, bucket: str, endpoint: str = "") -> Reply:
        """Make one call with a body that is encoded already; all else as `call`."""
        label = f"{method} {endpoint or path}"
        try:
            reply = self._http.send(method, self._base_url + path, headers=self._headers, body=raw)
        except Unavailable:
            self._tally.count("tajo_brevo_requests_total", endpoint=label, status="none")
            raise
        self._tally.count("tajo_brevo_requests_total", endpoint=label, status=str(reply.status))
        if reply.status < 300:
            self._limits.learn(bucket, reply.headers)
            return reply
        raise self._error(reply, bucket)

    def _error(self, reply: Reply, bucket: str) -> Exception:
        refusal = read_refusal(reply)
        rule = find_rule(reply.status, refusal)
        if rule.next is Next.HOLD:
            return TryLater(rule.reason, after_s=self._limits.hold(bucket, reply.headers), burns=False)
        self._limits.learn(bucket, reply.headers)
        return _ERRORS[rule.next](rule, refusal)


_ERRORS: Mapping[Next, Callable[[Rule, Refusal], Exception]] = {
    Next.LATER: lambda rule, _: TryLater(rule.reason),
    Next.WAIT: lambda rule, _: Unavailable(rule.reason),
    Next.CONFIG: lambda rule, _: ConfigError(rule.reason, rule.remedy),
    Next.FIELDS: lambda rule, refusal: FieldRefused(
        fields_at_fault(refusal), rule.reason, is_taken=rule.reason == _TAKEN
    ),
    Next.MISSING: lambda rule, _: Missing(rule.reason),
    Next.NO_LIST: lambda rule, _: NoList(rule.reason, rule.remedy),
    Next.PARK: lambda rule, _: Parkable(rule.reason, rule.remedy),
}


def contact_path(email: str) -> str:
    """Return the path of a contact, found by its address."""
    return f"/contacts/{quote(email, safe='')}"
