"""Chance that is the same each time: a number from (seed, index), without a generator to wind forward."""

from __future__ import annotations

from typing import Final

_MASK: Final = (1 << 64) - 1


def roll(seed: int, index: int) -> int:
    """Return 64 bits that look random; SplitMix64 (Steele, Lea, Flood 2014)."""
    z = (seed * 0xD1342543DE82EF95 + (index + 1) * 0x9E3779B97F4A7C15) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)
