"""What people use adds up by day, person and model."""

from __future__ import annotations

from huozhong.store.database import Store
from huozhong.store.people import HOUSE, add_person
from huozhong.store.usage import UsageKey, Used, add_usage, usage_since, used_on


def test_amounts_are_added_to_what_is_there(store: Store) -> None:
    one = Used(requests=1, prompt_tokens=10, cached_tokens=4, completion_tokens=5, joules=0.5, money=0.25)
    with store.begin() as session:
        bob = add_person(session, "Bob", "member", "春眠不觉晓 42")
        today, ember = "2026-11-30", UsageKey(bob.id, "2026-11-30", "ember", "CNY")
        add_usage(session, {ember: one, UsageKey(bob.id, today, "other", "CNY"): one})
        add_usage(session, {ember: one, UsageKey(HOUSE, "2026-11-29", "ember", "CNY"): one})
        add_usage(session, {UsageKey(999, today, "ember", "CNY"): one})  # was removed meanwhile
        total = used_on(session, bob.id, today)
        assert (total.requests, total.tokens, total.joules, total.money) == (3, 45, 1.5, 0.75)
        assert used_on(session, bob.id, "2026-11-29") == Used()
        assert usage_since(session, today) == [(ember, one + one), (UsageKey(bob.id, today, "other", "CNY"), one)]
        assert len(usage_since(session, "2026-01-01")) == 3
