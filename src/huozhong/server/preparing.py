"""A call made ready for the engine: its prompt read, its form compiled, each where it keeps nobody else waiting."""

from __future__ import annotations

import asyncio
import json
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar
from urllib.parse import quote

from fastapi import Request

from huozhong.engine.guides.guide import Grammar, Guide, JsonSchema
from huozhong.engine.guides.schemas import Fitted, fit
from huozhong.engine.llm import LLM, SamplingParams
from huozhong.errors import RequestError
from huozhong.server.calls import AnswerForm, ChatCall
from huozhong.server.pools import LONG, Pools, shortly
from huozhong.text.template import ChatPrompt
from huozhong.text.tools import ToolCallParser

Result = TypeVar("Result")

LEFT_OUT = "x-huozhong-left-out"  # header: what of a schema that is not strict the answer is not held to
_LONGEST_HEADER = 1_000

ANSWERS_ROOM = 1024  # tokens of the context that a conversation leaves which is shortened to fit


@dataclass(frozen=True)
class PreparedChat:
    """A call ready for the engine.

    new_parser: makes what finds tool calls in an answer, where tools were offered.
    left_out: paths of keywords that no guide can hold and that the answer is not held to.
    """

    prompt: ChatPrompt
    params: SamplingParams
    new_parser: Callable[[], ToolCallParser] | None = None
    left_out: tuple[str, ...] = ()

    @property
    def headers(self) -> dict[str, str]:
        """What a client is told besides the answer."""
        return left_out_header(self.left_out)


async def prepare(request: Request, llm: LLM, call: ChatCall) -> PreparedChat:
    """The prompt, and the guide compiled; `RequestError` for what the model cannot do."""
    size = sum(len(message.get("content") or "") for message in call.messages)
    prompt = await reading(request, size, lambda: read_prompt(llm, call))
    guide, left_out = await _read_form(request, llm, call.form)
    params, new_parser = call.params, None
    if call.form.functions:
        new_parser = partial(ToolCallParser, llm.template.tool_format, call.form.functions)
        if call.form.choice.kind != "auto":
            params = replace(params, stop=())  # they end what is said, and nothing but calls can be said here
    if guide is not None:
        await compile_guide(request, llm, guide, call.form.source)
        params = replace(params, guide=guide)
    return PreparedChat(prompt, params, new_parser, left_out)


