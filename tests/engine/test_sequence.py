"""A request as it is scheduled counts its tokens."""

from __future__ import annotations

import numpy as np

from huozhong.engine.sequence import Sequence
from huozhong.engine.tasks import EmbedTask, ScoreTask, Task


def test_sequence_counts_its_tokens() -> None:
    task: Task = None  # type: ignore[assignment]  # plays no part here
    sequence = Sequence(1, np.arange(5, dtype=np.int32), 10, task, print)
    assert (sequence.num_tokens, sequence.num_pending, sequence.in_prefill) == (5, 5, True)
    sequence.num_computed = 5
    sequence.generated += [8, 9]
    assert (sequence.num_tokens, sequence.num_pending, sequence.in_prefill) == (7, 2, False)
    assert sequence.tokens(1, 5).tolist() == [1, 2, 3, 4]
    assert sequence.tokens(5, 7).tolist() == [8, 9]
    assert sequence.tokens(6, 7).dtype == np.int32


def test_a_text_that_is_scored_or_embedded_is_read_whole() -> None:
    text = np.arange(5, dtype=np.int32)
    tasks: list[tuple[Task, bool]] = [(ScoreTask(text), True), (EmbedTask("mean"), True)]
    for task, whole in tasks:
        assert Sequence(1, text, 0, task, print).reads_whole_prompt is whole
