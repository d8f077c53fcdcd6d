"""What is asked."""

from __future__ import annotations

import pytest
from tests.train.rl.conftest import Learn
from tests.train.rl.learning import changed

from huozhong.errors import ConfigError
from huozhong.train.rl.recipe import RlRecipe


def test_questions_that_leave_no_room_are_an_error(recipe: RlRecipe, learn: Learn) -> None:
    with pytest.raises(ConfigError, match="no problem of"):
        learn(changed(recipe, "rollout", seq_len=8))
    with pytest.raises(ConfigError, match="hardly any problem"):
        learn(changed(changed(recipe, "rollout", seq_len=8), "problems", valid=None))
    with pytest.raises(ConfigError, match="takes 256 tokens"):
        learn(changed(recipe, "rollout", seq_len=512))
