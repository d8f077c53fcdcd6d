"""Makes what apps/callhome knows of sounds: `python recipes/callhome/build.py LEXICON.jsonl.xz`.

The lexicon is 汉语方言词汇 and the word lists beside it, in IPA, as published by the Lexibank project (CC BY 4.0, one JSON
object a line: dialect, concept, word, ipa); it is not part of this repository.  Out of it come

    sounds.npz   how each character is read at each of 25 points; how far each onset and rime of theirs is from each of
                 Mandarin's, by the features of panphon; what Mandarin reads a character as (pypinyin); traditional
                 characters as simplified ones (OpenCC)
    kin.tsv      how the 25 points say son, daughter, ...: relation, point, word, syllables

Needs `pip install panphon pypinyin opencc-python-reimplemented`, when it is made only.
"""

from __future__ import annotations

import json
import lzma
import re
import sys
from collections import Counter, defaultdict
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import panphon.distance
import pypinyin

OUT = Path(__file__).parents[2] / "src" / "huozhong" / "apps" / "callhome"
POINTS = (
    "北京 哈尔滨 沈阳 济南 荣成 太原 西安 成都 昆明 南京 合肥 扬州 绩溪 苏州 温州 长沙 娄底 南昌 梅县 桂林 广州 阳江 厦门 潮州 福州"
).split()
KIN = {
    "儿子": "son", "女儿": "daughter", "哥哥": "elder brother", "弟弟": "younger brother", "姐姐": "elder sister",
    "妹妹": "younger sister", "爸爸": "father", "父亲": "father", "妈妈": "mother", "母亲": "mother",
    "爷爷": "father's father", "奶奶": "father's mother", "外公": "mother's father", "外婆": "mother's mother",
    "孙子": "grandson", "孙女": "granddaughter", "外孙": "daughter's son", "丈夫": "husband", "妻子": "wife",
    "伯父": "father's elder brother", "叔父": "father's younger brother", "舅父": "mother's brother",
    "姑母": "father's sister", "姨母": "mother's sister", "姑父": "father's sister's husband",
    "姨父": "mother's sister's husband", "舅母": "mother's brother's wife", "婶母": "father's younger brother's wife",
    "伯母": "father's elder brother's wife", "女婿": "son-in-law", "媳妇": "daughter-in-law", "侄儿": "nephew",
    "侄女": "niece", "外甥": "sister's son", "嫂子": "elder brother's wife", "姐夫": "elder sister's husband",
    "妹夫": "younger sister's husband", "丈人": "wife's father", "丈母": "wife's mother", "公公": "husband's father",
    "婆婆": "husband's mother",
}  # fmt: skip
TONE = re.compile(r"[⁰¹²³⁴⁵⁶⁷⁸⁹]+[₀-₉]*(?:[⁻-][⁰¹²³⁴⁵⁶⁷⁸⁹]+)?\*?")
SAME = str.maketrans({"ๅ": "ɿ", "ʮ": "ɿ", "ʯ": "ʅ", "ῃ": "ŋ", "ᴀ": "a", "ᴇ": "ɛ", "ȵ": "ɲ", "ṃ": "m", "ṇ": "n", "ɚ": "ə",
                      "g": "ɡ", "ġ": "ɡ", "ł": "ɬ", "̍": "", "̩": "", "ã": "ã", "ĩ": "ĩ", "ẽ": "ẽ", "ũ": "ũ", "õ": "õ"})  # fmt: skip
ODD = re.compile(r"[^a-zɐ-ˠŋøœæçβʰ\u0303]")
ONSETS = {"": "", "b": "p", "p": "pʰ", "m": "m", "f": "f", "d": "t", "t": "tʰ", "n": "n", "l": "l", "g": "k", "k": "kʰ",
          "h": "x", "j": "tɕ", "q": "tɕʰ", "x": "ɕ", "zh": "tʂ", "ch": "tʂʰ", "sh": "ʂ", "r": "ʐ", "z": "ts", "c": "tsʰ",
          "s": "s"}  # fmt: skip
