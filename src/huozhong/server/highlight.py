"""Code in colours: source text -> pieces of a kind, by one regular expression a language.  Pure, no state.

Not a parser: what a reader of a chat needs is to see comments, strings, numbers and keywords at a glance.  Every
language is a few lists (`_Language`); the expression made of them goes over the text once, and what it does not know
stays plain, so half a program while it streams looks as it will look when it is whole.

Kinds: c comment, s string, k keyword, b built-in value or type, n number, f name of what is called or defined,
a tag or key, i inserted line, d deleted line.  Each is a class `hl-…` of the page's style sheet.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from html import escape

KINDS = "cskbnfaid"
MAX_CHARACTERS = 50_000  # a longer text is shown plain: it is data, and nobody reads it by colours

_NUMBER = r"(?<![\w.])(?:0[xXbBoO][\da-fA-F_]+|\d[\d_]*(?:\.\d[\d_]*)?(?:[eE][+-]?\d+)?)[a-zA-Z]{0,3}(?!\w)"
_CALL = r"[A-Za-z_$][\w$]*(?=\()"
_WORD = r"[A-Za-z_$@][\w$]*[?!]?"
# A string ends at its mark or with its line, and never fails once begun: so no text is looked through twice.
_DOUBLE = r'"(?:\\.|[^"\\\n])*(?:"|\\?$)'
_SINGLE = r"'(?:\\.|[^'\\\n])*(?:'|\\?$)"
_CHARACTER = r"'(?:\\.[^'\n]{0,8}|[^'\\\n])'"
_BACKTICK = r"`(?:\\[\s\S]|[^`\\])*(?:`|\\?\Z)"
_TRIPLE = r'[rbfuRBFU]{0,2}(?:"""[\s\S]*?(?:"""|\Z)|' + r"'''[\s\S]*?(?:'''|\Z))"
_SLASHES, _HASH, _DASHES = r"//[^\n]*", r"(?<![\w$&])#[^\n]*", r"--[^\n]*"
_STAR = r"/\*[\s\S]*?(?:\*/|\Z)"


@dataclass(frozen=True)
class _Language:
    """comment, string: alternatives of an expression.  keyword, builtin: words.  own: (kind, expression), tried first.

    folded: words are the same in capitals.
    """

    comment: tuple[str, ...] = ()
    string: tuple[str, ...] = ()
    keyword: str = ""
    builtin: str = ""
    own: tuple[tuple[str, str], ...] = ()
    folded: bool = False

    @property
    def pattern(self) -> str:
        parts = [f"(?P<{kind}{index}>{one})" for index, (kind, one) in enumerate(self.own)]
        for kind, choices in (("c", self.comment), ("s", self.string)):
            if choices:
                parts.append(f"(?P<{kind}>{'|'.join(choices)})")
        if self.keyword or self.builtin:
            parts += [f"(?P<n>{_NUMBER})", f"(?P<call>{_CALL})", f"(?P<word>{_WORD})"]
        return "|".join(parts)


_C_LIKE = (_SLASHES, _STAR)
_C_WORDS = (
    "if else for while do switch case default break continue return goto struct union enum typedef static extern "
    "const volatile register inline sizeof"
)
_OBJECT_WORDS = (
    "class interface extends implements new this super public private protected abstract final import package try "
    "catch finally throw throws instanceof"
)
_JS = _Language(
    comment=_C_LIKE,
    string=(_DOUBLE, _SINGLE, _BACKTICK),
    keyword="var let const function return if else for while do switch case default break continue new delete typeof "
    "instanceof in of class extends super this import export from as async await yield try catch finally throw static "
    "get set void interface type enum implements readonly declare namespace private public protected abstract keyof",
    builtin="true false null undefined NaN Infinity console document window Math JSON Object Array String Number "
    "Boolean Promise Map Set Date RegExp string number boolean any unknown never",
)
_C = _Language(
    comment=_C_LIKE,
    string=(_DOUBLE, _CHARACTER),
    keyword=_C_WORDS,
    builtin="void int char short long float double unsigned signed bool size_t int8_t int16_t int32_t int64_t uint8_t "
    "uint16_t uint32_t uint64_t FILE NULL true false",
    own=(("k", r"(?m:^[ \t]*#[ \t]*(?:include|define|undef|ifdef|ifndef|if|elif|else|endif|pragma|error)\b)"),),
)
_MARKUP = _Language(
    comment=(r"<!--[\s\S]*?(?:-->|\Z)",),
    own=(
        ("k", r"<[!?/]?[A-Za-z][\w:.-]*|/?>|\?>"),
        ("s", r'(?<==)(?:"[^"<]*(?:"|$)|' + r"'[^'<]*(?:'|$))"),
        ("a", r"(?<=[\s\"'])[A-Za-z_:@][\w:.-]*(?==[\"'])"),
        ("b", r"&#?\w{1,12};"),
    ),
)
_LANGUAGES: dict[str, _Language] = {
    "python py python3": _Language(
        comment=(_HASH,),
        string=(_TRIPLE, "[rbfuRBFU]{0,2}" + _DOUBLE, "[rbfuRBFU]{0,2}" + _SINGLE),
        keyword="and as assert async await break class continue def del elif else except finally for from global if "
        "import in is lambda match case nonlocal not or pass raise return try while with yield",
        builtin="True False None self cls int float str bool list dict set tuple bytes object range len print input "
        "open sum min max sorted enumerate zip map filter abs round any all isinstance type super",
    ),
    "javascript js jsx typescript ts tsx node": _JS,
    "java": _Language(
        comment=_C_LIKE,
        string=(r'"""[\s\S]*?(?:"""|\Z)', _DOUBLE, _CHARACTER),
        keyword=_C_WORDS + " " + _OBJECT_WORDS + " synchronized transient native record var enum sealed permits yield",
        builtin="void int long short byte char float double boolean true false null String Integer List Map Set System",
    ),
    "c h": _C,
    "cpp c++ cc hpp cxx": _Language(
        comment=_C.comment,
        string=_C.string,
        keyword=_C_WORDS + " class public private protected virtual override final new delete this using namespace "
        "template typename try catch throw auto constexpr friend operator explicit mutable noexcept decltype nullptr",
        builtin=_C.builtin + " std string vector map set pair cout cin cerr endl unique_ptr shared_ptr",
        own=_C.own,
    ),
    "csharp cs c#": _Language(
        comment=_C_LIKE,
        string=("[$@]{0,2}" + _DOUBLE, _CHARACTER),
        keyword=_C_WORDS + " " + _OBJECT_WORDS + " namespace using virtual override sealed async await var in out ref "
        "foreach is as get set readonly record lock yield partial where",
        builtin="void int long short byte char float double decimal bool string object true false null Console",
    ),
    "go golang": _Language(
        comment=_C_LIKE,
        string=(_DOUBLE, _CHARACTER, _BACKTICK),
        keyword="break case chan const continue default defer else fallthrough for func go goto if import interface "
        "map package range return select struct switch type var",
        builtin="true false nil iota int int8 int16 int32 int64 uint uint8 uint16 uint32 uint64 float32 float64 string "
        "bool byte rune error any append cap close copy delete len make new panic print println recover",
    ),
    "rust rs": _Language(
        comment=_C_LIKE,
        string=(_DOUBLE, _CHARACTER),
        keyword="as async await break const continue crate dyn else enum extern fn for if impl in let loop match mod "
        "move mut pub ref return self Self static struct super trait type unsafe use where while",
        builtin="true false i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize f32 f64 bool char str String Vec "
        "Option Some None Result Ok Err Box",
    ),
    "kotlin kt": _Language(
        comment=_C_LIKE,
        string=(r'"""[\s\S]*?(?:"""|\Z)', _DOUBLE, _CHARACTER),
        keyword=_OBJECT_WORDS + " fun val var when is in if else for while do return break continue object companion "
        "data sealed open override suspend lateinit by as typealias",
        builtin="true false null Int Long Float Double Boolean String Char Unit Any List Map Set println",
    ),
    "swift": _Language(
        comment=_C_LIKE,
        string=(r'"""[\s\S]*?(?:"""|\Z)', _DOUBLE),
        keyword="let var func class struct enum protocol extension import if else guard for in while repeat switch "
        "case default break continue return throw throws try catch do as is self super init deinit public private "
        "internal static mutating override async await defer where inout",
        builtin="true false nil Int Double Float String Bool Character Array Dictionary Set Any print",
    ),
    "php": _Language(
        comment=(_SLASHES, _STAR, _HASH),
        string=(_DOUBLE, _SINGLE),
        keyword=_C_WORDS
        + " "
        + _OBJECT_WORDS
        + " function echo print foreach as elseif namespace use trait var global "
        "fn match and or",
        builtin="true false null array string int float bool isset empty count",
    ),
    "ruby rb": _Language(
        comment=(_HASH,),
        string=(_DOUBLE, _SINGLE, r"(?<![\w:]):[a-z_]\w*"),
        keyword="def end class module if elsif else unless while until for in do begin rescue ensure raise return "
        "yield break next redo retry case when then and or not super self require require_relative include "
        "extend lambda",
        builtin="true false nil puts print p gets attr_accessor attr_reader attr_writer Array Hash String Integer",
    ),
    "lua": _Language(
        comment=(r"--\[\[[\s\S]*?(?:\]\]|\Z)", _DASHES),
        string=(_DOUBLE, _SINGLE, r"\[\[[\s\S]*?(?:\]\]|\Z)"),
        keyword="and break do else elseif end for function goto if in local not or repeat return then until while",
        builtin="true false nil print pairs ipairs table string math io os self",
    ),
    "r": _Language(
        comment=(_HASH,),
        string=(_DOUBLE, _SINGLE),
        keyword="if else for while repeat function return break next in library require",
        builtin="TRUE FALSE NULL NA Inf NaN print paste mean sum length data.frame",
    ),
    "bash sh shell zsh console": _Language(
        comment=(r"(?:(?<=\s)|(?<![\s\S]))#[^\n]*",),
        string=(r'"(?:\\[\s\S]|[^"\\])*(?:"|\\?\Z)', r"'[^']*(?:'|\Z)"),
        keyword="if then else elif fi for while until do done case esac in function return exit export local set unset "
        "source alias trap break continue shift sudo",
        builtin="echo cd ls cat grep sed awk cp mv rm mkdir chmod chown curl wget tar git make pip python python3 apt "
        "apt-get docker true false test read printf kill",
        own=(("b", r"\$(?:\w+|\{[^}\n]*\}?|[?#@*!$])"),),
    ),
    "powershell ps1": _Language(
        comment=(r"<#[\s\S]*?(?:#>|\Z)", _HASH),
        string=(_DOUBLE, _SINGLE),
        keyword="function param if else elseif foreach for while do switch return break continue try catch finally "
        "throw",
        own=(("b", r"\$\w+"), ("f", r"\b[A-Z][a-z]+-[A-Z]\w+")),
        folded=True,
    ),
    "sql mysql sqlite postgresql": _Language(
        comment=(_DASHES, _STAR),
        string=(r"'(?:''|[^'])*(?:'|\Z)", r'"[^"\n]*(?:"|$)', r"`[^`\n]*(?:`|$)"),
        keyword="select from where and or not in is null like between exists case when then else end as distinct join "
        "left right inner outer full cross on using group by order having limit offset union all insert into values "
        "update set delete create table view index drop alter add column primary key foreign references unique check "
        "default constraint begin commit rollback with recursive returning asc desc if over partition",
        builtin="int integer bigint smallint text varchar char real float double decimal numeric date time timestamp "
        "boolean blob json true false count sum avg min max coalesce",
        folded=True,
    ),
    "html xml svg vue xhtml": _MARKUP,
    "css scss less": _Language(
        comment=(_STAR,),
        string=(_DOUBLE, _SINGLE),
        own=(
            ("k", r"@[\w-]+|!important\b"),
            ("a", r"(?<![\w-])[\w-]+(?=[ \t]*:[^:{}\n]*[;}\n])"),
            ("n", r"#[\da-fA-F]{3,8}\b|(?<![\w-])-?\d*\.?\d+(?:%|[a-z]{1,4}\b)?"),
            ("f", r"(?<![\w-])[\w-]+(?=\()|[.#][A-Za-z_][\w-]*"),
        ),
    ),
    "json jsonc json5 jsonl": _Language(
        comment=(_SLASHES,), string=(_DOUBLE,), builtin="true false null", own=(("a", r'"(?:\\.|[^"\\\n])*"(?=\s*:)'),)
    ),
    "yaml yml": _Language(
        comment=(r"(?:(?<=\s)|(?<![\s\S]))#[^\n]*",),
        string=(_DOUBLE, r"'[^'\n]*(?:'|$)"),
        builtin="true false null yes no",
        own=(("a", r"(?m:^[ \t]*(?:- )?[\w./-]+(?=:(?:\s|$)))"),),
    ),
    "toml ini conf cfg": _Language(
        comment=(r"(?m:^[ \t]*[#;][^\n]*)", r"(?<=\s)#[^\n]*"),
        string=(_TRIPLE, _DOUBLE, _SINGLE),
        builtin="true false",
        own=(("k", r"(?m:^[ \t]*\[[^\n]*\]?)"), ("a", r"(?m:^[ \t]*[\w.-]+(?=[ \t]*=))")),
    ),
    "diff patch": _Language(
        own=(
            ("k", r"(?m:^(?:@@|diff |index |\+\+\+ |--- )[^\n]*)"),
            ("i", r"(?m:^\+[^\n]*)"),
            ("d", r"(?m:^-[^\n]*)"),
        )
    ),
    "dockerfile docker": _Language(
        comment=(_HASH,),
        string=(_DOUBLE, _SINGLE),
        own=(
            (
                "k",
                r"(?m:^[ \t]*(?:FROM|RUN|CMD|COPY|ADD|ENV|ARG|WORKDIR|EXPOSE|ENTRYPOINT|USER|VOLUME|LABEL|SHELL)\b)",
            ),
        ),
    ),
    "makefile make": _Language(
        comment=(_HASH,),
        string=(_DOUBLE, _SINGLE),
        own=(("f", r"(?m:^[\w.%/ -]+(?=:))"), ("b", r"\$(?:\([^)\n]*\)?|[@<^*])")),
    ),
}
_BY_NAME = {name: language for names, language in _LANGUAGES.items() for name in names.split()}


def highlight(code: str, language: str) -> str:
    """HTML of the code: text escaped, known pieces in <span class="hl-KIND">.  Joined, its text is the code again.

    An unknown language, or more than MAX_CHARACTERS, gives the escaped text alone.
    """
    compiled = _compiled(language.lower())
    if compiled is None or len(code) > MAX_CHARACTERS:
        return escape(code)
    return "".join(
        f'<span class="hl-{kind}">{escape(piece)}</span>' if kind else escape(piece)
        for kind, piece in _pieces(code, *compiled)
    )


@cache
def _compiled(name: str) -> tuple[re.Pattern[str], dict[str, str], bool] | None:
    language = _BY_NAME.get(name)
    if language is None:
        return None
    words = dict.fromkeys(language.builtin.split(), "b") | dict.fromkeys(language.keyword.split(), "k")
    return re.compile(language.pattern, re.MULTILINE), words, language.folded


def _pieces(code: str, pattern: re.Pattern[str], words: dict[str, str], folded: bool) -> Iterator[tuple[str, str]]:
    """(kind or "", text) from the beginning to the end."""
    done = 0
    for match in pattern.finditer(code):
        group, text = match.lastgroup or "", match[0]
        if group in ("word", "call"):
            kind = words.get(text.lower() if folded else text, "f" if group == "call" else "")
        else:
            kind = group[0]
        if not kind or not text:
            continue
        if match.start() > done:
            yield "", code[done : match.start()]
        yield kind, text
        done = match.end()
    yield "", code[done:]
