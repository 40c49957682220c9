"""The keys of `abandoned-cart` as tables for the documents, made from the same table that reads them."""

from __future__ import annotations

from customer_sync.series.keys import tables


def keys_markdown() -> str:
    """Return one table for each place in which keys stand."""
    parts = []
    for path, keys in tables():
        parts.append(f"### {path or 'abandoned-cart'}\n")
        parts.append("| key | what it does | value | without it |\n|---|---|---|---|")
        for key in keys:
            default = "it is needed" if key.is_needed else key.default
            parts.append(f"| `{key.name}` | {key.help} | {key.shape} | {default} |")
        parts.append("")
    return "\n".join(parts)
