"""What an `LLM` is told when it is made, checked: every impossible option is a `ConfigError` that names it."""

from __future__ import annotations

from pathlib import Path
from typing import TypeGuard, get_args

from huozhong.engine.cache.prefixes import default_capacity
from huozhong.engine.speculation.speculator import MAX_DRAFT
from huozhong.errors import ConfigError
from huozhong.model.architecture import CacheFormat

DEFAULT_CONTEXT = 32768  # where the model would take more: its cache would take gigabytes
# Room in the cache for all running requests: sixteen full contexts, but no more than this many bytes
# (one full context is always there).
CACHE_CONTEXTS = 16
CACHE_BYTES = 64 * 2**20
MAX_RUNNING, STEP_TOKENS = 32, 256


def check_weights(quantization: object, num_threads: object, expert_memory: object, speculation: object) -> None:
    """How a model's weights are kept and used."""
    check_quantization(quantization)
    check_threads(num_threads)
    check_expert_memory(expert_memory)
    check_speculation(speculation)


def check_quantization(quantization: object) -> None:
    if quantization not in ("q8", "q4", "none", None):
        raise ConfigError(f"quantization is {quantization!r}; it must be 'q8', 'q4' or 'none'.")


def check_threads(num_threads: object) -> None:
    if num_threads is not None and (not isinstance(num_threads, int) or num_threads < 1):
        raise ConfigError(f"num_threads is {num_threads!r}; it must be a whole number of at least 1.")


def check_speculation(speculation: object) -> None:
    if speculation not in ("auto", "off") and not (_is_whole(speculation) and 0 <= speculation <= MAX_DRAFT):
        raise ConfigError(
            f"speculation is {speculation!r}; it must be 'auto', 'off' or a number from 0 to {MAX_DRAFT}."
        )


def check_expert_memory(size: object) -> None:
    if size is not None and (not _is_whole(size) or size < 1):
        raise ConfigError(f"expert_memory is {size!r}; it must be a whole number of bytes, or None.")


def checked_steps(max_running: object, step_tokens: object) -> tuple[int, int]:
    """Requests that are computed at the same time, and tokens of a step, in which each of them needs one."""
    running = MAX_RUNNING if max_running is None else max_running
    tokens = STEP_TOKENS if step_tokens is None else step_tokens
    if not _is_whole(running) or running < 1:
        raise ConfigError(f"max_running is {max_running!r}; it must be a whole number of at least 1.")
    if not _is_whole(tokens) or tokens < running:
        raise ConfigError(f"step_tokens is {step_tokens!r}; it must be a whole number of at least {running}.")
    return running, tokens


def check_cache_format(cache_format: object) -> None:
    if cache_format not in get_args(CacheFormat):
        raise ConfigError(f"cache_format is {cache_format!r}; it must be 'f32', 'f16' or 'q8'.")


def checked_context(max_context: object, limit: int) -> int:
    """Tokens of prompt and answer together, of the `limit` that the model was trained for."""
    if max_context is None:
        return min(limit, DEFAULT_CONTEXT)
    if not _is_whole(max_context) or not 2 <= max_context <= limit:
        raise ConfigError(f"max_context is {max_context!r}; this model allows 2 to {limit} tokens.")
    return max_context


def checked_cache_tokens(cache_tokens: object, max_context: int, bytes_per_token: int) -> int:
    """Tokens that the cache holds for all requests together."""
    if cache_tokens is None:
        return max(max_context, min(CACHE_CONTEXTS * max_context, CACHE_BYTES // bytes_per_token))
    if not _is_whole(cache_tokens) or cache_tokens < max_context:
        raise ConfigError(f"cache_tokens is {cache_tokens!r}; it must hold one context ({max_context} tokens).")
    return cache_tokens


def checked_prefix_bytes(size: object, folder: Path) -> int:
    """Bytes of disk for computed prompts in `folder`."""
    if size is None:
        return default_capacity(folder)
    if not _is_whole(size) or size < 0:
        raise ConfigError(f"prefix_cache_bytes is {size!r}; it must be a whole number, 0 for no cache on disk.")
    return size


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
