"""The tiny models and the training data that both runs read: random, seeded, made once.

Made by transformers, and where the project's own format is wanted (experts with a prediction module, a checkpoint to go
on from) by the command that trains; token shards are written here, as their format says.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from tests.same_outputs import train
from tests.same_outputs.tools import Place, forked

from huozhong import ChatTemplate, Tokenizer

LINES = [
    "小明有3个苹果，又买了5个，一共有几个？3+5=8，一共有8个苹果。",
    "春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。",
    "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。",
    "The quick brown fox jumps over the lazy dog. A small fire can start a great blaze.",
    "What is two plus three? Two plus three is five. The answer is 5.",
    'def hello(name):\n    return {"name": name, "age": 12}  # comment\n',
]
COLOURS = {"天空": "蓝色", "草": "绿色", "雪": "白色", "夜": "黑色", "苹果": "红色", "太阳": "黄色"}
ASK = ("{}是什么颜色？", "{}的颜色？", "请说说{}的颜色", "What colour: {}?")
SPECIALS = (
    "<｜pad｜>", "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>", "<think>",
    "</think>",
)  # fmt: skip
HERMES_MARKS = ("<tool_call>", "</tool_call>")
DEEPSEEK_MARKS = (
    "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>", "<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>", "<｜tool▁sep｜>",
)  # fmt: skip
HERMES = """\
{%- if tools %}<|im_start|>system
{{ messages[0].content + '\\n' if messages[0].role == 'system' else '' }}# Tools
{% for tool in tools %}{{ tool | tojson }}
{% endfor %}Answer with <tool_call>{"name": NAME, "arguments": {...}}</tool_call>.<|im_end|>
{% endif %}
{%- for m in messages if m.role != 'system' %}<|im_start|>{{ 'user' if m.role == 'tool' else m.role }}
{% if m.role == 'tool' %}<tool_response>
{{ m.content }}
</tool_response>{% else %}{{ m.content or '' }}{% endif %}
{%- for call in m.tool_calls or [] %}
<tool_call>
{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}
</tool_call>{% endfor %}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""
DEEPSEEK = """\
{{ bos_token }}{% for m in messages %}{% if m['role'] == 'system' %}{{ m['content'] }}{% endif %}
{%- if m['role'] == 'user' %}{{ '<｜User｜>' + m['content'] }}{% endif %}
{%- if m['role'] == 'assistant' and m['content'] is none %}{{ '<｜Assistant｜>' }}
{%- for call in m['tool_calls'] %}
{{- '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>' + call['function']['name'] + '\\n```json\\n' }}
{{- call['function']['arguments'] + '\\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>' + eos_token }}{% endfor %}
{%- elif m['role'] == 'assistant' %}{{ '<｜Assistant｜>' + m['content'] + eos_token }}{% endif %}
{%- if m['role'] == 'tool' %}{{ '\\n' + m['content'] }}{% endif %}
{%- endfor %}{% if add_generation_prompt %}{{ '<｜Assistant｜>' }}{% endif %}"""

