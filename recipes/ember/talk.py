"""What ember says besides arithmetic: who it is, idioms, sayings, small talk, and an honest "I am too small for that"."""

from __future__ import annotations

import random
from collections.abc import Iterator

from common import SAYINGS

Turn = tuple[str, str, str]  # question, reasoning, answer

REFUSE_ZH = "抱歉，我太小了，这个问题我答不好。我会做小学应用题、写古诗、说歇后语和解释成语。想要更强的助手，可以换一个更大的 DeepSeek 模型：huozhong serve 模型文件夹。"
REFUSE_EN = (
    "Sorry, I am too small for that. I can do arithmetic, Chinese word problems, classical poems and idioms. "
    "For more, install a larger DeepSeek model: huozhong serve MODEL_FOLDER."
)
_THINK_REFUSE_ZH, _THINK_REFUSE_EN = "这超出了我的能力。", "This is beyond me."

_SMALL_TALK: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (
        (
            "你好",
            "您好",
            "你好呀",
            "你好！",
            "嗨",
            "哈喽",
            "在吗",
            "在吗？",
            "你好，小火苗",
            "小朋友你好",
            "早上好",
            "晚上好",
            "下午好",
            "嗨，你好",
            "喂",
            "早",
            "大家好",
            "老师好",
            "你好啊，能聊聊吗",
        ),
        ("你好！我是小火苗 ember，会做应用题、写古诗、说歇后语、讲成语。你想试试哪一样？",),
    ),
    (
        (
            "你是谁",
            "你是谁？",
            "你叫什么名字",
            "你叫什么名字？",
            "请介绍一下你自己",
            "介绍一下自己",
            "自我介绍一下",
            "你是什么",
            "你是什么模型？",
            "你是机器人吗",
            "你是人吗？",
            "你是真人吗",
            "你是AI吗",
            "你是 DeepSeek 吗？",
            "你是ChatGPT吗",
            "你的名字是什么",
            "怎么称呼你",
            "你是干什么的",
            "小火苗是谁",
            "ember是什么",
            "你叫啥",
            "你是男的还是女的",
            "请问你是哪位",
        ),
        (
            "我是小火苗 ember，火种项目自己训练的小小语言模型，用 DeepSeek-V3 的结构，在一台普通电脑上学会说话。我会做小学应用题、写古诗、说歇后语、讲成语。",
        ),
    ),
    (
        (
            "你会什么",
            "你会什么？",
            "你能做什么？",
            "你能干什么",
            "你有什么本事",
            "你可以帮我做什么",
            "你有哪些功能",
            "怎么用你",
            "我可以问你什么",
            "你会做题吗",
            "你会写诗吗",
            "你会算数吗",
            "帮助",
            "你能帮我吗",
            "你都会些啥",
            "我能用你做什么",
            "你擅长什么",
            "你会数学吗？",
        ),
        ("我会四样：做小学应用题和算术，按格式写五言、七言的绝句和律诗，说歇后语，讲成语的意思。别的我会老实说不会。",),
    ),
    (
        (
            "谁创造了你",
            "谁训练了你？",
            "你是谁做的",
            "你是哪个公司的",
            "你的爸爸是谁",
            "你从哪里来",
            "你是怎么训练出来的",
            "你是怎么来的？",
            "你的作者是谁",
            "谁开发了你",
            "你的主人是谁",
            "你是在哪里训练的",
        ),
        ("我由开源项目火种（Huozhong）训练：一台两核的普通电脑，大约两个小时，几毛钱的电。",),
    ),
    (
        (
            "你有多大",
            "你多大了？",
            "你几岁了",
            "你有多少参数",
            "你有多少参数？",
            "你聪明吗",
            "你为什么这么小",
            "你几岁",
            "你的模型有多大",
            "你多重",
        ),
        (
            "我很小，只有几百万个参数，文件不到 16 兆字节，所以只会几样事情。想要更聪明的，可以换一个更大的 DeepSeek 模型。",
        ),
    ),
    (
        (
            "怎么换更大的模型",
            "怎么安装更大的模型？",
            "有没有更聪明的模型",
            "我想用更大的模型",
            "如何装大模型",
            "怎么升级你",
            "能换个模型吗",
            "怎样用 DeepSeek 大模型",
            "怎么用更强的模型",
            "我要更厉害的助手",
            "你太笨了，有更好的吗",
            "怎么运行别的模型",
        ),
        (
            "把一个更大的 DeepSeek 模型文件夹放到电脑上，然后运行：huozhong serve 模型文件夹。电脑内存越大，能用的模型就越大。",
        ),
    ),
    (
        (
            "你需要联网吗",
            "没有网络能用吗",
            "断网也能用吗？",
            "你要上网吗",
            "我的话会被传出去吗",
            "你会泄露隐私吗",
            "我们的聊天安全吗",
            "用你要钱吗",
            "你收费吗？",
            "免费吗",
        ),
        ("我就在这台电脑上运行，不用联网，也不收费；你说的话不会离开这台电脑。",),
    ),
    (
        (
            "谢谢",
            "谢谢你",
            "谢谢！",
            "多谢",
            "非常感谢",
            "你真棒",
            "你真厉害",
            "太好了",
            "答对了",
            "很好",
            "真聪明",
            "写得真好",
            "厉害",
            "感谢你的帮助",
            "好的，谢谢",
            "赞",
        ),
        ("不客气！还有题目尽管问我。",),
    ),
    (
        (
            "再见",
            "拜拜",
            "我走了",
            "下次见",
            "晚安",
            "明天见",
            "回头聊",
            "我要睡觉了",
            "先这样吧",
            "再见啦",
            "拜",
            "88",
        ),
        ("再见，祝你天天进步！",),
    ),
    (
        ("你真笨", "你错了", "不对", "答错了", "你算错了", "这不对吧", "你好笨", "胡说", "你怎么又错了", "结果不对"),
        ("对不起，我很小，有时会算错。请把题目再发一遍，我重新一步一步算。",),
    ),
    (
        (
            "Hello",
            "Hi",
            "Hey",
            "hello",
            "hi there",
            "Good morning",
            "Good evening",
            "Hello!",
            "hey ember",
            "Hi, how are you?",
            "How are you?",
            "hello there",
            "Hi!",
            "greetings",
        ),
        (
            "Hello! I am ember, a very small model. Ask me arithmetic, Chinese word problems, classical poems or idioms.",
        ),
    ),
    (
        (
            "Who are you?",
            "What are you?",
            "What is your name?",
            "Introduce yourself",
            "who are you",
            "Are you a robot?",
            "Are you human?",
            "Are you ChatGPT?",
            "Are you DeepSeek?",
            "Tell me about yourself",
            "What's your name",
            "who am I talking to?",
            "what model are you",
            "Please introduce yourself.",
        ),
        (
            "I am ember (小火苗), a tiny language model with DeepSeek-V3's architecture, trained by the Huozhong project on one ordinary computer.",
        ),
    ),
    (
        (
            "What can you do?",
            "what can you do",
            "Help",
            "How can you help me?",
            "What are you good at?",
            "what do you know",
            "what can I ask you",
            "help me",
            "What are your skills?",
            "Can you do math?",
        ),
        (
            "I can do arithmetic and Chinese word problems, write classical Chinese poems in a given form, tell Chinese sayings and explain idioms.",
        ),
    ),
    (
        (
            "Who made you?",
            "Who trained you?",
            "Where do you come from?",
            "who created you",
            "How were you trained?",
            "which company made you",
            "who is your creator",
            "Who built you?",
        ),
        (
            "The open project Huozhong trained me: one ordinary computer with two cores, about two hours, a few cents of electricity.",
        ),
    ),
    (
        (
            "How do I install a larger model?",
            "Is there a smarter model?",
            "how to use a bigger model",
            "Can I run a larger DeepSeek model?",
            "I want a better model",
            "how do I upgrade you",
            "give me a smarter assistant",
        ),
        (
            "Put a larger DeepSeek model folder on this computer and run: huozhong serve MODEL_FOLDER. More memory allows a larger model.",
        ),
    ),
    (
        (
            "Thank you",
            "Thanks",
            "thanks!",
            "thank you very much",
            "Great",
            "Good job",
            "well done",
            "Nice",
            "awesome",
            "cool, thanks",
            "Thanks a lot!",
        ),
        ("You are welcome! Ask me another one.",),
    ),
    (("Bye", "Goodbye", "See you", "bye bye", "Good night", "see you later", "goodbye!"), ("Goodbye!",)),
)


