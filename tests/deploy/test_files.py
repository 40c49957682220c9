"""Compose file, Dockerfile and units: each by the judge of its own format; every name in them is one that exists."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from importlib.resources import files
from pathlib import Path

import click
import jsonschema
import pytest
import yaml

from customer_sync.base.alive import FILE_VARIABLE
from customer_sync.cli import main
from customer_sync.cli.parts import PARTS
from customer_sync.cli.run import run
from customer_sync.config.keys import variables as known_variables
from customer_sync.loading import load_settings
from tests.deploy.written import DEPLOY, ROOT, SYSTEMD, compose, dockerfile, image_env, units, variables
from tests.programs import need

BIN = ROOT / ".venv" / "bin"
#: What a process reads beside the settings; docs/running.md lists them.
OF_PROCESSES = {"TAJO_CONFIG", "TAJO_HOME", "TAJO_LOG", "TAJO_BEAT_FILE", FILE_VARIABLE}
OURS = {key.variable for key in known_variables()} | OF_PROCESSES
#: Of the programs beside ours, and of Python.
THEIRS = re.compile(r"REDIS_PASSWORD|GRAFANA_PASSWORD|GF_[A-Z_]+|PATH|PYTHON[A-Z]+")
NAMED = set(re.findall(r"\$\{(\w+)", (DEPLOY / "tajo.example.yaml").read_text()))
OWN = ("web", "worker-live", "worker-platforms", "beat")


def schema_of_compose():
    folder = files("check_jsonschema.builtin_schemas.vendor")
    return json.loads((folder / "compose-spec.json").read_text())


def exists(name: str) -> bool:
    return name in OURS | NAMED or THEIRS.fullmatch(name) is not None


# Compose


def test_the_compose_file_is_one_by_the_schema_of_its_specification():
    judge = jsonschema.Draft202012Validator(schema_of_compose())
    wrong = compose()
    wrong["services"]["web"]["comand"] = ["run"]

    assert [error.message for error in judge.iter_errors(compose())] == []
    assert not judge.is_valid(wrong)


def test_what_services_name_is_there():
    told = compose()

    for service in told["services"].values():
        mounts = [volume.split(":")[0] for volume in service.get("volumes", ())]
        assert {name for name in mounts if not name.startswith(".")} <= set(told["volumes"])
        assert set(service["networks"]) <= set(told["networks"])
        assert set(service.get("depends_on", ())) <= set(told["services"])
        assert {one["source"] for one in service.get("secrets", ())} <= set(told["secrets"])


def test_the_files_that_are_mounted_are_there_or_copied_from_an_example():
    copied = {"./tajo.yaml": "tajo.example.yaml"}
    mounts = {volume.split(":")[0] for one in compose()["services"].values() for volume in one.get("volumes", ())}

    assert {one for one in mounts if one.startswith(".") and not (DEPLOY / copied.get(one, one)).exists()} == set()


def test_only_the_loopback_reaches_a_port_and_redis_has_none():
    ports = {name: one.get("ports", []) for name, one in compose()["services"].items()}

    assert all(port.startswith("127.0.0.1:") for one in ports.values() for port in one)
    assert {name for name, one in ports.items() if one} == {"web", "grafana"}
    assert compose()["services"]["redis"]["networks"] == ["inside"]
    assert compose()["networks"]["inside"] == {"internal": True}


@pytest.mark.parametrize("name", OWN)
def test_our_services_are_one_image_that_can_do_little(name):
    service = compose()["services"][name]

    assert service["image"].startswith("tajo-customer-sync:")
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "mem_limit" in service
    # web answers requests; of the others the health check sees the sign of life alone
    assert (FILE_VARIABLE in service["environment"]) == (name != "web")


# Commands and names


def commands() -> dict[str, list[str]]:
    """Where it stands → what it says to `tajo run`."""
    found = {f"compose {name}": compose()["services"][name]["command"] for name in OWN}
    found["Dockerfile"] = json.loads(dict(dockerfile())["CMD"])
    for unit in units():
        (line,) = re.findall(r"^ExecStart=(.*)$", unit.read_text(), re.MULTILINE)
        found[unit.name] = shlex.split(line.replace("%i", "live"))[1:]
    for instance in re.findall(r"tajo-worker@(\w+)\.service", (SYSTEMD / "tajo.target").read_text()):
        found[f"tajo-worker@{instance}"] = ["run", "--only", f"worker-{instance}"]
    return found


@pytest.mark.parametrize(("where", "words"), commands().items())
def test_every_command_is_one_of_ours(where, words):
    assert words[0] == "run", where
    assert run.make_context("run", [str(word) for word in words[1:]]).params["only"]


def test_every_variable_is_one_that_is_read():
    env = {name for one in compose()["services"].values() for name in one.get("environment", {})}
    env |= set(re.findall(r"\$\{(\w+):\?", (DEPLOY / "compose.yaml").read_text()))
    env |= set(image_env()) | set(variables(DEPLOY / "env.example"))
    for unit in SYSTEMD.rglob("*.*"):
        told = re.findall(r"^Environment=(.*)$", unit.read_text(), re.MULTILINE) if unit.is_file() else ()
        env |= {pair.split("=")[0] for line in told for pair in line.split()}

    assert {name for name in env if not exists(name)} == set()
    assert not exists("TAJO_REDIS")


def test_what_a_process_reads_beside_the_settings_is_known_here():
    texts = [path.read_text() for path in (ROOT / "customer_sync").rglob("*.py")] + [
        (ROOT / "celeryconfig.py").read_text()
    ]
    read = {name for text in texts for name in re.findall(r"environ\.get\(\"(TAJO_\w+)\"", text)}

    assert read <= OURS


def test_the_example_is_a_config_without_a_fault_or_a_warning():
    env = dict.fromkeys(variables(DEPLOY / "env.example"), "https://tajo.example.com")

    settings = load_settings(DEPLOY / "tajo.example.yaml", env | {"TAJO_REDIS_URL": "redis://redis:6379/0"})

    assert settings.warnings == ()
    assert set(settings.sources) == {"shopify"}


# The image


def test_the_dockerfile_has_no_fault_that_hadolint_knows(tmp_path):
    wrong = tmp_path / "Dockerfile"
    wrong.write_text("FROM python\nRUN cd /tmp && pip install x\n")

    assert hadolint(DEPLOY / "Dockerfile") == ""
    assert "DL3006" in hadolint(wrong)


def hadolint(path: Path) -> str:
    return subprocess.run([BIN / "hadolint", path], check=False, capture_output=True, text=True).stdout


def test_what_the_image_is_made_from_passes_the_ignore_file_and_nothing_personal_does():
    passes = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {
        word for name, words in dockerfile() if name == "COPY" and "--from" not in words for word in words.split()[:-1]
    }

    assert (ROOT / ".dockerignore").read_text().splitlines()[1] == "*"
    assert copied == passes


def test_the_last_stage_has_a_user_of_its_own_a_volume_and_a_health_check():
    steps = dockerfile()
    last = dict(steps[max(at for at, (name, _) in enumerate(steps) if name == "FROM") :])

    assert last["USER"] == "10001:10001"
    assert image_env()["TAJO_HOME"].startswith(last["VOLUME"])
    assert json.loads(last["HEALTHCHECK"].partition("CMD ")[2]) == ["python", "-m", "customer_sync.base.alive"]
    assert json.loads(last["ENTRYPOINT"]) == ["tajo"]


# Units


@pytest.fixture
def unit_folder(tmp_path):
    """The units in a folder that systemd's own program looks at, with a command that is here."""
    for path in SYSTEMD.rglob("*"):
        if path.is_file():
            into = tmp_path / path.relative_to(SYSTEMD)
            into.parent.mkdir(exist_ok=True)
            into.write_text(path.read_text().replace("/opt/tajo/bin/tajo", str(BIN / "tajo")))
    return tmp_path


