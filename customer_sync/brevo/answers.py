"""What Brevo's answers mean: one table for each API, from status and words to the next step and the words for people.

Sources: Brevo's OpenAPI document (2026-10) for statuses and codes; the words are those that integrations were answered,
because Brevo documents none. Its codes have changed over the years while the words stayed (seen 2026-05), so words come
first; a code stands only where the words are not known.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

from customer_sync.errors import PayloadError
from customer_sync.kit.outbound import Reply


class Next(StrEnum):
    """What to do after an answer that is no success."""

    HOLD = "hold"
    LATER = "later"
    WAIT = "wait"
    CONFIG = "config"
    FIELDS = "fields"
    TAKEN = "taken"
    MISSING = "missing"
    NO_LIST = "no list"
    PARK = "park"


class Refusal(NamedTuple):
    """The readable part of an answer that is no success: `code`, `message`, the identifiers that are taken."""

    code: str
    message: str
    duplicates: tuple[str, ...]

    @property
    def said(self) -> str:
        """Brevo's own words on one line, without what may be of a person."""
        words = " ".join(_PERSONAL.sub("...", self.message).split()).rstrip(".")
        return words if len(words) <= MOST_WORDS else f"{words[:MOST_WORDS]}..."


class Answer(NamedTuple):
    """One row of a table.

    Args:
        status: the answer's status.
        next: what to do.
        reason: what is the matter, for people.
        remedy: what a person can do about it; "" where nobody needs to.
        words: what its message holds, in small letters; "" fits any.
        code: its code; "" fits any.
        fields: the fields at fault where the message names none.
    """

    status: int
    next: Next
    reason: str
    remedy: str = ""
    words: str = ""
    code: str = ""
    fields: tuple[str, ...] = ()

    def fits(self, status: int, refusal: Refusal) -> bool:
        """Tell whether this row is about an answer."""
        is_meant = self.status == status and self.code in {"", refusal.code}
        return is_meant and self.words in refusal.message.lower()


@dataclass(frozen=True, slots=True)
class Answers:
    """The table of one API.

    Args:
        what: what its calls are about, as in "Brevo refused the contact".
        rows: the first that fits is taken.
        remedy: what to do about an answer that has no row.
        identifiers: what Brevo calls an identifier, in small letters → the field that holds it.
        taken: the row for identifiers that another one has, where the API has any.
    """

    what: str
    rows: tuple[Answer, ...]
    remedy: str
    identifiers: Mapping[str, str] = field(default_factory=dict)
    taken: Answer | None = None

    def find(self, status: int, refusal: Refusal) -> Answer:
        """Return the row for an answer. Without one a 5xx waits, and anything else is parked."""
        if self.taken is not None and self.taken.status == status and refusal.duplicates:
            return self.taken
        found = next((row for row in self.rows if row.fits(status, refusal)), None)
        if found is not None:
            return found
        if status >= 500:
            return Answer(status, Next.WAIT, f"Brevo answers {status}.")
        said = f"{status} {refusal.code}".rstrip()
        words = f' Brevo says: "{refusal.said}".' if refusal.said else ""
        return Answer(status, Next.PARK, f"Brevo refused {self.what}: {said}.{words}", self.remedy)

    def fields_at_fault(self, row: Answer, refusal: Refusal) -> tuple[str, ...]:
        """Return the fields that Brevo refused, as far as its answer tells; `row` is what `find` gave."""
        if refusal.duplicates:
            return tuple(self.identifiers.get(name, name.upper()) for name in refusal.duplicates)
        text = refusal.message.lower()
        return tuple(one for word, one in self.identifiers.items() if f"{word} " in text) or row.fields


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


