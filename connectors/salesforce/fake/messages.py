"""Outbound messages: SOAP envelopes of 1 to 100 notifications with the records as they are when they are sent."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final
from xml.sax.saxutils import escape

from connectors.salesforce.fake.tooling import Tooling
from customer_sync.kit.fakes.answers import Row
from customer_sync.kit.fakes.hooks import Delivery, Message, Sender

MOST: Final = 100
_HEADERS: Final = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""'}
_BEGIN: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
    'xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">\n'
    ' <soapenv:Body>\n  <notifications xmlns="http://soap.sforce.com/2005/09/outbound">\n'
)
_END: Final = "  </notifications>\n </soapenv:Body>\n</soapenv:Envelope>"


class Messages:
    """Sends what changes tell. The caller holds the stand-in's lock.

    Args:
        sender: posts them, again without an Ack.
        tooling: knows which messages there are.
        organization: the org's id.
        find: id → record.
    """

    def __init__(self, sender: Sender, tooling: Tooling, organization: str, find: Callable[[str], Row | None]) -> None:
        self._sender, self._tooling, self._organization, self._find = sender, tooling, organization, find
        self._last = 0
        self._open: dict[str, tuple[Delivery, list[tuple[str, str]]]] = {}

    def tell(self, sobject: str, number: str) -> None:
        """Tell of a save; what waits for the same message and was not tried yet goes along in one envelope."""
        for message in self._tooling.told_by(sobject):
            self._last += 1
            notice = (f"04lFake{self._last:08d}AAA", number)
            waiting = self._open.get(message["Id"])
            if waiting and waiting[0] in self._sender.waiting and not waiting[0].statuses and len(waiting[1]) < MOST:
                waiting[1].append(notice)
                continue
            notices = [notice]
            delivery = Delivery(
                url=message["Metadata"]["endpointUrl"],
                topic=sobject,
                write=partial(self._written, message, notices),
                of=message["Id"],
            )
            self._open[message["Id"]] = (delivery, notices)
            self._sender.put(delivery)

    def _written(self, message: Row, notices: list[tuple[str, str]]) -> Message:
        told = message["Metadata"]
        session = '<SessionId xsi:nil="true"/>'
        if told.get("includeSessionId"):
            session = "<SessionId>00DFake0000000a!a-session-for-you</SessionId>"
        head = (
            f"   <OrganizationId>{self._organization}</OrganizationId>\n   <ActionId>{message['Id']}</ActionId>\n"
            f"   {session}\n   <EnterpriseUrl>https://lamps.example/services/Soap/c/62.0</EnterpriseUrl>\n"
            "   <PartnerUrl>https://lamps.example/services/Soap/u/62.0</PartnerUrl>\n"
        )
        body = "".join(self._notification(told["fields"], message["EntityDefinitionId"], *one) for one in notices)
        return Message(_HEADERS, (_BEGIN + head + body + _END).encode())

    def _notification(self, fields: list[str], sobject: str, notice: str, number: str) -> str:
        row = self._find(number)
        begin = f"   <Notification>\n    <Id>{notice}</Id>\n"
        if row is None or row["IsDeleted"]:
            return f"{begin}   </Notification>\n"
        known = [(name, row.get(name)) for name in dict.fromkeys(("Id", *fields))]
        told = "".join(f"     <sf:{name}>{_text(value)}</sf:{name}>\n" for name, value in known if value is not None)
        return (
            f'{begin}    <sObject xsi:type="sf:{sobject}" xmlns:sf="urn:sobject.enterprise.soap.sforce.com">\n'
            f"{told}    </sObject>\n   </Notification>\n"
        )


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return escape(str(value).replace("+0000", "Z"))
