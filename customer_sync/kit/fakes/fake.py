"""`Fake`: a stand-in with its webhooks, its people and its control routes.

| route | does |
|---|---|
| `GET /fake/ready` | `{"ready": true}` |
| `GET /fake/state` | the time, calls, faults that happened, webhooks, and what the platform adds |
| `GET, DELETE /fake/calls?limit=` | who called what, the newest first |
| `GET, POST, DELETE /fake/faults[/id]` | see `faults` |
| `POST /fake/settings` | change those of the settings that may be changed: `{"protected_data": "nulls"}` |
| `POST /fake/clock` | `{"offset_s": 900}`, `{"advance_s": 60}` or `{"at": "2026-11-21T10:00:00Z"}` |
| `GET, DELETE /fake/deliveries?limit=` | every webhook, with headers, body and answers, the oldest first |
| `POST /fake/deliver` | send what waits now, due or not; `{"due": true}` only what is due |
| `POST /fake/webhooks` | how webhooks arrive, see `hooks.Habits`: `{"duplicates": 0.1, "burst": 20}` |
| `POST /fake/crowd` | `{"acts": 50}` happen at once, `{"act": "merge"}` of one kind; `{"per_second": 2}` from now on |
| `POST /fake/reset` | back to the beginning |

No key is asked for: these are tools on the loopback. What is wrong with a body is 400 with `{"error": sentence}`.
"""

from __future__ import annotations

import threading
import time
from abc import abstractmethod
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, fields
from functools import partial
from typing import Any, ClassVar, Final

from flask import Response, request

from customer_sync.kit.fakes.answers import BadRequest, Row, reply
from customer_sync.kit.fakes.app import CONTROL, App, Settings
from customer_sync.kit.fakes.clock import Clock, iso, seconds_of
from customer_sync.kit.fakes.crowd import WEIGHTS, Crowd
from customer_sync.kit.fakes.hooks import Delivery, Habits, Sender
from customer_sync.kit.fakes.switches import throw

#: How many entries are answered when no limit is given.
LIMIT: Final = 1_000
#: (verb, path, (body, what the path names) → what is answered).
Act = tuple[str, str, Callable[..., Any]]


