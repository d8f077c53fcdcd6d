"""benchmarks/shapes.py: files of random weights that the gguf package reads and whose numbers are sane."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import gguf
import numpy as np
import pytest

SHAPES = Path(__file__).resolve().parents[2] / "benchmarks" / "shapes.py"


def written(folder: Path, *arguments: str) -> tuple[dict, Path]:
    command = [sys.executable, str(SHAPES), *arguments, "--out", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    result = json.loads(done.stdout.splitlines()[-1])
    return result, Path(result[arguments[0]]["path"])


@pytest.mark.parametrize("name", ["tiny-qwen2", "tiny-deepseek2", "tiny-llama"])
def test_the_gguf_package_reads_it(tmp_path, name):
    result, path = written(tmp_path, name)
    assert path.stat().st_size == result[name]["bytes"]
    reader = gguf.GGUFReader(path)
    tensors = {tensor.name: tensor for tensor in reader.tensors}
    head = tensors["token_embd.weight" if name == "tiny-llama" else "output.weight"]
    assert head.tensor_type == gguf.GGMLQuantizationType.Q6_K
    assert list(head.shape) == [256, 1024]
    assert len(reader.fields["tokenizer.ggml.tokens"].data) == 1024
    assert [file.name for file in tmp_path.iterdir()] == [path.name]  # nothing half-written is left


@pytest.mark.parametrize("tensor", ["blk.1.ffn_down.weight", "output.weight", "blk.0.attn_k.bias"])
def test_scales_keep_activations_near_one(tmp_path, tensor):
    _, path = written(tmp_path, "tiny-qwen2")
    found = next(each for each in gguf.GGUFReader(path).tensors if each.name == tensor)
    values = gguf.dequantize(found.data, found.tensor_type)
    inputs = {"blk.1.ffn_down.weight": 512 * 4, "output.weight": 256, "blk.0.attn_k.bias": 100}[tensor]
    assert np.std(values) == pytest.approx(inputs**-0.5, rel=0.1)
    assert abs(np.mean(values)) < 0.2 * np.std(values)


def test_pure_has_one_format(tmp_path):
    _, path = written(tmp_path, "tiny-qwen2", "--pure")
    assert {t.tensor_type.name for t in gguf.GGUFReader(path).tensors} == {"F32", "Q4_0"}
