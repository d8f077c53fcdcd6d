"""Riddles: one is posed, the guess is judged, and riddles that a user poses are guessed from the same table."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from huozhong.acts.choosing import Messages, answers, choose, question, table
from huozhong.text.language import is_english


@dataclass(frozen=True)
class Riddle:
    """`accepted` are other words for the answer."""

    text: str
    kind: str
    answer: str
    accepted: tuple[str, ...]
    hint: str
    english: bool


@cache
def riddles(english: bool) -> tuple[Riddle, ...]:
    """All riddles of one language."""
    found = table("riddles")["en" if english else "zh"]
    return tuple(Riddle(text, kind, answer, tuple(more), hint, english) for text, kind, answer, more, hint in found)


def _says(key: str, english: bool) -> Any:
    return table("riddles")["says"][f"{key}_{'en' if english else 'zh'}"]


def posed_in(text: str) -> Riddle | None:
    """The riddle that a message poses."""
    return next((riddle for english in (False, True) for riddle in riddles(english) if riddle.text in text), None)


def pose(messages: Messages, seed: int) -> str:
    """A riddle that was not posed in this conversation."""
    asked = question(messages)
    english = is_english(asked)
    known = riddles(english)
    wished = [
        riddle for riddle in known if (not english and f"{riddle.kind}谜" in asked) or f"{riddle.kind}的谜" in asked
    ]
    riddle = choose(wished or known, messages, seed, lambda riddle: riddle.text)
    text: str = _says("ask", english).format(riddle=riddle.text, kind=riddle.kind)
    return text


# -- the guess -----------------------------------------------------------------------------------------------

_GIVES_UP = re.compile(
    r"不知|不晓得|唔知|勿晓得|不清楚|猜不|想不|不会|不懂|放弃|认输|投降|不猜|告诉我|公布|揭|想破|说答案|说谜底|说吧|没想法"
    r"|(?:答案|谜底)(?:是什么|是啥|呢|到底|是多少|给我)|(?:是什么|是啥)[呀啊呢？?]*$|don'?t know|dunno|\bidk\b"
    r"|no idea|give up|tell me|what is it|what's the answer|the answer\??$|not sure",
    re.IGNORECASE,
)
_WANTS_HINT = re.compile(r"提示|线索|\bhint\b|\bclue\b", re.IGNORECASE)
_BEFORE = re.compile(
    r"^(?:那|嗯|哦|呃|额|我|猜|觉得|认为|想|看|应该|可能|大概|也许|是不是|会不会|难道|莫非|不会|肯定|一定|就|该|是|知道了?|谜底|答案"
    r"|它|这个?|的话|还|[，,、：:\s“\"「])+"
)
_AFTER = re.compile(
    r"(?:吧|吗|呀|啊|呢|嘛|么|哦|喔|啦|了|哈|噻|嘞|伐|对不对|对吗|对吧|对么|是吗|是吧|是不是|没错|行不行|[”\"」\s])+$"
)
_BEFORE_EN = re.compile(
    r"^(?:is|it|it's|its|that|maybe|perhaps|i|i'm|think|guess|say|would|be|must|the|a|an|my|your|answer|is:|could|sure|so|oh|um"
    r"|they|are|probably|hmm)\s+",
    re.IGNORECASE,
)
_TRADITIONAL = str.maketrans(
    "蘿蔔蘋畫魚蝦貓蝸書襪鵝傘筆螢蟲綿雞褲時鐘錶雲風電視橋鉛腦頭齒豬鴨龜穀陽氣顆絲雙紅門鏡黃馬鳥樹燈龍綠殼髮張個陣蓮曆紙機劍邊"
    "燕數長幾蜆兩隻雪雨體舊點裡爺麼為無歲聲雷掛過顏開臉圓葉條鬧遮蝌餅馨鹽鬚貝動鏟觀種",
    "萝卜苹画鱼虾猫蜗书袜鹅伞笔萤虫绵鸡裤时钟表云风电视桥铅脑头齿猪鸭龟谷阳气颗丝双红门镜黄马鸟树灯龙绿壳发张个阵莲历纸机剑边"
    "燕数长几蚬两只雪雨体旧点里爷么为无岁声雷挂过颜开脸圆叶条闹遮蝌饼馨盐须贝动铲观种",
)


def _guesses(text: str, english: bool) -> list[str]:
    """What was guessed, without the words around it; several where several things are named."""
    found = []
    for piece in re.split(r"[，。！？；、,.!?;~～…]|还是|或者|\bor\b", text.translate(_TRADITIONAL)):
        piece = piece.strip()
        if english:
            piece = piece.lower().replace("’", "'")
            while (shorter := _BEFORE_EN.sub("", piece)) != piece:
                piece = shorter
        else:
            piece = _BEFORE.sub("", _AFTER.sub("", piece))
        if piece:
            found.append(piece)
    return found


def is_right(riddle: Riddle, text: str) -> bool:
    """Whether a guess names the answer or another word for it."""
    names = {name.lower() for name in (riddle.answer, *riddle.accepted)}
    for guess in _guesses(text, riddle.english):
        bare = guess.removesuffix("字")
        if guess in names or bare in names or (riddle.english and guess.rstrip("s") in names):
            return True
        if riddle.english or guess.startswith("不是"):
            continue
        # 大西瓜, 红红的苹果: what is asked for stands last; behind one character alone many other words end
        if any(guess.endswith(name) and (len(name) > 1 or len(guess) == 2) for name in names):
            return True
    return False


def judge(messages: Messages, seed: int) -> str | None:
    """Says whether the guess at the riddle of the last answer is right; None where no riddle was posed."""
    last = next(iter(answers(messages)), "")
    riddle, guess = posed_in(last), question(messages)
    if riddle is None or not re.search(r"\w|[？?]", guess):
        return None
    english = riddle.english
    if is_right(riddle, guess):
        return _choose("right", messages, seed, english).format(answer=riddle.answer)
    mark = "A hint:" if english else "提示："
    hinted, second = mark in last, mark in last and not last.startswith(mark)
    if _WANTS_HINT.search(guess):
        return _again(riddle, messages, seed, more=hinted)
    if second or _GIVES_UP.search(guess.replace("’", "'")):
        return _choose("tell", messages, seed, english).format(answer=riddle.answer)
    return _again(riddle, messages, seed, more=hinted, wrong=_choose("wrong", messages, seed, english))


def _choose(key: str, messages: Messages, seed: int, english: bool) -> str:
    texts: list[str] = _says(key, english)
    return choose(texts, messages, seed, lambda text: text.split("{")[0] or text.split("}")[-1])


def _again(riddle: Riddle, messages: Messages, seed: int, *, more: bool, wrong: str = "") -> str:
    """The riddle once more with a hint; whoever asks for `more` is told how it begins."""
    hint = riddle.hint
    if more and riddle.english:
        hint = f"it ends with the letter {riddle.answer[-1]}."
    elif more:
        hint = f"谜底一共{len(riddle.answer)}个字，最后一个字是“{riddle.answer[-1]}”。"
    text: str = _says("again", riddle.english)
    return text.format(wrong=wrong, hint=hint, riddle=riddle.text, kind=riddle.kind).strip()


# -- a riddle that the user poses ------------------------------------------------------------------------------

_SIGNS = re.compile(r"[\W_]")
_ASKS = re.compile(r"猜|谜|打一|riddle", re.IGNORECASE)


@cache
def _bare_riddles() -> tuple[tuple[str, Riddle], ...]:
    return tuple((_SIGNS.sub("", riddle.text).lower(), riddle) for riddle in (*riddles(False), *riddles(True)))


def guess(messages: Messages, seed: int) -> str | None:
    """The answer to a riddle of the table that the user asks, an honest "I give up" to others; None for no riddle."""
    asked = _SIGNS.sub("", question(messages)).lower()
    english = is_english(question(messages))
    for bare, riddle in _bare_riddles():
        if bare in asked:
            return str(choose(_says("guess", riddle.english), messages, seed)).format(answer=riddle.answer)
    if _ASKS.search(question(messages)) and len(asked) > 8:
        return str(choose(_says("unknown", english), messages, seed))
    return None
