"""The adapter for llama.cpp's server tests: its converter of llama2.c's files, and its command line."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from safetensors.numpy import load_file

from huozhong import LLM, SamplingParams
from huozhong.cli.serve import listen

HERE = Path(__file__).resolve().parent
HEAD = {"dim": 32, "hidden": 48, "layers": 2, "heads": 4, "kv_heads": 2, "vocab": 300, "context": 64}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random model in llama2.c's form, made into a folder."""
    folder = tmp_path_factory.mktemp("models")
    dice = np.random.default_rng(0)
    dim, hidden, layers, kv = 32, 48, 2, 16
    size = 300 * dim + layers * (2 * dim + 2 * dim * dim + 2 * kv * dim + 3 * dim * hidden) + dim
    numbers = dice.normal(scale=0.3, size=size).astype(np.float32)
    table = np.zeros(2 * 64 * 4, np.float32)
    (folder / "model.bin").write_bytes(struct.pack("7i", *HEAD.values()) + numbers.tobytes() + table.tobytes())
    letters = [" ", *(chr(97 + i) for i in range(26)), *(f" {chr(97 + i)}" for i in range(14))]
    tokens = [*("<unk>", "<s>", "</s>"), *(f"<0x{i:02X}>" for i in range(256)), *letters]
    raw = b"".join(struct.pack("fi", -float(i), len(t.encode())) + t.encode() for i, t in enumerate(tokens[:300]))
    (folder / "tokens.bin").write_bytes(struct.pack("i", 9) + raw)
    command = [sys.executable, HERE / "tinyllama.py", folder / "model.bin", folder / "tokens.bin", folder / "tinyllama"]
    subprocess.run(command, check=True)
    return folder


@pytest.fixture(scope="module")
def url(models: Path) -> Iterator[str]:
    with listen("127.0.0.1", 0) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, HERE / "llama-server", "--port", str(port), "--hf-repo", "ggml-org/any", "--temp", "0.5",
               "--seed", "42", "--ctx-size", "1024", "--parallel", "2", "--n-predict", "6", "--alias", "b,a",
               "--api-key", "secret", "--chat-template", "llama3", "--no-slots", "--batch-size", "32"]  # fmt: skip
    process = subprocess.Popen(command, env=os.environ | {"HUOZHONG_SHIM_MODELS": str(models)})
    try:
        found = f"http://127.0.0.1:{port}"
        for _ in range(6000):
            try:
                httpx.get(f"{found}/health")
                break
            except httpx.TransportError:
                assert process.poll() is None
                time.sleep(0.05)
        yield found
    finally:
        process.terminate()
        process.wait(120)


def test_rows_of_the_rotation_go_from_pairs_to_halves(models: Path) -> None:
    found = load_file(models / "tinyllama" / "model.safetensors")
    raw = np.frombuffer((models / "model.bin").read_bytes(), np.float32, offset=28)
    first = 300 * 32 + 2 * 32
    q = raw[first : first + 32 * 32].reshape(32, 32)
    loaded = found["model.layers.0.self_attn.q_proj.weight"]
    np.testing.assert_array_equal(loaded[:8], q[[0, 2, 4, 6, 1, 3, 5, 7]])
    np.testing.assert_array_equal(found["model.norm.weight"], raw[-(2 * 64 * 4) - 32 : -(2 * 64 * 4)])
    with LLM(models / "tinyllama", quantization="none", num_threads=1) as llm:
        [answer] = llm.generate("a b", SamplingParams(temperature=0, max_tokens=4))
        assert len(answer.token_ids) == 4
        assert llm.text_tokens("a b")[0] == 1


def test_the_command_line_is_followed(url: str) -> None:
    key = {"authorization": "Bearer secret"}
    assert httpx.get(f"{url}/props").status_code == 401
    props = httpx.get(f"{url}/props", headers=key).json()
    assert props["model_alias"] == "b"
    settings = props["default_generation_settings"]
    assert settings["n_ctx"] == 512
    assert (settings["params"]["seed"], settings["params"]["temperature"]) == (42, 0.5)
    said = httpx.post(f"{url}/completion", json={"prompt": "a b"}, headers=key, timeout=60).json()
    assert said["tokens_predicted"] == 6
    body = {"messages": [{"role": "user", "content": "hi"}]}
    shown = httpx.post(f"{url}/apply-template", json=body, headers=key).json()["prompt"]
    assert shown.endswith("<|start_header_id|>assistant<|end_header_id|>\n\n")
    chat = httpx.post(f"{url}/v1/chat/completions", json=body, headers=key, timeout=60).json()
    assert chat["model"] == "b"
