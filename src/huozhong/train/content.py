"""What a model folder or file holds, as a short hash: a run goes on only from what it began with, whatever its name."""

from __future__ import annotations

import hashlib
from pathlib import Path

from huozhong.errors import CheckpointError

_DECISIVE = (".safetensors", ".json", ".jinja", ".gguf", ".model")  # others are read by people
_AT_ONCE = 1 << 22


def content_of(path: Path) -> str:
    """Of the files that make up the model or adapter at `path`.  Raises CheckpointError when one cannot be read."""
    files = [path]
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix in _DECISIVE and not file.name.startswith("."))
    whole = hashlib.blake2b(digest_size=12)
    for file in files:
        one = hashlib.blake2b(digest_size=32)
        try:
            with open(file, "rb") as stream:
                while piece := stream.read(_AT_ONCE):
                    one.update(piece)
        except OSError as error:
            raise CheckpointError(f"{file} cannot be read: {error.strerror}.") from None
        name = file.name if path.is_dir() else ""
        whole.update(f"{name}\0{one.hexdigest()}\0".encode())
    return whole.hexdigest()