def analyze(folder: Path, *words: str) -> str:
    done = subprocess.run(
        [need("systemd-analyze"), *words],
        check=False,
        capture_output=True,
        text=True,
        env={"SYSTEMD_UNIT_PATH": f"{folder}:"},
    )
    # units of the distribution may have faults of their own
    lines = [line for line in (done.stdout + done.stderr).splitlines() if "tajo" in line]
    return "\n".join(lines)


@pytest.mark.parametrize("name", ["tajo-web.service", "tajo-worker@live.service", "tajo-beat.service", "tajo.target"])
def test_a_unit_has_no_fault_that_systemd_knows(unit_folder, name):
    assert analyze(unit_folder, "verify", name) == ""


def test_a_fault_in_a_unit_would_be_seen(unit_folder):
    with (unit_folder / "tajo-.service.d" / "common.conf").open("a") as file:
        file.write("ProtectSystm=yes\n")

    assert "ProtectSystm" in analyze(unit_folder, "verify", "tajo-worker@live.service")


@pytest.mark.parametrize("name", [unit.name for unit in units()])
def test_systemd_finds_little_that_a_unit_could_do(unit_folder, name):
    told = analyze(unit_folder, "security", "--offline=true", "--no-pager", str(unit_folder / name))

    assert float(re.search(r"exposure level for \S+: ([\d.]+)", told)[1]) <= 2.0


