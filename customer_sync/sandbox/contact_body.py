"""Reads the body of `POST /contacts` and `PUT /contacts/{identifier}`."""

from __future__ import annotations

from collections.abc import Mapping

from customer_sync.model import Json
from customer_sync.sandbox.answers import Row, invalid
from customer_sync.sandbox.attributes import Attributes
from customer_sync.sandbox.contact import Write
from customer_sync.sandbox.identifiers import EMAIL, EXT_ID, PHONES, clean_email, clean_phone


def for_create(body: Mapping[str, Json], attributes: Attributes) -> Write:
    """Return what a create wants.

    Raises:
        ApiError: 400. `EMAIL` among the attributes is refused, as it was for years.
    """
    write = _common(body, attributes)
    if EMAIL in write.identifiers:
        raise invalid("EMAIL is not allowed in attributes, use email")
    if body.get("email") not in (None, ""):
        write.identifiers = {EMAIL: clean_email(body["email"]), **write.identifiers}
    return write


def for_update(body: Mapping[str, Json], attributes: Attributes) -> Write:
    """Return what an update wants. A top-level `email` is ignored: only `attributes.EMAIL` changes the address.

    Raises:
        ApiError: 400.
    """
    write = _common(body, attributes)
    write.remove_lists = list_ids(body, "unlinkListIds")
    return write


def list_ids(body: Mapping[str, Json], name: str) -> tuple[int, ...]:
    """Return a key that holds list ids, `()` when it is absent or null.

    Raises:
        ApiError: 400 when it holds something else.
    """
    value = body.get(name)
    if value is None:
        return ()
    if not isinstance(value, list):
        raise invalid(f"{name} should be an array")
    ids = tuple(one for one in value if isinstance(one, int) and not isinstance(one, bool))
    if len(ids) != len(value):
        raise invalid(f"{name} should be an array of integers")
    return ids


def flag(body: Mapping[str, Json], name: str) -> bool | None:
    """Return a boolean key, None when it is absent.

    An explicit null is read as false, not as absent: integrators report this of several fields, and for a block it is
    the dangerous reading.

    Raises:
        ApiError: 400 when it is no boolean.
    """
    if name not in body:
        return None
    value = body[name]
    if value is not None and not isinstance(value, bool):
        raise invalid(f"{name} should be a boolean")
    return bool(value)


def _common(body: Mapping[str, Json], attributes: Attributes) -> Write:
    values = body.get("attributes")
    if values is None:
        values = {}
    if not isinstance(values, dict):
        raise invalid("attributes should be an object")
    _check_senders(body)
    return Write(
        identifiers=_identifiers(body, values),
        attributes=attributes.accept(values),
        email_blacklisted=flag(body, "emailBlacklisted"),
        sms_blacklisted=flag(body, "smsBlacklisted"),
        add_lists=list_ids(body, "listIds"),
        transactional=attributes.transactional(values),
        force_merge=bool(flag(body, "forceMerge")),
    )


def _identifiers(body: Mapping[str, Json], values: Mapping[str, Json]) -> dict[str, str]:
    found: dict[str, str] = {}
    upper: Row = {name.upper(): value for name, value in values.items()}
    if upper.get("EMAIL") not in (None, ""):
        found[EMAIL] = clean_email(upper["EMAIL"])
    ext_id = body.get("ext_id", upper.get("EXT_ID"))
    if ext_id is not None:
        if not isinstance(ext_id, str):
            raise invalid("ext_id should be a string")
        found[EXT_ID] = ext_id
    for kind in PHONES:
        if upper.get(kind) is not None:
            found[kind] = clean_phone(upper[kind])
    return found


def _check_senders(body: Mapping[str, Json]) -> None:
    """No answer of the API shows the senders a contact refuses, so they are looked at and not kept."""
    value = body.get("smtpBlacklistSender")
    if value is not None and not isinstance(value, list):
        raise invalid("smtpBlacklistSender should be an array")
    for one in value or ():
        clean_email(one)
