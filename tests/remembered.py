"""What is worked out once in a process of the tests, though each test has applications of its own.

Flask makes a function out of each route, and one out of each template, when an application is made or first used. The
routes and templates are the same each time; making them again took a tenth of all the processor time of the tests.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from flask import Flask
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from werkzeug.routing import Rule


class Templates(BytecodeCache):
    """Keeps compiled templates in memory: by name, for as long as the text is the same."""

    _kept: ClassVar[dict[tuple[str, str], bytes]] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if (found := self._kept.get((bucket.key, bucket.checksum))) is not None:
            bucket.bytecode_from_string(found)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key, bucket.checksum] = bucket.bytecode_to_string()


def remember() -> None:
    """Let routes and templates be compiled once."""
    make = Rule._compile_builder
    made: dict[tuple[Any, ...], Callable[..., tuple[str, str]]] = {}

    def make_once(rule: Rule, *how: bool) -> Callable[..., tuple[str, str]]:
        if rule.defaults:  # these go into the function
            return make(rule, *how)
        key = (rule.rule, how, *rule._trace)
        if key not in made:
            made[key] = make(rule, *how)
        return made[key]

    Rule._compile_builder = make_once  # type: ignore[method-assign]  # on purpose
    Flask.jinja_options = {"bytecode_cache": Templates()}
