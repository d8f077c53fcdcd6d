"""The list of models."""

from __future__ import annotations

import openai
import pytest
from tests.server.conftest import Running


def test_the_model_that_is_served(server: Running) -> None:
    assert [m.id for m in server.client.models.list()] == [server.llm.name]
    assert server.client.models.retrieve(server.llm.name).owned_by == "huozhong"


def test_another_model_is_not_served_here(server: Running) -> None:
    with pytest.raises(openai.NotFoundError, match="'gpt/9' is not served here") as missing:
        server.client.models.retrieve("gpt/9")
    assert (missing.value.param, missing.value.code) == ("model", "model_not_found")
