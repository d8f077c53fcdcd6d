"""Simple word problems in English, from templates: what Math23K teaches in Chinese, in a few words of the other language."""

from __future__ import annotations

import random

from arithmetic import whole
from solve import Unsolvable, parse, solve
from word_problems import Problem

_NAMES = ("Tom", "Mary", "Sam", "Anna", "Li Ming", "Ben", "Lucy", "Jack", "Emma", "Peter", "Nina", "Omar", "Sara", "Mei", "David", "Kate")
_THINGS = ("apples", "books", "pencils", "eggs", "stickers", "marbles", "cookies", "flowers", "candies", "stamps", "oranges", "balloons", "cards", "toys", "pens", "cakes")
_PLACES = ("A school", "A shop", "A farmer", "A library", "A factory", "A class", "A bakery", "A team")

# text with {n} name, {t} things, {p} place and numbers {a} {b} {c}; the equation in a, b, c
_TEMPLATES = (
    ("{n} has {a} {t} and buys {b} more. How many {t} does {n} have now?", "a+b"),
    ("{n} has {a} {t} and gives away {b}. How many are left?", "a-b"),
    ("There are {a} boxes with {b} {t} in each box. How many {t} are there?", "a*b"),
    ("{p} has {a} {t}. They are shared equally among {b} children. How many does each child get?", "a/b"),
    ("One of the {t} costs {a} yuan. How much do {b} of them cost?", "a*b"),
    ("{n} reads {a} pages every day. How many days does {n} need for a book of {b} pages?", "b/a"),
    ("A book has {a} pages. {n} has read {b} pages. How many pages are left?", "a-b"),
    ("{p} buys {a} boxes of {t} with {b} in each box and uses {c} of them. How many are left?", "a*b-c"),
    ("{n} buys {a} {t} at {b} yuan each and pays with {c} yuan. How much change does {n} get?", "c-a*b"),
    ("A car drives {a} km per hour. How far does it go in {b} hours?", "a*b"),
    ("A train travels {a} km in {b} hours. What is its speed in km per hour?", "a/b"),
    ("{n} has {a} {t}. {m} has {b} more than {n}. How many do they have together?", "a+(a+b)"),
    ("{n} has {a} {t}. {m} has {b} times as many. How many {t} does {m} have?", "a*b"),
    ("{n} saves {a} yuan a week. How much does {n} save in {b} weeks?", "a*b"),
    ("A rectangle is {a} m long and {b} m wide. What is its area?", "a*b"),
    ("A rectangle is {a} m long and {b} m wide. What is its perimeter?", "(a+b)*2"),
    ("A square has a side of {a} cm. What is its perimeter?", "a*4"),
    ("{n} had {a} {t}, lost {b} and then found {c}. How many {t} does {n} have now?", "a-b+c"),
    ("{p} has {a} rows of {b} chairs and {c} more chairs. How many chairs are there in all?", "a*b+c"),
    ("{a} {t} are packed into bags of {b}. How many bags are needed?", "a/b"),
    ("{n} runs {a} meters every day for {b} days. How many meters is that in all?", "a*b"),
    ("{p} made {a} {t} on Monday and {b} on Tuesday. How many did it make in the two days?", "a+b"),
    ("{n} is {a} years old. {m} is {b} years older. How old is {m}?", "a+b"),
    ("{n} shares {a} {t} and {b} more equally with {c} friends. How many does each friend get?", "(a+b)/c"),
    ("A ticket costs {a} yuan for adults and {b} yuan for children. What do {c} adults and one child pay?", "a*c+b"),
)


def problem(rng: random.Random) -> Problem:
    """One problem whose answer is a positive whole number."""
    while True:
        text, equation = rng.choice(_TEMPLATES)
        a, b, c = (str(whole(rng, rng.choice((1, 2, 2, 3)))) for _ in range(3))
        if equation in ("a/b", "b/a") and rng.random() < 0.9:
            big, small = str(int(a) * int(b)), b if equation == "a/b" else a
            a, b = (big, small) if equation == "a/b" else (small, big)
        try:
            solution = solve(parse(equation.translate({97: a, 98: b, 99: c})))
        except Unsolvable:
            continue
        if solution.answer.value.denominator != 1 or not 0 < solution.answer.value < 100_000:
            continue
        n, m = rng.sample(_NAMES, 2)
        question = text.format(a=a, b=b, c=c, n=n, m=m, t=rng.choice(_THINGS), p=rng.choice(_PLACES))
        return Problem(question, solution)
