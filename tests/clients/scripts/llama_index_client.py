"""llama-index: OpenAILike as it is by itself (plain completions) and as a chat, DeepSeek; functions called."""

import json
import os

from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.llms.deepseek import DeepSeek
from llama_index.llms.openai_like import OpenAILike

url, model = os.environ["URL"], os.environ["MODEL"]


def weather(city: str) -> str:
    """The weather of a city."""
    return os.environ["OUTPUT"]


tool = FunctionTool.from_defaults(fn=weather)
plain = OpenAILike(model=model, api_base=url + "/v1", api_key="none")
told = {
    "plain": plain.complete("Hi").text,
    "plain_streamed": list(plain.stream_complete("Hi"))[-1].text,
    "plain_chat": plain.chat([ChatMessage(role="user", content="Hi")]).message.content,
}
ways = {
    "chat": OpenAILike(
        model=model, api_base=url + "/v1", api_key="none", is_chat_model=True, is_function_calling_model=True
    ),
    "deepseek": DeepSeek(model="deepseek-chat", api_base=url, api_key="none"),
}
for name, chat in ways.items():
    asked = [ChatMessage(role="user", content="Hi")]
    called = chat.chat_with_tools([tool], user_msg="Paris?")
    [call] = chat.get_tool_calls_from_response(called)
    output = ChatMessage(role="tool", content=os.environ["OUTPUT"], additional_kwargs={"tool_call_id": call.tool_id})
    after = chat.chat_with_tools(
        [tool], chat_history=[ChatMessage(role="user", content="Paris?"), called.message, output]
    )
    told[name] = {
        "text": chat.chat(asked).message.content,
        "streamed": list(chat.stream_chat(asked))[-1].message.content,
        "called": [call.tool_name, call.tool_kwargs],
        "after": after.message.content,
    }
print(json.dumps(told))
