"""The almanac's words in English: names of days, terms, animals and signs, and what the old almanac says of a day."""

from __future__ import annotations

STEMS = {
    "甲": "jia", "乙": "yi", "丙": "bing", "丁": "ding", "戊": "wu", "己": "ji", "庚": "geng", "辛": "xin", "壬": "ren",
    "癸": "gui",
}  # fmt: skip
BRANCHES = {
    "子": "zi", "丑": "chou", "寅": "yin", "卯": "mao", "辰": "chen", "巳": "si", "午": "wu", "未": "wei", "申": "shen",
    "酉": "you", "戌": "xu", "亥": "hai",
}  # fmt: skip
ANIMALS = {
    "鼠": "Rat", "牛": "Ox", "虎": "Tiger", "兔": "Rabbit", "龙": "Dragon", "蛇": "Snake", "马": "Horse", "羊": "Goat",
    "猴": "Monkey", "鸡": "Rooster", "狗": "Dog", "猪": "Pig",
}  # fmt: skip
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
SIGNS = {
    "白羊": "Aries", "金牛": "Taurus", "双子": "Gemini", "巨蟹": "Cancer", "狮子": "Leo", "处女": "Virgo",
    "天秤": "Libra", "天蝎": "Scorpio", "射手": "Sagittarius", "摩羯": "Capricorn", "水瓶": "Aquarius",
    "双鱼": "Pisces",
}  # fmt: skip
TERMS = {
    "立春": "Start of Spring", "雨水": "Rain Water", "惊蛰": "Awakening of Insects", "春分": "Spring Equinox",
    "清明": "Clear and Bright", "谷雨": "Grain Rain", "立夏": "Start of Summer", "小满": "Grain Buds",
    "芒种": "Grain in Ear", "夏至": "Summer Solstice", "小暑": "Minor Heat", "大暑": "Major Heat",
    "立秋": "Start of Autumn", "处暑": "End of Heat", "白露": "White Dew", "秋分": "Autumn Equinox",
    "寒露": "Cold Dew", "霜降": "Frost's Descent", "立冬": "Start of Winter", "小雪": "Minor Snow",
    "大雪": "Major Snow", "冬至": "Winter Solstice", "小寒": "Minor Cold", "大寒": "Major Cold",
}  # fmt: skip
FESTIVALS = {
    "春节": "Spring Festival (Chinese New Year)", "元宵节": "Lantern Festival", "龙头节": "Dragon Head Festival",
    "端午节": "Dragon Boat Festival", "七夕节": "Qixi, the Double Seventh", "中秋节": "Mid-Autumn Festival",
    "重阳节": "Double Ninth Festival", "腊八节": "Laba Festival", "除夕": "Chinese New Year's Eve",
    "元旦节": "New Year's Day", "情人节": "Valentine's Day", "妇女节": "Women's Day", "植树节": "Arbor Day",
    "消费者权益日": "Consumer Rights Day", "愚人节": "April Fools' Day", "劳动节": "Labour Day",
    "青年节": "Youth Day", "儿童节": "Children's Day", "建党节": "Founding Day of the Chinese Communist Party",
    "建军节": "Army Day", "教师节": "Teachers' Day", "国庆节": "National Day", "平安夜": "Christmas Eve",
    "圣诞节": "Christmas Day", "万圣节前夜": "Halloween", "万圣节": "All Saints' Day", "母亲节": "Mother's Day",
    "父亲节": "Father's Day", "全国中小学生安全教育日": "School Safety Education Day",
    "全国助残日": "Day for Helping the Disabled", "全民国防教育日": "National Defence Education Day",
    "上巳节": "Shangsi, the Double Third", "中元节": "Zhongyuan, the Ghost Festival", "寒衣节": "Winter Clothes Day",
    "下元节": "Xiayuan Festival", "北方小年": "Little New Year (North)", "南方小年": "Little New Year (South)",
    "清明节": "Qingming, Tomb-Sweeping Day", "冬至节": "Winter Solstice Festival",
    "世界住房日": "World Habitat Day", "感恩节": "Thanksgiving Day",
}  # fmt: skip
# The old almanac's words; what is one and the same to a reader of English has one name.
ADVICE = {
    "祭祀": "offerings to ancestors", "祈福": "praying for blessings", "求嗣": "praying for children",
    "开光": "consecrating statues", "塑绘": "painting statues", "齐醮": "temple rites", "斋醮": "temple rites",
    "沐浴": "bathing", "酬神": "thanking the gods", "造庙": "building a temple", "祀灶": "offerings to the stove god",
    "焚香": "burning incense", "谢土": "thanking the earth", "出火": "moving the house altar", "雕刻": "carving",
    "嫁娶": "weddings", "订婚": "betrothal", "纳采": "betrothal gifts", "问名": "matching birth dates",
    "纳婿": "taking a son-in-law in", "归宁": "a bride's visit home", "安床": "setting up a bed",
    "合帐": "hanging bed curtains", "冠笄": "coming-of-age rites", "订盟": "making a pledge",
    "进人口": "taking somebody into the family", "裁衣": "cutting clothes", "挽面": "a bride's make-up",
    "开容": "a bride's make-up", "修坟": "mending a grave", "启钻": "opening a grave",
    "破土": "breaking ground for a grave", "安葬": "burial", "立碑": "setting up a gravestone",
    "成服": "putting mourning on", "除服": "laying mourning aside", "开生坟": "preparing one's grave",
    "合寿木": "making a coffin", "入殓": "laying out the dead", "移柩": "moving a coffin",
    "普渡": "rites for lost souls", "入宅": "moving into a house", "安香": "setting up the house altar",
    "安门": "hanging a door", "修造": "building and repairs", "起基": "laying foundations", "动土": "breaking ground",
    "上梁": "raising the roof beam", "竖柱": "setting up pillars", "开井开池": "digging wells and ponds",
    "作陂放水": "damming and letting water in", "拆卸": "taking buildings down", "破屋": "pulling a house down",
    "坏垣": "pulling a wall down", "补垣": "mending a wall", "伐木做梁": "felling trees for beams",
    "作灶": "building a stove", "解除": "cleaning and warding off", "开柱眼": "cutting holes for pillars",
    "穿屏扇架": "framing doors and screens", "盖屋合脊": "roofing a house", "开厕": "making a privy",
    "造仓": "building a barn", "塞穴": "stopping holes", "平治道涂": "levelling roads", "造桥": "building a bridge",
    "作厕": "making a privy", "筑堤": "building dykes", "开池": "digging a pond", "伐木": "felling trees",
    "开渠": "digging a ditch", "掘井": "digging a well", "扫舍": "sweeping the house", "放水": "letting water in",
    "造屋": "building a house", "合脊": "closing the roof", "造畜稠": "building a stable", "修门": "mending a door",
    "定磉": "setting foundation stones", "作梁": "making beams", "修饰垣墙": "doing walls up",
    "架马": "setting up trestles", "开市": "opening for business", "挂匾": "hanging a shop sign",
    "纳财": "taking money in", "求财": "seeking profit", "开仓": "opening the barn", "买车": "buying a cart or car",
    "置产": "buying property", "雇佣": "hiring", "出货财": "sending goods and money out",
    "安机械": "setting machines up", "造车器": "building carts", "经络": "setting up a loom", "酝酿": "brewing",
    "作染": "dyeing", "鼓铸": "casting metal", "造船": "building boats", "割蜜": "taking honey", "栽种": "planting",
    "取渔": "fishing", "结网": "making nets", "牧养": "herding", "安碓磑": "setting up a mill",
    "习艺": "learning a craft", "入学": "starting school", "理发": "a haircut", "探病": "visiting the sick",
    "见贵": "calling on somebody of rank", "乘船": "going by boat", "渡水": "crossing water", "针灸": "acupuncture",
    "出行": "travel", "移徙": "moving house", "分居": "setting up a house of one's own", "剃头": "a haircut",
    "整手足甲": "cutting nails", "纳畜": "buying livestock", "捕捉": "trapping", "畋猎": "hunting",
    "教牛马": "training oxen and horses", "会亲友": "seeing family and friends", "赴任": "taking up a post",
    "求医": "seeing a doctor", "治病": "treating an illness", "词讼": "lawsuits",
    "起基动土": "laying foundations and breaking ground", "破屋坏垣": "pulling houses and walls down",
    "盖屋": "roofing a house", "造仓库": "building a storehouse", "立券交易": "contracts and trade", "交易": "trade",
    "立券": "contracts", "安机": "setting up a loom", "会友": "seeing friends", "求医疗病": "seeing a doctor",
    "诸事不宜": "nothing at all", "馀事勿取": "nothing else", "行丧": "funerals", "断蚁": "driving ants away",
    "归岫": "laying to rest", "无": "nothing",
}  # fmt: skip


def ordinal(number: int) -> str:
    """15th, 2nd, 21st."""
    ending = "th" if 10 < number % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def lunar_date(month: int, day: int) -> str:
    """The 15th day of the 8th month; month: negative for a leap one."""
    return f"{ordinal(day)} day of the {'leap ' if month < 0 else ''}{ordinal(abs(month))} month"


def pillar(written: str) -> str:
    """丙午 as bing-wu."""
    return f"{STEMS[written[0]]}-{BRANCHES[written[1]]}"


def advice(words: list[str]) -> list[str]:
    return list(dict.fromkeys(ADVICE.get(word, word) for word in words))
