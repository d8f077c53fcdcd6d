"""Tool calls as text: how each family of models writes them, the grammar that holds it to that, and the way back.

Every known form is the same sequence of marks around a function's name and its arguments (see `text.arguments`):

    opens  before NAME between ARGUMENTS after  (separator before NAME between ARGUMENTS after)*  closes

Which form a model knows is read off its chat template.  Sources: the chat templates that Qwen 2.5/3 (Hermes),
Qwen3-Coder, DeepSeek V3/R1 and V3.1, GLM-4.5 and 4.7, and Llama 3.1 are published with.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from huozhong.errors import RequestError
from huozhong.text.arguments import JsonArguments, Split, TaggedArguments, Tags, literal, schema_json

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
    tags: how arguments are written that are no JSON object.
    lead: a control token that may come before the first call (Llama's <|python_tag|>), or nothing.
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
    tags: Tags | None = None
    lead: str = ""

    @property
    def start(self) -> str:
        """What every answer with calls has before the first function's name."""
        return self.opens + self.before

    @property
    def starts(self) -> tuple[str, ...]:
        """All that an answer with calls may begin with, the longest first."""
        return (self.lead + self.start, self.start) if self.lead else (self.start,)

    @property
    def marks(self) -> str:
        """All marks, one after the other."""
        tags = "" if self.tags is None else self.tags.marks
        return self.lead + self.opens + self.before + self.between + tags + self.after + self.closes

    def grammar(self, functions: Sequence[Function], choice: ToolChoice, split: Split) -> str:
        """The Lark grammar (llguidance's dialect) of an answer.

        split: cuts text into ordinary pieces and the ids of control tokens (`Tokenizer.split_specials`).
        """
        if choice.kind == "named":
            functions = [f for f in functions if f.name == choice.name]

        def mark(text: str) -> str:
            return literal(list(split(text)))

        def calls(head: str) -> str:
            return " | ".join(f"{mark(head + f.name)} arguments_{i}" for i, f in enumerate(functions))

        # The first mark tells a call from text; where it is no control token it has to be found in the text.
        end = self.start.find(">") + 1 or 1
        trigger = mark(self.start[:end])
        many = choice.parallel and choice.kind != "named" and self.separator is not None
        lead = [token for token in split(self.lead) if isinstance(token, int)]  # spelled out it would be text
        lines = ["%llguidance {}", *self._start_rules(choice, trigger, f"{literal(lead)}? " if lead else "")]
        lines.append(f"calls: {trigger} rest_of_calls")
        lines.append(f"rest_of_calls: first_call {'next_call*' if many else ''} {mark(self.closes)}")
        lines.append(f"first_call: {calls(self.start[end:])}")
        if many:
            lines.append(f"next_call: {mark(self.separator or '')} ({calls(self.before)})")
        for i, function in enumerate(functions):
            lines += self._arguments_rules(f"arguments_{i}", function, split)
        return "\n".join(lines) + "\n"

    def _arguments_rules(self, rule: str, function: Function, split: Split) -> list[str]:
        """From the end of the name to the end of the call."""
        between, after, schema = literal([*split(self.between)]), literal([*split(self.after)]), function.schema
        if self.tags is None:
            return [f"{rule}: {between} %json {schema_json(schema, strict=function.strict)} {after}"]
        sequence, more = self.tags.rules(rule, schema, strict=function.strict, split=split)
        return [f"{rule}: {between} {sequence} {after}", *more]

    def _start_rules(self, choice: ToolChoice, trigger: str, lead: str) -> list[str]:
        if choice.kind != "auto":
            return [f"start: {lead}calls"] if self.at_start else ["start: BLANKS? calls", r"BLANKS: /[ \n]{1,4}/"]
        if choice.text is not None:
            return [f"start: {lead}calls | %json {schema_json(choice.text, strict=choice.text_strict)}"]
        if self.at_start:
            return [f"start: {lead}calls | TEXT", r"TEXT: /[^{ \n](.|\n)*/"]
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
        if self.tags is None:
            arguments, how = "ARGUMENTS", "with the arguments as a JSON object"
        else:
            arguments = f"{self.tags.key_opens}PARAMETER{self.tags.key_closes}VALUE{self.tags.value_closes}"
            how = "with as many parameters as are needed; a value that is no text is JSON"
        example = f"{self.start}NAME{self.between}{arguments}{self.after}{self.closes}"
        lines.append(f"To call one, write exactly this, {how}:\n{example}")
        return "\n".join(lines)


HERMES = ToolFormat(
    name="hermes",
    opens="",
    before='<tool_call>\n{"name": "',
    between='", "arguments": ',
    after="}\n</tool_call>",
    separator="\n",
    closes="",
)
QWEN_CODER = ToolFormat(
    name="qwen-coder",
    opens="",
    before="<tool_call>\n<function=",
    between=">\n",
    after="</function>\n</tool_call>",
    separator="\n",
    closes="",
    tags=Tags("<parameter=", ">\n", "\n</parameter>\n"),
)
GLM = ToolFormat(
    name="glm",
    opens="",
    before="<tool_call>",
    between="\n",
    after="</tool_call>",
    separator="\n",
    closes="",
    tags=Tags("<arg_key>", "</arg_key>\n<arg_value>", "</arg_value>\n"),
)
GLM_47 = ToolFormat(
    name="glm-4.7",
    opens="",
    before="<tool_call>",
    between="",
    after="</tool_call>",
    separator="",
    closes="",
    tags=Tags("<arg_key>", "</arg_key><arg_value>", "</arg_value>"),
)
DEEPSEEK_V3 = ToolFormat(
    name="deepseek-v3",
    opens="<｜tool▁calls▁begin｜>",
    before="<｜tool▁call▁begin｜>function<｜tool▁sep｜>",
    between="\n```json\n",
    after="\n```<｜tool▁call▁end｜>",
    separator="\n",
    closes="<｜tool▁calls▁end｜>",
    arguments_as_text=True,
)
DEEPSEEK_V31 = ToolFormat(
    name="deepseek-v3.1",
    opens="<｜tool▁calls▁begin｜>",
    before="<｜tool▁call▁begin｜>",
    between="<｜tool▁sep｜>",
    after="<｜tool▁call▁end｜>",
    separator="",
    closes="<｜tool▁calls▁end｜>",
    arguments_as_text=True,
)
LLAMA3 = ToolFormat(
    name="llama3",
    opens="",
    before='{"name": "',
    between='", "parameters": ',
    after="}",
    separator=None,
    closes="",
    at_start=True,
)
_PYTHON_TAG = "<|python_tag|>"  # Llama 3.1 often puts it before a call, although its template does not


