"""Members in processes of their own train by local rounds: they stay together to the bit, stop and go on to the bit,
and one that is killed costs the others its part of one round.
"""

from __future__ import annotations

import dataclasses
import shutil
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from pathlib import Path

import pytest
import torch
from rich.console import Console
from tests.train.parallel.rounds import SECRET, course, crcs, finished, processes, start, team_recipe, told, until

from huozhong.errors import ConfigError
from huozhong.formats.source import open_model
from huozhong.train.feed import Rows
from huozhong.train.parallel.leader import LeadingTeam
from huozhong.train.parallel.line import call
from huozhong.train.parallel.seat import KEY, Seat
from huozhong.train.parallel.settings import TeamRecipe
from huozhong.train.recipe import load_recipe
from huozhong.train.stages.pretrain import Outcome, train


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def as_threads(recipe: Path, *names: str) -> tuple[str, list[Outcome]]:
    """Who leads, and members of these names, in threads of this process; what the leader said, all outcomes."""
    port, shown = free_port(), Console(file=StringIO(), width=200)
    read = load_recipe(recipe, "pretrain")
    seats = [Seat(recipe=recipe, members=len(names), port=port)]
    seats += [Seat(address=("127.0.0.1", port), name=name, key=SECRET) for name in names]
    with ThreadPoolExecutor(len(seats)) as pool:
        running = [pool.submit(train, read, console=shown, seat=seat) for seat in seats]
        outcomes = [each.result(timeout=3000) for each in running]
    return shown.file.getvalue(), outcomes  # type: ignore[attr-defined]


def test_members_stay_together_and_go_on_to_the_bit(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, SECRET)
    said, outcomes = as_threads(team_recipe(corpus, "whole"), "school")
    assert all(outcome.finished and outcome.step == 12 for outcome in outcomes)
    assert "school joined at step 0" in said
    assert "2 members" in said
    out = corpus / "whole"
    records = told(out)
    assert [record["step"] for record in records] == list(range(1, 13))
    # rounds of 1, 2, 3 and 3 steps, and one of 3 that settles
    assert [r["step"] for r in records if "round_members" in r] == [1, 3, 6, 9, 12]
    assert records[-1]["round_loss"] < records[0]["round_loss"]
    assert records[-1]["line_bytes"] > 0
    assert crcs(out).keys() == {6, 9, 12}  # each 4 steps, at the round's end
    assert crcs(out / "members" / "school") == crcs(out)

    # stopped after step 6, and resumed
    shutil.copytree(out, corpus / "again")
    for folder in (corpus / "again", corpus / "again" / "members" / "school"):
        for step in (9, 12):
            shutil.rmtree(folder / "checkpoints" / f"step-{step:08d}")
    again = team_recipe(corpus, "again")
    said, _ = as_threads(again, "school")
    assert "checkpoint of step 6" in said
    assert course(corpus / "again") == course(out)
    assert crcs(corpus / "again") == crcs(out)

    # a member that lost its own checkpoints is given the weights, and stays together with the team from there
    shutil.copytree(out, corpus / "lost")
    shutil.rmtree(corpus / "lost" / "members")
    for step in (9, 12):
        shutil.rmtree(corpus / "lost" / "checkpoints" / f"step-{step:08d}")
    as_threads(team_recipe(corpus, "lost"), "school")
    assert crcs(corpus / "lost" / "members" / "school")[12] == crcs(corpus / "lost")[12] != crcs(out)[12]


def test_who_does_not_belong_does_not_get_in_and_harms_nobody(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, SECRET)
    recipe, other = team_recipe(corpus, "mine"), team_recipe(corpus, "other", ("keep = 0.25", "keep = 0.5"))
    port, shown = free_port(), Console(file=StringIO(), width=400)
    with ThreadPoolExecutor(2) as pool:
        leader = pool.submit(
            train, load_recipe(recipe, "pretrain"), console=shown, seat=Seat(recipe=recipe, members=1, port=port)
        )
        address = ("127.0.0.1", port)
        with pytest.raises(ConfigError, match="its key is not ours"):
            train(load_recipe(recipe, "pretrain"), seat=Seat(address=address, name="thief", key="x" * 20))
        with pytest.raises(ConfigError, match=r"team\.keep = 0\.5, the team's says 0\.25"):
            train(load_recipe(other, "pretrain"), seat=Seat(address=address, name="other", key=SECRET))
        line = call(address, SECRET, seconds=60)
        assert line is not None
        line.send({"name": "nonsense"})
        # the one who belongs begins well, and then talks nonsense in the middle of a round
        liar = call(address, SECRET, seconds=60)
        assert liar is not None
        liar.send({"name": "liar", "identity": load_recipe(recipe, "pretrain").identity(), "have": {}})
        assert liar.receive(60)[0]["step"] == 0
        liar.send({"round": 1, "loss": "none"}, b"\0" * 7)
        assert leader.result(timeout=3000).finished
    said = shown.file.getvalue()  # type: ignore[attr-defined]
    assert "other was refused" in said
    assert "A member did not get in" in said
    assert "liar dropped out" in said
    line.close()
    liar.close()
    assert told(corpus / "mine")[-1]["round_members"] == 1


