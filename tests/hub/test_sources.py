"""What the hubs say, and that none of it is trusted."""

from __future__ import annotations

import pytest
from tests.hub.conftest import MODEL, WEIGHTS, StandIn
from tests.hub.conftest import pull_from_stand_in as bring

from huozhong.errors import HubError
from huozhong.formats.installed import models_folder


@pytest.mark.parametrize(
    ("status", "headers", "told"),
    [(404, {}, "does not exist"), (401, {"X-Error-Code": "RepoNotFound"}, "does not exist"),
     (401, {"X-Error-Code": "GatedRepo"}, f"licence at .*/{MODEL} and set HF_TOKEN"), (403, {}, "set HF_TOKEN"),
     (400, {}, "HTTP 400")],
)  # fmt: skip
def test_refusals(hub: StandIn, status: int, headers: dict[str, str], told: str) -> None:
    hub.refusals[MODEL] = (status, headers)
    with pytest.raises(HubError, match=told):
        bring()
    assert not models_folder().exists()


def test_the_token_goes_to_the_hub_alone(hub: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    bring()
    sent = {(server, head.get("authorization")) for server, _, head in hub.asked}
    assert sent == {("hub", "Bearer hf_secret"), ("cdn", None)}


@pytest.mark.parametrize(
    "path", ["../evil.safetensors", "/etc/passwd", "a/../../b", "..\\evil", "C:/evil", "a//b", "bad\x00name", "", ". "]
)
@pytest.mark.parametrize("hub_word", ["hf", "ms"])
def test_hostile_paths(hub: StandIn, path: str, hub_word: str) -> None:
    hub.extra.append(path)
    with pytest.raises(HubError, match="unsafe path"):
        bring(f"{hub_word}:{MODEL}")
    assert not models_folder().exists()


@pytest.mark.parametrize("size", [-5, "9", 2**70, None, 1.5])
def test_impossible_sizes(hub: StandIn, size: object) -> None:
    hub.listed_sizes[WEIGHTS] = size  # type: ignore[assignment]
    for word in ("hf", "ms"):
        with pytest.raises(HubError, match="no sensible answer"):
            bring(f"{word}:{MODEL}")


def test_an_address_that_is_none(hub: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "ftp://example")
    with pytest.raises(HubError, match="HF_ENDPOINT is 'ftp://example'"):
        bring()