RIMES = {"a": "a", "o": "uo", "e": "ɤ", "i": "i", "u": "u", "v": "y", "er": "ər", "ai": "ai", "ei": "ei", "ao": "au",
         "ou": "ou", "an": "an", "en": "ən", "ang": "aŋ", "eng": "əŋ", "ong": "uŋ", "ia": "ia", "ie": "ie", "iao": "iau",
         "iou": "iou", "ian": "iɛn", "in": "in", "iang": "iaŋ", "ing": "iŋ", "iong": "yuŋ", "ua": "ua", "uo": "uo",
         "uai": "uai", "uei": "uei", "uan": "uan", "uen": "uən", "uang": "uaŋ", "ueng": "uəŋ", "ve": "ye", "van": "yɛn",
         "vn": "yn", "io": "yo", "ê": "ɛ", "m": "m", "n": "n", "ng": "ŋ"}  # fmt: skip


def syllables(ipa: str) -> list[str]:
    """Syllables of an IPA word, without tones."""
    cleaned = re.sub(r"[@®«»)(.:➍❺ ]", "", re.split("[，,]", ipa)[0])
    return [ODD.sub("", one.translate(SAME)) for one in TONE.split(cleaned) if one]


def parts(syllable: str) -> tuple[str, str]:
    """Onset and rime; a syllabic nasal is all rime."""
    match = re.match(r"[pbtdkɡqcʔmnŋɲɳfvszʂʐɕʑʃʒçxɣhɦlɬrwʋβʰ]*", syllable)
    onset = match.group() if match else ""
    return (onset, syllable[len(onset) :]) if len(onset) < len(syllable) else (onset[:-1], onset[-1:])


def pinyin_parts(syllable: str) -> tuple[str, str]:
    """A syllable of pinyin (ü as v) -> onset, and rime spelled out."""
    onset = next((one for one in ("zh", "ch", "sh") if syllable.startswith(one)), "")
    if not onset and syllable[:1] in "bpmfdtnlgkhjqxrzcs" and len(syllable) > 1:
        onset = syllable[0]
    rime = syllable[len(onset) :]
    if syllable[0] == "y":
        rest = syllable[1:]
        rime = {"u": "v", "ue": "ve", "uan": "van", "un": "vn", "ou": "iou", "ong": "iong"}.get(
            rest, rest if rest[0] == "i" else "i" + rest
        )
    elif syllable[0] == "w":
        rime = {"u": "u", "ei": "uei", "en": "uen"}.get(syllable[1:], "u" + syllable[1:])
    elif onset in ("j", "q", "x") and rime.startswith("u"):
        rime = "v" + rime[1:]
    return onset, {"iu": "iou", "ui": "uei", "un": "uen", "ue": "ve"}.get(rime, rime)


def main() -> None:
    with lzma.open(sys.argv[1], "rt", encoding="utf-8") as file:
        lexicon = [json.loads(line) for line in file]
    traditional = dictionary("TSCharacters.txt")
    readings: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    kin: set[tuple[str, str, str, str]] = set()
    for entry in lexicon:
        word, sounds = entry["word"].strip(), syllables(entry["ipa"])
        if len(word) != len(sounds) or not all(sounds):
            continue
        for character, sound in zip(word, sounds, strict=True):
            if "\u4e00" <= character <= "\u9fff" and character != "囗":
                readings[simple(character, traditional), entry["dialect"]][sound] += 1
        if entry["concept"] in KIN and not re.search(r"[\d@]", word):
            plain = "".join(simple(one, traditional) for one in word).replace("囗", "_")
            kin.add((KIN[entry["concept"]], entry["dialect"], plain, " ".join(sounds)))
    lines = sorted(kin, key=lambda row: (list(KIN.values()).index(row[0]), POINTS.index(row[1]), row[2:]))
    (OUT / "kin.tsv").write_text(
        "# relation\tpoint\tword\tsyllables; from 汉语方言词汇 and others by way of Lexibank, CC BY 4.0; made by "
        "recipes/callhome/build.py\n" + "".join("\t".join(row) + "\n" for row in lines),
        encoding="utf-8",
    )
    arrays = tables(readings, {sound for row in lines for sound in row[3].split()}, traditional)
    np.savez_compressed(OUT / "sounds.npz", **arrays)
    print({name: array.shape for name, array in arrays.items()}, (OUT / "sounds.npz").stat().st_size)


