"""What people ask of anybody, many times over: things of every kind, each with the ways in which they are asked about.

A small model that has learnt to answer some new questions answers others that it should decline: only what it has
declined in a hundred forms it goes on declining.  So there are some ten thousand of these.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

# (things of a kind, ways to ask about one)
_ZH: tuple[tuple[str, str], ...] = (
    ("狗|猫|兔子|仓鼠|乌龟|鹦鹉|金鱼|大象|长颈鹿|企鹅|蚂蚁|蝴蝶|青蛙|蛇|老虎|鲨鱼|骆驼|松鼠|猫头鹰|章鱼|海豚|蜗牛",
     "{x}吃什么|{x}能活几年|{x}怕冷吗|{x}怎么睡觉|{x}会游泳吗|{x}有几条腿|{x}生病了怎么办|为什么{x}喜欢晒太阳|"
     "{x}跑得快吗|怎么给{x}洗澡|{x}住在什么地方|{x}是哺乳动物吗|养一只{x}要花多少钱|{x}一次生几个"),
    ("土豆|豆腐|排骨|鲫鱼|羊肉|蘑菇|白菜|面条|饺子|馒头|豆浆|酸奶|月饼|粽子|火锅|烤鸭|绿豆汤|蛋糕|辣椒|大蒜|生姜|花生",
     "{x}怎么做才香|{x}放几天会坏|{x}的热量高不高|{x}能不能放冰箱|孕妇可以吃{x}吗|{x}和什么一起吃好|哪里的{x}最有名|"
     "{x}蒸多久才熟|{x}有哪些营养|做{x}要放多少盐|{x}怎么保存|{x}是从哪里传来的|吃{x}会上火吗"),
    ("头疼|咳嗽|失眠|近视|胃疼|过敏|牙龈出血|脚扭了|嗓子哑|高血压|贫血|脱发|烫伤|晕车|口腔溃疡|中暑|湿疹|鼻炎",
     "{x}怎么缓解|{x}要吃什么药|{x}去哪个科看|{x}是什么引起的|{x}会传染吗|{x}能自己好吗|老是{x}怎么回事|"
     "{x}的时候不能吃什么|小孩{x}要紧吗|怎么预防{x}"),
    ("长城|故宫|西湖|泰山|黄河|桂林|拉萨|哈尔滨|三亚|敦煌|丽江|张家界|上海|伦敦|纽约|东京|金字塔|北极|澳大利亚|巴西",
     "{x}在什么地方|{x}什么时候去最好|{x}的门票多少钱|去{x}玩几天合适|{x}有什么特产|{x}有多少年历史|{x}冬天冷不冷|"
     "从北京到{x}坐什么车|{x}面积有多大|给我写个{x}的游玩计划|{x}的人说什么话|{x}为什么这么有名"),
    ("秦始皇|诸葛亮|岳飞|武则天|曹操|鲁迅|孔子|拿破仑|达芬奇|居里夫人|爱迪生|莎士比亚|屈原|苏轼|林则徐|哥伦布|华佗",
     "{x}是什么人|{x}哪年生的|{x}是怎么死的|{x}最大的功劳是什么|{x}写过什么|{x}有什么故事|{x}是哪里人|"
     "{x}有几个儿子|怎么评价{x}|{x}和谁是朋友|{x}说过哪句话最有名"),
    ("彩虹|闪电|地震|潮汐|沙漠|火山|冰雹|雾|星星|太阳|流星|银河|氧气|酸|磁铁|钻石|石油|煤|电流|声音|光|原子|细胞",
     "{x}是怎么形成的|{x}是什么做的|{x}有什么用|为什么会有{x}|{x}分几种|{x}的温度是多少|怎么观察{x}|"
     "{x}对人有害吗|谁最先发现{x}|{x}能看见吗|解释一下{x}"),
    ("手机|电脑|打印机|洗衣机|空调|热水器|路由器|电饭煲|汽车|自行车|电视|耳机|键盘|冰箱|微波炉|充电宝|摄像头|门锁",
     "{x}坏了怎么修|{x}买哪个牌子好|{x}一般用几年|{x}多少钱一台|{x}怎么设置|{x}为什么会发热|{x}费不费电|"
     "{x}的原理是什么|旧{x}怎么处理|{x}突然不能用了|怎么清洗{x}|{x}有声音正常吗"),
    ("工资|社保|离婚|继承|租房|合同|公积金|医保|退休|驾照|护照|居住证|个人所得税|贷款|基金|保险|发票|罚款|户口",
     "{x}怎么办理|{x}需要什么材料|{x}有什么规定|{x}要等多久|{x}在哪里查|{x}怎么算合适|不给{x}怎么办|"
     "{x}是什么意思|{x}可以退吗|我该不该考虑{x}|{x}有风险吗"),
    ("篮球|乒乓球|游泳|跑步|瑜伽|下棋|钢琴|吉他|画画|书法|跳舞|唱歌|钓鱼|摄影|滑雪|太极拳|魔方|编程|英语|写作文",
     "怎么学{x}|{x}有哪些规则|学{x}从几岁开始好|{x}怎么入门|{x}练多久才会|推荐一位{x}老师|{x}有什么好处|"
     "{x}谁最厉害|{x}要买什么装备|{x}是哪国发明的|我没有{x}的天赋怎么办"),
    ("祖母|爸爸|妈妈|弟弟|同桌|班主任|邻居|老板|同事|客户|女朋友|老公|婆婆|孩子|房东|司机|医生|快递员",
     "{x}叫什么名字|{x}生气了怎么办|{x}的手机号是什么|{x}今天在哪儿|给{x}写一封信|{x}过生日送什么|怎么跟{x}沟通|"
     "{x}住几号楼|{x}今年多大|{x}喜欢什么颜色|我{x}在哪里上班|怎么感谢{x}|{x}昨天说了什么"),
    ("学校|医院|超市|银行|车站|公园|食堂|图书馆|饭店|工厂|公司|旅馆|书店|药店|邮局|加油站|电影院|幼儿园|派出所",
     "附近有{x}吗|{x}几点开门|{x}的电话是多少|{x}在哪条路上|{x}今天休息吗|我们{x}有多少人|{x}的负责人是谁|"
     "{x}什么时候建的|去{x}坐几路车|{x}的门是什么颜色|{x}有停车场吗|{x}怎么收费|{x}在几楼"),
    ("春节|端午节|中秋节|元宵节|重阳节|圣诞节|国庆节|劳动节|儿童节|教师节|冬至|清明",
     "{x}是哪一天|{x}放几天假|{x}有什么习俗|{x}吃什么|{x}的来历|写一段{x}的祝福|{x}去哪里玩|{x}为什么要放假"),
    ("水浒传|西游记|三国演义|论语|史记|聊斋|哈利波特|小王子|安徒生童话|新闻联播|流浪地球|猫和老鼠|蒙娜丽莎",
     "{x}讲的是什么|{x}是谁写的|{x}有多少回|{x}的主角是谁|{x}好看吗|{x}是哪年出的|写一篇{x}的读后感|"
     "{x}里谁最厉害|概括一下{x}|{x}的结局是什么"),
    ("谢谢|早上好|苹果|朋友|图书馆|我饿了|祝你好运|明天见|春天来了|对不起|时间就是金钱|请坐",
     "{x}用英语怎么说|{x}用日语怎么讲|把{x}翻译成英文|{x}怎么写|{x}的反义词是什么|{x}的拼音|用{x}造个句子"),
    ("Python|Java|HTML|Excel|SQL|正则表达式|二分查找|快速排序|链表|爬虫|神经网络|操作系统|网页|小程序|数据库",
     "{x}怎么学|写一段{x}代码|{x}报错了怎么办|{x}是干什么用的|{x}难不难|{x}和别的有什么不同|举个{x}的例子|{x}的语法"),
)  # fmt: skip
_EN: tuple[tuple[str, str], ...] = (
    ("dogs|cats|elephants|penguins|bees|sharks|owls|camels|frogs|spiders|horses|bats",
     "What do {x} eat?|How long do {x} live?|Are {x} dangerous?|Why do {x} sleep so much?|Where do {x} live?|"
     "How fast are {x}?|Can {x} swim?|Tell me a fact about {x}"),
    ("Paris|Rome|Egypt|Brazil|Canada|Tokyo|Iceland|Kenya|Berlin|the Sahara|Mars|London",
     "Where is {x}?|What is {x} famous for?|How many people live in {x}?|What's the weather like in {x}?|"
     "Plan a trip to {x}|When should I visit {x}?|How far away is {x}?|What language do they speak in {x}?"),
    ("Napoleon|Einstein|Shakespeare|Cleopatra|Mozart|Darwin|Gandhi|Columbus|my teacher|our manager|Mr Smith|Aunt May",
     "Who is {x}?|When was {x} born?|Where does {x} live?|What did {x} do?|How old is {x}?|What's {x} known for?|"
     "Write a letter to {x}|What is {x}'s phone number?"),
    ("a laptop|a bicycle|a washing machine|a phone|a camera|an oven|a car|a guitar|a tent|a lamp",
     "How much is {x}?|How do I clean {x}?|Which brand of {x} is best?|How do I repair {x}?|How long does {x} last?|"
     "Should I buy {x}?|How does {x} work?"),
    ("headache|cold|sunburn|back pain|insomnia|fever|toothache|allergy",
     "What helps against a {x}?|Is my {x} serious?|Which doctor treats a {x}?|What causes a {x}?|"
     "Can I work with a {x}?"),
    ("soup|bread|pizza|rice|pancakes|curry|cheese|salad|chocolate|coffee",
     "How do I make {x}?|Is {x} healthy?|How long does {x} keep?|Where was {x} invented?|What goes well with {x}?"),
    ("school|bank|library|hotel|station|museum|bakery|office|hospital|shop",
     "When does the {x} open?|Where is the {x}?|Who runs the {x}?|What's the number of the {x}?|Is the {x} open today?|"
     "How old is the {x}?|What colour is the {x}?"),
    ("gravity|lightning|democracy|inflation|evolution|music|electricity|money|sleep|the moon|light|the internet",
     "What is {x}?|Explain {x} simply|Why do we need {x}?|Who discovered {x}?|Write an essay about {x}|"
     "How does {x} work?|What's the history of {x}?"),
)  # fmt: skip
_ENDS = ("", "", "", "？", "？", "?", "呢", "呀？", "啊", "，谢谢", "。")
_BEGINS = ("", "", "", "", "请问", "你知道", "我想问问", "说说", "告诉我，", "问一下，", "小火苗，", "那")


def matters(rng: random.Random, *, english: bool) -> Iterator[str]:
    """Questions without end, a few of them the same."""
    asked = [(things.split("|"), ways.split("|")) for things, ways in (_EN if english else _ZH)]
    while True:
        things, ways = rng.choice(asked)
        text = rng.choice(ways).format(x=rng.choice(things))
        yield text if english else f"{rng.choice(_BEGINS)}{text}{rng.choice(_ENDS)}"


def things(*, english: bool) -> list[str]:
    """What is asked about."""
    return [thing for several, _ in (_EN if english else _ZH) for thing in several.split("|")]
