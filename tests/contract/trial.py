"""What the contract suite must know of one connector, to try its pull half against its own stand-in.

A connector that can be pulled names one in `connectors/<platform>/tests/contract.py`:

```python
class Lamps(Trial):
    options = {"key": "right"}
    ...

TRIAL = Lamps()
```

The suite starts `python -m connectors.<platform>.fake` once, sets it back before each test (`POST /fake/reset`) and
lets it play every fault of `customer_sync.kit.fakes.faults`. Only what differs from platform to platform stands here.
"""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from customer_sync.errors import ConfigError, TajoError
from customer_sync.kit.connector import Connector, SourceSettings
from customer_sync.kit.fakes.faults import PAGES
from customer_sync.kit.outbound import HttpClient
from customer_sync.kit.reach import Access, Page, Want
from customer_sync.model import Event
from tests.contract.cases import connector_of
from tests.stores.servers import StoreClient

#: A source's webhooks are made for it.
ADDRESS = "http://127.0.0.1:9/webhooks/trial"
#: The longest pull, in pages, and how often in a row a page may fail.
MAX_PAGES, MAX_TRIES = 200, 12
MAX_CURSOR_BYTES = 4096

#: (topic, address) of a webhook that is on.
Hook = tuple[str, str]


class Pulled(NamedTuple):
    """One record with a withdrawal, as the API writes it.

    Args:
        read: reads a record as the pull does.
        record: one.
        needs: the places that the withdrawals themselves need, as `a.0.b`; all others are broken in turn.
    """

    read: Callable[[Any], Sequence[Any]]
    record: Any
    needs: Sequence[str]


class Person(NamedTuple):
    """A customer as the platform itself has it.

    Args:
        email: the address, "" without one.
        first: the first name.
        last: the last name.
        may_mail: what it says of marketing e-mails; None where it says nothing.
    """

    email: str
    first: str = ""
    last: str = ""
    may_mail: bool | None = None


class Trial(ABC):
    """What differs from platform to platform. `shop` is the running stand-in, see `tests.stores.servers`."""

    #: The stand-in's command line: so many customers that a pull has several pages, and no waits.
    arguments: tuple[str, ...] = ()
    #: The source's settings: keys that may pull and make webhooks.
    options: Mapping[str, Any] = {}
    secrets: tuple[str, ...] = ("trialsecret1", "trialsecret2")
    #: What is wrong with a key → the settings with it.
    wrong_keys: Mapping[str, Mapping[str, Any]] = {}
    #: The pulls there are: `full`, and `changes` where the platform can tell what changed.
    modes: tuple[str, ...] = ("full", "changes")
    #: Mode → the faults of listings that need not strike in it, because a pull of that mode reads no such listing. The
    #: faults of calls and answers always strike.
    unplayed: Mapping[str, Collection[str]] = {}
    #: Fault of a listing → why nobody can see it: the platform leaves customers out and nothing in its answer says so.
    #: What is lost that way comes with the next pull. The connector's README says the same.
    unseen: Mapping[str, str] = {}
    #: What may be wrong with a webhook → what makes it so, for the webhook of one topic.
    spoils: Mapping[str, Callable[[StoreClient, str], None]] = {}
    #: Whether two installations can have webhooks at one account; the connector's README says it where not.
    has_room_for_two: bool = True
    #: Records with withdrawals, as the API writes them; none where a pull tells of no consent.
    withdrawals: Sequence[Pulled] = ()

    #: Of a whole journey: what the source's settings hold beside `options`, and the key that holds its webhook secret.
    journey: Mapping[str, Any] = {}
    secret: tuple[str, str] = ("webhook_secret", "journeysecret0123456789abcdef0123")
    #: More of the stand-in's command line in a journey: retries of webhooks that are soon.
    hurry: tuple[str, ...] = ()
    #: Acts that no webhook of the platform tells of: the next pull finds them.
    deaf: Collection[str] = ()
    #: How far a pull stays behind, in seconds: the platform's clock is so slow in a journey, which has no time to wait.
    behind_s: float = 0.0
    #: How many calls a page of a pull takes: where it is many, one fault in ten calls is one in each page.
    calls_a_page: int = 1
    #: Whether what `people` tells as "no" counts only where a "yes" was seen before: a box that was never ticked.
    empty_boxes: bool = False

    def prepare(self, patch: pytest.MonkeyPatch) -> None:  # noqa: B027  # not every connector has such a number
        """Make pages small."""

    @abstractmethod
    def everybody(self, shop: StoreClient) -> set[str]:
        """Return the ids of all customers there are."""

    @abstractmethod
    def change(self, shop: StoreClient) -> tuple[set[str], datetime]:
        """Let so many customers change that they fill several pages; return who did, and since when that is."""

    def edit(self, shop: StoreClient) -> tuple[set[str], datetime]:
        """Let profiles be edited, and nothing else happen; return whose, and since when that is."""
        return self.change(shop)

    @abstractmethod
    def create(self, shop: StoreClient) -> str:
        """Let somebody become a customer and return the id."""

    @abstractmethod
    def delete(self, shop: StoreClient, record_id: str) -> None:
        """Delete a customer at the platform."""

    # What a whole journey from the platform to Brevo and back needs besides. A platform that cannot do it says so by
    # leaving the hook alone, and its README by a sentence.

    def populate(self, shop: StoreClient, count: int) -> None:
        """Let so many customers be there, all of a sudden and without webhooks."""
        raise NotImplementedError

    def address(self, shop: StoreClient, record_id: str) -> str:
        """Return the e-mail address that a customer has at the platform."""
        raise NotImplementedError

    def rename(self, shop: StoreClient, record_id: str, email: str) -> None:
        """Give a customer another address."""
        raise NotImplementedError

    def merge(self, shop: StoreClient, kept: str, gone: str) -> str:
        """Let two customers become one; return the id of what is left, which may be a third."""
        raise NotImplementedError

    def may_mail(self, shop: StoreClient, record_id: str) -> bool | None:
        """Tell what the platform itself says of marketing e-mails to a customer; None where it says nothing."""
        raise NotImplementedError

    def subscribe(self, shop: StoreClient, record_id: str) -> None:
        """Let a customer agree to marketing e-mails at the platform."""
        raise NotImplementedError

    def trusts(self, shop: StoreClient, folder: Path) -> Mapping[str, Any]:  # most need none
        """Write what the source needs to believe this very stand-in, and return the settings that name it."""
        return {}

    def unsubscribe(self, shop: StoreClient, record_id: str) -> None:
        """Let a customer who agreed take that back at the platform."""
        raise NotImplementedError

    def nickname(self, shop: StoreClient, record_id: str, first: str) -> None:
        """Give a customer another first name."""
        raise NotImplementedError

    def people(self, shop: StoreClient) -> dict[str, Person]:
        """Return everybody there is, by id."""
        raise NotImplementedError

    @abstractmethod
    def webhooks(self, shop: StoreClient) -> list[Hook]:
        """Return the webhooks that are on, by the connector's own words for topics."""

    @abstractmethod
    def add_webhook(self, shop: StoreClient, topic: str, address: str) -> None:
        """Make a webhook as another program would."""


