"""What must hold at the end of a history: found by the journal and by what the platforms themselves have.

A straight reading, with nothing of our code: who withdrew and was not answered is blocked, nobody is on a list who did
not agree, nobody has another's name, and who left in Brevo has left everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from tests.contract.trial import Person
from tests.four.history import Journal, Member
from tests.four.town import LIST, Town

#: What no opt-in at a platform lifts.
LASTING = frozenset({"spam", "hard_bounce"})


class Withdrawn(NamedTuple):
    """A withdrawal that concerns an address.

    Args:
        when: when it was said.
        why: what it was.
        is_lasting: no opt-in lifts it.
        own: the newest opt-in of the record that said it, which answers it at any address.
    """

    when: datetime
    why: str
    is_lasting: bool = False
    own: datetime | None = None


class Judge:
    """Looks at a town after a history.

    Args:
        town: where all has arrived, every source was read, and nothing waits.
        journal: what was done.
    """

    def __init__(self, town: Town, journal: Journal) -> None:
        self.town, self.journal = town, journal
        self.contacts = {email.lower(): row for email, row in town.house.contacts.items()}
        #: (platform, id) → what the platform has.
        self.people: dict[tuple[str, str], Person] = {
            (name, id_): one for name, site in town.sites.items() for id_, one in site.people().items()
        }

    def look(self) -> None:
        """Look at everything.

        Raises:
            AssertionError: something is not as it should be.
        """
        emails = {one.email.lower() for one in self.people.values()} | set(self.contacts)
        for email in sorted(emails):
            self._is_there(email)
            self._is_not_mailed(email)
            self._is_mailed(email)
            self._agreed(email)
            self._has_own_name(email)
            self._left_everywhere(email)
        self._is_forgotten()
        assert self.town.house.store.parked.list() == []

    # who is where

    def living(self, email: str) -> list[tuple[str, str]]:
        """Return the records that have an address now."""
        return [key for key, one in self.people.items() if one.email.lower() == email]

    def _is_known(self, email: str, key: tuple[str, str]) -> bool:
        """Whether a record was heard of since the last erasure that concerns it."""
        member = self._member(key)
        homes = {email} | ({home for _, home in member.homes} if member is not None else set())
        erased = newest(one.when for one in self.journal.erasures if homes & one.emails)
        if erased is None:
            return True
        if member is not None:
            return member.changed > erased
        said = [
            at
            for one in self.journal.members
            if one.site == key[0]
            for at, given in (*one.yes, *one.no)
            if given == email
        ]
        return any(at > erased for at in said)  # a consent that stands in a record of its own

    def _member(self, key: tuple[str, str]) -> Member | None:
        return next((one for one in self.journal.members if (one.site, one.id) == key), None)

    def _is_there(self, email: str) -> None:
        if any(self._is_known(email, key) for key in self.living(email)):
            assert email in self.contacts, f"{email} is no contact: {self.living(email)}"

    # consent

    def opt_ins(self, email: str) -> datetime | None:
        """Return the newest opt-in that was given for an address and may be an act.

        What is read again, and was never seen at another address, may have been given for the one that it has.
        """
        found = [when for one in self.journal.members for when, given in one.yes if given == email]
        for one in filter(None, map(self._member, self.living(email))):
            if self.town.sites[one.site].reads_again:
                found += [when for when, _ in one.yes if not self._was_seen(newest(self._moves(one, when)), when)]
        return newest(found)

    @staticmethod
    def _moves(one: Member, until: datetime) -> list[datetime]:
        return [since for since, _ in one.homes if since <= until]

    def _is_not_mailed(self, email: str) -> None:
        """Who withdrew, and was not answered by a later opt-in, is blocked and on no list."""
        contact = self.contacts.get(email)
        if contact is None:
            return
        here = self.opt_ins(email)
        for one in self._withdrawals(email):
            answer = newest(at for at in (here, one.own) if at is not None)
            if one.is_lasting or answer is None or answer <= one.when:
                assert contact["emailBlacklisted"], f"{email} is not blocked: {one.why} at {one.when}"

    def _withdrawals(self, email: str) -> Iterator[Withdrawn]:
        """Yield the withdrawals that concern an address."""
        yield from self._left_in_brevo(email)
        yield from self._stand_at_platforms(email)
        if not self.journal.is_lossy:
            yield from self._said_here(email)

    def _left_in_brevo(self, email: str) -> Iterator[Withdrawn]:
        """Yield those in Brevo, at the address itself and where those who live here lived then."""
        movers = [one for one in map(self._member, self.living(email)) if one is not None]
        for left, when, word in self.journal.brevo:
            is_erased = any(left in one.emails for one in self.journal.erasures)
            if word == "leave_list":
                continue
            if left == email:
                yield Withdrawn(when, f"{word} in Brevo", word in LASTING)
            elif word != "hard_bounce" and not is_erased:
                for one in movers:
                    since = newest(self._moves(one, when))
                    if one.home_at(when) == left and self._was_seen(since, when):
                        own = newest(at for at, _ in one.yes)
                        yield Withdrawn(when, f"{word} of {one.site} {one.id} at {left}", own=own)

    def _stand_at_platforms(self, email: str) -> Iterator[Withdrawn]:
        """Yield those that the platforms say now: nobody knows what was taken back before it was heard of."""
        for key in self.living(email):
            member = self._member(key)
            if member is None or self.people[key].may_mail is not False or not member.no:
                continue
            yes, no = newest(at for at, _ in member.yes), newest(at for at, _ in member.no)
            assert no is not None
            is_act = not self.town.sites[key[0]].only_after_yes or self._was_seen(yes, no)
            if is_act and (yes is None or yes < no):
                yield Withdrawn(no, f"{key} opted out", own=yes)

    def _said_here(self, email: str) -> Iterator[Withdrawn]:
        """Yield those that were told with the address, whoever has it now."""
        for one in self.journal.members:
            if self.town.sites[one.site].tells_states:
                for when, given in one.no:
                    if given == email:
                        yield Withdrawn(when, f"{one.site} {one.id} opted out here")

    def _was_seen(self, begun: datetime | None, ended: datetime) -> bool:
        """Whether all was told between the time at which something became so, and that at which it was so no more."""
        return begun is not None and any(begun <= one < ended for one in self.journal.quiet)

    def _is_mailed(self, email: str) -> None:
        """Who opted in by an act, after all that anybody withdrew anywhere, is mailed."""
        contact, journal = self.contacts.get(email), self.journal
        living = [one for one in map(self._member, self.living(email)) if one is not None]
        mine = [one for one in living if self.town.sites[one.site].acts and one.email == email]
        granted = newest(at for one in mine for at, given in one.yes if given == email)
        if contact is None or granted is None or any(self.people[key].may_mail is False for key in self.living(email)):
            return
        later = [at for one in journal.members for at, _ in one.no if at >= granted]
        later += [at for _, at, _ in journal.brevo if at >= granted]
        later += [at for at, homes in journal.ends if at >= granted and email in homes]
        later += [one.when for one in journal.erasures if one.when >= granted]
        is_lasting = any(word in LASTING for _, _, word in journal.brevo)
        if not later and not is_lasting:
            assert not contact["emailBlacklisted"], f"{email} opted in at {granted} and is blocked"
            assert LIST in contact["listIds"], f"{email} opted in at {granted} and is on no list"

    def _agreed(self, email: str) -> None:
        """Who is mailed agreed, at a platform that still says so."""
        contact = self.contacts.get(email)
        if contact is not None and LIST in contact["listIds"] and not contact["emailBlacklisted"]:
            said = {key: self.people[key].may_mail for key in self.living(email)}
            # what is agreed to at a checkout is for the address that was typed there, whoever has it later
            typed = [one for one in self.journal.members if self.town.sites[one.site].types_addresses]
            at_checkout = [at for one in typed for at, given in one.yes if given == email]
            assert any(said.values()) or at_checkout, f"{email} is mailed and did not agree: {said}"

    # names

    def _has_own_name(self, email: str) -> None:
        """A contact has the name of the newest record that leads to it."""
        contact = self.contacts.get(email)
        living = [key for key in self.living(email) if self._is_known(email, key)]
        members = [one for one in (self._member(key) for key in living) if one is not None]
        if contact is None or not members:
            return
        named = max(one.named for one in members)
        allowed = {self.people[one.site, one.id].first for one in members if one.changed >= named}
        if any(mail in {home for one in members for _, home in one.homes} for mail, _, _ in self.journal.brevo):
            # an opt-out that was told changed that record, later than anything that people did
            allowed = {self.people[one.site, one.id].first for one in members}
        if self.journal.is_lossy and not all(self.town.sites[one.site].tells_times for one in members):
            # nobody knows when it changed
            allowed |= {self.people[one.site, one.id].first for one in members}
        if self.journal.is_lossy:
            # of several records of one address, a compare does not find out which is gone
            gone = [one for one in self.journal.members if not one.is_there and self.town.sites[one.site].shares]
            allowed |= {name for one in gone if any(home == email for _, home in one.homes) for name in one.names}
        found = contact["attributes"].get("FIRSTNAME")
        assert found in allowed, f"{email} is called {found}, not {allowed}"

    # opt-outs that go back

    def _left_everywhere(self, email: str) -> None:
        """Who left in Brevo has left at each platform, or it is told why not."""
        left = [(when, word) for mail, when, word in self.journal.brevo if mail == email and word != "leave_list"]
        granted = self.opt_ins(email)
        open_ones = [when for when, word in left if word in LASTING or granted is None or granted <= when]
        when = newest(open_ones)
        if when is None or any(email in one.emails for one in self.journal.erasures):
            return  # who is forgotten is told nowhere
        for key in (one for one in self.living(email) if self._is_known(email, one)):
            site, member = self.town.sites[key[0]], self._member(key)
            result = self.town.opt_out_told(*key)
            if not site.takes_opt_outs:
                assert result == "unsupported", f"{key} of {email}: {result}"
                continue
            later = newest(at for at, _ in member.yes) if member is not None else granted
            if later is not None and later > when:
                continue
            assert self.people[key].may_mail is not True, f"{key} still mails {email}, who left at {when}: {result!r}"
            is_told = result in {"written", "unchanged"} or self.people[key].may_mail is False
            assert is_told, f"{key} was not told that {email} left at {when}: {result!r}"

    # erasure

    def _is_forgotten(self) -> None:
        """Nothing in Redis names somebody who was erased, and of whom nothing was heard since."""
        texts: str | None = None
        for erasure in self.journal.erasures:
            since = [one for one in self.journal.members if one.changed > erasure.when]
            back = {email for one in since for _, email in one.homes} | {
                email for mail, when, _ in self.journal.brevo if when > erasure.when for email in (mail,)
            }
            back |= {given for one in self.journal.members for at, given in (*one.yes, *one.no) if at > erasure.when}
            texts = everything(self.town) if texts is None else texts
            living = {one.first for one in self.people.values()}
            living |= {name for one in since for name in one.names}
            for word in (erasure.emails - back) | (erasure.names - living):
                assert word not in texts, f"{word} was erased at {erasure.when}: {where(self.town, word)}"
            for email in erasure.emails - back:
                assert email not in self.contacts, f"{email} was erased at {erasure.when}"


def newest(times: Iterable[datetime]) -> datetime | None:
    """The latest of some times."""
    return max(times, default=None)


def _all(town: Town) -> Iterable[tuple[str, str]]:
    """Yield every key of Redis with what it holds, as text."""
    client, readers = town.client, {b"string": "get", b"hash": "hgetall", b"set": "smembers", b"stream": "xrange"}
    for key in client.scan_iter("*"):
        kind = client.type(key)
        if kind in readers:
            yield key.decode(), str(getattr(client, readers[kind])(key))
        elif kind == b"list":
            yield key.decode(), str(client.lrange(key, 0, -1))
        else:
            yield key.decode(), str(client.zrange(key, 0, -1))


def everything(town: Town) -> str:
    """Return all keys and values of Redis in one text."""
    return "\n".join(f"{key} {text}" for key, text in _all(town))


def where(town: Town, word: str) -> list[str]:
    """Return the keys that hold a word."""
    return [key for key, text in _all(town) if word in f"{key} {text}"]
