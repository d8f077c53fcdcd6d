"""Packed weights of a model: packed once, memory-mapped afterwards.

Packing costs seconds (minutes for a large model), so its result is kept in one file, which later starts
memory-map in milliseconds (`packed_file.py`).
"""

from __future__ import annotations

import hashlib
import os
import warnings
from pathlib import Path
from typing import Any

from huozhong.engine.weights import packed_file
from huozhong.engine.weights.layout import Weights
from huozhong.engine.weights.packing import PACKED_FORMATS, PackedFormat, Progress, pack_weights
from huozhong.errors import ConfigError
from huozhong.formats.source import ModelSource, open_model


def load_weights(
    model: str | Path | ModelSource,
    quantization: PackedFormat | None = None,
    cache_dir: str | Path | None = None,
    progress: Progress | None = None,
) -> Weights:
    """Packed weights of a model: an open source, a Hugging Face folder or a .gguf file.

    quantization: None is "none" for GGUF and "q8" for folders.
    cache_dir: where packed weights are kept; None is `huozhong` in the user's cache folder (XDG_CACHE_HOME).
    Each model and quantisation has one file there, replaced when the model's files change (path, size or time).
    Where nothing can be written, they are packed in memory each time.
    progress: called with (bytes of the model that are packed, bytes of the model) where packing is needed.
    Raises CheckpointError, ConfigError.
    """
    source = open_model(model) if isinstance(model, str | Path) else model
    if quantization is None:
        quantization = "none" if source.kind == "gguf" else "q8"
    if quantization not in PACKED_FORMATS:
        names = ", ".join(PACKED_FORMATS)
        raise ConfigError(f"unknown quantization {quantization!r}; the quantizations are {names}.")
    fingerprint = source_fingerprint(source, quantization)
    path = _packed_path(source.path.resolve(), quantization, cache_dir)
    if (found := packed_file.read(path, fingerprint)) is not None:
        return found
    try:
        with packed_file.create(path, fingerprint) as file:
            file.finish(pack_weights(source, quantization, file.new, progress))
    except OSError as error:
        warnings.warn(f"packed weights cannot be kept in {path.parent}: {error}", stacklevel=2)
    return packed_file.read(path, fingerprint) or pack_weights(source, quantization, None, progress)


def forget_packed(path: Path, cache_dir: str | Path | None = None) -> int:
    """Delete what was packed from the model that lies, or lay, at `path` (resolved); the bytes that are free again."""
    freed = 0
    for quantization in PACKED_FORMATS:
        packed = _packed_path(path, quantization, cache_dir)
        if packed.is_file():
            freed += packed.stat().st_size
            packed.unlink()
    return freed


def _packed_path(resolved: Path, quantization: str, cache_dir: str | Path | None) -> Path:
    """Where a model's packed weights are kept: its own name, and a hash of its place to tell it from others."""
    folder = default_cache_dir() if cache_dir is None else Path(cache_dir)
    place = hashlib.sha256(str(resolved).encode()).hexdigest()[:12]
    return folder / f"{resolved.name}-{place}-{quantization}.packed"


def default_cache_dir() -> Path:
    """`huozhong` in the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "huozhong"


def source_fingerprint(source: ModelSource, quantization: str) -> dict[str, Any]:
    """What packed weights, and all computed with them, depend on: the files as they are now, and the quantisation."""
    resolved = source.path.resolve()
    return {
        "path": str(resolved),
        "format": quantization,
        "files": [[f.name, f.stat().st_size, f.stat().st_mtime_ns] for f in source.files()],
    }
