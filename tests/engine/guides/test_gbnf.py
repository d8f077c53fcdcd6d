"""llama.cpp's grammars, read as llama.cpp reads them."""

from __future__ import annotations

import pytest

from huozhong import Grammar, RequestError
from huozhong.engine.guides.constraint import Guides
from huozhong.engine.guides.gbnf import lark_of
from huozhong.text.tokenizer import Tokenizer

JSON = r"""
root   ::= object
value  ::= object | array | string | number | ("true" | "false" | "null") ws

object ::=
  "{" ws (
            string ":" ws value
    ("," ws string ":" ws value)*
  )? "}" ws

array  ::= "[" ws ( value ("," ws value)* )? "]" ws
string ::=
  "\"" (
    [^"\\\x7F\x00-\x1F] |
    "\\" (["\\bfnrt] | "u" [0-9a-fA-F]{4}) # escapes
  )* "\"" ws
number ::= ("-"? ([0-9] | [1-9] [0-9]{0,15})) ("." [0-9]+)? ([eE] [-+]? [0-9] [1-9]{0,15})? ws
ws ::= | " " | "\n" [ \t]{0,20}
"""
CHESS = """# comments may stand anywhere
root ::= "1. " move " " move "\\n" ([2-9] ". " move " " move "\\n")*
move ::= (pawn | "O-O" "-O"?) [+#]? # at an end too
pawn ::= ([a-h] "x")? [a-h] [1-8]
   | [NBKQR] [a-h] [1-8]
"""


@pytest.fixture(scope="module")
def guides(tokenizer: Tokenizer) -> Guides:
    return Guides(tokenizer, tokenizer.vocab_size, frozenset({tokenizer.eos_id}))


def accepts(guides: Guides, tokenizer: Tokenizer, gbnf: str, text: str) -> bool:
    """Whether the grammar has exactly this text; every mask on the way allows what follows."""
    answer = guides.constraint(Grammar(lark_of(gbnf)))
    for token in tokenizer.encode(text):
        if answer.is_finished or not answer.mask()[token]:
            return False
        answer.advance(token)
    return answer.is_finished or bool(answer.mask()[tokenizer.eos_id])


@pytest.mark.parametrize(
    ("gbnf", "texts", "others"),
    [
        (JSON, ['{"a": [1, -2.5e+3, "x\\u00e9\\n"], "火": {"c": null}}', "{}", '{"a":\n  true}'],
         ["[1]", '{"a":01}', '{"a": "\n"}', '{"a"=1}', "{"]),
        (CHESS, ["1. e4 e5\n", "1. e4 O-O\n2. Nf3+ dxe5#\n"], ["1. e4 e5", "1. e9 e5\n", "2. e4 e5\n"]),
        ('root ::= "a"{5,5}', ["aaaaa"], ["aaaa", "aaaaaa"]),
        ('root ::= "a"{2}"b"{1,}[cd]{,2}', ["aab", "aabbcd"], ["ab", "aa", "aabccc"]),
        ('root ::= [a-z]+ "ab"', ["xxab", "abab", "aab"], ["ab", "abz"]),
        ('root ::= "if" "else"? | name\nname ::= [a-z]{1,6}', ["if", "ifelse", "iffy", "i"], ["ifels1"]),
        ("root ::= [^0-9\\n] . [\\]\\-^]", ["x\n]", "火9-", " 火^"], ["1a]", "\na]", "aab"]),
        ('root ::= "\\x41\\u4e2d\\U0001F525\\"\\\\\\t"', ['A中🔥"\\\t'], ["A"]),
        ('root ::= "(" root ")" | ""', ["", "()", "((()))"], ["(", ")("]),
        ("root ::= [一-鿿]+ [，。]", ["火种。"], ["火种", "fire。"]),
        ('root ::= x-1 (x-1 |\n # none\n "y")*\nx-1 ::= "x"', ["x", "xyxx"], ["y"]),
    ],
)  # fmt: skip
def test_a_grammar_holds_what_it_says(
    guides: Guides, tokenizer: Tokenizer, gbnf: str, texts: list[str], others: list[str]
) -> None:
    for text in texts:
        assert accepts(guides, tokenizer, gbnf, text), text
    for text in others:
        assert not accepts(guides, tokenizer, gbnf, text), text


def test_a_token_by_its_number(guides: Guides, tokenizer: Tokenizer) -> None:
    token = tokenizer.token_id("<think>")
    answer = guides.constraint(Grammar(lark_of(f'root ::= <[{token}]> "a"')))
    assert answer.mask().nonzero()[0].tolist() == [token]


@pytest.mark.parametrize(
    ("gbnf", "words"),
    [
        ("root ::= this is (not valid GBNF", r"'\)' is missing \(line 1\)"),
        ('x ::= "a"', "no rule 'root'"),
        ("", "no rule 'root'"),
        ('root ::= "a"\n\nroot = "b"', r"'::=' is missing behind 'root' \(line 3\)"),
        ('root ::= a\na ::= "b" c', r"'c' is used and not defined \(line 2\)"),
        ('root ::= "a', "'\"' is missing"),
        ("root ::= [a-", "']' is missing"),
        ("root ::= []", "matches nothing"),
        ("root ::= [z-a]", "the range from 'z' to 'a' is empty"),
        ('root ::= "a"{3,1}', "count upwards"),
        ('root ::= "a"{9999}', "at most to 2000"),
        ('root ::= "a"{,}', "must be written"),
        ('root ::= "\\q"', "no escape"),
        ('root ::= "\\xZZ"', "no character"),
        ('root ::= "a" ) "b"', r"'\)' is not expected"),
        ("root ::= !<[3]>", "'!' before a token"),
        ("root ::= " + "(" * 5_000, "nested too deeply"),
    ],
)
def test_what_is_no_grammar_is_told_with_its_line(gbnf: str, words: str) -> None:
    with pytest.raises(RequestError, match=words) as caught:
        lark_of(gbnf)
    assert caught.value.param == "guide"
