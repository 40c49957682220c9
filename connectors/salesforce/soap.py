"""An outbound message: its XML read with care, its fields as texts. Pure.

https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_om_outboundmessaging_notifications.htm. One
envelope holds 1 to 100 notifications. Fields without a value are left out of it. The session id that an org may add is
never looked at, and taken out before a message is kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from customer_sync.errors import PayloadError
from customer_sync.model import Json

#: No envelope is larger: 100 notifications with the fields that are asked for have less than 200 KB.
MAX_BYTES: Final = 1_000_000
MAX_NOTIFICATIONS: Final = 100
NAMESPACE: Final = "http://soap.sforce.com/2005/09/outbound"
ACK: Final = (
    b'<?xml version="1.0" encoding="UTF-8"?>'
    b'<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
    b'<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>true</Ack></notificationsResponse>'
    b"</soapenv:Body></soapenv:Envelope>"
)

_OUT: Final = f"{{{NAMESPACE}}}"
_TYPE: Final = "{http://www.w3.org/2001/XMLSchema-instance}type"
_NIL: Final = "{http://www.w3.org/2001/XMLSchema-instance}nil"
_FLAGS: Final[Mapping[str, bool]] = {"true": True, "1": True, "false": False, "0": False}


#: What stands in the element of the session, whatever its prefix.
_SESSION: Final = re.compile(rb"(<(?:[\w.-]+:)?SessionId(?:\s[^<>]*)?(?<!/)>)[^<]*")


class Notification(NamedTuple):
    """One notification.

    Args:
        id: its own id, the same when it is sent again; "" where it has none.
        sobject: what the record is, as `Contact`; "" where it has no data: it was deleted meanwhile.
        fields: the record's fields that were sent.
    """

    id: str
    sobject: str
    fields: Mapping[str, Json]


class Message(NamedTuple):
    """One envelope: the org's id as it stands there, and what it tells."""

    organization: str
    notifications: tuple[Notification, ...]


def is_soap(body: bytes) -> bool:
    """Tell whether a body is XML."""
    return body.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<")


def without_session(body: bytes) -> bytes:
    """Return an envelope without the session id that an org may add to it."""
    return _SESSION.sub(rb"\1", body)


def read(body: bytes) -> Message:
    """Return what an envelope holds.

    Raises:
        PayloadError: it is too large, no XML, declares entities or types, or is no outbound message.
    """
    if len(body) > MAX_BYTES:
        raise PayloadError("$", f"expected at most {MAX_BYTES} bytes of XML")
    try:
        root = fromstring(body, forbid_dtd=True)
    except DefusedXmlException as error:
        raise PayloadError("$", "expected XML without a document type and entities") from error
    except (ParseError, ValueError, LookupError) as error:
        raise PayloadError("$", "expected XML of an outbound message") from error
    found = next(root.iter(f"{_OUT}notifications"), None)
    if found is None:
        raise PayloadError("Envelope.Body.notifications", "expected an outbound message, found other XML")
    items = found.findall(f"{_OUT}Notification")
    if not 1 <= len(items) <= MAX_NOTIFICATIONS:
        raise PayloadError("Envelope.Body.notifications", f"expected 1 to {MAX_NOTIFICATIONS} of Notification")
    return Message(_text(found.find(f"{_OUT}OrganizationId")), tuple(_notification(one) for one in items))


def _notification(element: Element) -> Notification:
    record = element.find(f"{_OUT}sObject")
    if record is None or not len(record):
        return Notification(_text(element.find(f"{_OUT}Id")), "", {})
    fields = {one.tag.rpartition("}")[2]: _value(one) for one in record}
    sobject = record.get(_TYPE, "").rpartition(":")[2]
    return Notification(_text(element.find(f"{_OUT}Id")), sobject or "?", fields)


def _value(element: Element) -> Json:
    if element.get(_NIL) in {"true", "1"}:
        return None
    found = element.text or ""
    # the one field whose type matters is the checkbox of the opt-out; a text "true" is as good elsewhere
    return _FLAGS.get(found, found) if element.tag.endswith("OptedOutOfEmail") else found


def _text(element: Element | None) -> str:
    return "" if element is None else (element.text or "").strip()
