"""Who has used what today: budgets and quiet hours before an answer, the person's account after it.

What is used counts at once, in memory; the store gets it in batches, every `WRITE_SECONDS` while there is something.
What runs now is reserved, so that fifty requests at once do not each find an empty account: in tokens, and in money
at the most that a token of the model has cost here.  (What nobody has asked yet has no price; the first answers of a
new house are reserved in tokens alone.)  An answer counts to the day on which it ends.
"""

from __future__ import annotations

import asyncio
import datetime
import logging
import threading
from collections import Counter, defaultdict
from collections.abc import Callable

from huozhong.engine.llm import Delta
from huozhong.engine.requests import Usage
from huozhong.errors import RequestError, StoreError
from huozhong.server.http import Started
from huozhong.server.measures import Measures
from huozhong.store.database import Store
from huozhong.store.people import Person
from huozhong.store.usage import UsageKey, Used, add_usage, token_prices, used_on

log = logging.getLogger("huozhong.server")

WRITE_SECONDS = 2.0
# What a running answer is expected to come to, where nobody said how long it may be.
EXPECTED_TOKENS = 512

OnDelta = Callable[[Delta], None]
Clock = Callable[[], datetime.datetime]


def expected_tokens(prompt: int, max_tokens: int | None) -> int:
    """What a request is reserved for: its prompt, and the answer as far as anybody knows its length."""
    return prompt + (EXPECTED_TOKENS if max_tokens is None else max_tokens)