def find_format(template: str) -> ToolFormat | None:
    """The form that a chat template (its Jinja source) writes calls in; None when it knows none of ours."""
    found = None
    if DEEPSEEK_V3.opens in template:
        found = DEEPSEEK_V3 if "```json" in template else DEEPSEEK_V31
    elif "<tool_call>" in template and "<parameter=" in template:
        found = QWEN_CODER
    elif "<tool_call>" in template and "<arg_key>" in template:
        found = GLM_47 if "</arg_key><arg_value>" in template else GLM
    elif "<tool_call>" in template and re.search(r'"arguments\\?"', template):
        found = HERMES
    elif "<|start_header_id|>" in template and re.search(r'"parameters\\?"', template):
        found = LLAMA3
    if found is None:
        return None
    as_text = found.tags is None and not re.search(r"arguments(['\"]\])?\s*\|\s*tojson", template)
    lead = _PYTHON_TAG if found is LLAMA3 and _PYTHON_TAG in template else ""
    describes = re.search(r"\btools\b", re.sub(r"\{#.*?#\}", "", template)) is not None
    return replace(found, arguments_as_text=as_text, describes=describes, lead=lead)


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

    def __init__(self, form: ToolFormat, functions: Sequence[Function], *, only_calls: bool = False) -> None:
        """only_calls: the answer can be nothing else, so what is left of a call that was cut off is no text."""
        self._only_calls = only_calls
        self._form, self._functions = form, {function.name: function for function in functions}
        self._expect: Literal["text", "name", "arguments", "after", "next", "rest"] = "text"
        self._held = ""
        self._mark = ""  # what began the call whose name is still open
        self._reader: JsonArguments | TaggedArguments = JsonArguments()
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

    def finish(self, *, cut: bool = False) -> list[str]:
        """What was held back, now that no more text comes.  cut: it could have gone on (`max_tokens`)."""
        rest, self._held = self._held, ""
        if cut and (self._only_calls or self._expect == "name" or self._begins_call(rest)):
            rest, self._expect = "", "rest"  # a call had begun: its markup is for nobody to read
        if self._expect == "name":
            rest = self._mark + rest
        elif self._expect in ("arguments", "after", "next"):
            rest = ""  # a cut-off mark
        self._expect = "rest"
        return [rest] if rest else []

    def _begins_call(self, rest: str) -> bool:
        sure = self._form.start[: self._form.start.find(">") + 1]  # the trigger of `ToolFormat.grammar`
        return bool(sure) and self._expect == "text" and rest.lstrip().startswith(sure)

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
        at_start, held = self._form.at_start, self._held
        for start in self._form.starts:
            at = held.find(start)
            if at >= 0 and not (at_start and (self._anything or held[:at].strip())):
                text, self._held = held[:at].rstrip(), held[at + len(start) :]
                self._expect, self._mark = "name", start
                return text
        begun = held.strip()
        if at_start and (self._anything or not any(s.startswith(begun[: len(s)]) for s in self._form.starts)):
            keep = 0
        else:
            keep = max(_overlap(held, start) for start in self._form.starts)
            body = held[: len(held) - keep]
            keep += len(body) - len(body.rstrip())
        text, self._held = held[: len(held) - keep], held[len(held) - keep :]
        self._anything = self._anything or bool(text.strip())
        return text or None

    def _name(self) -> str | CallPart | None:
        between, tags = self._form.between, self._form.tags
        ends = (between,) if between or tags is None else (tags.key_opens, self._form.after)
        name = re.match(r"[a-zA-Z0-9_-]*", self._held)
        assert name is not None
        rest = self._held[name.end() :]
        if not any(rest.startswith(end) for end in ends):
            waits = any(end.startswith(rest) for end in ends) and len(name[0]) <= 64
            return None if waits else self._give_up(self._mark)
        function = self._functions.get(name[0])
        if function is None:
            return self._give_up(self._mark)
        self._held = rest[len(between) :]
        self._expect = "arguments"
        self._reader = JsonArguments() if tags is None else TaggedArguments(tags, self._form.after, function.schema)
        return CallPart(self.num_calls, name=name[0])

    def _arguments(self) -> str | CallPart | None:
        if not self._held:
            return None
        piece, self._held, progress = self._reader.read(self._held)
        if progress == "ended":
            self._expect = "after"
        if piece:
            return CallPart(self.num_calls, arguments=piece)
        if progress == "wrong":
            return self._give_up("")
        return "" if progress == "ended" else None

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


def _overlap(text: str, mark: str) -> int:
    """How many of the text's last characters may be the beginning of a mark that is not whole yet."""
    return next((n for n in range(min(len(mark) - 1, len(text)), 0, -1) if text.endswith(mark[:n])), 0)
