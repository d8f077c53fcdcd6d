"""Models on their way here, from a real local hub: seen, paused, taken up again (by another server too), cancelled."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.hub.conftest import GGUF, MODEL, WEIGHTS, StandIn, hub, tiny_gguf
from tests.server.test_models import until

from huozhong.errors import ConfigError, HubError, RequestError
from huozhong.formats.installed import find, models_folder
from huozhong.hub.arrival import partial_folder, unfinished
from huozhong.server.pulls import Pull, Pulls

__all__ = ["hub", "tiny_gguf"]  # fixtures


@pytest.fixture
def pulls(hub: StandIn) -> Iterator[Pulls]:
    pulls = Pulls()
    yield pulls
    pulls.close()


def under_way(hub: StandIn, pulls: Pulls) -> Pull:
    """A model of which some has come, slowly."""
    hub.delay = 0.2
    begun = pulls.pull(f"hf:{MODEL}")
    until(lambda: hub.sent[WEIGHTS] > 16384)
    hub.delay = 1.0  # the rest takes far longer than any test is held up
    return begun


def ended(pull: Pull) -> Callable[[], bool]:
    return lambda: pull.state in ("done", "failed")


def test_a_model_comes_and_is_seen_coming(hub: StandIn, pulls: Pulls) -> None:
    begun = under_way(hub, pulls)
    until(lambda: begun.speed is not None)
    told = begun.as_json()
    assert (told["state"], told["name"], told["file"]) == ("running", "tiny", WEIGHTS)
    assert 0 < told["done"] < told["total"]
    assert told["bytes_per_second"] > 0
    assert told["seconds_left"] is not None
    hub.delay = 0
    until(ended(begun))
    assert (begun.state, begun.done) == ("done", begun.total)
    assert find("tiny") is not None
    until(lambda: not (models_folder() / ".pulls.json").exists())  # the note goes after the state


def test_paused_it_stays_where_it_is_and_goes_on_from_there(hub: StandIn, pulls: Pulls) -> None:
    begun = under_way(hub, pulls)
    pulls.pause("tiny")
    until(lambda: begun.state == "paused")
    assert find("tiny") is None
    (part,) = partial_folder("tiny").glob("*.part")
    came = part.stat().st_size
    assert came > 0
    time.sleep(0.2)
    assert part.stat().st_size == came
    hub.delay = 0
    pulls.resume("tiny")
    until(ended(begun))
    assert begun.state == "done"
    assert hub.ranges(WEIGHTS)[-1] == f"bytes={came}-"


def test_the_next_server_goes_on(hub: StandIn, pulls: Pulls) -> None:
    under_way(hub, pulls)
    pulls.pull(f"hf:{GGUF}:q8_0")
    pulls.pause("tiny-gguf:q8_0")
    pulls.close()
    assert unfinished()[0][0] == "tiny"
    hub.delay = 0
    second = Pulls()
    second.take_up()
    try:
        until(lambda: find("tiny") is not None)
        states = {pull.name: pull.state for pull in second.all()}
        assert states["tiny-gguf:q8_0"] == "paused"
        assert (hub.ranges(WEIGHTS)[-1] or "").startswith("bytes=")
    finally:
        second.close()


def test_one_at_a_time_in_the_order_of_asking(hub: StandIn, pulls: Pulls) -> None:
    first = under_way(hub, pulls)
    second = pulls.pull(f"hf:{GGUF}:q8_0")
    assert pulls.pull(f"hf:{GGUF}:q8_0") is second
    time.sleep(0.1)
    assert (first.state, second.state) == ("running", "waiting")
    hub.delay = 0
    until(ended(second))
    assert (first.state, second.state) == ("done", "done")


def test_cancelled_nothing_is_left_but_what_was_there(hub: StandIn, pulls: Pulls) -> None:
    under_way(hub, pulls)
    pulls.cancel("tiny")
    until(lambda: pulls.all() == [] and not partial_folder("tiny").exists())
    hub.delay = 0
    again = pulls.pull(f"hf:{MODEL}")
    until(ended(again))
    pulls.cancel("tiny")
    assert pulls.all() == []
    assert find("tiny") is not None  # what has arrived is removed by `rm` alone


def test_what_goes_wrong_is_told_and_can_be_tried_again(
    hub: StandIn, pulls: Pulls, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.damage.add(WEIGHTS)
    begun = pulls.pull(f"hf:{MODEL}")
    until(ended(begun))
    assert begun.as_json()["error"]["en"].startswith(f"{WEIGHTS} has the wrong hash")
    assert "校验和不对" in begun.as_json()["error"]["zh"]
    hub.damage.clear()
    pulls.resume("tiny")
    until(lambda: begun.state == "done")
    for name in ("nothing-known", "../../etc"):
        with pytest.raises((HubError, ConfigError)):
            pulls.pull(name)
    with pytest.raises(RequestError, match="No model 'x' is on its way"):
        pulls.pause("x")


def test_a_disk_without_room_is_told_before_anything_comes(
    hub: StandIn, pulls: Pulls, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    usage = shutil.disk_usage(Path("/"))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    begun = pulls.pull(f"hf:{MODEL}")
    until(ended(begun))
    assert "Not enough room" in begun.as_json()["error"]["en"]
    assert hub.sent[WEIGHTS] == 0


def test_pausing_while_a_hub_is_out_of_reach_does_not_wait(hub: StandIn, pulls: Pulls) -> None:
    hub.answers[WEIGHTS] = [(503, {"Retry-After": "200"})]
    begun = pulls.pull(f"hf:{MODEL}")
    until(lambda: begun.note is not None)
    pulls.pause("tiny")
    until(lambda: begun.state == "paused", seconds=100)  # half of what the hub asks for


def test_a_damaged_list_is_no_dead_end(hub: StandIn, pulls: Pulls) -> None:
    models_folder().mkdir(parents=True)
    for text in ("{", "[1]", json.dumps([{"name": "../x", "wanted": "a", "kind": "pull", "state": "waiting"}])):
        (models_folder() / ".pulls.json").write_text(text, encoding="utf-8")
        pulls.take_up()
        assert pulls.all() == []


def test_from_a_medium(hub: StandIn, pulls: Pulls, tiny_gguf: Path) -> None:
    begun = pulls.bring(tiny_gguf, "mine")
    until(ended(begun))
    assert (begun.state, begun.kind) == ("done", "import")
    assert find("mine") is not None
    gone = pulls.bring(tiny_gguf.with_name("gone.gguf"), "gone")
    until(ended(gone))
    assert gone.state == "failed"
