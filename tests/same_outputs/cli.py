"""What the command says: help, models, plans, exams, conversations, and what is wrong, in both languages."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from tests.same_outputs.models import FAMILIES
from tests.same_outputs.tools import Place, Said, command, digest, files, masked
from tests.same_outputs.train import recipe, without_times

Values = dict[str, Any]
_MEASURED = re.compile("memory free|bandwidth|本机可用|带宽")
LANGUAGES = ("zh_CN.UTF-8", "en")


def scenarios(place: Place) -> Iterator[tuple[str, Callable[[], Values]]]:
    yield "help", partial(helps, place)
    yield "show", partial(shows, place)
    yield "models come and go", partial(models, place)
    yield "wrong", partial(wrongs, place)
    yield "plans", partial(plans, place)
    yield "chat", partial(chats, place)
    yield "exam", partial(exam, place)


def told(place: Place, said: Said, *, measured: bool = False) -> Values:
    texts = {"out": said.out, "err": said.err}
    return {"status": said.status} | {k: masked(v, place, measured=measured) for k, v in texts.items() if v}


def helps(place: Place) -> Values:
    """Of every command, found by walking through them."""
    import typer

    from huozhong.cli.main import build

    values: Values = {}
    waiting: list[tuple[tuple[str, ...], Any]] = [((), typer.main.get_command(build()))]
    while waiting:
        words, one = waiting.pop(0)
        values[" ".join(words) or "huozhong"] = told(place, command(*words, "--help"))
        waiting += [((*words, name), inner) for name, inner in getattr(one, "commands", {}).items()]
    return values | {"version": told(place, command("--version")), "nothing": told(place, command())}


def shows(place: Place) -> Values:
    """Without the lines and the column that this moment's memory and its bandwidth decide."""
    values: Values = {}
    for language in LANGUAGES:
        for name in ("ember", *FAMILIES, "runs/moe/model"):
            path = name if name == "ember" else place.models / name
            said = command("show", path, env={"HUOZHONG_LANG": language}).checked()
            kept = [line for line in said.out.splitlines() if not _MEASURED.search(line)]
            lines = [re.sub(r"[\d.,]+ *$", "", line) if re.match(r" *(none|q8|q4)\b", line) else line for line in kept]
            values[f"{name}, {language}"] = [masked(line.rstrip(), place) for line in lines]
    return values


def models(place: Place) -> Values:
    """import, list, show, remove."""
    values: Values = {}
    gguf = place.folder("come") / "tiny.gguf"
    steps: list[tuple[Any, ...]] = [
        ("list",), ("export", place.models / "qwen3", gguf, "--format", "gguf", "--type", "q8_0"),
        ("export", place.models / "qwen3", gguf, "--format", "gguf"), ("import", gguf, "--name", "t:1"),
        ("import", gguf, "--name", "t:1"), ("import", gguf, "--name", "t:2", "--link"),
        ("import", place.models / "deepseek_v3", "--name", "deep"), ("import", place.models / "texts"),
        ("import", place.models / "nowhere"), ("import", gguf, "--name", "a b"), ("list",), ("remove", "t:1"),
        ("remove", "t:1"),
        ("remove", "ember"), ("list",),
    ]  # fmt: skip
    for language in LANGUAGES:
        for number, words in enumerate(steps):
            said = command(*words, env={"HUOZHONG_LANG": language})
            values[f"{number} {words[0]}, {language}"] = told(place, said)
            if number == 8:
                stored = files(place.work / "store", "**/*")  # the manifests have times in them
                values[f"store, {language}"] = {k: v for k, v in stored.items() if not k.endswith("huozhong.json")}
        gguf.unlink()
        shutil.rmtree(place.work / "store")
    return values


