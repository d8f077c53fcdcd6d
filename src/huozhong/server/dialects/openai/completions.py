"""OpenAI's (older) and DeepSeek's completions of plain texts: JSON -> `CompletionCall`, and answers -> JSON.

Sources: platform.openai.com/docs/api-reference/completions, api-docs.deepseek.com/api/create-completion.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

from huozhong.engine.requests import Completion, Delta, SamplingParams, TokenLogprob, Usage
from huozhong.errors import RequestError
from huozhong.server.calls import CompletionCall
from huozhong.server.dialects import Event, FixedText, Reply, total_usage
from huozhong.server.dialects.fields import TEXTS, also
from huozhong.server.dialects.openai.errors import error_body
from huozhong.server.dialects.openai.reply import FINGERPRINT, usage_json
from huozhong.server.dialects.openai.sampling import CHANGES_NOTHING, Sampled, without_what_changes_nothing
from huozhong.server.dialects.sampling import limits
from huozhong.server.failures import Failure

MAX_PROMPTS = 64
DEFAULT_MAX_TOKENS = 16  # OpenAI's: a raw text has no end of its own


class CompletionRequest(Sampled):
    """The body of POST /v1/completions."""

    model_config = also(CHANGES_NOTHING, None, limits())

    prompt: Annotated[Any, TEXTS] = None
    suffix: str | None = None
    echo: bool | None = None
    logprobs: int | None = None
    best_of: int | None = None


def parse_completion(body: dict[str, Any], defaults: SamplingParams) -> CompletionCall:
    """Raises `RequestError` naming the first field that is wrong."""
    request = CompletionRequest.parse(without_what_changes_nothing(body))
    prompts = _prompts(request.prompt)
    number = request.num_answers()
    if request.best_of not in (None, number):
        raise RequestError("'best_of' must be the same as 'n'.", param="best_of", code="unsupported_value")
    if request.suffix and not all(isinstance(prompt, str) for prompt in prompts):
        raise RequestError("'suffix' needs a 'prompt' that is a text.", param="suffix")
    if request.suffix and request.echo:
        raise RequestError("'echo' and 'suffix' exclude each other.", param="echo")
    limit = DEFAULT_MAX_TOKENS if request.max_tokens is None else request.max_tokens
    only_echo = limit == 0 and bool(request.echo)
    return CompletionCall(
        model=request.model,
        prompts=prompts,
        params=request.sampling(defaults, max_tokens=1 if only_echo else limit, logprobs=request.logprobs),
        suffix=request.suffix or "",
        echo=bool(request.echo),
        only_echo=only_echo,
        num_answers=number,
        stream=bool(request.stream),
        include_usage=request.wants_usage(),
    )


def _prompts(given: Any) -> list[str | list[int]]:
    many = [given] if isinstance(given, str) or _is_ids(given) else given
    if not isinstance(many, list) or not many or not all(isinstance(one, str) or _is_ids(one) for one in many):
        raise RequestError(
            "'prompt' must be a text, a list of texts, a list of token ids or a list of such lists, none empty.",
            param="prompt",
        )
    if len(many) > MAX_PROMPTS:
        raise RequestError(f"'prompt' has {len(many)} texts; at most {MAX_PROMPTS} are possible.", param="prompt")
    return many


def _is_ids(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(type(one) is int for one in value)


@dataclass(kw_only=True)
class CompletionReply(Reply):
    """A `text_completion` object, whole or for each piece.

    echoed: for each answer what is told before it.  scored: its tokens with their probabilities, where those are asked
    for; the first has none if nothing stands before it.  each: how many answers there are to each prompt.
    only_echo: what the model writes is not told (`max_tokens` 0).
    """

    model: str
    echoed: Sequence[str]
    scored: Sequence[Sequence[TokenLogprob | str]] = ()
    each: int = 1
    include_usage: bool = False
    with_logprobs: bool = False
    only_echo: bool = False
    fixed: FixedText | None = None

    def __post_init__(self) -> None:
        self.id = f"cmpl-{secrets.token_hex(12)}"
        self._created = int(time.time())
        self._usages: dict[int, Usage] = {}
        self._offsets = [0 if self.scored else len(text) for text in self.echoed]

    def whole(self, answers: Sequence[Completion]) -> dict[str, Any]:
        choices = [
            self._choice(
                i,
                self.echoed[i] + ("" if self.only_echo else answer.text),
                [*self._scored(i), *(() if self.only_echo else answer.logprobs)],
                answer.finish_reason,
            )
            for i, answer in enumerate(answers)
        ]
        return self._head() | {"choices": choices, "usage": self._usage([answer.usage for answer in answers])}

    def first(self) -> Iterator[Event]:
        for index, text in enumerate(self.echoed):
            if text:
                yield self._piece(self._choice(index, text, self._scored(index), None))

    def events(self, index: int, delta: Delta) -> Iterator[Event]:
        if self.only_echo:
            delta = replace(delta, text="", logprobs=())
        if delta.text or delta.logprobs or delta.finish_reason is not None:
            yield self._piece(self._choice(index, delta.text, delta.logprobs, delta.finish_reason))
        if delta.finish_reason is None or delta.usage is None:
            return
        self._usages[index] = delta.usage
        if len(self._usages) < len(self.echoed):
            return
        if self.include_usage:
            yield Event(self._head() | {"choices": [], "usage": self._usage([*self._usages.values()])})
        yield Event("[DONE]")

    def failed(self, failure: Failure) -> Event:
        return Event(error_body(failure))

    def _head(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": "text_completion",
            "created": self._created,
            "model": self.model,
            "system_fingerprint": FINGERPRINT,
        }

    def _piece(self, choice: dict[str, Any]) -> Event:
        return Event(self._head() | {"choices": [choice]} | ({"usage": None} if self.include_usage else {}))

    def _usage(self, usages: list[Usage]) -> dict[str, Any]:
        return usage_json(total_usage(usages, self.each))

    def _scored(self, index: int) -> Sequence[TokenLogprob | str]:
        return self.scored[index] if self.scored else ()

    def _choice(
        self, index: int, text: str, logprobs: Sequence[TokenLogprob | str], finish_reason: str | None
    ) -> dict[str, Any]:
        told = self._logprobs(index, logprobs) if self.with_logprobs else None
        choice = {"index": index, "text": text, "logprobs": told, "finish_reason": finish_reason}
        return choice | ({} if self.fixed is None else {"rule": self.fixed.as_dict()})

    def _logprobs(self, index: int, tokens: Sequence[TokenLogprob | str]) -> dict[str, Any]:
        """tokens: a text alone for one without a probability."""
        told: dict[str, list[Any]] = {"tokens": [], "token_logprobs": [], "top_logprobs": [], "text_offset": []}
        for token in tokens:
            text = token if isinstance(token, str) else token.token
            told["tokens"].append(text)
            told["text_offset"].append(self._offsets[index])
            self._offsets[index] += len(text)
            if isinstance(token, str):
                told["token_logprobs"].append(None)
                told["top_logprobs"].append(None)
            else:
                told["token_logprobs"].append(max(token.logprob, -9999.0))
                told["top_logprobs"].append({_name(other): max(other.logprob, -9999.0) for other in token.top})
        return told


def _name(token: TokenLogprob) -> str:
    """A token as a key; pieces of characters, which would all be called the same, as OpenAI calls them."""
    if "\ufffd" not in token.token:
        return token.token
    return "bytes:" + "".join(f"\\x{byte:02x}" for byte in token.bytes)
