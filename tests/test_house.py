"""The house: what the Makefile, the docs and the package say of themselves is true."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import click
import pytest

import customer_sync
from customer_sync.cli import main
from customer_sync.loading import load_settings
from tests.programs import PROGRAMS, need

ROOT = Path(__file__).parent.parent
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z][\w-]*):", MAKEFILE, re.MULTILINE))
PYPROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))


def load(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make(*words, cwd=ROOT, **env):
    return run("make", *words, cwd=cwd, env={"PATH": os.environ["PATH"], **env})


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


# The Makefile


@pytest.mark.parametrize("words", [[], ["help"]])
def test_make_alone_and_make_help_list_every_target(words):
    listed = re.findall(r"^  (\S+) +\S", make(*words).stdout, re.MULTILINE)

    assert sorted(listed) == sorted(TARGETS)
    work = {"test", "test-dates", "lint", "format", "bench", "bench-sync", "docs"}
    assert {"help", "setup", "run", "clean"} | work == TARGETS


def test_every_target_is_phony_so_that_a_file_of_its_name_cannot_hide_it():
    phony = set(re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE).group(1).split())

    assert phony >= TARGETS


@pytest.mark.parametrize(
    ("words", "env", "flags"),
    [
        (["PORT=9000"], {}, "--port 9000"),
        (["HOST=0.0.0.0", "PORT=9000"], {}, "--host 0.0.0.0 --port 9000"),
        ([], {"HOST": "x86_64-conda-linux-gnu"}, ""),
    ],
)
def test_make_run_passes_on_the_host_and_port_of_its_command_line_only(words, env, flags):
    last = make("--dry-run", "run", *words, **env).stdout.splitlines()[-1]

    assert last.strip() == f"exec .venv/bin/tajo run {flags}".strip()


def test_clean_leaves_settings_and_data_alone():
    removed = make("--dry-run", "clean").stdout

    assert ".venv" in removed
    assert not re.search(r"\.tajo|tajo\.yaml", removed)


def test_ci_runs_lint_and_test_and_installs_itself_what_they_need():
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    commands = [line for line in script.splitlines() if line and not line.startswith(("#", "cd ", "set "))]

    assert script.startswith("#!/usr/bin/env bash\n")
    assert "set -euo pipefail" in script
    assert commands == [".ci/packages", "make lint", "make test"]


@pytest.fixture
def packages(tmp_path):
    """Return a function that runs `.ci/packages` where only some programs are, as root or not."""
    for folder in (".ci", "scripts", "tests", "bin"):
        (tmp_path / folder).mkdir()
    for name in (".ci/packages", "scripts/python", "tests/programs.py"):
        shutil.copy(ROOT / name, tmp_path / name)
    for name in ("bash", "env", "sh", "dirname"):
        (tmp_path / "bin" / name).symlink_to(shutil.which(name))
    (tmp_path / "bin" / "python3").symlink_to(sys.executable)

    def call(*programs, user=1000):
        command(tmp_path / "bin" / "id", f"echo {user}")
        for name in programs:
            command(tmp_path / "bin" / name, "exit 0")
        return run(tmp_path / ".ci" / "packages", env={"PATH": str(tmp_path / "bin")})

    return call


def test_who_is_not_root_is_told_what_is_missing_and_goes_on(packages):
    done = packages("node", "apt-get")

    assert done.returncode == 0, done.stderr
    missing = {package for name, (_, package) in PROGRAMS.items() if name != "node"}
    assert set(done.stdout.split(":")[1].split()) == missing


def test_where_there_is_no_apt_root_is_told_so_as_well(packages):
    done = packages("node", user=0)

    assert (done.returncode, "chromium" in done.stdout) == (0, True), done.stderr


def test_where_nothing_is_missing_nothing_is_done(packages):
    done = packages(*(names[-1] for names, _ in PROGRAMS.values()), user=0)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(("ci", "outcome"), [("", pytest.skip.Exception), ("true", pytest.fail.Exception)])
def test_a_missing_program_skips_a_test_and_fails_it_in_ci(monkeypatch, ci, outcome):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("CI", ci)

    with pytest.raises(outcome, match="apt-get install chromium"):
        need("chromium")


# The metrics


def test_a_metric_that_nothing_counts_or_sets_and_one_that_is_not_declared_are_faults():
    check = load("check_metrics")
    kinds = {"tajo_a_total": "counter", "tajo_b_total": "counter", "tajo_c": "gauge", "tajo_d": "gauge"}
    catalogue = tuple(check.Metric(name, kind, (), "", "") for name, kind in kinds.items())

    found = list(check.faults(catalogue, {"tajo_a_total", "tajo_x_total"}, {"tajo_c"}))

    assert [line.split(":")[0] for line in found] == ["tajo_b_total", "tajo_d", "tajo_x_total"]


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("tally.count('tajo_a_total', by=2, source=s)", ["tajo_a_total"]),
        ("self._tally.count('tajo_a_total')", ["tajo_a_total"]),
        ("return field_name('tajo_a_total', source=s)", ["tajo_a_total"]),
        ("tally.observe_latency(0.1, source=s, way=w)", ["tajo_event_latency_seconds"]),
        ("if one.name == 'tajo_a_total': print('tajo_a_total')", []),
        ("words.count('a')", []),
    ],
)
def test_a_metric_is_counted_by_a_call_and_not_by_being_named(code, names):
    assert list(load("check_metrics").counted(ast.parse(code.replace("return ", "")))) == names


# A Python that is too old, or that cannot make a virtual environment


@pytest.fixture
def bare(tmp_path):
    """Return a checkout with the set-up's files only and a folder for PATH that holds no Python."""
    (tmp_path / "bin").mkdir()
    for name in ("make", "sh", "env", "awk"):
        (tmp_path / "bin" / name).symlink_to(shutil.which(name))
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def command(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)


