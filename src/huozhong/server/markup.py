"""Rules of markdown-it for what models write and CommonMark does not know, or has switched off with raw HTML.

Line breaks, small and underlined text as HTML (`<br>` is the only way to break a line in a table's cell); pipes in a
cell's code or formula; addresses that stand in the text as they are; pictures, which are shown as links.
"""

from __future__ import annotations

import re

from markdown_it.rules_block import StateBlock
from markdown_it.rules_block.table import table as plain_table
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

TAGS = frozenset(("sub", "sup", "u", "kbd", "mark"))
_TAG = re.compile(r"<(/?)(br|sub|sup|u|kbd|mark)\s*/?>", re.I)
_NEAR = 300  # characters or tokens in which a pair closes: a text of nothing but tags takes no longer than others
# An address ends before what closes the sentence around it; Chinese ones have no space behind them.
_ADDRESS = re.compile(r"(?<![A-Za-z0-9])https?://[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+", re.I)
_NOT_LAST = ".,;:!?'*_~"
# Stands for a pipe that parts no cells while a table is read; it is of no writing (Unicode: "not a character").
_PIPE = "\ufdd0"
_BELOW_HEAD = re.compile(r"[\s|:-]*-[\s|:-]*")
_KEPT_TOGETHER = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)|(?<![\\$])\$(?=\S)[^$\n]*?[^\s\\$]\$(?!\d)")


def inline_html(state: StateInline, silent: bool) -> bool:
    """`<br>` is a line break; of the tags above a pair that closes in the same text is what it says."""
    found = _TAG.match(state.src, state.pos, state.posMax)
    if found is None:
        return False
    closing, name = found[1] == "/", found[2].lower()
    if name != "br" and not silent:
        open_now = sum(token.nesting for token in state.tokens[-_NEAR:] if token.tag == name)
        if closing and not open_now:
            return False
        rest = state.src[found.end() : min(state.posMax, found.end() + _NEAR)].lower()
        if not closing and rest.count(f"</{name}>") <= open_now:
            return False
    if not silent:
        if name == "br":
            state.push("hardbreak", "br", 0)
        else:
            state.push(f"{name}_{'close' if closing else 'open'}", name, -1 if closing else 1)
    state.pos = found.end()
    return True


def table(state: StateBlock, first: int, last: int, silent: bool) -> bool:
    """A table, of whose rows those with more cells than the first are read with the pipes of code and formulas kept."""
    if silent or first + 2 > last or not _BELOW_HEAD.fullmatch(_line(state, first + 1)):
        return plain_table(state, first, last, silent)
    columns = _cells(_line(state, first + 1))
    source, rows = state.src, list[str]()
    for number in range(first, last):
        row = source[state.bMarks[number] : state.eMarks[number]]
        if not row.strip():
            break
        if _cells(row) > columns:
            row = _KEPT_TOGETHER.sub(lambda found: found[0].replace("|", _PIPE), row)
        rows.append(row)
    begins = state.bMarks[first]
    before = len(state.tokens)
    pieces, at = [source[:begins]], begins
    for number, row in enumerate(rows, first):
        pieces += [source[at : state.bMarks[number]], row]
        at = state.eMarks[number]
    state.src = "".join([*pieces, source[at:]])
    try:
        return plain_table(state, first, last, silent)
    finally:
        state.src = source
        for token in state.tokens[before:]:
            token.content = token.content.replace(_PIPE, "|")


def _line(state: StateBlock, number: int) -> str:
    return state.src[state.bMarks[number] + state.tShift[number] : state.eMarks[number]]


def _cells(row: str) -> int:
    """How many cells a row has, as CommonMark's table parts them."""
    return len(re.findall(r"(?<!\\)\|", row.strip().strip("|"))) + 1


def link_addresses(state: StateCore) -> None:
    """Addresses in the text become links, but for those that stand in a link's own text."""
    for token in state.tokens:
        if token.type == "inline" and token.children and "://" in token.content:
            token.children = _linked(token.children)


def _linked(children: list[Token]) -> list[Token]:
    out: list[Token] = []
    inside = 0
    for child in children:
        inside += child.nesting if child.type in ("link_open", "link_close") else 0
        if child.type != "text" or inside:
            out.append(child)
            continue
        at = 0
        for found in _ADDRESS.finditer(child.content):
            address = _whole(found[0])
            if len(address) <= len("https://"):
                continue
            out += [_text(child, child.content[at : found.start()]), *_link(child, address)]
            at = found.start() + len(address)
        out.append(_text(child, child.content[at:]))
    return [token for token in out if token.type != "text" or token.content]


def _whole(address: str) -> str:
    """Without what belongs to the sentence: its stop, and a bracket that was opened before the address."""
    while address:
        last = address[-1]
        opening = {")": "(", "]": "["}.get(last)
        is_outside = opening is not None and address.count(last) > address.count(opening)
        if last not in _NOT_LAST and not is_outside:
            break
        address = address[:-1]
    return address


def _text(like: Token, content: str) -> Token:
    return Token("text", "", 0, content=content, level=like.level)


def _link(like: Token, address: str) -> list[Token]:
    return [
        Token("link_open", "a", 1, attrs={"href": address}, level=like.level),
        Token("text", "", 0, content=address, level=like.level + 1),
        Token("link_close", "a", -1, level=like.level),
    ]


def pictures_as_links(state: StateCore) -> None:
    """`![a cat](address)` is shown as its link, without the mark that says that it is a picture."""
    for token in state.tokens:
        children = token.children or []
        for index in range(1, len(children)):
            before = children[index - 1]
            if children[index].type == "link_open" and before.type == "text" and before.content.endswith("!"):
                before.content = before.content[:-1]
