"""Budgets and quiet hours: who must wait is told so, before anything is computed, but never somebody in distress."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from tests.server.household import House, household

from huozhong.cost import Meter
from huozhong.engine.llm import LLM, Delta, Usage
from huozhong.errors import RequestError
from huozhong.server.ledger import Ledger, OnDelta
from huozhong.server.measures import Measures
from huozhong.store.database import Store
from huozhong.store.people import Person, add_person, change_person, remove_person
from huozhong.store.usage import used_on

NOON = datetime.datetime(2026, 11, 30, 12, 0)


def usage(tokens: int) -> Usage:
    return Usage(
        prompt_tokens=tokens - 1, completion_tokens=1, reasoning_tokens=0, cache_hit_tokens=2,
        seconds_to_first_token=0.1, seconds=0.2, bill=Meter(3.6e6).snapshot(),
    )  # fmt: skip


class Clock:
    moment = NOON

    def __call__(self) -> datetime.datetime:
        return self.moment


@pytest.fixture
def store() -> Iterator[Store]:
    opened = Store.open()
    yield opened
    opened.close()


def person(store: Store, **changes: object) -> Person:
    with store.begin() as session:
        made = add_person(session, "Bob", "child", "春眠不觉晓 42")
        return change_person(session, made.id, changes)


def admit(ledger: Ledger, somebody: Person) -> None:
    asyncio.run(ledger.admit(somebody))


def test_a_budget_holds_until_midnight(store: Store) -> None:
    clock = Clock()
    ledger, bob = Ledger(store, Measures(), clock), person(store, daily_tokens=100)
    admit(ledger, bob)
    ledger.add(bob.id, "ember", usage(99))
    admit(ledger, bob)
    ledger.add(bob.id, "ember", usage(1))
    with pytest.raises(RequestError, match=r"明天.* / .*tomorrow") as refused:
        admit(ledger, bob)
    assert (refused.value.code, refused.value.retry_after) == ("budget_exceeded", 12 * 3600)
    clock.moment = NOON.replace(hour=23, minute=59, second=59)
    with pytest.raises(RequestError):
        admit(ledger, bob)
    clock.moment += datetime.timedelta(seconds=1)
    admit(ledger, bob)
    ledger.close()
    with store.read() as session:
        assert used_on(session, bob.id, "2026-11-30").tokens == 100


def test_what_an_earlier_server_wrote_counts(store: Store) -> None:
    bob = person(store, daily_tokens=100)
    first = Ledger(store, Measures(), Clock())
    first.add(bob.id, "ember", usage(100))
    first.close()
    with pytest.raises(RequestError, match="budget"):
        admit(Ledger(store, Measures(), Clock()), bob)


def test_what_is_not_written_yet_counts_once(store: Store) -> None:
    bob = person(store, daily_tokens=1000)
    ledger = Ledger(store, Measures(), Clock())
    ledger.add(bob.id, "ember", usage(10))
    assert ledger.spent(bob).tokens == 10
    ledger.write()
    assert ledger.spent(bob).tokens == 10
    ledger.add(bob.id, "other", usage(5))
    assert ledger.spent(bob).tokens == 15
    ledger.close()
    assert Ledger(store, Measures(), Clock()).spent(bob).tokens == 15


def test_a_closed_store_loses_nothing_that_can_be_written_later(store: Store, tmp_path: object) -> None:
    bob = person(store)
    ledger = Ledger(store, Measures(), Clock())
    ledger.add(bob.id, "ember", usage(10))
    with store.begin() as session:
        session.connection().exec_driver_sql("ALTER TABLE usage RENAME TO hidden")
    ledger.write()
    with store.begin() as session:
        session.connection().exec_driver_sql("ALTER TABLE hidden RENAME TO usage")
    ledger.close()
    with store.read() as session:
        assert used_on(session, bob.id, "2026-11-30").tokens == 10


def test_quiet_hours_say_when_they_end(store: Store) -> None:
    clock = Clock()
    ledger, kid = Ledger(store, Measures(), clock), person(store, quiet_from=22 * 60, quiet_to=7 * 60)
    admit(ledger, kid)
    clock.moment = NOON.replace(hour=23)
    with pytest.raises(RequestError, match=r"休息.*7:00.* / .*rest.*7:00") as refused:
        admit(ledger, kid)
    assert (refused.value.code, refused.value.retry_after) == ("quiet_hours", 8 * 3600)


# -- over HTTP ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def house(llm: LLM) -> Iterator[House]:
    with household(llm) as running:
        yield running


def limited(house: House, name: str, **changes: object) -> None:
    number = house.add(name, "child" if "quiet_from" in changes else "member")
    with house.visitor("Ann") as ann:
        assert ann.patch(f"/house/people/{number}", json=changes).status_code == 200


ALL_DAY = {"quiet_from": 0, "quiet_to": 1439}
DISTRESS = "我不想活了，我想自杀"


def test_who_has_used_up_the_budget_gets_429_in_every_dialect(house: House, llm: LLM) -> None:
    limited(house, "Poor", daily_tokens=40)
    key = house.key("Poor", "chat", "embeddings")
    headers = {"authorization": f"Bearer {key}"}
    client = house.stranger()
    before = client.get("/user/balance", headers=headers).json()
    assert (before["is_available"], before["budget"]["left_tokens"]) == (True, 40)
    assert client.post("/v1/chat/completions", json=house.body(max_tokens=60), headers=headers).status_code == 200
    for path, body in (
        ("/v1/chat/completions", house.body()),
        ("/v1/chat/completions", house.body(stream=True)),
        ("/v1/messages", {"model": llm.name, "max_tokens": 8, "messages": [{"role": "user", "content": "a"}]}),
        ("/v1/completions", {"model": llm.name, "prompt": "a"}),
        ("/api/chat", {"model": llm.name, "messages": [{"role": "user", "content": "a"}]}),
        ("/v1/embeddings", {"model": llm.name, "input": "a"}),
    ):
        answer = client.post(path, json=body, headers=headers)
        assert answer.status_code == 429, path
        assert int(answer.headers["retry-after"]) > 0
        assert "额度" in answer.text
        assert "budget" in answer.text
    after = client.get("/user/balance", headers=headers).json()
    assert (after["is_available"], after["budget"]["left_tokens"]) == (False, 0)
    with house.visitor("Poor") as poor:
        made = poor.post("/house/conversations", json={}).json()["id"]
        asked = poor.post(f"/house/conversations/{made}/ask", json={"parent": None, "content": "你好"})
        assert asked.status_code == 429
        assert poor.get(f"/house/conversations/{made}").json()["messages"] == [], "what was refused is not kept"


def test_fifty_at_once_do_not_each_find_the_budget_untouched(house: House) -> None:
    limited(house, "Many", daily_tokens=300)
    headers = {"authorization": f"Bearer {house.key('Many', 'chat')}"}

    def ask(_: int) -> int:
        with house.stranger() as client:
            body = house.body(max_tokens=100)
            return client.post("/v1/chat/completions", json=body, headers=headers).status_code

    with ThreadPoolExecutor(25) as pool:
        statuses = list(pool.map(ask, range(50)))
    assert set(statuses) == {200, 429}
    assert 1 <= statuses.count(200) <= 5


def test_a_cry_for_help_is_answered_in_quiet_hours_and_without_a_budget(house: House) -> None:
    limited(house, "Kim", daily_tokens=0, **ALL_DAY)
    with house.visitor("Kim") as kim:
        refused = kim.post("/v1/chat/completions", json=house.body())
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "quiet_hours")
        help_ = house.body(messages=[{"role": "user", "content": DISTRESS}])
        answer = kim.post("/v1/chat/completions", json=help_)
        assert answer.status_code == 200
        assert "x-huozhong-rule" in answer.headers, "a child is always answered carefully, whatever the model"
        made = kim.post("/house/conversations", json={}).json()["id"]
        path = f"/house/conversations/{made}/ask"
        assert kim.post(path, json={"parent": None, "content": "讲个故事"}).status_code == 403
        asked = kim.post(path, json={"parent": None, "content": DISTRESS})
        assert asked.status_code == 201
        events = kim.get(f"/house/messages/{asked.json()['answer']['id']}/events").text
        assert '"state":"done"' in events
        assert '"numbers"' in events


def test_a_member_is_not_kept_from_night_work(house: House) -> None:
    number = house.add("Owl", "member")
    with house.visitor("Ann") as ann:
        ann.patch(f"/house/people/{number}", json=ALL_DAY)
    with house.visitor("Owl") as owl:
        assert owl.post("/v1/chat/completions", json=house.body()).status_code == 200


def test_usage_is_told_by_person_and_day(house: House) -> None:
    house.add("Counted", "member")
    with house.visitor("Counted") as counted:
        used = counted.post("/v1/chat/completions", json=house.body()).json()["usage"]
    with house.visitor("Ann") as ann:
        rows = ann.get("/house/statistics").json()["used"]
        (row,) = [row for row in rows if row["person"] == "Counted"]
        assert row["prompt_tokens"] == used["prompt_tokens"]
        assert row["completion_tokens"] == used["completion_tokens"]
        assert row["joules"] == pytest.approx(used["cost"]["joules"])
        assert row["day"] == datetime.date.today().isoformat()
        metrics = ann.get("/metrics").text
        assert f'huozhong_person_completion_tokens_total{{person="Counted"}} {used["completion_tokens"]}.0' in metrics


def test_what_ran_for_somebody_who_was_removed_is_charged_to_nobody(store: Store) -> None:
    ledger = Ledger(store, Measures(), Clock())
    bob = person(store, daily_tokens=100)
    ledger.spent(bob)
    ledger.add(bob.id, "ember", usage(100))
    with pytest.raises(RequestError):
        asyncio.run(ledger.admit(bob))
    with store.begin() as session:
        remove_person(session, bob.id)
    ledger.forget(bob.id)
    again = person(store, daily_tokens=100)
    ledger.add(bob.id, "ember", usage(100))  # it ended only now
    asyncio.run(ledger.admit(again))
    ledger.close()
    with store.read() as session:
        assert used_on(session, again.id, NOON.date().isoformat()).tokens == 0
        assert used_on(session, bob.id, NOON.date().isoformat()).tokens == 0


def run_once(ledger: Ledger, somebody: Person, tokens: int) -> list[OnDelta]:
    """Start an answer that stays running; the list holds what ends it."""
    listeners: list[OnDelta] = []
    start: Any = lambda on_delta: listeners.append(on_delta)  # noqa: E731
    ledger.counted(somebody, "ember", start, tokens)(lambda delta: None)
    return listeners


def test_what_runs_is_reserved_in_money_at_what_a_token_has_cost(store: Store) -> None:
    bob = person(store, daily_money=0.1)
    first = Ledger(store, Measures(), Clock())
    paid = usage(100)
    assert paid.bill is not None
    dear = replace(paid, bill=replace(paid.bill, money=0.01))  # 0.0001 a token
    first.add(bob.id, "ember", dear)
    first.close()
    ledger = Ledger(store, Measures(), Clock())  # knows it from the day before it was started
    admit(ledger, bob)
    ended = run_once(ledger, bob, 500)  # 0.01 used, 0.05 reserved
    admit(ledger, bob)
    ended += run_once(ledger, bob, 500)  # 0.01 used, 0.1 reserved
    for again in (lambda: admit(ledger, bob), lambda: run_once(ledger, bob, 1)):
        with pytest.raises(RequestError, match=r"请等它们答完。 / .*wait until") as refused:
            again()
        assert refused.value.retry_after == 10
    ended.pop()(Delta(finish_reason="stop", usage=dear))
    admit(ledger, bob)
    assert len(run_once(ledger, bob, 1)) == 1
    # A dearer answer makes what comes after it dearer.
    ended.pop()(Delta(finish_reason="stop", usage=replace(dear, bill=replace(paid.bill, money=0.05))))
    run_once(ledger, bob, 60)  # 0.07 used, and 0.03 reserved at 0.0005 a token
    with pytest.raises(RequestError, match="wait until"):
        admit(ledger, bob)


def test_who_has_used_up_the_money_is_not_told_to_wait_for_tokens(store: Store) -> None:
    bob = person(store, daily_tokens=100, daily_money=0.0)
    ledger = Ledger(store, Measures(), Clock())
    run_once(ledger, replace(bob, daily_money=None), 1000)
    with pytest.raises(RequestError, match="tomorrow"):
        admit(ledger, bob)


def test_a_clock_set_back_between_the_look_and_the_start_gives_no_second_budget(store: Store) -> None:
    clock = Clock()
    bob, ledger = person(store, daily_tokens=100), Ledger(store, Measures(), clock)
    admit(ledger, bob)
    ledger.add(bob.id, "ember", usage(100))
    clock.moment = NOON - datetime.timedelta(days=1)
    with pytest.raises(RequestError, match="budget"):
        run_once(ledger, bob, 1)


def test_an_answer_over_midnight_counts_to_the_day_on_which_it_ends(store: Store) -> None:
    clock = Clock()
    bob, ledger = person(store, daily_tokens=100), Ledger(store, Measures(), clock)
    admit(ledger, bob)
    (end,) = run_once(ledger, bob, 50)
    clock.moment = NOON + datetime.timedelta(days=1)
    admit(ledger, bob)
    end(Delta(finish_reason="stop", usage=usage(100)))
    with pytest.raises(RequestError, match="tomorrow"):
        admit(ledger, bob)
    ledger.close()
    with store.read() as session:
        days = ("2026-11-30", "2026-12-01")
        assert [used_on(session, bob.id, day).tokens for day in days] == [0, 100]
