"""What chat templates written for transformers expect to find in their Jinja environment, and nothing more."""

from __future__ import annotations

import json
import re
from datetime import datetime
from functools import lru_cache
from typing import Any, NoReturn

from jinja2 import Template
from jinja2.ext import Extension
from jinja2.nodes import Node
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from huozhong.errors import RequestError
from huozhong.text.marks import MARKS

_NOT_ASCII = re.compile(f"[^\x00-\x7f{MARKS}]")


def environment() -> ImmutableSandboxedEnvironment:
    env = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols", _Generation], autoescape=False
    )
    env.filters["tojson"] = _to_json
    env.globals["raise_exception"] = _raise_exception
    env.globals["strftime_now"] = lambda form: datetime.now().strftime(form)
    env.globals["dict"] = _Dict()
    return env


@lru_cache(maxsize=16)
def compiled(source: str) -> Template:
    """A template, ready to be rendered by any number of threads.  Raises jinja2.TemplateError.

    Compiling takes a hundredth of a second of a processor; a house whose models are put away and fetched again, or are
    of one family, does it once.
    """
    return environment().from_string(source)


def dates() -> dict[str, str]:
    """Today, as templates ask whoever renders them for it: Llama 3.1's and 3.3's otherwise say 26 Jul 2024."""
    now = datetime.now()
    return {"date_string": now.strftime("%d %b %Y"), "datetime": now.strftime("%b %d %Y")}


def _raise_exception(message: str) -> NoReturn:
    raise RequestError(f"The model's chat template refuses these messages: {message}", param="messages")


def _to_json(
    value: Any, ensure_ascii: bool = False, indent: int | None = None, separators: Any = None, sort_keys: bool = False
) -> str:
    text = json.dumps(value, ensure_ascii=False, indent=indent, separators=separators, sort_keys=sort_keys)
    # The marks have to stay marks, so that the escaping is ours.
    return _NOT_ASCII.sub(lambda c: json.dumps(c[0])[1:-1], text) if ensure_ascii else text


class _Dict:
    """`dict` for templates, without the class itself and what hangs on it."""

    def __call__(self, *args: Any, **kwargs: Any) -> dict[Any, Any]:
        return dict(*args, **kwargs)

    def fromkeys(self, *args: Any, **kwargs: Any) -> dict[Any, Any]:
        return dict.fromkeys(*args, **kwargs)


class _Generation(Extension):
    """`{% generation %}...{% endgeneration %}`, which tells trainers what the model says: its content."""

    tags = {"generation"}  # noqa: RUF012  (as Jinja declares it)

    def parse(self, parser: Parser) -> list[Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)
