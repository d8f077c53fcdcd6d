"""Lines of public sets whose conversation is no list of messages yet: one text with marks, a tree, texts by turns.

MOSS            {"chat": {"turn_1": {"Human": "<|Human|>: ...<eoh>", "MOSS": "<|MOSS|>: ...<eom>"}}}
Glaive          {"system": "SYSTEM: ...", "chat": "USER: ... ASSISTANT: <functioncall> {...} FUNCTION RESPONSE: ..."}
OpenAssistant   {"prompt": {"text": "...", "role": "prompter", "replies": [...]}}: its best answers, one after another
LIMA            {"conversations": ["question", "answer", ...]}
Guanaco, ...    {"text": "### Human: ...### Assistant: ..."}; also the marks of Alpaca, ChatML, Llama 2 and 3, Vicuna
xLAM            {"query": "...", "answers": "[{"name": ..., "arguments": ...}]", "tools": "[...]"}
Nemotron        {"input": [messages], "output": "..."}
SQuAD           {"context": "...", "question": "...", "answers": {"text": ["..."]}}
C-Eval, MMLU, ARC   {"question": "...", "A": "...", "B": "...", ..., "answer": "B"} and the like: its letter is learnt
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from huozhong.train.adapt.columns import Columns
from huozhong.train.adapt.conversations import Messages, from_text

_MOSS_MARKS = re.compile(r"^\s*<\|[^|]+\|>:|<eo[a-z]>\s*$")
_GLAIVE_TURN = re.compile(r"(?:^|\n)\s*(USER|ASSISTANT|FUNCTION RESPONSE):")
_GLAIVE_CALL = re.compile(r"<functioncall>\s*(\{.*\})\s*$", re.DOTALL)
_GLAIVE_QUOTED = re.compile(r"""\{\s*"name":\s*"([^"]+)",\s*"arguments":\s*'(.*)'\s*\}""", re.DOTALL)
_GLAIVE_TOOLS = re.compile(r"\s+with access to the following functions\..*$", re.DOTALL)
_GLAIVE_ROLES = {"USER": "user", "ASSISTANT": "assistant", "FUNCTION RESPONSE": "tool"}
_LETTERS = "ABCDEFGHIJ"
_LISTS = ("messages", "conversations", "conversation", "dialog", "dialogue")
# Who speaks in a text of one's own marks: where a turn begins (one group: who), and what is no part of what is said.
_MARKS = (
    (re.compile(r"<\|im_start\|>(\w+)\n"), re.compile(r"<\|im_end\|>\s*$")),  # ChatML
    (re.compile(r"<\|start_header_id\|>(\w+)<\|end_header_id\|>\n*"), re.compile(r"<\|eot_id\|>\s*$")),  # Llama 3
    (re.compile(r"###\s*(Human|Assistant|System|User):"), re.compile(r"</s>\s*$")),  # Guanaco
    (re.compile(r"###\s*(Instruction|Input|Response):"), re.compile(r"</s>\s*$")),  # Alpaca
    (re.compile(r"(?:^|\s|</s>)(USER|ASSISTANT):"), re.compile(r"</s>\s*$")),  # Vicuna
    (re.compile(r"(?:^|\n\n)(Human|Assistant):"), re.compile(r"</s>\s*$")),
    (re.compile(r"(?:^|\n)\s*(问|答|用户|助手)[：:]"), re.compile(r"</s>\s*$")),
)
_SPEAKERS = {"human": "user", "user": "user", "instruction": "user", "input": "user", "问": "user", "用户": "user",
             "assistant": "assistant", "response": "assistant", "答": "assistant", "助手": "assistant",
             "system": "system"}  # fmt: skip
_INST = re.compile(r"\[INST\](.*?)\[/INST\](.*?)(?=<s>|</s>|\[INST\]|$)", re.DOTALL)
_SYS = re.compile(r"\s*<<SYS>>(.*?)<</SYS>>", re.DOTALL)


