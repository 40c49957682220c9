"""Which skills there are: every module of this package that names a `SKILL`."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib import import_module

import customer_sync.skills as package
from customer_sync.skills.definition import Definition


@cache
def definitions() -> Mapping[str, Definition]:
    """Return every skill, by name. They are imported at the first call."""
    found: dict[str, Definition] = {}
    for module in pkgutil.iter_modules(package.__path__):
        skill = getattr(import_module(f"{package.__name__}.{module.name}"), "SKILL", None)
        if isinstance(skill, Definition):
            found[skill.name] = skill
    return dict(sorted(found.items()))
