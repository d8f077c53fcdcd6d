"""The first line of a small model's reasoning: which act comes.  The model writes it, code does the rest.

A model of 7.5 million parameters can tell what is asked of it far more often than it can do it without a slip.  So
its reasoning begins with a line that says what is to be done, a dialogue act, and everything after that line which
code can do exactly is not left to the model (program-aided: Gao et al. 2023, arXiv:2211.10435).  Three kinds of turn:

1.  A problem in words.  The reasoning begins with the numbers of the question, in the order in which they are named
    (`verify.numbers.told`), then the plan in their letters, the only line that is the model's own:

        a=16，b=2400，c=10
        b÷(b÷a+c)

    Code writes the first line as soon as the model begins it with `a=`, works the plan out and words the answer.
    After CONTINUE, EXPLAIN or OTHER_WAY the numbers are those of the question before and then those of this one.

2.  A label of this file, whole, on the first line: code writes the answer (exact arithmetic, a checked reply).

3.  A poem is the model's own, rhyme words first and then the lines; its reasoning begins with its form.

A label is only possible where code can do what it says: a unit conversion needs two units in the question.  What is
not possible the model cannot write.
"""

from __future__ import annotations

# -- about the question before: the numbers of both questions follow, then a plan -------------------------
CONTINUE = "接着上一题。"  # 如果每天看20页呢？  a follow-up that changes or adds something
EXPLAIN = "说明上一题。"  # 为什么？  the steps of the last answer in words
OTHER_WAY = "换一种方法。"  # 换一种方法
PROBLEM_ACTS = (CONTINUE, EXPLAIN, OTHER_WAY)

# -- exact: what is asked is read out of the question by code ---------------------------------------------
CALCULATE = "计算。"  # 36×25-14  二十减八  What is 50-3×12?
CONVERT = "换算单位。"  # 5千克等于多少克
COMPARE = "比较大小。"  # 9.8和9.11哪个大
REWRITE = "改写数。"  # 3/4化成小数  0.25是百分之几
EQUATION = "解方程。"  # x+5=12
FACTORS = "因数倍数。"  # 36的因数有哪些  12和18的最大公因数  17是质数吗
AVERAGE = "求平均数。"  # 3、5、7的平均数
FORMULA = "说公式。"  # 长方形的面积公式  什么是三角形
EXACT_ACTS = (CALCULATE, CONVERT, COMPARE, REWRITE, EQUATION, FACTORS, AVERAGE, FORMULA)

# -- chosen by rule: no model was taught these labels, they are the only ones possible where code is sure ---
CHECK = "判断对错。"  # 3+5=9对吗  (after a problem) 我算的是12对吗
CLOCK = "算时间。"  # 从8:30到10:15多久  今天星期三，再过10天星期几  2024年2月有几天
PAIR = "求两个数。"  # 鸡兔同笼  和差、和倍、差倍
RATE = "先求一份。"  # 3斤15元，8斤多少元
TELL_PROBLEM = "出一道题。"
JUDGE_RESULT = "评得数。"  # what is answered to a problem that was posed
SURE_ACTS = (CHECK, CLOCK, PAIR, RATE, TELL_PROBLEM, JUDGE_RESULT)

# -- words from tables -----------------------------------------------------------------------------------
IDIOM = "解释成语。"  # 画蛇添足是什么意思
SAYING = "接歇后语。"  # 擀面杖吹火——
TELL_IDIOM = "讲一个成语。"
TELL_SAYING = "说一个歇后语。"
TELL_RIDDLE = "出一个谜语。"
JUDGE_RIDDLE = "评谜底。"  # the guess at a riddle that was posed in the turn before, or "不知道"
TELL_JOKE = "讲一个笑话。"
ONE_MORE = "再来一个。"  # of what came last: a joke, a riddle, a saying, an idiom (of a poem the model writes another)
TABLE_ACTS = (IDIOM, SAYING, TELL_IDIOM, TELL_SAYING, TELL_RIDDLE, JUDGE_RIDDLE, TELL_JOKE, ONE_MORE)

# -- small talk: one label a kind, `聊天：问候。` ----------------------------------------------------------
TALK = "聊天："
TALK_KINDS = (
    "问候",  # 你好  在吗  Hi
    "介绍",  # 你是谁  你是ChatGPT吗
    "本领",  # 你会什么
    "来历",  # 谁做了你
    "大小",  # 你多大  你聪明吗
    "换大",  # 有没有更聪明的模型
    "隐私",  # 要联网吗  要钱吗
    "生活",  # 你吃饭了吗  你会累吗  你在干嘛
    "感谢",  # 谢谢
    "夸奖",  # 你真棒
    "告别",  # 再见  晚安
    "纠错",  # 你算错了
    "调侃",  # 你好笨  你是猪吗
    "开心",  # 我考了一百分
    "难过",  # 我好难过  没人和我玩
    "生病",  # 我生病了  肚子疼
    "生气",  # 气死我了
    "害怕",  # 我怕黑
    "无聊",  # 好无聊
    "累了",  # 好累  作业好多
    "喜欢",  # 我喜欢你  做朋友吧
    "鼓励",  # 明天考试好紧张
    "祝福",  # 新年快乐  今天我生日
    "名字",  # 我叫小林
    "表演",  # 唱首歌
    "应声",  # 嗯  哦  哈哈哈  好的
    "没懂",  # asdfgh  ？？？
)

# -- an honest no, which names what it can do instead: `不会：翻译。` --------------------------------------
CANNOT = "不会："
CANNOT_KINDS = (
    "知识",  # 太阳为什么是热的
    "翻译",
    "编程",
    "写作",  # 写一篇作文
    "时事",  # 天气 新闻 现在几点
    "语言",  # 英语语法  这个字怎么读
    "图音",  # 画一只猫
    "建议",  # 该不该换工作  怎么做红烧肉
    "难题",  # mathematics that is too hard for it: 微积分  证明
)


def talk_label(kind: str) -> str:
    """`聊天：问候。`"""
    return f"{TALK}{kind}。"


def cannot_label(kind: str) -> str:
    """`不会：翻译。`"""
    return f"{CANNOT}{kind}。"


POEM_FORMS = ("五言绝句", "七言绝句", "五言律诗", "七言律诗")

LABELS: tuple[str, ...] = (
    *PROBLEM_ACTS,
    *EXACT_ACTS,
    *SURE_ACTS,
    *TABLE_ACTS,
    *map(talk_label, TALK_KINDS),
    *map(cannot_label, CANNOT_KINDS),
)
