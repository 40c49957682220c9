"""The client package: `from tajo import TajoClient`."""
