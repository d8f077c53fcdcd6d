"""One dial: how many parameters.  Shape, batch, rates and schedule follow, and are written down as a recipe.

    huozhong train pretrain --text my_texts/ --size 10m

Widths and rates are those that `benchmarks/training_ablations.py` found at 1 to 10 million parameters (docs/log);
beyond that they follow the rules named at each function and have not been searched.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from huozhong.errors import ConfigError
from huozhong.model.config import ModelConfig
from huozhong.model.footprint import num_parameters
from huozhong.text.corpus import Corpus, is_prepared, prepare
from huozhong.train.recipe import parse_recipe
from huozhong.train.state import write_file

SEQ_LEN = 256
HELDOUT_ROWS = 64
EPOCHS = 4  # repeated text is nearly as good as new for so long (Muennighoff et al. 2023, arXiv:2305.16264)
TOKENS_PER_PARAMETER = 20  # Hoffmann et al. 2022, arXiv:2203.15556
MUON_LR, ADAMW_LR, MOMENTUM = 5e-3, 2e-2, 0.9
RATED_WIDTH = 320  # at which the rates were searched; at 128 Muon's must be higher (docs/log)
BATCH, BATCH_TOKENS = 2048, 1_500_000  # tokens per step, for a run of so many tokens
WARMUP, DECAY = 0.02, 0.8  # shares of the steps
AWAKE_SHARE, SLEEP = 0.4, 0.8  # of the layers run, for this share of the tokens
COUNTED_TOKENS = 50  # of text for each of the vocabulary: 11 say less than noise, 49 more (docs/log)


def read_size(said: str, option: str = "--size", what: str = "parameters") -> int:
    """ "10m" -> 10,000,000; also 2.5m, 800k, 1b, 2e6, plain numbers.  Raises ConfigError, which names `option`."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?(?:e\d+)?)([kmb]?)", said.strip().lower())
    if match is None:
        raise ConfigError(f"{option} {said!r} is not a number of {what}; say it like 3m, 10m or 800k.")
    return round(float(match[1]) * {"": 1, "k": 1e3, "m": 1e6, "b": 1e9}[match[2]])


