"""What chat templates find in their environment, against transformers'."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import jinja2
import pytest
from transformers.utils.chat_template_utils import _compile_jinja_template

from huozhong.text.jinja import compiled, environment


@pytest.mark.parametrize(
    "source",
    [
        "{{ {'b': '好', 'a': [1, none]} | tojson }}",
        "{{ {'b': '好\"😀', 'a': 1} | tojson(ensure_ascii=True, sort_keys=True) }}",
        "{{ {'b': 1} | tojson(separators=(',', ':')) }}{{ [1, 2] | tojson(indent=2) }}",
        "{{ dict(a=1).a }}{{ dict.fromkeys(['x'], 3) }}",
        "{% for i in range(5) %}{% if i == 3 %}{% break %}{% endif %}{{ i }}{% endfor %}",
        "{% set ns = namespace(a=1) %}{% set ns.a = 2 %}{{ ns.a }}",
        "a{% generation %}{% if true %}\n b{% endif %}{% endgeneration %}c",
    ],
)
def test_as_in_transformers(source: str) -> None:
    assert environment().from_string(source).render() == _compile_jinja_template(source).render()


def test_a_template_is_compiled_once_and_remembers_nobodys_words() -> None:
    source = "{% set said = namespace(n=0) %}{% for w in words %}{% set said.n = said.n + w %}{% endfor %}{{ said.n }}"
    template = compiled(source)
    assert compiled(source) is template
    with ThreadPoolExecutor(4) as pool:
        sums = list(pool.map(lambda n: template.render(words=[n] * 50), range(40)))
    assert sums == [str(50 * n) for n in range(40)]
    for _ in range(2):  # what cannot be compiled is refused again
        with pytest.raises(jinja2.TemplateError):
            compiled("{% if %}")
