"""`FakePayPal`: the token, reports, payments, subscriptions and webhooks of PayPal, in memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, ClassVar, Final

import orjson
from flask import Flask, Response, g, request

from connectors.paypal.fake.authority import CERT_PATH, Authority
from connectors.paypal.fake.book import Book, Payer, Payment, Subscription, number_of
from connectors.paypal.fake.settings import DAYS, HISTORY_S, Settings
from customer_sync.kit.fakes.answers import BadRequest, Row, reply
from customer_sync.kit.fakes.clock import iso, seconds_of
from customer_sync.kit.fakes.crowd import Crowd
from customer_sync.kit.fakes.fake import Act, Fake
from customer_sync.kit.fakes.faults import PAGES
from customer_sync.kit.fakes.hooks import Delivery, Message, Rules, Sender
from customer_sync.kit.fakes.oauth import OAuth, OAuthError, Terms
from customer_sync.kit.fakes.pages import window
from customer_sync.kit.invented.people import Person

#: 25 tries within three days; how they are spread is not documented.
WAITS_S: Final = tuple(min(60.0 * 2**n, 14_400.0) for n in range(24))
_SCOPES: Final = ("https://uri.paypal.com/services/reporting/search/read",)
#: https://developer.paypal.com/docs/api/webhooks/v1/: an app has ten webhooks at most.
MOST_HOOKS: Final = 10


class FakePayPal(Fake[Settings]):
    """A PayPal in memory, on the loopback."""

    struck = "/v[12]/*"
    switches = ("report_lag_s", "rows", "lists_subscriptions", "searches")
    kinds: ClassVar[Mapping[str, str]] = {"lost_token": "the token is not found in PayPal's cache, though it is new"}

    def fill(self) -> None:
        """Make the payers of the start."""
        self.authority = _authority()
        self.sender = Sender(self.clock, Rules(WAITS_S, timeout_s=10.0, senders=2, time_scale=self.settings.time_scale))
        self.crowd = Crowd(_Payers(self), self.settings.seed)
        self.hooks: dict[str, Row] = {}
        self.book = Book(self.clock, self.settings.seed, self.settings.customers)
        client = (self.settings.client_id, self.settings.client_secret)
        self.oauth = OAuth(self.clock, client, _SCOPES, Terms(access_s=self.settings.token_s, names=("A21AA", "R")))
        self._sent = self._made = 0

    def routes(self, app: Flask) -> None:
        """Add the routes of the platform."""
        guarded: Sequence[tuple[str, str, Callable[..., Response]]] = (
            ("GET", "/v1/reporting/transactions", self._transactions),
            ("GET", "/v1/billing/subscriptions", self._subscriptions),
            ("GET", "/v1/billing/subscriptions/<number>", self._subscription),
            ("GET", "/v1/billing/subscriptions/<number>/transactions", self._paid_for),
            ("GET", "/v2/payments/captures/<number>", lambda number: self._payment(number, is_sale=False)),
            ("GET", "/v1/payments/sale/<number>", lambda number: self._payment(number, is_sale=True)),
            ("GET", "/v2/checkout/orders/<number>", self._order),
            ("GET", "/v1/notifications/webhooks", lambda: reply({"webhooks": list(self.hooks.values())})),
            ("POST", "/v1/notifications/webhooks", self._add_hook),
            ("GET", "/v1/notifications/webhooks/<number>", self._hook),
            ("PATCH", "/v1/notifications/webhooks/<number>", self._patch_hook),
            ("DELETE", "/v1/notifications/webhooks/<number>", self._drop_hook),
        )
        for method, path, act in guarded:
            app.add_url_rule(path, f"{method} {path}", _Guard(self, act), methods=[method])
        app.add_url_rule("/v1/oauth2/token", "token", self._token, methods=["POST"])
        app.add_url_rule(CERT_PATH, "cert", lambda: Response(self.authority.certificate, content_type="text/plain"))

    def acts(self) -> Sequence[Act]:
        """Return the control routes."""
        return (
            (
                "GET",
                "customers",
                lambda _: {"emails": self.book.emails(), "ids": self.book.keys(), "people": self.book.people()},
            ),
            ("POST", "customers", self._come),
            ("POST", "customers/<int:index>/pay", self._pay),
            ("POST", "customers/<int:index>/subscribe", lambda _, index: self._subscribe(self.payer(index))),
            ("POST", "customers/<int:index>/address", self._readdress),
            ("POST", "payments/<number>/back", self._pay_back),
            ("GET", "roots", lambda _: {"pem": self.authority.root.decode()}),
            ("GET", "hooks", lambda _: {"hooks": list(self.hooks.values())}),
            ("POST", "grow", lambda body: self._grow(int(body["count"]))),
            ("POST", "expire", lambda _: self.oauth.expire()),
        )

    def state(self) -> Row:
        """Return how much there is."""
        return {"payers": len(self.book.payers), "payments": len(self.book.payments), "tokens": dict(self.oauth.given)}

    # What PayPal says in its own words

    def status(self, status: int) -> Response:
        """Return an answer with a status."""
        return _error(status, "INTERNAL_SERVICE_ERROR" if status >= 500 else "INVALID_REQUEST", "An error occurred.")

    def unauthorized(self) -> Response:
        """Refuse the token and revoke it."""
        self.oauth.revoke(request.headers.get("Authorization", "").removeprefix("Bearer "))
        return reply({"error": "invalid_token", "error_description": "Access Token not found in cache"}, 401)

    def forbidden(self) -> Response:
        """Say that the app may not do this."""
        return _error(403, "NOT_AUTHORIZED", "Authorization failed due to insufficient permissions.")

    # Answers

    def _token(self) -> Response:
        with self.lock:
            try:
                token = self.oauth.grant(request.form, request.headers.get("Authorization", ""))
            except OAuthError as error:
                return reply(error.body(), 401 if error.error == "invalid_client" else 400)
        g.auth = "basic"
        lasts_s = int((token.expires_at_s or 0) - self.clock())
        told = {"scope": " ".join(token.scopes), "access_token": token.value, "token_type": "Bearer"}
        return reply({**told, "app_id": "APP-80W284485P519543T", "expires_in": lasts_s, "nonce": iso(self.clock())})

    def _transactions(self) -> Response:
        if not self.settings.searches:
            return self.forbidden()
        start_s, end_s = (seconds_of(request.args.get(name, "")) for name in ("start_date", "end_date"))
        if start_s is None or end_s is None or end_s < start_s or end_s - start_s > DAYS * 86_400 + 1:
            return _error(400, "INVALID_REQUEST", f"The date range is missing, or longer than {DAYS} days.")
        now_s = self.clock()
        if start_s < now_s - HISTORY_S:
            return _error(400, "INVALID_REQUEST", "Data for the given start date is not available.")
        size, number = request.args.get("page_size", 100, int), request.args.get("page", 1, int)
        if not 1 <= size <= 500 or number < 1:
            return _error(400, "INVALID_REQUEST", "page_size is 1 to 500, page 1 or more.")
        fault = self.take(*PAGES, page=number)
        kind = fault.kind if fault else ""
        seen_s = now_s - self.settings.report_lag_s
        all_time = (0.0, math.inf) if kind == "ignore_filter" else (start_s, end_s)
        rows = self.book.lines(*all_time, seen_s)
        if len(rows) > self.settings.rows:
            return _error(400, "RESULTSET_TOO_LARGE", "Result set size is greater than the maximum limit.")
        shown = window(rows, (number - 1) * size, size, fault)
        told = {"transaction_details": shown, "account_number": "XZXSPECPDZHZU", "total_items": len(rows)}
        told |= {"start_date": f"{iso(start_s)}+0000", "end_date": f"{iso(end_s)}+0000"}
        told |= {"last_refreshed_datetime": f"{iso(seen_s)}+0000", "total_pages": math.ceil(len(rows) / size)}
        return reply({**told, "page": number - 1 if kind == "repeat_page" and number > 1 else number})

    def _subscriptions(self) -> Response:
        if not self.settings.lists_subscriptions:
            return _error(404, "RESOURCE_NOT_FOUND", "The specified resource does not exist.")
        since_s = seconds_of(request.args.get("status_updated_after", "")) or 0.0
        size, number = min(20, request.args.get("page_size", 10, int)), request.args.get("page", 1, int)
        rows = [one.row(is_brief=True) for one in self.book.subscriptions.values() if one.updated_s >= since_s]
        if not rows:
            return reply({"subscriptions": [], "total_items": 0, "total_pages": 0})
        shown = rows[(number - 1) * size : number * size]
        return reply({"subscriptions": shown, "total_items": len(rows), "total_pages": math.ceil(len(rows) / size)})

    def _subscription(self, number: str) -> Response:
        found = self.book.subscriptions.get(number)
        return _missing() if found is None else reply(found.row())

    def _paid_for(self, number: str) -> Response:
        """Answer with the payments of a subscription, each with the address that it was made with."""
        if number not in self.book.subscriptions:
            return _missing()
        start_s, end_s = (seconds_of(request.args.get(name, "")) for name in ("start_time", "end_time"))
        if start_s is None or end_s is None:
            return _error(400, "INVALID_REQUEST", "start_time and end_time are required.")
        paid = [one for one in self.book.payments.values() if one.agreement == number]
        return reply({"transactions": [one.told() for one in paid if start_s <= one.at_s <= end_s]})

    def _payment(self, number: str, *, is_sale: bool) -> Response:
        found = self.book.payments.get(number)
        if found is None or bool(found.agreement) is not is_sale:
            return _missing()
        return reply(found.row(request.url_root.rstrip("/")))

    def _order(self, number: str) -> Response:
        found = self.book.orders.get(number)
        if found is None:
            return _missing()
        return reply({"id": number, "intent": "CAPTURE", "status": "COMPLETED", "payer": found.payer.row()})

    # Webhooks

    def _add_hook(self) -> Response:
        body = _object()
        url, types = str(body.get("url", "")), body.get("event_types")
        if not url.startswith(("https://", "http://127.0.0.1")) or not isinstance(types, list) or not types:
            return _error(400, "VALIDATION_ERROR", "Invalid data provided")
        if any(one["url"] == url for one in self.hooks.values()):
            return _error(400, "WEBHOOK_URL_ALREADY_EXISTS", "Webhook URL already exists")
        if len(self.hooks) >= MOST_HOOKS:
            return _error(400, "WEBHOOK_NUMBER_LIMIT_EXCEEDED", "Webhook URL limit exceeded")
        self._made += 1
        number = self.settings.webhook_id if self._made == 1 else number_of(17, self._made)
        self.hooks[number] = {"id": number, "url": url, "event_types": types, "links": []}
        return reply(self.hooks[number], 201)

    def _hook(self, number: str) -> Response:
        return reply(self.hooks[number]) if number in self.hooks else _missing("INVALID_RESOURCE_ID")

    def _patch_hook(self, number: str) -> Response:
        if number not in self.hooks:
            return _missing("INVALID_RESOURCE_ID")
        for step in request.get_json():
            name = str(step.get("path", "")).strip("/")
            if step.get("op") != "replace" or name not in ("url", "event_types"):
                return _error(400, "VALIDATION_ERROR", "Invalid data provided")
            self.hooks[number][name] = step["value"]
        return reply(self.hooks[number])

    def _drop_hook(self, number: str) -> Response:
        if self.hooks.pop(number, None) is None:
            return _missing("INVALID_RESOURCE_ID")
        return Response(status=204)

    def tell(self, topic: str, kind: str, resource: Row) -> None:
        """Send a webhook to everybody who wants it."""
        self._sent += 1
        number = f"WH-{number_of(18, self._sent)}-{number_of(19, self._sent)}"
        told: Row = {"id": number, "event_version": "1.0", "create_time": f"{iso(self.clock())}.000Z"}
        told |= {"resource_type": kind, "event_type": topic, "summary": f"{topic} happened", "resource": resource}
        body = orjson.dumps({**told, "links": []})
        for hook in self.hooks.values():
            if not any(one.get("name") in (topic, "*") for one in hook["event_types"]):
                continue
            cert_url = f"http://{request.host if request else '127.0.0.1'}{CERT_PATH}"
            self._put(hook, topic, body, cert_url, f"{number_of(20, self._sent, 8)}-transmission")

    def _put(self, hook: Row, topic: str, body: bytes, cert_url: str, number: str) -> None:
        def sign(raw: bytes, at_s: float) -> Mapping[str, str]:
            return self.authority.sign(raw, at_s, hook["id"], cert_url, number)

        message = Message({"Content-Type": "application/json", "User-Agent": "PayPal/AUHD-214.0"}, body, sign)
        if self.sender is not None:
            self.sender.put(Delivery(hook["url"], topic, lambda: message, of=hook["id"]))

    # What payers do

    def payer(self, index: int) -> Payer:
        """Return a payer.

        Raises:
            BadRequest: there is none.
        """
        if index not in self.book.payers:
            raise BadRequest(f"there is no payer {index}")
        return self.book.payers[index]

    def _grow(self, count: int) -> Row:
        """Let so many payers have paid, without a word."""
        for _ in range(count):
            self.book.pay(self.book.come())
        return {"payers": len(self.book.payers)}

    def _come(self, body: Row) -> Row:
        payer = self.book.come()
        payer.email = str(body.get("email", payer.email))
        told = {"index": payer.index, "email": payer.email, "payer": payer.key}
        return {**told, "payment": self.paid(self.book.pay(payer)).id}

    def _pay(self, body: Row, index: int) -> Row:
        payment = self.paid(self.book.pay(self.payer(index), value=float(body.get("value", 0))))
        return {"payment": payment.id, "payer": payment.payer.key}

    def paid(self, payment: Payment) -> Payment:
        """Tell of a payment, and return it."""
        word = "SALE" if payment.agreement else "CAPTURE"
        self.tell(f"PAYMENT.{word}.COMPLETED", word.lower(), payment.row("https://api.paypal.com"))
        return payment

    def _subscribe(self, payer: Payer) -> Row:
        made, payment = self.book.subscribe(payer)
        self._tell_subscription(made, "ACTIVATED")
        return {"subscription": made.id, "payment": self.paid(payment).id}

    def _tell_subscription(self, made: Subscription, word: str) -> None:
        self.tell(f"BILLING.SUBSCRIPTION.{word}", "subscription", made.row())

    def _readdress(self, body: Row, index: int) -> Row:
        """Let a card come with another address: the payer's id stays (https://github.com/vhs/nomos/issues/305)."""
        payer = self.payer(index)
        payer.email = str(body["email"])
        for one in self.book.subscriptions.values():
            if one.payer is payer:
                one.updated_s = self.clock()
                self._tell_subscription(one, "UPDATED")
        return {"email": payer.email}

    def _pay_back(self, body: Row, number: str) -> Row:
        payment = self.book.payments.get(number)
        if payment is None:
            raise BadRequest(f"there is no payment {number}")
        is_dispute = bool(body.get("dispute"))
        own = self.book.pay_back(payment, float(body.get("value", payment.left)), is_dispute=is_dispute)
        value, at_s, _ = payment.back[own]
        word = "REVERSED" if is_dispute else "REFUNDED"
        times = {"create_time": f"{iso(at_s)}Z", "update_time": f"{iso(at_s)}Z"}
        if payment.agreement:
            amount = {"total": f"-{value:.2f}", "currency": "EUR"}
            self.tell(f"PAYMENT.SALE.{word}", "refund", {"id": own, "sale_id": number, "amount": amount, **times})
        else:
            up = {"rel": "up", "href": f"https://api.paypal.com/v2/payments/captures/{number}", "method": "GET"}
            amount = {"value": f"{value:.2f}", "currency_code": "EUR"}
            told = {"id": own, "status": "COMPLETED", "amount": amount, "links": [up], **times}
            self.tell(f"PAYMENT.CAPTURE.{word}", "refund", told)
        return {"back": own, "left": payment.left}


