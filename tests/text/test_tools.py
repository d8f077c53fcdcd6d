"""Tool calls as text: every family's form, written by a random model under its grammar, and read back."""

from __future__ import annotations

import json
import random
from typing import Any

import numpy as np
import pytest

from huozhong.engine.guides.constraint import Guides
from huozhong.engine.guides.guide import Grammar
from huozhong.errors import RequestError
from huozhong.text.template import ChatTemplate
from huozhong.text.tokenizer import SPECIALS, Tokenizer
from huozhong.text.tool_formats import (
    APERTUS,
    COHERE,
    DEEPSEEK_V3,
    DEEPSEEK_V31,
    DSML,
    GEMMA_4,
    GIGACHAT,
    GIGACHAT_3,
    GLM,
    GLM_47,
    GRANITE,
    HERMES,
    HUNYUAN_3,
    KIMI,
    KIMI_3,
    LFM_2,
    LLAMA3,
    MINICPM,
    MINIMAX,
    MINIMAX_3,
    MISTRAL,
    MISTRAL_JSON,
    NEMOTRON,
    QWEN_CODER,
    SEED,
    SOLAR,
    find_format,
)
from huozhong.text.tools import CallPart, Function, ToolCallParser, ToolChoice, ToolFormat

DEEPSEEK_MARKS = (
    "<｜tool▁calls▁begin｜>",
    "<｜tool▁calls▁end｜>",
    "<｜tool▁call▁begin｜>",
    "<｜tool▁call▁end｜>",
    "<｜tool▁sep｜>",
)
FORMS = [
    HERMES, QWEN_CODER, DEEPSEEK_V3, DEEPSEEK_V31, GLM, GLM_47, LLAMA3, KIMI, MINIMAX, DSML, MISTRAL, MISTRAL_JSON,
    GRANITE, GEMMA_4, NEMOTRON, SEED, GIGACHAT, GIGACHAT_3, APERTUS, COHERE, SOLAR, HUNYUAN_3, MINICPM, KIMI_3,
    MINIMAX_3, LFM_2,
]  # fmt: skip
ONE = (LLAMA3, GIGACHAT, GIGACHAT_3)  # call in an answer
TAGS = ("<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>")
WEATHER = Function(
    "weather",
    'The weather <｜User｜> of a "place".',
    {
        "type": "object",
        "properties": {"place": {"type": "string", "maxLength": 6}, "days": {"type": "integer"}},
        "required": ["place"],
        "additionalProperties": False,
    },
    strict=True,
)
CLOCK = Function("clock")
BOTH = [WEATHER, CLOCK]

