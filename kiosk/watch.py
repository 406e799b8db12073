"""The ears: one thread that listens to all scanners and puts whole readings on one queue.

It never touches a database, a sound or a file: the kernel queues only 64 events of a keyboard, about ten characters,
and then drops the lot. A scanner that is lost is closed at once, its half code dropped, and opened again by the same
recipe until it is back.
"""

from __future__ import annotations

import logging
import os
import select
import selectors
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from kiosk.clock import boottime_ns
from kiosk.errors import ScannerLost
from kiosk.model import Direction, Moment, Reading

log = logging.getLogger(__name__)

RETRY_S = 0.5
"""How long after a failure a lost scanner is tried again: a re-plug is ready within a second."""

TICK_S = 1.0
"""How often the ears wake at least, to show that they live."""

MAX_BACKLOG = 10_000
"""How many readings may wait for the mind, a few megabytes; only a long recording ever comes near."""

BACKLOG_PAUSE_S = 0.05


class Scanner(Protocol):
    """An open device. `read` returns what is whole by now and raises ScannerLost when the device is gone."""

    def fileno(self) -> int: ...
    def read(self, moment: Moment) -> list[Reading]: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Lane:
    """A way into the venue: a scanner's name and direction, and the recipe that opens its device."""

    name: str
    kind: str
    device: str
    open: Callable[[], Scanner]
    direction: Direction | None = None
    ends: bool = False
    """Whether this scanner may come to an end by itself, as a recording does; then it is not opened again."""


@dataclass(slots=True)
class _Ear:
    lane: Lane
    scanner: Scanner | None = None
    retry_ns: int = 0
    problem: str | None = None
    over: bool = False


class Ears:
    """Listens until told to stop. `heard` is called with each reading, on this thread, and must not block."""

    def __init__(
        self,
        lanes: Sequence[Lane],
        heard: Callable[[Reading], None],
        backlog: Callable[[], int],
        now: Callable[[], Moment],
    ) -> None:
        self._ears = [_Ear(lane) for lane in lanes]
        self._heard, self._backlog, self._now = heard, backlog, now
        self._poll = selectors.DefaultSelector()
        self._wake_read, self._wake_write = os.pipe()
        self._poll.register(self._wake_read, selectors.EVENT_READ)
        self._stopping = False
        self._lock = threading.Lock()
        self.ticked_ns = boottime_ns()

    def run(self) -> None:
        """Listen; returns after `stop`, with every device closed."""
        try:
            while not self._stopping:
                self._open_what_is_missing()
                self._hear_out()
                self.ticked_ns = boottime_ns()
        finally:
            self._close_all()

    def stop(self) -> None:
        """End `run` soon. May be called from any thread, and more than once."""
        with self._lock:
            if not self._stopping:
                self._stopping = True
                os.write(self._wake_write, b"x")

    def state(self) -> list[dict[str, object]]:
        """What is plugged in, for people."""
        return [
            {
                "name": ear.lane.name,
                "kind": ear.lane.kind,
                "device": ear.lane.device,
                "connected": ear.scanner is not None,
                "problem": ear.problem,
            }
            for ear in self._ears
        ]

    def _hear_out(self) -> None:
        if self._backlog() > MAX_BACKLOG:
            select.select([self._wake_read], [], [], BACKLOG_PAUSE_S)
            return
        for key, _ in self._poll.select(self._patience_s()):
            if isinstance(key.data, _Ear):
                self._listen(key.data)

    def _open_what_is_missing(self) -> None:
        for ear in self._ears:
            if ear.scanner is None and not ear.over and boottime_ns() >= ear.retry_ns:
                self._open(ear)

    def _open(self, ear: _Ear) -> None:
        try:
            scanner = ear.lane.open()
        except Exception as error:  # noqa: BLE001  # whatever is wrong with one scanner, the others are heard
            self._note(ear, _lost(ear, error))
            return
        ear.scanner, ear.problem = scanner, None
        self._poll.register(scanner.fileno(), selectors.EVENT_READ, ear)
        log.info("scanner %s: connected", ear.lane.name)

    def _listen(self, ear: _Ear) -> None:
        if ear.scanner is None:
            return
        try:
            readings = ear.scanner.read(self._now())
        except Exception as error:  # noqa: BLE001
            self._lose(ear, _lost(ear, error))
            return
        for reading in readings:
            self._heard(replace(reading, direction=reading.direction or ear.lane.direction))

    def _lose(self, ear: _Ear, lost: ScannerLost) -> None:
        self._close(ear)
        ear.over = ear.lane.ends
        self._note(ear, lost)

    def _note(self, ear: _Ear, lost: ScannerLost) -> None:
        if ear.problem != str(lost):
            log.warning("scanner %s: %s", ear.lane.name, lost)
        ear.problem = str(lost)
        ear.retry_ns = boottime_ns() + int(RETRY_S * 1e9)

    def _patience_s(self) -> float:
        retries = [ear.retry_ns for ear in self._ears if ear.scanner is None and not ear.over]
        if not retries:
            return TICK_S
        return min(TICK_S, max(0.0, (min(retries) - boottime_ns()) / 1e9))

    def _close(self, ear: _Ear) -> None:
        if ear.scanner is None:
            return
        scanner, ear.scanner = ear.scanner, None
        try:
            self._poll.unregister(scanner.fileno())
            scanner.close()
        except Exception as error:  # noqa: BLE001
            _lost(ear, error)

    def _close_all(self) -> None:
        for ear in self._ears:
            self._close(ear)
        self._poll.close()
        with self._lock:
            self._stopping = True
            os.close(self._wake_read)
            os.close(self._wake_write)


def _lost(ear: _Ear, error: Exception) -> ScannerLost:
    """A scanner that fails as nobody foresaw is lost like any other; the log tells where."""
    if isinstance(error, ScannerLost):
        return error
    lost = ScannerLost(f"unforeseen: {error!r}")
    if ear.problem != str(lost):
        log.error("scanner %s: unforeseen", ear.lane.name, exc_info=error)
    return lost
