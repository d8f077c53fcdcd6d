"""A recording as numbers: read, brought to another rate, and how loud it is.

WAV is read here, by itself.  Everything else that a phone records (m4a, webm, 3gp, mp3, ogg) is read by FFmpeg, which
the package `av` of the extra [senses] brings.  What is too long, too big or no sound is refused in one sentence
(`SkillError`), before it takes memory: a file's own numbers about its length are not believed.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from math import gcd

import numpy as np
from numpy.typing import NDArray

from huozhong.errors import SkillError

MOST_BYTES = 32 << 20
MOST_SECONDS = 600.0
RATES = (4000, 192_000)  # Hz
MOST_CHANNELS = 8
_PHASES = 1024  # between two samples, where the two rates have little in common

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Sound:
    """samples: [n] float32, one channel, full scale is 1.0.  rate: samples a second."""

    samples: Floats
    rate: int

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate


def read_sound(data: bytes, most_seconds: float = MOST_SECONDS) -> Sound:
    """A recording's bytes -> its samples, several channels as their mean.

    SkillError: no sound, broken, empty, longer than `most_seconds`, or a kind that needs `av` where there is none.
    """
    if len(data) > MOST_BYTES:
        raise SkillError(
            f"这段录音太大（{len(data) >> 20} MB），最多 {MOST_BYTES >> 20} MB，请录短一点。",
            f"This recording is too big ({len(data) >> 20} MB); {MOST_BYTES >> 20} MB at most, record less.",
        )
    if not data:
        raise SkillError("录音是空的，请再录一次。", "The recording is empty; record it again.")
    sound = _wav(data, most_seconds) if data[:4] in (b"RIFF", b"RF64") and data[8:12] == b"WAVE" else None
    if sound is None:
        sound = _others(data, most_seconds)
    if not len(sound.samples):
        raise SkillError("录音里没有声音，请再录一次。", "There is no sound in the recording; record it again.")
    return sound


def write_wav(sound: Sound) -> bytes:
    """A sound as a WAV file of 16 bits; what is beyond full scale is clipped."""
    whole = np.clip(np.round(sound.samples * 32767.0), -32768, 32767).astype("<i2").tobytes()
    head = struct.pack("<4sI4s4sIHHIIHH", b"RIFF", 36 + len(whole), b"WAVE", b"fmt ", 16, 1, 1, sound.rate,
                       2 * sound.rate, 2, 16)  # fmt: skip
    return head + struct.pack("<4sI", b"data", len(whole)) + whole


def resample(sound: Sound, rate: int) -> Sound:
    """The same sound at another rate (Hz), by a windowed sinc; what the new rate cannot hold is filtered out."""
    if rate == sound.rate or not len(sound.samples):
        return Sound(sound.samples, rate)
    common = gcd(rate, sound.rate)
    step, phases = sound.rate // common, min(rate // common, _PHASES)
    cut = 0.94 * min(1.0, rate / sound.rate)
    half = int(np.ceil(16 / cut))
    kernels = _kernels(phases, half, cut)
    n = int(np.ceil(len(sound.samples) * rate / sound.rate))
    padded = np.pad(sound.samples, (half, half + 2))
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half)
    out = np.empty(n, np.float32)
    for begin in range(0, n, 1 << 15):  # whole, the windows of ten minutes would take gigabytes
        at = np.arange(begin, min(begin + (1 << 15), n), dtype=np.int64) * step
        base, rest = np.divmod(at, rate // common)
        phase = np.round(rest * (phases / (rate // common))).astype(np.int64)
        base, phase = base + phase // phases, phase % phases
        out[begin : begin + len(at)] = np.einsum("nk,nk->n", windows[base + 1], kernels[phase])
    return Sound(out, rate)


def loudness(sound: Sound, hop_ms: float) -> Floats:
    """How loud each `hop_ms` milliseconds are: the root mean square, [hops] float32, 0 silence, 1 full scale."""
    hop = max(1, round(sound.rate * hop_ms / 1000))
    n = -(-len(sound.samples) // hop)
    padded = np.pad(sound.samples, (0, n * hop - len(sound.samples))).reshape(n, hop)
    return np.asarray(np.sqrt(np.mean(np.square(padded), axis=1, dtype=np.float32)), np.float32)


def _kernels(phases: int, half: int, cut: float) -> Floats:
    """[phases, 2*half]: the sinc's values around a point that lies phase/phases after sample half-1."""
    offset = np.arange(phases)[:, None] / phases
    x = np.arange(1 - half, half + 1)[None, :] - offset
    window = np.cos(np.pi * x / (2 * half + 1)) ** 2
    kernel = cut * np.sinc(cut * x) * window
    return np.asarray(kernel / kernel.sum(axis=1, keepdims=True), np.float32)


