"""The keys of a GGUF file: those of its architecture, checked, and which architectures the engine runs."""

from __future__ import annotations

from typing import Any

import numpy as np

from huozhong.errors import CheckpointError
from huozhong.formats.gguf.file import GgufFile
from huozhong.formats.keys import REQUIRED, Keys
from huozhong.model.architecture import Family

FAMILIES: dict[str, Family] = {
    "llama": "llama",
    "qwen2": "qwen2",
    "qwen3": "qwen3",
    "qwen3moe": "qwen3_moe",
    "deepseek2": "deepseek_v3",
    "deepseek32": "deepseek_v32",
    "glm-dsa": "glm_moe_dsa",
    "deepseek4": "deepseek_v4",
}


class MetadataKeys(Keys):
    """The metadata of a file; names count on from the architecture's prefix."""

    error = CheckpointError

    def __init__(self, file: GgufFile) -> None:
        self.where, self._metadata = file.path, file.metadata
        prefix = file.metadata.get("general.architecture")
        if not isinstance(prefix, str) or prefix not in FAMILIES:
            names = ", ".join(FAMILIES)
            if isinstance(prefix, str) and prefix == "clip":
                raise CheckpointError(
                    f"{self.where}: is the part of a vision model that sees (mmproj), no language model; "
                    "name the model's own GGUF file."
                ).in_chinese(
                    f"{self.where}：这是视觉模型里看图的部分（mmproj），不是语言模型；请写模型本身的 GGUF 文件。"
                )
            raise CheckpointError(f"{self.where}: holds a model of architecture {prefix!r}; the engine runs {names}.")
        self.prefix = prefix
        begin = f"{prefix}."
        super().__init__({k.removeprefix(begin): v for k, v in file.metadata.items() if k.startswith(begin)})

    def value(self, key: str, default: Any = REQUIRED) -> Any:
        """Also where a list gives every layer the same number, as converters write for some families."""
        found = super().value(key, default)
        if not isinstance(found, list | np.ndarray):
            return found
        each = set(np.asarray(found).reshape(-1).tolist())
        if len(each) != 1:
            raise CheckpointError(f"{self.words(key)} differs from layer to layer, which is not supported.")
        return each.pop()

    def every(self, key: str) -> list[Any] | None:
        """A list, as it is; None without one."""
        found = super().value(key, None)
        return np.asarray(found).reshape(-1).tolist() if isinstance(found, list | np.ndarray) else None

    def words(self, key: str) -> str:
        return f"{self.where}: metadata key '{self.prefix}.{key}'"

    def of_type(self, key: str, default: bool | str) -> Any:
        """A value of the default's type."""
        found = self.value(key, default)
        if not isinstance(found, type(default)):
            kind = type(default).__name__
            raise CheckpointError(f"{self.words(key)} is {found!r}, not a {kind}.")
        return found

    def token(self, name: str) -> int | None:
        found = self._metadata.get(f"tokenizer.ggml.{name}_token_id")
        return found if type(found) is int and 0 <= found < 2**31 else None  # -1: the model has no such token
