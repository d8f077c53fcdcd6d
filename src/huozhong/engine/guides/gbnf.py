"""GBNF, in which llama.cpp's users write grammars -> the Lark dialect that guides are compiled from.

    root ::= "1. " move (" " move)*     # comment
    move ::= [NBKQR]? [a-h] [1-8]{1,2}

GBNF describes characters; Lark's terminals are cut out of the text by a lexer that takes the longest, so that
`[a-z]+ "ab"` would lose its end to the first part.  Hence every terminal here is a single character, of which none is
longer than another, and nothing is lost.
"""

from __future__ import annotations

import re

from huozhong.errors import RequestError

MAX_REPEATS = 2_000  # llama.cpp's
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9-]*")
_RULE = re.compile(_NAME.pattern + r"[ \t]*::=")
_TOKEN = re.compile(r"<(?:\[\d+\]|[^\s<>]+)>")
_COUNT = re.compile(r"\{\s*(\d*)\s*(,?)\s*(\d*)\s*\}")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", '"': '"', "[": "[", "]": "]", "-": "-", "^": "^", "/": "/"}
_HEX = {"x": 2, "u": 4, "U": 8}


def lark_of(gbnf: str) -> str:
    """The same grammar in Lark; it begins at the rule `root`.  Raises `RequestError` (param "guide") with the line."""
    try:
        return _Reader(gbnf).lark()
    except RecursionError:
        raise RequestError("the GBNF grammar is nested too deeply; simplify it.", param="guide") from None


