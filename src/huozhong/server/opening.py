"""How the models of a shelf are opened, and what can be told of one that is not."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from huozhong.cost import Meter
from huozhong.engine.llm import LLM
from huozhong.engine.options import checked_context
from huozhong.errors import RequestError
from huozhong.formats import installed
from huozhong.formats.dspark import belongs
from huozhong.formats.ready import check_words
from huozhong.formats.resolve import BUILT_IN, built_in_names
from huozhong.formats.source import ModelSource, open_model
from huozhong.model.architecture import Architecture
from huozhong.model.footprint import Packing, cache_bytes, footprint
from huozhong.text.template import ChatTemplate

log = logging.getLogger("huozhong.server")

OVERHEAD = 64 * 2**20  # bytes of an engine beside weights and cache
Signature = tuple[tuple[str, int, int, int], ...]
_CACHED_TOKENS = 4096  # that a model is counted with


@dataclass(frozen=True)
class About:
    """A model that may lie on the disk only.

    parameters: how many numbers it has.  context: tokens.  template: None for one that only continues texts.
    """

    architecture: Architecture
    parameters: int
    quantization: str
    context: int
    template: ChatTemplate | None


@dataclass(frozen=True)
class Opening:
    """How models are opened.

    options: what `LLM` is told for each; a context that is too long for one is cut.  meter: makes what prices a model's
    energy: each has its own, since a meter runs while its engine does.
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    meter: Callable[[], Meter] = Meter

    def open(self, path: Path, progress: Callable[[int, int], None]) -> LLM:
        """The model at `path`, loaded.  progress: of its weights' packing, as `LLM`'s.  Raises what `LLM` does.

        The log tells in a sentence of what was given or is in its files and is not used.
        """
        options = dict(self.options)
        source = open_model(path)
        options["max_context"] = context = self._context(source)
        if options.get("cache_tokens") is not None:
            options["cache_tokens"] = max(options["cache_tokens"], context)
        if options.get("draft") is not None and not belongs(options["draft"], source):
            name, options["draft"] = installed.name_of(source.path), None
            log.warning(  # it belongs to the model that the server was started with
                "%s：--draft 给的小网络是给别的模型训练的，这里不用它；回答不变。 / %s: the drafter of --draft was "
                "trained for another model and is not used; answers are the same.", name, name,
            )  # fmt: skip
        llm = LLM(path, progress=progress, meter=self.meter(), **options)
        if llm.left_out is not None:
            log.warning("%s：%s / %s: %s", llm.name, llm.left_out[0], llm.name, llm.left_out[1])
        return llm

    def memory(self, path: Path) -> int:
        """About how many bytes the model at `path` takes: its weights, and the cache of 4,096 tokens."""
        source = open_model(path)
        asked = self._quantization(source)
        packing: Packing = "stored" if asked == "none" else "q4" if asked == "q4" else "q8"
        return footprint(source).memory[packing] + cache_bytes(source.architecture, _CACHED_TOKENS) + OVERHEAD

    def about(self, path: Path) -> About:
        """What the model at `path` is, without loading its weights.  Raises what opening and its words can."""
        source = open_model(path)
        quantization, context = self._quantization(source), self._context(source)
        return About(source.architecture, footprint(source).total, quantization, context, check_words(source))

    def _quantization(self, source: ModelSource) -> str:
        return str(self.options.get("quantization") or ("none" if source.kind == "gguf" else "q8"))

    def _context(self, source: ModelSource) -> int:
        limit, asked = source.architecture.max_position_embeddings, self.options.get("max_context")
        return checked_context(None if asked is None else min(asked, limit), limit)


def on_this_machine() -> list[tuple[str, Path]]:
    """What came with the program, then what was brought here: names and places."""
    stored = [(installed.name_of(folder), folder) for folder in installed.stored_folders()]
    return [(name, BUILT_IN / name) for name in built_in_names()] + stored


def signature_of(path: Path) -> Signature | None:
    """What tells a model's files from others: names, sizes, times and inodes; None when the model is gone.

    Every request asks, so it is the cheapest way to ask.
    """
    try:
        with os.scandir(path) as entries:
            stats = [(e.name, e.stat()) for e in entries if not e.name.startswith(".") and e.is_file()]
    except NotADirectoryError:
        stats = []
        with contextlib.suppress(OSError):
            stats = [(path.name, path.stat())]
    except OSError:
        return None
    return tuple(sorted((name, s.st_size, s.st_mtime_ns, s.st_ino) for name, s in stats)) or None


def no_room(name: str, wanted: int, free: int, busy: list[str]) -> RequestError:
    """What is said of a model that does not fit into memory.  wanted, free: bytes.  busy: what cannot give way."""
    others = f" while {', '.join(busy)} is answering" if busy else ""
    return RequestError(
        f"Model {name!r} takes about {wanted / 1e9:.1f} GB and {max(free, 0) / 1e9:.1f} GB of memory are free"
        f"{others}; " + ("ask again later, or choose a smaller model." if busy else "choose a smaller model."),
        param="model",
        code="no_memory",
    )
