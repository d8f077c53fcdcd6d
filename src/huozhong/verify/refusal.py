"""Whether an answer says no: this project's own honest "I am too small for that", or any model's refusal.

A rule on the opening of the answer, so that it works with any model and costs nothing.  It looks only at
the first sentence (and the second, when the first is as short as "对不起。"): an answer that does the work
and then admits its limits is not a refusal.
"""

from __future__ import annotations

import re

_CANNOT_ZH = (
    "不能|无法|没法|没有办法|没办法|不会|做不了|做不到|帮不了|帮不上|办不到|回答不了|答不上|答不出|写不了|写不出|写不好|"
    "画不了|看不到|看不懂|查不到|不知道|不了解|不清楚|不懂|不具备|没有能力|难以|胜任不了|应付不了|搞不定"
)
_PATTERNS = [
    # what ember is taught to say, in both languages
    r"我(?:还|实在|真的)?太小",
    r"\btoo small (?:for|to)\b",
    # 我…做不了, with a few characters in between; not across a full stop
    rf"(?:(?<![《“「])我(?!们)|本模型|小火苗)[^。！？\n]{{0,16}}(?:{_CANNOT_ZH})",
    rf"(?:抱歉|对不起|不好意思|很遗憾)[^。！？\n]{{0,30}}(?:{_CANNOT_ZH}|没有|超出)",
    r"(?:这|那)(?:个|件|道)?(?:事|事情|问题|题|题目|任务|要求)?(?:我|对我来说)?(?:太难了|超出了?我)",
    r"超出了?我的",
    r"(?:换|用|安装|装|问|试)[^。！？\n]{0,6}更大的[ \w-]{0,16}模型",
    r"\bI(?:'m| am|’m)?(?: sorry[,.]? (?:but )?I)? ?(?:just |really |simply |still )?"
    r"(?:can(?:no|')t|can’t|can not|could ?n[o']t|do(?:n't|n’t| not) (?:know|have)|won(?:'|’)t be able|"
    r"(?:am |'m |’m )?(?:unable|not able) to|(?:am |'m |’m )?not (?:big|large|capable|able) enough)\b",
    r"\b(?:sorry|unfortunately|apologi[sz]e)\b.{0,40}"
    r"\b(?:can(?:no|'|’)t|cannot|unable|not able|don(?:'|’)t know)\b",
    r"\bbeyond (?:me|my|what I)\b",
    r"\b(?:needs?|requires?|try|ask) a (?:larger|bigger) (?:\w+ )?model\b",
]
_REFUSAL = re.compile("|".join(f"(?:{pattern})" for pattern in _PATTERNS), re.IGNORECASE)
_SENTENCE_END = re.compile(r"[。！？!?\n]+|(?<=[a-z])\.(?:\s|$)")
_SHORT = 16  # columns, a Han character taking two: "对不起。", "I'm sorry.", "你好！"


def is_refusal(text: str) -> bool:
    """Whether the answer opens by declining the request.  Text in front of `</think>` is not looked at.

    An empty answer is no refusal: it is a failure of another kind.
    """
    text = text.rsplit("</think>", 1)[-1].strip()
    return _REFUSAL.search(_opening(text)) is not None


def _opening(text: str) -> str:
    end = 0
    for match in _SENTENCE_END.finditer(text):
        sentence = text[end : match.start()]
        end = match.end()
        if sum(2 if ord(letter) > 0x2E80 else 1 for letter in sentence.strip()) > _SHORT:
            return text[:end]
    return text
