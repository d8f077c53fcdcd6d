"""llama.cpp's own answers: whole, or in pieces of which the last one tells all but the text."""

from __future__ import annotations

import math
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from huozhong.engine.requests import Completion, Delta, Reading, SamplingParams, TokenLogprob, Usage
from huozhong.server.dialects import Event, FixedText, Reply
from huozhong.server.failures import Failure

_KINDS = {400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "not_found_error",
          501: "not_supported_error", 503: "unavailable_error"}  # fmt: skip


def error_body(failure: Failure) -> dict[str, Any]:
    """code: of HTTP.  type: llama.cpp's word for it."""
    kind = "exceed_context_size_error" if failure.code == "context_length_exceeded" else _KINDS.get(failure.status)
    error = {"code": failure.status, "message": failure.message, "type": kind or "server_error"}
    more = {"param": failure.param, "n_prompt_tokens": failure.tokens, "n_ctx": failure.context}
    return {"error": error | {name: value for name, value in more.items() if value is not None}}


@dataclass(kw_only=True)
class NativeReply(Reply):
    """prompts: each answer's prompt as text.  eos_ids: tokens that end an answer.  context: tokens that fit.

    limit: what `n_predict` was, None where none was given.  timings_per_token, tells_progress: in a stream, with every
    piece what it took until then, and how far the prompt is read.
    """

    model: str
    prompts: Sequence[str]
    params: SamplingParams
    eos_ids: frozenset[int]
    context: int
    limit: int | None = None
    return_tokens: bool = False
    timings_per_token: bool = False
    tells_progress: bool = False
    response_fields: tuple[str, ...] = ()
    only_reads: bool = False
    fixed: FixedText | None = None
    id: str = field(init=False)

    def __post_init__(self) -> None:
        self.id = f"completion-{secrets.token_hex(12)}"
        self._written = ["" for _ in self.prompts]
        self._counts = [0 for _ in self.prompts]
        self._unfinished = len(self.prompts)
        self.joins = self.params.logprobs is None  # each token's probabilities are a piece of their own

    def whole(self, answers: Sequence[Completion]) -> dict[str, Any] | list[Any]:
        told = []
        for index, answer in enumerate(answers):
            text = "" if self.only_reads else answer.text
            tokens = list(answer.token_ids) if self.return_tokens else []
            self._written[index], self._counts[index] = text, len(answer.token_ids)
            end = self._end(index, answer.finish_reason, answer.stop_string, answer.token_ids[-1:], answer.usage)
            body = {"index": index, "content": text, "tokens": tokens, **end}
            if self.params.logprobs is not None:
                body["completion_probabilities"] = [self._probability(one) for one in answer.logprobs]
            told.append(self._chosen(body))
        return told if len(told) > 1 else told[0]

    def first(self) -> Iterator[Event]:
        return iter(())

    def events(self, index: int, delta: Delta) -> Iterator[Event]:
        if delta.reading is not None:
            if self.tells_progress:
                yield Event({"index": index, "content": "", "tokens": [], "stop": False} | progress_json(delta.reading))
            return
        text = "" if self.only_reads else delta.text
        self._written[index] += text
        self._counts[index] += len(delta.token_ids)
        if text or delta.logprobs:
            piece = {"index": index, "content": text, "tokens": list(delta.token_ids), "stop": False, "id_slot": -1,
                     "tokens_predicted": self._counts[index]}  # fmt: skip
            if delta.logprobs:
                piece["completion_probabilities"] = [self._probability(one) for one in delta.logprobs]
            if self.timings_per_token and delta.usage is not None:
                piece["timings"] = timings_json(delta.usage)
            yield Event(piece)
        if delta.finish_reason is None or delta.usage is None:
            return
        end = self._end(index, delta.finish_reason, delta.stop_string, delta.token_ids[-1:], delta.usage)
        yield Event(self._chosen({"index": index, "content": "", "tokens": [], **end}))

    def failed(self, failure: Failure) -> Event:
        return Event(error_body(failure))

    def _end(
        self, index: int, reason: str, stop_string: str | None, last: Sequence[int], usage: Usage
    ) -> dict[str, Any]:
        """What is told once an answer is complete."""
        # An answer that a guide calls complete ends as by an end token.
        stop_type = "limit" if reason == "length" else "word" if stop_string is not None else "eos"
        full = usage.prompt_tokens + usage.completion_tokens
        rule = {} if self.fixed is None else {"rule": self.fixed.as_dict()}
        return {
            "id_slot": -1,
            "stop": True,
            "model": self.model,
            "tokens_predicted": usage.completion_tokens,
            "tokens_evaluated": usage.prompt_tokens,
            "generation_settings": settings_json(self.params, self.limit, self.eos_ids),
            "prompt": self.prompts[index],
            "has_new_line": "\n" in self._written[index],
            "truncated": reason == "length" and full >= self.context,
            "stop_type": stop_type,
            "stopping_word": stop_string or "",
            "tokens_cached": full,
            "timings": timings_json(usage),
        } | rule

    def _chosen(self, body: dict[str, Any]) -> dict[str, Any]:
        """The fields that were asked for, `a/b` for one inside another; all where none were."""
        if not self.response_fields:
            return body
        chosen = {}
        for path in self.response_fields:
            value: Any = body
            for step in path.split("/"):
                value = value.get(step, _LACKING) if isinstance(value, dict) else _LACKING
            if value is not _LACKING:
                chosen[path] = value
        return chosen

    def _probability(self, token: TokenLogprob) -> dict[str, Any]:
        """A token with the likeliest in its place; of the draw itself where that was asked for."""
        kind = "prob" if self.params.drawn_logprobs else "logprob"
        return _token(token, kind) | {f"top_{kind}s": [_token(other, kind) for other in token.top]}


