"""The pen's room: one's own pen and nobody else's, taught, watched, weighed, priced; and the same in a real browser."""

from __future__ import annotations

import io
import re
import time
from pathlib import Path

import httpx
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect
from tests.apps.pen.made import PEN, detector, film, known_pigs
from tests.apps.prices.made import weekly
from tests.server.household import PASSWORD, House

from huozhong.senses.look import write_ppm

AT = "/house/room/pen"


def pictures(count: int, pigs: int = 5, seed: int = 3) -> list[tuple[bytes, list[list[float]]]]:
    """PPMs of a small pen, and where its pigs are."""
    found = []
    for _, picture, truths in film(PEN, pigs, float(count * 20), 20.0, herd=known_pigs(pigs, seed)):
        found.append((write_ppm(picture), [[*one.snout, *one.tail] for one in truths]))
    return found


def inside(pigs: list[list[float]]) -> list[list[float]]:
    return [[min(max(0.0, value), (320.0, 180.0)[place % 2]) for place, value in enumerate(pig)] for pig in pigs]


def put_detector(house: House, tmp_path: Path, name: str = "Ann") -> None:
    """As if this person had trained one."""
    folder = tmp_path / "home" / "apps-data" / "pen" / str(house.ids[name])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "detector.npz").write_bytes(detector().read_bytes())


def test_nobody_without_an_account_and_nobody_into_anothers_pen(house: House, tmp_path: Path) -> None:
    stranger = house.stranger()
    for method, path in (
        ("GET", "state"), ("PUT", "settings"), ("POST", "look"), ("GET", "pigs/1"), ("PUT", "pigs/1/name"),
        ("PUT", "pigs/1/weight"), ("POST", "sound"), ("POST", "thermal"), ("POST", "frames"), ("GET", "frames/a"),
        ("PUT", "frames/a"), ("DELETE", "frames/a"), ("POST", "train"), ("DELETE", "train"), ("GET", "train"),
        ("PUT", "model"), ("GET", "model"), ("POST", "price"),
    ):  # fmt: skip
        assert stranger.request(method, f"{AT}/{path}", json={}).status_code == 401, path
    assert stranger.get("/room/pen/", headers={"accept": "text/html"}).status_code in (303, 307, 401)
    ann, bob = house.visitor("Ann"), house.visitor("Bob")
    put_detector(house, tmp_path)
    (data, pigs), *_ = pictures(1)
    assert ann.post(f"{AT}/frames?name=first", content=data).json() == {"frames": 1}
    assert ann.put(f"{AT}/frames/first", json={"pigs": inside(pigs)}).json() == {"labelled": 1}
    assert ann.post(f"{AT}/look?time=1&begin=1", content=data).status_code == 200
    assert bob.get(f"{AT}/state").json()["frames"] == []
    assert bob.get(f"{AT}/frames/first").status_code == 404
    assert bob.put(f"{AT}/frames/first", json={"pigs": []}).status_code == 404
    assert bob.delete(f"{AT}/frames/first").status_code == 404
    assert bob.get(f"{AT}/pigs/1").status_code == 400
    assert bob.get(f"{AT}/model").status_code == 404
    refused = bob.post(f"{AT}/look?time=1&begin=1", content=data, headers={"accept-language": "en"})
    assert "no detector" in refused.json()["error"]["message"]


def test_watched_named_weighed(house: House, tmp_path: Path) -> None:
    put_detector(house, tmp_path)
    ann = house.visitor("Ann")
    for time_, picture, _ in film(PEN, 5, 8.0, herd=known_pigs(5, 3)):
        found = ann.post(f"{AT}/look?time={time_}", content=write_ppm(picture)).json()
    assert len(found["pigs"]) >= 4
    number = found["pigs"][0]["number"]
    labels = {one["key"]: one for one in ann.get(f"{AT}/pigs/{number}").json()["labels"]}
    assert len(labels) == 20
    assert labels["weight"]["how"] == labels["length"]["how"] == labels["feeder"]["how"] == "unknown"
    assert labels["nearest"]["how"] == "measured"
    corners = [[0, 0], [320, 0], [320, 180], [0, 180]]
    given = {"count": 5, "corners": corners, "sides": [8.0, 4.5], "camera": 3.0, "feeder": [0, 30, 30, 150]}
    assert ann.put(f"{AT}/settings", json=given).json()["settings"]["camera"] == 3.0
    assert ann.put(f"{AT}/pigs/{number}/name", json={"name": "小花"}).json() == {"names": {str(number): "小花"}}
    for time_, picture, _ in film(PEN, 5, 12.0, herd=known_pigs(5, 4)):
        ann.post(f"{AT}/look?time={time_ + 8}", content=write_ppm(picture))
    labels = {one["key"]: one for one in ann.get(f"{AT}/pigs/{number}").json()["labels"]}
    assert labels["mark"]["value"] == "小花"
    assert ann.get(f"{AT}/pigs/99").status_code == 404
    for body, status in (({"kilograms": "x"}, 400), ({"kilograms": 1}, 400), ({"pounds": 3}, 400)):
        assert ann.put(f"{AT}/pigs/{number}/weight", json=body).status_code == status
    state = ann.get(f"{AT}/state").json()
    assert state["settings"]["feeder"] == [0, 30, 30, 150]
    assert state["detector"] == "trained"


