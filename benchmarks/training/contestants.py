"""Who is compared, as recipes: the published GPT-2 recipe, a tuned modern baseline, and ours.

All three read the same shards with the same seed through the same loop; they differ in model, optimiser, schedule and
batch.  Sizes are dials: about as many parameters for each contestant.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from huozhong.model.config import ModelConfig
from huozhong.model.footprint import num_parameters
from huozhong.text.corpus import Corpus
from huozhong.text.data import Source
from huozhong.train import dial
from huozhong.train.config import build_config
from huozhong.train.plan import flops_of_step
from huozhong.train.recipe import (
    DataRecipe,
    OptimRecipe,
    RampRecipe,
    Recipe,
    RunRecipe,
    ScheduleRecipe,
    Stretch,
)
from huozhong.train.stages.pretrain import TextRun
from training import peers
from training.peer_run import PeerRun
from training.peers import PeerConfig

Who = Literal["gpt2", "baseline", "ours"]
SEQ_LEN = 256
GPT2_RATE = 6e-4  # Brown et al. 2020, table 2.1, the smallest model


@dataclass(frozen=True)
class Size:
    """Widths for about the same number of parameters in each architecture."""

    width: int
    layers: int
    heads: int
    gpt2_inner: int
    baseline_inner: int
    ours: dict[str, Any]


SIZES = {
    "0.2m": Size(64, 2, 1, 288, 176, dial.shape_of_width(64)),
    "1m": Size(128, 3, 2, 512, 352, dial.shape_of_width(128)),
    "3m": Size(192, 4, 3, 768, 512, dial.shape_of_width(192)),
    "10m": Size(320, 6, 5, 1280, 864, dial.shape_of_width(320)),
}


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What may be swept.  rate: AdamW's (of ours: of the tables and norms); muon: Muon's."""

    rate: float
    batch_tokens: int
    shape: Literal["linear", "sqrt", "cosine"]
    decay: float  # share of the steps, at most those after the warm-up
    floor: float
    warmup: float  # share of the steps
    muon: float = 0.0
    weight_decay: float = 0.1
    ramp: tuple[RampRecipe, ...] = ()
    model: dict[str, Any] = field(default_factory=dict)
    optim: dict[str, Any] = field(default_factory=dict)
    counts: bool = False  # the table starts from the text's counts, where the dial would have it so


GPT2 = Setting(rate=GPT2_RATE, batch_tokens=4096, shape="cosine", decay=1.0, floor=0.1, warmup=0.02)
BASELINE = Setting(rate=1e-3, batch_tokens=2048, shape="cosine", decay=1.0, floor=0.0, warmup=0.05)


def ours(size: str) -> Setting:
    """Ours at a size: what `huozhong train pretrain --size` would do."""
    return Setting(
        rate=dial.ADAMW_LR,
        batch_tokens=dial.BATCH,
        shape="linear",
        decay=dial.DECAY,
        floor=0.0,
        warmup=dial.WARMUP,
        muon=dial.muon_lr_of(SIZES[size].width),
        ramp=tuple(RampRecipe(**part) for part in dial.ramp_of(SIZES[size].layers)),
        optim={"momentum": dial.MOMENTUM},
        counts=True,
    )