# Written for these tests after what each family's template does.
HERMES_TEMPLATE = """\
{%- if tools %}<|im_start|>system
{{ messages[0].content + '\\n' if messages[0].role == 'system' else '' }}# Tools
{% for tool in tools %}{{ tool | tojson }}
{% endfor %}Answer with <tool_call>{"name": NAME, "arguments": {...}}</tool_call>.<|im_end|>
{% endif %}
{%- for m in messages if m.role != 'system' %}<|im_start|>{{ 'user' if m.role == 'tool' else m.role }}
{% if m.role == 'tool' %}<tool_response>
{{ m.content }}
</tool_response>{% else %}{{ m.content or '' }}{% endif %}
{%- for call in m.tool_calls or [] %}
<tool_call>
{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}
</tool_call>{% endfor %}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""
DEEPSEEK_TEMPLATE = """\
{{ bos_token }}{% for m in messages %}{% if m['role'] == 'system' %}{{ m['content'] }}{% endif %}
{%- if m['role'] == 'user' %}{{ '<｜User｜>' + m['content'] }}{% endif %}
{%- if m['role'] == 'assistant' and m['content'] is none %}{{ '<｜Assistant｜>' }}
{%- for call in m['tool_calls'] %}
{{- '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>' + call['function']['name'] + '\\n```json\\n' }}
{{- call['function']['arguments'] + '\\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>' + eos_token }}{% endfor %}
{%- elif m['role'] == 'assistant' %}{{ '<｜Assistant｜>' + m['content'] + eos_token }}{% endif %}
{%- if m['role'] == 'tool' %}{{ '\\n' + m['content'] }}{% endif %}
{%- endfor %}{% if add_generation_prompt %}{{ '<｜Assistant｜>' }}{% endif %}"""
LLAMA_TEMPLATE = """\
{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>{{ m.content }}{% endfor %}
{%- if tools is not none %}{"name": NAME, "parameters": {...}} {{ tools | tojson(indent=4) }}{% endif %}"""

CODER_TEMPLATE = """\
{%- for m in messages %}<|im_start|>{{ m.role }}
{{ m.content or '' }}{% if m.role == 'system' and tools %}{% for tool in tools %}{{ tool | tojson }}
{% endfor %}Answer with <tool_call>
<function=NAME>
<parameter=PARAMETER>
VALUE
</parameter>
</function>
</tool_call>{% endif %}
{%- for call in m.tool_calls or [] %}
<tool_call>
<function={{ call.function.name }}>
{% for key, value in call.function.arguments|items %}<parameter={{ key }}>
{{ value | string if value is string else value | tojson }}
</parameter>
{% endfor %}</function>
</tool_call>{% endfor %}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""
GLM_TEMPLATE = """\
[gMASK]{%- for m in messages %}<|{{ m.role }}|>
{{ m.content or '' }}{% if m.role == 'system' and tools %}{% for tool in tools %}{{ tool | tojson }}
{% endfor %}{% endif %}
{%- for call in m.tool_calls or [] %}
<tool_call>{{ call.function.name }}
{% for key, value in call.function.arguments.items() %}<arg_key>{{ key }}</arg_key>
<arg_value>{{ value if value is string else value | tojson }}</arg_value>
{% endfor %}</tool_call>{% endfor %}
{% endfor %}{% if add_generation_prompt %}<|assistant|>
{% endif %}"""


@pytest.fixture(scope="module", params=["control", "plain"])
def vocabulary(request: pytest.FixtureRequest) -> Tokenizer:
    """One in which the marks are control tokens, and one that spells them."""
    marks = ("<tool_call>", "</tool_call>", "<|python_tag|>", *TAGS, *DEEPSEEK_MARKS)
    more = marks if request.param == "control" else ()
    return Tokenizer.train(["小明问天气。" * 4, '{"name": "weather"}' * 4], 340, (*SPECIALS, *more))


def random_answer(vocabulary: Tokenizer, grammar: str, seed: int, *, after: str = "") -> str | None:
    """What a model with no idea says under a grammar, having said `after`; None when it does not come to an end."""
    rng = np.random.default_rng(seed)
    guides = Guides(vocabulary, vocabulary.vocab_size, frozenset({vocabulary.eos_id}))
    constraint = guides.constraint(Grammar(grammar))
    ids = vocabulary.encode(after, specials=True)
    assert constraint.validate(ids) == len(ids)
    for token in ids:
        constraint.advance(token)
    for _ in range(1200):
        if constraint.is_finished:
            return vocabulary.decode_bytes(ids).decode()
        token = int(rng.choice(constraint.mask().nonzero()[0]))
        if token == vocabulary.eos_id:
            return vocabulary.decode_bytes(ids).decode()
        constraint.advance(token)
        ids.append(token)
    return None


def read(
    form: ToolFormat, text: str, seed: int = 0, functions: list[Function] = BOTH
) -> tuple[str, list[tuple[str, str]], int]:
    """(text, [(name, arguments)], complete calls), with the text arriving in random pieces."""
    rng = random.Random(seed)
    parser = ToolCallParser(form, functions)
    parts: list[Any] = []
    while text:
        cut = rng.randint(1, 9)
        parts += parser.push(text[:cut])
        text = text[cut:]
    parts += parser.finish()
    calls: list[list[str]] = []
    for part in parts:
        if isinstance(part, CallPart) and part.name is not None:
            assert part.index == len(calls)
            calls.append([part.name, ""])
        if isinstance(part, CallPart):
            calls[part.index][1] += part.arguments
    told = "".join(part for part in parts if isinstance(part, str))
    return told, [(name, arguments) for name, arguments in calls], parser.num_calls


def check_call(name: str, arguments: str) -> None:
    value = json.loads(arguments)
    if name == "clock":
        assert value == {}
    else:
        assert list(value) in (["place"], ["place", "days"])
        assert isinstance(value["place"], str)
        assert len(value["place"]) <= 6
        assert isinstance(value.get("days", 0), int)


@pytest.mark.parametrize("form", FORMS, ids=lambda f: f.name)
def test_a_call_that_must_come_is_valid(vocabulary: Tokenizer, form: ToolFormat) -> None:
    several = done = 0
    for seed in range(16):
        one = seed % 2 == 0
        choice = ToolChoice("named", "weather") if one else ToolChoice("required", parallel=seed % 4 == 1)
        text = random_answer(vocabulary, form.grammar([WEATHER, CLOCK], choice, vocabulary.split_specials), seed)
        if text is None:
            continue
        done += 1
        told, calls, complete = read(form, text, seed)
        assert told.strip() == ""
        assert complete == len(calls) >= 1
        assert not one or [name for name, _ in calls] == ["weather"]
        assert choice.parallel or len(calls) == 1
        several += len(calls) > 1
        for call in calls:
            check_call(*call)
    assert done >= 4
    assert form in ONE or several


@pytest.mark.parametrize("form", FORMS, ids=lambda f: f.name)
def test_a_call_may_come_after_text(vocabulary: Tokenizer, form: ToolFormat) -> None:
    grammar = form.grammar([WEATHER, CLOCK], ToolChoice(), vocabulary.split_specials)
    before = "" if form.at_start else "我看看。\n\n"
    done = 0
    for seed in range(8):
        text = random_answer(vocabulary, grammar, seed, after=before + form.start)
        if text is not None:
            told, calls, complete = read(form, text, seed)
            assert told == before.strip()
            assert complete == len(calls) >= 1
            for call in calls:
                check_call(*call)
            done += 1
    assert done >= 3
    assert random_answer(vocabulary, grammar, 3, after="天气好。") != ""
    joined = form.grammar(
        [WEATHER], ToolChoice(text={"type": "integer", "minimum": 10, "maximum": 12}), vocabulary.split_specials
    )
    assert random_answer(vocabulary, joined, 5, after="1") in ("10", "11", "12")


@pytest.mark.parametrize("form", FORMS, ids=lambda f: f.name)
def test_what_only_looks_like_a_call_is_text(form: ToolFormat) -> None:
    for text in (
        "春眠不觉晓",
        f"{form.start}unknown{form.between}{{}}{form.after}",
        form.start,
        form.start[:3],
        form.start + "weath",
        form.start + "weather nonsense",
        "a < b <tool { <｜",
        f"{form.start}{'x' * 90}",
    ):
        for seed in range(4):
            assert read(form, text, seed) == (text, [], 0)


def test_arguments_stream_as_they_come() -> None:
    parser = ToolCallParser(HERMES, BOTH)
    assert parser.push("好。 \n") == ["好。"]
    assert parser.push('<tool_call>\n{"name": "wea') == []
    assert parser.push('ther", "arguments": {"pl') == [CallPart(0, "weather"), CallPart(0, arguments='{"pl')]
    assert parser.push('ace": "}\\"{"') == [CallPart(0, arguments='ace": "}\\"{"')]
    assert parser.push("}}\n</tool") == [CallPart(0, arguments="}")]
    assert parser.num_calls == 0
    assert parser.push("_call>") == []
    assert (parser.num_calls, parser.finish()) == (1, [])


LONG = Function(
    "write",
    None,
    {
        "type": "object",
        "required": ["text"],
        "properties": {
            "text": {"$ref": "#/$defs/text"},
            "count": {"type": "integer"},
            "kind": {"enum": ["a b", "c"]},
            "either": {"type": ["string", "number"]},
            "list": {"type": "array", "items": {"$ref": "#/$defs/text"}},
            "any": {"anyOf": [{"type": "boolean"}, {"type": "null"}]},
            "open": {},
        },
        "$defs": {"text": {"type": "string"}},
    },
)
WRITTEN = {  # as a model writes it between tags
    "text": 'a "b"\n<b>\\ 中\n\n', "count": "7", "kind": "a b", "either": "7.5", "list": '["x"]', "any": "null",
    "open": "not JSON",
}  # fmt: skip
READ = WRITTEN | {"count": 7, "either": 7.5, "list": ["x"], "any": None}


@pytest.mark.parametrize("form", [QWEN_CODER, GLM, GLM_47], ids=lambda f: f.name)
def test_values_between_tags_become_json(form: ToolFormat, vocabulary: Tokenizer) -> None:
    tags = form.tags
    assert tags is not None
    body = "".join(f"{tags.key_opens}{k}{tags.key_closes}{v}{tags.value_closes}" for k, v in WRITTEN.items())
    text = f"好{form.start}write{form.between}{body}{form.after}"
    for seed in range(8):
        told, calls, complete = read(form, text, seed, [LONG])
        assert (told, complete, [name for name, _ in calls]) == ("好", 1, ["write"])
        assert json.loads(calls[0][1]) == READ
    guides = Guides(vocabulary, vocabulary.vocab_size, frozenset({vocabulary.eos_id}))
    guide = guides.constraint(Grammar(form.grammar([LONG], ToolChoice(), vocabulary.split_specials)))
    ids = vocabulary.encode(text, specials=True)
    assert guide.validate(ids) == len(ids)
    for right, wrong in (("7</", "x</"), ("7\n", "x\n"), ("a b", "a c"), ("count", "size")):
        if right not in text:
            continue
        ids = vocabulary.encode(text.replace(right, wrong), specials=True)
        assert guide.validate(ids) < len(ids)
    cut = ToolCallParser(form, [LONG])
    parts = cut.push(text[: text.index("count") - 3])
    assert "".join(part.arguments for part in parts if isinstance(part, CallPart)).startswith('{"text": "a \\"b')
    assert (cut.finish(), cut.num_calls) == ([], 0)


def test_values_whose_tags_say_their_kind() -> None:
    values = {"text": "7", "count": 7, "kind": "c", "either": None, "list": ["x"], "any": True, "open": {"a": 1.5}}
    text = KIMI_3.written([("write", json.dumps(values)), ("write", '{"text": ""}')])
    assert '"either" type="null"' in text
    assert '"open" type="object"' in text
    for seed in range(8):
        told, calls, complete = read(KIMI_3, text, seed, [LONG])
        assert (told, complete) == ("", 2)
        assert [json.loads(arguments) for _, arguments in calls] == [values, {"text": ""}]


def test_a_string_that_looks_like_a_tag_is_wrapped(vocabulary: Tokenizer) -> None:
    values = {"text": "a </param> b\n]] &", "count": 7, "kind": "a b"}
    text = MINICPM.written([("write", json.dumps(values))])
    assert text.count("<![CDATA[") == 1
    guides = Guides(vocabulary, vocabulary.vocab_size, frozenset({vocabulary.eos_id}))
    guide = guides.constraint(Grammar(MINICPM.grammar([LONG], ToolChoice(), vocabulary.split_specials)))
    ids = vocabulary.encode(text, specials=True)
    assert guide.validate(ids) == len(ids)
    for seed in range(8):
        told, calls, complete = read(MINICPM, text, seed, [LONG])
        assert (told, complete, json.loads(calls[0][1])) == ("", 1, values)
    parser = ToolCallParser(MINICPM, [LONG])
    parser.push('<function name="write"><param name="text"><![CD')
    assert parser.push("ATA[a") == [CallPart(0, arguments='"a')]
    assert parser.push("]") == []
    assert parser.push("b]]></par") == [CallPart(0, arguments="]b")]


def test_a_string_between_tags_streams() -> None:
    parser = ToolCallParser(QWEN_CODER, BOTH)
    parts = parser.push("<tool_call>\n<function=weather>\n<parameter=place>\n北")
    assert parts == [CallPart(0, "weather"), CallPart(0, arguments='{"place": "北')]
    assert parser.push("京\n</par") == [CallPart(0, arguments="京")]
    assert parser.push("ty\n") == [CallPart(0, arguments="\\n</party")]
    assert parser.push("\n</parameter>\n</function>\n</tool_call>") == [CallPart(0, arguments='\\n"}')]
    assert (parser.num_calls, parser.finish()) == (1, [])


def test_what_cannot_be_enforced_between_tags_is_said(vocabulary: Tokenizer) -> None:
    def grammar(strict: bool, **schema: Any) -> str:
        parameters = {"type": "object", "properties": {"a": {"type": "string"} | schema}}
        return GLM.grammar([Function("f", None, parameters, strict)], ToolChoice(), vocabulary.split_specials)

    assert grammar(False, pattern="x+") == grammar(False)
    assert grammar(True, maxLength=3) != grammar(True)
    for nullable in ({"type": ["string", "null"]}, {"anyOf": [{"type": "string"}, {"type": "null"}]}):
        assert grammar(True, **nullable) == grammar(False, **nullable)
    assert '("x" | "null")' in grammar(True, type=["string", "null"], enum=["x", None, 7])
    for schema in ({"pattern": "x+"}, {"maxLength": 100_000}, {"type": ["string", "null"], "maxLength": 3}):
        with pytest.raises(RequestError, match="cannot be enforced"):
            grammar(True, **schema)
    nonsense: list[tuple[dict[str, Any], str]] = [
        ({"properties": []}, "'properties' is"),
        ({"required": 1}, "'required' is"),
        ({"properties": {"a": {"type": "string", "maxLength": "9"}}}, "maxLength is '9'"),
        ({"properties": {"a": {"type": "string", "enum": [1]}}}, "none of its enum"),
        ({"properties": {"a": {"type": "string", "minLength": 3, "maxLength": 2}}}, "above its maxLength"),
    ]
    for parameters, words in nonsense:
        with pytest.raises(RequestError, match=words):
            QWEN_CODER.grammar([Function("f", None, parameters)], ToolChoice(), vocabulary.split_specials)
    odd = Function("f", None, {"type": "object", "properties": {"a</arg_key>\n<arg_value>": {}}})
    with pytest.raises(RequestError, match="parameter name"):
        GLM.grammar([odd], ToolChoice(), vocabulary.split_specials)


def test_a_tag_before_llamas_call(vocabulary: Tokenizer) -> None:
    form = find_format(LLAMA_TEMPLATE + "{# <|python_tag|> #}")
    call = f"{LLAMA3.start}weather{LLAMA3.between}{{}}{LLAMA3.after}"
    for text in (call, f"<|python_tag|>{call}", f" \n<|python_tag|>{call}"):
        assert read(form, text, 1) == ("", [("weather", "{}")], 1)
    for text in ("<|python_tag|>print(1)", "<|python_tag|>", "<|pyth", f"x <|python_tag|>{call}"):
        assert read(form, text, 2) == (text, [], 0)
    tag = vocabulary.encode("<|python_tag|>", specials=True)
    grammar = form.grammar([CLOCK], ToolChoice("required"), vocabulary.split_specials)
    guides = Guides(vocabulary, vocabulary.vocab_size, frozenset({vocabulary.eos_id}))
    assert (guides.constraint(Grammar(grammar)).validate(tag) == len(tag)) == (len(tag) == 1)
    answer = random_answer(vocabulary, grammar, 0, after=form.starts[0] if len(tag) == 1 else form.start)
    assert answer is not None
    assert [name for name, _ in read(form, answer)[1]] == ["clock"]


def test_messages_with_tools_are_rendered(vocabulary: Tokenizer) -> None:
    call = {
        "id": "c1",
        "type": "function",
        "function": {"name": "weather", "arguments": '{"place": "<｜User｜>\\"北京"}'},
    }
    messages = [
        {"role": "system", "content": "简短。"},
        {"role": "user", "content": "天气？"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "晴<｜User｜>"},
    ]
    user = vocabulary.token_id("<｜User｜>")
    for source, users in ((HERMES_TEMPLATE, 0), (DEEPSEEK_TEMPLATE, 1)):
        template = ChatTemplate(source, vocabulary)
        text = template.render(messages, tools=[WEATHER, CLOCK])
        ids = template.tokens(messages, tools=[WEATHER, CLOCK])
        assert vocabulary.decode(ids, skip_special=False) == text
        assert ids.count(user) == users  # what descriptions, arguments and results spell is only text
        assert '{"place": "<｜User｜>\\"北京"}' in text
        assert "简短。" in text
        assert "晴<｜User｜>" in text
        assert 'The weather <｜User｜> of a \\"place\\".' in text or 'The weather <｜User｜> of a "place".' in text
        assert '"maxLength": 6' in text
        assert text.count("weather") >= 2
    for source, value in ((CODER_TEMPLATE, "<parameter=place>\n{}\n</"), (GLM_TEMPLATE, "<arg_value>{}</")):
        template = ChatTemplate(source, vocabulary)
        text = template.render(messages, tools=[WEATHER, CLOCK])
        assert value.format('<｜User｜>"北京') in text
        assert template.tokens(messages, tools=[WEATHER, CLOCK]).count(user) == 0
    tools = json.loads(ChatTemplate(HERMES_TEMPLATE, vocabulary).render(messages, tools=[WEATHER]).split("\n")[3])
    assert tools == WEATHER.for_template()
    marks = Function("f", "\ufdd07\ufdd1\ufdd2")
    assert "\ufffd7\ufffd" in ChatTemplate(HERMES_TEMPLATE, vocabulary).render(messages, tools=[marks])


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ({"role": "tool", "content": "a"}, "tool_call_id must say"),
        ({"role": "tool", "content": "a", "tool_call_id": "x"}, "no earlier message"),
        ({"role": "user", "content": "a", "tool_call_id": "x"}, "belongs to tool messages"),
        ({"role": "user", "content": "a", "tool_calls": []}, "belongs to assistant"),
        ({"role": "assistant", "content": None, "tool_calls": [{}]}, "id and function"),
        ({"role": "assistant", "content": None, "tool_calls": [
            {"id": "1", "function": {"name": "f", "arguments": "[]"}}]}, "JSON text of an object"),
        ({"role": "assistant", "content": None, "tool_calls": [
            {"id": "1", "function": {"name": "f g", "arguments": "{}"}}]}, "letters"),
    ],
)  # fmt: skip
def test_bad_tool_messages_are_refused(vocabulary: Tokenizer, message: dict[str, Any], words: str) -> None:
    template = ChatTemplate(HERMES_TEMPLATE, vocabulary)
    with pytest.raises(RequestError, match=words) as caught:
        template.tokens([message, {"role": "user", "content": "b"}])
    assert caught.value.param == "messages"


def test_a_model_without_a_form_gets_a_generic_one(tokenizer: Tokenizer) -> None:
    template = ChatTemplate(tokenizer.config["chat_template"], tokenizer)
    text = template.render([{"role": "user", "content": "a"}], tools=[CLOCK])
    assert "### clock" in text
    assert '<tool_call>\n{"name": "NAME", "arguments": ARGUMENTS}\n</tool_call>' in text


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_a_call_that_was_cut_leaves_no_markup(form: ToolFormat) -> None:
    """vllm issue 47903: with few max_tokens the content was `<tool_call>\\n{"name":`."""
    whole = form.written([("weather", '{"place": "北京", "days": 3}')])
    assert read(form, whole)[1][0][0] == "weather"
    for end in range(2, len(whole)):
        parser = ToolCallParser(form, BOTH)
        parts = [*parser.push(whole[:end]), *parser.finish(cut=True)]
        assert not [part for part in parts if isinstance(part, str)], whole[:end]
    parser = ToolCallParser(form, BOTH)
    assert "".join(map(str, [*parser.push("a <"), *parser.finish(cut=True)])) == "a <"
