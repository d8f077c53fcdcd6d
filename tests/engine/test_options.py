"""Every impossible option is an error that names it; what is left out has a sensible value."""

from __future__ import annotations

from pathlib import Path

import pytest

from huozhong.engine import options
from huozhong.errors import ConfigError


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (options.check_quantization, ["q8", "q4", "none", None], ["q5", 8, ["q8"]]),
        (options.check_threads, [1, 64, None], [0, -1, 1.5, "2"]),
        (options.check_speculation, ["auto", "off", 0, 8], [-1, 9, True, "on", None]),
        (options.check_cache_format, ["f32", "f16", "q8"], ["bf16", None]),
        (lambda value: options.checked_context(value, 100), [2, 100, None], [1, 101, True, "9"]),
        (lambda value: options.checked_cache_tokens(value, 100, 1), [100, 10_000, None], [99, True, 100.0]),
        (lambda value: options.checked_prefix_bytes(value, Path("/")), [0, 1, None], [-1, True, "1"]),
    ],
)
def test_options(check: object, good: list[object], bad: list[object]) -> None:
    assert callable(check)
    for value in good:
        check(value)
    for value in bad:
        with pytest.raises(ConfigError):
            check(value)


def test_what_is_left_out() -> None:
    assert options.checked_context(None, 500) == 500
    assert options.checked_context(None, 10**6) == options.DEFAULT_CONTEXT
    assert options.checked_cache_tokens(None, 100, 1) == 16 * 100
    assert options.checked_cache_tokens(None, 100, options.CACHE_BYTES // 300) == 300
    assert options.checked_cache_tokens(None, 100, options.CACHE_BYTES) == 100
