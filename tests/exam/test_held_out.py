"""Text that no recipe may train on."""

from __future__ import annotations

from huozhong.exam.held_out import held_out_texts, overlaps


def test_held_out_text_knows_itself() -> None:
    texts = held_out_texts()
    assert {text.kind for text in texts} == {"poem", "novel", "modern", "english"}
    assert 20_000 < sum(len(text.text.encode()) for text in texts) < 60_000
    for text in texts:
        assert overlaps(text.text)
        assert text.licence.startswith("public domain")
        assert text.source
    assert overlaps("前面的话。" + texts[2].text.replace("，", " "))
    assert not overlaps("床前明月光，疑是地上霜。举头望明月，低头思故乡。")
    assert not overlaps("The end. He said so.")
