"""Bytes of people's files as text."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from huozhong.errors import DataError
from huozhong.text.plain import decoded, files_below, kind, mended, read_text

SIMPLIFIED = "春天来了，学生们在学校门口说着话。他问：“几点开门？”"
TRADITIONAL = "春天來了，學生們在學校門口說著話。他問：「幾點開門？」"


@pytest.mark.parametrize(("text", "encoding"), [
    (SIMPLIFIED, "utf-8"), (SIMPLIFIED, "utf-8-sig"), (SIMPLIFIED, "utf-16"), (SIMPLIFIED, "utf-32"),
    (SIMPLIFIED, "gbk"),
    (SIMPLIFIED, "gb18030"), (TRADITIONAL, "gbk"), (TRADITIONAL, "big5"), (TRADITIONAL, "utf-8"), ("plain", "ascii"),
])  # fmt: skip
def test_the_encoding_is_found(text: str, encoding: str) -> None:
    assert decoded(text.encode(encoding)) == text


def test_what_is_no_text_is_none() -> None:
    assert decoded(b"\x89PNG\r\n\x1a\n\0\0") is None
    assert decoded(bytes(range(1, 256)) * 3) is None
    assert decoded("한국어 문장입니다".encode("euc-kr")) is None  # better no text than another one
    assert decoded("これは日本語です".encode("shift-jis")) is None
    assert decoded(b"") == ""


def test_files_are_read_with_one_kind_of_line_end(tmp_path: Path) -> None:
    (tmp_path / "a.TXT.GZ").write_bytes(gzip.compress("甲\r\n乙\r丙\n".encode()))
    assert kind(tmp_path / "a.TXT.GZ") == ".txt"
    assert read_text(tmp_path / "a.TXT.GZ") == "甲\n乙\n丙\n"
    (tmp_path / "b.txt.gz").write_bytes(b"no gzip")
    for name in ("b.txt.gz", "nowhere.txt"):
        with pytest.raises(DataError, match="cannot be read"):
            read_text(tmp_path / name)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (f"a\n{SIMPLIFIED}".encode()[:-1], "is UTF-8 up to line 2, which ends in the middle of a character"),
        (f"{SIMPLIFIED}\n\n".encode() + b"\xff\n" + SIMPLIFIED.encode(), "line 3, which holds a byte that is not"),
        ("naïve café".encode("latin-1"), "is not text in UTF-8, UTF-16, GB18030 or Big5"),
        (f"{SIMPLIFIED}\0".encode() + b"\xff", "is not text in"),
    ],
)
def test_what_is_wrong_with_a_text_is_said(data: bytes, why: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(data)
    with pytest.raises(DataError, match=why):
        read_text(tmp_path / "a.txt")


def test_hidden_files_are_passed_over_and_told(tmp_path: Path) -> None:
    for name in ("a.txt", "sub/b.MD", ".git/c.txt", "sub/._b.MD", "d.pdf", "e.pdf", "LICENSE"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    found, passed = files_below(tmp_path, (".txt", ".md"))
    assert [file.name for file in found] == ["a.txt", "b.MD"]
    assert passed == [
        f"{tmp_path}: ._b.MD, .git (hidden)", f"{tmp_path}: 2 × .pdf, 1 × LICENSE (other kinds of files)"
    ]  # fmt: skip


CHAPTER = "母猪怀孕一百一十四天，注意通风。" * 50


@pytest.mark.parametrize(
    ("data", "begins", "damaged"),
    [
        (CHAPTER.encode()[:-1], CHAPTER[:20], 1),
        (CHAPTER.encode("gbk") + b"\xff" + CHAPTER.encode("gbk"), CHAPTER[:20], 1),
        ("Don’t go to the café.".encode("cp1252"), "Don’t go to the café.", 0),
    ],
)
def test_what_is_mended(data: bytes, begins: str, damaged: int) -> None:
    assert decoded(data) is None
    text = mended(data)
    assert text is not None
    assert text.startswith(begins)
    assert 0 <= text.count("\ufffd") - damaged <= 1


@pytest.mark.parametrize("data", [b"\0\1\2", bytes(range(1, 256)) * 4, b"\xe4\x81\xff" * 100, b""])
def test_what_is_not_mended(data: bytes) -> None:
    assert mended(data) is None
