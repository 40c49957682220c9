"""The root of the command tree, and how errors are told."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest
import redis

from customer_sync.cli import main
from customer_sync.cli.failures import as_failure
from customer_sync.cli.main import COMMANDS
from customer_sync.cli.output import age, own, print_table, safe_screen
from customer_sync.errors import ConfigError, Missing, Parkable, PayloadError, TryLater, Unavailable

ROWS = [row for rows in COMMANDS.values() for row in rows]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_help_of_the_root_says_what_the_command_says_of_itself(row):
    command = main.get_command(click.Context(main), row.name)

    own = command.get_short_help_str(200)
    assert own.startswith(row.help) or row.name in {"replay", "sandbox", "run", "demo"}


def test_help_needs_none_of_the_modules_of_the_commands():
    code = "import sys; from customer_sync.cli import main; main(['--help'], standalone_mode=False); "
    code += "print(sorted({'redis', 'celery', 'flask', 'requests', 'urllib3', 'phonenumbers'} & set(sys.modules)))"

    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert output.splitlines()[-1] == "[]"


def test_a_mistyped_command_gets_a_suggestion(tajo):
    assert "'contacts'" in tajo("contcts", code=2).stderr


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (ConfigError("Brevo does not accept the API key.", "Make a new key."), 3, ["API key", "→ Make a new key."]),
        (Unavailable("api.brevo.com did not answer"), 4, ["did not answer", "status.brevo.com"]),
        (TryLater("The limit is used up.", after_s=12.0), 1, ["used up", "12 s"]),
        (TryLater("Busy."), 1, ["Busy", "in a moment"]),
        (Parkable("No credit.", "Add credit."), 1, ["No credit", "→ Add credit."]),
        (PayloadError("$", "not JSON"), 1, ["$: not JSON", "→ fix the sender"]),
        (Missing("The contact is not in Brevo."), 5, ["not in Brevo"]),
        (redis.ConnectionError("Error 111 connecting to 127.0.0.1:1."), 4, ["Redis does not answer", "TAJO_REDIS_URL"]),
        (redis.TimeoutError("Timeout reading"), 4, ["Redis does not answer"]),
        (redis.ResponseError("OOM command not allowed"), 1, ["Redis refuses: OOM"]),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_each_error_has_its_exit_code_its_cause_and_its_remedy(error, code, words, capsys):
    failure = as_failure(error)

    failure.show()
    told = capsys.readouterr().err
    assert failure.exit_code == code
    assert [word for word in words if word not in told] == []


def test_an_error_that_nobody_planned_keeps_its_traceback():
    assert as_failure(KeyError("x")) is None


def test_a_redis_that_does_not_answer_ends_with_code_4(tajo):
    told = tajo("parked", "list", code=4, TAJO_REDIS_URL="redis://127.0.0.1:1/0").stderr

    assert told.startswith("Redis does not answer")
    assert "→" in told


def test_a_wrong_config_ends_with_code_2_and_all_its_faults(tajo):
    tajo.config.write_text("connectors: {shopify: {api_secret: x, shop: y}, etsy: {}}\n")

    told = tajo("skills", "list", code=2).stderr

    assert "2 faults" in told


def test_colours_are_left_out_without_a_terminal(tajo):
    assert "\x1b" not in tajo("check", FORCE_COLOR="1").stdout


def test_columns_are_aligned_whatever_their_colour(capsys):
    with safe_screen():
        print_table([(own(click.style("ok", fg="green")), "x"), ("warn", "y")], ("a", "b"))

    lines = click.unstyle(capsys.readouterr().out).splitlines()
    assert lines == ["a     b", "ok    x", "warn  y"]


@pytest.mark.parametrize(
    ("ago_ms", "text"), [(400, "0 s"), (59_000, "59 s"), (60_000, "1 min"), (7_200_000, "2 h"), (172_800_000, "2 d")]
)
def test_an_age_is_told_in_the_largest_fitting_unit(ago_ms, text):
    assert age(10**12 - ago_ms, 10**12) == text


def test_never_is_a_dash():
    assert age(None, 10**12) == "-"
