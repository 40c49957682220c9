"""`${VAR}` and `${VAR:-default}` in a text; `$${` stands for a plain `${`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from customer_sync.config.faults import Wrong, near

_REFERENCE: Final = re.compile(r"\$\$\{|\$\{([^}]*)(\}?)")
_INSIDE: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)


def interpolate(text: str, env: Mapping[str, str]) -> str:
    """Return a text with its variables filled in; what a variable holds is not looked at again.

    As in the shell, a default also stands in for a variable that is set but empty.

    Raises:
        Wrong: a variable is not set and has no default, or the reference is not well written.
    """
    missing: list[str] = []

    def fill(match: re.Match[str]) -> str:
        if match[1] is None:
            return "${"
        inside = _INSIDE.fullmatch(match[1])
        if not match[2]:
            raise Wrong("a ${ is never closed", "Write ${VARIABLE}, or $${ for a plain ${.")
        if inside is None or "${" in (inside[2] or ""):
            remedy = "Write ${VARIABLE} or ${VARIABLE:-default}, without another ${ in it; $${ is a plain ${."
            raise Wrong("a ${...} that holds no plain variable name", remedy)
        name, default = inside[1], inside[2]
        if default is not None:
            return env.get(name) or default
        if name not in env:
            missing.append(name)
        return env.get(name, "")

    filled = _REFERENCE.sub(fill, text)
    if missing:
        raise _not_set(missing, env)
    return filled


def escape(text: str) -> str:
    """Return a text that `interpolate` gives back unchanged."""
    return text.replace("${", "$${")


def _not_set(names: list[str], env: Mapping[str, str]) -> Wrong:
    guess = near(names[0], env)
    hint = f"Did you mean {guess}? " if guess else ""
    if len(names) > 1:
        return Wrong(f"the variables {', '.join(names)} are not set", f"{hint}Set them, or give defaults.")
    return Wrong(f"the variable {names[0]} is not set", f"{hint}Set it, or write ${{{names[0]}:-default}}.")
