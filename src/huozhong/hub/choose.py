"""Which of a repository's (or a folder's) files make up the model: everything else stays where it is."""

from __future__ import annotations

import re
from collections.abc import Iterable

from huozhong.errors import HubError
from huozhong.formats.hf.tiktoken import TIKTOKEN
from huozhong.hub.sources import RemoteFile

# A Hugging Face folder: these, and the weights.  Larger "small" files are not what they claim to be.
SMALL_FILES = (
    "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja",
    "chat_template.json", "special_tokens_map.json", TIKTOKEN, "LICENSE", "LICENSE.txt", "LICENSE-MODEL",
    "LICENSE-CODE",
)  # fmt: skip
INDEX = "model.safetensors.index.json"
_NEEDED = ("config.json", "tokenizer.json")
_LARGEST_SMALL = 256 * 2**20
_WEIGHTS = re.compile(r"model(-\d{5}-of-\d{5,6})?\.safetensors")
_GGUF = re.compile(r"[\w.+ ()\[\]-]+\.gguf")
_OTHER_WEIGHTS = (".bin", ".pth", ".pt", ".ckpt", ".onnx", ".h5", ".msgpack", ".npz", ".tflite", ".engine", ".ot")
_SHARD = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$")
# What the engine computes, the one that suits an ordinary machine first.
QUANTS = (
    "Q4_K_M", "Q4_K_S", "Q4_0", "IQ4_NL", "IQ4_XS", "MXFP4", "Q5_K_M", "Q5_K_S", "Q4_1", "Q5_0", "Q5_1", "Q6_K", "Q8_0",
    "Q3_K_L", "Q3_K_M", "Q3_K_S", "IQ3_M", "IQ3_S", "IQ3_XS", "IQ3_XXS", "Q2_K", "Q2_K_S", "IQ2_M", "IQ2_S", "IQ2_XS",
    "IQ2_XXS", "IQ1_M", "IQ1_S", "TQ2_0", "TQ1_0", "BF16", "F16", "F32",
)  # fmt: skip


def choose(files: Iterable[RemoteFile], select: str | None, place: str) -> list[RemoteFile]:
    """The files to bring, the small ones first.  select: see `WantedModel`.  place: for error messages."""
    listed = list(files)
    ggufs = [f for f in listed if _GGUF.fullmatch(f.name) and not f.name.lower().startswith("mmproj")]
    if select is None and any(_is_weights(file) for file in listed):
        return _folder(listed, place)
    if not ggufs:
        raise _nothing(listed, select, place)
    return _gguf(ggufs, select, place)


def _nothing(listed: list[RemoteFile], select: str | None, place: str) -> HubError:
    """The error where no file can be run: what is there instead, and what to take."""
    paths = sorted(file.path for file in listed)
    inside = [path.removesuffix("/config.json") for path in paths if path.endswith("/config.json")]
    other = next((path for path in paths if path.endswith(_OTHER_WEIGHTS)), None)
    part = next((path for path in paths if path.endswith(".safetensors")), None)
    if select is None and "adapter_config.json" in paths:
        return HubError(
            f"{place} 里是适配器（LoRA），单独不是模型；请拿已经和基座合并好的模型。",
            f"{place} holds an adapter (LoRA), which is no model by itself; take the model that it was merged into.",
        )
    if select is None and "model_index.json" in paths:
        return HubError(
            f"{place} 里是画图或做视频的模型（diffusers），本程序只运行语言模型。",
            f"{place} holds a model that makes pictures or films (diffusers); only language models run here.",
        )
    if select is None and len(inside) == 1:
        return HubError(
            f"{place} 里的模型在它的文件夹 {inside[0]} 里；请写那个文件夹。",
            f"the model of {place} lies in its folder {inside[0]}; name that one.",
        )
    if select is None and part is not None:
        return HubError(
            f"{place} 里没有 model.safetensors，只有 {part}；请拿它的 Hugging Face 版本，或把整个文件夹重新复制一遍。",
            f"{place} has no model.safetensors, only {part}; take the same model in Hugging Face's form, or copy the "
            "whole folder again.",
        )
    if select is None and other is not None:
        return HubError(
            f"{place} 里的 {other} 这种文件这里不读；请改用这个模型的 safetensors 或 GGUF 版本。",
            f"{place}: {other} is a kind of file that is not read here; take this model as safetensors or GGUF.",
        )
    return HubError(
        f"{place} 里没有 {select or 'safetensors 或 GGUF'} 模型文件；本程序读这两种格式。",
        f"{place} holds no {select or 'safetensors or GGUF'} file; those two formats are what can be run.",
    )


