"""Judges one record: what the source says now against what is known of it. Pure.

Values are compared, whichever is newer by its stamp. Of consent it counts what the source's word would change, and a
word of the record itself that loses against a newer one: what is stricter here than at the source is no difference.
What became known while the source was being read is not compared: the read may be older.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from customer_sync.batch.side_by_side import lost_words, side_by_side
from customer_sync.brevo.contacts.contact_plan import Rules, view
from customer_sync.engine.plan import Identity
from customer_sync.model import Channel
from customer_sync.person.consent import Standing
from customer_sync.person.merge import is_later, is_newer, is_same
from customer_sync.person.person import DELETED, Part, Person, apply


def differing(known: Person, who: Identity | None, parts: Sequence[Part], rules: Rules, begun_us: int) -> list[str]:
    """Return the fields in which a record and what is known of it differ, each once; the address is `email`.

    Args:
        known: the record's person, with what waits.
        who: the record's identity.
        parts: what the record says.
        rules: the operator's decisions.
        begun_us: when the reading of the source began, in microseconds.
    """
    names: list[str] = []
    for pair in side_by_side(known, parts):
        if pair.known is not None and is_later(pair.known, begun_us):
            continue
        if pair.name.isupper():
            names += [] if pair.known is not None and is_same(pair.one, pair.known) else [pair.name]
        elif pair.name == DELETED and pair.known is None:
            names.append("deleted")
    names += _consents(known, parts, rules, begun_us)
    if who is not None and _is_elsewhere(known, who, begun_us):
        names.append("email")
    return list(dict.fromkeys(names))


def _is_elsewhere(known: Person, who: Identity, begun_us: int) -> bool:
    """Tell whether a record told another address than the one that is known, and did not move since."""
    if who.ms <= 0 or not who.email or known.email == who.email:
        return False
    record = known.records.get(who.ref)
    return record is None or max(record.claim[0] * 1000, record.claim[1]) < begun_us


def _consents(known: Person, parts: Sequence[Part], rules: Rules, begun_us: int) -> Iterator[str]:
    yield from lost_words(known, parts, begun_us)
    told = [pair for pair in side_by_side(known, parts) if pair.name.startswith("consent.")]
    news = [pair.name for pair in told if pair.known is None or is_newer(pair.one, pair.known)]
    if not news:
        return
    was, will = view(known, rules), view(apply(known, parts), rules)
    for channel, before, after in ((Channel.EMAIL, was.email, will.email), (Channel.SMS, was.sms, will.sms)):
        if _standing(before) != _standing(after):
            yield from (name for name in news if name.startswith(f"consent.{channel}."))


def _standing(one: Standing) -> tuple[object, ...]:
    return one.state, one.granted_by
