"""The command line's installation and sandbox, for skills as people use them."""

from tests.cli.conftest import one_sandbox, sandbox, tajo

__all__ = ["one_sandbox", "sandbox", "tajo"]
