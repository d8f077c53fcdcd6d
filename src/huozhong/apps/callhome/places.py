"""Where somebody comes from, as people say it -> one of the 25 points whose sounds are known."""

from __future__ import annotations

from functools import cache

from huozhong.apps.callhome.sounds import plain, points
from huozhong.errors import SkillError

# point: others like it, then every name by which people would choose it
PLACES = {
    "北京": "沈阳 哈尔滨 济南|普通话 国语 官话 北京话 北京官话 mandarin standard zh cmn putonghua beijing 标准 河北 石家庄 承德 北方话 华语",
    "哈尔滨": "沈阳 北京|黑龙江 哈尔滨话 harbin",
    "沈阳": "哈尔滨 北京|东北话 东北 东北官话 辽宁 大连 吉林 长春 沈阳话 northeast northeastern dongbei shenyang 锦州",
    "济南": "荣成 北京 西安|山东 山东话 济南话 河南 河南话 郑州 洛阳 开封 中原 中原官话 jinan shandong henan zhengzhou 徐州 天津 天津话 tianjin 冀鲁官话",
    "荣成": "济南 沈阳|烟台 青岛 威海 胶东 胶东话 胶辽官话 青岛话 烟台话 qingdao yantai",
    "太原": "西安 济南|山西 山西话 晋语 晋 太原话 大同 临汾 呼和浩特 内蒙古 jin taiyuan shanxi jinyu 陕北 榆林 延安 张家口 陕北话",
    "西安": "成都 太原 济南|陕西 陕西话 西安话 关中 关中话 甘肃 兰州 兰州话 宁夏 银川 青海 西宁 新疆 乌鲁木齐 xian xi'an shaanxi 西北 西北话 秦腔",
    "成都": "昆明 桂林|四川 四川话 重庆 重庆话 西南官话 成都话 sichuan sichuanese chengdu chongqing 湖北 武汉 武汉话 wuhan 贵州 贵阳 贵州话 宜昌 自贡 绵阳 川话",
    "昆明": "成都|云南 云南话 昆明话 kunming yunnan 大理",
    "南京": "扬州 合肥|南京话 江淮官话 nanjing",
    "合肥": "扬州 南京|安徽 安徽话 合肥话 hefei 芜湖",
    "扬州": "南京 合肥|扬州话 苏北 苏北话 江苏 yangzhou 盐城 淮安 泰州 南通",
    "绩溪": "合肥 苏州|徽语 徽州 徽州话 黄山 绩溪话 huizhou",
    "苏州": "温州|苏州话 上海 上海话 吴语 沪语 吴 wu shanghai shanghainese suzhou 无锡 常州 宁波 宁波话 杭州 杭州话 浙江 嘉兴 绍兴 无锡话 江浙 江浙话",
    "温州": "苏州|温州话 wenzhou wenzhounese 瓯语 台州",
    "长沙": "娄底 南昌|湖南 湖南话 长沙话 湘语 湘 xiang changsha hunan 湘潭 株洲 衡阳 岳阳 益阳",
    "娄底": "长沙|娄底话 邵阳 湘乡 老湘语 loudi",
    "南昌": "长沙 梅县|江西 江西话 赣语 赣 南昌话 gan nanchang jiangxi 抚州 宜春 九江",
    "梅县": "广州 南昌|客家 客家话 客语 客 梅州 梅县话 hakka meixian meizhou 惠州 赣州 河源 hak 龙岩 四县",
    "桂林": "成都 广州|平话 桂林话 桂北 广西官话 pinghua guilin",
    "广州": "阳江|广东 广东话 粤语 粤 白话 广州话 香港 港 澳门 cantonese yue guangzhou 佛山 深圳 南宁 hong-kong hongkong hk 南宁白话 广府话 东莞",
    "阳江": "广州|阳江话 湛江 茂名 广西白话 yangjiang 台山 台山话 四邑",
    "厦门": "潮州 福州|闽南 闽南语 闽南话 台湾 台语 台湾话 福建 泉州 漳州 厦门话 hokkien minnan taiwanese xiamen nan 福建话 min-nan 泉州话 漳州话 闽",
    "潮州": "厦门|潮汕 潮汕话 潮州话 汕头 揭阳 teochew chaozhou chaoshan 汕头话 海南 海南话 海口 雷州",
    "福州": "厦门|福州话 闽东 闽东语 闽东话 fuzhou fuzhounese cdo 宁德 莆田",
}  # fmt: skip


@cache
def _names() -> dict[str, str]:
    found = {point: point for point in PLACES}
    for point, text in PLACES.items():
        for name in text.partition("|")[2].split():
            found.setdefault(plain(name), point)
    return found


@cache
def place(said: str) -> tuple[int | None, tuple[int, ...]]:
    """("广州", "粤语", "Cantonese", "") -> the point's number, and numbers of those most like it; None for "" alone.

    SkillError: a place that is not known.
    """
    wanted = plain(said.strip()).lower()
    if not wanted or wanted in ("不知道", "unknown", "none", "auto", "其他", "其它", "other"):
        return None, ()
    names = _names()
    for ending in ("", "话", "方言", "腔", "人", "市", "省", "语", "土话", "本地话", "官话"):
        bare = wanted.removesuffix(ending) if ending else wanted
        if bare in names:
            return _numbers(names[bare])
    inside = sorted((name for name in names if len(name) > 1 and name in wanted), key=len)
    if inside:
        return _numbers(names[inside[-1]])
    raise SkillError(
        f"不知道“{said}”是哪里话。可以写：{'、'.join(PLACES)}，或者不写。",
        f"'{said}' is no dialect known here. Choose one of {', '.join(PLACES)}, or leave it out.",
    )


def _numbers(point: str) -> tuple[int, tuple[int, ...]]:
    order = points()
    return order.index(point), tuple(order.index(one) for one in PLACES[point].partition("|")[0].split())
