"""Live captions: are prices, brands and sizes intact, does anything change that stands, and how late is it?

    python benchmarks/live.py                    1,000 sentences by a faithful and by a careless translator; ten viewers
    python benchmarks/live.py --url URL --model NAME [--pairs pairs.tsv]
                                                 the same by a real model (any server that speaks OpenAI's dialect, this
                                                 one too), and chrF with and without the lock on pairs of Chinese, tab,
                                                 English (needs sacrebleu)

Sentences and aligner are in benchlib/sellers_said.py and know nothing of the house's grammar.  Ends in one JSON line.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
from benchlib.processes import free_port
from benchlib.sellers_said import GOODS, WORDS, Sentence, complaint, sentence

from huozhong.apps.live.agree import Agreement
from huozhong.apps.live.names import names
from huozhong.apps.live.slots import SLOT
from huozhong.apps.live.translator import ByModel, Translator

SEED = 20261130
_DICTIONARY = {**GOODS, **WORDS}


def faithful(text: str, language: str, slots: Mapping[int, str], before: str) -> str:
    """Word by word."""
    pieces = re.findall("⟦\\d⟧|" + "|".join(sorted(map(re.escape, _DICTIONARY), key=len, reverse=True)) + "|.", text)
    return re.sub(r" (?=[,.])", "", " ".join(word for one in pieces if (word := _DICTIONARY.get(one, one))))


class Careless:
    """Loses slots, doubles them, swaps them, makes numbers up."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)

    def __call__(self, text: str, language: str, slots: Mapping[int, str], before: str) -> str:
        said, luck = faithful(text, language, slots, before), self._rng.random()
        found = SLOT.findall(said)
        if luck < 0.2:
            return SLOT.sub("", said)
        if luck < 0.4:
            return said + " " + " ".join(f"⟦{one}⟧" for one in found)
        if luck < 0.6 and len(found) > 1:
            order = iter(found[::-1])
            return SLOT.sub(lambda match: f"⟦{next(order)}⟧", said)
        return said + " only ¥5 and 99%" if luck < 0.8 else said


def grown(source: str, translator: Translator, rng: random.Random) -> tuple[str, bool]:
    """The caption of a sentence that is said piece by piece, and whether anything changed that stood."""
    caption, length, changed = Agreement("en"), 0, False
    words = names([])
    while length < len(source):
        length += rng.randint(1, 4)
        stood = caption.stands
        caption.grow(source[:length], words, translator, final=length >= len(source))
        changed = changed or not caption.stands.startswith(stood)
    return caption.stands, changed


def intact(count: int, translator: Translator, label: str) -> dict[str, Any]:
    rng = random.Random(SEED)
    good = changed = 0
    for number in range(count):
        said: Sentence = sentence(rng)
        caption, moved = grown(said.zh, translator, rng)
        wrong = complaint(caption, said)
        good, changed = good + (not wrong), changed + moved
        if wrong and number - good < 8:
            print(f"  {said.zh}\n  {caption}\n  {wrong}")
    print(f"{label}: {good} of {count} sentences intact; what stood changed in {changed}")
    return {"intact": good, "of": count, "changed": changed}


# -- lag ---------------------------------------------------------------------------------------------------


def lag(viewers: int, sentences: int, model: str) -> dict[str, Any]:
    """Seconds from the seller's piece to every viewer's screen: a real server, its own process."""
    port = free_port()
    with tempfile.TemporaryDirectory() as home:
        command = [sys.executable, "-m", "huozhong.cli.main", "serve", model, "--port", str(port)]
        server = subprocess.Popen(command, env=os.environ | {"HUOZHONG_HOME": home}, stdout=subprocess.DEVNULL)
        try:
            return _watched(f"http://127.0.0.1:{port}", viewers, sentences)
        finally:
            server.terminate()
            server.wait()


