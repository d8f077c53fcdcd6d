"""The vectors that people keep in this house: files of their own, opened when asked for, closed when many are open."""

from __future__ import annotations

import re
import shutil
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from huozhong.errors import DataError, RequestError
from huozhong.memory.vectors import Vectors

MOST_OPEN = 8  # at 64 MB for a million vectors
MOST_NAMES = 50  # of one person
MOST_VECTORS = 1_000_000  # in one collection
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Collections:
    """Everybody's vectors below one folder, a folder a person.  Safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: OrderedDict[Path, Vectors] = OrderedDict()
        self._lock = threading.RLock()

    @contextmanager
    def held(self, person: int, name: str, *, dim: int, space: str, new: bool) -> Iterator[Vectors]:
        """A person's vectors of a name, for as long as the block takes.

        new: they are made if they are not there; `RequestError` (not_found) otherwise.
        """
        path = self._path(person, name)
        with self._lock:
            if not path.exists():
                if not new:
                    raise _not_found(name)
                if len(self.names(person)) >= MOST_NAMES:
                    raise RequestError(f"There are {MOST_NAMES} collections of yours; delete one first.", param="name")
            yield self._opened(path, dim, space)

    def _opened(self, path: Path, dim: int, space: str) -> Vectors:
        vectors = self._open.pop(path, None)
        if vectors is not None and (vectors.dim, vectors.space) != (dim, space):
            vectors.close()
            vectors = None  # opening says what does not fit
        if vectors is None:
            try:
                vectors = Vectors.open(path, dim=dim, space=space)
            except DataError as error:
                raise RequestError(str(error), param="model", code="conflict") from None
        self._open[path] = vectors
        while len(self._open) > MOST_OPEN:
            self._open.popitem(last=False)[1].close()
        return vectors

    def names(self, person: int) -> list[str]:
        return sorted(file.stem for file in self._home(person).glob("*.vectors"))

    def delete(self, person: int, name: str) -> None:
        """RequestError (not_found) if there are none of that name."""
        path = self._path(person, name)
        with self._lock:
            if not path.exists():
                raise _not_found(name)
            if path in self._open:
                self._open.pop(path).close()
            path.unlink()

    def delete_all(self, person: int) -> None:
        """Whatever a person kept, when they go."""
        with self._lock:
            for name in self.names(person):
                self.delete(person, name)
            shutil.rmtree(self._home(person), ignore_errors=True)

    def close(self) -> None:
        with self._lock:
            while self._open:
                self._open.popitem()[1].close()

    def _home(self, person: int) -> Path:
        return self._folder / str(person)

    def _path(self, person: int, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise RequestError("A collection's name has 1 to 64 letters, digits, - and _.", param="name")
        return self._home(person) / f"{name}.vectors"


def _not_found(name: str) -> RequestError:
    return RequestError(f"There is no collection '{name}' of yours.", param="name", code="not_found")