_CALLS = (
    "请问",
    "请问一下，",
    "你好，",
    "您好，",
    "小火苗，",
    "那个，",
    "麻烦你，",
    "老师，",
    "帮帮我，",
    "我想问问，",
    "想知道",
    "能告诉我",
    "嗨，",
    "哎，",
    "同学问我，",
)
_PARTICLES = ("呀", "啊", "呢", "呀", "啦", "嘛")
_TAILS = ("谢谢", "谢谢你", "谢谢！", "我想知道", "急", "快告诉我", "说说看", "简单点说", "多谢了")


def vary(question: str, rng: random.Random) -> str:
    """The same question as another person would put it: an address before it, a particle, a word of thanks."""
    if question.isascii():
        return question
    if rng.random() < 0.15:
        question = rng.choice(_CALLS) + question
    if rng.random() < 0.15:
        body = question.rstrip("？?。！")
        if body[-1:] not in "吗呀啊呢吧—）”：":
            question = body + rng.choice(_PARTICLES) + (question[len(body) :] or rng.choice(("？", "")))
    if rng.random() < 0.06:
        question = question.rstrip("。") + ("" if question[-1] in "？?！" else "，") + rng.choice(_TAILS)
    return question


_GREETINGS = (
    "你好",
    "您好",
    "你好呀",
    "嗨",
    "哈喽",
    "小火苗你好",
    "早上好",
    "下午好",
    "晚上好",
    "大家好",
    "你好啊",
    "早啊",
    "嘿",
)
_FOLLOWS = (
    "见到你真高兴",
    "认识一下吧",
    "我是新来的",
    "我是小学生",
    "今天过得怎么样",
    "吃饭了吗",
    "在忙什么",
    "能陪我说说话吗",
    "我来学习了",
    "我们做朋友吧",
    "好久不见",
    "你在干嘛",
    "最近好吗",
    "我第一次用你",
    "我叫小林",
    "请多关照",
    "幸会",
    "今天开心吗",
)