class Fake(App[Settings]):
    """A stand-in of a platform; see `App` for its arguments."""

    #: Errors of the platform that a control route tells as they are, with the status that their `status` holds.
    refusals: ClassVar[tuple[type[Exception], ...]] = ()
    #: The settings that may be changed while it runs.
    switches: ClassVar[Collection[str]] = ()

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        super().__init__(settings, clock)
        self.sender: Sender | None = None
        self.crowd: Crowd | None = None
        self._acts_per_s, self._living = 0.0, threading.Lock()
        acts: list[Act] = [(method, path, partial(self._locked, act)) for method, path, act in self.acts()]
        for method, path, act in (*self._common(), *acts):
            view = partial(self._done, act)
            self.app.add_url_rule(CONTROL + path, f"{method} {path}", view, methods=[method])
        self.fill()

    @abstractmethod
    def fill(self) -> None:
        """Make the records of the start; a reset calls it again."""

    def acts(self) -> Sequence[Act]:
        """Return the platform's own control routes; each is called with the lock held."""
        return ()

    def state(self) -> Row:
        """Return what the platform adds to `GET /fake/state`."""
        return {}

    def start(self) -> None:
        """Let webhooks go out by themselves."""
        if self.sender:
            self.sender.start()

    def close(self) -> None:
        """Stop what runs in the background."""
        self._acts_per_s = 0.0
        if self.sender:
            self.sender.close()

    def reset(self) -> None:
        """Go back to the beginning; webhooks go out by themselves if they did before."""
        is_running = self.sender is not None and self.sender.is_running
        self.close()
        with self.lock:
            self.clock.offset_s = 0.0
            self.faults.clear()
            self.faults.happened.clear()
            self.calls.clear()
            self.fill()
        if is_running:
            self.start()

    def live(self, acts_per_s: float) -> None:
        """Let people act by themselves from now on; 0 stops them."""
        self._acts_per_s = acts_per_s
        if acts_per_s and self.crowd and self._living.acquire(blocking=False):
            threading.Thread(target=self._live, name="crowd", daemon=True).start()

    def _live(self) -> None:
        while (rate := self._acts_per_s) and self.crowd:
            with self.lock:
                self.crowd.act()
            time.sleep(1 / rate)
        self._living.release()

    def _locked(self, act: Callable[..., Any], body: Row, **named: Any) -> Any:
        with self.lock:
            return act(body, **named)

    def _done(self, act: Callable[..., Any], **named: Any) -> Response:
        """Return what a control route answers."""
        try:
            found = act(_body(), **named)
            return found if isinstance(found, Response) else reply(found or {})
        except self.refusals as refused:
            return reply({"error": str(refused)}, getattr(refused, "status", 400))
        except (BadRequest, ValueError, TypeError, KeyError) as wrong:
            return reply({"error": str(wrong)}, 400)

    def _common(self) -> Sequence[Act]:
        return (
            ("GET", "ready", lambda _body: {"ready": True}),
            ("GET", "state", self._state),
            ("GET", "calls", lambda body: self.calls.summary(_limit(body))),
            ("DELETE", "calls", lambda _body: self.calls.clear()),
            ("GET", "faults", self._faults),
            ("POST", "faults", lambda body: self.faults.add(body).row()),
            ("DELETE", "faults", lambda _body: self.clear_faults()),
            ("DELETE", "faults/<int:number>", lambda _body, number: self.faults.clear(number)),
            ("POST", "clock", self._set_clock),
            ("POST", "settings", lambda body: throw(self.settings, body, self.switches)),
            ("GET", "deliveries", lambda body: {"deliveries": [one.row() for one in self._log(body)]}),
            ("DELETE", "deliveries", lambda _body: self._sender.log.clear()),
            ("POST", "deliver", lambda body: {"posted": self._sender.deliver(everything=not body.get("due"))}),
            ("POST", "webhooks", self._set_habits),
            ("POST", "crowd", self._let_act),
            ("POST", "reset", lambda _body: self.reset()),
        )

    def clear_faults(self) -> None:
        """Switch all faults off."""
        with self.lock:
            self.faults.clear()

    @property
    def _sender(self) -> Sender:
        if self.sender is None:
            raise BadRequest("this platform sends no webhooks")
        return self.sender

    def _log(self, body: Row) -> list[Delivery]:
        return list(self._sender.log)[-_limit(body) :]

    def _state(self, _body: Row) -> Row:
        with self.lock:
            told: Row = {"now": f"{iso(self.clock())}Z", "offset_s": self.clock.offset_s}
            told |= {"calls": dict(self.calls.operations), "faults": dict(self.faults.happened)}
            if self.sender:
                told["deliveries"] = {**self.sender.counts, "waiting": len(self.sender.waiting)}
            return told | self.state()

    def _faults(self, _body: Row) -> Row:
        return {"faults": [fault.row() for fault in self.faults.active], "kinds": dict(self.faults.kinds)}

    def _set_clock(self, body: Row) -> Row:
        if "at" in body:
            at_s = seconds_of(str(body["at"]))
            if at_s is None:
                raise BadRequest("at: a time as 2026-11-21T10:00:00Z")
            self.clock.set(at_s)
        self.clock.offset_s = float(body.get("offset_s", self.clock.offset_s)) + float(body.get("advance_s", 0))
        return {"now": f"{iso(self.clock())}Z", "offset_s": self.clock.offset_s}

    def _set_habits(self, body: Row) -> Row:
        habits, names = self._sender.habits, [one.name for one in fields(Habits)]
        for name, value in body.items():
            if name not in names or not isinstance(value, bool | int | float):
                raise BadRequest(f"a number for each; one of {', '.join(names)}")
            setattr(habits, name, value)
        return asdict(habits)

    def _let_act(self, body: Row) -> Row:
        if self.crowd is None:
            raise BadRequest("nobody acts at this platform")
        act = str(body.get("act", ""))
        if act not in ("", *WEIGHTS):
            raise BadRequest(f"act: one of {', '.join(WEIGHTS)}")
        with self.lock:
            for _ in range(int(body.get("acts", 1 if act else 0))):
                self.crowd.act(act)
        if "per_second" in body:
            self.live(float(body["per_second"]))
        return {"happened": dict(self.crowd.happened)}


def _body() -> Row:
    """Return the JSON object that was sent, with the query beneath it."""
    found = request.get_json(force=True, silent=True) if request.data else {}
    if not isinstance(found, dict):
        raise BadRequest("the body: a JSON object")
    return {**request.args.to_dict(), **found}


def _limit(body: Row) -> int:
    return int(body.get("limit", LIMIT))
