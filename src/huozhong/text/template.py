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
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, NoReturn, TypedDict

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from huozhong.errors import RequestError, TokenizerError
from huozhong.text.tools import NAME, Function, ToolFormat, find_format

if TYPE_CHECKING:
    from huozhong.text.tokenizer import Tokenizer

THINK, END_THINK = "<think>", "</think>"
ROLES = ("system", "user", "assistant", "tool")

# DeepSeek's layout.  Only the last turn keeps its reasoning: the model never sees earlier reasoning again.
DEFAULT_TEMPLATE = """\
{%- if thinking is not defined %}{% set thinking = true %}{% endif -%}
{%- set ns = namespace(system='') -%}
{%- for m in messages if m['role'] == 'system' -%}
  {%- set ns.system = m['content'] if loop.first else ns.system + '\\n\\n' + m['content'] -%}
{%- endfor -%}
{{- bos_token + ns.system -}}
{%- for m in messages -%}
  {%- if m['role'] == 'user' -%}
    {{- '<｜User｜>' + m['content'] -}}
  {%- elif m['role'] == 'assistant' -%}
    {{- '<｜Assistant｜>' -}}
    {%- if loop.last and not add_generation_prompt and m['reasoning_content'] is string -%}
      {{- '<think>' + m['reasoning_content'] -}}
    {%- endif -%}
    {{- '</think>' + m['content'] + eos_token -}}
  {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
  {{- '<｜Assistant｜>' + ('<think>' if thinking else '</think>') -}}
{%- endif -%}
"""


_KEYS = {"role", "content", "reasoning_content", "tool_calls", "tool_call_id"}


class Message(TypedDict, total=False):
    """One turn.  `reasoning_content` and `tool_calls` belong to assistants only and may be absent or None.

    tool_calls: [{"id": ..., "type": "function", "function": {"name": ..., "arguments": JSON text}}]; with them
    `content` may be None.  tool_call_id: which of these calls a message with role "tool" answers.
    """

    role: Literal["system", "user", "assistant", "tool"]
    content: str | None
    reasoning_content: str | None
    tool_calls: list[dict[str, Any]] | None
    tool_call_id: str


@dataclass(frozen=True)
class ChatPrompt:
    """A conversation as the model reads it, and how its answer begins.

    opens_thinking: the ids end inside <think>, so the answer starts with reasoning.
    may_think: the answer itself may begin with <think>, even if a guide holds what follows.
    shown: control tokens that are text in this answer (marks of tool calls).
    """

    ids: list[int]
    opens_thinking: bool = False
    may_think: bool = False
    shown: frozenset[int] = frozenset()


class Span(NamedTuple):
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
        spans = self._spans(check(messages), add_generation_prompt, thinking, tools)
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
        spans = self._spans(check(messages), add_generation_prompt, thinking, tools)
        return self._encode(spans)

    def prompt(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        thinking: bool = True,
        functions: Sequence[Function] = (),
    ) -> ChatPrompt:
        """What the engine answers: the conversation up to where the assistant's answer (or its reasoning) begins.

        functions: what the model may call.  Raises RequestError like `tokens`.
        """
        ids = self.tokens(messages, thinking=thinking, tools=functions)
        marks = self._needed_tool_format().marks if functions else ""
        return ChatPrompt(
            ids,
            opens_thinking=self.opens_thinking(thinking=thinking),
            may_think=self.may_think(thinking=thinking),
            shown=frozenset(i for i in self.tokenizer.split_specials(marks) if isinstance(i, int)),
        )

    def training_tokens(self, messages: Sequence[Mapping[str, Any]]) -> tuple[list[int], list[bool]]:
        """Ids of a finished conversation, and for each id whether the model must learn to say it.

        True exactly for what the model itself says when served: everything between a generation prompt and
        the end of that turn (reasoning, </think>, answer, end token).  Raises RequestError for bad messages,
        TokenizerError if the template renders history differently from the prompt that led to it.
        """
        turns = check(messages)
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
        return _ends_open(self._spans(check([{"role": "user", "content": "?"}]), True, True))

    def _extent(self, part: list[Span], whole: list[Span]) -> int:
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
    ) -> list[Span]:
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
                spans.append(_from_slot(piece, slots) if i % 2 else Span(piece, True))
        if add_generation_prompt and not thinking and _ends_open(spans):
            # R1's template always opens a think block; closing it at once tells such a model not to think.
            spans.append(Span(f"\n{END_THINK}\n\n", True))
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

    def _encode(self, spans: list[Span]) -> list[int]:
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