@pytest.mark.slow
def test_four_processes(corpus: Path) -> None:
    """Started by the one that leads, as `--with host1,host2` does; a process takes seconds to import torch."""
    said = finished(start(team_recipe(corpus, "out"), "--with", "localhost,localhost,localhost"))
    assert "4 members" in said
    assert "every step's" in said  # a table's cell, which may be broken into lines
    out = corpus / "out"
    assert set(open_model(out / "model").names())
    for name in ("localhost", "localhost-2", "localhost-3"):
        assert crcs(out / "members" / name) == crcs(out)


@pytest.mark.slow
def test_a_member_that_is_killed_costs_one_round_and_may_come_back(corpus: Path) -> None:
    recipe = team_recipe(
        corpus,
        "out",
        ("total_steps = 12", "total_steps = 1000000"),
        ("eval_every = 5", "eval_every = 9999"),
        ("checkpoint_steps = 4", "checkpoint_steps = 500"),
        ("local_steps = 3", "local_steps = 20"),
    )
    out = corpus / "out"
    with processes() as running:
        leader = start(recipe, "--with", "2")
        running.append(leader)
        address = until(lambda: _address(leader), leader)
        one, two = (start(recipe, "--join", address, "--name", name) for name in ("one", "two"))
        running += [one, two]
        until(lambda: [r for r in told(out) if r.get("round_members") == 3], leader, one, two)
        two.kill()
        dropped = until(lambda: [r for r in told(out) if "dropped" in r], leader, one)
        assert dropped[0]["dropped"] == ["two"]
        assert dropped[0]["round_members"] == 2
        back = start(recipe, "--join", address, "--name", "two")
        running.append(back)
        gone_at = dropped[0]["step"]
        until(lambda: [r for r in told(out) if r.get("joined") == ["two"] and r["step"] > gone_at], leader, one, back)
        leader.send_signal(signal.SIGINT)
        said = finished(leader)
        finished(one)
        finished(back)
    assert "two dropped out" in said
    assert "two came back" in said
    at = max(crcs(out))
    assert crcs(out / "members" / "one")[at] == crcs(out / "members" / "two")[at] == crcs(out)[at]
    # not a round was left out: the steps go on through the loss
    assert [record["step"] for record in told(out)] == list(range(1, at + 1))


def _address(leader: object) -> str | None:
    for line in leader.stdout:  # type: ignore[attr-defined]
        if "--join" in line:
            return "127.0.0.1:" + line.split("--join ")[1].split()[0].rpartition(":")[2]
    return None


def test_alone_a_recipe_with_a_team_trains_too(corpus: Path, console: Console) -> None:
    recipe = load_recipe(team_recipe(corpus, "alone"), "pretrain")
    assert train(recipe, console=console).finished
    assert told(corpus / "alone")[-1]["round_members"] == 1


@pytest.mark.parametrize(("micro_batches", "rows", "members"), [(4, 2, 2), (4, 2, 3), (1, 8, 3), (3, 1, 5), (2, 2, 3)])
def test_every_row_is_somebodys_and_nobody_always_has_more(
    console: Console, micro_batches: int, rows: int, members: int
) -> None:
    tokens = torch.arange(micro_batches * rows)[:, None]
    parts = Rows(tokens, tokens, tokens).split(rows)
    names = [f"school-{i}" for i in range(members)]
    had = dict.fromkeys(names, 0)
    for step in range(members):
        seen: list[int] = []
        for name in names:
            team = LeadingTeam(TeamRecipe(), 12, console, name=name)
            team.members, team.step = names, step
            mine = [row for part in team.share(parts) for row in part.tokens_BT[:, 0].tolist()]
            had[name] += len(mine)
            seen += mine
        assert sorted(seen) == list(range(micro_batches * rows))
    assert len(set(had.values())) == 1


BAD = {
    "local_steps = 0": "local_steps is 0; it must be at least 1",
    "keep = 0.0": "keep is 0.0; it must lie between 1/4096 and 1",
    "keep = 2.0": "keep is 2.0",
    "bits = 3": "bits is 3; it must be one of 1, 2, 4, 8, 16, 32",
    "settle_bits = 5": "settle_bits is 5",
    "outer_lr = 0.0": "outer_lr is 0.0",
    "outer_momentum = 1.0": "outer_momentum is 1.0",
    "settle = 1.5": "settle is 1.5",
    "patience = 0.0": "patience is 0.0",
    "line_mbit = -1": "line_mbit is -1",
    "hosts = 3": "no key 'hosts'",
}


@pytest.mark.parametrize("line", BAD)
def test_what_no_team_can_do(corpus: Path, line: str) -> None:
    with pytest.raises(ConfigError, match=r"\[team\]") as caught:
        load_recipe(team_recipe(corpus, "bad", team=f"[team]\n{line}\n"), "pretrain")
    assert BAD[line] in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_does_not_go_with_a_team(corpus: Path) -> None:
    for change in (("[run]\n", "[run]\nshard = true\n"), ("[optim]\n", "[optim]\nema = 0.9\n")):
        with pytest.raises(ConfigError, match=r"\[team\] and"):
            load_recipe(team_recipe(corpus, "bad", change), "pretrain")
    recipe = load_recipe(team_recipe(corpus, "good"), "pretrain")
    with pytest.raises(ConfigError, match=r"\[team\] is for `train pretrain`"):
        dataclasses.replace(recipe, stage="sft")
    assert TeamRecipe().identity().keys().isdisjoint({"patience", "line_mbit"})
