"""`huozhong run MODEL ["prompt"]`: one answer on stdout, or a talk, as Ollama's and `llm`'s users type it.

Stdin that is a file or a pipe is one prompt, whole.  The answer alone goes to stdout; thoughts go to stderr.
"""

from __future__ import annotations

import io
import json
import os
import stat
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from huozhong.cli.answering import (
    CarefulOption,
    Context,
    Currency,
    Draft,
    Engine,
    Numbers,
    Price,
    Quant,
    Think,
    Threads,
    Url,
    answerer,
)
from huozhong.cli.asking import Ask, Wish
from huozhong.cli.parameters import read_parameters
from huozhong.cli.saved import Chats, no_chat
from huozhong.cli.talk import Talk
from huozhong.cli.words import red, say
from huozhong.errors import CheckpointError, ConfigError, StoreError

if TYPE_CHECKING:
    from huozhong.store.tables.conversations import ConversationRow

Words = Annotated[
    list[str] | None,
    typer.Argument(metavar="MODEL [PROMPT]", help="模型，然后是要问的话 / the model, then what to ask it"),
]
System = Annotated[str | None, typer.Option("--system", "-s", help="系统提示 / the system prompt")]
Continue = Annotated[
    bool,
    typer.Option(
        "--continue", "-c", help="接着上一个对话（可以不写模型） / go on with the last chat (MODEL may be left out)"
    ),
]
NamedChat = Annotated[
    str | None,
    typer.Option("--chat", help="接着这个标题的对话 / go on with the chat of this title", show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="回答写成一个 JSON 对象 / the answer as one JSON object")]
Parameter = Annotated[
    list[str] | None,
    typer.Option("--option", "-o", metavar="NAME=VALUE", help="采样参数 / how it is sampled, e.g. temperature=0.7"),
]
NoSave = Annotated[bool, typer.Option("--no-save", help="不保存这个对话 / keep nothing of this chat")]


def register(app: typer.Typer) -> None:
    """Add `run` to `app`."""
    app.command("run", help="问一句，或在终端里聊天 / ask a model, or talk with it")(run_command)


def run_command(
    context: typer.Context,
    words: Words = None,
    system: System = None,
    go_on: Continue = False,
    chat: NamedChat = None,
    think: Think = True,
    as_json: AsJson = False,
    option: Parameter = None,
    no_save: NoSave = False,
    url: Url = None,
    quantization: Quant = None,
    threads: Threads = None,
    max_context: Context = None,
    price: Price = 0.6,
    currency: Currency = "CNY",
    careful: CarefulOption = False,
    numbers: Numbers = None,
    draft: Draft = None,
) -> None:
    given = read_parameters(option or [])
    with ExitStack() as stack:
        chats = None if no_save and not (go_on or chat) else _chats(stack, needed=go_on or chat is not None)
        before = _chat_before(chats, chat) if chats is not None and (go_on or chat is not None) else None
        model, asked = _model_and_words(words or [], before, url)
        prompt = _prompt(asked)
        engine = Engine(quantization, threads, max_context, price, currency, careful, numbers, draft)
        name, ask = answerer(stack, context, url, model, engine)
        chosen = _Chosen(name, ask, Wish(think, given), system, None if no_save else chats, before)
        talk = chosen.talk(context.get_parameter_source("think"))
        if prompt is not None:
            _once(talk, prompt, as_json=as_json)
        elif as_json:
            raise ConfigError(say("--json 需要要问的话。", "--json needs something to ask."))
        else:
            talk.run()


@dataclass
class _Chosen:
    """What the command line said, put together.  before: the chat to go on with."""

    name: str
    ask: Ask
    wish: Wish
    system: str | None
    chats: Chats | None
    before: ConversationRow | None

    def talk(self, think_source: Any) -> Talk:
        old: dict[str, Any] = {} if self.before is None else dict(self.before.settings)
        if think_source is not None and think_source.name == "DEFAULT":
            self.wish.thinking = old.get("thinking", self.wish.thinking)
        if "temperature" in old:
            self.wish.given.setdefault("temperature", old["temperature"])
        talk = Talk(self.name, self.ask, self.wish, self.system or old.get("system"), chats=self.chats)
        if self.before is not None:
            talk.go_on_with(self.before, Chats() if self.chats is None else self.chats)
        if self.chats is None:
            talk.saved = None
        return talk


def _chats(stack: ExitStack, *, needed: bool) -> Chats | None:
    """The house's chats.  Where they cannot be opened, one that is not to be continued goes on without."""
    try:
        chats = Chats()
    except StoreError as error:
        if needed:
            raise
        print(red(say(f"这次聊天不会保存：{error.chinese}", f"This chat is not kept: {error}")), file=sys.stderr)
        return None
    stack.callback(chats.close)
    return chats


def _chat_before(chats: Chats, title: str | None) -> ConversationRow:
    latest = chats.latest()
    for row in latest:
        if title is None or title == row.id or row.title.casefold().startswith(title.casefold()):
            return row
    if title is None:
        raise no_chat()
    shown = "; ".join(row.title for row in latest[:5])
    raise ConfigError(
        say(f"没有标题是 {title!r} 的对话；最近的有：{shown}", f"There is no chat {title!r}; the latest are: {shown}")
    )


def _model_and_words(words: list[str], before: ConversationRow | None, url: str | None) -> tuple[str | None, list[str]]:
    """The model, and what is asked of it: a chat that is continued has a model already."""
    if before is None:
        if not words and url is None:
            raise ConfigError(
                say("请写模型名，例如：huozhong run ember", "Name a model, for example: huozhong run ember")
            )
        return (words[0], words[1:]) if words else (None, [])
    if words and (url is not None or _is_model(words[0])):
        return words[0], words[1:]
    return before.model, words


def _is_model(word: str) -> bool:
    from huozhong.formats.resolve import resolve_model

    try:
        resolve_model(word)
    except CheckpointError:
        return False
    return True


def _prompt(words: list[str]) -> str | None:
    """All that stdin holds, then the command's words; None where a person is to type."""
    asked = " ".join(words)
    piped = ""
    if not sys.stdin.isatty() and (not asked or _holds_something()):
        if isinstance(sys.stdin, io.TextIOWrapper):
            sys.stdin.reconfigure(errors="replace")  # a pipe may carry bytes that are no text
        piped = sys.stdin.read().strip("\r\n").removeprefix("\ufeff")
    prompt = "\n\n".join(part for part in (piped, asked) if part.strip())
    if prompt:
        return prompt
    if not sys.stdin.isatty():
        raise ConfigError(say("没有要问的话：标准输入是空的。", "There is nothing to ask: stdin is empty."))
    return None


def _holds_something() -> bool:
    """Whether stdin is a pipe or a file; what is started without any stdin has a device instead."""
    try:
        kind = os.fstat(sys.stdin.fileno()).st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISFIFO(kind) or stat.S_ISREG(kind) or stat.S_ISSOCK(kind)


def _once(talk: Talk, prompt: str, *, as_json: bool) -> None:
    """One answer.  Exit status 0, 2 when it cannot be given, 130 when it was stopped."""
    answer = talk.answer(prompt, shown=not as_json)
    if as_json:
        told: dict[str, Any] = {
            "model": talk.name,
            "content": answer.content,
            "reasoning": answer.reasoning,
            "finish_reason": answer.finish,
            "chat": None if talk.saved is None else talk.saved.id,
        }
        if answer.rule is not None:
            told["rule"] = answer.rule
        print(json.dumps(told, ensure_ascii=False))
    if answer.error is not None:
        raise answer.error
    if answer.was_stopped:
        raise typer.Exit(130)
