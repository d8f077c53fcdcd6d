"""Documents are read in a process of their own: a file that is made to take all memory or all time takes its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from huozhong.errors import DocumentError
from huozhong.memory.documents import read

SECONDS = 120  # for a book of a thousand pages that is plenty
MEMORY = 2 * 2**30  # bytes; where the system can hold a process to it


@dataclass(frozen=True)
class Document:
    """What a file holds.  kind: "text", "markdown", "html", "pdf", "docx" or "image".

    paged: its pages mean something to a reader.
    """

    kind: str
    paged: bool
    pages: tuple[str, ...]


def read_apart(name: str, data: bytes, *, seconds: float = SECONDS) -> Document:
    """The pages of a file.  DocumentError in one sentence for what cannot be read, takes too long or holds no text."""
    command = [sys.executable, "-I", "-c", _CHILD, *sys.path]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        out, problems = process.communicate(name.encode("utf-8", "replace") + b"\0" + data, timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise DocumentError(
            f"{name} 读了超过 {seconds:.0f} 秒还没读完；请只添加其中一部分。",
            f"{name} took longer than {seconds:.0f} seconds to read; add a part of it.",
        ) from None
    finally:
        process.kill()
    try:
        said = json.loads(out)
    except ValueError:
        if b"MemoryError" in problems or process.returncode in (-9, -6, -11):
            raise DocumentError(
                f"{name} 会占用过多内存，没有读。",
                f"{name} would take more memory than a document may; it was not read.",
            ) from None
        last = problems.decode("utf-8", "replace").strip().rpartition("\n")[2]
        why = last or f"exit status {process.returncode}"
        raise DocumentError(f"{name} 读不了（{why}）。", f"{name} cannot be read ({why}).") from None
    if "error" in said:
        raise DocumentError(*said["error"])
    document = Document(said["kind"], said["paged"], tuple(said["pages"]))
    if not any(page.strip() for page in document.pages):
        scanned = document.kind == "pdf"
        raise DocumentError(
            f"{name} 里没有文字；"
            + ("页面像是扫描的图片，或者字体没有说明是哪些字：请把页面存成图片再添加。" if scanned else "没有添加。"),
            f"{name} holds no text; "
            + (
                "its pages seem to be pictures, or its fonts do not say which characters they draw: add its "
                "pages as pictures."
                if scanned
                else "nothing was added."
            ),
        )
    return document


# The child's whole program.  -I keeps the caller's folder and variables out; what may be imported is handed on.
_CHILD = "import sys; sys.path[:] = sys.argv[1:]; from huozhong.memory.apart import child; child()"


def child() -> None:
    """What the process does: a name, a zero byte and the file's bytes come in, one JSON object goes out."""
    _bound_memory()
    name, _, data = sys.stdin.buffer.read().partition(b"\0")
    said = _read(name.decode("utf-8", "replace"), data)
    sys.stdout.buffer.write(json.dumps(said).encode())


def _read(name: str, data: bytes) -> dict[str, object]:
    try:
        kind, pages = read(name, data)
        return {"kind": kind.name, "paged": kind.paged, "pages": list(_sayable(pages))}
    except DocumentError as error:
        return {"error": [error.chinese, str(error)]}


def _sayable(pages: Iterator[str]) -> Iterator[str]:
    """Halves of characters, which some PDF files hold, cannot be stored."""
    for page in pages:
        yield page.encode("utf-8", "replace").decode()


def _bound_memory() -> None:
    try:
        import resource
    except ImportError:
        return  # Windows: the time limit alone holds
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = MEMORY if hard == resource.RLIM_INFINITY else min(MEMORY, hard)
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))
