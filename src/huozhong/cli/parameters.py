"""`-o temperature=0.7`: how an answer is sampled, in the names that Ollama and OpenAI's programs use."""

from __future__ import annotations

import difflib
from typing import Any

from huozhong.cli.words import say
from huozhong.errors import ConfigError, RequestError

# What people type -> a field of `SamplingParams`, and what kind of value it takes.
_FIELDS: dict[str, tuple[str, type]] = {
    "temperature": ("temperature", float),
    "top_k": ("top_k", int),
    "top_p": ("top_p", float),
    "min_p": ("min_p", float),
    "repeat_penalty": ("repetition_penalty", float),
    "repetition_penalty": ("repetition_penalty", float),
    "presence_penalty": ("presence_penalty", float),
    "frequency_penalty": ("frequency_penalty", float),
    "num_predict": ("max_tokens", int),
    "max_tokens": ("max_tokens", int),
    "seed": ("seed", int),
    "stop": ("stop", str),
}


def read_parameters(options: list[str]) -> dict[str, Any]:
    """The fields of `SamplingParams` that "name=value" texts set.  `ConfigError` names the first that is wrong."""
    given: dict[str, Any] = {}
    for option in options:
        name, equals, value = option.partition("=")
        if not equals:
            raise ConfigError(
                say(
                    f"-o {option}：请写成 名字=值，例如 temperature=0.7。",
                    f"-o {option}: write NAME=VALUE, such as temperature=0.7.",
                )
            )
        set_parameter(given, name.strip(), value.strip())
    return given


def set_parameter(given: dict[str, Any], name: str, value: str) -> None:
    """Set one; several stop strings may follow one another.  `ConfigError` for a name or a value that is wrong."""
    from huozhong.engine.requests import SamplingParams

    field, kind = _FIELDS.get(name.lower().replace("-", "_"), ("", str))
    if not field:
        near = difflib.get_close_matches(name, _FIELDS, n=1)
        known = ", ".join(_FIELDS)
        raise ConfigError(
            say(
                f"没有参数 {name!r}" + (f"；是不是 {near[0]}？" if near else f"；可以用的有：{known}。"),
                f"There is no parameter {name!r}" + (f"; did you mean {near[0]}?" if near else f"; there are {known}."),
            )
        )
    try:
        read: Any = (*given.get("stop", ()), _unescaped(value)) if field == "stop" else kind(value)
        SamplingParams(**{field: read})
    except (ValueError, RequestError) as error:
        reason = str(error) if isinstance(error, RequestError) else ""
        raise ConfigError(
            say(f"{name} 不能是 {value!r}。{reason}", f"{name} cannot be {value!r}. {reason}").strip()
        ) from None
    given[field] = read


def _unescaped(text: str) -> str:
    """Line ends and tabs, which nobody can type into a command."""
    return text.replace("\\n", "\n").replace("\\t", "\t")
