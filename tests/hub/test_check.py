"""What cannot be run is told early, and gets no name."""

from __future__ import annotations

import pytest
from tests.hub.conftest import GGUF, MODEL, WEIGHTS, StandIn
from tests.hub.conftest import pull_from_stand_in as bring

from huozhong.errors import CheckpointError, HubError
from huozhong.formats.installed import installed_models


def test_an_architecture_that_cannot_run_is_told_before_the_weights_come(hub: StandIn) -> None:
    hub.repositories[MODEL]["config.json"] = b'{"model_type": "mamba"}'
    with pytest.raises(HubError, match="'mamba', which cannot be run here"):
        bring()
    assert not hub.sent[WEIGHTS]


def test_what_cannot_be_opened_gets_no_name(hub: StandIn) -> None:
    hub.repositories[GGUF]["Tiny-Q8_0.gguf"] = b"GGUF and then nonsense"
    with pytest.raises(CheckpointError):
        bring(GGUF)
    assert not installed_models()
