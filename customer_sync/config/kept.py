"""Variables that are kept here for the config: what `${NAME}` stands for where the environment has no such variable.

They lie in the home folder, encrypted, so that a secret that was typed once stands in no file as it is, and nothing but
the config is needed to find it: neither Redis nor a shell that sets it. A variable of the environment wins.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from customer_sync.base import private
from customer_sync.base.secret_key import SecretKey
from customer_sync.errors import ConfigError

#: The file in the home folder.
FILE: Final = "variables.sealed"
#: The folder of an installation's files where `TAJO_HOME` names none.
DEFAULT_HOME: Final = ".tajo"
_PURPOSE: Final = "variables"


class KeptVariables:
    """The kept variables of one home folder.

    Args:
        env: `TAJO_HOME` says where, `TAJO_SECRET_KEY` encrypts them.
    """

    def __init__(self, env: Mapping[str, str]) -> None:
        home = Path(env.get("TAJO_HOME") or DEFAULT_HOME)
        #: Where they lie.
        self.file = home / FILE
        self._key = SecretKey(env.get("TAJO_SECRET_KEY"), home)

    def read(self) -> dict[str, str]:
        """Return every kept variable, {} when there is none.

        Raises:
            ConfigError: the file cannot be read or was encrypted with another key.
        """
        try:
            sealed = self.file.read_bytes()
        except (FileNotFoundError, NotADirectoryError):  # who makes the home folder says what is wrong with it
            return {}
        except OSError as error:
            reason = f"The kept variables in {self.file} cannot be read ({error.strerror})."
            raise ConfigError(reason, "Let this user read the file.") from error
        try:
            kept: dict[str, str] = json.loads(self._key.unseal(sealed, _PURPOSE)[0])
        except ConfigError as error:
            raise ConfigError(f"The kept variables in {self.file}: {error.reason}", _OTHER_KEY) from error
        return kept

    def put(self, values: Mapping[str, str]) -> None:
        """Keep variables beside those that are kept; they are safe when this returns.

        Raises:
            ConfigError: as `read`; or nothing can be written there.
        """
        kept = self.read() | dict(values)
        private.own_folder(self.file.parent)
        try:
            private.write(self.file, self._key.seal(json.dumps(kept).encode(), _PURPOSE).decode())
        except OSError as error:
            reason = f"The secrets cannot be kept in {self.file} ({error.strerror})."
            raise ConfigError(reason, "Let this user write there, or set them in the environment.") from error


_OTHER_KEY: Final = (
    "Set TAJO_SECRET_KEY to the key they were kept with (new,old while it is changed); if that key is lost, remove the "
    "file and run `tajo connectors connect` again with the keys."
)


def with_kept(env: Mapping[str, str]) -> Mapping[str, str]:
    """Return the environment with the kept variables below it: what is set wins.

    Raises:
        ConfigError: as `KeptVariables.read`.
    """
    kept = KeptVariables(env).read()
    return {**kept, **env} if kept else env
