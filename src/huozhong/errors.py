"""One exception tree.  Everything a user can cause is a `HuozhongError` with one clear sentence.

    HuozhongError
    ├── ConfigError            a model config, recipe or option: unknown key, impossible value
    ├── CheckpointError        a model folder or file: missing, truncated, or not what it claims
    ├── TokenizerError         a tokenizer or chat template that cannot be read or applied
    ├── DataError              training or exam data that cannot be read or understood
    ├── ExamError              a model that cannot be examined: its URL does not answer, or answers with an error
    ├── BilingualError         said in Chinese, too
    │   ├── DocumentError      a file that somebody added and that cannot be read as text
    │   ├── HubError           a model that cannot be brought: hub out of reach, wrong hash, no room on the disk
    │   ├── SkillError         an app (SKILL.md) that cannot be read or run, or what was filled in for it
    │   └── StoreError         a database that cannot be used: out of reach, locked, full, of a newer program
    ├── TrainingError          a run that cannot go on (loss is NaN, disk is full); the last checkpoint is intact
    ├── KernelError            a CPU kernel that this machine cannot run
    ├── EngineError            a step of the engine failed; the requests in it end, the others go on
    └── RequestError           a request that cannot be served; carries `param` and `code` for the API
        └── ContextLengthError prompt + answer do not fit the model's context

A message says what was wrong, where, and what to do.  Programming mistakes stay asserts.
"""

from __future__ import annotations

from typing import Self


class HuozhongError(Exception):
    """Root of every error that a user's input, file or machine can cause.

    chinese: the same sentence in Chinese, where there is one.
    """

    chinese: str | None = None

    def in_chinese(self, text: str) -> Self:
        """The same error, with its sentence in Chinese too."""
        self.chinese = text
        return self


class ConfigError(HuozhongError):
    """A model config, recipe or option has an unknown key or an impossible value."""


class CheckpointError(HuozhongError):
    """A model folder or file is missing, truncated, or not what it claims to be."""


class TokenizerError(HuozhongError):
    """A tokenizer or chat template cannot be read or applied."""


class DataError(HuozhongError):
    """Training or exam data cannot be read or understood."""


class ExamError(HuozhongError):
    """A model cannot be examined: its URL does not answer, or answers with an error."""


class BilingualError(HuozhongError):
    """What goes wrong before people's eyes: the message in English, the same in Chinese in `chinese`."""

    chinese: str

    def __init__(self, chinese: str, english: str) -> None:
        super().__init__(english)
        self.chinese = chinese


class DocumentError(BilingualError):
    """A file cannot be read as text."""


class HubError(BilingualError):
    """A model cannot be brought to this machine."""


class SkillError(BilingualError):
    """An app cannot be read or run, or a field of it was filled in wrongly."""


class StoreError(BilingualError):
    """The house's database cannot be used."""


class TrainingError(HuozhongError):
    """A training run cannot go on; the last complete checkpoint is intact."""


class KernelError(HuozhongError):
    """A CPU kernel was asked for that this machine cannot run."""


class EngineError(HuozhongError):
    """A step of the engine failed; the requests that were in it end with this error, the others go on."""


class RequestError(HuozhongError):
    """A request cannot be served.

    `param` names the offending request field (or None); `code` is a short machine-readable
    word, as in OpenAI's error object.  `retry_after`: seconds after which the same request may be asked again.
    """

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str = "invalid_value",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.param = param
        self.code = code
        self.retry_after = retry_after


class ContextLengthError(RequestError):
    """Prompt and answer together do not fit the model's context.

    tokens: of the prompt, as far as they were counted.  context: how many fit.
    """

    def __init__(self, message: str, *, tokens: int, context: int, param: str | None = "messages") -> None:
        super().__init__(message, param=param, code="context_length_exceeded")
        self.tokens, self.context = tokens, context
