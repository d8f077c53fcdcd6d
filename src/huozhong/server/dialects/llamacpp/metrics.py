"""The engine's numbers in the names that dashboards for llama.cpp ask for."""

from __future__ import annotations

from huozhong.engine.stats import EngineStats


def llamacpp_metrics(stats: EngineStats) -> list[tuple[str, str, str, float]]:
    """(name behind `llamacpp:`, kind, what it is, value).  What this engine does not count apart is left out."""
    cached = stats.memory_hit_tokens + stats.disk_hit_tokens
    seconds = stats.runner_seconds
    return [
        ("prompt_tokens_total", "counter", "Prompt tokens that were computed.", stats.prompt_tokens - cached),
        ("prompt_tokens_cached_total", "counter", "Prompt tokens that were known already.", cached),
        ("tokens_predicted_total", "counter", "Tokens of answers.", stats.generated_tokens),
        ("n_decode_total", "counter", "Forward passes.", stats.steps),
        ("decode_seconds_total", "counter", "Seconds spent in forward passes.", seconds),
        ("spec_decode_num_draft_tokens_total", "counter", "Tokens that were guessed ahead.", stats.drafted_tokens),
        ("spec_decode_num_accepted_tokens_total", "counter", "Guessed tokens that were right.", stats.accepted_tokens),
        ("spec_decode_num_drafts_total", "counter", "Forward passes with guesses.", stats.speculating_steps),
        ("requests_processing", "gauge", "Requests that are being computed.", stats.running),
        ("requests_deferred", "gauge", "Requests that wait.", stats.waiting),
        ("kv_cache_usage_ratio", "gauge", "Share of the cache that requests hold.", stats.used_pages / stats.num_pages),
    ]
