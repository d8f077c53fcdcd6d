"""What this dialect gives, for /openapi.json."""

from __future__ import annotations

from huozhong.server.dialects.openai.schemas import LOGPROB
from huozhong.server.dialects.schemas import (
    ANY,
    BILL,
    BOOLEAN,
    INTEGER,
    NUMBER,
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

_STATUS = one_of("in_progress", "completed", "incomplete")
_TEXT = record(
    {
        "type": one_of("output_text"),
        "text": STRING,
        "annotations": {"type": "array", "maxItems": 0},
        "logprobs": array(LOGPROB),
    }
)
_MESSAGE = record(
    {
        "type": one_of("message"),
        "id": STRING,
        "status": _STATUS,
        "role": one_of("assistant"),
        "content": array(_TEXT),
    }
)
_CALL = record(
    {
        "type": one_of("function_call"),
        "id": STRING,
        "status": _STATUS,
        "call_id": STRING,
        "name": STRING,
        "arguments": STRING,
    }
)
_THOUGHT = record(
    {
        "type": one_of("reasoning"),
        "id": STRING,
        "status": _STATUS,
        "summary": array(record({"type": one_of("summary_text"), "text": STRING})),
        "content": array(record({"type": one_of("reasoning_text"), "text": STRING})),
    },
    {"encrypted_content": STRING},
)
_USAGE = record(
    {
        "input_tokens": INTEGER,
        "input_tokens_details": record({"cached_tokens": INTEGER, "cache_write_tokens": INTEGER}),
        "output_tokens": INTEGER,
        "output_tokens_details": record({"reasoning_tokens": INTEGER}),
        "total_tokens": INTEGER,
        "tokens_per_second": nullable(NUMBER),
        "seconds_to_first_token": nullable(NUMBER),
        "cost": nullable(BILL),
    }
)
_TOOL = record(
    {
        "type": one_of("function"),
        "name": STRING,
        "description": nullable(STRING),
        "parameters": nullable(mapping(ANY)),
        "strict": BOOLEAN,
    }
)
RESPONSE = Component(
    "responses.Response",
    record(
        {
            "id": STRING,
            "object": one_of("response"),
            "created_at": INTEGER,
            "completed_at": nullable(INTEGER),
            "status": one_of("completed", "incomplete", "failed", "in_progress"),
            "error": nullable(record({"code": STRING, "message": STRING})),
            "incomplete_details": nullable(record({"reason": one_of("max_output_tokens")})),
            "model": STRING,
            "output": array(either(_MESSAGE, _CALL, _THOUGHT)),
            "usage": nullable(_USAGE),
            "instructions": nullable(STRING),
            "max_output_tokens": nullable(INTEGER),
            "max_tool_calls": nullable(INTEGER),
            "previous_response_id": nullable(STRING),
            "prompt_cache_key": nullable(STRING),
            "safety_identifier": nullable(STRING),
            "user": nullable(STRING),
            "metadata": mapping(STRING),
            "parallel_tool_calls": BOOLEAN,
            "reasoning": record({"effort": nullable(STRING), "summary": nullable(STRING)}),
            "service_tier": one_of("default"),
            "store": BOOLEAN,
            "temperature": NUMBER,
            "text": record({"format": mapping(ANY), "verbosity": STRING}),
            "tool_choice": either(STRING, mapping(ANY)),
            "tools": array(_TOOL),
            "top_logprobs": INTEGER,
            "top_p": NUMBER,
            "truncation": one_of("auto", "disabled"),
            "background": one_of(False),
        },
        {"rule": RULE},
    ),
)
DELETED = Component("responses.Deleted", record({"id": STRING, "object": one_of("response"), "deleted": one_of(True)}))