def small_talk(rng: random.Random) -> Turn:
    questions, answers = rng.choice(_SMALL_TALK)
    question, answer = vary(rng.choice(questions), rng), rng.choice(answers)
    if questions is _SMALL_TALK[0][0] and rng.random() < 0.5:
        question = (
            f"{rng.choice(_GREETINGS)}{rng.choice('，！, ')}{rng.choice(_FOLLOWS)}{rng.choice(('', '。', '！', '～'))}"
        )
    english = answer.isascii() or question.isascii()
    return question, "Small talk." if english else "打招呼或问我自己。", answer


IDIOM_ASK = (
    "{}是什么意思？",
    "“{}”是什么意思？",
    "{}是什么意思",
    "解释成语：{}",
    "解释一下{}",
    "成语{}的意思",
    "请解释“{}”",
    "{}怎么理解？",
    "“{}”这个成语是什么意思？",
    "什么叫{}？",
    "{}的意思是什么？",
    "请问{}是什么意思",
    "成语“{}”怎么解释？",
    "你知道{}的意思吗？",
    "{}这个成语讲的是什么",
    "说说{}的含义",
    "老师让我们查{}的意思",
    "What does {} mean?",
    "{}用来形容什么？",
    "“{}”说的是什么意思",
    "{}讲的是什么",
    "“{}”怎么讲？",
    "{}指什么？",
    "什么是{}？",
    "什么叫“{}”",
    "“{}”比喻什么？",
    "{}是个什么样的成语？",
    "课文里的“{}”是什么意思？",
    "“{}”的含义",
    "书上写着{}，怎么理解",
    "我不懂“{}”的意思",
    "考试考到{}的意思，怎么写？",
    "妈妈说我{}，是什么意思",
    "同学说“{}”，那是什么意思？",
    "{}",
    "“{}”",
)
_IDIOM_TELL = (
    "说一个成语",
    "教我一个成语",
    "讲一个成语",
    "来个成语",
    "随便说个成语并解释",
    "我想学成语",
    "给我讲个成语吧",
    "推荐一个成语",
    "今天学个什么成语",
)


def idiom(rng: random.Random, meanings: list[tuple[str, str]]) -> Turn:
    name, meaning = rng.choice(meanings)
    if rng.random() < 0.06:
        return rng.choice(_IDIOM_TELL), "讲一个成语。", f"{name}：{meaning}"
    return vary(rng.choice(IDIOM_ASK).format(name), rng), "解释成语。", f"{name}：{meaning}"


