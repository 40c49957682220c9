"""The wheel: what is installed is the product, with the shops of its demo and without what judges it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parent.parent
#: What only a source checkout has.
LEFT_OUT = re.compile(r"^connectors/\w+/tests/|^tests/|^benchmarks/|/test_\w+\.py$")
#: The same, as modules name it.
OUTSIDE = re.compile(r"^\s*(?:from|import) (?:connectors\.\w+\.tests|tests)\b", re.MULTILINE)
STARTS = "import customer_sync.demo.__main__, customer_sync.cli, customer_sync.web"
CONNECTORS = "from customer_sync import registry; print(registry.__file__, *registry._found().classes)"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    (built,) = WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])
    with zipfile.ZipFile(built) as archive:
        archive.extractall(folder / "installed")
    return folder / "installed"


def names(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]


def test_tests_stay_outside(wheel):
    assert [name for name in names(wheel) if LEFT_OUT.search(name)] == []
    assert any(LEFT_OUT.search(f"connectors/{name}") for name in names(ROOT / "connectors"))


def test_connectors_are_inside_with_the_samples_that_can_be_triggered(wheel):
    inside = set(names(wheel))

    for folder in (ROOT / "connectors").iterdir():
        if (folder / "connector.py").exists():
            about = f"connectors/{folder.name}"
            assert {f"{about}/connector.py", f"{about}/README.md"} <= inside
            assert any(name.startswith(f"{about}/fixtures/") for name in inside)


def test_nothing_inside_imports_what_stays_outside(wheel):
    modules = [name for name in names(wheel) if name.endswith(".py")]

    assert [name for name in modules if OUTSIDE.search((wheel / name).read_text(encoding="utf-8"))] == []


def test_an_installation_starts_and_knows_its_connectors(wheel):
    env = os.environ | {"PYTHONPATH": str(wheel)}
    command = [sys.executable, "-c", f"{STARTS}; {CONNECTORS}"]

    done = subprocess.run(command, cwd=wheel, env=env, capture_output=True, text=True, check=True)

    place, *platforms = done.stdout.split()
    assert place.startswith(str(wheel))
    assert {"shopify", "woocommerce"} <= set(platforms)


def test_the_shops_of_the_demo_start_from_an_installation(wheel):
    env = os.environ | {"PYTHONPATH": str(wheel)}
    code = "from customer_sync.demo import stage; print(*stage.parts())"
    told = subprocess.run([sys.executable, "-c", code], cwd=wheel, env=env, capture_output=True, text=True, check=True)

    platforms = told.stdout.split()
    assert {"shopify", "woocommerce"} <= set(platforms)
    for platform in platforms:
        words = [sys.executable, "-m", f"connectors.{platform}.fake", "--port", "0"]
        with subprocess.Popen(words, cwd=wheel, env=env, stdout=subprocess.PIPE, text=True) as shop:
            assert shop.stdout is not None
            assert shop.stdout.readline().startswith("http://127.0.0.1:")
            shop.terminate()
