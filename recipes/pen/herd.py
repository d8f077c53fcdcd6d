"""Made-up pigs in a pen: who is where, doing what, second by second, by seed.  Metres, seconds, radians.

A pig lies, walks, eats at the trough, drinks, or stands.  Pigs push each other; lying ones are pushed little, and some
lie close to others and some alone.  Exact truth for tests of `apps/pen`; no real pig was asked.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]

WIDTH, HEIGHT = 8.0, 4.5  # of the pen
TROUGH = (0.0, 0.9, 0.45, 3.6)  # x0, y0, x1, y1
NIPPLES = (6.9, 0.0, 7.9, 0.35)
STEP = 0.25  # seconds of a step of the simulation, at most
_PUSHED = (0.22, 0.5, 0.8)  # along the body, where pigs push each other
_TURN = 1.1  # radians a second
_COATS = ("white", "white", "white", "spotted", "duroc", "black")
PAINTS = ("", "", "", "blue", "green", "red")


@dataclass(frozen=True)
class Pig:
    """What does not change while the film runs.

    length: snout to tail, m.  shoulder, waist, hip: widths as parts of the length.  coat, paint: how it looks.
    loner: 0 lies with the others, 1 away from them.  limp: how much wider the sway is to the left than to the right,
    as a part of both.
    """

    length: float
    shoulder: float
    waist: float
    hip: float
    coat: str
    paint: str
    loner: float
    limp: float
    seed: int

    @property
    def ratio(self) -> float:
        """Waist to hip."""
        return self.waist / self.hip


@dataclass
class State:
    """Where a pig is.  x, y: the middle between snout and tail; bend: of the body, as a part of its length."""

    x: float
    y: float
    heading: float
    doing: str = "stand"
    until: float = 0.0
    bend: float = 0.0
    side: float = 0.0  # lying on the left (-1) or right (1) side, or on the belly (0)
    speed: float = 0.0
    phase: float = 0.0
    sway: float = 0.0
    target: tuple[float, float] = (0.0, 0.0)
    after: str = "stand"
    stuck: float = 0.0


@dataclass
class Herd:
    """Pigs and their states at `time`; `step` moves on."""

    pigs: list[Pig]
    states: list[State]
    random: np.random.Generator
    busy: float = 1.0
    time: float = 0.0
    log: list[dict[str, float]] = field(default_factory=list)  # seconds by pig: lie, eat, drink, walk, stand

    def step(self, seconds: float) -> None:
        """Go on by so many seconds."""
        while seconds > 1e-9:
            small = min(STEP, seconds)
            self._small(small)
            seconds -= small

    def _small(self, dt: float) -> None:
        self.time += dt
        for place, (pig, state) in enumerate(zip(self.pigs, self.states, strict=True)):
            self._act(place, pig, state, dt)
            self.log[place][state.doing] = self.log[place].get(state.doing, 0.0) + dt
        self._push()

    def _act(self, place: int, pig: Pig, state: State, dt: float) -> None:
        if state.doing == "walk":
            self._walk(pig, state, dt)
        elif self.time >= state.until:
            self._choose(place, pig, state)
        else:
            state.speed, state.sway = 0.0, state.sway * 0.8
            if state.doing == "eat":
                state.bend += (0.03 * np.sin(self.time * 2 + place) - state.bend) * min(1.0, dt)

    def _choose(self, place: int, pig: Pig, state: State) -> None:
        """What comes next: mostly a way to somewhere, and what is done there."""
        random, draw = self.random, self.random.random()
        state.side = 0.0
        eating = sum(1 for one in self.states if "eat" in (one.doing, one.after))
        if draw < 0.3 and eating < 6:
            state.target = (0.5 * pig.length + 0.28, random.uniform(TROUGH[1] + 0.2, TROUGH[3] - 0.2))
            state.after = "eat"
        elif draw < 0.42:
            state.target = (random.uniform(NIPPLES[0] + 0.1, NIPPLES[2] - 0.3), 0.5 * pig.length + 0.15)
            state.after = "drink"
        elif draw < 0.75:
            state.target, state.after = self._bed(place, pig), "lie"
        else:
            state.target = (random.uniform(0.9, WIDTH - 0.7), random.uniform(0.7, HEIGHT - 0.7))
            state.after = "stand"
        state.doing, state.stuck = "walk", 0.0

    def _bed(self, place: int, pig: Pig) -> tuple[float, float]:
        spots = np.stack([self.random.uniform(1.4, WIDTH - 0.7, 12), self.random.uniform(0.9, HEIGHT - 0.6, 12)], 1)
        others = np.array([(one.x, one.y) for index, one in enumerate(self.states) if index != place])
        if len(others) == 0:
            return float(spots[0, 0]), float(spots[0, 1])
        near = np.linalg.norm(spots[:, None] - others[None], axis=2).min(1)
        best = spots[int(np.argmax(near))] if pig.loner > 0.5 else spots[int(np.argmin(np.abs(near - 0.55)))]
        return float(best[0]), float(best[1])

    def _walk(self, pig: Pig, state: State, dt: float) -> None:
        dx, dy = state.target[0] - state.x, state.target[1] - state.y
        away = float(np.hypot(dx, dy))
        aim = np.arctan2(dy, dx)
        if away < 0.5 and state.after == "eat":
            aim = np.pi
        elif away < 0.5 and state.after == "drink":
            aim = -np.pi / 2
        turn = (aim - state.heading + np.pi) % (2 * np.pi) - np.pi
        state.heading += float(np.clip(turn, -_TURN * dt, _TURN * dt))
        state.bend += (float(np.clip(turn, -1, 1)) * 0.07 - state.bend) * min(1.0, 2 * dt)
        state.speed = 0.45 * self.busy * max(0.15, float(np.cos(turn))) * min(1.0, away / 0.3 + 0.2)
        state.phase += 2 * np.pi * 0.9 * dt
        wave = float(np.sin(state.phase))
        state.sway = 0.06 * wave * (1 + pig.limp * np.sign(wave))
        before = (state.x, state.y)
        if state.after in ("eat", "drink") and away < 0.5:
            state.x += dx / max(away, 1e-6) * state.speed * dt
            state.y += dy / max(away, 1e-6) * state.speed * dt
        else:
            state.x += float(np.cos(state.heading)) * state.speed * dt
            state.y += float(np.sin(state.heading)) * state.speed * dt
        moved = float(np.hypot(state.x - before[0], state.y - before[1]))
        state.stuck = state.stuck + dt if moved < 0.1 * dt else state.stuck
        state.stuck += dt * 0.25
        arrived = away < 0.12 and (abs(turn) < 0.25 or state.after in ("lie", "stand"))
        if arrived or state.stuck > 9:
            self._arrive(state, arrived)

    def _arrive(self, state: State, arrived: bool) -> None:
        spans = {"eat": (40, 160), "drink": (10, 30), "lie": (60, 420), "stand": (3, 15)}
        state.doing = state.after if arrived or state.after == "lie" else "stand"
        low, high = spans[state.doing]
        state.until = self.time + self.random.uniform(low, high) / self.busy
        state.after, state.speed = "", 0.0
        if state.doing == "lie":
            state.side = float(self.random.choice([-1.0, 0.0, 0.0, 1.0]))
            state.bend = float(self.random.uniform(-0.06, 0.06))

    def _push(self) -> None:
        """Bodies press each other apart, and walls press them in."""
        count = len(self.pigs)
        lengths = np.array([pig.length for pig in self.pigs])
        at = np.array([(one.x, one.y) for one in self.states])
        head = np.array([(np.cos(one.heading), np.sin(one.heading)) for one in self.states])
        along = 0.5 - np.array(_PUSHED)
        points = at[:, None] + head[:, None] * (along[None] * lengths[:, None])[..., None]
        gap = points[:, None, :, None] - points[None, :, None]
        far = np.linalg.norm(gap, axis=-1) + 1e-9
        reach = 0.115 * (lengths[:, None] + lengths[None])[..., None, None]
        press = np.clip(reach - far, 0, None)
        press[np.arange(count), np.arange(count)] = 0
        force = (gap / far[..., None] * press[..., None]).sum((1, 2))  # [pig, 3, 2]
        for place, state in enumerate(self.states):
            give = 0.03 if state.doing == "lie" else 0.1 if state.doing == "eat" else 0.3
            state.x += float(np.clip(give * force[place, :, 0].sum(), -0.06, 0.06))
            state.y += float(np.clip(give * force[place, :, 1].sum(), -0.06, 0.06))
            lever = (along * lengths[place])[:, None] * force[place]
            twist = float((head[place, 0] * lever[:, 1] - head[place, 1] * lever[:, 0]).sum())
            state.heading += float(np.clip(give * twist * 2, -0.08, 0.08))
            self._walls(self.pigs[place], state)

    def _walls(self, pig: Pig, state: State) -> None:
        half = 0.5 * pig.length
        wide = abs(np.cos(state.heading)) * half + 0.13 * pig.length * abs(np.sin(state.heading))
        tall = abs(np.sin(state.heading)) * half + 0.13 * pig.length * abs(np.cos(state.heading))
        state.x = float(np.clip(state.x, wide + 0.05, WIDTH - wide - 0.05))
        state.y = float(np.clip(state.y, tall + 0.05, HEIGHT - tall - 0.05))


def make_pig(random: np.random.Generator, **given: object) -> Pig:
    """One pig as chance has it, or as it is told."""
    hip = random.uniform(0.255, 0.3)
    values: dict[str, object] = {
        "length": random.uniform(0.98, 1.3), "shoulder": random.uniform(0.25, 0.28), "hip": hip,
        "waist": hip * random.uniform(0.78, 0.95), "coat": str(random.choice(_COATS)),
        "paint": str(random.choice(PAINTS)), "loner": float(random.random() < 0.1), "limp": 0.0,
        "seed": int(random.integers(1 << 30)),
    }  # fmt: skip
    return Pig(**(values | given))  # type: ignore[arg-type]


def make_herd(seed: int, count: int = 20, busy: float = 1.0, pigs: list[Pig] | None = None) -> Herd:
    """A pen of pigs, a while after they were put there."""
    random = np.random.default_rng(seed)
    pigs = pigs or [make_pig(random) for _ in range(count)]
    states = [
        State(random.uniform(1, WIDTH - 1), random.uniform(0.8, HEIGHT - 0.8), random.uniform(-np.pi, np.pi))
        for _ in pigs
    ]
    herd = Herd(pigs, states, random, busy, log=[{} for _ in pigs])
    for state in states:
        state.until = random.uniform(0, 20)
        if random.random() < 0.45:
            state.doing, state.until = "lie", random.uniform(20, 300)
            state.side = float(random.choice([-1.0, 0.0, 1.0]))
    herd.step(20)
    herd.log = [{} for _ in pigs]
    return herd