def test_workers_and_beat_are_watched_as_long_as_they_tell_that_they_live():
    watched = {unit.name for unit in units() if "WatchdogSec=" in unit.read_text()}

    assert watched == {"tajo-worker@.service", "tajo-beat.service"}


def test_the_user_of_the_units_is_made_by_systemd():
    common = (SYSTEMD / "tajo-.service.d" / "common.conf").read_text()
    (user,) = re.findall(r"^User=(\w+)$", common, re.MULTILINE)

    assert re.search(rf"^u {user} - ", (SYSTEMD / "tajo.sysusers.conf").read_text(), re.MULTILINE)


# The page


def test_each_alert_has_a_section_of_the_runbook_and_no_section_is_left_over():
    page = (ROOT / "docs" / "running.md").read_text()
    rules = [yaml.safe_load(path.read_text()) for path in (DEPLOY / "prometheus" / "rules").glob("*.yml")]
    alerts = [rule for told in rules for group in told["groups"] for rule in group["rules"] if "alert" in rule]
    sections = re.findall(r"^### (Tajo\w+)$", page, re.MULTILINE)

    assert sorted(sections) == sorted({one["alert"] for one in alerts})
    assert {one["annotations"]["runbook_url"] for one in alerts} == {
        f"docs/running.md#{one.lower()}" for one in sections
    }


def test_every_command_of_the_page_is_one_that_there_is():
    page = (ROOT / "docs" / "running.md").read_text()
    told = set(re.findall(r"(?:`|^|exec web )tajo ([^`\n#]+)", page, re.MULTILINE))
    wrong = {text for text in told if not is_command(text.split())}

    assert len(told) > 20
    assert wrong == set()
    assert not is_command(["runs", "stop", "RUN"])


def is_command(words: list[str]) -> bool:
    command: click.Command | None = main
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        with click.Context(command) as context:
            found = command.get_command(context, words[0])
        if found is None:
            # a group whose command may be left out takes its arguments
            return command.name == "reconcile"
        command, words = found, words[1:]
    options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    return all(word in options for word in words if word.startswith("-"))


def test_the_page_names_parts_and_variables_that_exist():
    page = (ROOT / "docs" / "running.md").read_text()
    parts = re.findall(r"tajo run --only ([\w-]+)", page)
    told = set(re.findall(r"`((?:TAJO|BREVO)_[A-Z_]+)`", page))

    assert set(parts) == set(PARTS)
    assert told <= OURS
    assert told >= OF_PROCESSES - {"TAJO_CONFIG"}


def test_no_part_of_ours_gets_the_passwords_of_other_programs():
    ours = [one for one in compose()["services"].values() if "env_file" in one]

    assert ours
    for name in ("GRAFANA_PASSWORD", "REDIS_PASSWORD"):
        assert {one["environment"].get(name) for one in ours} == {""}