def _watched(url: str, viewers: int, sentences: int) -> dict[str, Any]:
    room = f"{url}/house/room/live"
    _until_up(url)
    link = httpx.post(f"{room}/start", timeout=60).json()["link"]
    arrivals: list[list[tuple[float, dict[str, Any]]]] = [[] for _ in range(viewers)]
    ready = threading.Barrier(viewers + 1)
    for seen in arrivals:
        threading.Thread(target=_view, args=(link, seen, ready), daemon=True).start()
    ready.wait(60)
    rng, sent = random.Random(SEED), []
    for _ in range(sentences):
        source = sentence(rng).zh
        for length in [*range(6, len(source), 6), len(source)]:
            began = time.monotonic()
            final = length >= len(source)
            answer = httpx.post(f"{room}/say", json={"text": source[:length], "final": final}, timeout=120)
            answer.raise_for_status()
            sent.append((began, time.monotonic()))
            time.sleep(max(0.0, began + 1.2 - time.monotonic()))  # six characters take a fast speaker as long
    time.sleep(1)
    lags = []
    for seen in arrivals:
        for at, event in seen:
            if event.get("language") == "en":
                began = max((start for start, _ in sent if start <= at), default=at)
                lags.append(at - began)
    lags.sort()
    ended = {sum(1 for _, event in seen if "ended" in event) for seen in arrivals}
    p50, p95 = (lags[int(len(lags) * share)] if lags else float("nan") for share in (0.5, 0.95))
    print(f"lag of {viewers} viewers, {len(lags)} captions: median {p50:.2f} s, 95% within {p95:.2f} s")
    return {
        "viewers": viewers,
        "captions": len(lags),
        "p50": round(p50, 3),
        "p95": round(p95, 3),
        "ended": sorted(ended),
    }


def _until_up(url: str) -> None:
    for _ in range(600):
        try:
            if httpx.get(f"{url}/health", timeout=5).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.2)
    sys.exit("The server did not start.")


def _view(link: str, seen: list[tuple[float, dict[str, Any]]], ready: threading.Barrier) -> None:
    with httpx.stream("GET", f"{link}captions?language=en", timeout=None) as stream:
        for line in stream.iter_lines():
            if line.startswith("data: "):
                event = json.loads(line[6:])
                if "hello" in event:
                    ready.wait(60)
                seen.append((time.monotonic(), event))


# -- a real model -------------------------------------------------------------------------------------------


class Afar:
    """A model behind a server that speaks OpenAI's dialect, asked as apps ask."""

    def __init__(self, url: str, model: str) -> None:
        self._url, self._model = url.rstrip("/"), model

    def __call__(
        self, messages: list[dict[str, Any]], *, schema: dict[str, Any] | None, max_tokens: int
    ) -> Iterator[str]:
        body: dict[str, Any] = {"model": self._model, "messages": messages, "max_tokens": max_tokens, "temperature": 0}
        if schema is not None:
            body["response_format"] = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
        answer = httpx.post(f"{self._url}/chat/completions", json=body, timeout=300)
        answer.raise_for_status()
        yield answer.json()["choices"][0]["message"]["content"] or ""


def chrf(afar: Afar, pairs: Path, most: int) -> dict[str, Any]:
    """The same model with the lock and without, on published pairs."""
    try:
        from sacrebleu import CHRF
    except ImportError:
        sys.exit("chrF needs sacrebleu: pip install sacrebleu")
    rows = [line.split("\t")[:2] for line in pairs.read_text(encoding="utf-8").splitlines()[:most] if "\t" in line]
    held, free = [], []
    for zh, _ in rows:
        caption = Agreement("en")
        caption.grow(zh, names([]), ByModel(afar), final=True)
        held.append(caption.stands)
        words = f"Translate into English. Answer with the translation only.\n\n{zh}"
        free.append("".join(afar([{"role": "user", "content": words}], schema=None, max_tokens=160)).strip())
    references = [[en for _, en in rows]]
    found = {"locked": CHRF().corpus_score(held, references).score, "free": CHRF().corpus_score(free, references).score}
    print(f"chrF of {len(rows)} pairs: {found['locked']:.1f} with the lock, {found['free']:.1f} without")
    return {"pairs": len(rows)} | {key: round(value, 2) for key, value in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--sentences", type=int, default=1000)
    parser.add_argument("--viewers", type=int, default=10)
    parser.add_argument("--said", type=int, default=8, help="sentences while lag is measured; 0: no lag")
    parser.add_argument("--serve", default="ember", help="the model behind the server whose lag is measured")
    parser.add_argument("--url", help="of a server in OpenAI's dialect, with /v1")
    parser.add_argument("--model", default="")
    parser.add_argument("--pairs", type=Path, help="Chinese, tab, English")
    parser.add_argument("--most", type=int, default=2000, help="so many of the pairs")
    options = parser.parse_args()
    result: dict[str, Any] = {
        "faithful": intact(options.sentences, faithful, "faithful"),
        "careless": intact(options.sentences, Careless(SEED), "careless"),
    }
    if options.said:
        result["lag"] = lag(options.viewers, options.said, options.serve)
    if options.url:
        afar = Afar(options.url, options.model)
        result["model"] = intact(options.sentences, ByModel(afar), options.model)
        if options.pairs:
            result["chrf"] = chrf(afar, options.pairs, options.most)
    print(json.dumps({"benchmark": "live"} | result))


if __name__ == "__main__":
    main()
