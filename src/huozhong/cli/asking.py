"""Who answers in the terminal: a model on this machine, or a running server."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import typer

from huozhong.cli.words import language, say
from huozhong.errors import ConfigError, RequestError

if TYPE_CHECKING:
    from huozhong.engine.llm import LLM

Message = dict[str, str]
Piece = tuple[Literal["reasoning", "content", "rule", "bill", "finish"], str]


@dataclass
class Wish:
    """How an answer is to be made.  given: fields of `SamplingParams`; what is not given is the model's own."""

    thinking: bool = True
    given: dict[str, Any] = field(default_factory=dict)


Ask = Callable[[list[Message], Wish], Iterator[Piece]]

# Options that say how a model is run here, by their parameters' names.
LOCAL_OPTIONS = ("quantization", "threads", "max_context", "price", "currency", "draft")


def only_local_options_unset(context: typer.Context) -> None:
    """With --url the model runs elsewhere: options about running it here are errors, not ignored."""
    for name in LOCAL_OPTIONS:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            option = name.replace("_", "-")
            raise ConfigError(
                say(
                    f"--{option} 只用于本机的模型；--url 指的服务有它自己的设置。",
                    f"--{option} is for a model on this machine; the server at --url has its own.",
                )
            )


def carefully(ask: Ask, numbers: Mapping[str, str]) -> Ask:
    """The same, but what must not go to a model is answered by a rule's fixed text."""
    from huozhong.verify.distress import check

    def careful(messages: list[Message], wish: Wish) -> Iterator[Piece]:
        finding = check(messages)
        if finding is None:
            yield from ask(messages, wish)
            return
        yield "content", finding.reply(numbers=numbers)
        yield "rule", finding.rule

    return careful


def local(llm: LLM) -> Ask:
    """A model of this process."""

    def ask(messages: list[Message], wish: Wish) -> Iterator[Piece]:
        params = replace(llm.defaults, **wish.given)
        for delta in llm.chat_stream(messages, params, thinking=wish.thinking):
            if delta.reasoning:
                yield "reasoning", delta.reasoning
            if delta.text:
                yield "content", delta.text
            if delta.finish_reason is not None:
                yield "finish", delta.finish_reason
            if delta.usage is not None and delta.usage.bill is not None:
                yield "bill", delta.usage.bill.line(language())

    return ask


def remote(stack: ExitStack, url: str, model: str | None) -> tuple[str, Ask]:
    """A server that speaks OpenAI's dialect: the model's name there, and how to ask it.  `ConfigError` without one."""
    import httpx

    from huozhong.exam.subject import API_KEY_VARIABLE
    from huozhong.text.wire import error_sentence, pieces

    key = os.environ.get(API_KEY_VARIABLE)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    base = url.rstrip("/").removesuffix("/v1")
    try:
        # Reading waits as long as it takes: a large model on a small machine is slow to begin.
        client = stack.enter_context(httpx.Client(timeout=httpx.Timeout(None, connect=5.0), headers=headers))
        listed = client.get(f"{base}/v1/models")
        names = [entry["id"] for entry in listed.json()["data"]]
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            say(
                f"{url} 没有模型服务在回答（{error}）；请检查地址。",
                f"No model server answers at {url} ({error}); check the address.",
            )
        ) from None
    if not names or (model is not None and model not in names):
        known = ", ".join(names)
        raise ConfigError(
            say(
                f"{url} 的服务没有模型 {model!r}；它有：{known or '没有'}。",
                f"The server at {url} has no model {model!r}; it has {known or 'none'}.",
            )
        )
    chosen = model or names[0]

    def ask(messages: list[Message], wish: Wish) -> Iterator[Piece]:
        request: dict[str, Any] = {"model": chosen, "stream": True, "messages": messages} | wish.given
        if not wish.thinking:
            request["thinking"] = {"type": "disabled"}
        try:
            with client.stream("POST", f"{base}/v1/chat/completions", json=request) as answer:
                if answer.status_code != 200:
                    answer.read()
                    raise RequestError(error_sentence(answer.text))
                for said in pieces(answer.iter_text()):
                    if said.reasoning:
                        yield "reasoning", said.reasoning
                    if said.text:
                        yield "content", said.text
                    if said.rule is not None:
                        yield "rule", said.rule
                    if said.finish_reason is not None:
                        yield "finish", said.finish_reason
        except httpx.HTTPError as error:
            raise RequestError(
                say(
                    f"与 {url} 的连接断了（{error}）；请再问一次。",
                    f"The connection to {url} broke ({error}); ask again.",
                )
            ) from None

    return chosen, ask