def test_without_any_python_make_says_what_to_install(bare):
    done = make("run", cwd=bare, PATH=str(bare / "bin"))

    assert done.returncode
    assert "Python 3.11 or newer is needed. None was found" in done.stderr
    assert "apt install python3 python3-venv" in done.stderr


def test_an_old_python_is_named_with_its_version(bare):
    command(bare / "bin" / "python3", 'case "$2" in *assert*) exit 1 ;; *) echo 3.9.2 ;; esac')

    done = make("run", cwd=bare, PATH=str(bare / "bin"))

    assert done.returncode
    assert "python3 is 3.9.2" in done.stderr


def test_a_newer_python_beside_an_old_one_is_found(bare):
    command(bare / "bin" / "python3", "exit 1")
    command(bare / "bin" / "python3.12", "exit 0")

    done = run(bare / "scripts" / "python", env={"PATH": str(bare / "bin")})

    assert done.stdout == "python3.12\n"


def test_one_that_can_make_virtual_environments_goes_before_one_that_cannot(bare):
    command(bare / "bin" / "python3", 'case "$2" in *ensurepip*) exit 1 ;; *) exit 0 ;; esac')
    command(bare / "bin" / "python3.11", "exit 0")

    done = run(bare / "scripts" / "python", env={"PATH": str(bare / "bin")})

    assert done.stdout == "python3.11\n"


@pytest.fixture
def setup(bare, monkeypatch):
    """Return the set-up of a bare checkout; `setup.ran` holds the commands it would have run."""
    module = load("setup")
    monkeypatch.setattr(module, "ROOT", bare)
    monkeypatch.setattr(module, "PROJECT", bare / "pyproject.toml")
    monkeypatch.setattr(module, "STAMP", bare / "installed.json")
    monkeypatch.setattr(module, "venv_version", lambda: "3.11")
    module.ran = []
    monkeypatch.setattr(module, "install", module.ran.append)
    monkeypatch.setattr(module, "make_venv", lambda: module.ran.append("venv"))
    return module


def test_what_is_installed_is_not_installed_again(setup):
    setup.main("run")
    setup.main("run")

    assert setup.ran == ["run"]


def test_tests_add_the_dev_group_and_running_keeps_it(setup):
    setup.main("run")
    setup.main("dev")
    setup.main("run")

    assert setup.ran == ["run", "dev"]


def test_a_new_dependency_is_installed_and_the_setting_of_a_tool_is_not_a_reason(setup):
    setup.main("dev")
    setup.PROJECT.write_text(PYPROJECT.replace("line-length = 120", "line-length = 100"), encoding="utf-8")
    setup.main("run")
    setup.PROJECT.write_text(PYPROJECT.replace('"click>=8.1"', '"click>=8.2"'), encoding="utf-8")
    setup.main("run")

    assert setup.ran == ["dev", "dev"]


def test_a_moved_checkout_gets_a_new_virtual_environment(setup, monkeypatch):
    setup.main("run")
    monkeypatch.setattr(setup, "ROOT", setup.ROOT / "elsewhere")
    setup.main("run")

    assert setup.ran == ["run", "venv", "run"]


def test_an_installation_that_failed_is_tried_again(setup, monkeypatch):
    def fail(group):
        raise SystemExit(group)

    with monkeypatch.context() as broken:
        broken.setattr(setup, "install", fail)
        with pytest.raises(SystemExit):
            setup.main("run")
    setup.main("run")

    assert setup.ran == ["run"]


