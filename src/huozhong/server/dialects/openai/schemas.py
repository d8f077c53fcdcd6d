"""What this dialect gives, for /openapi.json."""

from __future__ import annotations

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
    mapping,
    nullable,
    one_of,
    record,
)

ERROR = Component(
    "openai.Error",
    record(
        {
            "error": record(
                {
                    "message": STRING,
                    "type": one_of(
                        "invalid_request_error", "authentication_error", "server_error", "exceed_context_size_error"
                    ),
                    "param": nullable(STRING),
                    "code": nullable(STRING),
                },
                {"n_prompt_tokens": INTEGER, "n_ctx": INTEGER},
            )
        }
    ),
)
USAGE = record(
    {
        "prompt_tokens": INTEGER,
        "completion_tokens": INTEGER,
        "total_tokens": INTEGER,
        "prompt_cache_hit_tokens": INTEGER,
        "prompt_cache_miss_tokens": INTEGER,
        "prompt_tokens_details": record({"cached_tokens": INTEGER}),
        "completion_tokens_details": record({"reasoning_tokens": INTEGER}),
        "tokens_per_second": nullable(NUMBER),
        "seconds_to_first_token": nullable(NUMBER),
        "cost": nullable(BILL),
    }
)
_TOKEN = {"token": STRING, "logprob": NUMBER, "bytes": array(INTEGER)}
LOGPROB = record({**_TOKEN, "top_logprobs": array(record(_TOKEN))})
_CALL = record(
    {
        "id": STRING,
        "type": one_of("function"),
        "function": record({"name": STRING, "arguments": STRING}),
    }
)
_MESSAGE = record(
    {"role": one_of("assistant"), "content": nullable(STRING), "reasoning_content": nullable(STRING)},
    {"tool_calls": array(_CALL), "rule": RULE},
)
CHAT_COMPLETION = Component(
    "openai.ChatCompletion",
    record(
        {
            "id": STRING,
            "object": one_of("chat.completion"),
            "created": INTEGER,
            "model": STRING,
            "system_fingerprint": STRING,
            "choices": array(
                record(
                    {
                        "index": INTEGER,
                        "message": _MESSAGE,
                        "logprobs": nullable(
                            record({"content": array(LOGPROB), "reasoning_content": nullable(array(LOGPROB))})
                        ),
                        "finish_reason": one_of("stop", "length", "tool_calls"),
                    },
                    {"stop_reason": STRING},
                )
            ),
            "usage": USAGE,
        },
        {"timings": mapping(NUMBER), "__verbose": mapping(ANY)},  # for who asks for them
    ),
)
COMPLETION = Component(
    "openai.Completion",
    record(
        {
            "id": STRING,
            "object": one_of("text_completion"),
            "created": INTEGER,
            "model": STRING,
            "system_fingerprint": STRING,
            "choices": array(
                record(
                    {
                        "index": INTEGER,
                        "text": STRING,
                        "logprobs": nullable(
                            record(
                                {
                                    "tokens": array(STRING),
                                    "token_logprobs": array(nullable(NUMBER)),
                                    "top_logprobs": array(nullable(mapping(NUMBER))),
                                    "text_offset": array(INTEGER),
                                }
                            )
                        ),
                        "finish_reason": one_of("stop", "length"),
                    },
                    {"rule": RULE},
                )
            ),
            "usage": USAGE,
        }
    ),
)
EMBEDDINGS = Component(
    "openai.Embeddings",
    record(
        {
            "object": one_of("list"),
            "data": array(
                record(
                    {
                        "object": one_of("embedding"),
                        "index": INTEGER,
                        "embedding": {"anyOf": [array(NUMBER), STRING]},  # numbers, or their bytes in base64
                    }
                )
            ),
            "model": STRING,
            "usage": record({"prompt_tokens": INTEGER, "total_tokens": INTEGER}),
        }
    ),
)
_MODEL = record({"id": STRING, "object": one_of("model"), "created": INTEGER, "owned_by": STRING})
MODEL = Component("openai.Model", _MODEL)
MODELS = Component("openai.Models", record({"object": one_of("list"), "data": array(_MODEL)}))
_BUDGET = record(
    {
        "daily_tokens": nullable(INTEGER),
        "used_tokens": INTEGER,
        "left_tokens": nullable(INTEGER),
        "daily_money": nullable(NUMBER),
        "used_money": NUMBER,
        "left_money": nullable(NUMBER),
        "seconds_to_reset": INTEGER,
    }
)
_BALANCES = dict.fromkeys(("currency", "total_balance", "granted_balance", "topped_up_balance"), STRING)
BALANCE = Component(
    "openai.Balance",
    record({"is_available": BOOLEAN, "balance_infos": array(record(_BALANCES))}, {"budget": _BUDGET}),
)

HEALTH = Component("Health", record({"status": one_of("ok")}, {"model": STRING}))
_READINESS = record({"status": one_of("ready", "stopping", "no database")})
READINESS = Component("Readiness", _READINESS)
UNREADY = Component("Unready", {"anyOf": [_READINESS, ERROR.schema]})
METRICS = Component("Metrics", STRING)
DOCUMENT = Component("Document", {"type": "object", "properties": {"openapi": STRING, "paths": mapping(ANY)}})
INPUT_TOKENS = Component(
    "openai.InputTokens", record({"object": one_of("response.input_tokens"), "input_tokens": INTEGER})
)