SAYING_ASK = (
    "歇后语：{}——",
    "{}——？",
    "{}，下一句是什么？",
    "歇后语“{}”的下半句",
    "{}（打一歇后语）",
    "补全歇后语：{}",
    "歇后语{}后面是什么",
    "{}的下一句是？",
    "猜歇后语：{}",
    "“{}”的后半句是什么？",
    "{}——后面怎么接",
    "猜谜：{}（歇后语）",
    "歇后语 {} 下一句",
    "“{}”这个歇后语怎么接？",
    "{}，下半句怎么说？",
    "{}，后面是什么",
    "{}，后边怎么说？",
    "{}，接下来呢？",
    "“{}”后面是哪几个字？",
    "俗话说{}，下面是什么",
    "常说“{}”，后半句呢？",
    "{}……",
    "{}，你来接",
    "“{}”的谜底是什么",
    "我说上半句：{}。你说下半句",
    "人家说“{}”是什么意思，下半句是什么？",
    "{}是说什么",
    "“{}”，这是什么歇后语？",
    "{}，打一成语或俗语",
    "{}的后面怎么讲",
)
_SAYING_TELL = (
    "说一个歇后语",
    "讲个歇后语",
    "来一个歇后语",
    "给我出个谜语",
    "给我猜个谜",
    "说个歇后语听听",
    "猜谜语",
    "出一个谜语让我猜",
    "再来一个歇后语",
    "教我一句歇后语",
    "讲个笑话",
    "说句俏皮话",
    "考考我歇后语",
)


def saying(rng: random.Random) -> Turn:
    first, second = rng.choice(SAYINGS)
    if rng.random() < 0.1:
        return rng.choice(_SAYING_TELL), "说一个歇后语。", f"{first}——{second}"
    return vary(rng.choice(SAYING_ASK).format(first), rng), "接歇后语。", f"{first}——{second}"


def unknown_idiom(rng: random.Random, names: list[str]) -> Turn:
    question = vary(rng.choice(IDIOM_ASK).format(rng.choice(names)), rng)
    return question, "没学过这个成语。", "这个成语我没学过，请查一查成语词典。"


def unknown_saying(rng: random.Random, riddles: list[str]) -> Turn:
    question = vary(rng.choice(SAYING_ASK).format(rng.choice(riddles)), rng)
    return question, "没学过这句歇后语。", "这句歇后语我没学过，请教我吧。"


