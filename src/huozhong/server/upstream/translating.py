"""A call in any dialect -> the body of a chat completion, which every engine elsewhere takes.

What an engine would have to be told in words that only some know is refused, with one sentence that says what.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from huozhong.engine.guides.guide import Guide, JsonObject, JsonSchema
from huozhong.engine.requests import SamplingParams
from huozhong.errors import RequestError
from huozhong.server.calls import ChatCall
from huozhong.text.tools import Function, ToolChoice

CallT = TypeVar("CallT")

# Two that have nothing in common: what a body gives is what it comes to with either.
_SOME = SamplingParams()
_OTHERS = SamplingParams(
    temperature=0.123, top_k=123, top_p=0.123, min_p=0.123, repetition_penalty=1.123, presence_penalty=0.123,
    frequency_penalty=0.123, logit_bias=((0, 0.123),), max_tokens=123, max_reasoning_tokens=123, stop=("\0",), seed=123,
    logprobs=1,
)  # fmt: skip
_ALIKE = ("temperature", "top_k", "top_p", "min_p", "repetition_penalty", "presence_penalty", "frequency_penalty",
          "max_tokens", "seed")  # fmt: skip


def read(
    parse: Callable[[dict[str, Any], SamplingParams], CallT],
    chat: Callable[[CallT], ChatCall | None],
    body: dict[str, Any],
) -> tuple[CallT, Mapping[str, Any]]:
    """A body's call, and of its sampling what the body itself says: the rest is for the engine's own defaults.

    Nothing is said by a call that is None.  Raises what `parse` does.
    """
    call = parse(body, _SOME)
    ours, others = chat(call), chat(parse(body, _OTHERS))
    if ours is None or others is None:
        return call, {}
    names = SamplingParams.__dataclass_fields__
    both = {name: (getattr(ours.params, name), getattr(others.params, name)) for name in names}
    return call, {name: one for name, (one, other) in both.items() if one == other}


def engine_body(call: ChatCall, given: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """What the engine is asked.  given: as `read` tells it.  body: the client's own, for how it is to be thought.

    Raises `RequestError` for what cannot be said to every engine.
    """
    if call.begun is not None:
        raise _refusal("An answer that is begun already cannot be gone on with", "messages")
    if given.get("logprobs") is not None:
        raise _refusal("Probabilities of tokens are not told", "logprobs")
    asked: dict[str, Any] = {"messages": call.messages}
    asked |= {name: given[name] for name in _ALIKE if given.get(name) is not None}
    if given.get("stop"):
        asked["stop"] = list(given["stop"])
    if given.get("logit_bias"):
        asked["logit_bias"] = {str(token): bias for token, bias in given["logit_bias"]}
    return asked | _thought(call, given, body) | _form(call.form.guide) | _tools(call)


def _thought(call: ChatCall, given: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """How it is to be thought, where the client says so: by the effort, or as DeepSeek and Anthropic say it."""
    effort = _effort(body)
    if effort is not None:
        return {"reasoning_effort": effort}
    if not any(body.get(name) is not None for name in ("thinking", "think", "reasoning")):
        return {}
    limit = given.get("max_reasoning_tokens")
    switch: dict[str, Any] = {"type": "enabled" if call.thinking else "disabled"}
    return {"thinking": switch | ({"budget_tokens": limit} if limit is not None else {})}


def _effort(body: Mapping[str, Any]) -> str | None:
    for name in ("reasoning", "output_config"):
        if isinstance(held := body.get(name), dict) and isinstance(held.get("effort"), str):
            return str(held["effort"])
    think = body.get("think")
    return think if isinstance(think, str) else None


def _form(guide: Guide | None) -> dict[str, Any]:
    match guide:
        case None:
            return {}
        case JsonObject():
            return {"response_format": {"type": "json_object"}}
        case JsonSchema():
            return _schema(json.loads(guide.schema), strict=guide.strict)
    raise _refusal("Answers are held to JSON alone", "format")


def _schema(schema: Mapping[str, Any], *, strict: bool) -> dict[str, Any]:
    named = {"name": "answer", "schema": dict(schema)} | ({"strict": True} if strict else {})
    return {"response_format": {"type": "json_schema", "json_schema": named}}


def _tools(call: ChatCall) -> dict[str, Any]:
    functions, choice = call.form.functions, call.form.choice
    if not functions:
        return {}
    found: dict[str, Any] = {"tools": [{"type": "function", "function": _function(one)} for one in functions]}
    found["tool_choice"] = _choice(choice)
    found |= {} if choice.parallel else {"parallel_tool_calls": False}
    return found | ({} if choice.text is None else _schema(choice.text, strict=choice.text_strict))


def _choice(choice: ToolChoice) -> str | dict[str, Any]:
    if choice.kind == "named":
        return _named(choice.name)
    if not choice.allowed:
        return choice.kind
    allowed = {"mode": choice.kind, "tools": [_named(name) for name in choice.allowed]}
    return {"type": "allowed_tools", "allowed_tools": allowed}


def _named(name: str | None) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}}


def _function(function: Function) -> dict[str, Any]:
    told: dict[str, Any] = {"name": function.name}
    told |= {} if function.description is None else {"description": function.description}
    told |= {} if function.parameters is None else {"parameters": dict(function.parameters)}
    return told | ({"strict": True} if function.strict else {})


def _refusal(what: str, param: str) -> RequestError:
    return RequestError(
        f"{what} by a model that is served elsewhere; ask for that at /v1/chat/completions, in its engine's own words.",
        param=param,
        code="unsupported_value",
    )
