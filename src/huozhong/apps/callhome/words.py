"""What an answer says to people."""

from __future__ import annotations

from huozhong.apps.callhome.resolve import Answer


def sentence(answer: Answer, language: str) -> str:
    """One sentence: whom to call, asked back; never more certain than the answer is.  One more where the place that was
    told is not known."""
    zh = language == "zh"
    said = _sentence(answer, zh)
    return said if answer.note is None else f"{said}{answer.note[0]}" if zh else f"{said} {answer.note[1]}"


def _sentence(answer: Answer, zh: bool) -> str:
    if answer.decision == "call" and answer.contact is not None:
        who = answer.contact.shown
        return f"打给{who}，对吗？" if zh else f"Call {who}, right?"
    if answer.decision == "emergency":
        return f"要打 {answer.number} 吗？请再点一次。" if zh else f"Call {answer.number}? Tap once more."
    if answer.decision == "unsure":
        names = "、".join(one.shown for one in answer.candidates)
        if not names:
            return "没听准，要打给谁？" if zh else "Not sure: whom do you want to call?"
        return f"没听准，是打给谁？{names}" if zh else f"Not sure. Which one: {names.replace('、', ', ')}?"
    return "没听到要打给谁。" if zh else "No call was asked for."
