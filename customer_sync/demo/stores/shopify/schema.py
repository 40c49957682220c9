"""Reads queries, and checks them against the platform's own schema where that is at hand."""

from __future__ import annotations

import gzip
import json
from functools import lru_cache
from pathlib import Path
from typing import Final

from graphql import DocumentNode, GraphQLError, GraphQLSchema, build_client_schema, parse, validate

#: Where the schema is looked for beside a source checkout.
BESIDE: Final = Path("shared", "payloads", "shopify", "schema")
_ROOT = Path(__file__).resolve().parents[4]


def beside(version: str) -> Path | None:
    """Return the introspection of a version in the folder beside the checkout, None when it is not there."""
    found = _ROOT.parent / BESIDE / f"admin_{version}.introspection.json.gz"
    return found if found.is_file() else None


class Reader:
    """Reads query documents.

    Args:
        path: the introspection of the schema, as JSON, gzipped or not; None: only the syntax is checked.
    """

    def __init__(self, path: Path | None) -> None:
        self.schema = _load(path) if path else None
        self._read = lru_cache(maxsize=128)(self._read_anew)

    def read(self, text: str) -> tuple[DocumentNode | None, tuple[GraphQLError, ...]]:
        """Return the document, or what is wrong with it."""
        return self._read(text)

    def _read_anew(self, text: str) -> tuple[DocumentNode | None, tuple[GraphQLError, ...]]:
        try:
            document = parse(text)
        except GraphQLError as error:
            return None, (error,)
        faults = tuple(validate(self.schema, document)) if self.schema else ()
        return (None, faults) if faults else (document, ())


@lru_cache(maxsize=1)
def _load(path: Path) -> GraphQLSchema:
    raw = path.read_bytes()
    found = json.loads(gzip.decompress(raw) if path.suffix == ".gz" else raw)
    return build_client_schema(found.get("data", found), assume_valid=True)  # the platform's own breaks small rules
