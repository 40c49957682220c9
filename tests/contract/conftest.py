"""Brings in what is known of each platform."""

from importlib import import_module
from pathlib import Path

#: Where nobody but the platform has the key that signs, its part of the suite brings one.
for _file in sorted(Path(__file__).parents[2].glob("connectors/*/tests/contract.py")):
    import_module(f"connectors.{_file.parents[1].name}.tests.contract")
