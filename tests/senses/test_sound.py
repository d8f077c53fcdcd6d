"""Recordings as people send them: every kind of WAV, what FFmpeg reads, broken ones, other rates."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import wave

import av
import numpy as np
import pytest

from huozhong.errors import SkillError
from huozhong.senses.sound import Sound, loudness, read_sound, resample, write_wav


def tone(hz: float, rate: int, seconds: float = 0.5, high: float = 0.5) -> Sound:
    t = np.arange(int(rate * seconds)) / rate
    return Sound((high * np.sin(2 * np.pi * hz * t)).astype(np.float32), rate)


def wav(samples: bytes, tag: int, channels: int, rate: int, bits: int, extensible: bool = False) -> bytes:
    frame = channels * bits // 8
    form = struct.pack("<HHIIHH", 0xFFFE if extensible else tag, channels, rate, rate * frame, frame, bits)
    if extensible:
        form += struct.pack("<HHIH", 22, bits, 0, tag) + bytes(14)
    odd = b"LIST" + struct.pack("<I", 3) + b"abc\0"  # a chunk of odd length, padded
    body = b"fmt " + struct.pack("<I", len(form)) + form + odd + b"data" + struct.pack("<I", len(samples)) + samples
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WAVE" + body


@pytest.mark.parametrize(("tag", "bits"), [(1, 8), (1, 16), (1, 24), (1, 32), (3, 32), (3, 64)])
@pytest.mark.parametrize("extensible", [False, True])
def test_every_plain_kind_of_wav(tag: int, bits: int, extensible: bool) -> None:
    x = tone(300, 16000).samples
    left_right = np.stack([x, x * 0.5], axis=1).reshape(-1)
    if tag == 3:
        data = left_right.astype(f"<f{bits // 8}").tobytes()
    elif bits == 8:
        data = np.round(left_right * 127 + 128).astype(np.uint8).tobytes()
    else:
        whole = np.round(left_right.astype(np.float64) * (2 ** (bits - 1) - 1)).astype("<i4")
        data = whole.view(np.uint8).reshape(-1, 4)[:, : bits // 8].tobytes()
    sound = read_sound(wav(data, tag, 2, 16000, bits, extensible))
    assert sound.rate == 16000
    np.testing.assert_allclose(sound.samples, x * 0.75, atol=0.02 if bits == 8 else 1e-4)


def test_what_is_written_is_read_back_and_pythons_own_reader_agrees() -> None:
    sound = tone(440, 22050)
    data = write_wav(sound)
    np.testing.assert_allclose(read_sound(data).samples, sound.samples, atol=1e-4)
    with wave.open(io.BytesIO(data)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getnframes()) == (22050, 1, len(sound.samples))


def test_a_wav_whose_recorder_was_cut_off_keeps_what_is_there() -> None:
    data = bytearray(write_wav(tone(440, 16000)))
    struct.pack_into("<I", data, 40, 0xFFFFFFFF)
    assert len(read_sound(bytes(data)).samples) == 8000
    assert len(read_sound(bytes(data[:-1001])).samples) == 7499


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello, this is a letter",
        b"RIFF\x00\x00\x00\x00WAVE",
        write_wav(tone(440, 16000))[:30],
        wav(b"\0" * 64, 1, 0, 16000, 16),
        wav(b"\0" * 64, 1, 1, 7, 16),
        wav(b"", 1, 1, 16000, 16),
        b"\x1aE\xdf\xa3" + bytes(200),
        bytes(range(256)) * 8,
    ],
)
def test_what_is_no_sound_gets_one_clear_sentence(data: bytes) -> None:
    with pytest.raises(SkillError) as told:
        read_sound(data)
    assert "录" in told.value.chinese
    assert "record" in str(told.value).lower()


def test_too_long_and_too_big_are_refused() -> None:
    with pytest.raises(SkillError, match=r"over 0\.2 seconds"):
        read_sound(write_wav(tone(440, 16000)), most_seconds=0.2)
    with pytest.raises(SkillError, match="32 MB at most"):
        read_sound(bytes((32 << 20) + 1))


def test_what_phones_record_is_read_by_ffmpeg() -> None:
    x = tone(440, 48000, 1.0)
    for kind, codec in (("webm", "libopus"), ("mp4", "aac"), ("ogg", "libopus"), ("mp3", "libmp3lame")):
        file = io.BytesIO()
        with av.open(file, "w", format=kind) as out:
            stream = out.add_stream(codec, rate=48000, layout="mono")
            frame = av.AudioFrame.from_ndarray(x.samples[None, :], format="fltp", layout="mono")
            frame.sample_rate = 48000
            for packet in [*stream.encode(frame), *stream.encode(None)]:
                out.mux(packet)
        sound = read_sound(file.getvalue())
        assert sound.seconds == pytest.approx(1.0, abs=0.1)
        spectrum = np.abs(np.fft.rfft(sound.samples))
        assert np.argmax(spectrum) / sound.seconds == pytest.approx(440, abs=5)
        with pytest.raises(SkillError, match=r"over 0\.5 seconds"):
            read_sound(file.getvalue(), most_seconds=0.5)


def test_without_ffmpeg_other_kinds_say_what_to_install() -> None:
    told = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; sys.modules['av'] = None\n"
            "from huozhong.senses.sound import read_sound\n"
            "try: read_sound(b'ID3 an mp3')\n"
            "except Exception as error: print(type(error).__name__, error)",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "SkillError" in told.stdout
    assert "pip install 'huozhong[senses]'" in told.stdout


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100, 44099, 48000, 96000])
def test_another_rate_keeps_a_tone_and_drops_what_does_not_fit(rate: int) -> None:
    there = resample(tone(1000, rate), 16000)
    assert there.seconds == pytest.approx(0.5, abs=0.001)
    inside = slice(400, -400)
    np.testing.assert_allclose(
        there.samples[inside], tone(1000, 16000).samples[: len(there.samples)][inside], atol=4e-3
    )
    if rate > 20000:
        gone = resample(tone(10000, rate), 16000).samples[inside]
        assert np.sqrt(np.mean(gone**2)) < 0.002


def test_loudness_follows_the_sound() -> None:
    quiet, loud = tone(200, 16000, 0.1, 0.01), tone(200, 16000, 0.1, 0.5)
    both = Sound(np.concatenate([quiet.samples, loud.samples]), 16000)
    steps = loudness(both, 20)
    assert steps.shape == (10,)
    np.testing.assert_allclose(steps, [0.01 / 2**0.5] * 5 + [0.5 / 2**0.5] * 5, rtol=0.02)
