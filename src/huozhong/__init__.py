"""Huozhong (火种): DeepSeek, the whole system, on one ordinary machine.

The public names, sorted, and nothing else.  Each is imported when it is first used, so `import huozhong`
costs next to nothing and never needs torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from huozhong.cost import Bill, Meter
    from huozhong.engine.guides.guide import Grammar, JsonObject, JsonSchema, Regex
    from huozhong.engine.llm import LLM
    from huozhong.engine.requests import Completion, Delta, SamplingParams, TokenLogprob, Usage
    from huozhong.errors import (
        BilingualError,
        CheckpointError,
        ConfigError,
        ContextLengthError,
        DataError,
        DocumentError,
        EngineError,
        ExamError,
        HubError,
        HuozhongError,
        KernelError,
        RequestError,
        SkillError,
        StoreError,
        TokenizerError,
        TrainingError,
    )
    from huozhong.model.config import ModelConfig
    from huozhong.server.app import create_app
    from huozhong.text.template import ChatTemplate
    from huozhong.text.tokenizer import Tokenizer

__version__ = "0.1.0"

_HOMES = {
    "BilingualError": "errors",
    "Bill": "cost",
    "ChatTemplate": "text.template",
    "CheckpointError": "errors",
    "Completion": "engine.requests",
    "ConfigError": "errors",
    "ContextLengthError": "errors",
    "DataError": "errors",
    "Delta": "engine.requests",
    "DocumentError": "errors",
    "EngineError": "errors",
    "ExamError": "errors",
    "Grammar": "engine.guides.guide",
    "HubError": "errors",
    "HuozhongError": "errors",
    "JsonObject": "engine.guides.guide",
    "JsonSchema": "engine.guides.guide",
    "KernelError": "errors",
    "LLM": "engine.llm",
    "Meter": "cost",
    "ModelConfig": "model.config",
    "Regex": "engine.guides.guide",
    "RequestError": "errors",
    "SamplingParams": "engine.requests",
    "SkillError": "errors",
    "StoreError": "errors",
    "TokenLogprob": "engine.requests",
    "Tokenizer": "text.tokenizer",
    "TokenizerError": "errors",
    "TrainingError": "errors",
    "Usage": "engine.requests",
    "create_app": "server.app",
}

__all__ = [
    "LLM",
    "BilingualError",
    "Bill",
    "ChatTemplate",
    "CheckpointError",
    "Completion",
    "ConfigError",
    "ContextLengthError",
    "DataError",
    "Delta",
    "DocumentError",
    "EngineError",
    "ExamError",
    "Grammar",
    "HubError",
    "HuozhongError",
    "JsonObject",
    "JsonSchema",
    "KernelError",
    "Meter",
    "ModelConfig",
    "Regex",
    "RequestError",
    "SamplingParams",
    "SkillError",
    "StoreError",
    "TokenLogprob",
    "Tokenizer",
    "TokenizerError",
    "TrainingError",
    "Usage",
    "__version__",
    "create_app",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'huozhong' has no attribute {name!r}")
    value = getattr(import_module(f"huozhong.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
