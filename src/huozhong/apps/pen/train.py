"""Trains a pen's own detector from some 30 frames with two taps a pig, on the CPU, in minutes (torch).

    python -m huozhong.apps.pen.train FOLDER [--steps 1200] [--minutes 12] [--threads 2]

FOLDER is what `labelled.Frames` keeps.  Written there: progress.json after every few steps, checkpoint.pt every
half minute (a stopped training goes on from it), and at the end detector.npz for `network.py` and detector.onnx for
others.  Every tenth frame is kept out, and what the net is worth is measured on those.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from huozhong.apps.pen.labelled import Frames, Pair
from huozhong.apps.pen.network import CELL, CHANNELS, LAYERS, LONGEST, PenDetector, normal
from huozhong.apps.pen.onnx_file import write_onnx
from huozhong.apps.pen.worth import Worth, worth
from huozhong.files import write_whole
from huozhong.senses.keypoints import AHEAD_UNIT
from huozhong.senses.look import Picture, resized

STEPS, BATCH, CROP = 1000, 6, 160  # pixels of a crop, as the net sees them
RATE = 3e-3
SIGMA = 1.6  # cells: how wide a label's hill is
SAVE_EVERY = 30.0  # seconds


class Net(nn.Module):
    """The net of `network.LAYERS`, with batch norms that are folded into its convolutions when it is written."""

    def __init__(self) -> None:
        super().__init__()
        self.convolutions, self.norms = nn.ModuleDict(), nn.ModuleDict()
        for one in LAYERS:
            reach = one.apart * (one.kernel // 2)
            self.convolutions[one.name] = nn.Conv2d(
                one.inputs, one.outputs, one.kernel, one.stride, reach, dilation=one.apart
            )
            if one.name != "maps":
                self.norms[one.name] = nn.BatchNorm2d(one.outputs)
        last = self.convolutions["maps"]
        assert isinstance(last, nn.Conv2d)
        assert last.bias is not None
        nn.init.normal_(last.weight, std=0.01)
        with torch.no_grad():
            last.bias[:3] = -3.0  # most cells hold nothing

    def run(self, name: str, x: Tensor) -> Tensor:
        x = self.convolutions[name](x)
        if name in self.norms:
            x = self.norms[name](x)
        return x if name == "maps" or name.startswith("up") else torch.relu(x)

    def forward(self, x: Tensor) -> Tensor:
        """[B, 3, h, w] -> [B, 5, h / 2, w / 2], the first three before their sigmoid."""
        edges = self.run("edges", self.run("look", x))
        parts = self.run("parts", self.run("down1", edges))
        deep = self.run("wide2", self.run("wide1", self.run("down2", parts)))
        parts = self.run("join1", _twice(self.run("up1", deep)) + parts)
        edges = self.run("join2", _twice(self.run("up2", parts)) + edges)
        return self.run("maps", edges)

    def weights(self) -> dict[str, np.ndarray[Any, np.dtype[np.float32]]]:
        """For `network.maps`."""
        found = {}
        for one in LAYERS:
            layer = self.convolutions[one.name]
            assert isinstance(layer, nn.Conv2d)
            assert layer.bias is not None
            weight, bias = layer.weight.detach(), layer.bias.detach()
            if one.name in self.norms:
                norm = self.norms[one.name]
                assert isinstance(norm, nn.BatchNorm2d)
                assert norm.running_var is not None
                assert norm.running_mean is not None
                scale = norm.weight.detach() / torch.sqrt(norm.running_var + norm.eps)
                weight = weight * scale[:, None, None, None]
                bias = (bias - norm.running_mean) * scale + norm.bias.detach()
            found[f"{one.name}_weight"] = weight.numpy().astype(np.float32).copy()
            found[f"{one.name}_bias"] = bias.numpy().astype(np.float32).copy()
        return found


def _twice(x: Tensor) -> Tensor:
    return nn.functional.interpolate(x, scale_factor=2, mode="nearest")


@dataclass(frozen=True)
class Sample:
    """A frame as the net sees it, [3, h, w], and its pigs [n, 2, 2] (snout and tail; x, y) in those pixels."""

    picture: Tensor
    pigs: Tensor


def sample_of(picture: Picture, pigs: list[Pair]) -> Sample:
    ratio = max(picture.shape[:2]) / LONGEST
    small = resized(picture, max(1, round(picture.shape[0] / ratio)), max(1, round(picture.shape[1] / ratio)))
    places = torch.tensor(pigs, dtype=torch.float32).reshape(-1, 2, 2) / ratio
    return Sample(torch.from_numpy(small.transpose(2, 0, 1).copy()) / 255, places)


def batch_of(samples: list[Sample], random: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Crops turned, mirrored, scaled and lit by chance: what is seen [B, 3, CROP, CROP], what is to be said
    [B, 5, CROP / 2, CROP / 2], and where the vector counts [B, 1, ...]."""
    seen, said, counted = [], [], []
    for place in random.integers(0, len(samples), BATCH):
        crop, pigs = _crop(samples[place], random)
        seen.append(_lit(crop, random))
        target, where = targets(pigs, CROP // CELL, CROP // CELL)
        said.append(target)
        counted.append(where)
    return torch.stack(seen), torch.stack(said), torch.stack(counted)


def _crop(sample: Sample, random: np.random.Generator) -> tuple[Tensor, Tensor]:
    height, width = sample.picture.shape[1:]
    angle, scale = random.uniform(0, 2 * math.pi), random.uniform(0.8, 1.25)
    mirror = -1.0 if random.random() < 0.5 else 1.0
    centre = torch.tensor([random.uniform(0.15, 0.85) * width, random.uniform(0.15, 0.85) * height])
    c, s = math.cos(angle) / scale, math.sin(angle) / scale
    turn = torch.tensor([[c * mirror, -s], [s * mirror, c]], dtype=torch.float32)  # from the crop to the frame
    steps = torch.arange(CROP, dtype=torch.float32) + 0.5 - CROP / 2
    grid = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), -1) @ turn.T + centre
    grid = grid / torch.tensor([width, height]) * 2 - 1
    crop = nn.functional.grid_sample(sample.picture[None], grid[None], align_corners=False)[0]
    pigs = (sample.pigs - centre) @ torch.linalg.inv(turn).T + CROP / 2
    return crop, pigs


