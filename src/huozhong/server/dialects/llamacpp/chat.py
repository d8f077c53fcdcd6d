"""A chat in OpenAI's words, with what llama.cpp's programs ask to be told besides: see `server.calls.Extras`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from huozhong.engine.requests import Completion, Delta, Usage
from huozhong.server.calls import Extras
from huozhong.server.dialects import Event, total_usage
from huozhong.server.dialects.llamacpp.reply import progress_json, timings_json
from huozhong.server.dialects.openai.reply import ChatCompletionReply


@dataclass(kw_only=True)
class TellingChatReply(ChatCompletionReply):
    """extras: what is asked for.  prompt, settings: the prompt as text, and how tokens were chosen; empty unless
    verbose.

    Of a stream the first piece has no content (null), as these programs know it.
    """

    extras: Extras
    prompt: str = ""
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._written = ""

    def whole(self, answers: Sequence[Completion]) -> dict[str, Any]:
        usage = total_usage([answer.usage for answer in answers], self.num_answers)
        return (
            super().whole(answers) | {"timings": timings_json(usage)} | self._verbose("".join(a.text for a in answers))
        )

    def first(self) -> Iterator[Event]:
        for event in super().first():
            assert isinstance(event.data, dict)
            event.data["choices"][0]["delta"]["content"] = None
            yield event

    def events(self, index: int, delta: Delta) -> Iterator[Event]:
        if delta.reading is not None:
            if self.extras.progress:
                yield Event(self._chunk(self._choices[index].chunk({})) | progress_json(delta.reading))
            return
        self._written += delta.text
        for event in super().events(index, delta):
            yield self._timed(event, delta.usage)

    def _timed(self, event: Event, usage: Usage | None) -> Event:
        data = event.data
        if not isinstance(data, dict) or usage is None:
            return event
        ends = not data["choices"] or data["choices"][0]["finish_reason"] is not None
        if ends or self.extras.timings:
            data = data | {"timings": timings_json(usage)}
        return Event(data | (self._verbose(self._written) if ends else {}), event.name)

    def _verbose(self, text: str) -> dict[str, Any]:
        if not self.extras.verbose:
            return {}
        told = {"model": self.model, "content": text, "prompt": self.prompt, "generation_settings": self.settings}
        return {"__verbose": told}
