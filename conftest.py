"""How the tests share one machine: a file in one process, the longest first, and one that measures time alone."""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, cached_property
from pathlib import Path
from typing import IO, Any

import pytest
from hypothesis import settings

# before what libraries install: some bring a package `tests` of their own
sys.path.insert(0, str(Path(__file__).parent))

# what one process of the tests compiled, assertions of pytest included, the next one reads: there are hundreds of them,
# and many a container says by this variable that none shall write it down
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# an example that takes long says something of the machine and nothing of the code; one that nobody saw before belongs
# to TAJO_EXPLORE, so that `make test` judges a change and not its luck
settings.register_profile("tajo", deadline=None, derandomize=not os.environ.get("TAJO_EXPLORE"))
settings.load_profile("tajo")

#: What files are like that tests make, where nothing else is said.
UMASK = 0o022
#: Folders whose files share one installation of real processes, so they belong to one process of pytest.
ONE_INSTALLATION = ("tests/deploy/", "tests/hybrid/")
#: Folders of which each test has an installation of its own, and takes minutes.
EACH_ALONE = ("tests/journey/",)
#: The unit of the tests that measure time, and the file that tells the process that hands tests out which these are.
ALONE = "alone"
#: The file that tells which units wait for real processes most of their time.
SLOW = "slow"
#: What starts an installation of its own all the same.
OF_ITS_OWN = ("tests/hybrid/test_schedule_hour.py",)


@pytest.hookimpl(tryfirst=True)  # before pytest-timeout looks
def pytest_configure(config: pytest.Config) -> None:
    """Let properties that look at thousands of examples take the time that they need."""
    if os.environ.get("TAJO_EXPLORE"):
        config.option.timeout = 0


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:  # noqa: ARG001  # the hook's signature
    """Take back what a program that ran in this process said of the files that it makes: `tajo run` closes its own."""
    os.umask(UMASK)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[pytest.CollectReport]:
    """Let each process begin with other files: what one has rewritten for its assertions the others read."""
    report = yield
    if isinstance(collector, pytest.Directory) and "PYTEST_XDIST_WORKER" in os.environ:
        number = int(os.environ["PYTEST_XDIST_WORKER"].removeprefix("gw"))
        first = len(report.result) * number // int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
        report.result = [*report.result[first:], *report.result[:first]]
    return report


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the files first that take longest, so that no process is left with one of them at the end.

    What measures time comes last, when no long test is under way that it must wait for.
    """
    slow = {item.path for item in items if item.get_closest_marker("slow") is not None}
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: item.path.parts)  # each process has collected in another order
    items.sort(key=lambda item: (item.path not in slow, not item.nodeid.startswith(OF_ITS_OWN)))
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=is_alone)
        told = {
            ALONE: [item.nodeid for item in items if is_alone(item)],
            SLOW: sorted({unit(item.nodeid) for item in items if item.path in slow}),
        }
        for name, lines in told.items():
            (folder_of_run(config) / name).write_text("\n".join(lines), encoding="utf-8")


def is_alone(item: pytest.Item) -> bool:
    """Tell whether a test measures time."""
    return item.get_closest_marker("alone") is not None


def folder_of_run(config: pytest.Config) -> Path:
    """Return the folder that all processes of one run of the tests share; each of them has one of its own in it."""
    found: Path = config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]  # noqa: SLF001  # pytest's
    return found.parent if "PYTEST_XDIST_WORKER" in os.environ else found


def unit(nodeid: str) -> str:
    """Return what a test is run together with: its file, or the folder that shares an installation."""
    path = nodeid.partition("::")[0]
    if path.startswith(OF_ITS_OWN):
        return path
    if path.startswith(EACH_ALONE):
        return nodeid
    return next((folder for folder in ONE_INSTALLATION if path.startswith(folder)), path)


def cores() -> int:
    """Return how many cores these tests may use."""
    return len(os.sched_getaffinity(0))


def computing() -> int:
    """Return how many processes begin with the tests that compute: what waits takes half a core, too."""
    return max(1, cores() // 2)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return how many processes `-n auto` starts: two for each core, because many tests wait."""
    return 2 * cores()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Return what hands the tests to the processes, a unit at a time."""
    from xdist.scheduler import LoadFileScheduling

    class Units(LoadFileScheduling):
        """Keeps what shares an installation together, and apart what measures time: whoever waits for that is last.

        Some processes begin with the units that wait, the others, one for two cores, with those that do not: so no core
        is idle while others wait, and none is asked for more than it has.
        """

        @cached_property
        def _alone(self) -> set[str]:
            return told(ALONE)

        @cached_property
        def _last(self) -> set[str]:
            return {*told(SLOW), ALONE}

        def _split_scope(self, nodeid: str) -> str:
            return ALONE if nodeid in self._alone else unit(nodeid)

        def _assign_work_unit(self, node: Any) -> None:
            if int(node.gateway.id.removeprefix("gw")) < computing():
                chosen = next((one for one in self.workqueue if one not in self._last), None)
                if chosen is not None:
                    self.workqueue.move_to_end(chosen, last=False)
            super()._assign_work_unit(node)

    def told(name: str) -> set[str]:
        return set((folder_of_run(config) / name).read_text(encoding="utf-8").splitlines())

    config.option.loadscopereorder = False
    return Units(config, log)


@pytest.hookimpl(wrapper=True, tryfirst=True)  # before the clock of pytest-timeout begins
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Let a test marked `alone` run when no other does; where tests run one after the other there is nothing to do."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return (yield)
    with room(folder_of_run(item.config), is_alone=is_alone(item)):
        return (yield)


@contextmanager
def room(folder: Path, *, is_alone: bool) -> Iterator[None]:
    """Hold the room while the block lasts: together with others, or alone.

    Whoever waits for the room holds its door, so that nobody else comes in before a test that must be alone.
    """
    door, inside = lock_file(folder / "door"), lock_file(folder / "room")
    fcntl.flock(door, fcntl.LOCK_EX)
    fcntl.flock(inside, fcntl.LOCK_EX if is_alone else fcntl.LOCK_SH)
    fcntl.flock(door, fcntl.LOCK_UN)
    try:
        yield
    finally:
        fcntl.flock(inside, fcntl.LOCK_UN)


@cache
def lock_file(path: Path) -> IO[bytes]:
    """Return a file that all processes of one run of the tests lock."""
    return path.open("ab")