_LACKING = object()


def progress_json(reading: Reading) -> dict[str, Any]:
    """llama.cpp's `prompt_progress`: tokens of the prompt, and milliseconds."""
    told = {"total": reading.total, "cache": reading.cached, "processed": reading.done}
    return {"prompt_progress": told | {"time_ms": round(reading.seconds * 1e3)}}


def timings_json(usage: Usage) -> dict[str, Any]:
    """llama.cpp's `timings`: milliseconds and rates of reading the prompt and of writing after the first token."""
    read = usage.prompt_tokens - usage.cache_hit_tokens
    first = usage.seconds_to_first_token or 0.0
    reading_ms = first * 1e3
    writing_ms = max(usage.seconds - first, 0.0) * 1e3
    followers = max(usage.completion_tokens - 1, 0)
    return {
        "cache_n": usage.cache_hit_tokens,
        "prompt_n": read,
        "prompt_ms": reading_ms,
        "prompt_per_token_ms": reading_ms / read if read else 0.0,
        "prompt_per_second": read / first if first else 0.0,
        "predicted_n": usage.completion_tokens,
        "predicted_ms": writing_ms,
        "predicted_per_token_ms": writing_ms / followers if followers else 0.0,
        "predicted_per_second": 1e3 / writing_ms * followers if followers and writing_ms else 0.0,
    }


def settings_json(params: SamplingParams, limit: int | None, eos_ids: frozenset[int]) -> dict[str, Any]:
    """`generation_settings`: how tokens were chosen, in llama.cpp's names; what is not here stands switched off."""
    bias: list[dict[str, Any]] = [{"token": token, "bias": bias} for token, bias in params.logit_bias]
    if params.ignore_eos:
        bias += [{"token": token, "bias": None} for token in sorted(eos_ids)]  # JSON has no -infinity
    return {
        "seed": params.seed if params.seed is not None else 2**32 - 1,
        "temperature": params.temperature,
        "dynatemp_range": 0.0,
        "dynatemp_exponent": 1.0,
        "top_k": params.top_k or 0,
        "top_p": params.top_p,
        "min_p": params.min_p,
        "xtc_probability": 0.0,
        "xtc_threshold": 0.1,
        "typical_p": 1.0,
        "repeat_last_n": -1,
        "repeat_penalty": params.repetition_penalty,
        "presence_penalty": params.presence_penalty,
        "frequency_penalty": params.frequency_penalty,
        "dry_multiplier": 0.0,
        "mirostat": 0,
        "adaptive_target": -1.0,
        "adaptive_decay": 0.0,
        "stop": list(params.stop),
        "n_predict": -1 if limit is None else limit,
        "max_tokens": -1 if limit is None else limit,
        "ignore_eos": params.ignore_eos,
        "n_probs": params.logprobs or 0,
        "post_sampling_probs": params.drawn_logprobs,
        "logit_bias": bias,
    }


def _token(token: TokenLogprob, kind: str) -> dict[str, Any]:
    # JSON has no -infinity.
    number = math.exp(token.logprob) if kind == "prob" else max(token.logprob, -9999.0)
    return {"id": token.token_id, "token": token.token, "bytes": list(token.bytes), kind: number}
