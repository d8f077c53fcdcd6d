"""The table of terms: every name leads to a sentence, and every sentence names its term."""

from __future__ import annotations

from huozhong.acts.exact.terms import ENGLISH, SAME, TERMS


def test_other_names_lead_to_a_term() -> None:
    assert set(SAME.values()) <= set(TERMS)
    assert not set(SAME) & set(TERMS)


def test_a_sentence_without_its_full_stop_about_its_term() -> None:
    for term, said in TERMS.items():
        assert term[-2:] in said or term in said or term in ("折扣", "互质", "倒数"), term
        assert not said.endswith(("。", ".")), term
    assert all(said[0].isupper() and not said.endswith(".") for said in ENGLISH.values())
