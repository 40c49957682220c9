"""The routes around an account's books: who may call, what is listed, what is refused.

https://docs.stripe.com/api/errors, https://docs.stripe.com/api/pagination, https://docs.stripe.com/rate-limits
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from email.utils import formatdate
from typing import Any, Final

from flask import Flask, Response, g, request

from connectors.stripe.fake import bodies
from connectors.stripe.fake.acts import acts_of
from connectors.stripe.fake.bodies import Money
from connectors.stripe.fake.books import KINDS, Books
from connectors.stripe.fake.params import StripeError, created, tree, whole
from connectors.stripe.fake.settings import Settings
from connectors.stripe.fake.shelf import Shelf
from connectors.stripe.fake.town import Town
from customer_sync.kit.fakes.answers import Row, reply
from customer_sync.kit.fakes.crowd import Crowd
from customer_sync.kit.fakes.fake import Act, Fake
from customer_sync.kit.fakes.faults import PAGES
from customer_sync.kit.fakes.pages import window
from customer_sync.kit.signatures import read_basic

_HOOKS: Final = "webhook_endpoints"
#: Area → what its permission is called; the others are called as they are, without the last letter.
_RIGHTS: Final = {_HOOKS: "webhook", "refunds": "charge", "account": ""}
#: What a customer's form may hold beside its own fields.
_EXTRA: Final = frozenset({"metadata", "expand"})


class FakeStripe(Fake[Settings]):
    """A Stripe account in memory, on the loopback."""

    struck = "/v1/*"
    switches = ("lag_s", "memory_s", "calls_per_s", "permissions", "livemode", "version")
    refusals = (StripeError,)

    def fill(self) -> None:
        """Make the objects of the start."""
        self.books = Books(self.settings, self.clock)
        self.sender = self.books.endpoints.sender
        self.crowd = Crowd(Town(self.books), self.settings.seed)
        self._done_before: dict[str, tuple[str, Row]] = {}

    def routes(self, app: Flask) -> None:
        """Add the routes of the platform."""
        add = app.add_url_rule
        lists = f"<any({','.join((*KINDS, _HOOKS))}):area>"
        add(f"/v1/{lists}", "list", lambda area: self._answered(area, lambda: self._list(area)), methods=["GET"])
        add(f"/v1/{lists}/<number>", "one", lambda **at: self._answered(at["area"], lambda: self._one(**at)))
        add("/v1/account", "account", lambda: self._answered("account", self._account))
        makes: dict[str, Callable[[Row], Row]] = {
            "customers": lambda form: self.books.create_customer(_fields(form)),
            "subscriptions": self._subscribe,
            "charges": self._charge,
            "refunds": self._refund,
            _HOOKS: self._make_hook,
        }
        changes: dict[str, Callable[[str, Row], Row]] = {
            "customers": lambda number, form: self.books.change_customer(self._get("customers", number), _fields(form)),
            _HOOKS: lambda number, form: self.books.endpoints.change(self._get(_HOOKS, number), form),
        }
        drops: dict[str, Callable[[str], Row]] = {
            "customers": self._drop_customer,
            "subscriptions": lambda number: self.books.end(self._get("subscriptions", number)),
            _HOOKS: self._drop_hook,
        }
        for area, make in makes.items():
            add(f"/v1/{area}", f"make {area}", lambda a=area, m=make: self._written(a, m), methods=["POST"])
        for area, change in changes.items():
            view = lambda number, a=area, c=change: self._written(a, lambda form: c(number, form))  # noqa: E731  # a route
            add(f"/v1/{area}/<number>", f"change {area}", view, methods=["POST"])
        for area, drop in drops.items():
            view = lambda number, a=area, d=drop: self._answered(a, lambda: self._shown(d(number)))  # noqa: E731  # a route
            add(f"/v1/{area}/<number>", f"drop {area}", view, methods=["DELETE"])
        app.register_error_handler(404, lambda _: self._nowhere())
        app.register_error_handler(405, lambda _: self._nowhere())

    def acts(self) -> Sequence[Act]:
        """Return the control routes."""
        return acts_of(self)

    def state(self) -> Row:
        """Return how much there is of what."""
        return {name: len(shelf) for name, shelf in self.books.shelves.items()}

    # What the platform says in its own words

    def status(self, status: int) -> Response:
        """Return an error of Stripe."""
        return _refused(StripeError(status, "An unknown error occurred", kind="api_error"))

    def unauthorized(self) -> Response:
        """Refuse a key."""
        return _refused(StripeError(401, "Invalid API Key provided: rk_test_*********demo"))

    def forbidden(self) -> Response:
        """Say that the key lacks a permission."""
        return self._lacking("customer_read")

    # One call

    def _answered(self, area: str, act: Callable[[], Row]) -> Response:
        """Answer a call, if it may be made."""
        limit = self.settings.calls_per_s
        if 0 < limit < g.in_second:
            refused = StripeError(429, "Request rate limit exceeded.", "rate_limit")
            return _refused(refused, {"Stripe-Rate-Limited-Reason": "endpoint-rate"})
        key = _key()
        g.auth = "secret" if key == self.settings.secret_key else "restricted"
        if key not in (self.settings.key, self.settings.secret_key):
            g.auth = "wrong"
            return self.unauthorized()
        right = _RIGHTS.get(area, area[:-1])
        needed = f"{right}_{'read' if request.method == 'GET' else 'write'}"
        with self.lock:
            # who may write may read
            rights = {*self.settings.permissions, *(f"{one[:-6]}_read" for one in self.settings.permissions)}
            if right and key == self.settings.key and needed not in rights:
                return self._lacking(needed)
            try:
                return reply(act(), headers={"Date": formatdate(self.clock(), usegmt=True), "Request-Id": "req_fake"})
            except StripeError as error:
                return _refused(error)

    def _lacking(self, right: str) -> Response:
        said = "The provided key 'rk_test_*********demo' does not have the required permissions for this endpoint on "
        said += f"account '{self.settings.account}'. Having the 'rak_{right}' permission would allow this request."
        return _refused(StripeError(403, said))

    def _written(self, area: str, act: Callable[[Row], Row]) -> Response:
        """Answer a call that changes something; with an `Idempotency-Key` it is done once."""
        form = tree(request.form.items(multi=True))
        key, told = request.headers.get("Idempotency-Key", ""), f"{request.path} {json.dumps(form, sort_keys=True)}"

        def once() -> Row:
            before = self._done_before.get(key) if key else None
            if before is not None and before[0] != told:
                raise StripeError(
                    400,
                    f"Keys for idempotent requests can only be used with the same parameters: {key}.",
                    kind="idempotency_error",
                )
            done = before[1] if before else self._shown(act(form))
            if key:
                self._done_before[key] = (told, done)
            return done

        return self._answered(area, once)

    def _shelf(self, area: str) -> Shelf:
        return self.books.endpoints.shelf if area == _HOOKS else self.books.shelves[area]

    def _get(self, area: str, number: str, param: str = "id") -> Row:
        row = self._shelf(area).get(number)
        if row is None:
            raise StripeError(
                404 if param == "id" else 400, f"No such {area[:-1]}: '{number}'", "resource_missing", param
            )
        return row

    def _one(self, area: str, number: str) -> Row:
        if area == "customers" and number in self.books.gone:
            return {"id": number, "object": "customer", "deleted": True}
        return self._shown(self._get(area, number))

    def _list(self, area: str) -> Row:
        params = tree(request.args.items(multi=True))
        fault = self.take(*PAGES)
        rows = self._filtered(area, params, is_open=fault is not None and fault.kind == "ignore_filter")
        size = whole(params, "limit", 10) or 0
        if not 1 <= size <= 100:
            raise StripeError(400, "This value must be between 1 and 100.", "parameter_invalid_integer", "limit")
        start = 0
        if "starting_after" in params:
            last = self._get(area, params["starting_after"], "starting_after")
            whole_list = rows is self._shelf(area).newest_first()
            at = self._shelf(area).place(last["id"]) if whole_list else 0
            start = at or next((at + 1 for at, row in enumerate(rows) if row["id"] == last["id"]), 0)
        found = window(rows, start, size, fault)
        end = start + (len(found) if fault and fault.kind in ("shrink_page", "empty_page") else size)
        return {
            "object": "list",
            "data": [self._shown(one) for one in found],
            "has_more": end < len(rows),
            "url": f"/v1/{area}",
        }

    def _filtered(self, area: str, params: Row, *, is_open: bool) -> list[Row]:
        tests: list[Callable[[Row], bool]] = [created(params)] if "created" in params and not is_open else []
        if "types" in params:
            tests.append(lambda row: row["type"] in params["types"])
        if "customer" in params:
            tests.append(lambda row: row["customer"] == params["customer"])
        if "email" in params:
            tests.append(lambda row: row["email"] == params["email"])
        if area == "subscriptions" and params.get("status") != "all":
            wanted = params.get("status")
            tests.append(lambda row: row["status"] == wanted if wanted else row["status"] != "canceled")
        if area == "events":
            tests.append(self.books.remembered)
        if len(params.get("types", ())) > 20:
            raise StripeError(400, "You may only specify up to 20 event types.", param="types")
        return self._shelf(area).newest_first((lambda row: all(test(row) for test in tests)) if tests else None)

    def _shown(self, row: Row) -> Row:
        """Return an object in the version that was asked for, with what is to be expanded."""
        version = request.headers.get("Stripe-Version") or self.settings.version
        if row.get("object") == "event":
            return bodies.event(row, self.settings.version)
        found = bodies.shown(row, version)
        params = tree(request.args.items(multi=True)) | tree(request.form.items(multi=True))
        asked = {one.removeprefix("data.") for one in params.get("expand", [])}
        if row.get("object") == "customer" and "subscriptions" in asked:
            listed = self.books.subscriptions_of(row["id"])
            found["subscriptions"] = {**listed, "data": [bodies.shown(one, version) for one in listed["data"]]}
        if "customer" in asked and isinstance(found.get("customer"), str):
            found["customer"] = self._one("customers", found["customer"])
        return found

    def _account(self) -> Row:
        return {"id": self.settings.account, "object": "account", "country": "FR", "default_currency": "eur"}

    def _subscribe(self, form: Row) -> Row:
        return self.books.subscribe(self._get("customers", str(form.get("customer")), "customer"))

    def _charge(self, form: Row) -> Row:
        owner = self._get("customers", form["customer"], "customer") if "customer" in form else None
        units, currency = whole(form, "amount"), str(form.get("currency", "")).lower()
        if units is None or not currency:
            raise StripeError(400, "Missing required param: amount.", "parameter_missing", "amount")
        return self.books.charge(owner, Money(units, currency), {})

    def _refund(self, form: Row) -> Row:
        return self.books.refund(self._get("charges", str(form.get("charge")), "charge"), whole(form, "amount"))

    def _make_hook(self, form: Row) -> Row:
        return self.books.endpoints.make(self.books.number("we"), form, livemode=self.settings.livemode)

    def _drop_customer(self, number: str) -> Row:
        self._get("customers", number)
        return self.books.delete_customer(number)

    def _drop_hook(self, number: str) -> Row:
        self._get(_HOOKS, number)
        self.books.endpoints.shelf.remove(number)
        return {"id": number, "object": "webhook_endpoint", "deleted": True}

    def _nowhere(self) -> Response:
        return _refused(StripeError(404, f"Unrecognized request URL ({request.method}: {request.path})."))


def _key() -> str:
    """Return the key that was shown, as a bearer token or as the user of a Basic header."""
    shown = request.headers.get("Authorization", "")
    return shown[7:] if shown.lower().startswith("bearer ") else read_basic(shown).partition(":")[0]


def _refused(error: StripeError, headers: Row | None = None) -> Response:
    return reply(error.body(), error.status, {"Request-Id": "req_fake", **(headers or {})})


def _fields(form: Row) -> dict[str, Any]:
    """Return what a form sets of a customer; an empty text empties a field.

    Raises:
        StripeError: there is no such field, or it cannot be an address.
    """
    unknown = set(form) - set(bodies.CUSTOMER_FIELDS) - _EXTRA
    if unknown:
        name = min(unknown)
        raise StripeError(400, f"Received unknown parameter: {name}", "parameter_unknown", name)
    email = form.get("email")
    if email and "@" not in email:
        raise StripeError(400, f"Invalid email address: {email}", "email_invalid", "email")
    metadata = form.get("metadata")
    if isinstance(metadata, dict) and (len(metadata) > 50 or any(len(one) > 500 for one in metadata.values())):
        raise StripeError(400, "Metadata has at most 50 keys, and values of 500 characters.", param="metadata")
    with suppress(KeyError):
        del form["expand"]
    return {name: None if value == "" and name != "metadata" else value for name, value in form.items()}
