"""Messages -> tokens, for serving and for training, through one chat template.  Nothing else reads templates.

What people write never becomes markup: the template is rendered with a private placeholder for every
content, and only the template's own text may produce control tokens.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, NoReturn, TypedDict

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from huozhong.errors import RequestError, TokenizerError

if TYPE_CHECKING:
    from huozhong.text.tokenizer import Tokenizer

THINK, END_THINK = "<think>", "</think>"
ROLES = ("system", "user", "assistant")

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


class Message(TypedDict, total=False):
    """One turn.  `reasoning_content` belongs to assistants only and may be absent or None."""

    role: Literal["system", "user", "assistant"]
    content: str
    reasoning_content: str | None


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
    ) -> str:
        """The conversation as one string, for people to read; `tokens` is what a model is given."""
        return "".join(span.text for span in self._spans(check(messages), add_generation_prompt, thinking))

    def tokens(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        add_generation_prompt: bool = True,
        thinking: bool = True,
    ) -> list[int]:
        """The conversation as ids.  Contents never yield control tokens, whatever they spell.

        Raises RequestError (param "messages") for messages that cannot be rendered.
        """
        spans = self._spans(check(messages), add_generation_prompt, thinking)
        return self._encode(spans)

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

    def opens_thinking(self, *, thinking: bool = True) -> bool:
        """Whether the generation prompt ends inside <think>, so that the answer starts with reasoning."""
        return thinking and self._opens_thinking

    @cached_property
    def _opens_thinking(self) -> bool:
        return _ends_open(self._spans(check([{"role": "user", "content": "?"}]), True, True))

    def _extent(self, part: list[Span], whole: list[Span]) -> int:
        text, full = "".join(s.text for s in part), "".join(s.text for s in whole)
        if not full.startswith(text):
            raise TokenizerError(
                f"{self._where} cannot be trained with: it writes history unlike its own prompts"
            )
        return len(text)

    def _spans(
        self, messages: list[dict[str, Any]], add_generation_prompt: bool, thinking: bool
    ) -> list[Span]:
        if add_generation_prompt and messages and messages[-1]["role"] == "assistant":
            raise RequestError(
                "The last message is the assistant's; the last one must be the user's", param="messages"
            )
        slots: list[str] = []
        shown = [{k: _slot(v, slots) if k != "role" else v for k, v in m.items()} for m in messages]
        try:
            text = self._template.render(
                messages=shown, add_generation_prompt=add_generation_prompt,
                thinking=thinking, enable_thinking=thinking, **self._tokens,
            )  # fmt: skip
        except RequestError:
            raise
        except Exception as error:  # a template is a program and can fail in any way
            raise TokenizerError(f"{self._where} failed: {error}") from error
        spans = []
        for i, piece in enumerate(_SLOT.split(text)):
            if piece:
                spans.append(Span(slots[int(piece)], False) if i % 2 else Span(piece, True))
        if add_generation_prompt and not thinking and _ends_open(spans):
            # R1's template always opens a think block; closing it at once tells such a model not to think.
            spans.append(Span(f"\n{END_THINK}\n\n", True))
        return spans

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
    return [_check_one(f"messages[{i}]", m) for i, m in enumerate(messages)]


def _check_one(where: str, message: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(message, Mapping):
        _refuse(f"{where} must be an object with role and content")
    role, content, reasoning = message.get("role"), message.get("content"), message.get("reasoning_content")
    if role not in ROLES:
        _refuse(f"{where}.role is {role!r}; it must be one of {', '.join(ROLES)}")
    if "content" not in message:
        _refuse(f"{where} has no content")
    if not isinstance(content, str):
        _refuse(f"{where}.content must be a string, not {type(content).__name__}")
    unknown = sorted(map(str, message.keys() - {"role", "content", "reasoning_content"}))
    if unknown:
        _refuse(f"{where} has an unknown field {unknown[0]!r}")
    if reasoning is not None and role != "assistant":
        _refuse(f"{where}.reasoning_content belongs to assistant messages only")
    if reasoning is not None and not isinstance(reasoning, str):
        _refuse(f"{where}.reasoning_content must be a string, not {type(reasoning).__name__}")
    if role != "assistant":
        return {"role": role, "content": content}
    inline = content.lstrip()
    if reasoning is None and inline.startswith(THINK) and END_THINK in inline:
        reasoning, content = inline.removeprefix(THINK).split(END_THINK, 1)
    return {"role": role, "content": content, "reasoning_content": reasoning}


def _refuse(message: str) -> NoReturn:
    raise RequestError(message, param="messages")


def _without_reasoning(message: dict[str, Any]) -> dict[str, Any]:
    return message | {"reasoning_content": None} if message["role"] == "assistant" else message


# Noncharacters: no template contains them, and contents are not in the rendered text at all.
_SLOT = re.compile("\ufdd0([0-9]+)\ufdd1")


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
        return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent)

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
    return next(
        (n for n in range(min(len(END_THINK) - 1, len(text)), 0, -1) if text.endswith(END_THINK[:n])), 0
    )