def tables(
    readings: dict[tuple[str, str], Counter[str]], more: set[str], traditional: dict[str, str]
) -> dict[str, np.ndarray[Any, Any]]:
    said = {key: counts.most_common(1)[0][0] for key, counts in readings.items()}
    sounds = ["", *sorted({*said.values(), *more})]
    characters = sorted({character for character, _ in said})
    read = np.zeros((len(POINTS), len(characters)), np.uint16)
    for (character, point), sound in said.items():
        read[POINTS.index(point), characters.index(character)] = sounds.index(sound)
    hanzi = sorted({*characters, *written(), *traditional.values()})
    pinyins = [pypinyin.lazy_pinyin(one, v_to_u=False)[0].replace("ü", "v") for one in hanzi]
    named = ["", *sorted({one for one in pinyins if re.fullmatch("[a-zê]+", one)})]
    split, mandarin = [parts(one) for one in sounds], [pinyin_parts(one) if one else ("", "") for one in named]
    onsets, rimes = sorted({one[0] for one in split}), sorted({one[1] for one in split})
    far = panphon.distance.Distance()
    pairs = [
        (a, b) for a, b in sorted(traditional.items()) if len(a) == len(b) == 1 and a != b and max(a, b) <= "\uffff"
    ]
    text = {
        "points": "\n".join(POINTS), "sounds": "\n".join(sounds), "pinyin": "\n".join(named),
        "characters": "".join(characters), "hanzi": "".join(hanzi),
        "traditional": "".join(a for a, _ in pairs), "simplified": "".join(b for _, b in pairs),
        "onset_names": "\n".join(ONSETS), "rime_names": "\n".join(RIMES),
    }  # fmt: skip
    packed = {name: np.frombuffer(value.encode(), np.uint8) for name, value in text.items()}
    return packed | {
        "read": read,
        "hanzi_pinyin": np.array([named.index(one) if one in named else 0 for one in pinyins], np.uint16),
        "sound_onset": np.array([onsets.index(one[0]) for one in split], np.uint16),
        "sound_rime": np.array([rimes.index(one[1]) for one in split], np.uint16),
        "pinyin_onset": np.array([list(ONSETS).index(one[0]) for one in mandarin], np.uint8),
        "pinyin_rime": np.array([list(RIMES).index(one[1]) if one[1] else 0 for one in mandarin], np.uint8),
        "onset_far": grid(far, onsets, list(ONSETS.values())), "rime_far": grid(far, rimes, list(RIMES.values())),
        "onset_onset": grid(far, list(ONSETS.values()), list(ONSETS.values())),
        "rime_rime": grid(far, list(RIMES.values()), list(RIMES.values())),
    }  # fmt: skip


def grid(far: Any, ours: list[str], mandarin: list[str]) -> np.ndarray[Any, Any]:
    """Distances by weighted features, 0 the same to 255 nothing in common."""
    table = np.zeros((len(ours), len(mandarin)))
    for i, a in enumerate(ours):
        for j, b in enumerate(mandarin):
            longest = max(len(far.fm.ipa_segs(a)), len(far.fm.ipa_segs(b)), 1)
            table[i, j] = far.weighted_feature_edit_distance(a, b) / longest
    return np.round(255 * np.minimum(1.0, table / 6.0)).astype(np.uint8)


def written() -> set[str]:
    """The characters that people type: GB 2312."""
    found = set()
    for high in range(0xB0, 0xF8):
        for low in range(0xA1, 0xFF):
            found |= set(bytes([high, low]).decode("gb2312", errors="ignore"))
    return found | set(
        "畀搵揾佢啲嘅咗喺冇哋俾囝囡嬷孥姥俺恁伢崽仔阮咱伲侬伊渠覅甭嫑毋伓袂咧啵嘞噻撒呗囉啰喔噢咯唔嗰呢嚟睇攞諗倾偈"
    )


def simple(character: str, traditional: dict[str, str]) -> str:
    return traditional.get(character, character)


def dictionary(name: str) -> dict[str, str]:
    lines = files("opencc").joinpath("dictionary", name).read_text(encoding="utf-8").splitlines()
    return {line.split("\t")[0]: line.split("\t")[1].split()[0] for line in lines if "\t" in line}


if __name__ == "__main__":
    main()
