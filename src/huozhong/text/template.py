"""Messages -> tokens, for serving and for training, through one chat template.  Nothing else reads templates.

What people write never becomes markup: the template is rendered with a private placeholder for every
content, and only the template's own text may produce control tokens.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from huozhong.errors import RequestError, TokenizerError
from huozhong.text.messages import checked_messages
from huozhong.text.tokenizer import END_THINK, THINK, Tokenizer
from huozhong.text.tools import Function, ToolFormat, find_format


@dataclass(frozen=True)
class ChatPrompt:
    """A conversation as the model reads it, and how its answer begins.

    opens_thinking: the ids end inside <think>, so the answer starts with reasoning.
    may_think: the answer itself may begin with <think>, even if a guide holds what follows.
    shown: control tokens that are text in this answer (marks of tool calls).
    is_chat: a template wrote it, so control tokens of the answer are marks and no text.
    shows_reasoning: False: what is thought is not told.
    splits_reasoning: False: "<think>" in the answer is text like any other.
    stops_before: what a tool call begins with; nobody's stop strings are meant in one.
    acts: the conversation, where the answer is to be held to a model's dialogue acts (`huozhong.acts`).
    """

    ids: list[int]
    opens_thinking: bool = False
    may_think: bool = False
    shown: frozenset[int] = frozenset()
    is_chat: bool = False
    shows_reasoning: bool = True
    splits_reasoning: bool = True
    stops_before: tuple[str, ...] = ()
    acts: tuple[Mapping[str, Any], ...] | None = None


class Begun(NamedTuple):
    """The beginning of an answer that the model is to go on with.  With reasoning alone it goes on thinking."""

    content: str
    reasoning: str | None = None


class RenderedText(NamedTuple):
    """A stretch of a rendered conversation; `trusted` text comes from the template."""

    text: str
    trusted: bool


class ChatTemplate:
    """A model's chat template, bound to its tokenizer."""

    def __init__(self, source: str, tokenizer: Tokenizer, *, where: str = "the chat template") -> None:
        """Raises TokenizerError if `source` is not a valid Jinja template."""
        self.source, self.tokenizer, self._where = source, tokenizer, where
        try:
            self._template = _environment().from_string(source)
        except jinja2.TemplateError as error:
            raise TokenizerError(f"{where} is not a valid Jinja template: {error}") from error
        bos, eos = tokenizer.bos_id, tokenizer.eos_id
        self._tokens = {
            "bos_token": "" if bos is None else tokenizer.bytes_of(bos).decode(),
            "eos_token": tokenizer.bytes_of(eos).decode(),
        }

    @classmethod
    def load(cls, folder: str | Path, tokenizer: Tokenizer) -> ChatTemplate:
        """Read `chat_template.jinja`, or else `chat_template` in `tokenizer_config.json`.

        Raises TokenizerError if the folder has neither, or the template is broken.
        """
        path = Path(folder)
        names = ("chat_template.jinja", "tokenizer_config.json")
        try:
            files = {name: (path / name).read_bytes() for name in names if (path / name).exists()}
        except OSError as error:
            raise TokenizerError(f"{folder} has no chat template: {error.filename} cannot be read") from error
        return cls.from_files(files, tokenizer, where=str(folder))

    @classmethod
    def from_files(cls, files: Mapping[str, bytes], tokenizer: Tokenizer, *, where: str) -> ChatTemplate:
        """From the contents of those files, by name; where: whose they are, for errors.  Raises TokenizerError."""
        name = "chat_template.jinja" if "chat_template.jinja" in files else "tokenizer_config.json"
        if name not in files:
            raise TokenizerError(f"{where} has no chat template: there is no {name}")
        path = Path(where) / name
        try:
            text = files[name].decode("utf-8")
            if name == "chat_template.jinja":
                return cls(text, tokenizer, where=str(path))
            config = json.loads(text)
        except ValueError as error:
            raise TokenizerError(f"{path} is not complete, valid text ({error}); copy it again") from error
        source = config.get("chat_template") if isinstance(config, dict) else None
        if isinstance(source, list):  # several named templates
            source = {t.get("name"): t.get("template") for t in source if isinstance(t, dict)}.get("default")
        if not isinstance(source, str):
            raise TokenizerError(f"{path} has no chat_template; this model was not made for conversations")
        return cls(source, tokenizer, where=f"the chat template of {path}")

    def render(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        add_generation_prompt: bool = True,
        thinking: bool = True,
        tools: Sequence[Function] = (),
    ) -> str:
        """The conversation as one string, for people to read; `tokens` is what a model is given."""
        spans = self._spans(checked_messages(messages), add_generation_prompt, thinking, tools)
        return "".join(span.text for span in spans)

    def tokens(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        add_generation_prompt: bool = True,
        thinking: bool = True,
        tools: Sequence[Function] = (),
    ) -> list[int]:
        """The conversation as ids.  Contents never yield control tokens, whatever they spell.

        tools: functions the model may call.  Raises RequestError (param "messages") for messages that cannot be
        rendered, and (param "tools") when the model knows no form for tool calls.
        """
        spans = self._spans(checked_messages(messages), add_generation_prompt, thinking, tools)
        return self._encode(spans)

    def prompt(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        thinking: bool = True,
        functions: Sequence[Function] = (),
        begun: Begun | None = None,
    ) -> ChatPrompt:
        """What the engine answers: the conversation up to where the assistant's answer (or its reasoning) begins.

        functions: what the model may call.  begun: how the answer begins.  Raises RequestError like `tokens`.
        """
        thinking = thinking if begun is None else bool(begun.reasoning)
        spans = self._spans(checked_messages(messages), True, thinking, functions)
        is_open = self.opens_thinking(thinking=thinking)
        if begun is not None:
            spans += _begun(begun, is_open)
            is_open = thinking and not begun.content
        form = self._needed_tool_format() if functions else None
        marks = "" if form is None else form.marks
        return ChatPrompt(
            self._encode(spans),
            opens_thinking=is_open,
            may_think=begun is None and self.may_think(thinking=thinking),
            shown=frozenset(i for i in self.tokenizer.split_specials(marks) if isinstance(i, int)),
            is_chat=True,
            stops_before=() if form is None else form.starts,
        )

    def training_tokens(self, messages: Sequence[Mapping[str, Any]]) -> tuple[list[int], list[bool]]:
        """Ids of a finished conversation, and for each id whether the model must learn to say it.

        True exactly for what the model itself says when served: everything between a generation prompt and
        the end of that turn (reasoning, </think>, answer, end token).  Raises RequestError for bad messages,
        TokenizerError if the template renders history differently from the prompt that led to it.
        """
        turns = checked_messages(messages)
        if turns[-1]["role"] != "assistant":
            raise RequestError("A training conversation must end with an assistant message", param="messages")
        last = len(turns) - 1
        turns = [m if i == last else _without_reasoning(m) for i, m in enumerate(turns)]
        whole = self._spans(turns, False, True)
        ids: list[int] = []
        mask: list[bool] = []
        done = 0
        for i, turn in enumerate(turns):
            if turn["role"] != "assistant":
                continue
            prompt = self._spans(turns[:i], True, turn["reasoning_content"] is not None)
            said = whole if i == last else self._spans(turns[: i + 1], False, True)
            for spans, learn in ((prompt, False), (said, True)):
                end = self._extent(spans, whole)
                part = self._encode(_cut(whole, done, end))
                ids += part
                mask += [learn] * len(part)
                done = end
        return ids, mask

    @cached_property
    def tool_format(self) -> ToolFormat | None:
        """How this model writes tool calls; None when its template has no form for them that is known here."""
        return find_format(self.source)

    def _needed_tool_format(self) -> ToolFormat:
        """`tool_format`, or a RequestError (param "tools")."""
        if self.tool_format is None:
            raise RequestError(
                "This model has no form for tool calls: its chat template knows none of Qwen's, DeepSeek's, "
                "GLM's and Llama 3's; leave tools out, or ask for JSON with response_format.",
                param="tools",
                code="unsupported_value",
            )
        return self.tool_format

    def may_think(self, *, thinking: bool = True) -> bool:
        """Whether the answer itself may begin with <think> (Qwen3's does; R1's prompt has opened it already)."""
        return thinking and not self._opens_thinking and THINK in self.source

    def opens_thinking(self, *, thinking: bool = True) -> bool:
        """Whether the generation prompt ends inside <think>, so that the answer starts with reasoning."""
        return thinking and self._opens_thinking

    @cached_property
    def _opens_thinking(self) -> bool:
        return _ends_open(self._spans(checked_messages([{"role": "user", "content": "?"}]), True, True))

    def _extent(self, part: list[RenderedText], whole: list[RenderedText]) -> int:
        text, full = "".join(s.text for s in part), "".join(s.text for s in whole)
        if not full.startswith(text):
            raise TokenizerError(f"{self._where} cannot be trained with: it writes history unlike its own prompts")
        return len(text)

    def _spans(
        self,
        messages: list[dict[str, Any]],
        add_generation_prompt: bool,
        thinking: bool,
        tools: Sequence[Function] = (),
    ) -> list[RenderedText]:
        if add_generation_prompt and messages and messages[-1]["role"] == "assistant":
            raise RequestError("The last message is the assistant's; the last one must be the user's", param="messages")
        slots: list[str] = []
        form = self._needed_tool_format() if tools or any(_uses_tools(m) for m in messages) else None
        shown = [self._shown(m, slots) for m in messages]
        offered = [self._guarded(f.for_template(), slots) for f in tools] or None
        if form is not None and tools and not form.describes:
            _describe(form.description(tools), shown, slots)
            offered = None
        try:
            text = self._template.render(
                messages=shown,
                tools=offered,
                add_generation_prompt=add_generation_prompt,
                thinking=thinking,
                enable_thinking=thinking,
                **self._tokens,
            )
        except RequestError:
            raise
        except Exception as error:  # a template is a program and can fail in any way
            raise TokenizerError(f"{self._where} failed: {error}") from error
        spans = []
        for i, piece in enumerate(_SLOT.split(text)):
            if piece:
                spans.append(_from_slot(piece, slots) if i % 2 else RenderedText(piece, True))
        if add_generation_prompt and not thinking and _ends_open(spans):
            # R1's template always opens a think block; closing it at once tells such a model not to think.
            spans.append(RenderedText(f"\n{END_THINK}\n\n", True))
        return spans

    def _shown(self, message: dict[str, Any], slots: list[str]) -> dict[str, Any]:
        """A message as the template sees it: placeholders where people's words are."""
        shown = {k: _slot(v, slots) if k in ("content", "reasoning_content") else v for k, v in message.items()}
        if "tool_call_id" in message:
            shown["tool_call_id"] = self._guarded(message["tool_call_id"], slots)
        if calls := message.get("tool_calls"):
            assert self.tool_format is not None
            shown["content"] = shown["content"] or None
            shown["tool_calls"] = [
                self._guarded(call, slots)
                | {
                    "function": {
                        "name": call["function"]["name"],
                        "arguments": _slot(call["function"]["arguments"], slots)
                        if self.tool_format.arguments_as_text
                        else self._guarded(json.loads(call["function"]["arguments"]), slots),
                    }
                }
                for call in calls
            ]
        return shown

    def _guarded(self, value: Any, slots: list[str]) -> Any:
        """JSON in which every string that could help to spell a control token is a placeholder.

        Others stay as they are, because templates compare them ('function', 'string', ...).
        """
        if isinstance(value, str):
            risky = any(c in self.tokenizer.control_ends or c in _SLOT_MARKS for c in value)
            return _slot(value, slots) if risky else value
        if isinstance(value, Mapping):
            return {self._guarded(k, slots): self._guarded(v, slots) for k, v in value.items()}
        if isinstance(value, list | tuple):
            return [self._guarded(v, slots) for v in value]
        return value

    def _encode(self, spans: list[RenderedText]) -> list[int]:
        """Ids of the spans as of one text in which only trusted text can hold control tokens."""
        ids: list[int] = []
        plain: list[str] = []
        for span in spans:
            for piece in self.tokenizer.split_specials(span.text) if span.trusted else (span.text,):
                if isinstance(piece, str):
                    plain.append(piece)
                    continue
                if plain:
                    ids += self.tokenizer.encode("".join(plain))
                    plain = []
                ids.append(piece)
        return ids + self.tokenizer.encode("".join(plain)) if plain else ids


