"""The version of the client: the same as that of the service that it was made with."""

from __future__ import annotations

from typing import Final

__version__: Final = "0.1.0"
