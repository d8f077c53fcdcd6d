"""A failure -> OpenAI's error object."""

from __future__ import annotations

from typing import Any

from huozhong.server.failures import Failure


def error_body(failure: Failure) -> dict[str, Any]:
    kind = "authentication_error" if failure.status == 401 else failure.kind  # DeepSeek's word
    error = {"message": failure.message, "type": kind, "param": failure.param, "code": failure.code}
    return {"error": error}
