"""Fifty steps of every stage through the command line: losses, weights, checkpoints, what is written beside them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from tests.same_outputs.tools import (
    Place,
    Said,
    command,
    commands,
    digest,
    exact,
    files,
    forked,
    masked,
    started_command,
)

Values = dict[str, Any]
MODEL = """
[model]
hidden_size = 32
intermediate_size = 48
num_hidden_layers = 2
first_k_dense_replace = {dense}
num_attention_heads = 2
q_lora_rank = 16
kv_lora_rank = 16
qk_nope_head_dim = 8
qk_rope_head_dim = 8
v_head_dim = 16
max_position_embeddings = 512
{more}
[tokenizer]
folder = "{models}/tokenizer"
"""
MOE = """
moe_intermediate_size = 16
n_routed_experts = 4
n_shared_experts = 1
num_experts_per_tok = 2
num_nextn_predict_layers = 1
"""
DATA = """
[data]
{train}
heldout = "{models}/two"
heldout_rows = 4
seq_len = {seq_len}
"""
TEXTS = 'train = [{{ path = "{models}/one", weight = 2.0 }}, {{ path = "{models}/two" }}]'
CHATS = 'train = [{{ path = "{models}/chat" }}]'
REST = """
[optim]
muon_lr = 0.01
adamw_lr = 0.01
batch_tokens = {batch}
micro_batch = 2
{optim}
[schedule]
{length}
warmup_steps = 2
decay_fraction = 0.25
[run]
out = "{out}"
seed = 3
eval_every = 20
log_every = 10
checkpoint_minutes = 60.0
checkpoint_steps = 20
keep = 9
device = "cpu"
threads = 1
export_dtype = "float32"
{run}
"""
RAMP = """
[[ramp]]
share = 0.3
batch_tokens = 64
seq_len = 16
layers = 1
mtp_weight = 0.0
[[ramp]]
share = 0.2
seq_len = 8
"""
RL = """
[problems]
train = [{{ path = "{models}/problems.jsonl" }}, {{ path = "arithmetic" }}]
valid = "{models}/problems.jsonl"
[rollout]
questions = 4
samples = 8
max_tokens = 12
seq_len = 64
thinking = {thinking}
temperature = {temperature}
quantization = "{quantization}"
show_every = 2
show_groups = 2
[rewards]
answer = 1.0
format = 0.1
length = 0.05
[optim]
muon_lr = 0.02
adamw_lr = 0.02
micro_batch = 4
{optim}
[grpo]
{grpo}
[schedule]
total_steps = {steps}
[run]
out = "{out}"
init_from = "{models}/runs/talker/model"
seed = 3
eval_every = 4
log_every = 1
checkpoint_steps = 4
keep = 9
device = "cpu"
threads = 1
precision = "float32"
export_dtype = "float32"
"""
TEACHER = """
[teacher]
model = "{models}/runs/talker/model"
concurrency = 4
thinking = false
[questions]
path = "{models}/questions.jsonl"
samples = 3
max_tokens = 40
temperature = 1.0
[keep]
per_question = 2
choose = "{choose}"
"""
LOGITS = """
[logits]
teacher = "{models}/runs/talker/model"
top_k = 16
weight = 0.9
"""
FLOAT32, STEPS = 'precision = "float32"', "total_steps = 50"
# How the names of what varies end.
TIMES = ("seconds", "joules", "money", "per_second", "bill", "memory", "peak", "created")


def recipe(
    place: Place, path: Path, out: Path, *, dense: int = 2, model: str = "", base: str = "", data: str = TEXTS,
    seq_len: int = 32, batch: int = 128, optim: str = "", length: str = STEPS, run: str = FLOAT32, more: str = "",
) -> Path:  # fmt: skip
    """Write a recipe.  base: the folder, among the models, that it starts from."""
    begin = "" if base else MODEL.format(dense=dense, more=model, models=place.models)
    run += f'\ninit_from = "{place.models}/{base}"' if base else ""
    text = begin + DATA.format(train=data.format(models=place.models), models=place.models, seq_len=seq_len)
    text += REST.format(batch=batch, optim=optim, length=length, out=out, run=run) + more.format(models=place.models)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def make_runs(place: Place) -> None:
    """A GGUF file and, into models/runs, models that scenarios begin with, and runs stopped half-way to go on from."""
    runs = place.models / "runs"
    made: dict[str, tuple[str, dict[str, Any]]] = {
        "dense": ("pretrain", {"length": "total_steps = 150"}), "moe": ("pretrain", {"dense": 1, "model": MOE}),
        "talker": ("sft", {"base": "runs/dense/model", "data": CHATS, "seq_len": 64, "length": "total_steps = 100"}),
    }  # fmt: skip
    for name, (stage, options) in made.items():
        command("train", stage, recipe(place, runs / f"{name}.toml", runs / name, **options)).checked()
    gguf = place.models / "qwen3.gguf"
    command("export", place.models / "qwen3", gguf, "--format", "gguf", "--type", "q8_0").checked()
    command("train", "rl", rl_recipe(place, runs / "rl.toml", runs / "rl", RL_SIMPLE)).checked()
    words = adapting(place, runs / "sft", "qwen3", ["sft", "--data", "colours.jsonl", "--method", "lora"])
    interrupted(runs / "sft", "train", *words)
    shutil.copytree(runs / "moe", runs / "pretrain")
    for path in ("pretrain/checkpoints/step-00000040", "pretrain/checkpoints/step-00000050", "pretrain/model",
                 "rl/checkpoints/step-00000008", "rl/model"):  # fmt: skip
        shutil.rmtree(runs / path)


def scenarios(place: Place) -> Iterator[tuple[str, Callable[[], Values]]]:
    runs: dict[str, tuple[str, dict[str, Any]]] = {
        "pretrain dense float32": ("pretrain", {"optim": "dropout = 0.1\nema = 0.9\ngrad_clip = 0.5"}),
        "pretrain dense bf16 from counts": ("pretrain", {"run": 'init_table = "counts"'}),
        "pretrain experts, prediction, ramp": (
            "pretrain",
            {"dense": 1, "model": MOE, "length": "total_tokens = 6000", "more": RAMP, "optim": "balance_rate = 0.01"},
        ),
        "pretrain experts bf16, cosine": (
            "pretrain", {"dense": 1, "model": MOE, "run": "", "length": STEPS + '\nshape = "cosine"\nfloor = 0.1'},
        ),
        "sft of a recipe": ("sft", {"base": "runs/dense/model", "data": CHATS, "seq_len": 64}),
        "sft of a recipe, experts": ("sft", {"base": "runs/moe/model", "data": CHATS, "seq_len": 64, "run": ""}),
        "mtp": ("mtp", {"base": "runs/dense/model"}),
        "mtp of experts": ("mtp", {"base": "runs/moe/model"}),
        "distill answers": (
            "distill", {"base": "runs/dense/model", "data": "", "seq_len": 96, "batch": 384,
                        "more": TEACHER.replace("{choose}", "shortest"), "optim": "mtp_weight = 0.0"},
        ),
        "distill answers and logits": (
            "distill", {"base": "runs/dense/model", "data": "", "seq_len": 96, "batch": 384,
                        "more": TEACHER.replace("{choose}", "diverse") + LOGITS, "optim": "mtp_weight = 0.0"},
        ),
        "distill logits": (
            "distill", {"base": "runs/dense/model", "data": CHATS, "seq_len": 64, "more": LOGITS,
                        "optim": "mtp_weight = 0.0"},
        ),
    }  # fmt: skip
    for name, (stage, options) in runs.items():
        yield name, partial(whole, place, name, stage, options)
    again: dict[str, dict[str, Any]] = {"mtp": {"base": "runs/dense/model"}, "pretrain": {"dense": 1, "model": MOE}}
    for stage, options in again.items():
        yield f"{stage} goes on after Ctrl-C", partial(goes_on, place, stage, options)
    for name, run in (("two processes", ""), ("two processes, divided", "shard = true\n")):
        yield name, partial(together, place, name, {"dense": 1, "model": MOE, "run": run + FLOAT32})
    yield "pretrain from texts", partial(from_texts, place)
    for name, settings in (("rl", RL_SIMPLE), ("rl, two updates", RL_MORE)):
        yield name, partial(reinforced, place, name, settings)
    for name, base, words in ADAPTED:
        yield name, partial(adapted, place, name, base, words)
    yield "sft goes on after Ctrl-C", partial(adapted_goes_on, place)
    for stage in ("pretrain", "rl", "sft"):
        yield f"{stage} goes on where the recording checkout stopped", partial(goes_on_from_recorded, place, stage)
    yield "tensorboard", partial(tensorboard, place)


RL_SIMPLE = {"thinking": "true", "temperature": 2.0, "quantization": "none", "optim": "", "grpo": "", "steps": 8}
RL_MORE = RL_SIMPLE | {
    "thinking": "false", "temperature": 1.5, "quantization": "q8", "optim": "ema = 0.9", "steps": 6,
    "grpo": 'kl = 0.01\ndivide_by_std = true\nupdates = 2\nold = "sampler"',
}  # fmt: skip
ADAPTED: list[tuple[str, str, list[str]]] = [
    ("sft lora of deepseek_v3", "deepseek_v3", ["sft", "--data", "colours.jsonl", "--method", "lora"]),
    ("sft full of qwen2, bf16", "qwen2_tied", ["sft", "--data", "chats.jsonl", "--method", "full", "--dtype", "bf16"]),
    ("sft full of deepseek_v2", "deepseek_v2_groups_yarn", ["sft", "--data", "colours.jsonl", "--method", "full"]),
    ("sft qlora 4 of llama", "llama3", ["sft", "--data", "colours.jsonl", "--method", "qlora", "--bits", "4"]),
    ("sft qlora 8 of qwen3_moe", "qwen3_moe", ["sft", "--data", "chats.jsonl", "--method", "qlora", "--bits", "8"]),
    ("sft lora of texts", "llama_float16", ["sft", "--data", "texts.jsonl", "--heldout", "texts.jsonl"]),
    ("sft lora of float8", "deepseek_v3_float8", ["sft", "--data", "colours.jsonl", "--method", "lora"]),
    ("sft lora of a GGUF file", "qwen3.gguf", ["sft", "--data", "colours.jsonl", "--method", "lora"]),
    ("sft lora with rehearsal", "runs/talker/model", ["sft", "--data", "colours.jsonl", "--rehearse", "12"]),
    ("dpo lora of qwen3", "qwen3", ["dpo", "--data", "pairs.jsonl", "--method", "lora"]),
    ("dpo full of llama", "llama_linear_bias_tied",
        ["dpo", "--data", "pairs.jsonl", "--method", "full", "--beta", "0.3"]),
]  # fmt: skip


def whole(place: Place, name: str, stage: str, options: dict[str, Any]) -> Values:
    out = place.folder("train") / name
    path = recipe(place, out.with_suffix(".toml"), out, **options)
    return result(place, out, command("train", stage, path).checked())


def goes_on(place: Place, stage: str, options: dict[str, Any]) -> Values:
    out = place.folder("train") / f"{stage} goes on"
    path = recipe(place, out.with_suffix(".toml"), out, **options)
    interrupted(out, "train", stage, path)
    command("train", stage, path).checked()
    return result(place, out)


def goes_on_from_recorded(place: Place, stage: str) -> Values:
    """From a checkpoint that the recording checkout wrote: an older version's, for whoever compares."""
    out = place.folder("train") / f"{stage} recorded"
    shutil.copytree(place.models / "runs" / stage, out)
    path = out.with_suffix(".toml")
    if stage == "pretrain":
        words: list[Any] = [stage, recipe(place, path, out, dense=1, model=MOE)]
    elif stage == "rl":
        words = [stage, rl_recipe(place, path, out, RL_SIMPLE)]
    else:
        words = adapting(place, out, "qwen3", [stage, "--data", "colours.jsonl", "--method", "lora"])
    return result(place, out, command("train", *words, "--resume").checked())