def _uses_tools(message: Mapping[str, Any]) -> bool:
    return message["role"] == "tool" or "tool_calls" in message


def _without_reasoning(message: dict[str, Any]) -> dict[str, Any]:
    return message | {"reasoning_content": None} if message["role"] == "assistant" else message


# Noncharacters: no template contains them, and contents are not in the rendered text at all.
# A slot that was written into JSON ends in its own character: its text must be escaped like the JSON around it.
_SLOT_MARKS = "\ufdd0\ufdd1\ufdd2"
_SLOT = re.compile("\ufdd0([0-9]+[\ufdd1\ufdd2])")


def _begun(begun: Begun, is_open: bool) -> list[RenderedText]:
    """An answer's beginning, behind a prompt that ends inside <think> or not."""
    spans = []
    if begun.reasoning:
        spans += [RenderedText("" if is_open else f"{THINK}\n", True), RenderedText(begun.reasoning, False)]
        if begun.content:
            spans.append(RenderedText(f"\n{END_THINK}\n\n", True))
    return [*spans, RenderedText(begun.content, False)]


def _from_slot(slot: str, slots: list[str]) -> RenderedText:
    text = slots[int(slot[:-1])]
    return RenderedText(json.dumps(text, ensure_ascii=False)[1:-1] if slot[-1] == "\ufdd2" else text, False)


