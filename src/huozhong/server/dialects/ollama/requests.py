"""Ollama's chats and texts: JSON -> `ChatCall`, and its texts to embed -> `EmbeddingCall`."""

from __future__ import annotations

import json
import math
import re
from typing import Annotated, Any, Literal

from pydantic import WithJsonSchema

from huozhong.engine.guides.guide import JsonObject, JsonSchema
from huozhong.engine.requests import SamplingParams
from huozhong.errors import RequestError
from huozhong.server.calls import AnswerForm, ChatCall, EmbeddingCall
from huozhong.server.dialects.fields import FunctionGiven, Strict
from huozhong.server.dialects.sampling import sampling
from huozhong.text.template import Begun
from huozhong.text.tools import Function

_MACHINE_OPTIONS = frozenset(
    {
        "num_ctx", "num_batch", "num_gpu", "main_gpu", "num_thread", "num_keep", "use_mmap", "use_mlock", "low_vram",
        "numa", "f16_kv", "vocab_only", "draft_num_predict",
    }
)  # fmt: skip
_OPTIONS = {
    "temperature": "temperature",
    "top_k": "top_k",
    "top_p": "top_p",
    "min_p": "min_p",
    "repeat_penalty": "repetition_penalty",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "num_predict": "max_tokens",
    "seed": "seed",
    "stop": "stop",
}
# Of a sampler that this one does not have, and the values that leave it off.
_OFF = {"typical_p": (1, 1.0, None), "tfs_z": (1, 1.0, None), "mirostat": (0, None), "repeat_last_n": None}
_OF_ANOTHER_SAMPLER = frozenset({"mirostat_eta", "mirostat_tau", "penalize_newline"})


class CalledFunction(Strict):
    name: str
    arguments: dict[str, Any] | str | None = None
    index: int | None = None
    description: str | None = None


class ToolCallGiven(Strict):
    id: str | None = None
    type: str | None = None
    function: CalledFunction


class Message(Strict):
    role: Literal["system", "user", "assistant", "tool"]
    content: str | None = None
    thinking: str | None = None
    images: list[Any] | None = None
    tool_calls: list[ToolCallGiven] | None = None
    tool_name: str | None = None
    name: str | None = None
    tool_call_id: str | None = None


class Tool(Strict):
    type: Literal["function"] | None = None
    function: FunctionGiven


_ALL_OPTIONS = [*_OPTIONS, *_OFF, *_OF_ANOTHER_SAMPLER, *_MACHINE_OPTIONS]
KeepAlive = Annotated[
    Any,
    WithJsonSchema(
        {"anyOf": [{"type": "number"}, {"type": "string", "pattern": "^(-1|0|5m|1h30m)$"}, {"type": "null"}]}
    ),
]
Options = Annotated[
    dict[str, Any] | None,
    WithJsonSchema(
        {
            "type": ["object", "null"],
            "properties": {name: {} for name in sorted(_ALL_OPTIONS)},
            "additionalProperties": False,
        }
    ),
]


class _Asked(Strict):
    model: str
    keep_alive: KeepAlive = None
    format: str | dict[str, Any] | None = None
    options: Options = None
    stream: bool | None = None
    think: bool | Literal["low", "medium", "high", "max"] | None = None


class ChatRequest(_Asked):
    """The body of POST /api/chat."""

    messages: list[Message] | None = None
    tools: list[Tool] | None = None


class GenerateRequest(_Asked):
    """The body of POST /api/generate."""

    prompt: str | None = None
    system: str | None = None
    suffix: str | None = None
    raw: bool | None = None
    images: list[Any] | None = None
    template: str | None = None
    context: list[int] | None = None


class EmbedRequest(Strict):
    """The body of POST /api/embed."""

    model: str
    keep_alive: KeepAlive = None
    input: str | list[str]
    truncate: bool | None = None
    dimensions: int | None = None
    options: Options = None


class OlderEmbedRequest(Strict):
    """The body of POST /api/embeddings."""

    model: str
    keep_alive: KeepAlive = None
    prompt: str
    options: Options = None


class ShowRequest(Strict):
    """The body of POST /api/show.  name: what `model` was called first."""

    model: str | None = None
    name: str | None = None
    verbose: bool | None = None  # there is no more to tell


def model_name(given: str) -> str:
    """Ollama's own clients say `name:latest`."""
    return given.removesuffix(":latest")


def parse_chat(body: dict[str, Any], defaults: SamplingParams) -> ChatCall | None:
    """None for a body without messages, with which clients ask that the model be loaded."""
    request = ChatRequest.parse(body)
    if not request.messages:
        return None
    turns: list[dict[str, Any]] = []
    for index, message in enumerate(request.messages):
        turns.append(_turn(index, message, turns))
    begun = None
    if turns[-1]["role"] == "assistant" and "tool_calls" not in turns[-1] and len(turns) > 1:
        last = turns.pop()
        begun = Begun(last["content"], last.get("reasoning_content"))
    functions = tuple(
        Function(f.name, f.description, f.parameters, bool(f.strict)) for f in (t.function for t in request.tools or ())
    )
    form = AnswerForm(source="tools", functions=functions) if functions else _form(request.format)
    return _call(request, turns, form, begun, defaults)


def parse_generate(body: dict[str, Any], defaults: SamplingParams) -> ChatCall | None:
    """None for a body without a prompt, with which clients ask that the model be loaded."""
    request = GenerateRequest.parse(body)
    for name in ("raw", "suffix", "images", "template", "context"):
        if getattr(request, name):
            raise RequestError(
                f"'{name}' is not supported here; for a raw text use /v1/completions.",
                param=name,
                code="unsupported_parameter",
            )
    if not request.prompt:
        return None
    turns = [{"role": "system", "content": request.system}] if request.system else []
    turns.append({"role": "user", "content": request.prompt})
    return _call(request, turns, _form(request.format), None, defaults)


