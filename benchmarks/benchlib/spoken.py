"""Synthetic speakers: espeak-ng's voices, faster and slower, in a room, with noise.  Everything from seeds."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from huozhong.senses.sound import Floats, Sound, read_sound, resample

# what espeak-ng can read of each tongue; twelve people of a contact list
NAMES = {
    "yue": ["阿仔", "阿女", "大佬", "家姐", "細佬", "細妹", "阿爺", "阿嫲", "舅父", "姨媽", "建國", "小明"],
    "hak": ["lai55 e31", "moi55 e31", "a24 go24", "a24 zi31", "lo31 tai24", "lo31 moi55", "a24 gung24", "a24 po11",
            "a24 kiu24", "a24 i11", "gien55 gued2", "seu31 min11"],
    "cmn-latn-pinyin": ["er2zi5", "nv3er2", "ge1ge5", "jie3jie5", "di4di5", "mei4mei5", "ye2ye5", "nai3nai5",
                        "jiu4jiu5", "yi2ma1", "jian4guo2", "xiao3ming2"],
    "vi": ["con trai", "con gái", "anh cả", "chị hai", "em út", "em Hoa", "ông nội", "bà nội", "cậu Tư", "dì Ba",
           "Minh", "Tuấn"],
}  # fmt: skip


@dataclass(frozen=True)
class Speaker:
    """A voice of espeak-ng (its variant), and how it is used on one day."""

    tongue: str
    variant: str


@lru_cache(maxsize=8192)
def said(speaker: Speaker, text: str, pitch: int, speed: int) -> Sound:
    """What espeak-ng makes of a text: pitch 0 to 99, speed in words a minute."""
    voice = f"{speaker.tongue}+{speaker.variant}" if speaker.variant else speaker.tongue
    made = subprocess.run(
        ["espeak-ng", "-v", voice, "-p", str(pitch), "-s", str(speed), "--stdout", text],
        capture_output=True,
        check=True,
    )
    return resample(read_sound(made.stdout), 16000)


def in_a_room(samples: Floats, seed: np.random.Generator, seconds: float) -> Floats:
    """With an echo that falls by 60 dB in `seconds`; the direct sound is the loudest."""
    n = max(1, int(16000 * seconds))
    tail = seed.standard_normal(n) * np.exp(-6.9 * np.arange(n) / n)
    tail *= 0.5 / np.sqrt((tail**2).sum())
    tail[0] = 1.0
    return np.convolve(samples, tail).astype(np.float32)


def with_noise(samples: Floats, seed: np.random.Generator, decibels: float, kind: str) -> Floats:
    """Noise below the spoken part by `decibels`: "white", "pink" (falling, as a street), or "hum" (fan and mains)."""
    n = len(samples)
    spectrum = np.fft.rfft(seed.standard_normal(n))
    hz = np.maximum(np.fft.rfftfreq(n, 1 / 16000), 20.0)
    if kind == "pink":
        spectrum /= np.sqrt(hz)
    elif kind == "hum":
        spectrum /= hz
    noise = np.fft.irfft(spectrum, n)
    spoken = samples[np.abs(samples) > 0.05 * np.abs(samples).max()]
    noise *= np.sqrt((spoken**2).mean() / (noise**2).mean()) / 10 ** (decibels / 20)
    return (samples + noise).astype(np.float32)


def recorded(speaker: Speaker, text: str, seed: np.random.Generator, decibels: float, far: bool) -> Sound:
    """One recording: another pitch and speed each time, silence around it, a room where `far`, noise, another gain."""
    pitch, speed = int(seed.integers(35, 66)), int(seed.integers(125 if far else 135, 196 if far else 176))
    voice = said(speaker, text, pitch, speed).samples
    before, after = (np.zeros(int(seed.uniform(0.15, 0.5) * 16000), np.float32) for _ in range(2))
    samples = np.concatenate([before, voice, after])
    if far:
        samples = in_a_room(samples, seed, float(seed.uniform(0.15, 0.4)))
    kind = ("white", "pink", "hum")[int(seed.integers(3))]
    noisy = with_noise(samples, seed, decibels, kind) * np.float32(seed.uniform(0.2, 0.9))
    return Sound(noisy.astype(np.float32), 16000)
