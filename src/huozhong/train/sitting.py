"""The one training loop: every stage trains in sittings, and all sittings go alike.

    lock the folder → the run is made → newest checkpoint of the same run, metrics cut back to it, bill carried on
    → the run prepares and shows its plan → its state is read back
    → step, measure, record, show, and now and then save, until all is done or somebody says stop
    → save → the run ends: it exports its model, or says how to go on

A run is a pure function of its recipe (and of the machine's arithmetic: same machine, same thread count): stopped
anywhere and resumed, it writes the same losses bit for bit.  With several processes (`parallel`) all take the same
steps; those that take part measure and save as well, and the one that leads writes.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any, Generic, Literal

import torch

from huozhong.errors import ConfigError
from huozhong.train.parallel.follower import FollowingTeam
from huozhong.train.run import Result, Run
from huozhong.train.show import Display
from huozhong.train.state import CheckpointFolder, MetricsFile, check_same_run

Start = Literal["auto", "resume", "fresh"]


class Sitting(Generic[Result]):
    """One process's time with a run, from where it was to its end or to a stop.

    step: how many are done.
    """

    def __init__(self, run: Run[Result]) -> None:
        self.run, self.team = run, run.team
        self.checkpoints = CheckpointFolder(self.team.folder(run.out), run.saving.keep)
        self.metrics = MetricsFile(run.out)
        self.step = 0

    def begin(self, start: Start) -> None:
        """Find where to start, let the run prepare, and load the checkpoint if there is one."""
        run, steps = self.run, self._steps_kept(start)
        if isinstance(self.team, FollowingTeam):
            self._follow(self.team, steps)
            return
        self.team.introduce(run.identity())
        if steps:
            self.step = steps[-1]
            meta = self.checkpoints.read_meta(self.step)
            check_same_run(meta["identity"], run.identity(), str(run.out))
            run.meter.restore(meta["bill"])
            run.console.print(
                f"从第 {self.step} 步的检查点继续。Going on from the checkpoint of step {self.step}.", highlight=False
            )
        if self.team.leads:
            self.metrics.keep_until(self.step if steps else -1)
        run.meter.start()
        if measured := run.prepare(self.step, resumed=bool(steps)):
            self.metrics.append({"step": self.step, **measured})
        if steps:
            shards = self.team.shards  # a process that keeps a part reads only that from the file
            device = torch.device("cpu") if shards else run.device
            run.restore(meta, self.checkpoints.read_state(self.step, device, mapped=shards))

    def _steps_kept(self, start: Start) -> list[int]:
        """Steps with a checkpoint that this sitting may go on from."""
        if self.team.leads or self.team.follows:
            self.checkpoints.clean()
            if start == "fresh":
                for step in self.checkpoints.steps():
                    self.checkpoints.remove(step)
        self.team.wait()
        steps = self.checkpoints.steps()
        if start == "resume" and not steps and not self.team.follows:
            raise ConfigError(f"{self.run.out} holds no checkpoint to resume; run without --resume to begin.")
        return steps

    def _follow(self, team: FollowingTeam, steps: list[int]) -> None:
        """Begin where the process that leads is: from a checkpoint of this one's own, or with what it sends."""
        run, have = self.run, {}
        for step in steps:
            meta = self.checkpoints.read_meta(step)
            if meta["identity"] == run.identity():
                have[step] = meta["weights_crc"]
        run.meter.start()
        run.prepare(0, resumed=False)
        self.step, place = team.welcome(run.identity(), {0: team.weights_crc(), **have})
        if self.step in have:
            run.restore(self.checkpoints.read_meta(self.step), self.checkpoints.read_state(self.step, run.device))
        else:
            run.take_place(place)
        for step in steps:
            if step > self.step or step not in have:  # of another course
                self.checkpoints.remove(step)
        team.settle()

    def train(self, stop: threading.Event) -> Result:
        """Step after step, until the end or a stop."""
        run = self.run
        self.team.gather(stop.is_set, self.step, run.place)
        self._steps(stop)
        model, finished = None, run.is_done(self.step)
        if self.team.saves:
            self.save()
        if self.team.takes_part:
            model = run.end(finished=finished)
        if not finished:
            run.console.print(
                f"已停在第 {self.step} 步并保存；再次运行同一条命令即可继续。\n"
                f"Stopped and saved at step {self.step}; run the same command again to go on.",
                highlight=False,
            )
        return run.result(self.step, run.meter.stop(), model)

    def _steps(self, stop: threading.Event) -> None:
        run, saved_at, due = self.run, time.monotonic(), False
        with run.display(
            run.console, total_steps=run.total_steps, done_steps=self.step, log_every=run.log_every
        ) as display:
            while not run.is_done(self.step) and not self.team.any(stop.is_set()):
                metrics = run.one_step(self.step)
                self.step += 1
                if self.team.takes_part:
                    self._record(metrics, display)
                # local rounds save at their ends only, so what is due stays due
                due = due or run.saving.is_due(self.step, time.monotonic() - saved_at)
                if self.team.saves_now(due, run.place):
                    self.save()
                    saved_at, due = time.monotonic(), False

    def _record(self, metrics: dict[str, Any], display: Display) -> None:
        run = self.run
        record = {"step": self.step, **metrics, **run.evaluate(self.step)}
        bill = run.meter.snapshot()
        record |= {"joules": bill.joules, "money": bill.money}
        if self.team.leads:
            self.metrics.append(record)
        display.step(record, bill)

    def save(self) -> None:
        """Write a checkpoint of this moment."""
        run, state = self.run, self.run.state()
        if self.team.leads:
            self.metrics.sync()
        if self.team.leads or self.team.follows:
            bill = run.meter.snapshot().as_dict()
            self.checkpoints.save(self.step, state, {"identity": run.identity(), "bill": bill, **run.meta()})


def sit(run: Run[Result], start: Start, stop: threading.Event) -> Result:
    """One whole sitting, in a frame of its own: when a team parts nothing is left that holds on to the run."""
    sitting = Sitting(run)
    sitting.begin(start)
    return sitting.train(stop)


# -- who may write, and when to stop -------------------------------------------------------------


@contextlib.contextmanager
def sole_user(out: Path) -> Iterator[None]:
    """Two runs in one folder would overwrite each other; the lock goes with the process, however it ends."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        file = open(out / ".lock", "w")  # noqa: SIM115 (entered below; only opening is guarded here)
    except OSError as error:
        raise ConfigError(f"[run] out folder {out} cannot be used: {error.strerror}.") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigError(f"another run is training into {out}; wait for it or choose another [run] out.") from None
        yield


@contextlib.contextmanager
def stop_switch() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C (or a termination signal) sets; the second Ctrl-C stops at once."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def on_signal(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        # os.write, because print may not be called again from inside itself, where the signal may fall
        os.write(2, "\n做完这一步就保存并停下；再按一次立即退出。\n".encode())
        os.write(2, b"Finishing this step, then saving; press again to stop at once.\n")

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
