"""Log lines written aside: whoever logs never waits for whoever reads the log."""

from __future__ import annotations

import logging
import queue
import threading
from typing import TextIO

WAITING = 10_000
"""How many lines may wait for a log that has stalled; what comes after them is dropped and counted."""

FAREWELL_S = 0.5


class Aside(logging.Handler):
    """Hands lines to a thread of its own, which may stall on a full pipe or a sick disk without holding the door."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._lines: queue.Queue[str | None] = queue.Queue(WAITING)
        self._dropped = 0
        self._writer = threading.Thread(target=self._write, name="log", daemon=True)
        self._writer.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Take a line, or count it as dropped."""
        try:
            self._lines.put_nowait(self.format(record))
        except queue.Full:
            self._dropped += 1

    def close(self) -> None:
        """Write what is left, as far as that goes quickly."""
        try:
            self._lines.put_nowait(None)
        except queue.Full:
            return
        self._writer.join(FAREWELL_S)
        super().close()

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            dropped, self._dropped = self._dropped, 0
            print(line, file=self._stream, flush=True)
            if dropped:
                print(f"{dropped} log lines were dropped here", file=self._stream, flush=True)
