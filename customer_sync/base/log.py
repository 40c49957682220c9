"""One log line per unit of work: constant text, facts as fields, never a payload or an address.

Lines are `time level text key=value ...`; with `TAJO_LOG=json` one JSON object each.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from typing import Any


class FieldFormatter(logging.Formatter):
    """Writes a record's own text and every extra field as `key=value`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; an exception's traceback follows it."""
        at = time.strftime("%H:%M:%S", time.localtime(record.created))
        facts = getattr(record, "facts", {})
        if os.environ.get("TAJO_LOG") == "json":
            return json.dumps({"at": record.created, "level": record.levelname, "text": record.getMessage(), **facts})
        tail = "".join(f" {name}={value}" for name, value in facts.items())
        line = f"{at} {record.levelname.lower():7} {record.getMessage()}{tail}"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


def configure(level: str = "info") -> None:
    """Send every log line to standard error.

    Args:
        level: debug, info, warning or error; `verbose` is another word for debug.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(FieldFormatter())
    logging.basicConfig(handlers=[handler], level="DEBUG" if level == "verbose" else level.upper(), force=True)
    for noisy in ("urllib3", "celery.worker.strategy", "celery.app.trace", "celery.beat", "amqp", "kombu"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


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

    def debug(self, text: str, **facts: object) -> None:
        self._logger.debug(text, extra={"facts": facts})

    def info(self, text: str, **facts: object) -> None:
        self._logger.info(text, extra={"facts": facts})

    def warning(self, text: str, **facts: object) -> None:
        self._logger.warning(text, extra={"facts": facts})

    def error(self, text: str, **facts: object) -> None:
        self._logger.error(text, extra={"facts": facts})

    def exception(self, text: str, **facts: object) -> None:
        self._logger.exception(text, extra={"facts": facts})  # noqa: LOG004  # called inside handlers
