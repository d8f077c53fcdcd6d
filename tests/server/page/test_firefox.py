"""What people do most, once in Firefox: ask, stop, branch, search, an app, coming in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.server.household import PASSWORD, household
from tests.server.page.conftest import shared_site, site
from tests.server.page.firefox import ENTER, ESCAPE, Firefox, firefox
from tests.server.page.standin import QUESTION, StandIn

from huozhong.engine.llm import LLM

__all__ = ["shared_site", "site"]  # fixtures

pytestmark = pytest.mark.slow  # Firefox takes seconds to start


@pytest.fixture(scope="module")
def fox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    with firefox(tmp_path_factory.mktemp("firefox")) as running:
        yield running


def asked(fox: Firefox, question: str, answer: str) -> None:
    fox.type("#input", question + ENTER)
    fox.has(".answer .body", answer)
    fox.until("return document.querySelector('#log').getAttribute('aria-busy') === 'false'")


def test_asking_stopping_branching_and_searching(fox: Firefox, site: StandIn) -> None:
    fox.go(site.url)
    fox.until("return document.querySelector('#model').textContent === 'ember'")
    fox.script("window.failed = []; window.addEventListener('error', (event) => window.failed.push(event.message))")
    asked(fox, QUESTION, "还剩 94 盒")
    assert fox.script("return document.querySelectorAll('.body math').length") == 2
    fox.click(".thinking summary")
    fox.has(".thinking .text", "6*24=144")

    site.pace = 0.02
    fox.type("#input", "无尽" + ENTER)
    fox.has(".live .body", "一句话。")
    fox.type("#input", ESCAPE)
    fox.has(".answer .note", "已停止")
    assert site.ended.wait(60)
    site.pace = 0.001

    asked(fox, "你好", "你说的是“你好”。")
    fox.click("[data-t-label=again]")
    fox.has(".answer .walk", "2/2")
    fox.until("return document.querySelector('#log').getAttribute('aria-busy') === 'false'")
    fox.click(".answer .walk [data-t-label=walkBack]")
    fox.has(".answer .walk", "1/2")
    fox.script("document.querySelectorAll('.user')[2].querySelector('[data-t-label=edit]').click()")
    fox.type(".editor textarea", "呀" + ENTER)
    fox.has(".answer .body", "你说的是“你好呀”。")
    fox.has(".user .walk", "2/2")

    fox.go(f"{site.url}/?again")  # a new visit: everything lives in the house
    fox.type("#find", "粉笔")
    fox.has(".snippet mark", "粉笔")
    fox.click(".item .open")
    fox.until("return document.querySelectorAll('.found').length === 1")
    fox.has(".body", "你说的是“你好呀”。")
    assert fox.script("return window.failed || []") == []


def test_an_app_by_its_form(fox: Firefox, site: StandIn) -> None:
    fox.go(f"{site.url}/page/apps.html")
    fox.type("input[type=search]", "万年历")
    fox.has(".apps li:first-child", "万年历")
    fox.click(".apps a")
    fox.type("#f0", "2026-02-17")
    fox.click("form button[type=submit]")
    fox.until("const said = document.querySelector('.said'); return said && !said.classList.contains('raw')")
    fox.has(".said", "正月")


def test_coming_in_and_going(fox: Firefox, llm: LLM) -> None:
    with household(llm) as house:
        fox.go(house.url)
        fox.has("#title", "欢迎回来")
        fox.type("#name", "Bob")
        fox.type("#password", "wrong password" + ENTER)
        fox.has("#problem", "名字或密码不对。")
        fox.script("document.querySelector('#password').value = ''")
        fox.type("#password", PASSWORD + ENTER)
        fox.has("#who", "Bob")
        fox.click("#house-menu")
        fox.click("[role=menuitem]:last-child")
        fox.until("return location.pathname === '/page/login.html'")
