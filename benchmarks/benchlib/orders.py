"""Orders to call somebody, as people of 33 regions say them and a recogniser of Mandarin would write them.

A simulated ear, and no recogniser: each syllable that the lexicon knows at the place becomes the syllable of Mandarin
that is nearest to it by sound, and any common character of it; what the lexicon does not know is heard as Mandarin reads it.
A share of syllables becomes any of the twelve nearest instead.  The distances are those that the resolver
compares with, so this is kinder than the world; the real recogniser's row in benchmarks/call_home.py is not.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from huozhong.apps.callhome.contacts import Contact, read_contacts
from huozhong.apps.callhome.kin import relations, words_of
from huozhong.apps.callhome.places import home
from huozhong.apps.callhome.sounds import Token, nearest, pinyin_of, plain, points, table, token

FRAMES = (
    "帮我打电话给{}", "给{}打个电话", "打电话给{}", "帮我给{}打个电话", "我要给{}打电话", "给{}打电话", "打个电话给{}",
    "快给{}打个电话", "喊{}打个电话", "我要找{}", "我想跟{}说话", "打给{}", "帮我打个电话给我{}", "给我{}打个电话",
)  # fmt: skip
_BY_BA = ("打个电话把{}", "跟{}打个电话", "打个电话得{}", "帮我打把{}", "喊{}接电话")
_NORTH = ("给俺{}打个电话", "给{}挂个电话", "给我{}去个电话", "给俺{}打电话", "帮俺给{}打个电话")
_YUE = ("打电话畀{}", "畀{}打电话", "帮我打个电话畀{}", "我要揾{}", "同我打电话畀{}", "唔该打畀{}", "打俾{}")
_HOKKIEN = ("敲电话予{}", "共我敲电话予{}", "打电话互{}", "敲予{}", "共{}敲电话", "打电话给{}")
_WU = ("打只电话拨{}", "帮我打电话拨{}", "打拨{}", "拨{}打只电话", "摇只电话拨{}")
AT = {
    "广州": _YUE, "阳江": _YUE, "南宁": _YUE, "厦门": _HOKKIEN, "苏州": _WU, "上海": _WU, "温州": _WU,
    "潮州": ("拍电话乞{}", "打电话分{}", "敲电话分{}"), "福州": ("拍电话乞{}", "乞{}拍电话", "敲电话乞{}"),
    "梅县": ("打电话分{}", "同我打只电话分{}", "打只电话分我{}", "打分{}"),
    "长沙": _BY_BA, "娄底": _BY_BA, "武汉": _BY_BA, "南京": _BY_BA, "桂林": ("打电话把{}", "跟{}打个电话", "给{}打电话"),
    "南昌": ("打只电话到{}", "跟{}打只电话", "打个电话到{}", "打到{}"),
    "成都": ("跟{}打个电话", "喊{}接电话", "给{}打个电话嘛"), "贵州": ("跟{}打个电话", "喊{}接电话", "给{}打个电话嘛"),
    "昆明": ("给{}打个电话嘎", "帮我给{}打电话"), "兰州": ("给我的{}打个电话撒", "给{}打给个电话"),
    "新疆": ("给我{}打个电话撒", "给{}打个电话"), "西安": ("给我{}打个电话", "给额{}打电话"),
    **dict.fromkeys(("太原", "济南", "荣成", "河南", "沈阳", "哈尔滨", "河北"), _NORTH),
}  # fmt: skip
KIN = ("son", "daughter", "elder brother", "younger brother", "elder sister", "younger sister", "father", "mother",
       "father's father", "father's mother", "grandson", "granddaughter", "husband", "wife",
       "father's younger brother", "mother's brother", "father's sister", "mother's sister", "son-in-law",
       "daughter-in-law", "nephew")  # fmt: skip
NAMES = (
    "王建国",
    "李秀兰",
    "张伟",
    "刘洋",
    "陈小明",
    "杨丽华",
    "赵志强",
    "黄玉珍",
    "周国平",
    "吴晓东",
    "徐红梅",
    "孙文斌",
)
# what people say to a phone and is no order to call anybody
NO_ORDERS = (
    "今天天气怎么样", "现在几点了", "{}今天回来吗", "{}昨天给我打电话了", "给{}做饭", "我想吃面条", "把电视打开", "{}在哪里上班",
    "不要打给{}", "别给{}打电话", "{}给我打电话了没有", "给{}买点水果", "明天会不会下雨", "我的药放在哪里", "唱一首歌",
    "{}的电话是多少", "我昨天打电话给{}了", "电话费还有多少", "帮我定一个闹钟", "隔壁家的狗又叫了", "给{}发个短信", "今天星期几",
    "{}吃饭了没有", "打麻将三缺一", "谁给{}打电话了", "我不想给{}打电话", "给{}寄点钱", "放一段越剧", "我头疼", "帮我开灯",
)  # fmt: skip


@dataclass(frozen=True)
class Said:
    """text: what was written of it.  wanted: the number of the contact that is meant, or None.  said: what was said,
    a character a syllable.  slot: what was written where whoever is meant was said."""

    text: str
    dialect: str
    wanted: int | None
    said: str
    slot: str


def _common(character: str) -> bool:
    """The first level of GB 2312: 3,755 characters."""
    try:
        return 0xB0A1 <= int.from_bytes(character.encode("gb2312")) <= 0xD7F9
    except UnicodeEncodeError:
        return False


@cache
def characters_of() -> dict[str, str]:
    """A syllable of Mandarin -> the common characters of it."""
    found: dict[str, str] = {}
    for one in table()["hanzi"]:
        if one == plain(one) and pinyin_of(one) and _common(one):
            found[pinyin_of(one)] = found.get(pinyin_of(one), "") + one
    return found


def heard(tokens: Sequence[Token], seed: random.Random, wrong: float, clean: bool = False) -> str:
    """What an ear that only knows Mandarin writes of some syllables; `wrong`: the share that becomes anything."""
    out = ""
    by_sound = characters_of()
    for one in tokens:
        if seed.random() < wrong:
            syllable = seed.choice(nearest(one.sound, 12) if one.sound else list(by_sound.items()))[0]
            out += seed.choice(by_sound.get(syllable) or one.written)
            continue
        if clean or not one.sound:
            out += one.written
            continue
        syllable = nearest(one.sound, 1)[0][0]
        reading = pinyin_of(one.written)
        out += one.written if syllable == reading else seed.choice(by_sound.get(syllable) or one.written)
    return out


def lists(seed: random.Random, size: int = 12) -> list[Contact]:
    """A contact list: mostly relations, some with a name too, some by name alone."""
    kin = seed.sample(KIN, size - 2)
    names = seed.sample(NAMES, size)
    people = [{"relation": relations()[one].chinese, "name": names[i]} for i, one in enumerate(kin)]
    return read_contacts([*people, {"name": names[-1]}, {"name": names[-2]}])


def order(
    people: Sequence[Contact], dialect: str, seed: random.Random, wrong: float, clean: bool = False
) -> Said | None:
    """Somebody at a place asks for one of the contacts; None where the lexicon has no word of that place for it."""
    at = home(dialect)
    point = at.point
    wanted = seed.randrange(len(people))
    one = people[wanted]
    if not one.relations:
        slot = tuple(token(c, point) for c in seed.choice([one.name, one.name[-2:]]))
    else:
        words = [
            word
            for word in words_of(one.relations[0], point, (), at.region)
            if word.cost == 0
            and "_" not in word.written
            and word.rank is None
            and all(t.sound for t in word.tokens)
            and not _is_another(word.tokens, one.relations, people, dialect)
        ]
        if not words:
            return None
        slot = seed.choice(words).tokens
    frame = seed.choice(FRAMES + 3 * AT.get(dialect, ()))
    before, behind = frame.split("{}")
    tokens = [*(token(c, point) for c in plain(before)), *slot, *(token(c, point) for c in plain(behind))]
    return _said(heard(tokens, seed, wrong, clean), tokens, len(before), len(slot), dialect, wanted)


def _said(text: str, tokens: Sequence[Token], before: int, slot: int, dialect: str, wanted: int | None) -> Said:
    return Said(text, dialect, wanted, "".join(one.written for one in tokens), text[before : before + slot])


def _is_another(tokens: tuple[Token, ...], meant: Sequence[str], people: Sequence[Contact], dialect: str) -> bool:
    """Whether a word also means somebody else of the list there: then nobody can know, and it is no order to judge by."""
    at = home(dialect)
    names = {name for one in people for name in one.relations} - set(meant)
    return any(
        word.tokens == tokens and word.cost == 0 for name in names for word in words_of(name, at.point, (), at.region)
    )


def no_order(people: Sequence[Contact], dialect: str, seed: random.Random, wrong: float) -> Said:
    """Something that asks for no call."""
    at = home(dialect)
    point = at.point
    words = [word for word in words_of(seed.choice(KIN), point, (), at.region) if word.cost == 0]
    before, hole, behind = seed.choice(NO_ORDERS).partition("{}")
    slot = seed.choice(words).tokens if hole and words else ()
    tokens = [*(token(c, point) for c in before), *slot, *(token(c, point) for c in behind)]
    return _said(heard(tokens, seed, wrong), tokens, len(before), len(slot), dialect, None)


def stranger(people: Sequence[Contact], dialect: str, seed: random.Random, wrong: float) -> Said:
    """An order to call a relation that is not among the contacts."""
    at = home(dialect)
    point = at.point
    have = {name for one in people for name in one.relations}
    missing = [name for name in KIN if name not in have]
    words = [
        word
        for name in missing
        for word in words_of(name, point, (), at.region)
        if word.cost == 0 and all(t.sound for t in word.tokens)
    ]
    # a word that also means somebody who is there is no stranger's
    mine = {word.tokens for name in have for word in words_of(name, point, at.near, at.region)}
    words = [w for w in words if w.tokens not in mine]
    if not words:
        return no_order(people, dialect, seed, wrong)
    before, behind = seed.choice(FRAMES + AT.get(dialect, ())).split("{}")
    slot = seed.choice(words).tokens
    tokens = [*(token(c, point) for c in plain(before)), *slot, *(token(c, point) for c in plain(behind))]
    return _said(heard(tokens, seed, wrong), tokens, len(before), len(slot), dialect, None)


__all__ = ["Said", "heard", "lists", "no_order", "order", "points", "stranger"]
