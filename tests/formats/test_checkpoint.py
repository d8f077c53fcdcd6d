"""Reading distrusts every byte; writing survives being killed."""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from tests.model.tiny_models import lively_model, moe_config, tiny_config

import huozhong.formats.checkpoint as module
from huozhong.errors import CheckpointError, HuozhongError
from huozhong.formats.checkpoint import (
    CheckpointReader,
    decode_bfloat16,
    encode_bfloat16,
    expected_tensors,
    read_config,
    write_checkpoint,
)
from huozhong.model.config import ModelConfig
from huozhong.model.transformer import Transformer
from huozhong.train.model_folder import load_transformer, save_transformer

Tensors = dict[str, np.ndarray]


def tensors_of(config: ModelConfig, value: float | None = None) -> Tensors:
    shapes = expected_tensors(config)
    if value is not None:
        return {name: np.full(shape, value, np.float32) for name, shape in shapes.items()}
    rng = np.random.default_rng(0)
    return {name: rng.standard_normal(shape, np.float32) for name, shape in shapes.items()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    config = tiny_config(num_hidden_layers=1)
    write_checkpoint(tmp_path / "model", config, tensors_of(config), extra_files={"notes.txt": b"hello"})
    return tmp_path / "model"


# -- what is written -----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_round_trip(tmp_path: Path, dtype: str) -> None:
    config = moe_config(num_nextn_predict_layers=1, tie_word_embeddings=False)
    tensors = tensors_of(config)
    write_checkpoint(tmp_path / "m", config, tensors, dtype=dtype, extra_files={"tokenizer.json": b"{}"})
    reader = CheckpointReader(tmp_path / "m")
    assert reader.config == read_config(tmp_path / "m") == config
    assert reader.names() == list(expected_tensors(config))
    for name, values in tensors.items():
        exact = dtype == "float32" or name.endswith("correction_bias")
        expected = values if exact else torch.from_numpy(values).bfloat16().float().numpy()
        np.testing.assert_array_equal(reader.tensor(name), expected)
    files = {item.name for item in (tmp_path / "m").iterdir()}
    assert files == {"config.json", "generation_config.json", "model.safetensors", "tokenizer.json"}
    assert [item.name for item in tmp_path.iterdir()] == ["m"]


def test_the_folder_is_strict_hugging_face(tmp_path: Path) -> None:
    config = tiny_config(eos_token_id=2)
    write_checkpoint(tmp_path / "m", config, tensors_of(config))
    written = json.loads((tmp_path / "m/config.json").read_text())
    assert written["model_type"] == "deepseek_v3"
    assert written["architectures"] == ["DeepseekV3ForCausalLM"]
    assert written["num_nextn_predict_layers"] == 0
    assert written["first_k_dense_replace"] == 2  # dense in transformers means this, not "no experts"
    assert written["torch_dtype"] == "bfloat16"
    assert json.loads((tmp_path / "m/generation_config.json").read_text()) == {"eos_token_id": 2}
    stored = load_file(tmp_path / "m/model.safetensors")
    assert {value.dtype for value in stored.values()} == {torch.bfloat16}
    assert "lm_head.weight" not in stored


def test_prediction_modules_carry_duplicates(tmp_path: Path) -> None:
    for tied in (True, False):
        model = lively_model(tiny_config(num_nextn_predict_layers=2, tie_word_embeddings=tied))
        save_transformer(model, tmp_path / "m", dtype="float32")
        stored = load_file(tmp_path / "m/model.safetensors")
        for layer in ("model.layers.2.", "model.layers.3."):
            names = [f"{layer}embed_tokens.weight", f"{layer}shared_head.head.weight"]
            if tied:  # where the model's own file does not repeat the head, its modules do not either
                assert not set(names) & set(stored)
                continue
            embedding, head = (stored[name] for name in names)
            torch.testing.assert_close(embedding, stored["model.embed_tokens.weight"])
            torch.testing.assert_close(head, model.head_weight.detach())
        assert set(stored) >= set(model.state_dict())
        back = load_transformer(tmp_path / "m")
        for name, value in model.state_dict().items():
            torch.testing.assert_close(back.state_dict()[name], value)


def test_state_dict_is_exactly_what_the_format_expects() -> None:
    for config in (
        tiny_config(),
        tiny_config(q_lora_rank=None, tie_word_embeddings=False),
        moe_config(num_nextn_predict_layers=1),
        moe_config(n_shared_experts=0),
    ):
        state = Transformer(config).state_dict()
        assert {name: tuple(value.shape) for name, value in state.items()} == expected_tensors(config)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(width=32), min_size=1, max_size=20))
def test_bfloat16_is_torchs(values: list[float]) -> None:
    array = np.array(values, np.float32)
    bits = encode_bfloat16(array)
    expected = torch.from_numpy(array).bfloat16()
    assert np.array_equal(np.isnan(decode_bfloat16(bits)), np.isnan(array))
    whole = ~np.isnan(array)
    assert np.array_equal(bits[whole].view(np.int16), expected.view(torch.int16).numpy()[whole])


# -- what is read --------------------------------------------------------------------------------------


