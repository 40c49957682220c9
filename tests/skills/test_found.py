"""Skills are found like connectors; a broken one is told of, and stops nothing."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from customer_sync.config import ConfigFaults
from customer_sync.loading import load_settings
from customer_sync.skills import found as module
from customer_sync.skills.definition import Definition
from customer_sync.skills.found import discover

VIP = """
from customer_sync.skills import Intent
from customer_sync.skills.definition import Definition, only


class Vip:
    name = "{name}"

    def intent(self, event):
        return Intent()

    def terms(self, source):
        return None


SKILL = Definition("{name}", "Does nothing.", lambda settings: Vip(), only("level", "rules"){more})
"""
INSTALLED = Definition("loyal-club", "From a package.", lambda settings: None)


@pytest.fixture
def own(tmp_path):
    """The user's folder of skills; each file that a test writes there is forgotten afterwards."""
    folder = tmp_path / "skills"
    folder.mkdir()
    before = set(sys.modules)
    yield folder
    module._found.cache_clear()
    for name in set(sys.modules) - before:
        if name.startswith("tajo_skill_"):
            del sys.modules[name]


def write(folder: Path, stem: str, text: str = "", *, more: str = "") -> None:
    (folder / f"{stem}.py").write_text(text or VIP.format(name=stem.replace("_", "-"), more=more))


def point(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, module.ENTRY_POINTS)


def search(own: Path | None = None, *installed: EntryPoint) -> module.Found:
    return discover(module.package.__path__, module.package.__name__, installed, own)


def test_a_module_of_the_package_is_a_skill_where_it_names_one():
    assert search().origins["customer-sync"] == "built-in"
    assert search().broken == {}


def test_one_file_of_the_users_is_a_skill(own):
    write(own, "vip_club")
    found = search(own)

    assert found.definitions["vip-club"].summary == "Does nothing."
    assert found.origins["vip-club"] == "skills/vip_club.py"


def test_a_package_brings_a_skill_by_its_entry_point():
    found = search(None, point("loyal-club", f"{__name__}:INSTALLED"))

    assert found.definitions["loyal-club"].summary == "From a package."
    assert found.origins["loyal-club"] == __name__


def test_nobody_replaces_a_skill_that_is_there_already(own):
    write(own, "customer_sync")
    write(own, "loyal_club")
    found = search(own, point("loyal-club", f"{__name__}:INSTALLED"), point("customer-sync", f"{__name__}:INSTALLED"))

    assert found.definitions["customer-sync"].modules == ("customer_sync.brevo.contacts",)
    assert found.definitions["loyal-club"].summary == "From a package."
    assert found.broken == {
        f"customer-sync ({__name__})": "customer-sync is there already (built-in)",
        "customer-sync (skills/customer_sync.py)": "customer-sync is there already (built-in)",
        "loyal-club (skills/loyal_club.py)": f"loyal-club is there already ({__name__})",
    }


#: What a file holds → what is told of it.
BROKEN = {
    "import gone_for_ever": "ModuleNotFoundError: No module named 'gone_for_ever'",
    "raise SystemExit(3)": "SystemExit: 3",
    "def broken(:": "SyntaxError: invalid syntax",
    "SKILL = 3": "its SKILL is no Definition",
    "skill = 3": "it names no SKILL",
    VIP.format(name="gold", more=""): "it calls its skill gold: the file's name and the skill's must be the same",
    VIP.format(name="odd", more=', ("cars",)'): "it wants cars; there are customers, orders, products, carts",
}


@pytest.mark.parametrize("text", BROKEN)
def test_a_broken_file_is_told_of_and_the_others_go_on(own, text):
    write(own, "odd", text)
    write(own, "vip_club")
    found = search(own)

    assert "vip-club" in found.definitions
    assert found.broken["odd"].startswith(BROKEN[text])
    assert found.mends["odd"] == "Mend the file skills/odd.py, or take it away; then start again."


def test_a_file_whose_name_no_skill_can_have_is_told_of(own):
    write(own, "9lives", "SKILL = None")
    write(own, "Vip", VIP.format(name="Vip", more=""))

    assert set(search(own).broken) == {"9lives", "Vip"}


