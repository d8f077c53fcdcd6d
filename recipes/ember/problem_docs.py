"""Word problems as the model is shown them; some with useless sentences or spoken numbers."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import distractors
import easy_problems
import gsm8k
import school
import school_problems
from backwards import backwards
from plan_text import plan_of, spoken, uses_letter
from sources import Sources
from word_problems import Source, as_published, changed, restyle

from huozhong.acts.solve import Node, Solution, Unsolvable, parse, solve
from huozhong.verify.arithmetic import is_exam_expression

Example = tuple[str, str, str]  # question, first line, plan
_DISTRACTED, _SPOKEN = 0.40, 0.16


class Problems:
    """Makes examples of every source; `bank` holds clauses that say something useless elsewhere."""

    def __init__(self, sources: Sources, chosen: Sequence[Source]) -> None:
        self.sources, self.chosen = sources, chosen
        clauses = (distractors.lone_clause(source.question) for source in chosen)
        self.bank = [clause for clause in dict.fromkeys(clauses) if clause]

    def example(
        self, question: str, equation: Node, rng: random.Random, *, style: bool = True, useless: int | None = None
    ) -> Example | None:
        """The question in the way it is shown, and what is to be written; None for what may not be trained on.

        useless: how many useless sentences; None leaves it to chance.
        """
        if style:
            question = restyle(question, rng)
        if self.sources.examined(question) or is_exam_expression(str(equation)):
            return None
        if rng.random() < _SPOKEN:
            question = spoken(question, rng, rng.choice((0.4, 1.0)))
        if useless is None and rng.random() < _DISTRACTED:
            useless = distractors.how_many(rng)
        if useless:
            question = distractors.distracted(question, useless, rng, self.bank) or question
        found = plan_of(question, equation)
        if found is None or not uses_letter(found[1]) or len(question) > 420:
            return None
        return question, *found

    def published(self, source: Source, rng: random.Random) -> Example | None:
        """A published problem with other numbers and things, one in eight asked backwards."""
        if rng.random() < 0.12 and (turned := backwards(source, rng)) is not None:
            source = turned
        try:
            problem = as_published(source) if rng.random() < 0.2 else changed(source, rng) or as_published(source)
            return self.example(problem.question, parse(problem.solution.equation), rng)
        except Unsolvable:
            return None

    def with_useless(self, rng: random.Random, count: int) -> Iterator[Example | None]:
        """One to five useless sentences, equally often, in problems that are mostly easy without them."""
        for question, _, _, equation in self.with_equations(rng, count):
            yield self.example(question, equation, rng, style=False, useless=rng.randint(1, 5))

    def of_templates(self, rng: random.Random, count: int) -> Iterator[Example | None]:
        """Two in three of the kinds of `school_kinds`, the others of `school_problems` and the first years."""
        older = school_problems.problems(rng)
        for number in range(count):
            if number % 3:
                one = school.problems(rng, 1)[0]
                yield self.example(one.question, one.equation, rng, style=False)
            elif number % 4:
                old = next(older)
                yield self.example(old.question, parse(old.solution.equation), rng)
            else:
                easy = easy_problems.problem(rng, "zh")
                yield self.example(easy.question, parse(easy.solution.equation), rng, style=False)

    def english(self, rows: Sequence[tuple[str, Node]], rng: random.Random, count: int) -> Iterator[Example | None]:
        """GSM8K's shorter training problems and simple ones from templates."""
        for _ in range(count):
            if rng.random() < 0.3:
                easy = easy_problems.problem(rng, "en")
                yield self.example(easy.question, parse(easy.solution.equation), rng, style=False)
                continue
            question, node = rng.choice(rows)
            other = gsm8k.renumbered(question, node, rng) if rng.random() < 0.7 else None
            yield self.example(*(other or (question, node)), rng, style=False)

    def with_equations(self, rng: random.Random, count: int) -> Iterator[tuple[str, str, str, Node]]:
        """Published problems and templates with their equations, plainly asked."""
        for number in range(count):
            try:
                if number % 3 == 1:
                    easy = easy_problems.problem(rng, "zh")
                    question, equation = easy.question, parse(easy.solution.equation)
                elif number % 3:
                    source = rng.choice(self.chosen)
                    made = changed(source, rng) or as_published(source)
                    question, equation = restyle(made.question, rng), parse(made.solution.equation)
                else:
                    one = school.problems(rng, 1)[0]
                    question, equation = one.question, one.equation
            except Unsolvable:
                continue
            found = plan_of(question, equation)
            if found and not self.sources.examined(question) and not is_exam_expression(str(equation)):
                yield question, *found, equation


def whole_solution(first: str, equation: Node) -> tuple[str, str] | None:
    """The reasoning worked out to its end, and the answer: for a model that has to do without code."""
    try:
        solution: Solution = solve(equation)
    except Unsolvable:
        return None
    return f"{first}\n{solution.text()}", f"答案：{str(solution.answer).strip('()')}"
