"""What a stand-in's customers do: they register, edit, buy, agree, leave, change address, are merged, are deleted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from copy import copy
from random import Random
from typing import Any, ClassVar, Final, Protocol

from customer_sync.kit.invented.people import Person, correct, make_email, make_person

#: Each act with how often it happens, in a thousand.
WEIGHTS: Final[Mapping[str, int]] = {
    "register": 230,
    "edit": 200,
    "buy": 190,
    "buy_as_guest": 60,
    "agree": 120,
    "withdraw": 60,
    "readdress": 60,
    "merge": 25,
    "delete": 35,
    "erase": 20,
}
_NAMES, _SHARES = tuple(WEIGHTS), tuple(WEIGHTS.values())


class World(Protocol):
    """What a platform lets its people do; it tells of each by webhook, as it does of everything."""

    #: Acts that it has no counterpart for; another happens in their place.
    impossible: ClassVar[frozenset[str]]

    def register(self, person: Person, *, agrees: bool | None) -> Any:
        """Let somebody come; return who that is, as the other acts take it. None of them was never asked to agree."""

    def edit(self, who: Any, person: Person) -> None:
        """Let somebody say what has changed: name, street, number or address of mail."""

    def say(self, who: Any, *, agrees: bool) -> None:
        """Let somebody agree to mail, or withdraw."""

    def buy(self, who: Any, person: Person) -> None:
        """Let somebody buy; None is a guest."""

    def merge(self, kept: Any, gone: Any) -> None:
        """Make two records of one person one."""

    def delete(self, who: Any) -> None:
        """Delete a record."""

    def erase(self, who: Any) -> None:
        """Forget a person, as the law asks."""


class Crowd:
    """People who act, one act after the other.

    Args:
        world: where they act.
        seed: the same number brings the same people and acts.
    """

    def __init__(self, world: World, seed: int) -> None:
        self._world, self._dice = world, Random(seed)
        self._people: dict[Any, Person] = {}
        self.happened: Counter[str] = Counter()
        self._acts: Mapping[str, Callable[[], None]] = {
            "register": self._register,
            "edit": self._edit,
            "readdress": self._readdress,
            "agree": lambda: world.say(self._somebody(), agrees=True),
            "withdraw": lambda: world.say(self._somebody(), agrees=False),
            "buy": self._buy,
            "buy_as_guest": lambda: world.buy(None, make_person(self._dice)),
            "merge": self._merge,
            "delete": lambda: world.delete(self._leave()),
            "erase": lambda: world.erase(self._leave()),
        }

    def act(self, name: str = "") -> str:
        """Let the next thing happen and return what it was.

        Args:
            name: what happens; "" lets the dice decide.
        """
        name = name or self._dice.choices(_NAMES, _SHARES)[0]
        needed = {"register": 0, "buy_as_guest": 0, "merge": 2}.get(name, 1)
        if name in self._world.impossible or len(self._people) < needed:
            name = "register"
        self._acts[name]()
        self.happened[name] += 1
        return name

    def _register(self) -> None:
        person = make_person(self._dice)
        agrees = self._dice.choice((True, True, None))
        self._people[self._world.register(copy(person), agrees=agrees)] = person

    def _edit(self) -> None:
        who = self._somebody()
        person = self._people[who]
        correct(self._dice, person)
        self._world.edit(who, copy(person))

    def _readdress(self) -> None:
        who = self._somebody()
        person = self._people[who]
        person.email = make_email(self._dice, person.first, person.last)
        self._world.edit(who, copy(person))

    def _buy(self) -> None:
        who = self._somebody()
        self._world.buy(who, copy(self._people[who]))

    def _merge(self) -> None:
        gone = self._leave()
        self._world.merge(self._somebody(), gone)

    def _somebody(self) -> Any:
        return self._dice.choice(list(self._people))

    def _leave(self) -> Any:
        who = self._somebody()
        del self._people[who]
        return who
