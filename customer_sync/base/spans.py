"""A span of time in words, the same wherever it is told."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """Return a span in the two largest fitting units: `48 s`, `3 min 20 s`, `2 h 5 min`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
