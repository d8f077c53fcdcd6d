"""FACTORS: 36的因数有哪些, 17是质数吗, 60分解质因数, 12和18的最大公因数, 4、6和8的最小公倍数, 20以内的质数, 3的倍数."""

from __future__ import annotations

import math
import re

from huozhong.acts.exact.asking import Asked, asked, numbers_in
from huozhong.acts.exact.done import Done, finish
from huozhong.acts.exact.small_words import rest_of

LARGEST = 10**9
MOST = 60  # numbers in a list
_WORDS = re.compile(r"分解|短除法|两数|三数|两个|三个|属于|本身|到|至|从小到大|之间|不|[,，~-]")
_WORDS_EN = re.compile(
    r"\b(?:list|product|whole|between|up|than|out|evenly|divided|common|break|down|name"
    r"|under)\b",
    re.IGNORECASE,
)
_KINDS: tuple[tuple[str, str], ...] = (
    ("gcd", r"最大的?公[因约]数|greatest common (?:factor|divisor)|highest common factor|\bgcd\b|\bgcf\b|\bhcf\b"),
    ("lcm", r"最小公倍数|最小的?公倍数|(?:least|lowest|smallest) common multiple|\blcm\b"),
    ("common", r"公因数|公约数|common (?:factors|divisors)"),
    ("coprime", r"互质|互素|coprime|relatively prime"),
    ("factorise", r"分解质因数|质因数分解|质因数|素因数|分解因数|prime factori[sz]ation|prime factors?|factori[sz]e"),
    (
        "primes_below",
        r"(?:以内|以下|之内|小于).*(?:质数|素数)|(?:质数|素数).*(?:以内|以下)|(?:到|至|~|-)\d+.*(?:质数|素数)"
        r"|primes? (?:numbers? )?(?:below|under|less than|up to|between|from)",
    ),
    (
        "multiples_below",
        r"(?:以内|以下|之内|小于).*倍数|倍数.*(?:以内|以下)|multiples of .*(?:below|under|less than|up to)",
    ),
    (
        "divisible",
        r"整除|divisible by|的倍数[吗么]?$|是.*的(?:倍数|因数|约数)(?:吗|么|$)|(?:multiple|factor) of",
    ),
    ("parity", r"奇数|偶数|单数|双数|\bodd\b|\beven\b"),
    ("prime", r"质数|素数|合数|\bprime\b|\bcomposite\b"),
    ("factors", r"因数|约数|factors?|divisors?"),
    ("multiples", r"倍数|multiples?"),
)  # fmt: skip
_REMOVE = re.compile(
    r"以内|以下|之内|小于|以内的|能不能|能否|可以|能|被|整除|倍数|因数|below|under|less"
    r"|up to|divisible|multiples?|factors?"
    r"|divisors?|奇偶性|前|first",
    re.IGNORECASE,
)


def done(question: str) -> Done | None:
    """What is asked about factors and multiples of whole numbers, or None."""
    ask = asked(question)
    text = ask.core
    kind = next((kind for kind, pattern in _KINDS if re.search(pattern, text, re.IGNORECASE)), None)
    if kind is None:
        return None
    if kind == "divisible" and not re.search(
        r"吗|能|是否|是不是|整除|^is\b|^can\b|divisible|倍数$|因数$", text, re.IGNORECASE
    ):
        kind = "factors" if re.search("因数|约数|factor", text) else "multiples"
    if re.search(r"有(?:哪些|几个|多少)|哪几个|哪些", text) and kind == "divisible":
        kind = "factors" if re.search("因数|约数", text) else "multiples"
    numbers, rest = _numbers(text)
    for name, pattern in _KINDS:
        if name not in ("primes_below", "multiples_below", "divisible"):
            rest = re.sub(pattern, "", rest, flags=re.IGNORECASE)
    rest = _REMOVE.sub("", rest)
    if not numbers or rest_of(rest, ask.english, _WORDS_EN if ask.english else _WORDS):
        return None
    if any(not 0 <= number <= LARGEST for number in numbers):
        return None
    return _answer(ask, kind, numbers)


def _numbers(text: str) -> tuple[list[int], str]:
    text = re.sub(r"(?:这|以下|下面|以上)?[两二三四几]个?数(?!\d)|\b(?:two|three) numbers\b", "", text)
    found, rest = numbers_in(text)
    if any(one.value.denominator != 1 or one.number.style != "decimal" or one.value < 0 for one in found):
        return [], rest
    return [int(one.value) for one in found], rest


