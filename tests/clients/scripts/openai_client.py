"""openai: chats, completions and responses, whole, parsed and streamed, with the client's own settings."""

import json
import os

import openai
import pydantic

client = openai.OpenAI(base_url=os.environ["URL"] + "/v1", api_key="none")
model = os.environ["MODEL"]


class Person(pydantic.BaseModel):
    name: str = pydantic.Field(max_length=5)
    age: int = pydantic.Field(ge=0, le=99)


messages = [{"role": "user", "content": "Hi"}]
schema = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
chat_tool = {"type": "function", "function": {"name": "weather", "parameters": schema}}
whole = client.chat.completions.create(model=model, messages=messages).choices[0].message
pieces = list(client.chat.completions.create(model=model, messages=messages, stream=True))
parsed = client.chat.completions.parse(model=model, messages=messages, response_format=Person).choices[0].message.parsed
called = client.chat.completions.create(
    model=model, messages=[{"role": "user", "content": "Paris?"}], tools=[chat_tool]
)
with client.chat.completions.stream(model=model, messages=messages) as stream:
    helped = stream.get_final_completion().choices[0].message
tool = {"type": "function", "name": "weather", "parameters": schema, "strict": True}
response = client.responses.create(model=model, input="Paris?", tools=[tool])
call = response.output[-1]
output = {"type": "function_call_output", "call_id": call.call_id, "output": os.environ["OUTPUT"]}
after = client.responses.create(model=model, previous_response_id=response.id, input=[output], tools=[tool])
with client.responses.stream(model=model, input="Hi") as stream:
    events = [event.type for event in stream]
    streamed = stream.get_final_response()
print(
    json.dumps(
        {
            "text": whole.content,
            "thought": bool(whole.reasoning_content),
            "streamed": "".join(p.choices[0].delta.content or "" for p in pieces if p.choices),
            "helped": helped.content,
            "parsed": parsed is not None and len(parsed.name) <= 5,
            "called": [c.function.model_dump() for c in called.choices[0].message.tool_calls],
            "response": streamed.output_text,
            "response_events": sorted(set(events)),
            "response_parsed": client.responses.parse(model=model, input="Hi", text_format=Person).output_parsed
            is not None,
            "response_called": [call.name, json.loads(call.arguments)],
            "response_after": after.output_text,
            "models": [m.id for m in client.models.list()],
        }
    )
)
