"""What the steps of a proof share: the course, the hands, and how a step ends the whole proof."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from customer_sync.base.clock import Clock
from customer_sync.brevo.proof import canaries
from customer_sync.brevo.proof.course import Course, View, Views
from customer_sync.brevo.proof.hands import Hands
from customer_sync.model import Json
from customer_sync.store import Store


class Ended(Exception):
    """The proof cannot go on: nothing is open after it.

    Args:
        why: `unclear`, or `failed` where harm was seen.
        text: what is so, for people.
        remedy: what to do.
    """

    def __init__(self, why: str, text: str, remedy: str = "") -> None:
        super().__init__(text)
        self.why = why
        self.text = text
        self.remedy = remedy


class Walk(NamedTuple):
    """One visit at a proof that is under way.

    Args:
        course: how far it is; each step changes it.
        hands: makes the calls.
        store: all that Redis holds.
        clock: milliseconds since 1970.
        save: stores the course; another process may go on from there.
        notify_url: the URL that Brevo is to call when an import is done; "" for none.
    """

    course: Course
    hands: Hands
    store: Store
    clock: Clock
    save: Callable[[], None]
    notify_url: str = ""

    @property
    def owner(self) -> str:
        """Which Tajo this is, on an account that others may use, too."""
        return self.store.proofs.owner()

    def marks(self) -> dict[str, Json]:
        """Return the values by which a contact is known to be ours."""
        return canaries.marks(self.owner)

    def title(self, name: str) -> str:
        """Return the title of a list of ours."""
        return canaries.title_of(name, self.owner)

    def waited_s(self) -> float:
        """Return how long the present step has been tried, in seconds."""
        return (self.clock() - self.course.since_ms) / 1000

    def note(self, text: str) -> None:
        """Add to what the receipt tells."""
        self.course.note(self.clock(), text)

    def name(self, letter: str) -> str:
        """Choose a new address for a canary and store it before anything is made at that address."""
        email = canaries.address_of(self.course.address, letter, canaries.new_tag())
        self.need_free(email)
        self.store.proofs.know([self.store.people.fingerprint(email)])
        self.course.emails[letter] = email
        return email

    def need_free(self, email: str) -> None:
        """Return where an address is nobody's.

        Raises:
            Ended: it is a customer's, or a contact's that no proof made.
        """
        if self.store.people.find(email) is not None:
            raise Ended("unclear", "An address of a canary is a customer's.", "Name another address.")
        found = self.hands.read(email)
        if found is not None:
            raise foreign()

    def view(self, letter: str) -> View | None:
        """Read a canary."""
        email = self.course.emails[letter]
        found = self.hands.read(email)
        return None if found is None else View.of(found, email)

    def views(self) -> Views:
        """Read all canaries, but for those that ride along."""
        return {letter: self.view(letter) for letter in self.course.emails if not letter.startswith("R")}

    def need_lists(self) -> None:
        """Return where all lists of the proof are there.

        Raises:
            Ended: somebody deleted one.
        """
        course = self.course
        numbers = {**course.lists, **(course.now.lists if course.passes else {})}
        for name, number in numbers.items():
            if not self.hands.has_list(number):
                raise gone(self.title(name))


def foreign() -> Ended:
    """Return the end for a contact at the address of a canary that no proof made."""
    text = "A contact in Brevo that no proof made has an address of a canary."
    return Ended("unclear", text, "Name another address, or delete that contact in Brevo.")


def gone(name: str) -> Ended:
    """Return the end for a list that somebody deleted."""
    text = f"The list “{name}” was deleted in Brevo while the proof ran."
    return Ended("unclear", text, "`tajo brevo prove` makes it anew.")
