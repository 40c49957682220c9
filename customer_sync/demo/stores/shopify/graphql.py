"""GraphQL over plain values: an object is a mapping with `__typename`, a field with arguments is a function.

A document is read with graphql-core, its selections are walked here. What stands in a mapping is the answer; what can
be called is asked with the `Field` and gives it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    Undefined,
    value_from_ast_untyped,
)

from customer_sync.model import Json

#: type → the interfaces it has, as far as fragments ask for them.
INTERFACES: Final[Mapping[str, frozenset[str]]] = {
    "Customer": frozenset(("Node", "LegacyInteroperability", "HasMetafields", "HasEvents", "CommentEventSubject")),
    "Order": frozenset(("Node", "LegacyInteroperability", "HasMetafields", "HasEvents", "CommentEventSubject")),
    "WebhookSubscription": frozenset(("Node", "LegacyInteroperability")),
    "BulkOperation": frozenset(("Node",)),
    "Shop": frozenset(("Node", "HasMetafields")),
}

#: An object as it can be asked: field → value, or a function of the `Field`.
Node = Mapping[str, Any]
Resolver = Callable[["Field"], Any]


class GraphError(Exception):
    """A field, or the whole request, cannot be answered.

    Args:
        message: in the platform's words.
        code: `extensions.code`.
        extensions: more of them.
    """

    def __init__(self, message: str, code: str = "", **extensions: Json) -> None:
        super().__init__(message)
        self.code = code
        self.extensions = {**({"code": code} if code else {}), **extensions}


@dataclass(slots=True)
class Field:
    """One field that is asked for.

    Args:
        key: its name in the answer.
        name: its name in the schema.
        args: its arguments, variables filled in.
        selections: what is asked of it; more than one where a field stands twice.
        place: where it stands, as `locations` show it.
        path: the keys down to it.
    """

    key: str
    name: str
    args: dict[str, Any]
    selections: tuple[SelectionSetNode, ...]
    place: tuple[int, int]
    path: tuple[str | int, ...] = ()

    def error(self, fault: GraphError) -> dict[str, Json]:
        """Return a fault of this field as `errors` show it."""
        line, column = self.place
        locations: list[Json] = [{"line": line, "column": column}]
        return {
            "message": str(fault),
            "locations": locations,
            "path": list(self.path),
            **({"extensions": fault.extensions} if fault.extensions else {}),
        }


class Execution:
    """One operation of a document.

    Args:
        document: as graphql-core read it.
        variables: what the caller sent.
        operation_name: which operation, where there are several.

    Raises:
        GraphError: there is no such operation, or a variable that must be there is not.
    """

    def __init__(self, document: DocumentNode, variables: Mapping[str, Any], operation_name: str | None) -> None:
        self.operation = _operation(document, operation_name)
        self.errors: list[dict[str, Json]] = []
        self._fragments = {
            one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)
        }
        self._variables = _variables(self.operation, variables)
        self._known: dict[tuple[str, tuple[int, ...]], list[Field]] = {}

    @property
    def is_mutation(self) -> bool:
        """Whether it changes something."""
        return self.operation.operation.value == "mutation"

    @property
    def root_type(self) -> str:
        """The type at the top."""
        return "Mutation" if self.is_mutation else "QueryRoot"

    def top(self) -> list[Field]:
        """Return the fields at the top."""
        return self.fields((self.operation.selection_set,), self.root_type)

    def run(self, root: Node) -> dict[str, Any]:
        """Return the data; what could not be answered is null and stands in `errors`."""
        data: dict[str, Any] = self._object(root, (self.operation.selection_set,), ())
        return data

    def value(self, found: Any, field: Field, path: tuple[str | int, ...] = ()) -> Any:
        """Return a value with what is asked of it."""
        if callable(found):
            found = found(field)
        if isinstance(found, Mapping):
            return self._object(found, field.selections, path) if field.selections else dict(found)
        if isinstance(found, list | tuple):
            return [self.value(one, field, (*path, place)) for place, one in enumerate(found)]
        return found

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

    def _object(self, node: Node, selections: tuple[SelectionSetNode, ...], path: tuple[str | int, ...]) -> Any:
        typename = node["__typename"]
        answer: dict[str, Any] = {}
        for field in self.fields(selections, typename):
            found = node.get(field.name, _unknown)
            if found is None or isinstance(found, str):
                answer[field.key] = found
                continue
            field.path = below = (*path, field.key)
            try:
                answer[field.key] = self.value(found, field, below)
            except GraphError as fault:
                self.errors.append(field.error(fault))
                answer[field.key] = None
        return answer

    def _add(self, by_key: dict[str, Field], node: FieldNode) -> None:
        key = node.alias.value if node.alias else node.name.value
        below = (node.selection_set,) if node.selection_set else ()
        if key in by_key:
            by_key[key].selections += below
            return
        args = {one.name.value: value_from_ast_untyped(one.value, self._variables) for one in node.arguments or ()}
        given = {name: value for name, value in args.items() if value is not Undefined}
        place = (node.loc.start_token.line, node.loc.start_token.column) if node.loc else (1, 1)
        by_key[key] = Field(key, node.name.value, given, below, place)

    def _flat(self, selections: Sequence[SelectionNode], typename: str) -> Iterator[FieldNode]:
        for one in selections:
            if not self._is_asked(one):
                continue
            if isinstance(one, FieldNode):
                yield one
            elif isinstance(one, InlineFragmentNode):
                if one.type_condition is None or _fits(typename, one.type_condition.name.value):
                    yield from self._flat(one.selection_set.selections, typename)
            elif isinstance(one, FragmentSpreadNode):
                fragment = self._fragments[one.name.value]
                if _fits(typename, fragment.type_condition.name.value):
                    yield from self._flat(fragment.selection_set.selections, typename)

    def _is_asked(self, node: SelectionNode) -> bool:
        for directive in node.directives or ():
            wanted = {"include": True, "skip": False}.get(directive.name.value)
            for argument in directive.arguments or ():
                found = value_from_ast_untyped(argument.value, self._variables)
                if wanted is not None and argument.name.value == "if" and found is not wanted:
                    return False
        return True


def connection(nodes: Sequence[Node], cursors: Sequence[str], *, has_next: bool, has_previous: bool) -> dict[str, Any]:
    """Return a page of nodes in the form of a connection.

    Args:
        nodes: the page.
        cursors: where each stands.
        has_next: whether there are more behind it.
        has_previous: whether there are some before it.
    """
    edges = [
        {"__typename": "Edge", "cursor": cursor, "node": node} for cursor, node in zip(cursors, nodes, strict=True)
    ]
    page_info = {
        "__typename": "PageInfo",
        "hasNextPage": has_next,
        "hasPreviousPage": has_previous,
        "startCursor": cursors[0] if cursors else None,
        "endCursor": cursors[-1] if cursors else None,
    }
    return {"__typename": "Connection", "edges": edges, "nodes": list(nodes), "pageInfo": page_info}


def _unknown(field: Field) -> None:
    raise GraphError(f"Field '{field.name}' is not part of this stand-in.", "undefinedField")


def _operation(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    found = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
    fitting = [one for one in found if not name or (one.name and one.name.value == name)]
    if len(fitting) != 1:
        raise GraphError("An operation name is required" if not name else f'No operation named "{name}"')
    return fitting[0]


def _variables(operation: OperationDefinitionNode, given: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for one in operation.variable_definitions or ():
        name = one.variable.name.value
        if name in given:
            values[name] = given[name]
        elif one.default_value is not None:
            values[name] = value_from_ast_untyped(one.default_value)
        if values.get(name) is None and one.type.kind == "non_null_type":
            raise GraphError(f"Variable ${name} was provided invalid value", "INVALID_VARIABLE")
    return values


def _fits(typename: str, condition: str) -> bool:
    return condition == typename or condition in INTERFACES.get(typename, ())
