"""What people at a terminal see: work that went well is summed up, all else is a line of its own."""

from __future__ import annotations

import io
import logging

import pytest

from customer_sync.base import log
from customer_sync.base.log import BriefHandler, FieldFormatter, get
from customer_sync.config import Settings
from customer_sync.config.settings import SkillSettings
from customer_sync.skills.chosen import configure_log


@pytest.fixture
def brief():
    """A logger whose lines are brief, and what was written."""
    out = io.StringIO()
    handler = BriefHandler(out, every_s=3600)
    handler.setFormatter(FieldFormatter())
    logger = logging.getLogger("brief")
    logger.handlers, logger.propagate, logger.level = [handler], False, logging.DEBUG
    yield get("brief"), handler, out
    logger.handlers = []


@pytest.fixture
def levels():
    """The levels of loggers, put back afterwards."""
    names = ["", "customer_sync.skills.customer_sync", "customer_sync.brevo.contacts"]
    before = {name: logging.getLogger(name).level for name in names}
    handlers = logging.getLogger().handlers[:]
    yield
    logging.getLogger().handlers[:] = handlers
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


def test_work_is_summed_up_by_whose_it_is(brief):
    logger, handler, out = brief
    for _ in range(12):
        logger.work("inbox read", "shopify", source="shopify", requests=1, events=2, kind="customer_updated")
    logger.work("settled", "contacts", lane="contacts", delivered=9, unchanged=3)

    handler.sum_up()

    assert out.getvalue().count("\n") == 1
    assert "shopify 12 requests, 24 events; contacts 9 delivered, 3 unchanged" in out.getvalue()


def test_a_problem_is_a_line_of_its_own_at_once(brief):
    logger, handler, out = brief
    logger.work("settled", "contacts", delivered=1)
    logger.warning("block refused", person="7")
    logger.info("run started", run="1")

    assert "block refused person=7" in out.getvalue()
    assert "run started run=1" in out.getvalue()
    assert "delivered" not in out.getvalue()
    handler.sum_up()
    handler.sum_up()
    assert out.getvalue().count("delivered") == 1


def test_what_was_summed_up_is_written_by_itself(monkeypatch):
    out = io.StringIO()
    handler = BriefHandler(out, every_s=0.01)
    handler.setFormatter(FieldFormatter())
    record = logging.LogRecord("x", logging.INFO, "", 0, "settled", None, None)
    record.facts, record.whose = {"delivered": 1}, "contacts"

    handler.emit(record)
    for _ in range(200):
        if out.getvalue():
            break
        __import__("time").sleep(0.01)

    assert "contacts 1 delivered" in out.getvalue()


@pytest.mark.usefixtures("levels")
@pytest.mark.parametrize(("own", "is_told"), [({"debug": True}, True), ({"log_level": "verbose"}, True), ({}, False)])
def test_a_skills_own_level_gives_its_debug_lines_and_no_others(own, is_told):
    configure_log(Settings(skills={"customer-sync": SkillSettings("customer-sync", True, **own)}))

    assert logging.getLogger("customer_sync.skills.customer_sync").isEnabledFor(logging.DEBUG) is is_told
    assert logging.getLogger("customer_sync.brevo.contacts.handler").isEnabledFor(logging.DEBUG) is is_told
    assert not logging.getLogger("customer_sync.pipeline").isEnabledFor(logging.DEBUG)


@pytest.mark.usefixtures("levels")
def test_lines_are_brief_only_where_that_is_wished(monkeypatch):
    monkeypatch.setenv("TAJO_LOG", "brief")
    log.configure()
    assert isinstance(logging.getLogger().handlers[0], BriefHandler)
    monkeypatch.delenv("TAJO_LOG")
    log.configure()
    assert not isinstance(logging.getLogger().handlers[0], BriefHandler)
