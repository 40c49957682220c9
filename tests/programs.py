"""The programs that some tests need beside Python, and the Debian package that brings each.

Run as a program it prints the packages that are missing here, one a line: `.ci/run` installs them. Standard library
only, for it runs before anything is set up.
"""

from __future__ import annotations

import os
import shutil

#: What a test asks for → the names that the program has, the first one found counts; and its Debian package.
PROGRAMS: dict[str, tuple[tuple[str, ...], str]] = {
    "chromium": (("chromium", "chromium-browser", "google-chrome"), "chromium"),
    "curl": (("curl",), "curl"),
    "nginx": (("nginx",), "nginx"),
    "node": (("node", "nodejs"), "nodejs"),
    "prometheus": (("prometheus",), "prometheus"),
    "promtool": (("promtool",), "prometheus"),
    "redis-cli": (("redis-cli",), "redis-tools"),
    "redis-server": (("redis-server",), "redis-server"),
    "systemd-analyze": (("systemd-analyze",), "systemd"),
    "tsc": (("tsc",), "node-typescript"),
}


def find(name: str) -> str | None:
    """Return where a program is, None when it is not here."""
    return next((path for one in PROGRAMS[name][0] if (path := shutil.which(one)) is not None), None)


def need(name: str) -> str:
    """Return where a program is. Where it is missing, the test fails in CI and skips with a sentence elsewhere."""
    import pytest

    found = find(name)
    if found is None:
        missing = f"{name} is not installed: apt-get install {PROGRAMS[name][1]}"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return found


if __name__ == "__main__":
    missing_packages = {package: None for wanted, (_, package) in PROGRAMS.items() if find(wanted) is None}
    for name in missing_packages:
        print(name)
