"""How far a recovery has come, told while the thread that does it is busy."""

import threading

import pytest

from kiosk.store import mending
from kiosk.store.mending import Mending


class Listener:
    """What is told, and that there was something."""

    def __init__(self) -> None:
        self.heard: list[str | None] = []
        self.came = threading.Condition()

    def __call__(self, text: str | None) -> None:
        with self.came:
            self.heard.append(text)
            self.came.notify()

    def wait_for(self, text: str) -> None:
        with self.came:
            assert self.came.wait_for(lambda: text in self.heard, 10.0), self.heard


def test_what_is_done_is_told_each_second_by_another_thread_and_that_it_is_over(monkeypatch):
    monkeypatch.setattr(mending, "TELL_S", 0.01)
    listener = Listener()
    mended = Mending(listener)
    assert mended.for_s() == 0.0
    with mended.going_on():
        listener.wait_for("looking what is left of it")
        mended.at("the second record", 1, 3)
        listener.wait_for("the second record, 33 %")
        before = mended.for_s()
        assert 0.0 < before < mended.for_s()
    assert listener.heard[-1] is None
    assert mended.for_s() == 0.0
    assert "mending" not in {thread.name for thread in threading.enumerate()}


def test_one_that_fails_is_over_too():
    listener = Listener()
    mended = Mending(listener)
    with pytest.raises(ZeroDivisionError), mended.going_on():
        raise ZeroDivisionError
    assert listener.heard[-1] is None
    assert mended.for_s() == 0.0


def test_a_long_one_is_in_the_log_now_and_then(monkeypatch, caplog):
    monkeypatch.setattr(mending, "TELL_S", 0.001)
    listener = Listener()
    mended = Mending(listener)
    with mended.going_on():
        mended.at("the damaged file", 5, 10)
        with listener.came:
            assert listener.came.wait_for(lambda: len(listener.heard) > 2 * mending.LOG_EVERY, 10.0)
    told = [record.getMessage() for record in caplog.records]
    assert "the journal is being put together again: the damaged file, 50 %" in told
    assert len(told) < len(listener.heard) / 5
