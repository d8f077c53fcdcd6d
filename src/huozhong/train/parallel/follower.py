"""A member of a team of local rounds that does not lead: it sends its message, reads the others', and obeys."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from huozhong.errors import ConfigError, TrainingError
from huozhong.train.parallel.line import Line
from huozhong.train.parallel.local import LocalTeam, Place, put
from huozhong.train.parallel.settings import Round, TeamRecipe


class FollowingTeam(LocalTeam):
    """line: to the machine that leads.  From there come the step to begin at, the place in the data, and, where this
    member's weights are not the team's, the weights.
    """

    follows = True

    def __init__(self, name: str, settings: TeamRecipe, total_steps: int, line: Line) -> None:
        super().__init__(name, 1, settings, total_steps)
        self._line = line
        self._saving = False
        self._weights = b""
        self._crc = 0

    def folder(self, out: Path) -> Path:
        return out / "members" / self.name

    # -- coming in ---------------------------------------------------------------------------------

    def welcome(self, identity: dict[str, Any], have: dict[int, int]) -> tuple[int, dict[str, Any]]:
        """(the step to begin at, the place in the data).  have: step to `weights_crc` of what this member could begin
        with.  Raises ConfigError when the team will not have it, LineLost.
        """
        self._line.send({"name": self.name, "identity": identity, "have": have})
        header, self._weights = self._line.receive(self.settings.patience)
        if "refused" in header:
            raise ConfigError(header["refused"])
        self._crc = header["weights_crc"]
        return header["step"], header["place"]

    def settle(self) -> None:
        """Take the team's weights, where they came, and make sure that they are the team's."""
        if self._weights:
            values = torch.frombuffer(bytearray(self._weights), dtype=torch.float32)
            self.before, self.momentum = (part.clone() for part in values.chunk(2))
            self.kept.zero_()
            put(self.model, self.before)
            self._weights = b""
        if self.weights_crc() != self._crc:
            raise TrainingError("the weights that arrived are not the team's; start this member again.")

    def gather(self, stopped: Callable[[], bool], step: int, place: Place) -> None:
        self.step = step
        self._obey()
        self.round_began = time.monotonic()

    # -- the end of a round ------------------------------------------------------------------------

    def exchange(self, ended: Round, message: Tensor, sent: Tensor, loss: float) -> tuple[Tensor, int, dict[str, Any]]:
        seconds = time.monotonic() - self.round_began
        word = {"round": ended.end, "loss": loss, "seconds": seconds, "weights_crc": self.weights_crc()}
        self._line.send(word, message.numpy().tobytes())
        header, payload = self._line.receive(self.settings.patience)
        total, each = sent.clone(), ended.how.size(len(self.before))
        for start in range(0, len(payload), each):
            total += self.unpacked(payload[start : start + each], ended)
        return total, 1 + len(header["from"]), {}

    def saves_now(self, due: bool, place: Place) -> bool:
        if self.step not in self.rounds.by_end:
            return False
        self._obey()
        return self._saving

    def _obey(self) -> None:
        """Who leads says how it goes on."""
        word, _ = self._line.receive(self.settings.patience)
        if word["go"] != self.step:
            raise TrainingError(f"the team is at step {word['go']} and this member at {self.step}; start it again.")
        self.members, self._saving = list(word["members"]), bool(word["save"])
        self.stopping = bool(word["stop"]) or self.wish

    def close(self) -> None:
        self._line.close(flush_seconds=5.0)
