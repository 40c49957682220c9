"""One log line per unit of work: constant text, facts as fields, never a payload or an address.

Lines are `time level text key=value ...`; with `TAJO_LOG=json` one JSON object each. With `TAJO_LOG=brief`, for people
at a terminal, the lines of work that went well are summed up every `BRIEF_S`; all else stays a line of its own.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import nullcontext
from types import MappingProxyType
from typing import Any, Final, TextIO

from customer_sync.base.plain import one_line, plain

#: How often work is summed up where lines are brief, in seconds.
BRIEF_S: Final = 10.0


class FieldFormatter(logging.Formatter):
    """Writes a record's own text and every extra field as `key=value`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; an exception's traceback follows it. What strangers have written stays on its line."""
        at = time.strftime("%H:%M:%S", time.localtime(record.created))
        facts = getattr(record, "facts", {})
        if os.environ.get("TAJO_LOG") == "json":
            return self._json(record, facts)
        trace = self.formatException(record.exc_info) if record.exc_info else ""
        tail = "".join(f" {name}={value}" for name, value in facts.items())
        line = one_line(f"{at} {record.levelname.lower():7} {record.getMessage()}{tail}")
        return f"{line}\n{plain(trace)}" if trace else line

    def _json(self, record: logging.LogRecord, facts: Mapping[str, object]) -> str:
        line = {**facts, "at": record.created, "level": record.levelname, "text": record.getMessage()}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        try:
            return json.dumps(line, default=str)
        except (TypeError, ValueError):  # a key that JSON has not, or a fact that holds itself
            return json.dumps({str(name): str(value) for name, value in line.items()})


class BriefHandler(logging.StreamHandler[TextIO]):
    """Sums up the lines of `work`, and writes the sum when `every_s` have passed since the first of them.

    Args:
        stream: where the lines go.
        every_s: how long work is summed up, in seconds.
    """

    def __init__(self, stream: TextIO, every_s: float = BRIEF_S) -> None:
        super().__init__(stream)
        self._every_s = every_s
        self._sums: dict[str, Counter[str]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, or add it to the sum."""
        whose = getattr(record, "whose", None)
        if whose is None:
            super().emit(record)
            return
        facts: Mapping[str, object] = getattr(record, "facts", {})
        if not self._sums:
            timer = threading.Timer(self._every_s, self.sum_up)
            timer.daemon = True
            timer.start()
        self._sums.setdefault(whose, Counter()).update({k: v for k, v in facts.items() if isinstance(v, int)})

    def sum_up(self) -> None:
        """Write what was summed up, if anything was."""
        with self.lock or nullcontext():
            sums, self._sums = self._sums, {}
        parts = [f"{whose} {', '.join(f'{n} {word}' for word, n in one.items())}" for whose, one in sums.items()]
        text = f"in {self._every_s:g} s: {'; '.join(parts)}"
        if sums:
            super().emit(logging.LogRecord(__name__, logging.INFO, "", 0, text, None, None))


def configure(level: str = "info", levels: Mapping[str, str] = MappingProxyType({})) -> None:
    """Send every log line to standard error.

    Args:
        level: debug, info, warning or error; `verbose` is another word for debug.
        levels: the beginning of a logger's name → its own level; "" takes away the one that it had.
    """
    is_brief = os.environ.get("TAJO_LOG") == "brief"
    handler = BriefHandler(sys.stderr) if is_brief else logging.StreamHandler(sys.stderr)
    handler.setFormatter(FieldFormatter())
    logging.basicConfig(handlers=[handler], level=_level(level), force=True)
    for name, own in levels.items():
        logging.getLogger(name).setLevel(_level(own) if own else logging.NOTSET)
    for noisy in ("urllib3", "celery.worker.strategy", "celery.app.trace", "celery.beat", "amqp", "kombu"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _level(word: str) -> str:
    return "DEBUG" if word == "verbose" else word.upper()


def get(name: str) -> Any:
    """Return a logger whose calls take the facts as keywords: `log.info("settled", lane="contacts", delivered=3)`."""
    return _FieldLogger(logging.getLogger(name))


def place(error: BaseException) -> str:
    """Return where an error was raised, as `function:line`: for errors whose text may hold what a customer sent."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_name}:{trace.tb_lineno}" if trace is not None else ""


class _FieldLogger:
    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger

    @property
    def tells_all(self) -> bool:
        """Whether lines of `debug` are written: facts that cost something to find are not looked for otherwise."""
        return self._logger.isEnabledFor(logging.DEBUG)

    def debug(self, text: str, **facts: object) -> None:
        self._logger.debug(text, extra={"facts": facts})

    def info(self, text: str, **facts: object) -> None:
        self._logger.info(text, extra={"facts": facts})

    def work(self, text: str, whose: str, **facts: object) -> None:
        """Tell of work that went well; where lines are brief, its numbers are summed up with those of the same name."""
        self._logger.info(text, extra={"facts": facts, "whose": whose})

    def warning(self, text: str, **facts: object) -> None:
        self._logger.warning(text, extra={"facts": facts})

    def error(self, text: str, **facts: object) -> None:
        self._logger.error(text, extra={"facts": facts})

    def exception(self, text: str, **facts: object) -> None:
        self._logger.exception(text, extra={"facts": facts})  # noqa: LOG004  # called inside handlers
