"""Product sheets with fixed seeds, honest scripts for them, and lies to be put into scripts."""

from __future__ import annotations

import json
import random
import re
from typing import Any

# product, sold by, sizes, selling points
GOODS: list[tuple[str, str, list[str], list[str]]] = [
    ("洛川苹果", "箱", ["2.5kg*2袋", "5kg", "净重8斤"], ["树上熟，皮薄多汁", "果径80-85mm", "坏果包赔", "有机认证"]),
    ("五常大米", "袋", ["5kg", "10斤", "2.5kg×4袋"], ["2025年新米", "真空包装", "煮粥软糯", "绿色食品"]),
    ("手工红薯粉", "包", ["500g", "400g*5包", "1kg"], ["古法手工", "不加明矾", "久煮不断", "配料只有红薯和水"]),
    ("土蜂蜜", "瓶", ["500g", "250g*2瓶"], ["检测报告齐全", "不添加蔗糖", "封盖采收", "瓶口不漏"]),
    ("纯棉四件套", "套", ["200×230cm", "1.8m*2m"], ["100%棉", "60支", "可机洗", "不掉色"]),
    ("儿童保温杯", "个", ["350ml", "480ml"], ["316不锈钢", "保温12小时", "一键开盖", "防漏"]),
    ("抽纸", "箱", ["100抽*24包", "120抽×10包"], ["3层", "无荧光剂", "湿水不破", "独立包装"]),
    ("扫地机A2-306", "台", ["直径32cm", "5200mAh"], ["静音55dB", "续航120分钟", "2年质保", "自动回充"]),
    ("山核桃仁", "罐", ["250g", "180g*2罐"], ["当年新货", "酥脆", "少盐", "独立包装"]),
    ("洗衣液", "瓶", ["2L*2瓶", "3kg"], ["低泡易漂", "pH中性", "留香", "不含荧光剂"]),
    ("牛肉干", "袋", ["100g*5袋", "500g"], ["内蒙古黄牛肉", "手撕", "独立包装", "蛋白质40g/100g"]),
    ("补水面膜", "盒", ["25ml*10片", "30g×5片"], ["玻尿酸", "温和补水", "不含酒精", "备案齐全"]),
    ("石磨面粉", "袋", ["5kg", "2.5kg*2袋"], ["石磨慢研", "不加增白剂", "蒸馒头香", "农残检测合格"]),
    ("羊毛袜", "双", ["均码", "35-40码"], ["羊毛30%", "透气", "不起球", "加厚"]),
    ("充电宝", "个", ["10000mAh", "20000mAh"], ["22.5W快充", "3C认证", "自带双线", "带得上飞机"]),
    ("黑茶", "饼", ["357g", "200g*2饼"], ["2018年原料", "可冲10泡", "手工压制", "送礼体面"]),
]
# The example of the app's own file.
EXAMPLE: dict[str, Any] = {
    "product": "洛川苹果",
    "price": 39.9,
    "unit": "箱",
    "pack": "2.5kg*2袋",
    "gift": "削皮刀一把",
    "stock": 300,
    "deal": "满199减20",
    "point1": "树上熟，皮薄多汁",
    "point2": "坏果包赔",
    "minutes": 1,
}
GIFTS = ["削皮刀一把", "试吃装1包", "收纳袋2个", "小勺一把", "优惠券5元", None]
DEALS = ["满199减20", "第2件8.8折", "买2送1", "满300元减50元", None]
TONES = ["热情", "实在", "亲切", "俏皮"]

OPENERS = [
    "大家好，欢迎来到直播间。",
    "朋友们，咱们接着聊。",
    "刚进来的朋友，先坐下听我说。",
    "忙了大半天，来看看这个。",
]
PAINS = [
    "你家里是不是也遇到过这样的事？",
    "买回来不合心意，放着也是放着，看着就心烦。",
    "挑来挑去，总怕挑错了，退来退去又麻烦。",
    "给老人孩子买东西，谁都想买得踏实。",
    "图省事随便买，回头又后悔，这样的事我也干过。",
]
MORE = [
    "我自己也在用，所以才敢跟大家说。",
    "你想想平时是怎么用的，就知道它合不合适。",
    "不着急，先听我慢慢讲，觉得合适再下单。",
    "有什么想问的，打在公屏上，我看见了就回。",
    "镜头拉近，大家看看样子，看看细节。",
    "这东西放在家里，用得着的时候就在手边。",
    "合适就带走，不合适也没关系，交个朋友。",
    "我把话说在前头，适合谁，不适合谁，都讲明白。",
    "家里有人用得上的，可以替他看看。",
    "听清楚了再拍，拍错了还要麻烦你自己。",
    "咱们说话算话，单子上写什么，我就讲什么。",
    "看不清的朋友跟我说，我再给你转过来看看。",
]
CLOSERS = ["谢谢大家，下回见。", "今天就讲到这里，谢谢捧场。"]

