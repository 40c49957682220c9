"""Puts one source into the text of a config and leaves every other byte as it is: comments, quotes, order, line ends.

PyYAML tells where each node begins and ends; the text is changed there and nowhere else. What comes out is read again:
where it does not say what it said before and the source beside it, nothing is changed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import yaml

from customer_sync.config.interpolate import escape
from customer_sync.config.reader import snake_case

#: A table of the file → the key that holds the sources.
_SOURCES: Final = "connectors"
#: How deep a table is indented where the file shows no other way.
_STEP: Final = 2
#: Texts that YAML keeps as they are without quotes, and that mean the same to us.
_PLAIN: Final = re.compile(r"true|false|0|[1-9][0-9]{0,8}(\.[0-9]{1,3})?")


class CannotEdit(Exception):
    """The text is written in a way in which it cannot be changed by a program without a risk; says why."""


def scalar(value: str) -> str:
    """Return a text as it is written in a config: numbers, true and false as they are, all else in quotes."""
    return value if _PLAIN.fullmatch(value) else json.dumps(escape(value), ensure_ascii=False)


def reference(variable: str) -> str:
    """Return how a config names a variable."""
    return f'"${{{variable}}}"'


def written_source(text: str, source: str) -> dict[str, str] | None:
    """Return the single values of a source as they are written, by their key in snake_case; None where it is absent.

    Raises:
        CannotEdit: the text is no config.
    """
    found = _entry(_table(_entry(_compose(text), _SOURCES)), source)
    if found is None:
        return None
    return {snake_case(key.value): value.value for key, value in _pairs(found[1]) if isinstance(value, yaml.ScalarNode)}


def with_source(
    text: str, source: str, values: Mapping[str, str], aliases: Mapping[str, tuple[str, ...]] | None = None
) -> str:
    """Return the text with a source in it, and these keys in the source.

    Args:
        text: the config; "" for a new one.
        source: its name, one that a source may have.
        values: key → value as it is written in YAML, see `scalar` and `reference`.
        aliases: key → its other names, under which it may stand in the file.

    Raises:
        CannotEdit: it cannot be done without touching anything else.
    """
    before = _plain(_compose(text))
    changed = text
    if _entry(_table(_entry(_compose(text), _SOURCES)), source) is None:
        changed = _with_table(text, source, values)
    else:
        for key, value in values.items():
            changed = _with_key(changed, source, (key, *(aliases or {}).get(key, ())), value)
    wanted = _wanted(before, source, values, aliases or {})
    if _plain(_compose(changed)) != wanted:
        raise CannotEdit("it is written in an unusual way")
    return changed


def block(source: str, values: Mapping[str, str], indent: int = _STEP, step: int = _STEP) -> str:
    """Return the lines of a source, as they stand below `connectors:`."""
    lines = [f"{' ' * indent}{source}:", *(f"{' ' * (indent + step)}{key}: {value}" for key, value in values.items())]
    return "\n".join(lines) + "\n"


def _with_table(text: str, source: str, values: Mapping[str, str]) -> str:
    """Return the text with a new source below `connectors:`, which is made where it is missing."""
    top = _compose(text)
    found = _entry(top, _SOURCES)
    if found is None:
        if isinstance(top, yaml.MappingNode) and top.flow_style:
            return _into_flow(text, top, f"{_SOURCES}: {{{_flow(source, values)}}}")
        return _at_line(text, _end(top) if top is not None else len(text), f"{_SOURCES}:\n{block(source, values)}")
    key, table = found
    if isinstance(table, yaml.MappingNode) and table.start_mark.index > key.end_mark.index:
        if table.flow_style:
            return _into_flow(text, table, _flow(source, values))
        indent, step = table.value[0][0].start_mark.column, _step(table)
        return _at_line(text, _end(table), block(source, values, indent, step))
    if isinstance(table, yaml.ScalarNode) and table.tag.endswith(":null"):
        bare = text[: table.start_mark.index] + text[table.end_mark.index :]
        return _at_line(bare, key.end_mark.index, block(source, values, key.start_mark.column + _STEP))
    raise CannotEdit(f"what stands at {_SOURCES}: is no table of its own")


def _with_key(text: str, source: str, names: tuple[str, ...], value: str) -> str:
    """Return the text with one key of a source set: where it stands already, else behind the source's other keys."""
    key, table = _entry(_table(_entry(_compose(text), _SOURCES)), source) or (None, None)
    if key is None or table is None or table.start_mark.index < key.end_mark.index:
        raise CannotEdit(f"{_SOURCES}.{source} stands in another place of the file (*name)")
    for written, old in _pairs(table):
        if snake_case(written.value) in names:
            if not isinstance(old, yaml.ScalarNode) or old.start_mark.index < written.end_mark.index:
                raise CannotEdit(f"{_SOURCES}.{source}.{written.value} is no single value")
            space = " " if old.start_mark.index == old.end_mark.index else ""
            return f"{text[: old.start_mark.index]}{space}{value}{text[old.end_mark.index :]}"
    line = f"{names[0]}: {value}"
    if isinstance(table, yaml.MappingNode) and not table.flow_style:
        return _at_line(text, _end(table), f"{' ' * table.value[0][0].start_mark.column}{line}\n")
    if isinstance(table, yaml.MappingNode):
        return _into_flow(text, table, line)
    if not table.tag.endswith(":null"):
        raise CannotEdit(f"what stands at {_SOURCES}.{source} is no table")
    bare = text[: table.start_mark.index] + text[table.end_mark.index :]
    return _at_line(bare, key.end_mark.index, f"{' ' * (key.start_mark.column + _STEP)}{line}\n")


