"""What this dialect gives, for /openapi.json."""

from __future__ import annotations

from huozhong.server.dialects.openai.schemas import COMPLETION
from huozhong.server.dialects.schemas import (
    ANY,
    INTEGER,
    STRING,
    Component,
    array,
    either,
    mapping,
    record,
)

ERROR = Component(
    "llamacpp.Error",
    record(
        {
            "error": record(
                {"code": INTEGER, "message": STRING, "type": STRING},
                {"param": STRING, "n_prompt_tokens": INTEGER, "n_ctx": INTEGER},
            )
        }
    ),
)
_PIECE = record({"id": INTEGER, "piece": either(STRING, array(INTEGER))})
TOKENS = Component("llamacpp.Tokens", record({"tokens": array(either(INTEGER, _PIECE))}))
CONTENT = Component("llamacpp.Content", record({"content": STRING}))
PROMPT = Component("llamacpp.Prompt", record({"prompt": STRING}))
# Of an answer those fields that were asked for; of several, a list.
_ANSWER = either(mapping(ANY), array(mapping(ANY)))
COMPLETED = Component("llamacpp.Completion", _ANSWER)
# /completions is OpenAI's where a model is named, and llama.cpp's where none is.
EITHERS = Component("llamacpp.EithersCompletion", either(COMPLETION.schema, _ANSWER))
PROPS = Component("llamacpp.Props", mapping(ANY))
NOTHING = Component("llamacpp.Nothing", mapping(ANY))
ANYTHING = Component("llamacpp.Anything", {"type": "object"})