def check(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Validated copies with the keys role, content, and for assistants reasoning_content (str or None).

    Reasoning written into an assistant's content as "<think>...</think>answer" is moved to its own key.
    Raises RequestError with param "messages".
    """
    if isinstance(messages, (str, bytes, Mapping)) or not isinstance(messages, Sequence) or not messages:
        _refuse("messages must be a list with at least one message")
    turns = [_check_one(f"messages[{i}]", m) for i, m in enumerate(messages)]
    called: set[str] = set()
    for i, turn in enumerate(turns):
        called |= {call["id"] for call in turn.get("tool_calls", ())}
        if turn["role"] == "tool" and turn["tool_call_id"] not in called:
            _refuse(f"messages[{i}].tool_call_id is {turn['tool_call_id']!r}, but no earlier message has that call")
    return turns


def _check_one(where: str, message: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(message, Mapping):
        _refuse(f"{where} must be an object with role and content")
    role, content, reasoning = message.get("role"), message.get("content"), message.get("reasoning_content")
    if role not in ROLES:
        _refuse(f"{where}.role is {role!r}; it must be one of {', '.join(ROLES)}")
    if "content" not in message:
        _refuse(f"{where} has no content")
    calls = message.get("tool_calls")
    if calls is not None and role != "assistant":
        _refuse(f"{where}.tool_calls belongs to assistant messages only")
    if content is None and calls:
        content = ""
    if not isinstance(content, str):
        _refuse(f"{where}.content must be a string, not {type(content).__name__}")
    unknown = sorted(map(str, message.keys() - _KEYS))
    if unknown:
        _refuse(f"{where} has an unknown field {unknown[0]!r}")
    if reasoning is not None and role != "assistant":
        _refuse(f"{where}.reasoning_content belongs to assistant messages only")
    if reasoning is not None and not isinstance(reasoning, str):
        _refuse(f"{where}.reasoning_content must be a string, not {type(reasoning).__name__}")
    if role == "tool":
        if not isinstance(message.get("tool_call_id"), str):
            _refuse(f"{where}.tool_call_id must say which call this answers")
        return {"role": role, "content": content, "tool_call_id": message["tool_call_id"]}
    if "tool_call_id" in message:
        _refuse(f"{where}.tool_call_id belongs to tool messages only")
    if role != "assistant":
        return {"role": role, "content": content}
    inline = content.lstrip()
    if reasoning is None and inline.startswith(THINK) and END_THINK in inline:
        reasoning, content = inline.removeprefix(THINK).split(END_THINK, 1)
    turn = {"role": role, "content": content, "reasoning_content": reasoning}
    return turn | {"tool_calls": _check_calls(f"{where}.tool_calls", calls)} if calls else turn


def _check_calls(where: str, calls: Any) -> list[dict[str, Any]]:
    if not isinstance(calls, list | tuple):
        _refuse(f"{where} must be a list")
    checked = []
    for i, call in enumerate(calls):
        function = call.get("function") if isinstance(call, Mapping) else None
        if not isinstance(function, Mapping) or not isinstance(call.get("id"), str):
            _refuse(f"{where}[{i}] must be an object with id and function")
        name, arguments = function.get("name"), function.get("arguments")
        if not isinstance(name, str) or not NAME.fullmatch(name):
            _refuse(f"{where}[{i}].function.name must be 1 to 64 letters, digits, '_' or '-'")
        try:
            is_object = isinstance(arguments, str) and isinstance(json.loads(arguments), dict)
        except (ValueError, RecursionError):
            is_object = False
        if not is_object:
            _refuse(f"{where}[{i}].function.arguments must be the JSON text of an object")
        checked.append({"id": call["id"], "type": "function", "function": {"name": name, "arguments": arguments}})
    return checked


def _uses_tools(message: Mapping[str, Any]) -> bool:
    return message["role"] == "tool" or "tool_calls" in message


def _refuse(message: str) -> NoReturn:
    raise RequestError(message, param="messages")


def _without_reasoning(message: dict[str, Any]) -> dict[str, Any]:
    return message | {"reasoning_content": None} if message["role"] == "assistant" else message


# Noncharacters: no template contains them, and contents are not in the rendered text at all.
# A slot that was written into JSON ends in its own character: its text must be escaped like the JSON around it.
_SLOT_MARKS = "\ufdd0\ufdd1\ufdd2"
_SLOT = re.compile("\ufdd0([0-9]+[\ufdd1\ufdd2])")


def _from_slot(slot: str, slots: list[str]) -> Span:
    text = slots[int(slot[:-1])]
    return Span(json.dumps(text, ensure_ascii=False)[1:-1] if slot[-1] == "\ufdd2" else text, False)


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


def _cut(spans: list[Span], start: int, end: int) -> list[Span]:
    """The spans between two character offsets."""
    cut, at = [], 0
    for span in spans:
        text = span.text[max(0, start - at) : max(0, end - at)]
        if text:
            cut.append(Span(text, span.trusted))
        at += len(span.text)
    return cut


def _ends_open(spans: list[Span]) -> bool:
    tail = spans[-1] if spans else Span("", False)
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


Kind = Literal["reasoning", "content"]


class ReasoningSplitter:
    """Cuts an answer that arrives in pieces into its reasoning and its content.

    `opened` says that the prompt already ended with <think>.  Otherwise the answer has reasoning only if it
    starts (blanks aside) with <think>.  The first </think> ends the reasoning; everything after is content.
    Only what may still turn out to be a tag is held back.
    """

    def __init__(self, opened: bool) -> None:
        self._kind: Kind | None = "reasoning" if opened else None  # None: not decided yet
        self._held = ""

    def push(self, text: str) -> list[tuple[Kind, str]]:
        """The parts that are certain now; never empty strings."""
        text, self._held = self._held + text, ""
        parts: list[tuple[Kind, str]] = []
        if self._kind is None:
            start = text.lstrip()
            if start.startswith(THINK):
                self._kind, text = "reasoning", start.removeprefix(THINK)
            elif THINK.startswith(start):
                self._held = text
                return []
            else:
                self._kind = "content"
        if self._kind == "reasoning":
            before, tag, after = text.partition(END_THINK)
            if not tag:
                keep = _partial_tag(before)
                self._held = before[len(before) - keep :]
                before = before[: len(before) - keep]
            else:
                self._kind = "content"
            parts.append(("reasoning", before))
            text = after
        parts.append(("content", text))
        return [(kind, part) for kind, part in parts if part]

    def finish(self) -> list[tuple[Kind, str]]:
        """What was held back, now that no more text comes."""
        text, self._held = self._held, ""
        return [(self._kind or "content", text)] if text else []


def _partial_tag(text: str) -> int:
    """Length of the longest end of `text` that begins </think> without completing it."""
    return next((n for n in range(min(len(END_THINK) - 1, len(text)), 0, -1) if text.endswith(END_THINK[:n])), 0)