def test_half_precision_and_shards(folder: Path) -> None:
    reader = CheckpointReader(folder)
    stored = {name: torch.from_numpy(reader.tensor(name)) for name in reader.names()}
    half = {name: value.half() for name, value in stored.items()}
    names = list(half)
    (folder / "model.safetensors").unlink()
    place = {name: f"part-{i % 2}.safetensors" for i, name in enumerate(names)}
    for file in set(place.values()):
        save_file({name: half[name] for name in names if place[name] == file}, folder / file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": place}))
    sharded = CheckpointReader(folder)
    for name in names:
        np.testing.assert_array_equal(sharded.tensor(name), half[name].float().numpy())
        assert sharded.tensor(name).dtype == np.float32

    (folder / "part-1.safetensors").unlink()
    expect(folder, "part-1.safetensors: cannot be read (No such file")
    for bad in ("../x.safetensors", "/etc/passwd", "..", ""):
        placed = {"weight_map": dict.fromkeys(names, bad)}
        (folder / "model.safetensors.index.json").write_text(json.dumps(placed))
        expect(folder, "is not a plain file name")
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": [1]}))
    expect(folder, "weight_map must map")


def expect(folder: Path, words: str) -> None:
    """Opening fails with one sentence that holds these words."""
    with pytest.raises(CheckpointError) as caught:
        CheckpointReader(folder)
    message = str(caught.value)
    assert words in message
    assert str(folder) in message
    assert "\n" not in message
    assert message.endswith((".", "?"))


def test_missing_files(folder: Path, tmp_path: Path) -> None:
    expect(tmp_path / "nowhere", "there is no such model folder")
    (folder / "model.safetensors").rename(tmp_path / "away")
    expect(folder, "there is neither model.safetensors nor")
    (folder / "config.json").unlink()
    expect(folder, "config.json: this file is missing")
    (folder / "config.json").mkdir()
    expect(folder, "config.json: cannot be read (Is a directory)")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is not valid JSON"),
        (b'{"a": ', "is not valid JSON"),
        (b"\xff\xfe", "is not valid JSON"),
        (b"[" * 100_000, "is not valid JSON"),
        (b"[]", "must hold a JSON object, not list"),
    ],
)
def test_config_that_is_no_json(folder: Path, content: bytes, words: str) -> None:
    (folder / "config.json").write_bytes(content)
    expect(folder, words)


def rewrite_header(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / "model.safetensors"
    raw = path.read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + length])
    replacement = change(header)
    text = json.dumps(header if replacement is None else replacement).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + raw[8 + length :])


NORM = "model.norm.weight"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda h: h.pop(NORM), "tensor 'model.norm.weight' is missing"),
        (lambda h: h[NORM].update(shape=[16, 2]), "has shape [16, 2]; config.json needs [32]"),
        (lambda h: h[NORM].update(shape=[31]), "data_offsets that do not fit"),
        (lambda h: h[NORM].update(dtype="F32"), "data_offsets that do not fit"),
        (lambda h: h[NORM].update(dtype="U16"), "is stored as U16; convert"),
        (lambda h: h[NORM].update(dtype="F8_E5M2"), "is stored as F8_E5M2; convert"),
        (lambda h: h[NORM].update(dtype="F8_E4M3"), "data_offsets that do not fit"),
        (lambda h: h[NORM].update(dtype=7), "has no dtype"),
        (lambda h: h[NORM].update(shape=[-32]), "impossible shape"),
        (lambda h: h[NORM].update(shape=[True]), "impossible shape"),
        (lambda h: h[NORM].update(shape="32"), "impossible shape"),
        (lambda h: h[NORM].update(data_offsets=[0, 1, 2]), "impossible shape or data_offsets"),
        (lambda h: h[NORM].update(data_offsets=[64, 0]), "do not fit"),
        (lambda h: h[NORM].update(data_offsets=[10**15, 10**15 + 64]), "the file is truncated"),
        (lambda h: h.update({NORM: []}), "is not described by a JSON object"),
        (lambda h: h.update(bias=h[NORM]), "tensor 'bias' has no place in the model"),
    ],
)
def test_nonsense_in_the_header(folder: Path, change: Callable[[dict[str, Any]], object], words: str) -> None:
    rewrite_header(folder, lambda header: change(header) and None)
    expect(folder, words)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "has only 0 bytes"),
        (b"1234567", "has only 7 bytes"),
        (struct.pack("<Q", 2**63) + b"{}", "it is not a safetensors file"),
        (struct.pack("<Q", 1000) + b"{}", "ends inside its header"),
        (struct.pack("<Q", 2) + b"[]", "is not a JSON object"),
        (struct.pack("<Q", 2) + b"{{", "is not valid JSON"),
        (b"PK\x03\x04 a zip file, or a git-lfs pointer", "it is not a safetensors file"),
    ],
)
def test_nonsense_instead_of_weights(folder: Path, content: bytes, words: str) -> None:
    (folder / "model.safetensors").write_bytes(content)
    expect(folder, words)


