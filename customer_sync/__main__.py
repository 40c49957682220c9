"""`python -m customer_sync` is `tajo`."""

from __future__ import annotations

from customer_sync.cli import main

if __name__ == "__main__":
    main(prog_name="tajo")
