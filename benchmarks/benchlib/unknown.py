"""Questions that a very small model declines, in the words of people: what it is taught must not change that.

To tune on; what is reported are the exam's own (`huozhong.exam`), which share no question with these.
"""

from __future__ import annotations

UNKNOWN = (
    "香菇和木耳哪个含铁更多", "我家猫三天没吃东西了咋办", "秦岭主峰叫啥名字", "长江流经几个省份", "郑和下过几次西洋",
    "给我妈写段母亲节的话", "小区停车费涨了合理吗", "冰箱不制冷是什么毛病", "天上为什么会打雷", "蜻蜓点水是在干嘛",
    "贝多芬是聋子吗", "帮我润色一下自我介绍", "怀孕能不能喝咖啡", "茅台镇在哪", "海带要泡多久", "昨晚的球赛谁赢了",
    "电动车电池能用几年", "用法语说我爱你", "Java和C语言有什么区别", "写个冒泡排序", "“龘”这个字念什么",
    "怎样才能不熬夜", "清明节是几月几号", "房贷利率现在多少", "二手房过户要哪些材料", "西游记里有几个妖怪吃过唐僧肉",
    "狗能吃巧克力吗", "为啥飞机上不能开手机", "杨贵妃是怎么死的", "孩子不爱写作业怎么教育", "给公众号起个标题",
    "翻译一下：山高水长", "推荐几个适合老人的运动", "腰疼挂什么科", "火车票怎么退", "老王的电话你知道不",
    "我们单位几点下班", "隔壁小区的物业叫什么", "县医院有几层楼", "李秀英在哪个班", "王经理今天来上班了吗",
    "镇上的图书馆周末开门吗", "我同学张浩的生日是哪天", "东门那家面馆老板姓什么", "我的快递到哪了", "咱们校长叫啥",
    "陈师傅修车多少钱", "刘奶奶家住几楼", "红星小学有多少学生", "三号楼的电梯坏了找谁", "村口那棵树有多少年了",
    "宇宙有边界吗", "金子为什么值钱", "汉武帝活了多大岁数", "维生素C吃多了会怎样", "电影票怎么选座", "画一朵玫瑰",
    "唱个周杰伦的歌", "总结一下这篇文章", "把这段话缩成五十字", "今天的油价", "台风什么时候走", "美元兑人民币多少",
    "导数怎么求", "证明根号二是无理数", "微积分是谁提出来的", "心脏有几个腔", "植物晚上呼吸吗", "鱼睡觉闭眼吗",
    "怎么把照片传到电脑上", "显示器闪屏", "手机内存满了清理哪些", "小米和华为买哪个", "结婚纪念日送什么",
    "失恋了怎么走出来", "面试要穿什么衣服", "实习证明怎么开", "考研还是找工作", "出国要打什么疫苗",
    "Which planet has the most moons?", "How do I get rid of ants?", "Who painted the Mona Lisa?",
    "Fix my grammar: he go to school yesterday", "What's the weather in Oslo?", "Who won the match last night?",
    "Write me a cover letter.", "Is it safe to eat raw eggs?", "How old is our headmaster?",
    "Where does Mrs Brown live?",
    "What time does the corner shop close?", "Best phone under 300 dollars?", "Translate: see you soon",
    "How do I centre a div?", "Why do cats purr?", "Name three rivers in Africa", "Tell me about the French Revolution",
    "What colour is the door of house 12?", "Who is the manager of the Green Hotel?", "Give me a workout plan",
)  # fmt: skip
