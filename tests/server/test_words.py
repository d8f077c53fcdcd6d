"""One rule for the reader's language, wherever something is worded for people."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from tests.server.household import House, household

from huozhong.engine.llm import LLM


@pytest.fixture(scope="module")
def house(llm: LLM) -> Iterator[House]:
    with household(llm) as running:
        yield running


def told(client: httpx.Client, **headers: str) -> set[str]:
    """In which languages the page, a sheet, the page without scripts, a file's refusal and an app's word things."""
    pages = [client.get(path, headers=headers).text for path in ("/", "/page/account.html", "/page/plain")]
    found = {page.split('lang="', 1)[1].split('"', 1)[0] for page in pages}
    file = client.post("/house/files?name=a.bin", content=b"\0\1", headers=headers).json()["error"]["message"]
    app = client.post("/house/apps/check", json={"text": "x"}, headers=headers).json()["error"]["message"]
    return found | {"zh-CN" if any("\u4e00" <= letter <= "\u9fff" for letter in text) else "en" for text in (file, app)}


def test_the_devices_choice_comes_first_then_the_persons_then_the_browsers(house: House) -> None:
    with house.visitor("Bob") as bob:
        assert told(bob) == {"zh-CN"}, "nothing is known"
        assert told(bob, **{"accept-language": "en-GB,zh;q=0.5"}) == {"en"}
        bob.patch("/house/me", json={"language": "en"}).raise_for_status()
        assert told(bob, **{"accept-language": "zh-CN"}) == {"en"}
        bob.cookies.set("language", "zh")
        assert told(bob, **{"accept-language": "en"}) == {"zh-CN"}


def test_what_is_worded_in_two_languages_only_is_chinese_for_readers_of_traditional_characters(house: House) -> None:
    with house.visitor("Bob") as bob:
        bob.cookies.set("language", "zh-Hant")
        assert told(bob, **{"accept-language": "en"}) == {"zh-Hant", "zh-CN"}
