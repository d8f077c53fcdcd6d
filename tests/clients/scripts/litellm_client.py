"""litellm: as an OpenAI-compatible server, as DeepSeek's, as Anthropic's, and OpenAI's responses."""

import json
import os

import litellm

url, model = os.environ["URL"], os.environ["MODEL"]
messages = [{"role": "user", "content": "Hi"}]
tools = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
]
ways = {
    "openai": {"model": f"openai/{model}", "api_base": url + "/v1", "api_key": "none"},
    "deepseek": {"model": "deepseek/deepseek-chat", "api_base": url, "api_key": "none"},
    "reasoner": {"model": "deepseek/deepseek-reasoner", "api_base": url + "/beta", "api_key": "none"},
    "anthropic": {"model": "anthropic/claude-any", "api_base": url + "/anthropic", "api_key": "none"},
    "ollama": {"model": f"ollama_chat/{model}", "api_base": url},
}
told = {}
for name, way in ways.items():
    whole = litellm.completion(messages=messages, **way)
    pieces = litellm.completion(messages=messages, stream=True, **way)
    asked = [{"role": "user", "content": "Paris?"}]
    call = litellm.completion(messages=asked, tools=tools, **way).choices[0].message
    asked += [call, {"role": "tool", "tool_call_id": call.tool_calls[0].id, "content": os.environ["OUTPUT"]}]
    told[name] = {
        "text": whole.choices[0].message.content,
        "streamed": "".join(piece.choices[0].delta.content or "" for piece in pieces),
        "called": [call.tool_calls[0].function.name, json.loads(call.tool_calls[0].function.arguments)],
        "after": litellm.completion(messages=asked, tools=tools, **way).choices[0].message.content,
    }
response = litellm.responses(model=f"openai/{model}", input="Hi", api_base=url + "/v1", api_key="none")
told["responses"] = response.output[-1].content[0].text
vectors = litellm.embedding(model=f"openai/{model}", input=["Hi"], api_base=url + "/v1", api_key="none")
told["embedding"] = len(vectors.data[0]["embedding"])
effort = litellm.completion(messages=messages, reasoning_effort="low", **ways["deepseek"])
told["effort"] = effort.choices[0].message.content
print(json.dumps(told))
