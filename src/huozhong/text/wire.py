"""What servers that speak OpenAI's chat completions really send, read: one reader for all who ask them.

Many speak the dialect with an accent: `data:` without a blank, `"error": null` beside an answer, pieces without a
`delta` or without any choice, contents as lists of parts, reasoning under another name.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from huozhong.errors import RequestError
from huozhong.text.tools import CallPart


class Used(NamedTuple):
    """Tokens of a prompt, of these from a cache, of the completion, of these thought."""

    prompt: int = 0
    cached: int = 0
    completion: int = 0
    reasoning: int = 0


@dataclass(frozen=True)
class Said:
    """A message, or a piece of one.

    calls: parts of the functions that it calls.  stop: the stop string that ended it, where the server says which.
    rule: the fixed text's rule, where our own server says one.  usage: of the whole answer, where the server says it.
    """

    text: str = ""
    reasoning: str = ""
    calls: tuple[CallPart, ...] = ()
    finish_reason: str | None = None
    stop: str | None = None
    rule: str | None = None
    usage: Used | None = None


def whole_message(body: Any) -> Said | None:
    """The first choice of a whole answer; None for what is no chat completion."""
    choices = body.get("choices") if isinstance(body, dict) else None
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        return None
    message = choices[0].get("message")
    try:
        return _said(message, choices[0]) if isinstance(message, dict) else None
    except (TypeError, KeyError, AttributeError):
        return None


def pieces(chunks: Iterable[str]) -> Iterator[Said]:
    """What a stream says, of its text as it comes, however it is cut.

    Raises `RequestError` with the server's sentence for an error, and for a stream that is none.
    """
    for data in _data(chunks):
        if data == "[DONE]":
            return
        try:
            event = json.loads(data)
        except ValueError:
            raise RequestError(f"The server sent a piece that is not JSON: {data[:200]!r}") from None
        if not isinstance(event, dict):
            continue
        if event.get("error"):
            raise RequestError(error_sentence(event))
        if usage := usage_of(event):
            yield Said(usage=usage)
        choices = event.get("choices")
        for choice in choices if isinstance(choices, list) else []:
            if isinstance(choice, dict):
                said = choice.get("delta") or choice.get("message")
                with contextlib.suppress(TypeError, KeyError, AttributeError):
                    yield _said(said if isinstance(said, dict) else {}, choice)


def usage_of(body: Any) -> Used | None:
    """What a body or an event says that was used."""
    usage = body.get("usage") if isinstance(body, dict) else None
    if not isinstance(usage, dict):
        return None
    details = usage.get("prompt_tokens_details")
    cached = usage.get("prompt_cache_hit_tokens", details.get("cached_tokens") if isinstance(details, dict) else 0)
    thought = usage.get("completion_tokens_details")
    reasoning = thought.get("reasoning_tokens") if isinstance(thought, dict) else 0
    numbers = [usage.get("prompt_tokens"), cached or 0, usage.get("completion_tokens", 0), reasoning or 0]
    return Used(*numbers) if all(isinstance(one, int) and one >= 0 for one in numbers) else None


def error_sentence(body: Any) -> str:
    """The server's own sentence, of an error body in any of the usual forms; a text stays."""
    if isinstance(body, str):
        try:
            parsed = json.loads(body)
        except ValueError:
            parsed = None
        if not isinstance(parsed, dict):
            return f"The server sent no answer but: {' '.join(body.split())[:200]!r}"
        body = parsed
    error = body.get("error") or body.get("detail") or body.get("message") or body
    if isinstance(error, dict):
        error = error.get("message") or json.dumps(error, ensure_ascii=False)
    return " ".join(str(error).split())[:300]


def _data(chunks: Iterable[str]) -> Iterator[str]:
    """The data of server-sent events.  Lines end in \\n or \\r\\n alone: other ends may stand inside JSON."""
    rest, event = "", []
    for chunk in chunks:
        *lines, rest = (rest + chunk).split("\n")
        for line in lines:
            line = line.removesuffix("\r")
            if line.startswith("data:"):
                event.append(line[5:].removeprefix(" "))
            elif not line and event:
                yield "\n".join(event).strip()
                event = []
    if rest.startswith("data:"):
        event.append(rest[5:].strip())
    if event:
        yield "\n".join(event).strip()


def _said(message: dict[str, Any], choice: dict[str, Any]) -> Said:
    rule, finish_reason = message.get("rule"), choice.get("finish_reason")
    # vLLM and we tell which stop string it was by the one name, SGLang by the other; the ids of tokens are none.
    stops = [choice.get(name) for name in ("stop_reason", "matched_stop")]
    return Said(
        text=_text(message.get("content")),
        reasoning=_text(message.get("reasoning_content") or message.get("reasoning")),
        calls=tuple(_calls(message.get("tool_calls") or ())),
        finish_reason=finish_reason if isinstance(finish_reason, str) else None,
        stop=next((stop for stop in stops if isinstance(stop, str)), None),
        rule=str(rule.get("id", "")) if isinstance(rule, dict) else None,
    )


def _calls(given: Any) -> Iterator[CallPart]:
    """Parts of calls.  Some servers leave the number out, some send arguments as an object."""
    for place, call in enumerate(given):
        function, index = call.get("function") or {}, call.get("index")
        number = index if isinstance(index, int) else place
        if name := function.get("name"):
            yield CallPart(number, name=_text(name))
        arguments = function.get("arguments")
        if isinstance(arguments, dict):
            arguments = json.dumps(arguments, ensure_ascii=False)
        if arguments:
            yield CallPart(number, arguments=_text(arguments))


def _text(value: Any) -> str:
    """A text, as one or in parts.  Raises TypeError for anything else."""
    if isinstance(value, list):
        return "".join(_text(part["text"]) for part in value if part.get("type", "text") == "text")
    if value is not None and not isinstance(value, str):
        raise TypeError
    return (value or "").encode("utf-8", "replace").decode()  # half of a pair of surrogates cannot be written
