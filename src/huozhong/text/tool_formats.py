"""How each family of models writes tool calls, and which form a chat template speaks of.

Sources: the chat templates that Qwen 2.5/3 (Hermes), Qwen3-Coder, DeepSeek V3/R1, V3.1, V3.2 and V4 (DSML), GLM-4.5 and
4.7, Llama 3.1, Gemma 4, Kimi K2, MiniMax M1 and M2, Mistral Nemo and Small 3.2, Granite 3.3, Seed-OSS, Nemotron Nano 2,
GigaChat 3 and 3.1, Functionary 3.1, Firefunction 2, Apertus, Command R7B, Solar Open, Hunyuan 3, MiniCPM 5, Kimi K3,
MiniMax M3 and LFM 2.5 are published with.
"""

from __future__ import annotations

import re
from dataclasses import replace

from huozhong.text.arguments import Tags
from huozhong.text.elements import Elements
from huozhong.text.keywords import Keywords
from huozhong.text.pairs import Pairs
from huozhong.text.tools import ToolFormat

HERMES = ToolFormat(
    name="hermes",
    opens="",
    before='<tool_call>\n{"name": "',
    between='", "arguments": ',
    after="}\n</tool_call>",
    separator="\n",
    closes="",
)
QWEN_CODER = ToolFormat(
    name="qwen-coder",
    opens="",
    before="<tool_call>\n<function=",
    between=">\n",
    after="</function>\n</tool_call>",
    separator="\n",
    closes="",
    tags=Tags("<parameter=", ">\n", "\n</parameter>\n"),
)
GLM = ToolFormat(
    name="glm",
    opens="",
    before="<tool_call>",
    between="\n",
    after="</tool_call>",
    separator="\n",
    closes="",
    tags=Tags("<arg_key>", "</arg_key>\n<arg_value>", "</arg_value>\n"),
)
GLM_47 = ToolFormat(
    name="glm-4.7",
    opens="",
    before="<tool_call>",
    between="",
    after="</tool_call>",
    separator="",
    closes="",
    tags=Tags("<arg_key>", "</arg_key><arg_value>", "</arg_value>"),
)
DEEPSEEK_V3 = ToolFormat(
    name="deepseek-v3",
    opens="<｜tool▁calls▁begin｜>",
    before="<｜tool▁call▁begin｜>function<｜tool▁sep｜>",
    between="\n```json\n",
    after="\n```<｜tool▁call▁end｜>",
    separator="\n",
    closes="<｜tool▁calls▁end｜>",
)
DEEPSEEK_V31 = ToolFormat(
    name="deepseek-v3.1",
    opens="<｜tool▁calls▁begin｜>",
    before="<｜tool▁call▁begin｜>",
    between="<｜tool▁sep｜>",
    after="<｜tool▁call▁end｜>",
    separator="",
    closes="<｜tool▁calls▁end｜>",
)
LLAMA3 = ToolFormat(
    name="llama3",
    opens="",
    before='{"name": "',
    between='", "parameters": ',
    after="}",
    separator=None,
    closes="",
    at_start=True,
)
KIMI = ToolFormat(
    name="kimi",
    opens="<|tool_calls_section_begin|>",
    before="<|tool_call_begin|>functions.",
    between="<|tool_call_argument_begin|>",
    after="<|tool_call_end|>",
    separator="",
    closes="<|tool_calls_section_end|>",
    tag=(":", "[0-9]+"),
    ids=(r"functions\..+:[0-9]+", "functions.{name}:{index}"),  # its template writes the id alone
)
MINIMAX = ToolFormat(
    name="minimax",
    opens="<minimax:tool_call>\n",
    before='<invoke name="',
    between='">\n',
    after="</invoke>\n",
    separator="",
    closes="</minimax:tool_call>",
    tags=Tags('<parameter name="', '">', "</parameter>\n"),
)
DSML = ToolFormat(
    name="dsml",
    opens="<｜DSML｜function_calls>\n",
    before='<｜DSML｜invoke name="',
    between='">\n',
    after="</｜DSML｜invoke>\n",
    separator="",
    closes="</｜DSML｜function_calls>",
    tags=Tags(
        '<｜DSML｜parameter name="', '" string="true">', "</｜DSML｜parameter>\n", key_closes_json='" string="false">'
    ),
)
MISTRAL_JSON = ToolFormat(
    name="mistral-json",
    opens="[TOOL_CALLS][",
    before='{"name": "',
    between='", "arguments": ',
    after="}",
    separator=", ",
    closes="]",
    also=r', "id": "[a-zA-Z0-9]*"',
    ids=("[a-zA-Z0-9]{9}", "hash"),
)
FIREFUNCTION = ToolFormat(
    name="firefunction",
    opens="functools[",
    before='{"name": "',
    between='", "arguments": ',
    after="}",
    separator=", ",
    closes="]",
)
MISTRAL = ToolFormat(
    name="mistral",
    opens="",
    before="[TOOL_CALLS]",
    between="[ARGS]",
    after="",
    separator="",
    closes="",
    tag=("[CALL_ID]", "[a-zA-Z0-9]{9}"),
    ids=("[a-zA-Z0-9]{9}", "hash"),
)
GRANITE = ToolFormat(
    name="granite",
    opens="<|tool_call|>[",
    before='{"name": "',
    between='", "arguments": ',
    after="}",
    separator=", ",
    closes="]",
)
GEMMA_4 = ToolFormat(
    name="gemma-4",
    opens="",
    before="<|tool_call>call:",
    between="{",
    after="}<tool_call|>",
    separator="",
    closes="",
    tags=Pairs('<|"|>'),
)
MINIMAX_M1 = ToolFormat(
    name="minimax-m1",
    opens="<tool_calls>\n",
    before='{"name": "',
    between='", "arguments": ',
    after="}",
    separator="\n",
    closes="\n</tool_calls>",
)
NEMOTRON = ToolFormat(
    name="nemotron",
    opens="<TOOLCALL>[",
    before='{"name": "',
    between='", "arguments": ',
    after="}",
    separator=", ",
    closes="]</TOOLCALL>",
)
SEED = ToolFormat(
    name="seed",
    opens="",
    before="<seed:tool_call>\n<function=",
    between=">\n",
    after="</function>\n</seed:tool_call>",
    separator="\n",
    closes="",
    tags=Tags("<parameter=", ">", "</parameter>\n"),
)
GIGACHAT = ToolFormat(
    name="gigachat",
    opens="<|function_call|>",
    before='{"name": "',
    between='", "arguments": ',
    after="}",
    separator=None,
    closes="",
)
FUNCTIONARY = ToolFormat(
    name="functionary",
    opens="",
    before="<function=",
    between=">",
    after="</function>",
    separator="",
    closes="",
)
GIGACHAT_3 = ToolFormat(
    name="gigachat-3",
    opens="function call<|role_sep|>\n",
    before='{"name": "',
    between='", "arguments": ',
    after="}",
    separator=None,
    closes="",
    lead="<|message_sep|>\n\n",  # the assistant's turn ends, and another one is the call
)
APERTUS = ToolFormat(
    name="apertus",
    opens="<|tools_prefix|>[",
    before='{"',
    between='": ',
    after="}",
    separator=", ",
    closes="]<|tools_suffix|>",
)
COHERE = ToolFormat(
    name="cohere",
    opens="<|START_ACTION|>[\n    ",
    before='{"tool_call_id": "',
    ahead='", "tool_name": "',
    between='", "parameters": ',
    after="}",
    separator=",\n    ",
    closes="\n]<|END_ACTION|>",
)
SOLAR = ToolFormat(
    name="solar",
    opens="<|tool_calls|>",
    before="<|tool_call:begin|>",
    ahead="<|tool_call:name|>",
    between="<|tool_call:args|>",
    after="<|tool_call:end|>",
    separator="",
    closes="<|calls|>",
)
HUNYUAN_3 = ToolFormat(
    name="hunyuan-3",
    opens="<tool_calls>\n",
    before="<tool_call>",
    between="<tool_sep>\n",
    after="</tool_call>\n",
    separator="",
    closes="</tool_calls>",
    tags=Tags("<arg_key>", "</arg_key>\n<arg_value>", "</arg_value>\n"),
)
MINICPM = ToolFormat(
    name="minicpm",
    opens="",
    before='<function name="',
    between='">',
    after="</function>",
    separator="\n",
    closes="",
    tags=Tags('<param name="', '">', "</param>", wraps=("<![CDATA[", "]]>")),
)
KIMI_3 = ToolFormat(
    name="kimi-3",
    opens="<|open|>tools<|sep|>",
    before='<|open|>call tool="',
    between='"<|sep|>',
    after="<|close|>call<|sep|>",
    separator="",
    closes="<|close|>tools<|sep|>",
    tag=('" index="', "[0-9]+"),
    tags=Tags(
        '<|open|>argument key="',
        '" type="string"<|sep|>',
        "<|close|>argument<|sep|>",
        key_closes_json='" type="{kind}"<|sep|>',
    ),
)
MINIMAX_3 = ToolFormat(
    name="minimax-3",
    opens="]<]minimax[>[<tool_call>\n",
    before=']<]minimax[>[<invoke name="',
    between='">',
    after="]<]minimax[>[</invoke>\n",
    separator="",
    closes="]<]minimax[>[</tool_call>",
    tags=Elements("]<]minimax[>["),
)
LFM_2 = ToolFormat(
    name="lfm-2",
    opens="<|tool_call_start|>[",
    before="",
    between="(",
    after=")",
    separator=", ",
    closes="]<|tool_call_end|>",
    tags=Keywords(),
)
# (what a template says that writes calls so, the form)
_TOLD_BY = (
    ("<TOOLCALL>", NEMOTRON),
    ("<seed:tool_call>", SEED),
    ("<|function_call|>", GIGACHAT),
    ("<|tools_prefix|>", APERTUS),
    ("<|START_ACTION|>", COHERE),
    ("<|tool_call:begin|>", SOLAR),
    ("<![CDATA[", MINICPM),
    ("Kimi K3", KIMI_3),
    ("]<]minimax[>[", MINIMAX_3),
    ("<|tool_call_start|>", LFM_2),
    ("start with <function= and end with </function>", FUNCTIONARY),
)
_PYTHON_TAG = "<|python_tag|>"  # Llama 3.1 often puts it before a call, although its template does not


