"""The store of prompt pages that belongs to a model as it is run: nobody else's pages may be read into its cache."""

from __future__ import annotations

from pathlib import Path

from huozhong.engine.cache.prefixes import PrefixStore, fingerprint
from huozhong.engine.kernels import arithmetic
from huozhong.engine.runner import Runner
from huozhong.engine.weights.load import source_fingerprint
from huozhong.formats.source import ModelSource


def open_prefixes(folder: Path, capacity: int, runner: Runner, source: ModelSource) -> PrefixStore | None:
    """None where the store could not hold a single page.  Its pages are of exactly this model and format."""
    page_bytes = runner.cache.pages.shape[0] * runner.page_bytes
    if capacity < 2 * page_bytes:
        return None
    name = fingerprint(
        {
            "weights": source_fingerprint(source, runner.weights.format),
            "architecture": repr(runner.architecture),
            "arithmetic": arithmetic(),
            "cache": runner.cache.format,
            "page_size": runner.page_size,
            "page_bytes": page_bytes,
        }
        | {f"drafter {i}": module.mark for i, module in enumerate(runner.weights.prediction) if module.mark}
    )
    return PrefixStore(folder, name, page_bytes, capacity)