# What a script may not say unless the sheet does, and the words by which it would be seen.
LIES: list[tuple[str, str]] = [
    ("今天只要7.77元！", "7.77"),
    ("今天只要六块六！", "六块六"),
    ("原价八百八十八，今天亏着卖。", "八百八十八"),
    ("直接打三折。", "三折"),
    ("今天半价给到大家。", "半价"),
    ("一块钱带走。", "一块钱"),
    ("便宜好几百。", "几百"),
    ("通过了SGS检测。", "SGS"),
    ("有欧盟有机认证哦。", "欧盟"),
    ("国家发明专利产品。", "专利"),
    ("拿过国际金奖。", "金奖"),
    ("专家推荐，放心买。", "专家"),
    ("央视都报道过我们。", "央视"),
    ("某某明星同款。", "明星同款"),
    ("这是日本进口的。", "日本"),
    ("产自瑞士，山泉养出来的。", "瑞士"),
    ("里面添加了胶原蛋白。", "胶原蛋白"),
    ("富含虾青素和花青素。", "虾青素"),
    ("用了能美白祛斑。", "美白"),
    ("常吃可以降血糖。", "降血糖"),
    ("根治老毛病。", "根治"),
    ("全网第一，没有对手。", "全网第一"),
    ("这是最佳的选择。", "最佳"),
    ("国家级品质。", "国家级"),
    ("绝对安全，无副作用。", "无副作用"),
    ("百分之九十九的人说好。", "百分之九十九"),
    ("好评率99.8%。", "99.8"),
    ("已经卖出三十万单。", "三十万"),
    ("海尔品牌，大家都认得。", "海尔"),
    ("和茅台一样的工艺。", "茅台"),
    ("iPhone15送一台。", "iPhone15"),
    ("终身质保，坏了就换。", "终身质保"),
    ("假一赔十，放心拍。", "假一赔十"),
    ("再送大家一口炒锅。", "炒锅"),
    ("顺丰包邮到家。", "顺丰"),
    ("买一送一，拍到就是赚到。", "买一送一"),
    ("史上最低价。", "史上最低"),
    ("祖传秘方做出来的。", "祖传秘方"),
    ("牌子叫“天山雪果”。", "天山雪果"),
    ("戴上能招财转运。", "招财"),
]

# Twenty more, written when the first lists stood: nine were left out then; the patterns of claims.toml came after them.
UNLISTED = [
    "这是咱们县里的扶贫产品。",
    "贴牌货可没有这个味道。",
    "飞机上的头等舱就吃这个。",
    "喝了酒吃它，第二天不头疼。",
    "农科站的技术员天天守着。",
    "皇宫里当年就吃它。",
    "我们拿到了独家供货权。",
    "放半年都不会坏。",
    "摔不烂，砸不破。",
    "这批货是给外国人做的。",
    "省电视台来拍过。",
    "一箱顶三箱用。",
    "洗完手滑得像婴儿皮肤。",
    "现在下单的朋友多给一个大礼包。",
    "下个月就要涨到五十了。",
    "学校食堂都用我们家的。",
    "含铁量高，补血。",
    "老外都抢着要。",
    "我爷爷那辈就开始做了。",
    "低温锁鲜技术。",
]


def sheet(seed: int) -> dict[str, Any]:
    """What a seller fills in; the same for the same seed."""
    chance = random.Random(seed)
    product, unit, packs, points = GOODS[seed % len(GOODS)]
    chosen = chance.sample(points, 3)
    price = chance.choice([9.9, 12.8, 19.9, 29.9, 39.9, 49.5, 59, 68, 99, 128, 199, 268.5, 1299, 2199])
    given: dict[str, Any] = {
        "product": product,
        "price": price,
        "unit": unit,
        "pack": chance.choice(packs),
        "gift": chance.choice(GIFTS),
        "stock": chance.choice([20, 50, 102, 200, 300, 1000, 2500, 10000, None]),
        "deal": chance.choice(DEALS),
        "point1": chosen[0],
        "point2": chosen[1],
        "point3": chosen[2] if chance.random() < 0.7 else None,
        "minutes": chance.choice([1, 1, 2]),
        "tone": chance.choice(TONES),
    }
    return {key: value for key, value in given.items() if value is not None}


