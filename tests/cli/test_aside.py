"""Log lines written aside: whoever logs never waits for whoever reads the log."""

from __future__ import annotations

import io
import logging
import threading
from collections.abc import Iterator

import pytest

from kiosk.cli import aside
from kiosk.cli.aside import Aside


class Stalled(io.StringIO):
    """A log that takes nothing until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.go = threading.Event(), threading.Event()

    def write(self, text: str) -> int:
        self.asked.set()
        self.go.wait(10)
        return super().write(text)


@pytest.fixture
def stream() -> Iterator[Stalled]:
    made = Stalled()
    yield made
    made.go.set()


def record(number: int) -> logging.LogRecord:
    return logging.LogRecord("kiosk", logging.INFO, __file__, 1, "line %d", (number,), None)


def test_lines_are_written_in_order_and_the_last_ones_before_the_end(stream):
    stream.go.set()
    handler = Aside(stream)
    for number in range(100):
        handler.emit(record(number))
    handler.close()
    assert stream.getvalue().splitlines() == [f"line {number}" for number in range(100)]


def test_a_log_that_has_stalled_holds_nobody_up_and_what_was_dropped_is_counted(stream, monkeypatch, eventually):
    monkeypatch.setattr(aside, "WAITING", 5)
    handler = Aside(stream)
    handler.emit(record(0))
    assert stream.asked.wait(5)  # the writer holds the first line
    for number in range(1, 101):
        handler.emit(record(number))
    stream.go.set()
    eventually("what was kept is written", lambda: "line 5\n" in stream.getvalue())
    handler.emit(record(200))
    handler.close()
    lines = stream.getvalue().splitlines()
    assert [line for line in lines if "dropped" not in line] == [f"line {number}" for number in (0, 1, 2, 3, 4, 5, 200)]
    assert [line for line in lines if "dropped" in line] == ["95 log lines were dropped here"]


def test_the_end_does_not_wait_for_a_log_that_has_stalled(stream, monkeypatch):
    monkeypatch.setattr(aside, "WAITING", 2)
    monkeypatch.setattr(aside, "FAREWELL_S", 0.01)
    handler = Aside(stream)
    for number in range(10):
        handler.emit(record(number))
    handler.close()  # full
    assert stream.getvalue() == ""
