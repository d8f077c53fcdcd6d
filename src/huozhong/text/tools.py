"""Tool calls as text: how each family of models writes them, the grammar that holds it to that, and the way back.

Every known form is the same sequence of marks around a function's name and its arguments (a JSON object):

    opens  before NAME between ARGUMENTS after  (separator before NAME between ARGUMENTS after)*  closes

Which form a model knows is read off its chat template.  Sources: the chat templates that Qwen 2.5/3 (Hermes),
DeepSeek V3/R1 and V3.1, and Llama 3.1 are published with.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from huozhong.errors import RequestError

JSON_BLANKS = r" |\n[ \t]{0,24}"  # between two JSON tokens; see engine.constraint
NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


@dataclass(frozen=True)
class Function:
    """A function that a model may call.  parameters: JSON schema of its arguments (an object), None for none.

    strict: a schema keyword that cannot be enforced is an error; otherwise it is left out.
    """

    name: str
    description: str | None = None
    parameters: Mapping[str, Any] | None = None
    strict: bool = False

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise RequestError(
                f"the function name {self.name!r} must be 1 to 64 letters, digits, '_' or '-'.", param="tools"
            )
        kind = "object" if self.parameters is None else self.parameters.get("type", "object")
        if kind != "object":
            raise RequestError(
                f"the parameters of function {self.name!r} must be a schema of type 'object', not {kind!r}.",
                param="tools",
            )

    @property
    def schema(self) -> dict[str, Any]:
        """The schema of the arguments."""
        if self.parameters is None:
            return {"type": "object", "properties": {}, "additionalProperties": False}
        return {"type": "object", **self.parameters}

    def for_template(self) -> dict[str, Any]:
        """As chat templates expect it."""
        function: dict[str, Any] = {"name": self.name}
        if self.description is not None:
            function["description"] = self.description
        if self.parameters is not None:
            function["parameters"] = dict(self.parameters)
        return {"type": "function", "function": function}


@dataclass(frozen=True)
class ToolChoice:
    """kind: may call ("auto"), must ("required"), or must call this one function ("named").

    parallel: several calls in one answer.  text: a JSON schema for an answer that is no call, None for free text.
    """

    kind: Literal["auto", "required", "named"] = "auto"
    name: str | None = None
    parallel: bool = True
    text: Mapping[str, Any] | None = None
    text_strict: bool = False


@dataclass(frozen=True)
class ToolFormat:
    """One family's form.

    at_start: the first mark is ordinary JSON, so only an answer that begins with it is a call.
    describes: the template tells the model about the tools; otherwise `description` goes into the system message.
    arguments_as_text: the template wants earlier calls' arguments as JSON text, not as an object.
    """

    name: str
    opens: str
    before: str
    between: str
    after: str
    separator: str | None
    closes: str
    at_start: bool = False
    describes: bool = True
    arguments_as_text: bool = False

    @property
    def start(self) -> str:
        """What every answer with calls has before the first function's name."""
        return self.opens + self.before

    @property
    def marks(self) -> str:
        """All marks, one after the other."""
        return self.opens + self.before + self.between + self.after + self.closes

    def grammar(
        self, functions: Sequence[Function], choice: ToolChoice, split: Callable[[str], Iterator[str | int]]
    ) -> str:
        """The Lark grammar (llguidance's dialect) of an answer.

        split: cuts text into ordinary pieces and the ids of control tokens (`Tokenizer.split_specials`).
        """
        if choice.kind == "named":
            functions = [f for f in functions if f.name == choice.name]

        def mark(text: str) -> str:
            """Control tokens by id, the rest as a string literal."""
            pieces = split(text)
            return " ".join(f"<[{p}]>" if isinstance(p, int) else json.dumps(p, ensure_ascii=False) for p in pieces)

        def calls(head: str) -> str:
            return " | ".join(f"{mark(head + f.name)} arguments_{i}" for i, f in enumerate(functions))

        # The first mark tells a call from text; where it is no control token it has to be found in the text.
        end = self.start.find(">") + 1 or 1
        trigger = mark(self.start[:end])
        many = choice.parallel and choice.kind != "named" and self.separator is not None
        lines = ["%llguidance {}", *self._start_rules(choice, trigger)]
        lines.append(f"calls: {trigger} rest_of_calls")
        lines.append(f"rest_of_calls: first_call {'next_call*' if many else ''} {mark(self.closes)}")
        lines.append(f"first_call: {calls(self.start[end:])}")
        if many:
            lines.append(f"next_call: {mark(self.separator or '')} ({calls(self.before)})")
        between, after = mark(self.between), mark(self.after)
        lines += [
            f"arguments_{i}: {between} %json {_schema_json(f.schema, strict=f.strict)} {after}"
            for i, f in enumerate(functions)
        ]
        return "\n".join(lines) + "\n"

    def _start_rules(self, choice: ToolChoice, trigger: str) -> list[str]:
        if choice.kind != "auto":
            return ["start: calls"] if self.at_start else ["start: BLANKS? calls", r"BLANKS: /[ \n]{1,4}/"]
        if choice.text is not None:
            return [f"start: calls | %json {_schema_json(choice.text, strict=choice.text_strict)}"]
        if self.at_start:
            return ["start: calls | TEXT", r"TEXT: /[^{ \n](.|\n)*/"]
        if trigger.startswith("<["):
            return ["start: TEXT | TEXT? calls", r"TEXT: /(.|\n)+/"]
        return ["start: TEXT | found rest_of_calls", f"found[lazy]: TEXT {trigger}", r"TEXT: /(.|\n)*/"]

    def description(self, functions: Sequence[Function]) -> str:
        """The tools, for the system message of a model whose template does not speak of them."""
        lines = ["## Tools", "", "You can call these functions:", ""]
        for function in functions:
            lines.append(f"### {function.name}")
            if function.description is not None:
                lines.append(f"Description: {function.description}")
            lines += [f"Parameters: {json.dumps(function.schema, ensure_ascii=False)}", ""]
        example = f"{self.start}NAME{self.between}ARGUMENTS{self.after}{self.closes}"
        lines.append(f"To call one, write exactly this, with the arguments as a JSON object:\n{example}")
        return "\n".join(lines)


