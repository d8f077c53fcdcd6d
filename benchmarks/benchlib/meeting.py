"""Members of local rounds as threads of one process: the arithmetic of `parallel.local` without lines between.

For finding out what rounds cost in bits per byte, which needs many runs; bytes are the messages' own.
"""

from __future__ import annotations

import threading
from typing import Any

import torch
from rich.console import Console
from torch import Tensor

from huozhong.train.parallel.local import LocalTeam
from huozhong.train.parallel.settings import Round
from huozhong.train.recipe import Recipe
from huozhong.train.stages.pretrain import TextRun


class Meeting:
    """Where the members' messages lie until all are there."""

    def __init__(self, members: int) -> None:
        self.names = [f"member-{i}" for i in range(members)]
        self.messages: dict[str, bytes] = {}
        self.together = threading.Barrier(members)
        self.sent = 0  # bytes of one member's messages


class MeetingTeam(LocalTeam):
    """A member that meets the others in memory."""

    def __init__(self, recipe: Recipe, meeting: Meeting, place: int) -> None:
        assert recipe.team is not None
        super().__init__(meeting.names[place], place, recipe.team, recipe.total_steps)
        self.members, self._meeting = meeting.names, meeting

    def exchange(self, ended: Round, message: Tensor, sent: Tensor, loss: float) -> tuple[Tensor, int, dict[str, Any]]:
        meeting = self._meeting
        meeting.messages[self.name] = message.numpy().tobytes()
        if self.leads:
            meeting.sent += len(message)
        meeting.together.wait()
        others = [self.unpacked(meeting.messages[name], ended) for name in self.members if name != self.name]
        meeting.together.wait()  # before anybody's next message takes the place of this one
        return torch.stack([sent, *others]).sum(0), len(self.members), {}


def meet(recipe: Recipe, members: int) -> tuple[float, float]:
    """Train with so many members; (held-out bits per byte, bits that one member sent for each weight)."""
    meeting, console = Meeting(members), Console(quiet=True)
    runs = [TextRun(recipe, console, MeetingTeam(recipe, meeting, place)) for place in range(members)]
    failed: list[BaseException] = []

    def train(run: TextRun) -> None:
        try:
            for step in range(run.total_steps):
                run.one_step(step)
        except BaseException as error:
            failed.append(error)
            meeting.together.abort()

    threads = [threading.Thread(target=train, args=(run,)) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    scorer = runs[0].scorer
    assert scorer is not None
    weights = sum(weight.numel() for weight in runs[0].model.parameters())
    return scorer.bits_per_byte(runs[0].model), 8 * meeting.sent / weights


def alone(recipe: Recipe) -> float:
    """One process with the whole batch, which every step's gradients added up come to; held-out bits per byte."""
    run = TextRun(recipe, Console(quiet=True))
    for step in range(run.total_steps):
        run.one_step(step)
    assert run.scorer is not None
    return run.scorer.bits_per_byte(run.model)
