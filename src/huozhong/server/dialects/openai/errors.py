"""A failure -> OpenAI's error object."""

from __future__ import annotations

from typing import Any

from huozhong.server.failures import Failure


def error_body(failure: Failure) -> dict[str, Any]:
    kind: str = "authentication_error" if failure.status == 401 else failure.kind  # DeepSeek's word
    more: dict[str, Any] = {}
    if failure.context is not None:  # llama.cpp's words; OpenAI's is the code
        kind, more = "exceed_context_size_error", {"n_prompt_tokens": failure.tokens, "n_ctx": failure.context}
    error = {"message": failure.message, "type": kind, "param": failure.param, "code": failure.code}
    return {"error": error | more}
