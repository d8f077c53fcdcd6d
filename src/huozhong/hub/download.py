"""One file from a hub: resumed where it stopped, hashed while it streams, and kept only when it is right."""

from __future__ import annotations

import errno
import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from huozhong.errors import HubError
from huozhong.files import sync
from huozhong.hub.sources import Listing, RemoteFile, refusal

if TYPE_CHECKING:
    import httpx  # which takes 8 MB: where nothing is fetched, it is not imported

RETRIES = 5
LONGEST_WAIT = 300.0  # seconds; a hub that asks for more is told of, not waited for
_CHUNK = 2**20


class Watcher(Protocol):
    """Who is told how far it is."""

    def start(self, total: int) -> None:
        """`total` bytes are wanted."""

    def file(self, name: str) -> None:
        """Now it is this file's turn."""

    def advance(self, count: int) -> None:
        """`count` more bytes are here (fewer, when negative)."""

    def note(self, chinese: str, english: str) -> None:
        """Something that the user should know."""


class Unwatched:
    """Nobody is told."""

    def start(self, total: int) -> None: ...
    def file(self, name: str) -> None: ...
    def advance(self, count: int) -> None: ...
    def note(self, chinese: str, english: str) -> None: ...


class _Again(Exception):
    """The attempt broke off.  What has come so far is good, unless it is to be `discarded`.

    after: seconds that the hub asked to wait.
    """

    def __init__(self, reason: str, *, after: float | None = None, discarded: bool = False) -> None:
        super().__init__(reason)
        self.after = after
        self.discarded = discarded


class _WrongSize(Exception):
    """The hub has, or sends, another number of bytes than it listed."""


class _WrongHash(Exception):
    """All bytes are here and they are not the right ones."""


