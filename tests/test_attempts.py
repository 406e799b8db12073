"""How often a PIN may be tried."""

import pytest

from kiosk.attempts import FIRST_WAIT_S, FORGOTTEN_AFTER_S, FREE, LONGEST_WAIT_S, Attempts, resumed

S = 10**9


def test_a_few_tries_cost_no_wait_then_each_one_doubles_it():
    attempts, now_ns = Attempts(), 10**12
    waits = []
    for _ in range(12):
        assert attempts.begin(now_ns) == 0
        waits.append(attempts.wait_s(now_ns))
        now_ns += attempts.wait_s(now_ns) * S
    assert waits[: FREE + 3] == [0] * (FREE - 1) + [FIRST_WAIT_S, 60, 120, 240]
    assert waits[-1] == LONGEST_WAIT_S


def test_while_it_waits_no_try_is_taken_and_none_makes_it_longer():
    attempts = Attempts(FREE, 10**12)
    assert attempts.begin(10**12 + 1) == FIRST_WAIT_S
    assert attempts.begin(10**12 + (FIRST_WAIT_S - 1) * S) == 1
    assert attempts.begin(10**12 + FIRST_WAIT_S * S) == 0


def test_many_at_the_same_time_gain_nothing():
    attempts = Attempts()
    assert [attempts.begin(10**12) == 0 for _ in range(10)] == [True] * FREE + [False] * (10 - FREE)


def test_the_right_one_begins_anew_and_so_does_an_hour_of_quiet():
    attempts = Attempts(FREE, 10**12)
    attempts.succeed()
    assert attempts.begin(10**12) == 0
    attempts = Attempts(9, 10**12)
    assert attempts.begin(10**12 + (FORGOTTEN_AFTER_S + 1) * S) == 0
    assert attempts.failed == 1


@pytest.mark.parametrize("facts", [None, {}, {"failed": "x"}, {"failed": -1, "lastNs": None}, "nonsense"])
def test_a_count_that_cannot_be_read_begins_anew(facts):
    assert resumed(facts).failed == 0


def test_a_count_is_taken_up_where_it_was_left():
    assert resumed(Attempts(4, 7).facts()).facts() == {"failed": 4, "lastNs": 7}
