"""The API key of an installation: the one that is set, else one that is made at the first start and kept."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Final

from customer_sync.base.private import keep
from customer_sync.config import Settings, weakness_of
from customer_sync.errors import ConfigError

#: The key that is made when `TAJO_API_KEY` is not set; in the home folder, for its owner alone.
KEY_FILE: Final = "api.key"


def api_key(settings: Settings, home: Path) -> str:
    """Return the installation's key: `TAJO_API_KEY`, else the one in the home folder, which is made at first use.

    Raises:
        ConfigError: the file cannot be read or made, or what stands in it can be guessed.
    """
    if settings.api_key is not None:
        return settings.api_key
    file = home / KEY_FILE
    try:
        key = keep(file, lambda: secrets.token_urlsafe(32))
    except OSError as error:
        raise ConfigError(
            f"The API key in {file} cannot be used ({error.strerror}).",
            "Let this user read and write the file's folder, or set TAJO_API_KEY.",
        ) from error
    weakness = weakness_of(key)
    if weakness:
        raise ConfigError(f"{file}: {weakness}.", "Delete the file: a new key is made at the next start.")
    return key