def read_prompt(llm: LLM, call: ChatCall, *, counted: bool = False) -> ChatPrompt:
    """The conversation as tokens: all of it, or as much of its end as fits.

    counted: every token of it, also where there are more than the model can read.
    """

    def of(messages: Sequence[dict[str, Any]]) -> ChatPrompt:
        form = call.form
        return llm.prompt(
            messages,
            thinking=call.thinking,
            functions=form.functions,
            acts=form.guide is None,
            begun=call.begun,
            counted=counted or call.drops_oldest,
        )

    prompt = of(call.messages)
    room = llm.max_context - min(call.params.max_tokens or ANSWERS_ROOM, llm.max_context // 2)
    if not call.drops_oldest or len(prompt.ids) <= room:
        return prompt
    # What the system says stays, and the rest begins with something that a user says.
    told = next((i for i, message in enumerate(call.messages) if message["role"] != "system"), 0)
    begins = [i for i, message in enumerate(call.messages) if message["role"] == "user" and i > told]
    if not begins:
        return prompt
    parts = [[*call.messages[:told], *call.messages[begin:]] for begin in begins]
    return of(parts[min(bisect_left(parts, True, key=lambda part: len(of(part).ids) <= room), len(parts) - 1)])


def part_tokens(llm: LLM, parts: Sequence[str | int], field: str) -> list[int]:
    """The ids of a text given in parts, as llama.cpp's programs may.

    Such texts hold control tokens by their names: those programs write the whole template themselves.
    """
    tokenizer = llm.tokenizer
    ids: list[int] = []
    for part in parts:
        if isinstance(part, str):
            begin = tokenizer.begin if not ids else []
            found = tokenizer.encode(part, specials=True, begins=not ids and not begin, most=llm.max_context)
            ids += found if found[: len(begin)] == begin else begin + found  # who wrote it out means one
        elif 0 <= part < llm.config.vocab_size:
            ids.append(part)
        else:
            raise RequestError(f"'{field}' has the token id {part}, which is not in the vocabulary.", param=field)
    return ids or [id for id in (tokenizer.bos_id,) if id is not None and parts]


async def parsed(request: Request, parse: Callable[[], Result]) -> Result:
    """What `parse` gives, which reads the request's body: a large one where nobody else waits for it."""
    if len(await request.body()) < LONG:
        return parse()
    pools: Pools = request.app.state.pools
    return await pools.bodies.run(lambda is_wanted: parse(), request.receive)


async def reading(request: Request, size: int, read: Callable[[], Result]) -> Result:
    """What `read` gives, which encodes so many characters."""
    if size < LONG:
        return await shortly(read)
    pools: Pools = request.app.state.pools
    return await pools.texts.run(lambda is_wanted: read(), request.receive)


async def compile_guide(request: Request, llm: LLM, guide: Guide, source: str) -> None:
    """`RequestError` naming the field `source` for a guide that cannot be followed."""
    pools: Pools = request.app.state.pools
    try:
        if llm.guides.is_light(guide):
            await asyncio.to_thread(llm.guides.prepare, guide)
        else:
            await pools.guides.run(partial(llm.guides.prepare, guide), request.receive)
    except RequestError as error:
        if error.param != "guide":
            raise
        raise RequestError(f"'{source}': {error}", param=source, code=error.code) from None


async def hold_to(
    request: Request, llm: LLM, params: SamplingParams, guide: Guide | None, source: str
) -> tuple[SamplingParams, dict[str, str]]:
    """`params` with a guide that the field `source` asks for, and the headers that say what it does not hold."""
    found, left_out = await _read_form(request, llm, AnswerForm(guide=guide, source=source))
    if found is not None:
        await compile_guide(request, llm, found, source)
        params = replace(params, guide=found)
    return params, left_out_header(left_out)


def left_out_header(paths: Iterable[str]) -> dict[str, str]:
    """The header that says so; none where nothing was left out."""
    told = ", ".join(quote(path, safe="._$^()[]{}?!*+\\|-") for path in paths)
    if len(told) > _LONGEST_HEADER:
        told = told[:_LONGEST_HEADER].rpartition(", ")[0] + ", ..."
    return {LEFT_OUT: told} if told else {}


async def _read_form(request: Request, llm: LLM, form: AnswerForm) -> tuple[Guide | None, tuple[str, ...]]:
    """Its guide, and what of its schemas that cannot hold."""
    if form.guide is None and not form.functions:
        return None, ()
    if int(request.headers.get("content-length", "0")) < LONG:
        return await asyncio.to_thread(form_guide, llm, form)
    pools: Pools = request.app.state.pools
    return await pools.guides.run(lambda is_wanted: form_guide(llm, form), request.receive)


def form_guide(llm: LLM, form: AnswerForm) -> tuple[Guide | None, tuple[str, ...]]:
    """What holds an answer to its form, and what of the form's schemas it cannot hold."""
    if form.functions:
        return _calls(llm, form)
    if not isinstance(form.guide, JsonSchema):
        return form.guide, ()
    fitted = _fitted(json.loads(form.guide.schema), form.guide.strict, form.source)
    return JsonSchema(fitted.schema, strict=form.guide.strict), fitted.left_out


def _calls(llm: LLM, form: AnswerForm) -> tuple[Guide, tuple[str, ...]]:
    """The grammar of an answer that may call functions."""
    tool_format, left_out = llm.template.tool_format, []
    held = []
    for function in form.functions:
        fitted = _fitted(function.schema, function.strict, "tools", f"function {function.name!r}: ")
        if function.parameters is not None:
            function = replace(function, parameters=fitted.schema)
        held.append(function)
        left_out += [f"{function.name}.{path}" for path in (*fitted.left_out, *tool_format.left_out(function))]
    choice = form.choice
    if choice.text is not None:
        fitted = _fitted(choice.text, choice.text_strict, "response_format")
        choice = replace(choice, text=fitted.schema)
        left_out += fitted.left_out
    return Grammar(tool_format.grammar(held, choice, llm.tokenizer.split_specials)), tuple(left_out)


def _fitted(schema: Mapping[str, Any], strict: bool, source: str, whose: str = "") -> Fitted:
    try:
        return fit(schema, strict=strict)
    except RequestError as error:
        raise RequestError(f"'{source}': {whose}{error}", param=source) from None
