"""What must hold at the end of a history: found by the journal and by what the platforms themselves have.

A straight reading, with nothing of our code: who withdrew and was not answered is blocked, nobody is on a list who did
not agree, nobody has another's name, and who left in Brevo has left everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from tests.contract.trial import Person
from tests.four.history import Journal, Member
from tests.four.town import LIST, Town

#: What no opt-in at a platform lifts.
LASTING = frozenset({"spam", "hard_bounce"})


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
        erased = newest(one.when for one in self.journal.erasures if email in one.emails)
        return erased is None or (member is not None and member.changed > erased)

    def _member(self, key: tuple[str, str]) -> Member | None:
        return next((one for one in self.journal.members if (one.site, one.id) == key), None)

    def _is_there(self, email: str) -> None:
        if any(self._is_known(email, key) for key in self.living(email)):
            assert email in self.contacts, f"{email} is no contact: {self.living(email)}"

    # consent

    def opt_ins(self, email: str) -> datetime | None:
        """Return the newest opt-in that was given for an address and may be an act."""
        return newest(when for one in self.journal.members for when, given in one.yes if given == email)

    def _is_not_mailed(self, email: str) -> None:
        """Who withdrew, and was not answered by a later opt-in, is blocked and on no list."""
        contact = self.contacts.get(email)
        if contact is None:
            return
        here = self.opt_ins(email)
        for when, why, is_lasting, own in self._withdrawals(email):
            answer = newest(one for one in (here, own) if one is not None)
            if is_lasting or answer is None or answer <= when:
                assert contact["emailBlacklisted"], f"{email} is not blocked: {why} at {when}"

    def _withdrawals(self, email: str) -> Iterable[tuple[datetime, str, bool, datetime | None]]:
        """Yield the withdrawals that concern an address: when, what, whether for good, the record's own newest opt-in.

        Of the platforms those count that still stand there: nobody knows what was taken back before it was heard of.
        """
        for left, when, word in self.journal.brevo:
            if left == email and word != "leave_list":
                yield when, f"{word} in Brevo", word in LASTING, None
        for key in self.living(email):
            member = self._member(key)
            if member is None or self.people[key].may_mail is not False or not member.no:
                continue
            yes, no = newest(at for at, _ in member.yes), newest(at for at, _ in member.no)
            assert no is not None
            is_act = not self.town.sites[key[0]].only_after_yes or self._was_seen(yes, no)
            if is_act and (yes is None or yes < no):
                yield no, f"{key} opted out", False, yes

    def _was_seen(self, yes: datetime | None, no: datetime) -> bool:
        """Whether all was told between a tick and its end."""
        return yes is not None and any(yes <= one < no for one in self.journal.quiet)

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
        if any(self.town.opt_out_told(*key) == "written" for key in living):
            # the opt-out that was told changed that record, later than anything that people did
            allowed = {self.people[one.site, one.id].first for one in members}
        found = contact["attributes"].get("FIRSTNAME")
        assert found in allowed, f"{email} is called {found}, not {allowed}"

    # opt-outs that go back

    def _left_everywhere(self, email: str) -> None:
        """Who left in Brevo has left at each platform, or it is told why not."""
        left = [(when, word) for mail, when, word in self.journal.brevo if mail == email and word != "leave_list"]
        granted = self.opt_ins(email)
        open_ones = [when for when, word in left if word in LASTING or granted is None or granted <= when]
        when = newest(open_ones)
        if when is None or any(one.when > when and email in one.emails for one in self.journal.erasures):
            return
        for key in self.living(email):
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
            back = {email for email in erasure.emails for key in self.living(email) if self._is_known(email, key)}
            back |= {email for mail, when, _ in self.journal.brevo if when > erasure.when for email in (mail,)}
            texts = everything(self.town) if texts is None else texts
            living = {one.first for one in self.people.values()}
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
