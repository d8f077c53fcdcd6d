"""Messages -> tokens, for serving and for training, through one chat template.  Nothing else reads templates.

What people write never becomes markup: it is marked before the template sees it (`text.marks`), and only the template's
own text may produce control tokens.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import jinja2

from huozhong.errors import RequestError, TokenizerError
from huozhong.text.jinja import compiled, dates
from huozhong.text.marks import Marker, RenderedText
from huozhong.text.messages import InlineThought, checked_messages
from huozhong.text.tokenizer import END_THINK, THINK, Tokenizer
from huozhong.text.tool_formats import FIREFUNCTION, find_format
from huozhong.text.tool_history import History, as_text, describe, with_ids
from huozhong.text.tools import Function, ToolFormat


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


class ChatTemplate:
    """A model's chat template, bound to its tokenizer."""

    def __init__(self, source: str, tokenizer: Tokenizer, *, where: str = "the chat template") -> None:
        """Raises TokenizerError if `source` is not a valid Jinja template."""
        self.source, self.tokenizer, self._where = source, tokenizer, where
        try:
            self._template = compiled(source)
        except jinja2.TemplateError as error:
            raise TokenizerError(f"{where} is not a valid Jinja template: {error}") from error
        self._marker = Marker(tokenizer.control_tokens)
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
        rendered.
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
        most: int | None = None,
    ) -> ChatPrompt:
        """What the engine answers: the conversation up to where the assistant's answer (or its reasoning) begins.

        functions: what the model may call.  begun: how the answer begins.  Raises RequestError like `tokens`, and
        ContextLengthError for more than `most` tokens, without reading all of what is far too long.
        """
        thinking = thinking if begun is None else bool(begun.reasoning)
        spans = self._spans(checked_messages(messages), True, thinking, functions)
        is_open = self.opens_thinking(thinking=thinking)
        if begun is not None:
            spans += _begun(begun, is_open)
            is_open = thinking and not begun.content
        form = self.tool_format if functions else None
        marks = "" if form is None else form.marks
        return ChatPrompt(
            self._encode(spans, most),
            opens_thinking=is_open,
            may_think=begun is None and self.may_think(thinking=thinking),
            shown=frozenset(i for i in self.tokenizer.split_specials(marks) if isinstance(i, int)),
            is_chat=True,
            stops_before=() if form is None else form.starts,
        )

    def training_tokens(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        functions: Sequence[Function] = (),
        learnt: Sequence[bool] | None = None,
    ) -> tuple[list[int], list[bool]]:
        """Ids of a finished conversation, and for each id whether the model must learn to say it.

        True exactly for what the model itself says when served: everything between a generation prompt and
        the end of that turn (reasoning, </think>, answer, end token).  An earlier answer of which the template shows
        only a piece is read and not learnt.  functions: what it may call.  learnt: for each message, whether that
        answer counts (None: all do).  Raises RequestError for bad messages, TokenizerError if the template renders the
        history of the last answer differently from the prompt that led to it.
        """
        turns = checked_messages(messages)
        if turns[-1]["role"] != "assistant":
            raise RequestError("A training conversation must end with an assistant message", param="messages")
        last = len(turns) - 1
        turns = [m if i == last else _without_reasoning(m) for i, m in enumerate(turns)]
        whole = self._spans(turns, False, True, functions)
        ids: list[int] = []
        mask: list[bool] = []
        done = 0
        for i, turn in enumerate(turns):
            if turn["role"] != "assistant":
                continue
            prompt = self._spans(turns[:i], True, turn["reasoning_content"] is not None, functions)
            said = whole if i == last else self._spans(turns[: i + 1], False, True, functions)
            try:
                ends = [self._extent(spans, whole) for spans in (prompt, said)]
            except TokenizerError:
                if i == last:
                    raise
                continue
            for end, learn in zip(ends, (False, learnt is None or learnt[i]), strict=True):
                part = self._encode(_cut(whole, done, end))
                ids += part
                mask += [learn] * len(part)
                done = end
        return ids, mask

    def served_tokens(
        self, messages: Sequence[Mapping[str, Any]], *, functions: Sequence[Function] = ()
    ) -> tuple[list[int], list[bool]]:
        """Like `training_tokens` of the last answer alone, put together as it comes when it is served.

        For templates that write history unlike their own prompts: R1's open a thought and leave it out afterwards.
        """
        *turns, last = checked_messages(messages)
        before = [_without_reasoning(turn) for turn in turns]
        if last["role"] != "assistant":
            raise RequestError("A training conversation must end with an assistant message", param="messages")
        whole = self._spans([*before, _without_reasoning(last)], False, True, functions)
        start = self._extent(self._spans(before, False, True, functions), whole)
        asked = self._spans(before, True, True, functions)
        prompt, said = self._encode(asked), self._encode(_cut(whole, start, _length(whole)))
        opening = self._encode(_cut(asked, start, _length(asked)))
        same = next((i for i, (a, b) in enumerate(zip(opening, said, strict=False)) if a != b), len(opening))
        thought = last["reasoning_content"]
        if _ends_open(asked) or thought:
            begin = "" if _ends_open(asked) else f"{THINK}\n"
            marks = [RenderedText(begin, True), RenderedText(thought or "", False)]
            said = self._encode([*marks, RenderedText(f"\n{END_THINK}\n\n", True)]) + said[same:]
        else:
            said = said[same:]
        return prompt + said, [False] * len(prompt) + [True] * len(said)

    @cached_property
    def tool_format(self) -> ToolFormat:
        """How this model writes tool calls; plain JSON between tags where its template has no form known here."""
        return find_format(self.source)

    @cached_property
    def _history(self) -> History:
        """How earlier calls are shown to this template."""
        return History.of(lambda messages, tools: self._rendered(messages, tools, True, True))

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
        offered = [f.for_template() for f in tools] or None
        shown = [_without_nothing(self._as_written(m)) for m in messages]
        if offered or any(_uses_tools(m) for m in messages):
            shown, offered = self._with_tools(shown, tools)
        marked = [self._marker.message(m) for m in shown]
        text = self._rendered(marked, self._marker.mark(offered, inner=False), add_generation_prompt, thinking)
        spans = self._marker.spans(text)
        if add_generation_prompt and not thinking and _ends_open(spans):
            # R1's template always opens a think block; closing it at once tells such a model not to think.
            spans.append(RenderedText(f"\n{END_THINK}\n\n", True))
        return spans

    def _as_written(self, message: dict[str, Any]) -> dict[str, Any]:
        """An answer with its thought in it, where the template takes it out itself, each in its own way."""
        thought = message.get("reasoning_content")
        if not isinstance(thought, InlineThought) or not self._reads_thoughts:
            return message
        return message | {"content": thought.written, "reasoning_content": None}

    @cached_property
    def _reads_thoughts(self) -> bool:
        """Whether the template leaves thoughts out of earlier answers that have them in their text."""
        said = {"role": "assistant", "content": f"{THINK}\nprobe thought\n{END_THINK}\n\nprobe answer"}
        asked = {"role": "user", "content": "probe question"}
        try:
            text = self._rendered([asked, said, asked], None, True, True)
        except (RequestError, TokenizerError):
            return False
        return "probe answer" in text and "probe thought" not in text

    def _with_tools(
        self, messages: list[dict[str, Any]], tools: Sequence[Function]
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]] | None]:
        """Messages and tools as this template can take them."""
        form, history = self.tool_format, self._history
        messages = with_ids(messages, form)
        shown = [history.shown(m) for m in messages] if history.native else as_text(messages, form)
        if not tools or history.describes:
            return shown, [f.for_template() for f in tools] or None
        return describe(form.description(tools), shown, system=history.system), None

    @cached_property
    def _takes_parts(self) -> bool:
        """Whether the template finds text only in lists of parts, as those of models that see pictures do."""
        asked = {"role": "user", "content": "probe question"}
        try:
            as_text, as_parts = (self._as_given([m], None, True, True) for m in (asked, _in_parts(asked)))
        except (RequestError, TokenizerError):
            return False
        return asked["content"] in as_parts and asked["content"] not in as_text

    def _rendered(
        self,
        messages: list[dict[str, Any]],
        tools: list[dict[str, Any]] | None,
        add_generation_prompt: bool,
        thinking: bool,
    ) -> str:
        shown = [_in_parts(m) for m in messages] if self._takes_parts else messages
        return self._as_given(shown, tools, add_generation_prompt, thinking)

    def _as_given(
        self,
        messages: list[dict[str, Any]],
        tools: list[dict[str, Any]] | None,
        add_generation_prompt: bool,
        thinking: bool,
    ) -> str:
        try:
            return self._template.render(
                messages=messages,
                tools=tools,
                documents=None,
                add_generation_prompt=add_generation_prompt,
                thinking=thinking,
                enable_thinking=thinking,
                **dates(),
                **({"functions": _to_text(tools)} if self.tool_format.name == FIREFUNCTION.name else {}),
                **self._tokens,
            )
        except RequestError:
            raise
        except Exception as error:  # a template is a program and can fail in any way
            if tools is None:  # Hermes' wants a list, be it an empty one
                return self._as_given(messages, [], add_generation_prompt, thinking)
            raise TokenizerError(f"{self._where} failed: {error}") from error

    def _encode(self, spans: list[RenderedText], most: int | None = None) -> list[int]:
        """Ids of the spans as of one text in which only trusted text can hold control tokens.

        Raises ContextLengthError as soon as there are more than `most`.
        """
        encode = self.tokenizer.encode
        ids: list[int] = []
        plain: list[str] = []
        for span in spans:
            for piece in self.tokenizer.split_specials(span.text) if span.trusted else (span.text,):
                if isinstance(piece, str):
                    plain.append(piece)
                    continue
                if plain:
                    ids += encode("".join(plain), begins=not ids, most=None if most is None else most - len(ids))
                    plain = []
                ids.append(piece)
        if plain:
            ids += encode("".join(plain), begins=not ids, most=None if most is None else most - len(ids))
        return ids


