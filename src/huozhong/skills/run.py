"""An app's run: fields, block, prompt, answer, checks.

The model is asked through an `Ask` that the caller gives, so an app runs alike on the built-in model, on any other, and
on another server.  The model has no tools: what stands in fields or documents may try to order it about, but there is
nothing that it could do but write.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from huozhong.errors import ContextLengthError, HuozhongError, SkillError
from huozhong.skills.fields import Field, Language, Value, read_values
from huozhong.skills.given import Given
from huozhong.skills.sandbox import Block, Tools, sandbox
from huozhong.skills.script import Script
from huozhong.skills.skill import Skill
from huozhong.verify.distress import CHINA
from huozhong.verify.refusal import is_refusal

TRIES = 2  # answers that are asked for before a failed check is told to the reader
MOST_ASKED = 8  # times that a block may ask the model itself
MOST_TOKENS = 1500  # of an answer


class Ask(Protocol):
    """Asks a model.  messages: as everywhere, role and content; schema: the answer is JSON of this form.

    Gives the answer in pieces.  Raises a `HuozhongError` where the model cannot be asked.
    """

    def __call__(
        self, messages: list[dict[str, Any]], *, schema: dict[str, Any] | None, max_tokens: int
    ) -> Iterator[str]: ...


@dataclass(frozen=True)
class Piece:
    """What a run says while it goes on.

    text: of the answer, as it comes.  again: the answer is written anew; `text` says why.  rule: a fixed text instead
    of everything else.  done: the whole answer as Markdown, in `text`; `data` where it is JSON; `problem` where a check
    still finds something wrong; `by_model`: whether a model wrote it; `script`: the same as sentences to be read aloud.
    """

    kind: Literal["text", "again", "rule", "done"]
    text: str = ""
    data: Any = None
    problem: str | None = None
    by_model: bool = True
    script: Script | None = None


def run(
    skill: Skill,
    given: Mapping[str, Any],
    ask: Ask,
    tools: Tools | None = None,
    *,
    numbers: Mapping[str, str] = CHINA,
    language: Language = "zh",
) -> Iterator[Piece]:
    """Runs an app with what was filled in.  tools: what this house has; the app gets those that it names.

    given: looked at for distress here, unless it is a `Given`, which was.  numbers: to ring in an emergency.  language:
    the reader's, in which the host speaks, and which the block sees as `language` unless that is a field of its own.
    Raises `SkillError` for a field that is wrong and for a block that fails.
    """
    given = given if isinstance(given, Given) else Given(given, numbers)
    if given.rule is not None:
        yield Piece("rule", given.rule, by_model=False)
        return
    values = read_values(skill.fields, given)
    with ExitStack() as stack:
        block: Block | None = None
        if skill.python:
            block = stack.enter_context(sandbox(skill.python_line, _allowed(skill, ask, tools or {})))
            block.run(skill.python, {"language": language} | values)
            if "answer" in block.values:
                yield Piece("done", block.values["answer"], by_model=False)
                return
        texts = {one.key: _told(one, values[one.key], language) for one in skill.fields}
        texts |= block.values if block else {}
        yield from _answer(skill, skill.filled(texts, language), ask, block, language)


def _allowed(skill: Skill, ask: Ask, tools: Tools) -> Tools:
    """What the app's block may call: what it names, where this house has it."""
    asked = 0

    def ask_again(prompt: str, max_tokens: int = 500) -> str:
        nonlocal asked
        asked += 1
        if asked > MOST_ASKED:
            raise SkillError(
                f"这个应用问模型的次数太多（最多 {MOST_ASKED} 次）。",
                f"The app asked the model more than {MOST_ASKED} times.",
            )
        return "".join(
            ask([{"role": "user", "content": str(prompt)}], schema=None, max_tokens=min(int(max_tokens), MOST_TOKENS))
        )

    house = {**tools, "ask": ask_again}
    return {name: house[name] for name in skill.tools if name in house}


