"""Requests for poems: every form with thirty themes, in several wordings."""

from __future__ import annotations

from dataclasses import dataclass

from huozhong.verify.poem import FORMS

_THEMES = (
    "春天", "秋夜", "月亮", "梅花", "江上", "思念家乡", "送朋友远行", "雪", "山中", "荷花",
    "边塞", "读书", "饮酒", "重阳节", "渔夫", "寒食", "古寺", "柳树", "大雁", "夏日午后",
    "登楼", "春雨", "竹子", "隐士", "菊花", "牧童", "除夕", "瀑布", "相思", "老马",
)  # fmt: skip
_WORDS = (
    "写一首{form}，主题是{theme}。",
    "请作一首关于{theme}的{form}。",
    "以“{theme}”为题写一首{form}。",
    "帮我写首{form}，写{theme}。",
    "我想读一首写{theme}的{form}。",
)


@dataclass(frozen=True)
class PoemRequest:
    """What is asked, and the form that the answer must have."""

    question: str
    form: str
    theme: str


def poem_requests() -> list[PoemRequest]:
    """120 requests, the forms taking turns; always the same."""
    requests = []
    for number, theme in enumerate(_THEMES):
        for turn, form in enumerate(FORMS):
            wording = _WORDS[(number + turn) % len(_WORDS)]
            requests.append(PoemRequest(wording.format(form=form, theme=theme), form, theme))
    return requests
