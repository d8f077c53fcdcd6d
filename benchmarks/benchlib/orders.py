"""Orders to call somebody, as people at 25 places say them and a recogniser of Mandarin would write them.

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
from huozhong.apps.callhome.places import place
from huozhong.apps.callhome.sounds import Token, nearest, pinyin_of, plain, points, table, token

FRAMES = (
    "帮我打电话给{}", "给{}打个电话", "打电话给{}", "帮我给{}打个电话", "我要给{}打电话", "给{}打电话", "打个电话给{}",
    "快给{}打个电话", "喊{}打个电话", "我要找{}", "我想跟{}说话", "打给{}", "帮我打个电话给我{}", "给我{}打个电话",
)  # fmt: skip
AT = {
    "广州": ("打电话畀{}", "畀{}打电话", "帮我打个电话畀{}", "我要揾{}", "同我打电话畀{}", "唔该打畀{}"),
    "阳江": ("打电话畀{}", "我要揾{}", "帮我打电话畀{}"),
    "梅县": ("打电话分{}", "同我打只电话分{}", "打只电话分我{}"),
    "厦门": ("敲电话予{}", "共我敲电话予{}", "打电话互{}"), "潮州": ("拍电话乞{}", "打电话分{}"),
    "福州": ("拍电话乞{}", "乞{}拍电话"), "苏州": ("打只电话拨{}", "帮我打电话拨{}"), "温州": ("打只电话拨{}",),
    "长沙": ("打个电话把{}", "跟{}打个电话"), "南昌": ("打只电话到{}", "跟{}打只电话"), "成都": ("跟{}打个电话", "喊{}接电话"),
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
    """text: what was written of it.  wanted: the number of the contact that is meant, or None."""

    text: str
    dialect: str
    wanted: int | None


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
    point, _ = place(dialect)
    assert point is not None
    wanted = seed.randrange(len(people))
    one = people[wanted]
    if not one.relations:
        slot = tuple(token(c, point) for c in seed.choice([one.name, one.name[-2:]]))
    else:
        words = [
            word
            for word in words_of(one.relations[0], point)
            if word.cost == 0 and "_" not in word.written and word.rank is None and all(t.sound for t in word.tokens)
        ]
        if not words:
            return None
        slot = seed.choice(words).tokens
    frame = seed.choice(FRAMES + 3 * AT.get(dialect, ()))
    before, behind = frame.split("{}")
    tokens = [*(token(c, point) for c in plain(before)), *slot, *(token(c, point) for c in plain(behind))]
    return Said(heard(tokens, seed, wrong, clean), dialect, wanted)


def no_order(people: Sequence[Contact], dialect: str, seed: random.Random, wrong: float) -> Said:
    """Something that asks for no call."""
    point, _ = place(dialect)
    words = [word for word in words_of(seed.choice(KIN), point) if word.cost == 0]
    before, hole, behind = seed.choice(NO_ORDERS).partition("{}")
    slot = seed.choice(words).tokens if hole and words else ()
    tokens = [*(token(c, point) for c in before), *slot, *(token(c, point) for c in behind)]
    return Said(heard(tokens, seed, wrong), dialect, None)


def stranger(people: Sequence[Contact], dialect: str, seed: random.Random, wrong: float) -> Said:
    """An order to call a relation that is not among the contacts."""
    point, _ = place(dialect)
    have = {name for one in people for name in one.relations}
    missing = [name for name in KIN if name not in have]
    words = [w for name in missing for w in words_of(name, point) if w.cost == 0 and all(t.sound for t in w.tokens)]
    # a word that also means somebody who is there is no stranger's
    mine = {w.tokens for name in have for w in words_of(name, point)}
    words = [w for w in words if w.tokens not in mine]
    if not words:
        return no_order(people, dialect, seed, wrong)
    before, behind = seed.choice(FRAMES + AT.get(dialect, ())).split("{}")
    tokens = [
        *(token(c, point) for c in plain(before)),
        *seed.choice(words).tokens,
        *(token(c, point) for c in plain(behind)),
    ]
    return Said(heard(tokens, seed, wrong), dialect, None)


__all__ = ["Said", "heard", "lists", "no_order", "order", "points", "stranger"]