def _answer(skill: Skill, prompt: str, ask: Ask, block: Block | None, language: Language) -> Iterator[Piece]:
    schema = skill.answer_in(language)
    messages: list[dict[str, Any]] = [{"role": "user", "content": prompt}]
    problem: str | None = None
    said, data = "", None
    unfinished: HuozhongError | None = None
    for attempt in range(TRIES):
        if attempt:
            yield Piece("again", problem or "")
        said, unfinished = "", None
        try:
            for piece in ask(messages, schema=schema, max_tokens=MOST_TOKENS):
                said += piece
                if schema is None:
                    yield Piece("text", piece)
        except ContextLengthError as error:
            # A small model has no room for what it wrote first, or for the question itself.
            if data is None:
                unfinished, problem = error, problem or _sentence(error, language)
            break
        try:
            data = _data(said) if schema is not None else said
            problem = block.check(data) if block else None
            if problem is None and block and block.has_instead and isinstance(data, str) and is_refusal(data):
                problem = _CANNOT[language]
                break
        except _Unfinished as error:
            data, unfinished, problem = None, error, _CUT[language]
        if problem is None:
            break
        messages = [
            *messages[:1],
            {"role": "assistant", "content": said},
            {"role": "user", "content": f"{_CORRECT[language]}{problem}"},
        ]
    other = block.instead(data) if block and problem is not None else None
    if unfinished is not None and other is None:
        raise unfinished
    data, by_model = (data, True) if other is None else (other, False)
    if isinstance(data, str):
        yield Piece("done", data, problem=problem, by_model=by_model)
        return
    shown = (block.show(data) if block else None) or as_markdown(data, schema or {}, language)
    script = block.script(data) if block else None
    yield Piece("done", shown, data=data, problem=problem, by_model=by_model, script=script)


# What the host itself says while an app runs.
_CANNOT = {"zh": "模型说它不会", "en": "the model says that it cannot"}
_CUT = {"zh": "没有写完，请写短一点", "en": "it was not finished; write less"}
_CORRECT = {"zh": "这里不对，请改正后重新写一遍：", "en": "Please correct this and write it again: "}


def _sentence(error: HuozhongError, language: Language) -> str:
    return (language == "zh" and error.chinese) or str(error)


class _Unfinished(SkillError):
    """An answer that should be JSON and stops in its middle."""


def _data(said: str) -> Any:
    try:
        return json.loads(said)
    except ValueError:
        raise _Unfinished(
            "模型的回答没有写完，请再试一次，或少填一点。",
            "The model did not finish its answer; try again, or fill in less.",
        ) from None


def as_markdown(data: Any, schema: Mapping[str, Any], language: Language = "zh") -> str:
    """An answer that is JSON, to be read: its fields under their titles, lists as lists."""
    properties: Mapping[str, Any] = schema.get("properties") or {}
    if not isinstance(data, dict):
        return _as_text(data, language)
    colon = _COLON[language]
    parts = []
    for key, value in data.items():
        own = properties.get(key)
        title = own.get("title", key) if isinstance(own, dict) else key
        if isinstance(value, list):
            lines = "\n".join(f"- {_as_text(one, language)}" for one in value)
            parts.append(f"**{title}**\n\n{lines}")
        elif isinstance(value, dict):
            parts.append(f"**{title}**\n\n{as_markdown(value, own if isinstance(own, dict) else {}, language)}")
        else:
            parts.append(f"**{title}**{colon}{_as_text(value, language)}")
    return "\n\n".join(parts)


_COLON, _COMMA = {"zh": "：", "en": ": "}, {"zh": "，", "en": ", "}
_YES_NO = {"zh": ("否", "是"), "en": ("no", "yes")}


def _told(field: Field, value: Value, language: Language) -> str:
    """What was filled in, as it stands in a prompt for a reader of this language."""
    return field.shown(value, language) if isinstance(value, str) else _as_text(value, language)


def _as_text(value: Any, language: Language) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return _YES_NO[language][value]
    if isinstance(value, dict):
        colon = _COLON[language]
        return _COMMA[language].join(f"{key}{colon}{_as_text(one, language)}" for key, one in value.items())
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
