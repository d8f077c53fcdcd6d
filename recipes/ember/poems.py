"""Poems to order: form and theme asked for, rhyme words chosen first (the reasoning), then the lines that end on them."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable
from dataclasses import dataclass

from huozhong.verify.poem import matches_form, rhyme_groups, rhymes

Turn = tuple[str, str, str]  # question, reasoning, answer

FORMS = ("五言绝句", "七言绝句", "五言律诗", "七言律诗")
_SHAPE = {
    "五言绝句": "四句，每句五字。",
    "七言绝句": "四句，每句七字。",
    "五言律诗": "八句，每句五字。",
    "七言律诗": "八句，每句七字。",
}

# theme as asked for -> what a poem must mention for it; the first hit in title or text counts
_THEMES: dict[str, str] = {
    "春天": "春",
    "秋天": "秋",
    "夏天": "夏|暑",
    "冬天": "冬|寒",
    "月亮": "月",
    "雪": "雪",
    "雨": "雨",
    "梅花": "梅",
    "柳树": "柳",
    "荷花": "荷|莲",
    "竹子": "竹",
    "菊花": "菊",
    "松树": "松",
    "花": "花",
    "山": "山",
    "江河": "江|河",
    "湖": "湖",
    "大海": "海",
    "送别": "送|别",
    "思乡": "乡|归",
    "友情": "友|故人|君",
    "边塞": "塞|胡|戍|关山",
    "喝酒": "酒|醉|杯",
    "喝茶": "茶",
    "弹琴": "琴",
    "寺庙": "寺|僧|禅",
    "田园": "田|农|村|桑",
    "隐居": "隐|幽居|闲",
    "登高": "登|楼|台",
    "夜晚": "夜|宵",
    "早晨": "晓|晨|朝",
    "傍晚": "暮|夕|晚",
    "鸟": "鸟|莺|燕|雁",
    "渔夫": "渔|钓",
    "船": "舟|船",
    "风": "风",
    "云": "云",
    "怀古": "古|故国|遗",
    "重阳节": "重阳|九日",
    "中秋": "中秋",
    "清明": "清明|寒食",
    "除夕": "除夜|岁除|元日",
    "离愁": "愁|泪",
    "读书": "书",
    "马": "马",
    "瀑布": "瀑|泉",
    "老人": "老|白发",
    "仙境": "仙",
    "战争": "战|兵|军",
    "牡丹": "牡丹",
    "桃花": "桃",
}
_ASK = (
    "写一首{form}，主题是{theme}",
    "写一首关于{theme}的{form}",
    "写一首{form}，主题：{theme}",
    "请写一首{theme}的{form}",
    "以{theme}为题写一首{form}",
    "作一首{form}，写{theme}",
    "来一首{form}，要写{theme}",
    "帮我写首{form}，题目是{theme}",
    "请以“{theme}”为主题写一首{form}。",
    "我想要一首关于{theme}的{form}",
    "能写一首{form}吗？主题是{theme}",
    "给我写一首{theme}主题的{form}",
    "请你作一首描写{theme}的{form}",
    "{form}，{theme}",
    "写{form}：{theme}",
    "写一首描写{theme}的{form}。",
)
_ASK_FREE_THEME = ("写一首{form}", "作一首{form}", "来一首{form}", "请写一首{form}。", "给我写首{form}吧", "写首{form}")
_ASK_FREE_FORM = (
    "写一首关于{theme}的诗",
    "以{theme}为题作一首诗",
    "写首诗，主题是{theme}",
    "请写一首{theme}的古诗",
    "写一首{theme}诗",
)
_ASK_ANY = ("写一首诗", "作首诗", "来首古诗", "写首古诗吧", "给我写一首诗")
_EN_FORM = {
    "五言绝句": "five-character quatrain",
    "七言绝句": "seven-character quatrain",
    "五言律诗": "five-character regulated verse",
    "七言律诗": "seven-character regulated verse",
}
_HAN = re.compile(r"[\u4e00-\u9fff]")


@dataclass(frozen=True)
class Poem:
    form: str
    text: str
    themes: tuple[str, ...]
    title: str


def choose(rows: Iterable[dict], excluded_titles: set[str]) -> list[Poem]:
    """Poems whose shape is exact and whose even lines rhyme in today's pronunciation, with their themes."""
    found = []
    for row in rows:
        text, form = row["text"].strip(), row.get("form") or guess_form(row["text"])
        if form not in FORMS or row["title"] in excluded_titles or not _plain(text):
            continue
        if matches_form(text, form) and rhymes(text, form):
            found.append(Poem(form, text, themes_of(row["title"], text), row["title"]))
    return found


def guess_form(text: str) -> str | None:
    for form in FORMS:
        if matches_form(text, form):
            return form
    return None


def _plain(text: str) -> bool:
    return all(_HAN.match(c) or c in "，。！？；、\n" for c in text)


def themes_of(title: str, text: str) -> tuple[str, ...]:
    """Themes of a poem, those named in the title first, then by how often the text names them."""
    scored = []
    for theme, pattern in _THEMES.items():
        hits = 3 * len(re.findall(pattern, title)) + len(re.findall(pattern, text))
        if hits:
            scored.append((-hits, theme))
    return tuple(theme for _, theme in sorted(scored)[:3])


def lines_of(text: str) -> list[str]:
    return [line for line in re.split(r"[，。！？；、\n]+", text) if line]


def ends_of(poem: Poem) -> list[str]:
    """The words that the even lines end on."""
    return [line[-1] for line in lines_of(poem.text)[1::2]]


def request(poem: Poem, rng: random.Random) -> Turn:
    """A request that this poem answers, the rhyme words as reasoning, the poem."""
    ends = ends_of(poem)
    track = min(frozenset.intersection(*map(rhyme_groups, ends)))
    reasoning = f"{poem.form}：{_SHAPE[poem.form]}押{track}韵：{'、'.join(ends)}。"
    theme = rng.choice(poem.themes) if poem.themes else None
    short = poem.form.endswith("绝句")
    kind = rng.random()
    if theme is None:
        ask = rng.choice(_ASK_FREE_THEME).format(form=poem.form)
    elif kind < 0.03 and short:
        ask = rng.choice(_ASK_ANY)
    elif kind < 0.08 and short:
        ask = rng.choice(_ASK_FREE_FORM).format(theme=theme)
    elif kind < 0.12:
        ask = rng.choice(_ASK_FREE_THEME).format(form=poem.form)
    elif kind < 0.15:
        ask = f"Write a {_EN_FORM[poem.form]} ({poem.form}) about {theme}"
    else:
        ask = rng.choice(_ASK).format(form=poem.form, theme=theme)
    return ask, reasoning, poem.text
