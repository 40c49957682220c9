"""The HTTP routes: each module turns requests into calls on the `Sandbox` and ends with its table `ROUTES`."""

from __future__ import annotations

from collections.abc import Callable

from flask import Response, request

#: (verb, path, function): the function gets the sandbox and the path's parameters by name.
Route = tuple[str, str, Callable[..., Response]]


def this_call() -> str:
    """Return the call that is being answered, for the oracle: `PUT /contacts/{identifier}`."""
    return request.endpoint or ""