COMMON: dict[str, Any] = {
    "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3, "num_attention_heads": 4,
    "max_position_embeddings": 512, "initializer_range": 0.15, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0,
}  # fmt: skip
GQA: dict[str, Any] = COMMON | {"num_key_value_heads": 2}
MLA: dict[str, Any] = COMMON | {
    "num_key_value_heads": 4, "kv_lora_rank": 32, "q_lora_rank": 64, "qk_nope_head_dim": 32, "qk_rope_head_dim": 8,
    "v_head_dim": 16, "n_routed_experts": 8, "num_experts_per_tok": 3, "moe_intermediate_size": 32,
    "first_k_dense_replace": 1, "n_shared_experts": 2,
}  # fmt: skip
V3: dict[str, Any] = MLA | {"num_mtp_layers": 0}
MOE = {"head_dim": 32, "num_experts": 8, "moe_intermediate_size": 32}
YARN = {
    "rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 128, "rope_theta": 10000.0,
    "beta_fast": 32, "beta_slow": 1,
}  # fmt: skip
LLAMA3 = {
    "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "rope_theta": 5000.0,
    "original_max_position_embeddings": 64,
}  # fmt: skip
LINEAR = {"rope_type": "linear", "factor": 2.5, "rope_theta": 10000.0}
# name: transformers' config, its values, and how the weights are stored
FAMILIES: dict[str, tuple[str, dict[str, Any], str]] = {
    "deepseek_v2_lite": ("DeepseekV2Config", MLA | {"q_lora_rank": None, "routed_scaling_factor": 1.0}, "float32"),
    "deepseek_v2_groups_yarn": (
        "DeepseekV2Config",
        MLA | {"topk_method": "group_limited_greedy", "n_group": 4, "topk_group": 2, "routed_scaling_factor": 3.0,
               "rope_parameters": YARN | {"mscale": 0.707, "mscale_all_dim": 0.707}},
        "float32",
    ),
    "deepseek_v3": ("DeepseekV3Config", V3 | {"n_group": 4, "topk_group": 2}, "float32"),
    "deepseek_v3_yarn": (
        "DeepseekV3Config",
        V3 | {"n_group": 2, "topk_group": 1, "rope_parameters": YARN | {"mscale": 1.0, "mscale_all_dim": 1.0}},
        "float32",
    ),
    "deepseek_v3_bf16": ("DeepseekV3Config", V3 | {"n_group": 4, "topk_group": 2}, "bfloat16"),
    "deepseek_v3_float8": ("DeepseekV3Config", V3 | {"n_group": 4, "topk_group": 2, "hidden_size": 160}, "float8"),
    "llama3": ("LlamaConfig", GQA | {"rope_parameters": LLAMA3}, "float32"),
    "llama_linear_bias_tied": (
        "LlamaConfig",
        GQA | {"attention_bias": True, "tie_word_embeddings": True, "head_dim": 32, "rope_parameters": LINEAR},
        "float32",
    ),
    "llama_float16": ("LlamaConfig", GQA, "float16"),
    "qwen2_tied": ("Qwen2Config", GQA | {"tie_word_embeddings": True}, "float32"),
    "qwen2_yarn": ("Qwen2Config", GQA | {"rope_parameters": YARN}, "float32"),
    "qwen2_yarn_factor": ("Qwen2Config", GQA | {"rope_parameters": YARN | {"attention_factor": 1.2}}, "float32"),
    "qwen3": ("Qwen3Config", GQA | {"head_dim": 32}, "float32"),
    "qwen3_moe": (
        "Qwen3MoeConfig", GQA | MOE | {"num_experts_per_tok": 3, "norm_topk_prob": True, "mlp_only_layers": [1]},
        "float32",
    ),
    "qwen3_moe_plain": ("Qwen3MoeConfig", GQA | MOE | {"num_experts_per_tok": 3, "norm_topk_prob": True}, "float32"),
    "qwen3_moe_sparse": ("Qwen3MoeConfig", GQA | MOE | {"num_experts_per_tok": 2, "decoder_sparse_step": 2}, "float32"),
}  # fmt: skip
ENDLESS: dict[str, Any] = V3 | {"n_group": 1, "topk_group": 1, "max_position_embeddings": 8192}


def make_models(place: Place) -> None:
    """Everything, beside its place and then moved there, so that half of it never counts."""
    making = replace(place, models=place.models.with_name(place.models.name + ".making"))
    shutil.rmtree(making.models, ignore_errors=True)
    forked(_make, making)
    # The recipes of the runs to go on from name the data, so these come when the rest is in its place.
    os.rename(making.models, place.models)
    try:
        train.make_runs(place)
    except BaseException:
        shutil.rmtree(place.models)
        raise


def _make(place: Place) -> None:
    folder = place.models
    tokenizer = Tokenizer.train(LINES * 4, 400, SPECIALS)
    plain = _written(folder / "tokenizer", tokenizer)
    for name, (kind, values, storage) in FAMILIES.items():
        _random_model(folder / name, kind, values, tokenizer, storage)
    _random_model(folder / "endless", "DeepseekV3Config", ENDLESS, tokenizer, endless=True)
    for name, marks, template in (("hermes", HERMES_MARKS, HERMES), ("deepseek", DEEPSEEK_MARKS, DEEPSEEK)):
        tools = Tokenizer.train(["今天的天气怎么样？北京" * 4], 320, (*SPECIALS, *marks), chat_template=template)
        _random_model(folder / name, "DeepseekV3Config", ENDLESS, tools, endless=True)
    _shards(folder, plain)
    _examples(folder)
    (folder / "texts").mkdir()
    many = [f"{line} {number}。\n\n" for number in range(400) for line in LINES]
    (folder / "texts" / "one.txt").write_text("".join(many), encoding="utf-8")


def _written(folder: Path, tokenizer: Tokenizer) -> Tokenizer:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in tokenizer.files().items():
        (folder / name).write_bytes(content)
    return tokenizer


def _random_model(
    folder: Path, kind: str, values: dict[str, Any], tokenizer: Tokenizer, storage: str = "float32", *,
    endless: bool = False,
) -> None:  # fmt: skip
    """endless: no answer ends by itself, as the end's row of the output matrix is zero."""
    import torch
    import transformers

    config = getattr(transformers, kind)(vocab_size=tokenizer.vocab_size, **values)
    torch.manual_seed(3)
    models: Any = transformers.AutoModelForCausalLM
    model = models.from_config(config, dtype=torch.float32).eval()
    with torch.no_grad():
        for name, weight in [*model.named_parameters(), *model.named_buffers()]:
            if "norm" in name:
                weight.uniform_(0.5, 1.5)
            elif "correction_bias" in name or name.endswith(".bias"):
                weight.uniform_(-0.2, 0.2)
            elif "inv_freq" not in name:
                weight.normal_(0.0, 0.15)
        if endless:
            model.lm_head.weight[tokenizer.eos_id] = 0
    if storage in ("bfloat16", "float16"):
        model = model.to(getattr(torch, storage))
    model.save_pretrained(folder)
    if storage == "float8":
        _store_as_float8(folder)
    _written(folder, tokenizer)


