"""The shelf as a server of the Model Context Protocol: each app is a tool that any agent may call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import huozhong
from huozhong.errors import HuozhongError, SkillError
from huozhong.skills.fields import Language
from huozhong.skills.given import Given
from huozhong.skills.label import visible
from huozhong.skills.run import Ask, run
from huozhong.skills.sandbox import Tools
from huozhong.skills.shelf import App, AppShelf
from huozhong.skills.skill import LANGUAGES, Skill
from huozhong.verify.distress import CHINA

if TYPE_CHECKING:
    from mcp.server.lowlevel import Server

ToolsFor = Callable[[Skill], Tools]


def input_schema(skill: Skill) -> dict[str, Any]:
    """What an app is to be given, as a JSON schema; `language` is the reader's, where no field is called so."""
    language = {"type": "string", "enum": list(LANGUAGES), "title": "回答的语言 / Language of the answer"}
    return {
        "type": "object",
        "properties": {"language": language} | {field.key: field.schema() for field in skill.fields},
        "required": [field.key for field in skill.fields if not field.optional],
        "additionalProperties": False,
    }


def call(
    skill: Skill,
    given: Mapping[str, Any],
    ask: Ask,
    tools: Tools,
    model: str,
    numbers: Mapping[str, str] = CHINA,
    language: Language = "zh",
) -> str:
    """What an app answers, with its label; `HuozhongError` where it cannot.  numbers: to ring in an emergency."""
    *_, last = run(skill, given, ask, tools, numbers=numbers, language=language)
    if last.kind == "rule":  # an app's "for fun only" has no place below it
        return last.text
    english, label = language == "en", skill.text_in("label", language)
    if last.by_model:
        label = visible(model, label, english=english)
    problem = (
        ("A check fails: " if english else "检查没通过：") + last.problem if last.problem and last.by_model else ""
    )
    line = (f"({label})" if english else f"（{label}）") if label else ""
    return "\n\n".join(part for part in (last.text, problem, line) if part)


def _read_by(skill: Skill, given: Given, otherwise: Language) -> tuple[Given, Language]:
    """What was given without the reader's language, and that; in an emergency nobody asks for a language."""
    if given.rule is not None or any(field.key == "language" for field in skill.fields):
        return given, otherwise
    wanted = given.get("language", otherwise)
    for language in LANGUAGES:
        if wanted == language:
            return given.without("language"), language
    listed = " / ".join(LANGUAGES)
    raise SkillError(f"language 是 {listed} 中的一个。", f"'language' is one of {listed}.")


def mcp_server(
    shelf: AppShelf,
    ask: Ask,
    tools_for: ToolsFor,
    model: str,
    *,
    sees: Callable[[App], bool] = lambda app: True,
    numbers: Mapping[str, str] = CHINA,
    language: Language = "zh",
) -> Server[Any]:
    """A server of the protocol over a shelf.  model: its name, for the label.  sees: which apps whoever asks may see.

    language: of answers and errors where a call names none.  An app is named by its name where that is ASCII, as the
    protocol's clients want, and else by its number.
    """
    import mcp_types as types
    from mcp.server.lowlevel import Server

    def apps() -> dict[str, Skill]:
        skills = [app.skill for app in shelf.apps() if app.skill is not None and sees(app)]
        return {skill.name if skill.name.isascii() else f"app-{n}": skill for n, skill in enumerate(skills)}

    async def list_tools(context: Any, params: Any) -> types.ListToolsResult:
        listed = [
            types.Tool(
                name=name, title=skill.titles[1], description=skill.description, input_schema=input_schema(skill)
            )
            for name, skill in (await asyncio.to_thread(apps)).items()
        ]
        return types.ListToolsResult(tools=listed)

    async def call_tool(context: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        skill = (await asyncio.to_thread(apps)).get(params.name)
        own = language
        try:
            if skill is None:
                shown = params.name[:60]
                raise SkillError(f"没有叫“{shown}”的应用。", f"There is no app called '{shown}'.")
            looked = await asyncio.to_thread(Given, params.arguments or {}, numbers)
            given, own = _read_by(skill, looked, language)
            text = await asyncio.to_thread(call, skill, given, ask, tools_for(skill), model, numbers, own)
            failed = False
        except HuozhongError as error:
            text, failed = (own == "zh" and error.chinese) or str(error), True
        return types.CallToolResult(content=[types.TextContent(type="text", text=text)], is_error=failed)

    return Server("huozhong", version=huozhong.__version__, on_list_tools=list_tools, on_call_tool=call_tool)


async def serve_stdio(server: Server[Any]) -> None:
    """Speak the protocol on stdin and stdout until the other side hangs up."""
    from mcp.server.stdio import stdio_server

    async with stdio_server() as (reading, writing):
        await server.run(reading, writing, server.create_initialization_options())
