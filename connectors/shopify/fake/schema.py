"""The schema that is answered, and the platform's own to check queries against, where it is at hand."""

from __future__ import annotations

import gzip
import json
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from graphql import DocumentNode, GraphQLError, GraphQLSchema, build_client_schema, build_schema, parse, validate

_HERE: Final = Path(__file__).resolve()
#: Where the platform's schema is looked for: beside a source checkout.
_BESIDE: Final = _HERE.parents[4] / "shared" / "payloads" / "shopify" / "schema"
ANSWERED: Final[GraphQLSchema] = build_schema((_HERE.parent / "schema.graphql").read_text(encoding="utf-8"))


def beside(version: str) -> Path | None:
    """Return the introspection of a version in the folder beside the checkout, None when it is not there."""
    found = _BESIDE / f"admin_{version}.introspection.json.gz"
    return found if found.is_file() else None


@lru_cache(maxsize=1)
def platform_schema(path: Path) -> GraphQLSchema:
    """Return the platform's schema out of its introspection."""
    raw = path.read_bytes()
    found: Any = json.loads(gzip.decompress(raw) if path.suffix == ".gz" else raw)
    return build_client_schema(found.get("data", found), assume_valid=True)  # the platform's own breaks small rules


class Reader:
    """Reads query documents.

    Args:
        path: the platform's introspection; None: queries are checked against what is answered only.
    """

    def __init__(self, path: Path | None) -> None:
        self._schemas = [platform_schema(path), ANSWERED] if path else [ANSWERED]
        self._read = lru_cache(maxsize=128)(self._read_anew)

    def read(self, text: str) -> tuple[DocumentNode | None, tuple[GraphQLError, ...]]:
        """Return the document, or what is wrong with it: by the platform's schema first, then by ours."""
        return self._read(text)

    def _read_anew(self, text: str) -> tuple[DocumentNode | None, tuple[GraphQLError, ...]]:
        try:
            document = parse(text)
        except GraphQLError as error:
            return None, (error,)
        for schema in self._schemas:
            if faults := tuple(validate(schema, document)):
                return None, faults
        return document, ()