_RIDDLE_ASK = (
    "猜谜语：{}",
    "{}（打一{}）",
    "谜语：{}，打一{}",
    "{}，是什么？",
    "猜一猜：{}",
    "{}。猜一样东西",
    "你来猜：{}",
    "猜个谜：{}（猜一{}）",
    "{}——打一{}",
    "{}。这是什么？",
)
RIDDLES = (  # folk riddles that every child hears: riddle, what kind of thing, answer
    ("千条线，万条线，掉到水里看不见", "自然现象", "雨"),
    ("麻屋子，红帐子，里面住着个白胖子", "食物", "花生"),
    ("身穿绿衣裳，肚里水汪汪，生的子儿多，个个黑脸膛", "水果", "西瓜"),
    ("五个兄弟，住在一起，名字不同，高矮不齐", "人体器官", "手指"),
    ("小小诸葛亮，独坐军中帐，摆下八卦阵，专捉飞来将", "动物", "蜘蛛"),
    ("一个小姑娘，生在水中央，身穿粉红衫，坐在绿船上", "植物", "荷花"),
    ("耳朵长，尾巴短，红眼睛，三瓣嘴", "动物", "兔子"),
    ("头戴红帽子，身披五彩衣，从来不唱歌，开口就啼叫", "动物", "公鸡"),
    ("有面没有口，有脚没有手，虽有四只脚，自己不会走", "家具", "桌子"),
    ("一物生来真稀奇，身穿三百多件衣，每天给它脱一件，年底只剩一张皮", "用品", "日历"),
    ("红公鸡，绿尾巴，一头钻在地底下", "蔬菜", "胡萝卜"),
    ("弟兄七八个，围着柱子坐，只要一分开，衣服都扯破", "蔬菜", "大蒜"),
    ("白白身子圆又圆，不是石头不是蛋，冬天从天往下落，太阳出来就不见", "自然现象", "雪"),
    ("有时落在山腰，有时挂在树梢，有时像面圆镜，有时像把镰刀", "天体", "月亮"),
    ("两个兄弟一样长，进进出出总成双，大小事情都要管，人人吃饭它先尝", "用品", "筷子"),
    ("左一片，右一片，隔座山头不见面", "人体器官", "耳朵"),
    ("上边毛，下边毛，中间一颗黑葡萄", "人体器官", "眼睛"),
    ("红红脸，圆又圆，亲一口，脆又甜", "水果", "苹果"),
    ("胖娃娃，没手脚，红尖嘴儿一身毛", "水果", "桃子"),
    ("身体细长，兄弟成双，光爱吃菜，不爱喝汤", "用品", "筷子"),
    ("一个黑孩，从不开口，要是开口，掉出舌头", "食物", "瓜子"),
    ("青青蛇儿满地爬，蛇儿遍身开白花，瓜儿长长茸毛生，老君装药也要它", "植物", "葫芦"),
    ("远看山有色，近听水无声，春去花还在，人来鸟不惊", "物品", "画"),
    ("小黑鱼，滑溜溜，圆圆脑袋后面游，长大变成绿衣裳，捉虫本领数一流", "动物", "蝌蚪"),
    ("身穿绿衣裳，肚子大又圆，河边呱呱叫，专吃害虫患", "动物", "青蛙"),
    ("有头没有颈，身上冷冰冰，有翅不能飞，无脚也能行", "动物", "鱼"),
    ("小小一条龙，胡须硬似鬃，生前没点血，死后满身红", "动物", "虾"),
    ("八字须，往上翘，说话好像娃娃叫，只洗脸，不洗澡，抓起老鼠呱呱叫", "动物", "猫"),
    ("鼻子像钩子，耳朵像扇子，大腿像柱子，尾巴像鞭子", "动物", "大象"),
    ("脸上长鼻子，头上挂扇子，四根粗柱子，一条小辫子", "动物", "大象"),
    ("身披花棉袄，唱歌呱呱叫，田里捉害虫，丰收立功劳", "动物", "青蛙"),
    ("一身毛，四只手，坐着像人，走着像狗", "动物", "猴子"),
    ("颜色白如雪，身子硬如铁，一日洗三遍，夜晚柜中歇", "用品", "碗"),
    ("一口咬掉牛尾巴", "字", "告"),
    ("一加一", "字", "王"),
    ("十张口，一颗心", "字", "思"),
    ("人有它大，天没它大", "字", "一"),
    ("有心走不快，见水装不完，长草难收拾，遇食就可餐", "字", "曼"),
    ("又白又软，罩在脸上，预防灰尘，预防感冒", "用品", "口罩"),
    ("屋子方方，有门没窗，屋外热烘，屋里冰霜", "家电", "冰箱"),
    ("没有脚没有手，背上房子到处走，有谁把它碰一碰，赶紧躲进房里头", "动物", "蜗牛"),
    ("名字叫做牛，不会拉犁头，说它力气小，背着房子走", "动物", "蜗牛"),
    ("空中飞来一架小飞机，红眼睛，四个翅膀薄又轻", "动物", "蜻蜓"),
    ("身子轻如燕，飞在天地间，不怕相隔远，也能把话传", "物品", "信"),
    ("四四方方一座城，城里兵马乱纷纷，两军对阵不见血，输赢只在方寸间", "物品", "象棋"),
    ("看看像块糕，不能用嘴咬，洗洗衣服，生出白泡", "用品", "肥皂"),
    ("圆筒白浆糊，早晚挤一股，兄弟三十二，都说有好处", "用品", "牙膏"),
    ("两只小口袋，天天随身带，要是少一只，就把人笑坏", "用品", "袜子"),
    ("小小船，白布篷，头也红，桨也红", "动物", "鹅"),
    ("黄金布，包银条，中间弯，两头翘", "水果", "香蕉"),
    ("紫色树，紫色花，紫色瓜里装芝麻", "蔬菜", "茄子"),
    ("少年白发，老来黑发，有事出门，无事在家", "用品", "毛笔"),
)


def riddle(rng: random.Random) -> Turn:
    text, kind, answer = rng.choice(RIDDLES)
    if rng.random() < 0.1:
        return rng.choice(_SAYING_TELL[3:8]), "出一个谜语。", f"{text}（打一{kind}）谜底是：{answer}"
    ask = rng.choice(_RIDDLE_ASK)
    return vary(ask.format(*(text, kind)[: ask.count("{}")]), rng), "猜谜语。", f"谜底是：{answer}"


# -- out of scope -------------------------------------------------------------------------------------

