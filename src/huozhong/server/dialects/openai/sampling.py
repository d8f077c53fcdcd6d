"""What chats and completions of OpenAI's dialect say alike: sampling, `n`, streams, and what changes nothing."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator

from huozhong.engine.requests import SamplingParams
from huozhong.errors import RequestError
from huozhong.server.dialects.fields import Strict
from huozhong.server.dialects.sampling import sampling

MAX_ANSWERS = 16

# What clients send for their own records or for their vendor's machines: here it changes nothing.
CHANGES_NOTHING = frozenset(
    {
        "cache_prompt",  # llama.cpp's; prompts are kept in any case
        "id_slot",  # llama.cpp's, who has them
        "metadata",
        "prediction",  # would make it faster, not different
        "priority",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "safety_identifier",
        "service_tier",
        "store",
        "user",
        "user_id",
        "verbosity",
    }
)


def _strings(stop: Any) -> Any:
    return [stop] if isinstance(stop, str) else stop


class StreamOptions(Strict):
    include_usage: bool | None = None
    include_obfuscation: bool | None = None  # padding against those who listen in; there is nobody between


class Sampled(Strict):
    """None: not given, so the model's own default holds."""

    model: str
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    repetition_penalty: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: dict[str, float] | None = None
    stop: Annotated[list[str] | None, BeforeValidator(_strings, json_schema_input_type=str | list[str] | None)] = None
    seed: int | None = None
    ignore_eos: bool | None = None
    max_tokens: int | None = None
    n: int | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None

    def sampling(self, defaults: SamplingParams, **more: Any) -> SamplingParams:
        """more: fields of `SamplingParams` that are not called so here."""
        given = {
            name: getattr(self, name)
            for name in (
                "temperature", "top_p", "top_k", "min_p", "repetition_penalty", "presence_penalty",
                "frequency_penalty", "stop", "seed", "ignore_eos", "max_tokens",
            )
        }  # fmt: skip
        return sampling(defaults, given | {"logit_bias": self._bias()} | more)

    def _bias(self) -> dict[int, float] | None:
        if self.logit_bias is None:
            return None
        wrong = next((name for name in self.logit_bias if not name.isdecimal()), None)
        if wrong is not None:
            raise RequestError(f"'logit_bias' names {wrong!r}, which is no token id.", param="logit_bias")
        return {int(name): bias for name, bias in self.logit_bias.items()}

    def num_answers(self) -> int:
        """How many answers to one prompt."""
        if self.n is not None and not 1 <= self.n <= MAX_ANSWERS:
            raise RequestError(f"'n' is {self.n}; it must be between 1 and {MAX_ANSWERS}.", param="n")
        return self.n or 1

    def wants_usage(self) -> bool:
        """Whether a stream is to end with its usage."""
        if self.stream_options is None:
            return False
        if not self.stream:
            raise RequestError("'stream_options' needs \"stream\": true.", param="stream_options")
        return bool(self.stream_options.include_usage)


def without_what_changes_nothing(raw: dict[str, Any]) -> dict[str, Any]:
    given = {name: value for name, value in raw.items() if name not in CHANGES_NOTHING}
    limit = given.pop("n_predict", None)  # llama.cpp's name for max_tokens
    if limit is not None and given.setdefault("max_tokens", limit) != limit:
        raise RequestError("'n_predict' and 'max_tokens' mean the same: give one of them.", param="n_predict")
    return given