def _answer(ask: Asked, kind: str, numbers: list[int]) -> Done | None:
    if kind in ("gcd", "lcm", "common", "coprime"):
        return _common(ask, kind, numbers) if len(numbers) >= 2 and 0 not in numbers else None
    if kind in ("primes_below", "multiples_below"):
        return _below(ask, kind, numbers)
    if kind == "divisible":
        return _divisible(ask, numbers)
    if len(numbers) == 2 and kind in ("multiples", "factors"):
        return _first_multiples(ask, numbers) if kind == "multiples" else None
    if len(numbers) != 1:
        return None
    number = numbers[0]
    if kind == "parity":
        return _parity(ask, number)
    if kind == "prime":
        return _prime(ask, number)
    if kind == "factorise":
        return _factorised(ask, number)
    if kind == "multiples":
        return _first_multiples(ask, [number, 5])
    return _factors(ask, number) if number else None


def _list(ask: Asked, numbers: list[int]) -> str:
    return (", " if ask.english else "、").join(map(str, numbers))


def factors_of(number: int) -> list[int]:
    small = [f for f in range(1, math.isqrt(number) + 1) if number % f == 0]
    return sorted({*small, *(number // f for f in small)})


def prime_factors(number: int) -> list[int]:
    out, prime = [], 2
    while prime * prime <= number:
        while number % prime == 0:
            out.append(prime)
            number //= prime
        prime += 1
    return [*out, number] if number > 1 else out


def _factors(ask: Asked, number: int) -> Done:
    found = factors_of(number)
    lines = [f"{f}×{number // f}={number}" for f in found if f * f <= number]
    shown = _list(ask, found)
    how_many = re.search(r"几个|多少个|有多少$|个数|how many", ask.core, re.IGNORECASE)
    if ask.english:
        return finish(
            True,
            lines,
            f"The factors of {number} are {shown}, {len(found)} in all",
            str(len(found)) if how_many else shown,
        )
    short = f"{len(found)}个" if how_many else shown
    return finish(False, lines, f"{'，'.join(lines)}，所以{number}的因数有{shown}，一共{len(found)}个", short)


def _prime(ask: Asked, number: int) -> Done:
    found = prime_factors(number)
    if number < 2:
        said = f"{number} is neither prime nor composite" if ask.english else f"{number}既不是质数也不是合数"
        return finish(ask.english, (), said, "neither" if ask.english else "既不是质数也不是合数")
    word = "素数" if "素数" in ask.core else "质数"
    if len(found) == 1:
        said = f"{number} has only the factors 1 and {number}" if ask.english else f"{number}只有1和{number}两个因数"
        return finish(ask.english, (), said, f"{number} is prime" if ask.english else f"{number}是{word}")
    lines = [f"{number}={'×'.join(map(str, found))}"]
    said = (
        f"{lines[0]}: {number} has other factors than 1 and itself"
        if ask.english
        else f"{lines[0]}，除了1和它本身还有别的因数"
    )
    return finish(
        ask.english,
        lines,
        said,
        f"{number} is not prime, it is composite" if ask.english else f"{number}不是{word}，是合数",
    )


def _factorised(ask: Asked, number: int) -> Done | None:
    found = prime_factors(number)
    if not found:
        return None
    if len(found) == 1:
        said = f"{number} is prime itself" if ask.english else f"{number}本身就是质数"
        return finish(ask.english, (), said, f"{number}={number}")
    line = f"{number}={'×'.join(map(str, found))}"
    if re.search(r"质因数(?:有|是|分别)|prime factors", ask.core) and not re.search("分解", ask.core):
        return finish(ask.english, [line], line, _list(ask, sorted(set(found))))
    return finish(ask.english, [line], line, line)


def _parity(ask: Asked, number: int) -> Done:
    even = number % 2 == 0
    if ask.english:
        said = f"{number} {'can' if even else 'cannot'} be divided by 2 without a remainder"
        return finish(True, (), said, f"{number} is {'even' if even else 'odd'}")
    words = ("双数", "单数") if re.search("双数|单数", ask.core) else ("偶数", "奇数")
    return finish(
        False, (), f"{number}{'能' if even else '不能'}被2整除", f"{number}是{words[0] if even else words[1]}"
    )


def _common(ask: Asked, kind: str, numbers: list[int]) -> Done:
    shown = " and ".join(map(str, numbers)) if ask.english else f"{'、'.join(map(str, numbers[:-1]))}和{numbers[-1]}"
    greatest = math.gcd(*numbers)
    lines = [
        f"{number}={'×'.join(map(str, prime_factors(number)))}"
        for number in numbers
        if number > 1 and len(prime_factors(number)) > 1
    ]
    joined = "" if not lines else ("; ".join(lines) + "; " if ask.english else "，".join(lines) + "，")
    if kind == "gcd":
        said = (
            f"the greatest common factor of {shown} is {greatest}"
            if ask.english
            else f"{shown}的最大公因数是{greatest}"
        )
        return finish(ask.english, lines, joined + said, str(greatest))
    if kind == "lcm":
        least = math.lcm(*numbers)
        said = f"the least common multiple of {shown} is {least}" if ask.english else f"{shown}的最小公倍数是{least}"
        return finish(ask.english, lines, joined + said, str(least))
    if kind == "coprime":
        yes = greatest == 1
        said = (
            f"the greatest common factor of {shown} is {greatest}"
            if ask.english
            else f"{shown}的最大公因数是{greatest}"
        )
        return finish(
            ask.english,
            lines,
            said,
            ("coprime" if yes else "not coprime") if ask.english else ("互质" if yes else "不互质"),
        )
    found = _list(ask, factors_of(greatest))
    said = f"the common factors of {shown} are {found}" if ask.english else f"{shown}的公因数有{found}"
    return finish(ask.english, lines, said, found)


def _below(ask: Asked, kind: str, numbers: list[int]) -> Done | None:
    if kind == "primes_below" and len(numbers) in (1, 2):
        low, high = (1, numbers[0]) if len(numbers) == 1 else sorted(numbers)
        found = [n for n in range(max(low, 2), min(high, 10**4) + 1) if len(prime_factors(n)) == 1]
        if re.search(r"小于|below|under|less than", ask.core, re.IGNORECASE):
            found = [n for n in found if n < high]
        name = "primes" if ask.english else "质数"
    elif kind == "multiples_below" and len(numbers) == 2 and all(numbers):
        of, limit = (min(numbers), max(numbers))
        found = list(range(of, min(limit, of * (MOST + 1)) + 1, of))
        if re.search(r"小于|below|under|less than", ask.core, re.IGNORECASE):
            found = [n for n in found if n < limit]
        name = f"multiples of {of}" if ask.english else f"{of}的倍数"
    else:
        return None
    if not found or len(found) > MOST:
        return None
    shown = _list(ask, found)
    if re.search(r"几个|多少个|how many", ask.core, re.IGNORECASE):
        said = f"The {name}: {shown}" if ask.english else f"{name}有{shown}"
        return finish(ask.english, (), said, str(len(found)) if ask.english else f"{len(found)}个")
    said = f"There are {len(found)} such {name}" if ask.english else f"这样的{name}一共有{len(found)}个"
    return finish(ask.english, (), said, shown)


def _first_multiples(ask: Asked, numbers: list[int]) -> Done | None:
    number, count = numbers
    if number == 0 or not 1 <= count <= 20:
        return None
    shown = _list(ask, [number * k for k in range(1, count + 1)])
    if ask.english:
        return finish(
            True, (), f"There is no end to the multiples of {number}; the first {count} are {shown}", f"{shown}…"
        )
    return finish(False, (), f"{number}的倍数有无数个，前{count}个是{shown}", f"{shown}……")


def _divisible(ask: Asked, numbers: list[int]) -> Done | None:
    if len(numbers) != 2:
        return None
    a, b = numbers
    factor_of = re.search(r"是.*的(?:因数|约数)|factor of", ask.core, re.IGNORECASE)
    large, small = (b, a) if factor_of else (a, b)
    if re.search(r"能整除|可以整除", ask.core) and "被" not in ask.core:
        large, small = b, a
    if small == 0:
        return None
    quotient, rest = divmod(large, small)
    line = f"{large}÷{small}={quotient}" + (f"……{rest}" if rest else "")
    yes = rest == 0
    if ask.english:
        claim = f"{a} is a factor of {b}" if factor_of else f"{large} is divisible by {small}"
        return finish(
            True, (line,), line, f"{'Yes' if yes else 'No'}, {claim if yes else claim.replace(' is ', ' is not ')}"
        )
    if factor_of:
        short = f"{a}{'是' if yes else '不是'}{b}的因数"
    elif "倍数" in ask.core:
        short = f"{a}{'是' if yes else '不是'}{b}的倍数"
    else:
        short = f"{large}{'能' if yes else '不能'}被{small}整除"
    return finish(False, (line,), line, short)