def test_a_package_that_cannot_be_loaded_is_told_of():
    found = search(None, point("loyal-club", "no_such_module:SKILL"))

    assert found.broken == {"loyal-club": "ModuleNotFoundError: No module named 'no_such_module'"}
    assert found.mends["loyal-club"] == "Update the package no_such_module, or uninstall it; then start again."


def test_files_that_are_no_python_and_those_of_programs_are_left_alone(own):
    for name in ("notes.txt", ".vip.py", "_rest.py"):
        (own / name).write_text("raise SystemExit")

    assert search(own).broken == {}


def test_a_loader_of_another_suffix_makes_skills_of_such_files(own, monkeypatch):
    monkeypatch.setitem(module.LOADERS, ".md", lambda path: Definition(path.stem, path.read_text(), lambda _: None))
    (own / "thanks.md").write_text("Says thanks.")

    assert search(own).definitions["thanks"].summary == "Says thanks."


# the config


def settings(folder: Path, text: str, **env: str):
    file = folder / "tajo.yaml"
    file.write_text(text)
    return load_settings(file, env)


def test_the_folder_beside_the_file_is_read_and_its_skill_can_be_enabled(own):
    write(own, "vip_club")
    read = settings(own.parent, "skills: {vip-club: {level: gold}}")

    assert read.skills["vip-club"].enabled
    assert read.skills["vip-club"].extra == {"level": "gold"}
    assert read.skills_folder == str(own)


def test_the_key_and_the_variable_name_another_folder(own, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    write(other, "vip_club")

    assert "vip-club" in settings(tmp_path, "skills_folder: other").skills
    assert "vip-club" in settings(tmp_path, "", TAJO_SKILLS_FOLDER=str(other)).skills
    assert "vip-club" not in settings(tmp_path, "").skills


def test_a_folder_that_is_not_there_is_a_fault(tmp_path):
    with pytest.raises(ConfigFaults, match=r"tajo\.yaml:1: skills_folder: there is no folder"):
        settings(tmp_path, "skills_folder: nowhere")


def test_without_a_file_no_code_of_the_present_folder_is_run(own, tmp_path, monkeypatch):
    write(own, "vip_club", "raise SystemExit")
    monkeypatch.chdir(tmp_path)

    assert load_settings(None, {}).skills_folder is None


def test_own_keys_are_checked_at_their_place_all_at_once(own):
    write(own, "vip_club")
    with pytest.raises(ConfigFaults) as caught:
        settings(own.parent, "skills:\n  vip-club:\n    levle: gold\n    colour: red\n    enabeld: true\n")

    told = [str(fault).split("/")[-1] for fault in caught.value.faults]
    assert told[0].startswith("tajo.yaml:3: skills.vip-club.levle: unknown key. Did you mean level? Choices: level,")
    assert [one.split(": ")[1] for one in told] == [
        "skills.vip-club.levle",
        "skills.vip-club.colour",
        "skills.vip-club.enabeld",
    ]


def test_a_fault_deep_in_an_own_key_has_its_line_and_its_path(own):
    check = "lambda keys: [KeyFault('rules.1.delay', 'odd', ''), KeyFault('rules.1.mail.to', 'gone', '')]"
    text = VIP.format(name="deep", more="").replace('only("level", "rules")', check).replace("only\n", "KeyFault\n", 1)
    write(own, "deep", text)
    with pytest.raises(ConfigFaults) as caught:
        settings(own.parent, "skills:\n  deep:\n    rules:\n      - delay: 1\n      - delay: 2\n")

    assert [(one.line, one.path) for one in caught.value.faults] == [
        (5, "skills.deep.rules[1].delay"),
        (5, "skills.deep.rules[1].mail.to"),
    ]


@pytest.mark.parametrize("text", ["raise SystemExit", VIP.format(name="odd", more="").replace("only(", "(")])
def test_a_broken_skill_that_the_file_enables_stops_nothing(own, text):
    write(own, "odd", text.replace('("level", "rules")', "lambda keys: 1 / 0"))
    read = settings(own.parent, "skills: {odd: {level: gold}, customer-sync: {debug: true}}")

    assert read.unserved_skills == ("odd",)
    assert read.skills["customer-sync"].debug
    assert "this skill cannot be loaded" in read.warnings[0]
