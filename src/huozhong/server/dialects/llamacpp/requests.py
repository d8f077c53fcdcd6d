"""llama.cpp's own completions and infills: JSON -> `NativeCall`.

Its samplers that there are here are read; of the others (`mirostat`, `dry_multiplier`, ...) the value that switches
them off.  What belongs to its slots (`id_slot`, `n_keep`) changes nothing here.

Source: llama.cpp's tools/server/README.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator

from huozhong.engine.guides.gbnf import lark_of
from huozhong.engine.guides.guide import Grammar, Guide, JsonSchema
from huozhong.engine.requests import SamplingParams
from huozhong.errors import RequestError
from huozhong.server.dialects.fields import NotYet, Strict, also, without_unsupported
from huozhong.server.dialects.sampling import sampling

MAX_PROMPTS = 64
MAX_CHOICES = 16
Part = str | int

_CHANGES_NOTHING = frozenset(
    {"cache_prompt", "dry_allowed_length", "dry_base", "dry_penalty_last_n", "dry_sequence_breakers",
     "dynatemp_exponent", "id_slot", "mirostat_eta", "mirostat_tau", "n_cache_reuse", "n_discard", "n_keep",
     "sse_ping_interval", "user", "xtc_threshold", "backend_sampling", "min_keep"}
)  # fmt: skip
# Samplers that are not here, and the values that switch them off.
_NOT_YET: NotYet = {
    "dry_multiplier": (0, 0.0),
    "dynatemp_range": (0, 0.0),
    "image_data": ([],),
    "lora": ([],),
    "mirostat": (0,),
    "n_indent": (0,),
    "t_max_predict_ms": (0, -1),
    "top_n_sigma": (-1, -1.0),
    "typical_p": (1, 1.0),
    "verbose": (False,),
    "xtc_probability": (0, 0.0),
}
_NAMES = {"max_tokens": "n_predict", "repetition_penalty": "repeat_penalty", "logprobs": "n_probs"}


def _listed(stop: Any) -> Any:
    return [stop] if isinstance(stop, str) else stop


class _Native(Strict):
    """What completions and infills have alike.  None: not given, so the model's own default holds."""

    model_config = also(_CHANGES_NOTHING, _NOT_YET)

    model: str | None = None
    n_predict: int | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    repeat_penalty: float | None = None
    repeat_last_n: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    samplers: list[str] | str | None = None
    seed: int | None = None
    ignore_eos: bool | None = None
    logit_bias: Any = None
    stop: Annotated[list[str] | None, BeforeValidator(_listed, json_schema_input_type=str | list[str] | None)] = None
    grammar: str | None = None
    json_schema: dict[str, Any] | None = None
    n_probs: int | None = None
    post_sampling_probs: bool | None = None
    n_cmpl: int | None = None
    n: int | None = None
    stream: bool | None = None
    return_tokens: bool | None = None
    timings_per_token: bool | None = None
    return_progress: bool | None = None
    response_fields: list[str] | None = None


class CompletionRequest(_Native):
    """The body of POST /completion."""

    prompt: Any = None


class Extra(Strict):
    """A further file, for the model to know of."""

    filename: str = ""
    text: str


class InfillRequest(_Native):
    """The body of POST /infill."""

    input_prefix: str
    input_suffix: str
    input_extra: list[Extra] | None = None
    prompt: str = ""


@dataclass(frozen=True, kw_only=True)
class NativeCall:
    """prompts: texts and token ids, mixed.  only_reads: what is written is not told (`n_predict` 0).

    biases: (a token's id or a text, what is added), which the route turns into ids.
    """

    model: str | None
    prompts: list[list[Part]]
    params: SamplingParams
    biases: list[tuple[Part, float]]
    guide: Guide | None
    source: str
    num_answers: int
    stream: bool
    return_tokens: bool
    timings_per_token: bool
    tells_progress: bool
    response_fields: tuple[str, ...]
    only_reads: bool = False


