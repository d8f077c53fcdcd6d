"""Prompt pages on disk, so that a long prefix (a system prompt, a book) is not computed again after a restart.

One file per page, `<folder>/<fingerprint>/<digest>.page`: the digest says which tokens (from the first of the
text to the page's last), the fingerprint of which model, format, kernels and page layout, since bits differ
between those.  The folder holds at most `capacity` bytes, all models together; the longest unused goes first.

A file is written under another name and renamed, without fsync and so not by `huozhong.files`: after a power cut it
may be empty or torn, and then its length or checksum is wrong, and it counts as absent and is deleted.  A lost page
costs its computation, a sync per page would cost every user's disk.  Several processes may share a folder: names say
the content, renaming is atomic, and a file that another process has deleted is simply absent.

Reading and writing happen on one thread of their own; the step thread only looks whether a page has arrived.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import shutil
import struct
import tempfile
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

ENGINE_VERSION = 2  # raise it when a change to the engine changes bits
DEFAULT_BYTES = 2 << 30
DEFAULT_SHARE = 0.05  # of the free disk
_HEADER = struct.Struct("<8s16sQ16s")  # magic, digest, length, checksum
_MAGIC = b"HZPAGE01"
_QUEUE_BYTES = 64 << 20  # copied pages that wait to be written; more are not taken
PATIENCE_SECONDS = 1.0  # for one page: a sleeping disk, a network folder that hangs
_READ_AHEAD = 16  # pages that were read and wait for the step thread
_KNOWN = 8192  # digests (200 bytes each) remembered as stored, so that the newest are not looked up on the disk
_STALE_SECONDS = 3600.0  # a temporary file as old as this belongs to a process that died


def fingerprint(parts: Mapping[str, Any]) -> str:
    """A folder name for everything that decides a page's bits."""
    text = json.dumps({"engine": ENGINE_VERSION} | dict(parts), sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def default_capacity(folder: Path) -> int:
    """Bytes a store in `folder` may take: 2 GiB, but no more than 5% of the free disk."""
    while not folder.exists():
        folder = folder.parent
    return min(DEFAULT_BYTES, int(DEFAULT_SHARE * shutil.disk_usage(folder).free))


class Load:
    """Pages on their way from the disk, in order.  `arrived` grows; `ended`: no more will come."""

    def __init__(self, digests: list[bytes]) -> None:
        self.digests = digests
        self.arrived: deque[tuple[bytes, bytes]] = deque()
        self.ended = False
        self.cancelled = False
        self.last_seen = time.monotonic()  # when it began, or a page arrived

    @property
    def is_late(self) -> bool:
        """Whether the disk has been silent for so long that computing is surer."""
        return not self.arrived and not self.ended and time.monotonic() - self.last_seen > PATIENCE_SECONDS


class PrefixStore:
    """Pages of one model in a folder that several models and processes share.

    page_bytes: the exact size of a page; a file of another size is damaged.
    Never raises for what the disk does: a page that cannot be written or read is absent, and the log says so.
    """

    def __init__(self, folder: Path, name: str, page_bytes: int, capacity: int) -> None:
        self._root, self._folder = folder, folder / name
        self._page_bytes, self._capacity = page_bytes, capacity
        self._known: OrderedDict[bytes, None] = OrderedDict()
        self._work = threading.Condition()
        self._writes: deque[tuple[bytes, bytes]] = deque()
        self._loads: deque[Load] = deque()
        self._queued_bytes = 0
        self._stored_bytes: int | None = None  # of the whole folder, as last counted
        self._closing = False
        self._busy = False
        self.pages_written = self.pages_read = self.pages_damaged = 0
        self._thread: threading.Thread | None = None

    # -- from the step thread --------------------------------------------------------------------

    def has(self, digest: bytes) -> bool:
        """Whether there is a file (which may yet turn out to be damaged)."""
        return digest in self._known or self._path(digest).exists()

    def load(self, digests: list[bytes]) -> Load | None:
        """Begin to read the longest stored beginning of `digests`; None if not even the first is there."""
        count = 0
        while count < len(digests) and self.has(digests[count]):
            count += 1
        if count == 0:
            return None
        load = Load(digests[:count])
        with self._work:
            self._loads.append(load)
            self._wake()
        return load

    def save(self, digest: bytes, data: bytes) -> None:
        """Queue a page to be written.  The caller asks `has_room` first."""
        with self._work:
            self._remember(digest)
            self._writes.append((digest, data))
            self._queued_bytes += len(data)
            self._wake()

    @property
    def has_room(self) -> bool:
        """Whether another page may be queued for writing."""
        return self._queued_bytes + self._page_bytes <= _QUEUE_BYTES or not self._writes

    def wait(self, seconds: float) -> None:
        """Sleep until a page has arrived, a write is done, or so long."""
        with self._work:
            if self._loads or self._writes or self._busy:
                self._work.wait(seconds)

    def close(self, seconds: float = 5.0) -> None:
        """Write what is queued, for at most so long, and end the thread."""
        with self._work:
            thread = self._thread
            deadline = time.monotonic() + seconds
            while (self._writes or self._busy) and (left := deadline - time.monotonic()) > 0:
                self._work.wait(left)
            self._closing = True
            self._work.notify_all()
        if thread is not None:
            thread.join()

    # -- the disk's thread -----------------------------------------------------------------------

    def _wake(self) -> None:
        if self._thread is None and not self._closing:
            self._thread = threading.Thread(target=self._run, name="huozhong-prefixes", daemon=True)
            self._thread.start()
        self._work.notify_all()

    def _run(self) -> None:
        while True:
            with self._work:
                self._busy = False
                self._work.notify_all()
                while not (self._loads or self._writes or self._closing):
                    self._work.wait()
                if self._closing:
                    for left in self._loads:
                        left.ended = True
                    return
                load = self._loads.popleft() if self._loads else None  # someone waits for reads
                write = None if load else self._writes.popleft()
                self._busy = True
            if load is not None:
                self._read_all(load)
            elif write is not None:
                self._write(*write)
                with self._work:
                    self._queued_bytes -= len(write[1])

    def _read_all(self, load: Load) -> None:
        for digest in load.digests:
            data = None if load.cancelled or self._closing else self._read(digest)
            if data is None:
                break
            with self._work:
                while len(load.arrived) >= _READ_AHEAD and not (load.cancelled or self._closing):
                    self._work.wait(0.05)
                load.arrived.append((digest, data))
                load.last_seen = time.monotonic()
                self._work.notify_all()
        with self._work:
            load.ended = True
            self._work.notify_all()
        with contextlib.suppress(OSError):  # used now: a prefix is used as a whole
            for digest in load.digests:
                os.utime(self._path(digest))

    def _read(self, digest: bytes) -> bytes | None:
        path = self._path(digest)
        try:
            with path.open("rb") as file:
                header = file.read(_HEADER.size)
                data = file.read(self._page_bytes + 1)
        except FileNotFoundError:
            self._forget(digest)
            return None
        except OSError as error:
            log.warning("a stored prompt page cannot be read: %s", error)
            self._forget(digest)
            return None
        if header == self._header(digest, data) and len(data) == self._page_bytes:
            self.pages_read += 1
            return data
        self.pages_damaged += 1
        self._forget(digest)
        with contextlib.suppress(OSError):
            path.unlink()
        return None

    def _write(self, digest: bytes, data: bytes) -> None:
        path = self._path(digest)
        size = _HEADER.size + len(data)
        if path.exists() or size > self._capacity:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._make_room(size)
            handle, temporary = tempfile.mkstemp(dir=self._folder, suffix=".new")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(self._header(digest, data))
                    file.write(data)
                os.replace(temporary, path)
            except BaseException:
                Path(temporary).unlink(missing_ok=True)
                raise
            self.pages_written += 1
        except OSError as error:
            log.warning("a prompt page cannot be stored: %s", error)
            self._forget(digest)

    def _make_room(self, size: int) -> None:
        """Keep the whole folder within its capacity; it is counted afresh whenever it seems full."""
        if self._stored_bytes is not None and self._stored_bytes + size <= self._capacity:
            self._stored_bytes += size
            return
        files = []
        now = time.time()
        for path in [*self._root.glob("*/*.page"), *self._root.glob("*/*.new")]:
            with contextlib.suppress(OSError):
                status = path.stat()
                if path.suffix == ".new" and now - status.st_mtime > _STALE_SECONDS:
                    path.unlink()
                    continue
                files.append((status.st_mtime, status.st_size, path))
        total = sum(bytes for _, bytes, _ in files)
        if total + size > self._capacity:  # a tenth more than needed, so that counting is rare
            for _, bytes, path in sorted(files):
                if total + size <= 0.9 * self._capacity:
                    break
                with contextlib.suppress(OSError):
                    path.unlink()
                total -= bytes
            with self._work:
                self._known.clear()
        self._stored_bytes = total + size

    def _path(self, digest: bytes) -> Path:
        return self._folder / f"{digest.hex()}.page"

    @staticmethod
    def _header(digest: bytes, data: bytes) -> bytes:
        checksum = hashlib.blake2b(data, digest_size=16).digest()
        return _HEADER.pack(_MAGIC, digest, len(data), checksum)

    def _remember(self, digest: bytes) -> None:
        self._known[digest] = None
        if len(self._known) > _KNOWN:
            self._known.popitem(last=False)

    def _forget(self, digest: bytes) -> None:
        with self._work:
            self._known.pop(digest, None)
