"""What a model is, as numbers: a frozen `ModelConfig` with DeepSeek-V3's Hugging Face keys.  No torch."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from huozhong.errors import ConfigError

# Keys that Hugging Face or other engines put into config.json and that carry no choice of ours.
# They are written for those engines and accepted on reading; every other unknown key is an error.
_FIXED: dict[str, Any] = {
    "model_type": "deepseek_v3",
    "hidden_act": "silu",
    "attention_bias": False,
    "attention_dropout": 0.0,
    "moe_layer_freq": 1,
    "scoring_func": "sigmoid",
    "topk_method": "noaux_tc",
    "rope_interleave": True,
    "pretraining_tp": 1,
}
_IGNORED = {
    "architectures", "auto_map", "torch_dtype", "dtype", "transformers_version", "use_cache", "_name_or_path",
    "head_dim", "qk_head_dim", "ep_size", "aux_loss_alpha", "seq_aux", "return_dict", "output_hidden_states",
    "chunk_size_feed_forward", "is_encoder_decoder", "id2label", "label2id", "problem_type", "output_attentions",
    "output_router_logits", "rope_parameters", "rope_scaling",  # the last two are read explicitly in `from_hf`
}  # fmt: skip
# What an absent key of config.json means to transformers, where that is not our own default.
_ABSENT: dict[str, Any] = {
    "first_k_dense_replace": 3,
    "max_position_embeddings": 4096,
    "n_group": 8,
    "n_shared_experts": 1,
    "routed_scaling_factor": 2.5,
    "tie_word_embeddings": False,
    "topk_group": 4,
}
_POSITIVE = (
    "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "kv_lora_rank",
    "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim", "max_position_embeddings",
)  # fmt: skip
_NOT_NEGATIVE = (
    "moe_intermediate_size", "n_shared_experts", "n_routed_experts", "num_experts_per_tok",
    "num_nextn_predict_layers", "initializer_range",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class YarnScaling:
    """YaRN context extension (Peng et al. 2023, §3.4; DeepSeek-V3 §4.3).

    factor: how many times longer than `original_max_position_embeddings` positions may get.
    """

    factor: float
    original_max_position_embeddings: int
    beta_fast: float = 32.0
    beta_slow: float = 1.0
    mscale: float = 1.0
    mscale_all_dim: float = 1.0

    def __post_init__(self) -> None:
        _check_types(self, "rope_scaling.")
        if self.factor < 1:
            raise ConfigError(f"rope_scaling.factor is {self.factor}; it must be at least 1.")
        for name in ("original_max_position_embeddings", "beta_fast", "beta_slow"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"rope_scaling.{name} is {getattr(self, name)}; it must be above 0.")


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """DeepSeek-V3 architecture (arXiv:2412.19437, §2.1), Hugging Face names.

    `q_lora_rank=None` means a full-rank query projection.  `n_routed_experts=0` or
    `first_k_dense_replace == num_hidden_layers` makes every layer dense.
    """

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    kv_lora_rank: int
    q_lora_rank: int | None
    qk_nope_head_dim: int
    qk_rope_head_dim: int
    v_head_dim: int
    moe_intermediate_size: int = 0
    n_shared_experts: int = 0
    n_routed_experts: int = 0
    num_experts_per_tok: int = 0
    n_group: int = 1
    topk_group: int = 1
    norm_topk_prob: bool = True
    routed_scaling_factor: float = 1.0
    first_k_dense_replace: int = 0
    num_nextn_predict_layers: int = 0
    max_position_embeddings: int = 2048
    rope_theta: float = 10000.0
    rope_scaling: YarnScaling | None = None
    rms_norm_eps: float = 1e-6
    tie_word_embeddings: bool = True
    initializer_range: float = 0.02
    bos_token_id: int | None = None
    eos_token_id: int | None = None
    pad_token_id: int | None = None

    def __post_init__(self) -> None:
        _check_types(self)
        for name in _POSITIVE:
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)!r}; it must be at least 1.")
        for name in _NOT_NEGATIVE:
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} is {getattr(self, name)!r}; it must not be negative.")
        if self.rope_theta <= 1 or self.rms_norm_eps <= 0:
            raise ConfigError("rope_theta must be above 1 and rms_norm_eps above 0.")
        if self.q_lora_rank is not None and self.q_lora_rank < 1:
            raise ConfigError(f"q_lora_rank is {self.q_lora_rank}; give a positive rank, or null for none.")
        if self.qk_rope_head_dim % 2:
            raise ConfigError(f"qk_rope_head_dim is {self.qk_rope_head_dim}; it must be even.")
        if not 0 <= self.first_k_dense_replace <= self.num_hidden_layers:
            raise ConfigError(
                f"first_k_dense_replace is {self.first_k_dense_replace}; it must lie between 0 and "
                f"num_hidden_layers ({self.num_hidden_layers})."
            )
        if self.num_moe_layers:
            self._check_experts()

    def _check_experts(self) -> None:
        if self.moe_intermediate_size < 1:
            raise ConfigError("moe_intermediate_size must be at least 1 when n_routed_experts is set.")
        if not 1 <= self.num_experts_per_tok <= self.n_routed_experts:
            raise ConfigError(
                f"num_experts_per_tok is {self.num_experts_per_tok}; it must lie between 1 and "
                f"n_routed_experts ({self.n_routed_experts})."
            )
        if self.n_group < 1 or self.n_routed_experts % self.n_group:
            raise ConfigError(f"n_group ({self.n_group}) must divide n_routed_experts ({self.n_routed_experts}).")
        if not 1 <= self.topk_group <= self.n_group:
            raise ConfigError(f"topk_group is {self.topk_group}; it must lie in 1..n_group ({self.n_group}).")
        if self.experts_per_group < 2:
            raise ConfigError("a routing group needs at least 2 experts: its score sums its best two.")
        if self.topk_group * self.experts_per_group < self.num_experts_per_tok:
            raise ConfigError("the kept groups (topk_group) hold fewer experts than num_experts_per_tok.")

    # -- derived ---------------------------------------------------------------------------------

    @property
    def qk_head_dim(self) -> int:
        """Width of one head's query and key: the part without and the part with rotation."""
        return self.qk_nope_head_dim + self.qk_rope_head_dim

    @property
    def latent_dim(self) -> int:
        """Floats cached per token and layer: the KV latent and the shared rotary key."""
        return self.kv_lora_rank + self.qk_rope_head_dim

    @property
    def experts_per_group(self) -> int:
        return self.n_routed_experts // self.n_group

    @property
    def num_moe_layers(self) -> int:
        return self.num_hidden_layers - self.first_k_dense_replace if self.n_routed_experts else 0

    def is_moe_layer(self, layer: int) -> bool:
        """Whether layer `layer` (0-based; MTP modules count on from num_hidden_layers) routes to experts."""
        return self.n_routed_experts > 0 and layer >= self.first_k_dense_replace

    @property
    def softmax_scale(self) -> float:
        """1/sqrt(qk_head_dim), times YaRN's squared magnitude correction when the context is extended."""
        scale: float = self.qk_head_dim**-0.5
        if self.rope_scaling is not None and self.rope_scaling.mscale_all_dim:
            scale *= yarn_mscale(self.rope_scaling.factor, self.rope_scaling.mscale_all_dim) ** 2
        return scale

    # -- Hugging Face ----------------------------------------------------------------------------

    @classmethod
    def from_hf(cls, raw: dict[str, Any]) -> ModelConfig:
        """Read the dict of a `deepseek_v3` config.json.  Unknown keys and unsupported values are errors."""
        raw = dict(raw)
        for key, value in _FIXED.items():
            found = raw.pop(key, value)
            if found != value:
                raise ConfigError(f"config.json: {key} is {found!r}; only {value!r} is supported.")
        heads = raw.get("num_attention_heads")
        if raw.pop("num_key_value_heads", heads) != heads:
            raise ConfigError("config.json: num_key_value_heads must equal num_attention_heads for MLA.")
        rope, old_rope = raw.get("rope_parameters") or {}, raw.get("rope_scaling") or {}
        if not isinstance(rope, dict) or not isinstance(old_rope, dict):
            raise ConfigError("config.json: rope_scaling and rope_parameters must be objects.")
        if "rope_theta" in rope:
            raw.setdefault("rope_theta", rope["rope_theta"])
        scaling = _read_yarn(old_rope or rope)
        known = {f.name for f in dataclasses.fields(cls)} - {"rope_scaling"}
        if unknown := sorted(set(raw) - known - _IGNORED):
            names = ", ".join(sorted(known))
            raise ConfigError(f"config.json: unknown key {unknown[0]!r}; known keys: {names}.")
        values = _ABSENT | {key: value for key, value in raw.items() if key in known}
        dense, layers = values["first_k_dense_replace"], values.get("num_hidden_layers")
        if values.get("n_routed_experts") == 0 and type(dense) is type(layers) is int:
            values["first_k_dense_replace"] = min(dense, layers)  # it counts prediction modules too, as `to_hf` does
        if isinstance(values.get("eos_token_id"), list):
            values["eos_token_id"] = next(iter(values["eos_token_id"]), None)
        required = [
            f.name for f in dataclasses.fields(cls) if f.default is dataclasses.MISSING and f.name not in values
        ]
        if required:
            raise ConfigError(f"config.json: {required[0]} is missing.")
        return cls(**values, rope_scaling=scaling)

    def to_hf(self) -> dict[str, Any]:
        """The dict to write as config.json; transformers, vLLM, SGLang and llama.cpp's converter read it."""
        out = {"architectures": ["DeepseekV3ForCausalLM"], **_FIXED}
        out |= {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        out["num_key_value_heads"] = self.num_attention_heads
        if not self.n_routed_experts:  # others ask this key alone whether a layer is dense, prediction modules included
            out["first_k_dense_replace"] = self.num_hidden_layers + self.num_nextn_predict_layers
        if self.rope_scaling is None:
            del out["rope_scaling"]
        else:
            scaling = dataclasses.asdict(self.rope_scaling)
            out["rope_scaling"] = {"type": "yarn", "rope_type": "yarn", **scaling}
        return out


def yarn_mscale(factor: float, mscale: float) -> float:
    """YaRN's attention magnitude: 0.1·mscale·ln(factor) + 1 for factor > 1, else 1."""
    return 1.0 if factor <= 1 else 0.1 * mscale * math.log(factor) + 1.0


def _check_types(config: Any, prefix: str = "") -> None:
    """Whole numbers where whole numbers belong: a hand-written config.json may hold anything."""
    kinds = {"int": int, "int | None": int | None, "float": int | float, "bool": bool}
    for field in dataclasses.fields(config):
        value, expected = getattr(config, field.name), kinds.get(str(field.type))
        if expected is None:
            continue
        wrong = not isinstance(value, expected) or (isinstance(value, bool) and field.type != "bool")
        if wrong or (isinstance(value, float) and not math.isfinite(value)):
            raise ConfigError(f"{prefix}{field.name} is {value!r}; it must be of type {field.type}.")


def _read_yarn(scaling: dict[str, Any]) -> YarnScaling | None:
    kind = scaling.get("rope_type", scaling.get("type", "default"))
    if kind == "default":
        return None
    if kind != "yarn":
        raise ConfigError(f"config.json: rope scaling type {kind!r} is not supported; only 'yarn' is.")
    names = {f.name for f in dataclasses.fields(YarnScaling)}
    extra = set(scaling) - names - {"type", "rope_type", "rope_theta", "partial_rotary_factor"}
    if extra:
        raise ConfigError(f"config.json: unknown rope_scaling key {sorted(extra)[0]!r}.")
    values = {key: value for key, value in scaling.items() if key in names and value is not None}
    for key in ("factor", "original_max_position_embeddings"):
        if key not in values:
            raise ConfigError(f"config.json: rope_scaling.{key} is missing.")
    # An absent mscale_all_dim leaves the softmax scale alone, in transformers as in DeepSeek's own code.
    return YarnScaling(**({"mscale_all_dim": 0.0} | values))
