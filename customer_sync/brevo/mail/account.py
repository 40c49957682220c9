"""What the account says before a mail goes out: its template, the contact, and the log of what was sent."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Final, Literal
from urllib.parse import quote

from customer_sync.brevo.answers import CONTACTS
from customer_sync.brevo.client import BUCKET as CONTACT_BUCKET
from customer_sync.brevo.client import Brevo, contact_path
from customer_sync.brevo.contacts.leavings import groups_left, numbers
from customer_sync.brevo.desk import Desk
from customer_sync.brevo.gate import Gate
from customer_sync.brevo.shop_answers import MAIL_LOG, MAILS, TEMPLATES
from customer_sync.errors import Missing, Parkable, TryLater
from customer_sync.model import Json

#: The limits that these calls count against (https://developers.brevo.com/docs/api-limits): templates, and the log.
TEMPLATE_BUCKET, LOG_BUCKET = "smtp", "mail_list"
#: How long a template that can be used is believed to be so, and one that cannot, in seconds. 300 calls an hour are
#: allowed to all of `/smtp` that has no limit of its own.
USABLE_S: Final = 300.0
UNUSABLE_S: Final = 60.0
#: How many mails of the log are looked at: those to one address in 30 days.
LOGGED: Final = 500

#: What to do about a template that cannot be used.
TEMPLATE_REMEDY: Final = (
    "Make it and activate it at https://app.brevo.com/templates/listing, or name another one in tajo.yaml: "
    "its mails wait, and go on by themselves."
)
#: What the log says of a mail: it went, it did not, or that cannot be told.
Went = Literal["yes", "no", "unknown"]


class Account:
    """Reads what a mail depends on in Brevo.

    Args:
        desk: what a handler works with.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._lock = threading.Lock()
        self._templates: dict[int, tuple[str, int]] = {}

    def template_fault(self, number: int) -> str:
        """Return why a template cannot be used now, "" where it can; one alert is raised when that changes."""
        now_ms = self._desk.clock()
        with self._lock:
            fault, asked_ms = self._templates.get(number, ("", -(10**15)))
        if now_ms - asked_ms < 1000 * (UNUSABLE_S if fault else USABLE_S):
            return fault
        fault = self._ask_template(number)
        self._note_template(number, fault, now_ms)
        return fault

    def lose_template(self, number: int) -> str:
        """Take note that Brevo refused a template that looked well; return why."""
        fault = f"Brevo does not send with template {number}."
        self._note_template(number, fault, self._desk.clock())
        return fault

    def _ask_template(self, number: int) -> str:
        self._gate(TEMPLATE_BUCKET)
        return ask_template(self._desk.brevo, number)

    def _note_template(self, number: int, fault: str, now_ms: int) -> None:
        """Remember what was found, and tell people when it is new to all processes."""
        with self._lock:
            self._templates[number] = fault, now_ms
        name, store = template_note(number), self._desk.store
        before = store.note(name)
        if fault and before != fault:
            store.set_note(name, fault)
            store.ledger.alert(fault, TEMPLATE_REMEDY, lane="mail", cause="template")
        elif before and not fault:
            store.set_note(name, "")
            store.ledger.alert(f"Mails with template {number} go on.", "", lane="mail", cause="resumed")

    def unmailable(self, email: str) -> str | None:
        """Return why the contact of an address may not be mailed now, "" where it may; None where there is none.

        Raises:
            TryLater: the answer does not tell.
        """
        self._gate(CONTACT_BUCKET, urgent=True)
        try:
            found = self._desk.brevo.call(
                "GET",
                contact_path(email),
                bucket=CONTACT_BUCKET,
                answers=CONTACTS,
                endpoint="/contacts/{identifier}",
            ).json()
        except Missing:
            return None
        shown = found if isinstance(found, dict) else {}
        if not isinstance(shown.get("emailBlacklisted"), bool):
            raise TryLater("Brevo's answer about a contact has no emailBlacklisted, so no mail is sent.")
        return self._why_not(shown)

    def _why_not(self, shown: Mapping[str, Json]) -> str:
        if shown["emailBlacklisted"]:
            return "blocked in Brevo"
        left = numbers(shown.get("listUnsubscribed"))
        ours = {number for some in self._desk.rules().lists.values() for number in some}
        if left and (not ours or left & ours):
            return "left a list in Brevo"
        return "left a consent group in Brevo" if groups_left(shown) else ""

    def send(self, body: dict[str, Json], bucket: str) -> str:
        """Send a mail; return Brevo's id of it, "" where the answer tells none.

        Raises:
            TajoError: see `customer_sync.brevo.answers.MAILS`.
        """
        reply = self._desk.brevo.call("POST", "/smtp/email", body, bucket=bucket, answers=MAILS)
        found = reply.json()
        return str(found.get("messageId") or "") if isinstance(found, dict) else ""

    def went(self, email: str, template_id: int, tag: str) -> Went:
        """Return whether the log shows a mail to an address with a tag of its own.

        A log that shows nothing at all of the template proves nothing: an account may keep none.
        """
        try:
            if any(tag in _tags(one) for one in self._logged(f"email={quote(email, safe='')}&limit={LOGGED}")):
                return "yes"
            return "no" if self._logged(f"templateId={template_id}&limit=1") else "unknown"
        except (Missing, Parkable):
            return "unknown"

    def _logged(self, query: str) -> list[dict[str, Json]]:
        self._gate(LOG_BUCKET)
        found = self._desk.brevo.call(
            "GET", f"/smtp/emails?{query}", bucket=LOG_BUCKET, answers=MAIL_LOG, endpoint="/smtp/emails"
        ).json()
        rows = found.get("transactionalEmails") if isinstance(found, dict) else None
        return [one for one in rows if isinstance(one, dict)] if isinstance(rows, list) else []

    def _gate(self, bucket: str, *, urgent: bool = False) -> None:
        Gate(self._desk.store.limits, bucket, 1, urgent=urgent).wait()


def template_note(number: int) -> str:
    """Return the name of the note that says why a template cannot be used, as the workers found last."""
    return f"template:{number}"


def ask_template(brevo: Brevo, number: int) -> str:
    """Ask the account for a template; return why it cannot be used, "" where it can.

    Raises:
        TajoError: Brevo does not say.
    """
    try:
        found = brevo.call(
            "GET",
            f"/smtp/templates/{number}",
            bucket=TEMPLATE_BUCKET,
            answers=TEMPLATES,
            endpoint="/smtp/templates/{templateId}",
        ).json()
    except Missing:
        return f"Template {number} is not in Brevo."
    is_active = isinstance(found, dict) and found.get("isActive") is True
    return "" if is_active else f"Template {number} is not active in Brevo."


def _tags(row: Mapping[str, Json]) -> list[Json]:
    tags = row.get("tags")
    return tags if isinstance(tags, list) else []