@dataclass(frozen=True)
class Contest:
    """What all runs share."""

    corpus: Corpus
    size: str
    folder: Path
    threads: int | None
    compile: bool
    heldout_rows: int
    evals: int

    def recipe(self, who: Who, setting: Setting, *, tokens: int, seed: int, name: str) -> Recipe:
        """A run of `tokens` tokens, decay included."""
        steps = max(4, tokens // setting.batch_tokens)
        warmup = max(1, round(setting.warmup * steps))
        decay = min(setting.decay, 1 - warmup / steps)
        micro = 16
        table = dial.table_of(self.corpus.vocab_size, self.corpus.train_tokens)
        return Recipe(
            stage="pretrain",
            model=self.model(who) | setting.model,
            tokenizer=self.corpus.tokenizer,
            data=DataRecipe(
                train=(Source(self.corpus.train),),
                seq_len=SEQ_LEN,
                heldout=self.corpus.heldout,
                heldout_rows=self.heldout_rows,
            ),
            optim=OptimRecipe(
                muon_lr=setting.muon,
                adamw_lr=setting.rate,
                batch_tokens=setting.batch_tokens,
                micro_batch=min(micro, max(1, setting.batch_tokens // SEQ_LEN)),
                weight_decay=setting.weight_decay,
                **({"mtp_weight": 0.0} | setting.optim),
            ),
            schedule=ScheduleRecipe(
                total_tokens=tokens, warmup_steps=warmup, decay_fraction=decay, floor=setting.floor, shape=setting.shape
            ),
            run=RunRecipe(
                out=str(self.folder / name),
                seed=seed,
                eval_every=max(1, steps // self.evals),
                checkpoint_minutes=2.0,
                keep=1,
                log_every=10**6,
                compile=self.compile,
                threads=self.threads,
                init_table=table if setting.counts else "noise",
            ),
            ramp=setting.ramp,
        )

    def model(self, who: Who) -> dict[str, Any]:
        """The numbers of the model at this size, for the recipe."""
        size = SIZES[self.size]
        if who == "ours":
            shared = {
                "hidden_size": size.width,
                "num_hidden_layers": size.layers,
                "num_attention_heads": size.heads,
                "first_k_dense_replace": size.layers,
            }
            return {**size.ours, **shared}
        peer = PeerConfig(
            kind="gpt2" if who == "gpt2" else "llama",
            vocab_size=self.vocab_size,
            hidden_size=size.width,
            intermediate_size=size.gpt2_inner if who == "gpt2" else size.baseline_inner,
            num_hidden_layers=size.layers,
            num_attention_heads=size.heads,
            max_positions=SEQ_LEN,
        )
        return dataclasses.asdict(peer)

    @property
    def vocab_size(self) -> int:
        return self.corpus.vocab_size

    def our_config(self, recipe: Recipe) -> ModelConfig:
        return build_config(recipe, vocab_size=self.vocab_size, bos_id=None, eos_id=None, pad_id=None)

    def parameters(self, who: Who, recipe: Recipe) -> int:
        if who == "ours":
            return num_parameters(self.our_config(recipe))
        assert recipe.model is not None
        return peers.parameters(PeerConfig(**recipe.model))

    def step_flops(self, who: Who, recipe: Recipe, stretch: Stretch) -> float:
        """Operations of one step of a stretch: forward, backward, and Muon's Newton-Schulz."""
        tokens = stretch.rows * SEQ_LEN
        if who != "ours":
            assert recipe.model is not None
            return tokens * peers.flops_per_token(PeerConfig(**recipe.model), stretch.seq_len)
        config = self.our_config(recipe)
        return flops_of_step(recipe, config, stretch) + muon_flops(config, stretch.layers)


def kind_of(who: Who) -> type[TextRun]:
    return TextRun if who == "ours" else PeerRun


def muon_flops(config: ModelConfig, layers: int | None) -> float:
    """Five Newton-Schulz steps over every matrix [a, b], a <= b, of the awake layers: 5·(4a²b + 2a³)."""
    c = config
    heads = c.num_attention_heads
    up_q = heads * c.qk_head_dim
    shapes = [(c.hidden_size, c.latent_dim), (c.kv_lora_rank, heads * (c.qk_nope_head_dim + c.v_head_dim))]
    shapes += [(heads * c.v_head_dim, c.hidden_size)] + 3 * [(c.hidden_size, c.intermediate_size)]
    rank = c.q_lora_rank
    shapes += [(c.hidden_size, up_q)] if rank is None else [(c.hidden_size, rank), (rank, up_q)]
    each = sum(5 * (4 * min(s) ** 2 * max(s) + 2 * min(s) ** 3) for s in shapes)
    return float(each * (c.num_hidden_layers if layers is None else layers))