def shape_of_width(width: int) -> dict[str, Any]:
    """Everything about a dense model of that width (a multiple of 64): a layer for each 50, a head for each 64."""
    layers = max(2, round(width / 50))
    return {
        "hidden_size": width,
        "intermediate_size": _rounded(2.8 * width),
        "num_hidden_layers": layers,
        "first_k_dense_replace": layers,
        "num_attention_heads": max(1, width // 64),
        "q_lora_rank": _rounded(0.6 * width),
        "kv_lora_rank": _rounded(0.375 * width),
        "qk_nope_head_dim": 32,
        "qk_rope_head_dim": 32,
        "v_head_dim": 64,
    }


def _rounded(width: float) -> int:
    return max(64, 64 * round(width / 64))


def shape_of_size(parameters: int, vocab_size: int) -> dict[str, Any]:
    """The width, in steps of 64, whose model comes nearest to `parameters`, the table of `vocab_size` included.

    Raises ConfigError when even the smallest has twice as many.
    """

    def count(width: int) -> int:
        config = ModelConfig(vocab_size=vocab_size, max_position_embeddings=2048, **shape_of_width(width))
        return num_parameters(config)

    width = 64
    while count(width + 64) <= parameters:
        width += 64
    best = min((width, width + 64), key=lambda w: abs(count(w) - parameters))
    if count(best) > 2 * parameters:
        raise ConfigError(
            f"{parameters:,} parameters are too few: the smallest model with {vocab_size:,} tokens has "
            f"{count(best):,}; choose a larger size or a smaller vocabulary."
        )
    return shape_of_width(best)


def optim_of(width: int, tokens: int) -> dict[str, Any]:
    """Rates and batch of a run of `tokens` tokens.

    The batch grows with the square root of the run (Zhang et al. 2024, arXiv:2410.21676, find about that for the
    critical batch), Muon's rate falls with the square root of the width.
    """
    per_row = SEQ_LEN * 8
    batch = max(BATCH, per_row * round(BATCH * (tokens / BATCH_TOKENS) ** 0.5 / per_row))
    return {
        "muon_lr": muon_lr_of(width),
        "adamw_lr": ADAMW_LR,
        "momentum": MOMENTUM,
        "batch_tokens": batch,
        "micro_batch": 8 if batch < 2 * per_row else 16,
        "mtp_weight": 0.0,
    }


def muon_lr_of(width: int) -> float:
    """To three digits, for a recipe that people read."""
    return float(f"{MUON_LR * (RATED_WIDTH / width) ** 0.5:.3g}")


def schedule_of(batch_tokens: int, tokens: int) -> dict[str, Any]:
    """Two percent up, flat, and the last four fifths down to nothing."""
    warmup = max(1, round(WARMUP * tokens / batch_tokens))
    return {"total_tokens": tokens, "warmup_steps": warmup, "decay_fraction": DECAY, "shape": "linear"}


def ramp_of(layers: int) -> list[dict[str, Any]]:
    """Two fifths of the layers learn first."""
    awake = max(1, round(AWAKE_SHARE * layers))
    return [{"share": SLEEP, "layers": awake}] if awake < layers else []


@dataclass(frozen=True, kw_only=True)
class Dial:
    """What is asked for.  size: parameters.  tokens: of the whole run (None = what suits size and text).

    vocab: tokens of the tokenizer that is made (None = what suits the size).
    """

    texts: tuple[Path, ...]
    size: int
    out: Path
    tokens: int | None = None
    vocab: int | None = None
    seed: int = 1
    threads: int | None = None
    compile: bool = True


def recipe_of(dial: Dial) -> tuple[dict[str, Any], Corpus]:
    """The recipe, and the corpus that it reads, which is made first.  Raises ConfigError or DataError."""
    vocab = dial.vocab or vocab_of(dial.size)
    corpus = prepare(dial.texts, dial.out / "corpus", vocab_size=vocab)
    shape = shape_of_size(dial.size, corpus.vocab_size)
    tokens = dial.tokens or min(TOKENS_PER_PARAMETER * dial.size, EPOCHS * corpus.train_tokens)
    optim = optim_of(shape["hidden_size"], tokens)
    steps = tokens // optim["batch_tokens"]
    if steps < 8:
        raise ConfigError(
            f"{tokens:,} tokens are {steps} steps of {optim['batch_tokens']:,}; give more text, or more --tokens."
        )
    recipe: dict[str, Any] = {
        "model": shape,
        "tokenizer": {"folder": corpus.tokenizer},
        "data": {
            "train": [{"path": corpus.train}],
            "seq_len": SEQ_LEN,
            "heldout": corpus.heldout,
            "heldout_rows": HELDOUT_ROWS,
        },
        "optim": optim,
        "schedule": schedule_of(optim["batch_tokens"], tokens),
        "run": {
            "out": str(dial.out),
            "seed": dial.seed,
            "init_table": table_of(corpus.vocab_size, corpus.train_tokens),
            "eval_every": max(1, steps // 20),
            "compile": dial.compile,
            **({} if dial.threads is None else {"threads": dial.threads}),
        },
    }
    if ramp := ramp_of(shape["num_hidden_layers"]):
        recipe["ramp"] = ramp
    return recipe, corpus


def table_of(vocab_size: int, text_tokens: int) -> Literal["noise", "counts"]:
    """Where the token table starts: from counts, if the text is long enough for them to mean something."""
    return "counts" if text_tokens >= COUNTED_TOKENS * vocab_size else "noise"


def vocab_of(size: int) -> int:
    """Tokens of the vocabulary; its table takes about a quarter of a small model."""
    return 4096 if size < 3_000_000 else 8192 if size < 30_000_000 else 16384


def written_recipe(dial: Dial, *, replace: bool = False, told: Callable[[str], None] = lambda passed: None) -> Path:
    """The recipe as a file under `dial.out`, to read, change and run again.

    told: called with each thing among the texts that was passed over, and why.
    A recipe that stands there and says something else is kept, with a ConfigError, unless `replace`.
    """
    file = dial.out / "recipe.toml"
    other = ConfigError(
        f"{file} says something else than these options; run it as it is (huozhong train pretrain {file}), choose "
        "another --out, or start over with --fresh."
    )
    kept = file.exists() and not replace
    if kept and not is_prepared(dial.texts, dial.out / "corpus", vocab_size=dial.vocab or vocab_of(dial.size)):
        raise other  # before the text that the run there learns from is replaced
    raw, corpus = recipe_of(dial)
    for passed in corpus.skipped:
        told(passed)
    parse_recipe(raw, "pretrain", where=str(file))  # what is written can be run
    content = (
        f"# Written by: huozhong train pretrain --size; {corpus.train_tokens:,} tokens of text.\n"
        f"# Change what you like and run it with: huozhong train pretrain {file}\n{as_toml(raw)}"
    ).encode()
    if kept and file.read_bytes() != content:
        raise other
    write_file(file, content)
    return file


def as_toml(recipe: dict[str, Any]) -> str:
    """A recipe's sections as TOML; values are numbers, texts, booleans and the list of sources."""
    lines = []
    for section, values in recipe.items():
        for part in values if isinstance(values, list) else [values]:
            lines.append(f"\n[[{section}]]" if isinstance(values, list) else f"\n[{section}]")
            lines += [f"{key} = {_value(value)}" for key, value in part.items()]
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_value(item)}" for key, item in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)
