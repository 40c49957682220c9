"""The steps of one journey: everybody is pulled, changes come by pull and by webhook, opt-outs go back."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from customer_sync.store import keys
from customer_sync.store.run import RunState
from tests.contract.trial import Person, Trial
from tests.hybrid.house import LIST
from tests.journey.home import PATIENCE_S, Home, until
from tests.journey.judge import by_address, differences
from tests.journey.killer import Killer
from tests.stores.servers import StoreClient

#: How webhooks arrive on the way.
ROUGH = {"duplicates": 0.4, "reorder_s": 0.4, "burst": 3}
SMOOTH = {"duplicates": 0.0, "reorder_s": 0.0, "burst": 0}
#: For how long nothing may be called once all has come to rest, in seconds.
REST_S = 3.0
#: How often in a row nothing may be found that waits.
LOOKS = 3
#: How often a run that stopped is resumed, as an operator does who reads why.
RESUMES = 5


#: What is asked of the account by schedule: (method, route).
LOOKS_AT_ACCOUNT = {
    ("GET", route)
    for route in ("/account", "/contacts/attributes", "/contacts/lists", "/contacts/consent-groups", "/smtp/templates")
}


class Calls(NamedTuple):
    """How often each side was called so far."""

    brevo: int
    platform: int


class Way:
    """A journey at one platform.

    Args:
        home: the installation.
        trial: what is known of the platform.
        shop: its stand-in.
        killer: kills meanwhile.
    """

    def __init__(self, home: Home, trial: Trial, shop: StoreClient, killer: Killer) -> None:
        self.home, self.trial, self.shop, self.killer = home, trial, shop, killer
        #: The addresses of those who left.
        self.left: set[str] = set()
        #: The addresses of those who became one with others: they may stay in Brevo, on no list of ours.
        self.parted: set[str] = set()
        #: What the platform knows no such act for.
        self.impossible: set[str] = set()
        #: How long each step took, in seconds.
        self.steps: dict[str, float] = {}
        self._names = 0

    def timed(self, name: str, step: Callable[[], Any]) -> Any:
        """Do a step and note how long it took."""
        began_s = time.monotonic()
        try:
            return step()
        finally:
            self.steps[name] = round(time.monotonic() - began_s, 1)

    # runs

    def pull(self, *words: str) -> Any:
        """Let the source be synced by the command that people use, and wait for the end of the run."""
        begun = self.home.tajo(
            "connectors", "sync", self.home.platform, *words, "--resource", "customers", "--no-wait", "--json"
        )
        number = str(begun["id"])
        resumed = 0

        def is_done() -> bool:
            nonlocal resumed
            run = self.home.run(number)
            if run.state is RunState.STOPPED and resumed < RESUMES:
                resumed += 1
                self.home.tajo("runs", "resume", number)
            assert run.state not in {RunState.CANCELLED, RunState.PAUSED}
            return run.state is RunState.DONE

        until(is_done, self.home, lambda: self.home.run(number), 4 * PATIENCE_S)
        return self.home.run(number)

    # the stand-in

    def habits(self, **habits: Any) -> None:
        """Set how webhooks arrive."""
        self.shop.post("/fake/webhooks", habits)

    def silently(self, act: Callable[[], Any]) -> Any:
        """Let something happen without webhooks."""
        self.habits(is_on=False)
        try:
            return act()
        finally:
            self.habits(is_on=True)

    def set_clock(self) -> None:
        """Let the platform's clock be as slow as its pulls stay behind."""
        self.shop.post("/fake/clock", {"offset_s": -self.trial.behind_s})

    def second(self) -> None:
        """Wait until it is another second at the platform: some tell times in whole seconds."""
        now = self.shop.get("/fake/state")["now"][:19]
        until(lambda: self.shop.get("/fake/state")["now"][:19] > now, self.home)

    def do(self, name: str, *arguments: Any) -> Any:
        """Let the trial do something; None where the platform knows no such thing."""
        try:
            return getattr(self.trial, name)(self.shop, *arguments)
        except NotImplementedError:
            self.impossible.add(name)
            return None

    def fresh(self, word: str) -> str:
        """Return a text that was never used."""
        self._names += 1
        return f"{word}{self._names}"

    # acts

    def edit_silently(self, count: int) -> set[str]:
        """Let some be edited without a webhook; return the names that must arrive."""
        self.shop.delete("/fake/faults")
        people = self.trial.people(self.shop)
        named = [one for one, person in sorted(people.items()) if person.email and person.first]
        chosen = named[:: max(1, len(named) // count)][:count]
        names = {self.fresh("Silent") for _ in chosen}

        def edit() -> None:
            for one, name in zip(chosen, sorted(names), strict=True):
                self.do("nickname", one, name)

        if self.home.connector.pulls_edits:
            self.silently(edit)
        if self.impossible or not self.home.connector.pulls_edits:
            self.silently(lambda: self.trial.change(self.shop))
            self.set_clock()
            return set()
        return names

    def round(self, *, is_last: bool = False) -> None:
        """Let people come, change, move, agree, leave, become one and go, with webhooks as bad as they are.

        Args:
            is_last: nobody goes: who is not found is looked for again during a minute.
        """
        self.habits(**ROUGH)
        made = [self.trial.create(self.shop) for _ in range(8)]
        self.second()
        self.do("nickname", made[0], self.fresh("Nick"))
        self.do("rename", made[1], f"{self.fresh('moved')}@journey.example")
        self.do("subscribe", made[2])
        self.do("subscribe", made[3])
        self.second()
        self.leave_there(made[2])
        if not is_last:
            address = self.trial.address(self.shop, made[5]).lower()
            self.do("merge", made[4], made[5])
            self.parted |= set() if "merge" in self.impossible else {address}
            self.trial.delete(self.shop, made[6])
        self.do("nickname", made[7], self.fresh("Nick"))
        self.second()
        self.do("rename", made[7], f"{self.fresh('moved')}@journey.example")
        self.do("nickname", made[0], self.fresh("Nick"))
        self.habits(**SMOOTH)

    def leave_there(self, record_id: str) -> None:
        """Let somebody who agreed take it back at the platform."""
        address = self.trial.address(self.shop, record_id).lower()
        is_known = True
        if self.trial.empty_boxes:  # an emptied box tells of nobody who was never seen to have ticked it
            self.habits(**SMOOTH)
            until(lambda: self._is_listed(address) or self.lost(), self.home)
            is_known = self._is_listed(address)
            self.habits(**ROUGH)
        self.do("unsubscribe", record_id)
        if is_known and "unsubscribe" not in self.impossible:
            self.left.add(address)

    def _is_listed(self, address: str) -> bool:
        self.shop.post("/fake/deliver")
        contact = self.home.sandbox.contacts().get(address)
        return contact is not None and LIST in contact["listIds"]

    def somebody_on_the_list(self) -> tuple[str, str]:
        """Return id and address of somebody who agreed and can be mailed, and whose address is nobody else's."""
        people = self.trial.people(self.shop)
        shared = by_address(people)
        contacts = self.home.sandbox.contacts()
        for record_id, person in people.items():
            contact = contacts.get(person.email.lower())
            if contact is None or contact["emailBlacklisted"] or person.may_mail is False:
                continue
            is_alone = {one.may_mail for one in shared.get(person.email.lower(), ())} == {person.may_mail}
            if is_alone and (LIST in contact["listIds"] or not self.home.connector.writes):
                return record_id, person.email.lower()
        raise AssertionError("nobody agreed")

    # looking

    def settle(self, patience_s: float = 2 * PATIENCE_S) -> None:
        """Wait until every webhook has arrived, nothing waits anywhere and whatever was killed works again."""
        asked_s, looks = 0.0, 0

        def is_settled() -> bool:
            nonlocal asked_s, looks
            waits = self.shop.get("/fake/state").get("deliveries", {}).get("waiting", 0)
            if waits and self.home.is_up("web") and time.monotonic() - asked_s > 1.0:
                self.shop.post("/fake/deliver")
                asked_s = time.monotonic()
            is_told = all(one["state"] not in {"waiting", "pending"} for one in self.home.sandbox.deliveries())
            looks = looks + 1 if not waits and is_told and not self.home.waiting() else 0
            return looks >= LOOKS  # a run that ends, and an item that moves on, may be nowhere for a moment

        until(is_settled, self.home, lambda: self.shop.get("/fake/state").get("deliveries"), patience_s)

    def differences(self) -> list[str]:
        """Return what Brevo has otherwise than the platform, whose API tells the truth from here on."""
        self.shop.delete("/fake/faults")
        people: dict[str, Person] = self.trial.people(self.shop)
        contacts = self.home.sandbox.contacts()
        return differences(people, contacts, self.left, self.parted, empty_boxes=self.trial.empty_boxes)

    def catch_up(self) -> list[str]:
        """Pull what webhooks did not bring, and return what that was.

        There must be a reason: the platform gave webhooks up while nobody answered, or has none for some acts.
        """
        found = self.differences()
        if found:
            assert self.lost() or self.trial.deaf, (found, self.home.parked())
            self.pull(*(["--compare"] if self.lost() else []))
            self.settle()
        assert self.differences() == []
        return found

    def calls(self) -> Calls:
        """Return how often each side was called; what the schedule asks of the account now and then is no news."""
        rows = self.home.sandbox.calls(0)["totals"]
        brevo = sum(one["calls"] for one in rows if (one["method"], one["route"]) not in LOOKS_AT_ACCOUNT)
        return Calls(brevo, sum(self.shop.get("/fake/state")["calls"].values()))

    def calls_at_rest(self) -> Calls:
        """Return how often each side is called while nothing happens any more; a compare with Brevo is over before."""
        until(
            lambda: not self.home.client.exists(keys.RECONCILE_DUE, keys.RECONCILE_LOCK), self.home, "", 4 * PATIENCE_S
        )
        before = self.calls()
        ends = time.monotonic() + REST_S
        until(lambda: time.monotonic() >= ends, self.home)
        after = self.calls()
        return Calls(after.brevo - before.brevo, after.platform - before.platform)

    def lost(self) -> int:
        """Return how many webhooks the platform gave up or never called us for."""
        counts = self.shop.get("/fake/state").get("deliveries", {})
        return int(counts.get("given_up", 0) + counts.get("elsewhere", 0))