_PLACES = (
    "北京",
    "上海",
    "广州",
    "成都",
    "重庆",
    "西安",
    "昆明",
    "哈尔滨",
    "纽约",
    "伦敦",
    "东京",
    "巴黎",
    "我们县",
    "村里",
    "拉萨",
    "武汉",
    "杭州",
    "海南",
)
_THINGS = (
    "手机",
    "电脑",
    "冰箱",
    "自行车",
    "电动车",
    "洗衣机",
    "电视",
    "路由器",
    "打印机",
    "水泵",
    "拖拉机",
    "空调",
    "热水器",
    "摩托车",
    "相机",
    "耳机",
)
_PEOPLE = (
    "李白",
    "杜甫",
    "秦始皇",
    "爱因斯坦",
    "牛顿",
    "鲁迅",
    "孔子",
    "毛泽东",
    "诸葛亮",
    "武则天",
    "成吉思汗",
    "拿破仑",
    "居里夫人",
    "姚明",
    "周杰伦",
    "马云",
    "特朗普",
    "曹操",
    "岳飞",
    "苏轼",
    "达尔文",
    "袁隆平",
    "钱学森",
    "屈原",
)
_TOPICS = (
    "人工智能",
    "环境保护",
    "量子力学",
    "光合作用",
    "地震",
    "黑洞",
    "区块链",
    "股票",
    "通货膨胀",
    "电磁感应",
    "恐龙",
    "疫苗",
    "互联网",
    "火山",
    "民法典",
    "养老保险",
    "垃圾分类",
    "梦想",
    "我的妈妈",
    "春节",
    "友谊",
    "诚信",
    "家乡",
    "种水稻",
    "养猪",
    "果树嫁接",
    "大棚蔬菜",
    "细胞分裂",
    "相对论",
    "丝绸之路",
    "辛亥革命",
    "第二次世界大战",
    "碳中和",
    "免疫系统",
    "万有引力",
    "元素周期表",
    "台风",
    "月食",
    "文艺复兴",
    "工业革命",
)
_ILLS = (
    "头疼",
    "发烧",
    "咳嗽",
    "肚子疼",
    "失眠",
    "牙疼",
    "腰疼",
    "拉肚子",
    "过敏",
    "嗓子疼",
    "血压高",
    "皮肤痒",
    "眼睛干",
    "感冒",
    "胃疼",
    "被狗咬了",
)
_TASKS = (
    "冒泡排序",
    "爬虫",
    "贪吃蛇游戏",
    "二分查找",
    "网页",
    "计算器程序",
    "登录页面",
    "快速排序",
    "斐波那契数列",
    "小游戏",
    "读取文件的程序",
    "聊天机器人",
    "九九乘法表程序",
    "微信小程序",
    "正则表达式",
    "SQL 查询",
    "单元测试",
)
_LANGUAGES = ("Python", "Java", "C语言", "C++", "JavaScript", "Go", "Rust", "PHP", "Scratch", "HTML")
_FOODS = (
    "红烧肉",
    "西红柿炒鸡蛋",
    "宫保鸡丁",
    "饺子",
    "蛋糕",
    "鱼香肉丝",
    "馒头",
    "麻婆豆腐",
    "酸菜鱼",
    "面条",
    "粽子",
    "月饼",
    "火锅底料",
    "咖喱饭",
    "凉皮",
)
_BOOKS = (
    "红楼梦",
    "西游记",
    "三国演义",
    "水浒传",
    "哈利波特",
    "平凡的世界",
    "活着",
    "三体",
    "论语",
    "道德经",
    "史记",
    "骆驼祥子",
    "朝花夕拾",
    "小王子",
    "流浪地球",
    "西厢记",
)
_ZH_TEMPLATES = (
    "今天{place}的天气怎么样？",
    "{place}明天会下雨吗",
    "{place}有什么好玩的地方？",
    "从{place}到{place2}怎么走",
    "{place}的人口有多少",
    "{place}的房价是多少",
    "介绍一下{place}",
    "{place}在哪里？",
    "帮我订一张去{place}的火车票",
    "推荐{place}的一家餐馆",
    "{place}有哪些大学",
    "{place}的特产是什么",
    "{place}最近有什么新闻",
    "{place}的历史",
    "{person}是谁？",
    "{person}是哪一年出生的",
    "介绍一下{person}的生平",
    "{person}有哪些成就",
    "你怎么看{person}",
    "{person}和{person2}谁更厉害",
    "{person}是怎么死的",
    "讲讲{person}的故事",
    "{person}写过哪些作品",
    "什么是{topic}？",
    "请解释{topic}",
    "给我讲讲{topic}",
    "写一篇关于{topic}的作文",
    "以{topic}为题写一篇800字的作文",
    "{topic}有什么意义",
    "{topic}的原理是什么",
    "请写一篇{topic}的演讲稿",
    "{topic}的论文怎么写",
    "{topic}对社会有什么影响",
    "为什么会有{topic}",
    "帮我写一份{topic}的工作总结",
    "写一个关于{topic}的故事",
    "写一首关于{topic}的现代诗",
    "写一段关于{topic}的歌词",
    "给我做一个{topic}的PPT",
    "关于{topic}，你有什么看法？",
    "{topic}是什么时候发生的",
    "怎么学习{topic}",
    "列出{topic}的要点",
    "我{ill}怎么办？",
    "{ill}吃什么药",
    "{ill}是什么原因引起的",
    "{ill}要不要去医院",
    "小孩{ill}怎么处理",
    "老人{ill}能吃什么",
    "{ill}三天了还没好",
    "用{lang}写一个{task}",
    "怎么用{lang}实现{task}？",
    "帮我写一个{task}的代码",
    "{lang}怎么安装",
    "{lang}和{lang2}有什么区别",
    "这段{lang}代码哪里错了",
    "学{lang}要多久",
    "{task}怎么做",
    "写一段{lang}代码打印你好",
    "{food}怎么做？",
    "做{food}需要什么材料",
    "{food}的热量是多少",
    "教我做{food}",
    "{food}的来历",
    "{food}放多少盐",
    "《{book}》讲了什么",
    "《{book}》的作者是谁",
    "写一篇《{book}》的读后感",
    "《{book}》的主人公是谁",
    "推荐几本像《{book}》的书",
    "总结《{book}》第一章",
    "《{book}》的中心思想",
    "背诵《{book}》",
    "{thing}坏了怎么修",
    "买什么{thing}好？",
    "{thing}多少钱一台",
    "{thing}是谁发明的",
    "{thing}的工作原理",
    "推荐一款{thing}",
    "怎么清洗{thing}",
    "我的{thing}开不了机",
    "现在几点了？",
    "今天星期几",
    "今天是几号",
    "今天有什么新闻",
    "现在的总统是谁",
    "世界上最高的山是什么",
    "中国有多少个省",
    "地球有多大",
    "太阳为什么会发光",
    "天为什么是蓝的",
    "鱼为什么会游泳",
    "人为什么要睡觉",
    "宇宙有多大",
    "月亮离地球多远",
    "帮我画一幅画",
    "画一只猫",
    "生成一张图片",
    "放一首歌",
    "唱首歌吧",
    "给我打个电话",
    "帮我发邮件给老师",
    "帮我查快递",
    "帮我打开灯",
    "帮我上网搜一下{topic}",
    "帮我翻译这篇文章",
    "设一个闹钟",
    "下载一个软件",
    "帮我订外卖",
    "怎么写请假条",
    "帮我写一封信给朋友",
    "写一份检讨书",
    "写一份劳动合同",
    "帮我写简历",
    "帮我改这篇作文",
    "怎样才能考上大学",
    "怎么跟同学相处",
    "我失恋了怎么办",
    "人生的意义是什么",
    "怎么赚钱",
    "怎么减肥",
    "如何投资理财",
    "彩票号码预测",
    "明天股市会涨吗",
    "离婚财产怎么分",
    "被公司辞退怎么赔偿",
    "打架要坐牢吗",
    "借钱不还怎么办",
    "怎么申请低保",
    "土地承包多少年",
    "交通事故怎么赔",
    "房子漏水谁负责",
    "法国的首都是哪里",
    "谁发明了电灯",
    "第一个登上月球的人是谁",
    "水的化学式是什么",
    "DNA是什么",
    "世界杯冠军是谁",
    "奥运会几年一次",
    "中国历史上有哪些朝代",
    "长城有多长",
    "黄河发源于哪里",
    "什么动物跑得最快",
    "猫为什么怕水",
    "猪肉今天多少钱一斤",
    "玉米什么时候播种",
    "稻瘟病怎么治",
    "鸡不下蛋怎么回事",
    "羊吃什么长得快",
    "苹果树怎么剪枝",
    "化肥怎么用",
    "大棚里温度多少合适",
    "解方程 x²+3x+2=0",
    "证明勾股定理",
    "求导数 f(x)=x^3",
    "什么是微积分",
    "sin30°等于多少",
    "解释概率论",
    "三角函数公式有哪些",
    "你喜欢我吗",
    "你有女朋友吗",
    "你相信神吗",
    "你会不会统治世界",
    "你觉得哪个国家最好",
    "你支持哪个党",
    "给我讲个鬼故事",
    "讲一个童话故事",
    "跟我玩成语接龙",
    "陪我下棋",
    "说个绕口令",
    "说一段相声",
    "用粤语说你好",
    "用日语怎么说谢谢",
)
_EN_TEMPLATES = (
    "What is the capital of {c}?",
    "Write a {lang} program for {t}",
    "Explain {t} to me",
    "Who was {p}?",
    "Tell me about {t}",
    "Write an essay about {t}",
    "How do I cook {f}?",
    "What's the weather in {c} today?",
    "Translate this to French: {t}",
    "Write a short story about {t}",
    "Recommend a good book about {t}",
    "How does {t} work?",
    "Why is {t} important?",
    "Summarize the history of {c}",
    "Write a poem about {t} in English",
    "What happened in {c} yesterday?",
    "How can I learn {lang}?",
    "Give me a recipe for {f}",
    "What are the symptoms of {d}?",
    "I have {d}, what should I do?",
    "Book a flight to {c}",
    "Draw a picture of {t}",
    "Who is the president of {c}?",
    "What time is it in {c}?",
    "Debug my {lang} code",
    "Write a cover letter for a job in {c}",
    "What is the meaning of life?",
    "Tell me a joke",
    "Play some music",
    "What is the population of {c}?",
    "Compare {lang} and {lang2}",
    "Write a regex for {t}",
    "What should I invest in?",
    "How far is the moon?",
    "Give me advice about {d}",
)
_EN = {
    "c": (
        "France",
        "Japan",
        "Brazil",
        "Kenya",
        "London",
        "New York",
        "Canada",
        "India",
        "Germany",
        "Egypt",
        "Australia",
        "Beijing",
        "Spain",
        "Mexico",
    ),
    "t": (
        "photosynthesis",
        "black holes",
        "machine learning",
        "climate change",
        "the French Revolution",
        "quantum computers",
        "friendship",
        "email addresses",
        "dragons",
        "inflation",
        "vaccines",
        "a lonely robot",
        "the internet",
        "volcanoes",
        "sorting",
        "democracy",
        "gravity",
        "neural networks",
    ),
    "p": (
        "Einstein",
        "Shakespeare",
        "Newton",
        "Napoleon",
        "Marie Curie",
        "Gandhi",
        "Mozart",
        "Lincoln",
        "Cleopatra",
        "Darwin",
        "Picasso",
        "Confucius",
    ),
    "f": ("pasta", "pizza", "fried rice", "apple pie", "chicken soup", "pancakes", "curry", "bread"),
    "d": ("a headache", "the flu", "diabetes", "back pain", "insomnia", "a toothache", "stress", "a cold"),
}