WRONG = [
    ("look?time=x", b"", "seconds"),
    ("look?time=1", b"not a picture at all", "picture"),
    ("look?time=1", b"P6\n320 180\n255\n" + b"x" * 100, "picture"),
    ("look?time=1", b"P6\n3 3\n255\n" + b"x" * 27, "pixels"),
    ("frames?name=../up", b"P6\n32 32\n255\n" + b"x" * 3072, "name"),
    ("frames?name=a", b"\x89PNG", "PPM"),
    ("thermal", b"1,2\nx", "Celsius"),
]


def test_what_is_wrong_is_said_in_one_sentence(house: House) -> None:
    ann = house.visitor("Ann")
    for path, content, words in WRONG:
        refused = ann.post(f"{AT}/{path}", content=content, headers={"accept-language": "en"})
        assert refused.status_code == 400, path
        assert words in refused.json()["error"]["message"]
    square = [[0, 0], [9, 0], [9, 9], [0, 9]]
    for given in (
        {"count": 0}, {"count": True}, {"corners": [[0, 0]]}, {"camera": 0.5}, {"feeder": [1, 2]}, {"what": 1},
        {"corners": [[0, 0], [9, 9], [9, 0], [0, 9]], "sides": [3, 3]}, {"sides": [0.01, 3], "corners": square},
        {"names": {}},
    ):  # fmt: skip
        assert ann.put(f"{AT}/settings", json=given).status_code == 400, given


def test_the_price_is_the_houses(house: House) -> None:
    ann = house.visitor("Ann")
    found = ann.post(f"{AT}/price", json={"table": weekly(60), "unit": "公斤", "weight": 100}).json()
    assert found["decision"]["advice"] in ("sell", "wait")
    assert len(found["forecast"]) == 8
    assert ann.get(f"{AT}/state").json()["prices"] == weekly(60)
    assert ann.post(f"{AT}/price", json={"table": ""}).status_code == 400
    assert ann.post(f"{AT}/price", json={"table": weekly(60), "pigs": 3}).status_code == 400


def wait_for(client: httpx.Client, *states: str) -> dict:  # type: ignore[type-arg]
    """Until a training is in one of the states; as long as the whole test may take."""
    while True:
        told = client.get(f"{AT}/train").json()
        if told["state"] in states:
            return dict(told)
        assert told["state"] in ("begins", "running", "stopping"), told
        time.sleep(0.2)


def test_a_training_is_stopped_and_taken_up_again(house: House, tmp_path: Path) -> None:
    ann, bob = house.visitor("Ann"), house.visitor("Bob")
    assert ann.post(f"{AT}/train", json={}).status_code == 400  # nothing is labelled
    for place, (data, pigs) in enumerate(pictures(4)):
        for one in (ann, bob):
            one.post(f"{AT}/frames?name=f{place}", content=data)
            one.put(f"{AT}/frames/f{place}", json={"pigs": inside(pigs)})
    assert ann.post(f"{AT}/train", json={}).status_code == 200
    assert bob.post(f"{AT}/train", json={}).status_code == 400  # one at a time
    wait_for(ann, "running")
    assert ann.delete(f"{AT}/train").status_code == 200
    stopped = wait_for(ann, "stopped")
    assert 0 < stopped["step"] < stopped["steps"]
    assert ann.post(f"{AT}/train", json={}).status_code == 200
    while (told := wait_for(ann, "running"))["step"] <= stopped["step"]:
        time.sleep(0.2)
    assert ann.delete(f"{AT}/train").status_code == 200
    assert wait_for(ann, "stopped")["step"] >= told["step"]
    folder = tmp_path / "home" / "apps-data" / "pen" / str(house.ids["Ann"])
    assert (folder / "checkpoint.pt").is_file()


# -- in a browser --------------------------------------------------------------------------


@pytest.fixture
def page(house: House, browser: Browser):  # type: ignore[no-untyped-def]
    context = browser.new_context(viewport={"width": 360, "height": 640}, locale="zh-CN", reduced_motion="reduce")
    context.request.post(f"{house.url}/house/login", data={"name": "Ann", "password": PASSWORD})
    opened, problems = context.new_page(), []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("request", lambda request: problems.append(request.url) if foreign(request.url, house.url) else None)
    yield opened
    context.close()
    assert problems == []