HERMES = ToolFormat(
    name="hermes", opens="", before='<tool_call>\n{"name": "', between='", "arguments": ',
    after="}\n</tool_call>", separator="\n", closes="",
)  # fmt: skip
DEEPSEEK_V3 = ToolFormat(
    name="deepseek-v3", opens="<｜tool▁calls▁begin｜>", before="<｜tool▁call▁begin｜>function<｜tool▁sep｜>",
    between="\n```json\n", after="\n```<｜tool▁call▁end｜>", separator="\n", closes="<｜tool▁calls▁end｜>",
    arguments_as_text=True,
)  # fmt: skip
DEEPSEEK_V31 = ToolFormat(
    name="deepseek-v3.1", opens="<｜tool▁calls▁begin｜>", before="<｜tool▁call▁begin｜>", between="<｜tool▁sep｜>",
    after="<｜tool▁call▁end｜>", separator="", closes="<｜tool▁calls▁end｜>", arguments_as_text=True,
)  # fmt: skip
LLAMA3 = ToolFormat(
    name="llama3", opens="", before='{"name": "', between='", "parameters": ', after="}", separator=None,
    closes="", at_start=True,
)  # fmt: skip


def find_format(template: str) -> ToolFormat | None:
    """The form that a chat template (its Jinja source) writes calls in; None when it knows none of ours."""
    found = None
    if DEEPSEEK_V3.opens in template:
        found = DEEPSEEK_V3 if "```json" in template else DEEPSEEK_V31
    elif "<tool_call>" in template and re.search(r'"arguments\\?"', template):
        found = HERMES
    elif "<|start_header_id|>" in template and re.search(r'"parameters\\?"', template):
        found = LLAMA3
    if found is None:
        return None
    as_text = not re.search(r"arguments(['\"]\])?\s*\|\s*tojson", template)
    describes = re.search(r"\btools\b", re.sub(r"\{#.*?#\}", "", template)) is not None
    return ToolFormat(**{**vars(found), "arguments_as_text": as_text, "describes": describes})


# -- the way back ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class CallPart:
    """A piece of call number `index`: its name, once and first, then its arguments bit by bit."""

    index: int
    name: str | None = None
    arguments: str = ""


