"""What users type, and which files that means."""

from __future__ import annotations

import pytest

from huozhong.errors import HubError
from huozhong.formats.installed import checked_name
from huozhong.hub.names import SHORT_NAMES, find_short_name, parse_wanted


def test_short_names() -> None:
    wanted = parse_wanted("DeepSeek-R1:1.5b")
    assert (wanted.name, wanted.select) == ("deepseek-r1:1.5b", "Q4_K_M")
    assert wanted.huggingface == wanted.modelscope == "unsloth/DeepSeek-R1-Distill-Qwen-1.5B-GGUF"
    assert parse_wanted("deepseek-r1:1.5b-bf16").huggingface == "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B"
    assert parse_wanted("deepseek-r1").name == "deepseek-r1:1.5b"
    assert parse_wanted("deepseek-v2-lite").select == "Q4_K_M"
    assert parse_wanted("glm-4.7-flash").huggingface == "unsloth/GLM-4.7-Flash-GGUF"
    assert parse_wanted("glm-4.7-flash:30b-bf16").modelscope == "ZhipuAI/GLM-4.7-Flash"
    assert parse_wanted("moonlight").modelscope is None
    assert parse_wanted("qwen3").name == "qwen3:4b"
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
