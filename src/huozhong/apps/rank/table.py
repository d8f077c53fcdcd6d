"""A CSV as people have it: GBK or UTF-8, commas, semicolons or tabs, headings in any language."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from huozhong.errors import SkillError

Kind = Literal["number", "time", "list", "category", "constant", "row id", "text"]

MOST_BYTES = 1 << 30
_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?", "-", "--", "无", "未知", "空"})
_LIST = re.compile(r"[|;；、]")
_NUMBER = re.compile(r"[+-]?(\d+(,\d{3})*|\d*)(\.\d+)?([eE][+-]?\d+)?%?")
_MONEY = re.compile(r"[¥￥$€£]|(?:元|块钱?|rmb|cny|yuan|usd|eur)$|^(?:rmb|cny|usd|eur)", re.I)
_TIMES = (
    "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y/%m/%d", "%Y%m%d",
    "%Y年%m月%d日", "%Y.%m.%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%Y年%m月%d日 %H:%M", "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%dT%H:%M:%SZ",
)  # fmt: skip
_EPOCH = (300_000_000, 4_000_000_000)  # seconds since 1970 that a column of moments may hold: 1979 to 2096


@dataclass(frozen=True)
class Table:
    """columns: heading -> texts, all of one length, spaces at the ends taken off; missing ones are ""."""

    columns: dict[str, list[str]]

    @property
    def num_rows(self) -> int:
        return len(next(iter(self.columns.values())))


def read_table(file: Path) -> Table:
    """Read a CSV file; `SkillError`, which says the line, for what is no table."""
    try:
        if file.stat().st_size > MOST_BYTES:
            raise SkillError(f"{file} 超过 1 GB。", f"{file} is larger than 1 GB.")
        data = file.read_bytes()
    except OSError as error:
        raise SkillError(f"读不了 {file}：{error}。", f"{file} cannot be read: {error}.") from None
    return parse_table(_decoded(data, str(file)), str(file))


def parse_table(text: str, name: str) -> Table:
    """A table from its text; name: what a complaint calls it."""
    if "\0" in text:
        raise SkillError(
            f"{name} 不是 CSV 文字（Excel 表请另存为 CSV）。", f"{name} is no CSV text (save a workbook as CSV first)."
        )
    head = text[: 1 << 16]
    first = head.partition("\n")[0]
    delimiter = max(",;\t|", key=first.count)
    if first.count(delimiter) == 0:
        raise SkillError(f"{name} 第一行只有一列。", f"The first line of {name} has one column only.")
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    heading = [one.strip() for one in next(rows)]
    while len(heading) > 2 and not heading[-1]:  # columns that a spreadsheet left beside the table
        heading.pop()
    for n, one in enumerate(heading):
        if not one:
            raise SkillError(f"{name} 第 {n + 1} 列没有列名。", f"Column {n + 1} of {name} has no heading.")
        if one in heading[:n]:
            raise SkillError(f"{name} 有两列都叫“{one}”。", f"{name} has two columns called '{one}'.")
    columns: list[list[str]] = [[] for _ in heading]
    try:
        for row in rows:
            if not row or (len(row) == 1 and not row[0].strip()):
                continue  # an empty line says nothing
            while len(row) > len(heading) and not row[-1].strip():
                row.pop()
            if not any(cell.strip() for cell in row):
                continue
            if len(row) != len(heading):
                raise SkillError(
                    f"{name} 第 {rows.line_num} 行有 {len(row)} 列，标题有 {len(heading)} 列。",
                    f"Line {rows.line_num} of {name} has {len(row)} columns, its heading {len(heading)}.",
                )
            for column, value in zip(columns, row, strict=True):
                column.append(value.strip())
    except csv.Error as error:
        raise SkillError(
            f"{name} 第 {rows.line_num} 行读不懂：{error}。", f"Line {rows.line_num} of {name} cannot be read: {error}."
        ) from None
    if not columns[0]:
        raise SkillError(f"{name} 只有标题，没有数据。", f"{name} has a heading and no rows.")
    return Table({name: _known(column) for name, column in zip(heading, columns, strict=True)})


def _known(column: list[str]) -> list[str]:
    """The column with "" for what says that nothing is known; 无 is an answer where others say 有."""
    missing = _MISSING - {"无"} if "有" in column else _MISSING
    return ["" if value.lower() in missing else value for value in column]


def _decoded(data: bytes, name: str) -> str:
    for encoding in ("utf-8-sig", "gb18030") if not data.startswith((b"\xff\xfe", b"\xfe\xff")) else ("utf-16",):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise SkillError(f"{name} 的文字编码认不出来。", f"The encoding of {name} is not known; save it as UTF-8.")


def kind_of(values: Sequence[str]) -> Kind:
    """What a column holds.  A number that only numbers its rows is "row id"; long texts, each another, are "text"."""
    told = [value for value in values if value]
    distinct = Counter(told)
    if len(distinct) <= 1:
        return "constant"
    if len(told) >= 20 and times(told[:2000]) is not None:
        return "time"
    if all(_is_number(_bare(value)) for value in told):
        whole = all(value.isdigit() for value in told)
        return "row id" if whole and len(distinct) == len(values) and len(values) > 20 else "number"
    if len(distinct) > 0.9 * len(told) and len(told) > 20:
        return "text"
    listed = sum(1 for value in told if _LIST.search(value))
    if listed > 0.1 * len(told) and len({part for value in distinct for part in parts(value)}) < len(distinct):
        return "list"
    return "category"


def parts(value: str) -> list[str]:
    """The values of a cell that lists several."""
    return [part.strip() for part in _LIST.split(value) if part.strip()]


def numbers(values: Sequence[str]) -> NDArray[np.float64]:
    """A column of numbers; missing ones are NaN."""
    return np.array([_number(value) for value in values], np.float64)


def _bare(value: str) -> str:
    """A number without the money that is written beside it, in ordinary digits: ¥1,280.00, 39.9元, ３９．９."""
    return _MONEY.sub("", unicodedata.normalize("NFKC", value).replace(" ", "")) if value else value


def _is_number(value: str) -> bool:
    return bool(_NUMBER.fullmatch(value)) and (value[-1:].isdigit() or value.endswith("%"))


def cell(value: object, name: str, kind: Kind) -> str:
    """A cell that a program or a person gave for column `name`, as the table would hold it.

    Raises `SkillError` for what is no single value, and for a word where the table holds numbers.
    """
    if value is not None and not isinstance(value, str | int | float):
        raise SkillError(f"“{name}”要是一个值。", f"'{name}' must be a single value.")
    told = "" if value is None else str(value).strip()
    told = "" if told.lower() in _MISSING else told
    if told and kind == "number" and not _is_number(_bare(told)):
        raise SkillError(f"“{name}”要是数，不是“{told[:20]}”。", f"'{name}' must be a number, not '{told[:20]}'.")
    return told


def _number(value: str) -> float:
    if not value:
        return np.nan
    plain = _bare(value).replace(",", "")
    return float(plain[:-1]) / 100 if plain.endswith("%") else float(plain)


def times(values: Sequence[str]) -> NDArray[np.float64] | None:
    """Seconds since 1970 of a column of moments; NaN where one is missing; None if they are none."""
    told = [value for value in values if value]
    if told and all(value.isdigit() and _EPOCH[0] < int(value[:10]) < _EPOCH[1] and len(value) in (9, 10, 13)
                    for value in told):  # fmt: skip
        return np.array([float(value) / (1000 if len(value) == 13 else 1) if value else np.nan for value in values])
    for form in _TIMES:
        try:
            return np.array([_moment(value, form) if value else np.nan for value in values])
        except ValueError:
            continue
    return None


def _moment(value: str, form: str) -> float:
    return datetime.strptime(value, form).replace(tzinfo=UTC).timestamp()