def parse_embed(body: dict[str, Any]) -> EmbeddingCall:
    request = EmbedRequest.parse(body)
    texts = [request.input] if isinstance(request.input, str) else request.input
    if not texts or not all(texts):
        raise RequestError("'input' must be a text or a list of texts, none empty.", param="input")
    return EmbeddingCall(
        model=model_name(request.model), inputs=list(texts), dimensions=request.dimensions, as_base64=False
    )


def parse_older_embed(body: dict[str, Any]) -> EmbeddingCall:
    request = OlderEmbedRequest.parse(body)
    return EmbeddingCall(model=model_name(request.model), inputs=[request.prompt], dimensions=None, as_base64=False)


_FOR_EVER = 100 * 365 * 86400.0  # seconds: no clock reaches so far
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ms|us|µs|ns|h|m|s)")


def kept_seconds(body: dict[str, Any]) -> float | None:
    """How long the model is to stay once nobody uses it, of a body's `keep_alive`; None where none is given.

    A number is seconds, a text a length of time as Go writes them ("5m", "1h30m"); less than nothing is for ever.
    """
    given = body.get("keep_alive")
    if given is None:
        return None
    seconds = float(given) if type(given) in (int, float) else _duration(given) if isinstance(given, str) else None
    if seconds is None or math.isnan(seconds):
        raise RequestError(
            f"'keep_alive' is {given!r}; give seconds, or a text such as \"5m\": 0 is gone at once, -1 stays for ever.",
            param="keep_alive",
        )
    return math.inf if seconds < 0 or seconds > _FOR_EVER else seconds


def _duration(text: str) -> float | None:
    sign, rest = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    if rest.isascii() and rest.isdigit():
        return sign * float(rest)
    parts = [*_PART.finditer(rest)]
    if not parts or "".join(part[0] for part in parts) != rest:
        return None
    return sign * sum(float(part[1]) * _SECONDS[part[2]] for part in parts)


def _call(
    request: _Asked, turns: list[dict[str, Any]], form: AnswerForm, begun: Begun | None, defaults: SamplingParams
) -> ChatCall:
    return ChatCall(
        model=model_name(request.model),
        messages=turns,
        params=_sampling(request.options or {}, defaults),
        form=form,
        thinking=request.think not in (None, False),
        stream=request.stream is not False,
        begun=begun,
    )


def _turn(index: int, message: Message, before: list[dict[str, Any]]) -> dict[str, Any]:
    if message.images:
        raise RequestError("This model reads text only: leave 'images' out.", param=f"messages[{index}].images")
    turn: dict[str, Any] = {"role": message.role, "content": message.content or ""}
    if message.role == "tool":
        return turn | {"tool_call_id": _answered(message, before)}
    if message.role == "assistant":
        turn |= {"reasoning_content": message.thinking} if message.thinking else {}
        calls = [
            {
                "id": call.id or f"call_{index}_{i}",
                "type": "function",
                "function": {"name": call.function.name, "arguments": _arguments(call.function.arguments)},
            }
            for i, call in enumerate(message.tool_calls or ())
        ]
        turn |= {"tool_calls": calls} if calls else {}
    return turn


def _arguments(given: dict[str, Any] | str | None) -> str:
    return given if isinstance(given, str) else json.dumps(given or {}, ensure_ascii=False)


def _answered(message: Message, before: list[dict[str, Any]]) -> str:
    """Which call a tool's message answers: Ollama's clients name the function, or nothing at all."""
    if message.tool_call_id:
        return message.tool_call_id
    answered = {turn["tool_call_id"] for turn in before if turn["role"] == "tool"}
    calls = [call for turn in before for call in turn.get("tool_calls", ()) if call["id"] not in answered]
    name = message.tool_name or message.name
    for call in calls:
        if name in (None, call["function"]["name"]):
            return str(call["id"])
    raise RequestError(f"No call of {name or 'a tool'} is waiting for this message of a tool.", param="messages")


def _form(given: str | dict[str, Any] | None) -> AnswerForm:
    if not given:
        return AnswerForm()
    if isinstance(given, str):
        if given != "json":
            raise RequestError("'format' must be \"json\" or a JSON schema.", param="format")
        return AnswerForm(guide=JsonObject(), source="format")
    return AnswerForm(guide=JsonSchema(given), source="format")


def _sampling(options: dict[str, Any], defaults: SamplingParams) -> SamplingParams:
    given: dict[str, Any] = {}
    for name, value in options.items():
        if name in _OPTIONS:
            given[_OPTIONS[name]] = [value] if name == "stop" and isinstance(value, str) else value
        elif name in _OFF:
            off = _OFF[name]
            if off is not None and value not in off:
                raise RequestError(f"'options.{name}' is not supported by this server's sampler.", param=name)
        elif name not in _MACHINE_OPTIONS and name not in _OF_ANOTHER_SAMPLER:
            raise RequestError(
                f"Unknown field 'options.{name}'; leave it out.", param=f"options.{name}", code="unknown_parameter"
            )
    stop = given.get("stop")
    if stop is not None and not (isinstance(stop, list) and all(isinstance(one, str) for one in stop)):
        raise RequestError("'options.stop' must be a text or a list of texts.", param="options.stop")
    return sampling(defaults, given, {ours: f"options.{name}" for name, ours in _OPTIONS.items()})
