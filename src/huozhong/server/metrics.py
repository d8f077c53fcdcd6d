"""The owner's numbers as Prometheus collects them: text, made when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from huozhong.engine.llm import EngineStats
from huozhong.server.dialects.llamacpp.metrics import llamacpp_metrics
from huozhong.server.measures import FIRST_TOKEN_BUCKETS, Measures
from huozhong.server.statistics import disk, engines, used_by_person

_PERSONS: tuple[tuple[str, str], ...] = (
    ("requests", "Answers, by person, since the person came"),
    ("prompt_tokens", "Tokens of prompts, by person"),
    ("cached_tokens", "Tokens of prompts that were not computed again, by person"),
    ("completion_tokens", "Tokens of answers, by person"),
    ("joules", "Energy, by person"),
    ("money", "What the energy cost, by person"),
)


def _llamacpp(loaded: list[EngineStats]) -> Iterator[Metric]:
    """The same in llama.cpp's names, of all models together; of a share, the largest."""
    for of_all in zip(*map(llamacpp_metrics, loaded), strict=True):
        name, kind, what = of_all[0][:3]
        values = [value for *_, value in of_all]
        if kind == "counter":
            yield CounterMetricFamily(f"llamacpp:{name}", what, sum(values))
        else:
            yield GaugeMetricFamily(f"llamacpp:{name}", what, max(values) if name.endswith("_ratio") else sum(values))


class _House:
    """A collector over one app."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    def collect(self) -> Iterator[Metric]:
        yield from self._engine()
        measures: Measures = self._app.state.measures
        yield _first_tokens(measures)
        responses = CounterMetricFamily("huozhong_http_responses", "Responses, by status", labels=["status"])
        for status, count in sorted(measures.responses.copy().items()):
            responses.add_metric([str(status)], count)
        yield responses
        yield from self._people()
        for name, value in disk(self._app.state.store).items():
            if value is not None:
                yield GaugeMetricFamily(f"huozhong_{name}_bytes", "Bytes on the disk", value)

    def _engine(self) -> Iterator[Metric]:
        loaded = engines(self._app)
        for field in fields(EngineStats):
            family = GaugeMetricFamily(f"huozhong_{field.name}", "Of the engine, since it began", labels=["model"])
            for name, stats in loaded.items():
                family.add_metric([name], getattr(stats, field.name))
            yield family
        yield from _llamacpp(list(loaded.values()))

    def _people(self) -> Iterator[Metric]:
        used = used_by_person(self._app)
        for name, help_text in _PERSONS:
            family = CounterMetricFamily(f"huozhong_person_{name}", help_text, labels=["person"])
            for person, amount in sorted(used.items()):
                family.add_metric([person], getattr(amount, name))
            yield family


def exposition(app: FastAPI) -> tuple[bytes, str]:
    """(body, media type) of everything; reads the store, so not for the event loop."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_House(app))
    return generate_latest(registry), CONTENT_TYPE_PLAIN_0_0_4


def _first_tokens(measures: Measures) -> Metric:
    counts, total = measures.first_token.counts[:], 0
    buckets: list[tuple[str, float]] = []
    for bound, count in zip((*map(str, FIRST_TOKEN_BUCKETS), "+Inf"), counts, strict=True):
        total += count
        buckets.append((bound, total))
    family = HistogramMetricFamily("huozhong_first_token_seconds", "From a request to its answer's first token")
    family.add_metric([], buckets, measures.first_token.total)
    return family
