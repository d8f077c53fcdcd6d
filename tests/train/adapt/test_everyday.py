"""Questions whose answers are rehearsed."""

from __future__ import annotations

from huozhong.train.adapt.everyday import everyday_prompts


def test_everyday_questions_are_many_and_leave_the_exam_alone() -> None:
    from huozhong.exam.questions import written_questions

    prompts = everyday_prompts(400, seed=1)
    assert len(set(prompts)) == 400
    assert prompts == everyday_prompts(400, seed=1)
    asked = {q.question for name in ("in_scope", "out_of_scope") for q in written_questions(name)}  # type: ignore[arg-type]
    shared = asked & set(everyday_prompts(2000, seed=2))
    greetings = {"你好", "你是谁？", "谢谢你", "再见", "Hello!", "What can you do?", "你能做什么？", "你叫什么名字？"}
    assert shared <= greetings
