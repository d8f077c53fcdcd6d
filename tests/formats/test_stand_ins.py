"""Folders and files that are not the model people think they have: one sentence says what they are, and what to do."""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path

import pytest

from huozhong.errors import HuozhongError
from huozhong.formats.resolve import BUILT_IN, resolve_model
from huozhong.formats.source import open_model

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 12345\n"


def refused(path: Path) -> HuozhongError:
    with pytest.raises(HuozhongError) as caught:
        open_model(resolve_model(str(path)))
    assert "\n" not in str(caught.value)
    assert caught.value.chinese
    return caught.value


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(BUILT_IN / "ember", tmp_path / "一个 模型"))


@pytest.mark.parametrize("name", ["pytorch_model.bin", "pytorch_model-00001-of-00002.bin", "consolidated.00.pth",
                                  "model.pt", "model.onnx"])  # fmt: skip
def test_weights_of_other_kinds(name: str, folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / name)
    assert f"{name} is not read here; take this model as safetensors or GGUF" in str(refused(folder))


def test_a_part_without_its_index(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    assert "only model-00001-of-00002.safetensors; copy the whole folder" in str(refused(folder))
    (folder / "model-00001-of-00002.safetensors").unlink()
    assert "copy the weights there" in str(refused(folder))


@pytest.mark.parametrize("method", ["gptq", "awq", "bitsandbytes"])
def test_quantised_folders(method: str, folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"quantization_config": {"quant_method": method}}))
    assert f"is {method!r}; only 'fp8' is supported. Take this model unquantised" in str(refused(folder))


def test_an_adapter_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text("{}")
    assert "holds an adapter (LoRA), which is no model by itself" in str(refused(tmp_path))


@pytest.mark.parametrize(("content", "words"), [
    (POINTER, "only git's pointer to the real file; run 'git lfs pull'"),
    (b"\n<!DOCTYPE html><html>404</html>", "is a web page that was saved under this name"),
])  # fmt: skip
def test_a_download_that_brought_something_else(content: bytes, words: str, folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(content)
    assert words in str(refused(folder))
    (folder / "x.gguf").write_bytes(content)
    assert words in str(refused(folder / "x.gguf"))


def test_the_part_that_sees_is_no_language_model(tmp_path: Path) -> None:
    def text(value: bytes) -> bytes:
        return struct.pack("<Q", len(value)) + value

    entry = text(b"general.architecture") + struct.pack("<I", 8) + text(b"clip")
    (tmp_path / "mmproj.gguf").write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + entry + bytes(64))
    assert "(mmproj), no language model; name the model's own GGUF file" in str(refused(tmp_path / "mmproj.gguf"))
