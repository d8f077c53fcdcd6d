"""What a SKILL.md says, as the public convention has it; its own reference validator is the oracle."""

from __future__ import annotations

from pathlib import Path

import pytest
from skills_ref import validate

from huozhong.errors import SkillError
from huozhong.skills.skill import read_skill

GOOD = """---
name: 看天气说话
description: Words about the weather.
license: MIT
metadata:
  title: 看天气说话
  title-en: Weather words
allowed-tools: keep search
---
# Weather

```fields
city: text 城市 / City
sky: choice(晴, 雨) 天 / Sky
```

Say something kind about {{sky}} weather in {{ city }}. {{extra}}

```python
{"extra": city + "!"}
```

```bash
rm -rf /
```

## Examples

- city: 长沙
  sky: 晴
  → 长沙
"""


def test_what_it_says() -> None:
    skill = read_skill(GOOD)
    assert (skill.name, skill.license, skill.tools) == ("看天气说话", "MIT", ("keep", "search"))
    assert skill.titles == ("看天气说话", "Weather words")
    assert [field.key for field in skill.fields] == ["city", "sky"]
    assert skill.python == '{"extra": city + "!"}\n'
    assert GOOD.splitlines()[skill.python_line - 1] == '{"extra": city + "!"}'
    assert "```bash" in skill.prompt  # others' blocks are words of the prompt, and never run
    assert "fields" not in skill.prompt
    assert "Examples" not in skill.prompt
    assert skill.places == {"sky", "city", "extra"}
    assert skill.examples.startswith("- city: 长沙")


def test_texts_for_readers_of_two_languages() -> None:
    skill = read_skill(
        GOOD.replace("metadata:\n", "metadata:\n  label: 看云\n  notice: 带伞\n  notice-en: An umbrella\n")
    )
    assert [skill.text_in("notice", "zh"), skill.text_in("notice", "en")] == ["带伞", "An umbrella"]
    assert [skill.text_in("label", "zh"), skill.text_in("label", "en")] == ["看云", "看云"], "nothing else stands there"
    assert skill.text_in("nothing", "en") == ""


def test_the_reference_validator_agrees(tmp_path: Path) -> None:
    folder = tmp_path / "看天气说话"
    folder.mkdir()
    (folder / "SKILL.md").write_text(GOOD, encoding="utf-8")
    assert validate(folder) == []


def test_values_are_put_in_once() -> None:
    skill = read_skill(GOOD)
    filled = skill.filled({"city": "{{sky}} {{extra}}", "sky": "雨", "extra": ""})
    assert "weather in {{sky}} {{extra}}." in filled


