"""The image that all tests of this folder share, and an installation made from it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from tests.deploy.container import Image
from tests.deploy.installation import Installation, RedisServer
from tests.sandbox_server import sandbox_server


@pytest.fixture(scope="session")
def place():
    """A folder that every user may enter, as the user of the image must; pytest closes its own."""
    with tempfile.TemporaryDirectory(prefix="tajo-deploy-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture(scope="session")
def image(place):
    return Image(place / "image")


@pytest.fixture(scope="session")
def installation(place, image):
    server = RedisServer(place / "redis")
    with sandbox_server("--plan", "none", "--list=5") as sandbox:
        made = Installation(place, sandbox, image, server)
        try:
            made.start_all()
            yield made
        finally:
            made.close()
            server.close()
