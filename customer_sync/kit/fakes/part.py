"""What a stand-in brings to the demo: how it is started, what its source is in tajo.yaml, what goes wrong in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

#: The scenes that the demo knows; each stand-in plays those that its platform can have.
SCENES: Final = ("one phone for two", "many leave unseen")


class Cue(NamedTuple):
    """One call of a control route.

    Args:
        path: below `/fake/`.
        body: what is posted.
    """

    path: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """The part that a stand-in plays in the demo.

    Args:
        source: what tajo.yaml says of it, all but `platform` and `base_url`; strings only.
        options: its command line.
        scenes: what goes wrong in it: one of `SCENES` → the calls that bring it about.
    """

    source: Mapping[str, str]
    options: tuple[str, ...] = ()
    scenes: Mapping[str, tuple[Cue, ...]] = field(default_factory=dict)