def _length(piece: dict[str, str], given: dict[str, Any]) -> float:
    """About how many characters a piece has when it is said; a digit is somewhat more than one."""
    text = piece.get("text") or str(given.get(piece["ref"], "")) + given["unit"] * (piece["ref"] in ("price", "stock"))
    return len(re.findall("[\u4e00-\u9fff]", text)) + 1.6 * len(re.findall(r"\d", text))


def honest(given: dict[str, Any], seed: int, lies: tuple[str, ...] = ()) -> str:
    """A script that keeps to the sheet, about as long as it should be, with lies put in at chosen places."""
    chance = random.Random(1000 + seed)
    minutes = given["minutes"]
    more = MORE * minutes
    chance.shuffle(more)
    points: list[dict[str, str]] = []
    for key in ("point1", "point2", "point3"):
        if key in given:
            points += [{"text": "说说它："}, {"ref": key}, {"text": "。"}]
    facts: list[dict[str, str]] = []
    if "pack" in given:
        facts += [{"text": "规格是"}, {"ref": "pack"}, {"text": "。"}]
    facts += [{"text": "今天的价格是"}, {"ref": "price"}, {"text": "。"}]
    if "deal" in given:
        facts += [{"text": "还有优惠，"}, {"ref": "deal"}, {"text": "。"}]
    push: list[dict[str, str]] = []
    if "stock" in given:
        push += [{"text": "库存还有"}, {"ref": "stock"}, {"text": "，想要的去小黄车看。"}]
    if "gift" in given:
        push += [{"text": "另有赠品，"}, {"ref": "gift"}, {"text": "。"}]
    segments = [
        ("开场", [{"text": chance.choice(OPENERS)}, {"text": "今天讲的是"}, {"ref": "product"}, {"text": "。"}]),
        ("痛点", [{"text": chance.choice(PAINS)}]),
        ("卖点", points),
        ("报价", facts),
        ("逼单", push or [{"text": "想要的去小黄车看看。"}]),
        ("收尾", [{"text": chance.choice(CLOSERS)}]),
    ]
    place = 0
    while more and sum(_length(piece, given) for _, say in segments for piece in say) < minutes * 240 - 6:
        segments[1 + place % 4][1].append({"text": more.pop()})
        place += 1
    for lie in lies:
        chance.choice(segments)[1].append({"text": lie})
    share = round(minutes / len(segments), 3)
    return json.dumps(
        {"segments": [{"part": part, "minutes": share, "say": say} for part, say in segments]}, ensure_ascii=False
    )


def honest_in_english() -> str:
    """A script in English of a minute for the English example of the app's own file."""
    talk = (
        "Good evening everybody, and welcome to the live stream. Please take a cup of tea and listen. ",
        "Do you ever buy fruit and then worry about it on the way home? I think all of us have had that. ",
        "Let me show you. Hold it up and look at it closely, with your own eyes. This is what you should know: ",
        "Put one into your child's school bag in the morning, or on the table after dinner. ",
        "Now to the page, line by line, slowly, so that nobody makes a mistake. What you order is ",
        "Ask me in the comments if anything is not plain to you. What we have today is ",
        "See you tomorrow, and thank you for watching.",
    )
    segments = [
        ("opening", 0.1, [{"text": talk[0]}, {"text": "These are "}, {"ref": "product"}, {"text": ". "}]),
        ("problem", 0.2, [{"text": talk[1]}]),
        ("points", 0.3, [{"text": talk[2]}, {"ref": "point1"}, {"text": ". "}, {"text": talk[3]}]),
        (
            "price",
            0.2,
            [{"text": talk[4]}, {"ref": "pack"}, {"text": ". The price is "}, {"ref": "price"}, {"text": "."}],
        ),
        ("decide", 0.1, [{"text": talk[5]}, {"ref": "stock"}, {"text": "."}]),
        ("closing", 0.1, [{"text": talk[6]}]),
    ]
    return json.dumps({"segments": [{"part": part, "minutes": m, "say": say} for part, m, say in segments]})