def common(access: str) -> tuple[Answer, ...]:
    """Return the rows of every API; `access` is what a restricted key needs for this one."""
    key = "Make a new key at https://app.brevo.com/settings/keys/api and set BREVO_API_KEY."
    return (
        Answer(429, Next.HOLD, "Brevo's rate limit is used up."),
        # an unknown address is answered with 401 like a wrong key, but in these words (seen by six repositories)
        Answer(
            401,
            Next.CONFIG,
            "Brevo does not know this machine's IP address.",
            "Add it at https://app.brevo.com/security/authorised_ips or switch that check off.",
            words="unrecognised ip",
        ),
        Answer(401, Next.CONFIG, "Brevo does not accept the API key.", key),
        Answer(
            403,
            Next.CONFIG,
            "The API key lacks a permission.",
            f"Give it {access} at https://app.brevo.com/settings/keys/api; deletes need `All`.",
            words="does not include the required permission",
        ),
        Answer(403, Next.CONFIG, "Brevo denies access.", "Check what plan and API key allow; `tajo doctor` helps."),
        Answer(402, Next.PARK, "The Brevo account has not enough credit.", "Add credit, then replay."),
        Answer(408, Next.LATER, "Brevo took too long."),
        Answer(500, Next.LATER, "Brevo had a fault."),
    )


_CONTACTS_ACCESS: Final = "read and write access to contacts"
_PHONES: Final = ("SMS", "WHATSAPP", "LANDLINE_NUMBER")
_TAKEN: Final = Answer(400, Next.TAKEN, "Another contact in Brevo has this value.", fields=("EMAIL",))
_NO_LIST: Final = Answer(
    404,
    Next.NO_LIST,
    "A list of the settings is not in Brevo.",
    "`tajo doctor` names it: make it in Brevo, or take its number out of tajo.yaml, then replay.",
    words="list id",
)
#: What Brevo says may hold what somebody's customer typed in: a quotation, an address, a number.
_PERSONAL: Final = re.compile(r"""(["'`]).*?\1|\S*@\S*|\+?\d[\d\s().-]{3,}\d""")
#: How much of Brevo's own words is kept, in characters.
MOST_WORDS: Final = 160

#: `/contacts` and `/contacts/{identifier}`: https://developers.brevo.com/reference/create-contact
CONTACTS: Final = Answers(
    "the contact",
    (
        _NO_LIST,
        _NO_LIST._replace(status=400),
        Answer(404, Next.MISSING, "The contact is not in Brevo."),
        # documented without saying when: a contact that is just being processed
        Answer(425, Next.LATER, "Brevo is still busy with this contact."),
        Answer(
            400, Next.FIELDS, "Brevo does not accept the phone number.", words="invalid phone number", fields=_PHONES
        ),
        _TAKEN._replace(words="phone number is already associated", fields=_PHONES),
        _TAKEN._replace(words="already associated with another contact"),
        _TAKEN._replace(words="already exist"),
        # the words are of 2017
        Answer(
            400,
            Next.PARK,
            "Brevo wants an e-mail address, a phone or an external id.",
            "Correct the customer in the shop, then replay.",
            code="missing_parameter",
        ),
        Answer(
            405,
            Next.PARK,
            "Brevo does not delete the contact of the account's own address.",
            "Delete it in Brevo if it should go, then drop the item.",
            words="registered email",
        ),
        *common(_CONTACTS_ACCESS),
    ),
    "Compare the mapping with the attributes in Brevo (`tajo attributes plan`), then replay.",
    # the casing of the names is not documented
    identifiers={"sms": "SMS", "whatsapp": "WHATSAPP", "landline_number": "LANDLINE_NUMBER", "ext_id": "EXT_ID"},
    taken=_TAKEN,
)

