"""Make `.venv` and install the project into it: `setup.py run` for running, `setup.py dev` for tests and lint too.

Standard library only: this is the first thing that runs on a fresh machine. Nothing happens, and no network is touched,
when what `pyproject.toml` asks for is installed already.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROJECT = ROOT / "pyproject.toml"
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
#: Written last, so that a set-up that was interrupted is done again.
STAMP = VENV / "installed.json"
#: The Python outside of any virtual environment, also when this runs inside one.
BASE_PYTHON = str(getattr(sys, "_base_executable", None) or sys.executable)

#: The ways to make a virtual environment that holds pip, best first; each is a list of commands.
WAYS: dict[str, list[list[str]]] = {
    "venv": [[BASE_PYTHON, "-m", "venv", "--clear", str(VENV)]],
    "venv with this Python's own pip": [
        [BASE_PYTHON, "-m", "venv", "--clear", "--without-pip", str(VENV)],
        [BASE_PYTHON, "-m", "pip", "--python", str(VENV_PYTHON), "install", "--quiet", "--no-input", "pip"],
    ],
    "virtualenv": [[BASE_PYTHON, "-m", "virtualenv", "--quiet", "--clear", str(VENV)]],
    "the virtualenv command": [["virtualenv", "--quiet", "--clear", "--python", BASE_PYTHON, str(VENV)]],
    "the uv command": [["uv", "venv", "--quiet", "--clear", "--seed", "--python", BASE_PYTHON, str(VENV)]],
}

INCOMPLETE = "This Python cannot make a complete virtual environment: its module `venv` or `ensurepip` is missing."
REMEDY = "On Debian and Ubuntu: apt install python3-venv"


def wanted(group: str) -> dict[str, str | list[str]]:
    """Return what the stamp must say for `group` (`run` or `dev`) to count as installed."""
    tables = tomllib.loads(PROJECT.read_text(encoding="utf-8"))
    asked = {name: tables.get(name) for name in ("build-system", "project", "dependency-groups")}
    return {
        "asked": hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest(),
        "folder": str(ROOT),  # the commands in .venv/bin hold this path: a moved checkout is set up anew
        "python": venv_version(),
        "groups": ["dev", "run"] if group == "dev" else ["run"],
    }


def installed() -> dict[str, str | list[str]]:
    """Return what the stamp says, empty when there is none that can be read."""
    try:
        found = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def venv_version() -> str:
    """Return the version of the Python in `.venv`, as `3.11`; "" when there is none that runs and has pip."""
    code = "import sys, pip; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run([VENV_PYTHON, "-c", code], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip()


def satisfies(found: dict[str, str | list[str]], needed: dict[str, str | list[str]]) -> bool:
    """Tell whether what is installed is all that is needed; more groups than needed are fine."""
    same = all(found.get(key) == value for key, value in needed.items() if key != "groups")
    return same and set(needed["groups"]) <= set(found.get("groups", ()))


def make_venv() -> None:
    """Make `.venv` in the first way that works.

    Raises:
        SystemExit: none worked; says what to install.
    """
    say(f"Making .venv with {BASE_PYTHON} ...")
    if not all(map(find_spec, ("venv", "ensurepip"))):
        say(f"{INCOMPLETE}\n{REMEDY}\nTrying what else is there ...")
    tried = []
    for way, commands in WAYS.items():
        fault = first_fault(commands)
        if not fault and venv_version():
            return
        tried.append(f"  {way}: {fault or 'it has no pip'}")
    shutil.rmtree(VENV, ignore_errors=True)
    raise SystemExit("\n".join(["No virtual environment could be made. What was tried:", *tried, REMEDY]))


def first_fault(commands: list[list[str]]) -> str:
    """Run the commands in turn; return the last line that the first failing one said, "" when all went well."""
    for command in commands:
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError as error:
            return error.strerror or str(error)
        if done.returncode:
            lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
            return lines[-1] if lines else f"exit code {done.returncode}"
    return ""


def install(group: str) -> None:
    """Install the project, editable, and for `dev` the dev group of `pyproject.toml`.

    The group is read here because `pip install --group` needs a newer pip than Python 3.11 brings.

    Raises:
        SystemExit: pip failed; its own words stand above.
    """
    groups = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["dependency-groups"]
    extra = groups["dev"] if group == "dev" else []
    say(f"Installing what {'tests and lint need' if extra else 'the service needs'} into .venv ...")
    pip = [str(VENV_PYTHON), "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
    if subprocess.run([*pip, "--editable", str(ROOT), *extra], check=False).returncode:
        raise SystemExit("pip could not install; see its message above. It needs the network or a package mirror.")


def main(group: str) -> None:
    """Bring `.venv` to what `group` needs. Two set-ups at once wait for each other."""
    with PROJECT.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found, needed = installed(), wanted(group)
        if satisfies(found, needed):
            return
        if not needed["python"] or any(found.get(key, needed[key]) != needed[key] for key in ("folder", "python")):
            make_venv()
        STAMP.unlink(missing_ok=True)
        group = "dev" if "dev" in found.get("groups", ()) else group
        install(group)
        STAMP.write_text(json.dumps(wanted(group)), encoding="utf-8")


def say(text: str) -> None:
    """Print at once, so that the order stands when others print too."""
    print(text, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