def foreign(address: str, home: str) -> bool:
    return not address.startswith((home, "blob:", "data:"))


def png(ppm: bytes) -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.open(io.BytesIO(ppm)).save(out, "PNG")
    return out.getvalue()


def photo(page: Page, field: str, *ppms: bytes) -> None:
    page.set_input_files(
        field, [{"name": f"{place}.png", "mimeType": "image/png", "buffer": png(one)} for place, one in enumerate(ppms)]
    )


def test_a_photo_a_pig_its_twenty_labels_its_price(page: Page, house: House, tmp_path: Path) -> None:
    put_detector(house, tmp_path)
    (data, pigs), *_ = pictures(1)
    page.goto(f"{house.url}/room/pen/")
    photo(page, "#photo", data)
    expect(page.locator("#numbers button").first).to_be_visible()
    many = page.locator("#numbers button").count()
    assert 4 <= many <= 6
    box = page.locator("#watch canvas").bounding_box()
    assert box is not None
    x, y = (pigs[0][0] + pigs[0][2]) / 2 / 320, (pigs[0][1] + pigs[0][3]) / 2 / 180
    page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
    expect(page.locator(".twenty li")).to_have_count(20)
    expect(page.locator("[data-label=weight] .how")).to_have_text("不知道")
    expect(page.locator("[data-label=weight] b")).to_have_text("—")
    page.locator("#numbers button").nth(1).click()
    expect(page.locator("#numbers button").nth(1)).to_have_attribute("aria-pressed", "true")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.click("text=这头：卖还是等")
    page.fill("#price-table", weekly(60))
    page.fill("#price-weight", "105")
    page.click("text=算一算")
    expect(page.locator("svg.fan polygon")).to_have_count(2)
    expect(page.locator(".advice").last).to_have_text(re.compile("^(现在就卖|再等等)$"))
    page.click("#language")
    expect(page.locator("#title")).to_have_text("The pen")


def test_frames_are_labelled_by_two_taps_a_pig(page: Page, house: House) -> None:
    frames = pictures(3)
    page.goto(f"{house.url}/room/pen/")
    page.click("[data-view=teach]")
    photo(page, "#teach-add", *[data for data, _ in frames])
    expect(page.locator("#teach-done")).to_contain_text("一共 3 张")
    for place, (_, pigs) in enumerate(frames):
        box = page.locator("#teach canvas").bounding_box()
        assert box is not None
        for pig in inside(pigs):
            for x, y in (pig[:2], pig[2:]):
                page.mouse.click(box["x"] + (x / 320) * box["width"], box["y"] + (y / 180) * (box["height"] - 1))
        page.click("text=撤销")
        page.click("text=撤销")
        expect(page.locator("#teach-taps")).to_contain_text("4 头 · 点鼻子")
        page.click("text=标好了，下一张")
        expect(page.locator("#teach-done")).to_contain_text(f"标了 {place + 1} 张")
    expect(page.locator("#teach-begin")).to_be_enabled()
    ann = house.visitor("Ann")
    kept = sorted((one["name"], len(one["pigs"])) for one in ann.get(f"{AT}/state").json()["frames"])
    assert [many for _, many in kept] == [4, 4, 4]
    name = kept[0][0]
    first = next(one for one in ann.get(f"{AT}/state").json()["frames"] if one["name"] == name)
    true = next(pigs for data, pigs in frames if ann.get(f"{AT}/frames/{name}").content[-500:] == data[-500:])
    np.testing.assert_allclose(first["pigs"], np.array(inside(true))[:4], atol=2.0)


def test_the_pens_sizes_and_the_keyboard(page: Page, house: House, tmp_path: Path) -> None:
    put_detector(house, tmp_path)
    page.set_viewport_size({"width": 1366, "height": 768})
    page.goto(f"{house.url}/room/pen/")
    photo(page, "#photo", pictures(1)[0][0])
    expect(page.locator("#numbers button").first).to_be_visible()
    page.click("[data-view=pen]")
    for field, value in (("count", "5"), ("width", "8"), ("depth", "4.5"), ("height", "3")):
        page.fill(f"#pen-{field}", value)
    page.click("text=框料槽")
    page.focus("#pen canvas")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    for _ in range(6):
        page.keyboard.press("Shift+ArrowLeft")
        page.keyboard.press("Shift+ArrowUp")
    page.keyboard.press("Enter")
    page.click("text=保存")
    expect(page.locator("#pen .hint").last).to_have_text("记下了。")
    settings = house.visitor("Ann").get(f"{AT}/state").json()["settings"]
    assert settings["count"] == 5
    assert settings["feeder"] == [12.0, 0.0, 156.0, 90.0]
