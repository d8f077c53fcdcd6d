"""An app's Python block, run by Monty in a worker process: no file, no network, no process, bounded time and memory.

The block sees the fields by their keys and the reader's language, "zh" or "en", as `language`, and calls what
`allowed-tools` names; nothing else is there to be called.  Its last expression is a dict of further values for the
prompt, or one text, `{{result}}`; an "answer" in it needs no model.  It may define `check(answer)`, which says what is
wrong with an answer or returns None; `show(answer)`, which writes an answer that is JSON as Markdown; `cues(answer)`,
the same as a script to be read aloud (`script.py`); and `instead(answer)`, for a model that could not do it: what to
show instead, or None.
"""

from __future__ import annotations

import importlib.util
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from huozhong.errors import SkillError
from huozhong.skills.fields import Value
from huozhong.skills.script import Script, read_script

if TYPE_CHECKING:
    from pydantic_monty import Monty, MontySession

SECONDS = 1.0  # of a block's own computing between two calls
MEMORY = 64 * 2**20
MOST_CALLS = 64  # of tools
MOST_RESULT = 100_000  # characters that a block may make
WORKERS = 2

Tools = Mapping[str, Callable[..., Any]]

_pool: Monty | None = None
_opening = threading.Lock()


def is_here() -> bool:
    """Whether blocks can be run: the package of the extra `apps` is installed."""
    return importlib.util.find_spec("pydantic_monty") is not None


class Block:
    """A block that has run.  values: what it made for the prompt."""

    def __init__(self, session: MontySession, line: int, tools: Tools) -> None:
        self._session, self._line = session, line
        self._tools = {name: self._told(tool) for name, tool in tools.items()}
        self._refused: SkillError | None = None  # by a tool, in the call that is running
        self.values: dict[str, str] = {}
        self._has: dict[str, bool] = {}

    def run(self, code: str, values: Mapping[str, Value]) -> None:
        """Run the block itself.  `SkillError` for whatever it does wrong."""
        made = self._feed(code, dict(values))
        if isinstance(made, dict):
            self.values = {str(key): _said(value) for key, value in made.items()}
        elif made is not None:
            self.values = {"result": _said(made)}
        if sum(len(key) + len(value) for key, value in self.values.items()) > MOST_RESULT:
            raise _too_much()
        for name in ("check", "show", "cues", "instead"):
            self._has[name] = re.search(rf"^def {name}\(", code, re.M) is not None

    @property
    def has_instead(self) -> bool:
        """Whether the app has something to show where the model could not do it."""
        return self._has.get("instead", False)

    def check(self, answer: Any) -> str | None:
        """What is wrong with an answer, in the block's own words; None where nothing is, or nothing checks."""
        if not self._has.get("check"):
            return None
        problem = self._feed("check(__answer__)", {"__answer__": answer})
        return None if problem is None or problem is True else (_said(problem) or "check() failed")

    def show(self, answer: Any) -> str | None:
        """An answer as Markdown; None where the block leaves that to the host."""
        return _said(self._feed("show(__answer__)", {"__answer__": answer})) if self._has.get("show") else None

    def script(self, answer: Any) -> Script | None:
        """An answer as a script to be read aloud; None where the block makes none."""
        if not self._has.get("cues"):
            return None
        return read_script(self._feed("cues(__answer__)", {"__answer__": answer}))

    def instead(self, answer: Any) -> Any:
        """What to show for an answer that failed its checks, or that was never finished (None); None: nothing else."""
        other = self._feed("instead(__answer__)", {"__answer__": answer}) if self._has.get("instead") else None
        _said(other)  # what is too long, or cannot be written, is refused here
        return other

    def _feed(self, code: str, inputs: dict[str, Any]) -> Any:
        import pydantic_monty as monty

        self._refused = None
        try:
            return self._session.feed_run(
                code, inputs=inputs, external_lookup=self._tools, print_callback=monty.CollectString()
            )
        except monty.MontyCrashedError:
            raise SkillError(
                "这个应用的程序用的时间或内存太多，已停下。",
                "The app's program took too much time or memory; it was stopped.",
            ) from None
        except monty.MontyRuntimeError as error:
            raise (self._refused or self._failed(error)) from None
        except monty.MontyError as error:
            raise self._failed(error) from None

    def _told(self, tool: Callable[..., Any]) -> Callable[..., Any]:
        """The tool, whose refusal is remembered: in the sandbox it is an exception like any other."""

        def called(*arguments: Any, **named: Any) -> Any:
            try:
                return tool(*arguments, **named)
            except SkillError as error:
                self._refused = error
                raise
            except TypeError as error:
                raise ValueError(f"wrong arguments ({error})") from None

        return called

    def _failed(self, error: Exception) -> SkillError:
        reason = re.sub(r"\s+", " ", str(error))[:200]
        if "TimeoutError" in reason or "MemoryError" in reason:
            return SkillError(
                f"这个应用的程序用的时间或内存太多，已停下（{reason}）。",
                f"The app's program took too much time or memory; it was stopped ({reason}).",
            )
        return SkillError(
            f"这个应用的程序（第 {self._line} 行起）出错：{reason}",
            f"The app's program (from line {self._line}) failed: {reason}",
        )


@contextmanager
def sandbox(line: int, tools: Tools) -> Iterator[Block]:
    """A fresh sandbox for one run of one app.  line: where its block begins in the file; tools: what it may call."""
    limits = {
        "max_turn_duration_secs": SECONDS,
        "max_memory": MEMORY,
        "max_recursion_depth": 200,
        "max_suspensions": MOST_CALLS,
        "max_total_sleep_secs": 0.0,
    }
    with _workers().checkout(limits=limits) as session:  # type: ignore[arg-type]
        yield Block(session, line, tools)


def _workers() -> Monty:
    global _pool
    with _opening:
        if _pool is None:
            if not is_here():
                raise _missing()
            import pydantic_monty

            try:
                pool = pydantic_monty.Monty(max_processes=WORKERS, max_checkouts_per_worker=200)
                pool.__enter__()
            except (OSError, RuntimeError) as error:  # the program that it starts is not there, or may not be started
                raise _missing() from error
            _pool = pool
        return _pool


def _missing() -> SkillError:
    return SkillError(
        "这个应用带有程序，运行它还需要一个包：pip install 'huozhong[apps]'。",
        "This app has a program, which needs one more package: pip install 'huozhong[apps]'.",
    )


def _too_much() -> SkillError:
    return SkillError("这个应用的程序写出的东西太长。", "The app's program wrote too much.")


def _said(value: Any) -> str:
    """A value as it stands in a prompt.  `SkillError` for one that is too long to be written."""
    try:
        text = _text(value)
    except (ValueError, RecursionError):  # an integer of many thousand digits; lists in lists
        raise _too_much() from None
    if len(text) > MOST_RESULT:
        raise _too_much()
    return text


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        return "\n".join(_text(one) for one in value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value)
