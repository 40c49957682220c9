"""The vocabulary of connector files as JSON Schema (draft 2020-12)."""

from __future__ import annotations

import warnings
from typing import Any

from pydantic.json_schema import PydanticJsonSchemaWarning

from customer_sync.custom.form import Form


def json_schema() -> dict[str, Any]:
    """Return the schema. It knows the keys in snake_case; `authorizationUrl` and its like are read all the same."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PydanticJsonSchemaWarning)  # defaults that JSON cannot say
        found = Form.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}
