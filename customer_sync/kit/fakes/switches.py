"""Settings that may be changed while a stand-in runs, by `POST /fake/settings`."""

from __future__ import annotations

from collections.abc import Collection
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from customer_sync.kit.fakes.answers import Row


def throw(settings: Any, body: Row, names: Collection[str]) -> Row:
    """Change settings, all of them or none, and return those that may be changed.

    Args:
        settings: a dataclass; a tuple of texts is given as a list.
        body: name → value.
        names: what may be changed.

    Raises:
        ValueError: one may not be changed, has another type, or names what does not exist.
    """
    types = get_type_hints(type(settings))
    for name, value in body.items():
        if name not in names:
            raise ValueError(f"{name}: one of {', '.join(names)}")
        if not _fits(types[name], value):
            raise ValueError(f"{name}: {_words(types[name])}")
    for name, value in body.items():
        setattr(settings, name, tuple(value) if isinstance(value, list) else value)
    return {name: getattr(settings, name) for name in names}


def _fits(kind: Any, value: Any) -> bool:
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    if get_origin(kind) is tuple:
        return isinstance(value, list) and all(_fits(get_args(kind)[0], one) for one in value)
    kinds = get_args(kind) or (kind,)
    if isinstance(value, bool) or value is None:
        return (bool if isinstance(value, bool) else NoneType) in kinds
    return isinstance(value, tuple(int | float if one is float else one for one in kinds))


def _words(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return f"one of {', '.join(map(str, get_args(kind)))}"
    if get_origin(kind) is tuple:
        return f"a list, each {_words(get_args(kind)[0])}"
    return f"of the type {getattr(kind, '__name__', kind)}"
