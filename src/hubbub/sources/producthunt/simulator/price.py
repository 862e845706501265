"""What a query costs.

An assumption: Product Hunt does not publish its formula. This one is how the common Ruby GraphQL library counts by
default, and the service's schema has that library's fingerprints: a field costs 1, whether scalar or object; a
connection costs 1, and what is asked of `pageInfo` and `totalCount`, and the size of its page times the cost of one
node's fields; `edges`, `node` and `nodes` themselves are free."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLIncludeDirective,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLSkipDirective,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
)
from graphql.execution.values import get_argument_values, get_directive_values

from hubbub.sources.producthunt.simulator.paging import PAGE

_ITEMS = frozenset({"edges", "nodes"})


def price(
    schema: GraphQLSchema, document: DocumentNode, *, operation: OperationDefinitionNode, variables: Mapping[str, Any]
) -> int:
    """Points for an operation of a valid document, with its coerced variables."""
    root = schema.get_root_type(operation.operation)
    assert root is not None
    fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
    counting = _Counting(schema, fragments=fragments, variables=dict(variables))
    return counting.of_fields([operation.selection_set], of=root)


class _Counting:
    def __init__(
        self, schema: GraphQLSchema, *, fragments: Mapping[str, FragmentDefinitionNode], variables: dict[str, Any]
    ) -> None:
        self.schema = schema
        self.fragments = fragments
        self.variables = variables

    def of_fields(self, sets: Iterable[SelectionSetNode], *, of: GraphQLNamedType) -> int:
        """Of all that is selected of a type; fields of one name in the answer count once."""
        return sum(self.of_field(nodes, of=of) for nodes in self.collected(sets).values())

    def of_field(self, nodes: list[FieldNode], *, of: GraphQLNamedType) -> int:
        if not isinstance(of, GraphQLObjectType | GraphQLInterfaceType):
            return 1
        field = of.fields.get(nodes[0].name.value)
        # What begins with two underscores speaks of the schema; that its depth costs nothing is ours.
        if field is None:
            return 1
        sets = [node.selection_set for node in nodes if node.selection_set is not None]
        inner = get_named_type(field.type)
        if inner.name.endswith("Connection"):
            return 1 + self.of_connection(sets, of=inner, size=self.size(field, nodes[0]))
        return 1 + self.of_fields(sets, of=inner)

    def of_connection(self, sets: Iterable[SelectionSetNode], *, of: GraphQLNamedType, size: int) -> int:
        total = 0
        assert isinstance(of, GraphQLObjectType)
        for nodes in self.collected(sets).values():
            name = nodes[0].name.value
            if name not in _ITEMS:
                total += self.of_field(nodes, of=of)
                continue
            inner = [node.selection_set for node in nodes if node.selection_set is not None]
            one = self.of_fields(inner, of=get_named_type(of.fields[name].type))
            if name == "edges":
                # `node` counts as an object field like any other there, and is free here.
                one -= sum(1 for each in self.collected(inner).values() if each[0].name.value == "node")
            total += size * one
        return total

    def size(self, field: GraphQLField, node: FieldNode) -> int:
        """Nodes of a page, as far as its arguments tell: never more than fit on one."""
        args = get_argument_values(field, node, self.variables)
        asked = [args[name] for name in ("first", "last") if args.get(name) is not None]
        return min(PAGE, max(0, *asked)) if asked else PAGE

    def collected(self, sets: Iterable[SelectionSetNode]) -> dict[str, list[FieldNode]]:
        """The fields that will be answered, by their names in the answer, fragments opened."""
        found: dict[str, list[FieldNode]] = {}
        for selected in sets:
            self._collect(selected, into=found)
        return found

    def _collect(self, selected: SelectionSetNode, *, into: dict[str, list[FieldNode]]) -> None:
        for node in selected.selections:
            if not self._asked(node):
                continue
            if isinstance(node, FieldNode):
                into.setdefault((node.alias or node.name).value, []).append(node)
            elif isinstance(node, InlineFragmentNode):
                self._collect(node.selection_set, into=into)
            elif isinstance(node, FragmentSpreadNode):
                self._collect(self.fragments[node.name.value].selection_set, into=into)

    def _asked(self, node: Any) -> bool:
        skip = get_directive_values(GraphQLSkipDirective, node, self.variables)
        include = get_directive_values(GraphQLIncludeDirective, node, self.variables)
        return not (skip and skip["if"]) and not (include and not include["if"])