def interrupted(out: Path, *words: Any, steps: int = 12) -> None:
    """Begin, and press Ctrl-C behind step `steps` or a little later: what comes in the end is the same."""
    pid, wait = started_command(*words)
    metrics = out / "metrics.jsonl"
    while not metrics.exists() or metrics.read_bytes().count(b"\n") < steps:
        time.sleep(0.005)
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            break
    else:
        os.kill(pid, signal.SIGINT)
    wait().checked()


def together(place: Place, name: str, options: dict[str, Any]) -> Values:
    out = place.folder("train") / name
    path = recipe(place, out.with_suffix(".toml"), out, **options)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    same = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    envs = [same | {"RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(2)]
    first, second = commands("train", "pretrain", path, envs=envs)
    second.checked()
    return result(place, out, first.checked())


def from_texts(place: Place) -> Values:
    """The dial: texts and a size become tokenizer, shards and a recipe, which is run."""
    out = place.folder("train") / "texts"
    words = ["--text", place.models / "texts", "--size", "250k", "--tokens", "24k", "--vocab", "400", "--threads", "1"]
    said = command("train", "pretrain", *words, "--out", out, "--no-compile").checked()
    written = masked((out / "recipe.toml").read_text(encoding="utf-8"), place)
    return result(place, out, said) | {"recipe": written, "texts": files(out, "**/*.u16", "**/tokenizer*")}


def rl_recipe(place: Place, path: Path, out: Path, options: dict[str, Any]) -> Path:
    path.write_text(RL.format(models=place.models, out=out, **options), encoding="utf-8")
    return path


def reinforced(place: Place, name: str, options: dict[str, Any]) -> Values:
    out = place.folder("train") / name
    path = rl_recipe(place, out.with_suffix(".toml"), out, options)
    return result(place, out, command("train", "rl", path).checked())


def adapted(place: Place, name: str, base: str, words: list[str]) -> Values:
    out = place.folder("train") / name
    return result(place, out, command("train", *adapting(place, out, base, words)).checked())


def adapting(place: Place, out: Path, base: str, words: list[Any]) -> list[Any]:
    stage, *more = (place.models / word if word.endswith(".jsonl") else word for word in words)
    if "--dtype" not in more:  # else a trial of this moment decides
        more = [*more, "--dtype", "float32"]
    if "--rehearse" not in more and stage == "sft":
        more = [*more, "--rehearse", "0"]
    length = ["--epochs", "10", "--batch", "4", "--threads", "1", "--lr", "0.003"]
    return [stage, "--base", place.models / base, "--out", out, *length, *more]


def adapted_goes_on(place: Place) -> Values:
    out = place.folder("train") / "sft goes on"
    words = ["train", *adapting(place, out, "qwen3", ["sft", "--data", "colours.jsonl", "--method", "lora"])]
    interrupted(out, *words)
    command(*words).checked()
    return result(place, out)


def tensorboard(place: Place) -> Values:
    run = place.folder("train") / "curves"
    shutil.copytree(place.models / "run", run, dirs_exist_ok=True)
    command("train", "tensorboard", run).checked()
    return {"files": files(run, "events*")}


# -- what came out ---------------------------------------------------------------------------------------


def result(place: Place, out: Path, said: Said | None = None) -> Values:
    """What a run left, without what differs from run to run: times, energy, memory, the picture."""
    steps = [without_times(json.loads(line)) for line in (out / "metrics.jsonl").read_text().splitlines()]
    values: Values = {
        "steps": len(steps), "last step": steps[-1], "all steps": digest(steps),
        "losses": [s.get("loss") for s in steps],
        "files": files(out, "model/*", "adapter/*", "shards/*", "kept.jsonl", "samples/*"),
    }  # fmt: skip
    for name in ("report.json", "before.json", "rehearsed.json", "generation.json"):
        if (out / name).exists():
            values[name] = masked(json.dumps(without_times(json.loads((out / name).read_text()))), place)
    if (out / "generated.jsonl").exists():  # in the order in which they came
        values["generated"] = digest(sorted((out / "generated.jsonl").read_text().splitlines()))
    for checkpoint in sorted((out / "checkpoints").iterdir())[-1:]:
        meta = without_times(json.loads((checkpoint / "meta.json").read_text()))
        values["checkpoint"] = {"name": checkpoint.name, "meta": digest(masked(json.dumps(meta), place))}
        values["checkpoint"] |= forked(state, checkpoint / "state.pt")
    if said is not None:
        values["said"] = masked(said.out, place, measured=True).splitlines()
    return values


def without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_times(item) for key, item in value.items() if not key.endswith(TIMES)}
    return [without_times(item) for item in value] if isinstance(value, list) else value


def state(path: Path) -> dict[str, str]:
    """The hash of every part of a checkpoint."""
    import torch

    return {name: digest(exact(part)) for name, part in torch.load(path, weights_only=True).items()}