@dataclass(frozen=True, kw_only=True)
class InfillCall:
    """prefix: what stands before the gap, with what was begun in it.  extra: further files, as (name, text)."""

    prefix: str
    suffix: str
    extra: list[tuple[str, str]]
    native: NativeCall


def parse_completion(body: dict[str, Any], defaults: SamplingParams) -> NativeCall:
    """Raises `RequestError` naming the first field that is wrong."""
    request = CompletionRequest.parse(_known(body))
    return _call(request, defaults, _prompts(request.prompt))


def parse_infill(body: dict[str, Any], defaults: SamplingParams) -> InfillCall:
    """Raises `RequestError` naming the first field that is wrong."""
    request = InfillRequest.parse(_known(body))
    return InfillCall(
        prefix=request.input_prefix + request.prompt,
        suffix=request.input_suffix,
        extra=[(extra.filename, extra.text) for extra in request.input_extra or []],
        native=_call(request, defaults, []),
    )


def _known(body: dict[str, Any]) -> dict[str, Any]:
    return without_unsupported({k: v for k, v in body.items() if k not in _CHANGES_NOTHING}, _NOT_YET)


def _call(request: _Native, defaults: SamplingParams, prompts: list[list[Part]]) -> NativeCall:
    if request.repeat_penalty not in (None, 1.0) and request.repeat_last_n not in (None, -1):
        raise RequestError(
            "'repeat_last_n' is not supported yet: 'repeat_penalty' counts the whole context here; leave it out, or "
            "say -1.",
            param="repeat_last_n",
            code="unsupported_parameter",
        )
    limit = request.max_tokens if request.n_predict is None else request.n_predict
    given = {
        "temperature": request.temperature,
        "top_k": request.top_k,
        "top_p": request.top_p,
        "min_p": request.min_p,
        "repetition_penalty": request.repeat_penalty,
        "presence_penalty": request.presence_penalty,
        "frequency_penalty": request.frequency_penalty,
        "seed": None if request.seed in (-1, 2**32 - 1) else request.seed,
        "ignore_eos": request.ignore_eos,
        "stop": request.stop,
        "max_tokens": 1 if limit == 0 else limit,
        "logprobs": request.n_probs or None,
        "drawn_logprobs": request.post_sampling_probs,
    } | _order(request.samplers)
    number = request.n_cmpl or request.n or 1
    if not 1 <= number <= MAX_CHOICES:
        raise RequestError(f"'n_cmpl' is {number}; it must be between 1 and {MAX_CHOICES}.", param="n_cmpl")
    guide, source = _guide(request)
    return NativeCall(
        model=request.model,
        prompts=prompts,
        params=sampling(defaults, given, _NAMES),
        biases=_biases(request.logit_bias),
        guide=guide,
        source=source,
        num_answers=number,
        stream=bool(request.stream),
        return_tokens=bool(request.return_tokens),
        timings_per_token=bool(request.timings_per_token),
        tells_progress=bool(request.return_progress),
        response_fields=tuple(request.response_fields or ()),
        only_reads=limit == 0,
    )


# llama.cpp's samplers by their letters and names -> the field that each follows here, and what switches it off.
_SAMPLERS: dict[str, tuple[str, Any] | None] = {
    "penalties": ("repetition_penalty", 1.0), "dry": None, "top_n_sigma": None, "top_k": ("top_k", 0),
    "typ_p": None, "top_p": ("top_p", 1.0), "min_p": ("min_p", 0.0), "xtc": None, "temperature": ("temperature", 1.0),
    "infill": None, "adaptive_p": None,
}  # fmt: skip
_OTHER_NAMES = {
    "typical_p": "typ_p", "typical": "typ_p", "top-k": "top_k", "top-p": "top_p", "min-p": "min_p", "typ": "typ_p",
    "nucleus": "top_p", "temp": "temperature",
}  # fmt: skip
_LETTERS = dict(zip("edskypmxti", _SAMPLERS, strict=False))