@dataclass
class Download:
    """Brings files of one listing into a folder.  sleep: how to wait between attempts."""

    client: httpx.Client
    listing: Listing
    folder: Path
    watcher: Watcher
    sleep: Callable[[float], None] = time.sleep
    _told: int = field(default=0, init=False)  # bytes of the file in hand that the watcher knows of

    def fetch(self, file: RemoteFile) -> str:
        """Bring `file` to `folder / file.name`; its SHA-256.  Raises `HubError`; a good part stays for next time."""
        part = part_path(self.folder, file)
        if file.key is None:
            part.unlink(missing_ok=True)  # nothing would show whether it is a part of the same content
        self._told = failures = 0
        while True:
            before = _size(part)
            try:
                digest = self._attempt(file, part)
                os.replace(part, self.folder / file.name)
                return digest
            except _Again as again:
                failures = 1 if _size(part) > before else failures + 1
                if again.discarded:
                    part.unlink(missing_ok=True)
                self._tell(_size(part))
                self._wait(file, again, failures)
            except (_WrongSize, _WrongHash) as wrong:
                part.unlink(missing_ok=True)
                self._tell(0)
                raise _wrong(file, wrong) from None
            except OSError as error:
                raise _disk(part, error) from None

    def _tell(self, here: int) -> None:
        if here != self._told:
            self.watcher.advance(here - self._told)
            self._told = here

    def _wait(self, file: RemoteFile, again: _Again, failures: int) -> None:
        title = self.listing.hub.title
        wait = float(2**failures) if again.after is None else again.after
        if failures > RETRIES or wait > LONGEST_WAIT:
            raise HubError(
                f"{title} 的连接断了（{file.name}：{again}）；已下载的部分保留着，请稍后再运行同一命令继续。",
                f"The connection to {title} broke ({file.name}: {again}); what has come is kept: run the same "
                "command again later.",
            )
        self.watcher.note(
            f"{file.name}：{again}，{wait:.0f} 秒后继续。", f"{file.name}: {again}; going on in {wait:.0f} s."
        )
        self.sleep(wait)

    def _attempt(self, file: RemoteFile, part: Path) -> str:
        """Fetch what is missing of `part`; the SHA-256 of the whole, which is right."""
        hashes = _Hashes(file)
        start = _size(part)
        if start > file.size:
            part.unlink()
            start = 0
        with open(part, "ab") as out:
            if start:
                with open(part, "rb") as old:
                    while piece := old.read(_CHUNK):
                        hashes.update(piece)
                        self._tell(max(self._told, old.tell()))
                self._tell(start)
            if start < file.size:
                self._stream(file, out, hashes, start)
            sync(out)
        if (size := _size(part)) != file.size:
            raise _Again(f"{size} / {file.size}")
        if not hashes.right(file):
            raise _WrongHash
        return hashes.sha256

    def _stream(self, file: RemoteFile, out: BinaryIO, hashes: _Hashes, start: int) -> None:
        import httpx

        address = self.listing.hub.address(self.listing, file)
        headers = {**self.listing.hub.headers, "Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        try:
            with self.client.stream("GET", address, headers=headers) as answer:
                if start and answer.status_code == 200:  # a server that takes no notice of Range
                    out.truncate(0)
                    hashes.reset()
                    start = 0
                    self._tell(0)
                self._check(file, answer, start)
                for piece in answer.iter_bytes():  # as it comes: what is held back is lost when it breaks
                    start += len(piece)
                    if start > file.size:
                        raise _WrongSize(f"> {file.size}")
                    out.write(piece)
                    hashes.update(piece)
                    self._tell(start)
        except httpx.TransportError as error:
            raise _Again(str(error) or type(error).__name__) from None
        except (httpx.TooManyRedirects, httpx.DecodingError, httpx.InvalidURL) as error:
            raise HubError(f"{file.name} 下载不了（{error}）。", f"{file.name} cannot be fetched ({error}).") from None

    def _check(self, file: RemoteFile, answer: httpx.Response, start: int) -> None:
        """That the answer is the wanted bytes of the wanted file."""
        status = answer.status_code
        if status == 429 or status >= 500:
            raise _Again(f"HTTP {status}", after=_retry_after(answer))
        if status == 416 or (status == 206 and not _begins_at(answer, start, file.size)):
            raise _Again(f"HTTP {status}", discarded=True)
        if status not in (200, 206):
            raise refusal(self.listing.hub, self.listing.repository, answer)
        length = answer.headers.get("Content-Length", "")
        plain = "Content-Encoding" not in answer.headers
        if plain and length.isdecimal() and int(length) != file.size - start:
            raise _WrongSize(str(int(length) + start))


def _wrong(file: RemoteFile, wrong: _WrongSize | _WrongHash) -> HubError:
    if isinstance(wrong, _WrongHash):
        return HubError(
            f"{file.name} 的校验和不对，下载的内容已删除；请再运行一次，或换 --from。",
            f"{file.name} has the wrong hash and was deleted; run the command again, or try another --from.",
        )
    return HubError(
        f"{file.name} 的大小不对（{wrong}，应为 {file.size} 字节），已删除；请再运行一次，或换 --from。",
        f"{file.name} has the wrong size ({wrong} instead of {file.size} bytes) and was deleted; run the command "
        "again, or try another --from.",
    )


def holds(path: Path, file: RemoteFile) -> bool:
    """Whether `path` has the content of `file`; False too when the hub tells no hash of it."""
    if file.key is None or _size(path) != file.size:
        return False
    hashes = _Hashes(file)
    with open(path, "rb") as content:
        while piece := content.read(_CHUNK):
            hashes.update(piece)
    return hashes.right(file)


class _Hashes:
    """SHA-256 of what has come, and git's own hash when that is what the hub tells."""

    def __init__(self, file: RemoteFile) -> None:
        self._file = file
        self.reset()

    def reset(self) -> None:
        self._sha256 = hashlib.sha256()
        # Git hashes "blob SIZE\0" and the content with SHA-1: no guard against forgery, but against damage.
        self._blob = hashlib.sha1(b"blob %d\0" % self._file.size, usedforsecurity=False)

    def update(self, piece: bytes) -> None:
        self._sha256.update(piece)
        if self._file.sha256 is None:
            self._blob.update(piece)

    def right(self, file: RemoteFile) -> bool:
        if file.sha256 is not None:
            return self.sha256 == file.sha256
        return file.blob is None or self._blob.hexdigest() == file.blob

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()


def part_path(folder: Path, file: RemoteFile) -> Path:
    """Where the unfinished content of `file` is kept; another content of the same name has another place."""
    return folder / f"{file.name}.{(file.key or 'unknown')[:16]}.part"


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _begins_at(answer: httpx.Response, start: int, size: int) -> bool:
    """Whether Content-Range is the rest of the file from `start`."""
    return answer.headers.get("Content-Range", "").replace(" ", "") in (
        f"bytes{start}-{size - 1}/{size}",
        f"bytes{start}-{size - 1}/*",
    )


def _retry_after(answer: httpx.Response) -> float | None:
    """Seconds, from a number or a date."""
    text = answer.headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError, IndexError):
        return None


def _disk(path: Path, error: OSError) -> HubError:
    if error.errno == errno.ENOSPC:
        return HubError(
            f"磁盘满了（{path.parent}）；腾出空间后再运行同一命令继续。",
            f"The disk is full ({path.parent}); make room and run the same command again to go on.",
        )
    return HubError(f"{path} 不能写（{error.strerror}）。", f"{path} cannot be written ({error.strerror}).")