#: `/contacts/import`: https://developers.brevo.com/reference/import-contacts. Rows are never refused in the answer.
IMPORTS: Final = Answers(
    "the import",
    (
        _NO_LIST,
        _NO_LIST._replace(status=400),
        Answer(404, Next.MISSING, "The list of the import is not in Brevo."),
        Answer(
            400,
            Next.PARK,
            "Brevo finds no address in the rows of the import.",
            "Look at the addresses of the newest customers.",
            words="could not find any valid email",
        ),
        # `Missing listIds or newList` (2025-03)
        Answer(
            400,
            Next.PARK,
            "Brevo does not take the list of the import.",
            "Look at the folder Tajo under Contacts, Lists in Brevo.",
            code="missing_parameter",
        ),
        Answer(413, Next.PARK, "The import is too large for Brevo.", "Nothing to do: contacts are sent one by one."),
        *common(_CONTACTS_ACCESS),
    ),
    "Nothing to do at first: its contacts are sent one by one, and each gets its own error.",
)

#: `/contacts/lists` and `/contacts/folders`: https://developers.brevo.com/reference/get-lists
LISTS: Final = Answers(
    "the list or folder",
    (Answer(404, Next.MISSING, "The list or folder is not in Brevo."), *common(_CONTACTS_ACCESS)),
    "Compare with the lists at https://app.brevo.com/contact/list-listing.",
)

#: `/contacts/lists/{listId}/contacts/add`: https://developers.brevo.com/reference/add-contact-to-list
LIST_ADDS: Final = Answers(
    "the contacts of the list",
    (
        _NO_LIST._replace(words=""),
        _NO_LIST._replace(status=400),
        # when nobody of the call is new on the list
        Answer(400, Next.MISSING, "The contacts are on the list already.", words="already in list"),
        *common(_CONTACTS_ACCESS),
    ),
    "Compare with the lists at https://app.brevo.com/contact/list-listing.",
)

#: `/contacts/attributes`: https://developers.brevo.com/reference/create-attribute
ATTRIBUTES: Final = Answers(
    "the attribute",
    (
        Answer(404, Next.MISSING, "The attribute is not in Brevo."),
        Answer(
            400,
            Next.PARK,
            "Brevo has an attribute of this name already.",
            "Look at its type at https://app.brevo.com/contact/attributes, or map to another name.",
            words="must be unique",
        ),
        *common(_CONTACTS_ACCESS),
    ),
    "Compare with the attributes at https://app.brevo.com/contact/attributes.",
)

#: `/contacts/consent-groups`: without the feature the answer is 403 with this code (Brevo's OpenAPI document, 2026-10).
GROUPS: Final = Answers(
    "the question after consent groups",
    (
        Answer(403, Next.MISSING, "The account has no consent groups.", code="CONSENT_GROUP_NOT_ENABLED"),
        Answer(404, Next.MISSING, "The account has no consent groups."),
        *common(_CONTACTS_ACCESS),
    ),
    "Look at https://status.brevo.com.",
)

#: `/processes`: https://developers.brevo.com/reference/get-process. Its 404 has the code `invalid_parameter`.
PROCESSES: Final = Answers(
    "the question after an import",
    (Answer(404, Next.MISSING, "Brevo does not know this import."), *common("read access to processes")),
    "Look at https://status.brevo.com.",
)

#: `/account`: https://developers.brevo.com/reference/get-account
ACCOUNT: Final = Answers(
    "the question after the account",
    (
        Answer(404, Next.CONFIG, "Brevo's API is not at this address.", "Correct BREVO_API_URL, or leave it out."),
        *common("read access to the account, and read and write access to contacts"),
    ),
    "Look at https://status.brevo.com.",
)

#: `/webhooks`: https://developers.brevo.com/reference/create-webhook
WEBHOOKS: Final = Answers(
    "the webhook",
    (
        Answer(404, Next.MISSING, "The webhook is not in Brevo any more."),
        # so an account without webhooks of a type was answered, in the place of an empty list (seen for inbound ones)
        Answer(400, Next.MISSING, "There is no webhook in Brevo.", code="document_not_found"),
        *common("read and write access to webhooks"),
    ),
    "Look at the account's webhooks in Brevo: it has room for 40.",
)