def _is_weights(file: RemoteFile) -> bool:
    return file.path == INDEX or _WEIGHTS.fullmatch(file.path) is not None


def _folder(listed: list[RemoteFile], place: str) -> list[RemoteFile]:
    by_path = {file.path: file for file in listed}
    for name in _NEEDED:
        if name not in by_path and not (name == "tokenizer.json" and TIKTOKEN in by_path):
            if name == "tokenizer.json" and "tokenizer.model" in by_path:
                raise HubError(
                    f"{place} 只有 tokenizer.model，没有 tokenizer.json；请拿同一个模型的 GGUF 版本，"
                    "或者用 transformers 打开它的词表再存一次，就会写出 tokenizer.json。",
                    f"{place} has tokenizer.model alone and no tokenizer.json; take this model as GGUF, or open and "
                    "save its tokenizer with transformers, which writes tokenizer.json.",
                )
            raise HubError(f"{place} 缺少 {name}，不能运行。", f"{place} has no {name}, so it cannot be run.")
    small = [by_path[name] for name in (*SMALL_FILES, INDEX) if name in by_path]
    for file in small:
        if file.size > _LARGEST_SMALL:
            raise HubError(
                f"{place} 的 {file.path} 大得不合理（{file.size} 字节）。",
                f"{place}: {file.path} is implausibly large ({file.size} bytes).",
            )
    weights = [file for file in listed if _WEIGHTS.fullmatch(file.path)]
    if INDEX in by_path:  # shards are meant; a single file beside them would be a second copy
        weights = [file for file in weights if "-of-" in file.path] or weights
    return small + sorted(weights, key=lambda file: file.path)


def _gguf(ggufs: list[RemoteFile], select: str | None, place: str) -> list[RemoteFile]:
    groups: dict[str, list[RemoteFile]] = {}
    for file in ggufs:
        groups.setdefault(_SHARD.sub(".gguf", file.path), []).append(file)
    chosen = _chosen_group(groups, select, place)
    shards = sorted(groups[chosen], key=lambda file: file.path)
    if found := _SHARD.search(shards[0].path):
        expected = [f"-{i + 1:05d}-of-{found[2]}.gguf" for i in range(int(found[2]))]
        if len(shards) != len(expected) or any(not s.path.endswith(e) for s, e in zip(shards, expected, strict=True)):
            raise HubError(f"{place} 的 {chosen} 缺少部分文件。", f"{place}: parts of {chosen} are missing.")
    return shards


def _chosen_group(groups: dict[str, list[RemoteFile]], select: str | None, place: str) -> str:
    if select is not None and select.lower().endswith(".gguf"):
        wanted = _SHARD.sub(".gguf", select)
        fitting = [path for path in groups if path == wanted or path.rpartition("/")[2] == wanted]
    elif select is not None:
        fitting = _with_quant(groups, select)
    else:
        fitting = next((found for quant in QUANTS if (found := _with_quant(groups, quant))), [])
    if len(fitting) == 1:
        return fitting[0]
    names = ", ".join(sorted(fitting or groups)[:12])
    if fitting:
        raise HubError(
            f"{place} 里有几个文件符合 {select or '要求'}：{names}；请写明其中一个。",
            f"{place}: several files fit {select or 'the request'}: {names}; name one of them.",
        )
    raise HubError(
        f"{place} 里没有 {select or '本程序能算的'} GGUF 文件；有：{names}。",
        f"{place} has no GGUF file {select or 'that can be run'}; it has: {names}.",
    )


def _with_quant(groups: dict[str, list[RemoteFile]], quant: str) -> list[str]:
    """Paths whose file name has `quant` as a word; a plain one before variants of it (UD-Q4_K_M, imat...)."""
    word = re.compile(rf"(?:^|[-._])({re.escape(quant)})\.gguf$", re.IGNORECASE)
    fitting = [path for path in groups if word.search(path.rpartition("/")[2])]
    plain = [path for path in fitting if "-ud-" not in path.lower()]
    return plain or fitting
