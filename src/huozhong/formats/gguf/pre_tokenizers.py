"""The rules by which vocabularies cut text into pieces before merging, under the words that GGUF files have for them.

A file says `tokenizer.ggml.pre = smollm`; a Hugging Face folder spells the rule out.  Where a published tokenizer.json
is known, its own pattern stands here; llama.cpp's are sometimes simpler because its regular expressions know less.
The words of encoders (jina, roberta, modern-bert, ...) are left out: no such model is run here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class PreTokenizer:
    """How text is cut before merging: every pattern in turn cuts the pieces that the ones before it left.

    compose: text is brought into Unicode's composed form (NFC) first.
    ignore_merges: a piece that is a token is not merged up but taken whole.
    """

    patterns: tuple[str, ...]
    compose: bool = False
    ignore_merges: bool = False

    def to_json(self) -> dict[str, Any]:
        """The `pre_tokenizer` entry of tokenizer.json."""
        return {"type": "Sequence", "pretokenizers": [*(split_step(pattern) for pattern in self.patterns), BYTE_LEVEL]}


DIGIT = r"\p{N}"  # each digit becomes a piece of its own
BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}


def split_step(pattern: str) -> dict[str, Any]:
    """One pattern as a step of tokenizer.json."""
    if pattern == DIGIT:
        return {"type": "Digits", "individual_digits": True}
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}


GPT2 = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
_TAIL = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_BLANKS = r"\s*[\r\n]+|\s+(?!\S)|\s+"
_THREES = r"\p{N}{1,3}"
_THREES_FROM_THE_END = r"\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N}))"
_HAN_AND_KANA = "[一-龥぀-ゟ゠-ヿ]+"
_EAST_ASIAN = "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+"
_MARKED_WORDS = (  # DeepSeek V3's: a mark and the letters behind it; words; runs of marks
    r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+"""
)


def _word_rule(digits: str, *, letter: str = r"\p{L}", marks_end: str = r"[\r\n]*", tail: str = _TAIL + "|") -> str:
    """What tiktoken's later vocabularies, Llama 3 and Qwen share; they differ in how digits group."""
    other = letter if letter == r"\p{L}" else letter.strip("[]")
    return rf"{tail}[^\r\n\p{{L}}\p{{N}}]?{letter}+|{digits}| ?[^\s{other}\p{{N}}]+{marks_end}|{_BLANKS}"


def _cased_rule(digits: str, *, tail: str = _TAIL + "?", without: str = "", marks_end: str = r"[\r\n/]*") -> str:
    """What GPT-4o's vocabulary and its kin share: a word is capitals, then small letters.  without: of no word."""
    less = rf"&&[^{without}]" if without else ""
    high, low = rf"[\p{{Lu}}\p{{Lt}}\p{{Lm}}\p{{Lo}}\p{{M}}{less}]", rf"[\p{{Ll}}\p{{Lm}}\p{{Lo}}\p{{M}}{less}]"
    before = r"[^\r\n\p{L}\p{N}]?"
    return (
        rf"{before}{high}*{low}+{tail}|{before}{high}+{low}*{tail}|{digits}| ?[^\s\p{{L}}\p{{N}}]+{marks_end}|{_BLANKS}"
    )


