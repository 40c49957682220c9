"""The routes of an account, and what stands between a call and its answer: token, scope, limits."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final

from flask import Flask, Response, g, request

from connectors.hubspot.fake import acts, search, tokens
from connectors.hubspot.fake.answers import LIMITS, WORDS, error_of, limited, refused
from connectors.hubspot.fake.desk import Desk
from connectors.hubspot.fake.portal import Refusal
from connectors.hubspot.fake.records import KINDS
from customer_sync.kit.fakes.answers import Row, reply
from customer_sync.kit.fakes.fake import Act
from customer_sync.kit.fakes.faults import Fault

#: Dated versions, and the generation before, which ends in 2027.
_VERSION: Final = re.compile(r"20\d\d-(?:03|09)(?:-beta)?|v[34]")
_READ: Final = {"contacts": "crm.objects.contacts.read", "deals": "crm.objects.deals.read"}
_WRITE: Final = {"contacts": "crm.objects.contacts.write", "deals": "crm.objects.deals.write"}
_PREFERENCES: Final = "communication_preferences.read_write"


class FakeHubSpot(Desk):
    """A HubSpot account in memory, on the loopback."""

    struck = "/crm/*"
    strikes: ClassVar = {
        **{name: f"429: {words}" for name, (words, _) in LIMITS.items()},
        "moving": "477 with Retry-After: the account is being moved",
        "too_long": "414: the address is too long",
    }

    def routes(self, app: Flask) -> None:
        """Add the routes of the platform, in both generations."""

        def add(path: str, view: Callable[..., Any], scope: str, *methods: str) -> None:
            def answer(**named: Any) -> Response:
                return self._guarded(view, scope, **named)

            app.add_url_rule(path, f"{path} {methods}", answer, methods=methods or ("GET",))

        for objects in ("/crm/objects/<version>/<kind>", "/crm/<version>/objects/<kind>"):
            add(objects, self._list, "read")
            add(objects, self._create, "write", "POST")
            add(f"{objects}/search", self._search, "read", "POST")
            add(f"{objects}/batch/read", self._batch, "read", "POST")
            add(f"{objects}/merge", self._merge, "write", "POST")
            add(f"{objects}/gdpr-delete", self._forget, "write", "POST")
            add(f"{objects}/<number>", self._one, "read")
            add(f"{objects}/<number>", self._change, "write", "PATCH")
            add(f"{objects}/<number>", self._archive, "write", "DELETE")
        for ties in ("/crm/associations/<version>/<kind>/contacts", "/crm/<version>/associations/<kind>/contacts"):
            add(f"{ties}/batch/read", self._ties, "read", "POST")
        for properties in ("/crm/properties/<version>/<kind>", "/crm/<version>/properties/<kind>"):
            add(properties, self._properties, "crm.schemas.contacts.read")
        add("/account-info/<version>/details", self._account, "")
        there = "/communication-preferences/<version>"
        add(f"{there}/definitions", self._definitions, _PREFERENCES)
        add(f"{there}/statuses/<address>", self._statuses, _PREFERENCES)
        add(f"{there}/statuses/<address>", self._set_status, _PREFERENCES, "POST")
        add(f"{there}/statuses/<address>/unsubscribe-all", self._wide, _PREFERENCES)
        add(f"{there}/statuses/<address>/unsubscribe-all", self._leave, _PREFERENCES, "POST")
        for hooks in ("/app-webhooks/<version>/<int:app>", "/webhooks/<version>/<int:app>"):
            add(f"{hooks}/settings", self._target, "developer", "GET", "PUT", "DELETE")
            add(f"{hooks}/subscriptions", self._hooks, "developer", "GET", "POST")
            add(f"{hooks}/subscriptions/<int:number>", self._hook, "developer", "GET", "PATCH", "DELETE")
        app.add_url_rule("/oauth/<version>/token", view_func=self._token, methods=["POST"])
        app.add_url_rule("/oauth/authorize", view_func=self._authorize, methods=["GET"])

    def acts(self) -> Sequence[Act]:
        """Return the control routes."""
        return acts.acts_of(self)

    def state(self) -> Row:
        """Return counts and subscriptions."""
        return acts.state_of(self)

    # What the platform says in its own words

    def status(self, status: int) -> Response:
        """Return an error."""
        return error_of(status)

    def unauthorized(self) -> Response:
        """Refuse the token; one that ends has ended."""
        with self.lock:
            found = self.tokens.find(tokens.shown(request.headers.get("Authorization", "")))
            if found and found.expires_at_s is not None:
                self.tokens.revoke(found.value)
        return self.status(401)

    def forbidden(self) -> Response:
        """Say that a scope is missing."""
        return self.status(403)

    def strike(self, fault: Fault) -> Response:
        """Refuse a call by a limit, or because the account is moving."""
        if fault.kind in LIMITS:
            return limited(fault.kind)
        if fault.kind == "moving":
            return refused(477, *WORDS[477], headers={"Retry-After": "600"})
        return self.status(414)

    # One call

    def _guarded(self, view: Callable[..., Any], scope: str, version: str, **named: Any) -> Response:
        with self.lock:
            answer = self._barred(scope, named) or self._viewed(view, version, named)
            self.apps.flush()
            left, size = int(self.calls_left.left), int(self.calls_left.size)
        if not request.path.endswith("/search"):
            answer.headers["X-HubSpot-RateLimit-Max"] = str(size)
            answer.headers["X-HubSpot-RateLimit-Remaining"] = str(left)
            answer.headers["X-HubSpot-RateLimit-Interval-Milliseconds"] = "10000"
            if g.get("auth") == "token" and self.settings.calls_a_day:  # OAuth apps are not told
                answer.headers["X-HubSpot-RateLimit-Daily"] = str(self.settings.calls_a_day)
                answer.headers["X-HubSpot-RateLimit-Daily-Remaining"] = str(int(self.day_left.left))
        return answer

    def _barred(self, scope: str, named: Mapping[str, Any]) -> Response | None:
        shown = tokens.shown(request.headers.get("Authorization", ""))
        if scope == "developer":
            key = request.args.get("hapikey", shown)  # how the generation before shows it
            return None if key == self.settings.developer_token else self.status(401)
        token = self.tokens.find(shown)
        if token is None:
            return self.status(401)
        g.auth = "token" if token.expires_at_s is None else "oauth"
        if len(request.full_path) > self.settings.longest_url:
            return self.status(414)
        needed = {"read": _READ, "write": _WRITE}.get(scope, {}).get(str(named.get("kind")), scope)
        if needed not in ("", "read", "write", *self.settings.scopes):
            return self.status(403)
        return self._over()

    def _over(self) -> Response | None:
        """Return the refusal of the limit that is used up, if one is."""
        is_search = request.path.endswith("/search")
        limits = [("daily", self.day_left), ("ten_secondly", self.calls_left)]
        limits += [("secondly", self.searches_left)] if is_search else []
        return next((limited(kind) for kind, left in limits if not left.take()), None)

    def _viewed(self, view: Callable[..., Any], version: str, named: dict[str, Any]) -> Response:
        if not _VERSION.fullmatch(version) or named.get("kind", "contacts") not in KINDS:
            return self.status(404)
        try:
            found = view(**named)
        except Refusal as error:
            return refused(error.status, error.category, str(error))
        except search.BadSearch as error:
            return refused(400, "VALIDATION_ERROR", str(error))
        return found if isinstance(found, Response) else reply(found)
