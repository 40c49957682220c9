"""Statuses of addresses, the webhooks of apps, and tokens."""

from __future__ import annotations

from urllib.parse import unquote

from flask import Response, request

from connectors.hubspot.fake import preferences, tokens
from connectors.hubspot.fake.answers import body_of, error_of
from connectors.hubspot.fake.apps import App
from connectors.hubspot.fake.objects import Objects
from connectors.hubspot.fake.portal import Refusal
from connectors.hubspot.fake.preferences import Status
from connectors.hubspot.fake.records import stamp
from customer_sync.kit.fakes.answers import Row, reply
from customer_sync.kit.fakes.oauth import OAuthError, back_to


class Desk(Objects):
    """What can be asked for beside `/crm`."""

    def _definitions(self) -> Row:
        return {"status": "COMPLETE", "results": preferences.definitions(self.preferences.made_s)}

    def _statuses(self, address: str) -> Row:
        _must_be_email()
        return {"status": "COMPLETE", "results": self.preferences.rows(unquote(address))}

    def _wide(self, address: str) -> Row:
        _must_be_email()
        return {"status": "COMPLETE", "results": self.preferences.wide(unquote(address))}

    def _leave(self, address: str) -> Row:
        _must_be_email()
        is_new = self.leave(unquote(address), "INTEGRATION")
        reason = self._reason(unquote(address), is_new=is_new)
        return {"status": "COMPLETE", "results": self.preferences.rows(unquote(address), reason)}

    def _set_status(self, address: str) -> Row:
        body = body_of()
        one, state, basis = body.get("subscriptionId"), body.get("statusState"), body.get("legalBasis")
        if (
            one not in preferences.TYPES
            or state not in ("SUBSCRIBED", "UNSUBSCRIBED")
            or body.get("channel") != "EMAIL"
        ):
            raise Refusal("subscriptionId, statusState or channel is wrong")
        if self.settings.privacy and basis not in preferences.BASES:
            raise Refusal("A legal basis and its explanation are required when data privacy settings are on")
        status = Status(state, self.clock(), "API", basis, body.get("legalBasisExplanation"))
        is_new = self.say(unquote(address), one, status, "INTEGRATION")
        reason = self._reason(unquote(address), is_new=is_new)
        return self.preferences.row(unquote(address), one, reason)

    def _reason(self, address: str, *, is_new: bool) -> str | None:
        """Return the word for what an opt-out changed.

        Raises:
            Refusal: nothing, and older versions call that an error.
        """
        if is_new:
            return "RESUBSCRIBE_OCCURRED" if address.lower() not in self.preferences.out else None
        if self.settings.repeats == "error":
            raise Refusal(f"{address} is already unsubscribed")
        return "NO_STATUS_CHANGE"

    # Webhooks of apps, and tokens

    def _target(self, app: int) -> Response:
        found = self.apps.apps.get(app)
        if found is None or (request.method == "GET" and not found.target):
            return error_of(404)
        if request.method == "DELETE":
            found.target = ""
            return Response(status=204)
        if request.method == "PUT":
            found.target, found.made_s = str(body_of().get("targetUrl") or ""), self.clock()
        return reply(found.settings())

    def _hooks(self, app: int) -> Response:
        found = self.apps.apps.get(app)
        if found is None:
            return error_of(404)
        if request.method == "GET":
            return reply({"results": list(found.hooks.values())})
        body = body_of()
        topic = str(body.get("eventType"))
        if topic.partition(".")[0] not in ("contact", "deal", "company", "object") or body.get("propertyName") in (
            "lastmodifieddate",
            "num_unique_conversion_events",
        ):
            raise Refusal("eventType or propertyName cannot be subscribed to")
        if topic.endswith(".propertyChange") and not body.get("propertyName"):
            raise Refusal("propertyName is required")
        return reply(self.apps.subscribe(app, body), 201)

    def _hook(self, app: int, number: int) -> Response:
        found = self.apps.apps.get(app, App()).hooks
        row = found.get(number)
        if row is None:
            return error_of(404)
        if request.method == "DELETE":
            found.delete(number)
            return Response(status=204)
        if request.method == "PATCH":
            row = found.put(number, {**row, "active": bool(body_of().get("active")), "updatedAt": stamp(self.clock())})
        return reply(row)

    def _token(self, version: str) -> Response:
        if version not in ("v1", "v3", "2026-03", "2026-09"):
            return error_of(404)
        with self.lock:
            try:
                return reply(tokens.answer(self.tokens.grant(request.form.to_dict()), self.settings))
            except OAuthError as error:
                return reply({"status": error.error.upper(), **error.body(), "message": str(error)}, error.status)

    def _authorize(self) -> Response:
        try:
            with self.lock:
                back = self.tokens.authorize(request.args.to_dict())
        except OAuthError as error:
            return reply(error.body(), error.status)
        return Response(status=302, headers={"Location": back_to(request.args["redirect_uri"], back)})


def _must_be_email() -> None:
    if request.args.get("channel") != "EMAIL":
        raise Refusal("channel is required")
