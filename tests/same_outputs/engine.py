"""What the engine says: every architecture, file format, quantisation, cache format and way to guess ahead; ember."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from tests.same_outputs.models import FAMILIES, LINES
from tests.same_outputs.tools import Place, command, digest, exact, files, masked

from huozhong import LLM, Completion, Grammar, JsonObject, JsonSchema, Regex, SamplingParams

Values = dict[str, Any]
GREEDY = SamplingParams(temperature=0.0, max_tokens=20, logprobs=3, ignore_eos=True)
SAMPLED = SamplingParams(
    temperature=0.9, top_k=40, top_p=0.95, min_p=0.01, repetition_penalty=1.1, presence_penalty=0.2,
    frequency_penalty=0.1, max_tokens=20, logprobs=1, seed=11, stop=("春", "qu"),
)  # fmt: skip
PERSON = {
    "type": "object", "properties": {"name": {"enum": ["小明", "小红"]}, "age": {"type": "integer", "maximum": 9}},
    "required": ["name", "age"], "additionalProperties": False,
}  # fmt: skip
GUIDES: dict[str, JsonSchema | JsonObject | Regex | Grammar] = {
    "schema": JsonSchema(PERSON), "object": JsonObject(), "regex": Regex("[0-9]{3}-[a-c]+"),
    "grammar": Grammar('start: "yes" | "no" " " start'),
}  # fmt: skip
HELLO = [{"role": "user", "content": "小明有3个苹果，又买了5个，一共几个？"}]
TALK = [
    {"role": "system", "content": "简短回答。"}, *HELLO, {"role": "assistant", "content": "8个。"},
    {"role": "user", "content": "And two more?"},
]  # fmt: skip
# A short one, ordinary ones, one that repeats itself so that it can be guessed ahead, one of several pages.
PROMPTS: list[str | list[int]] = [
    "你",
    LINES[0],
    LINES[3],
    LINES[1] * 5,
    LINES[4] + LINES[2] + LINES[3] * 3,
    [5, 300, 7, 7, 300, 5],
]
GGUF_TYPES = ("f32", "f16", "bf16", "q8_0", "q4_0")
PACKINGS = ("none", "q8", "q4")
CACHES = ("f32", "f16", "q8")
QUESTIONS = [
    "小明看一本180页的书，每天看15页，几天看完？", "一个长方形长8厘米，宽5厘米，面积是多少？", "12+35=", "7×8-6=",
    "(15+9)÷4=", "写一首五言绝句，题目是春天。", "写一首七言绝句，题目是秋月。", "写一首五言律诗，题目是山中。",
    "画蛇添足是什么意思？", "守株待兔是什么意思？", "泥菩萨过江——", "什么东西越洗越脏？", "你是谁？", "你好！",
    "今天天气怎么样？", "用Python写一个快速排序。", "Translate 'good morning' into French.", "美国总统是谁？",
    "商店有苹果24箱，每箱30个，卖出一半，还剩多少个？", "小红买5支铅笔，每支2元，付20元，找回多少元？",
]  # fmt: skip


def scenarios(place: Place) -> Iterator[tuple[str, Callable[[], Values]]]:
    for name in FAMILIES:
        for packing in PACKINGS:
            yield f"{name}, {packing}", partial(architecture, place, place.models / name, packing)
    for name in ("moe", "dense", "talker"):
        yield f"trained {name}", partial(architecture, place, place.models / "runs" / name / "model", "none")
    yield "trained moe, q8", partial(architecture, place, place.models / "runs" / "moe" / "model", "q8")
    for name in (*FAMILIES, "runs/moe/model", "ember"):
        yield f"exports of {name}", partial(exports, place, name)
    for name in ("ember", *("qwen2_tied", "deepseek_v3")):
        yield f"prompts kept on the disk, {name}", partial(kept_prompts, place, name)
    for packing in ("q8", "q4", "none"):
        yield f"ember, {packing}", partial(ember, place, packing)


def opened(place: Place, path: Path | str, **options: Any) -> LLM:
    """Without the user's folders; prompts are kept nowhere."""
    usual: dict[str, Any] = {"num_threads": 2, "cache_dir": packed_folder(place, path), "prefix_cache_bytes": 0}
    return LLM(path, **(usual | options))


def packed_folder(place: Place, path: Path | str) -> Path:
    """Where the packed weights of that model go: models have the same names here and there."""
    return place.folder("packed") / str(path).replace("/", "-")


def architecture(place: Place, path: Path, packing: str) -> Values:
    """Everything at once in one setting; greedy answers and scores in all others."""
    values: Values = {}
    for cache in CACHES:
        with opened(place, path, quantization=packing, cache_format=cache, speculation="off") as llm:
            values |= {f"{cache}, {key}": value for key, value in answers(llm).items()}
            if cache == "f16":
                values |= everything(llm)
    for guesses in ("auto", 3):
        with opened(place, path, quantization=packing, speculation=guesses) as llm:
            values |= {f"guessing {guesses}, {key}": value for key, value in answers(llm).items()}
    values["packed"] = list(files(packed_folder(place, path), f"*-{packing}.packed").values())
    return values


