"""Orders as people of many regions say them, and what is no call however it is said there: a sample, by kind."""

from __future__ import annotations

import pytest

from huozhong.apps.callhome.contacts import read_contacts
from huozhong.apps.callhome.resolve import who

OLD = read_contacts(
    [{"name": name, "relation": relation} for name, relation in (
        ("卫东", "儿子"), ("丽华", "女儿"), ("秀珍", "老婆"), ("浩浩", "外孙"), ("志明", "侄子"), ("德发", "弟弟"),
        ("玉梅", "姐姐"), ("王医生", "村医"), ("张婶", "邻居"), ("永福", "大舅"),
    )]
)  # fmt: skip
YOUNG = read_contacts(
    [{"name": name, "relation": relation} for name, relation in (
        ("国强", "爸爸"), ("桂芳", "妈妈"), ("", "爷爷"), ("", "奶奶"), ("", "外公"), ("", "外婆"), ("", "叔叔"),
        ("", "姑姑"), ("海涛", "老公"), ("志刚", "哥哥"),
    )]
)  # fmt: skip


@pytest.mark.parametrize(
    ("place", "said", "wanted"),
    [
        ("河南", "给俺妞打个电话", "丽华"),
        ("洛阳", "给俺屋里头打个电话", "秀珍"),
        ("兰州", "给我的丫头打个电话撒", "丽华"),
        ("新疆", "给我儿娃子打个电话", "卫东"),
        ("武汉", "打个电话把我姑娘伢", "丽华"),
        ("云南", "给我家姑娘打个电话嘎", "丽华"),
        ("贵州", "给我崽打个电话", "卫东"),
        ("合肥", "给我烧锅的打个电话", "秀珍"),
        ("南京", "打个电话把我家老太婆", "秀珍"),
        ("双峰", "打个电话把我崽", "卫东"),
        ("新疆", "给王大夫打个电话", "王医生"),
        ("广东", "打电话俾孙仔浩浩", "浩浩"),
        ("上海", "打拨儿子叫伊回来吃饭", "卫东"),
        ("客家", "打分倈子，毋系，打分妹仔", "丽华"),
        ("四川", "打给儿子不对打给女儿", "丽华"),
        ("山东", "给卫东打，不是卫东，是德发", "德发"),
    ],
)
def test_orders_of_old_people(place: str, said: str, wanted: str) -> None:
    answer = who(said, OLD, place)
    assert answer.contact is not None
    assert answer.contact.name == wanted


@pytest.mark.parametrize(
    ("place", "said", "wanted"),
    [
        ("四川", "跟老汉打电话噻", "爸爸"),
        ("陕西", "给额老汉打个电话", "老公"),
        ("陕西", "给我碎爸打个电话", "叔叔"),
        ("新疆", "给我达达打个电话", "爸爸"),
        ("武汉", "跟爹爹打个电话", "爷爷"),
        ("武汉", "跟家家打个电话", "外婆"),
        ("山东", "给俺嬷嬷打个电话", "奶奶"),
        ("上海", "打拨娘娘", "姑姑"),
        ("客家", "打电话分姐公", "外公"),
        ("江西", "打个电话到我老公", "老公"),
        ("湖南", "打个电话得娭毑", "奶奶"),
    ],
)
def test_one_word_is_another_relation_elsewhere(place: str, said: str, wanted: str) -> None:
    answer = who(said, YOUNG, place)
    assert answer.contact is not None
    assert answer.contact.relation == wanted


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("广东", "帮我个女打电话俾学校"),
        ("东北", "帮我儿子给老师打个电话"),
        ("四川", "跟女儿说一声我要回来吃饭"),
        ("广东", "打俾个仔同个女"),
        ("山东", "白给俺闺女打"),
        ("东北", "给老王头打个电话"),
        ("南宁", "打电话畀阿贵"),
        ("新疆", "给尕舅打个电话"),
        ("四川", "打给儿子，算了不打了"),
        ("闽南", "今仔日食啥"),
        ("客家", "打分老妹"),
        ("四川", "打12345"),
    ],
)
def test_what_is_no_call_or_is_for_somebody_else(place: str, said: str) -> None:
    assert who(said, OLD, place).contact is None


def test_both_parents_are_not_one_of_them() -> None:
    for said in ("给爸妈打电话", "给妈老汉儿打电话", "打给爸爸和妈妈"):
        assert who(said, YOUNG, "四川").contact is None
