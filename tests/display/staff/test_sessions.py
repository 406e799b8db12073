"""Who has given the PIN, for how long, and from where."""

from kiosk.display.staff.sessions import IDLE_S, LONGEST_S, MOST, Sessions

S = 10**9
HERE = "127.0.0.1"


def test_a_session_ends_after_five_minutes_without_use():
    sessions = Sessions()
    token = sessions.begin(HERE, "pin", 0)
    assert sessions.left_s(token, HERE, "pin", (IDLE_S - 1) * S, used=False) == 1
    assert sessions.left_s(token, HERE, "pin", (IDLE_S - 1) * S, used=True) == IDLE_S
    assert sessions.left_s(token, HERE, "pin", (2 * IDLE_S - 2) * S, used=False) == 1
    assert sessions.left_s(token, HERE, "pin", (2 * IDLE_S) * S, used=True) == 0
    assert sessions.left_s(token, HERE, "pin", 0, used=True) == 0, "it is gone for good"


def test_a_session_ends_after_half_an_hour_however_much_it_is_used():
    sessions = Sessions()
    token = sessions.begin(HERE, "pin", 0)
    for second in range(0, LONGEST_S, 60):
        assert sessions.left_s(token, HERE, "pin", second * S, used=True) > 0
    assert sessions.left_s(token, HERE, "pin", LONGEST_S * S, used=True) == 0


def test_a_token_is_good_from_one_address_with_one_pin_and_is_never_guessed():
    sessions = Sessions()
    first, second = sessions.begin(HERE, "pin", 0), sessions.begin(HERE, "pin", 0)
    assert first != second
    assert len(first) >= 43
    assert sessions.left_s("", HERE, "pin", 0, used=True) == 0
    assert sessions.left_s(first, "192.0.2.1", "pin", 0, used=True) == 0
    assert sessions.left_s(first, HERE, "pin", 0, used=True) == 0, "a stolen one ends"
    assert sessions.left_s(second, HERE, "another", 0, used=True) == 0


def test_the_one_longest_unused_gives_way():
    sessions = Sessions()
    tokens = [sessions.begin(HERE, "pin", number * S) for number in range(MOST + 1)]
    alive = [sessions.left_s(token, HERE, "pin", MOST * S, used=False) > 0 for token in tokens]
    assert alive == [False] + [True] * MOST


def test_lock_ends_one():
    sessions = Sessions()
    token = sessions.begin(HERE, "pin", 0)
    sessions.end(token)
    sessions.end("nothing")
    assert sessions.left_s(token, HERE, "pin", 0, used=True) == 0
