"""What a user may call a model that is to be brought, and where it then comes from.

    deepseek-r1:1.5b                     a short name, from the table below
    owner/repo   owner/repo:Q4_K_M       any repository, on either hub; a quantisation or a file of it
    hf:owner/repo   ms:owner/repo        the same, on Hugging Face or ModelScope alone

The short names are what DeepSeek has published in the architectures that the engine runs, and good open models of the
same kinds that fit an ordinary machine (`advice.py` says which for which).  The plain ones are GGUF files that are
widely used, of 4 bits a weight where there are such; the tags that end in -bf16 and -fp8 are their makers' own folders.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import Literal

from huozhong.errors import HubError
from huozhong.formats.installed import checked_name

HubName = Literal["huggingface", "modelscope"]
QUANT = "Q4_K_M"
_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
_ADDRESSES = {
    "huggingface": re.compile(r"https?://(?:www\.)?(?:huggingface\.co|hf-mirror\.com)/"),
    "modelscope": re.compile(r"https?://(?:www\.)?modelscope\.cn/models/"),
}


@dataclass(frozen=True)
class WantedModel:
    """A model to bring.

    name: what it will be called here.  huggingface, modelscope: its repository on each hub; None where it has none.
    select: which GGUF: a quantisation ("Q4_K_M") or a file's path; None for a Hugging Face folder or, in a
    repository that holds only GGUF, a quantisation that suits an ordinary machine.
    """

    name: str
    huggingface: str | None
    modelscope: str | None
    select: str | None = None

    def repository(self, hub: HubName) -> str | None:
        return self.huggingface if hub == "huggingface" else self.modelscope


def _distilled(tag: str, repository: str) -> list[WantedModel]:
    """A distilled model: unsloth's GGUF of it (on both hubs), and DeepSeek's own folder."""
    gguf = f"unsloth/{repository}-GGUF"
    own = f"deepseek-ai/{repository}"
    return [WantedModel(tag, gguf, gguf, QUANT), WantedModel(f"{tag}-bf16", own, own)]


def _own(name: str, repository: str) -> WantedModel:
    own = f"deepseek-ai/{repository}"
    return WantedModel(name, own, own)


def _gguf(name: str, repository: str, select: str = QUANT, *, modelscope: bool = True) -> WantedModel:
    """A GGUF file of a repository that has the same name on both hubs, or is on Hugging Face alone."""
    return WantedModel(name, repository, repository if modelscope else None, select)


_TABLE: list[WantedModel] = [
    *_distilled("deepseek-r1:1.5b", "DeepSeek-R1-Distill-Qwen-1.5B"),
    *_distilled("deepseek-r1:7b", "DeepSeek-R1-Distill-Qwen-7B"),
    *_distilled("deepseek-r1:8b", "DeepSeek-R1-Distill-Llama-8B"),
    *_distilled("deepseek-r1:14b", "DeepSeek-R1-Distill-Qwen-14B"),
    *_distilled("deepseek-r1:32b", "DeepSeek-R1-Distill-Qwen-32B"),
    *_distilled("deepseek-r1:70b", "DeepSeek-R1-Distill-Llama-70B"),
    WantedModel("deepseek-r1:671b", "unsloth/DeepSeek-R1-GGUF", "unsloth/DeepSeek-R1-GGUF", QUANT),
    _own("deepseek-r1:671b-fp8", "DeepSeek-R1"),
    *_distilled("deepseek-r1-0528:8b", "DeepSeek-R1-0528-Qwen3-8B"),
    _own("deepseek-r1-0528:671b-fp8", "DeepSeek-R1-0528"),
    _own("deepseek-r1-zero:671b-fp8", "DeepSeek-R1-Zero"),
    WantedModel("deepseek-v2-lite:chat", "mradermacher/DeepSeek-V2-Lite-Chat-GGUF", None, QUANT),
    _own("deepseek-v2-lite:chat-bf16", "DeepSeek-V2-Lite-Chat"),
    _own("deepseek-v2-lite:base-bf16", "DeepSeek-V2-Lite"),
    WantedModel("deepseek-coder-v2-lite:instruct", "bartowski/DeepSeek-Coder-V2-Lite-Instruct-GGUF", None, QUANT),
    _own("deepseek-coder-v2-lite:instruct-bf16", "DeepSeek-Coder-V2-Lite-Instruct"),
    _own("deepseek-coder-v2-lite:base-bf16", "DeepSeek-Coder-V2-Lite-Base"),
    _own("deepseek-v2:chat-bf16", "DeepSeek-V2-Chat"),
    _own("deepseek-v2:base-bf16", "DeepSeek-V2"),
    _own("deepseek-coder-v2:instruct-bf16", "DeepSeek-Coder-V2-Instruct"),
    _own("deepseek-v2.5:bf16", "DeepSeek-V2.5"),
    WantedModel("deepseek-v3:671b", "unsloth/DeepSeek-V3-GGUF", "unsloth/DeepSeek-V3-GGUF", QUANT),
    _own("deepseek-v3:671b-fp8", "DeepSeek-V3"),
    _own("deepseek-v3:base-fp8", "DeepSeek-V3-Base"),
    _own("deepseek-v3-0324:671b-fp8", "DeepSeek-V3-0324"),
    _own("deepseek-v3.1:671b-fp8", "DeepSeek-V3.1"),
    # latent attention by others
    _gguf("glm-4.7-flash:30b", "unsloth/GLM-4.7-Flash-GGUF"),
    _gguf("glm-4.7-flash:30b-q8", "unsloth/GLM-4.7-Flash-GGUF", "Q8_0"),
    WantedModel("glm-4.7-flash:30b-bf16", "zai-org/GLM-4.7-Flash", "ZhipuAI/GLM-4.7-Flash"),
    _gguf("youtu-llm:2b", "tencent/Youtu-LLM-2B-GGUF", "Q8_0", modelscope=False),
    WantedModel("youtu-llm:2b-bf16", "tencent/Youtu-LLM-2B", None),
    _gguf("moonlight:16b", "gabriellarson/Moonlight-16B-A3B-Instruct-GGUF", modelscope=False),
    _gguf("gigachat3.1:10b", "ai-sage/GigaChat3.1-10B-A1.8B-GGUF", modelscope=False),
    # grouped attention by others
    _gguf("qwen3:4b", "unsloth/Qwen3-4B-Instruct-2507-GGUF"),
    _gguf("qwen3:0.6b", "Qwen/Qwen3-0.6B-GGUF", "Q8_0"),
    _gguf("qwen3:1.7b", "Qwen/Qwen3-1.7B-GGUF", "Q8_0"),
    _gguf("qwen3:8b", "Qwen/Qwen3-8B-GGUF"),
    _gguf("qwen3:14b", "Qwen/Qwen3-14B-GGUF"),
    _gguf("qwen3:32b", "Qwen/Qwen3-32B-GGUF"),
    _gguf("qwen3:30b-a3b", "unsloth/Qwen3-30B-A3B-Instruct-2507-GGUF"),
]
SHORT_NAMES: dict[str, WantedModel] = {wanted.name: wanted for wanted in _TABLE}


def find_short_name(text: str) -> WantedModel | None:
    """The short name `text`; one without a tag means the first of its tags in the table."""
    text = text.lower()
    if text in SHORT_NAMES:
        return SHORT_NAMES[text]
    return next((wanted for name, wanted in SHORT_NAMES.items() if name.partition(":")[0] == text), None)


def parse_wanted(text: str) -> WantedModel:
    """What to bring for what the user typed; `HubError` lists near names for one that is unknown."""
    if found := find_short_name(text):
        return found
    rest, only = text, None
    for hub, prefix in (("huggingface", "hf:"), ("modelscope", "ms:")):
        if text.startswith(prefix):
            rest, only = text[len(prefix) :], hub
        elif address := _ADDRESSES[hub].match(text):
            rest, only = text[address.end() :].rstrip("/"), hub
    repository, _, select = rest.partition(":")
    if not _REPOSITORY.fullmatch(repository) or ".." in repository:
        raise _unknown(text)
    own = repository.partition("/")[2]
    tag = re.sub(r"[^\w.-]", "-", select.rpartition("/")[2].removesuffix(".gguf")).strip("-.")
    name = checked_name(f"{own}:{tag}" if tag else own)
    return WantedModel(
        name,
        repository if only != "modelscope" else None,
        repository if only != "huggingface" else None,
        select or None,
    )


def _unknown(text: str) -> HubError:
    near = difflib.get_close_matches(text.lower(), SHORT_NAMES, n=4, cutoff=0.5)
    names = ", ".join(near or [name for name in SHORT_NAMES if not name.endswith(("-bf16", "-fp8"))])
    return HubError(
        f"没有简称 {text!r}。相近的有：{names}；其他模型请写 hf:作者/仓库 或 ms:作者/仓库。",
        f"There is no short name {text!r}.  Near ones: {names}; for any other model write hf:owner/repo or "
        "ms:owner/repo.",
    )
