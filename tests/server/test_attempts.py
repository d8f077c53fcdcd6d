"""Who guesses waits longer and longer; who is right is not kept out by others' guesses for long."""

from __future__ import annotations

from huozhong.server.attempts import FORGET_SECONDS, Attempts, network_of


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_waits_grow_and_are_forgotten() -> None:
    clock = Clock()
    attempts, waits = Attempts(clock), []
    for _ in range(12):
        attempts.failed("ann", "10.0.0.5")
        waits.append(attempts.seconds_to_wait("ann", "10.0.0.5"))
    assert waits[:3] == [0, 0, 0]
    assert waits[3:] == [1, 2, 4, 8, 16, 32, 64, 128, 256]
    clock.now += 255
    assert attempts.seconds_to_wait("ann", "10.0.0.5") == 1
    clock.now += 1
    assert attempts.seconds_to_wait("ann", "10.0.0.5") == 0
    clock.now += FORGET_SECONDS
    attempts.failed("ann", "10.0.0.5")
    assert attempts.seconds_to_wait("ann", "10.0.0.5") == 0


def test_the_longest_wait_is_a_quarter_of_an_hour() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    for _ in range(500):
        attempts.failed("ann", "10.0.0.5")
    assert attempts.seconds_to_wait("ann", "10.0.0.5") == 900


def test_nobody_locks_out_the_owner_from_elsewhere() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    for number in range(1000):
        attempts.failed("ann", f"10.0.{number // 250}.{number % 250}")
    assert attempts.seconds_to_wait("ann", "192.168.1.7") <= 30


def test_an_address_that_tries_many_names_waits() -> None:
    attempts = Attempts(Clock())
    for number in range(20):
        attempts.failed(f"name {number}", "10.0.0.5")
    assert attempts.seconds_to_wait("another", "10.0.0.5") > 0
    assert attempts.seconds_to_wait("another", "10.0.0.6") == 0


def test_one_right_password_does_not_buy_more_guesses_at_others() -> None:
    attempts = Attempts(Clock())
    for number in range(25):
        attempts.failed(f"name {number}", "10.0.0.5")
        attempts.succeeded("eve", "10.0.0.5")
    assert attempts.seconds_to_wait("ann", "10.0.0.5") > 0


def test_a_machine_has_one_ipv6_network() -> None:
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:2") != network_of("2001:db8:0:1::1")
    assert network_of("10.0.0.1") == "10.0.0.1"
    assert network_of("unix") == "unix"


def test_made_up_names_do_not_fill_the_memory() -> None:
    attempts = Attempts(Clock())
    for number in range(30_000):
        attempts.failed(f"name {number}", "10.0.0.5")
    assert len(attempts._failures) <= 20_000
    assert attempts.seconds_to_wait("x", "10.0.0.5") == 900
