"""The canaries: contacts of our own at plus-addresses of an address that the operator names, and what marks them.

    A  blocked                          B  not blocked, on the first list of the proof
    C  blocked, in no import            D  blocked in the seconds after an import was sent; a new one in each pass
    E  blocked for SMS, with a number   F  left by a real click; only where the operator wished
    G  blocked, has one value of each attribute that only one contact may have
    H  blocked; the rows of H (one of them for each such attribute) carry the value of G
    R  RA (blocked) and RB (not blocked) ride along in later imports, so that a proof and an import never write to the
       same contact

New in each pass, and made by the import alone: Y (a plain new contact), Z (one with values of its own that nobody else
has), X and U (new addresses that carry a value of G, in an import that creates and in one that updates). No canary is
ever put on a list of the operator's, and no message is sent to one.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Iterable, Mapping
from datetime import date, timedelta
from typing import Final, NamedTuple

from customer_sync.brevo.contacts.contact_plan import Desired
from customer_sync.brevo.contacts.import_rows import encode_row
from customer_sync.brevo.proof.ride import NONCE_ATTRIBUTE
from customer_sync.errors import MappingError
from customer_sync.model import Json
from customer_sync.person.identity import normalize_email

TEXT: Final = NONCE_ATTRIBUTE
NUMBER, DAY, KIND, YES = f"{TEXT}_NUMBER", f"{TEXT}_DATE", f"{TEXT}_CATEGORY", f"{TEXT}_YES"
#: Set singly; the rows of the proof leave its cell empty.
FULL: Final = f"{TEXT}_FULL"
#: Tells our contacts from all others.
MARK: Final = f"{TEXT}_MARK"
MARKED: Final = "made by tajo brevo prove"
#: Tells the contacts of this Tajo from those of another one on the same account, see `Proofs.owner`.
OWNER: Final = f"{TEXT}_OWNER"
LABELS: Final = ("north", "east", "south", "west")
#: What each import writes anew.
NONCES: Final = (TEXT, NUMBER, DAY, KIND, YES)
#: Attribute → its category, and the body of the call that makes it.
ATTRIBUTES: Final[Mapping[str, tuple[str, dict[str, Json]]]] = {
    TEXT: ("normal", {"type": "text"}),
    NUMBER: ("normal", {"type": "float"}),
    DAY: ("normal", {"type": "date"}),
    KIND: ("category", {"enumeration": [{"value": at, "label": one} for at, one in enumerate(LABELS, 1)]}),
    YES: ("normal", {"type": "boolean"}),
    FULL: ("normal", {"type": "text"}),
    MARK: ("normal", {"type": "text"}),
    OWNER: ("normal", {"type": "text"}),
}
#: The lists of the proof, see `title_of`. `home` is the technical one: every import uses it, and every canary is on it.
LISTS: Final[Mapping[str, str]] = {
    "home": "Tajo proof, do not send",
    "first": "Tajo proof 1, do not send",
    "second": "Tajo proof 2, do not send",
    "third": "Tajo proof 3, do not send",
    "click": "Tajo proof: your own click",
}

#: Attribute that only one contact may have → the letter that stands for it in H, X and U.
PLACES: Final[Mapping[str, str]] = {"SMS": "s", "WHATSAPP": "w", "LANDLINE_NUMBER": "l", "EXT_ID": "e"}
#: Numbers kept for plays and films: https://www.ofcom.org.uk/phones-and-broadband/phone-numbers/numbers-for-drama
_DRAMA: Final = "+447700900"
_ADDRESS: Final = re.compile(r".+\+tajo-[a-z]{1,2}-[0-9a-f]{4}@[^@]+")
_EARLIEST: Final = date(2000, 1, 1)


class Role(NamedTuple):
    """What a canary is, before any import.

    Args:
        is_blocked: whether it is blocked for e-mail.
        is_sms_blocked: whether it is blocked for SMS.
        lists: the lists that it is on, by their names in `LISTS`.
        has: `one` (a number of its own), `all` (a value of each unique attribute), or "".
    """

    is_blocked: bool = False
    is_sms_blocked: bool = False
    lists: tuple[str, ...] = ("home",)
    has: str = ""


_ROLES: Final[Mapping[str, Role]] = {
    "A": Role(is_blocked=True),
    "B": Role(lists=("home", "first")),
    "C": Role(is_blocked=True),
    "D": Role(),
    "E": Role(is_sms_blocked=True, has="one"),
    "F": Role(lists=("home", "click")),
    "G": Role(is_blocked=True, is_sms_blocked=True, has="all"),
    "RA": Role(is_blocked=True),
    "RB": Role(),
}
_H: Final = Role(is_blocked=True)


def role_of(letter: str) -> Role:
    """Return what a canary is."""
    return _ROLES.get(letter, _H)


def standing(unique: Iterable[str], *, with_click: bool) -> tuple[str, ...]:
    """Return the canaries that stay from pass to pass.

    Args:
        unique: the attributes of the mapping that only one contact may have.
        with_click: whether there is an F.
    """
    shared = ("G", *(f"H{PLACES[one]}" for one in sorted(unique))) if unique else ()
    return ("A", "B", "C", "E", *(("F",) if with_click else ()), *shared, "RA", "RB")


def passing(unique: Iterable[str]) -> tuple[str, ...]:
    """Return the canaries that are new in each pass; all but D are made by the imports."""
    places = [PLACES[one] for one in sorted(unique)]
    shared = ("Z", *(f"X{one}" for one in places), *(f"U{one}" for one in places)) if places else ()
    return ("D", "Y", *shared)


def address_of(base: str, letter: str, tag: str) -> str:
    """Return the address of a canary: `me@example.com` gives `me+tajo-a-1f2e@example.com`."""
    local, _, domain = base.rpartition("@")
    return f"{local}+tajo-{letter.lower()}-{tag}@{domain}"


def new_tag() -> str:
    """Return what makes an address new: four letters."""
    return secrets.token_hex(2)


def read_address(text: str) -> str | None:
    """Return the operator's address in the one spelling, None where it is none that can have canaries."""
    try:
        address = normalize_email(text)
    except MappingError:
        return None
    if address is None or is_canary(address):
        return None
    # 64 letters stand before the @ at most: RFC 5321, section 4.5.3.1.1
    return address if len(address_of(address, "xx", "0000").rpartition("@")[0]) <= 64 else None


