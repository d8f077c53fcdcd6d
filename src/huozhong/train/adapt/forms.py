"""What people bring to adapt a model: the forms of a line that public data sets have.

Answers, for `train sft`:
    {"question": "图书馆几点关门？", "answer": "下午五点半。"}            also 问/答, 问题/答案, and `context`, `system`
    {"instruction": "...", "input": "...", "output": "...", "system": "...", "history": [["...", "..."]]}      Alpaca
    {"messages": [{"role": "user", "content": "..."}, ...], "tools": [...]}                                   OpenAI
    {"conversations": [{"from": "human", "value": "..."}, ...], "system": "...", "tools": "..."}              ShareGPT
    {"conversation": [{"system": "...", "input": "...", "output": "..."}, {"human": "...", "assistant": "..."}]}
                                                                                                     XTuner, Firefly
    {"prompt": "Once upon", "completion": " a time"}                    without the chat template; messages with it
    and what is no list of messages yet: `dialogs`
Preferences, for `train dpo`:
    {"prompt": "借多久？", "chosen": "两周。", "rejected": "不知道。"}    each also as messages, or a question of above
    {"chosen": [...], "rejected": [...]}                                whole conversations that begin alike
    {"chosen": "\\n\\nHuman: ...\\n\\nAssistant: ...", "rejected": "..."}                                        HH-RLHF
    {"input": {"messages": [...]}, "preferred_output": [...], "non_preferred_output": [...]}                  OpenAI
    two answers and which is better: PKU-SafeRLHF, SHP, HelpSteer3

Every column is read, or the line is refused by its name (`columns`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from huozhong.text.tools import Function
from huozhong.train.adapt.columns import Columns, small_names
from huozhong.train.adapt.conversations import (
    REASONING,
    Conversation,
    Messages,
    from_text,
    read_conversation,
    read_functions,
    split_thought,
    with_system,
)
from huozhong.train.adapt.dialogs import as_columns

_QUESTIONS = ("question", "问", "问题", "提问", "instruction", "指令", "query", "problem", "q", "用户",
              "用户问题", "标准问题")  # fmt: skip
_ANSWERS = ("answer", "答", "答案", "回答", "回复", "output", "输出", "response", "target", "solution", "a",
            "content", "助手", "标准答案", "参考答案")  # fmt: skip
_INPUTS = ("input", "输入")
_SYSTEM = ("system", "system_prompt")
_CHOSEN = ("chosen", "response_chosen", "chosen_response", "preferred_output", "response_j")
_REJECTED = ("rejected", "response_rejected", "rejected_response", "non_preferred_output", "response_k")
_KNOWN = frozenset({*_QUESTIONS, *_ANSWERS, *REASONING, *_INPUTS, *_SYSTEM, *_CHOSEN, *_REJECTED, "context", "history",
                    "messages", "conversations", "tools", "functions", "prompt", "completion"})  # fmt: skip
_COMPARED = (("response_0", "response_1", "better_response_id"), ("human_ref_a", "human_ref_b", "labels"),
             ("response1", "response2", "overall_preference"))  # fmt: skip
_DIALOG = re.compile(r"\n\n(Human|Assistant): ?")


@dataclass(frozen=True)
class Taught:
    """What a line teaches: a conversation whose answers are learnt, or a text (`prompt`) and how it goes on.

    labels: columns that only say where the line is from.
    """

    messages: Messages
    learnt: tuple[bool, ...] = ()
    functions: tuple[Function, ...] = ()
    prompt: str | None = None
    completion: str = ""
    labels: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Preferred:
    """What was asked, a better and a worse answer.  texts: the three, where the line has nothing but text."""

    prompt: Messages
    chosen: dict[str, Any]
    rejected: dict[str, Any]
    functions: tuple[Function, ...] = ()
    texts: tuple[str, str, str] | None = None
    labels: frozenset[str] = frozenset()


# -- answers -------------------------------------------------------------------------------------------


def read_taught(row: Mapping[str, Any], where: str) -> Taught:
    """One line of any form.  Raises DataError that begins with `where`."""
    row = small_names(row)
    row = as_columns(row, where, _asks(row))
    line = Columns(row, where, _KNOWN, is_line=True)
    found = next((name for name in ("messages", "conversations", "conversation") if row.get(name) is not None), None)
    functions = _functions(line)
    if found is not None:
        said = read_conversation(from_text(line.take(found)) or [], where, found)
        if len(said.messages) < 2:
            line.refuse(f"{found} must be a list of at least two, a question and its answer")
        _asked_again(line, said.messages)
    elif row.get("completion") is not None or (row.get("prompt") is not None and not _asks(row)):
        prompt = line.take("prompt")
        if isinstance(prompt, list) or isinstance(row.get("completion"), list):
            said = _prompt_and_completion(line, prompt)
        else:
            return _continued(line, prompt)
    else:
        said = _question_and_answer(line)
    messages = with_system(said.messages, line.text(*_SYSTEM), where)
    learnt = (False,) * (len(messages) - len(said.messages)) + said.learnt
    if messages[-1]["role"] != "assistant":
        line.refuse("the last message must be the assistant's, for that is what the model learns to say")
    if not any(learnt):
        line.refuse("every answer has weight 0; there is nothing to learn")
    end = len(learnt) - learnt[::-1].index(True)  # what comes after the last learnt answer changes nothing
    return Taught(messages[:end], learnt[:end], functions, labels=line.finish())


def _functions(line: Columns) -> tuple[Function, ...]:
    value = line.take("tools", "functions")
    line.take("parallel_tool_calls")  # OpenAI's request has it; what is called stands in the answer
    return () if value is None else read_functions(value, line.where)


def _asked_again(line: Columns, messages: Messages) -> None:
    """UltraChat, Numina and their like have the first question, or the answer, once more in a column of its own."""
    first = next((m["content"] for m in messages if m["role"] == "user"), "").strip()
    last = messages[-1]["content"]
    for name in [name for name in ("prompt", *_QUESTIONS) if name in line]:
        if str(line.take(name)).strip() != first:
            line.refuse(f"{name!r} is not what the first user message asks, so leave one of them out")
    for name in [name for name in _ANSWERS if name in line]:
        if str(line.take(name)).strip() not in last:
            line.refuse(f"{name!r} is not in the last message's answer, so leave one of them out")


def _asks(row: Mapping[str, Any]) -> bool:
    return any(row.get(name) is not None for name in (*_QUESTIONS, *_ANSWERS))


def _continued(line: Columns, prompt: Any) -> Taught:
    if prompt is None or not isinstance(prompt, str):
        line.needed("prompt")
        line.refuse("'prompt' must be text")
    return Taught([], prompt=prompt, completion=line.needed("completion"), labels=line.finish())


def _prompt_and_completion(line: Columns, prompt: Any) -> Conversation:
    before = _asked(line, prompt, "prompt")
    value = line.take("completion")
    if isinstance(value, str):
        value = [{"role": "assistant", "content": value}]
    whole = read_conversation([*(prompt if isinstance(prompt, list) else before), *(value or [])], line.where, "prompt")
    return Conversation(whole.messages, (False,) * len(before) + whole.learnt[len(before) :])


def _question_and_answer(line: Columns) -> Conversation:
    asked = _question(line)
    answer: dict[str, Any] = {"role": "assistant", "content": line.needed(*_ANSWERS)}
    answer["reasoning_content"] = line.text(*REASONING)
    split_thought(answer, line)
    if not answer["content"].strip():
        line.refuse("the answer is empty after its reasoning; there is nothing to learn")
    text = line.text("text")
    if text is not None and answer["content"].strip() not in text:  # Alpaca's own column: all of it in one
        line.refuse("'text' is not the question and its answer once more, so leave one of them out")
    return Conversation([*asked, answer], (False,) * len(asked) + (True,))


def _question(line: Columns) -> Messages:
    """What is asked, with what it is about, and what was said before."""
    history = line.take("history")
    more, context = line.text(*_INPUTS), line.text("context")
    if more is not None and not any(name in line for name in (*_QUESTIONS, "prompt")):
        question = more  # a pair of input and output
    else:
        question = line.needed(*_QUESTIONS, "prompt")
        question = f"{question}\n{more}" if more is not None else question
    question = f"{context}\n\n{question}" if context is not None else question
    return [*_history(history, line), {"role": "user", "content": question}]


def _history(value: Any, line: Columns) -> Messages:
    said: Messages = []
    for turn in value or []:
        if not isinstance(turn, list) or len(turn) != 2 or not all(isinstance(text, str) and text for text in turn):
            line.refuse("'history' must be a list of pairs: what was asked, and what was answered")
        said += [{"role": "user", "content": turn[0]}, {"role": "assistant", "content": turn[1]}]
    return said


# -- preferences ---------------------------------------------------------------------------------------


def read_preferred(row: Mapping[str, Any], where: str) -> Preferred:
    """One line of any form.  Raises DataError that begins with `where`."""
    row = small_names(row)
    line = Columns(row, where, _KNOWN, is_line=True)
    if isinstance(row.get("input"), dict):
        request = Columns(line.take("input"), f"{where}: input")
        functions, before = _functions(request), request.take("messages")
        request.finish()
        chosen, rejected = line.take("preferred_output"), line.take("non_preferred_output")
        if before is None:
            request.refuse("it has no messages")
    else:
        functions = _functions(line)
        chosen, rejected = _better_and_worse(line)
        if row.get("messages") is not None and row["messages"] == chosen:
            line.take("messages")  # UltraFeedback has the better conversation twice
        before = _before(line)
    system = line.text(*_SYSTEM)
    for name, value in (("chosen", chosen), ("rejected", rejected)):
        if not isinstance(value, str | list | dict):
            line.refuse(f"{name!r} must be an answer as text, or as messages, that is not empty")
    labels = line.finish()
    if before is None:
        before, chosen, rejected = _parted(line, chosen, rejected)
    texts = None
    if isinstance(before, str) and isinstance(chosen, str) and isinstance(rejected, str) and system is None:
        texts = before, chosen, rejected
    asked = _asked(line, before, next((n for n in ("messages", "conversations") if n in row), "prompt"))
    better, worse = (_answer(line, asked, value, n) for n, value in (("chosen", chosen), ("rejected", rejected)))
    if better == worse:
        line.refuse("chosen and rejected are the same; there is nothing to prefer")
    return Preferred(with_system(asked, system, where), better, worse, functions, texts, labels)


def _better_and_worse(line: Columns) -> tuple[Any, Any]:
    """Two answers of which a third column says which is the better one, or one column each."""
    for first, second, which in _COMPARED:
        if first in line and second in line and which in line:
            answers, said = (line.take(first), line.take(second)), line.take(which)
            better = _which(which, said)
            if better is None:
                line.refuse(
                    f"{which!r} is {said!r}, which says of neither answer that it is better; leave the line out"
                )
            return answers[better], answers[1 - better]
    if "completion" in line and "label" in line:
        line.refuse(
            "it has one answer and whether it is good; a preference needs a better and a worse one (chosen, rejected)"
        )
    return _dialog(line.take(*_CHOSEN)), _dialog(line.take(*_REJECTED))


def _which(column: str, value: Any) -> int | None:
    """0 or 1, for the first or the second answer; None for neither."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    if column == "better_response_id":  # PKU
        return value if value in (0, 1) else None
    if column == "labels":  # SHP: 1 for the first
        return 1 - value if value in (0, 1) else None
    return None if value == 0 else int(value > 0)  # HelpSteer3: from -3, the first, to 3


