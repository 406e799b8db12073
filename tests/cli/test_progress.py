"""How far a backlog is: a bar on a terminal, nothing anywhere else."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import redirect_stderr

import pytest

from kiosk.cli.progress import Backlog


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def on() -> Callable[..., str]:
    """Show a backlog that has so many outstanding, one after the other, and return what was written."""

    def show(where: io.StringIO, *outstanding: int) -> str:
        with redirect_stderr(where), Backlog() as backlog:
            for number in outstanding:
                backlog(number)
        return where.getvalue()

    return show


@pytest.fixture(autouse=True)
def _ordinary_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)


def test_a_backlog_is_a_bar_of_what_is_delivered_of_the_most_there_was(on):
    said = on(Terminal(), 10, 7, 12, 4)
    assert "delivering" in said
    assert " 8/12" in said


def test_without_a_backlog_there_is_no_bar(on):
    assert on(Terminal(), 0, 0) == ""
    assert on(Terminal()) == ""


def test_in_a_log_there_is_nothing(on):
    assert on(io.StringIO(), 10, 5) == ""


def test_in_a_log_there_is_no_bar(on):
    assert "delivering" not in on(io.StringIO(), 10, 5)


def break_off(where: io.StringIO) -> None:
    with redirect_stderr(where), Backlog() as backlog:
        backlog(10)
        raise ConnectionError


def test_the_terminal_is_as_it_was_even_where_a_pass_breaks_off():
    terminal = Terminal()
    with pytest.raises(ConnectionError):
        break_off(terminal)
    hidden, shown = "\x1b[?25l", "\x1b[?25h"  # the cursor
    assert terminal.getvalue().count(hidden) == terminal.getvalue().count(shown) == 1