def is_canary(address: str) -> bool:
    """Tell whether an address has the form of a canary's. Its mark in Brevo tells whether it is one."""
    return bool(_ADDRESS.fullmatch(address))


def is_ours(contact: Mapping[str, Json], owner: str | None) -> bool:
    """Tell whether a contact of Brevo's was made by a proof of this Tajo; of any Tajo where `owner` is None."""
    values = contact.get("attributes")
    if not isinstance(values, dict) or values.get(MARK) != MARKED or not is_canary(str(contact.get("email", ""))):
        return False
    return owner is None or (owner != "" and values.get(OWNER) == owner)


def marks(owner: str) -> dict[str, Json]:
    """Return the values by which a contact is known to be a canary of this Tajo."""
    return {MARK: MARKED, OWNER: owner}


def title_of(name: str, owner: str) -> str:
    """Return the title of a list: `home` gives `Tajo proof, do not send (1f2e3d)`."""
    return f"{LISTS[name]} ({owner})"


def is_title(title: str, owner: str | None) -> bool:
    """Tell whether a title is that of a list of this Tajo's proofs; of any Tajo's where `owner` is None."""
    name, _, rest = title.rpartition(" (")
    return name in LISTS.values() and (owner is None or rest == f"{owner})")


def new_value(attribute: str, taken: Collection[str]) -> str:
    """Return a value of a unique attribute that hardly any contact has; numbers are none of real people.

    Args:
        attribute: the attribute.
        taken: what other canaries of the proof have: of the numbers there are a thousand.
    """
    while True:
        number = f"{_DRAMA}{secrets.randbelow(1000):03d}"
        value = f"tajo-proof-{secrets.token_hex(6)}" if attribute == "EXT_ID" else number
        if value not in taken:
            return value


def new_values(turn: int) -> dict[str, Json]:
    """Return what an import writes, other than any import before.

    Args:
        turn: counts the imports of a proof, so that what has few values is another one each time.
    """
    day = _EARLIEST + timedelta(days=secrets.randbelow(7_000))
    return {
        TEXT: secrets.token_hex(8),
        NUMBER: secrets.randbelow(1_000_000) + 1,
        DAY: day.isoformat(),
        KIND: LABELS[turn % len(LABELS)],
        YES: turn % 2 == 0,
    }


def shows(attribute: str, wrote: Json, found: Json) -> bool:
    """Tell whether Brevo shows the value that was written: categories are read as label or number."""
    if attribute == KIND:
        number = LABELS.index(str(wrote)) + 1
        return found in (wrote, number, str(number))
    if attribute == YES:
        return str(found).lower() == str(wrote).lower()
    return found == wrote


def row(email: str, values: Mapping[str, Json]) -> bytes:
    """Return a row of an import, in the form of every other row."""
    return encode_row(Desired(email, dict(values), (), (), (), (), None, None, {}, "", may_update=True))