def answers(llm: LLM) -> Values:
    """Greedy answers with log-probabilities, together and alone, and the scores of texts."""
    together = [told(done) for done in llm.generate(PROMPTS, GREEDY)]
    alone = [told(done) for prompt in PROMPTS[2:4] for done in llm.generate(prompt, GREEDY)]
    scores = [exact(llm.score(list(range(3, 3 + length)))) for length in (2, 30, 150)]
    return {
        "tokens": [one["token_ids"][:6] for one in together], "together": digest(together), "alone": digest(alone),
        "alone as together": alone == together[2:4], "scores": digest(scores),
    }  # fmt: skip


def everything(llm: LLM) -> Values:
    """Sampling, chat, streams, guides, embeddings."""
    short = replace(GREEDY, ignore_eos=False, max_tokens=40)
    chats = [llm.chat(talk, short, thinking=thinking) for talk in (HELLO, TALK) for thinking in (False, True)]
    streams = [joined(llm.stream(PROMPTS[1], SAMPLED)), joined(llm.chat_stream(TALK, short, thinking=True))]
    sampled = [replace(SAMPLED, seed=seed, stop=()) for seed in (1, 2, 3)]
    guided = {
        name: [told(llm.generate(PROMPTS[1], replace(params, ignore_eos=False, guide=guide, max_tokens=60))[0])
               for params in (GREEDY, SAMPLED)]
        for name, guide in GUIDES.items()
    }  # fmt: skip
    return {
        "sampled": digest([told(llm.generate(PROMPTS[2], params)[0]) for params in sampled]),
        "stopped": digest([told(done) for done in llm.generate(PROMPTS, SAMPLED)]),
        "chats": digest([told(done) for done in chats]), "chat": chats[0].text[:60], "streams": digest(streams),
        "guided": digest(guided), "guided schema": guided["schema"][0]["text"],
        "embedded": digest(llm.embed(PROMPTS)), "embedded, last": digest(llm.embed(PROMPTS[3], pooling="last")),
    }  # fmt: skip


def joined(deltas: Any) -> dict[str, Any]:
    return told(Completion.from_deltas(deltas))


def told(done: Completion) -> dict[str, Any]:
    """An answer without times, and without what the cache had, which depends on who came first."""
    usage = done.usage
    counts = [usage.prompt_tokens, usage.completion_tokens, usage.reasoning_tokens]
    kept = [field.name for field in fields(done) if field.name != "usage"]
    return {name: exact(getattr(done, name)) for name in kept} | {"usage": counts}


def exports(place: Place, name: str) -> Values:
    """A model as GGUF of every type, byte for byte, what the engine says with it, and back as a folder.

    What GGUF has no words for is refused: then that sentence is all there is.
    """
    source = name if name == "ember" else place.models / name
    folder = place.folder("exports") / name.replace("/", "-")
    folder.mkdir()
    asked: dict[str, list[Any]] = {f"{kind}.gguf": [source, "gguf", "--type", kind] for kind in GGUF_TYPES}
    asked["no mtp.gguf"] = [source, "gguf", "--no-mtp"]
    asked |= {"hf": [source, "hf"], "hf of q8_0": [folder / "q8_0.gguf", "hf", "--type", "f32"]}
    values: Values = {}
    for target, (origin, *words) in asked.items():
        said = command("export", origin, folder / target, "--format", *words)
        values[target] = [said.status, masked(said.out + said.err, place)]
    values["files"] = files(folder, "**/*")
    for kind in GGUF_TYPES:
        if (path := folder / f"{kind}.gguf").exists():
            with opened(place, path) as llm:
                values |= {f"{kind}, {key}": value for key, value in answers(llm).items()}
    return values


def kept_prompts(place: Place, name: str) -> Values:
    """What a first start computed of a prompt, a second one reads from the disk: the same answer, fewer tokens."""
    path = name if name == "ember" else place.models / name
    folder = place.folder("prefixes") / name
    values: Values = {}
    prompt = LINES[0] * 10
    for start in ("first", "second"):
        with opened(place, path, prefix_cache_dir=folder, prefix_cache_bytes=1 << 26, max_context=512) as llm:
            (done,) = llm.generate(prompt, GREEDY)
            values[start] = {"answer": digest(told(done)), "found": done.usage.cache_hit_tokens}
    return values


def ember(place: Place, packing: str) -> Values:
    """The built-in model: greedy answers, sampled ones, all at once."""
    values: Values = {}
    greedy = SamplingParams(temperature=0.0, max_tokens=200, logprobs=2)
    with opened(place, "ember", quantization=packing) as llm:
        for number, question in enumerate(QUESTIONS):
            talk = [{"role": "user", "content": question}]
            done = llm.chat(talk, greedy)
            values[question] = {"text": done.text, "all": digest(told(done))}
            if number % 4 == 0:
                plain = llm.chat(talk, greedy, thinking=False)
                drawn = llm.chat(talk, replace(greedy, temperature=0.7, top_p=0.9, seed=number))
                values[question] |= {"unthinking": digest(told(plain)), "sampled": digest(told(drawn))}
        values |= answers(llm)
        values["embedded"] = digest(llm.embed(QUESTIONS))
    return values
