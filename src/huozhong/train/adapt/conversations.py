"""Conversations as public data sets write them -> messages as this program checks them (`text.messages`).

OpenAI and Hugging Face   {"role": "user", "content": "..."}, tool_calls, function_call, weight
ShareGPT                  {"from": "human", "value": "..."}, function_call and observation
Hermes                    <tool_call>{"name": "...", "arguments": {}}</tool_call> in what the assistant says
XTuner, Firefly           {"input": "...", "output": "..."} or {"human": "...", "assistant": "..."}: two turns in one
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from huozhong.errors import RequestError
from huozhong.text.tokenizer import END_THINK, THINK
from huozhong.text.tools import Function
from huozhong.train.adapt.columns import Columns, kind

Messages = list[dict[str, Any]]
_ROLES = {
    "user": "user", "human": "user", "prompter": "user",
    "assistant": "assistant", "gpt": "assistant", "chatgpt": "assistant", "model": "assistant", "bot": "assistant",
    "system": "system", "developer": "system",
    "tool": "tool", "function": "tool", "observation": "tool",
    "function_call": "call", "tool_call": "call",
}  # fmt: skip
_PAIRS = (("input", "output"), ("human", "assistant"), ("user", "assistant"), ("question", "answer"))
REASONING = ("reasoning_content", "reasoning", "thinking", "complex_cot", "思考", "思考过程", "推理过程")
_PARTS = ("text", "input_text", "output_text")  # of OpenAI's chat and of its responses
# How others mark a thought and the answer after it; each pair may stand once.
_THOUGHT_MARKS = (("<|begin_of_thought|>", THINK), ("<|end_of_thought|>", END_THINK))
_ANSWER_MARKS = (("<|begin_of_solution|>", "<|end_of_solution|>"), ("<answer>", "</answer>"))
_WRITTEN_CALL = re.compile(r"<tool_call>(.*?)</tool_call>", re.DOTALL)
_WRITTEN_RESULT = re.compile(r"\s*<tool_response>(.*)</tool_response>\s*", re.DOTALL)
_MESSAGE = frozenset({"role", "content", "tool_calls", "tool_call_id", "function_call", "weight", "name", *REASONING})


@dataclass(frozen=True)
class Conversation:
    """messages: as `text.messages` wants them.  learnt: for each, whether it is to be learnt; the assistant's only."""

    messages: Messages
    learnt: tuple[bool, ...]


def read_conversation(value: Any, where: str, name: str) -> Conversation:
    """A list of messages in any of the dialects; the column `name` holds it.  Raises DataError naming the message."""
    line = Columns({}, where)
    if not isinstance(value, list) or not all(isinstance(message, dict) for message in value):
        line.refuse(f"{name} must be a list of objects with role and content")
    messages: Messages = []
    learnt: list[bool] = []
    calls = _Calls()
    for number, entry in enumerate(value):
        for message in _turns(entry):
            read, learn = _message(Columns(message, f"{where}: {name}[{number}]", _MESSAGE), message, calls)
            messages.append(read)
            learnt.append(learn)
    return Conversation(messages, tuple(learnt))


def _turns(entry: dict[str, Any]) -> list[dict[str, Any]]:
    """An entry as messages: it is one, or it holds what was asked and what was answered under names of their own."""
    pair = next((pair for pair in _PAIRS if all(isinstance(entry.get(name), str) for name in pair)), None)
    if pair is None or "role" in entry or "from" in entry:
        return [entry]
    rest = {name: value for name, value in entry.items() if name not in (*pair, "system")}
    turns = [{"role": "user", "content": entry[pair[0]]}, {"role": "assistant", "content": entry[pair[1]]} | rest]
    system = [{"role": "system", "content": entry["system"]}] if entry.get("system") else []
    return [*system, *turns]


def with_system(messages: Messages, system: str | None, where: str) -> Messages:
    """With a system message before it, which a column of its own holds."""
    if system is None:
        return messages
    if messages and messages[0]["role"] == "system":
        Columns({}, where).refuse("'system' and a system message are both there; leave one of them out")
    return [{"role": "system", "content": system}, *messages]


