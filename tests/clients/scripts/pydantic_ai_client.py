"""pydantic-ai: agents over OpenAI's chats and responses, DeepSeek's provider and Anthropic's model."""

import asyncio
import json
import os

import pydantic
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.deepseek import DeepSeekProvider
from pydantic_ai.providers.openai import OpenAIProvider

url, model = os.environ["URL"], os.environ["MODEL"]


class Person(pydantic.BaseModel):
    name: str = pydantic.Field(max_length=5)


def weather(city: str) -> str:
    """The weather of a city."""
    return os.environ["OUTPUT"]


provider = OpenAIProvider(base_url=url + "/v1", api_key="none")
os.environ["DEEPSEEK_API_KEY"] = "none"
deepseek = DeepSeekProvider(api_key="none")
deepseek.client.base_url = url
ways = {
    "chat": OpenAIChatModel(model, provider=provider),
    "responses": OpenAIResponsesModel(model, provider=provider),
    "deepseek": OpenAIChatModel("deepseek-reasoner", provider=deepseek),
}


async def streamed(agent: Agent) -> str:
    async with agent.run_stream("Hi") as run:
        return await run.get_output()


async def main() -> dict:
    told = {}
    for name, way in ways.items():
        agent = Agent(way)
        first = await agent.run("Hi")
        typed = await Agent(way, output_type=Person).run("Who?")
        told[name] = {
            "text": first.output,
            "streamed": await streamed(agent),
            "again": (await agent.run("Hi", message_history=first.all_messages())).output,
            "after": (await Agent(way, tools=[weather]).run("Paris?")).output,
            "typed": len(typed.output.name) <= 5,
        }
    return told


print(json.dumps(asyncio.run(main())))