def test_a_skill_without_our_blocks_is_a_prompt() -> None:
    skill = read_skill("---\nname: pdf\ndescription: Handles PDF.\n---\nDo this with `scripts/x.py`.")
    assert (skill.fields, skill.python, skill.answer) == ((), "", None)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("name: 看天气说话", "name: ../../etc"), "will not do"),
        (("name: 看天气说话", "name: Big"), "will not do"),
        (("name: 看天气说话", "name: a--b"), "will not do"),
        (("name: 看天气说话\n", ""), "'name' needs a text"),
        (("license: MIT", "fields: x"), "no key 'fields'"),
        (("license: MIT", "license: !!python/object/apply:os.system [id]"), "cannot be read"),
        (("license: MIT", "license: &a x\ncompatibility: *a"), "cannot be read"),
        (("license: MIT", "name: twice"), "twice"),
        (("license: MIT", "license: [1, 2]"), "'license' needs a text"),
        (("---\nname", "name"), "begins with ---"),
        (("sky: choice(晴, 雨)", "sky: choice(晴)"), "Line 14: a choice needs two options"),
        (("sky: choice(晴, 雨)", "sky: colour"), "Line 14: there is no type 'colour'"),
        (("sky: choice(晴, 雨) 天", "city: text 天"), "Line 14: 'city' stands there twice"),
        (("city: text", "ci-ty: text"), "is no name for a field"),
        (("city: text", "from: text"), "is no name for a field"),
        (("```bash\nrm -rf /", "```fields\nx: text"), "but one block of fields"),
        (("```bash\nrm -rf /", "```answer\n{"), "is not JSON"),
        (("```bash\nrm -rf /", '```answer\n{"type": "string"}'), 'of "type" "object"'),
        (("kind", "ki\x00nd"), "control characters"),
        (("license: MIT", "license: MIT\u2028allowed-tools: ask"), "line breaks that nobody sees"),
        (("name: 看天气说话", "name: \u0430lmanac"), "will not do"),
        (("```bash\nrm -rf /", '```answer\n{"type": "object", "properties": 5}'), "is a JSON schema"),
        (("```bash\nrm -rf /", '```answer\n{"type": "object", "properties": {"a": 1}}'), "is a JSON schema"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(change: tuple[str, str], says: str) -> None:
    assert change[0] in GOOD
    with pytest.raises(SkillError, match=says) as caught:
        read_skill(GOOD.replace(*change, 1))
    assert "\n" not in str(caught.value)
    assert any("\u4e00" <= character <= "\u9fff" for character in caught.value.chinese)


def test_a_place_that_nobody_fills_is_said() -> None:
    with pytest.raises(SkillError, match=r"no field for '\{\{who\}\}'"):
        read_skill("---\nname: a\ndescription: b\n---\nGreet {{who}}.")


def test_code_that_another_hosts_skill_shows_is_text() -> None:
    body = "Use it:\n```python\nimport os\n```\nor:\n```python\nos.remove('x')\n```\n"
    skill = read_skill("---\nname: theirs\ndescription: Shows code.\n---\n" + body)
    assert skill.python == ""
    assert "os.remove" in skill.prompt


@pytest.mark.parametrize(
    "body",
    [
        "Use pypdf:\n```python\nfrom pypdf import PdfReader\nprint(len(PdfReader('a.pdf').pages))\n```",
        "Write:\n```\nDear {{name}},\n```\nor `{{who}}`.",
        "Use ${{ secrets.TOKEN }}, {{#each items}}{{this}}{{/each}}, {{NAME}} and {{ site.title }}.",
        "Do it.\n\n## Examples\n\n- Input: foo\n  Output: bar\n- A sentence, without a colon.\n\n## After\n\nMore.",
        "Do it.\n\n---\n\n```json\n{}\n```",
    ],
)
def test_what_was_written_for_another_host_is_a_prompt_as_it_stands(body: str) -> None:
    skill = read_skill(f"---\nname: theirs\ndescription: Theirs.\nmetadata:\n  author: them\n---\n{body}\n")
    assert skill.foreign
    assert skill.filled({"name": "x", "who": "y"}) == body
    assert (skill.fields, skill.python, skill.answer, skill.examples, skill.places) == ((), "", None, "", frozenset())


@pytest.mark.parametrize("code", ["{'answer': 'x'}", "n = 1\n'x'", "def check(answer):\n    return None", "n = 3\nn"])
def test_one_block_that_makes_something_is_a_program_of_ours(code: str) -> None:
    skill = read_skill(f"---\nname: a\ndescription: b\n---\nx\n```python\n{code}\n```\n")
    assert skill.python == code + "\n"
    assert not skill.foreign


def test_what_other_hosts_nest_is_text() -> None:
    """The reference validator takes both; the names of tools are shown as those that are not here."""
    head = "name: a\ndescription: b\nmetadata:\n  tags:\n    - git\n    - 提交\n  links:\n    home: https://x.example\n"
    skill = read_skill(f"---\n{head}allowed-tools:\n  - Read\n  - Bash(git add:*)\n---\nx")
    assert skill.metadata == {"tags": '["git", "提交"]', "links": '{"home": "https://x.example"}'}
    assert skill.tools == ("Read", "Bash(git add:*)")
    assert read_skill("---\nname: a\ndescription: b\nallowed-tools: Read, Bash(jq:*) Read\n---\nx").tools == (
        "Read",
        "Bash(jq:*)",
    )
