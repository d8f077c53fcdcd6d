"""The doors of the live page: the seller's, and those that viewers open by a link."""

from __future__ import annotations

import io
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import segno

from huozhong.apps.live import face
from huozhong.apps.live.forms import LANGUAGES
from huozhong.apps.live.names import read_glossary
from huozhong.apps.live.stage import ALL, Stage, link_is_good
from huozhong.apps.live.translator import ByModel
from huozhong.apps.live.trial import trial
from huozhong.apps.live.vtt import webvtt
from huozhong.errors import SkillError
from huozhong.skills.label import visible
from huozhong.skills.rooms import Blob, Door, Visit


def open_link(folder: Path, secret: str) -> bool:
    return link_is_good(folder, secret)


_opening = threading.Lock()


def _stage(visit: Visit) -> Stage:
    with _opening:
        if "stage" not in visit.state:
            visit.state["stage"] = Stage(visit.folder)
        stage: Stage = visit.state["stage"]
    return stage


def _fields(visit: Visit, *allowed: str) -> dict[str, Any]:
    body = visit.body if isinstance(visit.body, dict) else {}
    unknown = sorted(set(body) - set(allowed))
    if unknown:
        raise SkillError(
            f"这里没有 {unknown[0][:40]} 这一项。",
            f"There is no field '{unknown[0][:40]}' here; known: {', '.join(allowed)}.",
        )
    return body


def _seller_only(visit: Visit, stage: Stage) -> None:
    if stage.settings.started and visit.guest.id != stage.settings.seller and visit.guest.role != "owner":
        raise SkillError("正在直播的是别人。", "Somebody else is live.")


def state(visit: Visit) -> dict[str, Any]:
    stage = _stage(visit)
    settings = stage.settings
    link = f"{visit.address}/link/live/{settings.secret}/" if settings.secret else ""
    return {
        "live": bool(settings.started),
        "mine": settings.seller == visit.guest.id,
        "languages": settings.languages,
        "known": list(LANGUAGES),
        "glossary": settings.glossary,
        "link": link,
        "viewers": stage.viewers,
        "can": stage.can,
        "label": visible("live", english=visit.guest.language == "en"),
        "face": face.state(visit.folder, visit.guest.id),
    }


def choose(visit: Visit) -> dict[str, Any]:
    stage, body = _stage(visit), _fields(visit, "languages", "glossary")
    _seller_only(visit, stage)
    languages = body.get("languages", stage.settings.languages)
    if (
        not isinstance(languages, list)
        or len(set(map(str, languages))) != len(languages)
        or set(languages) - set(LANGUAGES)
    ):
        raise SkillError(
            f"languages 是这些语言中的几种：{'、'.join(LANGUAGES)}。",
            f"'languages' is a list of: {', '.join(LANGUAGES)}.",
        )
    glossary = read_glossary(body["glossary"]) if "glossary" in body else stage.settings.glossary
    stage.choose(languages, glossary)
    return state(visit)


def start(visit: Visit) -> dict[str, Any]:
    _stage(visit).start(visit.guest.id)
    return state(visit)


def stop(visit: Visit) -> dict[str, Any]:
    stage = _stage(visit)
    _seller_only(visit, stage)
    stage.stop()
    return state(visit)


def say(visit: Visit) -> dict[str, Any]:
    """{"text": the sentence at hand, "final"} -> {"rest", "lines"}: answered when everybody has been told."""
    stage, body = _stage(visit), _fields(visit, "text", "final")
    _seller_only(visit, stage)
    text, final = body.get("text"), body.get("final", False)
    if not isinstance(text, str) or not isinstance(final, bool):
        raise SkillError("text 是一句话，final 是真或假。", "'text' is a sentence, 'final' true or false.")
    assert visit.ask is not None
    return stage.say(text, ByModel(visit.ask), final=final)


def mouth(visit: Visit) -> None:
    """{"level": 0 to 1}: how far the drawn head's mouth is open, for whoever watches."""
    stage, level = _stage(visit), _fields(visit, "level").get("level")
    _seller_only(visit, stage)
    if not isinstance(level, (int, float)) or isinstance(level, bool) or not 0 <= level <= 1:
        raise SkillError("level 是 0 到 1 之间的数。", "'level' is a number from 0 to 1.")
    stage.move(float(level))


def can(visit: Visit) -> dict[str, Any]:
    """Whether the model can translate; what viewers read depends on it where the one who streams has asked."""
    assert visit.ask is not None
    found, stage = trial(ByModel(visit.ask)), _stage(visit)
    if stage.settings.started and stage.settings.seller == visit.guest.id:
        stage.can = found["can"]
    return found


async def captions(visit: Visit) -> AsyncIterator[dict[str, Any]]:
    language = visit.query.get("language", "zh")
    chosen = language if language in ALL else "zh"
    async for event in _stage(visit).watch(chosen, counted=visit.guest.role == "link"):
        yield event


def vtt(visit: Visit) -> Blob:
    language = visit.query.get("language", "en")
    if language not in ALL:
        raise SkillError(f"language 是 {'、'.join(ALL)} 之一。", f"'language' is one of {', '.join(ALL)}.")
    return Blob(webvtt(_stage(visit).cues(language), language).encode(), "text/vtt; charset=utf-8")


def qr(visit: Visit) -> Blob:
    stage = _stage(visit)
    if not stage.settings.secret:
        raise SkillError("开播以后才有二维码。", "The code is there once the stream has begun.")
    out = io.BytesIO()
    link = f"{visit.address}/link/live/{stage.settings.secret}/"
    segno.make(link, error="m").save(out, kind="svg", border=2, light="#fff", omitsize=True, xmldecl=False)
    return Blob(out.getvalue(), "image/svg+xml")


def challenge(visit: Visit) -> dict[str, Any]:
    return face.challenge(visit.folder, visit.guest.id)


def consent(visit: Visit) -> dict[str, Any]:
    return face.consent(visit.folder, visit.guest.id, visit.body, face.engine())


def forget(visit: Visit) -> None:
    face.forget(visit.folder, visit.guest.id)


DOORS = (
    Door("GET", "state", state),
    Door("PUT", "settings", choose, takes="json"),
    Door("POST", "start", start),
    Door("POST", "stop", stop),
    Door("POST", "say", say, takes="json", asks=True, max_bytes=16_000),
    Door("POST", "mouth", mouth, takes="json", max_bytes=100),
    Door("POST", "trial", can, asks=True),
    Door("GET", "captions", captions, who="link"),
    Door("GET", "captions.vtt", vtt, who="link"),
    Door("GET", "qr.svg", qr),
    Door("POST", "face/challenge", challenge),
    Door("POST", "face/consent", consent, takes="bytes", max_bytes=30 << 20),
    Door("DELETE", "face", forget),
)
