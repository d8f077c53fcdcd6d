"""How every request's fields are read."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError, WithJsonSchema

from huozhong.errors import RequestError

# Fields that are known and not served yet, and the values (besides null) that ask for nothing.
NotYet = dict[str, tuple[Any, ...]]


_IDS = {"type": "array", "items": {"type": "integer"}, "minItems": 1}
# A text, token ids, or a list of one of them: for fields that are read by hand, as their errors name them all.
TEXTS = WithJsonSchema(
    {
        "anyOf": [
            {"type": "string"},
            _IDS,
            {"type": "array", "items": {"anyOf": [{"type": "string"}, _IDS]}, "minItems": 1},
        ]
    }
)


_MOST_FIELDS = 500  # of an object whose fields are known: each one more would be a complaint of its own


class Strict(BaseModel):
    """Unknown fields are errors, and so is a value of another type ("0.5" is no number)."""

    model_config = ConfigDict(extra="forbid", strict=True)

    @classmethod
    def parse(cls, raw: dict[str, Any], where: str = "") -> Self:
        """Raises `RequestError` naming the first field that is wrong; where: what comes before its name."""
        try:
            return cls.model_validate(raw if len(raw) <= _MOST_FIELDS else _some_of(raw, cls))
        except ValidationError as error:
            raise _first_problem(error, cls, where) from None


def _some_of(raw: dict[str, Any], request: type[Strict]) -> dict[str, Any]:
    """An object of far too many fields, with the first of those that are unknown alone."""
    known = {field.alias or name for name, field in request.model_fields.items()}
    unknown = next((name for name in raw if name not in known), None)
    return {name: value for name, value in raw.items() if name in known or name == unknown}


def also(
    changes_nothing: Iterable[str] = (),
    not_yet: NotYet | None = None,
    bounds: Mapping[str, dict[str, Any]] | None = None,
) -> ConfigDict:
    """For a model whose fields are not all that is taken: what its schema in /openapi.json says of the others.

    bounds: of numbers that are checked elsewhere.
    """

    def extend(schema: dict[str, Any]) -> None:
        fields = schema["properties"]
        for name in set(bounds or ()) & set(fields):
            for kind in fields[name].get("anyOf", [fields[name]]):
                if kind.get("type") in ("integer", "number"):
                    kind |= (bounds or {})[name]
        for name in sorted(changes_nothing):
            fields.setdefault(name, {"description": "Taken; it changes nothing here."})
        for name, off in sorted((not_yet or {}).items()):
            fields[name] = {"enum": [None, *off], "description": "Not supported yet: only what asks for nothing."}

    return ConfigDict(json_schema_extra=extend)


class FunctionGiven(Strict):
    """A function that may be called, as OpenAI's tools and Ollama's describe it."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


def without_unsupported(raw: dict[str, Any], table: NotYet, where: str = "") -> dict[str, Any]:
    """`raw` without the fields of `table`; `RequestError` if one of them asks for something.

    where: what comes before their names in the error, such as "messages[0].".
    """
    for name, off in table.items():
        value = raw.get(name)
        if value is not None and not any(value == o and type(value) is type(o) for o in off):
            raise RequestError(
                f"'{where}{name}' is not supported yet by this server; leave it out.",
                param=where + name,
                code="unsupported_parameter",
            )
    return {name: value for name, value in raw.items() if name not in table}


def _first_problem(error: ValidationError, request: type[Strict], where: str) -> RequestError:
    """One sentence for pydantic's first complaint, naming the field as a path such as messages[0].role."""
    problem = error.errors(include_url=False)[0]
    path = ""
    for step in problem["loc"]:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else step
    path = where + path
    if problem["type"] == "missing":
        return RequestError(f"'{path}' is missing.", param=path, code="missing_required_parameter")
    if problem["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(problem["loc"][-1]), request.model_fields, n=1)
        hint = f"; did you mean '{near[0]}'?" if near else "; leave it out."
        return RequestError(f"Unknown field '{path}'{hint}", param=path, code="unknown_parameter")
    what = problem["msg"].removeprefix("Value error, ")
    return RequestError(f"'{path}' is wrong: {what[:1].lower()}{what[1:]}.", param=path, code="invalid_value")
