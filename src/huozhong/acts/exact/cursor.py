"""A place in a list of tokens, which parsers move forwards."""

from __future__ import annotations


class Cursor:
    """`at` is the next of the tokens."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens, self.at = tokens, 0

    def peek(self) -> str:
        """The next token; "" at the end."""
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, wanted: str) -> str:
        """The next token if it is one of these signs, which is passed; otherwise ""."""
        found = self.peek()
        if found and found in wanted:
            self.at += 1
            return found
        return ""