def test_every_truncation_is_noticed(folder: Path) -> None:
    path = folder / "model.safetensors"
    whole = path.read_bytes()
    for length in [*range(0, 200, 7), *range(200, len(whole), 997), len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(CheckpointError):
            CheckpointReader(folder)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_flipped_bytes_never_crash(folder: Path, data: st.DataObject) -> None:
    path = folder / "model.safetensors"
    whole = path.read_bytes()
    (length,) = struct.unpack("<Q", whole[:8])
    at = data.draw(st.integers(0, 8 + length - 1))
    broken = bytearray(whole)
    broken[at] = data.draw(st.integers(0, 255))
    path.write_bytes(broken)
    try:
        reader = CheckpointReader(folder)
        assert all(reader.tensor(name).dtype == np.float32 for name in reader.names())
    except HuozhongError:
        pass
    finally:
        path.write_bytes(whole)


def test_a_config_of_endless_layers_fails_at_once(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config.update(num_hidden_layers=10**12, first_k_dense_replace=10**12)
    (folder / "config.json").write_text(json.dumps(config))
    expect(folder, "tensor 'model.layers.1.input_layernorm.weight' is missing")


def test_unknown_tensor_name(folder: Path) -> None:
    with pytest.raises(CheckpointError, match="the model has no tensor 'x'"):
        CheckpointReader(folder).tensor("x")


# -- replacing -------------------------------------------------------------------------------------------


def test_replacing_drops_old_files_and_leftovers(folder: Path) -> None:
    for leftover in (".model.partial", ".model.replaced"):
        (folder.parent / leftover).mkdir()
        (folder.parent / leftover / "x").write_text("rubbish")
    config = tiny_config(num_hidden_layers=1)
    write_checkpoint(folder, config, tensors_of(config, 2.0))
    assert CheckpointReader(folder).tensor(NORM)[0] == 2.0
    assert not (folder / "notes.txt").exists()
    assert [item.name for item in folder.parent.iterdir()] == ["model"]


@pytest.mark.parametrize("swaps", [True, False])
def test_both_ways_of_replacing(folder: Path, swaps: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not swaps:
        monkeypatch.setattr(module, "_exchange", lambda one, other: False)
    config = tiny_config(num_hidden_layers=1)
    for value in (1.0, 2.0):
        write_checkpoint(folder, config, tensors_of(config, value))
        assert CheckpointReader(folder).tensor(NORM)[0] == value
    assert [item.name for item in folder.parent.iterdir()] == ["model"]


def test_a_crash_between_the_renames_is_healed(folder: Path) -> None:
    folder.rename(folder.parent / ".model.replaced")
    (folder.parent / ".model.partial").mkdir()
    assert read_config(folder).hidden_size == 32
    assert CheckpointReader(folder).names()
    config = tiny_config(num_hidden_layers=1)
    write_checkpoint(folder, config, tensors_of(config, 3.0))
    assert CheckpointReader(folder).tensor(NORM)[0] == 3.0
    assert [item.name for item in folder.parent.iterdir()] == ["model"]


def test_other_peoples_folders_are_left_alone(tmp_path: Path, folder: Path) -> None:
    config = tiny_config(num_hidden_layers=1)
    (tmp_path / "home").mkdir()
    (tmp_path / "home/thesis.txt").write_text("years of work")
    (folder / "sub").mkdir()
    (tmp_path / "file").write_text("")
    for target in (tmp_path / "home", folder, tmp_path / "file"):
        with pytest.raises(CheckpointError, match="holds something other than a model"):
            write_checkpoint(target, config, tensors_of(config))
    assert (tmp_path / "home/thesis.txt").read_text() == "years of work"
    with pytest.raises(CheckpointError, match="cannot be written"):
        write_checkpoint(tmp_path / "file/below", config, tensors_of(config))
    with pytest.raises(CheckpointError, match="dtype 'int4' cannot be written"):
        write_checkpoint(tmp_path / "new", config, tensors_of(config), dtype="int4")


WRITER = """
import itertools, sys
import numpy as np
import huozhong.formats.checkpoint as module
from huozhong.formats.checkpoint import expected_tensors, read_config, write_checkpoint
if sys.argv[2] == "renames":
    module._exchange = lambda one, other: False
config = read_config(sys.argv[1])
print("ready", flush=True)
for value in itertools.count(1):
    shapes = expected_tensors(config).items()
    values = {name: np.full(shape, value % 200, np.float32) for name, shape in shapes}
    write_checkpoint(sys.argv[1], config, values)
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", ["exchange", "renames"])
def test_killed_at_any_moment_the_old_or_the_new_is_there(folder: Path, how: str) -> None:
    rng = np.random.default_rng(0)
    for _ in range(6):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder), how],
            stdout=subprocess.PIPE,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        assert writer.stdout is not None
        with writer.stdout:
            writer.stdout.readline()
            time.sleep(rng.uniform(0.0, 0.3))
            writer.send_signal(signal.SIGKILL)
            writer.wait()
        reader = CheckpointReader(folder)
        values = {reader.tensor(name).flat[0] for name in reader.names()}
        assert len(values) == 1 or (folder / "notes.txt").exists()  # all of one write, or the first folder