def _to_text(tools: Sequence[Mapping[str, Any]] | None) -> str:
    """Tools as firefunction's template takes them: a text of its own, with the functions alone."""
    return json.dumps([tool["function"] for tool in tools or ()], ensure_ascii=False, indent=4)


def _in_parts(message: dict[str, Any]) -> dict[str, Any]:
    """A message with its text as a list of one part."""
    content = message["content"]
    return message | {"content": [{"type": "text", "text": content}] if content else []}


def _uses_tools(message: Mapping[str, Any]) -> bool:
    return message["role"] == "tool" or "tool_calls" in message


def _without_reasoning(message: dict[str, Any]) -> dict[str, Any]:
    return message | {"reasoning_content": None} if message["role"] == "assistant" else message


def _begun(begun: Begun, is_open: bool) -> list[RenderedText]:
    """An answer's beginning, behind a prompt that ends inside <think> or not."""
    spans = []
    if begun.reasoning:
        spans += [RenderedText("" if is_open else f"{THINK}\n", True), RenderedText(begun.reasoning, False)]
        if begun.content:
            spans.append(RenderedText(f"\n{END_THINK}\n\n", True))
    return [*spans, RenderedText(begun.content, False)]


def _without_nothing(message: dict[str, Any]) -> dict[str, Any]:
    """Templates ask whether reasoning is defined; gpt-oss has its own name for it."""
    if message.get("reasoning_content") is None:
        return {key: value for key, value in message.items() if key != "reasoning_content"}
    return message | {"thinking": message["reasoning_content"]}


def _cut(spans: list[RenderedText], start: int, end: int) -> list[RenderedText]:
    """The spans between two character offsets."""
    cut, at = [], 0
    for span in spans:
        text = span.text[max(0, start - at) : max(0, end - at)]
        if text:
            cut.append(RenderedText(text, span.trusted))
        at += len(span.text)
    return cut


def _length(spans: list[RenderedText]) -> int:
    return sum(len(span.text) for span in spans)


def _ends_open(spans: list[RenderedText]) -> bool:
    tail = spans[-1] if spans else RenderedText("", False)
    return tail.trusted and tail.text.rstrip().endswith(THINK)
