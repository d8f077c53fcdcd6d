"""Damaged and hostile model files: every one either opens or is one clear error, soon and in little memory.

Most of the damage is another every day, so that a year of runs sees two million files and not the same ones a hundred
times.  A failure names its seed: HUOZHONG_TEST_SEED=740000 does that day's again, and HUOZHONG_TEST_DAMAGED=24000 makes
as many (80 s of a processor).
"""

from __future__ import annotations

import json
import os
import random
import resource
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from tests.engine.sparse_models import add_indexers
from tests.fuzz import damaged_bytes, damaged_json, keeps_its_promise

from huozhong.formats.checkpoint import CheckpointReader, expected_tensors, write_checkpoint
from huozhong.formats.gguf.export import export_gguf
from huozhong.formats.gguf.file import GgufFile
from huozhong.formats.gguf.vocab import small_files, vocab_metadata
from huozhong.formats.source import ModelSource, open_model
from huozhong.model.config import ModelConfig
from huozhong.text.template import ChatTemplate
from huozhong.text.tokenizer import Tokenizer

CONFIG = ModelConfig(
    vocab_size=300,
    hidden_size=32,
    intermediate_size=32,
    num_hidden_layers=2,
    num_attention_heads=2,
    kv_lora_rank=32,
    q_lora_rank=32,
    qk_nope_head_dim=32,
    qk_rope_head_dim=8,
    v_head_dim=32,
    moe_intermediate_size=32,
    n_shared_experts=1,
    n_routed_experts=2,
    num_experts_per_tok=1,
    first_k_dense_replace=1,
    bos_token_id=1,
    eos_token_id=2,
    pad_token_id=0,
)
FILES = ("model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json")
WORDS = "Ein Text, 一段文字 <think> 123 \ud800"
MANY = int(os.environ.get("HUOZHONG_TEST_DAMAGED", "6000"))
TODAY = int(os.environ.get("HUOZHONG_TEST_SEED", datetime.now(UTC).toordinal()))


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole tiny model: a folder, and `model.gguf` beside it."""
    home = tmp_path_factory.mktemp("healthy")
    numbers = np.random.default_rng(0)
    tensors = {name: numbers.normal(size=shape).astype(np.float32) for name, shape in expected_tensors(CONFIG).items()}
    tokenizer = Tokenizer.train(["the cat sat 一二三四 在一起 12 34"] * 9, 300)
    write_checkpoint(home / "folder", CONFIG, tensors, extra_files=tokenizer.files())
    source = open_model(home / "folder")
    vocabulary = vocab_metadata(source.small_files(), CONFIG.vocab_size)
    export_gguf(source, home / "model.gguf", "q4_0", vocabulary=vocabulary)
    export_gguf(source, home / "other.gguf", "f16", vocabulary=vocabulary)
    return home


@pytest.fixture(scope="module")
def sparse(healthy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with an indexer in every layer; DeepSeek-V3.2's kind, and as GGUF files GLM-5's too."""
    home = tmp_path_factory.mktemp("sparse")
    add_indexers(healthy / "folder", home / "folder", top_k=16, heads=4)
    source = open_model(home / "folder")
    vocabulary = vocab_metadata(source.small_files(), CONFIG.vocab_size)
    export_gguf(source, home / "model.gguf", "q4_0", vocabulary=vocabulary)
    glm = json.loads((home / "folder" / "config.json").read_text()) | {
        "model_type": "glm_moe_dsa",
        "indexer_types": ["full", "full"],
    }
    (home / "glm").mkdir()
    for file in (home / "folder").iterdir():
        (home / "glm" / file.name).write_bytes(file.read_bytes())
    (home / "glm" / "config.json").write_text(json.dumps(glm))
    export_gguf(open_model(home / "glm"), home / "other.gguf", "f16", vocabulary=vocabulary)
    return home


def use_source(source: ModelSource) -> None:
    for name in source.names():
        source.tensor(name)


def use_tokenizer(folder: Path) -> None:
    tokenizer = Tokenizer.load(folder)
    ids = tokenizer.encode(WORDS) + tokenizer.encode(WORDS, specials=True)
    tokenizer.decode(ids)
    tokenizer.decode_bytes(ids)
    ChatTemplate.load(folder, tokenizer)


def use_gguf(path: Path) -> None:
    file = GgufFile(path)
    for tensor in file.tensors.values():
        tensor.values()
    files = small_files(file.metadata)
    folder = path.parent / "tokenizer"
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    use_tokenizer(folder)
    use_source(open_model(path))


def readers_of(name: str, folder: Path) -> list[Callable[[], object]]:
    if name in ("model.safetensors", "config.json"):  # a sparse model is no checkpoint of ours: that is one error
        return [lambda: use_checkpoint(folder), lambda: use_source(open_model(folder))]
    return [lambda: use_tokenizer(folder)]


def use_checkpoint(folder: Path) -> None:
    reader = CheckpointReader(folder)
    for name in reader.names():
        reader.tensor(name)


def attack(healthy: Path, scratch: Path, count: int, seed: int) -> None:
    """`count` damaged files: a third GGUF, the rest files of a folder."""
    dice = random.Random(seed)
    gguf, other = (healthy / "model.gguf").read_bytes(), (healthy / "other.gguf").read_bytes()
    good = {name: (healthy / "folder" / name).read_bytes() for name in FILES}
    for name, content in good.items():
        (scratch / name).write_bytes(content)
    opened = 0
    for number in range(count):
        what = f"mutation {number} of seed {seed}"
        if number % 3 == 0:
            path = scratch / "damaged.gguf"
            path.write_bytes(damaged_bytes(dice, gguf, other))
            opened += keeps_its_promise(lambda path=path: use_gguf(path), f"{what} (gguf)")  # type: ignore[misc]
            path.unlink()
            continue
        name = dice.choice(FILES)
        is_json = name.endswith(".json") and dice.random() < 0.7
        damaged = damaged_json(dice, good[name]) if is_json else damaged_bytes(dice, good[name], gguf)
        (scratch / name).write_bytes(damaged)
        for read in readers_of(name, scratch):
            opened += keeps_its_promise(read, f"{what} ({name})")
        (scratch / name).write_bytes(good[name])
    assert opened > count // 50, f"seed {seed}: {opened} of {count} opened"  # the damage is not all of one crude kind


def test_healthy_files_open(healthy: Path) -> None:
    use_gguf(healthy / "model.gguf")
    use_checkpoint(healthy / "folder")
    use_tokenizer(healthy / "folder")
    use_source(open_model(healthy / "folder"))


def test_healthy_sparse_files_open(sparse: Path) -> None:
    for name in ("folder", "glm", "model.gguf", "other.gguf"):
        use_source(open_model(sparse / name))


@pytest.mark.slow
def test_two_thousand_damaged_sparse_files(sparse: Path, tmp_path: Path) -> None:
    attack(sparse, tmp_path, 2_000, seed=4)


@pytest.mark.slow
def test_two_thousand_damaged_files(healthy: Path, tmp_path: Path) -> None:
    attack(healthy, tmp_path, 2_000, seed=1)


@pytest.mark.slow
def test_damage_of_today(healthy: Path, tmp_path: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    attack(healthy, tmp_path, MANY, seed=TODAY)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    most = 300 << 20 if sys.platform == "darwin" else 300 << 10  # bytes there, KiB elsewhere
    assert grown < most, f"seed {TODAY}: {grown}"