@cache
def _authority() -> Authority:
    """Return the one authority of this process: keys take a while to make."""
    return Authority()


class _Guard:
    """A route that wants a token."""

    def __init__(self, fake: FakePayPal, act: Callable[..., Response]) -> None:
        self._fake, self._act = fake, act

    def __call__(self, **named: Any) -> Response:
        fake = self._fake
        with fake.lock:
            shown = request.headers.get("Authorization", "").removeprefix("Bearer ")
            if fake.oauth.find(shown) is None or fake.take("lost_token"):
                return fake.unauthorized()
            g.auth = "bearer"
            return self._act(**named)


def _object() -> Row:
    found = request.get_json(silent=True)
    return found if isinstance(found, dict) else {}


def _error(status: int, name: str, message: str) -> Response:
    """Return an error as PayPal writes them; `Paypal-Debug-Id` comes with every answer."""
    told = {"name": name, "message": message, "debug_id": "b1d1f06c7246c", "details": []}
    return reply(told, status, {"Paypal-Debug-Id": "b1d1f06c7246c"})


def _missing(name: str = "RESOURCE_NOT_FOUND") -> Response:
    return _error(404, name, "The specified resource does not exist.")


class _Payers:
    """What the crowd can do at a platform that knows payers only: pay, as themselves or by somebody's card."""

    impossible: ClassVar[frozenset[str]] = frozenset({"agree", "withdraw", "merge", "delete", "erase"})

    def __init__(self, fake: FakePayPal) -> None:
        self._fake = fake

    def register(self, person: Person, *, agrees: bool | None) -> Any:  # noqa: ARG002  # PayPal knows no consent
        """Let somebody pay for the first time."""
        payer = self._fake.book.come()
        self.edit(payer.index, person)
        return payer.index

    def edit(self, who: Any, person: Person) -> None:
        """Let somebody change their account, and pay."""
        payer = self._fake.payer(who)
        payer.email, payer.first, payer.last = person.email, person.first, person.last
        self._fake.paid(self._fake.book.pay(payer))

    def buy(self, who: Any, person: Person) -> None:
        """Let somebody pay; a guest pays by card, with an address that PayPal makes up."""
        payer = self._fake.book.come() if who is None else self._fake.payer(who)
        if who is None:
            payer.email, payer.first, payer.last = f"{payer.id.lower()}@dcc.paypal.com", person.first, person.last
        self._fake.paid(self._fake.book.pay(payer))

    def say(self, who: Any, *, agrees: bool) -> None:
        """Do nothing: it is impossible here, and so are the others."""

    def merge(self, kept: Any, gone: Any) -> None:
        """Do nothing."""

    def delete(self, who: Any) -> None:
        """Do nothing."""

    def erase(self, who: Any) -> None:
        """Do nothing."""
