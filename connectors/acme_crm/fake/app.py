"""The routes of an Acme CRM: tokens, customers, deals, webhooks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final

from flask import Flask, Response, g, redirect, request

from connectors.acme_crm.fake.crm import Crm, Refusal, since
from connectors.acme_crm.fake.settings import Settings
from customer_sync.kit.fakes.answers import Row, reply
from customer_sync.kit.fakes.cast import Cast
from customer_sync.kit.fakes.crowd import Crowd
from customer_sync.kit.fakes.fake import Act, Fake
from customer_sync.kit.fakes.faults import PAGES
from customer_sync.kit.fakes.oauth import OAuth, OAuthError, Terms, back_to
from customer_sync.kit.fakes.pages import pack, unpack, window

#: The longest page, and that of a caller who does not say.
MOST, USUAL = 100, 20
#: The most calls in ten seconds.
LIMIT: Final = 100_000


class FakeAcme(Fake[Settings]):
    """An Acme CRM in memory, on the loopback."""

    struck = "/api/*"
    refusals = (Refusal,)
    switches: ClassVar = ("max_results", "ignores_opt_out", "token_s")

    def fill(self) -> None:
        """Make the first records."""
        settings = self.settings
        terms = Terms(access_s=settings.token_s, refresh_s=90 * 86_400.0, rotation="strict", names=("acme", "again"))
        self.oauth = OAuth(self.clock, (settings.client_id, settings.client_secret), ("customers",), terms)
        self.crm = Crm(settings, self.clock, self.lock)
        self.sender = self.crm.sender
        self.crowd = Crowd(self.crm, settings.seed)
        self._cast, self._more = Cast(settings.seed), settings.customers

    def routes(self, app: Flask) -> None:
        """Add the routes of the platform."""
        app.add_url_rule("/oauth/token", "token", self._token, methods=["POST"])
        app.add_url_rule("/oauth/authorize", "authorize", self._authorize, methods=["GET"])
        self._add("/api/customers", "GET", lambda: self._listing(self.crm.customers.values(), with_gone=True))
        self._add("/api/customers", "POST", lambda: self._shown(self.crm.create(_body().get("contact", {})), 201))
        self._add("/api/customers/<word>", "GET", lambda word: self._shown(self.crm.customer(_number(word))))
        self._add("/api/customers/<word>", "PATCH", self._patched)
        self._add("/api/customers/<word>", "DELETE", self._removed)
        self._add("/api/deals", "GET", lambda: self._listing(self.crm.deals.values(), with_gone=False))
        self._add("/api/deals/<word>", "GET", self._deal)
        self._add("/api/webhooks", "GET", lambda: reply({"data": [_told(one) for one in self.crm.hooks.values()]}))
        self._add("/api/webhooks", "POST", self._hooked)
        self._add("/api/webhooks/<int:number>", "PUT", self._rehooked)
        self._add("/api/webhooks/<int:number>", "DELETE", self._unhooked)

    def acts(self) -> Sequence[Act]:
        """Return the control routes."""
        crm = self.crm_of
        return (
            ("GET", "customers", lambda _body: {"ids": [row["id"] for row in crm().customers.values()]}),
            ("POST", "customers", lambda body: crm().create(body.get("contact", {}), agrees=body.get("agrees"))),
            ("POST", "customers/more", self._populate),
            ("GET", "customers/<int:number>", lambda _body, number: crm().customer(number)),
            ("PATCH", "customers/<int:number>", self._edited),
            ("DELETE", "customers/<int:number>", lambda _body, number: crm().remove(number)),
            ("POST", "customers/merge", lambda body: {"id": crm().join(int(body["kept"]), int(body["gone"]))}),
            ("POST", "deals", lambda body: crm().add_deal(int(body["customer"]))),
        )

    def crm_of(self) -> Crm:
        """Return what there is now: a reset makes it anew."""
        return self.crm

    def state(self) -> Row:
        """Return the webhooks with their secrets, and how many tokens were given."""
        return {"webhooks": list(self.crm.hooks.values()), "tokens": dict(self.oauth.given)}

    # What the platform says in its own words

    def status(self, status: int) -> Response:
        """Return an error."""
        return _refused(status, "error")

    def unauthorized(self) -> Response:
        """Refuse the token that was shown, and revoke it."""
        self.oauth.revoke(_shown_token())
        return _refused(401, "invalid_token")

    def forbidden(self) -> Response:
        """Say that the token may not do this."""
        return _refused(403, "missing_scope")

    # One call

    def _add(self, rule: str, method: str, act: Callable[..., Response]) -> None:
        def view(**named: Any) -> Response:
            with self.lock:
                if self.oauth.find(_shown_token()) is None:
                    return _refused(401, "invalid_token")
                g.auth = "token"
                try:
                    answer = act(**named)
                except Refusal as refusal:
                    answer = _refused(refusal.status, refusal.code)
            answer.headers["X-RateLimit-Remaining"], answer.headers["X-RateLimit-Reset"] = str(LIMIT), "10"
            return answer

        self.app.add_url_rule(rule, f"{method} {rule}", view, methods=[method])

    def _token(self) -> Response:
        try:
            with self.lock:
                token = self.oauth.grant(request.form, request.headers.get("Authorization", ""))
        except OAuthError as error:
            return reply(error.body(), error.status)
        told: Row = {"access_token": token.value, "token_type": "bearer", "scope": " ".join(token.scopes)}
        told |= {} if token.refresh is None else {"refresh_token": token.refresh}
        return reply(told | {"expires_in": self.settings.token_s, "api_url": request.host_url.rstrip("/")})

    def _authorize(self) -> Any:
        try:
            with self.lock:
                found = self.oauth.authorize(request.args)
        except OAuthError as error:
            return reply(error.body(), error.status)
        return redirect(back_to(request.args["redirect_uri"], found))

    def _listing(self, rows: Any, *, with_gone: bool) -> Response:
        fault = self.take(*PAGES)
        begin, end = request.args.get("updated_since", ""), request.args.get("updated_until", "")
        is_whole = not begin
        if fault is not None and fault.kind == "ignore_filter":
            begin = end = ""
        changed = rows if is_whole else since([*rows, *(self.crm.gone.values() if with_gone else ())], begin, end)
        found = sorted(changed, key=lambda row: _key(row, is_whole=is_whole))
        if end and 0 < self.settings.max_results < len(found):
            return _refused(400, "too_many_results")
        size = min(int(request.args.get("limit", USUAL)), MOST)
        after = unpack(request.args.get("cursor", ""))
        start = 0 if after is None else sum(_key(row, is_whole=is_whole) <= tuple(after["key"]) for row in found)
        page = window(found, start, size, fault)
        shown = start + (len(page) if fault is not None and fault.kind == "shrink_page" else size)
        last = found[shown - 1] if shown < len(found) else None
        following = None if last is None else pack(key=_key(last, is_whole=is_whole))
        return reply({"data": page, "meta": {"next_cursor": following}})

    def _deal(self, word: str) -> Response:
        row = self.crm.deals.get(_number(word))
        return _refused(404, "not_found") if row is None else self._shown(row)

    def _patched(self, word: str) -> Response:
        body = _body()
        return self._shown(self.crm.change(_number(word), body.get("contact", {}), agrees=body.get("marketing_opt_in")))

    def _hooked(self) -> Response:
        body = _body()
        if not str(body.get("url", "")).startswith(("http://", "https://")):
            raise Refusal(422, "bad_url")
        names = ("event", "url", "secret", "active")
        number = self.crm.hooks.next_number()
        hook = {"id": number, **{name: body.get(name) for name in names}}
        return self._shown(_told(self.crm.hooks.put(number, hook)), 201)

    def _rehooked(self, number: int) -> Response:
        hook = self.crm.hooks.get(number)
        if hook is None:
            raise Refusal(404, "not_found")
        hook.update({name: value for name, value in _body().items() if name in hook and name != "id"})
        return self._shown(_told(hook))

    def _shown(self, row: Row, status: int = 200) -> Response:
        return reply({"data": row}, status)

    def _removed(self, word: str) -> Response:
        self.crm.remove(_number(word))
        return Response(status=204)

    def _unhooked(self, number: int) -> Response:
        self.crm.hooks.delete(number)
        return Response(status=204)

    def _edited(self, body: Row, number: int) -> Row:
        return self.crm.change(number, body, agrees=body.get("agrees"))

    def _populate(self, body: Row) -> Row:
        first = self._more
        self._more += int(body["count"])
        return {"ids": [self.crm.populate(self._cast, index) for index in range(first, self._more)]}


def _key(row: Row, *, is_whole: bool) -> tuple[Any, ...]:
    return (row["id"],) if is_whole else (row["updated_at"], row["id"])


def _told(hook: Row) -> Row:
    return {name: value for name, value in hook.items() if name != "secret"}


def _number(word: str) -> int:
    if not (word.isascii() and word.isdigit()):
        raise Refusal(404, "not_found")
    return int(word)


def _body() -> Row:
    found = request.get_json(silent=True)
    if not isinstance(found, dict):
        raise Refusal(422, "no_json")
    return found


def _shown_token() -> str:
    return request.headers.get("Authorization", "").removeprefix("Bearer ")


def _refused(status: int, code: str) -> Response:
    return reply({"error": {"code": code, "status": status}}, status)
