"""Where the published documents lie: beside the repository, or beside a folder above it; nothing of them is copied."""

from __future__ import annotations

from pathlib import Path

_FOLDERS = [parent / "shared" / "seeds" for parent in Path(__file__).resolve().parents]
#: The folder; where it is nowhere, one that is not there.
SEEDS = next((folder for folder in _FOLDERS if folder.is_dir()), _FOLDERS[0])
