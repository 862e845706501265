"""GraphQL itself: the platform's schema, checking a question against it, its price, and running it."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, cast

import msgspec
from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    build_schema,
    execute_sync,
    get_operation_ast,
    parse,
    validate,
)
from graphql.execution.values import get_variable_values

from hubbub.sources.producthunt.simulator.nodes import Scene
from hubbub.sources.producthunt.simulator.price import price
from hubbub.sources.producthunt.simulator.roots import roots


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a request; other members are nobody's business."""

    query: str | None = None
    variables: dict[str, Any] | None = None
    operation_name: str | None = msgspec.field(name="operationName", default=None)


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """A question that can be answered, and what that costs."""

    document: DocumentNode
    question: Question
    price: int


class InvalidError(Exception):
    """A question that the schema does not allow; `errors` are as the answer tells them."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        super().__init__(errors)
        self.errors = errors


@cache
def schema() -> GraphQLSchema:
    """The platform's schema, from the file that the client's tests read too."""
    text = (files("hubbub.sources.producthunt") / "schema.graphql").read_text(encoding="utf-8")
    made = build_schema(text)
    moments = cast("Any", made.type_map["DateTime"])
    moments.serialize = _written
    moments.parse_value = _read
    return made


def check(question: Question) -> Ready:
    """The question ready to run; raises InvalidError with all that is wrong with it."""
    if not (question.query or "").strip():
        raise InvalidError([{"message": "No query string was present"}])
    document, errors = _document(str(question.query))
    operation = None if document is None else get_operation_ast(document, question.operation_name)
    if errors or document is None:
        raise InvalidError(list(errors))
    if operation is None:
        named = question.operation_name
        said = "An operation name is required" if named is None else f'No operation named "{named}"'
        raise InvalidError([{"message": said, "locations": [], "path": []}])
    variables = get_variable_values(schema(), list(operation.variable_definitions or ()), question.variables or {})
    if isinstance(variables, list):
        raise InvalidError([_told(error, operation) for error in variables])
    cost = price(schema(), document, operation=operation, variables=variables)
    return Ready(document=document, question=question, price=cost)


def answer(ready: Ready, *, scene: Scene) -> dict[str, Any]:
    """The members of the answer: `data`, and `errors` when there are some."""
    done = execute_sync(
        schema(),
        ready.document,
        root_value=roots(scene),
        variable_values=ready.question.variables or {},
        operation_name=ready.question.operation_name,
    )
    errors = [dict(error.formatted) for error in done.errors or ()]
    return ({"errors": errors} if errors else {}) | {"data": done.data}


@lru_cache(maxsize=128)
def _document(text: str) -> tuple[DocumentNode | None, tuple[dict[str, Any], ...]]:
    """A text as a document, and what is wrong with it. Clients send the same few texts again and again."""
    try:
        document = parse(text)
    except GraphQLError as error:
        return None, (_told(error, None),)
    operation = next((d for d in document.definitions if isinstance(d, OperationDefinitionNode)), None)
    return document, tuple(_told(error, operation) for error in validate(schema(), document))


def _told(error: GraphQLError, operation: OperationDefinitionNode | None) -> dict[str, Any]:
    """An error with its place; the path of the real one goes on to the field, ours ends at the operation."""
    locations = [{"line": at.line, "column": at.column} for at in error.locations or ()]
    name = "" if operation is None or operation.name is None else f" {operation.name.value}"
    path = [] if operation is None else [f"{operation.operation.value}{name}"]
    return {"message": error.message, "locations": locations, "path": path}


def _written(at: int) -> str:
    return datetime.fromtimestamp(at, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _read(written: Any) -> float:
    """Epoch seconds of an ISO 8601 text; without a zone it is UTC."""
    try:
        moment = datetime.fromisoformat(written)
    except (TypeError, ValueError) as error:
        raise GraphQLError(f"{written!r} is not an ISO 8601 DateTime") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
