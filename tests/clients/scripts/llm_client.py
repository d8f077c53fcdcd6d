"""llm (simonw's): a model of extra-openai-models.yaml, asked, streamed, with a tool."""

import json
import os
import pathlib

import llm

url, model = os.environ["URL"], os.environ["MODEL"]
entry = {
    "model_id": "huozhong",
    "model_name": model,
    "api_base": url + "/v1",
    "supports_tools": True,
    "supports_schema": True,
}
pathlib.Path(os.environ["LLM_USER_PATH"], "extra-openai-models.yaml").write_text(json.dumps([entry]))


def weather(city: str) -> str:
    """The weather of a city."""
    return os.environ["OUTPUT"]


chat = llm.get_model("huozhong")
conversation = chat.conversation()
print(
    json.dumps(
        {
            "text": chat.prompt("Hi", stream=False, key="none").text(),
            "streamed": "".join(chat.prompt("Hi", key="none")),
            "first": conversation.prompt("Hi", key="none").text(),
            "second": conversation.prompt("Hi", key="none").text(),
            "after": chat.chain("Paris?", tools=[weather], key="none").text(),
            "schema": json.loads(chat.prompt("Who?", schema=llm.schema_dsl("name"), key="none").text()) != {},
        }
    )
)
