"""What is wrong in the config, all of it at once, in words that say where, what was found and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from customer_sync.errors import TajoError


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong.

    Args:
        file: the file as it was named, or `environment`.
        line: where in the file, from 1; None when the fault is not in a line.
        path: the key: `connectors.shopify.options.sync_mode`; "" for the whole file.
        found: what stands there, never the value of a secret.
        remedy: the choices, or what to do.
    """

    file: str
    line: int | None
    path: str
    found: str
    remedy: str

    def __str__(self) -> str:
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{where}: {self.path}{': ' if self.path else ''}{self.found}. {self.remedy}"


class ConfigFaults(TajoError):
    """The settings cannot be used. Carries every fault, in the order of the file; `str()` is one printable block."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults: Sequence[Fault] = sorted(faults, key=lambda fault: (fault.file, fault.line or 0, fault.path))
        count = "1 fault" if len(self.faults) == 1 else f"{len(self.faults)} faults"
        super().__init__("\n".join([f"The settings have {count}:", *(f"  {fault}" for fault in self.faults)]))


class Wrong(Exception):
    """A value that does not fit its key; the reader adds file, line and path."""

    def __init__(self, found: str, remedy: str) -> None:
        super().__init__(f"{found}. {remedy}")
        self.found = found
        self.remedy = remedy


def near(word: str, choices: Iterable[str], *, closeness: float = 0.7) -> str | None:
    """Return the choice that was probably meant, None when none is near; a closeness of 1 is the same word."""
    by_spelling = {choice.lower(): choice for choice in choices}
    matches = get_close_matches(word.lower(), by_spelling, n=1, cutoff=closeness)
    return by_spelling[matches[0]] if matches else None


def choose(word: str, choices: Iterable[str]) -> str:
    """Return the remedy for a word that is none of the choices: a guess where there is one, and all choices."""
    words = list(choices)
    if not words:
        return "Nothing may stand here."
    guess = near(word, words)
    return f"{f'Did you mean {guess}? ' if guess else ''}Choices: {', '.join(words)}."