def as_columns(row: dict[str, Any], where: str, asks: bool) -> dict[str, Any]:
    """The line with `messages` (and `system`, `tools`) in place of such a conversation; any other line as it is.

    asks: whether the line has a question or an answer in a column of its own.  Raises DataError.
    """
    chat, prompt, answers = row.get("chat"), row.get("prompt"), row.get("answers")
    if isinstance(chat, dict):
        return _moss(row, where)
    if isinstance(chat, str):
        return _glaive(row, where)
    if isinstance(prompt, dict) and "replies" in prompt:
        return _without(row, "prompt") | {"messages": _best_path(prompt)}
    if "parent_id" in row and "text" in row:
        Columns(row, where).refuse("it is one message of a tree; take the set's file of whole trees (…trees.jsonl)")
    if isinstance(answers, dict) and isinstance(answers.get("text"), list):
        return _without(row, "answers") | {"answer": _first(answers["text"], row, where)}
    if options := _options(row):
        return _chosen(row, options, where)
    if isinstance(from_text(answers), list) and "tools" in row:
        return _called(row, from_text(answers))
    if isinstance(row.get("input"), list) and isinstance(row.get("output"), str):
        said = [*row["input"], {"role": "assistant", "content": row["output"]}]
        return _without(row, "input", "output") | {"messages": said}
    for name in _LISTS:
        by_turns = row.get(name)
        if isinstance(by_turns, list) and by_turns and all(isinstance(text, str) for text in by_turns):
            roles = ("user", "assistant")
            said = [{"role": roles[n % 2], "content": text} for n, text in enumerate(by_turns)]
            return _without(row, name) | {"messages": said}
    text = row.get("text")
    if isinstance(text, str) and not asks and not any(row.get(name) for name in (*_LISTS, "completion")):
        return _without(row, "text") | {"messages": _marked(text, row, where)}
    return row


