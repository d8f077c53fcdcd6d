"""What this dialect gives, for /openapi.json."""

from __future__ import annotations

from huozhong.server.dialects.schemas import (
    ANY,
    INTEGER,
    NUMBER,
    RULE,
    STRING,
    Component,
    array,
    mapping,
    one_of,
    record,
)

ERROR = Component("ollama.Error", record({"error": STRING}))
_HEAD = {
    "model": STRING,
    "created_at": STRING,
    "done": one_of(True),
    "done_reason": one_of("stop", "length", "load", "unload"),
}
_DURATIONS = (
    "total_duration", "load_duration", "prompt_eval_count", "prompt_eval_duration", "eval_count", "eval_duration",
)  # fmt: skip
_END = {**dict.fromkeys(_DURATIONS, INTEGER), "rule": RULE}
_CALL = record(
    {"id": STRING, "function": record({"index": INTEGER, "name": STRING, "arguments": mapping(ANY)})},
)
_MESSAGE = record({"role": one_of("assistant"), "content": STRING}, {"thinking": STRING, "tool_calls": array(_CALL)})
CHAT = Component("ollama.Chat", record({**_HEAD, "message": _MESSAGE}, _END))
TEXT = Component("ollama.Text", record({**_HEAD, "response": STRING}, {**_END, "thinking": STRING}))
EMBEDDINGS = Component(
    "ollama.Embeddings",
    record({"model": STRING, "embeddings": array(array(NUMBER)), "prompt_eval_count": INTEGER}),
)
OLDER_EMBEDDING = Component("ollama.Embedding", record({"embedding": array(NUMBER)}))
_DETAILS = record(
    {
        **dict.fromkeys(("parent_model", "format", "family", "parameter_size", "quantization_level"), STRING),
        "families": array(STRING),
    }
)
_ENTRY = {"name": STRING, "model": STRING, "modified_at": STRING, "size": INTEGER, "digest": STRING}
TAGS = Component("ollama.Tags", record({"models": array(record({**_ENTRY, "details": _DETAILS}))}))
_PROCESS = {
    **dict.fromkeys(("name", "model", "digest", "expires_at"), STRING),
    **dict.fromkeys(("size", "size_vram", "context_length"), INTEGER),
    "details": _DETAILS,
}
PROCESSES = Component("ollama.Processes", record({"models": array(record(_PROCESS))}))
SHOWN = Component(
    "ollama.Shown",
    record(
        {
            **dict.fromkeys(("modelfile", "parameters", "template", "modified_at"), STRING),
            "details": _DETAILS,
            "model_info": mapping(ANY),
            "capabilities": array(one_of("completion", "tools", "thinking")),
        }
    ),
)
VERSION = Component("ollama.Version", record({"version": STRING}))
