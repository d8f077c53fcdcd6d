"""`huozhong chat`: a conversation in the terminal, with a model on this machine or a running server."""

from __future__ import annotations

import io
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Annotated

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
from huozhong.cli.asking import Ask, Message, Wish
from huozhong.cli.words import dim, edited_lines, red, say
from huozhong.errors import RequestError

Model = Annotated[str | None, typer.Argument(help="模型名、文件夹或 .gguf 文件 / a name, a folder or a .gguf file")]
Temperature = Annotated[float | None, typer.Option(min=0.0, max=2.0, help="温度，0 为最确定 / 0 is greedy")]


MaxTokens = Annotated[int | None, typer.Option(min=1, help="回答最多多少词元 / longest answer, in tokens")]


def register(app: typer.Typer) -> None:
    """Add `chat` to `app`."""
    app.command("chat", help="在终端里聊天 / chat in the terminal")(chat_command)


def chat_command(
    context: typer.Context,
    model: Model = None,
    url: Url = None,
    think: Think = True,
    temperature: Temperature = None,
    max_tokens: MaxTokens = None,
    quantization: Quant = None,
    threads: Threads = None,
    max_context: Context = None,
    price: Price = 0.6,
    currency: Currency = "CNY",
    careful: CarefulOption = False,
    numbers: Numbers = None,
    draft: Draft = None,
) -> None:
    chosen = {"temperature": temperature, "max_tokens": max_tokens}
    given = {name: value for name, value in chosen.items() if value is not None}
    with ExitStack() as stack:
        engine = Engine(quantization, threads, max_context, price, currency, careful, numbers, draft)
        name, ask = answerer(stack, context, url, model, engine)
        Conversation(name, ask, Wish(think, given)).run()


# -- the conversation ----------------------------------------------------------------------------


@dataclass
class Conversation:
    """Turns of input and answer; with a terminal, prompts and colours, with a pipe, the answers only."""

    name: str
    ask: Ask
    wish: Wish

    def __post_init__(self) -> None:
        self.messages: list[Message] = []
        self.interactive = sys.stdin.isatty()

    def run(self) -> None:
        if self.interactive:
            edited_lines()
            print(
                dim(
                    say(
                        f"正在与 {self.name} 聊天。/help 看帮助，Ctrl-D 结束。",
                        f"Chatting with {self.name}.  /help for help, Ctrl-D to end.",
                    )
                )
            )
        elif isinstance(sys.stdin, io.TextIOWrapper):
            sys.stdin.reconfigure(errors="replace")  # a pipe may carry bytes that are no text
        while True:
            try:
                line = input("> " if self.interactive else "").strip()
            except EOFError:
                break
            except KeyboardInterrupt:
                print("\n" + dim(say("按 Ctrl-D 结束。", "Ctrl-D ends.")))
                continue
            if line.startswith("/"):
                if not self._command(line):
                    break
            elif line:
                self._turn(line)
        if self.interactive:
            print(say("再见。", "Goodbye."))

    def _command(self, line: str) -> bool:
        """Carry out /new, /help, /exit; False ends the conversation."""
        if line in ("/exit", "/quit"):
            return False
        if line == "/new":
            self.messages.clear()
            print(dim(say("新的对话。", "A new conversation.")))
        else:
            if line != "/help":
                print(red(say(f"没有命令 {line}。", f"There is no command {line}.")), file=sys.stderr)
            print(
                say(
                    "/new 新对话 · /help 帮助 · /exit 结束 · Ctrl-C 停止回答 · Ctrl-D 结束",
                    "/new new conversation · /help this · /exit end · Ctrl-C stops answer · Ctrl-D ends",
                )
            )
        return True

    def _turn(self, text: str) -> None:
        self.messages.append({"role": "user", "content": text})
        answer = ""
        try:
            answer = self._show(self.messages)
        except KeyboardInterrupt as stop:
            answer = stop.args[0] if stop.args else ""
            print(dim(say("（已停止）", " (stopped)")))
        except RequestError as error:
            # A turn that cannot be answered (too long, say) does not end the conversation.
            print(red(str(error)), file=sys.stderr)
        if answer:
            self.messages.append({"role": "assistant", "content": answer})
        else:
            self.messages.pop()

    def _show(self, messages: list[Message]) -> str:
        """Print the answer as it comes; return its content.  Ctrl-C raises KeyboardInterrupt(content)."""
        content, last = "", ""
        pieces = self.ask(messages, self.wish)
        try:
            for kind, text in pieces:
                if kind == "bill":
                    if self.interactive:
                        print("\n" + dim(text), end="")
                    continue
                if kind == "finish":
                    continue
                if kind == "rule":
                    sign = say("固定的话，不是模型写的", "a fixed text, not the model's")
                    print("\n" + dim(f"（{sign} · {text}）"), end="")
                    continue
                if kind == "content":
                    if last == "reasoning":
                        print("\n")
                    content += text
                last = kind
                print(dim(text) if kind == "reasoning" else text, end="", flush=True)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(content) from None
        finally:
            pieces.close()  # type: ignore[attr-defined]  # a generator: leaving it aborts the answer
            print()
        return content