def wrongs(place: Place) -> Values:
    """Sentences about wrong inputs."""
    folder = place.folder("wrong")
    bad = {name: folder / f"{name}.toml" for name in ("key", "section", "long", "model", "text")}
    recipe(place, bad["key"], folder / "out", optim="muon_rate = 1")
    recipe(place, bad["section"], folder / "out", more="\n[zzz]\n")
    recipe(place, bad["long"], folder / "out", length="total_steps = 5\ntotal_tokens = 9")
    recipe(place, bad["model"], folder / "out", model="heads = 4")
    bad["text"].write_text("[run\n")
    (folder / "bad.jsonl").write_text('{"question": "a"}\n')
    (folder / "empty").mkdir(exist_ok=True)
    (folder / "noise.gguf").write_bytes(b"GGUF" + bytes(60))
    data = place.models / "colours.jsonl"
    base = ("train", "sft", "--rehearse", "0", "--base", place.models / "qwen3")
    lines: list[tuple[Any, ...]] = [
        ("serve", "no-such-model", "--port", "0"), ("chat", "no-such-model"),
        ("serve", "deepseek-r1:14b", "--port", "0"),
        ("serve", "--colour", "red"), ("serve", "--quantization", "q5", "--port", "0"),
        ("serve", "--max-context", "10000000", "--port", "0"),
        ("serve", "--cache-format", "f64", "--port", "0"), ("serve", "--host", "no.such.host.invalid", "--port", "0"),
        ("serve", folder / "empty", "--port", "0"), ("show", folder / "noise.gguf"), ("show", "deepseek-r1:14b"),
        ("chat", "--url", "http://127.0.0.1:9", "--threads", "2"), ("chat", "--url", "http://127.0.0.1:9"),
        ("pull", "nothing-known"), ("pull", "hf:a"), ("pull", "hf:a/b", "--from", "moon"),
        ("export", "ember", folder / "x", "--format", "onnx"),
        ("export", "ember", folder / "x", "--format", "gguf", "--type", "q2_k"),
        ("export", "ember", folder, "--format", "hf"), ("eval", "ember", "--only", "zzz"),
        ("eval", "ember", "--concurrency", "0"),
        ("eval", "ember", "--api-key", "x"), ("train", "pretrain", folder / "nowhere.toml"), ("train", "pretrain"),
        *(("train", "pretrain", path) for path in bad.values()), ("train", "sft", bad["key"]),
        ("train", "mtp", bad["key"]),
        ("train", "rl", bad["key"]), ("train", "distill", bad["key"]),
        ("train", "pretrain", bad["key"], "--size", "3m"),
        ("train", "pretrain", bad["key"], "--resume", "--fresh"),
        ("train", "pretrain", "--text", folder / "empty", "--size", "1m"),
        ("train", "pretrain", "--text", place.models / "texts", "--size", "huge"), ("train", "sft"), (*base,),
        ("train", "dpo"),
        (*base, "--data", folder / "bad.jsonl"), (*base, "--data", folder / "nowhere.jsonl"),
        (*base, "--data", data, "--method", "x"),
        (*base, "--data", data, "--bits", "5"), (*base, "--data", data, "--dtype", "int"),
        (*base, "--data", data, "--lr", "7"),
        (*base, "--data", data, "--resume", "--out", folder / "none", "--no-answers"),
        ("train", "dpo", "--base", "ember", "--data", data),
        ("train", "dpo", "--base", "ember", "--data", data, "--beta", "0"),
        ("train", "tensorboard", folder / "empty"),
    ]  # fmt: skip
    values: Values = {}
    for language in LANGUAGES:
        for number, words in enumerate(lines):
            if words[0] == "train" and language != "en":  # these speak English only
                continue
            said = command(*words, env={"HUOZHONG_LANG": language})
            name = masked(" ".join(map(str, words)), place)
            values[f"{number} {name}, {language}"] = told(place, said)
    return values


def plans(place: Place) -> Values:
    """What adapting would take, as far as it is not measured."""
    values: Values = {}
    for language in LANGUAGES:
        for base, method in (("qwen3", "lora"), ("deepseek_v3", "full"), ("llama3", "qlora"), ("ember", "auto")):
            path = base if base == "ember" else place.models / base
            words = ["--base", path, "--data", place.models / "colours.jsonl", "--method", method, "--dtype", "float32"]
            out = place.folder("plans") / base
            said = command("train", "sft", *words, "--plan", "--out", out, env={"HUOZHONG_LANG": language})
            values[f"{base}, {method}, {language}"] = told(place, said, measured=True)
    return values


def chats(place: Place) -> Values:
    """A conversation through a pipe, greedy; the line with its cost left out."""
    values: Values = {}
    given = "小明有3个苹果，又买了5个，一共几个？\n12+35=\n/new\n你是谁？\n"
    for language in LANGUAGES:
        for words in (["--no-thinking"], ["--max-tokens", "8"], ["--quantization", "q4"]):
            said = command("chat", "ember", "--temperature", "0", *words, env={"HUOZHONG_LANG": language}, given=given)
            kept = [line for line in said.out.splitlines() if " J " not in line and " J（" not in line]
            values[f"{' '.join(words)}, {language}"] = {"status": said.status, "out": kept, "err": said.err}
    return values


def exam(place: Place) -> Values:
    """Some questions of each part, put to ember: every mark and every answer."""
    out = place.folder("exam") / "report.json"
    said = command("eval", "ember", "--limit", "6", "--out", out, "--concurrency", "2")
    report = without_times(json.loads(out.read_text(encoding="utf-8")))
    lines = [line for path in out.parent.glob("*.jsonl") for line in path.read_text(encoding="utf-8").splitlines()]
    answers = sorted(json.dumps(without_times(json.loads(line)), ensure_ascii=False) for line in lines)
    return {"status": said.status, "report": masked(json.dumps(report), place), "answers": digest(answers)}
