"""What users type, and which files that means."""

from __future__ import annotations

import pytest

from huozhong.errors import ConfigError, HubError
from huozhong.formats.installed import checked_name
from huozhong.hub.choose import choose
from huozhong.hub.names import SHORT_NAMES, find_short_name, parse_wanted
from huozhong.hub.sources import RemoteFile


def test_short_names() -> None:
    wanted = parse_wanted("DeepSeek-R1:1.5b")
    assert (wanted.name, wanted.select) == ("deepseek-r1:1.5b", "Q4_K_M")
    assert wanted.huggingface == wanted.modelscope == "unsloth/DeepSeek-R1-Distill-Qwen-1.5B-GGUF"
    assert parse_wanted("deepseek-r1:1.5b-bf16").huggingface == "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B"
    assert parse_wanted("deepseek-r1").name == "deepseek-r1:1.5b"
    assert parse_wanted("deepseek-v2-lite").select == "Q4_K_M"
    assert find_short_name("llama") is None
    for name, wanted in SHORT_NAMES.items():
        assert name == wanted.name == checked_name(name)
        assert ":" in name, "so that the part before it can stand alone"
        assert (wanted.select is None) == name.endswith(("-bf16", "-fp8", ":bf16"))


def test_repositories() -> None:
    both = parse_wanted("maker/Some-Model")
    assert (both.name, both.huggingface, both.modelscope, both.select) == (
        "some-model",
        "maker/Some-Model",
        "maker/Some-Model",
        None,
    )
    assert parse_wanted("hf:maker/it:Q4_0").modelscope is None
    assert parse_wanted("ms:maker/it:Q4_0").huggingface is None
    assert parse_wanted("ms:maker/it:sub/It-Q4_0.gguf").name == "it:it-q4_0"
    assert parse_wanted("https://huggingface.co/maker/it/").huggingface == "maker/it"


@pytest.mark.parametrize(
    "text", ["deepsek-r1:7b", "hf:nothing", "a/b/c", "../etc", "maker/..", "", "x y/z", "hf:", "é/x"]
)
def test_what_is_no_name_is_told_near_ones(text: str) -> None:
    with pytest.raises(HubError, match="deepseek-r1:7b") as told:
        parse_wanted(text)
    assert "没有简称" in told.value.chinese


@pytest.mark.parametrize("name", ["", "a/b", "..", ".x", "a:b:c", "a:", "a b", "x" * 101, "-x", "a\n"])
def test_what_cannot_be_a_stored_name(name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be a model's name"):
        checked_name(name)


def test_names_in_any_script() -> None:
    assert checked_name("火种:小-1.0") == "火种:小-1.0"


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
    with pytest.raises(HubError, match=r"no tokenizer\.json"):
        chosen(None, "config.json", "model.safetensors")
    with pytest.raises(HubError, match="no safetensors or GGUF"):
        chosen(None, "config.json", "pytorch_model.bin")
    with pytest.raises(HubError, match="implausibly large"):
        choose([*files("model.safetensors", "tokenizer.json"), RemoteFile("config.json", 2**40)], None, "here")


def test_gguf_files() -> None:
    many = ["M-Q8_0.gguf", "M-Q4_K_M.gguf", "M-UD-Q4_K_M.gguf", "M.Q4_0.gguf", "mmproj-F16.gguf", "M-IQ4_K_M.gguf"]
    assert chosen(None, *many) == ["M-Q4_K_M.gguf"]
    assert chosen("q4_0", *many) == ["M.Q4_0.gguf"]
    assert chosen("UD-Q4_K_M", *many) == ["M-UD-Q4_K_M.gguf"]
    assert chosen("M-Q8_0.gguf", *many) == ["M-Q8_0.gguf"]
    assert chosen("Q8_0", "model.safetensors", *many) == ["M-Q8_0.gguf"]
    with pytest.raises(HubError, match=r"several files fit Q4_0: a-Q4_0\.gguf, b-Q4_0\.gguf"):
        chosen("Q4_0", "a-Q4_0.gguf", "b-Q4_0.gguf")
    with pytest.raises(HubError, match=r"no GGUF file that can be run; it has: M-IQ2_XXS\.gguf"):
        chosen(None, "M-IQ2_XXS.gguf")


def test_gguf_files_in_parts() -> None:
    parts = [f"Q4_K_M/M-Q4_K_M-0000{i}-of-00003.gguf" for i in (1, 2, 3)]
    assert chosen("Q4_K_M", *reversed(parts), "M-Q8_0.gguf") == parts
    assert chosen(parts[1], *parts) == parts
    with pytest.raises(HubError, match=r"parts of Q4_K_M/M-Q4_K_M\.gguf are missing"):
        chosen("Q4_K_M", *parts[:2])
