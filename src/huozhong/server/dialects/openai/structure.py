"""What a request says about the form of the answer: response_format, structured_outputs, tools.

`structured_outputs` is vLLM's field: one of `json` (a schema), `json_object`, `regex`, `choice` (a list of texts)
and `grammar` (Lark, as llguidance reads it).

Sources: platform.openai.com/docs/guides/structured-outputs and .../function-calling,
api-docs.deepseek.com/guides/json_mode and .../function_calling, docs.vllm.ai (structured outputs).
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, Protocol

from pydantic import Field, WithJsonSchema

from huozhong.engine.guides.guide import Grammar, Guide, JsonObject, JsonSchema, Regex
from huozhong.errors import RequestError
from huozhong.server.calls import AnswerForm
from huozhong.server.dialects.fields import FunctionGiven, Strict
from huozhong.text.tools import Function, ToolChoice

MAX_TOOLS = 128


class JsonSchemaFormat(Strict):
    name: str | None = None  # the client's own label
    description: str | None = None
    schema_: dict[str, Any] | None = Field(None, alias="schema")
    strict: bool | None = None


class ResponseFormat(Strict):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchemaFormat | None = None
    schema_: dict[str, Any] | None = Field(default=None, alias="schema")  # llama.cpp's, beside "json_object"


class StructuredOutputs(Strict):
    json_: dict[str, Any] | str | None = Field(None, alias="json")
    json_object: bool | None = None
    regex: str | None = None
    choice: list[str] | None = None
    grammar: str | None = None


class Tool(Strict):
    type: Literal["function"]
    function: FunctionGiven


_NAMED = {
    "type": "object",
    "properties": {"type": {"const": "function"}, "function": {"type": "object"}},
    "required": ["type", "function"],
}
_ALLOWED = {
    "type": "object",
    "properties": {"mode": {"enum": ["auto", "required"]}, "tools": {"type": "array", "items": _NAMED}},
    "required": ["mode", "tools"],
}
# Read by `_choice`, for which these are one thing.
ToolChoiceGiven = Annotated[
    Any,
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": [None, "none", "auto", "required"]},
                _NAMED,
                {
                    "type": "object",
                    "properties": {"type": {"const": "allowed_tools"}, "allowed_tools": _ALLOWED},
                    "required": ["type", "allowed_tools"],
                },
            ]
        }
    ),
]


class _Request(Protocol):
    response_format: ResponseFormat | None
    structured_outputs: StructuredOutputs | None
    tools: list[Tool] | None
    tool_choice: Any
    parallel_tool_calls: bool | None


def answer_form(request: _Request, field: str = "response_format") -> AnswerForm:
    """Read all of it; `RequestError` naming the field that is wrong.  field: what `response_format` is called here."""
    try:
        guide, where = _guide(request, field)
    except RequestError as error:
        where = field if request.structured_outputs is None else "structured_outputs"
        raise RequestError(f"'{where}': {error}", param=where) if error.param == "guide" else error from None
    functions = functions_of(request.tools or [])
    kind, names = _choice(request.tool_choice, [function.name for function in functions])
    if kind == "none" or not functions:
        return AnswerForm(guide=guide, source=where)
    if guide is not None and not isinstance(guide, JsonSchema | JsonObject):
        raise RequestError(f"'{where}' with a regex, choice or grammar cannot be joined with 'tools'.", param=where)
    schema = json.loads(guide.schema) if isinstance(guide, JsonSchema) else {"type": "object"} if guide else None
    choice = ToolChoice(
        kind=kind,
        name=names[0] if kind == "named" else None,
        allowed=names,
        parallel=request.parallel_tool_calls is not False,
        text=schema,
        text_strict=isinstance(guide, JsonSchema) and guide.strict,
    )
    return AnswerForm(source="tools", functions=functions, choice=choice)


def _guide(request: _Request, field: str) -> tuple[Guide | None, str]:
    form, ours = request.response_format, request.structured_outputs
    if ours is not None:
        if form is not None and form.type != "text":
            raise RequestError(
                "'structured_outputs' and 'response_format' both say what the answer must look like; give one.",
                param="structured_outputs",
            )
        return _structured(ours), "structured_outputs"
    if form is None or form.type == "text":
        return None, field
    if form.schema_ is not None and form.type != "json_object":
        raise RequestError(f"'{field}.schema' belongs to the type \"json_object\".", param=f"{field}.schema")
    if form.type == "json_object":
        return (JsonObject() if form.schema_ is None else JsonSchema(form.schema_, strict=False)), field
    if form.json_schema is None or form.json_schema.schema_ is None:
        where = "response_format.json_schema" + (".schema" if form.json_schema else "")
        raise RequestError(f"'{where}' is missing.", param=where, code="missing_required_parameter")
    return JsonSchema(form.json_schema.schema_, strict=bool(form.json_schema.strict)), field


def _structured(ours: StructuredOutputs) -> Guide:
    given = {name: value for name, value in ours if value is not None and value is not False}
    if len(given) != 1:
        raise RequestError(
            "'structured_outputs' needs exactly one of json, json_object, regex, choice and grammar.",
            param="structured_outputs",
        )
    [(name, value)] = given.items()
    match name:
        case "json_":
            return JsonSchema(value)
        case "json_object":
            return JsonObject()
        case "regex":
            return Regex(value)
        case "grammar":
            return Grammar(value)
    if not value or not all(value):
        raise RequestError(
            "'structured_outputs.choice' must be a list of texts, none empty.", param="structured_outputs"
        )
    return Grammar("start: " + " | ".join(json.dumps(text, ensure_ascii=False) for text in value))


def functions_of(tools: list[Tool]) -> tuple[Function, ...]:
    """What may be called.  Raises `RequestError`."""
    if len(tools) > MAX_TOOLS:
        raise RequestError(f"'tools' has {len(tools)} functions; at most {MAX_TOOLS} are possible.", param="tools")
    functions = tuple(
        Function(f.name, f.description, f.parameters, bool(f.strict)) for f in (tool.function for tool in tools)
    )
    names = [f.name for f in functions]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise RequestError(f"'tools' has two functions named {twice!r}.", param="tools")
    return functions


def _choice(given: Any, known: list[str]) -> tuple[Literal["none", "auto", "required", "named"], tuple[str, ...]]:
    """The kind of choice, and which functions may be called: none for all of them."""
    kind: Any = given
    names: tuple[str, ...] = ()
    match given:
        case None:
            kind = "auto"
        case {"type": "function", "function": {"name": str(name), **others}, **more} if not more and not others:
            kind, names = "named", (name,)
        case {"type": "allowed_tools", "allowed_tools": {"mode": "auto" | "required" as mode, "tools": [*tools]}}:
            kind, names = mode, tuple(_named(tool) for tool in tools)
            if not names:
                raise RequestError("'tool_choice.allowed_tools.tools' is empty.", param="tool_choice")
    unknown = next((name for name in names if name not in known), None)
    if unknown is not None:
        raise RequestError(f"'tool_choice' names {unknown!r}, which is not among the 'tools'.", param="tool_choice")
    if kind not in ("none", "auto", "required", "named"):
        raise RequestError(
            '\'tool_choice\' must be "none", "auto", "required", {"type": "function", "function": {"name": "..."}} or '
            '{"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [...]}}.',
            param="tool_choice",
        )
    if kind == "required" and not known:
        raise RequestError("'tool_choice' is \"required\", but there are no 'tools'.", param="tool_choice")
    return kind, names


def _named(tool: Any) -> str:
    match tool:
        case {"type": "function", "function": {"name": str(name)}}:
            return name
    raise RequestError(
        '\'tool_choice.allowed_tools.tools\' must hold {"type": "function", "function": {"name": "..."}}.',
        param="tool_choice",
    )
