"""Clients for Node, from the package registry, as judges of stand-ins. No tests here.

A client is installed once, into the cache of the machine's tests. Where there is no npm, or no registry that it can
reach, its tests skip and say so: `nodejs` of Debian brings none.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.programs import need

#: Where installed clients stay, for all runs of the tests of this user.
CACHE = Path(tempfile.gettempdir()) / f"node-judges-{os.getuid()}"


@cache
def installed(package: str) -> Path:
    """Return the folder in which a package is there for Node.

    Args:
        package: with its exact version, as `pipedrive@33.7.0`.
    """
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip(f"{package} cannot be installed: there is no npm here")
    folder = CACHE / package.replace("/", "_")
    if folder.exists():
        return folder
    CACHE.mkdir(exist_ok=True)
    new = Path(tempfile.mkdtemp(dir=CACHE))
    words = [npm, "install", "--prefix", str(new), "--no-audit", "--no-fund", "--ignore-scripts", "--silent", package]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode != 0:
        shutil.rmtree(new, ignore_errors=True)
        pytest.skip(f"{package} cannot be installed: {(done.stderr or done.stdout).strip()[-200:]}")
    try:
        new.rename(folder)
    except OSError:  # another process was sooner
        shutil.rmtree(new, ignore_errors=True)
    return folder


def run(package: str, script: str, **given: Any) -> Any:
    """Run a script beside a package and return what it returns.

    Args:
        package: see `installed`.
        script: the body of an async function; what it returns becomes JSON.
        given: JSON values by the names under which the script finds them.
    """
    folder = installed(package)
    names = ", ".join(given)
    values = ", ".join(json.dumps(value) for value in given.values())
    text = f"(async ({names}) => {{ {script} }})({values}).then((found) => console.log(JSON.stringify(found)))"
    done = subprocess.run(
        [need("node"), "-e", text], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
