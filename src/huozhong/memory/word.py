"""The words of a Word document (.docx), as its reader sees them: straight from its XML, whatever program wrote it.

What stands in tracked insertions, content controls, text boxes, footnotes and under pinyin is text like any other; what
was struck out, or says how something is drawn, is none.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from xml.etree import ElementTree

DOCUMENT = "word/document.xml"
_NOTES = {"footnoteReference": "word/footnotes.xml", "endnoteReference": "word/endnotes.xml"}
# Not what a reader reads: struck out, moved away, drawn again for older programs, the reading above a character.
_UNREAD = frozenset(("del", "moveFrom", "Fallback", "rt", "instrText", "delText", "pPr", "rPr", "sdtPr"))
_MARKS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
_HEADING = re.compile(r"(heading|title|标题)", re.I)
_HAN = re.compile("[\u4e00-\u9fff]")


class NotWord(Exception):
    """The file is damaged; the message says where."""


def words(data: bytes) -> str:
    """A document's text: paragraphs as lines, headings behind a "#", rows of tables with " | " between their cells."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            names = set(packed.namelist())
            parts = {name: _tree(packed.read(name)) for name in (DOCUMENT, "word/styles.xml", *_NOTES.values())
                     if name in names}  # fmt: skip
    except (zipfile.BadZipFile, ElementTree.ParseError, KeyError, OSError, RuntimeError, NotImplementedError) as error:
        raise NotWord(str(error)) from None
    body = next((one for one in parts[DOCUMENT] if _name(one) == "body"), None)
    if body is None:
        raise NotWord("it has no body")
    return "\n".join(_Reader(parts).blocks(body))


def _tree(xml: bytes) -> ElementTree.Element:
    # Word writes no document types; those who do want entities that multiply.
    if b"<!DOCTYPE" in xml:
        raise NotWord("it declares entities")
    return ElementTree.fromstring(xml)


def _name(element: ElementTree.Element) -> str:
    """Without its namespace: there are two, of old and of strict files."""
    return element.tag.rpartition("}")[2]


def _value(element: ElementTree.Element | None, name: str = "val") -> str:
    attributes = {} if element is None else element.attrib
    return next((value for key, value in attributes.items() if key.rpartition("}")[2] == name), "")


def _below(element: ElementTree.Element, *path: str) -> ElementTree.Element | None:
    found: ElementTree.Element | None = element
    for step in path:
        found = None if found is None else next((one for one in found if _name(one) == step), None)
    return found


class _Reader:
    def __init__(self, parts: dict[str, ElementTree.Element]) -> None:
        styles = parts.get("word/styles.xml")
        self._headings = {
            _value(style, "styleId")
            for style in (styles if styles is not None else ())
            if _HEADING.match(_value(_below(style, "name")))
        }
        self._notes = {
            (kind, _value(note, "id")): note for kind, part in _NOTES.items() if part in parts for note in parts[part]
        }

    def blocks(self, parent: ElementTree.Element) -> Iterator[str]:
        """The paragraphs and tables below an element, each with an empty line after it."""
        for one in parent:
            name = _name(one)
            if name == "p":
                yield from (self._paragraph(one), "")
            elif name == "tbl":
                yield from (*self._rows(one), "")
            elif name not in _UNREAD:  # a content control, an insertion, something around blocks
                yield from self.blocks(one)

    def _paragraph(self, paragraph: ElementTree.Element) -> str:
        boxes: list[str] = []
        text = "".join(self._pieces(paragraph, boxes))
        style = _value(_below(paragraph, "pPr", "pStyle"))
        heading = "# " if text.strip() and (style in self._headings or _HEADING.match(style)) else ""
        return "\n".join([heading + text, *boxes] if text or not boxes else boxes)

    def _pieces(self, parent: ElementTree.Element, boxes: list[str]) -> Iterator[str]:
        """The text of a paragraph; boxes: what stands in text boxes that hang on it."""
        for one in parent:
            name = _name(one)
            if name == "t":
                yield one.text or ""
            elif name in _MARKS:
                yield _MARKS[name]
            elif name in _NOTES:
                yield self._note(name, one)
            elif name == "txbxContent":
                boxes += [line for line in self.blocks(one) if line]
            elif name not in _UNREAD:
                yield from self._pieces(one, boxes)

    def _note(self, kind: str, reference: ElementTree.Element) -> str:
        note = self._notes.get((kind, _value(reference, "id")))
        text = "" if note is None else " ".join(" ".join(line.split()) for line in self.blocks(note) if line.strip())
        if not text:
            return ""
        return f"（注：{text}）" if _HAN.search(text) else f" (note: {text})"

    def _rows(self, table: ElementTree.Element) -> Iterator[str]:
        above: dict[int, str] = {}  # by column: what a cell that is merged with those below says
        for row in table:
            if _name(row) in _UNREAD:
                continue
            if _name(row) != "tr":  # rows in a content control, or the table's own settings
                yield from self._rows(row)
                continue
            if _below(row, "trPr", "del") is not None:
                continue
            cells, column = [], 0
            for cell in _cells(row):
                merged = _below(cell, "tcPr", "vMerge")
                text = " ".join(line.strip() for line in self.blocks(cell) if line.strip())
                if merged is not None and _value(merged) != "restart":
                    text = above.get(column, "")
                above[column] = text
                cells.append(text)
                span = _value(_below(cell, "tcPr", "gridSpan"))
                column += int(span) if span.isdecimal() else 1
            yield " | ".join(cells)


def _cells(row: ElementTree.Element) -> Iterator[ElementTree.Element]:
    for one in row:
        if _name(one) == "tc":
            yield one
        elif _name(one) in ("sdt", "sdtContent", "customXml"):
            yield from _cells(one)
