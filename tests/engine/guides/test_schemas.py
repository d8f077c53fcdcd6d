"""What a guide can hold of a schema is held, what it cannot is told or refused, and what is too large is refused."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from llguidance import LLMatcher

from huozhong import RequestError
from huozhong.engine.guides.constraint import Guides
from huozhong.engine.guides.guide import JsonSchema
from huozhong.engine.guides.schemas import MAX_OPTIONAL, MAX_PARTS, UNHELD, fit, unheld_pattern
from huozhong.text.tokenizer import Tokenizer

VALUES: dict[str, Any] = {
    "uniqueItems": True, "minContains": 1, "maxContains": 1, "dependencies": {"a": ["b"]},
    "dependentRequired": {"a": ["b"]}, "dependentSchemas": {"a": {"type": "object"}}, "propertyNames": {"pattern": "a"},
    "$dynamicRef": "#a", "$recursiveRef": "#", "$dynamicAnchor": "a", "$recursiveAnchor": True,
    "unevaluatedItems": False, "unevaluatedProperties": False,
}  # fmt: skip


@pytest.fixture(scope="module")
def guides(tokenizer: Tokenizer) -> Guides:
    return Guides(tokenizer, tokenizer.vocab_size, frozenset({tokenizer.eos_id}))


def warnings_of(schema: dict[str, Any]) -> tuple[bool, list[str]]:
    return LLMatcher.validate_grammar_with_warnings(
        LLMatcher.grammar_from_json_schema(schema, overrides={"lenient": True})
    )


@pytest.mark.parametrize("word", sorted(UNHELD))
def test_the_library_still_does_not_follow_what_we_say_it_does_not(word: str) -> None:
    schema = {"type": ["object", "array", "string"], word: VALUES.get(word, {"type": "string"})}
    assert any(word in told for told in warnings_of(schema)[1])
    fitted = fit(schema, strict=False)
    assert fitted.left_out == (word,)
    assert warnings_of(fitted.schema) == (False, [])
    with pytest.raises(RequestError, match=f"'{word.replace('$', '[$]')}'.*cannot be held"):
        fit(schema, strict=True)


@pytest.mark.parametrize("pattern", ["^(?!x)a$", r"\bfoo\b", r"(a)\1", "a(?=b)", "a$b", "[", "(?<=a)b", "a" * 5_000])
def test_a_pattern_that_no_guide_holds(pattern: str) -> None:
    schema = {
        "type": "object",
        "properties": {"甲": {"type": "array", "items": {"type": "string", "pattern": pattern, "maxLength": 3}}},
        "patternProperties": {pattern: {"type": "string"}, "^b": {"type": "string"}},
    }
    fitted = fit(schema, strict=False)
    assert fitted.left_out == ("properties.甲.items.pattern", f"patternProperties.{pattern}")
    assert fitted.schema["properties"]["甲"]["items"] == {"type": "string", "maxLength": 3}
    assert list(fitted.schema["patternProperties"]) == ["^b"]
    with pytest.raises(RequestError, match=r"properties.甲.items.pattern"):
        fit(schema, strict=True)
    assert pattern in schema["properties"]["甲"]["items"]["pattern"]  # the caller's own is as it was


@pytest.mark.parametrize("pattern", [r"^\d{3}$", "^[一-龥]+$", r"\p{L}+", "^a|b$", "(?i)ja", ""])
def test_a_pattern_that_guides_hold_stays(pattern: str) -> None:
    assert unheld_pattern(pattern) == ""
    assert fit({"type": "string", "pattern": pattern}, strict=True).schema["pattern"] == pattern


def test_a_propertys_name_is_no_keyword() -> None:
    names = {word: {"type": "string"} for word in (*UNHELD, "pattern", "required", "enum")}
    assert fit({"type": "object", "properties": names}, strict=True).schema["properties"] == names
    said = {"enum": [{"not": 1, "pattern": "(?!a)"}], "default": {"if": 1}}
    assert fit(said, strict=True).schema == said


def test_what_asks_for_nothing_is_no_loss() -> None:
    said = {"type": "array", "uniqueItems": False, "items": None, "unevaluatedItems": True, "pattern": None}
    assert fit(said, strict=True) == fit({"type": "array"}, strict=True)


@pytest.mark.parametrize("name", ["地址", "a b", "a%b", "a/b", "ключ~1", "Page[Item]", 'say "a"'])
def test_a_reference_to_any_name_is_followed(guides: Guides, tokenizer: Tokenizer, name: str) -> None:
    pointer = name.replace("~", "~0").replace("/", "~1")
    guide = JsonSchema({"$ref": f"#/$defs/{pointer}", "$defs": {name: {"const": "火"}}})
    ids = tokenizer.encode('"火"')
    assert guides.constraint(guide).validate(ids) == len(ids)
    assert guides.constraint(guide).validate(tokenizer.encode('"水"')) < len(ids)


def test_what_compiles_too_long_is_refused_by_its_size_at_once(guides: Guides) -> None:
    fields = {f"f{i}": {"type": "string"} for i in range(MAX_OPTIONAL + 1)}
    many = {"type": "object", "properties": fields}
    began = time.process_time()
    with pytest.raises(RequestError, match="1001 properties that may be left out"):
        guides.prepare(JsonSchema({"type": "array", "items": many}))
    assert fit(many | {"required": ["f0"]}, strict=True).left_out == ()
    with pytest.raises(RequestError, match="parts"):
        fit({"enum": list(range(MAX_PARTS + 1))}, strict=True)
    deep: dict[str, Any] = {}
    for _ in range(5_000):
        deep = {"items": deep}
    with pytest.raises(RequestError, match="nested too deeply"):
        fit(deep, strict=True)
    assert time.process_time() - began < 2


def test_a_trial_that_nobody_waits_for_ends(guides: Guides) -> None:
    asked = []

    def is_wanted() -> bool:
        asked.append(time.process_time())
        return len(asked) < 3

    slow = JsonSchema({"allOf": [{"type": "string", "pattern": f"(a|b){{{i},{i + 90}}}c"} for i in range(40)]})
    with pytest.raises(RequestError) as caught:
        guides.prepare(slow, is_wanted)
    assert caught.value.code == "aborted"
    assert asked[-1] - asked[0] < 2
    assert not guides.is_light(slow)
    light = JsonSchema(json.dumps({"type": "object"}))
    assert guides.is_light(light)