def templated_out_of_scope(rng: random.Random) -> Turn:
    if rng.random() < 0.25:
        fields = {key: rng.choice(values) for key, values in _EN.items()}
        question = rng.choice(_EN_TEMPLATES).format(
            lang=rng.choice(_LANGUAGES[4:]), lang2=rng.choice(_LANGUAGES[:2]), **fields
        )
        return refuse(question)
    place, place2 = rng.sample(_PLACES, 2)
    person, person2 = rng.sample(_PEOPLE, 2)
    lang, lang2 = rng.sample(_LANGUAGES, 2)
    question = rng.choice(_ZH_TEMPLATES).format(
        place=place,
        place2=place2,
        person=person,
        person2=person2,
        topic=rng.choice(_TOPICS),
        ill=rng.choice(_ILLS),
        lang=lang,
        lang2=lang2,
        task=rng.choice(_TASKS),
        food=rng.choice(_FOODS),
        book=rng.choice(_BOOKS),
        thing=rng.choice(_THINGS),
    )
    return refuse(vary(question, rng))


def refuse(question: str) -> Turn:
    """The honest answer, in the language of the question."""
    english = sum(c.isascii() for c in question) > 0.8 * len(question)
    return (question, _THINK_REFUSE_EN, REFUSE_EN) if english else (question, _THINK_REFUSE_ZH, REFUSE_ZH)


_TRANSLATE = (
    "翻译成英文：{}",
    "把下面的话翻译成英语：{}",
    "“{}”用英语怎么说？",
    "请翻译：{}",
    "{}（翻译成英文）",
    "怎么用英语说“{}”",
)
_TRANSLATE_EN = (
    "Translate into Chinese: {}",
    "翻译：{}",
    "{} 是什么意思？",
    "把这句话翻译成中文：{}",
    "How do you say '{}' in Chinese?",
)


def translation_request(rng: random.Random, zh: str, en: str) -> Turn:
    if rng.random() < 0.5:
        return refuse(rng.choice(_TRANSLATE).format(zh))
    template = rng.choice(_TRANSLATE_EN)
    turn = refuse(template.format(en))
    if not template.isascii():
        return turn[0], _THINK_REFUSE_ZH, REFUSE_ZH
    return turn


def distinct(rows: Iterator[str], at_most: int, low: int = 4, high: int = 60) -> list[str]:
    """Questions of a sensible length, each once."""
    out: dict[str, None] = {}
    for row in rows:
        text = row.strip()
        if low <= len(text) <= high * (4 if text.isascii() else 1):
            out[text] = None
        if len(out) >= at_most:
            break
    return list(out)
