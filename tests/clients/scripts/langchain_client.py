"""langchain-openai (chats, responses, embeddings) and langchain-deepseek, with their own settings; an agent's loop."""

import json
import os

import pydantic
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_deepseek import ChatDeepSeek
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

url, model = os.environ["URL"], os.environ["MODEL"]


@tool
def weather(city: str) -> str:
    """The weather of a city."""
    return os.environ["OUTPUT"]


class Person(pydantic.BaseModel):
    """Somebody."""

    name: str = pydantic.Field(max_length=5)


ways = {
    "openai": ChatOpenAI(model=model, base_url=url + "/v1", api_key="none"),
    "responses": ChatOpenAI(model=model, base_url=url + "/v1", api_key="none", use_responses_api=True),
    "kept": ChatOpenAI(
        model=model, base_url=url + "/v1", api_key="none", use_responses_api=True, use_previous_response_id=True
    ),
    "deepseek": ChatDeepSeek(model="deepseek-chat", api_base=url + "/v1", api_key="none"),
}
told = {}
for name, chat in ways.items():
    whole = chat.invoke("Hi")
    pieces = list(chat.stream("Hi"))
    asked = [HumanMessage("Paris?")]
    with_tools = chat.bind_tools([weather])
    asked.append(with_tools.invoke(asked))
    call = asked[-1].tool_calls[0]
    asked.append(ToolMessage(weather.invoke(call["args"]), tool_call_id=call["id"]))
    after = with_tools.invoke(asked)
    asked += [after, HumanMessage("Again?")]
    told[name] = {
        "text": whole.text,
        "streamed": "".join(piece.text for piece in pieces),
        "called": [call["name"], call["args"]],
        "after": after.text,
        "again": with_tools.invoke(asked).text,
        "structured": [
            len(chat.with_structured_output(Person, method=method).invoke("Who?").name) <= 5
            for method in (["json_schema", "function_calling"] if name == "openai" else ["json_schema"])
        ],
        "tokens": whole.usage_metadata["output_tokens"] > 0,
    }
told["deepseek"]["thought"] = bool(ways["deepseek"].invoke("Hi").additional_kwargs["reasoning_content"])
embeddings = OpenAIEmbeddings(model=model, base_url=url + "/v1", api_key="none", check_embedding_ctx_length=False)
told["embedding"] = len(embeddings.embed_query("Hi"))
print(json.dumps(told))
