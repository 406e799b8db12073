"""An output and its thread: newest wins, what hangs is named, nobody waits for it."""

import threading
import time

import pytest

from kiosk.errors import OutputLost
from kiosk.model import Reason
from kiosk.outputs import output as outputs
from kiosk.outputs.output import Fitting, Output
from kiosk.signals import Signal, signal


def test_it_plays_what_an_answer_means(output, recorder, answers):
    output.show("left", answers(Reason.UNKNOWN))
    recorder.wait()
    assert recorder.played == [Signal.DECLINED]


def test_what_is_newer_takes_the_place_of_what_has_not_been_played(output, recorder, answers):
    recorder.go.clear()
    output.show("left", answers())
    assert recorder.at_work.wait(30)
    for reason in (Reason.UNKNOWN, Reason.ALREADY_IN, Reason.AMBIGUOUS):
        output.show("left", answers(reason))
    recorder.go.set()
    recorder.wait()
    recorder.wait()
    assert recorder.played == [Signal.APPROVED, Signal.SEE_STAFF]


def test_one_that_hangs_is_named_and_nobody_waits_for_it(output, recorder, answers, eventually):
    recorder.go.clear()
    output.show("left", answers())
    assert recorder.at_work.wait(30)
    began = time.monotonic()
    for _ in range(10_000):
        output.show("left", answers())
    assert time.monotonic() - began < 5
    found = eventually("it is named", lambda: output.facts()["problem"])
    assert found.startswith("hangs, for ")
    output.end()
    assert not output.ended_within(0.05)


def test_what_comes_too_late_is_left_out(output, recorder, answers, monkeypatch):
    recorder.go.clear()
    output.show("left", answers())
    assert recorder.at_work.wait(30)
    output.show("left", answers(Reason.UNKNOWN))
    monkeypatch.setattr(outputs, "LATE_NS", -1)
    recorder.go.set()
    recorder.wait()
    monkeypatch.setattr(outputs, "LATE_NS", 10**12)
    output.end()
    assert output.ended_within(30)
    assert Signal.DECLINED not in recorder.played


def test_one_that_fails_says_why_is_closed_and_opened_again_and_says_when_it_works(
    output, recorder, answers, eventually
):
    recorder.error = OutputLost("the lamp is gone")
    output.show("left", answers())
    eventually("it says why", lambda: output.facts()["problem"] == "the lamp is gone")
    assert recorder.closed.wait(30)
    output.show("left", answers())
    recorder.wait()
    eventually("it works again", lambda: output.facts()["problem"] is None)


def test_an_error_nobody_foresaw_ends_no_thread(output, recorder, answers, caplog):
    recorder.error = ZeroDivisionError("oh")
    output.show("left", answers())
    assert recorder.closed.wait(30)
    output.show("left", answers())
    recorder.wait()
    assert "ZeroDivisionError" in caplog.text


def test_one_that_is_not_there_is_looked_for_until_it_is(recorder, answers, eventually):
    tries = []

    def open_():
        tries.append(1)
        if len(tries) < 3:
            raise OutputLost("GPIO17: busy")
        return recorder

    made = Output(Fitting("lamp", "lamp", signal, open_), retry_s=0.01)
    made.start()
    assert made.tried.wait(30)
    eventually("it is there", lambda: len(tries) == 3 and made.facts()["problem"] is None)
    made.show("left", answers())
    recorder.wait()
    made.end()
    assert made.ended_within(30)


def test_the_end_cuts_a_long_pulse_short_and_closes(answers):
    rested, closed, cut = threading.Event(), threading.Event(), []

    class Long:
        def play(self, signal, rest):
            rested.set()
            cut.append(rest(3_600))

        def close(self):
            closed.set()

    made = Output(Fitting("gate", "relay", signal, Long))
    made.start()
    made.show("left", answers())
    assert rested.wait(30)
    assert made.facts()["problem"] is None  # resting is not hanging
    made.end()
    assert made.ended_within(30)
    assert closed.is_set()
    assert cut == [True]


@pytest.mark.parametrize(("lanes", "lane", "told"), [((), "x", True), (("x",), "x", True), (("y",), "x", False)])
def test_it_listens_to_its_lanes_only(lanes, lane, told, answers, recorder):
    fitting = Fitting("lamp", "lamp", signal, lambda: recorder, frozenset(lanes))
    assert (fitting.signal(lane, answers()) is not None) == told