class ToolCallParser:
    """Cuts an answer's text, as it arrives, into ordinary text and the parts of tool calls.

    Only what may still turn out to be a mark is held back (with the blanks before it).  Text that looks like a
    call and is none comes back as text.
    """

    def __init__(self, form: ToolFormat, names: frozenset[str]) -> None:
        self._form, self._names = form, names
        self._expect: Literal["text", "name", "arguments", "after", "next", "rest"] = "text"
        self._held = ""
        self._mark = ""  # what began the call whose name is still open
        self._json = _JsonObjectEnd()
        self._anything = False
        self.num_calls = 0  # complete ones

    def push(self, text: str) -> list[str | CallPart]:
        """The parts that are certain now; text parts are never empty."""
        self._held += text
        parts: list[str | CallPart] = []
        while (part := self._next_part()) is not None:
            if part:
                parts.append(part)
        return parts

    def finish(self) -> list[str]:
        """What was held back, now that no more text comes."""
        rest, self._held = self._held, ""
        if self._expect == "name":
            rest = self._mark + rest
        elif self._expect in ("after", "next"):
            rest = ""  # a cut-off mark
        self._expect = "rest"
        return [rest] if rest else []

    def _next_part(self) -> str | CallPart | None:
        """A part, "" when there is none yet but more can be tried, None when more text is needed."""
        match self._expect:
            case "text":
                return self._text()
            case "name":
                return self._name()
            case "arguments":
                return self._arguments()
            case "after":
                return self._after()
            case "next":
                return self._next()
            case "rest":
                text, self._held = self._held, ""
                return text or None

    def _text(self) -> str | None:
        start, held = self._form.start, self._held
        at = held.find(start)
        if at >= 0 and not (self._form.at_start and (self._anything or held[:at].strip())):
            text, self._held = held[:at].rstrip(), held[at + len(start) :]
            self._expect, self._mark = "name", start
            return text
        if self._form.at_start and (self._anything or not start.startswith(held.strip()[: len(start)])):
            keep = 0
        else:
            keep = next((n for n in range(min(len(start) - 1, len(held)), 0, -1) if held.endswith(start[:n])), 0)
            body = held[: len(held) - keep]
            keep += len(body) - len(body.rstrip())
        text, self._held = held[: len(held) - keep], held[len(held) - keep :]
        self._anything = self._anything or bool(text.strip())
        return text or None

    def _name(self) -> str | CallPart | None:
        between = self._form.between
        name = re.match(r"[a-zA-Z0-9_-]*", self._held)
        assert name is not None
        rest = self._held[name.end() :]
        if not rest.startswith(between):
            return None if between.startswith(rest) and len(name[0]) <= 64 else self._give_up(self._mark)
        if name[0] not in self._names:
            return self._give_up(self._mark)
        self._held = rest[len(between) :]
        self._expect, self._json = "arguments", _JsonObjectEnd()
        return CallPart(self.num_calls, name=name[0])

    def _arguments(self) -> str | CallPart | None:
        if not self._held:
            return None
        end = self._json.find(self._held)
        piece = self._held if end is None else self._held[:end]
        self._held = self._held[len(piece) :]
        if end is not None:
            self._expect = "after"
        return CallPart(self.num_calls, arguments=piece)

    def _after(self) -> str | None:
        after = self._form.after
        if self._held.startswith(after):
            self._held = self._held[len(after) :]
            self.num_calls += 1
            self._expect = "next"
            return ""
        return None if after.startswith(self._held) else self._give_up("")

    def _next(self) -> str | None:
        form, held = self._form, self._held
        again = None if form.separator is None else form.separator + form.before
        if again is not None and held.startswith(again):
            self._held = held[len(again) :]
            self._expect, self._mark = "name", again
            return ""
        if form.closes and held.startswith(form.closes):
            self._held = held[len(form.closes) :]
            self._expect = "rest"
            return ""
        waiting = (again is not None and again.startswith(held)) or form.closes.startswith(held)
        return None if waiting else self._give_up("")

    def _give_up(self, mark: str) -> str:
        text, self._held = mark + self._held, ""
        self._expect = "rest"
        return text


class _JsonObjectEnd:
    """Finds where a JSON object that arrives in pieces ends."""

    def __init__(self) -> None:
        self._depth = 0
        self._in_string = self._escaped = False

    def find(self, text: str) -> int | None:
        """The offset after the object's last brace in this next piece; None when it goes on."""
        for index, char in enumerate(text):
            if self._in_string:
                if self._escaped:
                    self._escaped = False
                elif char == "\\":
                    self._escaped = True
                elif char == '"':
                    self._in_string = False
            elif char == '"':
                self._in_string = True
            elif char in "{[":
                self._depth += 1
            elif char in "}]":
                self._depth -= 1
                if self._depth <= 0:
                    return index + 1
        return None


# -- grammar text ----------------------------------------------------------------------------------


def _schema_json(schema: Mapping[str, Any], *, strict: bool) -> str:
    options = {"lenient": not strict, "whitespace_flexible": True, "whitespace_pattern": JSON_BLANKS}
    return json.dumps({**schema, "x-guidance": options}, ensure_ascii=False)
