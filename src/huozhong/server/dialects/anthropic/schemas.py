"""What this dialect gives, for /openapi.json."""

from __future__ import annotations

from huozhong.server.dialects.schemas import (
    ANY,
    INTEGER,
    RULE,
    STRING,
    Component,
    array,
    either,
    mapping,
    nullable,
    one_of,
    record,
)

ERROR = Component(
    "anthropic.Error",
    record({"type": one_of("error"), "error": record({"type": STRING, "message": STRING})}),
)
_BLOCK = either(
    record({"type": one_of("text"), "text": STRING}),
    record({"type": one_of("thinking"), "thinking": STRING, "signature": STRING}),
    record({"type": one_of("tool_use"), "id": STRING, "name": STRING, "input": mapping(ANY)}),
)
_USAGE = record(
    dict.fromkeys(("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"), INTEGER)
)
MESSAGE = Component(
    "anthropic.AnsweredMessage",
    record(
        {
            "id": STRING,
            "type": one_of("message"),
            "role": one_of("assistant"),
            "model": STRING,
            "content": array(_BLOCK),
            "stop_reason": one_of("end_turn", "max_tokens", "tool_use", "stop_sequence"),
            "stop_sequence": nullable(STRING),
            "usage": _USAGE,
        },
        {"rule": RULE},
    ),
)
COUNT = Component("anthropic.Count", record({"input_tokens": INTEGER}))