def _lit(crop: Tensor, random: np.random.Generator) -> Tensor:
    """Brightness, contrast, tint, greys as at night, a soft band of shadow, noise; then as `network.normal`."""
    x = crop.clamp(1e-3, 1) ** float(random.uniform(0.7, 1.4))
    x = x * torch.tensor(random.uniform(0.85, 1.15, (3, 1, 1)), dtype=torch.float32)
    if random.random() < 0.35:
        mix = torch.tensor(random.dirichlet((3, 3, 3)), dtype=torch.float32)
        x = (x * mix[:, None, None]).sum(0, keepdim=True).expand(3, -1, -1)
    if random.random() < 0.5:
        steps = torch.linspace(-1, 1, CROP)
        angle, place, wide = random.uniform(0, 6.3), random.uniform(-1, 1), random.uniform(0.15, 0.6)
        across = (steps[None] * math.cos(angle) + steps[:, None] * math.sin(angle) - place) / wide
        x = x * (1 - float(random.uniform(0.2, 0.55)) / (1 + across**4))
    x = x + torch.randn(x.shape, generator=_seeded(random)) * float(random.uniform(0, 0.04))
    return torch.from_numpy(normal(x.numpy() * 255))


def _seeded(random: np.random.Generator) -> torch.Generator:
    return torch.Generator().manual_seed(int(random.integers(1 << 62)))


def targets(pigs: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Maps [5, height, width] of pigs [n, 2, 2] in pixels, and where their vectors count [1, height, width]."""
    maps, where = torch.zeros(CHANNELS, height, width), torch.zeros(1, height, width)
    cells = pigs / CELL
    reach = torch.tensor([width + 6.0, height + 6.0])
    cells = cells[((cells > -6) & (cells < reach)).all(-1).any(-1)]
    if not len(cells):
        return maps, where
    points = torch.cat([cells.mean(1, keepdim=True), cells], 1)  # [n, middle snout tail, x y]
    x = torch.arange(width, dtype=torch.float32) + 0.5
    y = torch.arange(height, dtype=torch.float32) + 0.5
    across = (x - points[..., :1]) ** 2  # [n, 3, width]
    down = (y - points[..., 1:]) ** 2
    hills = torch.exp(-down / (2 * SIGMA**2))[..., None] * torch.exp(-across / (2 * SIGMA**2))[:, :, None]
    maps[:3] = hills.amax(0)
    highest, whose = hills[:, 0].max(0)
    near = highest > math.exp(-9 / (2 * SIGMA**2))
    ahead = (points[:, 1] - points[:, 0]) / AHEAD_UNIT
    maps[3:] = torch.where(near, ahead[whose].permute(2, 0, 1), 0.0)
    where[0] = near.float()
    return maps, where


def loss_of(raw: Tensor, said: Tensor, counted: Tensor) -> Tensor:
    """Heat by a focal loss whose hills' sides count less, vectors by their distance."""
    heat, wanted = raw[:, :3].sigmoid().clamp(1e-4, 1 - 1e-4), said[:, :3]
    summit = (wanted > 0.88).float()
    up = -summit * (1 - heat) ** 2 * torch.log(heat)
    down = -(1 - summit) * (1 - wanted) ** 4 * heat**2 * torch.log(1 - heat)
    many = summit.sum().clamp(min=1)
    vector = ((raw[:, 3:] - said[:, 3:]).abs() * counted).sum() / counted.sum().clamp(min=1)
    return (up + down).sum() / many + 2 * vector


def _halves_pay(net: Net) -> bool:
    """Whether this machine computes faster in bfloat16 than in float32; some have to imitate it."""
    x, times = torch.zeros(1, 3, CROP, CROP).contiguous(memory_format=torch.channels_last), []
    for half in (False, True):
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=half):
            net.eval()(x)
            begun = time.process_time()
            net(x), net(x)
            times.append(time.process_time() - begun)
    return times[1] < times[0]


