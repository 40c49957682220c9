"""What one call of the REST API is, and what all kinds of records have in common: list, read, write, batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from customer_sync.demo.stores.woocommerce import params
from customer_sync.demo.stores.woocommerce.access import ApiKey
from customer_sync.demo.stores.woocommerce.answers import Answer, Row, WpError, cannot
from customer_sync.demo.stores.woocommerce.listing import Chosen, Place, Values

if TYPE_CHECKING:
    from customer_sync.demo.stores.woocommerce.store import FakeStore

#: How many records one batch call may name.
MAX_BATCH: Final = 100
#: What was asked → WordPress's word for it and its sentence.
_ASKED: Final = {
    "list": ("view", "you cannot list resources."),
    "view": ("view", "you cannot view this resource."),
    "create": ("create", "you are not allowed to create resources."),
    "edit": ("edit", "you are not allowed to edit this resource."),
    "delete": ("delete", "you are not allowed to delete this resource."),
    "batch": ("batch", "you are not allowed to batch manipulate this resource."),
}
_READ_ONLY: Final = frozenset(("id", "role", "is_paying_customer"))


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the REST API, after it is known who calls.

    Args:
        method: the verb in capitals.
        place: the route, the query and the API's address.
        body: the JSON object, or the form, that was sent.
        key: whose key; None is nobody.
    """

    method: str
    place: Place
    body: Row
    key: ApiKey | None

    def may(self, store: FakeStore, area: str, asked: str) -> None:
        """Check that the caller may do this.

        Raises:
            WpError: 401 for nobody, 403 for a user without the right.
        """
        if self.key is None or area in store.settings.forbidden:
            raise cannot(*_ASKED[asked], logged_in=self.key is not None)

    @property
    def is_forced(self) -> bool:
        """Whether `force` was asked for."""
        force = self.body.get("force", self.place.query.get("force", False))
        return force in (True, 1, "1", "true")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of record: how it is listed, read and written.

    Args:
        area: its plural.
        params: what the listing takes.
        chosen: (store, values, route) → what fits.
        get: number → record as it is shown; raises when there is none.
        create: body → record.
        update: (number, body) → record.
        delete: (number, force) → record as it was.
    """

    area: str
    params: Mapping[str, params.Param]
    chosen: Callable[[FakeStore, Values, str], Chosen]
    get: Callable[[FakeStore, int], Row]
    create: Callable[[FakeStore, Row], Row]
    update: Callable[[FakeStore, int, Row], Row]
    delete: Callable[[FakeStore, int, bool], Row]

    def answer(self, store: FakeStore, call: Call, number: int | None) -> Answer:
        """Answer a call of `/<area>` or of `/<area>/<number>`."""
        if number is None:
            return self._list(store, call) if call.method == "GET" else self._create(store, call)
        verb = {"GET": "view", "DELETE": "delete"}.get(call.method, "edit")
        call.may(store, self.area, verb)
        if verb == "edit":
            return Answer(self._linked(call, self.update(store, number, _writable(call.body))))
        if verb == "delete":
            return Answer(self._linked(call, self.delete(store, number, call.is_forced)))
        row = self.get(store, number)
        if store.hides(self.area, number):
            raise cannot(*_ASKED["view"], logged_in=True)
        return Answer(self._linked(call, row))

    def batch(self, store: FakeStore, call: Call) -> Answer:
        """Answer a call of `/<area>/batch`: each record on its own, faults in the place of records."""
        call.may(store, self.area, "batch")
        parts = {name: call.body.get(name) or [] for name in ("create", "update", "delete")}
        if sum(map(len, parts.values())) > MAX_BATCH:
            text = f"Unable to accept more than {MAX_BATCH} items for this request."
            raise WpError(413, "woocommerce_rest_request_entity_too_large", text)
        done: Row = {}
        for body in parts["create"]:
            done.setdefault("create", []).append(_tried(0, self.create, store, _writable(body)))
        for body in parts["update"]:
            number = int(body.get("id") or 0)
            done.setdefault("update", []).append(_tried(number, self.update, store, number, _writable(body)))
        for number in map(int, parts["delete"]):
            done.setdefault("delete", []).append(_tried(number, self.delete, store, number, True))
        return Answer(done)

    def _list(self, store: FakeStore, call: Call) -> Answer:
        values = params.read(self.params, call.place.query)
        call.may(store, self.area, "list")

        def shown(number: int) -> Row | None:
            return None if store.hides(self.area, number) else self._linked(call, self.get(store, number))

        return store.listings.page(call.place, values, self.chosen(store, values, call.place.route), shown)

    def _create(self, store: FakeStore, call: Call) -> Answer:
        call.may(store, self.area, "create")
        row = self.create(store, _writable(call.body))
        return Answer(self._linked(call, row), 201, {"Location": f"{self._collection(call)}/{row['id']}"})

    def _collection(self, call: Call) -> str:
        return f"{call.place.root}/wc/v3/{self.area}"

    def _linked(self, call: Call, row: Row) -> Row:
        return linked(row, self.area, call.place.root)


def linked(row: Row, area: str, root: str) -> Row:
    """Return a record with `_links`."""
    at = f"{root}/wc/v3/{area}"
    links = {"self": [{"href": f"{at}/{row['id']}"}], "collection": [{"href": at}]}
    if row.get("customer_id"):
        links["customer"] = [{"href": f"{root}/wc/v3/customers/{row['customer_id']}"}]
    return {**row, "_links": links}


def _writable(body: Row) -> Row:
    return {name: value for name, value in body.items() if name not in _READ_ONLY}


def _tried(number: int, act: Callable[..., Row], *arguments: object) -> Row:
    try:
        return act(*arguments)
    except WpError as error:
        return {"id": number, "error": error.body()}