# Letters of alphabets with upper and lower case, as DeepSeek's first tokenizer lists them.
_CASED = (
    "A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-\u0293\u0295-\u02af\u0370-\u0373\u0376\u0377\u037b-\u037d\u037f\u0386\u0388-\u038a"
    "\u038c\u038e-\u03a1\u03a3-\u03f5\u03f7-\u0481\u048a-\u052f\u0531-\u0556\u10a0-\u10c5\u13a0-\u13f5\u13f8-"
    "\u13fd\u1c90-\u1cba\u1cbd-\u1cbf\u1d00-\u1d2b\u1d6b-\u1d77\u1d79-\u1d9a\u1e00-\u1f15\u1f18-\u1f1d\u1f20-"
    "\u1f45\u1f48-\u1f4d\u1f50-\u1f57\u1f59\u1f5b\u1f5d\u1f5f-\u1f7d\u1f80-\u1fb4\u1fb6-\u1fbc\u1fbe\u1fc2-"
    "\u1fc4\u1fc6-\u1fcc\u1fd0-\u1fd3\u1fd6-\u1fdb\u1fe0-\u1fec\u1ff2-\u1ff4\u1ff6-\u1ffc\u2102\u2107\u210a-"
    "\u2113\u2115\u2119-\u211d\u2124\u2126\u2128\u212a-\u212d\u212f-\u2134\u2139\u213c-\u213f\u2145-\u2149"
    "\u214e\u2183\u2184\u2c00-\u2c7b\u2c7e-\u2ce4\u2ceb-\u2cee\u2cf2\u2cf3\ua640-\ua66d\ua680-\ua69b\ua722-"
    "\ua76f\ua771-\ua787\ua78b-\ua78e\uab70-\uabbf\ufb00-\ufb06\ufb13-\ufb17\uff21-\uff3a\uff41-\uff5a"
    "\U00010400-\U0001044f\U000104b0-\U000104d3\U000104d8-\U000104fb\U00010c80-\U00010cb2\U00010cc0-"
    "\U00010cf2\U000118a0-\U000118df\U0001e900-\U0001e943"
)