class _Calls:
    """Names calls that have none, and finds the call that a result without a name answers: the oldest open one."""

    def __init__(self) -> None:
        self._open: list[str] = []
        self._made = 0

    def made(self, name: Any) -> str:
        self._made += 1
        self._open.append(name if isinstance(name, str) and name else f"call_{self._made}")
        return self._open[-1]

    def answered(self, name: Any) -> str | None:
        if isinstance(name, str):
            if name in self._open:
                self._open.remove(name)
            return name
        return self._open.pop(0) if self._open else None


def _message(one: Columns, written: dict[str, Any], calls: _Calls) -> tuple[dict[str, Any], bool]:
    said = one.take("role", "from")
    role = _ROLES.get(said) if isinstance(said, str) else None
    if role is None:
        one.refuse(f"the role is {said!r}; it must be system, user, assistant or tool (or human, gpt and so on)")
    content = _content(one, one.take("content", "value", "text"))
    one.take("name")  # who of several speaks, or which function answered; templates have no place for it
    for label in ("turn_identifier", "info"):  # WildChat counts turns; AM-DeepSeek has a thought and its source twice
        one.take(label)
    read: dict[str, Any] = {"role": role, "content": content}
    learn = False
    if role == "call":
        read = {"role": "assistant", "content": "", "tool_calls": _written_calls(one, content, calls)}
        role = "assistant"
    elif role == "tool":
        call = calls.answered(one.take("tool_call_id"))
        if call is None:
            one.refuse("it answers no call: no assistant message before it has one that is open")
        read["tool_call_id"] = call
        if marked := _WRITTEN_RESULT.fullmatch(content):
            read["content"] = marked[1].strip()
    elif role == "assistant":
        if found := _tool_calls(one, calls):
            read["tool_calls"] = found
        read["reasoning_content"] = one.text(*REASONING)
        split_thought(read, one)
        _split_calls(read, one, calls)
    if role == "assistant":
        learn = _weight(one, written)
        if learn and not read["content"].strip() and "tool_calls" not in read:
            one.refuse("the answer is empty, so the model would learn to say nothing; leave the line out")
    elif role == "user" and not content.strip():
        one.refuse("what the user says is empty")
    if role != "assistant" and one.take("weight") not in (None, 0):
        one.refuse(f"weight is {written['weight']!r}, but only what the assistant says can be learnt; make it 0")
    one.finish()
    return read, learn


def _weight(one: Columns, written: dict[str, Any]) -> bool:
    one.take("weight")
    weight = written.get("weight")
    if weight is not None and (isinstance(weight, bool) or weight not in (0, 1)):
        one.refuse(f"weight is {weight!r}; it must be 0 (not learnt) or 1 (learnt)")
    return weight != 0


def _content(one: Columns, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):  # OpenAI's parts
        texts = []
        for part in value:
            if not isinstance(part, dict) or part.get("type") not in _PARTS or not isinstance(part.get("text"), str):
                what = part.get("type") if isinstance(part, dict) else kind(part)
                one.refuse(f"content has a part of type {what!r}; only text can be learnt here")
            texts.append(part["text"])
        return "".join(texts)
    if not isinstance(value, str):
        one.refuse(f"content must be text, not {kind(value)}")
    return value


def split_thought(answer: dict[str, Any], line: Columns) -> None:
    """Move a thought that is written into an answer's content to its own place.

    "<think>thought</think>answer", or "thought</think>answer": so do R1's prompts that open the thought themselves.
    OpenThoughts has marks of its own for the thought and for the answer, R1-Zero for the answer after the thought.
    """
    content = answer["content"]
    for mark, ours in _THOUGHT_MARKS:
        content = content.replace(mark, ours)
    begins, ends = content.count(THINK), content.count(END_THINK)
    if begins == ends == 0:
        return
    if answer.get("reasoning_content") is not None:
        line.refuse(f"the reasoning is there twice, beside the answer and in it ({THINK})")
    if ends != 1 or begins > 1 or (begins and not content.lstrip().startswith(THINK)):
        line.refuse(f"the answer has {THINK} or {END_THINK} elsewhere than once, around a thought at its beginning")
    thought, rest = content.split(END_THINK)
    answer["reasoning_content"] = thought.lstrip().removeprefix(THINK).strip()
    answer["content"] = rest.lstrip("\n")
    for begin, end in _ANSWER_MARKS:
        said = rest.strip()
        if said.startswith(begin) and said.endswith(end) and said.count(begin) == said.count(end) == 1:
            answer["content"] = said.removeprefix(begin).removesuffix(end).strip()


