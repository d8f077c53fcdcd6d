"""Questions whose answers are rehearsed."""

from __future__ import annotations

from huozhong.train.adapt.everyday import everyday_prompts
from huozhong.train.adapt.show import plain


def test_everyday_questions_are_many_and_leave_the_exam_alone() -> None:
    from huozhong.exam.questions import written_questions

    prompts = everyday_prompts(400, seed=1)
    assert len(set(prompts)) == 400
    assert prompts == everyday_prompts(400, seed=1)
    names = ("in_scope", "out_of_scope", "out_of_scope_fresh")
    asked = {plain(q.question) for name in names for q in written_questions(name)}  # type: ignore[arg-type]
    shared = asked & set(map(plain, [*everyday_prompts(4000, seed=2), *everyday_prompts(1000, 2, "en")]))
    greetings = {"你好", "你是谁？", "谢谢你", "再见", "Hello!", "What can you do?", "你能做什么？", "你叫什么名字？"}
    assert shared <= set(map(plain, greetings))
