"""The command line: `tajo`. One file per group of commands; every error says what, why and what to do.

Exit codes: 0 done, 1 it did not work, 2 wrong use or wrong config, 3 the key or a permission is refused, 4 something
that is needed does not answer, 5 not found.
"""

from __future__ import annotations

from customer_sync.cli.main import main

__all__ = ["main"]