# -- tools ---------------------------------------------------------------------------------------------


def _split_calls(answer: dict[str, Any], one: Columns, calls: _Calls) -> None:
    """Move calls that are written into an answer's content to their own place; each model has marks of its own."""
    written = _WRITTEN_CALL.findall(answer["content"])
    if not written or "tool_calls" in answer:
        return
    functions = [from_text(text) for text in written]
    if not all(isinstance(function, dict) for function in functions):
        one.refuse("what stands between <tool_call> and </tool_call> must be JSON with name and arguments")
    answer["tool_calls"] = [_call(one, function, None, calls) for function in functions]
    answer["content"] = _WRITTEN_CALL.sub("", answer["content"]).strip()


def read_functions(value: Any, where: str) -> tuple[Function, ...]:
    """What may be called: OpenAI's list of tools or of functions, or that list as JSON text.  Raises DataError."""
    line = Columns({}, where)
    value = from_text(value)
    if not isinstance(value, list) or not all(isinstance(tool, dict) for tool in value):
        line.refuse("'tools' must be a list of functions, each with name, description and parameters")
    return tuple(_function(tool, f"{where}: tools[{number}]") for number, tool in enumerate(value))


def _function(tool: dict[str, Any], where: str) -> Function:
    outer = Columns(tool, where)
    inner = outer
    if "function" in tool:
        function = outer.take("function")
        if outer.take("type") not in (None, "function") or not isinstance(function, dict):
            outer.refuse("it must be of type 'function', with the function as an object")
        outer.finish()
        inner = Columns(function, where)
    elif outer.take("type") not in (None, "function"):
        outer.refuse("it must be of type 'function'")
    name, description = inner.needed("name"), inner.text("description")
    parameters, strict = inner.take("parameters"), inner.take("strict")
    inner.finish()
    if parameters is not None and not isinstance(parameters, dict):
        inner.refuse("parameters must be a JSON schema, an object")
    try:
        return Function(name, description, parameters, strict is True)
    except RequestError as error:
        inner.refuse(str(error).removesuffix("."))


def _tool_calls(one: Columns, calls: _Calls) -> list[dict[str, Any]]:
    value, old = one.take("tool_calls"), one.take("function_call")
    if old is not None:
        value = [*(value or []), {"function": old}]
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(call, dict) for call in value):
        one.refuse("tool_calls must be a list of objects")
    return [_call(one, call.get("function", call), call.get("id"), calls) for call in value]


def _written_calls(one: Columns, content: str, calls: _Calls) -> list[dict[str, Any]]:
    """ShareGPT's function_call: the call, or a list of them, as JSON text."""
    value = from_text(content)
    several = value if isinstance(value, list) else [value]
    if not several or not all(isinstance(call, dict) for call in several):
        one.refuse("a function_call must be JSON text with name and arguments")
    return [_call(one, call, None, calls) for call in several]


def _call(one: Columns, function: Any, name_of_call: Any, calls: _Calls) -> dict[str, Any]:
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(name, str):
        one.refuse("a call must have the function's name and arguments")
    arguments = from_text(function.get("arguments"))
    if arguments in (None, ""):
        arguments = {}
    if not isinstance(arguments, dict):
        one.refuse(f"the arguments of the call of {name} must be a JSON object")
    text = json.dumps(arguments, ensure_ascii=False)
    return {"id": calls.made(name_of_call), "type": "function", "function": {"name": name, "arguments": text}}


def from_text(value: Any) -> Any:
    """What JSON text holds; anything else as it is, and None for nothing."""
    if not isinstance(value, str) or not value.strip():
        return value or None
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def spoken(messages: Sequence[dict[str, Any]]) -> str:
    """What the last message says, for people to read: its text, or its calls."""
    last = messages[-1]
    calls = [call["function"] for call in last.get("tool_calls", ())]
    return str(last["content"]) or " ".join(f"{call['name']}({call['arguments']})" for call in calls)
