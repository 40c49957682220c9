"""Sends one mail, and never twice: the word about it is written first, and Brevo knows it by its key.

nothing is known       the template and the contact are read, the word is written, the mail is posted
killed or no answer    the word is there, and within `KEY_S` the same mail is posted again, unless the log shows it
                       already: Brevo takes it once
the word is older      the log says whether it went; where that cannot be told, it is not sent again
due for long           Redis may have been put back to an older state: the log is read before the first try, too
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from customer_sync.brevo.desk import Desk
from customer_sync.brevo.gate import Gate
from customer_sync.brevo.lanes import MAIL
from customer_sync.brevo.mail.account import Account
from customer_sync.brevo.mail.letter import Letter, Tried, tried
from customer_sync.engine.lane import HELD_S
from customer_sync.errors import ConfigError, FieldRefused, Missing, Parkable, TryLater
from customer_sync.person.merge import State
from customer_sync.store.items import Item
from customer_sync.store.mails import Sight

#: Within this time of the first try a mail is posted again with its key, in seconds. Brevo remembers a key for 30
#: minutes (https://developers.brevo.com/docs/heterogenous-versions-batch-emails).
KEY_S: Final = 25 * 60.0
#: A mail is not posted later than this after its word was written, in seconds: a worker may have been frozen between.
PROMPT_S: Final = 30.0
#: How soon a mail is looked at again whose template cannot be used, in seconds.
TEMPLATE_S: Final = 60.0
#: The answers of the store → why nothing was sent now.
_NOT_NOW: Final[Mapping[str, str]] = {
    "behind": "waits until all that arrived before is read",
    "changed": "something changed meanwhile",
    "lost": "another worker has it, or it was forgotten",
}


class Posted(NamedTuple):
    """A mail went, now or at an earlier try.

    Args:
        state: what is kept of it.
        in_doubt: nobody knows whether it went, and it is not sent again.
    """

    state: State
    in_doubt: bool = False


class NotNow(NamedTuple):
    """Nothing was sent, and it is tried again: why, and after how many seconds."""

    why: str
    after_s: float = HELD_S


class Unmailable(NamedTuple):
    """The address may not be mailed: why, and whether there is no contact or no such mailbox."""

    why: str
    is_gone: bool = False


class Courier:
    """Sends mails.

    Args:
        desk: what a handler works with.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._mails = desk.store.mails
        self._account = Account(desk)

    def send(self, item: Item, sight: Sight, letter: Letter, gate: Gate) -> Posted | NotNow | Unmailable:
        """Send a mail that was decided on.

        Raises:
            TajoError: as Brevo's answers say.
        """
        fault = self._account.template_fault(letter.template_id)
        if fault:
            return NotNow(fault, TEMPLATE_S)
        why = self._account.unmailable(letter.email)
        if why is None and sight.whose is not None and sight.whose.parts:
            return NotNow("waits until the contact is in Brevo")
        if why != "":
            return Unmailable(why or "not in Brevo", is_gone=why is None)
        is_late = self._desk.clock() - item.since_ms > KEY_S * 1000
        # how long ago a try was is known by a clock that may have been set back meanwhile: the log is asked as well
        is_again = any(one.number == letter.number for one in tried(sight.state))
        if (is_late or is_again) and self._account.went(letter.email, letter.template_id, letter.tag) == "yes":
            return self._posted(letter, "sent")
        return self._post(item, sight, letter, gate)

    def settle_doubt(self, letter: Letter, open_one: Tried) -> Posted | None:
        """Return what became of a mail whose word is old; None where it did not go for certain.

        Raises:
            TajoError: Brevo does not answer.
        """
        went = self._account.went(letter.email, open_one.template_id, letter.tag)
        return None if went == "no" else self._posted(letter, "sent" if went == "yes" else "doubt")

    def doubt(self, letter: Letter) -> Posted:
        """Return a mail of which nobody knows whether it went, and which is not to be sent any more."""
        return self._posted(letter, "doubt")

    def may_repeat(self, open_one: Tried) -> bool:
        """Tell whether Brevo still knows the key of a mail."""
        # a try that is yet to come: the clock was set back, and nobody knows how long ago it was
        return -PROMPT_S * 1000 <= self._desk.clock() - open_one.at_ms < KEY_S * 1000

    def _post(self, item: Item, sight: Sight, letter: Letter, gate: Gate) -> Posted | NotNow | Unmailable:
        gate.wait()
        said_ms = self._desk.clock()
        part = letter.part("open", said_ms)
        word = self._mails.say(MAIL.name, item, sight, part)
        if word != "said":
            return NotNow(_NOT_NOW[word])
        if self._desk.clock() - said_ms > PROMPT_S * 1000:
            return NotNow("this worker was held up")
        try:
            message_id = self._account.send(letter.body, MAIL.bucket)
        except FieldRefused as error:
            if error.is_taken:
                return self._posted(letter, "sent")
            self._mails.take_back(MAIL.name, item, part)
            return Unmailable("Brevo does not accept the address", is_gone=True)
        except Missing:
            self._mails.take_back(MAIL.name, item, part)
            return NotNow(self._account.lose_template(letter.template_id), TEMPLATE_S)
        except (ConfigError, Parkable):
            self._mails.take_back(MAIL.name, item, part)
            raise
        except TryLater as error:
            if not error.burns:  # the limit: nothing was sent
                self._mails.take_back(MAIL.name, item, part)
            raise
        return self._posted(letter, "sent", message_id)

    def _posted(self, letter: Letter, word: str, message_id: str = "") -> Posted:
        return Posted(letter.part(word, self._desk.clock(), message_id).state, in_doubt=word == "doubt")
