"""A fan chart, written as text and drawn as SVG.

In a Markdown answer it is a fenced block of the kind `fan`, which reads as a table where nothing is drawn:

    title: 生猪 元/公斤
    2026-11-20 14.20
    2026-11-27 14.35
    2026-12-04 13.60 14.10 14.40 14.70 15.20

Two columns are the past.  Six are a forecast: eight times in ten between the outer two numbers, four in ten between the
inner two, the middle one as often above as below.  The drawing holds numbers and escaped words only, so it may come
from anybody.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from html import escape

MOST_LINES = 400
# Elements of the drawing and their attributes: what a page has to let through.
SVG = {
    "svg": ("viewBox", "width", "role", "aria-label", "font-size", "fill"),
    "polygon": ("points", "fill", "fill-opacity"),
    "polyline": ("points", "stroke", "stroke-width"),
    "line": ("x1", "x2", "y1", "y2", "stroke", "stroke-opacity", "stroke-dasharray"),
    "text": ("x", "y", "text-anchor", "fill"),
}
_WIDTH, _HEIGHT = 340.0, 210.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 34.0, 8.0, 22.0, 26.0
_PAST, _COMING = "currentColor", "#c2410c"
_LINE = re.compile(r"(\S{1,20})((?:\s+\d{1,9}(?:\.\d{1,6})?){1,5})\s*")


@dataclass(frozen=True)
class FanChart:
    """past: (label, value), two at least; coming: (label, (low, lower, middle, upper, high)), one at least."""

    title: str
    past: tuple[tuple[str, float], ...]
    coming: tuple[tuple[str, tuple[float, ...]], ...]

    def text(self) -> str:
        """The body of the fenced block."""
        lines = [f"title: {self.title}"] if self.title else []
        lines += [f"{label} {value:.2f}" for label, value in self.past]
        lines += [" ".join([label, *(f"{value:.2f}" for value in values)]) for label, values in self.coming]
        return "\n".join(lines)


def read_fan(text: str) -> FanChart | None:
    """What a block says; None where it is no fan chart."""
    title = ""
    past: list[tuple[str, float]] = []
    coming: list[tuple[str, tuple[float, ...]]] = []
    lines = [line.strip() for line in text.strip().split("\n") if line.strip()]
    if len(lines) > MOST_LINES:
        return None
    for line in lines:
        if line.startswith("title:"):
            title = line.removeprefix("title:").strip()[:60]
            continue
        found = _LINE.fullmatch(line)
        if found is None:
            return None
        values = [float(value) for value in found[2].split()]
        if len(values) == 1 and not coming:
            past.append((found[1], values[0]))
        elif len(values) == 5 and values == sorted(values):
            coming.append((found[1], tuple(values)))
        else:
            return None
    if len(past) < 2 or not coming:
        return None
    return FanChart(title, tuple(past), tuple(coming))


def draw(chart: FanChart) -> str:
    """The chart as one SVG element, as wide as there is room."""
    values = [value for _, value in chart.past] + [value for _, five in chart.coming for value in five]
    ticks = _ticks(min(values), max(values))
    low, high = ticks[0], ticks[-1]
    count = len(chart.past) + len(chart.coming)

    def x(place: int) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * place / (count - 1)

    def y(value: float) -> float:
        return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - (value - low) / (high - low))

    now = len(chart.past) - 1
    last = chart.past[-1][1]
    parts = [_grid(ticks, y)]
    for inner, opacity in ((1, "0.18"), (2, "0.3")):
        upper = [(x(now), y(last))] + [(x(now + h), y(five[5 - inner])) for h, (_, five) in enumerate(chart.coming, 1)]
        lower = [(x(now), y(last))] + [(x(now + h), y(five[inner - 1])) for h, (_, five) in enumerate(chart.coming, 1)]
        parts.append(
            f'<polygon points="{_points(upper + lower[::-1])}" fill="{_COMING}" fill-opacity="{opacity}"></polygon>'
        )
    middle = [(x(now), y(last))] + [(x(now + h), y(five[2])) for h, (_, five) in enumerate(chart.coming, 1)]
    parts.append(_polyline(middle, _COMING, "2"))
    parts.append(_polyline([(x(place), y(value)) for place, (_, value) in enumerate(chart.past)], _PAST, "1.6"))
    across = f'x1="{x(now):.1f}" x2="{x(now):.1f}" y1="{_TOP:g}" y2="{_HEIGHT - _BOTTOM:g}"'
    parts.append(f'<line {across} stroke="currentColor" stroke-opacity="0.4" stroke-dasharray="3 3"></line>')
    ends = ((0, chart.past[0][0], "start"), (now, chart.past[-1][0], "middle"), (count - 1, chart.coming[-1][0], "end"))
    for place, label, anchor in ends:
        parts.append(_text(x(place), _HEIGHT - 8, label, anchor))
    parts.append(_text(_LEFT, 13, chart.title, "start"))
    (first, price), (final, five) = chart.past[-1], chart.coming[-1]
    told = f"{chart.title} {first}: {price:g}; {final}: {five[2]:g} ({five[0]:g} – {five[4]:g})"
    return (
        f'<svg viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" width="100%" role="img" aria-label="{escape(told)}" '
        f'font-size="11" fill="none">{"".join(parts)}</svg>'
    )


def whole_svg(chart: FanChart) -> str:
    """The same as a file of its own."""
    drawn = draw(chart).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" color="#222" ', 1)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + drawn.replace('width="100%"', 'width="680"') + "\n"


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers around the values: 4 to 7 of them."""
    room = max(high - low, abs(high) * 1e-3, 1e-6)
    step = 10.0 ** math.floor(math.log10(room / 4))
    step *= next(times for times in (1, 2, 5, 10) if room / (step * times) <= 5)
    begin = math.floor(low / step)
    end = max(math.ceil(high / step), begin + 1)
    return [step * place for place in range(begin, end + 1)]


def _grid(ticks: list[float], y: Callable[[float], float]) -> str:
    digits = max(0, -math.floor(math.log10(ticks[1] - ticks[0]) + 1e-9))
    return "".join(
        f'<line x1="{_LEFT:g}" x2="{_WIDTH - _RIGHT:g}" y1="{y(tick):.1f}" y2="{y(tick):.1f}" '
        'stroke="currentColor" stroke-opacity="0.15"></line>'
        + _text(_LEFT - 4, y(tick) + 4, f"{tick:.{digits}f}", "end")
        for tick in ticks
    )


def _points(points: list[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _polyline(points: list[tuple[float, float]], colour: str, width: str) -> str:
    return f'<polyline points="{_points(points)}" stroke="{colour}" stroke-width="{width}"></polyline>'


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="currentColor">{escape(words)}</text>'