class Training:
    """One run over a folder, which may be stopped at any step and taken up again."""

    def __init__(self, folder: Path, steps: int = STEPS, seed: int = 0) -> None:
        self.folder, self.frames, self.steps = folder, Frames(folder), steps
        read = self.frames.read()
        out = max(1, len(read) // 10)
        self.held = read[:: max(2, len(read) // out)][:out] if len(read) > 3 else read[-1:]
        kept_out = {id(one) for one in self.held}
        self.samples = [sample_of(*one) for one in read if id(one) not in kept_out]
        torch.manual_seed(seed)
        self.net = Net()
        self.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimiser = torch.optim.AdamW(self.net.parameters(), RATE, weight_decay=1e-3)
        self.step, self.seconds, self.seed, self.loss = 0, 0.0, seed, 0.0
        self.half = _halves_pay(self.net)
        self._resume()

    def _resume(self) -> None:
        file = self.folder / "checkpoint.pt"
        if not file.exists():
            return
        kept = torch.load(file, weights_only=True)
        if kept["labels"] != self.frames.fingerprint() or kept["steps"] != self.steps:
            return  # other labels: another training
        self.net.load_state_dict(kept["net"])
        self.optimiser.load_state_dict(kept["optimiser"])
        self.step, self.seconds, self.loss = int(kept["step"]), float(kept["seconds"]), float(kept["loss"])

    def save(self) -> None:
        """So that it can be taken up from here."""
        buffer = io.BytesIO()
        torch.save(
            {
                "net": self.net.state_dict(), "optimiser": self.optimiser.state_dict(), "step": self.step,
                "seconds": self.seconds, "loss": self.loss, "steps": self.steps, "labels": self.frames.fingerprint(),
            },
            buffer,
        )  # fmt: skip
        write_whole(self.folder / "checkpoint.pt", buffer.getvalue())

    def one_step(self) -> None:
        begun = time.monotonic()
        random = np.random.default_rng((self.seed, self.step))
        part = self.step / self.steps
        for group in self.optimiser.param_groups:
            group["lr"] = RATE * min(1.0, (self.step + 1) / 40) * (0.5 + 0.5 * math.cos(math.pi * part))
        self.net.train()
        seen, said, counted = batch_of(self.samples, random)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.half):
            raw = self.net(seen.contiguous(memory_format=torch.channels_last))
        loss = loss_of(raw.float(), said, counted)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
        self.optimiser.step()
        self.loss = 0.95 * self.loss + 0.05 * float(loss.detach()) if self.step else float(loss.detach())
        self.step += 1
        self.seconds += time.monotonic() - begun

    def tell(self, state: str, found: Worth | None = None) -> None:
        """Write progress.json."""
        left = self.seconds / max(self.step, 1) * (self.steps - self.step)
        told: dict[str, Any] = {
            "state": state, "step": self.step, "steps": self.steps, "seconds": round(self.seconds, 1),
            "left": round(left, 1), "loss": round(self.loss, 4), "labels": self.frames.fingerprint(),
        }  # fmt: skip
        if found is not None:
            told["worth"] = found.told()
        write_whole(self.folder / "progress.json", json.dumps(told))

    def finish(self) -> Worth:
        """Write the detector, and measure it on the frames that were kept out."""
        self.net.eval()
        weights = self.net.weights()
        found = worth(PenDetector(weights), self.held)
        buffer = io.BytesIO()
        np.savez(buffer, **weights)  # type: ignore[arg-type]
        write_whole(self.folder / "detector.npz", buffer.getvalue())
        write_whole(self.folder / "detector.onnx", write_onnx(weights))
        return found


def train(
    folder: Path, steps: int = STEPS, minutes: float = 15.0, seed: int = 0, parent: int | None = None
) -> Worth | None:
    """Train until all steps are done; None where it was stopped before (by a signal, or after `minutes`).

    What was reached is kept, and the next call goes on from there.  parent: the process that this one stops with.
    """
    run = Training(folder, steps, seed)
    stopped: list[int] = []

    def stop(signum: int, frame: FrameType | None) -> None:
        stopped.append(signum)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        begun = saved = time.monotonic()
        while run.step < run.steps and not stopped:
            run.one_step()
            now = time.monotonic()
            if run.step % 5 == 0:
                run.tell("running")
            if now - saved > SAVE_EVERY:
                run.save()
                saved = now
            if now - begun > 60 * minutes or (parent is not None and os.getppid() != parent):
                break
        run.save()
        if run.step < run.steps:
            run.tell("stopped")
            return None
        found = run.finish()
        run.tell("done", found)
        return found
    finally:
        signal.signal(signal.SIGTERM, before)


def main() -> None:
    parser = argparse.ArgumentParser(description="Train a pen's own detector.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--child", action="store_true", help="yield to others, and stop with who started it")
    given = parser.parse_args()
    if given.child and hasattr(os, "nice"):
        os.nice(5)
    if given.threads:
        torch.set_num_threads(given.threads)
    found = train(given.folder, given.steps, given.minutes, parent=os.getppid() if given.child else None)
    print("stopped; the same command goes on" if found is None else json.dumps(found.told()))


if __name__ == "__main__":
    main()
