"""What stands in `deploy/`, read as the programs read it that it is written for."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
SYSTEMD = DEPLOY / "systemd"
OVERLAY = KUBERNETES / "overlays" / "example-keda"


def compose() -> dict[str, Any]:
    """Return the compose file, its merge keys resolved."""
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return found


def dockerfile() -> list[tuple[str, str]]:
    """Return the steps of the Dockerfile: instruction and arguments, continued lines joined."""
    text = (DEPLOY / "Dockerfile").read_text()
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#")).replace("\\\n", " ")
    steps = [line.split(None, 1) for line in lines.splitlines() if line.strip()]
    return [(name, re.sub(r"\s+", " ", words)) for name, words in steps]


def image_env() -> dict[str, str]:
    """Return what the image sets in the environment."""
    return dict(pair.split("=", 1) for name, words in dockerfile() if name == "ENV" for pair in shlex.split(words))


def variables(path: Path) -> dict[str, str]:
    """Return the variables of an environment file."""
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def units() -> list[Path]:
    """Return the units that systemd starts."""
    return sorted(SYSTEMD.glob("*.service"))


def kustomization(folder: Path) -> dict[str, Any]:
    """Return what a folder says to kustomize."""
    found: dict[str, Any] = yaml.safe_load((folder / "kustomization.yaml").read_text())
    return found


def folders(folder: Path) -> Iterator[Path]:
    """Yield a folder of kustomize and all that it is made of."""
    yield folder
    told = kustomization(folder)
    for name in (*told.get("resources", ()), *told.get("components", ())):
        if not name.endswith(".yaml"):
            yield from folders((folder / name).resolve())


def resources(folder: Path) -> list[dict[str, Any]]:
    """Return every resource that a folder of kustomize is made of."""
    return [
        one
        for part in folders(folder)
        for name in kustomization(part).get("resources", ())
        if name.endswith(".yaml")
        for one in yaml.safe_load_all((part / name).read_text())
    ]
