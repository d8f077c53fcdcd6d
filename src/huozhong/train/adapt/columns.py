"""A line of a data file as columns: each is read by somebody, or the line is refused by that column's name.

A column that was silently left out would teach something else than its author wrote down, and nobody would notice.
Empty columns (null, "", [], {}) say nothing: files written from tables have every column in every line.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, NoReturn

from huozhong.errors import DataError

# Where a line comes from, what kind it is and how good others found it; nothing that anybody says.
LABELS = frozenset({
    "id", "idx", "index", "uuid", "uid", "prompt_id", "conversation_id", "source", "dataset", "url", "category", "lang",
    "language", "序号", "编号", "分类", "类别", "来源",
    "kind", "task", "task_type", "domain", "metadata", "answer_from", "human_verified", "copyright",  # Firefly, COIG
    "repo_name", "score", "prompt_tokens_len", "reasoning_content_tokens_len", "content_tokens_len",  # R1-Distill-110k
    "score_chosen", "score_rejected", "chosen_rating", "rejected_rating", "chosen_model", "rejected_model",
    "type", "original_question", "data_source", "full_topic", "topic", "langdetect", "reward", "resource", "subset",
    "title", "subject", "license", "generator", "version", "model", "timestamp", "turn", "difficulty", "tags", "split",
    "cate1", "cate2", "subcategory", "problem_type", "question_type", "cot_type", "source_type", "created_date",
    "raw_index", "seed", "openai_fingerprint", "fingerprint", "sha1", "concepts",  # Magicoder and its like
    "message_tree_id", "tree_state", "reasoning", "used_in_training", "qa_id", "question_id", "answer_id", "file_name",
    "conversation_hash", "openai_moderation", "detoxify_moderation", "toxic", "redacted",  # WildChat, LMSYS
    "gen_input_config", "gen_response_config", "intent", "knowledge", "input_quality", "quality_explanation",  # Magpie
    "response_quality", "task_category", "other_task_category", "task_category_generator", "reward_model", "safety",
    "instruct_reward", "min_neighbor_distance", "min_similar_uuid", "repeat_count", "input_length", "llama_guard_2",
    "is_response_0_safe", "is_response_1_safe", "safer_response_id", "response_0_severity_level",  # PKU
    "response_1_severity_level", "prompt_source", "response_0_source", "response_1_source", "response_0_sha256",
    "response_1_sha256", "is_response_0_harmful", "is_response_1_harmful",
    "score_a", "score_b", "score_ratio", "seconds_difference", "post_id", "upvote_ratio",  # SHP
    "individual_preference", "date", "metadata_json",
})  # fmt: skip


class Columns:
    """The columns of one object; `finish` refuses those that nobody took.

    where: file, line and place in it, for errors.  known: other names that the form has, to guess what was meant.
    is_line: it is the whole line, so that `train --ignore` can leave a column out.
    """

    def __init__(
        self, values: Mapping[str, Any], where: str, known: frozenset[str] = frozenset(), *, is_line: bool = False
    ) -> None:
        self.where, self._known, self._is_line = where, set(known), is_line
        self._left = {name: value for name, value in values.items() if not _says_nothing(value)}
        self._written = list(values)

    def __contains__(self, name: str) -> bool:
        return name in self._left

    def holds(self, name: str, sort: type) -> bool:
        """Whether that column is there and of this sort."""
        return isinstance(self._left.get(name), sort)

    def take(self, *names: str) -> Any:
        """The value under one of these names, None when there is none.  Raises DataError when there are two."""
        self._known |= {*names}
        found = [name for name in names if name in self._left]
        if len(found) > 1:
            self.refuse(f"{found[0]!r} and {found[1]!r} mean the same; leave one of them out")
        return self._left.pop(found[0]) if found else None

    def text(self, *names: str) -> str | None:
        """Like `take`, of a text.  Raises DataError for anything else."""
        name = next((name for name in names if name in self._left), names[0])
        value = self.take(*names)
        if value is not None and not isinstance(value, str):
            self.refuse(f"{name!r} must be text, not {kind(value)}")
        return value

    def needed(self, *names: str) -> str:
        """Like `text`, of a text that must be there."""
        value = self.text(*names)
        if value is not None:
            return value
        if empty := [name for name in names if name in self._written]:
            self.refuse(f"{empty[0]!r} must be text that is not empty")
        has = ", ".join(map(repr, self._written[:5])) or "nothing"
        self.refuse(f"{names[0]!r} is missing (it has {has}); a line needs question and answer, or messages")

    def finish(self) -> frozenset[str]:
        """Labels that were there.  Raises DataError for any other column that nobody took."""
        for name in sorted(self._left.keys() - LABELS):
            out = f"leave it out{f' (--ignore {name})' if self._is_line else ''}"
            if name in self._known:
                self.refuse(f"the field {name!r} has no place beside the others, so {out}")
            near = difflib.get_close_matches(name, sorted(self._known), n=1, cutoff=0.75)
            hint = f"did you mean {near[0]!r}?" if near else f"nothing would be learnt from it, so {out}"
            self.refuse(f"the field {name!r} is not known here; {hint}")
        return frozenset(self._left)

    def refuse(self, what: str) -> NoReturn:
        """Raise DataError for this line."""
        end = "" if what.endswith("?") else "."
        raise DataError(f"{self.where}: {what}{end}")


def small_names(row: Mapping[str, Any]) -> dict[str, Any]:
    """A line with its columns' names as they are known: `Question` and " ANSWER " are, where no two become one."""
    names = [name.strip().lower() for name in row]
    return dict(zip(names, row.values(), strict=True)) if len(set(names)) == len(names) else dict(row)


def kind(value: Any) -> str:
    """What JSON calls it."""
    if isinstance(value, bool):
        return "true or false"
    names = {str: "text", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return names.get(type(value), "null")


def _says_nothing(value: Any) -> bool:
    return value is None or value == [] or value == {} or (isinstance(value, str) and not value.strip())
