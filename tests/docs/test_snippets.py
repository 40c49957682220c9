"""Every block of code on every page: a command that exists, a config that is right, a program that can be read."""

from __future__ import annotations

import contextlib
import json
import os
import re
from itertools import dropwhile, takewhile

import click
import pytest
import yaml

from customer_sync.cli import main
from customer_sync.config import keys
from customer_sync.loading import load_settings
from customer_sync.skills.files.reading import read_skill_file
from tests.docs.pages import ROOT, blocks, commands, fits, pages, programs

#: The words of a block's first line → what is done with it; "text" is what a program prints, or a picture.
LANGUAGES = {
    "text",
    "sh",
    "yaml",
    "json",
    "python",
    "js",
    "javascript",
    "typescript",
    "ini",
    "http",
    "dockerfile",
    "markdown",
    "apex",  # what is for other machines is not tried here
    "php",
    "xml",
}
BLOCKS = [block for page in pages() for block in blocks(page)]
#: The keys with which a tajo.yaml begins.
TOP = {key.name for key in keys.TOP_KEYS}
#: Stands for what a config takes from the environment.
_VALUE = "qZ7mXv2LpTn8RkWb4HsYc9UdJf3GeAo6"


def of(*languages):
    return [pytest.param(block, id=str(block)) for block in BLOCKS if block.language in languages]


def test_every_block_says_what_it_is():
    assert [str(block) for block in BLOCKS if block.language not in LANGUAGES] == []


@pytest.mark.parametrize("block", of("markdown"))
def test_the_skill_files_are_right(block):
    assert read_skill_file(block.text, str(block))[1] == []


def resolve(words):
    """Let click read a command without doing it."""
    command, name, context = main, "tajo", None
    with contextlib.suppress(click.exceptions.Exit):  # --help
        while command is not None and words is not None:
            context = command.make_context(name, list(words), parent=context)
            is_group = isinstance(command, click.Group)
            words = [*context._protected_args, *context.args] if is_group else None
            name, command, words = command.resolve_command(context, words) if words else (name, None, None)


@pytest.mark.parametrize("block", of("sh"))
def test_the_commands_exist_with_their_options(block):
    for line in commands(block.text):
        for program in programs(line):
            words = list(dropwhile(re.compile(r"\w+=").match, program))  # variables in front of a command
            if words and words[0].split("/")[-1] == "tajo" and "..." not in words:
                resolve(words[1:])


def test_the_commands_in_a_line_of_text_exist():
    wrong = []
    for page, words in inline_commands():
        try:
            resolve_name(words)
        except click.ClickException as error:
            wrong.append(f"{page}: tajo {' '.join(words)}: {error.message}")

    assert wrong == []


def inline_commands():
    """Return each `tajo ...` in the text of a page, as (page, words behind tajo)."""
    found = []
    for page in pages():
        if page.startswith(("CHANGELOG", "docs/decisions/")):
            continue  # what was, and what was weighed
        text = re.sub(r"^ *```.*?^ *```$", "", (ROOT / page).read_text(), flags=re.DOTALL | re.MULTILINE)
        found += [(page, code.split()) for code in re.findall(r"`tajo\s+([^`]+)`", text)]
    return found


def resolve_name(words):
    """Let click find a command and its options; words in capitals, `a|b` and `<...>` stand for something."""
    command, context = main, click.Context(main, info_name="tajo")
    rest = list(takewhile(lambda word: word != ">", words))
    if rest[:1] == ["<command>"]:
        return
    if rest[:1] == ["reconcile"] and (len(rest) == 1 or not rest[1].islower() or rest[1].startswith("-")):
        rest.insert(1, "run")  # what it is short for
    while isinstance(command, click.Group) and rest and re.fullmatch(r"[a-z][a-z-]*", rest[0]):
        name, command, rest = command.resolve_command(context, rest)
        context = click.Context(command, info_name=name, parent=context)
    options = {}
    for param in command.get_params(context):
        options |= dict.fromkeys((*param.opts, *param.secondary_opts), param)
    places = sum(99 if one.nargs < 0 else 1 for one in options.values() if isinstance(one, click.Argument))
    given, values = 0, 0
    for word in rest:
        if word.startswith("-") and "|" not in word and word != "-":
            option = options.get(word.split("=")[0])
            if option is None:
                raise click.NoSuchOption(word, ctx=context)
            values = 0 if option.is_flag or "=" in word else 1
        elif values:
            values = 0
        else:
            given += 1
    if given > places and "..." not in rest:
        raise click.UsageError(f"takes {places} arguments, not {given}", ctx=context)


def test_a_command_in_a_line_of_text_that_is_not_there_is_found():
    with pytest.raises(click.UsageError, match="No such command 'sink'"):
        resolve_name(["connectors", "sink", "SOURCE"])
    with pytest.raises(click.UsageError, match="takes 0 arguments"):
        resolve_name(["connectors", "status", "SOURCE"])
    with pytest.raises(click.NoSuchOption):
        resolve_name(["connectors", "list", "--full"])


def skills_of(block):
    """Return the skills in Python that the page of a block shows, by name."""
    found = (re.search(r"^SKILL = Definition\(\s*\"([\w-]+)\"", one.text, re.MULTILINE) for one in BLOCKS)
    named = zip(BLOCKS, found, strict=True)
    return {match[1]: one.text for one, match in named if match and one.page == block.page}


@pytest.mark.parametrize("block", of("yaml"))
def test_a_config_is_right(block, tmp_path):
    told = yaml.safe_load(block.text)
    if not isinstance(told, dict) or not set(told) <= TOP:
        return  # the file of another program
    variables = {f"{name}": _VALUE for name in _variables(block.text)}
    path = tmp_path / "tajo.yaml"
    path.write_text(block.text)
    (tmp_path / "skills").mkdir()
    for name, text in skills_of(block).items():
        (tmp_path / "skills" / f"{name.replace('-', '_')}.py").write_text(text)

    load_settings(path, {"TAJO_HOME": str(tmp_path)} | variables)


def _variables(text):
    return [part.split("}")[0].split(":")[0] for part in text.split("${")[1:]]


@pytest.mark.parametrize("block", of("json"))
def test_json_can_be_read(block):
    json.loads(block.text)


@pytest.mark.parametrize("block", of("python"))
def test_python_can_be_read(block):
    compile(block.text, str(block), "exec")


@pytest.mark.parametrize(
    "target",
    sorted(
        {
            line.split()[1]
            for block in BLOCKS
            if block.language == "sh"
            for line in commands(block.text)
            if line.startswith("make ")
        }
    ),
)
def test_make_has_the_target(target):
    assert f"\n{target}:" in (ROOT / "Makefile").read_text()


def test_a_command_that_is_not_there_is_found():
    with pytest.raises(click.UsageError, match="No such command 'sink'"):
        resolve(["connectors", "sink"])
    with pytest.raises(click.NoSuchOption):
        resolve(["connectors", "list", "--full"])


def test_what_a_page_says_is_found_in_what_was_printed():
    printed = "one two three\nfour   five\nsix"

    assert fits("one … three\nsix", printed) is None
    assert fits("four five", printed) is None
    assert fits("six\none", printed) == "one"


def test_pages_are_there():
    assert len(BLOCKS) > 50
    assert os.path.relpath(BLOCKS[0].page).endswith(".md")