def trial_of(platform: str) -> Trial | None:
    """Return what a connector brings, None when it cannot be pulled."""
    if not connector_of(platform).pulls:
        return None
    found = import_module(f"connectors.{platform}.tests.contract").TRIAL
    assert isinstance(found, Trial)
    return found


class MemoryVault:
    """Keeps a source's credentials in memory, as text."""

    def __init__(self) -> None:
        self.text = "{}"

    def load(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.text)
        return found

    def save(self, values: Mapping[str, Any]) -> None:
        self.text = json.dumps(dict(values))

    @contextmanager
    def locked(self) -> Iterator[None]:
        yield


class Source:
    """A source that is read as the engine reads it, each step by a process of its own.

    Args:
        platform: its connector.
        trial: what is known of it.
        shop: the running stand-in.
        secrets: its webhook secrets, where they are not those of the trial.
    """

    def __init__(self, platform: str, trial: Trial, shop: StoreClient, secrets: tuple[str, ...] = ()) -> None:
        self.platform, self.trial, self.shop, self.secrets = platform, trial, shop, secrets or trial.secrets
        self.vault, self.http = MemoryVault(), HttpClient()

    def process(self, **options: Any) -> tuple[Connector, Access]:
        """Return a connector and its access as a new process has them."""
        given = {**self.trial.options, **options}
        made = type(connector_of(self.platform))(
            SourceSettings("trial", self.platform, self.secrets, given, self.shop.address)
        )
        return made, Access(self.http, self.vault)

    def fault(self, kind: str, **options: Any) -> None:
        """Switch a fault on."""
        self.shop.fault(kind, **options)

    def happened(self, kind: str) -> int:
        """Return how often a fault struck."""
        return int(self.shop.get("/fake/state")["faults"].get(kind, 0))

    def page(self, cursor: Any, since: datetime | None = None) -> Page:
        """Return one page; a failure is tried again as the engine does it, an operator's part included.

        Raises:
            Exception: anything but an error of ours; or it failed `MAX_TRIES` times.
        """
        for left in reversed(range(MAX_TRIES)):
            connector, access = self.process()
            try:
                page = connector.pull(Want("customers", cursor, since), access)
            except TajoError as error:
                if not left or (isinstance(error, ConfigError) and not error.remedy.strip()):
                    raise
            else:
                time.sleep(min(page.wait_s, 0.05))
                return page
        raise AssertionError

    def pages(self, since: datetime | None = None, cursor: Any = None) -> Iterator[Page]:
        """Yield page after page; the cursor is what a database keeps of it."""
        for _ in range(MAX_PAGES):
            page = self.page(cursor, since)
            yield page
            if page.cursor is None:
                return
            text = json.dumps(page.cursor)
            assert len(text) <= MAX_CURSOR_BYTES
            cursor = json.loads(text)
        raise AssertionError(f"a pull of more than {MAX_PAGES} pages")

    def wanted(self, mode: str) -> tuple[set[str], datetime | None]:
        """Return who should come in a mode, and since when."""
        if mode == "full":
            return self.trial.everybody(self.shop), None
        return self.trial.change(self.shop)


def ids(pages: Sequence[Page] | Page) -> set[str]:
    """Return the ids of the customers on some pages; guests have none."""
    found = [pages] if isinstance(pages, Page) else pages
    events = [one for page in found for one in page.events if isinstance(one, Event)]
    return {one.record_id for one in events if one.record_id is not None}


def is_listing(kind: str) -> bool:
    """Tell whether a fault spoils what is listed, not a call."""
    return kind in PAGES
