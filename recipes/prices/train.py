"""Trains the forecaster of prices on made-up series, and writes its weights for NumPy.

    python -m recipes.prices.train --out RUN1 --seed 1             (again after a break: it goes on where it was)
    python -m recipes.prices.train --out RUN2 --seed 2 --beside RUN1 --write src/huozhong/apps/prices/weights.npz

It needs torch (`pip install 'huozhong[train]'`), 35 minutes of a core for each of the two, and no data at all.
"""

from __future__ import annotations

import argparse
import io
import math
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from recipes.prices.generators import make
from torch import Tensor, nn

from huozhong.apps.prices.features import FEATURES, HORIZON, look
from huozhong.apps.prices.network import HIDDEN, LEVELS
from huozhong.files import write_whole

WEEKS, FIRST = 330, 12  # of a series; the first week whose forecast counts
APART = 4  # every so many weeks one forecast counts: its neighbours' say nearly the same
BATCH, FRESH = 64, 640  # series of a step, and how many are made at once
RATE = 3e-3
HELD_OUT, HELD_OUT_SEED = 192, 7


class Network(nn.Module):
    """Two layers of LSTM and a view past them: [B, T, FEATURES] -> [B, T, HORIZON, LEVELS], in units of scale·√h."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(FEATURES, HIDDEN, num_layers=2, batch_first=True)
        self.head = nn.Linear(HIDDEN + FEATURES, HORIZON * len(LEVELS))

    def forward(self, x: Tensor, weeks: slice = slice(None)) -> Tensor:
        """Of all weeks, or of those of the slice."""
        told, _ = self.lstm(x)
        told, x = told[:, weeks].float(), x[:, weeks]
        raw = self.head(torch.cat([told, x], -1)).unflatten(-1, (HORIZON, len(LEVELS)))
        middle = len(LEVELS) // 2
        steps = nn.functional.softplus(raw)
        below = raw[..., middle : middle + 1] - steps[..., :middle].flip(-1).cumsum(-1).flip(-1)
        above = raw[..., middle : middle + 1] + steps[..., middle + 1 :].cumsum(-1)
        return torch.cat([below, raw[..., middle : middle + 1], above], -1)


def batch_of(random: np.random.Generator, count: int) -> tuple[Tensor, Tensor]:
    """What the network sees, and what came: [B, T, F] and [B, T, HORIZON] in units of scale·√h."""
    made = make(random, count, WEEKS + HORIZON)
    seen = look(made.y, made.calendar)
    now = made.y[:, :WEEKS]
    came = np.stack([made.y[:, h : h + WEEKS] - now for h in range(1, HORIZON + 1)], -1)
    came /= seen.scale[:, :WEEKS, None] * np.sqrt(np.arange(1, HORIZON + 1))
    x = torch.tensor(seen.x[:, :WEEKS], dtype=torch.float32)
    return x, torch.tensor(np.clip(came, -15, 15), dtype=torch.float32)


def pinball(quantiles: Tensor, came: Tensor) -> Tensor:
    """The mean over levels, horizons, weeks and series, times two."""
    levels = torch.tensor(LEVELS)
    off = came[..., None] - quantiles
    return 2 * torch.maximum(levels * off, (levels - 1) * off).mean()


def train(folder: Path, steps: int, minutes: float, seed: int, last: bool) -> Network:
    """Trains for so many steps, or minutes of this turn; what was reached lies in the folder.

    The rate falls to nothing by the last step, and in the last turn by its end if that is earlier.
    """
    folder.mkdir(parents=True, exist_ok=True)
    state = folder / "state.pt"
    torch.manual_seed(seed)
    network = Network()
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=1e-4)
    average = {name: value.clone() for name, value in network.state_dict().items()}
    done = 0
    if state.exists():
        kept = torch.load(state, weights_only=True)
        network.load_state_dict(kept["network"])
        optimizer.load_state_dict(kept["optimizer"])
        average, done = kept["average"], kept["done"]
    held_x, held_came = batch_of(np.random.default_rng(HELD_OUT_SEED), HELD_OUT)
    bf16 = torch.backends.cpu.get_cpu_capability() == "AVX512"  # elsewhere torch has no LSTM that learns in it
    begin, lost, stored = time.monotonic(), [], (torch.empty(0), torch.empty(0))
    while done < steps and time.monotonic() - begin < 60 * minutes:
        if not len(stored[0]):
            stored = batch_of(np.random.default_rng([seed, done]), FRESH)
        x, came = stored[0][:BATCH], stored[1][:BATCH]
        stored = stored[0][BATCH:], stored[1][BATCH:]
        spent = (time.monotonic() - begin) / (60 * minutes) if last else 0.0
        rate = RATE * min(1, (done + 1) / 100) * 0.5 * (1 + math.cos(math.pi * min(1, max(done / steps, spent))))
        for group in optimizer.param_groups:
            group["lr"] = rate
        weeks = slice(FIRST + done % APART, None, APART)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
            told = network(x, weeks)
        loss = pinball(told.float(), came[:, weeks])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        done += 1
        lost.append(loss.item())
        with torch.no_grad():
            for name, value in network.state_dict().items():
                average[name].lerp_(value, max(0.005, 1 / done))
        if done % 100 == 0:
            _keep(state, network, optimizer, average, done)
            held = _held_out(average, held_x, held_came)
            print(
                f"{done}/{steps}  {np.mean(lost[-100:]):.4f}  held out {held:.4f}  {time.monotonic() - begin:.0f} s",
                flush=True,
            )
    _keep(state, network, optimizer, average, done)
    network.load_state_dict(average)
    return network


def _keep(
    state: Path, network: Network, optimizer: torch.optim.Optimizer, average: dict[str, Tensor], done: int
) -> None:
    kept = {"network": network.state_dict(), "optimizer": optimizer.state_dict(), "average": average, "done": done}
    file = io.BytesIO()
    torch.save(kept, file)
    write_whole(state, file.getvalue())


def _held_out(average: dict[str, Tensor], x: Tensor, came: Tensor) -> float:
    network = Network()
    network.load_state_dict(average)
    with torch.no_grad():
        return float(pinball(network(x)[:, FIRST:], came[:, FIRST:]))


def trained(folder: Path) -> Network:
    """What a run reached, on average over its late steps."""
    network = Network()
    network.load_state_dict(torch.load(folder / "state.pt", weights_only=True)["average"])
    return network


def write(networks: Sequence[Network], file: Path) -> None:
    """The weights in 16 bits, as `huozhong.apps.prices.network` reads them."""
    states = [network.state_dict() for network in networks]
    arrays = {
        name.replace(".", "_"): np.stack([state[name].numpy().astype(np.float16) for state in states])
        for name in states[0]
    }
    packed = io.BytesIO()
    np.savez_compressed(packed, **arrays)  # type: ignore[arg-type]
    write_whole(file, packed.getvalue())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--minutes", type=float, default=math.inf, help="of this turn")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", type=Path, help="write the weights: this is the last turn")
    parser.add_argument("--beside", type=Path, nargs="*", default=[], help="finished runs that are written, too")
    arguments = parser.parse_args()
    network = train(arguments.out, arguments.steps, arguments.minutes, arguments.seed, bool(arguments.write))
    if arguments.write:
        write([*map(trained, arguments.beside), network], arguments.write)


if __name__ == "__main__":
    main()
