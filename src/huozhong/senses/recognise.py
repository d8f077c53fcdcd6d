"""Recognisers of Chinese and its dialects, brought by the user: a sound -> what was said, as text.

sherpa-onnx runs them on a CPU.  Their weights come in no package; each entry below makes the one command that brings
them.  Without the package or the weights there is one sentence that says so, and nothing else is tried.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huozhong.errors import SkillError
from huozhong.files import data_folder
from huozhong.senses.sound import Sound, resample

_RELEASES = "https://github.com/k2-fsa/sherpa-onnx/releases/download/asr-models/"


@dataclass(frozen=True)
class Ears:
    """archive: what is to be unpacked.  files: what must lie in the folder, each with other names for it."""

    name: str
    archive: str
    files: dict[str, tuple[str, ...]]

    @property
    def command(self) -> str:
        """Brings the weights to where they are looked for."""
        folder = data_folder() / "ears" / self.name
        return (
            f"mkdir -p {folder} && curl -L {_RELEASES}{self.archive}.tar.bz2 | tar xj -C {folder} --strip-components=1"
        )


EARS = {
    "sensevoice": Ears(
        "sensevoice",
        "sherpa-onnx-sense-voice-zh-en-ja-ko-yue-2024-07-17",
        {"model": ("model.int8.onnx", "model.onnx"), "tokens": ("tokens.txt",)},
    ),
    "dolphin": Ears(
        "dolphin",
        "sherpa-onnx-dolphin-base-ctc-multi-lang-int8-2025-04-02",
        {"model": ("model.int8.onnx", "model.onnx"), "tokens": ("tokens.txt",)},
    ),
    "firered": Ears(
        "firered",
        "sherpa-onnx-fire-red-asr-large-zh_en-2025-02-16",
        {
            "encoder": ("encoder.int8.onnx", "encoder.onnx"),
            "decoder": ("decoder.int8.onnx", "decoder.onnx"),
            "tokens": ("tokens.txt",),
        },
    ),
}


def recogniser(name: str, folder: Path | None = None) -> Callable[[Sound], str]:
    """What turns sounds into text.  folder: where its files lie (else the data folder's ears/NAME).

    SkillError: a name that is not known, files or the package missing, with the command that brings them.
    """
    ears = EARS.get(name)
    if ears is None:
        raise SkillError(f"识别模型只有：{'、'.join(EARS)}。", f"Recognisers are: {', '.join(EARS)}.")
    where = folder or data_folder() / "ears" / name
    found: dict[str, str] = {}
    for part, options in ears.files.items():
        path = next((where / option for option in options if (where / option).is_file()), None)
        if path is None:
            raise SkillError(
                f"{where} 里没有 {options[0]}。带来它：{ears.command}",
                f"There is no {options[0]} in {where}. To bring it: {ears.command}",
            )
        found[part] = str(path)
    try:
        import sherpa_onnx
    except ImportError:
        raise SkillError(
            "识别要先装：pip install 'huozhong[senses]'。", "To recognise speech: pip install 'huozhong[senses]'."
        ) from None
    made = _opened(sherpa_onnx, name, found)

    def hear(sound: Sound) -> str:
        at16 = resample(sound, 16000)
        stream = made.create_stream()
        stream.accept_waveform(at16.rate, at16.samples)
        made.decode_stream(stream)
        return str(stream.result.text).strip()

    return hear


def _opened(sherpa: Any, name: str, files: dict[str, str]) -> Any:
    kinds = sherpa.OfflineRecognizer
    try:
        if name == "sensevoice":
            return kinds.from_sense_voice(**files, num_threads=1, use_itn=False)
        if name == "dolphin":
            return kinds.from_dolphin_ctc(**files, num_threads=1)
        return kinds.from_fire_red_asr(**files, num_threads=1)
    except (RuntimeError, ValueError) as error:
        raise SkillError(f"识别模型打不开：{error}", f"The recogniser cannot be opened: {error}") from None
