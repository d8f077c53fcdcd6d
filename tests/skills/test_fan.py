"""A fan chart: as text, as a drawing, and on the page."""

from __future__ import annotations

import xml.etree.ElementTree as Xml

import pytest

from huozhong.server.render import render_markdown
from huozhong.skills.fan import SVG, FanChart, draw, read_fan, whole_svg

CHART = FanChart(
    "生猪 <元/公斤>",
    (("11-13", 14.2), ("11-20", 14.35), ("11-27", 14.1)),
    (("12-04", (13.6, 14.0, 14.1, 14.4, 14.9)), ("12-11", (13.1, 13.8, 14.2, 14.6, 15.4))),
)


def test_the_text_says_all_of_it() -> None:
    assert read_fan(CHART.text()) == CHART


@pytest.mark.parametrize(
    "text",
    [
        "",
        "11-20 14.35",
        "11-20 14.35\n11-27 14.1",
        "11-20 14.35\n11-27 14.1\n12-04 15 14 13 12 11",
        "11-20 14.35\n11-27 14.1\n12-04 13 14",
        "11-20 14.35\n11-27 14.1\n12-04 13 13.5 14 14.5 15\n12-11 14",
        "11-20 14.35\n11-27 <script>\n12-04 13 13.5 14 14.5 15",
        "11-20 1e9999\n11-27 14\n12-04 13 13.5 14 14.5 15",
    ],
)
def test_what_is_no_fan_chart_stays_text(text: str) -> None:
    assert read_fan(text) is None


def test_the_drawing_is_well_formed_and_within_its_frame() -> None:
    root = Xml.fromstring(draw(CHART))
    width, height = (float(number) for number in root.attrib["viewBox"].split()[2:])
    for element in root.iter():
        assert set(element.attrib) <= set(SVG[element.tag])
        for x, y in (pair.split(",") for pair in element.attrib.get("points", "").split()):
            assert 0 <= float(x) <= width
            assert 0 <= float(y) <= height
    assert Xml.fromstring(whole_svg(CHART)).tag == "{http://www.w3.org/2000/svg}svg"


def test_prices_that_stand_still_can_be_drawn() -> None:
    still = FanChart("", (("a", 14.0), ("b", 14.0)), (("c", (14.0,) * 5),))
    assert Xml.fromstring(draw(still)).tag == "svg"


def test_the_page_shows_the_drawing_and_nothing_that_was_smuggled_in() -> None:
    shown = render_markdown(f"```fan\n{CHART.text()}\n```")
    assert shown.count("<svg") == 1
    assert shown.count("<polygon") == 2
    assert "viewBox" in shown
    assert "生猪 &lt;元/公斤&gt;" in shown
    smuggled = CHART.text().replace("生猪 <元/公斤>", '"><script>alert(1)</script>')
    assert "<script" not in render_markdown(f"```fan\n{smuggled}\n```")
    assert "<svg" not in render_markdown('<svg onload="alert(1)"></svg>')
    assert "<code" in render_markdown("```fan\nno chart\n```")