def test_when_no_way_makes_a_virtual_environment_each_way_and_the_remedy_are_named(monkeypatch, tmp_path, capsys):
    module = load("setup")
    ways = {"first": [["false"]], "second": [["no-such-command"]], "third": [["true"]]}
    monkeypatch.setattr(module, "WAYS", ways)
    monkeypatch.setattr(module, "VENV", tmp_path / "none")
    monkeypatch.setattr(module, "VENV_PYTHON", tmp_path / "none" / "bin" / "python")
    monkeypatch.setattr(module, "find_spec", lambda _name: None)

    with pytest.raises(SystemExit, match="apt install python3-venv") as stopped:
        module.make_venv()

    assert "apt install python3-venv" in capsys.readouterr().out
    assert [way for way in ways if f"  {way}: " in str(stopped.value)] == list(ways)


# The checks of `make lint`


# Written with ~ for the slash and ! for the dot, so that this file passes the check.
@pytest.mark.parametrize(
    "line", ["see ~home~me~notes", 'path = "~work~main"', "(~root~.cache)", "index: https:~~pypi!org~simple"]
)
def test_paths_of_one_machine_and_registry_hosts_are_found(line):
    line = line.replace("~", "/").replace("!", ".")

    faults = list(load("check_house").word_faults("a.md", f"fine\n{line}\n"))

    assert [fault.partition(": ")[0] for fault in faults] == ["a.md:2"]


@pytest.mark.parametrize("line", ["https://example.com/home/page", "/webhooks/shopify", "../work/it", "homework"])
def test_addresses_and_relative_paths_are_no_machine_paths(line):
    assert not list(load("check_house").word_faults("a.md", line))


@pytest.mark.parametrize("comment", ["noqa", "noqa: S101", "type: ignore", "type: ignore[misc]"])
def test_an_exemption_without_its_reason_is_found(comment):
    assert list(load("check_house").python_faults("tests/a.py", f"x = 1  # {comment}\n"))


@pytest.mark.parametrize("comment", ["noqa: S101  tests assert", "type: ignore[misc]  # it ships no types"])
def test_an_exemption_with_its_reason_is_fine(comment):
    assert not list(load("check_house").python_faults("tests/a.py", f"x = 1  # {comment}\n"))


def test_long_modules_and_functions_are_found():
    body = "\n".join("    x = 1" for _ in range(61))
    text = f"def long():\n{body}\n" + "\n" * 400

    assert [fault.split(":")[0] for fault in load("check_house").python_faults("a.py", text)] == ["a.py", "a.py"]


@pytest.mark.parametrize(
    "line",
    [
        "store.client.get('x')",
        "services.store().client",
        "self._store.scripts.run('x')",
        "client.get('x')",
        "from customer_sync.store import Store, keys",
        "from customer_sync.store.keys import lane",
        "import customer_sync.store.scripts",
    ],
)
def test_only_the_store_names_its_client_its_keys_and_its_scripts(line):
    faults = load("check_house").store_faults

    assert [fault.split(": ")[0] for fault in faults("customer_sync/web/a.py", f"x = 1\n{line}\n")] == [
        "customer_sync/web/a.py:2"
    ]
    assert not list(faults("customer_sync/store/a.py", line))
    assert not list(faults("tests/a.py", line))


@pytest.mark.parametrize("line", ["self.client", "http.client.HTTPException", "from customer_sync.store import Store"])
def test_other_clients_and_the_store_itself_may_be_named_anywhere(line):
    assert not list(load("check_house").store_faults("customer_sync/web/a.py", line))


@pytest.fixture
def docs(tmp_path, monkeypatch):
    module = load("check_docs")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    return module


def test_a_stale_text_is_found_and_written_anew(docs, tmp_path):
    (tmp_path / "page.md").write_text("before\n<!-- t:start -->\nold\n<!-- t:end -->\nafter\n")

    assert docs.check("page.md", "t", "new", write=False) == "stale: run `make format`"
    assert not docs.check("page.md", "t", "new", write=True)
    assert not docs.check("page.md", "t", "new", write=False)
    assert (tmp_path / "page.md").read_text() == "before\n<!-- t:start -->\nnew\n<!-- t:end -->\nafter\n"


def test_a_text_whose_generator_is_gone_is_a_fault(docs, tmp_path):
    (tmp_path / "page.md").write_text("old\n")

    assert docs.check("page.md", "", None, write=False) == "its generator is missing"


