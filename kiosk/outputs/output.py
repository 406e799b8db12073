"""One output and its thread: opens it, plays what it is told, and says what is wrong with it.

The thread may hang in a device for ever; whoever tells it something never does. Time goes by in `rest` alone, so that
a newer signal, or the end, cuts an older one short.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from kiosk.clock import boottime_ns
from kiosk.errors import OutputLost
from kiosk.model import Answer
from kiosk.signals import Signal

log = logging.getLogger(__name__)

LATE_NS = 2_000_000_000
"""What could not be played for so long is not played any more: nobody stands there."""

HANGS_NS = 2_000_000_000
"""A device that has been at work for so long hangs: what takes its time on purpose, rests."""

RETRY_S = 5.0
"""How long after a failure an output is tried again."""

Rest = Callable[[float], bool]
"""Lets so many seconds pass; True when there is something newer to do."""


class Device(Protocol):
    """An open output; it is off. `play` leaves it off, too, however it ends. All of it raises OutputLost."""

    def play(self, signal: Signal, rest: Rest) -> None: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Fitting:
    """An output as it is configured: what it is told of which answer, and the recipe that opens it."""

    name: str
    kind: str
    means: Callable[[Answer], Signal | None]
    open: Callable[[], Device]
    lanes: frozenset[str] = frozenset()

    def signal(self, lane: str, answer: Answer) -> Signal | None:
        """Return what it is to play. No lanes: all of them."""
        return self.means(answer) if not self.lanes or lane in self.lanes else None


@dataclass(frozen=True, slots=True)
class _Cue:
    signal: Signal
    since_ns: int


class Output:
    """`show` and `end` may be called from any thread, and never wait for the device."""

    def __init__(self, fitting: Fitting, retry_s: float = RETRY_S) -> None:
        self.fitting = fitting
        self.problem: str | None = None
        self._retry_s = retry_s
        self._newest: _Cue | None = None
        self._lock, self._woken, self._over = threading.Lock(), threading.Event(), threading.Event()
        self._shut = False
        self._at_work_ns: int | None = None
        self._thread = threading.Thread(target=self._run, name=f"output {fitting.name}", daemon=True)
        self.tried = threading.Event()
        """Set once it is off, or cannot be had."""

    def start(self) -> None:
        self._thread.start()

    def show(self, lane: str, answer: Answer) -> None:
        """Play what this answer means, in the place of whatever has not been played yet."""
        signal = self.fitting.signal(lane, answer)
        if signal is not None:
            with self._lock:
                self._newest = _Cue(signal, boottime_ns())
                self._woken.set()

    def facts(self) -> dict[str, object]:
        """Return how it is, for people."""
        return {"name": self.fitting.name, "kind": self.fitting.kind, "problem": self._hangs() or self.problem}

    def _hangs(self) -> str | None:
        since_ns = self._at_work_ns
        if since_ns is None or boottime_ns() - since_ns < HANGS_NS:
            return None
        return f"hangs, for {(boottime_ns() - since_ns) // 1_000_000_000} s now"

    def end(self) -> None:
        """Switch off soon."""
        with self._lock:
            self._over.set()
            self._woken.set()

    def ended_within(self, seconds: float) -> bool:
        self._thread.join(seconds)
        return not self._thread.is_alive()

    # --- on its own thread -------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._over.is_set():
            device = self._opened()
            self.tried.set()
            if device is not None:
                self._serve(device)
            self._over.wait(self._retry_s)

    def _opened(self) -> Device | None:
        try:
            with self._working():
                device = self.fitting.open()
        except Exception as error:  # noqa: BLE001
            self._note(_text(error))
            self._shut = True
            return None
        if self._shut:  # else the problem was another, and is over once something was played
            self._note(None)
        self._shut = False
        return device

    def _serve(self, device: Device) -> None:
        """Play until the end, or until the device fails; it is closed then."""
        try:
            while not self._over.is_set():
                self._woken.wait()
                cue = self._take()
                if cue is not None and not self._over.is_set():
                    self._play(device, cue)
        except Exception as error:  # noqa: BLE001
            self._note(_text(error))
        finally:
            self._close(device)

    def _play(self, device: Device, cue: _Cue) -> None:
        if boottime_ns() - cue.since_ns > LATE_NS:
            log.warning("output %s: %s came too late and is left out", self.fitting.name, cue.signal)
            return
        with self._working():
            device.play(cue.signal, self._rest)
        self._note(None)

    def _take(self) -> _Cue | None:
        with self._lock:
            if not self._over.is_set():
                self._woken.clear()
            cue, self._newest = self._newest, None
            return cue

    def _rest(self, seconds: float) -> bool:
        """Let time pass within a piece of work; resting is not hanging."""
        self._at_work_ns = None
        try:
            return self._woken.wait(seconds)
        finally:
            self._at_work_ns = boottime_ns()

    @contextmanager
    def _working(self) -> Iterator[None]:
        self._at_work_ns = boottime_ns()
        try:
            yield
        finally:
            self._at_work_ns = None

    def _close(self, device: Device) -> None:
        try:
            with self._working():
                device.close()
        except Exception as error:  # noqa: BLE001
            self._note(_text(error))

    def _note(self, problem: str | None) -> None:
        if problem != self.problem:
            if problem is None:
                log.warning("output %s: works again", self.fitting.name)
            else:
                log.error("output %s: %s", self.fitting.name, problem)
        self.problem = problem


def _text(error: Exception) -> str:
    """What is wrong; where nobody foresaw it the log tells where."""
    if isinstance(error, OutputLost):
        return str(error)
    log.error("unforeseen", exc_info=error)
    return f"unforeseen: {error!r}"
