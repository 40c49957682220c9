"""One mail that a skill asks for, once: to the person of the record, if they may be mailed at that moment."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from customer_sync.brevo.desk import Desk
from customer_sync.brevo.gate import Gate
from customer_sync.brevo.lanes import MAIL
from customer_sync.brevo.mail import counts
from customer_sync.brevo.mail.courier import Courier, NotNow, Posted, Unmailable
from customer_sync.brevo.mail.letter import Letter, Tried, tried
from customer_sync.brevo.mail.seen import END, fields_of, first_names, purchases, recipient, source_of
from customer_sync.brevo.mail.series_step import KEPT, NOTHING
from customer_sync.engine.lane import Outcome
from customer_sync.errors import Parkable
from customer_sync.model import ConsentState, Json, from_ms, to_ms
from customer_sync.person.merge import State, merge, stamp
from customer_sync.person.person import Person, apply
from customer_sync.series.decide import Why
from customer_sync.store.forms import Kept, encode_kept
from customer_sync.store.items import Item, Settlement
from customer_sync.store.mails import Sight

#: A mail that was asked for longer ago is not sent: what it tells of is over.
MAX_AGE: Final = timedelta(days=7)


class SingleStep:
    """Works on single mails.

    Args:
        desk: what a handler works with.
        courier: sends mails.
    """

    def __init__(self, desk: Desk, courier: Courier) -> None:
        self._desk = desk
        self._courier = courier

    def work(self, item: Item, sight: Sight, gate: Gate) -> Outcome:
        """Send the mail, or write down why not.

        Raises:
            TajoError: as Brevo's answers say.
        """
        now_ms = self._desk.clock()
        fields, mails = fields_of(sight.state), tried(sight.state)
        asked = fields.get("askedAt")
        newest_ms = max((one.at_ms for one in sight.state.values()), default=now_ms)
        asked_at = from_ms(asked if isinstance(asked, int) else newest_ms)
        if asked_at + KEPT <= from_ms(now_ms):
            return Outcome(item, Settlement(item.target, record=NOTHING), "unchanged", "old: it is forgotten")
        if END in sight.state or (mails and not mails[0].is_open):
            return _done(item, sight, {}, from_ms(now_ms), "done before")
        is_called_off = self._is_called_off(item, sight, fields, asked_at)
        if not mails and is_called_off:
            return _done(item, sight, {}, from_ms(now_ms), "called off: what it reminds of was bought or is gone")
        person = None
        if sight.whose is not None:
            person = apply(self._desk.store.people.decode(sight.whose.record), sight.whose.parts)
        letter = self._letter(item, fields, person, mails[0] if mails else None)
        is_old = asked_at + MAX_AGE <= from_ms(now_ms)
        why = Why.BOUGHT if is_called_off else Why.TOO_OLD if is_old else self._why_not(item, letter, person)
        found = self._before(letter, mails[0], why) if mails else None
        return self._outcome(item, sight, letter, found or why or self._courier.send(item, sight, letter, gate))

    def _is_called_off(self, item: Item, sight: Sight, fields: Mapping[str, Json], asked_at: datetime) -> bool:
        """Tell whether what a mail reminds of was bought since, or is gone: this cart, or anything by its person."""
        if fields.get("calledOff") is True:
            return True
        reminds = fields.get("reminds")
        if not isinstance(reminds, str):
            return False
        if any(one.at >= asked_at for one in purchases(sight.others, source_of(item.target))):
            return True
        said = self._desk.store.records.state(MAIL.name, f"{source_of(item.target)}:{reminds}").get("calledOff")
        return said is not None and said.value is True and from_ms(said.at_ms) >= asked_at

    def _before(self, letter: Letter, open_one: Tried, why: Why | None) -> Posted | None:
        """Return what became of an earlier try; None where the mail is to be sent (again)."""
        if why is None and self._courier.may_repeat(open_one):
            return None
        return self._courier.settle_doubt(letter, open_one) if letter.email else self._courier.doubt(letter)

    def _outcome(self, item: Item, sight: Sight, letter: Letter, result: Posted | NotNow | Unmailable | Why) -> Outcome:
        if isinstance(result, NotNow):
            return Outcome(item, Settlement(item.target, "again", due_in_s=result.after_s), "held", result.why)
        now = from_ms(self._desk.clock())
        if isinstance(result, Posted):
            note = "nobody knows whether the mail went: it is not sent again" if result.in_doubt else "mail sent"
            done = _done(item, sight, result.state, now, note)
            done.settlement.counts = counts.mail(letter.skill, "", 1, is_first=True, in_doubt=result.in_doubt)
            return done._replace(word="delivered")
        why = result if isinstance(result, Why) else Why.NO_ADDRESS if result.is_gone else Why.UNSUBSCRIBED
        end: dict[str, Json] = {"why": str(why), "at": to_ms(now)}
        ended = _done(item, sight, stamp({END: end}, to_ms(now), to_ms(now) * 1000), now, f"no mail: {why}")
        ended.settlement.counts = counts.ended(letter.skill, why)
        return ended

    def _why_not(self, item: Item, letter: Letter, person: Person | None) -> Why | None:
        if not self._desk.settings.applies(letter.skill, source_of(item.target)):
            return Why.EXCLUDED
        if person is None or person.email is None:
            return Why.NO_ADDRESS
        to = recipient(person, self._desk.rules(), self._desk.settings)
        if to.has_left_list or to.consent is ConsentState.WITHDRAWN:
            return Why.UNSUBSCRIBED
        return None if to.consent is ConsentState.GRANTED else Why.NO_CONSENT

    def _letter(self, item: Item, fields: Mapping[str, Json], person: Person | None, again: Tried | None) -> Letter:
        asked = fields.get("mail")
        mail: Mapping[str, Json] = asked if isinstance(asked, dict) else {}
        template_id, subject, params = mail.get("templateId"), mail.get("subject"), mail.get("params")
        if not isinstance(template_id, int) or isinstance(template_id, bool):
            raise Parkable("A skill asks for a mail without the number of a template.", "Correct the skill.")
        names = {} if person is None else first_names(person, self._desk.rules(), self._desk.settings)
        return Letter(
            str(fields.get("skill") or ""),
            self._desk.store.people.ref("mail", f"{item.target}:1"),
            1,
            1,
            self._desk.clock() if again is None else again.at_ms,
            (person.email if person is not None else None) or "",
            template_id,
            subject if isinstance(subject, str) else None,
            "",
            {**names, **(params if isinstance(params, dict) else {})},
        )


def _done(item: Item, sight: Sight, state: State, now: datetime, note: str) -> Outcome:
    """Return the outcome of a mail with which nothing more is to be done; it is remembered for a while."""
    record = encode_kept(Kept(merge([sight.state, state]), sight.kept.has))
    return Outcome(item, Settlement(item.target, record=record, next_ms=to_ms(now + KEPT)), "unchanged", note)