_APART = re.compile(r"""</arg_key>['"]\s*-?}}\s*{{-?\s*['"](\\n)?<arg_value>""")


def _glm(template: str) -> ToolFormat:
    """GLM's form with the line breaks that this template writes: Ling's and Laguna's speak of others."""
    if (apart := _APART.search(template)) is not None:
        line = "\n" if apart[1] else ""
        tags = Tags("<arg_key>", f"</arg_key>{line}<arg_value>", "</arg_value>")
        return replace(GLM_47, between=line, after=f"{line}</tool_call>", tags=tags)
    return GLM_47 if "</arg_key><arg_value>" in template else GLM


def _hunyuan(suffix: str) -> ToolFormat:
    """Hunyuan 3's form; every tag of it ends with `suffix`."""

    def tagged(text: str) -> str:
        return text.replace(">", f"{suffix}>")

    form, tags = HUNYUAN_3, HUNYUAN_3.tags
    assert isinstance(tags, Tags)
    return replace(
        form,
        opens=tagged(form.opens),
        before=tagged(form.before),
        between=tagged(form.between),
        after=tagged(form.after),
        closes=tagged(form.closes),
        tags=Tags(tagged(tags.key_opens), tagged(tags.key_closes), tagged(tags.value_closes)),
    )


def find_format(template: str) -> ToolFormat:
    """The form that a chat template (its Jinja source) writes calls in; Hermes' where it is none of these."""
    found = next((form for mark, form in _TOLD_BY if mark in template), None)
    if found is not None:
        return found
    if "｜DSML｜" in template:
        calls = "tool_calls" if "tool_calls>" in template else "function_calls"
        found = replace(DSML, opens=f"<｜DSML｜{calls}>\n", closes=f"</｜DSML｜{calls}>")
    elif (suffix := re.search(r"HYTK = '([^']*)'", template)) is not None:
        found = _hunyuan(suffix[1])
    elif GIGACHAT_3.opens.partition("<")[0] in template and "<|role_sep|>" in template:
        found = GIGACHAT_3
    elif KIMI.opens in template:
        found = KIMI
    elif "<minimax:tool_call>" in template:
        found = MINIMAX
    elif "<beginning_of_sentence>" in template and "<tool_calls>" in template:
        found = MINIMAX_M1
    elif FIREFUNCTION.opens in template:
        return FIREFUNCTION
    elif "[TOOL_CALLS]" in template:
        found = MISTRAL if "[ARGS]" in template else MISTRAL_JSON
        if found is MISTRAL and "[CALL_ID]" not in template:
            found = replace(MISTRAL, tag=None)
    elif GEMMA_4.before in template:
        found = GEMMA_4
    elif "<|tool_call|>" in template:
        found = GRANITE
    elif DEEPSEEK_V3.opens in template:
        found = DEEPSEEK_V3 if "```json" in template else DEEPSEEK_V31
    elif "<tool_call>" in template and "<parameter=" in template:
        found = QWEN_CODER
    elif "<tool_call>" in template and "<arg_key>" in template:
        found = _glm(template)
    elif "<tool_call>" in template and re.search(r'"arguments\\?"', template):
        found = HERMES
    elif "<|start_header_id|>" in template and re.search(r'"parameters\\?"', template):
        found = LLAMA3
    if found is None:
        found = HERMES
    lead = _PYTHON_TAG if found is LLAMA3 and _PYTHON_TAG in template else ""
    return replace(found, lead=lead)
