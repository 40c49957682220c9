"""What several test modules of the engine do: Brevo answers otherwise, a worker dies, events that are seldom."""

from __future__ import annotations

import json
from collections.abc import Callable

from customer_sync.kit.outbound import Reply
from customer_sync.model import Channel, Consent, ConsentState, Event, Kind
from tests.engine.test_addresses import customer
from tests.rig import Rig, at

BAD = Reply(400, {}, b'{"code":"invalid_parameter","message":"no"}')
#: As Brevo says it of a list that is not there.
NO_LIST = Reply(404, {}, b'{"code":"document_not_found","message":"List ID does not exist"}')


def answer(rig: Rig, when: Callable[[str, str, dict], Reply | None]) -> Callable[..., Reply]:
    """Let Brevo answer some calls otherwise; `when` gives the answer, or None. Returns what sent before."""
    real = rig.brevo.send

    def send(method: str, url: str, *, headers: dict, body: bytes | None = None) -> Reply:
        reply = when(method, url, json.loads(body) if body else {})
        return reply if reply is not None else real(method, url, headers=headers, body=body)

    rig.brevo.send = send
    return real


def end_leases(rig: Rig) -> None:
    """The leases of a worker that is gone have ended."""
    for target in rig.client.zrange("tajo:lease:contacts", 0, -1):
        rig.client.zadd("tajo:lease:contacts", {target: 1})


def merged(gone: int, kept: int, when: float) -> Event:
    record = {"keptId": str(kept), "deletedId": str(gone)}
    return Event(f"merge:{when}", "shop", Kind.CUSTOMER_MERGED, at(when), str(kept), str(kept), record)


def sms(number: int, when: float, state: ConsentState = ConsentState.WITHDRAWN) -> Event:
    told = Consent(Channel.SMS, state, at(when), "sms", explicit=True)
    return Event(f"sms:{number}:{when}", "shop", Kind.CONSENT_CHANGED, at(when), str(number), str(number), {}, (told,))


def erased(number: int, email: str, when: float) -> Event:
    return customer(number, email, when, kind=Kind.CUSTOMER_ERASED)


def texts(rig: Rig) -> dict[bytes, str]:
    """Everything in Redis, as text."""
    read = {b"string": "get", b"hash": "hgetall", b"set": "smembers"}
    found = {}
    for key in rig.client.scan_iter("*"):
        kind = rig.client.type(key)
        if kind in read:
            found[key] = str(getattr(rig.client, read[kind])(key))
        elif kind == b"list":
            found[key] = str(rig.client.lrange(key, 0, -1))
        elif kind == b"zset":
            found[key] = str(rig.client.zrange(key, 0, -1))
        else:
            found[key] = str(rig.client.xrange(key))
    return found
