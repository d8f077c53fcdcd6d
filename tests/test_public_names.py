"""What `import huozhong` offers, and that it costs next to nothing."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import huozhong
from huozhong import errors

NAMES = [
    "LLM", "BilingualError", "Bill", "ChatTemplate", "CheckpointError", "Completion", "ConfigError",
    "ContextLengthError", "DataError", "Delta", "DocumentError", "EngineError", "ExamError", "Grammar", "HubError",
    "HuozhongError", "JsonObject", "JsonSchema", "KernelError", "Meter", "ModelConfig", "Regex", "RequestError",
    "SamplingParams", "SkillError", "StoreError", "TokenLogprob", "Tokenizer", "TokenizerError", "TrainingError",
    "Usage", "__version__", "create_app",
]  # fmt: skip


def test_the_names() -> None:
    assert huozhong.__all__ == NAMES
    assert dir(huozhong) == sorted(NAMES)
    assert all(getattr(huozhong, name) is not None for name in NAMES)
    assert not hasattr(huozhong, "llm_")
    assert {name for name in vars(errors) if name.endswith("Error")} <= set(NAMES)


def test_the_version_is_the_packages() -> None:
    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8"))
    assert huozhong.__version__ == project["project"]["version"]


def test_importing_the_package_imports_nothing_else() -> None:
    heavy = "m.startswith(('numpy', 'huozhong.', 'torch'))"
    code = f"import sys, huozhong; print([m for m in sys.modules if {heavy}])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
