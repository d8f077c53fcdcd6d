"""The member that leads a team of local rounds: it trains like the others, and all lines end at its machine.

It lets newcomers in between two rounds, hands messages on, notices who is gone or slow, decides when to save and to
stop, and counts the bytes that went over the lines.
"""

from __future__ import annotations

import json
import queue
import time
from collections.abc import Callable
from typing import Any

from rich.console import Console
from torch import Tensor

from huozhong.errors import ConfigError, TrainingError
from huozhong.train.parallel.line import Hub, Line, LineLost
from huozhong.train.parallel.local import LocalTeam, Place
from huozhong.train.parallel.settings import Round, TeamRecipe

GATHER_SECONDS = 600.0  # for the members to come, before the first step
HELLO_SECONDS = 20.0  # a member says who it is at once
DENSE_BYTES = 4  # of each weight, in float32, both ways round a ring: what torch's data parallelism sends a step


class LeadingTeam(LocalTeam):
    """hub: where members come in; None: nobody will.  expected: how many to wait for before the first step."""

    def __init__(
        self,
        settings: TeamRecipe,
        total_steps: int,
        console: Console,
        hub: Hub | None = None,
        expected: int = 0,
        name: str = "leader",
    ) -> None:
        super().__init__(name, 0, settings, total_steps)
        self._console, self._hub, self.expected = console, hub, expected
        self._lines: dict[str, Line] = {}
        self._identity: dict[str, Any] = {}
        self._been: set[str] = set()  # who has ever been here
        self._joined: list[str] = []
        self._dropped: list[str] = []
        self._bytes = 0  # over lines that are closed, and in earlier sittings
        self._dense = 0  # what torch's data parallelism would have sent by now

    def introduce(self, identity: dict[str, Any]) -> None:
        """What newcomers must agree on."""
        self._identity = identity

    @property
    def line_bytes(self) -> int:
        """Over all lines, both ways, since the run began: weights for newcomers and signs of life included."""
        return self._bytes + sum(line.sent + line.received for line in self._lines.values())

    def meta(self) -> dict[str, Any]:
        return super().meta() | {"line_bytes": self.line_bytes, "dense_bytes": self._dense}

    def recall(self, meta: dict[str, Any]) -> None:
        """Go on counting where a checkpoint's `meta` stopped."""
        self._bytes, self._dense = meta["line_bytes"], meta["dense_bytes"]

    # -- the end of a round ------------------------------------------------------------------------

    def exchange(self, ended: Round, message: Tensor, sent: Tensor, loss: float) -> tuple[Tensor, int, dict[str, Any]]:
        ready, took = time.monotonic(), time.monotonic() - self.round_began
        messages, total, losses = {self.name: message.numpy().tobytes()}, sent.clone(), [loss]
        seconds = {self.name: took}
        lag = 0.0
        crc = self.weights_crc()
        for name, line in list(self._lines.items()):
            try:
                header, payload = line.receive(self.settings.patience)
                if (header["round"], header["weights_crc"]) != (ended.end, crc):
                    raise TrainingError("it is not where the team is; it gets the weights again when it comes back.")
                theirs, its_loss, its_seconds = (
                    self.unpacked(payload, ended),
                    float(header["loss"]),
                    float(header["seconds"]),
                )
            except (TrainingError, KeyError, TypeError, ValueError) as error:
                self._drop(name, str(error))
                continue
            total += theirs
            messages[name], seconds[name] = payload, its_seconds
            losses.append(its_loss)
            lag = max(lag, header["at"] - ready)
        for name, line in self._lines.items():
            others = [other for other in messages if other != name]
            line.send({"from": others, "round": ended.end}, b"".join(messages[other] for other in others))
        count = len(messages)
        self._dense += 2 * (count - 1) * DENSE_BYTES * len(self.before) * (ended.end - ended.start)
        record: dict[str, Any] = {
            "round_members": count,
            "round_loss": sum(losses) / count,
            "line_bytes": self.line_bytes,
            "line_seconds": max(0.0, lag),
            "slowest": max(seconds, key=lambda name: seconds[name]),
            "slowest_seconds": max(seconds.values()),
        }
        if self.line_bytes and self._dense:
            record["fewer_bytes"] = self._dense / self.line_bytes
        record |= {key: names for key, names in (("joined", self._joined), ("dropped", self._dropped)) if names}
        self._joined, self._dropped = [], []
        return total, count, record

    def saves_now(self, due: bool, place: Place) -> bool:
        """At the end of a round: who waits at the door comes in, and everybody is told how it goes on."""
        if self.step not in self.rounds.by_end:
            return False
        self.stopping = self.wish
        self._admit(place)
        self._tell(due)
        return due

    def gather(self, stopped: Callable[[], bool], step: int, place: Place) -> None:
        self.step = step
        if self._hub is not None:
            if self.expected:
                self._say(f"等 {self.expected} 个成员。", f"Waiting for {self.expected} members.")
            until = time.monotonic() + GATHER_SECONDS
            while len(self._lines) < self.expected and not stopped() and time.monotonic() < until:
                self._admit(place, wait=0.2)
            if len(self._lines) < self.expected and not stopped():
                missing = self.expected - len(self._lines)
                self._say(f"少 {missing} 个，先开始；来了随时加入。", f"{missing} are missing; they may join later.")
        self._tell(False)
        self.round_began = time.monotonic()

    def _tell(self, save: bool) -> None:
        self.members = [self.name, *sorted(self._lines)]
        word = {"go": self.step, "members": self.members, "save": save, "stop": self.stopping}
        for line in self._lines.values():
            line.send(word)

    def close(self) -> None:
        """Hang up, when what was said has left."""
        if self._hub is not None:
            self._hub.close()
        for line in self._lines.values():
            line.close(flush_seconds=30.0)

    # -- who comes and goes ------------------------------------------------------------------------

    def _admit(self, place: Place, wait: float = 0.0) -> None:
        while self._hub is not None and not self.stopping:
            try:
                line = self._hub.arrived.get(timeout=wait) if wait else self._hub.arrived.get_nowait()
            except queue.Empty:
                return
            wait = 0.0
            try:
                self._welcome(line, place)
            except (LineLost, AttributeError, KeyError, TypeError, ValueError) as error:
                self._say(f"一个成员没能加入：{error}", f"A member did not get in: {error}")
                line.close()

    def _welcome(self, line: Line, place: Place) -> None:
        hello, _ = line.receive(HELLO_SECONDS)
        name = str(hello["name"])[:60]
        try:
            self._check(hello["identity"])
            if name == self.name:
                raise ConfigError(f"the name {name} is taken by the machine that leads; choose another with --name.")
        except ConfigError as error:
            line.send({"refused": str(error)})
            line.close(flush_seconds=5.0)
            self._say(f"{name} 没能加入：{error}", f"{name} was refused: {error}")
            return
        if name in self._lines:  # it came back before its end was noticed
            self._drop(name, "it came back on another line.")
        crc = self.weights_crc()
        same = hello["have"].get(str(self.step)) == crc
        weights = b"" if same else self.before.numpy().tobytes() + self.momentum.numpy().tobytes()
        line.send({"step": self.step, "place": place(), "weights_crc": crc}, weights)
        self._lines[name] = line
        self._joined.append(name)
        if name in self._been:
            self._say(f"{name} 回来了（第 {self.step} 步）。", f"{name} came back at step {self.step}.")
        else:
            self._say(f"{name} 加入了（第 {self.step} 步）。", f"{name} joined at step {self.step}.")
        self._been.add(name)

    def _check(self, theirs: dict[str, Any]) -> None:
        """ConfigError naming the first key in which a newcomer's recipe differs.

        Its precision may: each machine multiplies as it is fast, and what they tell each other is float32.
        """
        ours = json.loads(json.dumps(self._identity))
        for key in sorted((ours.keys() | theirs.keys()) - {"run.precision"}):
            if ours.get(key) != theirs.get(key):
                raise ConfigError(
                    f"its recipe says {key} = {theirs.get(key)!r}, the team's says {ours.get(key)!r}; give all members "
                    "the same recipe."
                )

    def _drop(self, name: str, why: str) -> None:
        line = self._lines.pop(name)
        line.close()
        self._bytes += line.sent + line.received
        self._dropped.append(name)
        self._say(f"{name} 掉线了：{why}", f"{name} dropped out: {why}")

    def _say(self, zh: str, en: str) -> None:
        self._console.print(f"{zh} {en}", highlight=False, soft_wrap=True, markup=False)