def _dialog(value: Any) -> Any:
    """A whole dialog in one text, as HH-RLHF writes it, as messages; anything else as it is."""
    if not isinstance(value, str) or not value.startswith("\n\nHuman:"):
        return value
    parts = _DIALOG.split(value)[1:]
    roles = {"Human": "user", "Assistant": "assistant"}
    return [{"role": roles[who], "content": text} for who, text in zip(parts[::2], parts[1::2], strict=True)]


def _before(line: Columns) -> Any:
    found = line.take("messages", "conversations", "prompt")
    if found is None and line.holds("context", list):
        found = line.take("context")
    if found is None and line.holds("history", str):  # SHP
        found = line.take("history")
    if found is not None or not any(name in line for name in (*_QUESTIONS, "input")):
        return found
    asked = _question(line)
    return asked[0]["content"] if len(asked) == 1 else asked


def _asked(line: Columns, value: Any, name: str) -> Messages:
    if isinstance(value, str):
        return [{"role": "user", "content": value}]
    messages = read_conversation(value, line.where, name).messages
    if not messages or messages[-1]["role"] == "assistant":
        line.refuse(f"{name} must end with what is to be answered")
    return messages


def _parted(line: Columns, chosen: Any, rejected: Any) -> tuple[Any, Any, Any]:
    """Two whole conversations -> what they have in common, and how each ends."""
    if isinstance(chosen, list) and isinstance(rejected, list) and len(chosen) > 1 and chosen[:-1] == rejected[:-1]:
        return chosen[:-1], chosen[-1:], rejected[-1:]
    line.refuse("a line needs 'prompt' (text) or 'messages' (a list), with 'chosen' and 'rejected'")


def _answer(line: Columns, asked: Messages, value: Any, name: str) -> dict[str, Any]:
    """One message; a whole conversation must begin with what was asked."""
    if isinstance(value, str):
        value = {"role": "assistant", "content": value}
    several = value if isinstance(value, list) else [value]
    whole = read_conversation(several, line.where, name).messages
    if len(whole) == len(asked) + 1 and whole[:-1] == asked:
        whole = whole[-1:]
    if len(whole) != 1 or whole[0]["role"] != "assistant":
        line.refuse(f"{name!r} must be one answer to what was asked")
    return whole[0]