_LLAMA3 = PreTokenizer((_word_rule(_THREES),), ignore_merges=True)
_LLAMA3_MERGED = PreTokenizer((_word_rule(_THREES),))
_QWEN2 = PreTokenizer((_word_rule(DIGIT),), compose=True)
_QWEN2_PLAIN = PreTokenizer((_word_rule(DIGIT),))
_GPT2_RULE = PreTokenizer((GPT2,))
_DIGITS_GPT2 = PreTokenizer((DIGIT, GPT2))
_GPT_4O = PreTokenizer((_cased_rule(_THREES),))
_DEEPSEEK_V3 = PreTokenizer((_THREES, _HAN_AND_KANA, rf"{_MARKED_WORDS}[\r\n]*|{_BLANKS}"))
_AYA = PreTokenizer((r"\d{1,3}(?=(?:\d{3})*\b)", _cased_rule(_THREES)))
_BAILING = PreTokenizer(
    (
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]"
        r"|\s+(?!\S)|\s+",
    )
)
_NOT_BREAKS = " ?[^(\\s|.,!?…。，、।۔،)]+"  # BLOOM's: everything up to a blank or a mark
_ANY_SCRIPT = (  # Trinity's list of scripts without blanks
    "[一-鿿㐀-䶿豈-\ufaff぀-ゟ゠-ヿ･-ﾟ⼀-\u2fdf\u0e40-\u0e7f\u0e80-\u0effក-\u17ffက-႟ꩠ-ꩿꧠ-\ua9ff가-\ud7afᄀ-ᇿ]+"
)
PRE_TOKENIZERS: dict[str, PreTokenizer] = {
    "gpt-2": _GPT2_RULE, "phi-2": _GPT2_RULE, "gigachat": _GPT2_RULE, "a.x-4.0": _GPT2_RULE, "mellum": _GPT2_RULE,
    "exaone4": _GPT2_RULE, "jais": _GPT2_RULE, "trillion": _GPT2_RULE, "granite-docling": _GPT2_RULE,
    # GPT-NeoX's rule
    "mpt": PreTokenizer((GPT2,), compose=True), "olmo": PreTokenizer((GPT2,), compose=True),
    # what llama.cpp does where a file names no rule
    "default": PreTokenizer((r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", "[0-9][0-9][0-9]")),
    "falcon": PreTokenizer((r"[\p{P}\$\+<=>\^~\|`]+", GPT2, "[0-9][0-9][0-9]")),
    "smollm": _DIGITS_GPT2, "starcoder": _DIGITS_GPT2, "refact": _DIGITS_GPT2, "codeshell": _DIGITS_GPT2,
    "exaone": _DIGITS_GPT2, "minerva-7b": _DIGITS_GPT2, "mellum2": _DIGITS_GPT2,
    "command-r": PreTokenizer((DIGIT, GPT2), compose=True),
    "llama-bpe": _LLAMA3, "llama3": _LLAMA3, "llama-v3": _LLAMA3, "falcon3": _LLAMA3, "falcon-h1": _LLAMA3,
    "pixtral": _LLAMA3, "midm-2.0": _LLAMA3, "lfm2": _LLAMA3, "glm4": _LLAMA3, "glm5": _LLAMA3,
    "chatglm-bpe": _LLAMA3_MERGED, "dbrx": _LLAMA3_MERGED, "smaug-bpe": _LLAMA3_MERGED,
    "jais-2": PreTokenizer(
        (
            _word_rule(_THREES).removesuffix(r"|\s+(?!\S)|\s+")
            + "".join(rf"|\s{{{2**n}}}(?!\S)" for n in range(9, 1, -1)) + r"|\s{1,2}(?!\S)|\s{1}",
        )
    ),
    "minicpm5": PreTokenizer((_THREES, _word_rule(r"\p{N}+")), ignore_merges=True),
    "qwen2": _QWEN2, "deepseek-r1-qwen": _QWEN2, "kormo": _QWEN2, "megrez": _QWEN2, "f2llmv2": _QWEN2,
    "qwen35": PreTokenizer((_word_rule(DIGIT, letter=r"[\p{L}\p{M}]"),), compose=True),
    "stablelm2": _QWEN2, "hunyuan": _QWEN2_PLAIN, "solar-open": _QWEN2_PLAIN, "grok-2": _QWEN2_PLAIN,
    "laguna": PreTokenizer((r"[^\n]+|[\n]+", _word_rule(DIGIT))),
    "ufakzeka": PreTokenizer((_word_rule(DIGIT, tail=""),)),
    "seed-coder": PreTokenizer(
        (rf"{_TAIL}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}| ?[^\s\p{{L}}\p{{N}}\r\n]+|{_BLANKS}",)
    ),
    "exaone-moe": PreTokenizer(
        (
            _TAIL + r"|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?"
            r"|\s*[\r\n]|\s+(?!\S)|\s+",
        )
    ),
    "bailingmoe": _BAILING, "bailingmoe2": _BAILING, "llada-moe": _BAILING,
    "tekken": PreTokenizer((_cased_rule(DIGIT, tail=""),), ignore_merges=True),
    "gpt-4o": _GPT_4O, "llama4": _GPT_4O, "kanana2": _GPT_4O, "talkie": _GPT_4O, "minimax-m2": _GPT_4O,
    "tiny_aya": _AYA, "cohere2moe": _AYA,
    "kimi-k2": PreTokenizer(
        (r"\p{Han}+|" + _cased_rule(_THREES, without=r"\p{Han}", marks_end=r"[\r\n]*"),)
    ),
    "youtu": PreTokenizer(
        (
            "[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|" + _HAN_AND_KANA,
            _cased_rule(DIGIT),
        ),
        ignore_merges=True,
    ),
    "deepseek-llm": PreTokenizer(
        ("[\r\n]", rf"\s?[{_CASED}]+", "\\s?[!-/:-~！-／：-～‘-‟\u3000-。]+", r"\s+$", _EAST_ASIAN, DIGIT)
    ),
    "deepseek-coder": PreTokenizer(("[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", _EAST_ASIAN, DIGIT)),
    "deepseek-v3": _DEEPSEEK_V3, "hunyuan-dense": _DEEPSEEK_V3, "joyai-llm": _DEEPSEEK_V3, "hy_v4": _DEEPSEEK_V3,
    "spark2_5": PreTokenizer(
        (_THREES, _HAN_AND_KANA, rf"{_MARKED_WORDS}|[\r\n]|\s+(?!\S)|\s+", DIGIT)
    ),
    "afmoe": PreTokenizer((_THREES_FROM_THE_END, _ANY_SCRIPT, rf"{_MARKED_WORDS}[\r\n]*|{_BLANKS}")),
    "superbpe": PreTokenizer((r"\p{N}+", r"\d{1,3}(?=(?:\d{3})*(?!\d))")),
    "bloom": PreTokenizer((_NOT_BREAKS,)), "gpt3-finnish": PreTokenizer((_NOT_BREAKS,)),
    "poro-chat": PreTokenizer((_NOT_BREAKS,)), "viking": PreTokenizer((_NOT_BREAKS, DIGIT)),
    "chameleon": PreTokenizer(
        (
            "<sentinel:[0-9]+>", "(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z", r"([\t\n]|    |  )", DIGIT,
            r"[\p{P}!-/:-@\[-`{-~]", GPT2,
        )
    ),
}  # fmt: skip