def _at_line(text: str, index: int, lines: str) -> str:
    """Return the text with lines put behind the line in which an index stands, with the line ends of the file."""
    ending = "\r\n" if "\r\n" in text else "\n"
    if text[index - 1 : index] != "\n":
        following = text.find("\n", index)
        index = len(text) if following < 0 else following + 1
    before = text[:index]
    if before and not before.endswith("\n"):
        before += ending
    return before + lines.replace("\n", ending) + text[index:]


def _into_flow(text: str, table: yaml.MappingNode, entry: str) -> str:
    """Return the text with an entry put before the closing brace of a table."""
    at = table.end_mark.index - 1
    inside = text[:at].rstrip()
    comma = "" if not table.value or inside.endswith(",") else ", "
    return f"{text[:at]}{comma}{entry}{text[at:]}"


def _flow(source: str, values: Mapping[str, str]) -> str:
    return f"{source}: {{{', '.join(f'{key}: {value}' for key, value in values.items())}}}"


def _step(table: yaml.MappingNode) -> int:
    """Return how deep the sources of a file are indented."""
    for key, value in _pairs(table):
        if isinstance(value, yaml.MappingNode) and not value.flow_style and value.value:
            deeper = value.value[0][0].start_mark.column - key.start_mark.column
            if deeper > 0:
                return int(deeper)
    return _STEP


def _end(node: yaml.Node, seen: frozenset[int] = frozenset()) -> int:
    """Return where the text of a node ends: a table of lines says so only behind the comments that follow it."""
    if id(node) in seen or not isinstance(node, yaml.CollectionNode) or node.flow_style or not node.value:
        return int(node.end_mark.index)
    inner = seen | {id(node)}
    children = node.value if isinstance(node, yaml.SequenceNode) else [one for pair in node.value for one in pair]
    return max(_end(child, inner) for child in children)


def _compose(text: str) -> yaml.Node | None:
    try:
        top: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise CannotEdit("it is no valid YAML") from error
    if top is not None and not isinstance(top, yaml.MappingNode) and not _is_null(top):
        raise CannotEdit("it is no table of keys")
    return None if top is None or _is_null(top) else top


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag.endswith(":null")


def _pairs(node: yaml.Node | None) -> Iterator[tuple[yaml.ScalarNode, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                yield key, value


def _entry(node: yaml.Node | None, name: str) -> tuple[yaml.ScalarNode, yaml.Node] | None:
    return next(((key, value) for key, value in _pairs(node) if key.value == name), None)


def _table(found: tuple[yaml.ScalarNode, yaml.Node] | None) -> yaml.Node | None:
    return None if found is None else found[1]


def _plain(node: yaml.Node | None) -> Any:
    """Return what a tree says, without where it says it."""
    if node is None:
        return {}
    if isinstance(node, yaml.MappingNode):
        return {_plain(key) if isinstance(key, yaml.ScalarNode) else str(key): _plain(one) for key, one in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item) for item in node.value]
    return node.tag, node.value


def _wanted(
    before: dict[Any, Any], source: str, values: Mapping[str, str], aliases: Mapping[str, tuple[str, ...]]
) -> dict[Any, Any]:
    """Return what the changed text must say."""
    text = "tag:yaml.org,2002:str"
    sources = _table_of(before.get((text, _SOURCES)))
    name = next((one for one in sources if one[1] == source), _plain(yaml.compose(source, Loader=yaml.SafeLoader)))
    own = _table_of(sources.get(name))
    for key, value in values.items():
        names = (key, *aliases.get(key, ()))
        at = next((one for one in own if snake_case(str(one[1])) in names), (text, key))
        own[at] = _plain(yaml.compose(value, Loader=yaml.SafeLoader))
    return {**before, (text, _SOURCES): {**sources, name: own}}


def _table_of(value: Any) -> dict[Any, Any]:
    return dict(value) if isinstance(value, dict) else {}
