"""Transactional mail: templates, what was sent, and to whom.

The oracle is in the rows of what was sent: each receiver with how they stood at that moment. A block of a contact is
about marketing and stops no transactional mail; what stops it is `Blocked`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from customer_sync.model import Json
from customer_sync.sandbox import times
from customer_sync.sandbox.actlog import Blocked
from customer_sync.sandbox.answers import ApiError, Row, invalid, missing, not_found
from customer_sync.sandbox.contacts import Contacts
from customer_sync.sandbox.identifiers import EMAIL, is_email
from customer_sync.sandbox.journal import Journal, Key, Table
from customer_sync.sandbox.switches import Switches

#: How long an idempotency key is remembered: 30 minutes (developers.brevo.com/docs/heterogenous-versions-batch-emails).
KEY_TTL_S: Final = 1_800
_MOST_RECEIVERS = 99
_LEAST_HTML = 10
_SENDER: Final[Row] = {"name": "Sandbox", "email": "shop@sandbox.example", "id": "1"}
#: (name, whether it is active, its HTML) of the templates of a new account, from number 1 on.
_FIRST: Final = (
    ("Abandoned cart", True, "<p>Hello {{ params.firstName }}, your cart waits: {{ params.cartUrl }}</p>"),
    ("Draft", False, "<p>Not yet written</p>"),
    ("Confirm your address", True, "<p>Please click: {{ params.DOIurl }}</p>"),
)
_DOI_TAG: Final = "optin"
#: What the oracle tells of a mail beside its receiver.
_TOLD: Final = ("messageId", "templateId", "subject", "params", "tags", "at", "scheduledAt", "idempotencyKey")
_FIELDS: Final[Mapping[str, type]] = {
    "templateName": str,
    "subject": str,
    "htmlContent": str,
    "isActive": bool,
    "replyTo": str,
    "tag": str,
    "toField": str,
}


class Mails:
    """The templates and the transactional mails of one account. The caller holds the sandbox's lock.

    Args:
        journal: where changes are written.
        contacts: who the receivers are.
        blocked: who gets no transactional mail.
        switches: how many mails may be sent.
    """

    def __init__(self, journal: Journal, contacts: Contacts, blocked: Blocked, switches: Switches) -> None:
        first: dict[Key, Row] = {number: _first(number, *one) for number, one in enumerate(_FIRST, 1)}
        self.templates = Table("templates", journal, first)
        self.table = Table("mail", journal)
        self._contacts = contacts
        self._blocked = blocked
        self._switches = switches
        self._keys: dict[str, int] = {}
        #: How many mails there were, one for each receiver.
        self.sent = 0

    def loaded(self) -> None:
        """Find again what follows from the tables; called after they were loaded or cleared."""
        self.sent = sum(len(list(self._told(row))) for row in self.table.rows.values())
        self._keys = {
            str(row["idempotencyKey"]): times.parse(str(row["at"]), "at")
            for row in self.table.rows.values()
            if row.get("idempotencyKey")
        }

    def send(self, body: Row, now_ms: int) -> tuple[list[str], bool]:
        """Take one request; returns the number of each message and whether it is to be sent later.

        Raises:
            ApiError: 400; 402 when the account's mails are used up.
        """
        self._check(body)
        key = _key(body)
        if key and now_ms - self._keys.get(key, -KEY_TTL_S * 1000) < KEY_TTL_S * 1000:
            raise ApiError(400, "duplicate_parameter", "idempotencyKey was already used")
        versions = body.get("messageVersions")
        parts = [one for one in versions if isinstance(one, dict)] if isinstance(versions, list) else [body]
        if self.sent + sum(len(_receivers(one)) for one in parts) > self._switches.mail_credits:
            raise ApiError(402, "not_enough_credits", "You do not have enough credits to send this mail")
        is_later = bool(body.get("scheduledAt"))
        numbers = [self._put({**body, **part}, key, now_ms, is_later=is_later) for part in parts]
        if key:
            self._keys[key] = now_ms
        return numbers, is_later

    def rows(self) -> Iterator[Row]:
        """Yield each mail to one receiver: to, template, params, when, and how the receiver stood then."""
        for row in self.table.rows.values():
            about = {name: row.get(name) for name in _TOLD}
            for one in self._told(row):
                yield {**one, **about}

    def create_template(self, body: Row, now_ms: int) -> int:
        """Add a template.

        Raises:
            ApiError: 400.
        """
        for name, text in (("templateName", "Template name"), ("subject", "Subject"), ("sender", "Sender")):
            if not body.get(name):
                raise missing(f"{text} is missing")
        number, at = self.templates.next_id(), times.iso(now_ms)
        row = _template(number, "", at, "", is_active=False)
        self.templates.put(number, {**row, **_template_fields(body, is_new=True), "createdAt": at, "modifiedAt": at})
        return number

    def update_template(self, number: int, body: Row, now_ms: int) -> None:
        """Change a template.

        Raises:
            ApiError: 404, 400.
        """
        row = self.template(number)
        fields = _template_fields(body, is_new=False)
        self.templates.put(number, {**row, **fields, "modifiedAt": times.iso(now_ms)})

    def delete_template(self, number: int) -> None:
        """Delete a template that is not active.

        Raises:
            ApiError: 404; 405 for an active one, as Brevo's page on it says.
        """
        if self.template(number)["isActive"]:
            raise ApiError(405, "method_not_allowed", "Active templates can not be deleted")
        self.templates.drop(number)

    def template(self, number: int) -> Row:
        """Return a template.

        Raises:
            ApiError: 404.
        """
        if number not in self.templates.rows:
            raise not_found("Template ID does not exist")
        return self.templates.rows[number]

    def need_active(self, number: Json, *, is_optin: bool = False) -> Row:
        """Return a template that mails can be sent with.

        The words are those that were seen for double opt-in (verbb/formie issue 1704); for other mail they are a guess.

        Raises:
            ApiError: 400.
        """
        row = self.templates.rows.get(number) if isinstance(number, int) and not isinstance(number, bool) else None
        if row is None:
            raise invalid("Invalid template id")
        if not row["isActive"] or (is_optin and not is_for_optin(row)):
            raise invalid(f"An active {'DOI ' if is_optin else ''}template does not exist")
        return row

    def _check(self, body: Row) -> None:
        if body.get("templateId"):
            self.need_active(body["templateId"])
        else:
            _check_own_text(body)
        versions = body.get("messageVersions")
        parts = [one for one in versions if isinstance(one, dict)] if isinstance(versions, list) else [body]
        if not parts or not all(_list(part, "to") for part in parts):
            raise missing("to is missing")
        for part in parts:
            if len(_receivers(part)) > _MOST_RECEIVERS:
                raise ApiError(400, "out_of_range", f"Maximum {_MOST_RECEIVERS} recipients are allowed")
            for kind, email in _receivers(part):
                if not is_email(email):
                    raise invalid(f"email is not valid in {kind}")
            if part.get("templateId") and part is not body:
                self.need_active(part["templateId"])
        if body.get("scheduledAt"):
            times.parse_with_zone(str(body["scheduledAt"]), "scheduledAt")

    def _put(self, mail: Row, key: str | None, now_ms: int, *, is_later: bool) -> str:
        number = self.table.next_id()
        message_id = f"<{now_ms}.{number}@smtp-relay.sandbox.example>"
        told: list[Json] = [self._receiver(kind, str(email), is_later=is_later) for kind, email in _receivers(mail)]
        self.sent += len(told)
        kept = {name: value for name, value in mail.items() if name != "messageVersions"}
        more: Row = {"messageId": message_id, "idempotencyKey": key, "at": times.iso(now_ms), "receivers": told}
        self.table.put(number, {**kept, **more})
        return message_id

    def _receiver(self, kind: str, email: str, *, is_later: bool) -> Row:
        """Return how a receiver stands now."""
        address = email.strip().lower()
        contact = self._contacts.find(EMAIL, address)
        reason = self._blocked.why(address)
        state = "blocked" if reason else "scheduled" if is_later else "sent"
        stood: Row = {
            "contactId": contact.id if contact else None,
            "emailBlacklisted": contact.email_blacklisted if contact else None,
            "listUnsubscribed": list(contact.list_unsubscribed) if contact else [],
            "groupsLeft": [one for one, is_in in contact.groups if not is_in] if contact else [],
            "blocked": reason,
        }
        return {"to": address, "as": kind, "state": state, **stood}

    @staticmethod
    def _told(row: Row) -> Iterator[Row]:
        receivers = row.get("receivers")
        yield from (one for one in (receivers if isinstance(receivers, list) else ()) if isinstance(one, dict))


def is_for_optin(row: Row) -> bool:
    """Return whether a template is one for double opt-in: it has the tag and the link."""
    return row["tag"] == _DOI_TAG and "params.DOIurl" in str(row["htmlContent"])


def _check_own_text(body: Row) -> None:
    if not isinstance(body.get("sender"), dict):
        raise missing("sender is missing")
    if not body.get("subject"):
        raise missing("subject is missing")
    if not body.get("htmlContent") and not body.get("textContent"):
        raise missing("htmlContent is missing")


def _template_fields(body: Row, *, is_new: bool) -> Row:
    found: Row = {}
    for name, kind in _FIELDS.items():
        if name in body:
            if not isinstance(body[name], kind):
                raise invalid(f"{name} is invalid")
            found["name" if name == "templateName" else name] = body[name]
    html = str(found.get("htmlContent", body.get("htmlUrl", "") if is_new else "x" * _LEAST_HTML))
    if len(html) < _LEAST_HTML:
        raise missing("htmlContent should have 10 characters at least")
    sender = body.get("sender")
    if isinstance(sender, dict):
        found["sender"] = {name: str(value) for name, value in sender.items()}
    return found


def _key(body: Row) -> str | None:
    headers = body.get("headers")
    found = headers.get("idempotencyKey", headers.get("Idempotency-Key")) if isinstance(headers, dict) else None
    return str(found) if found else None


def _receivers(mail: Row) -> list[tuple[str, Json]]:
    """Return (as what, address) of everybody who gets a mail."""
    return [
        (kind, one.get("email") if isinstance(one, dict) else None)
        for kind in ("to", "cc", "bcc")
        for one in _list(mail, kind)
    ]


def _list(mail: Row, name: str) -> list[Json]:
    value = mail.get(name)
    return value if isinstance(value, list) else []


def _first(number: int, name: str, is_active: bool, html: str) -> Row:  # noqa: FBT001 - a table's column
    row = _template(number, name, times.iso(0), html, is_active=is_active)
    return {**row, "tag": _DOI_TAG} if "DOIurl" in html else row


def _template(number: int, name: str, at: str, html: str, *, is_active: bool) -> Row:
    own: Row = {"id": number, "name": name, "subject": name, "isActive": is_active, "htmlContent": html}
    fixed: Row = {"replyTo": "", "toField": "", "tag": "", "testSent": False, "sender": _SENDER}
    return {**own, **fixed, "createdAt": at, "modifiedAt": at}
