"""Plain text as it lies on people's disks: which files of a folder are text, and in which encoding.

UTF-8, UTF-16 and UTF-32 with their marks, GB18030 (with GBK and GB 2312) and Big5.  The last two decode each other's
bytes to characters that hardly occur, so the one that gives more of the common characters is the right one.
"""

from __future__ import annotations

import codecs
import gzip
import lzma
import re
import zlib
from pathlib import Path
from typing import Any

from huozhong.errors import DataError

PACKED: dict[str, Any] = {".xz": lzma.open, ".gz": gzip.open}
_MARK = "\ufeff"
# Of the most frequent characters of Chinese, in both scripts; they are half of what anybody writes.
_COMMON = frozenset(
    "的一是不了在人有我他这中大来上国个到说们为子和你地出道也时年得就那要下以生会自着去之过家学对可里后小么心多天而能"
    "好都然没日于起还发成事只作当想看文无开手用主行方又如前所本见经头面公同三已老从动两长知民样现分将外但身些与高意问点几题答什吗呢给让从把被比"
    "進這來國個說們為時會著過學對裡後麼沒於還發當開無經頭動兩長樣現將與點實問話關應種書氣體"
    "，。、；：？！“”「」（）《》0123456789 \n"
)
_SCORED = 20_000  # characters that decide
_LEAST = 0.15  # of them that are common in a real text


def kind(file: Path) -> str:
    """The ending that says what is inside, in small letters, that of a compressed file aside."""
    return Path(file.stem).suffix.lower() if file.suffix.lower() in PACKED else file.suffix.lower()


def files_below(folder: Path, kinds: tuple[str, ...]) -> tuple[list[Path], list[str]]:
    """The files of these kinds, and what was passed over and why, for people to read.

    Hidden files and folders are not what anybody wrote: .git, macOS's ._ shadows and .DS_Store, __MACOSX.
    """
    found: list[Path] = []
    hidden, others = set[str](), dict[str, int]()
    for file in sorted(folder.rglob("*")):
        parts = file.relative_to(folder).parts
        if shadow := next((part for part in parts if part.startswith(".") or part == "__MACOSX"), None):
            hidden.add(shadow)
        elif file.is_file() and kind(file) in kinds:
            found.append(file)
        elif file.is_file():
            others[file.suffix or file.name] = others.get(file.suffix or file.name, 0) + 1
    passed = [f"{folder}: {', '.join(sorted(hidden)[:5])} (hidden)"] if hidden else []
    if others:
        named = ", ".join(f"{count} × {ending}" for ending, count in sorted(others.items())[:8])
        passed.append(f"{folder}: {named} (other kinds of files)")
    return found, passed


def read_text(file: Path) -> str:
    """The whole text, with line ends as \\n.  Raises DataError for a file that cannot be read or is no text."""
    try:
        with PACKED.get(file.suffix.lower(), open)(file, "rb") as stream:
            data: bytes = stream.read()
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror or error}") from error
    except (EOFError, lzma.LZMAError, zlib.error) as error:
        raise DataError(f"{file} cannot be read: {error}") from error
    text = decoded(data)
    if text is None:
        raise DataError(f"{file} {_why_not(data)}")
    return re.sub("\r\n?", "\n", text)


def _why_not(data: bytes) -> str:
    """What is wrong with bytes that are no text, for the end of a sentence."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        if b"\0" not in data and not data[: error.start].isascii():  # UTF-8 to here: damaged, not of another encoding
            line = data.count(b"\n", 0, error.start) + 1
            cut = error.end == len(data) and error.reason == "unexpected end of data"
            found = "ends in the middle of a character; copy it again" if cut else "holds a byte that is not; mend it"
            return f"is UTF-8 up to line {line}, which {found}"
    return "is not text in UTF-8, UTF-16, GB18030 or Big5; save it as UTF-8"


def decoded(data: bytes) -> str | None:
    """Bytes as text, without a mark at its beginning; None when they are no text in any encoding that is known here."""
    if data.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):  # the first begins as UTF-16's mark does
        return _strictly(data, "utf-32")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _strictly(data, "utf-16")
    if b"\0" in data:
        return None
    text = _strictly(data, "utf-8")
    if text is not None:
        return text.removeprefix(_MARK)
    scored = [
        (common_share(text), text) for name in ("gb18030", "cp950") if (text := _strictly(data, name)) is not None
    ]
    best = max(scored, default=(0.0, None), key=lambda pair: pair[0])
    return best[1] if best[0] >= _LEAST else None


def mended(data: bytes) -> str | None:
    """Text that `decoded` does not take: of which a few bytes are damaged, as copied and cut files have them, with a
    mark in their places, or of Western Europe, as older Windows wrote it.

    None where it is neither, and where more than one character in a hundred is damaged.  What nobody's eyes go over,
    such as what a model is trained on, should not be mended.
    """
    if b"\0" in data:
        return None
    for name in ("utf-8", "gb18030", "cp950"):
        text = data.decode(name, "replace").removeprefix(_MARK)
        damaged = text.count("\ufffd")
        whole = sum(not c.isascii() for c in text) - damaged
        if (
            damaged <= max(1, len(text) // 100)
            and damaged < whole
            and (name == "utf-8" or common_share(text) >= _LEAST)
        ):
            return text
    text = _strictly(data, "cp1252") or ""
    foreign = sum(not c.isascii() for c in text)
    is_prose = text.isprintable() or not any(ord(c) < 32 and c not in "\t\n\f\r" for c in text)
    return text if text and is_prose and foreign * 8 <= len(text) else None


def _strictly(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return None


def common_share(text: str) -> float:
    """How much of what is not plain ASCII is common in Chinese; 0 where there is nothing of the kind."""
    some = [c for c in text[: 4 * _SCORED] if not c.isascii()][:_SCORED]
    return sum(c in _COMMON for c in some) / max(1, len(some))
