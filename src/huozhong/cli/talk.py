"""A talk in the terminal: turns of a question and its answer, and the commands between them."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from huozhong.cli.asking import Ask, Message, Wish
from huozhong.cli.parameters import set_parameter
from huozhong.cli.saved import Chats, Saved
from huozhong.cli.words import dim, edited_lines, faint, red, say
from huozhong.errors import ConfigError, HuozhongError, RequestError, StoreError

if TYPE_CHECKING:
    from huozhong.store.tables.conversations import ConversationRow

_QUOTES = '"""'


@dataclass
class Answer:
    """What was said.  error: why nothing (more) was."""

    content: str = ""
    reasoning: str = ""
    finish: str | None = None
    rule: str | None = None
    bill: str | None = None
    was_stopped: bool = False
    error: HuozhongError | None = None


@dataclass
class Talk:
    """chats: where it is kept; None: nowhere."""

    name: str
    ask: Ask
    wish: Wish
    system: str | None = None
    chats: Chats | None = None
    messages: list[Message] = field(default_factory=list)
    saved: Saved | None = None
    verbose: bool = False

    def __post_init__(self) -> None:
        if self.chats is not None:
            self.saved = self.chats.new(self.name, self._settings())

    def go_on_with(self, row: ConversationRow, chats: Chats) -> None:
        """Continue a chat that was kept."""
        self.saved, self.messages = chats.resumed(row, self.name, self._settings())

    def _settings(self) -> dict[str, Any]:
        chosen: dict[str, Any] = {"thinking": self.wish.thinking}
        if "temperature" in self.wish.given:
            chosen["temperature"] = self.wish.given["temperature"]
        return chosen | ({"system": self.system} if self.system else {})

    # -- one answer ------------------------------------------------------------------------------

    def answer(self, question: str, *, shown: bool = True) -> Answer:
        """Ask, show what comes (thoughts on stderr), keep it.  Ctrl-C stops the answer."""
        answer, keeping, pieces = Answer(), None, None
        system = [{"role": "system", "content": self.system}] if self.system else []
        try:
            keeping = self._begin_keeping(question)
            pieces = self.ask([*system, *self.messages, {"role": "user", "content": question}], self.wish)
            for kind, text in pieces:
                self._take(answer, kind, text, shown=shown)
                if keeping is not None:
                    keeping.grow(answer.content, answer.reasoning)
        except KeyboardInterrupt:
            answer.was_stopped = True
        except (RequestError, StoreError) as error:
            answer.error = error
        finally:
            if pieces is not None:
                pieces.close()  # type: ignore[attr-defined]  # a generator: leaving it aborts the answer
        if shown and answer.content:
            print(flush=True)
        self._end_keeping(keeping, answer)
        if answer.content:
            self.messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer.content}]
        return answer

    def _take(self, answer: Answer, kind: str, text: str, *, shown: bool) -> None:
        if kind == "reasoning":
            answer.reasoning += text
            if shown:
                print(faint(text), end="", flush=True, file=sys.stderr)
        elif kind == "content":
            if shown and answer.reasoning and not answer.content:
                print("\n", file=sys.stderr, flush=True)
            answer.content += text
            if shown:
                print(text, end="", flush=True)
        elif kind == "finish":
            answer.finish = text
        elif kind == "rule":
            answer.rule = text
        elif kind == "bill":
            answer.bill = text

    def _begin_keeping(self, question: str) -> Saved | None:
        if self.saved is None:
            return None
        try:
            return self.saved.begin(question)
        except HuozhongError as error:
            self._not_kept(error)
            return None

    def _end_keeping(self, keeping: Saved | None, answer: Answer) -> None:
        if keeping is None:
            return
        state = "failed" if answer.error else "stopped" if answer.was_stopped else "done"
        error = None if answer.error is None else str(answer.error)
        try:
            keeping.end(answer.content, answer.reasoning, state, finish=answer.finish, error=error)
        except HuozhongError as problem:
            self._not_kept(problem)

    def _not_kept(self, error: HuozhongError) -> None:
        self.saved = None
        text = say(f"对话从这里起不再保存：{error.chinese or error}", f"From here on the chat is not kept: {error}")
        print(red(text), file=sys.stderr)

    # -- the talk --------------------------------------------------------------------------------

    def run(self) -> None:
        """Until /bye or Ctrl-D."""
        edited_lines()
        print(
            dim(
                say(
                    f"正在与 {self.name} 聊天。/? 看帮助，/bye 结束。",
                    f"Talking with {self.name}.  /? for help, /bye ends.",
                )
            )
        )
        for message in self.messages[-2:]:
            print(dim(f"{'>>> ' if message['role'] == 'user' else ''}{message['content']}"))
        while True:
            try:
                text = self._typed()
            except EOFError:
                print()
                return
            except KeyboardInterrupt:
                print("\n" + dim(say("用 /bye 或 Ctrl-D 结束。", "/bye or Ctrl-D ends.")))
                continue
            if text.startswith("/"):
                if not self._command(text):
                    return
            elif text:
                self._turn(text)

    def _typed(self) -> str:
        line = input(">>> ").strip()
        if not line.startswith(_QUOTES):
            return line
        lines, rest = [], line.removeprefix(_QUOTES)
        while not rest.rstrip().endswith(_QUOTES):
            lines.append(rest)
            rest = input("... ")
        return "\n".join([*lines, rest.rstrip().removesuffix(_QUOTES)]).strip("\n")

    def _turn(self, text: str) -> None:
        answer = self.answer(text)
        if answer.error is not None:  # a turn that cannot be answered (too long, say) does not end the talk
            print(red(say(answer.error.chinese or str(answer.error), str(answer.error))), file=sys.stderr)
        if answer.was_stopped:
            print(dim(say("（已停止）", "(stopped)")))
        if answer.rule is not None:
            print(
                dim(
                    say(
                        f"（固定的话，不是模型写的 · {answer.rule}）",
                        f"(a fixed text, not the model's · {answer.rule})",
                    )
                )
            )
        if self.verbose and answer.bill is not None:
            print(dim(answer.bill))

    # -- commands --------------------------------------------------------------------------------

    def _command(self, line: str) -> bool:
        """Carry out a command; False ends the talk."""
        name, _, rest = line.partition(" ")
        if name in ("/bye", "/exit", "/quit"):
            return False
        done = {
            "/clear": self._clear, "/new": self._clear, "/set": self._set, "/show": self._show, "/save": self._save,
            "/load": self._load, "/chats": self._list, "/?": self._help, "/help": self._help,
        }.get(name)  # fmt: skip
        try:
            if done is None:
                raise ConfigError(
                    say(f"没有命令 {name}；/? 列出所有命令。", f"There is no command {name}; /? lists them.")
                )
            done(rest.strip())
        except HuozhongError as error:
            print(red(say(error.chinese or str(error), str(error))), file=sys.stderr)
        return True

    def _clear(self, rest: str) -> None:
        self.messages.clear()
        if self.chats is not None:
            self.saved = self.chats.new(self.name, self._settings())
        print(dim(say("新的对话。", "A new chat.")))

    def _set(self, rest: str) -> None:
        what, _, value = rest.partition(" ")
        value = value.strip().strip('"')
        if what == "system" and value:
            self.system = value
        elif what == "parameter" and len(value.split(None, 1)) == 2:
            set_parameter(self.wish.given, *value.split(None, 1))
        elif what in ("think", "nothink") and not value:
            self.wish.thinking = what == "think"
        elif what in ("verbose", "quiet") and not value:
            self.verbose = what == "verbose"
        else:
            usage = "/set system TEXT · /set parameter NAME VALUE · /set think|nothink · /set verbose|quiet"
            raise ConfigError(say(f"用法：{usage}", f"Usage: {usage}"))
        if self.saved is not None:
            self.saved.settings = self._settings()

    def _show(self, rest: str) -> None:
        parameters = ", ".join(f"{name}={value}" for name, value in self.wish.given.items())
        lines = {
            "model": say(f"模型：{self.name}", f"model: {self.name}"),
            "system": say(f"系统提示：{self.system or '没有'}", f"system: {self.system or 'none'}"),
            "parameters": say(f"参数：{parameters or '模型自己的'}", f"parameters: {parameters or 'the model’s own'}"),
            "think": say(
                f"思考：{'开' if self.wish.thinking else '关'}", f"think: {'on' if self.wish.thinking else 'off'}"
            ),
        }
        if rest and rest not in lines:
            raise ConfigError(say(f"用法：/show {'|'.join(lines)}", f"Usage: /show {'|'.join(lines)}"))
        print("\n".join(lines.values() if not rest else [lines[rest]]))

    def _save(self, title: str) -> None:
        if self.saved is None or not title:
            raise ConfigError(
                say("用法：/save 标题（这个对话要能保存）", "Usage: /save TITLE (of a chat that is kept)")
            )
        if not self.saved.rename(title):
            raise ConfigError(
                say("还没有说过话，没有可保存的。", "Nothing has been said yet, so there is nothing to keep.")
            )
        print(dim(say(f"已保存为“{title}”。", f"Kept as {title!r}.")))

    def _list(self, rest: str) -> None:
        for number, row in enumerate(self._kept().latest(), 1):
            print(f"{number:3}  {row.title}  {dim(row.model or '')}")

    def _load(self, rest: str) -> None:
        latest = self._kept().latest()
        found = latest[int(rest) - 1 : int(rest)] if rest.isdecimal() and int(rest) else []
        found += [row for row in latest if rest and row.title.casefold().startswith(rest.casefold())]
        if not found:
            raise ConfigError(
                say("用法：/load 编号或标题；/chats 列出对话。", "Usage: /load NUMBER or TITLE; /chats lists them.")
            )
        self.go_on_with(found[0], self._kept())
        self.system = found[0].settings.get("system", self.system)
        for message in self.messages[-2:]:
            print(dim(f"{'>>> ' if message['role'] == 'user' else ''}{message['content']}"))

    def _kept(self) -> Chats:
        if self.chats is None:
            raise ConfigError(say("这次聊天不保存。", "This chat is not kept."))
        return self.chats

    def _help(self, rest: str) -> None:
        print(
            say(
                "/bye 结束 · /clear 新对话 · /set system|parameter|think|nothink|verbose|quiet · /show 看设置 · "
                "/save 标题 · /chats 列出对话 · /load 编号或标题\n"
                '""" 开始和结束多行输入 · Ctrl-C 停止回答 · Ctrl-D 结束',
                "/bye ends · /clear new chat · /set system|parameter|think|nothink|verbose|quiet · /show settings · "
                "/save TITLE · /chats lists chats · /load NUMBER or TITLE\n"
                '""" begins and ends several lines · Ctrl-C stops the answer · Ctrl-D ends',
            )
        )
