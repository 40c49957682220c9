"""The puller: what the steps of runs work with, and whether a source may be read at all, or by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from customer_sync.brevo.contacts.contact_plan import Rules
from customer_sync.errors import ConfigError
from customer_sync.kit.connector import Connector
from customer_sync.kit.reach import Access
from customer_sync.model import CUSTOMERS
from customer_sync.pipeline import Line
from customer_sync.store import Store
from customer_sync.store.run import Run


class FirstSyncWaits(ConfigError):
    """The first full run of a source sends everybody who is there: it waits for a person's word.

    Args:
        source: the source.
        resource: what waits where other resources of the source were read; "" for all of it.
    """

    def __init__(self, source: str, resource: str = "") -> None:
        what = f"The {resource} of {source} were" if resource else f"{source} was"
        reason = f"{what} never read in full, and the first full run waits for your word."
        super().__init__(reason, word(source, resource))
        self.source = source


def word(source: str, resource: str = "") -> str:
    """Return how the word for a first full run is given: of a source, or of one of its resources ("": all)."""
    sync = f"tajo connectors sync {source} --full{f' --resource {resource}' if resource else ''}"
    return (
        f"`{sync} --dry-run` counts what would happen and sends nothing; "
        f"`{sync}` begins. `options.first_sync: auto` lets it begin by itself."
    )


def waits_for_word(store: Store, source: str, resource: str = CUSTOMERS) -> bool:
    """Tell whether a source was never read in full, and nobody has begun to."""
    return not store.runs.reach(source, resource) and store.runs.open_run(source, resource) is None


@dataclass(slots=True)
class Puller:
    """What the steps of runs work with.

    Args:
        line: the line.
        rules: the operator's decisions and the account's attributes, as they are now.
        access: source → how its platform is reached; None when it cannot be pulled.
        compared: called when a compare run is done; it begins the comparison with Brevo.
        may_begin: source → whether its first full run may begin by itself.
        wanted: source → what runs read of it, in their order.
    """

    line: Line
    rules: Callable[[], Rules]
    access: Callable[[str], Access | None]
    compared: Callable[[Run], None] = lambda _: None
    may_begin: Callable[[str], bool] = lambda _: False
    wanted: Callable[[str], tuple[str, ...]] = lambda _: (CUSTOMERS,)

    def connector(self, source: str) -> Connector:
        """Return the connector of a source.

        Raises:
            ConfigError: there is none.
        """
        connector = self.line.connectors.get(source)
        if connector is None:
            raise ConfigError(f"The source {source} is not in tajo.yaml.", "Add it again, or cancel the run.")
        return connector

    def reach(self, source: str) -> tuple[Connector, Access]:
        """Return a source's connector and how its platform is reached.

        Raises:
            ConfigError: it cannot be pulled.
        """
        connector, access = self.connector(source), self.access(source)
        if access is None or not connector.pulls:
            raise ConfigError(
                f"{connector.title} cannot be pulled with these settings.",
                f"Add its keys below connectors.{source} in tajo.yaml, or run `tajo connectors connect {source}`.",
            )
        return connector, access


def can_pull(puller: Puller, source: str) -> bool:
    """Tell whether a source's settings or its stored connection allow a pull at all."""
    connector = puller.line.connectors.get(source)
    return connector is not None and bool(connector.pulls) and puller.access(source) is not None


def pull_slot(source: str, resource: str = CUSTOMERS) -> str:
    """Return the name of the schedule's entry that pulls a resource of a source."""
    return f"pull:{source}" if resource == CUSTOMERS else f"pull:{source}/{resource}"
