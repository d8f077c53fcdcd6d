"""A SKILL.md: the public convention's frontmatter and prompt, and in its body what makes a form of it.

Frontmatter: `name`, `description`, and where wanted `license`, `compatibility`, `metadata` (text to text) and
`allowed-tools` (agentskills.io's specification; our files pass its reference validator).  The body is the prompt, with
{{field}} where a value goes.  Three fenced blocks are taken out of it: `fields` (see `fields.py`), `python` (see
`sandbox.py`) and `answer` (a JSON schema that the answer keeps to), and the section `## Examples` (see `check.py`).
A skill without them was written for another host: its whole body is the prompt as it stands, with its braces, examples
and code, and its `scripts/` are never run.

For readers of another language than the prompt's, the blocks `prompt-en` or `prompt-zh` hold it once more, and
`answer-en` or `answer-zh` the schema; {{language}} is the reader's language, by its own name.
"""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import yaml

from huozhong.errors import SkillError
from huozhong.skills.fields import Field, Language, read_fields

LONGEST = 200_000  # characters of a SKILL.md
_LONGEST_NAME, _LONGEST_DESCRIPTION, _LONGEST_COMPATIBILITY = 64, 1024, 500
_KEYS = ("name", "description", "license", "compatibility", "metadata", "allowed-tools")
LANGUAGES: dict[Language, str] = {"zh": "中文", "en": "English"}  # of readers, each by its own name
_TWICE = tuple(f"{kind}-{language}" for kind in ("prompt", "answer") for language in LANGUAGES)
BLOCKS = ("fields", "python", "answer", *_TWICE)
_FENCE = re.compile(
    r"^(?P<fence>`{3,}|~{3,})[ \t]*(?P<kind>[^\s`~]*)[^\n]*\n(?P<body>.*?)^(?P=fence)[ \t]*$\n?", re.M | re.S
)
_EXAMPLES = re.compile(r"^##[ \t]+(?:Examples|例子|示例)[ \t]*$\n(?P<body>.*?)(?=^##?[ \t]|\Z)", re.M | re.S)
_PLACE = re.compile(r"\{\{\s*([^{}\s]{1,40})\s*\}\}")
_SHOWN = re.compile(rf"{_FENCE.pattern}|`[^`\n]*`", re.M | re.S)  # code, in which {{x}} is another language's
_FIELD_OF_OURS = re.compile(r"(?<![${])\{\{[a-z\u4e00-\u9fff][a-z0-9_\u4e00-\u9fff]*\}\}(?!\})")
_EXPECTS = re.compile(r"^\s*(?:[-*][ \t]*)?(?:→|->|=>)", re.M)  # a line of an example of ours
# A program of ours ends with what it makes: a dict, a name, a number; what another host shows ends with a call.
_PROGRAM = re.compile(r"^(?:def (?:check|show|cues|instead)\(|\{)|^(?:\w+|'.*'|\".*\")[ \t]*\Z", re.M)
_OF_OURS = frozenset(["title", "title-en", "label", "label-en", "notice", "notice-en", "made-by"])  # of the metadata
_TOOL = re.compile(r"[^\s,(]+(?:\([^)]*\))?")  # Bash(git add:*) Read, Write


@dataclass(frozen=True)
class Skill:
    """One app.  prompt: the body without blocks and examples.  text: the whole file, as it is handed on.

    python, answer: the blocks, "" and None where there is none.  python_line: where its block begins in the file.
    prompts, answers: what stands there once more for readers of one language.  foreign: written for another host.
    """

    name: str
    description: str
    prompt: str
    text: str
    license: str = ""
    compatibility: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    tools: tuple[str, ...] = ()
    fields: tuple[Field, ...] = ()
    python: str = ""
    python_line: int = 0
    answer: dict[str, Any] | None = None
    examples: str = ""
    prompts: dict[str, str] = field(default_factory=dict)
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    foreign: bool = False

    @property
    def titles(self) -> tuple[str, str]:
        """What people call it: Chinese, English."""
        chinese = self.metadata.get("title") or self.metadata.get("title-en") or self.name
        return chinese[:60], (self.metadata.get("title-en") or chinese)[:60]

    @cached_property
    def places(self) -> frozenset[str]:
        """The names that stand in {{ }} in the prompt, where that means anything."""
        if self.foreign:
            return frozenset()
        return frozenset(place for prompt in (self.prompt, *self.prompts.values()) for place in _PLACE.findall(prompt))

    def filled(self, values: dict[str, str], language: Language = "zh") -> str:
        """The prompt with values in their places, each place once: what a value holds is never a place itself."""
        if self.foreign:
            return self.prompt
        values = {"language": LANGUAGES[language]} | values
        return _PLACE.sub(lambda found: values.get(found[1], ""), self.prompts.get(language) or self.prompt)

    def answer_in(self, language: Language) -> dict[str, Any] | None:
        """The schema of an answer to a reader of this language."""
        return self.answers.get(language, self.answer)

    def text_in(self, key: str, language: Language) -> str:
        """A text of the metadata for readers of this language; in Chinese where it stands there in no other.

        Apps have two: `label`, the line under every result, and `notice`, what is read before the form.
        """
        chinese = self.metadata.get(key, "")
        return chinese if language == "zh" else self.metadata.get(f"{key}-en", "") or chinese


