"""Tool calls as text: how each family of models writes them, the grammar that holds it to that, and the way back.

Every known form is the same sequence of marks around a function's name and its arguments (see `text.arguments`):

    opens  before NAME between ARGUMENTS after  (separator before NAME between ARGUMENTS after)*  closes

The forms themselves, and how one is chosen, stand in `text.tool_formats`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from huozhong.errors import RequestError
from huozhong.text.arguments import Form, JsonArguments, Reader, Split, Tags, literal, schema_json
from huozhong.text.schemas import tidy

NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
OWN_ID = "[a-zA-Z0-9_-]{1,64}"  # a call's, where it stands before the name
_LONGEST_TAG = 64


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
        if self.parameters is None:
            return
        try:
            given = tidy(self.parameters)
        except RequestError as error:
            raise RequestError(f"function {self.name!r}: {error}", param="tools") from None
        kind = given.get("type", "object")
        if isinstance(kind, list) and "object" in kind:  # a call has arguments, be they none
            given["type"] = kind = "object"
        object.__setattr__(self, "parameters", given)
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

    allowed: only these may be called, of all that the model is told of; empty for all.
    parallel: several calls in one answer.  text: a JSON schema for an answer that is no call, None for free text.
    """

    kind: Literal["auto", "required", "named"] = "auto"
    name: str | None = None
    allowed: tuple[str, ...] = ()
    parallel: bool = True
    text: Mapping[str, Any] | None = None
    text_strict: bool = False


