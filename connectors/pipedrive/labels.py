"""The labels of options: what a person's record holds are their ids. Read once an hour, and kept in the vault."""

from __future__ import annotations

from typing import Final

from connectors.pipedrive.api import Api
from connectors.pipedrive.values import Labels
from customer_sync.kit.paging import Cursor, State, dig
from customer_sync.kit.reach import Vault
from customer_sync.model import Json

PATH: Final = "/api/v2/personFields"
#: How long they are good, in seconds.
FRESH_S: Final = 3600.0
#: In the vault: the labels, and since when.
KEPT: Final = "labels"
KEPT_AT: Final = "labels_at_s"
_PAGE: Final = 500
#: More fields than these pages hold are not looked for.
_PAGES: Final = 4


def of(api: Api) -> Labels:
    """Return the labels of the options of all fields of persons.

    Raises:
        TajoError: as `Rest.call`.
    """
    kept = api.access.vault.load()
    at_s, labels = kept.get(KEPT_AT), kept.get(KEPT)
    if isinstance(at_s, int | float) and isinstance(labels, dict) and 0 <= api.access.now_s() - at_s < FRESH_S:
        return _read(labels)
    return fresh(api)


def fresh(api: Api) -> Labels:
    """Return the labels as they are now, and keep them.

    Raises:
        TajoError: as `Rest.call`.
    """
    found: dict[str, Json] = {}
    paging = Cursor("cursor", dig("additional_data.next_cursor"), "limit", _PAGE)
    state: State = {}
    for _ in range(_PAGES):
        answer = api.get(PATH, paging.ask(state))
        rows = api.rows(answer)
        for row in rows:
            key, options = dig("field_code")(row), dig("options")(row)
            if isinstance(key, str) and isinstance(options, list):
                found[key] = {str(dig("id")(one)): str(dig("label")(one)) for one in options if dig("id")(one)}
        following = paging.after(answer, rows, state)
        if following is None:
            break
        state = following
    _keep(api.access.vault, found, api.access.now_s())
    return _read(found)


def _keep(vault: Vault, labels: dict[str, Json], now_s: float) -> None:
    with vault.locked():
        vault.save({**vault.load(), KEPT: labels, KEPT_AT: now_s})


def _read(labels: dict[str, Json]) -> Labels:
    return {
        key: {name: str(label) for name, label in options.items()}
        for key, options in labels.items()
        if isinstance(options, dict)
    }
