"""Dialogue acts in the engine, with the model that is shipped: what it says is its own, what follows is certain."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from huozhong import LLM, JsonObject, RequestError, SamplingParams
from huozhong.acts.labels import LABELS, TELL_JOKE, cannot_label, talk_label
from huozhong.acts.turn import Turn
from huozhong.cost import Meter
from huozhong.engine.guides.acts import ActsConstraint, ActsVocabulary, numbers_line, shorter
from huozhong.engine.guides.guide import Acts
from huozhong.engine.llm import LONGEST_READ
from huozhong.engine.loop import Engine, Handle
from huozhong.engine.requests import Completion, Delta, GenerateRequest
from huozhong.engine.runner import Runner
from huozhong.errors import ContextLengthError
from huozhong.text.template import ChatPrompt
from huozhong.text.tokenizer import END_THINK, Tokenizer
from huozhong.verify.arithmetic import check_steps, same_answer

PROBLEM = "学校买来 6 箱粉笔，每箱 24 盒，用去 50 盒，还剩多少盒？"
QUESTIONS = (
    PROBLEM,
    "小明有3个苹果，又买了5个，一共几个？",
    "一根绳子长7/8米，用去1/4米，还剩多少米？",
    "小红比小明多5岁，小明12岁，两人一共多少岁？",
    "果园里有苹果树120棵，梨树是苹果树的75%，梨树有多少棵？",
    "Tom has 3 apples and buys 5 more. How many apples does he have?",
    "你好",
    "写一首七言绝句，主题是春天",
    "怎么做红烧肉？",
    "小明有3个苹果，小红比他少5个，小红有几个？",
)
GREEDY = SamplingParams(temperature=0, max_tokens=300)


def user(*contents: str) -> list[dict[str, str]]:
    return [{"role": ("user", "assistant")[i % 2], "content": content} for i, content in enumerate(contents)]


@pytest.fixture(scope="module")
def ember(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LLM]:
    with LLM("ember", cache_dir=tmp_path_factory.mktemp("packed")) as llm:
        yield llm


@pytest.fixture(scope="module")
def words(ember: LLM) -> ActsVocabulary:
    tokenizer = ember.tokenizer
    end = tokenizer.token_id(END_THINK)
    return ActsVocabulary(tokenizer, tokenizer.vocab_size, frozenset({tokenizer.eos_id}), end)


# -- answers -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("question", "answer"), [(PROBLEM, "94"), (QUESTIONS[2], "5/8"), (QUESTIONS[4], "90")])
def test_a_right_plan_ends_in_the_right_number(ember: LLM, question: str, answer: str) -> None:
    done = ember.chat(user(question), GREEDY)
    assert done.finish_reason == "stop"
    assert done.reasoning.startswith("a=")
    assert check_steps(done.reasoning).all_correct
    assert same_answer(done.text, answer)


def test_the_model_reads_what_it_would_have_read_in_training(ember: LLM) -> None:
    tokenizer = ember.tokenizer
    end = [tokenizer.token_id(END_THINK)]
    for question in QUESTIONS:
        done = ember.chat(user(question), GREEDY)
        if done.reasoning.startswith("a="):
            plain = [*tokenizer.encode(done.reasoning), *end, *tokenizer.encode(done.text), tokenizer.eos_id]
            assert list(done.token_ids) == plain


def test_most_of_an_answer_needs_no_step(ember: LLM) -> None:
    before = ember.stats()
    done = ember.chat(user(PROBLEM), GREEDY)
    after = ember.stats()
    assert after.generated_tokens - before.generated_tokens == len(done.token_ids) == done.usage.completion_tokens
    forced = after.forced_tokens - before.forced_tokens
    assert forced > 0.6 * len(done.token_ids)
    # its own tokens, and one pass for the prompt
    assert after.steps - before.steps <= len(done.token_ids) - forced + 1


def test_a_plan_that_cannot_be_is_not_answered(ember: LLM) -> None:
    done = ember.chat(user(QUESTIONS[-1]), GREEDY)
    assert "不够减，再想想\n" in done.reasoning
    assert check_steps(done.reasoning).all_correct


def test_without_acts_the_model_writes_all_of_it(tmp_path: Path) -> None:
    with LLM("ember", acts=False, cache_dir=tmp_path) as llm:
        assert not llm.acts
        done = llm.chat(user(PROBLEM), GREEDY)
        assert llm.stats().forced_tokens == 0
        assert "答案：94" in done.text


def test_not_thinking_hides_the_act_and_nothing_else(ember: LLM) -> None:
    shown = ember.chat(user(PROBLEM), GREEDY)
    hidden = ember.chat(user(PROBLEM), GREEDY, thinking=False)
    assert hidden.reasoning == ""
    assert hidden.text == shown.text
    assert hidden.usage.reasoning_tokens == shown.usage.reasoning_tokens > 0
    assert hidden.usage.completion_tokens == shown.usage.completion_tokens
    # a stop string is looked for in what is seen, and log-probabilities are told of nothing else
    stopped = ember.chat(user(PROBLEM), SamplingParams(temperature=0, stop=("a", "6×24+1")), thinking=False)
    assert stopped.text == shown.text
    told = ember.chat(user(PROBLEM), SamplingParams(temperature=0, logprobs=2), thinking=False).logprobs
    assert b"".join(one.bytes for one in told).decode().startswith(shown.text)


def test_a_stream_gives_the_same_in_order(ember: LLM) -> None:
    for thinking in (True, False):
        whole = ember.chat(user(PROBLEM), GREEDY, thinking=thinking)
        deltas = list(ember.chat_stream(user(PROBLEM), GREEDY, thinking=thinking))
        assert "".join(d.reasoning for d in deltas) == whole.reasoning
        assert "".join(d.text for d in deltas) == whole.text
        first = next(i for i, d in enumerate(deltas) if d.text)
        assert not any(d.reasoning for d in deltas[first + 1 :])


def test_the_limit_and_stop_strings_hold_inside_of_what_is_forced(ember: LLM) -> None:
    whole = ember.chat(user(PROBLEM), GREEDY)
    for limit in range(1, len(whole.token_ids)):
        cut = ember.chat(user(PROBLEM), SamplingParams(temperature=0, max_tokens=limit))
        assert cut.finish_reason == "length"
        assert cut.token_ids == whole.token_ids[:limit]
    stopped = ember.chat(user(PROBLEM), SamplingParams(temperature=0, stop=("=14",)))
    assert stopped.finish_reason == "stop"
    assert stopped.reasoning == whole.reasoning  # a stop string belongs to the answer
    assert stopped.text.endswith("6×24")


def test_log_probabilities_of_what_is_forced_are_certain(ember: LLM) -> None:
    done = ember.chat(user(PROBLEM), SamplingParams(temperature=0, logprobs=1))
    assert [one.token_id for one in done.logprobs] == list(done.token_ids)
    assert all(one.logprob <= 0 for one in done.logprobs)
    assert sum(one.logprob == 0 for one in done.logprobs) > 0.6 * len(done.logprobs)


def test_other_calls_are_left_alone(ember: LLM) -> None:
    prompt = ember.prompt(user(PROBLEM))
    before = ember.stats().forced_tokens
    ember.generate([prompt.ids], GREEDY)
    ember.chat(user(PROBLEM), SamplingParams(temperature=0, guide=JsonObject(), max_tokens=20))
    ember.chat(user(PROBLEM), SamplingParams(temperature=0, ignore_eos=True, max_tokens=20))
    assert ember.stats().forced_tokens == before
    with pytest.raises(RequestError, match="thinking"):
        ember.generate(["你好"], SamplingParams(guide=Acts(tuple(user("你好")))))
    plain = ember.prompt(user(PROBLEM), thinking=False, acts=False)
    assert plain.ids[-1] == ember.tokenizer.token_id(END_THINK)
    assert plain.shows_reasoning


# -- the guide -----------------------------------------------------------------------------------------


def told(constraint: ActsConstraint, tokenizer: Tokenizer, text: str) -> list[int]:
    """Write a text as the tokenizer does; the tokens that were forced after it."""
    for token in tokenizer.encode(text):
        assert constraint.mask()[token], (text, tokenizer.decode([token]))
        constraint.advance(token)
    return constraint.take_forced()


def test_a_label_is_answered_and_ended(ember: LLM, words: ActsVocabulary) -> None:
    tokenizer = ember.tokenizer
    asked = {TELL_JOKE: "讲个笑话", talk_label("问候"): "你好", cannot_label("翻译"): "把这句话翻译成英语"}
    for label, question in asked.items():
        turn = Turn(user(question), 1)
        forced = told(ActsConstraint(turn, words), tokenizer, label)
        assert forced[0] == words.end_think_id
        assert forced[-1] == tokenizer.eos_id
        answer = turn.next(label)
        assert tokenizer.decode(forced[1:-1]) == answer.answer  # type: ignore[union-attr]


def test_what_is_not_possible_cannot_be_written(ember: LLM, words: ActsVocabulary) -> None:
    tokenizer = ember.tokenizer
    for messages in (user("你好"), user(PROBLEM), user(PROBLEM, "答：94盒。", "为什么？"), user("再来一个")):
        turn = Turn(messages)
        for label in LABELS:
            constraint, ids = ActsConstraint(turn, words), tokenizer.encode(label)
            passed = 0
            while passed < len(ids) and constraint.mask()[ids[passed]]:
                constraint.advance(ids[passed])
                passed += 1
            assert (passed == len(ids)) == turn.possible(label), label
    constraint = ActsConstraint(Turn(user("你好")), words)
    assert not constraint.mask()[tokenizer.token_id("a")]
    assert constraint.mask()[words.end_think_id]  # as those say that were trained further
    constraint.advance(tokenizer.encode("聊天：")[0])
    assert not constraint.mask()[words.end_think_id]


def test_no_token_reaches_over_the_end_of_a_label(ember: LLM, words: ActsVocabulary) -> None:
    for label, question in ((talk_label("问候"), "你好"), (talk_label("感谢"), "谢谢你"), (TELL_JOKE, "讲个笑话")):
        turn = Turn(user(question))
        encoded = label.encode()
        for at in range(len(encoded)):
            constraint = ActsConstraint(turn, words)
            for start, token in words.beginning_with(encoded[at:]):
                constraint._bytes = encoded[:at]  # as if so much had been written
                constraint._mask_V = None
                assert bool(constraint.mask()[token]) == (start == encoded[at:])


def test_plans_are_made_of_what_was_told(ember: LLM, words: ActsVocabulary) -> None:
    tokenizer = ember.tokenizer
    constraint = ActsConstraint(Turn(user(PROBLEM)), words)
    told(constraint, tokenizer, "a")
    for written in ("", "a", "a×", "a×(", "a×(b", "a×(b-c)", "a×(b-c)+1", "a×(b-c)+1.", "a×(b-c)+1.5"):
        fresh = ActsConstraint(Turn(user(PROBLEM)), words)
        told(fresh, tokenizer, "a")
        assert told(fresh, tokenizer, written) == []
        allowed = {tokenizer.decode([int(i)]) for i in np.flatnonzero(fresh.mask())}
        assert allowed
        assert all(set(text) <= set("abc0123456789.+-×÷^()/%\n") for text in allowed)
        assert ("\n" in allowed) == (written in ("a", "a×(b-c)", "a×(b-c)+1", "a×(b-c)+1.5"))
    assert told(constraint, tokenizer, "a×b-c\n")[-1] == tokenizer.eos_id


def test_a_plan_that_failed_is_not_written_again(ember: LLM, words: ActsVocabulary) -> None:
    tokenizer = ember.tokenizer
    newline, last = (tokenizer.encode(text)[0] for text in ("\n", "b"))
    constraint = ActsConstraint(Turn(user(PROBLEM)), words)
    told(constraint, tokenizer, "a")
    assert tokenizer.decode(told(constraint, tokenizer, "a-b\n")).endswith("6-24不够减，再想想\n")
    assert constraint.validate(tokenizer.encode("a-b")) == 2
    assert constraint.validate(tokenizer.encode("a-c\n")) == 4
    assert told(constraint, tokenizer, "a-") == []
    assert not constraint.mask()[last]
    assert told(constraint, tokenizer, "c") == []
    assert constraint.mask()[newline]


def test_drafts_are_checked_as_they_would_be_one_by_one(ember: LLM, words: ActsVocabulary) -> None:
    tokenizer, dice = ember.tokenizer, random.Random(1)
    text = tokenizer.encode("a×b-c\na=你好不会：翻译。</think>聊天")
    marks = [words.end_think_id, tokenizer.eos_id, tokenizer.encode("\n")[0]]
    for _ in range(300):
        constraint = ActsConstraint(Turn(user(PROBLEM)), words)
        for _ in range(dice.randrange(8)):
            allowed = np.flatnonzero(constraint.mask())
            likely = [t for t in (*text, *marks) if constraint.mask()[t]]
            constraint.advance(int(dice.choice(likely or list(allowed))))
            constraint.take_forced()
            if constraint.mask()[tokenizer.eos_id]:
                break
        drafts = [dice.choice((*text, *marks)) for _ in range(4)]
        count = constraint.validate(drafts)
        before = constraint.mask().copy()
        for token in drafts[:count]:
            assert constraint.mask()[token]
            constraint.advance(token)
        assert count == 0 or before[drafts[0]]


def test_any_seed_ends_or_is_cut_and_shows_no_mark(ember: LLM) -> None:
    for seed in range(12):
        for question in QUESTIONS[5:]:
            done = ember.chat(user(question), SamplingParams(temperature=1.5, seed=seed, max_tokens=150))
            assert "<" not in done.text, done.text
            assert "<" not in done.reasoning
            if done.reasoning.startswith("a=") and done.finish_reason == "stop":
                assert check_steps(done.reasoning).all_correct


# -- alone = batched = preempted -----------------------------------------------------------------------

PAGE = 4


@dataclass
class Reply:
    prompt: ChatPrompt
    params: SamplingParams
    deltas: list[Delta] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)
    handle: Handle | None = None

    def start(self, engine: Engine) -> Reply:
        self.handle = engine.submit(GenerateRequest(self.prompt, self.params), self.receive)
        return self

    def receive(self, delta: Delta) -> None:
        self.deltas.append(delta)
        if delta.is_last:
            self.done.set()

    def wait(self) -> Completion:
        assert self.done.wait(120)
        return Completion.from_deltas(self.deltas)


def exactly(done: Completion) -> tuple[object, ...]:
    return done.text, done.reasoning, done.token_ids, [one.logprob for one in done.logprobs], done.finish_reason


def some_reply(ember: LLM, dice: random.Random) -> Reply:
    question = dice.choice(QUESTIONS)
    messages = user(question) if dice.random() < 0.7 else user(PROBLEM, "答：94盒。", question)
    params = SamplingParams(
        temperature=dice.choice([0, 0, 0.7, 1.0]),
        seed=dice.randrange(100),
        max_tokens=dice.choice([8, 60, 160, 160]),
        frequency_penalty=dice.choice([0, 0, 0.5]),
        stop=dice.choice([(), (), ("=1", "。")]),
        logprobs=dice.choice([None, 1]),
        guide=Acts(tuple(messages), dice.randrange(100)),
    )
    return Reply(ember.prompt(messages, thinking=dice.random() < 0.5), params)


def make(ember: LLM, pages: int, **options: object) -> Engine:
    runner = Runner(ember.runner.weights, pages, PAGE, num_threads=1, cache_format="f16")
    eos = frozenset({ember.tokenizer.eos_id})
    return Engine(runner, ember.tokenizer, max_context=240, eos_ids=eos, meter=Meter(), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("swap", [0, 1 << 22])
def test_what_was_forced_survives_preemption(ember: LLM, swap: int) -> None:
    """Long answers whose plans came early: the reasoning is computed again, or swapped in again, between plans."""
    asked = []
    for question in (*QUESTIONS[:6], QUESTIONS[-1]) * 3:
        messages = user(f"{question}（请把过程写清楚，认真想一想再写答案。）")
        params = SamplingParams(temperature=0, guide=Acts(tuple(messages)))
        asked.append(Reply(ember.prompt(messages), params))
    alone = make(ember, 80)
    expected = [exactly(Reply(r.prompt, r.params).start(alone).wait()) for r in asked]
    alone.close()
    together = make(ember, 60, swap_bytes=swap, max_running=21, token_budget=256)
    assert [exactly(reply.wait()) for reply in [reply.start(together) for reply in asked]] == expected
    together.close()
    stats = together.stats()
    assert stats.preemptions > 0
    assert bool(stats.swapped_out) == bool(swap)
    assert stats.forced_tokens > 0


@pytest.mark.parametrize("seed", range(6))
def test_any_schedule_gives_the_same_answers(ember: LLM, seed: int) -> None:
    dice = random.Random(seed)
    asked = [some_reply(ember, dice) for _ in range(20)]
    alone = make(ember, 80, speculation="off")
    expected = [exactly(Reply(r.prompt, r.params).start(alone).wait()) for r in asked]
    alone.close()
    swap = dice.choice([0, 1 << 22])
    together = make(
        ember,
        60,
        token_budget=dice.choice([16, 64, 256]),
        max_running=12,
        swap_bytes=swap,
        speculation=dice.choice(["off", "auto", 3, 8]),
    )
    replies = [reply.start(together) for reply in asked]
    assert [exactly(reply.wait()) for reply in replies] == expected
    together.close()
    stats = together.stats()
    assert stats.forced_tokens > 0
    assert (stats.used_pages, stats.running, stats.waiting, stats.swap_bytes) == (0, 0, 0, 0)


USELESS = "水果店运来280千克苹果，这里去年有469名游客。卖出130千克苹果，还剩多少千克苹果？"
NEEDED = "水果店运来280千克苹果，卖出130千克苹果，还剩多少千克苹果？"


def test_what_looks_useless_is_left_out_only_of_problems() -> None:
    other = shorter(user(USELESS))
    assert other is not None
    assert other[-1]["content"] == NEEDED
    assert numbers_line(user(USELESS)) == "a=280，b=469，c=130\n"
    assert numbers_line(other) == "a=280，b=130\n"
    for messages in (user(NEEDED), user("你好"), user("36×25等于多少"), user(f"{USELESS}我算的是150，对吗"), []):
        assert shorter(messages) is None


def test_the_surer_plan_decides_what_the_model_is_shown(ember: LLM) -> None:
    prompt = ember.prompt(user(USELESS))
    assert prompt.acts is not None
    assert prompt.acts[-1]["content"] == NEEDED
    assert list(prompt.ids) == list(ember.prompt(user(NEEDED)).ids)
    plain = ember.prompt(user("小明有5个苹果，又买了7个，一共几个？"))
    assert plain.acts is not None
    assert plain.acts[-1]["content"] == "小明有5个苹果，又买了7个，一共几个？"


def test_what_is_too_long_for_a_problem_is_not_read_as_one(ember: LLM) -> None:
    """It is the model's own to answer, or too long for its context; a megabyte is told so at once."""
    short, long = ember.prompt(user("3+5=" + " " * 60)), ember.prompt(user("3+5=" + " " * LONGEST_READ))
    assert short.acts is not None
    assert long.acts is None
    with pytest.raises(ContextLengthError):
        ember.prompt(user("小明有3个，" * 100_000))
