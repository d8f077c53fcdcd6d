"""Which language the reader has, and what the server itself says in it: the words of page/words-*.json."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any, Literal

from fastapi import Request

from huozhong.errors import HuozhongError
from huozhong.server.identity import person_of

FOLDER = Path(__file__).parent / "page"
LANGUAGES = {"zh": "zh-CN", "zh-Hant": "zh-Hant", "en": "en"}  # the page's name for it -> HTML's
LANGUAGE_COOKIE = "language"


@cache
def words_in(language: str) -> dict[str, Any]:
    """All words of one of LANGUAGES: texts by key, {names} in them to be filled in; "cards" is a list."""
    words: dict[str, Any] = json.loads((FOLDER / f"words-{language}.json").read_bytes())
    return words


def language_of(request: Request) -> str:
    """The reader's, one of LANGUAGES, for everything that is worded for people: as chosen on this device's page, else
    in the person's account, else as the browser asks for, else Chinese."""
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    if chosen in LANGUAGES:
        return chosen
    wanted = person_of(request).language or request.headers.get("accept-language", "")
    for part in wanted.split(","):
        tag = part.partition(";")[0].strip().lower()
        if re.match(r"zh-(?:hant|tw|hk|mo)\b", tag):
            return "zh-Hant"
        if tag[:2] in ("zh", "en"):
            return tag[:2]
        if tag and tag != "*":
            return "en"
    return "zh"


def zh_or_en(request: Request) -> Literal["zh", "en"]:
    """The reader's language for what is worded in these two only; what is wanted in traditional characters is Chinese
    here."""
    return "en" if language_of(request) == "en" else "zh"


def sentence(error: HuozhongError, request: Request) -> str:
    """What went wrong, in the reader's language: in Chinese where there is any, else in English."""
    return str(error) if zh_or_en(request) == "en" else error.chinese or str(error)