def _order(samplers: list[str] | str | None) -> dict[str, Any]:
    """What a list of samplers comes to: those that are not named are off; temperature stands first or last."""
    if not samplers:
        return {"temperature_last": True}
    if isinstance(samplers, str):
        names = [_LETTERS.get(letter, letter) for letter in samplers]
    else:
        names = [_OTHER_NAMES.get(name, name) for name in samplers]
    if wrong := next((name for name in names if name not in _SAMPLERS), None):
        raise RequestError(f"'samplers' names {wrong!r}, which is none of {', '.join(_SAMPLERS)}.", param="samplers")
    cuts = [index for index, name in enumerate(names) if name in ("top_k", "top_p", "min_p")]
    at = names.index("temperature") if "temperature" in names else len(names)
    if any(index < at for index in cuts) and any(index > at for index in cuts):
        raise RequestError(
            "'samplers' has temperature between top_k, top_p and min_p; here it comes before all of them or after.",
            param="samplers",
            code="unsupported_value",
        )
    off = {known[0]: known[1] for name, known in _SAMPLERS.items() if known is not None and name not in names}
    if "penalties" not in names:
        off |= {"presence_penalty": 0.0, "frequency_penalty": 0.0}
    return off | {"temperature_last": not any(index > at for index in cuts)}


def _guide(request: _Native) -> tuple[Guide | None, str]:
    if request.grammar and request.json_schema is not None:
        raise RequestError(
            "'grammar' and 'json_schema' both say what the answer must look like; give one.", param="grammar"
        )
    return native_guide(request.grammar, request.json_schema)


def native_guide(grammar: str | None, json_schema: dict[str, Any] | None) -> tuple[Guide | None, str]:
    """The guide of llama.cpp's two fields, and the field's name; also of chats, which take them too."""
    try:
        if grammar:
            return Grammar(lark_of(grammar)), "grammar"
        if json_schema is not None:
            return JsonSchema(json_schema, strict=False), "json_schema"
    except RequestError as error:
        field = "grammar" if grammar else "json_schema"
        raise RequestError(f"'{field}': {error}", param=field) from None
    return None, "grammar"


def _prompts(given: Any) -> list[list[Part]]:
    """Each prompt's parts.  A list of ids, and of ids and texts, is one prompt; any other list is several."""
    if not isinstance(given, list) or any(type(one) is int for one in given):
        return [_parts(given)]
    if not 0 < len(given) <= MAX_PROMPTS:
        raise RequestError(f"'prompt' has {len(given)} prompts; it must have 1 to {MAX_PROMPTS}.", param="prompt")
    return [_parts(one) for one in given]


def _parts(given: Any) -> list[Part]:
    if isinstance(given, dict) and isinstance(given.get("prompt_string"), str):
        if given.get("multimodal_data"):
            raise RequestError(
                "'prompt.multimodal_data' is not supported: this model reads text only.",
                param="prompt",
                code="unsupported_value",
            )
        given = given["prompt_string"]
    if isinstance(given, str):
        return [given]
    if isinstance(given, list) and given and all(map(_is_part, given)):
        return given
    raise RequestError(
        '\'prompt\' must be a text, a list of token ids and texts, {"prompt_string": "..."} or a list of such.',
        param="prompt",
    )


def _is_part(value: Any) -> bool:
    return isinstance(value, str) or type(value) is int


def _biases(given: Any) -> list[tuple[Part, float]]:
    """[[token or text, number or false]] or {token or text: number}."""
    if not given:
        return []
    pairs = [[int(k) if str(k).isdecimal() else k, v] for k, v in given.items()] if isinstance(given, dict) else given
    if not isinstance(pairs, list) or not all(isinstance(p, list) and len(p) == 2 and _is_part(p[0]) for p in pairs):
        raise RequestError(
            "'logit_bias' must be a list of [token or text, number] or an object of them.", param="logit_bias"
        )
    found = []
    for what, number in pairs:
        if number is False:  # never
            number = -100
        if type(number) not in (int, float):
            raise RequestError(f"'logit_bias' of {what!r} is {number!r}, which is no number.", param="logit_bias")
        found.append((what, float(min(max(number, -100), 100))))
    return found