def _describe(description: str, shown: list[dict[str, Any]], slots: list[str]) -> None:
    """Put the tools' description at the end of the system message; without one, before the conversation."""
    slot = _slot(description, slots) or ""
    if shown and shown[0]["role"] == "system":
        shown[0]["content"] = f"{shown[0]['content']}\n\n{slot}"
    else:
        shown.insert(0, {"role": "system", "content": slot})


def _slot(text: str | None, slots: list[str]) -> str | None:
    """A placeholder for `text` with the same outer blanks, so that a template's `trim` still works."""
    core = text.strip() if text else ""
    if not text or not core:
        return text
    slots.append(core)
    start = text.index(core)
    return f"{text[:start]}\ufdd0{len(slots) - 1}\ufdd1{text[start + len(core) :]}"


def _cut(spans: list[RenderedText], start: int, end: int) -> list[RenderedText]:
    """The spans between two character offsets."""
    cut, at = [], 0
    for span in spans:
        text = span.text[max(0, start - at) : max(0, end - at)]
        if text:
            cut.append(RenderedText(text, span.trusted))
        at += len(span.text)
    return cut


def _ends_open(spans: list[RenderedText]) -> bool:
    tail = spans[-1] if spans else RenderedText("", False)
    return tail.trusted and tail.text.rstrip().endswith(THINK)


def _environment() -> ImmutableSandboxedEnvironment:
    """What templates written for transformers expect to find, and nothing more."""

    def raise_exception(message: str) -> NoReturn:
        raise RequestError(f"The model's chat template refuses these messages: {message}", param="messages")

    def to_json(value: Any, ensure_ascii: bool = False, indent: int | None = None) -> str:
        text = json.dumps(value, ensure_ascii="\ufdd0" not in str(value) and ensure_ascii, indent=indent)
        return text.replace("\ufdd1", "\ufdd2")

    env = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"], autoescape=False
    )
    env.filters["tojson"] = to_json
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = lambda form: datetime.now().strftime(form)
    return env
