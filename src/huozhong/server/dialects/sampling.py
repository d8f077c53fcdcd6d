"""How every dialect's sampling fields are read: what is left out is the model's own, and what means "none" is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from huozhong.engine.requests import NUMBERS, WHOLES, SamplingParams
from huozhong.errors import RequestError

_SMALLEST_TOP_P = 1e-6  # nothing but the likeliest token


def limits(names: Mapping[str, str] | None = None) -> dict[str, dict[str, Any]]:
    """What /openapi.json says of the fields' bounds.  names: what the dialect calls them, where that differs.

    A value that asks for nothing is within them, though the engine would not take it.
    """
    bounds: dict[str, dict[str, Any]] = {n: {"minimum": low, "maximum": high} for n, (low, high, _) in NUMBERS.items()}
    for name, (least, most) in WHOLES.items():
        bounds[name] = {"minimum": {"top_k": -1, "max_tokens": -2}.get(name, least)} | (
            {} if most is None else {"maximum": most}
        )
    return {(names or {}).get(name, name): bound for name, bound in bounds.items()}


def sampling(
    defaults: SamplingParams, given: Mapping[str, Any], names: Mapping[str, str] | None = None
) -> SamplingParams:
    """`defaults`, with what a request gives: values by the names that `SamplingParams` has for them.

    Values that clients send to ask for nothing are taken so: a `top_k` of 0 or -1, a `max_tokens` of -1 or -2 (all
    that fits), an empty stop string; `top_p` 0 is the likeliest token alone.
    names: what the dialect calls them, where that differs, for errors.  Raises `RequestError`.
    """
    values = {name: value for name, value in given.items() if value is not None}
    if values.get("top_k") in (0, -1):
        values["top_k"] = None
    if values.get("max_tokens") in (-1, -2):
        values["max_tokens"] = None
    if values.get("top_p") == 0:
        values["top_p"] = _SMALLEST_TOP_P
    if "stop" in values:
        values["stop"] = tuple(text for text in values["stop"] if text)
    try:
        return replace(defaults, **values)
    except RequestError as error:
        name = (names or {}).get(error.param or "")
        if name is None:
            raise
        message = str(error).removeprefix(error.param or "")
        raise RequestError(f"{name}{message}", param=name, code=error.code) from None
