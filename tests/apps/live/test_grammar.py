"""What sellers say and what foreign viewers read for it: written down by hand."""

from __future__ import annotations

import pytest

from huozhong.apps.live.forms import LANGUAGES, form
from huozhong.apps.live.grammar import locks
from huozhong.apps.live.names import names, read_glossary
from huozhong.errors import SkillError

# what is said | what stands for each fact in English
SAID = """
今天三十九块九一斤 | ¥39.9 per 500 g
苹果39.9元/斤 | ¥39.9 per 500 g
一百二一斤的车厘子 | ¥120 per 500 g
一斤三十九块九，一箱99元 | ¥39.9 per 500 g; ¥99 per case
原价一百九十九现价99 | ¥199; ¥99
9块9包邮 | ¥9.9
9块9两包 | ¥9.9 for 2 packs
十块钱三个 | ¥10 for 3
19.9/3斤 | ¥19.9 for 1.5 kg
五毛一个 | ¥0.5 each
三块五 | ¥3.5
一箱二十四瓶，一瓶两块五 | 24 bottles per case; ¥2.5 per bottle
361度运动鞋一百九十九一双 | 361°; ¥199 per pair
不是九十九，是八十九一件 | ¥99; ¥89 each
一百五，哦不对，一百三一条 | ¥150; ¥130 each
每斤十二块，十斤装一百一 | ¥12 per 500 g; 5 kg pack; ¥110
九块九毛九 | ¥9.99
两百八一双 | ¥280 per pair
一千二百块 | ¥1,200
二十五块五两斤装 | ¥25.5; 1 kg pack
20到30块 | ¥20–30
不要199，不要99，只要三十九 | ¥199; ¥99; ¥39
这是3美元 | $3
两斤装 | 1 kg pack
半斤 | 250 g
两斤半 | 1.25 kg
三两 | 150 g
5斤一箱 | 2.5 kg per case
一箱5斤 | 2.5 kg per case
一盒24片 | 24 per box
500g*2袋 | 500 g × 2 bags
2袋*500克 | 500 g × 2 bags
1.5L | 1.5 L
500毫升 | 500 ml
一米六五 | 1.65 m
20寸 | 20 inches
5000毫安65W | 5,000 mAh; 65 W
零下5度 | -5 °C
来两箱苹果 | 2 cases
还有三百份 | 300
1.2万件 | 12,000
有S、M、L和XL | size S; size M; size L; size XL
S/M/L都有 | size S/M/L
穿XXL码 | size XXL
42码 | size 42
36到44码 | size 36–44
均码 | one size
买一送一 | buy 1, get 1 free
买3件送1件 | buy 3, get 1 free
拍一发三 | order 1, get 3
满199减20 | ¥20 off when you spend ¥199
立减20元 | ¥20 off
八折 | 20% off
8.8折 | 12% off
八八折 | 12% off
半价 | half price
两件八折 | 20% off when you buy 2
第二件半价 | 50% off the 2nd one
第二件九块九 | ¥9.9 for the 2nd one
第三件免费 | the 3rd one free
百分之二十 | 20%
羊毛含量80% | 80%
今晚八点半开抢 | 8:30 pm
晚上8点 | 8 pm
20:30开播 | 20:30
11月11号 | November 11
保质期18个月，48小时发货 | 18 months; 48 hours
3号链接 | link 3
扣1 | 1
电话13812345678 | 13812345678
客服幺三八一二三四五六七八 | 13812345678
iPhone 15 Pro Max | iPhone 15 Pro Max
华为Mate60 | Huawei; Mate60
耐克的鞋42码 | Nike; size 42
五折起 | 50% off
今晚七点到九点 | 7 pm; 9 pm
9.9秒杀 | ¥9.9
一百来块钱，三十多块 | about ¥100; over ¥30
两三天就到 | 2–3 days
1988年建的厂 | 1988
一双三十九两双六十九 | ¥39 per pair; ¥69 for 2 pairs
买一箱送一提 | 1 case; 1 pack
3盒装，每盒10片 | pack of 3 boxes; 10 per box
床单一米八乘两米 | 1.8 m; 2 m
原来129现在89 | ¥129; ¥89
一定要买，十分好吃，一起看一下三文鱼 |
这款T恤有点贵，便宜一点 |
"""


def _rows() -> list[tuple[str, list[str]]]:
    rows = [line.split("|") for line in SAID.strip().splitlines()]
    return [(said.strip(), [one.strip() for one in forms.split(";") if one.strip()]) for said, forms in rows]


@pytest.mark.parametrize(("said", "wanted"), _rows())
def test_what_sellers_say_is_read_exactly(said: str, wanted: list[str]) -> None:
    assert [form(lock.fact, "en") for lock in locks(said, names([]))] == wanted


def test_every_fact_has_a_form_in_every_language_and_prices_are_never_yen() -> None:
    for said, _ in _rows():
        for language in LANGUAGES:
            for lock in locks(said, names([])):
                shown = form(lock.fact, language)
                assert shown.strip() == shown != "", (said, language)
                assert language == "en" or "¥" not in shown
    (price,) = locks("三十九块九一斤")
    assert [form(price.fact, one) for one in LANGUAGES] == [
        "¥39.9 per 500 g", "500 g39.9元", "500 g당 39.9위안", "39,9 yuanes por 500 g",
    ]  # fmt: skip


def test_a_glossary_goes_before_everything_and_says_its_own_words() -> None:
    words = names(
        read_glossary([{"zh": "苹果", "en": "Apple"}, {"zh": "三只羊", "en": "Three Sheep", "ja": "三匹の羊"}])
    )
    found = locks("苹果手机和三只羊的奶粉，海尔冰箱", words)
    assert [form(lock.fact, "en") for lock in found] == ["Apple", "Three Sheep", "Haier"]
    assert form(found[1].fact, "ja") == "三匹の羊"
    assert form(found[0].fact, "ko") == "Apple"  # where the seller has no word: the English one
    assert [lock.start for lock in found] == [0, 5, 12]


@pytest.mark.parametrize(
    "rows", ["words", [{"en": "x"}], [{"zh": "a", "fr": "b"}], [{"zh": "x" * 61}], [{"zh": "⟦1⟧"}], [{"zh": 3}], [[]]]
)
def test_a_glossary_that_is_none_is_refused_in_one_sentence(rows: object) -> None:
    with pytest.raises(SkillError) as refused:
        read_glossary(rows)
    assert len(str(refused.value).splitlines()) == 1