def test_a_generator_whose_text_was_never_written_is_a_fault(docs):
    assert docs.check("page.md", "", "new", write=False)


def test_a_stale_rule_or_dashboard_is_found_and_so_is_a_file_that_nothing_makes(docs, tmp_path, capsys):
    docs.TEXTS.clear()
    assert docs.main(["--write"]) == docs.main([]) == 0
    (tmp_path / "deploy/prometheus/rules/tajo.yml").write_text("groups: []\n")
    (tmp_path / "deploy/grafana/dashboards/mine.json").write_text("{}\n")
    capsys.readouterr()

    assert docs.main([]) == 1
    assert [line.split(":")[0].split(" ")[0] for line in capsys.readouterr().out.splitlines()] == [
        "deploy/grafana/dashboards/mine.json",
        "deploy/prometheus/rules/tajo.yml",
    ]


def test_the_page_of_the_command_line_shows_every_command_but_hidden_ones(docs):
    main = click.Group("tajo", help="Keeps customers in step.")
    parked = click.Group("parked", help="What a person must look at.")
    parked.add_command(click.Command("list", help="Lists it.", params=[click.Option(["--json"], help="As JSON.")]))
    main.add_command(parked)
    main.add_command(click.Command("secret", hidden=True))

    page = docs.cli_markdown(main)

    assert re.findall(r"^#+ `(.*)`$", page, re.MULTILINE) == ["tajo", "tajo parked", "tajo parked list"]
    assert "Usage: tajo parked list [OPTIONS]" in page
    assert "As JSON." in page


# The docs


def test_the_settings_of_the_readme_are_accepted(tmp_path):
    block = re.search(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL).group(1)
    path = tmp_path / "tajo.yaml"
    path.write_text(textwrap.dedent(block), encoding="utf-8")
    env = dict.fromkeys(re.findall(r"\$\{(\w+)\}", block), "s" * 32)

    settings = load_settings(path, env)

    assert sorted(settings.sources) == ["shopify", "woocommerce"]
    assert settings.warnings == ()


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_only_commands_that_there_are_are_named(page, docs):
    named = re.findall(r"`(?:\.venv/bin/)?(tajo(?: [a-z-]+)*)", (ROOT / page).read_text(encoding="utf-8"))
    there = {context.command_path for context in docs.walk(click.Context(main, info_name="tajo"))}

    assert [command for command in named if command not in there] == []


def test_the_two_commands_of_the_readme_are_targets():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = readme.split("## Start in two commands")[1].split("\n## ")[0]
    commands = re.findall(r"^make (\w+)", section, re.MULTILINE)

    assert commands == ["run", "test"]
    assert set(commands) <= TARGETS


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/README.md"])
def test_links_to_files_lead_somewhere(page):
    path = ROOT / page
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8"))

    assert [link for link in links if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_a_decision_has_context_decision_and_consequence_on_one_screen(page):
    text = page.read_text(encoding="utf-8")

    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == ["Context", "Decision", "Consequence"]
    assert len(text.splitlines()) <= 50


def test_decisions_are_numbered_each_once_and_listed():
    listed = re.findall(r"^\d+\. \[.*\]\(decisions/(.*)\)$", (ROOT / "docs" / "README.md").read_text(), re.MULTILINE)

    assert len({page.name[:4] for page in DECISIONS}) == len(DECISIONS)
    assert listed == [page.name for page in DECISIONS]


def test_the_changelog_begins_with_what_is_not_released():
    headings = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)

    assert headings[0] == "Unreleased"


# The package


def test_each_dependency_says_why_it_is_there():
    block = re.search(r"^dependencies = \[\n(.*?)^\]", PYPROJECT, re.MULTILINE | re.DOTALL).group(1)

    assert [line for line in block.splitlines() if not re.fullmatch(r'  "[^"]+", +# \w.{9,}', line)] == []


def test_each_dependency_of_the_dev_group_is_a_plain_requirement():
    group = tomllib.loads(PYPROJECT)["dependency-groups"]["dev"]

    assert all(isinstance(entry, str) for entry in group)


def test_the_package_tells_the_version_of_the_project():
    assert customer_sync.__version__ == tomllib.loads(PYPROJECT)["project"]["version"]


def test_the_map_of_the_package_names_every_module():
    folder = ROOT / "customer_sync"
    modules = {path.stem for path in folder.iterdir() if not path.name.startswith("_")}

    assert set(re.findall(r"`(\w+)`", customer_sync.__doc__)) == modules


def test_the_licence_names_its_holder():
    assert "The Tajo Customer Sync authors" in (ROOT / "LICENSE").read_text(encoding="utf-8")
