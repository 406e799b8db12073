"""How far a long download or a backlog is: a bar on a terminal, a line now and then in a log."""

from __future__ import annotations

import logging
import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

log = logging.getLogger(__name__)

LINE_EVERY_S = 10.0


class Backlog:
    """Shows how far a backlog is delivered: a bar on a terminal. Belongs to one thread."""

    def __init__(self) -> None:
        self._bar = _bar()
        self._task: TaskID | None = None
        self._most = 0

    def __call__(self, outstanding: int) -> None:
        """Say that so many scans are still to be delivered."""
        self._most = max(self._most, outstanding)
        if not sys.stderr.isatty() or not self._most:
            return
        if self._task is None:
            self._task = self._bar.add_task("delivering")
            self._bar.start()
        self._bar.update(self._task, completed=self._most - outstanding, total=self._most)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._bar.stop()


def _bar() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)


class Lists:
    """Shows the lists that arrive. Belongs to one thread."""

    def __init__(self) -> None:
        self._bar = _bar()
        self._tasks: dict[str, TaskID] = {}
        self._line_at = time.monotonic() + LINE_EVERY_S

    def __call__(self, event_id: str, here: int, total: int) -> None:
        """Say that so many of an event's tickets are here."""
        if sys.stderr.isatty():
            self._draw(event_id, here, total)
        elif time.monotonic() >= self._line_at:
            log.info("%d of %d tickets of event %s are here", here, total, event_id)
            self._line_at = time.monotonic() + LINE_EVERY_S

    def _draw(self, event_id: str, here: int, total: int) -> None:
        if event_id not in self._tasks:
            self._tasks[event_id] = self._bar.add_task(f"tickets of {event_id}")
            self._bar.start()
        self._bar.update(self._tasks[event_id], completed=here, total=total)
        if here >= total:
            self._bar.remove_task(self._tasks.pop(event_id))
        if not self._tasks:
            self._bar.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._tasks:
            self._bar.stop()