class _Reader:
    """Reads a grammar from its first character to its last; `_at` is where."""

    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0
        self._named: dict[str, int] = {}  # each rule's number, defined or not yet
        self._used_at: dict[str, int] = {}
        self._rules: dict[str, str] = {}
        self._classes: dict[str, str] = {}  # a class as a regular expression -> its terminal

    def lark(self) -> str:
        self._blanks(lines=True)
        while self._at < len(self._text):
            self._rule()
            self._blanks(lines=True)
        if "root" not in self._rules:
            raise self._wrong("it has no rule 'root'")
        missing = next((name for name in self._used_at if name not in self._rules), None)
        if missing is not None:
            raise self._wrong(f"the rule {missing!r} is used and not defined", self._used_at[missing])
        rules = [f"{self._rule_name(name)}: {body}" for name, body in self._rules.items()]
        classes = [f"{name}: {pattern}" for pattern, name in self._classes.items()]
        return "\n".join(["%llguidance {}", f"start: {self._rule_name('root')}", *rules, *classes]) + "\n"

    # -- rules ---------------------------------------------------------------------------------------

    def _rule(self) -> None:
        name = self._name()
        self._blanks(lines=False)
        if not self._text.startswith("::=", self._at):
            raise self._wrong(f"'::=' is missing behind {name!r}")
        self._at += 3
        body = self._alternatives(nested=False)
        self._rules[name] = body
        if self._at < len(self._text) and self._text[self._at] not in "\r\n":
            raise self._wrong(f"{self._text[self._at]!r} is not expected")

    def _alternatives(self, *, nested: bool) -> str:
        self._blanks(lines=True)
        found = [self._sequence(nested)]
        while self._next_is("|", nested):
            self._at += 1
            self._blanks(lines=True)
            found.append(self._sequence(nested))
        return " | ".join(found)

    def _next_is(self, char: str, nested: bool) -> bool:
        """Whether it comes next, be it on the next line, where no rule could begin with it."""
        back = self._at
        self._blanks(lines=True)
        if self._text.startswith(char, self._at):
            return True
        if not nested:
            self._at = back
        return False

    def _sequence(self, nested: bool) -> str:
        parts: list[str] = []
        while (part := self._part()) is not None:
            parts.append(self._repeated(part))
            self._blanks(lines=nested)
        return " ".join(part for part in parts if part) or '""'

    def _part(self) -> str | None:
        """The next thing that can be repeated; None where a sequence ends."""
        char = self._text[self._at : self._at + 1]
        if char == '"':
            return self._literal()
        if char == "[":
            return self._class()
        if char == ".":
            self._at += 1
            return self._terminal(r"/(.|\n)/")
        if char == "(":
            self._at += 1
            inner = self._alternatives(nested=True)
            if not self._text.startswith(")", self._at):
                raise self._wrong("')' is missing")
            self._at += 1
            return f"({inner})"
        if char == "<" and (token := _TOKEN.match(self._text, self._at)):
            self._at = token.end()
            return token[0]
        if char == "!":
            raise self._wrong("'!' before a token is not supported; list what may stand there instead")
        if _NAME.match(self._text, self._at) and not self._begins_rule():
            at = self._at
            name = self._name()
            self._used_at.setdefault(name, at)
            return self._rule_name(name)
        return None

    def _begins_rule(self) -> bool:
        return _RULE.match(self._text, self._at) is not None

    def _repeated(self, part: str) -> str:
        while True:
            char = self._text[self._at : self._at + 1]
            if char and char in "*+?":
                self._at += 1
                part = f"({part}){char}"
            elif char == "{":
                part = f"({part}){self._count()}" if part else part
            else:
                return part

    def _count(self) -> str:
        found = _COUNT.match(self._text, self._at)
        if found is None or not (found[1] or found[3]):
            raise self._wrong("a repetition must be written {2}, {2,} or {2,5}")
        low = int(found[1] or 0)
        high = None if found[2] and not found[3] else int(found[3]) if found[2] else low
        if max(low, high or 0) > MAX_REPEATS or (high is not None and high < low):
            raise self._wrong(f"{found[0]} must count upwards, and at most to {MAX_REPEATS}")
        self._at = found.end()
        return f"{{{low},{'' if high is None else high}}}"

    # -- characters ----------------------------------------------------------------------------------

    def _literal(self) -> str:
        self._at += 1
        chars = []
        while not self._text.startswith('"', self._at):
            chars.append(self._char("'\"'"))
        self._at += 1
        return " ".join(self._terminal(f"/{_escaped(char)}/") for char in chars)

    def _class(self) -> str:
        self._at += 1
        pattern = "["
        if self._text.startswith("^", self._at):
            self._at += 1
            pattern += "^"
        while not self._text.startswith("]", self._at):
            low = self._char("']'")
            pattern += _escaped(low)
            if self._text.startswith("-", self._at) and not self._text.startswith("-]", self._at):
                self._at += 1
                high = self._char("']'")
                if high < low:
                    raise self._wrong(f"the range from {low!r} to {high!r} is empty")
                pattern += f"-{_escaped(high)}"
        self._at += 1
        if pattern == "[":
            raise self._wrong("'[]' matches nothing")
        return self._terminal(r"/(.|\n)/" if pattern == "[^" else f"/{pattern}]/")

    def _terminal(self, pattern: str) -> str:
        return self._classes.setdefault(pattern, f"C{len(self._classes)}")

    def _char(self, end: str) -> str:
        char = self._text[self._at : self._at + 1]
        if not char or char in "\r\n":
            raise self._wrong(f"{end} is missing")
        self._at += 1
        if char != "\\":
            return char
        escape = self._text[self._at : self._at + 1]
        self._at += 1
        if escape in _HEX:
            digits = self._text[self._at : self._at + _HEX[escape]]
            self._at += len(digits)
            try:
                return chr(int(digits, 16))
            except (ValueError, OverflowError):
                raise self._wrong(f"'\\{escape}{digits}' is no character") from None
        if escape not in _ESCAPES or not escape:
            raise self._wrong(f"'\\{escape}' is no escape that GBNF knows")
        return _ESCAPES[escape]

    # -- small things --------------------------------------------------------------------------------

    def _name(self) -> str:
        found = _NAME.match(self._text, self._at)
        if found is None:
            raise self._wrong("the name of a rule is expected")
        self._at = found.end()
        return found[0]

    def _rule_name(self, name: str) -> str:
        number = self._named.setdefault(name, len(self._named))
        return f"r{number}"

    def _blanks(self, *, lines: bool) -> None:
        pattern = r"(?:[ \t]|#[^\r\n]*" + (r"|[\r\n]" if lines else "") + ")*"
        found = re.compile(pattern).match(self._text, self._at)
        assert found is not None
        self._at = found.end()

    def _wrong(self, why: str, at: int | None = None) -> RequestError:
        line = self._text.count("\n", 0, self._at if at is None else at) + 1
        return RequestError(f"the GBNF grammar cannot be read: {why} (line {line}).", param="guide")


def _escaped(char: str) -> str:
    """A character in a regular expression of Rust's, inside or outside of a class."""
    if char.isascii() and char.isalnum():
        return char
    return f"\\u{{{ord(char):x}}}"