@dataclass(frozen=True)
class ToolFormat:
    """One family's form.

    at_start: the first mark is ordinary JSON, so only an answer that begins with it is a call.
    tags: how arguments are written that are no JSON object.
    lead: a control token that may come before the first call (Llama's <|python_tag|>), or nothing.
    tag: what stands behind the name and is not told: a mark and a pattern (Kimi's `:` and the call's number).
    ahead: what stands before the name and is not told: a mark behind the call's own id (Cohere's `", "tool_name": "`).
    ids: a pattern of calls' ids, and how one is made that does not fit: "hash", or with {name} and {index}.
    also: a pattern of what may stand before `after` and is not told (Mistral's id).
    """

    name: str
    opens: str
    before: str
    between: str
    after: str
    separator: str | None
    closes: str
    at_start: bool = False
    tags: Form | None = None
    lead: str = ""
    tag: tuple[str, str] | None = None
    ahead: str = ""
    also: str = ""
    ids: tuple[str, str] = ("", "")

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
        tag = "" if self.tag is None else self.tag[0]
        return self.lead + self.opens + self.before + self.ahead + tag + self.between + tags + self.after + self.closes

    def id_for(self, id: str, name: str, index: int) -> str:
        """A call's id in this form: the id itself where it fits."""
        pattern, otherwise = self.ids
        if not pattern or re.fullmatch(pattern, id):
            return id
        hashed = hashlib.sha256(id.encode("utf-8", "replace")).hexdigest()[:9]
        return hashed if otherwise == "hash" else otherwise.format(name=name, index=index)

    def written(self, calls: Sequence[tuple[str, str]]) -> str:
        """Calls (name, arguments as JSON text) as this form writes them."""
        bodies = []
        for i, (name, arguments) in enumerate(calls):
            body = arguments if self.tags is None else self.tags.written(json.loads(arguments))
            tag = "" if self.tag is None else self.tag[0] + (str(i) if re.fullmatch(self.tag[1], str(i)) else f"{i:09}")
            ahead = f"{i}{self.ahead}" if self.ahead else ""
            bodies.append(f"{self.before}{ahead}{name}{tag}{self.between}{body}{self.after}")
        return self.opens + ("\n" if self.separator is None else self.separator).join(bodies) + self.closes

    def grammar(self, functions: Sequence[Function], choice: ToolChoice, split: Split) -> str:
        """The Lark grammar (llguidance's dialect) of an answer.

        split: cuts text into ordinary pieces and the ids of control tokens (`Tokenizer.split_specials`).
        """
        allowed = (choice.name,) if choice.kind == "named" else choice.allowed
        functions = [f for f in functions if not allowed or f.name in allowed]

        def mark(text: str) -> str:
            return literal(list(split(text)))

        def calls(head: str) -> str:
            if self.ahead:
                head, ahead = "", f"{mark(head)} /{OWN_ID}/ {mark(self.ahead)} "
            else:
                ahead = ""
            return " | ".join(f"{ahead}{mark(head + f.name)} arguments_{i}" for i, f in enumerate(functions))

        # The first mark tells a call from text; where it is no control token it has to be found in the text.
        begun = (n for n in range(1, len(self.start) + 1) if [type(p) for p in split(self.start[:n])] == [int])
        closed = re.search(r"[>\]]", self.start)
        end = next(begun, 1 if closed is None else closed.end())
        trigger = mark(self.start[:end])
        many = choice.parallel and choice.kind != "named" and self.separator is not None
        lead = list(split(self.lead))
        lead = lead if any(isinstance(token, int) for token in lead) else []  # spelled out it would be text
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
        if self.tag is not None:
            between = f"{literal([*split(self.tag[0])])} /{self.tag[1]}/ {between}"
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

    def left_out(self, function: Function) -> Iterator[str]:
        """Paths of what the grammar does not hold a call to in this form, where the function is not strict."""
        return iter(()) if self.tags is None else self.tags.left_out(function.schema)

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
            arguments = self.tags.sample
            how = "with as many parameters as are needed; a value that is no text is JSON"
        name = f"0{self.ahead}NAME" if self.ahead else "NAME"
        example = f"{self.start}{name}{self.between}{arguments}{self.after}{self.closes}"
        lines.append(f"To call one, write exactly this, {how}:\n{example}")
        return "\n".join(lines)


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

    def __init__(self, form: ToolFormat, functions: Sequence[Function]) -> None:
        self._form, self._functions = form, {function.name: function for function in functions}
        self._expect: Literal["text", "name", "arguments", "after", "next", "rest"] = "text"
        self._held = ""
        self._mark = ""  # what began the call whose name is still open
        self._reader: Reader = JsonArguments()
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
        """What was held back, now that no more text comes.  cut: more would have come, so a mark's beginning is one."""
        rest, self._held = self._held, ""
        if self._expect == "name":
            rest = "" if cut else self._mark + rest
        elif self._expect in ("arguments", "after", "next"):
            rest = ""  # a cut-off mark
        elif cut and self._expect == "text" and len(begun := rest.lstrip()) > 1:
            rest = rest if not any(start.startswith(begun) for start in self._form.starts) else ""
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
        between, tags, tag = self._form.between, self._form.tags, self._form.tag
        ends = (between,) if between or not isinstance(tags, Tags) else (tags.key_opens, self._form.after)
        begun = 0
        if ahead := self._form.ahead:
            own = re.match(OWN_ID + re.escape(ahead), self._held)
            if own is None:
                return None if len(self._held) < _LONGEST_TAG + len(ahead) else self._give_up(self._mark)
            begun = own.end()
        name = re.compile(r"[a-zA-Z0-9_-]*").match(self._held, begun)
        assert name is not None
        rest = self._held[name.end() :]
        if tag is not None and (rest.startswith(tag[0]) or (rest and tag[0].startswith(rest))):
            told = re.match(re.escape(tag[0]) + tag[1], rest)
            if told is None or told.end() == len(rest):
                return None if len(rest) <= _LONGEST_TAG else self._give_up(self._mark)
            rest = rest[told.end() :]
        if not any(rest.startswith(end) for end in ends):
            waits = any(end.startswith(rest) for end in ends) and len(name[0]) <= 64
            return None if waits else self._give_up(self._mark)
        function = self._functions.get(name[0])
        if function is None:
            return self._give_up(self._mark)
        self._held = rest[len(between) :]
        self._expect = "arguments"
        self._reader = JsonArguments() if tags is None else tags.reader(self._form.after, function.schema)
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
        if self._form.also and (ignored := re.match(self._form.also, self._held)):
            self._held = self._held[ignored.end() :]
        if self._form.also and not self._held.startswith(after) and len(self._held) <= _LONGEST_TAG:
            return None  # perhaps the beginning of what is not told
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
