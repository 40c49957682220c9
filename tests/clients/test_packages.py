"""The clients as packages: what is in them, that they stand alone, that their types are right."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
import requests
from hatchling.builders.wheel import WheelBuilder

from tests.clients.hands import JS
from tests.programs import need

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
#: What the client may need, and what that needs.
NEEDED = ("requests", "urllib3", "certifi", "idna", "charset_normalizer")
PACKAGES = {
    "sdk": {
        "README.md", "answers.d.cts", "index.cjs", "index.d.cts", "index.d.mts", "index.mjs", "lib/address.cjs",
        "lib/calls.cjs", "lib/client.cjs", "lib/clock.cjs", "lib/errors.cjs", "lib/listing.cjs", "lib/parts.cjs",
        "package.json",
    },
    "connector-sdk": {
        "README.md", "index.cjs", "index.d.cts", "index.d.mts", "index.mjs", "lib/check.cjs", "lib/connector.cjs",
        "lib/errors.cjs", "lib/paths.cjs", "package.json",
    },
}  # fmt: skip


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    (built,) = WheelBuilder(str(ROOT / "clients" / "python")).build(
        directory=str(tmp_path_factory.mktemp("wheel")), versions=["standard"]
    )
    return Path(built)


# Python


def test_the_wheel_holds_the_client_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        (metadata,) = (archive.read(name).decode() for name in archive.namelist() if name.endswith("METADATA"))
    modules = {f"tajo/{path.name}" for path in (ROOT / "tajo").iterdir() if path.suffix == ".py"}

    assert names == {*modules, "tajo/py.typed"}
    assert [line for line in metadata.splitlines() if line.startswith("Requires-Dist")] == [
        "Requires-Dist: requests>=2.32.4"
    ]
    assert wheel.stat().st_size < 40_000


def test_the_wheel_works_in_an_environment_with_nothing_but_requests(wheel, tmp_path):
    venv.create(tmp_path / "env", with_pip=False, symlinks=True)
    (site,) = (tmp_path / "env").glob("lib/python*/site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    for name in NEEDED:
        (site / name).symlink_to(Path(requests.__file__).parents[1] / name)
    code = "import tajo, sys; print(repr(tajo.TajoClient('k')), 'customer_sync' in sys.modules, tajo.__file__)"
    env = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "TAJO_URL"}}

    told = run(str(tmp_path / "env" / "bin" / "python"), "-I", "-c", code, env=env, cwd=tmp_path)

    assert told.startswith("TajoClient('http://127.0.0.1:8000') False ")
    assert str(site) in told


def test_a_program_of_a_user_is_typed_and_its_wrong_uses_are_found(tmp_path):
    """mypy says of every `type: ignore` in it whether it is needed."""
    shutil.copytree(ROOT / "tajo", tmp_path / "tajo")
    shutil.copy(HERE / "user.py", tmp_path)

    run(sys.executable, "-m", "mypy", "--strict", "--cache-dir", os.devnull, "user.py", cwd=tmp_path)


# JavaScript


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_holds_its_files_and_needs_no_other(name):
    described = json.loads((JS / name / "package.json").read_text(encoding="utf-8"))

    assert not {"dependencies", "devDependencies", "peerDependencies", "scripts"} & set(described)
    assert packed(name, described) == PACKAGES[name]


def packed(name, described):
    """Return what would be published: by npm, and where that is not here by the rules of `files`."""
    npm = shutil.which("npm")
    if npm is not None:
        (told,) = json.loads(run(npm, "pack", "--dry-run", "--json", "--offline", cwd=JS / name))
        return {one["path"] for one in told["files"]}
    found = {"package.json", "README.md"}
    for entry in described["files"]:
        path = JS / name / entry
        found |= {str(one.relative_to(JS / name)) for one in (path.rglob("*") if path.is_dir() else [path])}
    return found


@pytest.fixture
def installed(tmp_path):
    """Return a folder in which both packages are installed."""
    modules = tmp_path / "node_modules" / "@tajo"
    modules.mkdir(parents=True)
    for name in PACKAGES:
        (modules / name).symlink_to(JS / name)
    return tmp_path


LOADED = {
    "sdk.mjs": "import One, { TajoClient as Same, TajoError as Error } from '@tajo/sdk';",
    "sdk.cjs": "const { default: One, TajoClient: Same, TajoError: Error } = require('@tajo/sdk');",
    "kit.mjs": "import One, { ConnectorSDK as Same, ConnectorFaults as Error } from '@tajo/connector-sdk';",
    "kit.cjs": "const { default: One, ConnectorSDK: Same, ConnectorFaults: Error } = require('@tajo/connector-sdk');",
}


@pytest.mark.parametrize("file", LOADED)
def test_it_is_loaded_by_import_and_by_require(installed, file):
    path = installed / file
    path.write_text(f"{LOADED[file]}\nconsole.log(One === Same, typeof Error);\n", encoding="utf-8")

    assert run(need("node"), str(path), cwd=installed) == "true function\n"


def test_both_ways_give_one_and_the_same_class(installed):
    path = installed / "a.mjs"
    text = "import { createRequire } from 'node:module'; import * as all from '@tajo/sdk';\n"
    text += "const same = createRequire(import.meta.url)('@tajo/sdk');\n"
    text += "console.log(Object.keys(same).filter((name) => same[name] !== all[name]).join());\n"
    path.write_text(text, encoding="utf-8")

    assert run(need("node"), str(path), cwd=installed) == "\n"


def test_the_typescript_types_fit_a_program_of_a_user(installed):
    for name in ("user.mts", "user.cts"):
        shutil.copy(HERE / name, installed)
    (installed / "node.d.ts").write_text("declare const console: { log(...words: unknown[]): void };\n")
    flags = [
        "--noEmit",
        "--strict",
        "--module",
        "node16",
        "--moduleResolution",
        "node16",
        "--target",
        "es2022",
        "--lib",
        "es2022",
    ]

    run(need("tsc"), *flags, "node.d.ts", "user.mts", "user.cts", cwd=installed)
