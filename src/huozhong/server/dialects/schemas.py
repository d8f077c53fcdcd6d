"""JSON schemas of what is taken and given, for /openapi.json; and how a route says which are its own.

What is taken is the schema of the very model that reads a body (`fields.Strict`).  What is given is written down here
and in each dialect's own `schemas`, closed: a field that is not told of would be a mistake.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from huozhong.server.dialects.fields import Strict

Schema = dict[str, Any]

ANY: Schema = {}
STRING: Schema = {"type": "string"}
INTEGER: Schema = {"type": "integer"}
NUMBER: Schema = {"type": "number"}
BOOLEAN: Schema = {"type": "boolean"}
NULL: Schema = {"type": "null"}


class Component(NamedTuple):
    """A schema with a name of its own in the document.  needs: those that it refers to, by their names."""

    name: str
    schema: Schema
    needs: Mapping[str, Schema] = {}


def one_of(*values: Any) -> Schema:
    return {"enum": list(values)}


def either(*schemas: Schema) -> Schema:
    return {"anyOf": list(schemas)}


def nullable(schema: Schema) -> Schema:
    return either(schema, NULL)


def array(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def record(required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None) -> Schema:
    """An object of these fields and no others."""
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": False,
    }


def mapping(values: Schema) -> Schema:
    return {"type": "object", "additionalProperties": values}


# What every dialect says of a text that is a rule's, not the model's.
RULE = record({"id": STRING, "kind": STRING, "numbers": array(STRING)})
BILL = record(
    {
        "tokens": INTEGER,
        "seconds": NUMBER,
        "joules": NUMBER,
        "money": NUMBER,
        "currency": STRING,
        "source": one_of("measured", "estimated"),
        "how": STRING,
    }
)


# Answers that grow: of events, what one of them is.
_EVENT = record({"data": STRING}, {"event": STRING}) | {"description": "A piece of the answer as it grows."}
_LINES = STRING | {"description": "The answer as it grows: an object on each line."}


def body_of(model: type[Strict], dialect: str) -> Component:
    """The schema of what a model reads, from the model itself."""
    schema = model.model_json_schema(ref_template=f"#/components/schemas/{dialect}.{{model}}")
    needs = {f"{dialect}.{name}": needed for name, needed in schema.pop("$defs", {}).items()}
    return Component(f"{dialect}.{model.__name__}", schema, needs)


def described(
    gives: Component,
    errors: Component,
    *,
    takes: Component | None = None,
    streams: str | None = None,
    media_type: str = "application/json",
) -> dict[str, Any]:
    """What a route says of itself (`openapi_extra`).  streams: the media type of its answers that grow."""
    components = [gives, errors, *([] if takes is None else [takes])]
    good = {media_type: {"schema": _reference(gives)}}
    if streams is not None:
        good[streams] = {"schema": _EVENT if streams == "text/event-stream" else _LINES}
    bad = {"application/json": {"schema": _reference(errors)}}
    operation: dict[str, Any] = {
        "responses": {
            "200": {"description": "The answer.", "content": good},
            "4XX": {"description": "What was wrong with the request.", "content": bad},
            "5XX": {"description": "What was wrong here.", "content": bad},
        },
        "x-components": {name: schema for component in components for name, schema in _all(component)},
    }
    if takes is not None:
        content = {"application/json": {"schema": _reference(takes)}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _reference(component: Component) -> Schema:
    return {"$ref": f"#/components/schemas/{component.name}"}


def _all(component: Component) -> Iterable[tuple[str, Schema]]:
    yield component.name, component.schema
    yield from component.needs.items()
