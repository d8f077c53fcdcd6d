"""Where somebody comes from: every prefecture, counties, tongues, what people call themselves."""

from __future__ import annotations

import pytest

from huozhong.apps.callhome.kin import relations
from huozhong.apps.callhome.places import heard_as, home, place, regions
from huozhong.apps.callhome.sounds import plain, points
from huozhong.errors import SkillError

PREFECTURES = """
    北京 天津 上海 重庆 石家庄 唐山 秦皇岛 邯郸 邢台 保定 张家口 承德 沧州 廊坊 衡水 太原
    大同 阳泉 长治 晋城 朔州 晋中 运城 忻州 临汾 吕梁 呼和浩特 包头 乌海 赤峰 通辽
    鄂尔多斯 呼伦贝尔 巴彦淖尔 乌兰察布 兴安盟 锡林郭勒盟 阿拉善盟 沈阳 大连 鞍山 抚顺 本溪
    丹东 锦州 营口 阜新 辽阳 盘锦 铁岭 朝阳 葫芦岛 长春 吉林 四平 辽源 通化 白山 松原
    白城 延边 哈尔滨 齐齐哈尔 鸡西 鹤岗 双鸭山 大庆 伊春 佳木斯 七台河 牡丹江 黑河 绥化
    大兴安岭 南京 无锡 徐州 常州 苏州 南通 连云港 淮安 盐城 扬州 镇江 泰州 宿迁 杭州 宁波
    温州 嘉兴 湖州 绍兴 金华 衢州 舟山 台州 丽水 合肥 芜湖 蚌埠 淮南 马鞍山 淮北 铜陵
    安庆 黄山 滁州 阜阳 宿州 六安 亳州 池州 宣城 福州 厦门 莆田 三明 泉州 漳州 南平 龙岩
    宁德 南昌 景德镇 萍乡 九江 新余 鹰潭 赣州 吉安 宜春 抚州 上饶 济南 青岛 淄博 枣庄
    东营 烟台 潍坊 济宁 泰安 威海 日照 临沂 德州 聊城 滨州 菏泽 郑州 开封 洛阳 平顶山
    安阳 鹤壁 新乡 焦作 濮阳 许昌 漯河 三门峡 南阳 商丘 信阳 周口 驻马店 济源 武汉 黄石
    十堰 宜昌 襄阳 鄂州 荆门 孝感 荆州 黄冈 咸宁 随州 恩施 长沙 株洲 湘潭 衡阳 邵阳 岳阳
    常德 张家界 益阳 郴州 永州 怀化 娄底 湘西 广州 韶关 深圳 珠海 汕头 佛山 江门 湛江
    茂名 肇庆 惠州 梅州 汕尾 河源 阳江 清远 东莞 中山 潮州 揭阳 云浮 南宁 柳州 桂林 梧州
    北海 防城港 钦州 贵港 玉林 百色 贺州 河池 来宾 崇左 海口 三亚 儋州 成都 自贡 攀枝花
    泸州 德阳 绵阳 广元 遂宁 内江 乐山 南充 眉山 宜宾 广安 达州 雅安 巴中 资阳 阿坝 甘孜
    凉山 贵阳 六盘水 遵义 安顺 毕节 铜仁 黔西南 黔东南 黔南 昆明 曲靖 玉溪 保山 昭通 丽江
    普洱 临沧 楚雄 红河 文山 西双版纳 大理 德宏 怒江 迪庆 拉萨 日喀则 昌都 林芝 山南 那曲
    阿里 西安 铜川 宝鸡 咸阳 渭南 延安 汉中 榆林 安康 商洛 兰州 嘉峪关 金昌 白银 天水
    武威 张掖 平凉 酒泉 庆阳 定西 陇南 临夏 甘南 西宁 海东 海北 黄南 果洛 玉树 海西 银川
    石嘴山 吴忠 固原 中卫 乌鲁木齐 克拉玛依 吐鲁番 哈密 昌吉 博尔塔拉 巴音郭楞 阿克苏
    克孜勒苏 喀什 和田 伊犁 塔城 阿勒泰 台北 高雄 台中 台南 香港 澳门
"""


def test_every_prefecture_is_known_with_and_without_what_stands_behind_it() -> None:
    unknown = [one for one in PREFECTURES.split() if not home(one).region]
    assert not unknown
    for ending in ("市", "话", "人", "口音"):
        assert home("洛阳" + ending).region == home("洛阳").region == "河南"


@pytest.mark.parametrize(
    ("said", "region"),
    [
        ("双峰", "娄底"),
        ("建瓯", "福州"),
        ("湖南湘乡", "娄底"),
        ("成都人", "成都"),
        ("川话", "成都"),
        ("湖南省常德市", "武汉"),
        ("广东梅州客家话", "梅县"),
        ("台湾四县客家话", "梅县"),
        ("江苏徐州", "河南"),
        ("我是山东青岛的", "荣成"),
        ("luoyang", "河南"),
        ("Cantonese", "广州"),
        ("台語", "厦门"),
        ("东北人", "沈阳"),
        ("新疆乌鲁木齐", "新疆"),
        ("甘肃天水", "西安"),
        ("海南话", "潮州"),
        ("湖北人", "武汉"),
        ("安徽 阜阳", "河南"),
    ],
)
def test_counties_tongues_and_what_people_call_themselves(said: str, region: str) -> None:
    assert home(said).region == region
    assert region in heard_as(said)[0]


def test_what_nobody_knows_is_said_and_heard_as_if_nothing_were_told() -> None:
    at = home("火星")
    assert (at.region, at.point) == ("", None)
    assert at.unsure is not None
    assert "火星" in at.unsure[0]
    assert "火星" in at.unsure[1]
    assert place("火星") == place("") == (None, ())
    assert home("").unsure is None
    with pytest.raises(SkillError, match="40"):
        home("远" * 41)


def test_what_regions_say_is_of_relations_that_there_are() -> None:
    known = {one.chinese for one in relations().values()}
    for region in regions().values():
        assert region.point in points()
        assert set(region.near) <= set(points())
        assert set(region.said) <= known
        assert len(region.said) >= 10, region.name
        for relation, words in region.said.items():
            assert words
            claimed = [other for other, theirs in region.said.items() if plain(relation) in theirs]
            assert relation in words or claimed, (region.name, relation)