def read_skill(text: str) -> Skill:
    """What a SKILL.md says.  `SkillError` names the first thing that is wrong, where, and what to do."""
    if len(text) > LONGEST:
        raise SkillError(f"文件太长，最多 {LONGEST} 个字。", f"The file is too long: at most {LONGEST} characters.")
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n")
    if any(ord(character) < 32 and character not in "\n\t" for character in text):
        raise SkillError("文件里有看不见的控制字符。", "The file holds control characters.")
    head, body, body_line = _split(text)
    if re.search("[\u0085\u2028\u2029]", head):  # to YAML a new line, to whoever looks at it none
        raise SkillError("开头里有看不见的换行。", "What stands between the --- holds line breaks that nobody sees.")
    values = _frontmatter(head)
    tools = _tools(values)
    asks = any(re.fullmatch("[a-z_]+", tool) for tool in tools)  # ours; those of other hosts are Read and Bash(git:*)
    blocks, prompt = _blocks(body, body_line, asks)
    metadata, examples = _metadata(values), _EXAMPLES.search(prompt)
    foreign = not (
        blocks
        or asks
        or _OF_OURS & metadata.keys()
        or (examples and _EXPECTS.search(examples["body"]))
        # a field that somebody forgot to make; templates of others have signs of their own
        or (_FIELD_OF_OURS.search(_SHOWN.sub("", body)) and not re.search(r"\{\{\s*[#/>^!&-]|\{%|\$\{\{", body))
    )
    if foreign:
        examples = None
    skill = Skill(
        name=_name(values),
        description=_text(values, "description", _LONGEST_DESCRIPTION, needed=True),
        license=_text(values, "license", 500),
        compatibility=_text(values, "compatibility", _LONGEST_COMPATIBILITY),
        metadata=metadata,
        tools=tools,
        prompt=(prompt if foreign else _EXAMPLES.sub("", prompt)).strip(),
        text=text,
        fields=read_fields(*blocks["fields"]) if "fields" in blocks else (),
        python=blocks["python"][0] if "python" in blocks else "",
        python_line=blocks["python"][1] if "python" in blocks else 0,
        answer=_schema(*blocks["answer"]) if "answer" in blocks else None,
        examples=examples["body"].strip() if examples else "",
        prompts={one: blocks[f"prompt-{one}"][0].strip() for one in LANGUAGES if f"prompt-{one}" in blocks},
        answers={one: _schema(*blocks[f"answer-{one}"]) for one in LANGUAGES if f"answer-{one}" in blocks},
        foreign=foreign,
    )
    if not skill.prompt and not skill.python and not skill.prompts:
        raise SkillError("文件里没有要对模型说的话。", "The file says nothing to the model: write what it should do.")
    _places_are_known(skill)
    return skill


def _split(text: str) -> tuple[str, str, int]:
    found = re.match(r"---[ \t]*\n(.*?)^---[ \t]*$\n?", text, re.M | re.S)
    if found is None:
        raise SkillError(
            "文件要以 --- 开头，写上 name 和 description，再以 --- 结束。",
            "A SKILL.md begins with ---, its name and its description, and --- again.",
        )
    return found[1], text[found.end() :], text[: found.end()].count("\n") + 1


