"""The image made in a folder by the Dockerfile's own steps, and processes that live in it as in a container.

A process gets a read-only file system with its volume and a /tmp, the user of the image and no privilege. Where this
machine does not let a test make such a place, the process runs in the image's folder as whoever runs the tests.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from functools import cache
from pathlib import Path

from tests.deploy.written import ROOT, dockerfile, image_env

USER = 10001
_PREFIX = "/opt/tajo"
#: No index is asked: what the image installs is in the environment of the tests, which the image's then sees.
_OFFLINE = {"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_QUIET": "1"}


class Image:
    """What the Dockerfile makes.

    Args:
        folder: an empty one.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.prefix = folder / "opt"
        self._source = folder / "src"
        self._source.mkdir(parents=True)
        for name, words in self._stage(0):
            if name == "COPY":
                self._copy(*words.split())
            elif name == "RUN":
                self._run(words)

    def _stage(self, number: int) -> list[tuple[str, str]]:
        steps = dockerfile()
        begins = [at for at, (name, _) in enumerate(steps) if name == "FROM"] + [len(steps)]
        return steps[begins[number] : begins[number + 1]]

    def _copy(self, *words: str) -> None:
        *sources, target = words
        for source in sources:
            into = self._source / (target if target != "./" else source)
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, into, ignore=shutil.ignore_patterns("__pycache__", "tests"))
            else:
                shutil.copy(ROOT / source, into)

    def _run(self, words: str) -> None:
        for line in words.split(" && "):
            command = shlex.split(line.replace(_PREFIX, str(self.prefix)))
            assert command[0] == "python"
            subprocess.run([sys.executable, *command[1:]], cwd=self._source, env={**os.environ, **_OFFLINE}, check=True)
            if "venv" in command:
                self._lend()

    def _lend(self) -> None:
        """Let the image's environment see what the tests' has: its dependencies, and what builds a wheel."""
        (lib,) = self.prefix.glob("lib/python*/site-packages")
        (lib / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")

    def env(self, volume: Path) -> dict[str, str]:
        """Return the environment of a container of this image, with its volume."""
        told = image_env()
        told["PATH"] = told["PATH"].replace(_PREFIX, str(self.prefix)).replace("$PATH", os.environ["PATH"])
        return {**told, "TAJO_HOME": told["TAJO_HOME"].replace("/var/lib/tajo", str(volume)), "HOME": "/nonexistent"}

    def command(self, volume: Path, words: list[str]) -> list[str]:
        """Return the command that runs words of the image's entry point as in a container with this volume."""
        inside = [str(self.prefix / "bin" / words[0]), *words[1:]]
        return [*_walls(), str(volume), *inside] if can_wall() else inside


@cache
def can_wall() -> bool:
    """Tell whether this machine lets a test give a process a read-only file system and another user."""
    if os.geteuid() != 0 or not shutil.which("unshare") or not shutil.which("setpriv"):
        return False
    asked = ["unshare", "-m", "mount", "-o", "remount,bind,ro", "/"]
    return subprocess.run(asked, check=False, capture_output=True).returncode == 0


def _walls() -> list[str]:
    """Return the words before a volume and a command.

    The folder of the interpreter may be in the home of root, which others may not enter: then that home is replaced by
    an empty one with the interpreter alone.
    """
    base = sys.base_prefix
    home = f"/{base.split('/')[1]}"
    is_closed = not Path(home).stat().st_mode & 0o001
    script = 'set -e; volume=$1; shift; mount --bind "$volume" "$volume"\n'
    if is_closed:
        script += f'mount --bind "{base}" /mnt; mount -t tmpfs -o mode=755 none "{home}"; mkdir -p "{base}"\n'
        script += f'mount --bind /mnt "{base}"; umount /mnt\n'
    script += f"""mount -o remount,bind,ro /
for there in $(awk '$2 != "/" && $4 ~ /^rw/ {{ print $2 }}' /proc/mounts | grep -vE '^/(proc|sys|dev)'); do
    [ "$there" = "$volume" ] || mount -o remount,bind,ro "$there" 2>/dev/null || true
done
mount -t tmpfs -o mode=1777 none /run
exec setpriv --reuid {USER} --regid {USER} --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all "$@"
"""
    return ["unshare", "-m", "--propagation", "private", "sh", "-c", script, "sh"]
