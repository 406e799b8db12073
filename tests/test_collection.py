"""What a scanner sends for one calibration is kept up to a silence, and never more than there is room for."""

from datetime import UTC, datetime

from kiosk.calibration import TEXT, Found, Wrong
from kiosk.collection import LONGEST_NS, MOST_PIECES, NO_BYTE, SETTLED_NS, Collection, judge
from kiosk.model import Moment
from tests.typist import typed

S = 1_000_000_000


def moment(at_ns):
    return Moment(datetime(2026, 6, 1, tzinfo=UTC), at_ns, "boot")


def sent(collection, at_ns, text):
    collection.take(at_ns, [(moment(at_ns), "bytes", text)])


def test_nothing_that_comes_is_over_after_the_wait_and_not_before():
    found = Collection(10 * S, 60.0)
    assert (found.over(70 * S - 1), found.over(70 * S), found.left_s(30 * S)) == (False, True, 40.0)


def test_a_scan_is_over_a_silence_after_its_last_piece():
    found = Collection(0, 60.0)
    sent(found, 5 * S, "KIO")
    sent(found, 5 * S + SETTLED_NS - 1, "SK")
    assert found.due_ns() == 5 * S + 2 * SETTLED_NS - 1
    assert not found.over(found.due_ns() - 1)
    assert found.over(found.due_ns())


def test_what_never_falls_silent_is_over_all_the_same():
    found, at_ns = Collection(0, 60.0), 5 * S
    while not found.over(at_ns):
        sent(found, at_ns, "x")
        at_ns += SETTLED_NS // 2
    assert at_ns <= 5 * S + LONGEST_NS + SETTLED_NS


def test_too_much_is_over_at_once_in_bytes_and_in_keys():
    found = Collection(0, 60.0)
    sent(found, S, "x" * MOST_PIECES)
    assert found.over(S)
    keys = Collection(0, 60.0)
    keys.take(S, [(moment(S), "events", [(1, 30, 1)] * MOST_PIECES)])
    assert keys.over(S)


def test_a_damaged_byte_is_something_that_came_and_no_text():
    found = Collection(0, 60.0)
    found.take(S, [(moment(S), "damaged", 1)])
    assert found.heard == [(S, NO_BYTE)]
    assert isinstance(judge(found.heard, "us"), Wrong)


def test_bytes_and_keys_are_judged_each_in_their_way():
    line = judge([(S, f"#{TEXT}\r".encode())], "us")
    keys = judge([(S + n * 1000, event) for n, event in enumerate(typed(f"{TEXT}\r", "de"))], "us")
    assert isinstance(line, Found)
    assert isinstance(keys, Found)
    assert (line.prefix, keys.layouts[0]) == ("#", "de")