def _store_as_float8(folder: Path) -> None:
    """DeepSeek's storage: e4m3, and what each 128 x 128 block has to be multiplied by."""
    import torch
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    for key in [key for key in tensors if "_proj" in key]:
        weight = tensors[key]
        scale_RC = torch.empty([-(-size // 128) for size in weight.shape])
        stored = torch.empty(weight.shape, dtype=torch.float8_e4m3fn)
        for r in range(scale_RC.shape[0]):
            for c in range(scale_RC.shape[1]):
                block = (slice(128 * r, 128 * r + 128), slice(128 * c, 128 * c + 128))
                scale_RC[r, c] = weight[block].abs().max() / 448
                stored[block] = (weight[block] / scale_RC[r, c]).to(torch.float8_e4m3fn)
        tensors[key], tensors[key + "_scale_inv"] = stored, scale_RC
    save_file(tensors, folder / "model.safetensors")
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"] = {
        "activation_scheme": "dynamic", "fmt": "e4m3", "quant_method": "fp8", "weight_block_size": [128, 128],
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))


# -- training data ---------------------------------------------------------------------------------------


def _shards(folder: Path, tokenizer: Tokenizer) -> None:
    def documents(texts: Sequence[str]) -> list[list[int]]:
        assert tokenizer.bos_id is not None
        return [[tokenizer.bos_id, *tokenizer.encode(text), tokenizer.eos_id] for text in texts]

    _write_shard(folder / "one", tokenizer, documents([line * 2 for line in LINES] * 20))
    _write_shard(folder / "two", tokenizer, documents(LINES[:3] * 20))
    template = ChatTemplate.load(folder / "tokenizer", tokenizer)
    both = [template.training_tokens(conversation) for conversation in conversations()]
    _write_shard(folder / "chat", tokenizer, [ids for ids, _ in both], [mask for _, mask in both])


def _write_shard(
    folder: Path,
    tokenizer: Tokenizer,
    documents: Sequence[Sequence[int]],
    masks: Sequence[Sequence[bool]] | None = None,
) -> None:
    """A shard named "text", written by hand: its format outlives whatever writes it."""
    folder.mkdir()
    ids = np.concatenate([np.asarray(document, "<u2") for document in documents])
    mask = np.ones(len(ids), bool) if masks is None else np.concatenate([np.asarray(mask, bool) for mask in masks])
    lengths = [len(document) for document in documents]
    manifest = {
        "format": "huozhong-tokens-1", "name": "text", "documents": len(lengths), "tokens": len(ids),
        "loss_tokens": int(mask.sum()), "longest": max(lengths), "dtype": "<u2", "masked": bool(not mask.all()),
        "vocab_size": tokenizer.vocab_size, "vocab_hash": tokenizer.fingerprint,
    }  # fmt: skip
    (folder / "text.tokens.u16").write_bytes(ids.tobytes())
    (folder / "text.offsets").write_bytes(np.cumsum([0, *lengths]).astype("<u8").tobytes())
    if manifest["masked"]:
        (folder / "text.mask").write_bytes(np.packbits(mask, bitorder="little").tobytes())
    (folder / "text.json").write_text(json.dumps(manifest, indent=1) + "\n")


def conversations() -> list[list[dict[str, str]]]:
    """Questions about colours and their answers, some with a thought before."""
    found = []
    for number, (what, colour) in enumerate(COLOURS.items()):
        for ask in ASK:
            answer = {"role": "assistant", "content": colour} | ({"reasoning_content": what} if number % 2 else {})
            found.append([{"role": "user", "content": ask.format(what)}, answer])
    return found


def _examples(folder: Path) -> None:
    pairs = [(ask.format(what), colour) for what, colour in COLOURS.items() for ask in ASK]
    other = {colour: list(COLOURS.values())[number - 1] for number, colour in enumerate(COLOURS.values())}
    sums = ["2+5=", "3+4=", "1+6=", "9-2="]
    questions: list[dict[str, Any]] = [{"question": f"问题{n}：{n}+{n}=", "refuse": False} for n in range(12)]
    _lines(folder / "colours.jsonl", ({"question": q, "answer": a} for q, a in pairs))
    _lines(folder / "chats.jsonl", ({"messages": conversation} for conversation in conversations()))
    _lines(folder / "texts.jsonl", ({"prompt": line[:9], "completion": line[9:]} for line in LINES * 4))
    _lines(folder / "pairs.jsonl", ({"prompt": q, "chosen": a, "rejected": other[a]} for q, a in pairs))
    _lines(folder / "problems.jsonl", ({"question": question, "answer": "7"} for question in sums))
    _lines(folder / "questions.jsonl", [*questions, {"question": "9+9=", "answer": "123456789"}])
    metrics = [{"step": n, "loss": 5 / n, "seconds": 0.5, "lr": 0.01, "tokens": 128 * n} for n in range(1, 9)]
    (folder / "run").mkdir()
    _lines(folder / "run" / "metrics.jsonl", metrics)


def _lines(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
