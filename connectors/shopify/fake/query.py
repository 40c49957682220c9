"""What a document asks for: its fields, with fragments and directives worked in. For costs and exports.

Queries are executed by graphql-core; this only looks at them, before and beside that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    Undefined,
    value_from_ast_untyped,
)

from connectors.shopify.fake.schema import ANSWERED

_WANTED: Final = {"include": True, "skip": False}


@dataclass(slots=True)
class Field:
    """One field that is asked for.

    Args:
        key: its name in the answer.
        name: its name in the schema.
        args: its arguments, variables filled in.
        selections: what is asked of it; more than one where a field stands twice.
    """

    key: str
    name: str
    args: dict[str, Any]
    selections: tuple[SelectionSetNode, ...]


class Query:
    """One operation of a document.

    Args:
        document: as graphql-core read it.
        variables: what the caller sent.
        name: which operation, where there are several.

    Raises:
        GraphQLError: there is no such operation.
    """

    def __init__(self, document: DocumentNode, variables: Mapping[str, Any], name: str | None = None) -> None:
        found = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
        fitting = [one for one in found if not name or (one.name and one.name.value == name)]
        if len(fitting) != 1:
            raise GraphQLError(f'No operation named "{name}"' if name else "An operation name is required")
        self.operation = fitting[0]
        self.is_mutation = self.operation.operation.value == "mutation"
        self._fragments = {
            one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)
        }
        defaults = {
            one.variable.name.value: value_from_ast_untyped(one.default_value)
            for one in self.operation.variable_definitions or ()
            if one.default_value
        }
        self._variables = {**defaults, **variables}
        self._known: dict[tuple[str, tuple[int, ...]], list[Field]] = {}

    def top(self) -> list[Field]:
        """Return the fields at the top."""
        return self.fields((self.operation.selection_set,), "Mutation" if self.is_mutation else "QueryRoot")

    def fields(self, selections: tuple[SelectionSetNode, ...], typename: str) -> list[Field]:
        """Return the fields that are asked of an object of a type; those of one key are put together."""
        known = (typename, tuple(map(id, selections)))
        found = self._known.get(known)
        if found is None:
            by_key: dict[str, Field] = {}
            for selection in selections:
                for node in self._flat(selection.selections, typename):
                    self._add(by_key, node)
            found = self._known[known] = list(by_key.values())
        return found

    def _add(self, by_key: dict[str, Field], node: FieldNode) -> None:
        key = node.alias.value if node.alias else node.name.value
        below = (node.selection_set,) if node.selection_set else ()
        if key in by_key:
            by_key[key].selections += below
            return
        args = {one.name.value: value_from_ast_untyped(one.value, self._variables) for one in node.arguments or ()}
        given = {name: value for name, value in args.items() if value is not Undefined}
        by_key[key] = Field(key, node.name.value, given, below)

    def _flat(self, selections: Sequence[SelectionNode], typename: str) -> Iterator[FieldNode]:
        for one in selections:
            if not self._is_asked(one):
                continue
            if isinstance(one, FieldNode):
                yield one
            elif isinstance(one, InlineFragmentNode | FragmentSpreadNode):
                fragment = self._fragments[one.name.value] if isinstance(one, FragmentSpreadNode) else one
                if fragment.type_condition is None or _fits(typename, fragment.type_condition.name.value):
                    yield from self._flat(fragment.selection_set.selections, typename)

    def _is_asked(self, node: SelectionNode) -> bool:
        for directive in node.directives or ():
            for argument in directive.arguments or ():
                found = value_from_ast_untyped(argument.value, self._variables)
                if argument.name.value == "if" and found is not _WANTED.get(directive.name.value, found):
                    return False
        return True


def _fits(typename: str, condition: str) -> bool:
    interfaces = getattr(ANSWERED.type_map.get(typename), "interfaces", ())
    return condition == typename or condition in {one.name for one in interfaces}
