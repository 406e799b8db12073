"""Who was admitted, and whether they went through: first in first out, each with time of their own."""

import queue
import threading
import time

import pytest

from kiosk.errors import OutputLost
from kiosk.model import ANNULS, Direction, Passed, Reason
from kiosk.outputs import turnstile as turnstiles
from kiosk.outputs.turnstile import Admitted, Passing, Turnstile

S = 10**9


def test_whoever_was_admitted_first_goes_through_first():
    passing = Passing(8.0)
    passing.admit(Admitted(1, "left", 0))
    passing.admit(Admitted(2, "left", 3 * S))
    assert [passing.turned().seq, passing.turned().seq, passing.turned()] == [1, 2, None]


def test_each_has_their_own_time():
    passing = Passing(8.0)
    passing.admit(Admitted(1, "left", 0))
    passing.admit(Admitted(2, "left", 3 * S))
    assert passing.due_ns() == 8 * S
    assert passing.over(8 * S - 1) == []
    assert [late.seq for late in passing.over(8 * S)] == [1]
    assert passing.due_ns() == 11 * S
    assert passing.turned().seq == 2
    assert passing.over(100 * S) == []


class Gate:
    """A turnstile with a contact to close, and what it says."""

    def __init__(self, timeout_s, lanes=()):
        self.said = queue.Queue()
        self.turnstile = Turnstile(
            "drum", frozenset(lanes), timeout_s, self._open, lambda seq, passed: self.said.put((seq, passed))
        )
        self.turnstile.start()
        assert self.turnstile.tried.wait(30)

    def _open(self, closed):
        self.turn = closed
        return self

    def close(self):
        self.closed = True


@pytest.fixture
def gate():
    made = []

    def make(timeout_s=60.0, lanes=()):
        made.append(Gate(timeout_s, lanes))
        return made[-1]

    yield make
    for each in made:
        each.turnstile.end()
        assert each.turnstile.ended_within(30)
        assert each.closed


def test_who_passes_has_turned(gate, answers):
    door = gate()
    door.turnstile.show("left", answers(seq=7))
    door.turn()
    assert door.said.get(timeout=30) == (7, Passed.TURNED)


def test_who_does_not_pass_in_time_is_missed_and_has_passed_if_they_do_so_late(gate, answers):
    door = gate(0.05)
    door.turnstile.show("left", answers(seq=7))
    assert door.said.get(timeout=30) == (7, Passed.TIMED_OUT)
    assert door.turnstile.facts()["missed"] == {"seq": 7, "lane": "left"}
    door.turn()
    assert door.said.get(timeout=30) == (7, Passed.TURNED)
    assert (door.turnstile.facts()["missed"], door.turnstile.facts()["unasked"]) == (None, 0)


def taken_back(answers, annuls, seq):
    return answers(Reason.ANNULLED, Direction.CHECKOUT, seq=seq, facts={ANNULS: str(annuls)})


def test_one_that_was_taken_back_is_missed_no_more(gate, answers, eventually):
    door = gate(0.05)
    door.turnstile.show("left", answers(seq=7))
    door.said.get(timeout=30)
    door.turnstile.show("manual", taken_back(answers, 6, seq=8))
    door.turnstile.show("left", answers(seq=9))
    assert door.said.get(timeout=30) == (9, Passed.TIMED_OUT)
    door.turnstile.show("manual", taken_back(answers, 7, seq=10))
    assert door.turnstile.facts()["missed"] == {"seq": 9, "lane": "left"}
    door.turnstile.show("manual", taken_back(answers, 9, seq=11))
    eventually("it is missed no more", lambda: door.turnstile.facts()["missed"] is None)


def test_one_that_is_taken_back_in_time_is_waited_for_no_more(gate, answers):
    door = gate()
    door.turnstile.show("left", answers(seq=7))
    door.turnstile.show("manual", taken_back(answers, 7, seq=8))
    door.turnstile.show("left", answers(seq=9))
    door.turn()
    assert door.said.get(timeout=30) == (9, Passed.TURNED), "the next guest passes in their own name"
    assert door.turnstile.facts()["unasked"] == 0


@pytest.mark.parametrize(
    "told", [{"reason": Reason.UNKNOWN}, {"reason": Reason.ALREADY_IN}, {"repeated": True}, {"reason": Reason.ANNULLED}]
)
def test_nobody_is_waited_for_who_was_not_admitted(gate, answers, told, eventually):
    door = gate()
    door.turnstile.show("left", answers(**told))
    door.turn()
    eventually("it is counted", lambda: door.turnstile.facts()["unasked"] == 1)
    assert door.said.empty()


def test_only_its_own_lanes_are_waited_for(gate, answers):
    door = gate(lanes=["left"])
    door.turnstile.show("right", answers(seq=1))
    door.turnstile.show("left", answers(seq=2))
    door.turn()
    assert door.said.get(timeout=30) == (2, Passed.TURNED)


def test_of_those_admitted_without_a_contact_nothing_is_ever_said(answers, monkeypatch):
    monkeypatch.setattr(turnstiles, "RETRY_S", 0.01)
    mended, found, said = threading.Event(), queue.Queue(), queue.Queue()

    class Contact:
        def close(self):
            pass

    def open_(closed):
        if not mended.is_set():
            raise OutputLost("GPIO27: busy")
        found.put(closed)
        return Contact()

    turnstile = Turnstile("drum", frozenset(), 60.0, open_, lambda seq, passed: said.put((seq, passed)))
    turnstile.start()
    assert turnstile.tried.wait(30)
    turnstile.show("left", answers(seq=1))
    assert turnstile.facts()["problem"] == "GPIO27: busy"
    mended.set()
    turn = found.get(timeout=30)
    while turnstile.facts()["problem"] is not None:
        time.sleep(0.01)
    turnstile.show("left", answers(seq=2))
    turn()
    assert said.get(timeout=30) == (2, Passed.TURNED)
    turnstile.end()
    assert turnstile.ended_within(30)
