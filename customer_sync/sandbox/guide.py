"""Tells what the sandbox can do: as JSON at `/sandbox`, and as docs/sandbox.md, which is made from here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from flask import Response

from customer_sync.model import Json
from customer_sync.sandbox import acts, faults, switches
from customer_sync.sandbox.answers import Row, as_json
from customer_sync.sandbox.mailable import WAYS
from customer_sync.sandbox.routes import Route
from customer_sync.sandbox.routes.tables import BREVO_ROUTES, OWN_ROUTES
from customer_sync.sandbox.state import Sandbox

_PARAMETER: Final = re.compile(r"<(?:any\((?P<words>[^)]*)\):|[^<>]*:)?(?P<name>\w+)>")
_HEAD: Final = """# The sandbox

<!-- Made from the code by `python -m customer_sync.sandbox --guide`; a test compares. -->

A Brevo of your own: the API v3 below `/v3`, in memory, for development, demos and your own CI. Without `BREVO_API_KEY`
everything runs against it. Alone it starts with `tajo sandbox` (`--port 8025`, `--journal FILE` to keep its state).

```sh
tajo sandbox --plan general --switch import_blocks=lift_both
curl -X POST localhost:8025/sandbox/switches -d '{"import_shared": "refuse"}'
curl -X POST localhost:8025/sandbox/acts/unsubscribe -d '{"email": "ann@example.com"}'
curl -X POST localhost:8025/sandbox/faults -d '{"kind": "storm", "count": 3, "reset": "huge"}'
curl localhost:8025/sandbox/mailable
```

No key is asked for below `/sandbox`: keep it on a loopback address. `/` is a page for people.

eCommerce is on from the start; `--no-ecommerce` begins without it, and `--currency EUR` with another display currency.
Of the templates that are there, 1 can be sent and 2 is not active; 3 is for double opt-in.
"""
_SWITCHES: Final = """How this account behaves where Brevo may behave in more than one way. A default is what Brevo
documents; where it documents nothing, the table says so. `POST /sandbox/switches` sets some by name, `DELETE` sets all
back, so does a reset; `--switch NAME=VALUE` sets one from the start."""
_ACTS: Final = """What people do in Brevo without a call of the API: `POST /sandbox/acts/<name>` with `email` or `id`
and what the act takes. `ago_s` says how many seconds ago it was, `"webhook": false` that its webhook is lost. The event
is the name under which its marketing webhook is registered."""
_FAULTS: Final = """What can go wrong on the way: `POST /sandbox/faults` with a `kind`. It ends after `count` calls or
`seconds`, or when it is cleared with `DELETE`; `method` and `path` (a shell pattern below `/v3`) narrow it."""
_WAYS: Final = """`GET /sandbox/mailable` tells every moment at which somebody who had left could be mailed again: whom,
when, how, and by which call. Brevo keeps no such record. `how` is one of these:"""
_OWN: Final = """`GET /sandbox` tells all of this as JSON."""
_BREVO: Final = """Everything else below `/v3` is answered 404."""


def show(_sandbox: Sandbox) -> Response:
    """Return what the sandbox can do."""
    routes: list[Json] = [{"method": method, "path": path, "does": text} for method, path, text in _told(OWN_ROUTES)]
    brevo: list[Json] = [f"{method} /v3{path}" for method, path, _ in _told(BREVO_ROUTES)]
    names: list[Json] = list(switches.ALL)
    kinds: list[Json] = list(faults.KINDS)
    doings: list[Json] = list(acts.ALL)
    ways: Row = dict(WAYS)
    more: Row = {"switches": names, "acts": doings, "faults": kinds, "mailable": ways}
    return as_json({"routes": routes, **more, "brevo": brevo})


def markdown() -> str:
    """Return docs/sandbox.md."""
    kinds = ((f"`{one}`", text) for one, text in faults.KINDS.items())
    ways = ((f"`{one}`", text) for one, text in WAYS.items())
    parts = [
        _section("Switches", _SWITCHES, ("switch", "default", "or", "what it plays", "why that default"), _switches()),
        _section("Acts", _ACTS, ("act", "takes", "event", "what it is"), _acts()),
        _section("Faults", _FAULTS, ("kind", "what it does"), kinds),
        _section("Who became mailable", _WAYS, ("how", "what happened"), ways),
        _section("Its own calls", _OWN, ("call", "what it does"), _calls(OWN_ROUTES, "")),
        _section("Brevo's calls", _BREVO, ("call", "what it does"), _calls(BREVO_ROUTES, "/v3")),
    ]
    return "\n".join([_HEAD, *parts])


def _switches() -> Iterable[Sequence[str]]:
    for one in switches.ALL.values():
        default = switches.word(one.default)
        others = [switches.word(choice) for choice in one.choices if choice != one.default]
        shown = ", ".join(f"`{choice}`" for choice in others) if others else one.takes
        yield f"`{one.name}`", f"`{default}`" if default else "none", shown, one.plays, one.why


def _acts() -> Iterable[Sequence[str]]:
    for name, act in acts.ALL.items():
        takes = ", ".join(f"`{one}`" for one in act.takes)
        yield f"`{name}`", takes or "none", f"`{act.event}`" if act.event else "none", act.plays


def _calls(routes: Iterable[Route], prefix: str) -> Iterable[Sequence[str]]:
    for method, path, text in _told(routes):
        yield f"`{method} {prefix}{path}`", text


def _told(routes: Iterable[Route]) -> Iterable[tuple[str, str, str]]:
    """Yield the verb, the path with its parameters in braces, and the first line of what it does."""
    for method, path, handler in routes:
        text = (handler.__doc__ or "").strip().partition("\n")[0]
        yield method, _PARAMETER.sub(lambda found: "{%s}" % (found["words"] or found["name"]), path), text


def _section(title: str, text: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"## {title}", "", text, "", _line(columns), _line(["---"] * len(columns)), *map(_line, rows)]
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
