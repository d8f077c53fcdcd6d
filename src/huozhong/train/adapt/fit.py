"""Which way of adapting fits this machine's memory: counted before anything is loaded.

LoRA with the base in bfloat16 (a small one in the arithmetic's own numbers) where there is room; else the base in 8,
then 4 bits; and rather fewer bits than blocks computed twice, because that costs a third of the time.  Of a very small
model all of it is trained: there adapters need more than twice the epochs for the same facts, and forget more of the
rest (docs/log/adapting.md); and so of the layers that learn, where only the upper ones do and they are as small.  Few
examples are taught to the upper third of a model whose upper third is small.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from huozhong.errors import ConfigError
from huozhong.formats.hf.view import HuggingFaceView
from huozhong.model.architecture import Architecture, LatentAttention
from huozhong.model.documents import SHORT
from huozhong.model.families import check_trainable, layer_of
from huozhong.model.frozen import BYTES_PER_WEIGHT, GROUP, Storage

Method = Literal["auto", "lora", "qlora", "full"]
SMALL = 50 * 10**6  # parameters of a model that is trained whole
WIDE = 400 * 10**6  # parameters of a model whose frozen matrices stay in float32 where that is the arithmetic
PROGRAM = 450 * 10**6  # bytes of Python, torch and the tokenizer
LOGITS = 3 * (64 << 20)  # a piece of the logits, its softmax and its gradient
ROW_TOKENS = (1024, 512, 256)  # tokens that go through the model at once, where memory allows
_TABLES = ("model.embed_tokens.weight", "lm_head.weight")


@dataclass(frozen=True)
class Fit:
    """How to train.  storage: of the frozen base, None when all is trained.  bytes: memory at the worst moment.
    still: so many layers from below do not learn.
    """

    method: Literal["lora", "full"]
    storage: Storage | None
    row_tokens: int
    recompute: bool
    bytes: int
    trained: int
    still: int = 0

    @property
    def name(self) -> str:
        """As people call it: full, LoRA, or QLoRA with its bits."""
        if self.storage is None:
            return "full"
        return "LoRA" if self.storage in ("bfloat16", "float32") else f"QLoRA ({self.storage[1:]} bit)"


def choose_fit(
    view: HuggingFaceView,
    method: Method,
    *,
    bits: Literal[4, 8] | None,
    rank: int,
    longest: int,
    dtype_bytes: int,
    memory: int | None,
    whole: bool = False,
    layers: int | None = None,
    kept: int = 0,
) -> Fit:
    """The best way that fits.

    whole: "auto" may train all of a small model, or of few upper layers.  layers: so many upper ones learn, None: all.
    kept: bytes that are kept of what the others make of the examples.
    longest: tokens of the longest row that cannot be cut.  dtype_bytes: of the arithmetic.  memory: bytes there are,
    None when unknown (then the first choice is taken).  Raises ConfigError when nothing fits.
    """
    check_trainable(view.architecture)
    still = _still(view.architecture, layers)
    sizes = [size for size in ROW_TOKENS if size > longest] or [longest]
    whole = whole and method == "auto" and bits is None and count_trained(view, still) <= SMALL
    # a small model's products need not wait for its numbers to be widened, twice for each row
    as_it_is = dtype_bytes == 4 and count_trained(view) <= WIDE
    # every row unpacks the whole base twice, so rows of one example come last
    ways = [
        _fit(view, storage, rows, recompute, rank, dtype_bytes, still, kept if still else 0)
        for some in (sizes, [longest])
        for chosen in (["full", method] if whole else [method])
        for storage, recompute in _ways(chosen, bits, as_it_is)
        for rows in some
    ]
    if memory is None:
        return ways[0]
    for way in ways:
        if way.bytes <= 0.9 * memory:
            return way
    least = min(ways, key=lambda way: way.bytes)
    advice = "close other programs, or take a smaller model"
    if method != "qlora" and not (method == "auto" and bits is None):
        advice = f"{advice}, or --method qlora"
    raise ConfigError(
        f"this needs about {least.bytes / 1e9:.1f} GB of memory even at its smallest ({least.name}), and "
        f"{memory / 1e9:.1f} GB are free: {advice}."
    )


def upper_third(view: HuggingFaceView) -> int | None:
    """So many upper layers are better taught alone when examples are few; None: all of them are.

    The same facts take a fifth of the time there, because what lies below is worked out once (docs/log/adapting.md).
    """
    check_trainable(view.architecture)
    layers = view.architecture.num_layers
    upper = max(1, layers // 3)
    return upper if count_trained(view) > SMALL >= count_trained(view, layers - upper) else None


def _still(a: Architecture, layers: int | None) -> int:
    if layers is None:
        return 0
    if not 1 <= layers <= a.num_layers:
        raise ConfigError(f"--layers is {layers}; the model has {a.num_layers}, of which the upper ones can learn.")
    return a.num_layers - layers


def _ways(method: Method, bits: int | None, as_it_is: bool) -> Iterator[tuple[Storage | None, bool]]:
    if method == "full":
        yield from ((None, False), (None, True))
        return
    small: list[Storage] = ["q8", "q4"] if bits is None else ["q8"] if bits == 8 else ["q4"]
    wide: list[Storage] = ["float32" if as_it_is else "bfloat16"]
    storages = wide if method == "lora" else small if method == "qlora" or bits is not None else wide + small
    rough: list[Storage] = [s for s in storages if s == "q4"]
    yield from ((s, recompute) for recompute in (False, True) for s in storages if s not in rough)
    yield from ((s, recompute) for s in rough for recompute in (False, True))


def _fit(
    view: HuggingFaceView,
    storage: Storage | None,
    rows: int,
    recompute: bool,
    rank: int,
    dtype_bytes: int,
    still: int,
    kept: int,
) -> Fit:
    base = adapters = largest = 0.0
    for name in view.names():
        shape = view.shape(name)
        size = math.prod(shape)
        if _is_prediction(view.architecture, name):
            continue
        if len(shape) < 2 or name.endswith("mlp.gate.weight"):
            base += 4 * size
            continue
        base += size * _per_weight(storage, name, shape)
        if name not in _TABLES:
            largest = max(largest, size)
            if ".mlp.experts." not in name and layer_of(name, still) >= still:
                adapters += rank * sum(shape)
    trained = count_trained(view, still) if storage is None else int(adapters)
    # gradient, two moments of AdamW and the best weights so far, all float32, beside the weights themselves
    state = trained * (16 if storage is None else 20)
    head = view.architecture.vocab_size * view.architecture.hidden_size
    widened = 0 if storage is not None and dtype_bytes == 2 else head * dtype_bytes
    total = base + state + _activations(view.architecture, rows, recompute, dtype_bytes, still) + kept
    total += PROGRAM + LOGITS + 3 * dtype_bytes * largest + widened
    return Fit("full" if storage is None else "lora", storage, rows, recompute, int(total), trained, still)


def count_trained(view: HuggingFaceView, still: int = 0) -> int:
    """Parameters that are trained when all are that may be: all but the prediction modules' and those of the layers
    that do not learn.
    """
    names = (name for name in view.names() if layer_of(name, still) >= still)
    return sum(math.prod(view.shape(n)) for n in names if not _is_prediction(view.architecture, n))


def _per_weight(storage: Storage | None, name: str, shape: tuple[int, ...]) -> float:
    if storage is None:
        return 4.0
    if name in _TABLES or shape[1] % GROUP:
        return max(2.0, BYTES_PER_WEIGHT[storage])
    return BYTES_PER_WEIGHT[storage]


def _activations(a: Architecture, tokens: int, recompute: bool, dtype_bytes: int, still: int) -> float:
    """What a row keeps for its way back: numbers that each block saves, counted roughly upwards."""
    att = a.attention
    heads = att.num_heads * (att.qk_head_dim if isinstance(att, LatentAttention) else att.head_dim)
    inner = a.intermediate_size
    if a.experts is not None and any(a.moe_layers):
        inner = max(inner, a.experts.per_token * a.experts.hidden + a.experts.shared_hidden)
    short = (4 + dtype_bytes) * att.num_heads * SHORT  # attention of short documents
    block = tokens * (14 * a.hidden_size * 2 + (6 * dtype_bytes + 8) * heads + 5 * dtype_bytes * inner + short)
    kept = tokens * a.hidden_size * dtype_bytes * a.num_layers
    return kept + 2 * block if recompute else kept + (a.num_layers - still) * block


def _is_prediction(a: Architecture, name: str) -> bool:
    layer = name.removeprefix("model.layers.").split(".")[0]
    return layer.isdecimal() and int(layer) >= a.num_layers