def _wav(data: bytes, most_seconds: float) -> Sound | None:
    """A WAV file's samples; None where they are packed in a way that only FFmpeg reads."""
    form: tuple[int, int, int, int] | None = None
    for name, body in _chunks(data):
        if name == b"fmt " and len(body) >= 16:
            tag, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", body)
            if tag == 0xFFFE and len(body) >= 26:  # "extensible": the real kind stands further on
                tag = struct.unpack_from("<H", body, 24)[0]
            form = (tag, channels, rate, bits)
        elif name == b"data" and form is not None:
            return _unpacked(body, *form, most_seconds)
    raise _broken("WAV")


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    at, view = 12, memoryview(data)
    while at + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        yield name, view[at + 8 : at + 8 + size]  # a recorder that was cut off left a size too big: what is there
        at += 8 + size + size % 2


def _unpacked(body: memoryview, tag: int, channels: int, rate: int, bits: int, most_seconds: float) -> Sound | None:
    if (tag, bits) not in {(1, 8), (1, 16), (1, 24), (1, 32), (3, 32), (3, 64)}:
        return None
    if not 1 <= channels <= MOST_CHANNELS or not RATES[0] <= rate <= RATES[1]:
        raise _broken("WAV")
    frame = channels * bits // 8
    frames = len(body) // frame
    _not_too_long(frames / rate, most_seconds)
    body = body[: frames * frame]
    if tag == 3:
        raw = np.frombuffer(body, "<f4" if bits == 32 else "<f8").astype(np.float32)
        raw = np.clip(np.nan_to_num(raw), -8.0, 8.0)
    elif bits == 8:
        raw = (np.frombuffer(body, np.uint8).astype(np.float32) - 128.0) / 128.0
    elif bits == 24:
        bytes3 = np.frombuffer(body, np.uint8).reshape(-1, 3)
        wide = np.zeros((len(bytes3), 4), np.uint8)
        wide[:, 1:] = bytes3
        raw = wide.view("<i4")[:, 0].astype(np.float32) / np.float32(2**31)
    else:
        raw = np.frombuffer(body, f"<i{bits // 8}").astype(np.float32) / np.float32(2 ** (bits - 1))
    return Sound(raw.reshape(-1, channels).mean(axis=1, dtype=np.float32), rate)


def _others(data: bytes, most_seconds: float) -> Sound:
    """What FFmpeg reads."""
    try:
        import av
    except ImportError:
        raise SkillError(
            "这段录音不是 WAV，读它要先装：pip install 'huozhong[senses]'。",
            "This recording is not WAV; to read it: pip install 'huozhong[senses]'.",
        ) from None
    pieces: list[Floats] = []
    total, rate = 0, 0
    try:
        with av.open(io.BytesIO(data), "r", metadata_errors="ignore") as file:
            if not file.streams.audio:
                raise _broken("")
            to_mono = av.AudioResampler(format="flt", layout="mono")
            for frame in file.decode(file.streams.audio[0]):
                rate = rate or frame.sample_rate
                for one in to_mono.resample(frame):
                    pieces.append(one.to_ndarray().reshape(-1).astype(np.float32))
                    total += len(pieces[-1])
                    _not_too_long(total / rate, most_seconds)
    except (av.FFmpegError, ValueError, EOFError):
        if not total:
            raise _broken("") from None  # otherwise: cut off while it was recorded; what came before is good
    if not pieces or not RATES[0] <= rate <= RATES[1]:
        raise _broken("")
    return Sound(np.clip(np.nan_to_num(np.concatenate(pieces)), -8.0, 8.0).astype(np.float32), rate)


def _not_too_long(seconds: float, most: float) -> None:
    if seconds > most:
        raise SkillError(f"录音超过 {most:g} 秒，请录短一点。", f"The recording is over {most:g} seconds; record less.")


def _broken(kind: str) -> SkillError:
    return SkillError(
        f"这个文件不是能听的录音{f'（{kind} 坏了）' if kind else ''}，请再录一次，或换成 WAV、MP3、M4A。",
        f"This file is no sound that can be heard{f' (a broken {kind})' if kind else ''}; record it again, or choose"
        " WAV, MP3 or M4A.",
    )