class Ledger:
    """clock: the local time (a parameter for tests).  Any thread may call."""

    def __init__(self, store: Store, measures: Measures, clock: Clock = datetime.datetime.now) -> None:
        self._store, self._measures, self._clock = store, measures, clock
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._unwritten: defaultdict[UsageKey, Used] = defaultdict(Used)
        self._today: dict[int, tuple[str, Used]] = {}  # person -> day, used on it
        self._reserved: Counter[int] = Counter()  # tokens of what runs
        self._held: defaultdict[int, float] = defaultdict(float)  # money of what runs
        self._prices: defaultdict[str, float] = defaultdict(float)  # model -> the most that a token has cost
        self._knows_prices = False  # of earlier servers: read with the first account
        self.running: Counter[int] = Counter()  # answers, by person
        self._timer: threading.Timer | None = None

    # -- before an answer --------------------------------------------------------------------------

    async def admit(self, person: Person) -> None:
        """`RequestError` in a child's quiet hours and for a budget that is used up; before every answer."""
        self._check_quiet(person)
        if person.has_budget:
            await asyncio.to_thread(self._load, person.id)
            self._check_budget(person)

    def spent(self, person: Person) -> Used:
        """What the person has used today; reads the store the first time."""
        self._load(person.id)
        with self._lock:
            return self._today[person.id][1]

    def seconds_to_tomorrow(self) -> float:
        """Until budgets begin anew."""
        moment = self._clock()
        midnight = datetime.datetime.combine(moment.date() + datetime.timedelta(days=1), datetime.time())
        return (midnight - moment).total_seconds()

    def counted(
        self, person: Person, model: str, start: Callable[[OnDelta], Started], tokens: int
    ) -> Callable[[OnDelta], Started]:
        """`start`, whose answer is put on the person's account.  tokens: what it comes to at most, as far as known."""

        def begin(on_delta: OnDelta) -> Started:
            with self._lock:  # looked at and reserved in one: two at once would both find the last of a budget
                if person.has_budget:
                    self._check_reserved(person)
                money = tokens * self._prices[model]
                self._reserved[person.id] += tokens
                self._held[person.id] += money
                self.running[person.id] += 1

            def counting(delta: Delta) -> None:
                if delta.is_last:
                    self._ended(person.id, model, (tokens, money), delta.usage)
                on_delta(delta)

            try:
                return start(counting)
            except BaseException:
                self._ended(person.id, model, (tokens, money), None)
                raise

        return begin

    def _check_quiet(self, person: Person) -> None:
        moment = self._clock()
        if person.role != "child" or not person.is_quiet(moment.hour * 60 + moment.minute):
            return
        assert person.quiet_to is not None
        until = f"{person.quiet_to // 60}:{person.quiet_to % 60:02}"
        wait = (person.quiet_to - moment.hour * 60 - moment.minute) % (24 * 60) * 60 - moment.second
        raise RequestError(
            f"现在是休息时间，{until} 以后我们再接着聊。 / It is time to rest now; let us go on after {until}.",
            code="quiet_hours",
            retry_after=wait,
        )

    def _check_budget(self, person: Person) -> None:
        with self._lock:
            self._check_reserved(person)

    def _check_reserved(self, person: Person) -> None:
        """The lock is held."""
        day, used = self._today.get(person.id, ("", Used()))
        if day < self._day():  # not where the clock was set back: nobody's budget begins anew by that
            used = Used()
        if not _is_over(person, used.tokens + self._reserved[person.id], used.money + self._held[person.id]):
            return
        if not _is_over(person, used.tokens, used.money):  # only with what still runs
            raise RequestError(
                "正在回答的问题会用完今天的额度，请等它们答完。 / "
                "What is being answered now may use up today's budget; wait until it is done.",
                code="budget_exceeded",
                retry_after=10,
            )
        raise RequestError(
            "今天的额度用完了，明天会重新开始。 / Today's budget is used up; it begins anew tomorrow.",
            code="budget_exceeded",
            retry_after=self.seconds_to_tomorrow(),
        )

    def _load(self, number: int) -> None:
        day = self._day()
        with self._lock:
            if self._today.get(number, ("", None))[0] == day:
                return
        with self._writing:  # what is about to be written is counted once, here or there
            with self._store.read() as session:
                used = used_on(session, number, day)
                prices = token_prices(session) if not self._knows_prices else {}
            with self._lock:
                self._knows_prices = True
                for model, price in prices.items():
                    self._prices[model] = max(self._prices[model], price)
                waiting = (u for key, u in self._unwritten.items() if (key.person_id, key.day) == (number, day))
                if self._today.get(number, ("", None))[0] != day:
                    self._today[number] = (day, sum(waiting, used))

    # -- after it ----------------------------------------------------------------------------------

    def _ended(self, number: int, model: str, reserved: tuple[int, float], usage: Usage | None) -> None:
        """reserved: the tokens and the money that were."""
        if usage is not None:
            self._measures.answered(usage)
        with self._lock:
            self._reserved[number] -= reserved[0]
            self.running[number] -= 1
            self._held[number] -= reserved[1]
            if not self.running[number]:
                del self._held[number]  # what adding and subtracting fractions left
            if usage is not None and usage.bill is not None and usage.total_tokens:
                self._prices[model] = max(self._prices[model], usage.bill.money / usage.total_tokens)
        if usage is not None:
            self.add(number, model, usage)

    def add(self, number: int, model: str, usage: Usage) -> None:
        """Put something that was used on a person's account."""
        bill = usage.bill
        used = Used(
            requests=1,
            prompt_tokens=usage.prompt_tokens,
            cached_tokens=usage.cache_hit_tokens,
            completion_tokens=usage.completion_tokens,
            joules=0.0 if bill is None else bill.joules,
            money=0.0 if bill is None else bill.money,
        )
        key = UsageKey(number, self._day(), model, "" if bill is None else bill.currency)
        with self._lock:
            self._unwritten[key] += used
            day, before = self._today.get(number, ("", Used()))
            if day == key.day:
                self._today[number] = (day, before + used)
            if self._timer is None:
                self._timer = threading.Timer(WRITE_SECONDS, self.write)
                self._timer.daemon = True
                self._timer.start()

    def forget(self, number: int) -> None:
        """Somebody was removed: what they used is nobody's any more."""
        with self._writing, self._lock:
            self._today.pop(number, None)
            for key in [key for key in self._unwritten if key.person_id == number]:
                del self._unwritten[key]

    def write(self) -> None:
        """Give the store what it does not have yet; what it refuses is kept, and tried again with the next."""
        with self._writing:
            with self._lock:
                batch, self._unwritten = self._unwritten, defaultdict(Used)
                self._timer = None
            if not batch:
                return
            try:
                with self._store.begin() as session:
                    add_usage(session, batch)
            except StoreError as error:
                log.warning("what people used could not be written (%s); it is kept for the next time", error)
                with self._lock:
                    for key, used in batch.items():
                        self._unwritten[key] += used

    def close(self) -> None:
        """Write the rest."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
        self.write()

    def _day(self) -> str:
        return self._clock().date().isoformat()


def _is_over(person: Person, tokens: int, money: float) -> bool:
    """Whether so much is a person's budget for a day, or more."""
    return (person.daily_tokens is not None and tokens >= person.daily_tokens) or (
        person.daily_money is not None and money >= person.daily_money
    )