class _Plain(yaml.BaseLoader):
    """Text only: no types, no tags, no aliases (which can multiply), no key twice."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not allowed")
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if getattr(event, "tag", None) is not None or getattr(event, "anchor", None) is not None:
            raise yaml.YAMLError("tags and anchors are not allowed")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [getattr(key, "value", None) for key, _ in node.value]
        if any(not isinstance(key, str) for key in keys):
            raise yaml.YAMLError("a key is text")
        if len(set(keys)) != len(keys):
            raise yaml.YAMLError("a key stands there twice")
        values: dict[Any, Any] = super().construct_mapping(node, deep)
        return values


def _frontmatter(head: str) -> dict[str, Any]:
    try:
        values = yaml.load(head, _Plain)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        reason = str(error).partition("\n")[0][:120]
        raise SkillError(
            f"开头 --- 之间的部分读不懂（{reason}）。", f"What stands between the --- cannot be read ({reason})."
        ) from None
    if not isinstance(values, dict):
        raise SkillError("开头 --- 之间写「name: …」这样的行。", "Between the --- stand lines like 'name: …'.")
    for key in values:
        if key not in _KEYS:
            raise SkillError(
                f"开头不能写“{key[:40]}”，只能写 {'、'.join(_KEYS)}。",
                f"There is no key '{key[:40]}'; use {', '.join(_KEYS)}.",
            )
    return values


def _text(values: dict[str, Any], key: str, longest: int, *, needed: bool = False) -> str:
    value = values.get(key, "")
    if not isinstance(value, str) or (needed and not value.strip()):
        raise SkillError(f"“{key}”要写上文字。", f"'{key}' needs a text.")
    if len(value) > longest:
        raise SkillError(f"“{key}”最多 {longest} 个字。", f"'{key}' has at most {longest} characters.")
    return value.strip()


def _name(values: dict[str, Any]) -> str:
    name = unicodedata.normalize("NFKC", _text(values, "name", 200, needed=True))
    good = all(part and part.isalnum() for part in name.split("-")) and name == name.lower()
    good = good and not (re.search("[a-z]", name) and re.search("[\u0370-\u052f]", name))  # аlmanac with a Cyrillic а
    if not good or len(name) > _LONGEST_NAME:
        raise SkillError(
            f"名字“{name[:40]}”不行：只用小写字母、汉字、数字和中间的 -，最多 {_LONGEST_NAME} 个字。",
            f"The name '{name[:40]}' will not do: small letters, digits and - between them, at most {_LONGEST_NAME}.",
        )
    return name


def _tools(values: dict[str, Any]) -> tuple[str, ...]:
    """One after the other, or as a list, as other hosts have it."""
    given = values.get("allowed-tools", "")
    if isinstance(given, list) and all(isinstance(one, str) for one in given):
        given = ", ".join(given)
    named = _text(values | {"allowed-tools": given}, "allowed-tools", 1000)
    return tuple(dict.fromkeys(one[0] for one in _TOOL.finditer(named)))


def _metadata(values: dict[str, Any]) -> dict[str, str]:
    """Text to text; what other hosts nest in it is kept as the text of a JSON value."""
    metadata = values.get("metadata", {}) or {}
    if not isinstance(metadata, dict):
        raise SkillError("“metadata”里每行是「名字: 文字」。", "'metadata' holds lines of 'key: text'.")
    metadata = {
        key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for key, value in metadata.items()
    }
    if any(len(value) > 1000 for value in metadata.values()) or len(metadata) > 50:
        raise SkillError("“metadata”太长。", "'metadata' is too long.")
    return metadata


def _blocks(body: str, body_line: int, asks: bool) -> tuple[dict[str, tuple[str, int]], str]:
    """Our blocks with the line each begins at, and the body without them.  asks: for tools of ours."""
    blocks: dict[str, tuple[str, int]] = {}
    fenced = list(_FENCE.finditer(body))
    kinds = [found["kind"] for found in fenced]
    # Skills of other hosts show code in their text: without a form, several blocks of it are no program of ours, and
    # one is none where nothing else is ours and it makes nothing.
    foreign = "fields" not in kinds and (
        kinds.count("python") > 1
        or not (
            asks
            or set(kinds) & set(BLOCKS) - {"python"}
            or _PLACE.search(body)
            or any(_PROGRAM.search(found["body"].rstrip()) for found in fenced if found["kind"] == "python")
        )
    )

    def take(found: re.Match[str]) -> str:
        kind = found["kind"]
        if kind not in BLOCKS or (foreign and kind == "python"):
            return found[0]
        line = body_line + body[: found.start("body")].count("\n")
        if kind in blocks:
            raise SkillError(
                f"第 {line} 行：``` {kind} 只能有一块。", f"Line {line}: there can be but one block of {kind}."
            )
        blocks[kind] = (found["body"], line)
        return ""

    return blocks, _FENCE.sub(take, body)


def _schema(block: str, line: int) -> dict[str, Any]:
    try:
        schema = json.loads(block)
    except (ValueError, RecursionError) as error:
        raise SkillError(
            f"第 {line} 行起：answer 不是 JSON（{error}）。", f"From line {line}: the answer is not JSON ({error})."
        ) from None
    if not isinstance(schema, dict) or schema.get("type") != "object":
        raise SkillError(
            f'第 {line} 行起：answer 是一个 JSON schema，"type" 为 "object"。',
            f'From line {line}: the answer is a JSON schema of "type" "object".',
        )
    properties = schema.get("properties", {})
    if not isinstance(properties, dict) or not all(isinstance(one, dict) for one in properties.values()):
        raise SkillError(
            f'第 {line} 行起：answer 的 "properties" 里每一项都是一个 JSON schema。',
            f'From line {line}: each of the answer\'s "properties" is a JSON schema.',
        )
    return schema


def _places_are_known(skill: Skill) -> None:
    """Where a block makes values, what a place means is known only when it has run."""
    unknown = sorted(skill.places - {one.key for one in skill.fields} - {"language"})
    if unknown and not skill.python:
        raise SkillError(
            f"“{{{{{unknown[0]}}}}}”没有对应的栏目；请在 fields 里加上它。",
            f"There is no field for '{{{{{unknown[0]}}}}}'; add it to the fields.",
        )
