"""The routes of the API, and what stands between a call and its answer: key, limits, firewall."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from flask import Flask, Response, g, redirect, request

from connectors.pipedrive.fake import acts
from connectors.pipedrive.fake.company import Company
from connectors.pipedrive.fake.hooks import COMPANY, HOST, Hooks
from connectors.pipedrive.fake.lists import Wrong, offset_page, page_of
from connectors.pipedrive.fake.rows import OWNER
from connectors.pipedrive.fake.settings import SWITCHES, Settings
from customer_sync.kit.fakes.answers import Row, page, reply
from customer_sync.kit.fakes.fake import Act, Fake
from customer_sync.kit.fakes.faults import PAGES
from customer_sync.kit.fakes.limits import Window
from customer_sync.kit.fakes.oauth import OAuth, OAuthError, Terms, back_to

#: What each kind of call costs, in tokens: https://pipedrive.readme.io/docs/core-api-concepts-rate-limiting.
COSTS: Final = {"list": 10, "old_list": 20, "one": 1, "write": 5, "delete": 3, "old": 10, "me": 2, "search": 20}
DAY_S: Final = 86_400.0
BANNED_S: Final = 300.0
#: A refresh token dies after 60 days without use.
REFRESH_S: Final = 60 * DAY_S
_NAMES: Final = {"persons": "person", "deals": "deal"}


class FakePipedrive(Fake[Settings]):
    """A Pipedrive company in memory, on the loopback."""

    struck = "/*"
    switches = SWITCHES

    def fill(self) -> None:
        """Make everything as it was at the start."""
        settings = self.settings
        self.hooks = Hooks(settings, self.clock, self._with_lock)
        self.sender = self.hooks.sender
        self.company = Company(settings, self.clock, self.hooks)
        terms = Terms(3599.0, REFRESH_S, settings.refresh, ("v1u", "1:1"))
        self.oauth = OAuth(self.clock, (settings.client_id, settings.client_secret), ("base",), terms)
        self.oauth.add(settings.token)
        self.spent, self.day = 0, 0
        self.burst = Window(settings.calls_per_2s, 2.0, self.clock)
        self.ignored, self.banned_until_s = 0, 0.0

    def routes(self, app: Flask) -> None:
        """Add the routes of the platform; version 1 is at two addresses."""
        for kind, entity in _NAMES.items():
            self._add(app, f"/api/v2/{kind}", "GET", "list", lambda kind=kind: self._list(kind))
            self._add(app, f"/api/v2/{kind}", "POST", "write", lambda entity=entity: self._create(entity))
            one = f"/api/v2/{kind}/<int:number>"
            self._add(app, one, "GET", "one", lambda number, entity=entity: self._one(entity, number))
            self._add(app, one, "PATCH", "write", lambda number, entity=entity: self._change(entity, number))
            self._add(app, one, "DELETE", "delete", lambda number, entity=entity: self._delete(entity, number))
        self._add(app, "/api/v2/persons/search", "GET", "search", self._search)
        self._add(app, "/api/v2/deals/archived", "GET", "list", lambda: self._list("archived"))
        self._add(app, "/api/v2/personFields", "GET", "list", self._fields)
        self._add(app, "/api/v2/organizations", "GET", "list", lambda: self._list("organizations"))
        for root in ("/v1", "/api/v1"):
            self._add(app, f"{root}/leads", "GET", "old_list", self._leads)
            self._add(app, f"{root}/users/me", "GET", "me", self._me)
            self._add(app, f"{root}/webhooks", "GET", "old", self._webhooks)
            self._add(app, f"{root}/webhooks", "POST", "old", self._add_webhook)
            self._add(app, f"{root}/webhooks/<int:number>", "DELETE", "old", self._drop_webhook)
        app.add_url_rule("/oauth/authorize", view_func=self._authorize, methods=["GET"])
        app.add_url_rule("/oauth/token", view_func=self._token, methods=["POST"])
        app.register_error_handler(404, lambda _: self.status(404))

    def acts(self) -> Sequence[Act]:
        """Return the control routes."""
        return acts.acts_of(self)

    def state(self) -> Row:
        """Return what is used of the limits, and what webhooks lost."""
        return {"tokens_spent": self.spent, "hooks": list(self.hooks.table.values()), "hooks_lost": self.hooks.lost}

    def status(self, status: int) -> Response:
        """Return an answer with a status, in Pipedrive's words."""
        words = {401: "unauthorized access", 403: "Scope and URL mismatch", 404: "Not found"}
        body = {"success": False, "error": words.get(status, "Something went wrong"), "errorCode": status}
        return reply({**body, "error_info": "Please check developers.pipedrive.com"}, status)

    # What stands before a call

    def _add(self, app: Flask, path: str, method: str, cost: str, act: Callable[..., Any]) -> None:
        def view(**named: Any) -> Response:
            with self.lock:
                return self._guarded(COSTS[cost], lambda: act(**named))

        app.add_url_rule(path, f"{method} {path}", view, methods=[method])

    def _guarded(self, cost: int, act: Callable[[], Any]) -> Response:
        now_s = self.clock()
        if now_s < self.banned_until_s:
            return page("Access denied", "Error 1015: you are being rate limited.", 403)
        shown = request.headers.get("x-api-token") or request.args.get("api_token")
        g.auth = "token" if shown else "bearer"
        if self.oauth.find(shown or request.headers.get("Authorization", "").removeprefix("Bearer ")) is None:
            return self.status(401)
        if (over := self._over(cost, now_s)) is not None:
            return over
        self.ignored = 0
        try:
            found = act()
        except Wrong as wrong:
            body = {"success": False, "error": str(wrong), "code": "ERR_SCHEMA_VALIDATION_FAILED"}
            return reply(body, 400, self._headers())
        if found is None:
            return self.status(404)
        response = found if isinstance(found, Response) else reply(found)
        response.headers.extend(self._headers())
        return response

    def _over(self, cost: int, now_s: float) -> Response | None:
        """Count a call; return the answer where one of the two limits is reached."""
        if (day := int(now_s // DAY_S)) != self.day:
            self.day, self.spent = day, 0
        self.burst.size = self.settings.calls_per_2s
        is_spent = self.spent + cost > self.settings.tokens_per_day
        if not is_spent and self.burst.take():
            self.spent += cost
            return None
        self.ignored += 1
        if self.settings.ban_after and self.ignored > self.settings.ban_after:
            self.ignored, self.banned_until_s = 0, now_s + BANNED_S
        return reply({"success": False, "error": "request over limit", "errorCode": 429}, 429, self._headers())

    def _headers(self) -> dict[str, str]:
        """Return both families of headers, as recorded answers have them."""
        settings = self.settings
        return {
            "x-ratelimit-limit": str(settings.calls_per_2s),
            "x-ratelimit-remaining": str(int(self.burst.left)),
            "x-ratelimit-reset": "2",
            "x-daily-ratelimit-token-limit": str(settings.tokens_per_day),
            "x-daily-ratelimit-token-remaining": str(max(settings.tokens_per_day - self.spent, 0)),
        }

    def unauthorized(self) -> Response:
        """Refuse the token that was shown; one that is given anew works again."""
        return self.status(401)

    def forbidden(self) -> Response:
        """Say that the token may not do this."""
        return self.status(403)

    # Records

    def _list(self, kind: str) -> Row:
        query = request.args.to_dict()
        company = self.company
        self._check_fields(query)
        found: list[Row]
        if kind == "deals":
            words = [one for one in query.get("status", "").split(",") if one]
            found = [row for row in company.deals.values() if not row["is_archived"]]
            found = [row for row in found if not words or row["status"] in words]
            found += company.gone_deals.values() if "deleted" in words else ()
        elif kind == "archived":
            found = [row for row in company.deals.values() if row["is_archived"]]
        else:
            found = list((company.persons if kind == "persons" else company.organizations).values())
        shown, word = page_of(found, query, None if "ids" in query else self.take(*PAGES))
        return {
            "success": True,
            "data": [self._shown(row) for row in shown],
            "additional_data": {"next_cursor": word},
        }

    def _search(self) -> Row:
        """Return who has an address, main or not: the part of the search that a client of addresses needs.

        The shape and the rule for a short term: https://developers.pipedrive.com/docs/api/v1/Persons#searchPersons.
        """
        query = request.args.to_dict()
        term, is_exact = query.get("term", "").strip().lower(), query.get("exact_match") in ("true", "1")
        if len(term) < (1 if is_exact else 2) or query.get("fields") != "email":
            raise Wrong("term is required, and of the fields only email is known here")
        found = []
        for row in self.company.persons.values():
            addresses = [str(one.get("value", "")) for one in row["emails"]]
            if any(term == one.lower() if is_exact else term in one.lower() for one in addresses):
                item = {"id": row["id"], "type": "person", "name": row["name"], "emails": addresses}
                found.append({"result_score": 0.3, "item": item})
        return {"success": True, "data": {"items": found}, "additional_data": {"next_cursor": None}}

    def _shown(self, row: Row) -> Row:
        """Return a record; the marketing status only where it was asked for, and the company has one."""
        wanted = request.args.get("include_fields", "").split(",")
        if "marketing_status" in row and not (self.settings.campaigns and "marketing_status" in wanted):
            return {name: value for name, value in row.items() if name != "marketing_status"}
        return row

    def _check_fields(self, query: Row) -> None:
        wants = "marketing_status" in str(query.get("include_fields", ""))
        if wants and not self.settings.campaigns and self.settings.refuses_status:
            raise Wrong("include_fields: marketing_status is not available")

    def _one(self, entity: str, number: int) -> Row | None:
        self._check_fields(request.args.to_dict())
        row = self.company.table(entity).get(number)
        return None if row is None else {"success": True, "data": self._shown(row)}

    def _create(self, entity: str) -> Response | Row:
        body = self._body()
        if not body.get("name" if entity == "person" else "title"):
            raise Wrong("name or title is required")
        return reply({"success": True, "data": self._shown(self.company.create(entity, body))}, 201)

    def _change(self, entity: str, number: int) -> Row | None:
        body = self._body()
        status = body.get("marketing_status")
        if status is not None and status not in ("no_consent", "unsubscribed", "subscribed", "archived"):
            raise Wrong("marketing_status is wrong")
        row = self.company.change(entity, number, body, change_source="api")
        return None if row is None else {"success": True, "data": self._shown(row)}

    def _delete(self, entity: str, number: int) -> Row | None:
        return None if self.company.delete(entity, number) is None else {"success": True, "data": {"id": number}}

    def _leads(self) -> Row:
        query, fault = request.args.to_dict(), self.take(*PAGES)
        if fault and fault.kind == "ignore_filter":
            query.pop("updated_since", None)
        shown, told = offset_page(list(self.company.leads.values()), query, fault)
        return {"success": True, "data": shown, "additional_data": {"pagination": told}}

    def _fields(self) -> Row:
        return {"success": True, "data": self.company.fields, "additional_data": {"next_cursor": None}}

    def _me(self) -> Row:
        user = {"id": OWNER, "name": "Ada Admin", "email": "ada@example.com", "is_admin": 1, "active_flag": True}
        return {"success": True, "data": {**user, "company_id": COMPANY, "company_domain": HOST.partition(".")[0]}}

    def _webhooks(self) -> Row:
        return {"status": "ok", "success": True, "data": list(self.hooks.table.values())}

    def _add_webhook(self) -> Response:
        made = self.hooks.add(self._body())
        if isinstance(made, str):
            return reply({"status": "error", "success": False, "error": made}, 400)
        return reply({"status": "ok", "success": True, "data": made}, 201)

    def _drop_webhook(self, number: int) -> Row | None:
        return None if self.hooks.remove(number) is None else {"status": "ok", "success": True}

    # Tokens

    def _authorize(self) -> Response:
        with self.lock:
            try:
                values = self.oauth.authorize(request.args.to_dict())
            except OAuthError as refused:
                return reply(refused.body(), refused.status)
        return redirect(back_to(request.args["redirect_uri"], values))  # type: ignore[return-value]  # of werkzeug

    def _token(self) -> Response:
        form = request.form.to_dict()
        shown = request.headers.get("Authorization", "")
        with self.lock:
            if not shown:
                return reply({"error": "invalid_client", "message": "client id and secret belong in the header"}, 401)
            try:
                token = self.oauth.grant(form, shown)
            except OAuthError as refused:
                return reply(refused.body(), refused.status)
        told = {"access_token": token.value, "token_type": "Bearer", "expires_in": 3599, "refresh_token": token.refresh}
        return reply({**told, "scope": "base", "api_domain": request.host_url.rstrip("/")})

    def _body(self) -> Row:
        found = request.get_json(force=True, silent=True)
        if not isinstance(found, dict):
            raise Wrong("the body must be an object")
        return found

    def _with_lock(self, act: Callable[[], None]) -> None:
        with self.lock:
            act()