def _without(row: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def _moss(row: dict[str, Any], where: str) -> dict[str, Any]:
    """MOSS's turns are an object, and its texts have marks around them."""
    said: Messages = []
    for name, turn in row["chat"].items():
        texts = {} if not isinstance(turn, dict) else {k: _MOSS_MARKS.sub("", str(v)).strip() for k, v in turn.items()}
        line = Columns({k: v for k, v in texts.items() if v != "None"}, f"{where}: chat: {name}")
        question, answer = line.needed("Human"), line.needed("MOSS")
        if any(rest in line for rest in ("Commands", "Tool Responses")):
            line.refuse("it calls a plugin of MOSS's, which cannot be taught here; leave the line out")
        line.take("Inner Thoughts")  # which plugin is wanted, and none was
        line.finish()
        said += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    rest = _without(row, "chat", "meta_instruction", "num_turns")
    return rest | {"messages": said, "system": row.get("meta_instruction")}


def _glaive(row: dict[str, Any], where: str) -> dict[str, Any]:
    """Who speaks stands in the text, functions in the system message, and a call's arguments in single quotes."""
    line = Columns(row, where)
    parts = _GLAIVE_TURN.split(row["chat"])
    if len(parts) < 3 or parts[0].strip():
        line.refuse("'chat' must begin with 'USER:', and name who speaks at each turn")
    said: Messages = []
    for who, text in zip(parts[1::2], parts[2::2], strict=True):
        content = text.replace("<|endoftext|>", "").strip()
        message: dict[str, Any] = {"role": _GLAIVE_ROLES[who], "content": content}
        if who == "ASSISTANT" and (call := _GLAIVE_CALL.search(content)):
            quoted = _GLAIVE_QUOTED.fullmatch(call[1].strip())
            function = {"name": quoted[1], "arguments": quoted[2]} if quoted else from_text(call[1])
            if not isinstance(function, dict):
                line.refuse("what stands after <functioncall> must be JSON with name and arguments")
            message |= {"content": content[: call.start()].strip(), "tool_calls": [{"function": function}]}
        said.append(message)
    told = str(row.get("system") or "").strip().removeprefix("SYSTEM:").strip()
    place = told.find("{") if _GLAIVE_TOOLS.search(told) else -1
    tools = _objects(told[place:]) if place >= 0 else []
    if place >= 0 and not tools:
        line.refuse("the functions in 'system' are no JSON")
    system = _GLAIVE_TOOLS.sub(".", told[:place]) if place >= 0 else told
    return _without(row, "chat") | {"messages": said, "system": system} | ({"tools": tools} if tools else {})


def _objects(text: str) -> list[dict[str, Any]]:
    """JSON objects that stand one after another; [] where something else does."""
    found, decoder, place = [], json.JSONDecoder(), 0
    while match := re.compile(r"\s*(\S)").match(text, place):
        try:
            value, place = decoder.raw_decode(text, match.start(1))
        except (ValueError, RecursionError):
            return []
        if not isinstance(value, dict):
            return []
        found.append(value)
    return found


def _best_path(node: Any) -> Messages:
    """From a question down: of several answers the one that people ranked first, of several questions the first."""
    said: Messages = []
    while isinstance(node, dict):
        said.append({"role": node.get("role"), "content": node.get("text")})
        replies = [reply for reply in node.get("replies") or [] if isinstance(reply, dict) and not reply.get("deleted")]
        ranked = [reply for reply in replies if isinstance(reply.get("rank"), int)]
        node = min(ranked, key=lambda reply: int(reply["rank"])) if ranked else next(iter(replies), None)
    if said and said[-1]["role"] == "prompter":  # nobody answered it
        said.pop()
    return said


def _called(row: dict[str, Any], calls: list[Any]) -> dict[str, Any]:
    """A question and the calls that answer it; parameters by name, as xLAM writes them, become a schema."""
    tools = from_text(row["tools"])
    if isinstance(tools, list):
        tools = [_schema(tool) if isinstance(tool, dict) else tool for tool in tools]
    said = [{"role": "user", "content": row.get("query")}, {"role": "assistant", "tool_calls": calls}]
    return _without(row, "query", "answers") | {"messages": said, "tools": tools}


_TYPES = {"str": "string", "int": "integer", "float": "number", "bool": "boolean", "list": "array", "dict": "object",
          "tuple": "array", "set": "array", "any": ""}  # fmt: skip


def _schema(tool: dict[str, Any]) -> dict[str, Any]:
    """{"city": {"type": "str, optional", "description": "...", "default": "..."}} -> a JSON schema of type object."""
    given = tool.get("parameters")
    if not isinstance(given, dict) or not all(isinstance(one, dict) for one in given.values()) or "properties" in given:
        return tool
    properties, required = {}, []
    for name, one in given.items():
        kind, _, more = str(one.get("type", "")).partition(",")
        base = re.split(r"[\[( ]", kind.strip().lower())[0]
        read = {key: value for key, value in one.items() if key != "type"}
        if written := _TYPES.get(base, base if base in _TYPES.values() else ""):
            read["type"] = written
        properties[name] = read
        if "optional" not in more and "default" not in one:
            required.append(name)
    return tool | {"parameters": {"type": "object", "properties": properties, "required": required}}


def _options(row: Mapping[str, Any]) -> dict[str, str]:
    """What may be chosen, by its letter; {} where the line is no choice."""
    choices = row.get("choices")
    if isinstance(choices, dict) and isinstance(choices.get("text"), list) and isinstance(choices.get("label"), list):
        options = dict(zip(choices["label"], choices["text"], strict=False))
    elif isinstance(choices, list):
        options = dict(zip(_LETTERS, choices, strict=False))
    else:
        options = {letter: row[letter.lower()] for letter in _LETTERS if row.get(letter.lower()) is not None}
    whole = all(isinstance(text, str) for pair in options.items() for text in pair)
    return options if len(options) > 1 and whole and isinstance(row.get("question"), str) else {}


def _chosen(row: Mapping[str, Any], options: Mapping[str, str], where: str) -> dict[str, Any]:
    """The question with its options below it, and the letter of the right one; MMLU counts from 0."""
    right = row.get("answerkey", row.get("answer"))
    if isinstance(right, int) and not isinstance(right, bool) and 0 <= right < len(options):
        right = list(options)[right]
    if right not in options:
        Columns(row, where).refuse(f"the right one is {right!r}, and the options are {', '.join(options)}")
    asked = "\n".join([row["question"], *(f"{letter}. {text}" for letter, text in options.items())])
    names = ["choices", "answerkey", "answer"]
    if "choices" not in row:
        names += [letter.lower() for letter in options]
    return _without(row, *names) | {"question": asked, "answer": right}


def _first(texts: list[Any], row: Mapping[str, Any], where: str) -> str:
    if not texts or not isinstance(texts[0], str):
        Columns(row, where).refuse("'answers' is empty: the text does not hold the answer; leave the line out")
    return str(texts[0])


def _marked(text: str, row: Mapping[str, Any], where: str) -> Messages:
    """A text that says itself who speaks."""
    if found := _INST.findall(text):
        return _llama(found)
    for begins, ends in _MARKS:
        parts = begins.split(text)
        roles = [_SPEAKERS.get(who.lower()) for who in parts[1::2]]
        if "user" not in roles or "assistant" not in roles or None in roles:
            continue
        said: Messages = []
        for role, part in zip(roles, parts[2::2], strict=True):
            content = ends.sub("", part.strip()).strip()
            if said and said[-1]["role"] == role == "user":  # an instruction and its input
                said[-1]["content"] += f"\n{content}"
            else:
                said.append({"role": role, "content": content})
        return said
    Columns(row, where).refuse(
        "'text' does not say who speaks (### Human:, <|im_start|>user, [INST] and the like do); "
        "a plain text is learnt with `train pretrain`, or as prompt and completion"
    )


def _llama(found: list[tuple[str, str]]) -> Messages:
    said: Messages = []
    for asked, answered in found:
        if not said and (system := _SYS.match(asked)):
            said.append({"role": "system", "content": system[1].strip()})
            asked = asked[system.end() :]
        said += [{"role": "user", "content": asked.strip()}, {"role": "assistant", "content": answered.strip()}]
    return said
