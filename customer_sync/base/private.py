"""Folders and files that only their owner may open: they hold personal data, or a secret."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from customer_sync.base.log import get
from customer_sync.errors import ConfigError

log = get(__name__)

#: Everybody but the owner, as bits of a mode; and everybody who is not in the group either.
_OTHERS, _STRANGERS, _WRITERS = 0o077, 0o007, 0o022
#: How what is in our folders begins, and what is in every new volume: whoever finds nothing else may close them.
_OURS = (
    *("api.key", "beat-schedule", "brevo-webhook-secret", "demo", "redis", "run.", "sandbox.jsonl", "secret.key"),
    *("spool.sqlite", "tajo.yaml", "variables.sealed", "appendonly", "dump.rdb", "lock", "temp-", "lost+found"),
)


def own_folder(path: Path) -> Path:
    """Return a folder that nobody else may look into: made when it is missing, closed to others when we can close it.

    A folder of another user stays as it is when strangers cannot look into it: some platforms give a program its disk
    by way of a group. One that holds more than ours (`/var/lib`, somebody's home) stays as it is, too.

    Raises:
        ConfigError: it cannot be made, or everybody may write in it.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.stat()
    except OSError as error:
        raise ConfigError(
            f"The folder {path} cannot be made ({error.strerror}).",
            "Let this user write there, or name another folder: TAJO_HOME=/path/of/a/folder.",
        ) from error
    mode = stat.S_IMODE(found.st_mode)
    # who closes a folder like /tmp takes it from everybody else on the machine
    is_shared = bool(mode & stat.S_ISVTX) or os.geteuid() not in {found.st_uid, 0}
    is_ours = not is_shared and all(one.name.startswith(_OURS) for one in path.iterdir())
    if (is_shared and mode & _STRANGERS) or (not is_ours and mode & _WRITERS & _STRANGERS):
        raise ConfigError(
            f"The folder {path} is open to every user of this machine.",
            f"Name a folder of its own, which is then made: TAJO_HOME={path / 'tajo'}.",
        )
    if is_ours and mode & _OTHERS:
        path.chmod(mode & ~_OTHERS)
        log.warning("folder closed to other users", folder=str(path), was=f"{mode:o}")
    elif not is_shared and mode & _OTHERS:
        log.warning("folder open to other users, and holds more than ours", folder=str(path), mode=f"{mode:o}")
    return path


def keep(file: Path, make: Callable[[], str]) -> str:
    """Return the text that a file keeps; where there is none, one is made, for the owner alone.

    Of several processes that make it at once, one is the first, and all return its text.

    Raises:
        ConfigError: its folder cannot be used.
        OSError: the file cannot be read or made.
    """
    if not file.exists():
        own_folder(file.parent)
        with tempfile.NamedTemporaryFile("w", dir=file.parent, prefix=file.name) as draft:  # made with 0600
            draft.write(make() + "\n")
            draft.flush()
            os.fsync(draft.fileno())
            with suppress(FileExistsError):
                os.link(draft.name, file)
    return file.read_text().strip()


def write(file: Path, text: str) -> None:
    """Write a file for the owner alone; whoever reads it meanwhile finds the old text or the new one.

    Raises:
        OSError: it cannot be written.
    """
    with tempfile.NamedTemporaryFile("w", dir=file.parent, prefix=file.name, delete=False) as draft:
        draft.write(text)
    Path(draft.name).replace(file)


def touch(file: Path) -> None:
    """Make a file for the owner alone: a library that opens it would make it for everybody, and its side files too.

    Raises:
        OSError: it cannot be made.
    """
    file.touch(mode=0o600)
