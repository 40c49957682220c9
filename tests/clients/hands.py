"""Both clients by one set of words, so that one test asks the same of each."""

from __future__ import annotations

import json
import subprocess
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from tajo import TajoClient, TajoError
from tests.programs import need

JS = Path(__file__).parents[2] / "clients" / "js"
KEY = "a-key-of-the-tests-0123456789"
#: How options are called in JavaScript.
JS_NAMES = {
    "api_key": "apiKey",
    "brevo_api_key": "brevoApiKey",
    "base_url": "baseUrl",
    "allow_http": "allowHttp",
    "dry_run": "dryRun",
}


class Fault(NamedTuple):
    """An error that a client raised."""

    name: str
    text: str
    remedy: str
    status: int
    errors: list[Any]
    after_s: float | None


class Outcome(NamedTuple):
    """What became of a call: its value or its error, and how long the client waited between its tries, in seconds."""

    value: Any
    fault: Fault | None
    waits: list[float]


class Hands(Protocol):
    """One of both clients."""

    def call(
        self, name: str, *places: Any, options: dict[str, Any], more: dict[str, Any] | None = None, take: int = 0
    ) -> Outcome:
        """Make a client with these options and make a call of it.

        Args:
            name: of the call, as `runs.list`.
            places: its arguments by place.
            options: of the client.
            more: its arguments by name.
            take: of what never ends, so many.
        """
        ...


class PythonHands:
    """The Python client."""

    def call(
        self, name: str, *places: Any, options: dict[str, Any], more: dict[str, Any] | None = None, take: int = 0
    ) -> Outcome:
        waits: list[float] = []
        try:
            with TajoClient(**options) as client:
                client._caller.pause = waits.append
                found: Any = client
                for word in filter(None, name.split(".")):
                    found = getattr(found, word)
                value = found(*places, **(more or {})) if name else repr(client)
                if hasattr(value, "pages") or take:
                    value = list(islice(value, take or None))
                return Outcome(value, None, waits)
        except (TypeError, ValueError) as error:
            return Outcome(None, Fault("TypeError", str(error), "", 0, [], None), waits)
        except TajoError as error:
            after_s = getattr(error, "after_s", None)
            fault = Fault(type(error).__name__, str(error), error.remedy, error.status, error.errors, after_s)
            return Outcome(None, fault, waits)


class NodeHands:
    """The JavaScript client in one Node process, asked line by line."""

    def __init__(self, env: dict[str, str]) -> None:
        command = [need("node"), str(Path(__file__).with_name("hands.mjs"))]
        self._node = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env, cwd=JS
        )

    def call(
        self, name: str, *places: Any, options: dict[str, Any], more: dict[str, Any] | None = None, take: int = 0
    ) -> Outcome:
        assert self._node.stdin is not None
        assert self._node.stdout is not None
        given = [*places, *([_js(more)] if more else [])]
        asked = {"name": name, "args": given, "options": _js(options), "take": take}
        self._node.stdin.write(json.dumps(asked).replace("Infinity", "1e999") + "\n")
        self._node.stdin.flush()
        told = json.loads(self._node.stdout.readline())
        return Outcome(told["value"], Fault(**told["fault"]) if told["fault"] else None, told["waits"])

    def close(self) -> None:
        """End the process."""
        assert self._node.stdin is not None
        assert self._node.stdout is not None
        self._node.stdin.close()
        self._node.wait(10)
        self._node.stdout.close()


def _js(options: dict[str, Any]) -> dict[str, Any]:
    found = {JS_NAMES.get(name, name): value for name, value in options.items()}
    if "timeout_s" in found:
        found["timeoutMs"] = found.pop("timeout_s") * 1000
    if "every_s" in found:
        found["everyMs"] = found.pop("every_s") * 1000
    return found
