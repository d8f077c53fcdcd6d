"""Which of a repository's files make up the model."""

from __future__ import annotations

import pytest

from huozhong.errors import HubError
from huozhong.hub.choose import choose
from huozhong.hub.sources import RemoteFile


def files(*paths: str) -> list[RemoteFile]:
    return [RemoteFile(path, 10) for path in paths]


def chosen(select: str | None, *paths: str) -> list[str]:
    return [file.path for file in choose(files(*paths), select, "here")]


def test_a_folder_of_shards() -> None:
    shards = [f"model-0000{i}-of-000002.safetensors" for i in (1, 2)]
    assert chosen(
        None,
        *shards,
        "model.safetensors",
        "config.json",
        "tokenizer.json",
        "model.safetensors.index.json",
        "a.gguf",
        "README.md",
        "modeling_x.py",
        "consolidated.safetensors",
        "pytorch_model.bin",
        "sub/model.safetensors",
    ) == ["config.json", "tokenizer.json", "model.safetensors.index.json", *shards]
    moonlight = ("config.json", "tiktoken.model", "model.safetensors")
    assert chosen(None, *moonlight, "tokenization_moonshot.py") == list(moonlight)
    with pytest.raises(HubError, match=r"no tokenizer\.json"):
        chosen(None, "config.json", "model.safetensors")
    with pytest.raises(HubError, match="implausibly large"):
        choose([*files("model.safetensors", "tokenizer.json"), RemoteFile("config.json", 2**40)], None, "here")


@pytest.mark.parametrize(("paths", "words", "chinese"), [
    (["config.json", "pytorch_model.bin"], "pytorch_model.bin is a kind of file that is not read", "pytorch_model.bin"),
    (["params.json", "consolidated.safetensors"], "no model.safetensors, only consolidated", "Hugging Face"),
    (["adapter_config.json", "adapter_model.safetensors"], r"holds an adapter \(LoRA\)", "适配器"),
    (["model_index.json", "unet/config.json", "unet/x.safetensors"], "pictures or films", "画图"),
    (["trainer_state.json", "checkpoint-500/config.json"], "lies in its folder checkpoint-500", "checkpoint-500"),
    (["README.md"], "holds no safetensors or GGUF file", "没有 safetensors"),
    (["config.json", "model.safetensors", "tokenizer.model"], "tokenizer.model alone", "只有 tokenizer.model"),
])  # fmt: skip
def test_what_is_no_model_says_what_it_is(paths: list[str], words: str, chinese: str) -> None:
    with pytest.raises(HubError, match=words) as caught:
        chosen(None, *paths)
    assert chinese in str(caught.value.chinese)


def test_gguf_files() -> None:
    many = ["M-Q8_0.gguf", "M-Q4_K_M.gguf", "M-UD-Q4_K_M.gguf", "M.Q4_0.gguf", "mmproj-F16.gguf", "M-IQ4_K_M.gguf"]
    assert chosen(None, *many) == ["M-Q4_K_M.gguf"]
    assert chosen("q4_0", *many) == ["M.Q4_0.gguf"]
    assert chosen("UD-Q4_K_M", *many) == ["M-UD-Q4_K_M.gguf"]
    assert chosen("M-Q8_0.gguf", *many) == ["M-Q8_0.gguf"]
    assert chosen("Q8_0", "model.safetensors", *many) == ["M-Q8_0.gguf"]
    with pytest.raises(HubError, match=r"several files fit Q4_0: a-Q4_0\.gguf, b-Q4_0\.gguf"):
        chosen("Q4_0", "a-Q4_0.gguf", "b-Q4_0.gguf")
    with pytest.raises(HubError, match=r"no GGUF file that can be run; it has: M-NVFP4\.gguf"):
        chosen(None, "M-NVFP4.gguf")


def test_gguf_files_in_parts() -> None:
    parts = [f"Q4_K_M/M-Q4_K_M-0000{i}-of-00003.gguf" for i in (1, 2, 3)]
    assert chosen("Q4_K_M", *reversed(parts), "M-Q8_0.gguf") == parts
    assert chosen(parts[1], *parts) == parts
    with pytest.raises(HubError, match=r"parts of Q4_K_M/M-Q4_K_M\.gguf are missing"):
        chosen("Q4_K_M", *parts[:2])
