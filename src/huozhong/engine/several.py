"""One prompt or several, parameters for all or for each: what is asked for at once, as lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

from huozhong.engine.requests import SamplingParams
from huozhong.errors import RequestError

Prompt = str | list[int]
Conversation = Sequence[Mapping[str, Any]]


def listed(prompts: Prompt | Sequence[Prompt]) -> list[Prompt]:
    """One prompt (a string, or a plain list of ids) as a list of one."""
    if isinstance(prompts, str) or _is_ids(prompts):
        return [prompts]
    return list(prompts)  # type: ignore[arg-type]  # what is left holds prompts


def are_several(messages: Conversation | Sequence[Conversation]) -> bool:
    """Whether these are conversations, rather than one conversation's messages."""
    return bool(messages) and all(isinstance(one, list | tuple) for one in messages)


def each(
    params: SamplingParams | Sequence[SamplingParams] | None, number: int, defaults: SamplingParams
) -> list[SamplingParams]:
    """One for each of so many requests."""
    if params is None or isinstance(params, SamplingParams):
        return [params or defaults] * number
    if len(params) != number:
        raise RequestError(
            f"there are {number} prompts and {len(params)} params: give one for all, or as many.", param="params"
        )
    return list(params)


def _is_ids(prompts: Prompt | Sequence[Prompt]) -> TypeGuard[list[int]]:
    return isinstance(prompts, list) and len(prompts) > 0 and all(isinstance(i, int) for i in prompts)
