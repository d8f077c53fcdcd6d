"""The poems that are asked for."""

from __future__ import annotations

from huozhong.exam.poems import poem_requests
from huozhong.verify.poem import FORMS


def test_poem_requests_name_form_and_theme() -> None:
    requests = poem_requests()
    assert len(requests) == len({r.question for r in requests}) == 120
    for request in requests:
        assert request.form in request.question
        assert request.theme in request.question
        assert request.form in FORMS
