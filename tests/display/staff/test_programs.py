"""Orders to the gate, and PINs that it counts."""

import threading
from contextlib import contextmanager

import pytest

from kiosk import hatch
from kiosk.attempts import FREE
from kiosk.display.staff.programs import Programs, Silent
from kiosk.errors import Refused
from kiosk.store import pin

DIGITS = "402913"


@pytest.fixture
def programs(tmp_path):
    pin.write(tmp_path / "pin", DIGITS)
    return Programs(tmp_path / "gate.sock", tmp_path, tmp_path / "pin")


@pytest.fixture
def gate(programs, eventually, listens):
    """A gate that answers so, and keeps what it was asked."""

    @contextmanager
    def answering(answer):
        asked, stop = [], threading.Event()

        def told(question):
            asked.append(question)
            return answer

        serving = threading.Thread(target=hatch.serve, args=(programs.gate_socket, told, stop))
        serving.start()
        eventually("it is open", lambda: listens(programs.gate_socket))
        yield asked
        stop.set()
        serving.join(10)

    return answering


def test_a_pin_is_counted_before_it_is_looked_at_and_the_gate_hears_that_it_was_right(programs, gate):
    with gate({"waitSeconds": 0, "thenSeconds": 30}) as asked:
        wrong, right = programs.try_("999999", 0), programs.try_(DIGITS, 0)
        assert (wrong.right, wrong.wait_s, wrong.looked_at) == (False, 30, True)
        assert (right.right, right.pin) == (True, programs.pin())
        assert asked == [{"do": "try"}, {"do": "try"}, {"do": "signed in"}]


def test_who_is_locked_out_is_not_looked_at(programs, gate):
    with gate({"waitSeconds": 17, "thenSeconds": 17}):
        tried = programs.try_(DIGITS, 0)
    assert (tried.right, tried.wait_s, tried.looked_at) == (False, 17, False)


@pytest.mark.parametrize("answer", [{}, {"waitSeconds": None, "thenSeconds": 0}, {"refused": "malformed"}])
def test_a_gate_that_counts_nothing_leaves_the_counting_here(programs, gate, answer):
    with gate(answer):
        assert [programs.try_("999999", 10**12).looked_at for _ in range(FREE + 1)] == [True] * FREE + [False]
    assert programs.wait_s(10**12) > 0


def test_who_does_not_answer_is_named(programs):
    with pytest.raises(Silent) as silent:
        programs.sync({"do": "retry", "numbers": []})
    assert silent.value.program == "sync"


def test_without_a_pin_none_is_tried(programs, tmp_path):
    (tmp_path / "pin").unlink()
    with pytest.raises(Refused):
        programs.try_(DIGITS, 0)
