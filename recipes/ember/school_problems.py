"""Word problems of the later school years from templates: relations in chains, shares of a whole, plans, shapes.

Published problems show each relation in one direction with one wording; here "A is 2/3 of B" is followed forwards and
backwards, with any things, before or after the number that is told.  Numbers are drawn first, then the quantities are
multiplied by whatever makes every step come out even.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from fractions import Fraction
from math import lcm

from word_problems import Problem, as_published, read_problem

from huozhong.acts.solve import Unsolvable, intermediate_values, parse
from huozhong.verify.numbers import Number, show

# Things that are compared with each other, how they are counted, and what is said of them ("有" 120棵).
KINDS = (
    ("杨树 柳树 松树 柏树 梨树 桃树 苹果树 槐树", "棵", "有", "果园里|公园里|校园里|"),
    ("公鸡 母鸡 鸭 鹅 白兔 黑兔 山羊 绵羊", "只", "有", "农场里|王大伯家养的|饲养场里|"),
    ("故事书 科技书 文艺书 连环画 漫画书", "本", "有", "图书室里|学校买来的书中|书架上|"),
    ("合唱队 舞蹈队 美术组 航模组 书法组 足球队", "人", "有", "学校里|五年级|"),
    ("男生 女生", "人", "有", "六年级一班|全校|合唱队里|"),
    ("苹果 梨 香蕉 橘子 桃子 西瓜", "千克", "有", "水果店运来的水果中|"),
    ("大米 面粉 玉米 黄豆 小米", "袋", "有", "粮店里|食堂里|"),
    ("红花 黄花 白花 紫花", "朵", "有", "同学们做的花中|花坛里|"),
    ("红球 白球 黄球 黑球 蓝球", "个", "有", "盒子里|"),
    ("足球 篮球 排球 皮球", "个", "有", "体育室里|学校买来的球中|"),
    ("甲仓 乙仓 丙仓", "吨", "存粮", ""),
    ("甲桶油 乙桶油 丙桶油", "千克", "重", ""),
    ("红绳 白绳 黄绳 绿绳", "米", "长", ""),
    ("甲堆煤 乙堆煤 丙堆煤", "吨", "重", ""),
    ("小明 小红 小华 小丽 小刚 小强 小芳", "张", "有邮票", ""),
    ("小明 小红 小华 小军 小玲 小东", "元", "存了", ""),
    ("小明 小红 小华 小丽 小刚 小强", "千克", "重", ""),
    ("第一车间 第二车间 第三车间", "人", "有", ""),
    ("第一小队 第二小队 第三小队", "棵", "种树", ""),
    ("上衣 裤子 裙子 鞋子", "元", "的价钱是", ""),
    ("桌子 椅子 书柜 台灯", "元", "的价钱是", ""),
    ("甲数 乙数 丙数", "", "是", ""),
    ("汽车 火车 轮船 摩托车", "千米", "每小时行", ""),
)  # fmt: skip

# What X is, told by Y; how X follows from Y, and Y from X.  n: a quantity, m: times, f and g: shares, r and q: a ratio.
RELATIONS = (
    ("{X}是{Y}的{m}倍", "y*m", "x/m"),
    ("{X}是{Y}的{f}", "y*f", "x/f"),
    ("{X}相当于{Y}的{f}", "y*f", "x/f"),
    ("{X}比{Y}多{n}{u}", "y+n", "x-n"),
    ("{X}比{Y}少{n}{u}", "y-n", "x+n"),
    ("{X}比{Y}多{f}", "y*(1+f)", "x/(1+f)"),
    ("{X}比{Y}少{f}", "y*(1-f)", "x/(1-f)"),
    ("{X}比{Y}的{m}倍多{n}{u}", "y*m+n", "(x-n)/m"),
    ("{X}比{Y}的{m}倍少{n}{u}", "y*m-n", "(x+n)/m"),
    ("{X}比{Y}的{f}多{n}{u}", "y*f+n", "(x-n)/f"),
    ("{X}比{Y}的{f}少{n}{u}", "y*f-n", "(x+n)/f"),
    ("{X}与{Y}的比是{r}：{q}", "y/q*r", "x/r*q"),
    ("{X}的{f}等于{Y}的{g}", "y*g/f", "x*f/g"),
)
# Relations by a factor alone: with the sum or the difference both are known.  Y from the sum s, Y from the difference d
# (where X is more), Y from d (where Y is more), X from Y as above.
_BY_FACTOR = (
    ("{X}是{Y}的{m}倍", "s/(m+1)", "d/(m-1)", None, "y*m"),
    ("{X}是{Y}的{f}", "s/(1+f)", None, "d/(1-f)", "y*f"),
    ("{X}与{Y}的比是{r}：{q}", "s/(r+q)*q", "d/(r-q)*q", "d/(q-r)*q", "y/q*r"),
    ("{X}比{Y}多{f}", "s/(1+f+1)", "d/f", None, "y*(1+f)"),
    ("{X}比{Y}少{f}", "s/(1-f+1)", None, "d/f", "y*(1-f)"),
)

# Text with numbers in braces; the equation.  n..: quantities, which may grow until all comes out even; k..: counts,
# m..: times, f..: shares (a fraction or a percentage), v..: fractions, p..: percentages; [a|b]: either.
TEMPLATES = (
    # shares of a whole
    ("[一本书|一本故事书]，第一天看了全书的{f1}，第二天看了全书的{f2}，还剩{n1}页[没看|没有看]，[这本书共有多少页|这本书有多少页]", "n1/(1-f1-f2)"),
    ("一本书共{n1}页，第一天看了全书的{f1}，第二天看了全书的{f2}，[还剩多少页没看|还有多少页没看]", "n1*(1-f1-f2)"),
    ("一本书共{n1}页，第一天看了全书的{f1}，第二天看了全书的{f2}，两天一共看了多少页", "n1*(f1+f2)"),
    ("一本书，第一天看了全书的{f1}，第二天看了{n1}页，还剩{n2}页，这本书共有多少页", "(n1+n2)/(1-f1)"),
    ("一本书，第一天看了全书的{f1}，第二天比第一天多看{n1}页，还剩{n2}页没看，这本书共有多少页", "(n1+n2)/(1-f1-f1)"),
    ("一本书，第一天看了全书的{f1}，第二天比第一天少看{n1}页，还剩{n2}页没看，这本书共有多少页", "(n2-n1)/(1-f1-f1)"),
    ("一本书，第一天看了{n1}页，正好是全书的{f1}，第二天看了全书的{f2}，第二天看了多少页", "n1/f1*f2"),
    ("一本书，第一天看了全书的{f1}，第二天看了余下的{f2}，还剩{n1}页，这本书共有多少页", "n1/(1-f2)/(1-f1)"),
    ("一本书共{n1}页，第一天看了全书的{f1}，第二天看了余下的{f2}，第二天看了多少页", "n1*(1-f1)*f2"),
    ("一本书共{n1}页，已经看了全书的{f1}，[还剩多少页没看|没看的有多少页]", "n1*(1-f1)"),
    ("一本书，已经看了{n1}页，还剩全书的{f1}没看，这本书共有多少页", "n1/(1-f1)"),
    ("一本书，小明看了全书的{f1}，正好是{n1}页，还剩多少页没看", "n1/f1-n1"),
    ("一根{t}长{n1}米，用去{f1}，还剩多少米", "n1*(1-f1)"),
    ("一根{t}长{n1}米，用去{v1}米，还剩多少米", "n1-v1"),
    ("一根{t}，用去{f1}，还剩{n1}米，这根{t}原来长多少米", "n1/(1-f1)"),
    ("一根{t}，第一次用去{f1}，第二次用去{n1}米，还剩{n2}米，这根{t}长多少米", "(n1+n2)/(1-f1)"),
    ("一根{t}，第一次用去{f1}，第二次用去{f2}，第二次比第一次多用{n1}米，这根{t}长多少米", "n1/(f2-f1)"),
    ("一根{t}长{n1}米，剪下{n2}米，剩下的比剪下的[长|多]多少米", "n1-n2-n2"),
    ("一根{t}长{n1}米，剪去{n2}米，剪去的是全长的几分之几", "n2/n1"),
    ("一根{t}长{n1}米，剪去{n2}米，剩下的是全长的几分之几", "(n1-n2)/n1"),
    ("{w}运来一批{c}，第一天卖出全部的{f1}，第二天卖出{n1}千克，还剩全部的{f2}，这批{c}有多少千克", "n1/(1-f1-f2)"),
    ("{w}有{c}{n1}千克，上午卖出{f1}，下午卖出{f2}，[一共卖出多少千克|上午和下午共卖出多少千克]", "n1*(f1+f2)"),
    ("{w}有{c}{n1}千克，上午卖出{f1}，下午卖出{f2}，上午比下午多卖多少千克", "n1*(f1-f2)"),
    ("{w}运来一批{c}，卖出{f1}后又运来{n1}千克，这时比原来多{f2}，原来有{c}多少千克", "n1/(f1+f2)"),
    ("{w}有一批{c}，卖出{f1}后又运进{n1}千克，正好和原来同样多，这批{c}原来有多少千克", "n1/f1"),
    ("修一条路，已经修了全长的{f1}，还剩{n1}米，[这条路长多少米|这条路全长多少米]", "n1/(1-f1)"),
    ("修一条长{n1}米的路，第一周修了全长的{f1}，第二周修了全长的{f2}，还要修多少米才能完成", "n1*(1-f1-f2)"),
    ("修一条路，第一天修了全长的{f1}，第二天修了全长的{f2}，两天共修{n1}米，这条路长多少米", "n1/(f1+f2)"),
    ("修一条路，已修的是未修的{f1}，已修{n1}米，这条路全长多少米", "n1/f1+n1"),
    ("一批零件，师傅做了{f1}，徒弟做了{f2}，师傅比徒弟多做{n1}个，这批零件共有多少个", "n1/(f1-f2)"),
    ("一批货物，运走{n1}吨，还剩{n2}吨，运走的是这批货物的几分之几", "n1/(n1+n2)"),
    ("一批货物，运走{n1}吨，还剩{n2}吨，运走的占这批货物的百分之几", "n1/(n1+n2)%"),
    ("一桶油连桶重{n1}千克，用去一半油后，连桶重{n2}千克，桶重多少千克", "n1-(n1-n2)*2"),
    ("一桶油连桶重{n1}千克，倒出{f1}的油后，连桶还重{n2}千克，原来桶里有油多少千克", "(n1-n2)/f1"),
    ("一桶油，桶重{n1}千克，倒出{f1}后，连桶还重{n2}千克，这桶油原来重多少千克", "(n2-n1)/(1-f1)"),
    ("{d}[捐款|存款]{n1}元，{e}[捐款|存款]是{d}的{f1}，两人一共多少元", "n1+n1*f1"),
    # ratios
    ("{d}、{e}两人[存款|邮票张数|年龄]的比是{r1}：{r2}，两人一共{n1}，{d}有多少", "n1/(r1+r2)*r1"),
    ("甲、乙、丙三个数的比是{r1}：{r2}：{r3}，三个数的和是{n1}，丙数是多少", "n1/(r1+r2+r3)*r3"),
    ("甲、乙、丙三个数的比是{r1}：{r2}：{r3}，甲、乙两数的和是{n1}，丙数是多少", "n1/(r1+r2)*r3"),
    ("甲、乙、丙三个数的比是{r1}：{r2}：{r3}，甲比乙多{n1}，丙数是多少", "n1/(r1-r2)*r3"),
    ("甲、乙、丙三个数的比是{r1}：{r2}：{r3}，丙数是{n1}，三个数的和是多少", "n1/r3*(r1+r2+r3)"),
    ("一种药水，药和水的比是{r1}：{k1}，{n1}克药要加水多少克", "n1/r1*k1"),
    ("一种药水，药和水的质量比是{r1}：{k1}，要配制{n1}克这样的药水，需要药多少克", "n1/(r1+k1)*r1"),
    ("长方形的周长是{n1}厘米，长与宽的比是{r1}：{r2}，[长是多少厘米|这个长方形的长是多少厘米]", "n1/2/(r1+r2)*r1"),
    ("长方形的周长是{n1}厘米，长与宽的比是{r1}：{r2}，面积是多少平方厘米", "n1/2/(r1+r2)*r1*(n1/2/(r1+r2)*r2)"),
    ("甲、乙两数的比是{r1}：{r2}，甲数是乙数的几分之几", "r1/r2"),
    ("甲、乙两数的比是{r1}：{r2}，甲数比乙数多几分之几", "(r1-r2)/r2"),
    ("甲、乙两数的比是{r1}：{r2}，乙数比甲数多几分之几", "(r2-r1)/r1"),
    ("在比例尺是1：{k4}的地图上，量得两地相距{k1}厘米，实际距离是多少厘米", "k1*k4"),
    # plans and what came of them
    ("[一项工程|修一条路|生产一批零件]，原计划每天[修|做]{n1}，{k1}天完成，实际每天[修|做]{n2}，实际多少天完成", "n1*k1/n2"),
    ("{w}计划{k1}天生产零件{n1}个，实际每天比计划多生产{n2}个，实际多少天完成", "n1/(n1/k1+n2)"),
    ("修一条路，原计划每天修{n1}米，{k1}天修完，实际每天多修{n2}米，实际用了多少天", "n1*k1/(n1+n2)"),
    ("修一条路，原计划每天修{n1}米，{k1}天修完，实际提前{k2}天完成，实际每天修多少米", "n1*k1/(k1-k2)"),
    ("修一条路，原计划每天修{n1}米，{k1}天修完，实际提前{k2}天完成，实际每天比计划多修多少米", "n1*k1/(k1-k2)-n1"),
    ("修一条路，原计划{k1}天修完，实际每天修{n1}米，提前{k2}天完成，原计划每天修多少米", "n1*(k1-k2)/k1"),
    ("一批煤，原计划每天烧{n1}吨，可以烧{k1}天，实际每天节约{n2}吨，这批煤实际可以烧多少天", "n1*k1/(n1-n2)"),
    ("一批煤，原计划每天烧{n1}吨，可以烧{k1}天，实际每天节约{n2}吨，这批煤可以多烧多少天", "n1*k1/(n1-n2)-k1"),
    ("食堂有{n1}千克[大米|面粉]，计划吃{k1}天，实际每天比计划多吃{n2}千克，实际吃了多少天", "n1/(n1/k1+n2)"),
    ("一批零件共{n1}个，已经做了{k1}天，每天做{n2}个，剩下的要{k2}天做完，平均每天做多少个", "(n1-n2*k1)/k2"),
    ("要做{n1}个零件，每天做{n2}个，做了{k1}天后，还剩多少个没做", "n1-n2*k1"),
    ("{k1}台[机器|拖拉机]{k2}小时[加工零件|耕地]{n1}，照这样计算，{k3}台{k5}小时能完成多少", "n1/k1/k2*k3*k5"),
    ("{w}{k1}天生产{n1}台机器，照这样计算，再生产{k2}天，一共可以生产多少台", "n1/k1*(k1+k2)"),
    ("{w}{k1}天生产{n1}台机器，照这样计算，{n2}台机器要生产多少天", "n2/(n1/k1)"),
    ("{w}去年生产{n1}台，今年比去年增产{f1}，今年生产多少台", "n1*(1+f1)"),
    ("{w}今年生产{n1}台，比去年增产{f1}，去年生产多少台", "n1/(1+f1)"),
    ("{w}十月份生产{n1}台，超过计划{n2}台，超过计划百分之几", "n2/(n1-n2)%"),
    ("{w}计划生产{n1}台，实际生产{n2}台，实际比计划多百分之几", "(n2-n1)/n1%"),
    ("{w}计划生产{n1}台，实际生产{n2}台，实际比计划多几分之几", "(n2-n1)/n1"),
    ("一项工程，甲队单独做要{k1}天，乙队单独做要{k2}天，两队合做多少天完成", "1/(1/k1+1/k2)"),
    ("一项工程，甲队单独做要{k1}天，乙队单独做要{k2}天，两队合做{k6}天，完成这项工程的几分之几", "(1/k1+1/k2)*k6"),
    ("一项工程，甲队单独做要{k1}天，乙队单独做要{k2}天，两队合做{k6}天后，还剩几分之几", "1-(1/k1+1/k2)*k6"),
    ("一项工程，甲、乙合做要{k1}天，甲单独做要{k2}天，乙单独做要多少天", "1/(1/k1-1/k2)"),
    # ways and speeds
    ("[两辆汽车|甲、乙两车|甲、乙两人]同时从两地相对开出，[甲|一辆]每小时行{n1}千米，[乙|另一辆]每小时行{n2}千米，{k1}小时后相遇，两地相距多少千米", "(n1+n2)*k1"),
    ("甲、乙两地相距{n1}千米，客车和货车同时从两地相对开出，客车每小时行{n2}千米，货车每小时行{n3}千米，几小时后相遇", "n1/(n2+n3)"),
    ("甲、乙两地相距{n1}千米，客车和货车同时从两地相对开出，{k1}小时相遇，客车每小时行{n2}千米，货车每小时行多少千米", "n1/k1-n2"),
    ("客车和货车同时从两地相对开出，客车每小时行{n1}千米，货车每小时行{n2}千米，{k1}小时后还相距{n3}千米，两地相距多少千米", "(n1+n2)*k1+n3"),
    ("甲、乙两地相距{n1}千米，客车和货车同时从两地相对开出，每小时分别行{n2}千米和{n3}千米，{k1}小时后两车还相距多少千米", "n1-(n2+n3)*k1"),
    ("货车每小时行{n1}千米，先开出{k1}小时后，客车从另一地相对开出，每小时行{n2}千米，再过{k2}小时两车相遇，两地相距多少千米", "n1*k1+(n1+n2)*k2"),
    ("{d}每分钟走{n1}米，{e}每分钟走{n2}米，{d}先走{k1}分钟，{e}几分钟可以追上{d}", "n1*k1/(n2-n1)"),
    ("{d}在{e}前面{n1}米，{d}每秒跑{n2}米，{e}每秒跑{n3}米，{e}几秒追上{d}", "n1/(n3-n2)"),
    ("两车从同一地点同时向相反方向开出，每小时分别行{n1}千米和{n2}千米，{k1}小时后相距多少千米", "(n1+n2)*k1"),
    ("两车从同一地点同时同向开出，每小时分别行{n1}千米和{n2}千米，{k1}小时后相距多少千米", "(n1-n2)*k1"),
    ("一辆汽车从甲地到乙地，去时每小时行{n1}千米，{k1}小时到达，返回时用了{k2}小时，返回时每小时行多少千米", "n1*k1/k2"),
    ("一辆汽车从甲地到乙地，去时每小时行{n1}千米，{k1}小时到达，返回时每小时行{n2}千米，几小时到达", "n1*k1/n2"),
    ("一辆汽车{k1}小时行{n1}千米，照这样的速度，行{n2}千米要多少小时", "n2/(n1/k1)"),
    ("一辆汽车{k1}小时行{n1}千米，照这样的速度，{k2}小时行多少千米", "n1/k1*k2"),
    ("一辆汽车上午行{k1}小时，下午行{k2}小时，每小时都行{n1}千米，[一共行|这天共行]多少千米", "(k1+k2)*n1"),
    ("一辆汽车前{k1}小时每小时行{n1}千米，后{k2}小时每小时行{n2}千米，一共行多少千米", "k1*n1+k2*n2"),
    ("一辆汽车前{k1}小时每小时行{n1}千米，后{k2}小时每小时行{n2}千米，平均每小时行多少千米", "(k1*n1+k2*n2)/(k1+k2)"),
    ("一列火车长{n1}米，每秒行{n2}米，通过一座长{n3}米的[大桥|隧道]要多少秒", "(n1+n3)/n2"),
    ("一列火车长{n1}米，每秒行{n2}米，{k1}秒通过一座大桥，这座大桥长多少米", "n2*k1-n1"),
    ("甲、乙两地相距{n1}千米，一辆汽车从甲地开往乙地，每小时行{n2}千米，行了{k1}小时，离乙地还有多少千米", "n1-n2*k1"),
    # shapes
    ("长方形的长是{n1}厘米，宽是{n2}厘米，[周长是多少厘米|它的周长=多少厘米]", "(n1+n2)*2"),
    ("长方形的[周长|四边之和]是{n1}厘米，长是{n2}厘米，[宽是多少厘米|宽=多少厘米]", "n1/2-n2"),
    ("长方形的周长是{n1}厘米，长是{n2}厘米，面积是多少平方厘米", "(n1/2-n2)*n2"),
    ("长方形的面积是{n1}平方米，长是{n2}米，周长是多少米", "(n1/n2+n2)*2"),
    ("长方形的宽是{n1}米，长是宽的{m1}倍，[面积是多少平方米|它的面积=多少平方米]", "n1*m1*n1"),
    ("长方形的宽是{n1}米，长是宽的{m1}倍，周长是多少米", "(n1*m1+n1)*2"),
    ("长方形的长是{n1}米，宽是长的{f1}，[面积是多少平方米|它的面积=多少平方米]", "n1*f1*n1"),
    ("长方形的长是{n1}米，宽比长少{f1}，周长是多少米", "(n1+n1*(1-f1))*2"),
    ("长方形的长是{n1}米，宽比长短{n2}米，[面积是多少平方米|它的面积=多少平方米]", "n1*(n1-n2)"),
    ("正方形的周长是{n1}厘米，[边长是多少厘米|它的边长=多少厘米]", "n1/4"),
    ("正方形的周长是{n1}厘米，面积是多少平方厘米", "n1/4*(n1/4)"),
    ("用一根长{n1}厘米的铁丝围成一个正方形，它的面积是多少平方厘米", "n1/4*(n1/4)"),
    ("用一根长{n1}厘米的铁丝围成一个正方体框架，棱长是多少厘米", "n1/12"),
    ("用铁丝做一个长{n1}厘米、宽{n2}厘米、高{n3}厘米的长方体框架，至少需要铁丝多少厘米", "(n1+n2+n3)*4"),
    ("长方体的长、宽、高分别是{n1}厘米、{n2}厘米、{n3}厘米，[它的体积是多少立方厘米|体积=多少立方厘米]", "n1*n2*n3"),
    ("长方体的长、宽、高分别是{n1}厘米、{n2}厘米、{n3}厘米，[它的表面积是多少平方厘米|表面积=多少平方厘米]", "(n1*n2+n1*n3+n2*n3)*2"),
    ("长方体的体积是{n1}立方米，长是{n2}米，宽是{n3}米，[高是多少米|高=多少米]", "n1/n2/n3"),
    ("长方体的体积是{n1}立方米，底面积是{n2}平方米，高是多少米", "n1/n2"),
    ("长方体的底面是边长{n1}厘米的正方形，体积是{n2}立方厘米，高是多少厘米", "n2/(n1*n1)"),
    ("正方体的棱长是{n1}厘米，[表面积是多少平方厘米|它的表面积=多少平方厘米]", "n1*n1*6"),
    ("正方体的棱长是{n1}厘米，[体积是多少立方厘米|它的体积=多少立方厘米]", "n1*n1*n1"),
    ("正方体的棱长总和是{n1}厘米，它的棱长是多少厘米", "n1/12"),
    ("一个长方体水池，长{n1}米，宽{n2}米，深{n3}米，四壁和底面抹水泥，抹水泥的面积是多少平方米", "n1*n2+(n1*n3+n2*n3)*2"),
    ("三角形的底是{n1}厘米，高是{n2}厘米，[面积是多少平方厘米|它的面积=多少平方厘米]", "n1*n2/2"),
    ("三角形的面积是{n1}平方厘米，底是{n2}厘米，高是多少厘米", "n1*2/n2"),
    ("平行四边形的底是{n1}米，高是{n2}米，面积是多少平方米", "n1*n2"),
    ("梯形的上底是{n1}米，下底是{n2}米，高是{n3}米，面积是多少平方米", "(n1+n2)*n3/2"),
    ("圆的半径是{n1}厘米，[周长是多少厘米|它的周长=多少厘米]", "2*3.14*n1"),
    ("圆的直径是{n1}厘米，[周长是多少厘米|它的周长=多少厘米]", "3.14*n1"),
    ("圆的半径是{n1}厘米，[面积是多少平方厘米|它的面积=多少平方厘米]", "3.14*n1^2"),
    ("圆的直径是{n1}厘米，[面积是多少平方厘米|它的面积=多少平方厘米]", "3.14*(n1/2)^2"),
    ("圆环的外圆半径是{n1}厘米，内圆半径是{n2}厘米，面积是多少平方厘米", "3.14*(n1^2-n2^2)"),
    ("圆柱的底面半径是{n1}厘米，高是{n2}厘米，[体积是多少立方厘米|它的体积=多少立方厘米]", "3.14*n1^2*n2"),
    ("圆柱的底面半径是{n1}厘米，高是{n2}厘米，侧面积是多少平方厘米", "2*3.14*n1*n2"),
    ("圆锥的底面半径是{n1}厘米，高是{n2}厘米，体积是多少立方厘米", "3.14*n1^2*n2/3"),
    ("圆锥的底面积是{n1}平方厘米，高是{n2}厘米，体积是多少立方厘米", "n1*n2/3"),
    ("一间教室长{n1}米，宽{n2}米，用边长{k1}分米的方砖铺地，需要多少块", "n1*10*(n2*10)/(k1*k1)"),
    ("一块长方形地长{n1}米，宽{n2}米，每平方米收{c}{k1}千克，一共收多少千克", "n1*n2*k1"),
    # buying, selling, averages
    ("{a}每{x}{n1}元，{b}每{y}{n2}元，买{k1}{x}{a}和{k2}{y}{b}，一共要多少元", "n1*k1+n2*k2"),
    ("买{k1}{x}{a}和{k2}{y}{b}一共用去{n1}元，每{x}{a}{n2}元，每{y}{b}多少元", "(n1-n2*k1)/k2"),
    ("买{k1}{x}{a}和{k2}{y}{b}，{a}每{x}{n1}元，{b}每{y}{n2}元，买{b}比买{a}多用多少元", "n2*k2-n1*k1"),
    ("学校买来{k1}{x}{a}和{k1}{y}{b}，每{x}{a}{n1}元，每{y}{b}{n2}元，一共用去多少元", "(n1+n2)*k1"),
    ("{d}带了{n1}元，买了{k1}{x}{a}，每{x}{n2}元，剩下的钱买{b}，每{y}{n3}元，可以买几{y}", "(n1-n2*k1)/n3"),
    ("{d}带的钱可以买{k1}{x}单价{n1}元的{a}，如果买单价{n2}元的{b}，可以买几{y}", "n1*k1/n2"),
    ("买{k1}{x}{a}用{n1}元，照这样计算，买{k2}{x}要多少元", "n1/k1*k2"),
    ("一件商品原价{n1}元，现在降价{f1}，现价多少元", "n1*(1-f1)"),
    ("一件商品降价{f1}后是{n1}元，原价多少元", "n1/(1-f1)"),
    ("一件商品原价{n1}元，先涨价{f1}，又降价{f2}，现价多少元", "n1*(1+f1)*(1-f2)"),
    ("一件商品现价{n1}元，比原价便宜{n2}元，便宜了百分之几", "n2/(n1+n2)%"),
    ("{w}以每{x}{n1}元的价格购进{k1}{x}{a}，卖出时每{x}{n2}元，全部卖完后一共赚多少元", "(n2-n1)*k1"),
    ("爸爸把{n1}元存入银行，[年利率|每年的利率]是{p1}，存{k6}年，到期可得利息多少元", "n1*p1*k6"),
    ("爸爸把{n1}元存入银行，年利率是{p1}，存{k6}年，到期一共可取回多少元", "n1+n1*p1*k6"),
    ("{c}的[出油率|出粉率]是{p1}，{n1}千克{c}可以[榨油|磨粉]多少千克", "n1*p1"),
    ("{c}的[出油率|出粉率]是{p1}，要[榨油|磨粉]{n1}千克，需要{c}多少千克", "n1/p1"),
    ("把{n1}克盐放入{n2}克水中，盐水的含盐率是多少", "n1/(n1+n2)%"),
    ("含盐{p1}的盐水{n1}克，里面有水多少克", "n1*(1-p1)"),
    ("在{n1}克水中放盐，配成含盐{p1}的盐水，要放盐多少克", "n1/(1-p1)*p1"),
    ("一批种子发芽{n1}粒，没发芽的有{n2}粒，发芽率是多少", "n1/(n1+n2)%"),
    ("六年级有{n1}人，今天缺席{n2}人，出勤率是多少", "(n1-n2)/n1%"),
    ("{d}三次测验的成绩分别是{n1}分、{n2}分、{n3}分，平均成绩是多少分", "(n1+n2+n3)/3"),
    ("{d}{k1}次测验的平均成绩是{n1}分，又测验一次得{n2}分，现在的平均成绩是多少分", "(k1*n1+n2)/(k1+1)"),
    ("{d}语文、数学、英语三科的平均分是{n1}分，语文和数学的平均分是{n2}分，英语多少分", "n1*3-n2*2"),
    ("第一组{k1}人，共植树{n1}棵，第二组{k2}人，共植树{n2}棵，平均每人植树多少棵", "(n1+n2)/(k1+k2)"),
    ("第一组有{k1}人，平均每人植树{k2}棵，第二组有{k3}人，平均每人植树{k5}棵，两组一共植树多少棵", "k1*k2+k3*k5"),
    ("{d}今年{n1}岁，{e}今年{n2}岁，{k1}年后，{e}比{d}大多少岁", "n2-n1"),
    ("{d}今年{n1}岁，爸爸的年龄是{d}的{m1}倍，爸爸比{d}大多少岁", "n1*m1-n1"),
    ("爸爸今年{n1}岁，是{d}年龄的{m1}倍，{k1}年后，{d}多少岁", "n1/m1+k1"),
    # places, steps, leftovers
    ("在一条长{n1}米的路的一边植树，每隔{k1}米植一棵，两端都植，一共要植多少棵", "n1/k1+1"),
    ("在一条长{n1}米的路的两边植树，每隔{k1}米植一棵，两端都植，一共要植多少棵", "(n1/k1+1)*2"),
    ("在相距{n1}米的两座楼之间植树，每隔{k1}米植一棵，两端不植，一共要植多少棵", "n1/k1-1"),
    ("在周长{n1}米的[圆形水池|湖]边植树，每隔{k1}米植一棵，一共要植多少棵", "n1/k1"),
    ("把一根木头锯成{k1}段，每锯一次要{k2}分钟，一共要多少分钟", "(k1-1)*k2"),
    ("{d}从一楼走到{k6}楼用了{n1}秒，照这样的速度，从一楼走到{k1}楼要多少秒", "n1/(k6-1)*(k1-1)"),
    ("每{k1}个空瓶可以换一瓶汽水，{n1}个空瓶最多能换多少瓶", "n1/k1"),
    ("一个数除以{n1}，商是{k1}，余数是{k6}，这个数是多少", "n1*k1+k6"),
    ("被除数是{n1}，商是{k1}，余数是{k6}，除数是多少", "(n1-k6)/k1"),
    ("鸡兔同笼，共有{k1}个头，{n1}只脚，兔有多少只", "(n1-k1*2)/(4-2)"),
    ("鸡兔同笼，共有{k1}个头，{n1}只脚，鸡有多少只", "(k1*4-n1)/(4-2)"),
    ("两个数的和是{n1}，差是{n2}，较大的数是多少", "(n1+n2)/2"),
    ("两个数的和是{n1}，差是{n2}，较小的数是多少", "(n1-n2)/2"),
    ("{w}原有{c}{n1}袋，运走{n2}袋，又运进{n3}袋，现在有多少袋", "n1-n2+n3"),
    ("{w}有{c}{n1}袋，每袋{n2}千克，卖出{n3}千克，还剩多少千克", "n1*n2-n3"),
    ("{w}共运来{c}{n1}千克，已经卖出{n2}千克，剩下的每天卖{n3}千克，还可以卖几天", "(n1-n2)/n3"),
    # sums in words
    ("{n1}与{n2}的和乘{k1}，积是多少", "(n1+n2)*k1"),
    ("{n1}减去{n2}的差除以{k1}，商是多少", "(n1-n2)/k1"),
    ("{n1}除以{k1}的商，加上{n2}，和是多少", "n1/k1+n2"),
    ("一个数的{f1}是{n1}，这个数是多少", "n1/f1"),
    ("一个数的{f1}是{n1}，它的{f2}是多少", "n1/f1*f2"),
    ("{n1}的{f1}是多少", "n1*f1"),
    ("{n1}比{n2}多几分之几", "(n1-n2)/n2"),
    ("{n1}比{n2}少几分之几", "(n2-n1)/n2"),
    ("比{n1}多{f1}的数是多少", "n1*(1+f1)"),
    ("比{n1}少{f1}的数是多少", "n1*(1-f1)"),
    ("{n1}比一个数多{f1}，这个数是多少", "n1/(1+f1)"),
    ("{n1}比一个数少{f1}，这个数是多少", "n1/(1-f1)"),
    ("一个数的{m1}倍比{n1}多{n2}，这个数是多少", "(n1+n2)/m1"),
    ("一个数的{m1}倍比{n1}少{n2}，这个数是多少", "(n1-n2)/m1"),
    ("一个数的{f1}与{n1}的{f2}相等，这个数是多少", "n1*f2/f1"),
    ("一个数加上它的{f1}是{n1}，这个数是多少", "n1/(1+f1)"),
)  # fmt: skip

_WORDS = {
    "t": ("绳子", "铁丝", "电线", "钢管", "彩带", "木料"),
    "w": ("工厂", "水果店", "粮店", "超市", "商店", "仓库", "服装厂", "机床厂", "食堂"),
    "c": ("大米", "面粉", "苹果", "黄豆", "花生", "小麦", "油菜籽", "白菜", "水泥", "玉米"),
    "d": ("小明", "小红", "小华", "小丽", "小刚", "小强", "小军", "小玲", "王芳", "李明"),
}
_GOODS = (
    ("铅笔", "支"), ("钢笔", "支"), ("圆珠笔", "支"), ("本子", "本"), ("故事书", "本"), ("字典", "本"), ("足球", "个"), ("篮球", "个"),
    ("排球", "个"), ("书包", "个"), ("文具盒", "个"), ("桌子", "张"), ("椅子", "把"), ("上衣", "件"), ("裤子", "条"), ("毛巾", "条"),
    ("苹果", "千克"), ("香蕉", "千克"), ("牛奶", "瓶"), ("水彩笔", "盒"), ("跳绳", "根"), ("拖把", "把"),
)  # fmt: skip
_HOLE = re.compile(r"\{([a-z])(\d*)\}")
_NAME = re.compile(r"[a-z]\d*")
_COUNTED = re.compile(r"\{n\d*\}[个人棵只本袋朵张台页块辆岁分]")  # what comes whole
_CONSTANT = re.compile(r"(?<![a-z\d.])\d+(?:\.\d+)?")
_DRAWN = "nmfgrqkpv"  # the letters of numbers; others stand for words
_RELATED = re.compile(r"\{([nmfgrq])\}")
_EITHER = re.compile(r"\[([^]]*)\]")
_ENDS = ("？", "？", "？", "．", "？（　　）")
_OPENINGS = ("", "", "", "", "已知", "求：", "如果")


def _share(rng: random.Random) -> Number:
    if rng.random() < 0.35:
        return Number(Fraction(rng.choice((5, 5, 10, 10, 10, 1)) * rng.randint(1, 9), 100), "percent")
    bottom = rng.choice((2, 3, 4, 5, 5, 6, 7, 8, 9, 10, 12, 15))
    return Number(Fraction(rng.randint(1, bottom - 1), bottom), "fraction")


def _draw(kind: str, rng: random.Random) -> Number:
    """A number of the kind that its first letter says; see `TEMPLATES` and `RELATIONS`."""
    if kind in "fg":
        return _share(rng)
    if kind == "v":
        return Number(Fraction(rng.randint(1, 5), rng.choice((7, 8, 9))), "fraction")
    if kind == "p":
        return Number(Fraction(rng.randint(2, 95), 100), "percent")
    if kind == "m":
        return Number(Fraction(rng.randint(11, 39), 10) if rng.random() < 0.25 else Fraction(rng.randint(2, 9)))
    if kind in "rq":
        return Number(Fraction(rng.randint(1, 9)))
    if kind == "k":
        return Number(Fraction(rng.randint(2, rng.choice((6, 12, 30)))))
    return Number(Fraction(rng.randint(2, rng.choice((12, 40, 99, 300, 900)))))


def numbers(text: str, equation: str, rng: random.Random) -> tuple[dict[str, Number], str, str] | None:
    """Numbers with which every step comes out even; also the equation and the answer, as Math23K writes them."""
    percent = equation.endswith("%")
    equation = equation.rstrip("%")
    asked_share = percent or text.endswith("几分之几")
    names = list(dict.fromkeys([f"{kind}{digits}" for kind, digits in _HOLE.findall(text) if kind in _DRAWN]))
    constants = {Number(Fraction(constant)) for constant in _CONSTANT.findall(equation)}
    for _ in range(30):
        chosen = {name: _draw(name[0], rng) for name in names}
        quantities = [name for name in names if name[0] == "n"]
        try:
            values = intermediate_values(parse(_filled(equation, chosen)))
            if not asked_share and quantities:
                scale = lcm(*(value.denominator for value in values))
                shrink = 10 if rng.random() < 0.2 and not _COUNTED.search(text) else 1
                for name in quantities:
                    chosen[name] = Number(chosen[name].value * scale / shrink)
                values = intermediate_values(parse(_filled(equation, chosen)))
        except Unsolvable:
            continue
        if constants & set(chosen.values()):  # else the 2 of a triangle would be called by a number's letter
            continue
        if _sensible(list(chosen.values()), values, fractions=asked_share):
            answer = values[-1]
            if percent and (answer * 1000).denominator != 1:
                continue
            return chosen, _filled(equation, chosen), show(answer, "percent") if percent else str(answer)
    return None


def _filled(equation: str, chosen: dict[str, Number]) -> str:
    return _NAME.sub(lambda match: str(chosen[match.group()]), equation)


def _sensible(drawn: list[Number], values: list[Fraction], *, fractions: bool) -> bool:
    """Different numbers of a readable size, nothing below zero, even results (shares asked for may be fractions)."""
    if len({number.value for number in drawn}) < len(drawn) or any(value <= 0 for value in values):
        return False
    if any(number.value > 20_000 for number in drawn) or any(value > 10**6 for value in values):
        return False
    if fractions:
        return values[-1].denominator <= 200 and values[-1] < 3
    return all((value * 100).denominator == 1 or value.denominator <= 60 for value in values[:-1]) and (
        (values[-1] * 100).denominator == 1
    )


def worded(text: str, chosen: dict[str, Number], rng: random.Random) -> str:
    """A template with its numbers and with things, people and places for its letters."""
    (a, x), (b, y) = rng.sample(_GOODS, 2)
    d, e = rng.sample(_WORDS["d"], 2)
    words = {"a": a, "x": x, "b": b, "y": y, "d": d, "e": e} | {letter: rng.choice(_WORDS[letter]) for letter in "twc"}
    text = _EITHER.sub(lambda match: rng.choice(match.group(1).split("|")), text)
    return _HOLE.sub(lambda match: str(chosen.get(match[1] + match[2]) or words[match[1]]), text)


class _Chain:
    """Things of one kind, each told by the one before it or telling it; numbers get names as they come up."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        words, self.unit, self.has, places = rng.choice(KINDS)
        self.things = rng.sample(words.split(), min(3, len(words.split())))
        self.place = rng.choice(places.split("|"))
        self.numbered = 0

    def named(self, *texts: str) -> list[str]:
        """Fresh names for the numbers of a relation, in its text and its equations."""
        self.numbered += 1
        number = self.numbered
        text, *equations = texts
        return [
            _RELATED.sub(lambda match: f"{{{match[1]}{number}}}", text),
            *(re.sub(r"[nmfgrq]", lambda match: f"{match[0]}{number}", equation) for equation in equations),
        ]

    def question(self) -> tuple[str, str]:
        return self._by_factor() if self.rng.random() < 0.3 else self._along()

    def _related(self, text: str, x: str, y: str) -> str:
        return text.replace("{X}", x).replace("{Y}", y).replace("{u}", self.unit)

    def _along(self) -> tuple[str, str]:
        """One number is told, one or two relations lead from it to what is asked."""
        rng = self.rng
        steps = rng.choice((1, 1, 2, 2)) if len(self.things) > 2 else 1
        subject, left_out = self.things[0], False
        clauses, equations = [f"{subject}{self.has}{{n0}}{self.unit}"], ["n0"]
        for known, thing in zip(self.things[:steps], self.things[1 : steps + 1], strict=True):
            text, forward, back = self.named(*rng.choice(RELATIONS))
            if rng.random() < 0.5:
                clause, equation = self._related(text, thing, known), forward.replace("y", f"({equations[-1]})")
                subject = thing
            else:
                clause, equation = self._related(text, known, thing), back.replace("x", f"({equations[-1]})")
                if known == subject and rng.random() < 0.5 and not text.startswith("{X}的"):
                    clause, left_out = clause.removeprefix(known), True  # 杨树有120棵，是柳树的2倍
                subject = known
            clauses.append(clause)
            equations.append(equation)
        if rng.random() < 0.25 and not left_out:
            clauses = [*clauses[1:], clauses[0]]
        last, equation = self.things[steps], equations[-1]
        asked = rng.random()
        if asked < 0.2:
            everyone = "、".join(self.things[: steps + 1]) if rng.random() < 0.5 else ("两者", "三者")[steps - 1]
            equation = "+".join(equations)
            ask = f"{everyone}一共{'' if self.has.startswith('有') else '是'}多少{self.unit}"
        elif asked < 0.35:
            bigger, smaller = (last, self.things[0]) if rng.random() < 0.5 else (self.things[0], last)
            equation = f"{equation}-{equations[0]}" if bigger == last else f"{equations[0]}-({equation})"
            ask = f"{bigger}比{smaller}多多少{self.unit}"
        else:
            ask = rng.choice((f"{last}{self.has}多少{self.unit}", f"{last}=多少{self.unit}"))
        return self.place + "，".join([*clauses, ask]), equation

    def _by_factor(self) -> tuple[str, str]:
        """The sum or the difference of two things is told."""
        rng, x, y = self.rng, *self.things[:2]
        text, by_sum, more, less, forward = rng.choice(_BY_FACTOR)
        ways = {"sum": by_sum, "more": more, "less": less}
        way, found = rng.choice([(way, equation) for way, equation in ways.items() if equation is not None])
        text, found, forward = self.named(text, found, forward)
        found = found.replace("s", "n0").replace("d", "n0")
        told = {
            "sum": f"{x}和{y}一共{'' if self.has == '是' else self.has}{{n0}}{self.unit}",
            "more": f"{x}比{y}多{{n0}}{self.unit}",
            "less": f"{x}比{y}少{{n0}}{self.unit}",
        }[way]
        clauses = [told, self._related(text, x, y)]
        if rng.random() < 0.5:
            clauses.reverse()
        asked = rng.choice((x, y))
        equation = found if asked == y else forward.replace("y", f"({found})")
        return self.place + "，".join([*clauses, f"{asked}{self.has}多少{self.unit}"]), equation


def problems(rng: random.Random) -> Iterator[Problem]:
    """Without end: half along relations, half from the other templates."""
    while True:
        text, equation = _Chain(rng).question() if rng.random() < 0.5 else rng.choice(TEMPLATES)
        drawn = numbers(text, equation, rng)
        if drawn is None:
            continue
        chosen, written, answer = drawn
        question = rng.choice(_OPENINGS) + worded(text, chosen, rng) + rng.choice(_ENDS)
        source = read_problem(question, written, answer)
        if source is not None and len(question) <= 140:
            yield as_published(source)
