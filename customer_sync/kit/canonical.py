"""How the canonical fields of a customer are read where somebody else writes them under our names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from customer_sync.errors import PayloadError
from customer_sync.kit.fields import Reader, moment, number, text, whole
from customer_sync.model import Json, kind_of


def texts(value: Json, path: str) -> Json:
    """Return a list of texts; one text is a list of what stands between its commas.

    Raises:
        PayloadError: it is neither a text nor a list of texts; the path names the one that is none.
    """
    if value is None or value == "":
        return None
    items = value.split(",") if isinstance(value, str) else value
    if not isinstance(items, list):
        raise PayloadError(path, f"expected a list of texts, found {kind_of(value)}")
    read_items = [text(item, f"{path}[{index}]") for index, item in enumerate(items)]
    return [item for item in read_items if item is not None]


#: A customer's canonical fields, but for the id and the address, which say who it is.
CUSTOMER: Final[Mapping[str, Reader]] = {
    "firstName": text,
    "lastName": text,
    "phone": text,
    "country": text,
    "company": text,
    "city": text,
    "postcode": text,
    "language": text,
    "currency": text,
    "totalOrders": whole,
    "totalSpent": number,
    "averageOrderValue": number,
    "firstOrderDate": moment,
    "lastOrderDate": moment,
    "customerTier": text,
    "tags": texts,
    "note": text,
    "createdAt": moment,
    "updatedAt": moment,
}
